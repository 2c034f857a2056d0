"""Makes the pictures of docs/pictures.md from a running server: `python docs/build_pictures.py --port 2000`.

The pictures are what sensors of an unmodified client received, as JPEG. Scans are drawn from above or into the camera's
picture, so that one sees whether they agree with it.
"""

from __future__ import annotations

import argparse
import math
import queue
from pathlib import Path
from typing import Any

import carla
import cv2
import numpy as np

FOLDER = Path(__file__).parent / "images" / "sim"
WIDTH, HEIGHT, FOV_DEG = 720, 405, 80.0
EYE = carla.Transform(carla.Location(-150.0, 1.75, 2.0), carla.Rotation(pitch=-2.0))
WEATHERS: dict[str, dict[str, float]] = {
    "day": {},
    "night": {"sun_altitude_angle": -30.0},
    "rain": {
        "cloudiness": 90.0,
        "precipitation": 80.0,
        "precipitation_deposits": 70.0,
        "wetness": 90.0,
        "sun_altitude_angle": 30.0,
        "fog_density": 8.0,
    },
    "fog": {"fog_density": 60.0, "cloudiness": 60.0, "fog_distance": 5.0},
}
TOWNS = ("Ashford", "Kingsway", "Highfield")


def set_up(client: carla.Client, town: str, vehicles: int) -> carla.World:
    """A synchronous town with traffic under way."""
    world = client.load_world(town)
    settings = world.get_settings()
    settings.synchronous_mode, settings.fixed_delta_seconds = True, 0.05
    world.apply_settings(settings)
    manager = client.get_trafficmanager(8000)
    manager.set_random_device_seed(3)
    library = world.get_blueprint_library()
    cars = [b for b in library.filter("vehicle.*") if int(b.get_attribute("number_of_wheels")) == 4]
    future: Any = carla.command.FutureActor
    drive = carla.command.SetAutopilot(future, True, manager.get_port())
    places = world.get_map().get_spawn_points()
    batch = []
    for k, place in enumerate(places[:: max(1, len(places) // vehicles)]):
        blueprint = cars[k % len(cars)]
        if blueprint.has_attribute("color"):
            colours = blueprint.get_attribute("color").recommended_values
            blueprint.set_attribute("color", colours[k % len(colours)])
        batch.append(carla.command.SpawnActor(blueprint, place).then(drive))
    client.apply_batch_sync(batch, True)
    return world


def set_weather(world: carla.World, **changes: float) -> None:
    """Clear noon but for some changes."""
    weather: Any = carla.WeatherParameters(
        **{"cloudiness": 10.0, "sun_altitude_angle": 55.0, "sun_azimuth_angle": 40.0} | changes
    )
    world.set_weather(weather)


def sense(world: carla.World, name: str, place: carla.Transform, **attributes: Any) -> Any:
    """One measurement of a sensor."""
    blueprint = world.get_blueprint_library().find(name)
    if "camera" in name:
        attributes = {"image_size_x": WIDTH, "image_size_y": HEIGHT, "fov": FOV_DEG} | attributes
    for key, value in attributes.items():
        blueprint.set_attribute(key, str(value))
    sensor: Any = world.spawn_actor(blueprint, place)
    heard: queue.Queue[Any] = queue.Queue()
    sensor.listen(heard.put)
    world.tick()
    data = heard.get(timeout=120.0)
    sensor.stop()
    sensor.destroy()
    return data


def bgr(image: carla.Image) -> np.ndarray:
    """(H, W, 3) uint8 copy of a camera's picture."""
    return np.frombuffer(image.raw_data, np.uint8).reshape(image.height, image.width, 4)[..., :3].copy()


def save(name: str, picture: np.ndarray) -> None:
    """Write a JPEG."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(FOLDER / f"{name}.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 84])


def pixels_of(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Columns and rows of (n, 3) points in the camera's frame, and the mask of those in the picture."""
    focal = WIDTH / 2.0 / math.tan(math.radians(FOV_DEG) / 2.0)
    ahead = np.maximum(points[:, 0], 0.1)
    at = np.column_stack([WIDTH / 2 + focal * points[:, 1] / ahead, HEIGHT / 2 - focal * points[:, 2] / ahead])
    inside = (points[:, 0] > 0.5) & (at >= 0).all(axis=1) & (at < [WIDTH, HEIGHT]).all(axis=1)
    return at.astype(int), inside


def dots(picture: np.ndarray, at: np.ndarray, colours: np.ndarray, radius: int) -> None:
    """Filled circles."""
    for (column, row), colour in zip(at.tolist(), colours.tolist(), strict=True):
        cv2.circle(picture, (column, row), radius, colour, -1, cv2.LINE_AA)


def palette_of(world: carla.World) -> np.ndarray:
    """(256, 3) BGR of CARLA's own palette for the tags of one picture."""
    image = sense(world, "sensor.camera.semantic_segmentation", EYE)
    tags = np.frombuffer(image.raw_data, np.uint8).reshape(image.height, image.width, 4)[..., 2].copy()
    image.convert(carla.ColorConverter.CityScapesPalette)
    palette = np.full((256, 3), 90, np.uint8)
    palette[tags] = bgr(image)
    return palette


def weathers(world: carla.World) -> None:
    """The same place in every weather."""
    for name, changes in WEATHERS.items():
        set_weather(world, **changes)
        save(name, bgr(sense(world, "sensor.camera.rgb", EYE)))
    set_weather(world)


def cameras(world: carla.World) -> None:
    """Depth, tags and instances of the place of the weathers' pictures."""
    depth = sense(world, "sensor.camera.depth", EYE)
    depth.convert(carla.ColorConverter.LogarithmicDepth)
    save("depth", bgr(depth))
    tags = sense(world, "sensor.camera.semantic_segmentation", EYE)
    tags.convert(carla.ColorConverter.CityScapesPalette)
    save("semantic", bgr(tags))
    things = bgr(sense(world, "sensor.camera.instance_segmentation", EYE)).astype(np.uint32)
    number = things[..., 0] * 65536 + things[..., 1] * 256 + things[..., 2]
    hues = np.stack([number * 97 % 180, np.full_like(number, 150), 110 + number * 57 % 140], axis=-1).astype(np.uint8)
    save("instances", cv2.cvtColor(hues, cv2.COLOR_HSV2BGR))


def scans(world: carla.World) -> None:
    """LiDAR from above, semantic LiDAR and radar in the camera's picture."""
    rays = {"range": 70, "rotation_frequency": 20, "upper_fov": 8, "lower_fov": -25}
    lidar = sense(world, "sensor.lidar.ray_cast", EYE, channels=64, points_per_second=1_600_000, **rays)
    points = np.frombuffer(lidar.raw_data, "<f4").reshape(-1, 4)
    picture = np.full((HEIGHT, WIDTH, 3), 18, np.uint8)
    at = np.column_stack([WIDTH * 0.35 + points[:, 0] * 7.0, HEIGHT / 2 + points[:, 1] * 7.0]).astype(int)
    height = np.clip((points[:, 2] + 2.2) / 8.0 * 255.0, 0, 255).astype(np.uint8)
    order = np.argsort(points[:, 2])
    colours = cv2.applyColorMap(height[order, None], cv2.COLORMAP_TURBO)[:, 0]
    inside = ((at >= 0) & (at < [WIDTH, HEIGHT])).all(axis=1)[order]
    picture[at[order][inside, 1], at[order][inside, 0]] = colours[inside]
    save("lidar", picture)
    palette = palette_of(world)
    dark = bgr(sense(world, "sensor.camera.rgb", EYE)) // 3
    scan = sense(world, "sensor.lidar.ray_cast_semantic", EYE, channels=48, points_per_second=600_000, **rays)
    rows = np.frombuffer(scan.raw_data, np.dtype([("xyz", "<f4", 3), ("cos", "<f4"), ("actor", "<u4"), ("tag", "<u4")]))
    at, inside = pixels_of(rows["xyz"])
    dots(dark, at[inside], palette[rows["tag"][inside] & 255], 1)
    save("semantic_lidar", dark)
    dark = bgr(sense(world, "sensor.camera.rgb", EYE)) // 2
    radar = sense(world, "sensor.other.radar", EYE, horizontal_fov=60, vertical_fov=16, points_per_second=16_000)
    found = np.array([(d.depth, d.azimuth, d.altitude, d.velocity) for d in radar])
    flat = found[:, 0] * np.cos(found[:, 2])
    xyz = np.column_stack([flat * np.cos(found[:, 1]), flat * np.sin(found[:, 1]), found[:, 0] * np.sin(found[:, 2])])
    at, inside = pixels_of(xyz)
    speed = found[inside, 3]
    colours = np.where(
        np.abs(speed)[:, None] < 0.5, (170, 170, 170), np.where(speed[:, None] < 0.0, (60, 60, 255), (255, 160, 60))
    )
    dots(dark, at[inside], colours, 3)
    save("radar", dark)


def towns(client: carla.Client) -> None:
    """One street of each other town."""
    known = {Path(name).name for name in client.get_available_maps()}
    for town in TOWNS:
        if town not in known:
            continue
        world = set_up(client, town, 40)
        for _ in range(60):
            world.tick()
        set_weather(world)
        vehicles = world.get_actors().filter("vehicle.*")
        place = max(vehicles, key=lambda v: sum(v.get_location().distance(o.get_location()) < 40.0 for o in vehicles))
        where = place.get_transform()
        eye = where.transform(carla.Location(-9.0, 0.0, 3.2))
        turn = carla.Rotation(pitch=-6.0, yaw=where.rotation.yaw)
        save(town.lower(), bgr(sense(world, "sensor.camera.rgb", carla.Transform(eye, turn))))


def main() -> None:
    """Draw everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=2000)
    parser.add_argument("--no-towns", action="store_true")
    options = parser.parse_args()
    client = carla.Client("127.0.0.1", options.port)
    client.set_timeout(600.0)
    world = set_up(client, "Millbrook", 50)
    for _ in range(120):
        world.tick()
    weathers(world)
    cameras(world)
    scans(world)
    if not options.no_towns:
        towns(client)


if __name__ == "__main__":
    main()
