"""Every fault that a cockpit meets, injected in a running session on the simulator: who has the car, and what is kept.

For each: a person or the safe stop has the car within a bounded number of ticks, no tick is without a driver, the
recording up to then is whole, and a message says what happened.
"""

from __future__ import annotations

import math
import os
import shutil
import signal
import threading
import time

import carla
import pytest

from cockpit.session.setup import set_stage
from cockpit.world.errors import WorldLost
from cockpit.world.simulator import launch_simulator
from recorder.reading.reader import list_segments
from recorder.schema import Authority, EventKind, Reason
from tests.cockpit.session.fault_parts import (
    FAILS_AT,
    REQUEST_TICKS,
    ROUTE,
    SMALL,
    STALE_TICKS,
    TAKEN,
    Device,
    Failing,
    FaultDrive,
    ScreenProcess,
    check_recording,
    check_ticks,
    fault_messages,
    first,
    settings,
)
from tests.cockpit.session.session_parts import ExpertPlanner, driver_input
from tests.waiting import until


@pytest.fixture(scope="module")
def stage():
    with launch_simulator(rendering=False) as server, set_stage(settings(server.port), [SMALL], ROUTE) as made:
        yield made


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "session"


POLICY_FAULTS = {
    "is killed": ("killed by SIGKILL", Reason.POLICY_FAILED),
    "hangs": ("no plan", Reason.PLAN_STALE),
    "offer raises": ("the pipe is closed", Reason.PLAN_STALE),
    "newest_plan raises": ("no memory left", Reason.POLICY_FAILED),
    "wait raises": ("connection reset", Reason.POLICY_FAILED),
    "status raises": ("no such process", Reason.POLICY_FAILED),
    "control raises": ("runs backwards", Reason.POLICY_FAILED),
    "control divides by zero": ("division by zero", Reason.POLICY_FAILED),
    "control is no number": ("", Reason.POLICY_FAILED),
    "numbers that are none": ("numbers that are none", Reason.POLICY_FAILED),
    "an infinite trajectory": ("numbers that are none", Reason.POLICY_FAILED),
    "no trajectory": ("shape (0, 3)", Reason.POLICY_FAILED),
    "a flat trajectory": ("of shape", Reason.POLICY_FAILED),
    "a trajectory without headings": ("of shape", Reason.POLICY_FAILED),
    "a plan for the future": ("which has not been yet", Reason.POLICY_FAILED),
    "a plan at the speed of sound": ("m/s", Reason.POLICY_FAILED),
    "a confidence that is none": ("a confidence of nan", Reason.POLICY_FAILED),
    "steps of no time": ("steps of 0.0 s", Reason.POLICY_FAILED),
}


@pytest.mark.parametrize("how", POLICY_FAULTS)
def test_a_policy_that_fails_loses_the_car_to_the_safe_stop_within_bounds(stage, folder, how):
    words, reason = POLICY_FAULTS[how]
    drive = FaultDrive(stage, folder, Failing(how), Device())
    ticks = drive.run()
    check_ticks(ticks)
    asked = first(ticks, lambda tick: tick.authority.authority is Authority.REQUESTED)
    assert FAILS_AT <= asked <= FAILS_AT + 2 + STALE_TICKS
    assert ticks[asked].authority.reason is reason
    taken = first(ticks, lambda tick: tick.authority.authority in TAKEN)
    assert taken - asked <= REQUEST_TICKS
    assert ticks[-1].authority.authority is Authority.SAFE_STOP
    assert ticks[-1].ego.speed_mps < ticks[taken].ego.speed_mps
    assert words in fault_messages(ticks)
    assert fault_messages(ticks).count("\n") < 4  # reported once, not in every tick
    check_recording(drive, ticks)


def test_the_person_has_a_failed_policys_car_in_the_tick_of_the_button(stage, folder):
    person = Device(lambda number: driver_input(takeover_pressed=number >= FAILS_AT + 5, throttle=0.2))
    drive = FaultDrive(stage, folder, Failing("is killed"), person)
    ticks = drive.run()
    assert first(ticks, lambda tick: tick.authority.authority is Authority.HUMAN) == FAILS_AT + 5
    check_recording(drive, ticks)


DEVICE_FAULTS = {
    "unplugged": lambda: driver_input(connected=False, note="Logitech G29 went away; plug it in again"),
    "read raises": lambda: _raise(OSError(19, "No such device")),
    "read raises nonsense": lambda: _raise(KeyError("ABS_X")),
}


def _raise(error: Exception):
    raise error


@pytest.mark.parametrize("how", DEVICE_FAULTS)
@pytest.mark.parametrize("who", ["policy", "person"])
def test_a_device_that_fails_asks_at_once_and_stops_the_car(stage, folder, how, who):
    def script(number: int):
        if number >= FAILS_AT:
            return DEVICE_FAULTS[how]()
        return driver_input(takeover_pressed=number == 5 and who == "person", throttle=0.4)

    drive = FaultDrive(stage, folder, ExpertPlanner(), Device(script))
    ticks = drive.run()
    check_ticks(ticks)
    assert first(ticks, lambda tick: tick.authority.reason is Reason.DEVICE_LOST) == FAILS_AT
    asked = FAILS_AT
    taken = first(ticks[asked:], lambda tick: tick.authority.authority is Authority.SAFE_STOP)
    assert taken <= REQUEST_TICKS
    assert "went away" in fault_messages(ticks) or "the driver's device failed" in fault_messages(ticks)
    check_recording(drive, ticks)


def test_a_wheel_that_is_plugged_in_again_can_take_the_car_at_once(stage, folder):
    def script(number: int):
        return driver_input(connected=not FAILS_AT <= number < FAILS_AT + 4, takeover_pressed=number == FAILS_AT + 8)

    ticks = FaultDrive(stage, folder, ExpertPlanner(), Device(script)).run()
    check_ticks(ticks)
    assert ticks[FAILS_AT].authority.authority is Authority.REQUESTED
    assert ticks[FAILS_AT + 8].authority.authority is Authority.HUMAN


def test_axes_that_are_no_numbers_are_ignored(stage, folder):
    broken = driver_input(steer=math.nan, throttle=math.inf, brake=math.nan)
    device = Device(lambda number: broken if number >= FAILS_AT else driver_input())
    ticks = FaultDrive(stage, folder, ExpertPlanner(), device).run(30)
    check_ticks(ticks)
    assert {tick.authority.authority for tick in ticks} == {Authority.POLICY}


def test_a_takeover_button_that_sticks_keeps_the_car_with_the_person_and_says_why(stage, folder):
    def script(number: int):
        return driver_input(takeover_pressed=number >= FAILS_AT, hand_back_pressed=number == 25, throttle=0.3)

    drive = FaultDrive(stage, folder, ExpertPlanner(), Device(script))
    ticks = drive.run(35)
    check_ticks(ticks)
    assert ticks[-1].authority.authority is Authority.HUMAN
    refusals = [event.text for tick in ticks for event in tick.events if event.kind is EventKind.HAND_BACK_REFUSED]
    assert refusals == ["the takeover button is down"]
    check_recording(drive, ticks)


def test_a_throttle_that_sticks_does_not_take_the_car_and_the_brake_still_does(stage, folder):
    def script(number: int):
        return driver_input(throttle=1.0, brake=0.5 if number >= 25 else 0.0)

    ticks = FaultDrive(stage, folder, ExpertPlanner(), Device(script)).run(35)
    assert {tick.authority.authority for tick in ticks[:25]} == {Authority.POLICY}
    assert ticks[25].authority.authority is Authority.HUMAN


class Breaking:
    def __init__(self, how: str) -> None:
        self.how, self.count = how, 0

    def consume(self, tick) -> None:
        self.count += 1
        if self.count == FAILS_AT and self.how == "raises":
            raise ValueError("the screen burst")
        if self.count == FAILS_AT and self.how == "is slow":
            time.sleep(0.3)

    @property
    def error(self) -> str | None:
        if self.count >= FAILS_AT and self.how == "cannot be asked":
            raise RuntimeError("wrapped object has been deleted")
        return None

    def close(self) -> None:
        if self.how == "cannot be closed":
            raise OSError("device busy")


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("raises", "the screen burst"),
        ("is slow", "holds the drive up"),
        ("cannot be asked", "has been deleted"),
        ("cannot be closed", ""),
    ],
)
def test_a_screen_that_fails_is_the_only_loss(stage, folder, how, words):
    person = Device(lambda number: driver_input(takeover_pressed=number == 20, throttle=0.3))
    drive = FaultDrive(stage, folder, ExpertPlanner(), person, (Breaking(how),))
    ticks = drive.run(30)
    check_ticks(ticks)
    assert words in fault_messages(ticks)
    assert ticks[-1].authority.authority is Authority.HUMAN
    check_recording(drive, ticks)


def test_a_screens_process_that_is_killed_is_the_only_loss(stage, folder):
    screen = ScreenProcess()
    person = Device(lambda number: driver_input(takeover_pressed=number == 20, throttle=0.3))
    drive = FaultDrive(stage, folder, ExpertPlanner(), person, (screen,))
    ticks = drive.run(30, lambda number: screen.close() if number == FAILS_AT else None)
    check_ticks(ticks)
    assert FAILS_AT <= screen.shown <= FAILS_AT + 1
    assert "ScreenProcess failed" in fault_messages(ticks)
    check_recording(drive, ticks)


def test_a_full_disk_is_reported_and_what_was_written_is_kept(stage, small_disk):
    person = Device(lambda number: driver_input(takeover_pressed=number == 10, throttle=0.3))
    drive = FaultDrive(stage, small_disk / "session", ExpertPlanner(), person)

    def fill(number: int) -> None:
        if number == 40:
            until(lambda: any(segment.ticks >= 20 for segment in list_segments(drive.folder)))
            with (small_disk / "filler").open("wb", buffering=0) as file:
                try:
                    while True:
                        file.write(bytes(4096))
                except OSError:
                    pass
        if number > 40:
            time.sleep(0.04)

    ticks = drive.run(90, fill)
    (small_disk / "filler").unlink()
    check_ticks(ticks)
    assert ticks[-1].authority.authority is Authority.HUMAN
    assert "recording stopped" in fault_messages(ticks)
    assert "MB are free" in fault_messages(ticks)
    kept = list_segments(drive.folder)
    assert len(kept) == 1
    assert kept[0].ticks >= 20


def test_a_recordings_folder_that_vanishes_is_reported_and_the_drive_goes_on(stage, folder):
    person = Device(lambda number: driver_input(takeover_pressed=number == 20, throttle=0.3))
    drive = FaultDrive(stage, folder, ExpertPlanner(), person)

    def before(number: int) -> None:
        if number == FAILS_AT:
            shutil.rmtree(folder)
            folder.write_text("not a folder any more")
        if number > 25:
            time.sleep(0.03)

    ticks = drive.run(70, before)
    check_ticks(ticks)
    assert ticks[-1].authority.authority is Authority.HUMAN
    assert "recording stopped" in fault_messages(ticks)


# --- the server -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def doomed():
    with launch_simulator(rendering=False) as server:
        yield server
        if server.is_alive:
            os.kill(server.process.pid, signal.SIGCONT)


def drive_on(server, folder, before, **changes):
    """A manual drive on a server that `before` disturbs; its ticks, and the error that ended it, if one did."""
    person = Device(lambda number: driver_input(takeover_pressed=number == 10, throttle=0.3))
    with set_stage(settings(server.port, **changes), [SMALL], ROUTE) as made:
        drive = FaultDrive(made, folder, ExpertPlanner(), person)
        try:
            drive.run(30, lambda number: before(number, made))
        except WorldLost as error:
            return drive, drive.keeper.ticks, error
        return drive, drive.keeper.ticks, None


def test_a_server_that_is_late_is_waited_for_and_reported(doomed, folder):
    def before(number: int, _) -> None:
        if number == 20:
            os.kill(doomed.process.pid, signal.SIGSTOP)
            timer = threading.Timer(1.2, os.kill, (doomed.process.pid, signal.SIGCONT))
            timer.start()

    drive, ticks, error = drive_on(doomed, folder, before, lockstep=None)
    assert error is None
    assert len(ticks) == 30
    check_ticks(ticks)
    assert "The CARLA server was late" in fault_messages(ticks)
    check_recording(drive, ticks)


def test_an_ego_that_somebody_destroys_ends_the_drive_with_a_message(doomed, folder):
    def before(number: int, made) -> None:
        if number == 20:
            made.world.client.apply_batch_sync([carla.command.DestroyActor(made.world.ego.id)], False)

    drive, ticks, error = drive_on(doomed, folder, before)
    assert "The ego is no longer in the world" in str(error)
    assert len(ticks) == 20
    check_recording(drive, ticks)


def test_a_server_that_freezes_for_good_ends_the_drive_after_the_time_out(doomed, folder):
    begun = []

    def before(number: int, _) -> None:
        if number == 20:
            begun.append(time.monotonic())
            os.kill(doomed.process.pid, signal.SIGSTOP)

    drive, ticks, error = drive_on(doomed, folder, before, timeout_s=1.5)
    os.kill(doomed.process.pid, signal.SIGCONT)
    assert "stopped answering" in str(error)
    assert len(ticks) == 20
    check_recording(drive, ticks)


def test_a_server_that_is_killed_is_noticed_long_before_the_time_out(doomed, folder):
    begun = []

    def before(number: int, _) -> None:
        if number == 20:
            os.kill(doomed.process.pid, signal.SIGKILL)
            doomed.process.wait()
            begun.append(time.monotonic())

    drive, ticks, error = drive_on(doomed, folder, before, timeout_s=60.0)
    assert time.monotonic() - begun[0] < 30.0
    assert f"127.0.0.1:{doomed.port} stopped answering" in str(error)
    assert "What was recorded is kept" in str(error)
    assert len(ticks) == 20
    check_recording(drive, ticks)
