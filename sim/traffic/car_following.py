"""How background drivers accelerate and steer: the Intelligent Driver Model, stopping at a point, pure pursuit, pedals.

Pure functions on arrays of (N,), one element per driver, SI units.
"""

import math
from typing import Any

import numba
import numpy as np

from sim.kernels import compiled
from sim.vehicles.drivetrain import pedal_of_share
from sim.vehicles.fleet import ROWS, Vehicles
from sim.vehicles.motion import AIR_DENSITY_KGPM3
from sim.vehicles.tyres import GRAVITY_MPS2

MAX_ACCELERATION_MPS2 = 1.8
COMFORTABLE_BRAKING_MPS2 = 2.2
HEADWAY_S = 1.2
STANDSTILL_GAP_M = 2.0
HARDEST_BRAKING_MPS2 = 8.0
_HOLD_BRAKE = 0.35
_ARRAY = numba.float64[::1]


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


@compiled(numba.void(ROWS, numba.int64[::1], _ARRAY, _ARRAY, _ARRAY))
def _pedals(rows: Any, slots: np.ndarray, desired_mps2: np.ndarray, throttle: np.ndarray, brake: np.ndarray) -> None:
    for k in range(len(slots)):
        car = rows[slots[k]]
        v = car.vx_body
        drag_n = 0.5 * AIR_DENSITY_KGPM3 * car.drag_area_m2 * v * v
        rolling = car.rolling_resistance + math.sin(car.ground_pitch)
        # The wheels' spin has to be changed as well.
        inertia = car.mass_kg + 4.0 * car.wheel_inertia_kgm2 / (car.wheel_radius_m * car.wheel_radius_m)
        force_n = inertia * desired_mps2[k] + drag_n + car.mass_kg * GRAVITY_MPS2 * rolling + car.engine_drag_n
        throttle[k] = pedal_of_share(force_n / max(car.drive_limit_n + car.engine_drag_n, 1.0))
        brake[k] = min(max(-force_n / (car.max_brake_mps2 * car.mass_kg), 0.0), 1.0)
        if v < 0.3 and desired_mps2[k] < 0.05:
            throttle[k], brake[k] = 0.0, max(brake[k], _HOLD_BRAKE)


def pedals(vehicles: Vehicles, slots: np.ndarray, desired_mps2: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Throttle and brake, each (N,) in 0..1, that give an acceleration: the inverse of the vehicles' model."""
    throttle, brake = np.empty(len(slots)), np.empty(len(slots))
    _pedals(vehicles.rows, slots, desired_mps2, throttle, brake)
    return throttle, brake


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
