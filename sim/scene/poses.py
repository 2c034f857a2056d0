"""Poses and the mathematics of things fixed to each other.

CARLA's frame is left-handed (x forward, y right, z up); rotation is yaw, then pitch, then roll, as Unreal has it.
Angles are radians, lengths metres.
"""

from __future__ import annotations

import math
from typing import NamedTuple


class Pose(NamedTuple):
    """Position in metres, angles in radians."""

    x: float = 0.0
    y: float = 0.0
    z: float = 0.0
    roll: float = 0.0
    pitch: float = 0.0
    yaw: float = 0.0


Vector = tuple[float, float, float]
ZERO: Vector = (0.0, 0.0, 0.0)


def wrap_angle(angle_rad: float) -> float:
    """The angle in [-pi, pi)."""
    return (angle_rad + math.pi) % math.tau - math.pi


def _axes(pose: Pose) -> tuple[Vector, Vector, Vector]:
    """Forward, right and up of the pose in the world (Unreal's FRotationMatrix)."""
    cr, sr = math.cos(pose.roll), math.sin(pose.roll)
    cp, sp = math.cos(pose.pitch), math.sin(pose.pitch)
    cy, sy = math.cos(pose.yaw), math.sin(pose.yaw)
    forward = (cp * cy, cp * sy, sp)
    right = (cy * sp * sr - sy * cr, sy * sp * sr + cy * cr, -cp * sr)
    up = (-(cy * sp * cr + sy * sr), cy * sr - sy * sp * cr, cp * cr)
    return forward, right, up


def rotate(pose: Pose, vector: Vector) -> Vector:
    """A vector of the pose's own frame in the world's axes."""
    f, r, u = _axes(pose)
    a, b, c = vector
    return (
        f[0] * a + r[0] * b + u[0] * c,
        f[1] * a + r[1] * b + u[1] * c,
        f[2] * a + r[2] * b + u[2] * c,
    )


def compose(parent: Pose, child: Pose) -> Pose:
    """World pose of something that sits at `child` in the parent's frame."""
    dx, dy, dz = rotate(parent, (child.x, child.y, child.z))
    x, y, z = parent.x + dx, parent.y + dy, parent.z + dz
    if parent.roll == 0.0 and parent.pitch == 0.0:
        return Pose(x, y, z, child.roll, child.pitch, wrap_angle(parent.yaw + child.yaw))
    forward, right, up = (rotate(parent, axis) for axis in _axes(child))
    yaw = math.atan2(forward[1], forward[0])
    pitch = math.asin(max(-1.0, min(1.0, forward[2])))
    return Pose(x, y, z, math.atan2(-right[2], up[2]), pitch, yaw)


def height_span(pose: Pose, box_offset_m: Vector, extent_m: Vector) -> tuple[float, float]:
    """The heights in the world, metres, between which a thing's box stands upright."""
    middle = pose.z + box_offset_m[2]
    return middle - extent_m[2], middle + extent_m[2]


def boxes_overlap(a: Pose, a_extent: Vector, b: Pose, b_extent: Vector, margin_m: float = 0.0) -> bool:
    """Whether two upright boxes around the poses overlap seen from above (separating axes)."""
    dx, dy = b.x - a.x, b.y - a.y
    reach = math.hypot(*a_extent[:2]) + math.hypot(*b_extent[:2]) + margin_m
    if dx * dx + dy * dy > reach * reach:
        return False
    for axis_yaw in (a.yaw, a.yaw + math.pi / 2, b.yaw, b.yaw + math.pi / 2):
        ux, uy = math.cos(axis_yaw), math.sin(axis_yaw)
        gap = abs(dx * ux + dy * uy)
        for pose, extent in ((a, a_extent), (b, b_extent)):
            turn = pose.yaw - axis_yaw
            gap -= extent[0] * abs(math.cos(turn)) + extent[1] * abs(math.sin(turn))
        if gap > margin_m:
            return False
    return True
