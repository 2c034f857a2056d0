"""One picture for every sensor, for docs/pictures.md: cameras by CARLA's own converters, scans, curves and events."""

from __future__ import annotations

import math
import queue
from collections.abc import Callable
from pathlib import Path
from typing import Any

import carla
import cv2
import matplotlib as mpl
import numpy as np

mpl.use("Agg")
import matplotlib.pyplot as plt

FOLDER = Path(__file__).parent / "images" / "sim"
WIDTH, HEIGHT, FOV_DEG = 640, 360, 80.0
JPEG_QUALITY = 85
RAYS = {"range": 70, "rotation_frequency": 20, "upper_fov": 8, "lower_fov": -25}
SEMANTIC_ROW = np.dtype([("xyz", "<f4", 3), ("cos", "<f4"), ("actor", "<u4"), ("tag", "<u4")])
STEP_S = 0.05
DRIVE_TICKS = 900


class Camera:
    """Any sensor, with one measurement a tick."""

    def __init__(
        self, world: carla.World, name: str, place: carla.Transform, parent: Any = None, **attributes: Any
    ) -> None:
        blueprint = world.get_blueprint_library().find(name)
        if "camera" in name:
            attributes = {"image_size_x": WIDTH, "image_size_y": HEIGHT, "fov": FOV_DEG} | attributes
        for key, value in attributes.items():
            blueprint.set_attribute(key, str(value))
        self._world, self._measurements = world, queue.Queue()
        self._sensor: Any = world.spawn_actor(blueprint, place, attach_to=parent)
        self._sensor.listen(self._measurements.put)

    def take(self) -> Any:
        """Tick; what was measured in that tick."""
        self._world.tick()
        return self._measurements.get(timeout=120.0)

    def destroy(self) -> None:
        """Remove the sensor from the world."""
        self._sensor.stop()
        self._sensor.destroy()


def sense(world: carla.World, name: str, place: carla.Transform, parent: Any = None, **attributes: Any) -> Any:
    """One measurement of a sensor."""
    sensor = Camera(world, name, place, parent, **attributes)
    data = sensor.take()
    sensor.destroy()
    return data


def bgr(image: carla.Image) -> np.ndarray:
    """(H, W, 3) uint8 copy of a camera's picture."""
    return np.frombuffer(image.raw_data, np.uint8).reshape(image.height, image.width, 4)[..., :3].copy()


def save(name: str, picture: np.ndarray) -> None:
    """Write a JPEG."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(FOLDER / f"{name}.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])


def draw_images(world: carla.World, eye: carla.Transform) -> None:
    """Colour, depth, normals, tags and instances from one place."""
    save("rgb", bgr(sense(world, "sensor.camera.rgb", eye)))
    depth = sense(world, "sensor.camera.depth", eye)
    depth.convert(carla.ColorConverter.LogarithmicDepth)
    save("depth", bgr(depth))
    save("normals", bgr(sense(world, "sensor.camera.normals", eye)))
    tags = sense(world, "sensor.camera.semantic_segmentation", eye)
    tags.convert(carla.ColorConverter.CityScapesPalette)
    save("semantic", bgr(tags))
    things = bgr(sense(world, "sensor.camera.instance_segmentation", eye)).astype(np.uint32)
    number = things[..., 0] * 65536 + things[..., 1] * 256 + things[..., 2]
    hues = np.stack([number * 97 % 180, np.full_like(number, 150), 110 + number * 57 % 140], axis=-1).astype(np.uint8)
    save("instances", cv2.cvtColor(hues, cv2.COLOR_HSV2BGR))


def palette_of(world: carla.World, eye: carla.Transform) -> np.ndarray:
    """(256, 3) BGR of CARLA's own palette for the tags of one picture."""
    image = sense(world, "sensor.camera.semantic_segmentation", eye)
    tags = np.frombuffer(image.raw_data, np.uint8).reshape(image.height, image.width, 4)[..., 2].copy()
    image.convert(carla.ColorConverter.CityScapesPalette)
    palette = np.full((256, 3), 90, np.uint8)
    palette[tags] = bgr(image)
    return palette


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


def draw_scans(world: carla.World, eye: carla.Transform) -> None:
    """LiDAR from above, semantic LiDAR and radar in the camera's picture."""
    lidar = sense(world, "sensor.lidar.ray_cast", eye, channels=64, points_per_second=1_600_000, **RAYS)
    points = np.frombuffer(lidar.raw_data, "<f4").reshape(-1, 4)
    picture = np.full((HEIGHT, WIDTH, 3), 18, np.uint8)
    at = np.column_stack([WIDTH * 0.35 + points[:, 0] * 6.5, HEIGHT / 2 + points[:, 1] * 6.5]).astype(int)
    height = np.clip((points[:, 2] + 2.2) / 8.0 * 255.0, 0, 255).astype(np.uint8)
    order = np.argsort(points[:, 2])
    colours = cv2.applyColorMap(height[order, None], cv2.COLORMAP_TURBO)[:, 0]
    within = np.logical_and(at >= 0, at < np.array([WIDTH, HEIGHT])).all(axis=1)
    inside = np.asarray(within)[order]
    picture[at[order][inside, 1], at[order][inside, 0]] = colours[inside]
    save("lidar", picture)
    palette = palette_of(world, eye)
    dark = bgr(sense(world, "sensor.camera.rgb", eye)) // 3
    scan = sense(world, "sensor.lidar.ray_cast_semantic", eye, channels=48, points_per_second=600_000, **RAYS)
    rows = np.frombuffer(scan.raw_data, SEMANTIC_ROW)
    at, inside = pixels_of(rows["xyz"])
    dots(dark, at[inside], palette[rows["tag"][inside] & 255], 1)
    save("semantic_lidar", dark)
    dark = bgr(sense(world, "sensor.camera.rgb", eye)) // 2
    radar = sense(world, "sensor.other.radar", eye, horizontal_fov=60, vertical_fov=16, points_per_second=16_000)
    found = np.array([(d.depth, d.azimuth, d.altitude, d.velocity) for d in radar])
    flat = found[:, 0] * np.cos(found[:, 2])
    xyz = np.column_stack([flat * np.cos(found[:, 1]), flat * np.sin(found[:, 1]), found[:, 0] * np.sin(found[:, 2])])
    at, inside = pixels_of(xyz)
    speed = found[inside, 3, None]
    moving = np.where(speed < 0.0, (60, 60, 255), (255, 160, 60))
    dots(dark, at[inside], np.where(np.abs(speed) < 0.5, (170, 170, 170), moving), 3)
    save("radar", dark)


def draw_motion(world: carla.World, manager: Any, ego: Any) -> None:
    """Curves of IMU and GNSS while the traffic manager drives the ego around some corners."""
    place = carla.Transform()
    imu = Camera(world, "sensor.other.imu", place, ego, noise_accel_stddev_x=0.05, noise_accel_stddev_y=0.05)
    fix: queue.Queue[Any] = queue.Queue()
    gnss: Any = world.spawn_actor(world.get_blueprint_library().find("sensor.other.gnss"), place, attach_to=ego)
    gnss.listen(fix.put)
    ego.set_autopilot(True, manager.get_port())
    rows = []
    for _ in range(DRIVE_TICKS):
        felt = imu.take()
        where = fix.get(timeout=60.0)
        rows.append((felt.accelerometer.x, felt.accelerometer.y, felt.gyroscope.z, where.longitude, where.latitude))
    imu.destroy()
    gnss.destroy()
    ego.destroy()
    world.tick()
    data, time_s = np.array(rows), np.arange(len(rows)) * STEP_S
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.6, 3.2), dpi=100, layout="constrained")
    for k, label in enumerate(("forward, m/s²", "right, m/s²")):
        left.plot(time_s, data[:, k], label=label, lw=1.0)
    left.plot(time_s, np.degrees(data[:, 2]) / 10.0, label="yaw rate, 10 °/s", lw=1.0)
    left.set(xlabel="time, s", title="sensor.other.imu")
    left.legend(fontsize=8)
    right.plot(1e5 * (data[:, 3] - data[0, 3]), 1e5 * (data[:, 4] - data[0, 4]), lw=1.5)
    right.set(xlabel="longitude, 1e-5 ° from the start", ylabel="latitude, 1e-5 °", title="sensor.other.gnss")
    right.set_aspect("equal", adjustable="datalim")
    figure.canvas.draw()
    picture = np.asarray(figure.canvas.buffer_rgba())[..., 2::-1]  # pyright: ignore[reportAttributeAccessIssue]
    plt.close(figure)
    save("motion", np.ascontiguousarray(picture))


def draw_events(world: carla.World, spawn: Callable[[str, carla.Transform], Any]) -> dict[str, str]:
    """What collision, lane invasion and obstacle sensors send of a car that slides over a line into a standing one."""
    ego = spawn("vehicle.lincoln.mkz_2020", carla.Transform(carla.Location(-190.0, 1.75, 0.1)))
    other = spawn("vehicle.audi.etron", carla.Transform(carla.Location(-160.0, 1.75, 0.1)))
    for _ in range(10):
        world.tick()
    said: dict[str, str] = {}

    def note(kind: str, words: Callable[[Any], str]) -> Callable[[Any], None]:
        def hear(event: Any) -> None:
            said.setdefault(kind, words(event))

        return hear

    hearers = []
    for name, words in (
        ("obstacle", lambda e: f"frame {e.frame}: `{e.other_actor.type_id}` at {e.distance:.2f} m"),
        ("collision", lambda e: f"frame {e.frame}: with `{e.other_actor.type_id}`, impulse "
                                f"({e.normal_impulse.x:.0f}, {e.normal_impulse.y:.0f}, {e.normal_impulse.z:.0f}) N s"),
        ("lane_invasion", lambda e: f"frame {e.frame}: " + ", ".join(str(m.type) for m in e.crossed_lane_markings)),
    ):  # fmt: skip
        blueprint = world.get_blueprint_library().find(f"sensor.other.{name}")
        if name == "obstacle":
            blueprint.set_attribute("distance", "12")
        hearer: Any = world.spawn_actor(blueprint, carla.Transform(carla.Location(x=2.5, z=0.8)), attach_to=ego)
        hearer.listen(note(name, words))
        hearers.append(hearer)
    view = Camera(
        world,
        "sensor.camera.rgb",
        carla.Transform(carla.Location(-174.0, -6.5, 3.2), carla.Rotation(pitch=-10.0, yaw=25.0)),
    )
    ego.set_target_velocity(carla.Vector3D(13.0, 0.0, 0.0))
    picture = view.take()
    for _ in range(60):
        picture = view.take()
        if "collision" in said:
            break
    save("collision", bgr(picture))
    ego.set_transform(carla.Transform(carla.Location(-190.0, 1.75, 0.1), carla.Rotation(yaw=-12.0)))
    ego.set_target_velocity(carla.Vector3D(9.0, -2.0, 0.0))
    for _ in range(60):
        ego.apply_control(carla.VehicleControl(throttle=0.4))
        view.take()
    view.destroy()
    for actor in (*hearers, ego, other):
        actor.destroy()
    return said
