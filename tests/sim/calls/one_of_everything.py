"""A world with one of everything that has methods, and the longer calls of them; for `every_call`."""

from __future__ import annotations

import tempfile
from types import SimpleNamespace

import carla

TIMEOUT_S = 100.0
Things = SimpleNamespace


def things(port: int) -> Things:
    """A world with one of everything that has methods."""
    client = carla.Client("127.0.0.1", port)
    client.set_timeout(TIMEOUT_S)
    world = client.load_world("Millbrook")
    settings = world.get_settings()
    settings.synchronous_mode, settings.fixed_delta_seconds = True, 0.05
    world.apply_settings(settings)
    library, places = world.get_blueprint_library(), world.get_map().get_spawn_points()
    vehicle = world.spawn_actor(library.find("vehicle.tesla.model3"), places[0])
    walker = world.spawn_actor(library.find("walker.pedestrian.0001"), places[5])
    camera = world.spawn_actor(library.find("sensor.camera.rgb"), carla.Transform(), attach_to=vehicle)
    controller = world.spawn_actor(library.find("controller.ai.walker"), carla.Transform(), attach_to=walker)
    world.tick()
    return Things(
        client=client,
        world=world,
        library=library,
        places=places,
        vehicle=vehicle,
        walker=walker,
        camera=camera,
        controller=controller,
        light=world.get_actors().filter("traffic.traffic_light")[0],
        manager=client.get_trafficmanager(8000),
        lamps=world.get_lightmanager(),
        folder=tempfile.mkdtemp(),
        here=places[0].location,
        up=carla.Vector3D(0.0, 0.0, 1.0),
        small=carla.TextureColor(2, 2),
        small_float=carla.TextureFloatColor(2, 2),
    )


def box() -> carla.BoundingBox:
    return carla.BoundingBox(carla.Location(), carla.Vector3D(1.0, 1.0, 1.0))


def spawn_and_destroy(t: Things) -> bool:
    return t.world.spawn_actor(t.library.find("vehicle.audi.tt"), t.places[9]).destroy()


def listen(t: Things) -> int:
    t.camera.listen(lambda _image: None)
    return t.world.tick()


def on_tick(t: Things) -> None:
    t.world.remove_on_tick(t.world.on_tick(lambda _snapshot: None))


def landmark(t: Things) -> carla.Landmark:
    return t.world.get_map().get_all_landmarks()[0]


def road(t: Things) -> carla.Waypoint:
    return t.world.get_map().get_waypoint(t.here)


def junction(t: Things) -> int:
    """The id of a junction that exists: the library follows a null pointer for any other."""
    return next(start.junction_id for start, _ in t.world.get_map().get_topology() if start.is_junction)


def lamps(t: Things) -> list:
    return t.lamps.get_all_lights()


def wait_for_tick(t: Things) -> object:
    """Needs ticks from elsewhere: here from the free-running clock."""
    settings = t.world.get_settings()
    settings.synchronous_mode = False
    t.world.apply_settings(settings)
    try:
        return t.world.wait_for_tick()
    finally:
        settings.synchronous_mode = True
        t.world.apply_settings(settings)
