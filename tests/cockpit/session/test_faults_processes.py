"""Faults of the real processes around a session: the policy's, the wheel's, the display's, the program's own.

Beside test_faults.py, where parts misbehave inside the session's process and the server fails, here each part is the
product's own, in its own process, and it fails as processes do: SIGKILL, SIGSTOP, rubbish on the pipe, broken
weights, a device file that goes away, an X server that dies.
"""

from __future__ import annotations

import json
import math
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import carla
import pytest
import torch
from safetensors.torch import load_file, save_file

from benchmarks.virtual_displays import PID_VARIABLE, virtual_displays
from cockpit.config import ArbitrationConfig
from cockpit.session.setup import set_stage
from cockpit.world.simulator import launch_simulator
from policy.serving.process import PolicyProcess
from policy.vla.codebook import Codebook
from policy.vla.small import SmallConfig, make_checkpoint
from recorder.reading.reader import list_segments
from recorder.reading.verify import verify_session
from recorder.schema import Authority, Reason
from recorder.session_log import read_log
from tests.cockpit.session.fault_parts import (
    FAILS_AT,
    REQUEST_TICKS,
    ROUTE,
    SMALL,
    TAKEN,
    Device,
    FaultDrive,
    check_recording,
    check_ticks,
    fault_messages,
    first,
    settings,
)
from tests.cockpit.session.session_parts import ExpertPlanner, driver_input

HERE = Path(__file__).parent
STALE_S = 1.0
"""The default: a busy machine may make a real policy late."""
STALE_TICKS = round(STALE_S / 0.05) + 2
FROZEN_AFTER_S = 0.3
CHILD_S = 200.0


@pytest.fixture(scope="module")
def server():
    with launch_simulator(rendering=False) as running:
        yield running


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    torch.set_num_threads(1)
    narrow = {"hidden": 32, "heads": 2, "key_value_heads": 1, "text_layers": 1, "text_mlp": 32}
    seeing = {"vision_hidden": 32, "vision_heads": 2, "vision_layers": 1, "vision_mlp": 32}
    folder = tmp_path_factory.mktemp("policies") / "untrained"
    return make_checkpoint(folder, codebook=Codebook.town(size=24), size=SmallConfig(**narrow, **seeing))


@pytest.fixture(scope="module")
def broken_checkpoint(checkpoint):
    """The same, but its weights are no numbers."""
    broken = checkpoint.with_name("broken")
    shutil.copytree(checkpoint, broken)
    weights = {name: tensor * math.nan for name, tensor in load_file(broken / "model.safetensors").items()}
    save_file(weights, broken / "model.safetensors", metadata={"format": "pt"})
    return broken


@pytest.fixture(scope="module")
def policies(checkpoint, broken_checkpoint):
    """Two policies at work, both loading at the same time."""
    with (
        PolicyProcess(checkpoint, device="cpu", hang_after_s=0.5) as sound,
        PolicyProcess(broken_checkpoint, device="cpu") as nonsense,
    ):
        sound.wait_ready()
        nonsense.wait_ready()
        yield {"sound": sound, "nonsense": nonsense}


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "session"


def drive_on(server, folder, policy, before, ticks, person=None, **changes):
    """A recorded drive with a real policy, and its ticks."""
    arbitration = ArbitrationConfig(plan_stale_s=STALE_S, request_s=0.4)
    with set_stage(settings(server.port, arbitration=arbitration, **changes), [SMALL], ROUTE) as stage:
        drive = FaultDrive(stage, folder, policy, person or Device())
        return drive, drive.run(ticks, before)


def check_lost_to_the_safe_stop(ticks, reason: Reason, since: int, within: int) -> None:
    """The takeover is requested within so many ticks of the fault, and the car stops when nobody answers."""
    check_ticks(ticks)
    asked = first(ticks, lambda tick: tick.authority.authority is Authority.REQUESTED)
    assert since <= asked <= since + within
    assert ticks[asked].authority.reason is reason
    taken = first(ticks, lambda tick: tick.authority.authority in TAKEN)
    assert taken - asked <= REQUEST_TICKS
    assert ticks[-1].authority.authority is Authority.SAFE_STOP
    assert ticks[-1].control.throttle == 0.0


# --- the policy's process, its faults in the order in which it survives them -----------------------------------------


def test_a_policy_that_is_frozen_is_driven_on_its_last_plan_for_a_second_at_most(server, folder, policies):
    pid = policies["sound"].pid

    def freeze(number: int) -> None:
        if number == FAILS_AT:
            os.kill(pid, signal.SIGSTOP)

    try:
        drive, ticks = drive_on(server, folder, policies["sound"], freeze, 50, lockstep=None, realtime=True)
    finally:
        os.kill(pid, signal.SIGCONT)
    check_lost_to_the_safe_stop(ticks, Reason.POLICY_FAILED, FAILS_AT, STALE_TICKS)
    assert "the policy hangs: frame" in fault_messages(ticks)
    check_recording(drive, ticks)


def test_a_policy_that_thaws_drives_again(server, folder, policies):
    _, ticks = drive_on(server, folder, policies["sound"], lambda number: None, FAILS_AT)
    check_ticks(ticks)
    assert {tick.authority.authority for tick in ticks} == {Authority.POLICY}
    assert ticks[-1].plan is not None


def test_rubbish_on_the_policys_pipe_ends_the_policy_and_the_car_is_stopped(server, folder, policies):
    pid = policies["sound"].pid

    def garble(number: int) -> None:
        if number == FAILS_AT:
            (plans,) = _pipes_written_by(pid)
            plans.write_bytes(b"\xff" * 64)

    drive, ticks = drive_on(server, folder, policies["sound"], garble, 40)
    check_lost_to_the_safe_stop(ticks, Reason.POLICY_FAILED, FAILS_AT, STALE_TICKS)
    assert "talked nonsense" in fault_messages(ticks)
    check_recording(drive, ticks)


def test_a_policy_whose_weights_are_no_numbers_never_drives(server, folder, policies):
    drive, ticks = drive_on(server, folder, policies["nonsense"], lambda number: None, 20)
    check_lost_to_the_safe_stop(ticks, Reason.POLICY_FAILED, 0, 2)
    assert "the model computes no numbers" in fault_messages(ticks)
    check_recording(drive, ticks)


def test_the_person_has_the_car_of_a_policy_that_is_killed_at_once(server, folder, policies):
    def kill(number: int) -> None:
        if number == FAILS_AT:
            os.kill(policies["nonsense"].pid, signal.SIGKILL)

    person = Device(lambda number: driver_input(takeover_pressed=number >= FAILS_AT + 3, throttle=0.2))
    drive, ticks = drive_on(server, folder, policies["nonsense"], kill, 30, person)
    check_ticks(ticks)
    assert first(ticks, lambda tick: tick.authority.authority is Authority.HUMAN) == FAILS_AT + 3
    assert "killed by SIGKILL" in fault_messages(ticks)
    assert ticks[-1].authority.authority is Authority.HUMAN
    check_recording(drive, ticks)


def _pipes_written_by(pid: int) -> list[Path]:
    """The worker's end of the pipe on which its plans come: not standard input, not a file."""
    ends = {end: str(end.readlink()) for end in Path(f"/proc/{pid}/fd").iterdir()}
    reads = ends[Path(f"/proc/{pid}/fd/0")]
    return [end for end, pipe in ends.items() if pipe.startswith("pipe:") and pipe != reads]


# --- the wheel -------------------------------------------------------------------


@pytest.mark.skipif(shutil.which("umockdev-wrapper") is None, reason="umockdev is not installed")
def test_a_wheel_unplugged_in_mid_drive_asks_in_that_tick_and_back_it_takes_the_car(server, tmp_path):
    done = subprocess.run(
        ["umockdev-wrapper", *_child("wheel", server, tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=CHILD_S,
    )
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout.splitlines()[-1])
    frames = [row["frame"] for row in rows]
    assert frames == list(range(frames[0], frames[0] + len(rows)))
    assert all(math.isfinite(value) for row in rows for value in row["control"])
    assert all(row["connected"] for row in rows if row["authority"] == "human")

    def first_row(is_so, after: int = 0) -> int:
        return next(n for n, row in enumerate(rows) if n >= after and is_so(row))

    takes = first_row(lambda row: row["steer"] > 0.12)
    assert [row["authority"] for row in rows[takes - 1 : takes + 1]] == ["policy", "human"]
    lost = first_row(lambda row: not row["connected"])
    assert [row["authority"] for row in rows[lost - 1 : lost + 1]] == ["human", "requested"]
    assert rows[lost]["reason"] == "device_lost"
    assert "event20 went away" in "".join(row["faults"] for row in rows[lost : lost + 2])
    again = first_row(lambda row: row["paddle"], lost)
    assert (rows[again]["authority"], rows[again]["reason"]) == ("human", "override_paddle")
    lost_again = first_row(lambda row: not row["connected"], again)
    assert rows[lost_again]["authority"] == "requested"
    assert first_row(lambda row: row["authority"] == "safe_stop", lost_again) - lost_again <= REQUEST_TICKS
    assert rows[-1]["speed_mps"] < rows[lost_again]["speed_mps"]
    assert verify_session(tmp_path / "session") == []
    assert sum(segment.ticks for segment in list_segments(tmp_path / "session")) >= len(rows) - 1


# --- the display, the program, the disk --------------------------------------------


def test_when_the_display_is_gone_the_drive_ends_whole_and_leaves_no_car_behind(server, broken_checkpoint, tmp_path):
    """The whole application: the expert took over from a broken policy, then the X server is killed."""
    choices = {"host": "127.0.0.1", "port": server.port, "rig": "single", "traffic": 0, "driver": "expert"}
    choices |= {"policy": broken_checkpoint, "out": tmp_path}
    options = [word for name, value in choices.items() for word in (f"--{name}", str(value))]
    command = [sys.executable, "-m", "app.cli.main", "drive", "--start", *options]
    with virtual_displays(1) as environment, _running(command, environment) as child:
        _wait_for(lambda: any(tmp_path.glob("*/segments/*.zarr")), child)
        os.kill(int(environment[PID_VARIABLE]), signal.SIGKILL)
        stderr = child.communicate(timeout=CHILD_S)[1]
    assert child.returncode == 1
    assert "Did the X11 server die?" in stderr
    world = _world(server)
    assert not world.get_settings().synchronous_mode  # the world runs on its own clock again, and no car is left in it
    assert not list(world.get_actors().filter("vehicle.*"))
    (session,) = tmp_path.iterdir()
    assert verify_session(session) == []
    assert read_log(session)[-1].text == "aborted"


def test_when_the_program_is_killed_the_world_stands_still_and_the_recording_is_kept(server, tmp_path):
    """Nobody is left to drive, so nothing may move: the world is synchronous, and stays so."""
    with _running(_child("program", server, tmp_path), dict(os.environ)) as child:
        seen = _until_driven(child)
        child.kill()
    world = _world(server)
    assert world.get_settings().synchronous_mode
    _wait_for(lambda: world.get_snapshot().frame > 0)  # a new client's first snapshot comes a moment later
    before = world.get_snapshot().frame
    time.sleep(FROZEN_AFTER_S)
    assert world.get_snapshot().frame == before
    for actor in world.get_actors().filter("vehicle.*"):
        actor.destroy()
    (kept,) = list_segments(tmp_path / "session")
    assert kept.ticks >= seen - 30  # a flush a second, and the queue
    assert all(problem.is_loss for problem in verify_session(tmp_path / "session"))


def test_a_file_that_may_not_grow_ends_its_segment_and_the_next_takeover_is_recorded(server, folder):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def script(number: int):
        hand_back = 64 <= number < 70
        return driver_input(
            takeover_pressed=number in (5, 70), hand_back_pressed=hand_back, throttle=0.0 if hand_back else 0.2
        )

    def before(number: int) -> None:
        if number == 30:
            _wait_for(lambda: list_segments(folder)[0].ticks >= 20)
            resource.setrlimit(resource.RLIMIT_FSIZE, (2048, limits[1]))
        if number == 60:
            _wait_for(lambda: drive.recorder.error is not None)
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    try:
        with set_stage(settings(server.port), [SMALL], ROUTE) as stage:
            drive = FaultDrive(stage, folder, ExpertPlanner(), Device(script))
            ticks = drive.run(90, before)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    check_ticks(ticks)
    assert "recording stopped: [Errno 27] File too large" in fault_messages(ticks)
    cut, whole = list_segments(folder)
    assert (cut.complete, whole.complete) == (False, True)
    assert cut.ticks >= 20
    assert all(problem.is_loss for problem in verify_session(folder))


@contextmanager
def _running(command: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A program whose output is kept, and which is ended with the block."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, text=True, env=environment, **pipes) as child:
        try:
            yield child
        finally:
            child.kill()


def _wait_for(is_so: Callable[[], bool], child: subprocess.Popen[str] | None = None) -> None:
    deadline = time.monotonic() + CHILD_S
    while not is_so():
        assert child is None or child.poll() is None, child.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _until_driven(child: subprocess.Popen[str], ticks: int = 45) -> int:
    """Wait until the person has driven for a while; how many ticks there were."""
    assert child.stdout is not None
    driven = 0
    for count, line in enumerate(child.stdout, 1):
        driven += line.split()[-1] == "human"
        if driven == ticks:
            return count
    raise AssertionError(f"the program ended by itself: {child.stderr.read() if child.stderr else ''}")


def _child(what: str, server, folder: Path) -> list[str]:
    return [sys.executable, str(HERE / "fault_child.py"), what, str(server.port), str(folder)]


def _world(server) -> carla.World:
    client = carla.Client("127.0.0.1", server.port)
    client.set_timeout(10.0)
    return client.get_world()
