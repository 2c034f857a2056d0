"""Plain ticks for the tests of windows and input: a straight road, one car ahead, pictures of one colour."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from recorder.schema import (
    ActorState,
    Authority,
    AuthorityState,
    CameraFrame,
    Control,
    Direction,
    DriverInput,
    DriverKind,
    Plan,
    Pose,
    Reason,
    RouteCommand,
    RouteState,
    SpeedAction,
    Tick,
)

ROUTE = RouteState(
    command=RouteCommand.LEFT,
    command_distance_m=43.0,
    driven_m=12.0,
    length_m=300.0,
    lateral_offset_m=0.0,
    heading_error_rad=0.0,
    ahead_world=np.array([[float(x), 0.0, 0.0, 0.0] for x in range(80)], np.float32),
    speed_limit_mps=50 / 3.6,
)
PLAN = Plan(
    frame=10,
    time_s=0.5,
    direction=Direction.CHANGE_LANE_LEFT,
    speed=SpeedAction.DECELERATE,
    tokens=(1, 2, 3, 4),
    trajectory_ego=np.array([[4.0 * step, 0.0, 0.0] for step in range(1, 7)], np.float32),
    text="Direction: CHANGE_LANE_LEFT\nSpeed: DECELERATE\n<act_1><act_2>",
    confidence=0.8,
)


def actor(x_m: float = 0.0, y_m: float = 0.0, speed_mps: float = 10.0, actor_id: int = 1) -> ActorState:
    """A car that heads along x."""
    return ActorState(
        actor_id=actor_id,
        type_id="vehicle.tesla.model3",
        role_name="hero" if actor_id == 1 else "",
        pose=Pose(x=x_m, y=y_m),
        velocity_mps=(speed_mps, 0.0, 0.0),
        acceleration_mps2=(0.0, 0.0, 0.0),
        angular_velocity_radps=(0.0, 0.0, 0.0),
        extent_m=(2.4, 1.0, 0.75),
    )


def picture(name: str, frame: int, colour: tuple[int, int, int], size: tuple[int, int] = (640, 360)) -> CameraFrame:
    """A picture of one colour; (columns, rows)."""
    image = np.empty((size[1], size[0], 3), np.uint8)
    image[:] = colour
    return CameraFrame(name, frame, image, 1.0, Pose())


def tick(frame: int = 10, cameras: dict[str, CameraFrame] | None = None, **changes: Any) -> Tick:
    """A tick in which the policy drives at 10 m/s, changed as asked."""
    made = Tick(
        frame=frame,
        time_s=0.05 * frame,
        wall_time_s=1000.0 + 0.05 * frame,
        delta_s=0.05,
        ego=actor(),
        actors=(actor(20.0, 0.0, 8.0, 2),),
        lights=(),
        route=ROUTE,
        cameras=cameras or {},
        driver=DriverInput(kind=DriverKind.HUMAN),
        plan=PLAN,
        policy_control=Control(throttle=0.4),
        control=Control(throttle=0.4, steer=0.1),
        authority=AuthorityState(Authority.POLICY, Reason.SESSION_START, 0, 0.0),
        ego_at_plan=actor(),
    )
    return dataclasses.replace(made, **changes)


def tick_at_speed(speed_mps: float) -> Tick:
    """A tick that differs in speed alone."""
    return tick(ego=actor(speed_mps=speed_mps))


def authority(state: Authority, reason: Reason, blend: float = 0.0) -> AuthorityState:
    """Who drives and why."""
    return AuthorityState(state, reason, 0, 0.0, blend)
