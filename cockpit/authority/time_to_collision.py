"""Time to collision: how soon the ego meets a road user if nobody changes speed.

Constant velocity, as in the usual definition (Hayward 1972), but along the ego's path instead of along its heading: a
car on the other lane of a bend is no hazard, one standing behind the bend is. Pure functions over the schema's data.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recorder.schema import ActorState

HORIZON_S = 8.0
STEP_S = 0.1
SIDE_MARGIN_M = 0.2
"""Boxes that pass each other nearer than this count as touching: mirrors, and a margin."""


def time_to_collision(ego: ActorState, actors: Sequence[ActorState], path_world: NDArray[np.floating]) -> float:
    """Seconds until the ego's box, moving at its speed along `path_world`, first touches another's box.

    `path_world` is (N, >=4) x, y, z, yaw at 1 m steps from the ego on (`RouteState.ahead_world`). Other actors go on
    straight at their present velocity. Infinity when nothing is touched within 8 s.
    """
    times = np.arange(0.0, HORIZON_S + STEP_S / 2, STEP_S)
    speed = ego.speed_mps
    near = [a for a in actors if _may_meet(ego, a, speed)]
    if not near:
        return math.inf
    ego_xy, ego_yaw = _along(ego, path_world, speed * times)
    half = np.array([ego.extent_m[0], ego.extent_m[1] + SIDE_MARGIN_M])
    soonest = math.inf
    for actor in near:
        start, yaw = _box_centre(actor)
        xy = start + np.outer(times, actor.velocity_mps[:2])
        hit = _boxes_touch(ego_xy, ego_yaw, half, xy, yaw, np.array(actor.extent_m[:2]))
        if hit.any():
            soonest = min(soonest, float(times[np.argmax(hit)]))
    return soonest


def _may_meet(ego: ActorState, actor: ActorState, speed: float) -> bool:
    gap = math.hypot(actor.pose.x - ego.pose.x, actor.pose.y - ego.pose.y)
    return gap < (speed + actor.speed_mps) * HORIZON_S + sum(ego.extent_m[:2]) + sum(actor.extent_m[:2]) + 1.0


def _box_centre(actor: ActorState) -> tuple[NDArray[np.float64], float]:
    c, s = math.cos(actor.pose.yaw), math.sin(actor.pose.yaw)
    dx, dy, _ = actor.box_offset_m
    return np.array([actor.pose.x + c * dx - s * dy, actor.pose.y + s * dx + c * dy]), actor.pose.yaw


def _along(
    ego: ActorState, path: NDArray[np.floating], distances: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Centre (T, 2) and yaw (T,) of the ego's box: on the path, but as far beside it as the ego is now."""
    centre, yaw = _box_centre(ego)
    if len(path) < 2:
        ahead = np.stack([np.cos(yaw) * distances, np.sin(yaw) * distances], axis=1)
        return centre + ahead, np.full(len(distances), yaw)
    line = np.asarray(path, np.float64)
    arc = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(line[:, :2], axis=0).T))])
    yaws = np.unwrap(line[:, 3])
    at_yaw = np.interp(distances, arc, yaws)
    on = np.stack([np.interp(distances, arc, line[:, 0]), np.interp(distances, arc, line[:, 1])], axis=1)
    beyond = np.maximum(distances - arc[-1], 0.0)
    on += np.stack([np.cos(at_yaw) * beyond, np.sin(at_yaw) * beyond], axis=1)
    offset = centre - line[0, :2]
    c0, s0 = math.cos(yaws[0]), math.sin(yaws[0])
    ahead, side = c0 * offset[0] + s0 * offset[1], -s0 * offset[0] + c0 * offset[1]
    c, s = np.cos(at_yaw), np.sin(at_yaw)
    centres = on + np.stack([c * ahead - s * side, s * ahead + c * side], axis=1)
    return centres, at_yaw + (yaw - yaws[0]) * (distances < 1.0)


def _boxes_touch(
    a_xy: NDArray[np.float64],
    a_yaw: NDArray[np.float64],
    a_half: NDArray[np.float64],
    b_xy: NDArray[np.float64],
    b_yaw: float,
    b_half: NDArray[np.float64],
) -> NDArray[np.bool_]:
    """Per time step, whether two oriented rectangles overlap (separating axes)."""
    gap = b_xy - a_xy
    a_axes = np.stack([np.cos(a_yaw), np.sin(a_yaw)], axis=1)
    a_sides = np.stack([-a_axes[:, 1], a_axes[:, 0]], axis=1)
    b_axis = np.array([math.cos(b_yaw), math.sin(b_yaw)])
    b_side = np.array([-b_axis[1], b_axis[0]])
    touch = np.ones(len(gap), np.bool_)
    for axis in (a_axes, a_sides, np.broadcast_to(b_axis, a_axes.shape), np.broadcast_to(b_side, a_axes.shape)):
        reach_a = a_half[0] * np.abs((a_axes * axis).sum(1)) + a_half[1] * np.abs((a_sides * axis).sum(1))
        reach_b = b_half[0] * np.abs(axis @ b_axis) + b_half[1] * np.abs(axis @ b_side)
        touch &= np.abs((gap * axis).sum(1)) <= reach_a + reach_b
    return touch
