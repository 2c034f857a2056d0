"""Rig files: the shipped ones are valid, and the error for a wrong one names file, key and what would be right."""

from __future__ import annotations

import pytest
import yaml

from cockpit.config import ConfigError
from cockpit.rig.rig import load_rig, rig_names, rig_path

GOOD = {
    "name": "mine",
    "eye_in_vehicle_m": [0.35, -0.33, 1.33],
    "screens": [
        {"name": "centre", "position_m": [0.6, 0.0, 0.0], "size_m": [0.6, 0.34], "resolution_px": [640, 360]},
    ],
}


def written(tmp_path, **changes):
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump({**GOOD, **changes}, sort_keys=False))
    return path


def screen(**changes):
    return {**GOOD["screens"][0], **changes}


@pytest.mark.parametrize("name", rig_names())
def test_every_shipped_rig_gives_one_camera_a_screen_and_mirror(name):
    rig = load_rig(name)
    assert [camera.name for camera in rig.cameras()] == [shown.name for shown in (*rig.screens, *rig.mirrors)]
    assert rig.hud_screen_name() == "centre"


def test_a_rig_file_of_ones_own_is_read_by_path(tmp_path):
    assert load_rig(written(tmp_path)).name == "mine"


@pytest.mark.parametrize(
    ("changes", "key", "advice"),
    [
        ({"screens": [screen(resolution_pixels=[1, 2])]}, "resolution_pixels", "did you mean 'resolution_px'"),
        ({"screens": [screen(size_m=[0.6, -1])]}, "screens.0.size_m.1", "greater than 0"),
        ({"screens": [screen(name="Left Screen")]}, "screens.0.name", "match pattern"),
        ({"screens": [screen(position_m=[0.6, 0.0])]}, "screens.0.position_m", "missing"),
        ({"screens": [screen(), screen()]}, "screens", "give every screen its own name"),
        ({"screens": [screen(name="front")]}, "front", "call the screen e.g. 'centre'"),
        ({"screens": [screen(yaw_deg=180)]}, "centre", "yaw_deg is the direction"),
        ({"hud_screen": "middle"}, "hud_screen", "there are centre"),
        ({"screens": []}, "screens", "at least 1"),
    ],
)
def test_a_wrong_rig_names_file_key_and_what_would_be_right(tmp_path, changes, key, advice):
    path = written(tmp_path, **changes)
    with pytest.raises(ConfigError) as caught:
        load_rig(path)
    message = str(caught.value)
    assert str(path) in message
    assert key in message
    assert advice in message


def test_a_wrong_value_is_reported_with_its_line(tmp_path):
    path = tmp_path / "rig.yaml"
    path.write_text("name: x\neye_in_vehicle_m: [0, 0, 1]\nscreens:\n  - name: centre\n    size_m: wide\n")
    with pytest.raises(ConfigError, match=r"rig\.yaml:5: 'screens\.0\.size_m'"):
        load_rig(path)


def test_an_unknown_rig_names_those_there_are():
    with pytest.raises(ConfigError, match=r"no rig 'tripel'.*cave, cave_floor, .*desk_triple, single"):
        rig_path("tripel")


def test_a_file_that_is_no_yaml_is_refused(tmp_path):
    path = tmp_path / "rig.yaml"
    path.write_text("name: [unclosed")
    with pytest.raises(ConfigError, match="is not valid YAML"):
        load_rig(path)
