"""Who is at a junction: drivers before or in it, where they are, and vehicles that traffic does not drive.

Plain records, which `sim.traffic.right_of_way` and `sim.traffic.junctions` reason about.
"""

from dataclasses import dataclass

import numpy as np

from sim.traffic.drivers import Crossing, Driver
from sim.vehicles.fleet import Vehicles

APPROACH_M = 70.0
"""Nearer to its line than this, a driver or another vehicle counts in a junction."""
STUCK_S = 8.0
"""A driver that stands so long in a junction keeps its space, but reserves nothing any more."""


@dataclass(frozen=True)
class Motion:
    """How fast N drivers are (m/s, never negative), and odometers of their front and rear bumpers (m); each (N,)."""

    speed: np.ndarray
    front: np.ndarray
    rear: np.ndarray

    @classmethod
    def read(cls, vehicles: Vehicles, slots: np.ndarray, odometer_m: np.ndarray) -> "Motion":
        """From the vehicles and where they are along their paths."""
        half = 0.5 * vehicles.p["length_m"][slots]
        return cls(np.maximum(vehicles.vx_body[slots], 0.0), odometer_m + half, odometer_m - half)


@dataclass(slots=True)
class Seeker:
    """One driver before or in one junction."""

    k: int
    driver: Driver
    crossing: Crossing
    front: float
    rear: float
    speed: float
    free_m: float
    """The odometer up to which nothing stands in the way."""

    @property
    def to_line_m(self) -> float:
        """From the front bumper to the line, metres; negative beyond it."""
        return self.crossing.stop_m - self.front

    def braking(self) -> float:
        """The deceleration that stops at the line, m/s²."""
        return self.speed * self.speed / (2.0 * max(self.to_line_m, 0.1))


@dataclass(frozen=True)
class OtherVehicle:
    """A vehicle that traffic does not drive, on (or heading for) one lane of a junction."""

    lane: int
    front_m: float
    """Along the lane, negative before it."""
    rear_m: float
    speed: float
    inside: bool
