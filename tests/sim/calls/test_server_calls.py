"""Calls of the client library that do something: signs, rays, doors, Ackermann, recordings, replays."""

import math
import os

import carla
import pytest

from tests.sim.server.server_process import ahead_of, client_of, serving, spawn_car, synchronous_world


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    with serving(env={**os.environ, "XDG_DATA_HOME": str(tmp_path_factory.mktemp("data"))}) as port:
        yield port


@pytest.fixture
def client(port):
    client = client_of(port)
    client.set_timeout(150.0)
    return client


@pytest.fixture
def world(client):
    return synchronous_world(client)


def ticks(world, count):
    for _ in range(count):
        world.tick()


def test_a_yield_sign_of_the_map_is_an_actor_with_its_trigger_volume_over_the_lane(world):
    landmark = next(mark for mark in world.get_map().get_all_landmarks() if mark.type == "205")
    sign = world.get_traffic_sign(landmark)
    assert sign.type_id == "traffic.yield"
    centre = sign.get_transform().transform(sign.trigger_volume.location)
    lane = world.get_map().get_waypoint(carla.Location(centre.x, centre.y, centre.z))
    assert lane.transform.location.distance_squared_2d(carla.Location(centre.x, centre.y, 0.0)) < 1.0


def test_a_ray_down_meets_the_road_and_a_ray_into_a_car_meets_the_car_before_it(world):
    car = spawn_car(world)
    world.tick()
    here = car.get_transform()
    ground = world.ground_projection(here.location + carla.Location(x=0.0, y=0.0, z=30.0) + ahead(here, 6.0), 100.0)
    assert ground.label == carla.CityObjectLabel.Roads
    assert ground.location.z == pytest.approx(here.location.z, abs=0.05)
    start = here.location + ahead(here, 10.0) + carla.Location(z=0.7)
    first = world.cast_ray(start, here.location + carla.Location(z=0.7))[0]
    assert first.label == carla.CityObjectLabel.Car
    assert first.location.distance(start) == pytest.approx(10.0 - car.bounding_box.extent.x, abs=0.1)
    assert world.project_point(start, carla.Vector3D(0.0, 0.0, 1.0), 50.0) is None


def ahead(transform, metres):
    return metres * transform.get_forward_vector()


def test_buildings_and_trees_are_environment_objects_with_boxes_that_stand_on_the_ground(world):
    buildings = world.get_environment_objects(carla.CityObjectLabel.Buildings)
    assert len(buildings) > 20
    boxes = world.get_level_bbs(carla.CityObjectLabel.Buildings)
    assert len(boxes) == len(buildings)
    assert all(box.extent.z > 1.0 and abs(box.location.z - box.extent.z) < 1.0 for box in boxes)
    lights = world.get_level_bbs(carla.CityObjectLabel.TrafficLight)
    assert len(lights) == len(world.get_actors().filter("traffic.traffic_light"))


def test_ackermann_control_brings_a_car_to_its_speed_and_stops_it(world):
    car = spawn_car(world)
    car.apply_ackermann_control(carla.VehicleAckermannControl(speed=8.0, acceleration=2.0))
    ticks(world, 120)  # not further: it goes straight on, into what stands beside the road
    assert car.get_velocity().length() == pytest.approx(8.0, abs=1.0)
    car.apply_ackermann_control(carla.VehicleAckermannControl(speed=0.0))
    ticks(world, 200)
    assert car.get_velocity().length() < 0.2
    gains = carla.AckermannControllerSettings(speed_kp=0.3, accel_kp=0.02)
    car.apply_ackermann_controller_settings(gains)
    assert car.get_ackermann_controller_settings() == gains


def test_pedals_end_ackermann_control(world):
    car = spawn_car(world)
    car.apply_ackermann_control(carla.VehicleAckermannControl(speed=10.0))
    ticks(world, 20)
    car.apply_control(carla.VehicleControl(throttle=0.0, brake=1.0))
    ticks(world, 40)
    assert car.get_velocity().length() < 0.1
    assert car.get_control().brake == pytest.approx(1.0)


def test_a_walker_without_collisions_is_walked_through_by_cars(world):
    car = spawn_car(world)
    world.tick()
    in_front = ahead_of(car.get_transform(), 8.0)
    walker = world.spawn_actor(world.get_blueprint_library().find("walker.pedestrian.0002"), in_front)
    walker.set_collisions(False)
    world.tick()
    before = walker.get_location()
    car.set_target_velocity(10.0 * car.get_transform().get_forward_vector())
    ticks(world, 30)
    assert walker.get_location().distance(before) < 0.1
    assert (car.get_location() - before).dot(car.get_transform().get_forward_vector()) > 2.0  # it has passed through


def drive_and_record(client, world, name, count=60):
    """A car that drives off while it is recorded; gives (car's places by tick, light states by tick)."""
    car = spawn_car(world)
    world.tick()
    client.start_recorder(name, True)
    car.apply_control(carla.VehicleControl(throttle=0.6, steer=0.05))
    places = []
    for _ in range(count):
        world.tick()
        places.append(car.get_transform())
    client.stop_recorder()
    return places


def test_a_recording_is_replayed_where_it_was_driven(client, world):
    places = drive_and_record(client, world, "drive.log")
    world = synchronous_world(client)
    message = client.replay_file("drive.log", 0.0, 0.0, 0)
    assert "Total time recorded: 2.95" in message
    world.tick()
    (car,) = world.get_actors().filter("vehicle.*")
    assert car.type_id == "vehicle.tesla.model3"
    for place in places[1:50]:
        assert car.get_location().distance(place.location) < 0.02
        assert abs(car.get_transform().rotation.yaw - place.rotation.yaw) < 0.1
        world.tick()
    assert car.get_velocity().length() > 3.0


def test_after_its_end_a_replayed_car_stands_and_can_be_driven(client, world):
    drive_and_record(client, world, "short.log", count=20)
    world = synchronous_world(client)
    client.replay_file("short.log", 0.0, 0.0, 0)
    ticks(world, 30)
    (car,) = world.get_actors().filter("vehicle.*")
    assert car.get_velocity().length() < 0.1
    car.apply_control(carla.VehicleControl(throttle=1.0))
    ticks(world, 20)
    assert car.get_velocity().length() > 2.0


def test_a_replay_can_begin_late_be_slow_be_followed_and_be_stopped(client, world):
    places = drive_and_record(client, world, "late.log")
    world = synchronous_world(client)
    client.set_replayer_time_factor(0.5)
    recorded_id = int(next(line for line in info(client, "late.log") if "vehicle." in line).split()[1].rstrip(":"))
    client.replay_file("late.log", 1.0, 1.0, recorded_id)
    ticks(world, 10)
    (car,) = world.get_actors().filter("vehicle.*")
    assert car.get_location().distance(places[24].location) < 0.2  # 1.25 s, and the first frame is at 0
    assert world.get_spectator().get_location().distance(car.get_location()) < 30.0
    client.stop_replayer(False)
    world.tick()
    assert not world.get_actors().filter("vehicle.*")
    client.set_replayer_time_factor(1.0)


def info(client, name, show_all=False):
    return client.show_recorder_file_info(name, show_all).splitlines()


def test_the_reports_list_actors_collisions_and_who_stood_still(client, world):
    car = spawn_car(world)
    world.tick()
    other = spawn_car(world, ahead_of(car.get_transform(), 12.0), "vehicle.audi.tt")
    world.tick()
    client.start_recorder("crash.log")
    car.set_target_velocity(12.0 * car.get_transform().get_forward_vector())
    ticks(world, 80)
    client.stop_recorder()
    lines = info(client, "crash.log")
    assert f" Create {other.id}: vehicle.audi.tt (1) at" in "\n".join(lines)
    assert lines[-2:] == ["Frames: 80", "Duration: 3.95 seconds"]
    collisions = client.show_recorder_collisions("crash.log", "v", "v").splitlines()
    assert any("vehicle.tesla.model3" in line and "vehicle.audi.tt" in line for line in collisions)
    assert not any("vehicle." in line for line in client.show_recorder_collisions("crash.log", "w", "a").splitlines())
    blocked = client.show_recorder_actors_blocked("crash.log", 0.2, 10.0)
    assert "vehicle.audi.tt" in blocked


def test_a_file_that_is_no_recording_is_refused(client, world, tmp_path):
    with pytest.raises(RuntimeError, match=r"not found on server.*replay_file"):
        client.replay_file("nothing.log", 0.0, 0.0, 0)
    (tmp_path / "rubbish.log").write_bytes(b"rubbish" * 10)
    with pytest.raises(RuntimeError, match="not a CARLA recorder"):
        client.replay_file(str(tmp_path / "rubbish.log"), 0.0, 0.0, 0)
    assert "not found on server" in client.show_recorder_file_info("nothing.log", False)
    assert world.tick() > 0


@pytest.mark.parametrize("sensor", ["sensor.camera.cosmos_visualization", "sensor.other.rss"])
def test_an_unsupported_sensor_is_found_in_the_library_and_refused_by_name(world, sensor):
    blueprint = world.get_blueprint_library().find(sensor)
    assert blueprint.has_attribute("role_name")
    with pytest.raises(RuntimeError, match=f"Spawn failed: this simulator has no {sensor}"):
        world.spawn_actor(blueprint, carla.Transform())


def test_every_vehicle_of_the_library_can_be_spawned_and_has_the_size_of_its_box(world):
    library = world.get_blueprint_library()
    vehicles = library.filter("vehicle.*")
    assert len(vehicles) >= 40
    kinds = {blueprint.get_attribute("base_type").as_str() for blueprint in vehicles}
    assert kinds == {"car", "van", "truck", "bus", "motorcycle", "bicycle"}
    assert len(library.filter_by_attribute("special_type", "emergency")) >= 4
    place = world.get_map().get_spawn_points()[0]
    for blueprint in vehicles:
        vehicle = world.spawn_actor(blueprint, place)
        vehicle.apply_control(carla.VehicleControl(throttle=0.7))
        ticks(world, 10)
        assert math.isfinite(vehicle.get_velocity().length())
        assert 0.01 < vehicle.get_velocity().length() < 10.0, blueprint.id
        assert 0.7 < vehicle.bounding_box.extent.x < 5.2
        assert vehicle.get_physics_control().mass > 50.0
        vehicle.destroy()
        world.tick()


def test_every_attribute_that_can_be_set_recommends_values_for_scripts_to_choose_from(world):
    for blueprint in world.get_blueprint_library():
        assert all(a.recommended_values for a in blueprint if a.is_modifiable), blueprint.id
