"""The evdev path on a G29 that is emulated below python-evdev (see emulated_wheel.py): no product code is replaced."""

from __future__ import annotations

import functools
import shutil

import pytest

from tests.cockpit.devices.emulated_wheel import run_scenario

pytestmark = pytest.mark.skipif(
    shutil.which("umockdev-wrapper") is None, reason="umockdev is not installed (scripts/setup.sh --dev installs it)"
)


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """Scenario -> its report; each runs once."""
    folder = tmp_path_factory.mktemp("wheel")
    return functools.cache(lambda name: run_scenario(name, folder))


def test_a_plugged_in_g29_is_found_by_its_profile_and_chosen(seen):
    found = seen("find")
    assert found["found"]["/dev/input/event20"] == ["Logitech G29 Driving Force Racing Wheel", "g29", True]
    assert found["auto"] == "EvdevWheel"
    assert found["device"] == "Logitech G29"


@pytest.mark.parametrize(
    ("scenario", "felt", "reason"),
    [
        ("steer", lambda row: row["steer"] > 0.12, "override_steer"),
        ("brake", lambda row: row["brake"] > 0.05, "override_brake"),
        ("button", lambda row: row["paddle"], "override_paddle"),
    ],
)
def test_an_override_on_the_wheel_has_the_car_in_the_same_tick(seen, scenario, felt, reason):
    rows = seen(scenario)
    first = next(index for index, row in enumerate(rows) if felt(row))
    assert first > 0
    assert {row["authority"] for row in rows[:first]} == {"policy"}
    assert rows[first]["authority"] == "human"
    assert rows[first]["reason"] == reason
    assert rows[first]["control"] == [rows[first][name] for name in ("steer", "throttle", "brake")]


def test_a_quarter_turn_and_half_a_pedal_read_as_such(seen):
    assert seen("steer")[-1]["steer"] == pytest.approx(90 / 450, abs=0.01)
    assert seen("brake")[-1]["brake"] == pytest.approx(0.5, abs=0.03)


def test_unplugging_in_the_middle_asks_for_a_takeover_and_says_what_happened(seen):
    rows = seen("unplug")["rows"]
    lost = next(index for index, row in enumerate(rows) if not row["connected"])
    assert rows[lost - 1]["authority"] == "human"
    assert rows[lost]["authority"] == "requested"
    assert rows[lost]["reason"] == "device_lost"
    assert (rows[lost]["steer"], rows[lost]["throttle"], rows[lost]["brake"]) == (0.0, 0.0, 0.0)
    assert "/dev/input/event20 went away" in rows[lost]["note"]
    assert "plug it in again" in seen("unplug")["gone"]
    assert not any(row["connected"] for row in rows[lost:])


def test_a_wheel_that_comes_back_is_used_again(seen):
    assert seen("unplug")["back"]
