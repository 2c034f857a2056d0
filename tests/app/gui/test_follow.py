"""Several machines show one session: the real session, the real follower, real sockets and displays (virtual ones)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from app.cli.screens import address_in
from benchmarks.virtual_displays import virtual_displays
from cockpit.config import ConfigError

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def seen():
    with virtual_displays(3) as environment:
        command = [sys.executable, str(HERE / "follow_child.py")]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=250)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_the_screens_of_two_machines_show_the_frame_of_every_tick(seen):
    together = seen["together"]
    assert together["wrong"] == []
    assert together["missed"] == 0


def test_a_follower_reports_how_a_drive_went_and_joins_the_next_by_itself(seen):
    assert "the drive is over" in seen["output"]
    assert " 0 skipped" in seen["output"]
    assert seen["stopped"]["cameras_with"] == 3


def test_a_follower_that_hangs_holds_up_neither_the_tick_nor_the_other_screens(seen):
    stopped = seen["stopped"]
    assert stopped["shown_while_it_hangs"]
    assert stopped["slowest_s"] < 5.0  # a tick that waited for it would never end
    assert "'wall' skip pictures" in stopped["slow"]


def test_it_shows_pictures_again_when_it_goes_on(seen):
    assert seen["stopped"]["came_back"]


def test_a_killed_follower_is_reported_and_leaves_no_cameras_behind(seen):
    stopped = seen["stopped"]
    assert "'wall' are gone" in stopped["gone"]
    assert (stopped["cameras_with"], stopped["cameras_without"]) == (3, 1)


@pytest.mark.parametrize(
    ("text", "address"),
    [("192.168.1.10", ("192.168.1.10", 2100)), ("cave-1:2200", ("cave-1", 2200))],
)
def test_an_address_may_leave_the_port_out(text, address):
    assert address_in(text) == address


@pytest.mark.parametrize("text", ["host:", ":2100", "host:port", "host:0", "host:70000"])
def test_an_invalid_address_is_refused(text):
    with pytest.raises(ConfigError, match="HOST:PORT"):
        address_in(text)
