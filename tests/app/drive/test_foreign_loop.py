"""A seat in somebody else's loop: the library's demo is answered by our session while a scripted wheel takes over."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from app.config import DriverChoice, RunConfig
from app.drive.running_session import RunningSession, build_session
from cockpit.assets import asset
from recorder.reading.reader import list_segments
from recorder.schema import Authority, DriverInput, DriverKind, Tick

pytest.importorskip("carla_driver_interface", reason="carla-driver-interface is not installed")
import grpc
from carla_driver_interface.cli import main as library_command
from carla_driver_interface.testing import FakeCamera, FakeLoop


class Wheel:
    """Hands that take the car at 2 s, steer to the right and brake, and give it back at 4 s."""

    def __init__(self):
        self.closed = False

    def read(self, tick: Tick | None) -> DriverInput:
        time_s = 0.0 if tick is None else tick.time_s
        hands = 2.0 <= time_s < 4.0
        return DriverInput(
            kind=DriverKind.HUMAN,
            steer=0.08 if hands else 0.0,
            throttle=0.0,
            brake=0.1 if hands else 0.0,
            takeover_pressed=2.0 <= time_s < 2.2,
            hand_back_pressed=4.0 <= time_s < 4.3,
        )

    def apply(self, *_: object) -> None:
        pass

    def close(self) -> None:
        self.closed = True


class Keeper:
    def __init__(self):
        self.ticks = []

    def consume(self, tick: Tick) -> None:
        self.ticks.append(tick)

    def close(self) -> None:
        pass


def seat(tmp_path, **changes) -> tuple[RunningSession, Keeper]:
    settings = RunConfig(rig="single", driver=DriverChoice.KEYBOARD, as_egodriver=0, out=tmp_path / "runs", **changes)
    drive = build_session(settings)
    keeper = Keeper()
    drive.add_consumer(keeper)
    return drive, keeper


def address_of(drive: RunningSession) -> str:
    for _ in range(600):
        host, port = drive.world_address()
        if port not in (0, 2000) and drive.status().phase.name != "SIMULATOR":
            return f"{host}:{port}"
        time.sleep(0.1)
    raise AssertionError(drive.status())


def test_the_librarys_demo_is_answered_while_a_wheel_takes_over_and_gives_back(tmp_path, capsys):
    drive, keeper = seat(tmp_path, policy=asset("policies", "small"))
    drive.driver = Wheel()
    drive.start()
    try:
        assert library_command(["demo", "--driver", address_of(drive), "--steps", "80", "--camera-fov", "80"]) == 0
    finally:
        drive.close()
    told = capsys.readouterr().out
    assert "steps              : 80" in told
    ticks = {round(tick.time_s, 1): tick for tick in keeper.ticks}
    assert ticks[1.5].authority.authority is Authority.POLICY
    assert ticks[3.0].authority.authority is Authority.HUMAN
    assert ticks[7.5].authority.authority is Authority.POLICY
    assert ticks[3.9].ego.speed_mps < ticks[2.3].ego.speed_mps  # the loop drives what the hands do
    assert ticks[3.9].ego.pose.y > ticks[2.3].ego.pose.y + 0.1
    assert ticks[3.9].ego.pose.yaw > ticks[2.3].ego.pose.yaw
    assert {"front", "centre"} & set(ticks[3.0].cameras)
    assert drive.status().result.takeovers == 1
    (segment,) = list_segments(drive.status().folder)
    assert segment.takeovers == 1


def test_by_hand_alone_the_answers_are_what_the_hands_do(tmp_path):
    drive, _ = seat(tmp_path, policy=None, record=False)
    drive.driver = Wheel()
    drive.start()
    try:
        with FakeLoop(address_of(drive), [FakeCamera()], initial_speed_mps=8.0) as loop:
            result = loop.run(20)
    finally:
        drive.close()
    assert result.steps == 20
    assert 0 < result.speeds_mps[-1] < 8.0  # it rolls out
    assert np.ptp([pose.position[1] for pose in result.ego.poses]) < 0.1


def test_a_second_loop_is_refused_and_one_that_asks_on_after_the_end_is_told_so(tmp_path):
    drive, _ = seat(tmp_path, policy=None, record=False)
    drive.driver = Wheel()
    drive.start()
    address = address_of(drive)

    class Asking(FakeLoop):
        def _observe(self, session, now_us, pose, speed):
            super()._observe(session, now_us, pose, speed)
            if now_us == 500_000:
                with FakeLoop(address, [FakeCamera()]) as other, pytest.raises(grpc.RpcError) as refused:
                    other.run(1)
                assert "the seat is taken" in refused.value.details()
                drive.stop()

    with Asking(address, [FakeCamera()], initial_speed_mps=8.0) as loop:
        result = loop.run(50)
    assert result.terminated_by_policy
    assert result.steps < 10
    assert drive.wait(20.0)
    assert drive.driver.closed


def test_nobody_calls_and_the_drive_is_ended(tmp_path):
    drive, _ = seat(tmp_path, policy=None, record=False)
    drive.start()
    address_of(drive)
    threading.Timer(0.2, drive.stop).start()
    assert drive.wait(20.0)
    assert drive.status().result is None
