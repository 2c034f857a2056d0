"""Rays against what is solid: the ground, the boxes of actors, the blocks of buildings and trees.

For the few rays of `world.cast_ray` and `world.project_point`; LiDARs have a caster of their own. Labels are
`carla.CityObjectLabel`'s numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sim.scene.poses import Pose, Vector, rotate

ROADS, SIDEWALKS, BUILDINGS, TRAFFIC_LIGHT, TRAFFIC_SIGNS, VEGETATION, TERRAIN = 1, 2, 3, 7, 8, 9, 10
POLES = 6
GROUND_STEP_M = 0.5
GROUND_STEPS = 4000


@dataclass(frozen=True)
class Solid:
    """A box: its middle and turn in the world, half sizes, and what it is."""

    pose: Pose
    extent_m: Vector
    label: int


@dataclass(frozen=True)
class Hit:
    """Where a ray met something; `along` is the share of the ray's length."""

    along: float
    location: Vector
    label: int


def cast(
    start: Vector,
    end: Vector,
    solids: Iterable[Solid],
    ground_z: Callable[[float, float, float], float],
    ground_label: Callable[[float, float, float], int],
) -> list[Hit]:
    """Everything that the straight line from `start` to `end` enters, nearest first."""
    hits = []
    for solid in solids:
        along = _enters(start, end, solid)
        if along is not None:
            hits.append(Hit(along, _point(start, end, along), solid.label))
    along = _meets_ground(start, end, ground_z)
    if along is not None:
        x, y, z = _point(start, end, along)
        hits.append(Hit(along, (x, y, z), ground_label(x, y, z)))
    return sorted(hits, key=lambda hit: hit.along)


def _point(start: Vector, end: Vector, along: float) -> Vector:
    x, y, z = (a + along * (b - a) for a, b in zip(start, end, strict=True))
    return x, y, z


def _enters(start: Vector, end: Vector, solid: Solid) -> float | None:
    """Share of the line at which it enters the box (slab method); None when it misses or starts inside."""
    middle = (solid.pose.x, solid.pose.y, solid.pose.z)
    axes = [rotate(solid.pose, axis) for axis in ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))]
    near, far = 0.0, 1.0
    for axis, half in zip(axes, solid.extent_m, strict=True):
        offset = sum(a * (s - m) for a, s, m in zip(axis, start, middle, strict=True))
        speed = sum(a * (e - s) for a, s, e in zip(axis, start, end, strict=True))
        if abs(speed) < 1e-12:
            if abs(offset) > half:
                return None
            continue
        first, second = sorted(((-half - offset) / speed, (half - offset) / speed))
        near, far = max(near, first), min(far, second)
        if near > far:
            return None
    return near if near > 0.0 else None


def _meets_ground(start: Vector, end: Vector, ground_z: Callable[[float, float, float], float]) -> float | None:
    """Share of the line at which it goes below the ground: steps, then halving; None when it stays above."""

    def height(along: float) -> float:
        x, y, z = _point(start, end, along)
        return z - ground_z(x, y, z)

    flat_m = math.hypot(end[0] - start[0], end[1] - start[1])
    steps = min(max(math.ceil(flat_m / GROUND_STEP_M), 1), GROUND_STEPS)
    if height(0.0) < 0.0:
        return None
    low = 0.0
    for k in range(1, steps + 1):
        high = k / steps
        if height(high) < 0.0:
            break
        low = high
    else:
        return None
    for _ in range(40):
        middle = (low + high) / 2.0
        if height(middle) < 0.0:
            high = middle
        else:
            low = middle
    return high
