"""A world that is one straight line, drawn by rays through CARLA's pinhole, and a room with walls at 45 degrees.

The drawing knows a camera's pose and field of view and nothing of screens: what it draws is what CARLA would.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cockpit.rig.camera_spec import CameraSpec
from cockpit.rig.projection import Vector3, axes_from_angles, screen_axes, screen_point_m
from cockpit.rig.rig import Rig

START, END = np.array([14.0, -12.0, 0.6]), np.array([16.0, 12.0, 2.6])
"""The painted line in the ego frame, ahead of the car and rising to the right."""
HALF_WIDTH_RAD = 0.004
REST = (0.1, -0.05, 0.1)
EYE, MOVED = (0.1, -0.25, 0.1), (0.1, 0.15, 0.1)
"""Two eyes 0.4 m apart, within the rig's range about the third."""
HINGE = 0.8 * np.sqrt(0.5)


def room() -> Rig:
    """Three walls of 1.6 m by 0.9 m, the outer ones at 45 degrees, the eye off the middle."""
    pixels = {"resolution_px": (1280, 720)}
    size = {"size_m": (1.6, 0.9)}
    screens = [
        {"name": "left", "position_m": (1.2 - HINGE, -0.8 - HINGE, 0.0), "yaw_deg": -45, "display": "D0"},
        {"name": "centre", "position_m": (1.2, 0.0, 0.0), "display": "D1"},
        {"name": "right", "position_m": (1.2 - HINGE, 0.8 + HINGE, 0.0), "yaw_deg": 45, "display": "D2"},
    ]
    return Rig.model_validate(
        {
            "name": "walls",
            "eye_in_rig_m": REST,
            "eye_in_vehicle_m": (0.35, -0.33, 1.33),
            "screens": [{**screen, **pixels, **size} for screen in screens],
            "head": {"range_m": (0.05, 0.2, 0.05)},
        }
    )


def drawn(camera: CameraSpec) -> NDArray[np.uint8]:
    """(H, W, 3) picture of the line, white on dark grey; equally thick everywhere, soft at its edges."""
    place = np.array([camera.pose.x, camera.pose.y, camera.pose.z])
    normal = np.cross(START - place, END - place)
    normal /= np.linalg.norm(normal)
    ahead, right, up = axes_from_angles(camera.pose.yaw, camera.pose.pitch, camera.pose.roll).T @ normal
    across = ((np.arange(camera.width) + 0.5 - camera.width / 2) / camera.focal_px).astype(np.float32)[None, :]
    along = ((camera.height / 2 - np.arange(camera.height) - 0.5) / camera.focal_px).astype(np.float32)[:, None]
    angle = (ahead + right * across + up * along) / np.sqrt(1 + across**2 + along**2)
    light = np.full(angle.shape, 40, np.uint8)
    near = np.abs(angle) < 4 * HALF_WIDTH_RAD
    light[near] = 40 + 215 * np.exp(-((angle[near] / HALF_WIDTH_RAD) ** 2))
    return np.repeat(light[..., None], 3, axis=2)


def seen_rays(rig: Rig, pictures: dict[str, NDArray[np.uint8]], eye: Vector3) -> dict[str, NDArray[np.float64]]:
    """For every screen the rays from the eye to the line's middle in each column of what the screen shows, (N, 3)."""
    rays = {}
    for screen in rig.screens:
        light = np.clip(pictures[screen.name][..., 0].astype(float) - 60, 0, None)
        lit = np.flatnonzero(light.sum(axis=0) > 100)[2:-2]  # a column at the seam may have half a line
        rows = (light[:, lit] * (np.arange(light.shape[0])[:, None] + 0.5)).sum(axis=0) / light[:, lit].sum(axis=0)
        points = [screen_point_m(screen.plane(), (x + 0.5, y)) for x, y in zip(lit, rows, strict=True)]
        rays[screen.name] = np.array(points) - eye
    return rays


def bend_px(rig: Rig, rays: dict[str, NDArray[np.float64]], normal: NDArray[np.float64]) -> float:
    """The farthest that the seen line is from the plane through the eye with this normal, in screen pixels."""
    worst = 0.0
    for screen in rig.screens:
        up = screen_axes(screen.plane())[:, 2]
        metres = -(rays[screen.name] @ normal) / float(up @ normal)  # how far up to move to be on the plane
        worst = max(worst, float(np.abs(metres).max()) * screen.resolution_px[1] / screen.size_m[1])
    return worst


def fitted_normal(rays: dict[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    """The plane through the eye that all rays lie in best: a straight line is seen as one."""
    every = np.vstack([part / np.linalg.norm(part, axis=1, keepdims=True) for part in rays.values()])
    return np.linalg.svd(every, full_matrices=False)[2][-1]


def true_normal(rig: Rig, eye: Vector3) -> NDArray[np.float64]:
    """The plane in which the eye would see the line if the walls were windows."""
    place = np.array(rig.eye_in_vehicle_m) + eye - rig.eye_in_rig_m
    normal = np.cross(START - place, END - place)
    return normal / np.linalg.norm(normal)
