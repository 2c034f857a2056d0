"""From a planned trajectory to CARLA's throttle, steer and brake: the last step of every policy.

The plan is placed in the world by the pose it was made from and tracked from the pose of now, so that a late plan is
driven where it was meant. Steering is pure pursuit (Coulter, CMU-RI-TR-92-01) from the rear axle with a look-ahead that
grows with speed; speed follows the plan's own profile by feed-forward and a proportional term. Pure: no state at all.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from policy.control.geometry import ego_from_world, world_from_ego
from policy.control.motion import forward_speed_mps
from recorder.schema import ActorState, Control, Plan


class TrackingConfig(BaseModel):
    """The car's numbers and the tracker's gains. The defaults are CARLA's Tesla Model 3 on the embedded simulator."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    wheelbase_m: float = Field(default=2.9, gt=0)
    """Distance between the axles."""
    max_steer_rad: float = Field(default=math.radians(70.0), gt=0)
    """Front wheel angle at steer = 1; CARLA's steer is linear to it."""
    lookahead_base_m: float = Field(default=2.0, gt=0)
    """Look-ahead at standstill, from the reference point."""
    lookahead_time_s: float = Field(default=0.25, ge=0)
    """Look-ahead gained per m/s."""
    preview_s: float = Field(default=0.7, gt=0)
    """The plan's speed this far ahead is the target of the pedals; it also sets the gain (1 / preview)."""
    full_throttle_mps2: float = Field(default=5.0, gt=0)
    """Acceleration at full throttle and low speed."""
    full_brake_mps2: float = Field(default=10.0, gt=0)
    """Deceleration at full brake."""
    rolling_mps2: float = Field(default=0.6, ge=0)
    """Deceleration with both pedals released: rolling resistance and engine brake."""
    drag_per_m: float = Field(default=0.0003, ge=0)
    """Air drag: deceleration per squared speed."""
    coast_band_mps2: float = Field(default=0.15, ge=0)
    """A smaller deceleration than this releases the throttle and does not use the brake."""
    max_deceleration_mps2: float = Field(default=8.0, gt=0)
    max_acceleration_mps2: float = Field(default=3.0, gt=0)
    stop_speed_mps: float = Field(default=0.35, gt=0)
    """A plan slower than this throughout means to stand."""
    hold_brake: float = Field(default=0.5, gt=0, le=1)
    """Brake that holds the standing car."""


DEFAULT_TRACKING = TrackingConfig()


def control_from_plan(
    plan: Plan, ego_at_plan: ActorState, ego: ActorState, time_s: float, config: TrackingConfig = DEFAULT_TRACKING
) -> Control:
    """Control that tracks `plan`, made at `ego_at_plan`, from the ego's state `ego` at simulation time `time_s`.

    `plan.trajectory_ego` is (T, 3) with T >= 1, metres and radians; a plan whose end has passed is held at its last
    speed and extended straight ahead (whether so old a plan may drive at all is the arbitration's business).

    Raises:
        ValueError: the trajectory is not (T, 3), T >= 1, of finite numbers.
    """
    trajectory = np.asarray(plan.trajectory_ego, dtype=np.float64)
    if trajectory.ndim != 2 or trajectory.shape[1] != 3 or len(trajectory) < 1 or not np.isfinite(trajectory).all():
        raise ValueError(
            f"The plan of frame {plan.frame} has a trajectory of shape {trajectory.shape} or with numbers that are not "
            "finite; (T, 3) x, y, yaw is needed. Look at what decodes the policy's action tokens."
        )
    age_s = max(time_s - plan.time_s, 0.0)
    speed = forward_speed_mps(ego)
    path_ego = ego_from_world(world_from_ego(_with_start(trajectory), ego_at_plan.pose), ego.pose)
    times, speeds = speed_profile(trajectory, forward_speed_mps(ego_at_plan), plan.step_s)
    target = float(np.interp(age_s + config.preview_s, times, speeds))
    steer = steer_from_curvature(pursuit_curvature(path_ego, speed, config), config)
    remaining = speeds[times >= min(age_s, times[-1])]
    if target < config.stop_speed_mps and float(remaining.max()) < 2 * config.stop_speed_mps and speed < 1.0:
        return Control(steer=steer, brake=standing_brake(speed, config))
    throttle, brake = pedals_from_acceleration((target - speed) / config.preview_s, speed, config)
    return Control(throttle=throttle, steer=steer, brake=brake)


def speed_profile(
    trajectory_ego: NDArray[np.floating], start_speed_mps: float, step_s: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Times (s, from the plan's frame) and speeds (m/s) of a trajectory: the start, then the middle of each step."""
    points = _with_start(np.asarray(trajectory_ego, dtype=np.float64))
    lengths = np.hypot(np.diff(points[:, 0]), np.diff(points[:, 1]))
    # A step backwards (codebooks hold a few near standstill) is a stop, not a drive.
    lengths = np.where(np.diff(points[:, 0]) * np.cos(points[:-1, 2]) < -0.05, 0.0, lengths)
    times = np.concatenate(([0.0], (np.arange(len(lengths)) + 0.5) * step_s))
    return times, np.concatenate(([max(start_speed_mps, 0.0)], lengths / step_s))


def pursuit_curvature(path_ego: NDArray[np.floating], speed_mps: float, config: TrackingConfig) -> float:
    """Curvature (1/m, right positive) of the arc from the rear axle to the look-ahead point on an (N, 3) path."""
    lookahead = config.lookahead_base_m + config.lookahead_time_s * max(speed_mps, 0.0)
    target_x, target_y = _point_at_distance(path_ego, lookahead)
    from_rear_x = target_x + 0.5 * config.wheelbase_m
    return 2.0 * target_y / (from_rear_x**2 + target_y**2)


def steer_from_curvature(curvature_per_m: float, config: TrackingConfig = DEFAULT_TRACKING) -> float:
    """CARLA steer (-1..1) at which the rear axle's path has this curvature, tyre slip left out."""
    wheel_angle = math.atan(curvature_per_m * config.wheelbase_m)
    return min(max(wheel_angle / config.max_steer_rad, -1.0), 1.0)


def pedals_from_acceleration(
    acceleration_mps2: float, speed_mps: float, config: TrackingConfig = DEFAULT_TRACKING
) -> tuple[float, float]:
    """(throttle, brake), each 0..1 and never both, for a target acceleration."""
    limited_mps2 = min(max(acceleration_mps2, -config.max_deceleration_mps2), config.max_acceleration_mps2)
    resistance = config.rolling_mps2 + config.drag_per_m * speed_mps**2
    push = limited_mps2 + resistance
    if push >= 0.0:
        return min(push / config.full_throttle_mps2, 1.0), 0.0
    if push > -config.coast_band_mps2:
        return 0.0, 0.0
    return 0.0, min(-push / config.full_brake_mps2, 1.0)


def standing_brake(speed_mps: float, config: TrackingConfig = DEFAULT_TRACKING) -> float:
    """Brake that ends a stop without a jerk and then holds the car."""
    return config.hold_brake if speed_mps < 0.1 else min(0.15, config.hold_brake)


def _with_start(trajectory: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.vstack((np.zeros((1, 3)), trajectory))


def _point_at_distance(path_ego: NDArray[np.floating], distance_m: float) -> tuple[float, float]:
    """The first point of the path, extended straight past its end, that lies `distance_m` from the origin or more."""
    ranges = np.hypot(path_ego[:, 0], path_ego[:, 1])
    for index in range(1, len(path_ego)):
        if ranges[index] >= distance_m and path_ego[index, 0] > 0.0:
            start, end = path_ego[index - 1, :2], path_ego[index, :2]
            return _on_circle(start, end - start, distance_m, limit=1.0)
    last = path_ego[-1]
    heading = np.array((math.cos(last[2]), math.sin(last[2])))
    if last[0] < 0.0 and len(path_ego) > 1:
        # The whole plan lies behind: go on along its last heading, from abreast of the car.
        last = last[:2] - heading * float(last[:2] @ heading)
    return _on_circle(np.asarray(last[:2]), heading, distance_m, limit=math.inf)


def _on_circle(
    start: NDArray[np.floating], direction: NDArray[np.floating], radius_m: float, limit: float
) -> tuple[float, float]:
    """Where the ray start + t * direction leaves the circle round the origin, t held to [0, limit]."""
    a = float(direction @ direction)
    if a < 1e-12:
        return float(start[0]), float(start[1])
    b = float(start @ direction)
    c = float(start @ start) - radius_m**2
    root = b * b - a * c
    t = (-b + math.sqrt(root)) / a if root > 0.0 else -b / a
    t = min(max(t, 0.0), limit)
    return float(start[0] + t * direction[0]), float(start[1] + t * direction[1])
