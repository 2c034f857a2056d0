"""The parts of the window that need no Qt window: choices, texts, the town as numbers."""

from __future__ import annotations

import os

import numpy as np
import pytest

from app.config import DriverChoice, RunConfig
from app.gui.common.choices import driver_options, folders_with, policy_choices, route_choices
from app.gui.common.errors import error_words
from app.gui.common.parts import answer_words
from app.gui.common.town_plan import plan_from_opendrive, route_preview
from cockpit.assets import asset
from cockpit.config import ConfigError
from recorder.schema import Direction, Plan, SpeedAction


@pytest.fixture(scope="module")
def town():
    return plan_from_opendrive("millbrook", asset("maps", "millbrook.xodr").read_text(encoding="utf-8"))


def test_an_answer_is_read_out_with_its_actions_as_numbers():
    text = "Direction: FOLLOW_LANE\nSpeed: KEEP\n<act_7><act_12>"
    plan = Plan(1, 0.0, Direction.FOLLOW_LANE, SpeedAction.KEEP, (7, 12), np.zeros((2, 3), np.float32), text)
    assert answer_words(plan) == "Direction: FOLLOW_LANE\nSpeed: KEEP\nActions: 7 12"


def test_folders_are_found_newest_first_and_stores_are_not_searched(tmp_path):
    for number, name in enumerate(("old", "new/deep", "segment.zarr/inside")):
        folder = tmp_path / name
        folder.mkdir(parents=True)
        (folder / "session.json").write_text("{}")
        os.utime(folder / "session.json", (number, number))
    assert folders_with("session.json", tmp_path) == [tmp_path / "new" / "deep", tmp_path / "old"]


def test_a_folder_that_is_not_there_holds_nothing(tmp_path):
    assert folders_with("session.json", tmp_path / "nowhere") == []


def test_policies_of_rounds_are_offered_beside_the_shipped_ones(tmp_path):
    made = tmp_path / "round" / "merged"
    made.mkdir(parents=True)
    (made / "policy.json").write_text("{}")
    assert policy_choices(tmp_path)[-1] == made


def test_there_is_always_a_random_route_and_somebody_to_drive():
    assert route_choices()[0].file is None
    usable = [option.driver for option in driver_options() if option.is_usable]
    assert {DriverChoice.KEYBOARD, DriverChoice.EXPERT, DriverChoice.NONE} <= set(usable)


def test_an_unreadable_route_file_is_left_out_of_the_choices(tmp_path):
    broken = tmp_path / "broken.xml"
    broken.write_text("<routes>")
    assert route_choices((broken,)) == route_choices()


def test_lanes_of_the_town_have_their_borders_on_the_right_sides(town):
    """Seen in the direction of travel; y grows to the right of x in CARLA's world."""
    for lane in town.lanes:
        along, across = lane.centre[-1] - lane.centre[-2], lane.right[-1] - lane.left[-1]
        assert along[0] * across[1] - along[1] * across[0] > 0
        assert np.linalg.norm(across) == pytest.approx(3.5, abs=0.6)


def test_the_town_is_as_large_as_its_roads(town):
    left, top, right, bottom = town.bounds()
    assert 200 < right - left < 1500
    assert 200 < bottom - top < 1500


def test_the_preview_is_the_route_that_the_seed_drives(town):
    one, same, other = (route_preview(town, None, None, seed, 400.0) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one, same)
    assert one.shape != other.shape or not np.array_equal(one, other)
    assert np.linalg.norm(np.diff(one, axis=0), axis=1).sum() == pytest.approx(400.0, abs=60.0)


def test_a_text_that_is_no_town_is_one_message():
    with pytest.raises(ConfigError, match="town nowhere"):
        plan_from_opendrive("nowhere", "<OpenDRIVE><header/></OpenDRIVE>")


def test_an_error_is_shown_in_its_own_words():
    with pytest.raises(ValueError) as caught:  # noqa: PT011  pydantic's, whose words are what is looked at
        RunConfig(policy=None, driver=DriverChoice.EXPERT)
    assert error_words(caught.value).startswith("driver")
    assert "validation error" not in error_words(caught.value)
    assert error_words(OSError("no room")) == "no room"
    assert error_words(ValueError()) == "ValueError"
