"""Changing lanes: to overtake, on a client's command, to keep right."""

import pytest

from tests.sim.map.small_roads import straight_road
from tests.sim.traffic.town_scene import Scene


def test_slow_car_is_overtaken_where_there_is_a_second_lane():
    scene = Scene.on(straight_road(900.0, lanes=2))
    scene.put(1, 1, 80.0, 3.0)
    scene.put(2, 1, 20.0, 8.0)
    scene.traffic.set_desired_speed(1, 3.0)
    scene.step(25.0)
    assert scene.contacts == []
    assert scene.vehicles.x[1] > scene.vehicles.x[0] + 20.0
    assert scene.vehicles.y[1] == pytest.approx(1.75, abs=0.3)


def test_without_auto_lane_change_one_stays_behind():
    scene = Scene.on(straight_road(900.0, lanes=2))
    scene.put(1, 1, 80.0, 3.0)
    scene.put(2, 1, 20.0, 8.0)
    scene.traffic.set_desired_speed(1, 3.0)
    scene.traffic.set_auto_lane_change(2, False)
    scene.step(25.0)
    assert scene.vehicles.x[1] < scene.vehicles.x[0]
    assert scene.vehicles.y[1] == pytest.approx(5.25, abs=0.1)


def test_forced_lane_change_waits_for_a_gap():
    scene = Scene.on(straight_road(900.0, lanes=2))
    scene.put(1, 0, 50.0, 8.0)
    scene.put(2, 1, 50.0, 8.0)
    for actor_id in (1, 2):
        scene.traffic.set_desired_speed(actor_id, 8.0)
    scene.traffic.set_force_lane_change(1, True)
    scene.step(10.0)
    assert scene.vehicles.y[0] == pytest.approx(1.75, abs=0.1)
    scene.traffic.set_desired_speed(2, 3.0)
    scene.step(15.0)
    assert scene.vehicles.y[0] == pytest.approx(5.25, abs=0.1)
    assert scene.contacts == []


def test_keep_right_percentage_brings_cars_back_to_the_right_lane():
    scene = Scene.on(straight_road(1500.0, lanes=2))
    scene.put(1, 0, 20.0, 10.0)
    scene.put(2, 0, 60.0, 10.0)
    scene.traffic.set_keep_right_percentage(1, 100.0)
    scene.step(60.0)
    assert scene.vehicles.y == pytest.approx([5.25, 1.75], abs=0.1)
