"""How road users move over the next seconds: a kinematic bicycle for the ego, constant turn rate for the others.

These are the models by which the expert rolls out its plan and by which the safety driver looks ahead; they are no
simulator. The bicycle model is that of Kong et al. (IV 2015) with the reference point halfway between the axles,
the turn-rate model the CTRA of Schubert et al. (FUSION 2008) with braking kept and acceleration dropped.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recorder.schema import ActorState

MAX_PREDICTED_YAW_RATE_RADPS = 1.0
MAX_PREDICTED_BRAKING_MPS2 = 5.0


@dataclass(slots=True)
class BicycleState:
    """Pose (metres, radians) of the point halfway between the axles, and its speed along the car, m/s."""

    x: float
    y: float
    yaw: float
    speed_mps: float


def step_bicycle(
    state: BicycleState, acceleration_mps2: float, curvature_per_m: float, half_wheelbase_m: float, dt_s: float
) -> BicycleState:
    """State after `dt_s` at constant acceleration and rear-axle path curvature (right positive); never reverses."""
    speed = max(state.speed_mps + acceleration_mps2 * dt_s, 0.0)
    mean_speed = 0.5 * (state.speed_mps + speed)
    slip = math.atan(half_wheelbase_m * curvature_per_m)
    # The curvature is the rear axle's; the reference point ahead of it is faster by 1 / cos(slip).
    yaw = state.yaw + mean_speed * math.cos(slip) * curvature_per_m * dt_s
    heading = 0.5 * (state.yaw + yaw) + slip
    return BicycleState(
        state.x + mean_speed * math.cos(heading) * dt_s, state.y + mean_speed * math.sin(heading) * dt_s, yaw, speed
    )


def forward_speed_mps(actor: ActorState) -> float:
    """Velocity along the actor's own x axis, m/s; negative when it rolls backwards."""
    yaw = actor.pose.yaw
    return actor.velocity_mps[0] * math.cos(yaw) + actor.velocity_mps[1] * math.sin(yaw)


def predict_poses(actors: tuple[ActorState, ...], times_s: NDArray[np.floating]) -> NDArray[np.float64]:
    """(N, M, 3) x, y, yaw of each actor's box centre at each time, at constant turn rate.

    Measured braking goes on (never into reverse), measured acceleration does not. Walkers and anything that moves
    across its own heading keep their velocity vector.
    """
    times = np.asarray(times_s, dtype=np.float64)
    poses = np.zeros((len(actors), len(times), 3))
    for row, actor in enumerate(actors):
        poses[row] = _predict_one(actor, times)
    return poses


def _predict_one(actor: ActorState, times: NDArray[np.float64]) -> NDArray[np.float64]:
    vx, vy, _ = actor.velocity_mps
    speed = math.hypot(vx, vy)
    yaw = actor.pose.yaw
    course = math.atan2(vy, vx) if speed > 0.1 else yaw
    ax, ay, _ = actor.acceleration_mps2
    along = ax * math.cos(course) + ay * math.sin(course)
    braking = min(max(-along - 0.5, 0.0), MAX_PREDICTED_BRAKING_MPS2)
    moving = np.minimum(times, speed / braking) if braking > 1e-3 else times
    distance = speed * moving - 0.5 * braking * moving**2
    rate = min(max(actor.angular_velocity_radps[2], -MAX_PREDICTED_YAW_RATE_RADPS), MAX_PREDICTED_YAW_RATE_RADPS)
    if actor.type_id.startswith("walker") or speed < 0.5 or abs(rate) < 0.02:
        rate = 0.0
    bend = rate / speed * distance if rate else np.zeros_like(distance)
    heading = course + 0.5 * bend
    # np.sinc is sin(pi x) / (pi x): the chord of an arc is shorter than the arc by this factor.
    chord = distance * np.sinc(0.5 * bend / np.pi)
    out = np.empty((len(times), 3))
    box_x, box_y, _ = actor.box_offset_m
    centre_x = actor.pose.x + box_x * math.cos(yaw) - box_y * math.sin(yaw)
    centre_y = actor.pose.y + box_x * math.sin(yaw) + box_y * math.cos(yaw)
    out[:, 0] = centre_x + chord * np.cos(heading)
    out[:, 1] = centre_y + chord * np.sin(heading)
    out[:, 2] = yaw + bend
    return out
