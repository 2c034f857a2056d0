"""Ways for the parts of a session to fail, each from a given tick on, and a session in which they do."""

from __future__ import annotations

import dataclasses
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import carla
import numpy as np

from cockpit.config import ArbitrationConfig, LockstepConfig, SessionConfig, TrafficConfig
from cockpit.rig.camera_spec import CameraSpec
from cockpit.route.files import read_route, shipped_routes
from cockpit.session.loop import Session
from cockpit.session.setup import Stage
from cockpit.world.conversion import carla_transform
from recorder.reading.reader import Segment, list_segments
from recorder.reading.verify import verify_session
from recorder.schema import Authority, Control, DriverInput, EventKind, Plan, PolicyStatus, Tick
from recorder.writing.writer import SegmentRecorder
from tests.cockpit.session.session_parts import ExpertPlanner, Keeper, driver_input

FAILS_AT = 15
"""The tick in which the fault begins."""
ENDS_AT = 40
ARBITRATION = ArbitrationConfig(plan_stale_s=0.3, request_s=0.4)
DT_S = 0.05
STALE_TICKS = round(ARBITRATION.plan_stale_s / DT_S) + 2
REQUEST_TICKS = round(ARBITRATION.request_s / DT_S) + 1
TAKEN = (Authority.HUMAN, Authority.SAFE_STOP)
SMALL = CameraSpec("front", 48, 27)
ROUTE = read_route(shipped_routes("millbrook_train"), "train_1")


def settings(port: int, **changes: Any) -> SessionConfig:
    base = {
        "port": port,
        "timeout_s": 4.0,
        "tick_timeout_s": 0.5,
        "traffic": TrafficConfig(count=0),
        "lockstep": LockstepConfig(plan_every=1, wait_timeout_s=0.05),
        "realtime": False,
        "arbitration": ARBITRATION,
    }
    return SessionConfig(**{**base, **changes})


class Failing(ExpertPlanner):
    """A policy that drives like the expert until its time has come; then `how` decides what its answers become."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self._how = how

    @property
    def _fails(self) -> bool:
        return len(self.offered) > FAILS_AT

    def offer(self, tick: Tick) -> None:
        if self._how == "offer raises" and len(self.offered) >= FAILS_AT:
            raise BrokenPipeError("the pipe is closed")
        if self._how == "hangs" and len(self.offered) >= FAILS_AT:
            return
        super().offer(tick)

    def newest_plan(self) -> Plan | None:
        plan = super().newest_plan()
        if plan is None or not self._fails:
            return plan
        if self._how == "newest_plan raises":
            raise RuntimeError("no memory left")
        return dataclasses.replace(plan, **self._rubbish(plan))

    def _rubbish(self, plan: Plan) -> dict[str, Any]:
        path = plan.trajectory_ego
        return {
            "numbers that are none": {"trajectory_ego": path * np.nan},
            "an infinite trajectory": {"trajectory_ego": path + np.inf},
            "no trajectory": {"trajectory_ego": path[:0]},
            "a flat trajectory": {"trajectory_ego": path.ravel()},
            "a trajectory without headings": {"trajectory_ego": path[:, :2]},
            "a plan for the future": {"frame": plan.frame + 1000},
            "a plan at the speed of sound": {"trajectory_ego": path + np.float32([300.0, 0.0, 0.0])},
            "steps of no time": {"step_s": 0.0},
            "a confidence that is none": {"confidence": math.nan},
        }.get(self._how, {})

    def wait(self, frame: int, timeout_s: float) -> Plan | None:
        if self._how == "wait raises" and self._fails:
            raise ConnectionResetError("connection reset by peer")
        return super().wait(frame, timeout_s)

    def control(self, *arguments: Any) -> Control:
        if self._fails and self._how == "control raises":
            raise ValueError("the trajectory runs backwards")
        if self._fails and self._how == "control divides by zero":
            raise ZeroDivisionError("float division by zero")
        if self._fails and self._how == "control is no number":
            return Control(throttle=math.nan, steer=math.inf)
        return super().control(*arguments)

    def status(self) -> PolicyStatus:
        if self._fails and self._how == "status raises":
            raise OSError("no such process")
        if self._fails and self._how == "is killed":
            return PolicyStatus(False, "the policy process was killed by SIGKILL")
        return super().status()


class Device:
    """A driver whose input, failures included, `script` gives for each tick's number."""

    def __init__(self, script: Callable[[int], DriverInput] = lambda number: driver_input()) -> None:
        self._script = script
        self._number = 0

    def read(self, tick: Tick | None) -> DriverInput:
        self._number += 1
        return self._script(self._number)

    def close(self) -> None:
        pass


class ScreenProcess:
    """A screen in a process of its own, fed through a pipe."""

    def __init__(self) -> None:
        command = [sys.executable, "-S", "-c", "import sys\nfor line in sys.stdin: pass"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE)
        self.shown = 0

    def consume(self, tick: Tick) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{tick.frame}\n".encode())
        self.process.stdin.flush()
        self.shown += 1

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


class FaultDrive:
    """A recorded session on a stage that several tests use; the ego is put back to the start first."""

    def __init__(self, stage: Stage, folder: Path, policy: Any, driver: Any, consumers: tuple[Any, ...] = ()) -> None:
        self.keeper = Keeper()
        self.folder = folder
        self.recorder = SegmentRecorder(folder, stage.info(), wait_when_full=True)
        _start(stage)
        everybody = [self.recorder, *consumers, self.keeper]
        self.session = Session(stage.config, stage.world, stage.route, policy, driver, everybody)

    def run(self, ticks: int = ENDS_AT, before: Callable[[int], None] = lambda number: None) -> list[Tick]:
        try:
            for number in range(ticks):
                before(number)
                self.session.step()
        finally:
            self.session.close()
        return self.keeper.ticks


def _start(stage: Stage) -> None:
    """Put the ego to the route's beginning, rolling at 8 m/s."""
    pose = stage.route.pose_at(5.0)
    ego = stage.world.ego
    ego.set_transform(carla_transform(dataclasses.replace(pose, z=pose.z + 0.1)))
    ego.set_target_velocity(carla.Vector3D(8.0 * math.cos(pose.yaw), 8.0 * math.sin(pose.yaw), 0.0))
    ego.set_target_angular_velocity(carla.Vector3D(0.0, 0.0, 0.0))


def check_ticks(ticks) -> None:
    """No tick is missing, and each has a driver and a finite control."""
    frames = [tick.frame for tick in ticks]
    assert frames == list(range(frames[0], frames[0] + len(frames)))
    for tick in ticks:
        control = tick.control
        assert tick.authority.authority in Authority
        assert all(map(math.isfinite, (control.throttle, control.steer, control.brake)))
        if tick.authority.authority is Authority.HUMAN:
            assert tick.driver.connected


def check_recording(drive, ticks) -> None:
    """The one takeover has its segment, with every tick of the drive: they are fewer than its pre-roll."""
    assert verify_session(drive.folder) == []
    (found,) = list_segments(drive.folder)
    assert found.complete
    assert len(ticks) * DT_S < drive.session.config.pre_s
    assert Segment.open(found.path).column("frame").tolist() == [tick.frame for tick in ticks]


def first(ticks, is_so) -> int:
    return next(number for number, tick in enumerate(ticks) if is_so(tick))


def fault_messages(ticks) -> str:
    return "\n".join(event.text for tick in ticks for event in tick.events if event.kind is EventKind.FAULT)
