"""Cameras in a CARLA world: one is put on the ego from its `CameraSpec`, one picture becomes a `CameraFrame`.

Shared by the session (`cockpit.world.world`) and by followers (`cockpit.followers`), which bring cameras of their own.
"""

from __future__ import annotations

import contextlib
import math
from typing import Any

import carla
import cv2
import numpy as np

from cockpit.config import ConfigError
from cockpit.rig.camera_spec import CameraSpec
from cockpit.world.set_back import carla_transform
from recorder.schema import CameraFrame, Pose

CAMERA = "sensor.camera.rgb"


def spawn_camera(world: carla.World, ego: Any, spec: CameraSpec) -> Any:
    """A camera fixed to the ego; nobody listens to it yet.

    Raises:
        ConfigError: the server has no such blueprint.
        RuntimeError: the server does not answer, or the ego is gone.
    """
    blueprint = find_blueprint(world.get_blueprint_library(), CAMERA)
    blueprint.set_attribute("image_size_x", str(spec.width))
    blueprint.set_attribute("image_size_y", str(spec.height))
    blueprint.set_attribute("fov", repr(math.degrees(spec.fov_rad)))
    blueprint.set_attribute("role_name", spec.name)
    return world.spawn_actor(blueprint, carla_transform(spec.pose), attach_to=ego)


def camera_frame(spec: CameraSpec, image: Any, pose_in_ego: Pose) -> CameraFrame:
    """CARLA's BGRA picture as RGB, under the name of its screen."""
    bgra = np.frombuffer(image.raw_data, np.uint8).reshape(image.height, image.width, 4)
    return CameraFrame(
        name=spec.name,
        frame=image.frame,
        image=np.asarray(cv2.cvtColor(bgra, cv2.COLOR_BGRA2RGB), np.uint8),
        fov_rad=spec.fov_rad,
        pose_in_ego=pose_in_ego,
    )


def find_blueprint(library: carla.BlueprintLibrary, blueprint_id: str) -> carla.ActorBlueprint:
    """A blueprint by its id. Raises ConfigError with those of its kind when there is none."""
    with contextlib.suppress(IndexError, RuntimeError):
        return library.find(blueprint_id)
    kind = blueprint_id.split(".", 1)[0]
    known = ", ".join(sorted(b.id for b in library.filter(f"{kind}.*")))
    raise ConfigError(f"blueprint '{blueprint_id}' is not on this server; it has: {known or 'none of that kind'}.")


def pose_from_carla(transform: carla.Transform) -> Pose:
    """Pose in radians, yaw in [-pi, pi), of a transform in degrees."""
    where, turned = transform.location, transform.rotation
    yaw = (math.radians(turned.yaw) + math.pi) % (2.0 * math.pi) - math.pi
    return Pose(where.x, where.y, where.z, math.radians(turned.roll), math.radians(turned.pitch), yaw)
