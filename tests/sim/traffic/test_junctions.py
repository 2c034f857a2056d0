"""Lights and junctions: who stops, who goes, and that a client's car does not block them for good."""

import numpy as np

from sim.map.signals import LightState
from tests.sim.map.small_roads import straight_road
from tests.sim.traffic.town_scene import DT, HALF_M, LANES, Scene, pose


def test_red_light_stops_a_car_before_the_line_and_green_lets_it_go():
    scene = Scene.on(straight_road(600.0, light_at_m=200.0))
    scene.put(1, 0, 20.0)
    scene.show(LightState.RED)
    scene.step(30.0)
    front = float(scene.vehicles.x[0]) + HALF_M
    assert 198.0 < front < 200.0
    assert scene.vehicles.speed()[0] < 0.05
    scene.show(LightState.GREEN)
    scene.step(8.0)
    assert scene.vehicles.x[0] > 210.0


def test_yellow_stops_who_can_stop_and_lets_pass_who_cannot():
    for before_m, passes in ((40.0, False), (8.0, True)):
        scene = Scene.on(straight_road(600.0, light_at_m=200.0))
        scene.put(1, 0, 200.0 - HALF_M - before_m, 12.0)
        scene.show(LightState.YELLOW)
        scene.step(8.0)
        assert (scene.vehicles.x[0] + HALF_M > 200.0) == passes


def test_a_car_set_to_run_lights_runs_them():
    scene = Scene()
    line = scene.signals.lights[0].stop_lines[0]
    for actor_id, lane in ((1, line.lane), (2, scene.signals.lights[0].stop_lines[1].lane)):
        scene.put(actor_id, lane, line.s_m - 60.0)
    scene.traffic.set_percentage_running_light(1, 100.0)
    scene.show(LightState.RED)
    scene.step(25.0)
    runner, waiter = (LANES.nearest(*p)[0] for p in zip(*(a.tolist() for a in pose(scene)), strict=True))
    assert runner != line.lane
    assert waiter == scene.signals.lights[0].stop_lines[1].lane


def test_car_with_the_yield_sign_lets_the_main_road_go_first():
    scene = Scene(seed=5)
    ((lane, lines),) = scene.signals.give_way.items()
    scene.put(1, lane, lines[0] - 25.0)
    crossing = LANES.predecessors[73][0], LANES.predecessors[76][0]
    for actor_id, main in ((2, crossing[0]), (3, crossing[1])):
        length = LANES.lanes[main].length_m
        scene.put(actor_id, main, length - 45.0, 9.0)
    entered = {}
    for tick in range(500):
        scene.step()
        for actor_id, k in zip((1, 2, 3), range(3), strict=True):
            lane_now, _ = LANES.nearest(*(float(a[k]) for a in pose(scene)))
            if LANES.lanes[lane_now].junction_id == 600:
                entered.setdefault(actor_id, tick)
    assert entered[1] > max(entered[2], entered[3])
    assert scene.contacts == []


def test_car_of_a_client_that_stands_on_a_crossing_does_not_lock_the_town():
    scene = Scene(seed=5)
    scene.put(1, 32, 14.0, driven=False)
    scene.vehicles.brake[0] = 1.0
    scene.fill(25)
    scene.step(50.0)
    assert scene.contacts == []
    scene.vehicles.remove(1)
    standing, longest = np.zeros(len(scene.vehicles)), 0.0
    for _ in range(round(50.0 / DT)):
        scene.step()
        standing = np.where(scene.vehicles.speed() < 0.2, standing + DT, 0.0)
        longest = max(longest, float(standing.max()))
    assert longest < 45.0
    assert scene.contacts == []
