"""Doors that stand open: cameras and LiDAR see the same door, and closed ones change nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sim.rays.scene import RayScene
from sim.scene.records import CameraView, DrawnActor, SceneState, Shows

BEHIND = CameraView(320, 180, 90.0, x=-150.0, y=-1.75, z=1.6)
SEDAN = (2.4462, 0.9184, 0.7454)
CAR = DrawnActor(7, "vehicle.lincoln.mkz_2020", -141.0, 1.75, 0.0, 0.0, 0.0, 0.0, SEDAN)
FRONT_LEFT, FRONT_RIGHT = 1, 2


def own_pixels(renderer, car: DrawnActor) -> np.ndarray:
    (image,) = renderer.draw(SceneState((car,)), [replace(BEHIND, shows=Shows.INSTANCE)])
    return image[..., 1] == 7


def test_an_open_door_reaches_over_the_side_of_its_car(renderer):
    shut, left, right = (own_pixels(renderer, replace(CAR, doors_open=k)) for k in (0, FRONT_LEFT, FRONT_RIGHT))
    reach = [np.nonzero(mask)[1] for mask in (shut, left, right)]
    assert reach[1].min() < reach[0].min() - 5  # seen from the left rear
    assert left.sum() > shut.sum() + 40
    assert right.sum() < left.sum()


def test_lidar_meets_the_open_door_where_the_camera_sees_it(renderer):
    rays = RayScene(renderer.town, [])
    start, ahead = np.array([-150.0, 0.35, 0.75]), np.array([[1.0, 0.0, 0.0]])
    shut = rays.cast(start, ahead, 20.0, [CAR]).actor_id
    opened = rays.cast(start, ahead, 20.0, [replace(CAR, doors_open=FRONT_LEFT)])
    assert shut[0] == 0
    assert opened.actor_id[0] == 7
    assert abs(opened.distance_m[0] - 9.0) < 1.5
