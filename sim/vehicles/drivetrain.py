"""Engines, electric motors and automatic gearboxes.

The pedal asks for a share of what the drivetrain could give at the present speed, as drive-by-wire pedals do (Bosch
Automotive Handbook, torque-based engine control); the gearbox takes the highest gear that can give it. SI units.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from sim.kernels import part

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

    def launch_force_n(self, radius_m: float) -> float:
        """Force at wheels of this radius at full throttle when pulling away."""
        place = (LAUNCH if self.idle_rpm > 0.0 else 0.0) * (KNOTS - 1)
        torque_nm = float(np.interp(place, np.arange(KNOTS), self.torque_nm))
        return torque_nm * self.ratios[0] * (self.efficiency / radius_m)


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


@part
def share_of_pedal(pedal: float) -> float:
    """The share of the present best force that a pedal at 0..1 asks for."""
    return pedal * (PEDAL_SLOPE + (1.0 - PEDAL_SLOPE) * pedal)


@part
def pedal_of_share(share: float) -> float:
    """The pedal, 0..1, that asks for a share of the present best force: the inverse of `share_of_pedal`."""
    bend = 1.0 - PEDAL_SLOPE
    share = min(max(share, 0.0), 1.0)
    return (math.sqrt(PEDAL_SLOPE * PEDAL_SLOPE + 4.0 * bend * share) - PEDAL_SLOPE) / (2.0 * bend)


@part
def capacity_n(car: Any, gear: int, wheel_radps: float) -> float:
    """Force at the wheels at full throttle in a gear (1 is the lowest); 0 where the gear does not exist.

    `car` is a row of `sim.vehicles.fleet.ROW`, `wheel_radps` the speed of its driven wheels.
    """
    speed, top = abs(wheel_radps) * car.ratios[gear - 1], car.max_radps
    if gear > car.gear_count or speed > 1.02 * top:
        return 0.0
    # Clutch or converter let an engine turn faster than the wheels; a motor is coupled to them.
    least = LAUNCH if car.idle_radps > 0.0 else 0.0
    place = min(max(speed / top, least), 1.0) * (KNOTS - 1)
    below = min(int(place), KNOTS - 2)
    low, high = car.torque_nm[below], car.torque_nm[below + 1]
    torque = low + (place - below) * (high - low)
    return torque * car.ratios[gear - 1] * (car.efficiency / car.wheel_radius_m)


@part
def engine_drag_n(car: Any, wheel_radps: float, gear: int) -> float:
    """The engine's drag at the wheels with the throttle shut in a gear, newtons."""
    ratio = car.ratios[gear - 1]
    if abs(wheel_radps) * ratio < car.idle_radps:  # below idle the clutch opens; a motor has none
        return 0.0
    share = min(abs(wheel_radps) * ratio / car.max_radps, 1.2)
    return (car.drag_rest_nm + car.drag_speed_nm * share) * ratio / car.wheel_radius_m


@part
def choose_gear(car: Any, wheel_radps: float, wanted_n: float) -> int:
    """The gear that the automatic box takes next, given the force asked for at the wheels."""
    highest_able, strongest, most = 0, 1, -1.0
    for gear in range(1, car.gear_count + 1):
        capacity = capacity_n(car, gear, wheel_radps)
        if capacity > most:
            strongest, most = gear, capacity
        share = abs(wheel_radps) * car.ratios[gear - 1] / car.max_radps
        turns_enough = share >= LEAST_AFTER_UPSHIFT or gear == 1
        if capacity > 0.0 and turns_enough and capacity >= RESERVE * wanted_n:
            highest_able = gear
    best = highest_able if highest_able > 0 else strongest
    now = capacity_n(car, car.gear, wheel_radps)
    turning = abs(wheel_radps) * car.ratios[car.gear - 1] / car.max_radps
    if best < car.gear and car.in_gear_s >= DOWNSHIFT_AFTER_S:
        gains = capacity_n(car, best, wheel_radps) > WORTH_IT * now
        if turning < LOWEST or (now < wanted_n and gains):
            return best
    if best > car.gear and (car.in_gear_s >= UPSHIFT_AFTER_S or turning > 1.0):
        return best
    return car.gear
