"""How background drivers accelerate and steer: the Intelligent Driver Model, stopping at a point, pure pursuit, pedals.

Pure functions on arrays of (N,), one element per driver, SI units.
"""

import numpy as np

from sim.vehicles.drivetrain import pedal_of_share
from sim.vehicles.fleet import Vehicles
from sim.vehicles.motion import AIR_DENSITY_KGPM3
from sim.vehicles.tyres import GRAVITY_MPS2

MAX_ACCELERATION_MPS2 = 1.8
COMFORTABLE_BRAKING_MPS2 = 2.2
HEADWAY_S = 1.2
STANDSTILL_GAP_M = 2.0
HARDEST_BRAKING_MPS2 = 8.0
_HOLD_BRAKE = 0.35


def free_acceleration(speed_mps: np.ndarray, desired_mps: np.ndarray) -> np.ndarray:
    """Acceleration on an empty road (IDM's free part; above the desired speed a firm but limited braking)."""
    ratio = speed_mps / np.maximum(desired_mps, 0.1)
    free = np.maximum(MAX_ACCELERATION_MPS2 * (1.0 - ratio**4), -COMFORTABLE_BRAKING_MPS2)
    return np.where(desired_mps < 0.1, -COMFORTABLE_BRAKING_MPS2, free)


def interaction(
    speed_mps: np.ndarray, gap_m: np.ndarray, leader_mps: np.ndarray, standstill_gap_m: np.ndarray
) -> np.ndarray:
    """What a leader takes off the acceleration (IDM, Treiber, Hennecke & Helbing 2000, eq. 3 and 4), positive."""
    closing = speed_mps * (speed_mps - leader_mps) / (2.0 * np.sqrt(MAX_ACCELERATION_MPS2 * COMFORTABLE_BRAKING_MPS2))
    desired_gap = standstill_gap_m + np.maximum(speed_mps * HEADWAY_S + closing, 0.0)
    return MAX_ACCELERATION_MPS2 * (desired_gap / np.maximum(gap_m, 0.1)) ** 2


def equilibrium_gap_m(speed_mps: float, desired_mps: float, standstill_gap_m: float = STANDSTILL_GAP_M) -> float:
    """The gap at which a driver follows at constant speed (IDM's closed form)."""
    return (standstill_gap_m + speed_mps * HEADWAY_S) / float(np.sqrt(1.0 - (speed_mps / desired_mps) ** 4))


def stopping_acceleration(speed_mps: np.ndarray, distance_m: np.ndarray) -> np.ndarray:
    """The acceleration that stops a vehicle after a distance, (N,), not above zero; 0 while there is time to wait."""
    needed = speed_mps * speed_mps / (2.0 * np.maximum(distance_m, 0.05))
    needed = np.where(distance_m < 0.1, np.maximum(needed, 0.8 * COMFORTABLE_BRAKING_MPS2), needed)
    begun = (needed > 0.8 * COMFORTABLE_BRAKING_MPS2) | (distance_m < 1.0)
    return np.where(begun, -np.minimum(needed, HARDEST_BRAKING_MPS2), np.inf)


def pedals(vehicles: Vehicles, slots: np.ndarray, desired_mps2: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Throttle and brake, each (N,) in 0..1, that give an acceleration: the inverse of the vehicles' model."""
    p = {name: column[slots] for name, column in vehicles.p.items() if name in _NEEDED}
    v, mass = vehicles.vx_body[slots], vehicles.p["mass_kg"][slots]
    drag = 0.5 * AIR_DENSITY_KGPM3 * p["drag_area_m2"] * v * v
    slope = np.sin(vehicles.ground_pitch[slots])
    # The wheels' spin has to be changed as well.
    inertia = mass + 4.0 * p["wheel_inertia_kgm2"] / p["wheel_radius_m"] ** 2
    force = inertia * desired_mps2 + drag + mass * GRAVITY_MPS2 * (p["rolling_resistance"] + slope)
    engine, limit = vehicles.engine_drag_n[slots], vehicles.drive_limit_n[slots]
    throttle = pedal_of_share((force + engine) / np.maximum(limit + engine, 1.0))
    brake = np.clip(-(force + engine) / (p["max_brake_mps2"] * mass), 0.0, 1.0)
    standing = (v < 0.3) & (desired_mps2 < 0.05)
    return np.where(standing, 0.0, throttle), np.where(standing, np.maximum(brake, _HOLD_BRAKE), brake)


_NEEDED = ("drag_area_m2", "rolling_resistance", "max_brake_mps2", "wheel_inertia_kgm2", "wheel_radius_m")


def look_ahead_m(speed_mps: np.ndarray) -> np.ndarray:
    """How far ahead of the rear axle drivers aim, (N,) metres."""
    return np.clip(0.55 * speed_mps + 2.0, 4.0, 14.0)


def pursuit_steer(
    dx: np.ndarray, dy: np.ndarray, yaw: np.ndarray, wheelbase_m: np.ndarray, max_steer_rad: np.ndarray
) -> np.ndarray:
    """Steering, (N,) in -1..1, towards a point (dx, dy) from the rear axle (pure pursuit, Coulter 1992)."""
    ahead, aside = np.cos(yaw) * dx + np.sin(yaw) * dy, np.cos(yaw) * dy - np.sin(yaw) * dx
    curvature = 2.0 * aside / np.maximum(ahead * ahead + aside * aside, 1.0)
    return np.clip(np.arctan(wheelbase_m * curvature) / max_steer_rad, -1.0, 1.0)
