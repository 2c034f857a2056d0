"""What a policy is asked from: the past, the pictures and the target points."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.vla.checkpoint import (
    CameraSettings,
    CheckpointError,
    HistorySettings,
    PolicySettings,
    read_settings,
    write_settings,
)
from policy.vla.observation import ObservationError, observation_at, past_of, prompt_of
from recorder.schema import EventKind, Pose, TickEvent
from tests.recorder.tick_strategies import plain_tick

FRONT = CameraSettings(width=32, height=24)
ONE = PolicySettings(cameras={"front": FRONT}, target_distances_m=(10.0, 25.0))
HISTORY = HistorySettings(pictures=4, step_s=0.5, poses=2)
TWENTY_HZ = [round(0.05 * number, 6) for number in range(100)]


def turned(frame: int):
    """A tick whose ego looks along y, on a route straight ahead of it."""
    tick = plain_tick(frame)
    ahead = np.column_stack([np.full(80, 3.0), np.arange(80.0), np.zeros(80), np.full(80, math.pi / 2)])
    return dataclasses.replace(
        tick,
        ego=dataclasses.replace(
            tick.ego, pose=Pose(3.0, 0.1 * frame, yaw=math.pi / 2), acceleration_mps2=(0.5, 2.0, 0.0)
        ),
        route=dataclasses.replace(tick.route, ahead_world=ahead.astype(np.float32)),
    )


def test_the_past_is_what_lay_so_long_ago():
    past = past_of(TWENTY_HZ, [False] * 100, HISTORY)
    assert past.is_whole
    assert past.rows == (69, 79, 89, 99)


def test_before_the_first_tick_the_first_one_stands_for_the_past():
    past = past_of(TWENTY_HZ[:15], [False] * 15, HISTORY)
    assert not past.is_whole
    assert past.rows == (0, 0, 4, 14)


def test_nothing_before_a_scene_was_set_back_is_its_past():
    restarts = [number == 90 for number in range(100)]
    past = past_of(TWENTY_HZ, restarts, HISTORY)
    assert past.is_whole
    assert past.rows == (90, 90, 90, 99)


@given(st.lists(st.floats(0.01, 0.4), min_size=1, max_size=60), st.integers(1, 6), st.integers(0, 6))
def test_every_past_is_in_order_and_ends_with_the_newest(steps, pictures, poses):
    times_s = np.cumsum(steps).tolist()
    history = HistorySettings(pictures=pictures, step_s=0.3, poses=poses)
    past = past_of(times_s, [False] * len(times_s), history)
    assert len(past.rows) == 1 + max(pictures - 1, poses)
    assert list(past.rows) == sorted(past.rows)
    assert past.rows[-1] == len(times_s) - 1
    assert past.is_whole == (times_s[-1] - times_s[0] + 1e-3 >= (len(past.rows) - 1) * 0.3)


def test_numbers_are_in_the_egos_frame():
    seen = observation_at([turned(frame) for frame in range(40)], ONE.model_copy(update={"history": HISTORY}))
    assert seen.acceleration_mps2 == pytest.approx((2.0, -0.5))
    assert seen.targets_ego == pytest.approx(np.array([[6.1, 0.0], [21.1, 0.0]]), abs=1e-5)
    assert seen.motion_ego == pytest.approx(np.array([[-2.0, 0.0, 0.0], [-1.0, 0.0, 0.0]]), abs=1e-6)
    assert [int(picture[0, 0, 0]) for picture in seen.images] == [29, 39, 49, 59]


def test_beyond_the_routes_end_its_end_is_the_target():
    tick = turned(0)
    short = dataclasses.replace(tick, route=dataclasses.replace(tick.route, ahead_world=tick.route.ahead_world[:5]))
    assert observation_at([short], ONE).targets_ego[:, 0] == pytest.approx([4.0, 4.0])


def test_the_prompt_names_the_targets_where_the_policy_has_them():
    ticks = [turned(0)]
    without = prompt_of(observation_at(ticks, ONE.model_copy(update={"target_distances_m": ()})))
    assert without == "Speed 10.0 m/s, limit 50. Route: turn left in 10 m."
    assert prompt_of(observation_at(ticks, ONE)) == without[:-1] + ", by (10.0, 0.0) (25.0, 0.0)."


def test_pictures_come_in_the_settings_order_at_the_cameras_sizes():
    cameras = {"policy_right": CameraSettings(width=16, height=8), "front": FRONT}
    tick = plain_tick(7)
    both = {"front": tick.cameras["front"], "policy_right": dataclasses.replace(tick.cameras["left"])}
    seen = observation_at([dataclasses.replace(tick, cameras=both)], ONE.model_copy(update={"cameras": cameras}))
    assert [picture.shape for picture in seen.images] == [(8, 16, 3), (24, 32, 3)]


def test_a_missing_picture_is_named():
    with pytest.raises(ObservationError, match="tick 7 has no picture of camera 'front'"):
        observation_at([plain_tick(7, pictures=False)], ONE)


def test_the_event_of_setting_back_is_what_cuts_the_past():
    ticks = [turned(frame) for frame in range(40)]
    ticks[30] = dataclasses.replace(ticks[30], events=(TickEvent(EventKind.REWIND, "set back"),))
    seen = observation_at(ticks, ONE.model_copy(update={"history": HISTORY}))
    assert [int(picture[0, 0, 0]) for picture in seen.images] == [50, 50, 50, 59]


def test_a_file_of_one_camera_is_read_as_it_was_meant(tmp_path):
    old = {"name": "small", "camera": {"width": 192, "height": 96}, "codebook": "codebook.npy", "horizon": 6}
    (tmp_path / "policy.json").write_text(json.dumps(old))
    settings = read_settings(tmp_path)
    assert (list(settings.cameras), settings.picture_count, settings.target_distances_m) == (["front"], 1, ())
    write_settings(tmp_path, settings)
    assert read_settings(tmp_path) == settings


def test_new_policies_know_two_points_of_the_route_by_default():
    assert len(PolicySettings().target_distances_m) == 2


@pytest.mark.parametrize("names", [["left"], ["policy_left"], ["front", "centre"]])
def test_names_that_screens_may_have_are_refused(tmp_path, names):
    (tmp_path / "policy.json").write_text(json.dumps({"cameras": {name: {} for name in names}}))
    with pytest.raises(CheckpointError, match=r"`cameras`.*must be called 'front'"):
        read_settings(tmp_path)
