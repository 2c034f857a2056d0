"""The cameras fixed to the ego: attached, aimed, and every picture of a frame waited for.

Also removes, between two steps, cameras whose owner (a follower's machine) is gone.
"""

from __future__ import annotations

import contextlib
import queue
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import carla

from cockpit.rig.camera_spec import CameraSpec
from cockpit.world.cameras import CAMERA, camera_frame, spawn_camera
from cockpit.world.conversion import carla_transform
from cockpit.world.errors import WorldError
from cockpit.world.server import Server
from cockpit.world.waiting import is_listening
from recorder.schema import CameraFrame, Pose


@dataclass(frozen=True, slots=True)
class _Camera:
    spec: CameraSpec
    sensor: Any
    images: queue.SimpleQueue[Any]


class EgoCameras:
    """The session's RGB cameras on the ego."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._cameras: list[_Camera] = []
        self._orphans: queue.SimpleQueue[tuple[int, ...]] = queue.SimpleQueue()

    def attach(self, ego: Any, specs: Iterable[CameraSpec]) -> None:
        """Fix one RGB camera to the ego per spec; from the next tick on each frame of theirs is waited for."""
        for spec in specs:
            camera = _Camera(spec, spawn_camera(self._server.world, ego, spec), queue.SimpleQueue())
            camera.sensor.listen(camera.images.put)
            self._cameras.append(camera)

    def aim(self, poses: Mapping[str, Pose]) -> None:
        """Put cameras, by name, elsewhere in the ego frame; the client does not wait for an answer."""
        for index, camera in enumerate(self._cameras):
            pose = poses.get(camera.spec.name)
            if pose is not None and pose != camera.spec.pose:
                camera.sensor.set_transform(carla_transform(pose))  # of an attached actor: relative to its parent
                self._cameras[index] = replace(camera, spec=replace(camera.spec, pose=pose))

    def pictures(self, frame: int) -> dict[str, CameraFrame]:
        """Every camera's picture of that very frame, waited for.

        Raises:
            WorldLost: the server has ended.
            WorldError: a camera delivered no picture of the frame in time.

        """
        return {camera.spec.name: self._picture(camera, frame) for camera in self._cameras}

    def forget(self, actor_ids: Iterable[int]) -> None:
        """Have cameras whose owner is gone destroyed by the next `destroy_orphans`; from any thread."""
        self._orphans.put(tuple(actor_ids))

    def destroy_orphans(self) -> None:
        """Destroy what `forget` was given. Actors that are no cameras, and our own cameras, are left alone."""
        world, client = self._server.world, self._server.client
        while not self._orphans.empty():
            ids = list(self._orphans.get())
            with contextlib.suppress(RuntimeError):  # they only cost time: not worth a drive
                own = {camera.sensor.id for camera in self._cameras}
                found = [actor for actor in world.get_actors(ids) if actor.type_id == CAMERA]
                gone = [actor.id for actor in found if actor.id not in own]
                if gone:
                    client.apply_batch([carla.command.DestroyActor(actor_id) for actor_id in gone])

    def stop(self) -> list[Any]:
        """Stop listening; the sensors, which are still to be destroyed."""
        cameras, self._cameras = self._cameras, []
        for camera in cameras:
            with contextlib.suppress(RuntimeError):
                camera.sensor.stop()
        return [camera.sensor for camera in cameras]

    def _picture(self, camera: _Camera, frame: int) -> CameraFrame:
        config = self._server.config
        deadline = time.monotonic() + config.sensor_timeout_s
        while True:
            left_s = deadline - time.monotonic()
            try:
                image = camera.images.get(timeout=max(0.0, min(left_s, config.tick_timeout_s)))
            except queue.Empty:
                if not is_listening(config.host, config.port):
                    raise self._server.lost(RuntimeError(f"no picture of camera '{camera.spec.name}'")) from None
                if left_s > config.tick_timeout_s:
                    continue
                raise WorldError(
                    f"Camera '{camera.spec.name}' delivered no picture of frame {frame} within "
                    f"{config.sensor_timeout_s:.1f} s. Is the server rendering (no --no-rendering)?"
                ) from None
            if image.frame == frame:
                break
            if image.frame > frame:
                raise WorldError(f"Camera '{camera.spec.name}' skipped frame {frame} and sent {image.frame}.")
        return camera_frame(camera.spec, image, camera.spec.pose)
