"""Normals, flow and events of made-up pictures whose answer is known."""

from types import SimpleNamespace

import numpy as np
import pytest

from sim.scene.camera import axes, focal
from sim.scene.poses import Pose
from sim.scene.records import CameraView
from sim.sensors.derived_pictures import Before, EventCamera, depth_m, flow_picture, normals_picture

VIEW = CameraView(48, 32, 90.0, 0.0, 0.0, 2.0)
THRESHOLDS = {
    "positive_threshold": "0.3",
    "negative_threshold": "0.3",
    "sigma_positive_threshold": "0.0",
    "sigma_negative_threshold": "0.0",
    "refractory_period_ns": "0",
    "use_log": "true",
    "log_eps": "0.001",
}
EVENT = np.dtype([("x", "<u2"), ("y", "<u2"), ("t", "<i8"), ("pol", "?")])


def depth_picture(depth):
    """BGRA of metres, as the renderer draws it."""
    wide = np.round(depth / 1000.0 * ((1 << 24) - 1)).astype(np.uint32)
    return np.stack([wide >> 16 & 255, wide >> 8 & 255, wide & 255, np.full_like(wide, 255)], axis=-1).astype(np.uint8)


def ground_depth(view):
    """Depth of the ground z = 0 as far as 900 m, the sky beyond."""
    fx, fy = focal(view)
    right = ((np.arange(view.width) + 0.5) * 2.0 / view.width - 1.0) / fx
    up = (1.0 - (np.arange(view.height) + 0.5) * 2.0 / view.height) / fy
    ways = np.stack(np.broadcast_arrays(1.0, right[None, :], up[:, None]), axis=-1) @ axes(
        view.roll, view.pitch, view.yaw
    )
    with np.errstate(divide="ignore"):
        depth = np.where(ways[..., 2] < 0.0, -view.z / ways[..., 2], np.inf)
    return np.where(depth < 900.0, depth, 1000.0)


def test_depth_comes_back_from_its_picture():
    depth = np.array([[0.5, 12.345, 999.0]])
    assert depth_m(depth_picture(depth)) == pytest.approx(depth, abs=1e-3)


@pytest.mark.parametrize("turn", [(0.0, 0.0, 0.0), (0.1, -0.2, 2.0)])
def test_the_grounds_normal_looks_up_however_the_camera_is_turned_and_the_sky_has_none(turn):
    view = CameraView(48, 32, 90.0, 3.0, 4.0, 2.0, *turn)
    depth = ground_depth(view)
    picture = np.frombuffer(normals_picture(view, depth_picture(depth)), np.uint8).reshape(32, 48, 4)
    near = depth < 15.0
    assert near.sum() > 50
    assert np.abs(picture[near][:, :3].astype(int) - [255, 128, 128]).max() <= 2
    assert np.abs(picture[depth == 1000.0][:, :3].astype(int) - 128).max() <= 1


def test_a_wall_ahead_looks_back_at_the_camera():
    picture = np.frombuffer(normals_picture(VIEW, depth_picture(np.full((32, 48), 8.0))), np.uint8)
    assert np.abs(picture.reshape(-1, 4)[:, :3].astype(int) - [128, 128, 0]).max() <= 1


def flow(view, before, poses=None, numbers=None):
    numbers = np.zeros((32, 48, 4), np.uint8) if numbers is None else numbers
    depth = depth_picture(np.full((32, 48), 10.0))
    return np.frombuffer(flow_picture(view, depth, numbers, poses or {}, before), "<f4").reshape(32, 48, 2)


def test_nothing_flows_past_a_camera_that_stands():
    assert np.abs(flow(VIEW, Before(VIEW, {}))).max() < 1e-4


def test_a_wall_flows_left_past_a_camera_that_goes_right():
    """One metre at ten metres is a twentieth of the width of a view of 90 degrees, which is 20 m wide there."""
    before = Before(CameraView(48, 32, 90.0, 0.0, -1.0, 2.0), {})
    moved = flow(VIEW, before)
    assert moved[..., 0] == pytest.approx(np.full((32, 48), -0.05), abs=1e-4)
    assert np.abs(moved[..., 1]).max() < 1e-4


def test_an_actor_flows_by_its_own_motion_and_what_is_beside_it_stands():
    numbers = np.zeros((32, 48, 4), np.uint8)
    numbers[:, :10, 1], numbers[:, :10, 0] = 300 & 255, 300 >> 8
    before = Before(VIEW, {300: Pose(10.0, -8.0, 2.0)})
    moved = flow(VIEW, before, {300: Pose(10.0, -8.0, 3.0)}, numbers)
    assert moved[:, 10:] == pytest.approx(0.0, abs=1e-4)
    # A metre up: upwards in the picture is against its rows, whose height is two thirds of the width.
    assert moved[:, :10, 1] == pytest.approx(np.full((32, 10), -0.05 * 48 / 32), abs=1e-4)


def picture(level):
    return np.full((4, 6, 4), level, np.uint8)


def test_a_pixel_that_brightens_sends_an_event_for_each_threshold_it_crosses():
    camera = EventCamera(SimpleNamespace(attributes=THRESHOLDS))
    assert camera.events(picture(50), 1.0) is None
    assert camera.events(picture(50), 1.05) is None
    brighter = picture(50)
    brighter[2, 3] = 100  # log(2) = 0.69: two thresholds of 0.3
    events = np.frombuffer(camera.events(brighter, 1.1), EVENT)
    assert events[["x", "y"]].tolist() == [(3, 2), (3, 2)]
    assert events["pol"].all()
    assert 1_050_000_000 < events["t"][0] < events["t"][1] < 1_100_000_000
    # Back again: the level that was crossed last is met, and the one below.
    back = np.frombuffer(camera.events(picture(50), 1.15), EVENT)
    assert not back["pol"].any()
    assert len(back) == 1


def test_a_refractory_pixel_is_silent():
    slow = EventCamera(SimpleNamespace(attributes=THRESHOLDS | {"refractory_period_ns": "1000000000"}))
    slow.events(picture(50), 1.0)
    first = np.frombuffer(slow.events(picture(200), 1.05), EVENT)
    assert len(first) == 4 * 6  # of four thresholds crossed, the first of each pixel
    assert slow.events(picture(20), 1.1) is None


def test_thresholds_must_be_above_zero():
    with pytest.raises(ValueError, match="above 0"):
        EventCamera(SimpleNamespace(attributes=THRESHOLDS | {"positive_threshold": "0.0"}))
