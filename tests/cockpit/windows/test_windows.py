"""The driver's windows on three offscreen displays: every screen shows the picture of its tick, keys drive, panes fit.

Each test runs in a child, because Qt takes its displays once per process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cockpit.config import ConfigError
from cockpit.rig.rig import load_rig
from cockpit.sound.chime import rings
from cockpit.windows.layout import Layout, Placement, display_for_others, pane_order, place_screens
from recorder.schema import Authority, AuthorityState, Reason
from tests.cockpit.windows.window_ticks import tick

HERE = Path(__file__).parent


def displays(folder: Path, count: int) -> str:
    """Qt's offscreen platform with `count` displays of 1280x720 side by side."""
    screens = [
        {"name": f"D{i}", "x": 1280 * i, "y": 0, "width": 1280, "height": 720}
        | {"logicalDpi": 96, "logicalBaseDpi": 96, "dpr": 1}
        for i in range(count)
    ]
    file = folder / "displays.json"
    file.write_text(
        json.dumps({"synchronousWindowSystemEvents": False, "windowFrameMargins": False, "screens": screens})
    )
    return f"offscreen:configfile={file}"


def seen(scenario: str, folder: Path, count: int = 3):
    """The report of a scenario of windows_child.py on `count` displays."""
    environment = {**os.environ, "QT_QPA_PLATFORM": displays(folder, count), "SDL_AUDIODRIVER": "dummy"}
    command = [sys.executable, str(HERE / "windows_child.py"), scenario]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_three_displays_get_a_borderless_window_each_on_the_display_that_the_rig_names(tmp_path):
    report = seen("geometry", tmp_path)
    assert report["layout"] == "windows"
    assert report["left_of"] == {"left": 1280, "centre": 0, "right": 2560}
    assert report["frameless"] == [True, True, True]


def test_one_display_gets_one_window_with_the_panes_from_left_to_right(tmp_path):
    report = seen("geometry", tmp_path, count=1)
    assert report["layout"] == "panes"
    assert report["windows"] == 1
    assert report["pane_x"]["left"] < report["pane_x"]["centre"] < report["pane_x"]["right"]


def test_every_screen_shows_the_frame_of_the_newest_tick(tmp_path):
    """Frames come faster than they are painted: all panes jump to the newest, and what was skipped is counted."""
    report = seen("newest", tmp_path)
    assert report["frames"] == {"left": 14, "centre": 14, "right": 14}
    assert report["painted"] + report["dropped"] == 5
    assert report["colours"] == {"left": [200, 0, 0], "right": [0, 0, 200]}


def test_a_tick_without_pictures_says_which_camera_is_missing(tmp_path):
    assert seen("empty", tmp_path)["ink"] > 50


def test_the_planned_path_lies_on_the_road_of_the_centre_screen_alone(tmp_path):
    report = seen("path", tmp_path)
    assert report["below_horizon"] > 500
    assert report["above_horizon"] == 0
    assert report["sides"] == [0, 0]


def test_a_takeover_request_frames_every_screen(tmp_path):
    report = seen("alert", tmp_path)
    assert all(red > 400 for red in report["red_pixels"].values())


def test_a_pause_is_shown_on_every_screen(tmp_path):
    before, paused, after = seen("paused", tmp_path)["states"]
    assert all(paused["mean"][name] < 0.7 * before["mean"][name] for name in before["mean"])
    assert before["ink"] == 0
    assert paused["ink"] > 1000
    assert after == before


def test_a_window_for_others_goes_where_no_screen_is_and_else_beside_the_instruments():
    three = Placement(Layout.WINDOWS, {"left": 1, "centre": 0, "right": 2})
    assert display_for_others(three, "centre", 4) == 3
    assert display_for_others(three, "centre", 3) == 2
    assert display_for_others(Placement(Layout.WINDOWS, {"centre": 0}), "centre", 1) == 0


def test_the_chime_waits_for_its_delay():
    asked = AuthorityState(Authority.REQUESTED, Reason.PLAN_STALE, 0, 10.0)
    assert [rings(tick(authority=asked, time_s=10.0 + s), 0.5) for s in (0.0, 0.4, 0.5, 3.0)] == [
        False,
        False,
        True,
        True,
    ]
    assert rings(tick(authority=asked, time_s=10.0), 0.0)
    assert not rings(tick(time_s=10.0), 0.0)


def test_a_machine_without_screens_has_no_windows_and_drives(tmp_path):
    assert seen("elsewhere", tmp_path) == {"here": [0, 1], "there": [3, 1]}


def test_the_one_screen_of_a_follower_fills_its_display_and_that_of_a_laptop_does_not():
    one = load_rig("single")
    wall = one.model_copy(update={"screens": (one.screens[0].model_copy(update={"machine": "wall"}),)})
    assert place_screens(one, ["D0"]).layout is Layout.PANES
    assert place_screens(wall.of_machine("wall"), ["D0"]).layout is Layout.WINDOWS


def test_keys_that_are_pressed_in_a_window_drive(tmp_path):
    report = seen("keys", tmp_path)
    assert report["steer"] < 0
    assert report["brake"] == 1.0
    assert report["takeover"]
    assert report["after_focus_lost"] == []


def test_closing_a_window_ends_the_drive_but_closing_by_the_program_does_not(tmp_path):
    assert seen("closing", tmp_path) == {"by_program": 0, "by_driver": 1}


def test_with_too_few_displays_windows_cannot_be_asked_for():
    with pytest.raises(ConfigError, match=r"has 3 screens, but there are 1 displays \(HDMI-1\).*layout 'panes'"):
        place_screens(load_rig("desk_triple"), ["HDMI-1"], Layout.WINDOWS)


def test_a_missing_display_lists_those_there_are():
    rig = load_rig("desk_triple")
    wrong = rig.screens[0].model_copy(update={"display": "DP-9"})
    changed = rig.model_copy(update={"screens": (wrong, *rig.screens[1:])})
    with pytest.raises(ConfigError, match=r"screen 'left' wants display 'DP-9'.*0 = A, 1 = B, 2 = C"):
        place_screens(changed, ["A", "B", "C"])


def test_two_screens_on_one_display_are_refused():
    rig = load_rig("desk_triple")
    same = tuple(screen.model_copy(update={"display": 1}) for screen in rig.screens)
    with pytest.raises(ConfigError, match="are on the same display"):
        place_screens(rig.model_copy(update={"screens": same}), ["A", "B", "C"])


def test_screens_without_a_display_take_what_is_left():
    rig = load_rig("desk_triple")
    free = tuple(screen.model_copy(update={"display": None}) for screen in rig.screens[1:])
    placement = place_screens(rig.model_copy(update={"screens": (rig.screens[0], *free)}), ["A", "B", "C"])
    assert placement.display_of == {"left": 1, "centre": 0, "right": 2}


def test_panes_lie_as_the_driver_sees_them():
    assert pane_order(load_rig("cave")) == ("left", "centre", "right")
