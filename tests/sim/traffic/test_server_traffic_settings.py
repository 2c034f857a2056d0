"""Every call of CARLA's TrafficManager, made by the unmodified client: what it changes can be seen in the world."""

import subprocess
import sys

import carla
import pytest

from tests.sim.map.small_roads import two_part_road
from tests.sim.server.server_process import STEP_S, client_of, serving

ROAD = two_part_road()
LEFT_Y, MIDDLE_Y, RIGHT_Y = 1.75, 5.25, 8.75
PORT = 8000


@pytest.fixture(scope="module")
def port():
    with serving() as port:
        yield port


@pytest.fixture(scope="module")
def client(port):
    client = client_of(port)
    yield client
    client.get_trafficmanager(PORT).shut_down()


def synchronous(world: carla.World) -> carla.World:
    settings = world.get_settings()
    settings.synchronous_mode, settings.fixed_delta_seconds = True, STEP_S
    world.apply_settings(settings)
    return world


@pytest.fixture(scope="module")
def road(client):
    """A straight road along +x with three lanes of one direction, 50 km/h."""
    return synchronous(client.generate_opendrive_world(ROAD))


@pytest.fixture
def world(client, road):
    yield road
    clear(client, road)


def clear(client, world):
    world.tick()
    client.apply_batch_sync(
        [carla.command.DestroyActor(a) for a in world.get_actors().filter("*.*.*") if moves(a)], True
    )
    manager = client.get_trafficmanager(PORT)
    manager.global_percentage_speed_difference(0.0)
    manager.global_lane_offset(0.0)
    manager.set_global_distance_to_leading_vehicle(2.0)
    manager.set_hybrid_physics_mode(False)
    manager.set_respawn_dormant_vehicles(False)
    manager.set_osm_mode(False)


def moves(actor):
    return actor.type_id.startswith(("vehicle.", "walker."))


@pytest.fixture
def manager(client, world):
    return client.get_trafficmanager(PORT)


def put(world, x, y, speed_mps=0.0, driven=True, yaw=0.0, role="autopilot"):
    blueprint = world.get_blueprint_library().find("vehicle.tesla.model3")
    blueprint.set_attribute("role_name", role)
    car = world.spawn_actor(blueprint, carla.Transform(carla.Location(x, y, 0.3), carla.Rotation(yaw=yaw)))
    car.set_target_velocity(carla.Vector3D(speed_mps, 0.0, 0.0))
    car.set_autopilot(driven, PORT)
    return car


def run(world, seconds):
    for _ in range(round(seconds / STEP_S)):
        world.tick()


def x(car):
    return car.get_location().x


def y(car):
    return car.get_location().y


def speed(car):
    return car.get_velocity().length()


def test_speeds_are_set_by_vehicle_for_all_and_absolutely(manager, world):
    usual, slower, set_to = (put(world, 20.0, lane, 12.0) for lane in (LEFT_Y, MIDDLE_Y, RIGHT_Y))
    manager.global_percentage_speed_difference(10.0)
    manager.vehicle_percentage_speed_difference(slower, 40.0)
    manager.set_desired_speed(set_to, 54.0)
    run(world, 8.0)
    assert speed(usual) == pytest.approx(0.9 * 50.0 / 3.6, abs=0.3)
    assert speed(slower) == pytest.approx(0.6 * 50.0 / 3.6, abs=0.3)
    assert speed(set_to) == pytest.approx(15.0, abs=0.3)


def test_lane_offsets_are_driven_to_the_right_of_the_middle(manager, world):
    usual, own = put(world, 20.0, LEFT_Y, 8.0), put(world, 20.0, MIDDLE_Y, 8.0)
    manager.global_lane_offset(0.3)
    manager.vehicle_lane_offset(own, -0.5)
    run(world, 6.0)
    assert y(usual) == pytest.approx(LEFT_Y + 0.3, abs=0.05)
    assert y(own) == pytest.approx(MIDDLE_Y - 0.5, abs=0.05)


def test_distance_to_the_leading_vehicle_for_one_and_for_all(manager, world):
    for lane in (LEFT_Y, MIDDLE_Y):
        put(world, 80.0, lane, driven=False)
    usual, own = put(world, 40.0, LEFT_Y, 8.0), put(world, 40.0, MIDDLE_Y, 8.0)
    for car in (usual, own):
        manager.auto_lane_change(car, False)
    manager.set_global_distance_to_leading_vehicle(4.0)
    manager.distance_to_leading_vehicle(own, 7.0)
    run(world, 14.0)
    length = 2.0 * usual.bounding_box.extent.x
    assert 80.0 - x(usual) - length == pytest.approx(4.0, abs=1.0)
    assert 80.0 - x(own) - length == pytest.approx(7.0, abs=1.0)


def test_forced_lane_changes_go_to_the_side_that_was_asked_for(manager, world):
    """True is right in CARLA's Python API."""
    right, left = put(world, 20.0, MIDDLE_Y, 10.0), put(world, 90.0, MIDDLE_Y, 10.0)
    manager.force_lane_change(right, True)
    manager.force_lane_change(left, False)
    run(world, 7.0)
    assert y(right) == pytest.approx(RIGHT_Y, abs=0.3)
    assert y(left) == pytest.approx(LEFT_Y, abs=0.3)


def test_only_those_who_may_change_lanes_overtake(manager, world):
    slow = put(world, 60.0, MIDDLE_Y, 3.0)
    manager.set_desired_speed(slow, 10.8)
    overtaker = put(world, 20.0, MIDDLE_Y, 9.0)
    slow_too = put(world, 360.0, MIDDLE_Y, 3.0)
    manager.set_desired_speed(slow_too, 10.8)
    follower = put(world, 320.0, MIDDLE_Y, 9.0)
    manager.auto_lane_change(overtaker, True)
    manager.auto_lane_change(follower, False)
    run(world, 14.0)
    assert x(overtaker) > x(slow) + 10.0
    assert x(follower) < x(slow_too)


def test_random_and_slow_lane_changes_happen_as_often_as_was_set(manager, world):
    """100 percent is about once in 100 m: of two cars one has changed after 260 m, but for once in 200 runs."""
    cars = [put(world, 20.0 + 55.0 * k, MIDDLE_Y, 12.0) for k in range(7)]
    for car in cars[0:2]:
        manager.random_left_lanechange_percentage(car, 100.0)
    for car in cars[2:4]:
        manager.random_right_lanechange_percentage(car, 100.0)
    for car in cars[4:6]:
        manager.keep_slow_lane_rule_percentage(car, 100.0)
    run(world, 20.0)
    assert min(y(car) for car in cars[0:2]) == pytest.approx(LEFT_Y, abs=0.3)
    assert max(y(car) for car in cars[2:4]) == pytest.approx(RIGHT_Y, abs=0.3)
    assert max(y(car) for car in cars[4:6]) == pytest.approx(RIGHT_Y, abs=0.3)
    assert y(cars[6]) == pytest.approx(MIDDLE_Y, abs=0.3)


def test_who_ignores_vehicles_or_one_vehicle_drives_into_them(manager, world):
    standing = [put(world, 70.0, lane, driven=False) for lane in (LEFT_Y, MIDDLE_Y, RIGHT_Y)]
    sees, ignores, blind = (put(world, 40.0, lane, 8.0) for lane in (LEFT_Y, MIDDLE_Y, RIGHT_Y))
    for car in (sees, ignores, blind):
        manager.auto_lane_change(car, False)
    manager.ignore_vehicles_percentage(ignores, 100.0)
    manager.collision_detection(blind, standing[2], False)
    run(world, 6.0)
    assert [x(car) > 70.5 for car in standing] == [False, True, True]


def test_who_ignores_walkers_runs_them_over(manager, world):
    blueprint = world.get_blueprint_library().filter("walker.pedestrian.*")[0]
    walkers = [
        world.spawn_actor(blueprint, carla.Transform(carla.Location(70.0, lane, 1.0))) for lane in (LEFT_Y, MIDDLE_Y)
    ]
    careful, careless = put(world, 40.0, LEFT_Y, 8.0), put(world, 40.0, MIDDLE_Y, 8.0)
    for car in (careful, careless):
        manager.auto_lane_change(car, False)
    manager.ignore_walkers_percentage(careless, 100.0)
    run(world, 6.0)
    assert x(walkers[0]) == pytest.approx(70.0, abs=0.1)
    assert x(careful) < 68.0
    assert x(careless) > 72.0


def test_lamps_follow_what_a_car_does_where_that_was_asked_for(manager, world):
    lamps = carla.VehicleLightState
    car, other = put(world, 20.0, MIDDLE_Y, 10.0), put(world, 20.0, LEFT_Y, 10.0)
    for each in (car, other):
        manager.set_desired_speed(each, 36.0)
    manager.update_vehicle_lights(car, True)
    manager.force_lane_change(car, True)
    run(world, 1.5)
    assert car.get_light_state() & lamps.RightBlinker
    run(world, 6.0)
    assert not car.get_light_state() & lamps.RightBlinker
    manager.set_desired_speed(car, 0.0)
    manager.set_desired_speed(other, 0.0)
    run(world, 2.0)
    assert car.get_light_state() & lamps.Brake
    assert not other.get_light_state() & lamps.Brake


def test_lamps_are_lit_at_night(manager, world):
    lamps = carla.VehicleLightState
    car = put(world, 20.0, MIDDLE_Y, 10.0)
    manager.update_vehicle_lights(car, True)
    run(world, 0.2)
    assert not car.get_light_state() & lamps.LowBeam
    weather = world.get_weather()
    weather.sun_altitude_angle, weather.fog_density = -30.0, 60.0
    world.set_weather(weather)
    run(world, 0.2)
    assert car.get_light_state() & lamps.LowBeam
    assert car.get_light_state() & lamps.Fog
    weather.sun_altitude_angle, weather.fog_density = 60.0, 0.0
    world.set_weather(weather)


def test_hybrid_physics_holds_cars_far_from_the_hero_on_their_path(manager, world):
    hero = put(world, 300.0, RIGHT_Y, driven=False, role="hero")
    near, far = put(world, 310.0, MIDDLE_Y - 0.6), put(world, 20.0, MIDDLE_Y - 0.6)
    manager.set_hybrid_physics_mode(True)
    manager.set_hybrid_physics_radius(60.0)
    run(world, 0.15)
    assert y(far) == pytest.approx(MIDDLE_Y, abs=0.01)
    assert y(near) == pytest.approx(MIDDLE_Y - 0.6, abs=0.05)
    run(world, 3.0)
    assert x(far) > 24.0
    assert hero.is_alive


def test_vehicles_too_far_from_the_hero_are_set_down_near_it(manager, world):
    hero = put(world, 1500.0, RIGHT_Y, driven=False, role="hero")
    car = put(world, 20.0, MIDDLE_Y)
    run(world, 0.1)
    assert x(car) < 30.0
    manager.set_boundaries_respawn_dormant_vehicles(40.0, 120.0)
    manager.set_respawn_dormant_vehicles(True)
    run(world, 0.5)
    assert 35.0 < car.get_location().distance(hero.get_location()) < 125.0


def test_osm_mode_takes_cars_away_where_the_road_ends(manager, world):
    ends, too = put(world, 1960.0, MIDDLE_Y, 8.0), put(world, 1960.0, LEFT_Y, 8.0)
    run(world, 12.0)
    assert ends.is_alive
    assert x(ends) > 1980.0
    assert speed(ends) < 0.1
    manager.set_osm_mode(True)
    run(world, 0.2)
    alive = {actor.id for actor in world.get_actors()}
    assert not alive & {ends.id, too.id}


def test_the_seed_decides_what_is_left_to_chance(client, manager, world):
    ends = []
    for seed in (3, 3, 4):
        manager.set_random_device_seed(seed)
        cars = [put(world, 20.0 + 40.0 * k, MIDDLE_Y, 10.0) for k in range(3)]
        manager.set_random_device_seed(seed)
        for car in cars:
            manager.random_left_lanechange_percentage(car, 30.0)
            manager.random_right_lanechange_percentage(car, 30.0)
        run(world, 12.0)
        ends.append([(x(car), y(car)) for car in cars])
        client.apply_batch_sync([carla.command.DestroyActor(car) for car in cars], True)
    assert ends[0] != ends[2]


OTHER_CLIENT = """
import sys, carla
client = carla.Client("127.0.0.1", int(sys.argv[1]))
client.set_timeout(20.0)
manager = client.get_trafficmanager(int(sys.argv[2]))
manager.set_desired_speed(client.get_world().get_actor(int(sys.argv[3])), 18.0)
"""


def test_several_clients_share_the_traffic_by_whatever_port(manager, world, port):
    car = put(world, 20.0, MIDDLE_Y, 10.0)
    for manager_port in ("8000", "8005"):
        manager.set_desired_speed(car, 36.0)
        run(world, 8.0)
        assert speed(car) == pytest.approx(10.0, abs=0.3)
        other = [sys.executable, "-c", OTHER_CLIENT, str(port), manager_port, str(car.id)]
        subprocess.run(other, check=True, timeout=60)
        run(world, 5.0)
        assert speed(car) == pytest.approx(5.0, abs=0.3)


def test_synchronous_mode_is_accepted_and_the_world_ticks_once_a_tick(manager, world):
    manager.set_synchronous_mode(True)
    first = world.tick()
    assert world.tick() == first + 1
    manager.set_synchronous_mode(False)
    assert world.tick() == first + 2


def test_next_actions_are_asked_for_without_harm(manager, world):
    """The library's remote manager throws away what the server answers, on a real CARLA as well."""
    car = put(world, 20.0, MIDDLE_Y, 10.0)
    run(world, 0.1)
    assert manager.get_next_action(car)[1] is None
    assert manager.get_all_actions(car) == []
