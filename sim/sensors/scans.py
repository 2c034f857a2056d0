"""LiDAR, semantic LiDAR and radar: which rays a sensor sends in a tick, and the messages made of their hits.

The patterns, the drop-off of weak returns and the noise are CARLA's (`RayCastSemanticLidar.cpp`, `RayCastLidar.cpp`,
`Radar.cpp` of 0.9.16). A `Scan` is frozen at its tick; it may be cast later.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sim.protocol import wire
from sim.protocol.forms import wire_transform
from sim.rays.hits import Hits, rotate_rays
from sim.rays.scene import RayScene
from sim.scene.camera import axes
from sim.scene.records import SceneState
from sim.sensors.cameras import hidden_actor
from sim.sensors.motion import seed_of
from sim.sensors.point_rows import plain_rows, semantic_rows
from sim.world.actors import Actor
from sim.world.world import World

MAX_CHANNELS = 1024
MAX_RAYS = 4_000_000
"""In one tick: more would not fit the memory of a small machine."""


@dataclass(frozen=True)
class Scan:
    """Rays to be cast for one tick, and how their hits become a message."""

    stream_id: int
    origins: np.ndarray
    """(3,) or (n, 3) metres, in the world."""
    directions: np.ndarray
    """(n, 3) unit vectors, in the world."""
    reach_m: float
    hidden_actor_id: int
    pack: Callable[[Hits], bytes | None]
    """The message, None when there is nothing to send."""
    with_town: bool = True

    def message(self, rays: RayScene, scene: SceneState) -> bytes | None:
        """Cast the rays into the scene of the tick."""
        hits = rays.cast(
            self.origins, self.directions, self.reach_m, scene.actors, self.hidden_actor_id, self.with_town
        )
        return self.pack(hits)


def positive(sensor: Actor, name: str, most: float = math.inf) -> float:
    """A numeric attribute; ValueError when it is not above 0 and at most `most`."""
    value = float(sensor.attributes[name])
    if not 0.0 < value <= most:
        raise ValueError(f"{name} must be above 0 and at most {most:g}, it is {value:g}")
    return value


def _rate(sensor: Actor) -> float:
    """Points a second, 0 for none; ValueError when it is negative. A tick's are cut to MAX_RAYS."""
    value = float(sensor.attributes["points_per_second"])
    if value < 0.0:
        raise ValueError(f"points_per_second must not be negative, it is {value:g}")
    return value


class Lidar:
    """A turning column of lasers, plain or semantic."""

    def __init__(self, sensor: Actor) -> None:
        """ValueError when an attribute is out of range."""
        a = sensor.attributes
        self._is_semantic = sensor.type_id.endswith("_semantic")
        self._channels = int(positive(sensor, "channels", MAX_CHANNELS))
        self._points_per_second = _rate(sensor)
        self._reach_m = positive(sensor, "range")
        self._turns_per_second = float(a["rotation_frequency"])
        self._span_rad = math.radians(positive(sensor, "horizontal_fov"))
        self._heights_rad = np.radians(np.linspace(float(a["upper_fov"]), float(a["lower_fov"]), self._channels))
        self._angle_rad = 0.0
        self._noise = None if self._is_semantic else _LidarNoise(sensor)

    def scan(self, world: World, sensor: Actor, elapsed_s: float) -> Scan:
        """The rays of the time since the last scan."""
        points = int(self._points_per_second * elapsed_s / self._channels + 0.5)
        points = min(points, MAX_RAYS // self._channels)
        turned = self._turns_per_second * self._span_rad * elapsed_s
        along = np.fmod(self._angle_rad + turned / max(points, 1) * np.arange(points), self._span_rad)
        local = _beams(self._heights_rad, along - self._span_rad / 2.0)
        channel = np.repeat(np.arange(self._channels), points)
        if self._noise is not None:
            sent = self._noise.sent(len(local))
            local, channel = local[sent], channel[sent]
        header_angle, self._angle_rad = self._angle_rad, math.fmod(self._angle_rad + turned, self._span_rad)
        turn = axes(sensor.pose.roll, sensor.pose.pitch, sensor.pose.yaw)
        head = (world.frame, world.time_s, wire_transform(sensor.pose), header_angle)

        def pack(hits: Hits) -> bytes:
            if self._noise is None:
                rows, sources = semantic_rows(local, directions, hits)
                return self._head(wire.SENSOR_LIDAR_SEMANTIC, head, channel[sources]) + rows.tobytes()
            rows, sources = self._plain(local, hits, self._noise)
            return self._head(wire.SENSOR_LIDAR, head, channel[sources]) + rows.tobytes()

        directions = rotate_rays(local, turn)
        return Scan(
            sensor.stream_id, np.array(sensor.pose[:3]), directions, self._reach_m, hidden_actor(world, sensor), pack
        )

    def _plain(self, local: np.ndarray, hits: Hits, noise: _LidarNoise) -> tuple[np.ndarray, np.ndarray]:
        met = np.flatnonzero(hits.met)
        distance_m = hits.distance_m[met]
        intensity, kept, shift_m = noise.received(distance_m)
        seen = met[kept]
        return plain_rows(local, seen, (distance_m + shift_m)[kept], intensity[kept]), seen

    def _head(self, sensor_type: int, head: tuple, channel: np.ndarray) -> bytes:
        frame, time_s, where, angle_rad = head
        counts = np.bincount(channel, minlength=self._channels).tolist()
        return wire.lidar_header(sensor_type, frame, time_s, where, angle_rad, counts)


def _beams(heights_rad: np.ndarray, azimuths_rad: np.ndarray) -> np.ndarray:
    """(channels * points, 3) float32 unit vectors in the sensor's frame, channel by channel."""
    flat = np.cos(heights_rad)[:, None]
    beams = np.empty((len(heights_rad), len(azimuths_rad), 3), np.float32)
    beams[:, :, 0], beams[:, :, 1] = flat * np.cos(azimuths_rad), flat * np.sin(azimuths_rad)
    beams[:, :, 2] = np.sin(heights_rad)[:, None]
    return beams.reshape(-1, 3)


class _LidarNoise:
    """Rays that are not sent, returns too weak to be seen, and error along the ray."""

    def __init__(self, sensor: Actor) -> None:
        a = sensor.attributes
        self._rng = np.random.default_rng(seed_of(sensor))
        self._attenuation_per_m = float(a["atmosphere_attenuation_rate"])
        self._lost_share = float(a["dropoff_general_rate"])
        self._limit = float(a["dropoff_intensity_limit"])
        self._lost_at_zero = float(a["dropoff_zero_intensity"])
        self._stddev_m = max(float(a["noise_stddev"]), 0.0)

    def sent(self, rays: int) -> np.ndarray:
        """(rays,) bool."""
        if self._lost_share <= 0.0:
            return np.ones(rays, bool)
        return self._rng.random(rays, np.float32) >= np.float32(self._lost_share)

    def received(self, distance_m: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Intensity, whether it is kept, and the error in metres, of every return."""
        intensity = np.exp(-self._attenuation_per_m * distance_m)
        kept = intensity > self._limit
        dice = self._rng.random(len(distance_m))
        if self._limit > 0.0:  # else every return is above it
            kept |= dice < self._lost_at_zero / self._limit * intensity + 1.0 - self._lost_at_zero
        shift_m = np.zeros(len(distance_m))
        if self._stddev_m > 0.0:
            shift_m = self._rng.normal(size=len(distance_m)) * self._stddev_m
        return intensity, kept, shift_m


class Radar:
    """Random rays in a cone, with the speed at which what they met comes nearer."""

    def __init__(self, sensor: Actor) -> None:
        """ValueError when an attribute is out of range."""
        self._rng = np.random.default_rng(seed_of(sensor))
        self._wide = math.tan(math.radians(positive(sensor, "horizontal_fov", 179.0)) / 2.0)
        self._high = math.tan(math.radians(positive(sensor, "vertical_fov", 179.0)) / 2.0)
        self._reach_m = positive(sensor, "range")
        self._points_per_second = _rate(sensor)
        self._last_place: np.ndarray | None = None

    def scan(self, world: World, sensor: Actor, elapsed_s: float) -> Scan:
        """The rays of the time since the last scan."""
        points = min(int(self._points_per_second * elapsed_s + 1e-6), MAX_RAYS)
        radius, angle = self._rng.random(points), self._rng.uniform(0.0, math.tau, points)
        local = np.column_stack(
            [np.ones(points), self._wide * radius * np.cos(angle), self._high * radius * np.sin(angle)]
        )
        local /= np.linalg.norm(local, axis=1, keepdims=True)
        directions = local @ axes(sensor.pose.roll, sensor.pose.pitch, sensor.pose.yaw)
        place = np.array(sensor.pose[:3])
        own = np.zeros(3) if self._last_place is None else (place - self._last_place) / elapsed_s
        self._last_place = place
        head = wire.sensor_header(wire.SENSOR_RADAR, world.frame, world.time_s, wire_transform(sensor.pose))
        velocities = {a.actor_id: a.velocity_mps for a in world.actors.values() if a.velocity_mps != (0.0, 0.0, 0.0)}

        def pack(hits: Hits) -> bytes:
            met = hits.met
            theirs = np.array([velocities.get(i, (0.0, 0.0, 0.0)) for i in hits.actor_id[met].tolist()]).reshape(-1, 3)
            rows = np.empty((int(met.sum()), 4), "<f4")
            rows[:, 0] = np.einsum("ij,ij->i", theirs - own, directions[met])
            rows[:, 1] = np.arctan2(local[met, 1], local[met, 0])
            rows[:, 2] = np.arcsin(local[met, 2])
            rows[:, 3] = hits.distance_m[met]
            return head + rows.tobytes()

        return Scan(sensor.stream_id, place, directions, self._reach_m, hidden_actor(world, sensor), pack)
