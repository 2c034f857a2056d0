"""Background traffic in the town and on straight roads: what a client may rely on."""

import math
from dataclasses import dataclass

import numpy as np
import pytest

from sim.map.signals import LightState
from sim.vehicles.spec import VehicleSpec
from sim.world.collisions import Obstacles
from tests.sim.map.small_roads import straight_road
from tests.sim.traffic.town_scene import DT, HALF_M, LANES, Scene, pose


@dataclass
class Log:
    """Observations of some minutes of town traffic."""

    contacts: int
    offsets_m: np.ndarray
    speeds_mps: np.ndarray
    longest_stand_s: float
    ran_red: list[int]
    changes_mps2: np.ndarray


@pytest.fixture(scope="module")
def town_traffic() -> Log:
    """25 vehicles for almost two minutes."""
    scene = Scene(seed=3)
    scene.fill(25)
    v = scene.vehicles
    standing, longest = np.zeros(len(v)), 0.0
    offsets, speeds, accelerations, ran_red = [], [], [], []
    lights = scene.signals.lights
    lines = [(k, *LANES.at(line.lane, line.s_m)) for k, light in enumerate(lights) for line in light.stop_lines]
    light, x, y, yaw = (np.array(column) for column in zip(*lines, strict=True))

    def past_lines() -> tuple[np.ndarray, np.ndarray]:
        dx, dy = v.x[:, None] + HALF_M * np.cos(v.yaw)[:, None] - x, v.y[:, None] + HALF_M * np.sin(v.yaw)[:, None] - y
        along, aside = np.cos(yaw) * dx + np.sin(yaw) * dy, np.cos(yaw) * dy - np.sin(yaw) * dx
        near = (np.abs(along) < 3.0) & (np.abs(aside) < 1.5) & (np.cos(v.yaw[:, None] - yaw) > 0.7)
        return near & (along <= 0.0), near & (along > 0.0)

    before, _ = past_lines()
    for tick in range(round(110.0 / DT)):
        scene.step()
        was_before, (before, beyond) = before, past_lines()
        for _, line in np.argwhere(was_before & beyond):
            if lights[light[line]].state is LightState.RED:
                ran_red.append(int(light[line]))
        speeds.append(v.speed())
        standing = np.where(v.speed() < 0.2, standing + DT, 0.0)
        longest = max(longest, float(standing.max()))
        accelerations.append(v.ax_body.copy())
        if tick % 10 == 0:
            lane, _, aside = LANES.nearest_many(v.x, v.y, v.yaw)
            outside = np.array([k >= 0 and LANES.left[k] < 0 and LANES.right[k] < 0 for k in lane])
            offsets.append(np.abs(aside[outside]))
    return Log(
        len(scene.contacts), np.concatenate(offsets), np.array(speeds), longest, ran_red, np.array(accelerations)
    )


def test_town_traffic_has_no_collisions(town_traffic):
    assert town_traffic.contacts == 0


def test_town_traffic_keeps_to_its_lanes(town_traffic):
    assert town_traffic.offsets_m.max() < 0.8
    assert np.median(town_traffic.offsets_m) < 0.1


def test_town_traffic_runs_no_red_light(town_traffic):
    assert town_traffic.ran_red == []


def test_town_traffic_flows(town_traffic):
    assert 5.0 < town_traffic.speeds_mps[400:].mean() < 11.0
    assert town_traffic.speeds_mps.max() < 1.05 * 40.0 / 3.6
    assert town_traffic.longest_stand_s < 90.0


def test_town_traffic_drives_comfortably(town_traffic):
    assert np.percentile(town_traffic.changes_mps2, 1.0) > -4.0
    assert town_traffic.changes_mps2.max() < 3.0


def test_same_seed_and_calls_give_the_same_bits():
    states = []
    for _ in range(2):
        scene = Scene(seed=11)
        scene.fill(20)
        scene.step(15.0)
        states.append(scene.state())
    assert states[0] == states[1]


def test_other_seeds_drive_otherwise():
    states = []
    for seed in (1, 2):
        scene = Scene(seed=3)
        scene.fill(5)
        scene.traffic.set_seed(seed)
        scene.step(30.0)
        states.append(scene.state())
    assert states[0] != states[1]


def test_a_parked_car_in_the_only_lane_is_not_hit():
    scene = Scene.on(straight_road(600.0, limit_kmh=80.0))
    scene.put(1, 0, 300.0, driven=False)
    scene.put(2, 0, 50.0, 20.0)
    scene.step(30.0)
    assert scene.contacts == []
    assert 250.0 < scene.vehicles.x[1] < 300.0


def test_walker_who_steps_out_is_waited_for_and_the_drive_goes_on():
    scene = Scene.on(straight_road(400.0))
    scene.put(1, 0, 20.0, 10.0)
    columns = (100.0, 9.0, -math.pi / 2, 0.3, 0.3, 75.0, 0.0, -1.4, 0.0, 1.8)
    scene.obstacles = Obstacles(np.array([9]), *(np.array([c]) for c in columns), meets_statics=np.array([True]))
    for _ in range(round(20.0 / DT)):
        scene.obstacles.y += scene.obstacles.vy * DT
        scene.step()
    assert scene.contacts == []
    assert scene.vehicles.x[0] > 150.0


def test_a_car_moved_by_hand_goes_on_from_where_it_is():
    scene = Scene()
    scene.put(1, 24, 50.0)
    scene.step(5.0)
    x, y, yaw = LANES.at(16, 60.0)
    scene.vehicles.set_pose(1, x, y, 0.0, yaw=yaw)
    scene.step(6.0)
    lane, s, aside = LANES.nearest_many(*pose(scene))
    assert lane[0] == 16
    assert s[0] > 75.0
    assert abs(aside[0]) < 0.3
    x, y, yaw = LANES.at(16, 20.0)  # back along its own lane
    scene.vehicles.set_pose(1, x, y, 0.0, yaw=yaw)
    scene.step(2.0)
    lane, s, aside = LANES.nearest_many(*pose(scene))
    assert lane[0] == 16
    assert 30.0 < s[0] < 60.0
    assert abs(aside[0]) < 0.3


def test_a_car_far_from_every_road_stands_still():
    scene = Scene()
    scene.vehicles.add(1, VehicleSpec(), 4000.0, 4000.0, 0.0, 0.0)
    scene.traffic.register(1)
    scene.step(3.0)
    assert scene.vehicles.speed()[0] == 0.0
    assert scene.vehicles.brake[0] > 0.0


def test_a_road_that_ends_is_driven_to_its_end_and_no_further():
    scene = Scene.on(straight_road(150.0))
    scene.put(1, 0, 20.0)
    scene.step(30.0)
    assert 140.0 < scene.vehicles.x[0] + HALF_M < 150.0
    assert scene.vehicles.speed()[0] < 0.05


def test_only_registered_vehicles_are_driven_and_destroyed_ones_are_forgotten():
    scene = Scene()
    scene.put(1, 24, 50.0)
    scene.put(2, 24, 100.0, driven=False)
    scene.put(3, 24, 150.0)
    scene.step(2.0)
    assert scene.vehicles.throttle[1] == 0.0
    scene.vehicles.remove(1)
    scene.step(2.0)
    assert scene.traffic.registered == [3]
    scene.traffic.unregister(3)
    scene.vehicles.throttle[:] = 0.123
    scene.step(0.1)
    assert scene.vehicles.throttle.tolist() == [0.123, 0.123]
