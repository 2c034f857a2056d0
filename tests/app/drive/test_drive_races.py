"""A drive that ends, or begins to, while another thread is in the middle of asking it for something."""

from __future__ import annotations

import time

import pytest

from app.config import DriverChoice, RunConfig
from app.drive import running_session
from app.drive.run_status import Phase
from app.drive.running_session import RunningSession, build_session
from cockpit.session.setup import Stage
from tests.cockpit.session.interrupts import interrupted
from tests.cockpit.session.straight_world import StraightWorld, straight_route

ASKED = {
    "takeover": RunningSession.request_takeover,
    "rewind": RunningSession.request_rewind,
    "mark": lambda drive: drive.mark("here"),
    "note": lambda drive: drive.note("here"),
    "pause": RunningSession.pause,
    "resume": RunningSession.resume,
    "status": RunningSession.status,
    "cameras": lambda drive: drive.forget_cameras([]),
}


@pytest.fixture
def drives(monkeypatch):
    """Builds drives on a straight road, without a simulator, and closes them."""

    def stage(config, cameras):
        world = StraightWorld()
        world.forget_cameras = lambda actor_ids: None
        return Stage(config, world, straight_route())

    monkeypatch.setattr(running_session, "set_stage", stage)
    monkeypatch.setattr(running_session, "check_server", lambda host, port: None)
    built = []

    def driving() -> RunningSession:
        config = RunConfig(
            policy=None, driver=DriverChoice.KEYBOARD, rig="single", host="nowhere", record=False, sound=None
        )
        built.append(build_session(config))
        built[-1].start()
        deadline = time.monotonic() + 60.0
        while built[-1].status().phase is not Phase.DRIVING:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return built[-1]

    yield driving
    for drive in built:
        drive.close()


@pytest.mark.parametrize("name", ASKED)
def test_a_drive_may_end_in_the_middle_of_anything_that_is_asked_of_it(drives, name):
    drive, moments = begun(drives, name), []
    interrupted(lambda drive=drive: ASKED[name](drive), running_session, moments.append)
    assert moments
    for moment in moments:
        drive = begun(drives, name)

        def end(number, at=moment, drive=drive):
            if number == at:
                drive.close()

        interrupted(lambda drive=drive: ASKED[name](drive), running_session, end)
        assert moment > 1 or drive.status().phase is Phase.ENDED


def begun(drives, name: str) -> RunningSession:
    """A drive that this can be asked of."""
    drive = drives()
    if name == "resume":
        drive.pause()
    return drive


def test_a_pause_is_seen_at_once_and_only_while_it_drives(drives):
    drive = drives()
    drive.pause()
    assert drive.status().is_paused
    drive.resume()
    assert not drive.status().is_paused
    drive.pause()
    drive.close()
    assert not drive.status().is_paused
