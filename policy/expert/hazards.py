"""What is about to go wrong if the policy drives on: what the safety driver decides by, as pure functions of one tick.

The policy's plan is rolled out against the predicted road users and the route. Each check answers with a `Hazard` in
plain words or with nothing; `foresee` gives the most urgent one.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from policy.control.geometry import boxes_overlap, ego_from_world, world_from_ego, wrap_angle
from policy.control.motion import forward_speed_mps, predict_poses
from policy.expert.path import RoutePath
from recorder.schema import ActorState, LightColour, Pose, Tick

ROLLOUT_STEP_S = 0.1
ROLLOUT_S = 2.5


class HazardKind(enum.IntEnum):
    """What goes wrong, the most urgent first."""

    COLLISION = 0
    RED_LIGHT = 1
    OFF_ROAD = 2
    LEAVING_LANE = 3
    CURVE_SPEED = 4
    STANDING = 5
    REQUESTED = 6


@dataclass(frozen=True, slots=True)
class Hazard:
    """One thing that is about to go wrong."""

    kind: HazardKind
    text: str
    in_s: float
    """Seconds until it does."""


class HazardConfig(BaseModel):
    """When a hazard counts as one; SI units."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    collision_s: float = Field(default=2.0, gt=0)
    """No collision farther away than this counts."""
    collision_least_s: float = Field(default=1.0, gt=0)
    """Every collision nearer than this counts."""
    reaction_s: float = Field(default=0.6, ge=0)
    """Between the two: what is left once the driver has reacted must do for braking with `avoid_mps2`."""
    avoid_mps2: float = Field(default=4.0, gt=0)
    box_margin_m: float = Field(default=0.1, ge=0)
    lane_offset_m: float = Field(default=1.1, gt=0)
    """Offset from the route at which the lane counts as left: the car is then about 0.4 m over the line."""
    junction_offset_m: float = Field(default=1.6, gt=0)
    lane_look_ahead_s: float = Field(default=1.0, gt=0)
    heading_rad: float = Field(default=math.radians(50), gt=0)
    red_braking_mps2: float = Field(default=3.0, gt=0)
    """Braking needed to stop at a red line from which the policy is no longer trusted to do it."""
    red_reaction_s: float = Field(default=0.3, ge=0)
    curve_lateral_mps2: float = Field(default=4.0, gt=0)
    curve_braking_mps2: float = Field(default=3.0, gt=0)


DEFAULT_HAZARDS = HazardConfig()


def foresee(tick: Tick, config: HazardConfig = DEFAULT_HAZARDS) -> Hazard | None:
    """The most urgent hazard if the policy drives on, or None.

    Without a plan, or when it is not known where the plan was made, the ego is taken to keep its speed and yaw rate.
    """
    poses = policy_motion(tick)
    path = RoutePath(tick.route.ahead_world)
    found = (
        foresee_collision(tick, poses, config),
        foresee_red_light(tick, path, poses, config),
        foresee_leaving(tick, path, poses, config),
        foresee_curve(tick, path, config),
    )
    return min((one for one in found if one is not None), key=lambda one: one.kind, default=None)


def rollout_times() -> NDArray[np.float64]:
    """Times of `policy_motion`'s poses, seconds from now, the first at 0."""
    return np.arange(0.0, ROLLOUT_S + 1e-6, ROLLOUT_STEP_S)


def policy_motion(tick: Tick) -> NDArray[np.float64]:
    """(M, 3) x, y, yaw in the world at `rollout_times`: the plan from here on, braking no harder than a car can.

    Without a path the ego goes on as it moves now, with its present speed and yaw rate.
    """
    times = rollout_times()
    if tick.plan is None or tick.ego_at_plan is None or tick.plan.is_control_only:
        return _coasting(tick.ego, times)
    plan = tick.plan
    trajectory = np.vstack((np.zeros((1, 3)), np.asarray(plan.trajectory_ego, np.float64)))
    knots = world_from_ego(trajectory, tick.ego_at_plan.pose)
    knot_times = plan.time_s + plan.step_s * np.arange(len(knots))
    at = tick.time_s + times
    poses = np.stack([np.interp(at, knot_times, column) for column in knots.T], axis=1)
    last_step = knots[-1] - knots[-2]
    over = np.maximum(at - knot_times[-1], 0.0)[:, None] / plan.step_s
    poses[:, :2] += over * last_step[:2]
    poses += np.array((tick.ego.pose.x, tick.ego.pose.y, tick.ego.pose.yaw)) - poses[0]
    return _no_harder_braking(poses, times, max(forward_speed_mps(tick.ego), 0.0), tick.ego.pose)


def _coasting(ego: ActorState, times: NDArray[np.float64]) -> NDArray[np.float64]:
    poses = predict_poses((ego,), times)[0]
    poses += np.array((ego.pose.x, ego.pose.y, ego.pose.yaw)) - poses[0]
    return poses


def _no_harder_braking(
    poses: NDArray[np.float64], times: NDArray[np.float64], speed_mps: float, pose: Pose
) -> NDArray[np.float64]:
    """The same path, driven at least as far as a full brake from `speed_mps` would."""
    hardest = 7.0
    braking = np.minimum(times, speed_mps / hardest)
    least = speed_mps * braking - 0.5 * hardest * braking**2
    steps = np.hypot(np.diff(poses[:, 0]), np.diff(poses[:, 1]))
    driven = np.concatenate(([0.0], np.cumsum(steps)))
    wished = np.maximum(driven, least)
    if driven[-1] < 0.3:
        straight = np.stack((np.cos(pose.yaw) * wished, np.sin(pose.yaw) * wished, np.zeros_like(wished)), axis=1)
        return straight + np.array((pose.x, pose.y, pose.yaw))
    keep = np.concatenate(([True], steps > 1e-6))
    return np.stack([np.interp(wished, driven[keep], column[keep]) for column in poses.T], axis=1)


def foresee_collision(tick: Tick, poses: NDArray[np.float64], config: HazardConfig = DEFAULT_HAZARDS) -> Hazard | None:
    """The first contact of the rolled-out ego with a predicted road user that it drives into."""
    near = tuple(a for a in tick.actors if _can_hit(tick.ego, a))
    if not near:
        return None
    times = rollout_times()
    others = predict_poses(near, times)
    ego_half = np.array(tick.ego.extent_m[:2]) + config.box_margin_m
    half = np.array([a.extent_m[:2] for a in near])[:, None, :]
    hit = boxes_overlap(poses[None, :, :2], poses[None, :, 2], ego_half, others[..., :2], others[..., 2], half)
    if not hit.any():
        return None
    first = np.where(hit.any(axis=1), hit.argmax(axis=1), len(times))
    which = int(first.argmin())
    in_s = float(times[first[which]])
    speed = max(forward_speed_mps(tick.ego), 0.0)
    closing = speed - _speed_along(near[which], tick.ego.pose.yaw)
    counts = min(
        max(config.collision_least_s, closing / (2 * config.avoid_mps2) + config.reaction_s), config.collision_s
    )
    if in_s > counts or speed < 0.3:
        return None
    return Hazard(HazardKind.COLLISION, f"About to hit {_named(tick.ego, near[which])}.", in_s)


def _can_hit(ego: ActorState, other: ActorState) -> bool:
    if other.actor_id == ego.actor_id or not other.type_id.startswith(("vehicle", "walker", "static")):
        return False
    there = ego_from_world(np.array([[other.pose.x, other.pose.y]]), ego.pose)[0]
    if abs(there[0]) > 50.0 or abs(there[1]) > 50.0:
        return False
    # A road user that comes from behind in the ego's lane is not the ego's to avoid.
    return there[0] > 0.0 or abs(there[1]) > ego.extent_m[1] + other.extent_m[1]


def _speed_along(actor: ActorState, yaw_rad: float) -> float:
    return actor.velocity_mps[0] * math.cos(yaw_rad) + actor.velocity_mps[1] * math.sin(yaw_rad)


def _named(ego: ActorState, other: ActorState) -> str:
    if other.type_id.startswith("walker"):
        return "a pedestrian"
    if other.type_id.startswith("static"):
        return "an obstacle"
    there = ego_from_world(np.array([[other.pose.x, other.pose.y, other.pose.yaw]]), ego.pose)[0]
    if abs(there[2]) < math.radians(45) and there[0] > 0 and abs(there[1]) < 2.0:
        return "the car ahead" if other.speed_mps > 0.5 else "the standing car ahead"
    if abs(there[2]) > math.radians(135):
        return "an oncoming car"
    return "a car from the left" if there[1] < 0 else "a car from the right"


def foresee_red_light(
    tick: Tick, path: RoutePath, poses: NDArray[np.float64], config: HazardConfig = DEFAULT_HAZARDS
) -> Hazard | None:
    """A red line that the plan crosses, or that only hard braking would still respect."""
    light = next((one for one in tick.lights if one.actor_id == tick.route.next_light_id), None)
    if light is None or light.colour is not LightColour.RED:
        return None
    speed = max(forward_speed_mps(tick.ego), 0.0)
    to_line = tick.route.next_light_distance_m - tick.ego.extent_m[0]
    if to_line < -1.5 or speed < 0.5:
        return None
    needed = speed**2 / (2.0 * max(to_line - config.red_reaction_s * speed, 0.1))
    if needed < config.red_braking_mps2:
        return None
    index = round(2.0 / ROLLOUT_STEP_S)
    point, _ = path.project(float(poses[index, 0]), float(poses[index, 1]), 2.0 * speed)
    if point.station_m + 0.3 < to_line:
        return None
    return Hazard(HazardKind.RED_LIGHT, "About to run a red light.", max(to_line, 0.0) / max(speed, 0.1))


def foresee_leaving(
    tick: Tick, path: RoutePath, poses: NDArray[np.float64], config: HazardConfig = DEFAULT_HAZARDS
) -> Hazard | None:
    """The road left, or the route's lane left and not being returned to."""
    route = tick.route
    if forward_speed_mps(tick.ego) < 0.3:
        return None
    if route.is_off_road:
        return Hazard(HazardKind.OFF_ROAD, "Off the road.", 0.0)
    if abs(route.heading_error_rad) > config.heading_rad:
        return Hazard(HazardKind.LEAVING_LANE, "Turned away from the route.", 0.0)
    turning = route.in_junction or abs(path.at(1.0).curvature_per_m) > 0.04
    limit = config.junction_offset_m if turning else config.lane_offset_m
    index = round(config.lane_look_ahead_s / ROLLOUT_STEP_S)
    there = poses[index]
    _, soon = path.project(float(there[0]), float(there[1]), config.lane_look_ahead_s * forward_speed_mps(tick.ego))
    now = route.lateral_offset_m
    left_now = abs(now) > limit and abs(soon) > abs(now) - 0.15
    left_soon = abs(soon) > limit + 0.15 and abs(soon) > abs(now) + 0.1
    if not (left_now or left_soon):
        return None
    side = "right" if (now if left_now else soon) > 0 else "left"
    text = f"Leaving the lane to the {side}."
    if turning:
        bend = path.at(3.0).curvature_per_m
        text = "Cutting the turn." if (bend > 0) == (side == "right") else "Going wide in the turn."
    return Hazard(HazardKind.LEAVING_LANE, text, 0.0 if left_now else config.lane_look_ahead_s)


def foresee_curve(tick: Tick, path: RoutePath, config: HazardConfig = DEFAULT_HAZARDS) -> Hazard | None:
    """A curve ahead that is too tight for the speed, with little room left to slow down."""
    speed = max(forward_speed_mps(tick.ego), 0.0)
    reach = 1.2 * speed + 3.0
    for station, curvature in zip(path.stations_m, path.curvature_at_points, strict=True):
        if station > reach:
            break
        bearable = math.sqrt(config.curve_lateral_mps2 / max(abs(curvature), 1e-4))
        if speed > bearable:
            needed = (speed**2 - bearable**2) / (2.0 * max(station, 0.5))
            if needed > config.curve_braking_mps2:
                return Hazard(HazardKind.CURVE_SPEED, "Too fast for the curve.", station / speed)
    return None


def is_centred(tick: Tick, offset_m: float, heading_rad: float) -> bool:
    """Whether the ego is in its lane's middle and points along it (wider in curves, where the rear cuts in)."""
    bend = RoutePath(tick.route.ahead_world).at(0.0).curvature_per_m
    error = wrap_angle(tick.route.heading_error_rad + math.atan(1.5 * bend))
    return abs(tick.route.lateral_offset_m) < offset_m and abs(error) < heading_rad
