"""What the unmodified CARLA client sees of the server: world, actors, sensors, lights."""

import itertools
import math
import threading
import time

import carla
import pytest

from tests.sim.server.server_process import (
    STEP_S,
    Listening,
    ahead_of,
    client_of,
    serving,
    spawn_car,
    synchronous_world,
)


@pytest.fixture(scope="module")
def port():
    with serving() as port:
        yield port


@pytest.fixture
def client(port):
    return client_of(port)


@pytest.fixture
def world(client):
    return synchronous_world(client)


def camera_on(world, car, width=64, height=36, tick_s=0.0):
    blueprint = world.get_blueprint_library().find("sensor.camera.rgb")
    blueprint.set_attribute("image_size_x", str(width))
    blueprint.set_attribute("image_size_y", str(height))
    blueprint.set_attribute("sensor_tick", str(tick_s))
    return world.spawn_actor(blueprint, carla.Transform(carla.Location(x=1.5, z=1.6)), attach_to=car)


def collision_sensor_on(world, car):
    blueprint = world.get_blueprint_library().find("sensor.other.collision")
    return world.spawn_actor(blueprint, carla.Transform(), attach_to=car)


def drive(world, car, ticks, **control):
    car.apply_control(carla.VehicleControl(**control))
    for _ in range(ticks):
        world.tick()
    return car.get_velocity().length()


def test_versions_agree_and_the_map_is_the_one_the_server_started_with(client):
    assert client.get_server_version() == client.get_client_version() == "0.9.16"
    world = client.get_world()
    assert world.get_map().name.endswith("Millbrook")
    assert len(world.get_map().get_spawn_points()) > 100
    assert any(name.endswith("Millbrook") for name in client.get_available_maps())


def test_each_tick_is_one_frame_and_one_step_of_time(world):
    before = world.get_snapshot()
    frames = [world.tick() for _ in range(10)]
    after = world.get_snapshot()
    assert frames == list(range(before.frame + 1, before.frame + 11))
    assert after.frame == frames[-1]
    assert after.timestamp.elapsed_seconds - before.timestamp.elapsed_seconds == pytest.approx(10 * STEP_S)
    assert after.timestamp.delta_seconds == pytest.approx(STEP_S)


def test_a_free_running_world_ticks_by_itself(client):
    world = client.load_world("Millbrook")
    first, second = world.wait_for_tick(), world.wait_for_tick()
    assert second.frame > first.frame


def test_settings_come_back_as_they_were_set(world):
    settings = world.get_settings()
    settings.max_substeps = 7
    settings.no_rendering_mode = True
    settings.fixed_delta_seconds = 0.025
    world.apply_settings(settings)
    assert world.get_settings() == settings


def test_a_tick_of_three_seconds_leads_where_thirty_of_a_tenth_do(world):
    """CARLA's lidar_to_camera.py asks for such ticks."""
    place, settings, ended = world.get_map().get_spawn_points()[4], world.get_settings(), []
    for step_s, ticks in ((0.1, 30), (3.0, 1)):
        settings.fixed_delta_seconds = step_s
        world.apply_settings(settings)
        car = spawn_car(world, place)
        car.apply_control(carla.VehicleControl(throttle=0.6))
        for _ in range(ticks):
            world.tick()
        ended.append(car.get_transform())
        car.destroy()
    assert ended[0] == ended[1]
    assert ended[0].location.distance(place.location) > 5.0
    assert world.get_snapshot().timestamp.delta_seconds == 3.0


def test_a_spawned_car_stands_on_the_road_where_it_was_put_until_destroyed(world):
    place = world.get_map().get_spawn_points()[4]
    car = spawn_car(world, place)
    world.tick()
    assert car.get_location().distance_2d(place.location) < 0.01
    assert abs(car.get_location().z) < 0.05
    assert car.bounding_box.extent.x == pytest.approx(2.39, abs=0.02)
    assert [actor.id for actor in world.get_actors().filter("vehicle.*")] == [car.id]
    assert car.destroy()
    world.tick()
    assert len(world.get_actors().filter("vehicle.*")) == 0


def test_an_attached_camera_moves_with_its_car_and_survives_it(world):
    car = spawn_car(world)
    camera = camera_on(world, car)
    drive(world, car, 40, throttle=0.6, steer=0.3)
    mounted = car.get_transform().transform(carla.Location(x=1.5, z=1.6))
    assert camera.parent.id == car.id
    assert camera.get_location().distance(mounted) < 0.02
    car.destroy()
    world.tick()
    assert camera.is_alive
    camera.destroy()


def test_spawning_into_another_car_is_refused(world):
    place = world.get_map().get_spawn_points()[0]
    spawn_car(world, place)
    with pytest.raises(RuntimeError, match="collision"):
        spawn_car(world, ahead_of(place, 2.0))
    assert world.try_spawn_actor(world.get_blueprint_library().find("vehicle.audi.tt"), place) is None
    spawn_car(world, ahead_of(place, 7.0))


def test_throttle_drives_brake_stops_reverse_goes_back(world):
    start = world.get_map().get_spawn_points()[0]
    car = spawn_car(world, start)
    assert drive(world, car, 60, throttle=0.7) > 5.0
    ahead = start.get_forward_vector().dot(car.get_location() - start.location)
    assert ahead > 5.0
    assert drive(world, car, 60, brake=1.0) < 0.05
    drive(world, car, 40, throttle=0.5, reverse=True)
    assert car.get_transform().get_forward_vector().dot(car.get_velocity()) < -1.0
    assert drive(world, car, 60, hand_brake=True) < 0.1


def test_positive_steering_turns_right_and_the_snapshot_carries_the_control(world):
    car = spawn_car(world)
    world.tick()
    before = car.get_transform().rotation.yaw
    drive(world, car, 40, throttle=0.5, steer=0.4)
    turned = (car.get_transform().rotation.yaw - before + 180.0) % 360.0 - 180.0
    assert turned > 5.0
    assert car.get_angular_velocity().z > 0.0
    control = car.get_control()
    assert (control.throttle, control.steer, control.brake) == pytest.approx((0.5, 0.4, 0.0))


def test_pedals_beyond_their_range_are_cut_to_it_and_nonsense_is_refused(world):
    car = spawn_car(world)
    car.apply_control(carla.VehicleControl(throttle=7.0, steer=-3.0))
    world.tick()
    assert (car.get_control().throttle, car.get_control().steer) == (1.0, -1.0)
    car.apply_control(carla.VehicleControl(throttle=math.nan))
    world.tick()
    assert car.get_control().throttle == 1.0
    with pytest.raises(RuntimeError, match="not understood"):
        car.set_light_state(carla.VehicleLightState(1)) or world.spawn_actor(
            world.get_blueprint_library().find("vehicle.audi.tt"), carla.Transform(carla.Location(x=math.nan))
        )


def test_every_tick_has_its_own_picture_from_every_camera(world):
    car = spawn_car(world)
    cameras = [Listening(camera_on(world, car)) for _ in range(3)]
    car.apply_control(carla.VehicleControl(throttle=0.5))
    for _ in range(40):
        frame = world.tick()
        for images in cameras:
            image = images.next()
            assert image.frame == frame
            assert (image.width, image.height, len(image.raw_data)) == (64, 36, 64 * 36 * 4)
            mounted = car.get_transform().transform(carla.Location(x=1.5, z=1.6))
            assert image.transform.location.distance(mounted) < 0.05


def test_no_picture_is_lost_when_the_clock_runs_ahead_of_the_reader(world):
    car = spawn_car(world)
    images = Listening(camera_on(world, car, 640, 360))
    frames = [world.tick() for _ in range(120)]
    assert [images.next().frame for _ in frames] == frames


def test_a_camera_with_a_slower_tick_keeps_its_rate(world):
    car = spawn_car(world)
    images = Listening(camera_on(world, car, tick_s=0.2))
    drive(world, car, 40)
    frames = [images.next().frame for _ in range(10)]
    assert {b - a for a, b in itertools.pairwise(frames)} == {4}


def test_driving_into_a_standing_car_is_felt_by_the_collision_sensor(world):
    place = world.get_map().get_spawn_points()[0]
    car, other = spawn_car(world, place), spawn_car(world, ahead_of(place, 20.0), "vehicle.audi.tt")
    events = Listening(collision_sensor_on(world, car))
    drive(world, car, 30, throttle=0.3)
    assert events.empty()
    drive(world, car, 60, throttle=1.0)
    event = events.next()
    assert (event.actor.id, event.other_actor.id) == (car.id, other.id)
    assert event.normal_impulse.length() > 1000.0
    assert event.normal_impulse.dot(place.get_forward_vector()) < 0.0
    assert other.get_location().distance(ahead_of(place, 20.0).location) > 0.5


def test_a_walker_walks_and_is_hit(world):
    place = world.get_map().get_spawn_points()[0]
    car = spawn_car(world, place)
    walker = world.spawn_actor(
        world.get_blueprint_library().find("walker.pedestrian.0001"),
        carla.Transform(ahead_of(place, 15.0).location - 2.0 * place.get_right_vector()),
    )
    world.tick()
    start = walker.get_location()
    walker.apply_control(carla.WalkerControl(place.get_right_vector(), 1.0, False))
    for _ in range(40):
        world.tick()
    assert walker.get_location().distance_2d(start) == pytest.approx(2.0, abs=0.05)
    walker.apply_control(carla.WalkerControl(carla.Vector3D(), 0.0, False))
    events = Listening(collision_sensor_on(world, car))
    drive(world, car, 80, throttle=0.8)
    assert events.next().other_actor.id == walker.id


def test_a_batch_spawns_controls_and_destroys_and_one_bad_command_stops_no_other(client, world):
    library, places = world.get_blueprint_library(), world.get_map().get_spawn_points()
    car = library.find("vehicle.audi.tt")
    go = carla.command.ApplyVehicleControl(carla.command.FutureActor, carla.VehicleControl(throttle=1.0))
    answers = client.apply_batch_sync(
        [
            carla.command.SpawnActor(car, places[0]).then(go),
            carla.command.SpawnActor(car, places[0]),
            carla.command.SpawnActor(car, places[9]),
        ],
        True,
    )
    assert [bool(answer.error) for answer in answers] == [False, True, False]
    for _ in range(30):
        world.tick()
    first, last = (world.get_actor(answers[k].actor_id) for k in (0, 2))
    assert first.get_velocity().length() > 2.0
    assert last.get_velocity().length() < 0.01
    answers = client.apply_batch_sync([carla.command.DestroyActor(actor) for actor in (first, last)], True)
    assert not any(answer.error for answer in answers)
    assert len(world.get_actors().filter("vehicle.*")) == 0


def test_a_car_moved_pushed_or_set_rolling_by_hand_obeys(world):
    places = world.get_map().get_spawn_points()
    car = spawn_car(world, places[0])
    car.set_transform(places[6])
    world.tick()
    assert car.get_location().distance_2d(places[6].location) < 0.01
    forward = car.get_transform().get_forward_vector()
    car.set_target_velocity(10.0 * forward)
    world.tick()
    assert car.get_velocity().dot(forward) == pytest.approx(10.0, abs=0.5)
    car.add_impulse(-5.0 * car.get_physics_control().mass * forward)
    world.tick()
    assert car.get_velocity().dot(forward) == pytest.approx(5.0, abs=0.8)
    car.enable_constant_velocity(carla.Vector3D(3.0, 0.0, 0.0))
    world.tick()
    assert car.get_velocity().length() == pytest.approx(3.0, abs=0.05)
    car.disable_constant_velocity()
    drive(world, car, 40, brake=1.0)
    car.set_simulate_physics(False)
    assert drive(world, car, 20, throttle=1.0) == pytest.approx(0.0, abs=0.01)


def test_a_heavier_car_with_another_lock_is_what_physics_control_says(world):
    car = spawn_car(world)
    physics = car.get_physics_control()
    assert physics.mass == pytest.approx(1847.0)
    assert max(wheel.max_steer_angle for wheel in physics.wheels) == pytest.approx(70.0)
    light = drive(world, car, 40, throttle=0.4)
    drive(world, car, 80, brake=1.0)
    physics.mass = 3.0 * physics.mass
    car.apply_physics_control(physics)
    assert car.get_physics_control().mass == pytest.approx(3.0 * 1847.0)
    assert drive(world, car, 40, throttle=0.4) < 0.6 * light


def test_lamps_weather_and_debug_drawing_are_kept_or_accepted(world):
    car = spawn_car(world)
    lamps = carla.VehicleLightState(carla.VehicleLightState.LowBeam | carla.VehicleLightState.LeftBlinker)
    car.set_light_state(lamps)
    world.tick()
    assert car.get_light_state() == lamps
    assert world.get_vehicles_light_states()[car.id] == lamps
    world.set_weather(carla.WeatherParameters.HardRainSunset)
    assert world.get_weather() == carla.WeatherParameters.HardRainSunset
    world.debug.draw_string(carla.Location(), "here")
    world.get_spectator().set_transform(carla.Transform(carla.Location(z=50.0)))
    world.tick()
    assert world.get_spectator().get_location().z == pytest.approx(50.0)


def test_lights_cycle_and_crossing_approaches_are_never_green_together(world):
    lights = world.get_actors().filter("traffic.traffic_light*")
    assert len(lights) > 3
    group = lights[0].get_group_traffic_lights()
    seen = {light.id: set() for light in group}
    greens = set()
    for _ in range(int(90.0 / STEP_S)):
        world.tick()
        for light in group:
            seen[light.id].add(light.get_state())
        greens.add(frozenset(light.id for light in group if light.get_state() == carla.TrafficLightState.Green))
    phases = [green for green in greens if green]
    three = {carla.TrafficLightState.Green, carla.TrafficLightState.Yellow, carla.TrafficLightState.Red}
    assert all(states == three for states in seen.values())
    assert sum(len(phase) for phase in phases) == len(group)


def test_a_frozen_light_stays_and_takes_the_state_it_is_given(world):
    light = world.get_actors().filter("traffic.traffic_light*")[0]
    light.freeze(True)
    light.set_state(carla.TrafficLightState.Yellow)
    for _ in range(200):
        world.tick()
    assert light.is_frozen()
    assert light.get_state() == carla.TrafficLightState.Yellow
    light.set_green_time(17.0)
    world.reset_all_traffic_lights()
    world.tick()
    assert not light.is_frozen()
    assert light.get_green_time() == pytest.approx(17.0)


def test_a_car_at_a_stop_line_knows_its_light(world):
    light = world.get_actors().filter("traffic.traffic_light*")[0]
    stop = light.get_stop_waypoints()[0]
    car = spawn_car(world, ahead_of(stop.transform, -4.0))
    world.tick()
    assert car.is_at_traffic_light()
    assert car.get_traffic_light().id == light.id
    assert car.get_traffic_light_state() == light.get_state()
    assert car.get_speed_limit() > 10.0


def test_loading_a_map_begins_an_empty_episode_and_an_unknown_one_is_refused_by_name(client, world):
    spawn_car(world)
    opendrive = world.get_map().to_opendrive()
    again = client.reload_world(False)
    assert again.get_settings().synchronous_mode
    assert again.id != world.id
    assert len(again.get_actors().filter("vehicle.*")) == 0
    made = client.generate_opendrive_world(opendrive)
    assert made.get_map().name.endswith("OpenDriveMap")
    with pytest.raises(RuntimeError, match="Millbrook"):
        client.load_world("Atlantis")
    with pytest.raises(RuntimeError, match="OpenDrive"):
        client.generate_opendrive_world("<not a map>")
    assert made.wait_for_tick().frame > 0


def test_two_clients_see_the_same_world(client, world, port):
    car = spawn_car(world)
    other = client_of(port).get_world()
    drive(world, car, 10, throttle=1.0)
    while other.get_snapshot().frame < world.get_snapshot().frame:
        time.sleep(0.01)
    assert other.get_actor(car.id).get_location() == car.get_location()


def test_the_answer_to_a_tick_does_not_wait_for_a_reader_that_has_stopped(world):
    """A listener that blocks delays its own pictures only; the clock goes on until they fill its buffer limit."""
    car = spawn_car(world)
    hold = threading.Event()
    camera = camera_on(world, car)
    camera.listen(lambda _image: hold.wait(30))
    first = world.tick()
    try:
        frames = [world.tick() for _ in range(50)]
    finally:
        hold.set()
    assert frames[-1] == first + 50
