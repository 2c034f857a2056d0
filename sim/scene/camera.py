"""Pinhole cameras in CARLA's frame: axes from angles, the projection for OpenGL, and what lies in view.

Depth and clip axes are x right, y up, z forward, a left-handed set like CARLA's own, so nothing is mirrored.
"""

from __future__ import annotations

import functools
import math

import numpy as np

from sim.scene.records import CameraView

NEAR_M = 0.15
FAR_M = 3000.0
FINE_PX, COARSEST = 320.0, 1.6


def axes(roll: float, pitch: float, yaw: float) -> np.ndarray:
    """(3, 3): rows are forward, right and up of a pose, as carla.Transform has them (rad)."""
    cr, sr, cp, sp, cy, sy = *_cs(roll), *_cs(pitch), *_cs(yaw)
    return np.array(
        [
            [cp * cy, cp * sy, sp],
            [sr * sp * cy - cr * sy, sr * sp * sy + cr * cy, -sr * cp],
            [-(cr * sp * cy + sr * sy), cy * sr - cr * sp * sy, cr * cp],
        ]
    )


def _cs(angle: float) -> tuple[float, float]:
    return math.cos(angle), math.sin(angle)


def focal(view: CameraView) -> tuple[float, float]:
    """Scale of x and of y from tangent to -1..1: square pixels, horizontal field of view."""
    fx = 1.0 / math.tan(math.radians(view.fov_deg) / 2.0)
    return fx, fx * view.width / view.height


def projection(view: CameraView) -> np.ndarray:
    """(4, 4) float32 from eye-relative world metres to clip space, upside down: OpenGL's first row is our first row."""
    forward, right, up = axes(view.roll, view.pitch, view.yaw)
    fx, fy = focal(view)
    a, b = (FAR_M + NEAR_M) / (FAR_M - NEAR_M), -2.0 * FAR_M * NEAR_M / (FAR_M - NEAR_M)
    matrix = np.zeros((4, 4), np.float32)
    matrix[0, :3], matrix[1, :3], matrix[2, :3], matrix[3, :3] = right * fx, -up * fy, forward * a, forward
    matrix[2, 3] = b
    return matrix


def coarseness(view: CameraView) -> float:
    """What distances are multiplied with where a view decides how finely something is drawn; 1 from 320 px a radian on.

    A picture of fewer pixels shows less: at 96 px a radian (192 pixels across 90 degrees) it is `COARSEST`. The root
    of the ratio and not the ratio, so that what is near the camera stays as it is.
    """
    focal_px = 0.5 * view.width * focal(view)[0]
    return min(max(math.sqrt(FINE_PX / focal_px), 1.0), COARSEST)


@functools.lru_cache(maxsize=256)
def planes(view: CameraView) -> np.ndarray:
    """(5, 3) inward unit normals of the frustum's planes through the eye (and the one before it)."""
    forward, right, up = axes(view.roll, view.pitch, view.yaw)
    fx, fy = focal(view)
    sides = np.array([forward, forward + right * fx, forward - right * fx, forward + up * fy, forward - up * fy])
    sides /= np.linalg.norm(sides, axis=1, keepdims=True)
    sides.flags.writeable = False  # it is kept
    return sides


def eye(view: CameraView) -> np.ndarray:
    """Where the camera is."""
    return np.array([view.x, view.y, view.z])


def seen(view: CameraView, centre: np.ndarray, radius: np.ndarray | float, reach: float = FAR_M) -> np.ndarray:
    """Indices of the (n, 3) spheres in view and nearer than `reach`, the nearest first."""
    relative = centre - eye(view)
    distance = np.linalg.norm(relative, axis=1) - radius
    inside = ((relative @ planes(view).T) > -np.asarray(radius).reshape(-1, 1)).all(axis=1) & (distance < reach)
    chosen = np.flatnonzero(inside)
    return chosen[np.argsort(distance[chosen], kind="stable")]


def pixel(view: CameraView, point: tuple[float, float, float]) -> tuple[float, float, float]:
    """Column, row (pixels, from the top left corner) and depth (m) of a world point."""
    forward, right, up = axes(view.roll, view.pitch, view.yaw)
    relative = np.array(point) - eye(view)
    depth = float(forward @ relative)
    fx, fy = focal(view)
    column = (1.0 + fx * float(right @ relative) / depth) * view.width / 2.0
    row = (1.0 - fy * float(up @ relative) / depth) * view.height / 2.0
    return column, row, depth
