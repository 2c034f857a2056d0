"""The motor and every control of an emulated G29: what the product uploads and plays is seen below python-evdev."""

from __future__ import annotations

import functools
import shutil
from pathlib import Path

import pytest

from cockpit.devices.profile import load_profile
from cockpit.devices.rim.force import SERVO_MOST, WATCHDOG_S
from cockpit.devices.rim.motor import FULL, RIGHT
from tests.cockpit.devices.emulated_motor import BUTTONS
from tests.cockpit.devices.emulated_wheel import run_scenario

pytestmark = pytest.mark.skipif(
    shutil.which("umockdev-wrapper") is None, reason="umockdev is not installed (scripts/setup.sh --dev installs it)"
)
STRENGTH = load_profile("g29").force
SLACK_S = 0.25
"""Seconds that a busy machine may add to a measured time."""


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    folder = tmp_path_factory.mktemp("motor")
    script = str(Path(__file__).with_name("emulated_motor.py"))
    return functools.cache(lambda name: run_scenario(name, folder, script))


def uploads(report, begin: float, end: float):
    return [row for row in report["seen"] if row[0] == "upload" and begin <= row[1] <= end]


def plays(report, begin: float, end: float):
    return [row for row in report["seen"] if row[0] == "play" and begin <= row[1] <= end]


def test_the_policys_steering_turns_the_rim_each_way_with_no_more_than_a_hand_can_beat(seen):
    report = seen("motor")
    for phase, side in (("right", 1), ("left", -1)):
        made = uploads(report, *report["phases"][phase])
        assert made
        _, _, level, direction, length_ms = made[-1]
        assert direction == RIGHT
        assert side * level == pytest.approx(SERVO_MOST * STRENGTH * FULL, abs=2)
        assert length_ms == round(WATCHDOG_S * 1000)
        assert len(plays(report, *report["phases"][phase])) >= 3


def test_a_session_that_falls_silent_lets_the_rim_go(seen):
    report = seen("motor")
    begin, end = report["phases"]["silence"]
    made = uploads(report, begin - WATCHDOG_S, end)
    assert made[-1][2] == 0
    assert made[-1][1] - begin < WATCHDOG_S + SLACK_S
    last = plays(report, begin - WATCHDOG_S, end)[-1]
    assert last[3] == 0
    assert all(row[3] == 0 or row[1] < begin + WATCHDOG_S + SLACK_S for row in plays(report, begin, end))


def test_while_the_person_drives_the_rim_is_pulled_back_from_the_turn(seen):
    report = seen("motor")
    made = uploads(report, *report["phases"]["person"])
    assert made[0][2] < 0


def test_a_wheel_given_back_is_left_without_force(seen):
    report = seen("motor")
    assert report["seen"][-1][0] == "erase"
    assert [row for row in report["seen"] if row[0] == "upload"][-1][2] == 0


def test_every_axis_and_every_button_is_read(seen):
    report = seen("everything")
    assert report["raw"]["axes"] == report["axes"]
    assert report["raw"]["keys"] == BUTTONS
    assert len(BUTTONS) == 25


def test_unplugged_in_mid_drive_and_plugged_in_again_the_motor_works_again(seen):
    report = seen("everything")
    assert not report["gone"]["connected"]
    assert "plug it in again" in report["gone"]["note"]
    assert report["back"]["connected"]
    assert report["uploads_after"][-2][2] > 0
    assert report["uploads_after"][-1][2] == 0
