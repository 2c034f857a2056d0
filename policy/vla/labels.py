"""Names for motions: which meta-action a trajectory is.

Used to label what a person or the expert drove, in training data and in preference pairs. Rules only; every
threshold is a constant here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recorder.schema import Direction, RouteCommand, SpeedAction

STOPPED_MPS = 0.5
"""A car slower than this at the end of the trajectory is stopping or standing."""
SPEED_CHANGE_MPS = 1.0
"""Change of speed over the trajectory that is more than keeping it."""
TURN_YAW_RAD = 0.15
"""Yaw towards the commanded side from which a turn is being driven (about 9 degrees)."""
CHANGE_SHIFT_M = 1.75
"""Lateral shift without turning from which it is a lane change: half a lane."""
COMMANDED_CHANGE_SHIFT_M = 0.5
"""The same where the route asks for the lane change."""
DEVIATE_SHIFT_M = 0.4
"""Lateral shift without turning from which the car leaves its line: for an obstacle, or back to the lane's middle."""


def meta_action(
    trajectory_ego: NDArray[np.floating], speed_mps: float, command: RouteCommand, step_s: float = 0.5
) -> tuple[Direction, SpeedAction]:
    """Direction and speed keys of a trajectory (T, 3) in the ego frame that begins at `speed_mps`."""
    trajectory = np.asarray(trajectory_ego, np.float64).reshape(-1, 3)
    return direction_of(trajectory, command), speed_action_of(trajectory, speed_mps, step_s)


def speed_action_of(trajectory: NDArray[np.float64], speed_mps: float, step_s: float = 0.5) -> SpeedAction:
    """STOP, DECELERATE, KEEP or ACCELERATE from the speed profile."""
    before = trajectory[-2] if len(trajectory) > 1 else np.zeros(3)
    final_mps = float(np.hypot(*(trajectory[-1] - before)[:2])) / step_s
    if final_mps < STOPPED_MPS:
        return SpeedAction.STOP
    if speed_mps < STOPPED_MPS or final_mps - speed_mps > SPEED_CHANGE_MPS:
        return SpeedAction.ACCELERATE
    return SpeedAction.DECELERATE if final_mps - speed_mps < -SPEED_CHANGE_MPS else SpeedAction.KEEP


def direction_of(trajectory: NDArray[np.float64], command: RouteCommand) -> Direction:
    """The lateral key.

    The route's command decides what a large yaw means; a shift is measured against the circular arc of the same
    total yaw, so that a bend of the lane is not mistaken for leaving it.
    """
    x, y, yaw = trajectory[-1]
    shift_m = y - x * np.tan(np.clip(yaw, -2.5, 2.5) / 2.0)
    if command is RouteCommand.LEFT and yaw < -TURN_YAW_RAD:
        return Direction.TURN_LEFT
    if command is RouteCommand.RIGHT and yaw > TURN_YAW_RAD:
        return Direction.TURN_RIGHT
    if command is RouteCommand.CHANGE_LANE_LEFT and shift_m < -COMMANDED_CHANGE_SHIFT_M:
        return Direction.CHANGE_LANE_LEFT
    if command is RouteCommand.CHANGE_LANE_RIGHT and shift_m > COMMANDED_CHANGE_SHIFT_M:
        return Direction.CHANGE_LANE_RIGHT
    if abs(yaw) < TURN_YAW_RAD and abs(shift_m) > CHANGE_SHIFT_M:
        return Direction.CHANGE_LANE_RIGHT if shift_m > 0 else Direction.CHANGE_LANE_LEFT
    if abs(yaw) < TURN_YAW_RAD and abs(shift_m) > DEVIATE_SHIFT_M:
        return Direction.DEVIATE_RIGHT if shift_m > 0 else Direction.DEVIATE_LEFT
    return Direction.GO_STRAIGHT if command is RouteCommand.STRAIGHT else Direction.FOLLOW_LANE
