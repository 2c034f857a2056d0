"""One seeded drive through the unmodified client, as a program: prints for each tick what the world and a camera were.

    python seeded_drive.py PORT TICKS [VEHICLES]

A line is the number of the tick, the hash of its snapshot and, of every eighth tick, that of its picture. It is a
program of its own, because the client library keeps its random numbers and its TrafficManager for a process's life.
"""

import hashlib
import os
import struct
import sys

import carla
from server_process import STEP_S, Listening, client_of, spawn_traffic, synchronous_world

WALKERS = 8
PICTURE_EVERY = 8


def spawn_walkers(world, count):
    """People on the pavements, walked by the library's own controllers."""
    world.set_pedestrians_seed(5)
    library = world.get_blueprint_library()
    models, brain = library.filter("walker.pedestrian.*"), library.find("controller.ai.walker")
    places = [world.get_random_location_from_navigation() for _ in range(count)]
    walkers = [world.try_spawn_actor(models[k], carla.Transform(place)) for k, place in enumerate(places)]
    controllers = [world.spawn_actor(brain, carla.Transform(), walker) for walker in walkers if walker is not None]
    world.tick()
    for controller in controllers:
        controller.start()
        controller.go_to_location(world.get_random_location_from_navigation())
    return controllers


def hash_of_snapshot(snapshot):
    """Of the time and every number of every actor; frames count on from what the server did before, so not those."""
    digest = hashlib.sha256(struct.pack("<d", snapshot.timestamp.delta_seconds))
    for state in sorted(snapshot, key=lambda state: state.id):
        t = state.get_transform()
        vectors = (t.location, state.get_velocity(), state.get_angular_velocity(), state.get_acceleration())
        numbers = [n for v in vectors for n in (v.x, v.y, v.z)]
        digest.update(struct.pack("<I15d", state.id, *numbers, t.rotation.pitch, t.rotation.yaw, t.rotation.roll))
    return digest.hexdigest()


def drive(port, ticks, vehicles):
    client = client_of(port)
    client.set_timeout(60.0)
    world = synchronous_world(client)
    cars = spawn_traffic(client, world, vehicles)
    controllers = spawn_walkers(world, WALKERS)
    blueprint = world.get_blueprint_library().find("sensor.camera.rgb")
    blueprint.set_attribute("image_size_x", "160")
    blueprint.set_attribute("image_size_y", "90")
    blueprint.set_attribute("sensor_tick", str(PICTURE_EVERY * STEP_S))
    place = carla.Transform(carla.Location(x=-6.0, z=3.0))
    camera = Listening(world.spawn_actor(blueprint, place, attach_to=world.get_actor(cars[0])))
    for tick in range(ticks):
        frame, picture = world.tick(), ""
        if tick % PICTURE_EVERY == 0:
            image = camera.get(timeout=60.0)
            assert image.frame == frame
            picture = hashlib.sha256(image.raw_data).hexdigest()
        print(tick, hash_of_snapshot(world.get_snapshot()), picture)
    for controller in controllers:
        controller.stop()
    camera.sensor.stop()
    sys.stdout.flush()
    os._exit(0)  # the library's threads do not always survive Python's own end


if __name__ == "__main__":
    arguments = [int(word) for word in sys.argv[1:]]
    drive(arguments[0], arguments[1], arguments[2] if len(arguments) > 2 else 30)
