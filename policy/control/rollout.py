"""Where a car goes whose pedals and wheel are held: the path of somebody who drives and plans nothing.

The inverse of `policy.control.tracking`: pedals to acceleration and steer to curvature by the same numbers, then the
kinematic bicycle of `policy.control.motion`. Pure.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from policy.control.motion import BicycleState, step_bicycle
from policy.control.tracking import DEFAULT_TRACKING, TrackingConfig
from recorder.schema import Control

_STEP_S = 0.05


def path_of_control(
    control: Control, speed_mps: float, horizon: int, step_s: float, config: TrackingConfig = DEFAULT_TRACKING
) -> NDArray[np.float32]:
    """(horizon, 3) x, y, yaw in the ego frame after each step, the control held throughout; never in reverse."""
    half = 0.5 * config.wheelbase_m
    state = BicycleState(0.0, 0.0, 0.0, max(speed_mps, 0.0))
    curvature_per_m = math.tan(control.steer * config.max_steer_rad) / config.wheelbase_m
    brake = 1.0 if control.hand_brake else control.brake
    throttle = 0.0 if control.reverse else control.throttle
    poses = []
    for index in range(1, horizon * round(step_s / _STEP_S) + 1):
        resistance = config.rolling_mps2 + config.drag_per_m * state.speed_mps**2
        acceleration = throttle * config.full_throttle_mps2 - brake * config.full_brake_mps2 - resistance
        if acceleration < 0.0:  # resistance stops a car and does not push it back
            acceleration = max(acceleration, -state.speed_mps / _STEP_S)
        state = step_bicycle(state, acceleration, curvature_per_m, half, _STEP_S)
        if index % round(step_s / _STEP_S) == 0:
            poses.append((state.x, state.y, state.yaw))
    return np.array(poses, np.float32)
