"""Straight lines between two places: which boxes and static bodies they enter and where they meet the ground.

For `world.cast_ray` and `world.project_point`, which ask for everything along a line: actors and the leaves of trees
count as boxes here, and what else stands in the town as the bodies that vehicles collide with. Labels are
`sim.scene.labels.Tag`'s numbers.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from sim.rays.embree import Triangles
from sim.scene.bodies import StaticBody
from sim.scene.camera import axes
from sim.scene.poses import Vector
from sim.scene.records import Box
from sim.town.solids import BOX_CORNERS, BOX_FACES

GROUND_STEP_M = 0.5
GROUND_STEPS = 4000
THINNEST_M = 1e-3
"""Half a side of a box counts as at least this: a box without thickness cannot be scaled to a cube."""


@dataclass(frozen=True)
class LineHit:
    """Where a line met something, in the world; `along` is the share of the line's length."""

    along: float
    location: Vector
    label: int


def hits_on_line(
    start: Vector,
    end: Vector,
    boxes: Sequence[Box],
    ground_z: Callable[[float, float, float], float],
    ground_label: Callable[[float, float, float], int],
    bodies: Sequence[StaticBody] = (),
) -> list[LineHit]:
    """Every box and body that the line from `start` to `end` enters, and the ground, nearest first.

    A box or body that the line starts in is not entered, and ground that it starts below is not met. `ground_z` gives
    the ground's height at x, y near the height z, `ground_label` its label.
    """
    hits = [
        LineHit(along, _point(start, end, along), box.label)
        for box, along in zip(boxes, box_entries(start, end, boxes), strict=True)
        if along is not None
    ]
    for body in bodies:
        along = body_entry(start, end, body)
        if along is not None:
            hits.append(LineHit(along, _point(start, end, along), int(body.tag)))
    along = _meets_ground(start, end, ground_z)
    if along is not None:
        x, y, z = _point(start, end, along)
        hits.append(LineHit(along, (x, y, z), ground_label(x, y, z)))
    return sorted(hits, key=lambda hit: hit.along)


def _point(start: Vector, end: Vector, along: float) -> Vector:
    x, y, z = (a + along * (b - a) for a, b in zip(start, end, strict=True))
    return x, y, z


@functools.cache
def _cube() -> Triangles:
    """The cube from -1 to 1: every box in its own frame, measured in its half sizes."""
    return Triangles(BOX_CORNERS[BOX_FACES])


def box_entries(start: Vector, end: Vector, boxes: Sequence[Box]) -> list[float | None]:
    """Share of the line at which it enters each box; None when it misses the box or starts in it."""
    length_m = math.dist(start, end)
    if not boxes or length_m == 0.0:
        return [None] * len(boxes)
    turns = np.array([axes(box.pose.roll, box.pose.pitch, box.pose.yaw) for box in boxes])
    half = np.maximum([box.extent_m for box in boxes], THINNEST_M)
    away = np.array(start) - np.array([box.pose[:3] for box in boxes])
    origins = np.einsum("nij,nj->ni", turns, away) / half
    directions = np.einsum("nij,j->ni", turns, (np.array(end) - start) / length_m) / half
    hits = _cube().first_hits(origins, directions, np.full(len(boxes), length_m))
    is_entered = (hits.triangle >= 0) & ~np.all(np.abs(origins) <= 1.0, axis=1)
    shares = (hits.distance / length_m).tolist()
    return [share if entered else None for share, entered in zip(shares, is_entered.tolist(), strict=True)]


def body_entry(start: Vector, end: Vector, body: StaticBody) -> float | None:
    """Share of the line at which it enters a static body; None when it misses the body or starts in it."""
    enters, leaves = -math.inf, 1.0
    sides = zip(body.footprint.tolist(), np.roll(body.footprint, -1, axis=0).tolist(), strict=True)
    # How far outside of each face the line starts, and how much further out it ends.
    faces = [((start[0] - x) * (v - y) - (start[1] - y) * (u - x), (x, y), (u, v)) for (x, y), (u, v) in sides]
    moved = (end[0] - start[0], end[1] - start[1], end[2] - start[2])
    outside = [(out, moved[0] * (v - y) - moved[1] * (u - x)) for out, (x, y), (u, v) in faces]
    outside += [(start[2] - body.high_m, moved[2]), (body.low_m - start[2], -moved[2])]
    for out, further in outside:
        if further == 0.0:
            if out > 0.0:
                return None
        elif further < 0.0:
            enters = max(enters, -out / further)
        else:
            leaves = min(leaves, -out / further)
    return enters if 0.0 <= enters <= leaves else None


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
