"""Settings of the drivers, vehicle by vehicle, and what they change of the drive."""

import numpy as np
import pytest

from sim.traffic.car_following import equilibrium_gap_m
from sim.world.collisions import Obstacles
from tests.sim.map.small_roads import straight_road
from tests.sim.traffic.town_scene import HALF_M, Scene


def test_follower_settles_at_the_equilibrium_gap():
    scene = Scene.on(straight_road(1500.0, limit_kmh=60.0))
    scene.put(1, 0, 60.0, 10.0)
    scene.put(2, 0, 20.0, 10.0)
    scene.traffic.set_desired_speed(1, 10.0)
    scene.traffic.set_percentage_speed_difference(2, 0.0)
    scene.step(60.0)
    v = scene.vehicles
    gap = float(v.x[0] - v.x[1]) - 2 * HALF_M
    assert v.vx_body == pytest.approx([10.0, 10.0], abs=0.15)
    assert gap == pytest.approx(equilibrium_gap_m(float(v.vx_body[0]), 60.0 / 3.6), rel=0.05)


def test_distance_to_leading_vehicle_is_kept_at_standstill():
    for distance_m in (2.0, 6.0):
        scene = Scene.on(straight_road(400.0))
        scene.put(1, 0, 200.0, driven=False)
        scene.put(2, 0, 100.0)
        scene.traffic.set_distance_to_leading_vehicle(2, distance_m)
        scene.step(25.0)
        gap = float(scene.vehicles.x[0] - scene.vehicles.x[1]) - 2 * HALF_M
        assert gap == pytest.approx(distance_m, abs=0.8)


def test_speed_difference_and_desired_speed_hold_on_a_free_road():
    scene = Scene.on(straight_road(2000.0, limit_kmh=50.0, lanes=3))
    for actor_id, lane in ((1, 0), (2, 1), (3, 2)):
        scene.put(actor_id, lane, 20.0)
    scene.traffic.set_global_percentage_speed_difference(0.0)
    scene.traffic.set_percentage_speed_difference(2, 40.0)
    scene.traffic.set_desired_speed(3, 20.0)
    scene.step(30.0)
    assert scene.vehicles.vx_body == pytest.approx([50.0 / 3.6, 0.6 * 50.0 / 3.6, 20.0], abs=0.4)


def test_desired_speed_of_zero_stands():
    scene = Scene.on(straight_road(400.0))
    scene.put(1, 0, 20.0, 5.0)
    scene.traffic.set_desired_speed(1, 0.0)
    scene.step(8.0)
    assert scene.vehicles.speed()[0] < 0.05


def test_collision_detection_switched_off_makes_a_car_blind_to_one_other():
    scene = Scene.on(straight_road(400.0))
    scene.put(1, 0, 150.0, driven=False)
    scene.put(2, 0, 80.0)
    scene.traffic.set_collision_detection(2, 1, False)
    scene.step(15.0)
    assert {(c.a, c.b) for c in scene.contacts} == {(1, 2)}


def test_lane_offset_is_driven():
    scene = Scene.on(straight_road(400.0))
    scene.put(1, 0, 20.0)
    scene.traffic.set_lane_offset(1, 0.6)
    scene.step(15.0)
    assert scene.vehicles.y[0] == pytest.approx(1.75 + 0.6, abs=0.05)


def test_a_car_that_ignores_walkers_hits_one_who_stands_there():
    scene = Scene.on(straight_road(400.0))
    scene.put(1, 0, 20.0, 10.0)
    columns = (100.0, 1.75, 0.0, 0.3, 0.3, 75.0, 0.0, 0.0, 0.0, 1.8)
    scene.obstacles = Obstacles(np.array([9]), *(np.array([c]) for c in columns), meets_statics=np.array([True]))
    scene.traffic.set_percentage_ignore_walkers(1, 100.0)
    scene.step(12.0)
    assert {(c.a, c.b) for c in scene.contacts} == {(1, 9)}
