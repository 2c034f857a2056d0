"""Pictures of somebody else's cameras as one of ours would take them.

A camera of ours has another lens and another place than those of a foreign loop. Each of its pixels is looked up by
direction in the camera that looks most nearly the same way: what stands far away is where it belongs, what is near is
seen from the other camera's place. What that camera does not show is grey.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from carla_driver_interface.geometry import Pose as RigidPose
from carla_driver_interface.geometry import body_to_optical
from carla_driver_interface.protocol import AvailableCamera
from numpy.typing import NDArray

from policy.egodriver.frames import REAR_AXLE_M, mirrored
from recorder.schema import Pose

UNSEEN = 127
_FINENESS = 4
"""Pixels are looked up on a grid that may be so much finer, and averaged: a smaller picture must not flicker."""


class LensError(ValueError):
    """A camera whose pictures cannot be used; the message says why."""


@dataclass(frozen=True)
class Lens:
    """A pinhole camera of a foreign loop."""

    to_rig: RigidPose
    """Its optical frame (x right, y down, z ahead) in the rig."""
    width: int
    height: int
    matrix: NDArray[np.float64]
    """(3, 3) intrinsics for pictures of this size."""

    @classmethod
    def of(cls, camera: AvailableCamera) -> Lens:
        """As contract revision 2 declares it. Raises LensError for a fisheye or a distorted one."""
        spec = camera.intrinsics
        if spec.WhichOneof("camera_param") != "opencv_pinhole_param":
            raise LensError(f"camera '{camera.logical_id}' is no pinhole camera; declare one that is")
        hole = spec.opencv_pinhole_param
        if any(abs(value) > 1e-6 for value in (*hole.radial_coeffs, *hole.tangential_coeffs)):
            raise LensError(f"camera '{camera.logical_id}' is distorted; declare an ideal pinhole camera")
        matrix = np.array(
            [
                [hole.focal_length_x, 0.0, hole.principal_point_x],
                [0.0, hole.focal_length_y, hole.principal_point_y],
                [0.0, 0.0, 1.0],
            ]
        )
        return cls(RigidPose.from_proto(camera.rig_to_camera), int(spec.resolution_w), int(spec.resolution_h), matrix)


class View:
    """One camera of ours over the cameras of a foreign loop; the lookup is made once."""

    def __init__(self, width: int, height: int, fov_rad: float, pose_in_ego: Pose, lenses: Mapping[str, Lens]) -> None:
        """Raises LensError where there are no cameras."""
        if not lenses:
            raise LensError("the loop declared no camera: a policy here needs pictures")
        self.size = (width, height)
        body = RigidPose.from_xyz_yaw(REAR_AXLE_M, 0.0, 0.0, 0.0) @ mirrored(pose_in_ego)
        ours = body_to_optical(body).rotation
        ahead = ours.apply([0.0, 0.0, 1.0])
        self.source = max(lenses, key=lambda name: float(lenses[name].to_rig.rotation.apply([0.0, 0.0, 1.0]) @ ahead))
        lens = lenses[self.source]
        fineness = min(max(math.ceil(lens.width / width), 1), _FINENESS)
        focal = width * fineness / (2.0 * math.tan(fov_rad / 2.0))
        across = (np.arange(width * fineness) + 0.5 - width * fineness / 2.0) / focal
        down = (np.arange(height * fineness) + 0.5 - height * fineness / 2.0) / focal
        rays = np.stack([*np.meshgrid(across, down), np.ones((height * fineness, width * fineness))], axis=-1)
        seen = (lens.to_rig.rotation.inv() * ours).apply(rays.reshape(-1, 3)).reshape(rays.shape)
        depth = np.where(seen[..., 2] > 1e-6, seen[..., 2], np.nan)
        u = lens.matrix[0, 0] * seen[..., 0] / depth + lens.matrix[0, 2] - 0.5
        v = lens.matrix[1, 1] * seen[..., 1] / depth + lens.matrix[1, 2] - 0.5
        self._u = np.nan_to_num(u, nan=-1e6).astype(np.float32)
        self._v = np.nan_to_num(v, nan=-1e6).astype(np.float32)
        self._of = (lens.width, lens.height)

    def picture(self, image_rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(H, W, 3) our picture from the source camera's, which may have another size than it declared."""
        height, width = image_rgb.shape[:2]
        u, v = self._u, self._v
        if (width, height) != self._of:
            u = (u + 0.5) * (width / self._of[0]) - 0.5
            v = (v + 0.5) * (height / self._of[1]) - 0.5
        grey = (UNSEEN, UNSEEN, UNSEEN)
        large = cv2.remap(image_rgb, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=grey)
        if large.shape[1::-1] == self.size:
            return np.asarray(large, np.uint8)
        return np.asarray(cv2.resize(large, self.size, interpolation=cv2.INTER_AREA), np.uint8)
