"""Engines, electric motors and automatic gearboxes of all vehicles at once.

The pedal asks for a share of what the drivetrain could give at the present speed, as drive-by-wire pedals do (Bosch
Automotive Handbook, torque-based engine control); the gearbox takes the highest gear that can give it. SI units.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

KNOTS = 16
"""Points of a torque curve, evenly from 0 to the highest engine speed."""
MAX_GEARS = 10
RADPS_PER_RPM = np.pi / 30.0
#: Engine speeds as shares of the highest: what a slipping clutch or converter holds when pulling away, the least that
#: a higher gear may bring, and the one below which a lower gear is taken.
LAUNCH, LEAST_AFTER_UPSHIFT, LOWEST = 0.30, 0.25, 0.18
#: A gear must be able to give a little more than is asked, so that the box does not shift to and fro.
RESERVE = 1.15
#: A lower gear must give this many times the force of the present one.
WORTH_IT = 1.1
#: Seconds in a gear before the next higher, or lower, one may be taken.
UPSHIFT_AFTER_S, DOWNSHIFT_AFTER_S = 0.8, 0.3
#: Share of the drive that remains while a gear is being changed.
SHARE_IN_SHIFT = 0.6
REVERSE_SHARE = 0.6
PEDAL_SLOPE = 0.77
"""Slope of the pedal at its top: it gives less there than below, so that one can dose it."""


def _curve(*shares: float) -> tuple[float, ...]:
    """Torque as shares of the greatest at `KNOTS` speeds, from shares at evenly spaced ones."""
    return tuple(float(t) for t in np.interp(np.linspace(0, 1, KNOTS), np.linspace(0, 1, len(shares)), shares))


_PETROL = _curve(0.50, 0.72, 0.88, 0.97, 1.00, 0.98, 0.92, 0.75)
_DIESEL = _curve(0.40, 0.70, 0.98, 1.00, 1.00, 0.92, 0.80, 0.60)


@dataclass(frozen=True)
class Drivetrain:
    """An engine with its gears; the defaults are a compact car's petrol engine of 90 kW with a six-speed automatic."""

    torque_nm: tuple[float, ...] = tuple(170.0 * share for share in _PETROL)
    """At full throttle, at `KNOTS` speeds evenly from 0 to `max_rpm`."""
    max_rpm: float = 6500.0
    idle_rpm: float = 750.0
    ratios: tuple[float, ...] = (13.0, 9.4, 6.8, 4.9, 3.6, 2.6)
    """Engine turns for one of the wheels, lowest gear first: gear and final drive together."""
    final_ratio: float = 4.0
    efficiency: float = 0.86
    shift_s: float = 0.2
    drag_nm: tuple[float, float] = (14.0, 20.0)
    """Drag torque with the throttle shut: at rest, and what is added up to `max_rpm` (Heywood 1988, ch. 13)."""

    def __post_init__(self) -> None:
        if len(self.torque_nm) != KNOTS or min(self.torque_nm) < 0.0:
            raise ValueError(f"torque_nm needs {KNOTS} values that are not negative, it is {self.torque_nm}")
        if not 1 <= len(self.ratios) <= MAX_GEARS or min(self.ratios) <= 0.0:
            raise ValueError(f"ratios needs 1 to {MAX_GEARS} positive values, it is {self.ratios}")
        if not self.max_rpm > self.idle_rpm >= 0.0:
            raise ValueError(f"max_rpm ({self.max_rpm}) must be above idle_rpm ({self.idle_rpm})")


def combustion(power_w: float, force_n: float, radius_m: float, gears: int = 6, diesel: bool = False) -> Drivetrain:
    """A drivetrain with a given greatest power at the crank and force at the wheels in first gear."""
    shares, max_rpm = (_DIESEL, 4600.0) if diesel else (_PETROL, 6500.0)
    speeds = np.linspace(0.0, max_rpm * RADPS_PER_RPM, KNOTS)
    peak_nm = power_w / float(np.max(np.array(shares) * speeds))
    default = Drivetrain()
    first = force_n * radius_m / (peak_nm * default.efficiency)
    # At 100 km/h in the top gear an engine turns a third (petrol) to 0.4 (diesel) of its highest speed.
    top = min((0.42 if diesel else 0.35) * max_rpm * RADPS_PER_RPM * radius_m / 27.8, first)
    ratios = tuple(float(r) for r in np.geomspace(first, top, gears))
    return Drivetrain(
        torque_nm=tuple(peak_nm * share for share in shares),
        max_rpm=max_rpm,
        idle_rpm=600.0 if diesel else 750.0,
        ratios=ratios,
        drag_nm=(0.08 * peak_nm, 0.12 * peak_nm),
    )


def electric(power_w: float, force_n: float, radius_m: float, top_mps: float, drag_n: float) -> Drivetrain:
    """A motor with one gear: constant force up to its power, then constant power; `drag_n` is its regeneration."""
    ratio = 9.0
    max_radps = ratio * top_mps / radius_m
    knots = np.linspace(0.0, max_radps, KNOTS)
    force_nm = force_n * radius_m / ratio
    torque = np.minimum(force_nm, power_w / np.maximum(knots, 1.0))
    return Drivetrain(
        torque_nm=tuple(float(t) for t in torque),
        max_rpm=max_radps / RADPS_PER_RPM,
        idle_rpm=0.0,
        ratios=(ratio,),
        final_ratio=ratio,
        efficiency=1.0,
        drag_nm=(drag_n * radius_m / ratio, 0.0),
    )


def share_of_pedal(pedal: np.ndarray) -> np.ndarray:
    """The share of the present best force that a pedal at 0..1 asks for."""
    return pedal * (PEDAL_SLOPE + (1.0 - PEDAL_SLOPE) * pedal)


def pedal_of_share(share: np.ndarray) -> np.ndarray:
    """The pedal, 0..1, that asks for a share of the present best force: the inverse of `share_of_pedal`."""
    bend = 1.0 - PEDAL_SLOPE
    return (np.sqrt(PEDAL_SLOPE**2 + 4.0 * bend * np.clip(share, 0.0, 1.0)) - PEDAL_SLOPE) / (2.0 * bend)


class Engines(NamedTuple):
    """What the drivetrains are and do, an element (or row) per vehicle."""

    torque_nm: np.ndarray  # (N, KNOTS)
    ratios: np.ndarray  # (N, MAX_GEARS)
    gear_count: np.ndarray
    max_radps: np.ndarray
    idle_radps: np.ndarray
    efficiency: np.ndarray
    drag_rest_nm: np.ndarray
    drag_speed_nm: np.ndarray
    radius_m: np.ndarray
    shift_s: np.ndarray

    def speeds_radps(self, wheel_radps: np.ndarray) -> np.ndarray:
        """Engine speed in every gear, (N, MAX_GEARS), given the driven wheels' (N,)."""
        return np.abs(wheel_radps)[:, None] * self.ratios

    def capacity_n(self, wheel_radps: np.ndarray) -> np.ndarray:
        """Force at the wheels at full throttle in every gear, (N, MAX_GEARS); 0 where the gear does not exist."""
        speeds = self.speeds_radps(wheel_radps)
        top = self.max_radps[:, None]
        # Clutch or converter let an engine turn faster than the wheels; a motor is coupled to them.
        least = np.where(self.idle_radps > 0.0, LAUNCH, 0.0)[:, None]
        place = np.clip(speeds / top, least, 1.0) * (KNOTS - 1)
        below = np.minimum(place.astype(np.int64), KNOTS - 2)
        low = np.take_along_axis(self.torque_nm, below, axis=1)
        high = np.take_along_axis(self.torque_nm, below + 1, axis=1)
        torque = low + (place - below) * (high - low)
        exists = np.arange(MAX_GEARS) < self.gear_count[:, None]
        usable = exists & (speeds <= 1.02 * top)
        return np.where(usable, torque * self.ratios * (self.efficiency / self.radius_m)[:, None], 0.0)

    def drag_n(self, wheel_radps: np.ndarray, gear: np.ndarray) -> np.ndarray:
        """The engine's drag at the wheels with the throttle shut in a gear (1 is the lowest), (N,) newtons."""
        ratio = np.take_along_axis(self.ratios, np.clip(gear - 1, 0, MAX_GEARS - 1)[:, None], axis=1)[:, 0]
        share = np.minimum(np.abs(wheel_radps) * ratio / self.max_radps, 1.2)
        drag = (self.drag_rest_nm + self.drag_speed_nm * share) * ratio / self.radius_m
        # Below idle the clutch opens; a motor has none.
        return np.where(np.abs(wheel_radps) * ratio < self.idle_radps, 0.0, drag)


def choose_gear(
    engines: Engines, wheel_radps: np.ndarray, gear: np.ndarray, wanted_n: np.ndarray, in_gear_s: np.ndarray
) -> np.ndarray:
    """The gear (1 is the lowest) that the automatic box takes next, (N,) int64.

    Args:
        engines: the drivetrains.
        wheel_radps: speed of the driven wheels, (N,).
        gear: the present gears, (N,), at least 1.
        wanted_n: force asked for at the wheels, (N,).
        in_gear_s: seconds since the last change, (N,).
    """
    capacity = engines.capacity_n(wheel_radps)
    share = engines.speeds_radps(wheel_radps) / engines.max_radps[:, None]
    numbers = np.arange(1, MAX_GEARS + 1)
    rest = numbers == 1
    able = (capacity >= RESERVE * wanted_n[:, None]) & ((share >= LEAST_AFTER_UPSHIFT) | rest) & (capacity > 0.0)
    strongest = np.argmax(capacity, axis=1) + 1
    highest_able = np.max(np.where(able, numbers, 0), axis=1)
    best = np.where(highest_able > 0, highest_able, strongest)
    now = np.take_along_axis(capacity, gear[:, None] - 1, axis=1)[:, 0]
    turning = np.take_along_axis(share, gear[:, None] - 1, axis=1)[:, 0]
    too_slow = (turning < LOWEST) | (now < wanted_n)
    gains = np.take_along_axis(capacity, best[:, None] - 1, axis=1)[:, 0] > WORTH_IT * now
    down = (best < gear) & too_slow & (gains | (turning < LOWEST)) & (in_gear_s >= DOWNSHIFT_AFTER_S)
    up = (best > gear) & ((in_gear_s >= UPSHIFT_AFTER_S) | (turning > 1.0))
    return np.where(down | up, best, gear)
