"""V2X sensors as CARLA's own client receives them: its classes and the messages that they hold."""

import queue

import carla
import pytest

from tests.sim.server.server_process import Listening, client_of, serving, spawn_car, synchronous_world

WAIT_S = 60.0
QUIET = {"use_etsi_fading": "false", "custom_fading_stddev": "0.0"}


def place(x, z=0.0):
    return carla.Transform(carla.Location(x, 1.75, z))


@pytest.fixture(scope="module")
def world():
    with serving() as port:
        yield synchronous_world(client_of(port))


@pytest.fixture
def spawned(world):
    actors = []

    def spawn(name, where, parent=None, **attributes):
        blueprint = world.get_blueprint_library().find(name)
        for key, value in attributes.items():
            blueprint.set_attribute(key, value)
        actors.append(world.spawn_actor(blueprint, where, attach_to=parent))
        return actors[-1]

    spawn.car = lambda x: actors.append(spawn_car(world, place(x))) or actors[-1]
    yield spawn
    for actor in reversed(actors):
        actor.destroy()
    world.tick()


ROOF = carla.Transform(carla.Location(z=1.8))


def received(listening, world, ticks=25):
    """All messages within some ticks."""
    for _ in range(ticks):
        world.tick()
    events = []
    while True:
        try:
            events.append(listening.get(timeout=1.0))
        except queue.Empty:
            return [message for event in events for message in event]


def test_a_station_hears_another_vehicle_and_not_itself(world, spawned):
    cars = [spawned.car(x) for x in (-150.0, -120.0)]
    first, second = (spawned("sensor.other.v2x", ROOF, car, **QUIET) for car in cars)
    listening = Listening(first)
    messages = received(listening, world)
    assert messages
    second_id = cars[1].id
    assert second.id != second_id
    for message in messages:
        content = message.get()["Message"]
        assert content["Header"] == {"Protocol Version": 2, "Message ID": "CAM", "Station ID": second_id}
        parameters = content["Message"]["CAM Parameters"]
        basic = parameters["Basic Container"]
        geo = world.get_map().transform_to_geolocation(cars[1].get_location())
        assert basic["Station Type"] == "Passenger Car"
        assert basic["Reference Position"]["Latitude"] == pytest.approx(geo.latitude * 1e7, abs=20)
        assert basic["Reference Position"]["Longitude"] == pytest.approx(geo.longitude * 1e7, abs=20)
        fast = parameters["High Frequency Container"]["Basic Vehicle Container High Frequency"]
        assert fast["Heading"]["Value"] == 900  # along +x: east
        assert fast["Speed"]["Value"] == 0
        assert fast["Vehicle Length"]["Value"] == pytest.approx(20.0 * cars[1].bounding_box.extent.x, abs=1)
        assert fast["Vertical Acceleration"]["Value"] == 98
        # WINNER+ over open road at 5.9 GHz: 32.4 + 20 log10(30) + 20 log10(5.9) = 77.4 dB; 21.5 dBm + 10 dB sent.
        assert message.power == pytest.approx(31.5 - 77.36, abs=0.1)
    listening.sensor.stop()


def test_a_standing_vehicle_sends_each_second_and_a_quick_one_each_time_it_has_gone_four_metres(world, spawned):
    cars = [spawned.car(x) for x in (-150.0, -120.0)]
    first, _ = (spawned("sensor.other.v2x", ROOF, car, **QUIET) for car in cars)
    listening = Listening(first)
    assert len(received(listening, world, 60)) == 3
    cars[1].enable_constant_velocity(carla.Vector3D(12.0, 0.0, 0.0))
    messages = received(listening, world, 40)  # 2 s at 12 m/s: each 7 ticks, after the first, sent for the speed
    assert 5 <= len(messages) <= 7
    speeds = {m.get()["Message"]["Message"]["CAM Parameters"]["High Frequency Container"]
              ["Basic Vehicle Container High Frequency"]["Speed"]["Value"] for m in messages}  # fmt: skip
    assert max(speeds) == pytest.approx(1200, abs=5)
    listening.sensor.stop()


def test_a_station_beside_the_road_says_so_twice_a_second(world, spawned):
    car = spawned.car(-150.0)
    spawned("sensor.other.v2x", place(-130.0, 5.0), **QUIET)
    listening = Listening(spawned("sensor.other.v2x", ROOF, car, **QUIET))
    messages = received(listening, world, 40)
    assert len(messages) == 4
    basic = messages[0].get()["Message"]["Message"]["CAM Parameters"]["Basic Container"]
    assert basic["Station Type"] == "Road Side Unit"
    listening.sensor.stop()


def test_nothing_arrives_from_beyond_the_receivers_reach_or_below_its_sensitivity(world, spawned):
    spawned("sensor.other.v2x", ROOF, spawned.car(-120.0), **QUIET)
    car = spawned.car(-150.0)
    near = Listening(spawned("sensor.other.v2x", ROOF, car, filter_distance="20.0", **QUIET))
    deaf = Listening(spawned("sensor.other.v2x", ROOF, car, receiver_sensitivity="-40.0", **QUIET))
    heard = received(near, world) + received(deaf, world)
    # The two hear each other, on one roof, and not the car 30 m ahead.
    assert {message.get()["Message"]["Header"]["Station ID"] for message in heard} == {car.id}
    near.sensor.stop()
    deaf.sensor.stop()


def test_a_custom_text_reaches_the_sensors_of_their_channel_once(world, spawned):
    cars = [spawned.car(x) for x in (-150.0, -120.0, -90.0)]
    channels = ("ours", "ours", "theirs")
    sensors = [
        spawned("sensor.other.v2x_custom", ROOF, car, channel_id=channel, **QUIET)
        for car, channel in zip(cars, channels, strict=True)
    ]
    ours, theirs = Listening(sensors[1]), Listening(sensors[2])
    world.tick()
    sensors[0].send("brake ahead")
    (message,) = received(ours, world, 5)
    content = message.get()["Message"]
    assert content["Header"] == {"Protocol Version": 2, "Message ID": "CUSTOM", "Station ID": cars[0].id}
    assert content["Message"] == "brake ahead"
    assert received(theirs, world, 1) == []
    ours.sensor.stop()
    theirs.sensor.stop()


def test_a_vehicle_between_two_stations_costs_power(world, spawned):
    cars = [spawned.car(x) for x in (-150.0, -120.0)]
    low = carla.Transform(carla.Location(z=0.5))
    listening, _ = (Listening(spawned("sensor.other.v2x", low, car, **QUIET)) for car in cars)
    clear = received(listening, world)[-1].power
    spawned.car(-135.0)
    assert received(listening, world)[-1].power < clear - 15.0
    listening.sensor.stop()


def test_a_text_too_long_or_from_another_sensor_is_refused(world, spawned):
    for name, text in (("sensor.other.v2x_custom", "x" * 100), ("sensor.other.gnss", "x")):
        sensor = spawned(name, place(-150.0))
        world.tick()
        sensor.send(text)
    world.tick()
    assert world.get_actors()


def test_attributes_that_make_no_radio_are_refused(world, spawned):
    with pytest.raises(RuntimeError, match="frequency_ghz"):
        spawned("sensor.other.v2x", place(-150.0), frequency_ghz="0.0")
