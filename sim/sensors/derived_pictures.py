"""Pictures that are worked out of what the renderer draws: surface normals, optical flow and brightness events.

Normals come of the picture of depth; the flow of depth, of the numbers of things, and of where camera and actors were
at the camera's last picture; events of one colour picture after the other, as `DVSCamera.cpp` has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from sim.scene.camera import axes, focal
from sim.scene.poses import Pose
from sim.scene.records import CameraView
from sim.sensors.motion import seed_of
from sim.world.actors import Actor

FARTHEST_M = 1000.0
"""The distance that the largest 24-bit depth stands for: the sky."""
_LARGEST = float((1 << 24) - 1)
_EVENT = np.dtype([("x", "<u2"), ("y", "<u2"), ("t", "<i8"), ("pol", "?")])
_SMALLEST_CHANGE, _SMALLEST_THRESHOLD = 1e-6, 0.01
_GREY = np.array([0.114, 0.587, 0.2989], np.float32)
"""Of blue, green and red."""


def depth_m(picture: np.ndarray) -> np.ndarray:
    """(h, w) metres along the camera's axis of a picture of depth, (h, w, 4) uint8 BGRA."""
    wide = picture.astype(np.uint32)
    return (wide[..., 2] + (wide[..., 1] << 8) + (wide[..., 0] << 16)) * (FARTHEST_M / _LARGEST)


def _points(view: CameraView, depth: np.ndarray) -> np.ndarray:
    """(h, w, 3) metres forward, right and up of the camera."""
    fx, fy = focal(view)
    right = ((np.arange(view.width) + 0.5) * 2.0 / view.width - 1.0) / fx
    up = (1.0 - (np.arange(view.height) + 0.5) * 2.0 / view.height) / fy
    return np.stack([depth, depth * right[None, :], depth * up[:, None]], axis=-1)


def _steps(points: np.ndarray, axis: int) -> np.ndarray:
    """From each point to the neighbour on that side on which the depth changes less: edges are not bridged."""
    ahead = np.diff(points, axis=axis)
    last = np.take(ahead, [-1], axis=axis)
    first = np.take(ahead, [0], axis=axis)
    after, before = np.concatenate([ahead, last], axis=axis), np.concatenate([first, ahead], axis=axis)
    return np.where(np.abs(after[..., :1]) <= np.abs(before[..., :1]), after, before)


def normals_picture(view: CameraView, depth_picture: np.ndarray) -> bytes:
    """BGRA: x, y and z of the surfaces' unit normals in the world, -1 to 1 as 0 to 255 in red, green and blue."""
    depth = depth_m(depth_picture)
    points = _points(view, depth)
    # Rightwards times downwards looks at the camera in the left-handed frame.
    normal = np.cross(_steps(points, 0), _steps(points, 1))
    normal *= np.where((normal * points).sum(axis=-1) > 0.0, -1.0, 1.0)[..., None]
    length = np.linalg.norm(normal, axis=-1, keepdims=True)
    is_sky = depth[..., None] >= 0.999 * FARTHEST_M
    world = np.where(is_sky, 0.0, normal / np.maximum(length, 1e-12)) @ axes(view.roll, view.pitch, view.yaw)
    picture = np.full((*depth.shape, 4), 255, np.uint8)
    picture[..., :3] = np.round((world[..., ::-1] * 0.5 + 0.5) * 255.0)
    return picture.tobytes()


class Before(NamedTuple):
    """What a flow camera remembers of its last picture."""

    view: CameraView
    poses: dict[int, Pose]


def flow_picture(
    view: CameraView,
    depth_picture: np.ndarray,
    numbers_picture: np.ndarray,
    poses: Mapping[int, Pose],
    before: Before,
) -> bytes:
    """(h, w, 2) float32: how far each pixel has moved since the last picture, right and down, in shares of the size.

    `poses` are those of the actors that move, by their number in the picture of instances; what has not been there
    before has moved with the town.
    """
    depth = depth_m(depth_picture)
    turn = axes(view.roll, view.pitch, view.yaw)
    world = _points(view, depth) @ turn + np.array([view.x, view.y, view.z])
    numbers = numbers_picture[..., 1].astype(np.int64) + (numbers_picture[..., 0].astype(np.int64) << 8)
    for actor_id in set(np.unique(numbers).tolist()) & poses.keys() & before.poses.keys():
        now, then = poses[actor_id], before.poses[actor_id]
        if now != then:
            chosen = numbers == actor_id
            own = (world[chosen] - np.array(now[:3])) @ axes(now.roll, now.pitch, now.yaw).T
            world[chosen] = own @ axes(then.roll, then.pitch, then.yaw) + np.array(then[:3])
    old = before.view
    seen = (world - np.array([old.x, old.y, old.z])) @ axes(old.roll, old.pitch, old.yaw).T
    fx, fy = focal(old)
    ahead = np.maximum(seen[..., 0], 1e-3)
    was_right, was_down = 0.5 * (1.0 + fx * seen[..., 1] / ahead), 0.5 * (1.0 - fy * seen[..., 2] / ahead)
    right = (np.arange(view.width) + 0.5) / view.width
    down = (np.arange(view.height) + 0.5) / view.height
    flow = np.stack([right[None, :] - was_right, down[:, None] - was_down], axis=-1)
    return np.clip(flow, -2.0, 2.0).astype("<f4").tobytes()


class EventCamera:
    """A dynamic vision sensor: where the brightness crosses thresholds, and when between two pictures."""

    def __init__(self, sensor: Actor) -> None:
        """ValueError when a threshold is not above 0."""
        a = sensor.attributes
        self._thresholds = float(a["positive_threshold"]), float(a["negative_threshold"])
        if min(self._thresholds) <= 0.0:
            raise ValueError(f"thresholds must be above 0, they are {self._thresholds}")
        self._spread = float(a["sigma_positive_threshold"]), float(a["sigma_negative_threshold"])
        self._refractory_ns = int(a["refractory_period_ns"])
        self._is_log, self._log_eps = a["use_log"].lower() == "true", max(float(a["log_eps"]), 1e-9)
        self._rng = np.random.default_rng(seed_of(sensor))
        self._picture: np.ndarray | None = None
        self._crossed = self._last_ns = np.zeros(0)
        self._time_ns = 0

    def events(self, picture: np.ndarray, time_s: float) -> bytes | None:
        """Events since the last picture, (h, w, 4) uint8 BGRA, in the order of their times; None for none."""
        grey = picture[..., :3].astype(np.float32) @ _GREY
        now = np.log(self._log_eps + grey / 255.0) if self._is_log else grey
        former, self._picture = self._picture, now
        since_ns, self._time_ns = self._time_ns, round(time_s * 1e9)
        if former is None or former.shape != now.shape:
            self._crossed, self._last_ns = now.copy(), np.full(now.shape, -(1 << 62), np.int64)
            return None
        found = [self._cross(former, now, since_ns, sign) for sign in (1.0, -1.0)]
        events = np.concatenate(found)
        return events[np.argsort(events["t"], kind="stable")].tobytes() if len(events) else None

    def _cross(self, former: np.ndarray, now: np.ndarray, since_ns: int, sign: float) -> np.ndarray:
        rows, columns = np.nonzero(sign * (now - former) > _SMALLEST_CHANGE)
        which = 0 if sign > 0.0 else 1
        step = np.full(len(rows), self._thresholds[which])
        if self._spread[which] > 0.0:
            step = np.maximum(step + self._rng.normal(0.0, self._spread[which], len(rows)), _SMALLEST_THRESHOLD)
        found = []
        while len(rows):
            level = self._crossed[rows, columns] + sign * step
            begin, end = former[rows, columns], now[rows, columns]
            is_met = (sign * (level - begin) > 0.0) & (sign * (level - end) <= 0.0)
            rows, columns, step, level = rows[is_met], columns[is_met], step[is_met], level[is_met]
            share = (level - begin[is_met]) / (end - begin)[is_met]
            times = since_ns + (share * (self._time_ns - since_ns)).astype(np.int64)
            self._crossed[rows, columns] = level
            is_free = times - self._last_ns[rows, columns] >= self._refractory_ns
            self._last_ns[rows[is_free], columns[is_free]] = times[is_free]
            events = np.empty(int(is_free.sum()), _EVENT)
            events["x"], events["y"], events["t"] = columns[is_free], rows[is_free], times[is_free]
            events["pol"] = sign > 0.0
            found.append(events)
        return np.concatenate(found) if found else np.empty(0, _EVENT)


def as_picture(view: CameraView, image: bytes) -> np.ndarray:
    """(h, w, 4) uint8 of a picture's bytes."""
    return np.frombuffer(image, np.uint8).reshape(view.height, view.width, 4)
