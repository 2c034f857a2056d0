"""The calibration wizard in the window, driven by a G29 that is emulated below python-evdev (see emulated_wheel.py)."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from app.config import DriverChoice, RunConfig
from app.gui.common.choices import DriverOption
from app.gui.prepare.setup_panel import ROLE, SetupPanel
from cockpit.devices.profile import load_profile

HERE = Path(__file__).parent
emulated = pytest.mark.skipif(
    shutil.which("umockdev-wrapper") is None, reason="umockdev is not installed (scripts/setup.sh --dev installs it)"
)


def run_child(scenario: str, folder: Path):
    command = ["umockdev-wrapper", sys.executable, str(HERE / "wheel_page_child.py"), scenario, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@emulated
def test_a_wheel_is_calibrated_step_by_step_and_drives_with_what_came_of_it(tmp_path):
    seen = run_child("whole", tmp_path)
    steps, words = zip(*seen["asked"], strict=True)
    assert steps == ("rest", "left", "right", "throttle", "brake", "takeover", "hand_back")
    assert "to the left" in words[1]
    assert len(set(words)) == len(words)
    file = tmp_path / "devices" / "mine.yaml"
    assert str(file) in seen["message"]
    assert (seen["driver"], seen["device"]) == ("wheel", str(file))
    assert (seen["steer"], seen["throttle"], seen["takeover"]) == (pytest.approx(1.0), pytest.approx(1.0), True)
    assert seen["as"] == "My G29"
    profile = load_profile(file)
    assert (profile.steer.left, profile.steer.right) == (0, 65535)
    assert (profile.throttle.code, profile.brake.code) == ("ABS_Z", "ABS_RZ")
    assert (profile.brake.released, profile.brake.pressed) == (255, 0)
    assert profile.is_whole


@emulated
def test_what_is_missing_and_a_wheel_that_is_unplugged_are_shown_on_the_page(tmp_path):
    seen = run_child("wrong", tmp_path)
    assert seen["too_early"] == ["left", "nothing turned far enough; turn the rim further"]
    step, words, can_go_on = seen["gone"]
    assert (step, can_go_on) == (None, False)
    assert "went away" in words
    assert seen["nobody"] == ["No wheel and no pad is plugged in", False]
    assert seen["back"] == ["rest", ""]


def test_a_profile_that_the_settings_name_stays_chosen_in_the_form(qtbot, tmp_path):
    device = str(tmp_path / "mine.yaml")
    for driver in (DriverChoice.WHEEL, DriverChoice.AUTO):
        panel = SetupPanel(RunConfig(driver=driver, device=device, out=tmp_path))
        qtbot.addWidget(panel)
        assert (panel.config().driver, panel.config().device) == (DriverChoice.WHEEL, device)
        panel.refresh()
        assert panel.config().device == device


def test_without_a_device_in_the_settings_the_first_that_is_there_is_chosen(qtbot, tmp_path):
    panel = SetupPanel(RunConfig(out=tmp_path))
    qtbot.addWidget(panel)
    option: DriverOption = panel.driver.currentData(ROLE)
    assert option.driver in (DriverChoice.WHEEL, DriverChoice.KEYBOARD)
    assert option.is_usable
