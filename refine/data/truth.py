"""What the simulator knows of a picture: how far its points are, what they are, and which road users are in it at all.

A depth and an instance camera stand where the policy's front camera stands. They are for labels only: side losses, and
an expert that does not react to what the policy cannot see. A policy never gets them.
"""

from __future__ import annotations

import queue
import time
from dataclasses import dataclass, replace
from typing import Any

import carla
import numpy as np
from numpy.typing import NDArray

from cockpit.world.blueprints import find_blueprint
from cockpit.world.conversion import carla_transform
from policy.vla.checkpoint import CameraSettings
from recorder.schema import Tick
from refine.errors import RefineError

BLOCK_PX = 8
"""A side of the square of pixels that shares one depth and one class."""
NEAREST_M, FARTHEST_M = 1.0, 200.0
DEPTH_STEPS = 254
"""Depths are stored as steps of a logarithmic scale from `NEAREST_M` to `FARTHEST_M`."""
UNKNOWN = 255
"""In a picture of depths or classes: nobody looked."""
LEAST_PX = 3
"""A road user of fewer pixels is not seen."""
NEAR_M = 9.0
"""Whoever is this near counts as seen: right before or beside the car it is under the picture's edge or out of it, and
was seen a moment ago."""
_TIMEOUT_S = 10.0
_CAMERAS = ("sensor.camera.depth", "sensor.camera.instance_segmentation")


@dataclass(frozen=True)
class Truth:
    """What is true of one picture of the policy's camera."""

    frame: int
    depth: NDArray[np.uint8]
    """(H / `BLOCK_PX`, W / `BLOCK_PX`) median depth of each block in logarithmic steps; see `depth_steps`."""
    classes: NDArray[np.uint8]
    """The same shape: CARLA's semantic tag at the middle of each block."""
    seen: frozenset[int]
    """Low 16 bits of the ids of the actors that at least `LEAST_PX` pixels show."""


class TruthCameras:
    """The two cameras on an ego; `close` destroys them."""

    def __init__(self, world: carla.World, ego: Any, camera: CameraSettings, every_s: float = 0.0) -> None:
        """Attach them; with `every_s` they take a picture so often, else in every tick."""
        self._queues: list[queue.SimpleQueue[Any]] = []
        self._sensors: list[Any] = []
        self._waiting: list[Any] = []
        for name in _CAMERAS:
            blueprint = find_blueprint(world.get_blueprint_library(), name)
            blueprint.set_attribute("image_size_x", str(camera.width))
            blueprint.set_attribute("image_size_y", str(camera.height))
            blueprint.set_attribute("fov", str(camera.fov_deg))
            blueprint.set_attribute("sensor_tick", str(every_s))
            sensor: Any = world.spawn_actor(blueprint, carla_transform(camera.pose_in_ego), attach_to=ego)
            images: queue.SimpleQueue[Any] = queue.SimpleQueue()
            sensor.listen(images.put)
            self._sensors.append(sensor)
            self._queues.append(images)

    def of_frame(self, frame: int) -> Truth:
        """The truth of that very frame, waited for. Raises `RefineError` when it does not come."""
        deadline = time.monotonic() + _TIMEOUT_S
        pair = [self._wait(images, frame, deadline) for images in self._queues]
        return truth_of(pair[0], pair[1])

    def arrived(self) -> list[Truth]:
        """What has come since, the oldest first; never waits."""
        depths, instances = self._queues
        truths = []
        while True:
            if not self._waiting:
                if depths.empty():
                    return truths
                self._waiting.append(depths.get())
            if instances.empty():
                return truths
            truths.append(truth_of(self._waiting.pop(), instances.get()))

    def close(self) -> None:
        """Stop and destroy both."""
        for sensor in self._sensors:
            sensor.stop()
            sensor.destroy()
        self._sensors = []

    def _wait(self, images: queue.SimpleQueue[Any], frame: int, deadline: float) -> Any:
        while True:
            try:
                image = images.get(timeout=max(deadline - time.monotonic(), 0.0))
            except queue.Empty:
                raise RefineError(f"no label picture of frame {frame} within {_TIMEOUT_S:.0f} s") from None
            if image.frame == frame:
                return image
            if image.frame > frame:
                raise RefineError(f"the label picture of frame {frame} was left out, {image.frame} came instead")


def truth_of(depth: Any, instances: Any) -> Truth:
    """The truth in CARLA's depth and instance pictures of one frame. Raises `RefineError` for two frames."""
    if depth.frame != instances.frame:
        raise RefineError(f"the label pictures are of frames {depth.frame} and {instances.frame}")
    metres = _pixels(depth)[..., :3].astype(np.float32) @ np.array([65536.0, 256.0, 1.0], np.float32) / 16777.215
    tags, ids = instance_of(_pixels(instances))
    numbers, counts = np.unique(ids, return_counts=True)
    half = BLOCK_PX // 2
    return Truth(
        frame=depth.frame,
        depth=depth_steps(np.median(_blocks(metres), axis=-1)),
        classes=np.ascontiguousarray(tags[half::BLOCK_PX, half::BLOCK_PX]),
        seen=frozenset(int(one) for one in numbers[counts >= LEAST_PX]),
    )


def instance_of(bgra: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint16]]:
    """(H, W) semantic tags and (H, W) numbers of CARLA's instance picture: tag in red, number in green and blue."""
    return bgra[..., 2], np.asarray(bgra[..., 1].astype(np.uint16) | bgra[..., 0].astype(np.uint16) << 8, np.uint16)


def depth_steps(metres: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Depths in metres as steps 0..`DEPTH_STEPS` of a logarithmic scale."""
    share = np.log(np.clip(metres, NEAREST_M, FARTHEST_M) / NEAREST_M) / np.log(FARTHEST_M / NEAREST_M)
    return np.round(share * DEPTH_STEPS).astype(np.uint8)


def as_seen(tick: Tick, truth: Truth) -> Tick:
    """The tick without the road users that the policy's camera does not show and that are not right beside the car."""
    here = tick.ego.pose
    actors = tuple(
        actor
        for actor in tick.actors
        if (actor.actor_id & 0xFFFF) in truth.seen
        or (actor.pose.x - here.x) ** 2 + (actor.pose.y - here.y) ** 2 < (NEAR_M + actor.extent_m[0]) ** 2
    )
    return replace(tick, actors=actors)


def _pixels(image: Any) -> NDArray[np.uint8]:
    return np.frombuffer(image.raw_data, np.uint8).reshape(image.height, image.width, 4)


def _blocks(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """(H / `BLOCK_PX`, W / `BLOCK_PX`, `BLOCK_PX` squared) of (H, W)."""
    rows, columns = plane.shape[0] // BLOCK_PX, plane.shape[1] // BLOCK_PX
    cut = plane[: rows * BLOCK_PX, : columns * BLOCK_PX].reshape(rows, BLOCK_PX, columns, BLOCK_PX)
    return cut.transpose(0, 2, 1, 3).reshape(rows, columns, -1)
