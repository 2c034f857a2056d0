"""The sensors that an agent asks for, with the leaderboard's attributes, and their data of one frame.

Which attributes are fixed and in what form the data is handed over is that of leaderboard 2.0
(`autoagents/agent_wrapper.py`, `envs/sensor_interface.py`). Every sensor measures in every tick.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import carla
import numpy as np

from .route import Receiver

SENSOR_S = 10.0
"""How long to wait for a sensor's data of a frame, as the leaderboard does."""
KEPT_FRAMES = 40
"""A slow agent's sensors go on measuring: older frames are dropped."""


class DriveError(Exception):
    """The agent cannot drive; the message says why and needs no place in a file."""


@dataclass(frozen=True)
class SensorKind:
    """One of the leaderboard's sensors."""

    asked: Mapping[str, str] = field(default_factory=dict)
    """Blueprint attributes that the agent chooses, by the keys of its specification."""
    fixed: Mapping[str, str] = field(default_factory=dict)
    turns: bool = True
    """Whether roll, pitch and yaw are taken from the specification."""


KINDS = {
    "sensor.camera.rgb": SensorKind({"image_size_x": "width", "image_size_y": "height", "fov": "fov"}),
    "sensor.lidar.ray_cast": SensorKind(
        fixed={
            "range": "85",
            "rotation_frequency": "10",
            "channels": "64",
            "upper_fov": "10",
            "lower_fov": "-30",
            "points_per_second": "600000",
            "atmosphere_attenuation_rate": "0.004",
            "dropoff_general_rate": "0.45",
            "dropoff_intensity_limit": "0.8",
            "dropoff_zero_intensity": "0.4",
        }
    ),
    "sensor.other.radar": SensorKind(
        {"horizontal_fov": "horizontal_fov", "vertical_fov": "vertical_fov"},
        {"points_per_second": "1500", "range": "100"},
    ),
    "sensor.other.gnss": SensorKind(
        fixed={
            **{f"noise_{axis}_stddev": "0.000005" for axis in ("alt", "lat", "lon")},
            **{f"noise_{axis}_bias": "0.0" for axis in ("alt", "lat", "lon")},
        },
        turns=False,
    ),
    "sensor.other.imu": SensorKind(
        fixed={
            "noise_accel_stddev_x": "0.001",
            "noise_accel_stddev_y": "0.001",
            "noise_accel_stddev_z": "0.015",
            "noise_gyro_stddev_x": "0.001",
            "noise_gyro_stddev_y": "0.001",
            "noise_gyro_stddev_z": "0.001",
        }
    ),
}
SPEEDOMETER, OPENDRIVE = "sensor.speedometer", "sensor.opendrive_map"
"""Not actors: computed here, in every tick."""


class SensorSuite:
    """An agent's sensors on the ego, until `close`; what they send is kept until it is asked for."""

    def __init__(self, world: Any, ego: Any, specs: Sequence[Mapping[str, Any]]) -> None:
        """Attach them all. Raises DriveError for a specification that the leaderboard would not take."""
        check(specs)
        self._changed = threading.Condition()
        self._frames: dict[int, dict[str, Any]] = {}
        self._actors: list[Any] = []
        self._tags = [str(spec["id"]) for spec in specs if spec["type"] in KINDS]
        self._speedometers = [str(spec["id"]) for spec in specs if spec["type"] == SPEEDOMETER]
        self._maps = [str(spec["id"]) for spec in specs if spec["type"] == OPENDRIVE]
        carla_map = world.get_map()
        self._opendrive = carla_map.to_opendrive() if self._maps else ""
        self._receiver = Receiver(carla_map)
        try:
            for spec in specs:
                if spec["type"] in KINDS:
                    self._actors.append(self._attached(world, ego, spec))
        except BaseException:
            self.close()
            raise

    def data_of(self, frame: int, speed_mps: float) -> dict[str, Any]:
        """`input_data` of a frame: (frame, data) by sensor id, waited for. Raises DriveError when one is missing."""
        with self._changed:
            self._changed.wait_for(lambda: not self._missing(frame), SENSOR_S)
            if missing := self._missing(frame):
                raise DriveError(f"sensor '{missing[0]}' sent nothing for frame {frame} within {SENSOR_S:.0f} s")
            data = {tag: (frame, self._frames[frame][tag]) for tag in self._tags}
            self._frames = {number: kept for number, kept in self._frames.items() if number > frame}
        data |= {tag: (frame, {"speed": speed_mps}) for tag in self._speedometers}
        data |= {tag: (frame, {"opendrive": self._opendrive}) for tag in self._maps}
        return data

    def close(self) -> None:
        """Destroy the sensors; safe to call twice, and when the server is gone."""
        actors, self._actors = self._actors, []
        for actor in actors:
            with contextlib.suppress(RuntimeError):
                actor.stop()
            with contextlib.suppress(RuntimeError):
                actor.destroy()

    def _attached(self, world: Any, ego: Any, spec: Mapping[str, Any]) -> Any:
        blueprint = world.get_blueprint_library().find(spec["type"])
        kind, tag = KINDS[spec["type"]], str(spec["id"])
        for name, value in attributes_of(spec).items():
            blueprint.set_attribute(name, value)
        location = carla.Location(*(float(spec[axis]) for axis in "xyz"))
        angles = {axis: float(spec[axis]) for axis in ("pitch", "yaw", "roll")} if kind.turns else {}
        sensor = world.spawn_actor(blueprint, carla.Transform(location, carla.Rotation(**angles)), attach_to=ego)
        sensor.listen(lambda data: self._take(tag, data))
        return sensor

    def _take(self, tag: str, data: Any) -> None:
        """Keep what a sensor sent; called by CARLA's threads."""
        array = array_of(data)
        if isinstance(data, carla.GnssMeasurement):
            array[:] = self._receiver.shown(*array)
        with self._changed:
            self._frames.setdefault(data.frame, {})[tag] = array
            while len(self._frames) > KEPT_FRAMES:
                del self._frames[min(self._frames)]
            self._changed.notify_all()

    def _missing(self, frame: int) -> list[str]:
        here = self._frames.setdefault(frame, {}) if self._tags else {}
        return [tag for tag in self._tags if tag not in here]


def check(specs: Sequence[Mapping[str, Any]]) -> None:
    """Raises DriveError for types that the leaderboard does not have, missing keys and ids given twice."""
    seen: set[str] = set()
    for spec in specs:
        kind, tag = spec.get("type"), spec.get("id")
        if kind not in KINDS and kind not in (SPEEDOMETER, OPENDRIVE):
            known = ", ".join((*KINDS, SPEEDOMETER, OPENDRIVE))
            raise DriveError(f"sensors() asks for '{kind}', which leaderboard agents do not get; they get: {known}")
        if tag is None or str(tag) in seen:
            raise DriveError(f"sensors(): '{kind}' has the id {tag!r}; each sensor needs one of its own")
        seen.add(str(tag))
        needed = _needed(KINDS[kind]) if kind in KINDS else ()
        if missing := [key for key in needed if key not in spec]:
            raise DriveError(f"sensors(): '{tag}' ({kind}) lacks {', '.join(missing)}")


def attributes_of(spec: Mapping[str, Any]) -> dict[str, str]:
    """The blueprint's attributes for a specification."""
    kind = KINDS[spec["type"]]
    return {**kind.fixed, **{name: str(spec[key]) for name, key in kind.asked.items()}}


def array_of(data: Any) -> np.ndarray:
    """A measurement in the leaderboard's form: BGRA picture, LiDAR (N, 4) x, y, z, intensity, radar (N, 4) depth,
    altitude, azimuth, velocity, GNSS (lat, lon, alt), IMU (accelerations, rates, compass).
    """
    if isinstance(data, carla.Image):
        return np.frombuffer(data.raw_data, np.uint8).reshape(data.height, data.width, 4).copy()
    if isinstance(data, carla.LidarMeasurement):
        return np.frombuffer(data.raw_data, np.float32).reshape(-1, 4).copy()
    if isinstance(data, carla.RadarMeasurement):
        return np.flip(np.frombuffer(data.raw_data, np.float32).reshape(-1, 4), 1).copy()
    if isinstance(data, carla.GnssMeasurement):
        return np.array([data.latitude, data.longitude, data.altitude], np.float64)
    force, turn = data.accelerometer, data.gyroscope
    return np.array([force.x, force.y, force.z, turn.x, turn.y, turn.z, data.compass], np.float64)


def _needed(kind: SensorKind) -> tuple[str, ...]:
    return ("x", "y", "z", *(("roll", "pitch", "yaw") if kind.turns else ()), *kind.asked.values())
