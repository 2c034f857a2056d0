"""Background traffic in the town and on straight roads: what a client may rely on."""

import math
from dataclasses import dataclass, field
from importlib import resources

import carla
import numpy as np
import pytest

from sim.map.lanes import LaneGraph
from sim.map.signals import LightState, Signals
from sim.traffic.car_following import equilibrium_gap_m
from sim.traffic.traffic import Traffic
from sim.vehicles.fleet import Vehicles
from sim.vehicles.spec import VehicleSpec
from sim.vehicles.step import step_vehicles
from sim.world.collisions import Contact, Obstacles, resolve
from tests.sim.map.small_roads import straight_road

DT = 0.05
TOWN = carla.Map("millbrook", (resources.files("assets") / "maps" / "millbrook.xodr").read_text())
LANES = LaneGraph.from_map(TOWN)
HALF_M = VehicleSpec().length_m / 2


@dataclass
class Scene:
    """A road with vehicles on it, stepped as the world does."""

    carla_map: carla.Map = TOWN
    lanes: LaneGraph = LANES
    seed: int = 1
    obstacles: Obstacles = field(default_factory=Obstacles.none)
    contacts: list[Contact] = field(default_factory=list)

    def __post_init__(self):
        self.signals = Signals(self.carla_map, self.lanes)
        self.vehicles = Vehicles()
        self.traffic = Traffic(self.lanes, self.signals, self.seed)

    @classmethod
    def on(cls, carla_map: carla.Map) -> "Scene":
        return cls(carla_map, LaneGraph.from_map(carla_map))

    def put(self, actor_id: int, lane: int, s: float, speed_mps: float = 0.0, driven: bool = True) -> None:
        x, y, yaw = self.lanes.at(lane, s)
        self.vehicles.add(actor_id, VehicleSpec(), x, y, 0.0, yaw)
        self.vehicles.vx_body[-1] = speed_mps
        if driven:
            self.traffic.register(actor_id)

    def fill(self, count: int) -> None:
        places = [
            (n.index, s) for n in self.lanes.lanes if not n.is_junction for s in np.arange(15, n.length_m - 20, 20)
        ]
        np.random.default_rng(self.seed).shuffle(places)
        for k, (lane, s) in enumerate(places[:count]):
            self.put(100 + k, int(lane), float(s))

    def step(self, seconds: float = DT) -> None:
        for _ in range(round(seconds / DT)):
            self.signals.step(DT)
            self.traffic.step(self.vehicles, self.obstacles, DT)
            step_vehicles(self.vehicles, DT)
            self.contacts += resolve(self.vehicles, self.obstacles, DT)

    def show(self, state: LightState) -> None:
        for k in range(len(self.signals.lights)):
            self.signals.set_state(k, state)
        self.signals.freeze_all(True)

    def state(self) -> bytes:
        v = self.vehicles
        return b"".join(a.tobytes() for a in (v.x, v.y, v.yaw, v.vx_body, v.throttle, v.brake, v.steer))


@dataclass
class Log:
    """What was seen in some minutes of town traffic."""

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


def test_a_car_told_to_run_lights_runs_them():
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


def pose(scene: Scene) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    v = scene.vehicles
    return v.x, v.y, v.yaw


def test_a_parked_car_in_the_only_lane_is_not_hit():
    scene = Scene.on(straight_road(600.0, limit_kmh=80.0))
    scene.put(1, 0, 300.0, driven=False)
    scene.put(2, 0, 50.0, 20.0)
    scene.step(30.0)
    assert scene.contacts == []
    assert 250.0 < scene.vehicles.x[1] < 300.0


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


def test_desired_speed_of_zero_stands():
    scene = Scene.on(straight_road(400.0))
    scene.put(1, 0, 20.0, 5.0)
    scene.traffic.set_desired_speed(1, 0.0)
    scene.step(8.0)
    assert scene.vehicles.speed()[0] < 0.05


def test_keep_right_percentage_brings_cars_back_to_the_right_lane():
    scene = Scene.on(straight_road(1500.0, lanes=2))
    scene.put(1, 0, 20.0, 10.0)
    scene.put(2, 0, 60.0, 10.0)
    scene.traffic.set_keep_right_percentage(1, 100.0)
    scene.step(60.0)
    assert scene.vehicles.y == pytest.approx([5.25, 1.75], abs=0.1)


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


def test_walker_who_steps_out_is_waited_for_and_the_drive_goes_on():
    scene = Scene.on(straight_road(400.0))
    scene.put(1, 0, 20.0, 10.0)
    columns = (100.0, 9.0, -math.pi / 2, 0.3, 0.3, 75.0, 0.0, -1.4)
    scene.obstacles = Obstacles(np.array([9]), *(np.array([c]) for c in columns))
    for _ in range(round(20.0 / DT)):
        scene.obstacles.y += scene.obstacles.vy * DT
        scene.step()
    assert scene.contacts == []
    assert scene.vehicles.x[0] > 150.0


def test_a_car_that_ignores_walkers_hits_one_who_stands_there():
    scene = Scene.on(straight_road(400.0))
    scene.put(1, 0, 20.0, 10.0)
    columns = (100.0, 1.75, 0.0, 0.3, 0.3, 75.0, 0.0, 0.0)
    scene.obstacles = Obstacles(np.array([9]), *(np.array([c]) for c in columns))
    scene.traffic.set_percentage_ignore_walkers(1, 100.0)
    scene.step(12.0)
    assert {(c.a, c.b) for c in scene.contacts} == {(1, 9)}


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
