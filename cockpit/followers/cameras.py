"""A follower's own cameras in the session's world: spawned, listened to, aimed, and destroyed again."""

from __future__ import annotations

import collections
import contextlib
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import carla
import numpy as np

from cockpit.rig.camera_spec import CameraSpec
from cockpit.rig.projection import angles_from_axes, axes_from_angles
from cockpit.world.cameras import camera_frame, spawn_camera
from cockpit.world.conversion import carla_transform, pose_from_carla
from cockpit.world.errors import WorldError
from cockpit.world.waiting import wait_for_callbacks
from recorder.schema import CameraFrame, Pose

KEPT = 4
"""Pictures that wait for their tick's message, per camera."""


class FollowerCameras:
    """One camera on the ego for each of a follower's screens and mirrors."""

    def __init__(
        self, world: carla.World, ego_id: int, specs: Iterable[CameraSpec], on_picture: Callable[[int], None]
    ) -> None:
        """Spawn them and begin to listen; `on_picture` is called with a frame's number from CARLA's threads.

        Raises:
            WorldError: the ego is gone, or the server does not answer.
        """
        self._lock = threading.Lock()
        self._on_picture = on_picture
        self._cameras: list[tuple[CameraSpec, Any]] = []
        self._images: dict[int, dict[str, Any]] = collections.OrderedDict()
        try:
            ego = world.get_actor(ego_id)
            if ego is None:
                raise RuntimeError(f"actor {ego_id}, the ego, is not in this server's world")
            for spec in specs:
                self._cameras.append((spec, spawn_camera(world, ego, spec)))
        except RuntimeError as error:
            self.close()
            raise WorldError(f"no cameras for this machine's screens: {error}") from error
        for spec, sensor in self._cameras:
            sensor.listen(lambda image, name=spec.name: self._keep(name, image))

    def ids(self) -> list[int]:
        """Actor ids."""
        return [sensor.id for _, sensor in self._cameras]

    def has(self, frame: int) -> bool:
        """Whether every camera has delivered its picture of `frame`."""
        with self._lock:
            return len(self._images.get(frame, ())) == len(self._cameras)

    def pictures(self, frame: int, ego: Pose | None) -> dict[str, CameraFrame]:
        """Every camera's picture of `frame`, by its screen's name; call only when they are all there.

        `ego` is where the ego was: given, each picture's pose is worked out from it, because the cameras move.
        """
        with self._lock:
            images = self._images[frame]
            for old in [number for number in self._images if number <= frame]:
                del self._images[old]
        found = {}
        for spec, _ in self._cameras:
            image = images[spec.name]
            pose = spec.pose if ego is None else pose_within(ego, pose_from_carla(image.transform))
            found[spec.name] = camera_frame(spec, image, pose)
        return found

    def aim(self, poses: Mapping[str, Pose]) -> None:
        """Put cameras elsewhere in the ego frame; the client does not wait for an answer."""
        for spec, sensor in self._cameras:
            if spec.name in poses:
                with contextlib.suppress(RuntimeError):  # the session is ending
                    sensor.set_transform(carla_transform(poses[spec.name]))

    def close(self) -> None:
        """Stop listening and destroy them; safe to call twice, and when the server is gone."""
        cameras, self._cameras = self._cameras, []
        for _, sensor in cameras:
            with contextlib.suppress(RuntimeError):
                sensor.stop()
        is_lost = False
        try:
            for _, sensor in cameras:
                sensor.destroy()
        except RuntimeError:  # the server is gone, and the cameras with it
            is_lost = True
        if cameras:
            wait_for_callbacks(is_lost)

    def _keep(self, name: str, image: Any) -> None:
        with self._lock:
            self._images.setdefault(image.frame, {})[name] = image
            while len(self._images) > KEPT:
                del self._images[min(self._images)]
        self._on_picture(image.frame)


def pose_within(outer: Pose, pose: Pose) -> Pose:
    """A pose of the world frame in the frame of another one."""
    axes = axes_from_angles(outer.yaw, outer.pitch, outer.roll)
    x, y, z = axes.T @ (np.array([pose.x, pose.y, pose.z]) - (outer.x, outer.y, outer.z))
    yaw, pitch, roll = angles_from_axes(axes.T @ axes_from_angles(pose.yaw, pose.pitch, pose.roll))
    return Pose(float(x), float(y), float(z), roll=roll, pitch=pitch, yaw=yaw)
