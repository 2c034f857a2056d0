"""The inside of the car: which cameras it is drawn for, what the driver sees, and what all others see instead."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sim.render.models.cabin import driver_eye, is_driver_eye
from sim.scene.labels import Tag
from sim.scene.records import CameraView, DrawnActor, SceneState, Shows

SEDAN = (2.4462, 0.9184, 0.7454)
EGO = DrawnActor(7, "vehicle.lincoln.mkz_2020", -150.0, 1.75, 0.0, 0.0, 0.0, 0.0, SEDAN, colour_rgb=(200, 20, 20))
EYE = driver_eye(SEDAN)
VIEW = CameraView(320, 180, 90.0, EGO.x + EYE[0], EGO.y + EYE[1], EGO.z + EYE[2], hidden_actor_id=7, cabin=True)


def picture(renderer, view: CameraView = VIEW, ego: DrawnActor = EGO) -> np.ndarray:
    (image,) = renderer.draw(SceneState((ego,)), [view])
    return image[..., 2::-1].astype(int)


@pytest.mark.parametrize("mount_m", [(0.35, -0.33, 1.33), (0.45, -0.20, 1.40)])
def test_the_drivers_eye_of_the_shipped_rigs_sees_the_cabin(mount_m):
    assert is_driver_eye(SEDAN, mount_m)


@pytest.mark.parametrize("mount_m", [(1.2, 0.0, 1.6), (-1.6, 0.0, 1.35), (0.7, -0.95, 1.05), (0.0, 0.0, 0.7)])
def test_other_places_of_a_car_do_not(mount_m):
    assert not is_driver_eye(SEDAN, mount_m)


def test_buses_and_bicycles_have_no_cabin():
    for extent_m in ((5.0, 1.5, 1.9), (0.8, 0.2, 0.6)):
        assert not is_driver_eye(extent_m, driver_eye(extent_m))


def test_the_road_ahead_stays_free_and_the_bonnet_shows_the_cars_colour(renderer):
    inside, outside = picture(renderer), picture(renderer, replace(VIEW, cabin=False))
    ahead = np.s_[60:105, 90:200]
    assert (inside[ahead] == outside[ahead]).all()
    bonnet = inside[140:150, 150:200].reshape(-1, 3)
    assert (bonnet[:, 0] > 2 * bonnet[:, 2]).mean() > 0.5


def test_the_steering_wheel_turns_with_the_front_wheels(renderer):
    down = replace(VIEW, pitch=-0.5)
    straight, left, right = (picture(renderer, down, replace(EGO, steer_rad=a)) for a in (0.0, -0.06, 0.06))
    changed = [np.abs(one - straight).sum(axis=2) > 30 for one in (left, right)]
    assert all(mask.sum() > 60 for mask in changed)
    assert (left != right).any()


def test_nobody_else_sees_the_inside(renderer):
    outside = CameraView(320, 180, 90.0, EGO.x - 8.0, EGO.y, 1.6)
    together = renderer.draw(SceneState((EGO,)), [VIEW, outside])[1]
    assert (together == renderer.draw(SceneState((EGO,)), [outside])[0]).all()
    other = replace(VIEW, hidden_actor_id=8, cabin=True)
    neighbour = replace(EGO, actor_id=8, y=EGO.y + 40.0)
    scene = SceneState((EGO, neighbour))
    both = renderer.draw(scene, [VIEW, replace(other, y=VIEW.y + 40.0)])[0]
    assert (both == renderer.draw(scene, [VIEW])[0]).all()


def test_depth_and_tags_show_the_same_cabin(renderer):
    tags, depth = renderer.draw(SceneState((EGO,)), [replace(VIEW, shows=s) for s in (Shows.TAG, Shows.DEPTH)])
    dash = np.s_[165:178, 200:300]
    assert (tags[..., 2][dash] == Tag.CAR).all()
    metres = depth[..., :3][dash].astype(float) @ np.array([65536.0, 256.0, 1.0]) / (256**3 - 1) * 1000.0
    assert 0.3 < metres.min() < metres.max() < 1.6
