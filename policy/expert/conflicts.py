"""Which other road users matter to a car that follows its route: leaders on it, and those about to cross it.

Every actor's box is predicted by `policy.control.motion`, laid over the corridor of the route ahead, and becomes a
`Leader` (drive behind it), a `Crossing` (with the time window in which it is on the corridor), or nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from policy.control.geometry import wrap_angle
from policy.control.motion import predict_poses
from policy.expert.path import RoutePath
from recorder.schema import ActorState

RANGE_M = 70.0
PREDICTION_STEP_S = 0.25
CORRIDOR_MARGIN_M = 0.3
SAME_WAY_RAD = math.radians(50.0)
BOX_SAMPLES = np.linspace(-1.0, 1.0, 5)
CORNERS = np.array(((1.0, 1.0, -1.0, -1.0), (1.0, -1.0, 1.0, -1.0)))


@dataclass(frozen=True, slots=True)
class Leader:
    """A road user on the route ahead, going along it."""

    actor_id: int
    rear_m: float
    """Station of its nearest end."""
    speed_mps: float
    """Its speed along the route, never negative."""
    braking_mps2: float
    is_moving_vehicle: bool


@dataclass(frozen=True, slots=True)
class Crossing:
    """A road user that will be on the route ahead for a while, coming from the side or from ahead."""

    actor_id: int
    from_m: float
    to_m: float
    """Stations between which it is on the corridor."""
    entry_m: float
    """Station of its nearest end when it comes onto the corridor."""
    enters_s: float
    leaves_s: float
    """Seconds from now; `leaves_s` is inf when it is still there at the end of the prediction."""
    distance_m: float
    """How far it still has to drive to the corridor."""
    speed_mps: float
    angle_rad: float
    """Its course against the route's, 0..pi: pi is oncoming."""
    is_walker: bool


def find_conflicts(
    path: RoutePath, actors: tuple[ActorState, ...], ego: ActorState, horizon_s: float
) -> tuple[list[Leader], list[Crossing]]:
    """Leaders and crossings on the corridor of `path`, from the ego's front onwards, over the next `horizon_s`."""
    near = tuple(a for a in actors if _matters(a, ego))
    if not near:
        return [], []
    times = np.arange(0.0, horizon_s + 1e-6, PREDICTION_STEP_S)
    poses = predict_poses(near, times)
    station, inside = _on_corridor(path, near, poses, ego.extent_m[1])
    leaders: list[Leader] = []
    crossings: list[Crossing] = []
    for row, actor in enumerate(near):
        found = _judge(path, actor, ego, times, poses[row], station[row], inside[row])
        if isinstance(found, Leader):
            leaders.append(found)
        elif found is not None:
            crossings.append(found)
    return leaders, crossings


def _matters(actor: ActorState, ego: ActorState) -> bool:
    if actor.actor_id == ego.actor_id or not actor.type_id.startswith(("vehicle", "walker", "static")):
        return False
    return math.hypot(actor.pose.x - ego.pose.x, actor.pose.y - ego.pose.y) < RANGE_M


def _on_corridor(
    path: RoutePath, actors: tuple[ActorState, ...], poses: NDArray[np.float64], ego_half_width_m: float
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Station of the near side of points that make up each box, and whether they are on the corridor: (N, M, samples).

    A box is five discs as wide as it is, down its middle, and its four corners, which the discs leave out.
    """
    half_length = np.array([a.extent_m[0] for a in actors])[:, None]
    half_width = np.array([a.extent_m[1] for a in actors])[:, None]
    discs = np.maximum(half_length - half_width, 0.0) * BOX_SAMPLES
    ahead = np.concatenate((discs, half_length * CORNERS[0]), axis=1)[:, None, :]
    aside = np.concatenate((np.zeros_like(discs), half_width * CORNERS[1]), axis=1)[:, None, :]
    radius = np.concatenate((half_width + np.zeros_like(discs), np.zeros((len(actors), 4))), axis=1)[:, None, :]
    cos_box, sin_box = np.cos(poses[..., 2])[..., None], np.sin(poses[..., 2])[..., None]
    x = poses[..., 0, None] + ahead * cos_box - aside * sin_box
    y = poses[..., 1, None] + ahead * sin_box + aside * cos_box
    squared = (x[..., None] - path.points[:, 0]) ** 2 + (y[..., None] - path.points[:, 1]) ** 2
    nearest = squared.argmin(axis=-1)
    dx, dy = x - path.points[nearest, 0], y - path.points[nearest, 1]
    cos_yaw, sin_yaw = np.cos(path.tangents[nearest]), np.sin(path.tangents[nearest])
    along = dx * cos_yaw + dy * sin_yaw
    across = np.abs(-dx * sin_yaw + dy * cos_yaw)
    station = np.asarray(path.stations_m)[nearest] + along
    within = (station > 0.0) & (np.abs(along) < 1.5)
    return station - radius, within & (across < radius + ego_half_width_m + CORRIDOR_MARGIN_M)


def _judge(
    path: RoutePath,
    actor: ActorState,
    ego: ActorState,
    times: NDArray[np.float64],
    poses: NDArray[np.float64],
    station: NDArray[np.float64],
    inside: NDArray[np.bool_],
) -> Leader | Crossing | None:
    on = np.asarray(inside.any(axis=1))
    if not on.any():
        return None
    first = int(np.flatnonzero(on)[0])
    front = ego.extent_m[0]
    half_width = actor.extent_m[1]
    entry_m = float(station[first, np.flatnonzero(inside[first])].min())
    tangent = path.at(max(entry_m, 0.0)).yaw
    vx, vy, _ = actor.velocity_mps
    along = vx * math.cos(tangent) + vy * math.sin(tangent)
    speed = math.hypot(vx, vy)
    course = math.atan2(vy, vx) if speed > 0.5 else actor.pose.yaw
    angle = abs(wrap_angle(course - tangent))
    is_walker = actor.type_id.startswith("walker")
    same_way = angle < SAME_WAY_RAD or speed < 0.5
    if first == 0 and (same_way or (is_walker and speed < 0.5)):
        if entry_m + 2 * actor.extent_m[0] < front:
            return None
        return Leader(actor.actor_id, entry_m, max(along, 0.0), _braking(actor), not is_walker and speed > 0.5)
    later_angle = abs(wrap_angle(float(poses[first, 2]) - tangent)) if not is_walker else angle
    if first > 0 and later_angle < SAME_WAY_RAD and not is_walker:
        # It merges: drive behind where it would be if it were on the route already.
        back_m = entry_m - speed * float(times[first])
        if entry_m < front or back_m < -4.0:
            return None
        return Leader(actor.actor_id, max(back_m, 0.5), speed, 0.0, True)
    stay = np.flatnonzero(on)
    leaves = math.inf if on[-1] else float(times[stay[-1]]) + PREDICTION_STEP_S
    touched = station[inside]
    travelled = speed * float(times[first])
    return Crossing(
        actor.actor_id,
        float(touched.min()),
        float(touched.max()) + 2.0 * half_width,
        entry_m,
        float(times[first]),
        leaves,
        travelled,
        speed,
        angle,
        is_walker,
    )


def _braking(actor: ActorState) -> float:
    course = math.atan2(actor.velocity_mps[1], actor.velocity_mps[0])
    along = actor.acceleration_mps2[0] * math.cos(course) + actor.acceleration_mps2[1] * math.sin(course)
    return min(max(-along, 0.0), 6.0)
