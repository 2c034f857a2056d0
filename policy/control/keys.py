"""From a direction key and a speed key to a path: the controller of policies that name a manoeuvre and no trajectory.

Pure: the same keys, situation and age give the same path. A path is made anew for every frame from the keys of the
newest decision, and `policy.control.tracking` drives along it. CoReVLA's own controller is not published; these rules
are ours.

Across: FOLLOW_LANE and GO_STRAIGHT keep the lane that the ego was nearest to when it decided, counted in lanes beside
the route; CHANGE_LANE_x takes the next one; DEVIATE_x drives `DEVIATION_M` beside the lane's middle; TURN_x follows
the route where that turns to this side, else an arc of `TURN_RADIUS_M`. The ego nears its line exponentially with
distance, which does not change when the path is made anew.

Along: KEEP holds the speed at the decision, ACCELERATE and DECELERATE change it steadily, at most to the limit and to
standing, STOP brakes. A curve is entered no faster than `LATERAL_MPS2` allows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recorder.schema import Direction, SpeedAction

LANE_M = 3.5
"""Width of a lane in town, as CARLA's towns have it."""
DEVIATION_M = 1.0
TURN_RADIUS_M = 10.0
TURN_RAD = 0.35
"""A route that turns by more than this (20 degrees) turns."""
NEARING_S, LEAST_NEARING_M = 1.5, 5.0
"""Time and least distance in which two thirds of the way to the line are made."""
RATES_MPS2 = {
    SpeedAction.KEEP: 0.0,
    SpeedAction.ACCELERATE: 2.0,
    SpeedAction.DECELERATE: -2.5,
    SpeedAction.STOP: -4.0,
}
UNKNOWN_LIMIT_MPS = 50 / 3.6
LATERAL_MPS2 = 2.5
BRAKING_MPS2 = 2.5
"""With which the speed of a curve is reached before it."""
_STEP_M, _STEP_S = 0.5, 0.05


@dataclass(frozen=True, slots=True)
class Decision:
    """Keys, and what was when they were chosen."""

    direction: Direction
    speed: SpeedAction
    speed_mps: float
    lanes: int
    """How many lanes to the right of the route the ego was."""
    age_s: float = 0.0
    """How long ago that was."""


def lanes_beside(route_ego: NDArray[np.floating]) -> int:
    """How many whole lanes the ego is to the right of its route (T, 2), whose first point is beside it."""
    return round(_offset_m(np.asarray(route_ego, np.float64)) / LANE_M)


def path_of_keys(
    decision: Decision,
    route_ego: NDArray[np.floating],
    speed_mps: float,
    limit_mps: float,
    horizon: int,
    step_s: float,
) -> NDArray[np.float32]:
    """(horizon, 3) x, y, yaw in the ego frame after each step. Raises ValueError for a route of fewer than two points.

    `route_ego` (T, 2) begins beside the ego; it is extended straight ahead.
    """
    route = np.asarray(route_ego, np.float64).reshape(-1, 2)
    if len(route) < 2:
        raise ValueError("keys are driven along a route of at least two points ahead")
    line = _line(decision, route)
    caps = _caps_mps(line)
    reached_m, now_mps, poses = 0.0, max(speed_mps, 0.0), []
    per_step = round(step_s / _STEP_S)
    for index in range(1, horizon * per_step + 1):
        wanted = _wanted_mps(decision, decision.age_s + index * _STEP_S, limit_mps)
        cap = caps[min(int(reached_m / _STEP_M), len(caps) - 1)]
        # An ego that is slower or faster than the keys mean it to be comes there no faster than they change the speed.
        change = max(abs(RATES_MPS2[decision.speed]), 2.0) * _STEP_S
        now_mps = min(max(min(wanted, cap), now_mps - 2.0 * change), now_mps + change)
        reached_m += now_mps * _STEP_S
        if index % per_step == 0:
            poses.append(_at(line, reached_m))
    return np.array(poses, np.float32)


def _line(decision: Decision, route: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, 3) where the ego is to drive, every `_STEP_M`, from where it is on."""
    turns = {Direction.TURN_LEFT: -1.0, Direction.TURN_RIGHT: 1.0}
    side = turns.get(decision.direction, 0.0)
    if side and side * _turned_rad(route) < TURN_RAD:
        angles = side * np.arange(0.0, math.pi / 2, _STEP_M / TURN_RADIUS_M)
        arc = TURN_RADIUS_M * np.stack([np.sin(np.abs(angles)), side * (1.0 - np.cos(angles))], axis=-1)
        return np.column_stack([arc, angles])
    distances = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(route, axis=0).T))])
    along = np.arange(0.0, max(distances[-1], _STEP_M) + 1e-9, _STEP_M)
    points = np.stack([np.interp(along, distances, route[:, axis]) for axis in (0, 1)], axis=-1)
    headings = np.unwrap(np.arctan2(*np.gradient(points, axis=0).T[::-1])) if len(points) > 1 else np.zeros(1)
    lanes = decision.lanes + {Direction.CHANGE_LANE_LEFT: -1, Direction.CHANGE_LANE_RIGHT: 1}.get(decision.direction, 0)
    beside = {Direction.DEVIATE_LEFT: -DEVIATION_M, Direction.DEVIATE_RIGHT: DEVIATION_M}.get(decision.direction, 0.0)
    target_m = lanes * LANE_M + beside
    nearing_m = max(NEARING_S * decision.speed_mps, LEAST_NEARING_M)
    offsets = target_m + (_offset_m(route) - target_m) * np.exp(-along / nearing_m)
    line = points + offsets[:, None] * np.stack([-np.sin(headings), np.cos(headings)], axis=-1)
    yaw = np.unwrap(np.arctan2(*np.gradient(line, axis=0).T[::-1])) if len(line) > 1 else headings
    return np.column_stack([line, yaw])


def _offset_m(route: NDArray[np.float64]) -> float:
    """How far the ego is to the right of the route's first stretch."""
    along = route[1] - route[0]
    length = float(np.hypot(*along))
    if length < 1e-6:
        return 0.0
    return float(-route[0] @ np.array([-along[1], along[0]]) / length)


def _turned_rad(route: NDArray[np.float64]) -> float:
    """How far the route turns to the right in all."""
    steps = np.diff(route, axis=0)
    steps = steps[np.hypot(*steps.T) > 1e-6]
    headings = np.unwrap(np.arctan2(steps[:, 1], steps[:, 0]))
    return float(headings[-1] - headings[0]) if len(headings) else 0.0


def _caps_mps(line: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N,) the speed that curves allow at each point, braking before them."""
    curvature = np.abs(np.gradient(np.unwrap(line[:, 2]), _STEP_M)) if len(line) > 1 else np.zeros(len(line))
    caps = np.sqrt(LATERAL_MPS2 / np.maximum(curvature, 1e-4))
    for index in range(len(caps) - 2, -1, -1):
        caps[index] = min(caps[index], math.sqrt(caps[index + 1] ** 2 + 2.0 * BRAKING_MPS2 * _STEP_M))
    return caps


def _wanted_mps(decision: Decision, age_s: float, limit_mps: float) -> float:
    """The speed that the keys mean so long after they were chosen."""
    limit = limit_mps if 0.0 < limit_mps < math.inf else UNKNOWN_LIMIT_MPS
    wanted = decision.speed_mps + RATES_MPS2[decision.speed] * age_s
    if decision.speed is SpeedAction.ACCELERATE:
        wanted = min(wanted, max(limit, decision.speed_mps))
    return max(wanted, 0.0)


def _at(line: NDArray[np.float64], distance_m: float) -> tuple[float, float, float]:
    """The line's pose so far along; beyond its end straight on."""
    place = distance_m / _STEP_M
    index = min(int(place), len(line) - 1)
    x, y, yaw = line[index]
    if index == len(line) - 1:
        beyond = distance_m - index * _STEP_M
        return x + beyond * math.cos(yaw), y + beyond * math.sin(yaw), yaw
    after, share = line[index + 1], place - index
    return tuple(line[index] + share * (after - line[index]))  # type: ignore[return-value]
