"""Plane geometry shared by the expert, the tracking controller and the safety driver.

Everything is in CARLA's handedness: x forward, y to the right, yaw clockwise positive seen from above, metres and
radians. Rotations written for a right-handed frame (x, y, counter-clockwise) hold here unchanged.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from recorder.schema import Pose

FloatArray = NDArray[np.floating]


def wrap_angle(angle_rad: float) -> float:
    """Angle wrapped to [-pi, pi)."""
    return (angle_rad + math.pi) % (2.0 * math.pi) - math.pi


def world_from_ego(points_ego: FloatArray, pose: Pose) -> NDArray[np.float64]:
    """(N, 2) or (N, 3) x, y[, yaw] in the frame of `pose` -> the same in the world frame."""
    points = np.asarray(points_ego, dtype=np.float64)
    cos_yaw, sin_yaw = math.cos(pose.yaw), math.sin(pose.yaw)
    world = points.copy()
    world[:, 0] = pose.x + cos_yaw * points[:, 0] - sin_yaw * points[:, 1]
    world[:, 1] = pose.y + sin_yaw * points[:, 0] + cos_yaw * points[:, 1]
    if points.shape[1] > 2:
        world[:, 2] = points[:, 2] + pose.yaw
    return world


def ego_from_world(points_world: FloatArray, pose: Pose) -> NDArray[np.float64]:
    """(N, 2) or (N, 3) x, y[, yaw] in the world -> the same in the frame of `pose`, yaw wrapped to [-pi, pi)."""
    points = np.asarray(points_world, dtype=np.float64)
    cos_yaw, sin_yaw = math.cos(pose.yaw), math.sin(pose.yaw)
    ego = points.copy()
    dx, dy = points[:, 0] - pose.x, points[:, 1] - pose.y
    ego[:, 0] = cos_yaw * dx + sin_yaw * dy
    ego[:, 1] = -sin_yaw * dx + cos_yaw * dy
    if points.shape[1] > 2:
        ego[:, 2] = (points[:, 2] - pose.yaw + np.pi) % (2.0 * np.pi) - np.pi
    return ego


def stations(points: FloatArray) -> NDArray[np.float64]:
    """(N,) arc length of each point of an (N, >=2) polyline, the first at 0, metres."""
    steps = np.hypot(np.diff(points[:, 0]), np.diff(points[:, 1]))
    return np.concatenate(([0.0], np.cumsum(steps)))


def boxes_overlap(
    centre_a: FloatArray,
    yaw_a: FloatArray,
    half_a: FloatArray,
    centre_b: FloatArray,
    yaw_b: FloatArray,
    half_b: FloatArray,
) -> NDArray[np.bool_]:
    """Whether oriented boxes overlap, element by element, by the separating-axis theorem.

    Centres and halves are (..., 2), yaws (...); shapes broadcast. Halves are half length and half width in metres.
    """
    delta = np.asarray(centre_b) - np.asarray(centre_a)
    yaw_a, yaw_b = np.asarray(yaw_a), np.asarray(yaw_b)
    half_a, half_b = np.asarray(half_a), np.asarray(half_b)
    cos_ab, sin_ab = np.abs(np.cos(yaw_b - yaw_a)), np.abs(np.sin(yaw_b - yaw_a))
    overlap = np.ones(np.broadcast_shapes(delta.shape[:-1], cos_ab.shape), dtype=bool)
    for yaw, half_own, half_other in ((yaw_a, half_a, half_b), (yaw_b, half_b, half_a)):
        along = np.abs(delta[..., 0] * np.cos(yaw) + delta[..., 1] * np.sin(yaw))
        across = np.abs(-delta[..., 0] * np.sin(yaw) + delta[..., 1] * np.cos(yaw))
        reach_along = half_own[..., 0] + cos_ab * half_other[..., 0] + sin_ab * half_other[..., 1]
        reach_across = half_own[..., 1] + sin_ab * half_other[..., 0] + cos_ab * half_other[..., 1]
        overlap &= (along <= reach_along) & (across <= reach_across)
    return overlap
