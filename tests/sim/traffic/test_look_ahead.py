"""Drivers look as far ahead as they need to slow down gently, and a plan that is done stays done."""

import carla
import numpy as np
import pytest

from sim.map.signals import LightState
from tests.sim.map.small_roads import two_part_road
from tests.sim.traffic.town_scene import DT, Scene

GENTLE_MPS2 = 2.3
"""Comfortable braking, and a little for the pedals."""


def hardest_braking(scene: Scene, seconds: float) -> float:
    """Of the first vehicle, m/s², after a second in which its speed settles."""
    scene.step(1.0)
    hardest = 0.0
    for _ in range(round(seconds / DT)):
        before = float(scene.vehicles.vx_body[0])
        scene.step()
        if before > 1.0:
            hardest = max(hardest, (before - float(scene.vehicles.vx_body[0])) / DT)
    return hardest


@pytest.mark.parametrize("kmh", [60, 100, 130])
def test_a_driver_has_slowed_to_the_limit_where_it_begins(kmh):
    """From 100 km/h to 30 that takes 220 m at 1.6 m/s²."""
    scene = Scene.on(carla.Map("two", two_part_road(1000.0, kmh, lanes=1, second_kmh=30.0)))
    scene.put(1, 0, 300.0, kmh / 3.6)
    scene.traffic.set_percentage_speed_difference(1, 0.0)
    scene.step(1.0)
    while scene.vehicles.x[0] < 1000.0:
        scene.step()
    assert 3.6 * scene.vehicles.vx_body[0] < 40.0


@pytest.mark.parametrize("kmh", [50, 100])
def test_a_driver_stops_gently_at_a_red_light(kmh):
    scene = Scene.on(carla.Map("two", two_part_road(1000.0, kmh, lanes=1, light_at_m=900.0)))
    scene.show(LightState.RED)
    scene.put(1, 0, 400.0, kmh / 3.6)
    assert hardest_braking(scene, 60.0) < GENTLE_MPS2
    assert 890.0 < scene.vehicles.x[0] < 900.0


def test_a_driver_stops_gently_behind_a_car_that_stands_far_ahead():
    scene = Scene.on(carla.Map("two", two_part_road(1000.0, 100.0, lanes=1)))
    scene.put(1, 0, 200.0, 100.0 / 3.6)
    scene.put(2, 0, 800.0, driven=False)
    assert hardest_braking(scene, 60.0) < 4.0
    assert 785.0 < scene.vehicles.x[0] < 800.0


@pytest.mark.parametrize("at_once", [True, False])
def test_a_car_whose_path_is_done_stays_in_the_lane_to_which_it_is_moved(at_once):
    scene = Scene.on(carla.Map("two", two_part_road(1000.0, 50.0)))
    lane, s = scene.lanes.nearest(100.0, 1.75, 0.0)
    scene.put(1, lane, s, 10.0)
    scene.traffic.set_path(1, np.array([[120.0, 1.75, 0.0], [180.0, 1.75, 0.0]]), at_once)
    scene.step(12.0)
    assert scene.vehicles.x[0] > 200.0
    x = float(scene.vehicles.x[0])
    scene.vehicles.set_pose(1, x, 8.75, 0.0)
    for _ in range(200):
        scene.step()
        assert abs(scene.vehicles.y[0] - 8.75) < 0.5


def test_a_car_at_the_very_beginning_of_its_lane_drives_as_far_as_it_goes():
    scene = Scene.on(carla.Map("two", two_part_road(1000.0, 50.0, lanes=1)))
    scene.put(1, 1, 0.0, 10.0)
    for _ in range(40):
        scene.step()
        driven_m = float(scene.vehicles.x[0]) - 1000.0
        assert scene.traffic._odometer[0] == pytest.approx(driven_m, abs=1.0)
