"""The TrafficManager as the client sees it: cars that drive themselves, and runs that repeat bit by bit."""

import struct

import carla
import pytest

from tests.sim.server.server_process import (
    STEP_S,
    ahead_of,
    client_of,
    serving,
    spawn_car,
    spawn_traffic,
    synchronous_world,
)


@pytest.fixture(scope="module")
def port():
    with serving() as port:
        yield port


@pytest.fixture(scope="module")
def client(port):
    client = client_of(port)
    yield client
    # The library keeps one manager a port for the whole process: the next server would be driven by this one's.
    client.get_trafficmanager(8000).shut_down()


@pytest.fixture(scope="module")
def episode(client):
    return synchronous_world(client)


@pytest.fixture
def world(client, episode):
    """The same episode for all tests, without cars: loading a map takes seconds while a manager is connected."""
    yield episode
    episode.tick()
    cars = episode.get_actors().filter("vehicle.*")
    client.apply_batch_sync([carla.command.DestroyActor(car) for car in cars], True)


def corners(actor):
    return [(v.x, v.y) for v in actor.bounding_box.get_world_vertices(actor.get_transform())]


def touching(a, b):
    """Whether two cars' boxes overlap seen from above (separating axes)."""
    for actor in (a, b):
        transform = actor.get_transform()
        for axis in (transform.get_forward_vector(), transform.get_right_vector()):
            mine, other = ([axis.x * x + axis.y * y for x, y in corners(k)] for k in (a, b))
            if max(mine) <= min(other) or max(other) <= min(mine):
                return False
    return True


def test_twenty_cars_drive_for_ten_seconds_without_touching(client, world):
    cars = [world.get_actor(actor_id) for actor_id in spawn_traffic(client, world, 20)]
    assert len(cars) == 20
    world.tick()
    start = {car.id: car.get_location() for car in cars}
    for tick in range(200):
        world.tick()
        if tick % 5:
            continue
        for k, car in enumerate(cars):
            for other in cars[:k]:
                near = car.get_location().distance(other.get_location()) < 8.0
                assert not (near and touching(car, other)), f"{car.id} and {other.id} touch at tick {tick}"
    moved = [car.get_location().distance(start[car.id]) for car in cars]
    assert sum(metres > 15.0 for metres in moved) >= 10


def test_autopilot_taken_and_given_back(client, world):
    car = spawn_car(world)
    manager = client.get_trafficmanager(8000)
    car.set_autopilot(True, manager.get_port())
    for _ in range(60):
        world.tick()
    assert car.get_velocity().length() > 2.0
    car.set_autopilot(False, manager.get_port())
    car.apply_control(carla.VehicleControl(brake=1.0))
    for _ in range(80):
        world.tick()
    assert car.get_velocity().length() < 0.05
    assert car.get_control().brake == 1.0


def test_desired_speed_and_percentages_are_kept_to(client, world):
    """On a straight, `set_desired_speed` is km/h as in CARLA; the other settings are accepted for every vehicle."""
    manager = client.get_trafficmanager(8000)
    car = spawn_car(world)
    car.set_autopilot(True, manager.get_port())
    manager.set_desired_speed(car, 18.0)
    manager.ignore_lights_percentage(car, 100.0)
    manager.ignore_signs_percentage(car, 100.0)
    manager.ignore_vehicles_percentage(car, 0.0)
    manager.ignore_walkers_percentage(car, 0.0)
    manager.distance_to_leading_vehicle(car, 4.0)
    manager.auto_lane_change(car, False)
    manager.force_lane_change(car, True)
    manager.vehicle_lane_offset(car, 0.1)
    manager.update_vehicle_lights(car, True)
    manager.collision_detection(car, car, True)
    manager.random_left_lanechange_percentage(car, 0.0)
    manager.random_right_lanechange_percentage(car, 0.0)
    manager.keep_slow_lane_rule_percentage(car, 0.0)
    manager.set_boundaries_respawn_dormant_vehicles(25.0, 100.0)
    manager.global_percentage_speed_difference(0.0)
    manager.global_lane_offset(0.0)
    manager.set_global_distance_to_leading_vehicle(3.0)
    manager.set_hybrid_physics_mode(True)
    manager.set_hybrid_physics_radius(50.0)
    manager.set_respawn_dormant_vehicles(False)
    manager.set_osm_mode(False)
    speeds = []
    for _ in range(120):
        world.tick()
        speeds.append(car.get_velocity().length())
    assert max(speeds) == pytest.approx(5.0, abs=0.6)


def approach(world):
    """A place 45 m before a junction with three ways, and the way of each name."""
    town = world.get_map()
    for begin, _ in town.get_topology():
        if begin.is_junction:
            continue
        lane = begin.next_until_lane_end(1.0)
        if len(lane) < 60:
            continue
        ways = {}
        for way in lane[-1].next(2.0):
            inside = way.next_until_lane_end(1.0) if way.is_junction else []
            if inside:
                turn = (inside[-1].transform.rotation.yaw - way.transform.rotation.yaw + 180.0) % 360.0 - 180.0
                name = "Straight" if abs(turn) < 40.0 else "Right" if turn > 0.0 else "Left"
                ways[name] = inside[-1].next(12.0)[0].transform.location
        if len(ways) == 3:
            place = lane[-45].transform
            place.location.z += 0.3
            return place, ways
    raise AssertionError("no junction with three ways")


def nearest_m(world, car, goal, seconds):
    least = car.get_location().distance(goal)
    for _ in range(round(seconds / STEP_S)):
        world.tick()
        least = min(least, car.get_location().distance(goal))
        if least < 2.5:
            break
    return least


@pytest.mark.parametrize("by", ["path", "route"])
def test_paths_and_routes_are_driven(client, world, by):
    manager = client.get_trafficmanager(8000)
    place, ways = approach(world)
    for name, goal in sorted(ways.items()):
        car = spawn_car(world, place)
        car.set_autopilot(True, 8000)
        manager.ignore_lights_percentage(car, 100.0)
        if by == "path":
            manager.set_path(car, [goal])
        else:
            manager.set_route(car, [name])
        assert nearest_m(world, car, goal, 20.0) < 2.5, name
        car.destroy()
        world.tick()


def test_a_car_stops_behind_one_that_stands(client, world):
    place = world.get_map().get_spawn_points()[0]
    car, standing = spawn_car(world, place), spawn_car(world, ahead_of(place, 25.0))
    standing.apply_control(carla.VehicleControl(hand_brake=True))
    manager = client.get_trafficmanager(8000)
    car.set_autopilot(True, manager.get_port())
    manager.auto_lane_change(car, False)
    for _ in range(240):
        world.tick()
        assert not touching(car, standing)
    gap = car.get_location().distance(standing.get_location())
    assert car.get_velocity().length() < 0.2
    assert 4.9 < gap < 12.0


def test_shutting_the_manager_down_leaves_a_world_that_ticks(client, world):
    spawn_traffic(client, world, 5)
    client.get_trafficmanager(8000).shut_down()
    first = world.tick()
    assert [world.tick() for _ in range(20)] == list(range(first + 1, first + 21))
    again = spawn_car(world, 3)
    again.set_autopilot(True, 8000)
    for _ in range(60):
        world.tick()
    assert again.get_velocity().length() > 1.0


def test_destroying_cars_that_are_driven_harms_no_other(client, world):
    ids = spawn_traffic(client, world, 10)
    for _ in range(20):
        world.tick()
    client.apply_batch_sync([carla.command.DestroyActor(actor_id) for actor_id in ids[::2]], True)
    for _ in range(40):
        world.tick()
    assert sorted(actor.id for actor in world.get_actors().filter("vehicle.*")) == ids[1::2]


def positions(client, free_ticks, ticks=120):
    """Bits of every car's transform, tick by tick, after the world has run by itself for a while."""
    world = client.get_world()
    for _ in range(free_ticks):
        world.wait_for_tick()
    settings = world.get_settings()
    settings.synchronous_mode, settings.fixed_delta_seconds = True, STEP_S
    world.apply_settings(settings)
    ids = spawn_traffic(client, world, 20, seed=3)
    ego = spawn_car(world, 2)
    bits = []
    for tick in range(ticks):
        ego.apply_control(carla.VehicleControl(throttle=0.5, steer=0.2 if tick % 40 < 20 else -0.2))
        world.tick()
        snapshot = world.get_snapshot()
        for actor_id in (*ids, ego.id):
            t = snapshot.find(actor_id).get_transform()
            r = t.rotation
            bits.append(struct.pack("6f", t.location.x, t.location.y, t.location.z, r.pitch, r.yaw, r.roll))
    client.get_trafficmanager(8000).shut_down()
    return bits


def test_the_same_seed_and_inputs_give_the_same_bits_in_another_process(client):
    """Even when the world had run by itself for a while before the client took over its clock."""
    client.get_trafficmanager(8000).shut_down()
    runs = []
    for free_ticks in (3, 11):
        with serving("--seed", "5") as port:
            runs.append(positions(client_of(port), free_ticks))
    assert len(set(runs[0])) > 1200
    assert runs[0] == runs[1]


def test_loading_maps_with_a_manager_at_work_harms_no_client(port):
    """Each new episode has cars of its own, driven by the same manager, which nobody has shut down."""
    client = client_of(port)
    for _ in range(2):
        world = synchronous_world(client)
        car = spawn_car(world)
        car.set_autopilot(True, client.get_trafficmanager(8000).get_port())
        for _ in range(30):
            world.tick()
        assert car.get_velocity().length() > 0.5
    client.get_trafficmanager(8000).shut_down()
