"""Makes docs/pictures.md and its pictures: `python docs/build_pictures.py` takes a few minutes and needs nothing else.

The pictures are what sensors of an unmodified client received, as JPEG. Scans are drawn from above or into a darkened
camera picture, so that one sees whether they agree with it; motion sensors are drawn as curves. Each part has a server
of its own; `--only towns` (or cabin, sensors) draws one part anew.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import carla
from picture_page import write_page
from picture_sensors import Camera, bgr, draw_events, draw_images, draw_motion, draw_scans, save

ROOT = Path(__file__).resolve().parents[1]
TOWNS = ("Millbrook", "Ashford", "Highfield", "Kingsway")
SKIES = {"day": "ClearNoon", "sunset": "ClearSunset", "night": "ClearNight", "rain": "HardRainNoon", "fog": ""}
FOG = {"fog_density": 60.0, "fog_distance": 5.0, "fog_falloff": 0.2, "cloudiness": 60.0, "sun_altitude_angle": 35.0}
MORE_SKIES = ("WetCloudyNoon", "WetSunset", "CloudyNight", "HardRainNight")
EYES = {
    "Millbrook": carla.Transform(carla.Location(-150.0, 1.75, 2.0), carla.Rotation(pitch=-2.0)),
}
"""Where a town is seen from; the others are seen from behind their thickest traffic."""
DRIVERS_EYE = carla.Transform(carla.Location(0.35, -0.33, 1.33), carla.Rotation(pitch=-4.0))
SENSORS_MANAGER_PORT = 8020
ON_AVENUE = carla.Transform(carla.Location(-190.0, 1.75, 0.1))


@contextlib.contextmanager
def server(town: str) -> Iterator[carla.Client]:
    """A client of a server that runs until the block ends."""
    command = [sys.executable, "-m", "sim", "--port", "0", "--exit-with-parent", "--mirrors", "--map", town]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        assert process.stdout is not None  # noqa: S101
        words = process.stdout.readline().split()
        if words[:1] != ["ready"]:
            raise RuntimeError("the simulator did not start; run `python -m sim` to see why")
        client = carla.Client("127.0.0.1", int(words[1]))
        client.set_timeout(120.0)
        yield client
    finally:
        process.terminate()
        process.wait()


def set_up(client: carla.Client, vehicles: int, manager_port: int = 8000) -> carla.World:
    """A synchronous world with traffic under way.

    The client library keeps one traffic manager a port for the whole process: each server needs a port of its own.
    """
    world = client.get_world()
    settings = world.get_settings()
    settings.synchronous_mode, settings.fixed_delta_seconds = True, 0.05
    world.apply_settings(settings)
    manager = client.get_trafficmanager(manager_port)
    manager.set_random_device_seed(3)
    library = world.get_blueprint_library()
    cars = [b for b in library.filter("vehicle.*") if int(b.get_attribute("number_of_wheels")) == 4]
    future: Any = carla.command.FutureActor
    drive = carla.command.SetAutopilot(future, True, manager.get_port())
    places = world.get_map().get_spawn_points()
    batch = []
    for k, place in enumerate(places[:: max(1, len(places) // vehicles)] if vehicles else []):
        blueprint = cars[k % len(cars)]
        if blueprint.has_attribute("color"):
            colours = blueprint.get_attribute("color").recommended_values
            blueprint.set_attribute("color", colours[k % len(colours)])
        batch.append(carla.command.SpawnActor(blueprint, place).then(drive))
    client.apply_batch_sync(batch, True)
    for vehicle in world.get_actors().filter("vehicle.*"):
        manager.update_vehicle_lights(vehicle, True)
    for _ in range(60):
        world.tick()
    return world


def preset(name: str, **changes: float) -> Any:
    """A preset of `carla.WeatherParameters` with some changes."""
    weather = carla.WeatherParameters()
    for field in (f for f in dir(weather) if not f.startswith("_") and f.islower()):
        with contextlib.suppress(AttributeError, TypeError):
            setattr(weather, field, getattr(getattr(carla.WeatherParameters, name), field))
    for field, value in changes.items():
        setattr(weather, field, value)
    return weather


def behind_the_traffic(world: carla.World) -> carla.Transform:
    """A place behind the vehicle that has most others ahead of it."""

    def ahead(vehicle: Any) -> float:
        where = vehicle.get_transform()
        forward, total = where.get_forward_vector(), 0.0
        for other in vehicles:
            away = other.get_location() - where.location
            along, far = away.x * forward.x + away.y * forward.y, math.hypot(away.x, away.y)
            total += 1.0 if 4.0 < far < 60.0 and along > 0.75 * far else 0.0
        return total - (2.0 if vehicle.bounding_box.extent.z > 1.0 else 0.0)

    vehicles = list(world.get_actors().filter("vehicle.*"))
    where = max(vehicles, key=ahead).get_transform()
    eye = where.location - where.get_forward_vector() * 8.0
    return carla.Transform(
        carla.Location(eye.x, eye.y, eye.z + 2.6), carla.Rotation(pitch=-5.0, yaw=where.rotation.yaw)
    )


def draw_town(client: carla.Client, town: str) -> None:
    """A town under every sky."""
    world = set_up(client, 60, 8010 + TOWNS.index(town))
    camera = Camera(world, "sensor.camera.rgb", EYES.get(town) or behind_the_traffic(world))
    for sky, name in SKIES.items():
        world.set_weather(preset(name) if name else preset("ClearNoon", **FOG))
        save(f"{town.lower()}_{sky}", bgr(camera.take()))
    camera.destroy()


def draw_weathers(world: carla.World) -> None:
    """More presets in Millbrook."""
    camera = Camera(world, "sensor.camera.rgb", EYES["Millbrook"])
    for name in MORE_SKIES:
        world.set_weather(preset(name))
        save(name.lower(), bgr(camera.take()))
    camera.destroy()
    world.set_weather(preset("ClearNoon"))


def spawn(world: carla.World, name: str, place: carla.Transform, colour: str = "20,60,150") -> Any:
    """Spawn an actor; ValueError when its place is taken."""
    blueprint = world.get_blueprint_library().find(name)
    if blueprint.has_attribute("color"):
        blueprint.set_attribute("color", colour)
    return world.spawn_actor(blueprint, place)


def draw_cabin(client: carla.Client) -> None:
    """From the driver's eye, and what the doors, the debug helper and the light manager show."""
    world = set_up(client, 0)
    ego = spawn(world, "vehicle.lincoln.mkz_2020", carla.Transform(carla.Location(-160.0, 1.75, 0.1)), "150,20,24")
    ahead = spawn(world, "vehicle.audi.etron", carla.Transform(carla.Location(-143.0, 1.75, 0.1)))
    spawn(
        world, "vehicle.nissan.patrol", carla.Transform(carla.Location(-128.0, -1.75, 0.1), carla.Rotation(yaw=180.0))
    )
    spawn(world, "vehicle.audi.tt", carla.Transform(carla.Location(-174.0, 1.75, 0.1)), "230,170,20")
    camera = Camera(world, "sensor.camera.rgb", DRIVERS_EYE, ego, fov=90.0)
    ego.apply_control(carla.VehicleControl(steer=0.35, brake=1.0))
    for sky, name in (("day", "ClearNoon"), ("night", "ClearNight"), ("rain", "HardRainNoon")):
        world.set_weather(preset(name))
        for _ in range(5):
            camera.take()
        save(f"cabin_{sky}", bgr(camera.take()))
    camera.destroy()
    world.set_weather(preset("ClearNoon"))
    camera = Camera(
        world, "sensor.camera.rgb", carla.Transform(carla.Location(-152.0, -0.8, 2.4), carla.Rotation(pitch=-8.0))
    )
    ahead.open_door(carla.VehicleDoor.FL)
    ahead.open_door(carla.VehicleDoor.RR)
    extent = ahead.bounding_box.extent
    box = carla.BoundingBox(ahead.get_location() + carla.Location(z=extent.z), extent)
    world.debug.draw_box(box, ahead.get_transform().rotation, 0.05, carla.Color(255, 190, 0), 0.0)
    arrow = carla.Location(-148.0, -1.6, 0.4), carla.Location(-138.0, -1.6, 0.4)
    world.debug.draw_arrow(*arrow, 0.08, 0.5, carla.Color(0, 220, 60), 0.0)
    save("debug_doors", bgr(camera.take()))
    world.debug.clear_debug_shape()  # pyright: ignore[reportAttributeAccessIssue]
    world.set_weather(preset("ClearNight"))
    lamps = world.get_lightmanager()
    street = lamps.get_all_lights(carla.LightGroup.Street)
    lamps.set_color(street, carla.Color(70, 110, 255))
    for _ in range(3):
        picture = camera.take()
    save("light_manager", bgr(picture))
    camera.destroy()


def draw_sensors(client: carla.Client) -> dict[str, str]:
    """Every sensor in Millbrook by day; the event sensors' messages, in words."""
    world = set_up(client, 60, SENSORS_MANAGER_PORT)
    draw_weathers(world)
    draw_images(world, EYES["Millbrook"])
    draw_scans(world, EYES["Millbrook"])
    for other in world.get_actors().filter("vehicle.*"):
        other.destroy()
    world.tick()
    manager = client.get_trafficmanager(SENSORS_MANAGER_PORT)
    draw_motion(world, manager, spawn(world, "vehicle.lincoln.mkz_2020", ON_AVENUE))
    return draw_events(world, lambda name, place: spawn(world, name, place))


def main() -> None:
    """Draw everything and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=("towns", "cabin", "sensors"), default=None, help="draw one part anew")
    options = parser.parse_args()
    for town in TOWNS if options.only in (None, "towns") else ():
        with server(town) as client:
            draw_town(client, town)
    if options.only in (None, "cabin"):
        with server("Millbrook") as client:
            draw_cabin(client)
    if options.only in (None, "sensors"):
        with server("Millbrook") as client:
            write_page(TOWNS, SKIES, MORE_SKIES, draw_sensors(client))


if __name__ == "__main__":
    main()
