"""Cars behind what stands in the only lane of their direction: they go round it when the other lane is free."""

import numpy as np
import pytest

from sim.map.signals import LightState
from sim.world.collisions import Obstacles
from tests.sim.map.small_roads import two_way_road
from tests.sim.traffic.town_scene import DT, HALF_M, Scene

BACK, ON = 0, 1
"""Lanes of `two_way_road`."""
ROAD_M = 1200.0


def road(**options) -> Scene:
    return Scene.on(two_way_road(ROAD_M, **options))


def put_six(scene: Scene, before_m: float) -> None:
    for k in range(6):
        scene.put(10 + k, ON, before_m - 12.0 * k, 5.0)


def passed(scene: Scene, place_m: float) -> int:
    """How many of the six are beyond a place."""
    return int(sum(scene.vehicles.x[scene.vehicles.slot(10 + k)] > place_m for k in range(6)))


@pytest.mark.parametrize(("oncoming", "apart_m"), [(0, 0.0), (5, 60.0), (20, 25.0), (40, 14.0)])
def test_six_cars_pass_an_accident_within_three_minutes(oncoming, apart_m):
    scene = road()
    for actor_id, s in ((1, 300.0), (2, 306.0)):
        scene.put(actor_id, ON, s, driven=False)
    put_six(scene, 200.0)
    for k in range(oncoming):
        scene.put(30 + k, BACK, 300.0 + apart_m * k, 8.0)
    scene.step(180.0)
    assert scene.contacts == []
    assert passed(scene, 320.0) == 6


def test_cars_that_stand_too_near_behind_one_that_stopped_back_up_and_pass():
    scene = road()
    scene.put(1, ON, 330.0, 8.0, driven=False)
    put_six(scene, 315.0)
    scene.vehicles.brake[0] = 0.8
    scene.step(180.0)
    assert scene.contacts == []
    assert passed(scene, float(scene.vehicles.x[0]) + 10.0) == 6


def test_a_row_of_cones_is_passed_and_a_walker_beside_it_is_not_touched():
    scene = road()
    put_six(scene, 200.0)
    places = [(300.0 + 3.0 * k, 1.2 + 0.3 * k, 0.2, 0.2, np.inf) for k in range(4)] + [(304.0, -2.0, 0.3, 0.3, 75.0)]
    x, y, half_length, half_width, mass = (np.array(column) for column in zip(*places, strict=True))
    still, high = np.zeros(5), np.full(5, 1.0)
    ids, meets = np.arange(90, 95), np.ones(5, bool)
    scene.obstacles = Obstacles(ids, x, y, still, half_length, half_width, mass, still, still, still, high, meets)
    scene.step(30.0)
    assert passed(scene, 320.0) == 0
    scene.obstacles.y[4] = -8.0
    scene.step(60.0)
    assert scene.contacts == []
    assert passed(scene, 320.0) == 6


def test_a_queue_before_a_red_light_is_not_passed():
    scene = road(light_at_m=600.0)
    scene.show(LightState.RED)
    scene.put(1, ON, 597.0 - HALF_M, driven=False)
    put_six(scene, 580.0)
    beside_m = 0.0
    for _ in range(round(90.0 / DT)):
        scene.step()
        beside_m = max(beside_m, float(np.abs(scene.vehicles.y - 1.75).max()))
    assert beside_m < 0.3
    assert scene.contacts == []


def test_without_auto_lane_change_one_waits():
    scene = road()
    scene.put(1, ON, 300.0, driven=False)
    scene.put(10, ON, 200.0, 5.0)
    scene.traffic.set_auto_lane_change(10, False)
    scene.step(60.0)
    assert scene.vehicles.x[1] < 300.0


def test_nobody_swings_out_where_a_client_s_car_comes_too_fast():
    scene = road(limit_kmh=100.0)
    scene.put(1, ON, 300.0, driven=False)
    scene.put(10, ON, 270.0)
    scene.put(2, BACK, ROAD_M - 560.0, 30.0, driven=False)
    for _ in range(round(12.0 / DT)):
        scene.vehicles.vx_body[2] = 30.0
        scene.step()
    assert scene.contacts == []
    scene.vehicles.vx_body[2] = 0.0
    scene.step(30.0)
    assert scene.vehicles.x[1] > 320.0


def test_two_accidents_on_both_sides_do_not_lock_the_road():
    scene = road()
    scene.put(1, ON, 300.0, driven=False)
    scene.put(2, BACK, ROAD_M - 340.0, driven=False)
    put_six(scene, 250.0)
    for k in range(6):
        scene.put(20 + k, BACK, ROAD_M - 400.0 - 12.0 * k, 5.0)
    scene.step(180.0)
    assert scene.contacts == []
    assert passed(scene, 350.0) == 6
    assert all(scene.vehicles.x[scene.vehicles.slot(20 + k)] < 280.0 for k in range(6))


def test_the_same_calls_give_the_same_bits():
    states = []
    for _ in range(2):
        scene = road()
        scene.put(1, ON, 300.0, driven=False)
        put_six(scene, 280.0)
        scene.step(40.0)
        states.append(scene.state())
    assert states[0] == states[1]


def test_a_parked_car_is_passed_in_the_town_too():
    scene = Scene()
    two_way = scene.traffic._passing._two_way  # which lanes of the town are such roads
    lane = next(n for n in scene.lanes.lanes if two_way.side(n.index) and n.length_m > 130.0)
    scene.put(1, lane.index, 65.0, driven=False)
    for k in range(3):
        scene.put(10 + k, lane.index, 40.0 - 12.0 * k)
    x, y, yaw = scene.lanes.at(lane.index, 72.0)
    gone = set()
    for _ in range(round(60.0 / DT)):
        scene.step()
        ahead = np.cos(yaw) * (scene.vehicles.x - x) + np.sin(yaw) * (scene.vehicles.y - y)
        gone |= set(np.nonzero(ahead > 0.0)[0].tolist())
    assert scene.contacts == []
    assert gone == {1, 2, 3}
