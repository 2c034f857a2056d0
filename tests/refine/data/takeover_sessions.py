"""Recorded sessions for the tests of pairs and training: a policy that drives on, a driver that brakes for something.

Recorded by the real recorder; the car's path is plain kinematics, so that every expected number can be worked out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from policy.vla.answer import format_answer
from policy.vla.checkpoint import CameraSettings, PolicySettings
from policy.vla.codebook import Codebook
from policy.vla.observation import prompt_text
from policy.vla.processor import MERGE, PATCH_PX
from policy.vla.small import SmallConfig, make_checkpoint
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
    SessionInfo,
    SpeedAction,
    Tick,
    TickEvent,
)
from recorder.writing.writer import SegmentRecorder

STEP_S = 0.05
SPEED_MPS = 8.0
BRAKING_MPS2 = 4.0
HORIZON = 6
CAMERA = CameraSettings(width=6 * PATCH_PX * MERGE, height=3 * PATCH_PX * MERGE)
"""The camera of the policy and of the recordings."""
TINY = SmallConfig(
    hidden=64, heads=2, key_value_heads=1, text_layers=2, vision_hidden=64, vision_heads=2, vision_layers=1
)
"""The settings of a policy so small that it is made and trained in seconds."""


def info(session_id: str = "s1") -> SessionInfo:
    return SessionInfo(
        session_id=session_id,
        started_at="2026-01-05T10:00:00+01:00",
        map_name="millbrook",
        opendrive="<OpenDRIVE/>",
        fixed_delta_s=STEP_S,
        seed=7,
        driver=DriverKind.EXPERT,
        driver_id="p01",
        policy="small",
        policy_sha256="ab",
        route_id="r1",
    )


def picture(hazard: bool, seed: int = 0, width: int = CAMERA.width, height: int = CAMERA.height) -> np.ndarray:
    """Grey noise, with a red block ahead where there is a hazard."""
    image = np.random.default_rng(seed).integers(90, 110, (height, width, 3), np.uint8)
    if hazard:
        image[height // 3 : 2 * height // 3, width // 3 : 2 * width // 3] = (220, 20, 20)
    return image


def straight_on(codebook: Codebook, frame: int, speed_mps: float) -> Plan:
    """The policy's plan in every frame: straight on at 8 m/s."""
    times_s = 0.5 * np.arange(1, HORIZON + 1)
    path = np.stack([SPEED_MPS * times_s, 0 * times_s, 0 * times_s], axis=-1)
    tokens = codebook.encode(path)
    return Plan(
        frame=frame,
        time_s=frame * STEP_S,
        direction=Direction.FOLLOW_LANE,
        speed=SpeedAction.KEEP,
        tokens=tokens,
        trajectory_ego=codebook.decode(tokens),
        text=format_answer(Direction.FOLLOW_LANE, SpeedAction.KEEP, tokens),
        prompt=prompt_text(speed_mps, RouteCommand.LANE_FOLLOW, float("inf"), 13.9),
    )


def braking_drive(
    codebook: Codebook, takeover: int = 60, back: int = 160, last: int = 240, plan_every: int = 2, first: int = 0
) -> Iterator[Tick]:
    """At 8 m/s along x; the expert brakes to a stand from frame `takeover` on and gives the car back at `back`."""
    x, speed = 0.0, SPEED_MPS
    plan: Plan | None = None
    for number in range(last):
        frame = first + number
        taken = takeover <= number < back
        if number:
            slower = max(speed - BRAKING_MPS2 * STEP_S, 0.0) if taken else speed
            x, speed = x + 0.5 * (speed + slower) * STEP_S, slower
        authority = Authority.HUMAN if taken else Authority.POLICY
        yield _tick(frame, x, speed, authority, plan, hazard=number >= takeover - 20)
        if number % plan_every == 0:
            plan = straight_on(codebook, frame, speed)


def _tick(frame: int, x: float, speed: float, authority: Authority, plan: Plan | None, hazard: bool) -> Tick:
    time_s = frame * STEP_S
    taken = authority is Authority.HUMAN
    ego = ActorState(
        actor_id=1,
        type_id="vehicle.tesla.model3",
        role_name="hero",
        pose=Pose(x=100.0, y=50.0 + x, yaw=np.pi / 2),
        velocity_mps=(0.0, speed, 0.0),
        acceleration_mps2=(0.0, 0.0, 0.0),
        angular_velocity_radps=(0.0, 0.0, 0.0),
        extent_m=(2.4, 1.0, 0.8),
    )
    route = RouteState(
        RouteCommand.LANE_FOLLOW, float("inf"), x, 500.0, 0.0, 0.0, np.zeros((1, 4), np.float32), speed_limit_mps=13.9
    )
    return Tick(
        frame=frame,
        time_s=time_s,
        wall_time_s=time_s,
        delta_s=STEP_S,
        ego=ego,
        actors=(),
        lights=(),
        route=route,
        cameras={"front": CameraFrame("front", frame, picture(hazard, frame), 1.7, Pose(1.2, 0, 1.6))},
        driver=DriverInput(DriverKind.EXPERT, brake=float(taken), note="Collision ahead." if taken else ""),
        plan=plan,
        policy_control=None,
        control=Control(),
        authority=AuthorityState(authority, Reason.OVERRIDE_BUTTON, frame, time_s),
    )


def record(folder: Path, ticks: Any, session_id: str = "s1", whole_session: bool = False) -> Path:
    """Record ticks as a session; returns its folder."""
    recorder = SegmentRecorder(folder, info(session_id), wait_when_full=True, whole_session=whole_session)
    for tick in ticks:
        recorder.consume(tick)
    recorder.close()
    assert recorder.error is None
    return folder


def tiny_policy(folder: Path, seed: int = 0, size: SmallConfig = TINY) -> Path:
    """An untrained policy with the recordings' camera."""
    return make_checkpoint(folder, seed, settings=PolicySettings(name=folder.name, camera=CAMERA), size=size)


def with_event(tick: Tick, event: TickEvent) -> Tick:
    return replace(tick, events=(*tick.events, event))
