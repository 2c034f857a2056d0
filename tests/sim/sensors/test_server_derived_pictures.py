"""Normals, optical flow and brightness events as CARLA's own client receives them."""

import carla
import numpy as np
import pytest

from tests.sim.server.server_process import Listening, client_of, serving, spawn_car, synchronous_world

PLACE = carla.Transform(carla.Location(-150.0, 1.75, 1.5))
AHEAD = carla.Transform(carla.Location(-138.0, 1.75, 0.1))
SIZE = {"image_size_x": "64", "image_size_y": "48"}


@pytest.fixture(scope="module")
def world():
    with serving(rendering=True) as port:
        client = client_of(port)
        client.set_timeout(120.0)
        yield synchronous_world(client)


@pytest.fixture
def car(world):
    made = spawn_car(world, AHEAD)
    yield made
    made.destroy()


def listen(world, name):
    blueprint = world.get_blueprint_library().find(name)
    for key, value in SIZE.items():
        blueprint.set_attribute(key, value)
    return Listening(world.spawn_actor(blueprint, PLACE))


def test_the_road_looks_up_and_a_cars_rear_looks_back(world, car):
    camera = listen(world, "sensor.camera.normals")
    frame = world.tick()
    image = camera.next()
    assert image.frame == frame
    pixels = np.frombuffer(image.raw_data, np.uint8).reshape(48, 64, 4)
    assert np.abs(pixels[46, 32, :3].astype(int) - [255, 128, 128]).max() <= 6
    assert pixels[26, 32, 2] < 60  # x of the normal of what stands ahead is near -1
    camera.sensor.destroy()


def test_only_the_car_that_moves_flows(world, car):
    camera = listen(world, "sensor.camera.optical_flow")
    world.tick()
    camera.next()
    car.set_transform(carla.Transform(AHEAD.location + carla.Location(y=0.5), AHEAD.rotation))
    world.tick()
    image = camera.next()
    flow = np.frombuffer(image.raw_data, np.float32).reshape(48, 64, 2)
    assert 0.01 < flow[26, 34, 0] < 0.04  # half a metre at ten is a fortieth of the width
    assert np.abs(flow[46]).max() < 1e-3
    assert np.abs(flow[2]).max() < 1e-3
    camera.sensor.destroy()


def test_events_come_where_a_car_has_come_into_view(world):
    camera = listen(world, "sensor.camera.dvs")
    world.tick()
    world.tick()
    car = spawn_car(world, AHEAD)
    world.tick()
    events = camera.next()
    while not len(events):
        world.tick()
        events = camera.next()
    rows = np.array([(event.x, event.y) for event in events])
    assert len(rows) > 20
    assert np.abs(rows.mean(axis=0) - [32, 27]).max() < 8
    car.destroy()
    camera.sensor.destroy()
