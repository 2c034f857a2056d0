"""One camera in a CARLA world: it is put on the ego from its `CameraSpec`, and its picture becomes a `CameraFrame`.

Shared by the session (`cockpit.world.ego_cameras`) and by followers (`cockpit.followers`), which spawn cameras of their
own.
"""

from __future__ import annotations

import math
from typing import Any

import carla
import cv2
import numpy as np

from cockpit.rig.camera_spec import CameraSpec
from cockpit.world.blueprints import find_blueprint
from cockpit.world.conversion import carla_transform
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
