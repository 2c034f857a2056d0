"""Which sensors are due in a tick, and their messages.

Messages about motion and events are made at once; pictures and scans cost time, so they are noted, frozen at their
tick, and made after the tick has been answered.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from sim.scene.records import SceneState
from sim.scene.weather import Weather
from sim.sensors.cameras import CameraShot, Memories, camera_shot, check_camera, scene_of
from sim.sensors.events import ObstacleDetector, collision_messages
from sim.sensors.motion import Gnss, Imu
from sim.sensors.scans import Lidar, Radar, Scan
from sim.sensors.v2x import Ether, Station
from sim.world.actors import Actor, Sensor
from sim.world.blueprint_types import Kind
from sim.world.world import World

log = logging.getLogger(__name__)

Made = TypeVar("Made")

_DUE_TOLERANCE_S = 1e-6
_MAKERS = {
    "sensor.other.imu": Imu,
    "sensor.other.gnss": Gnss,
    "sensor.lidar.ray_cast": Lidar,
    "sensor.lidar.ray_cast_semantic": Lidar,
    "sensor.other.radar": Radar,
    "sensor.other.obstacle": ObstacleDetector,
}
_CASTING = (Lidar, Radar, ObstacleDetector)
_Device = Imu | Gnss | Lidar | Radar | ObstacleDetector
Message = tuple[int, bytes]
"""Stream id and payload."""


@dataclass(frozen=True, slots=True)
class PendingFrames:
    """The pictures and scans to be made for one tick."""

    scene: SceneState
    shots: tuple[CameraShot, ...]
    scans: tuple[Scan, ...] = ()


@dataclass(slots=True)
class _Running:
    """A sensor that has been listened to, and when it measured last."""

    device: _Device
    last_s: float


class Sensors:
    """All sensors of one episode."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._running: dict[int, _Running] = {}
        self._memories: Memories = {}
        self.ether = Ether(world)
        """Where the V2X sensors' messages go."""
        self._failed: set[int] = set()
        """Streams of which a message could not be made once."""

    def measurements(self, has_readers: Callable[[int], bool], token_of: Callable[[int], bytes]) -> list[Message]:
        """Messages of collision sensors, IMUs, GNSS receivers and V2X sensors for the world's present tick."""
        messages: list[Message] = []
        for sensor in self._due(Kind.COLLISION_SENSOR, has_readers) if self._world.contacts else ():
            collisions = self._try(sensor, lambda sensor: collision_messages(self._world, sensor, token_of))
            messages += [(sensor.stream_id, message) for message in collisions or ()]
        for sensor in self._due(Kind.MEASURING_SENSOR, has_readers, (Imu, Gnss)):
            message = self._try(sensor, self._measure)
            if message is not None:
                messages.append((sensor.stream_id, message))
        return messages + self._received(self._due(Kind.V2X_SENSOR, has_readers))

    def _received(self, receivers: list[Sensor]) -> list[Message]:
        """What reaches V2X sensors; their first failure is logged as that of the first of them."""
        try:
            return self.ether.messages(receivers)
        except Exception as error:  # noqa: BLE001 (logged there; other sensors and the tick go on)
            self.leave_out(receivers[0].stream_id if receivers else 0, error)
            return []

    def _measure(self, sensor: Sensor) -> bytes:
        running = self._run(sensor)
        assert isinstance(running.device, Imu | Gnss)  # noqa: S101
        return running.device.measure(self._world, sensor, self._elapsed_s(running))

    def due_frames(self, weather: Weather, has_readers: Callable[[int], bool]) -> PendingFrames | None:
        """The pictures and scans to be made for the world's present tick; None when nothing is due."""
        world = self._world
        self._memories = {k: v for k, v in self._memories.items() if k in world.actors}
        cameras = self._due(Kind.CAMERA, has_readers)
        shots = [self._try(camera, lambda camera: camera_shot(world, camera, self._memories)) for camera in cameras]
        scanners = self._due(Kind.MEASURING_SENSOR, has_readers, _CASTING)
        scans = [self._try(scanner, self._scan) for scanner in scanners]
        made = tuple(filter(None, shots)), tuple(filter(None, scans))
        return PendingFrames(scene_of(world, weather), *made) if any(made) else None

    def _scan(self, sensor: Sensor) -> Scan:
        running = self._run(sensor)
        assert not isinstance(running.device, Imu | Gnss)  # noqa: S101
        return running.device.scan(self._world, sensor, self._elapsed_s(running))

    def _try(self, sensor: Sensor, make: Callable[[Sensor], Made]) -> Made | None:
        """What a sensor has to send; None, and a line in the log the first time, when it fails: the tick goes on."""
        try:
            return make(sensor)
        except Exception as error:  # noqa: BLE001 (logged there; other sensors and the tick go on)
            self.leave_out(sensor.stream_id, error)
            return None

    def leave_out(self, stream_id: int, error: Exception) -> None:
        """Note that a sensor's message could not be made; the first time of each sensor is logged."""
        if stream_id not in self._failed:
            self._failed.add(stream_id)
            log.error("a message of the sensor with stream %d is left out: %r", stream_id, error, exc_info=error)

    def _due(self, kind: Kind, has_readers: Callable[[int], bool], makers: tuple[type, ...] = ()) -> list[Sensor]:
        return [
            actor
            for actor in self._world.actors.values()
            if isinstance(actor, Sensor)
            and actor.kind is kind
            and has_readers(actor.stream_id)
            and (not makers or _MAKERS[actor.type_id] in makers)
            and is_due(actor, self._world.time_s)
        ]

    def _run(self, sensor: Sensor) -> _Running:
        found = self._running.get(sensor.actor_id)
        if found is None:
            self._running = {k: v for k, v in self._running.items() if k in self._world.actors}
            found = _Running(_MAKERS[sensor.type_id](sensor), self._world.time_s - self._world.delta_s)
            self._running[sensor.actor_id] = found
        return found

    def _elapsed_s(self, running: _Running) -> float:
        """Time since a sensor's last measurement (one step before its first); it measures now.

        To the nanosecond: the last bits of a difference hang on how long the world has run.
        """
        elapsed_s, running.last_s = self._world.time_s - running.last_s, self._world.time_s
        return round(elapsed_s, 9)


def is_due(sensor: Sensor, time_s: float) -> bool:
    """Whether a sensor measures now; if so, its next time is noted."""
    period_s = float(sensor.attributes.get("sensor_tick", 0.0))
    if period_s <= 0.0:
        return True
    if time_s < sensor.next_due_s - _DUE_TOLERANCE_S:
        return False
    # Counting on from the due time, not from now, keeps the mean rate exact when steps and period do not divide.
    late_s = time_s - sensor.next_due_s
    sensor.next_due_s = sensor.next_due_s + period_s if late_s < period_s else time_s + period_s
    return True


def casts_rays(actor: Actor) -> bool:
    """Whether an actor is a sensor that measures with rays."""
    return _MAKERS.get(actor.type_id) in _CASTING


def check_sensor(sensor: Actor) -> None:
    """ValueError when a newly spawned sensor's attributes are out of range; other actors pass."""
    if sensor.kind is Kind.CAMERA:
        check_camera(sensor)
    elif sensor.kind is Kind.MEASURING_SENSOR:
        _MAKERS[sensor.type_id](sensor)
    elif sensor.kind is Kind.V2X_SENSOR and isinstance(sensor, Sensor):
        Station(sensor)
    if not math.isfinite(float(sensor.attributes.get("sensor_tick", 0.0))):
        raise ValueError("sensor_tick is not a number of seconds")
