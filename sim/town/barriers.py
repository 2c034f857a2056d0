"""Barriers along the roads, from OpenDRIVE's objects: guard rails, walls and fences."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from sim.map.driving_lanes import DrivingLanes
from sim.map.opendrive import Road, RoadItem
from sim.scene.bodies import StaticBody, rectangle
from sim.scene.labels import Tag
from sim.scene.surfaces import PLAIN
from sim.town.mesh import StaticMesh

RAIL_M, RAIL_POST_M, RAIL_HALF_M = (0.42, 0.74), 4.0, 0.02
RAIL_RGB = np.array([0.66, 0.68, 0.70])
WALL_RGB = np.array([0.62, 0.60, 0.57])
FENCE_RGB = np.array([0.35, 0.37, 0.36])
RAIL_SIGHT_M, POST_SIGHT_M = 300.0, 95.0
STEP_M = 0.08
FOUNDATION_M = 0.3
#: Height and half width where a file says none (a Jersey barrier is 0.81 m high and 0.61 m wide at its foot).
DEFAULT_HEIGHT_M, DEFAULT_HALF_M = 1.0, 0.15
WALLS = ("wall", "jersey", "concrete", "noise")
"""What a barrier's subtype may be called to be built as a wall."""
FENCES = ("fence", "railing")


Span = tuple[float, float]


def add_barrier(road: Road, item: RoadItem, lanes: DrivingLanes, mesh: StaticMesh) -> None:
    """Add a barrier of a kind that is known, but for what of it would stand on a driving lane."""
    subtype = item.subtype.lower()
    if "rail" in subtype and "railing" not in subtype:
        tag, add = Tag.GUARD_RAIL, _add_rail
    elif any(word in subtype for word in WALLS):
        tag, add = Tag.WALLS, _add_wall
    elif any(word in subtype for word in FENCES):
        tag, add = Tag.FENCES, _add_fence
    else:
        return
    for start, length, t0, t1 in item.repeats or ((item.s, item.length, item.t, item.t),):
        end = min(start + length, road.length)
        if end - start >= 1.0:
            s = road.stations(start, end, 8.0, 3.0)
            line = road.points(s, np.interp(s, (start, end), (t0, t1)))
            for run in _off_the_lanes(line, lanes):
                with mesh.labelled(tag, thing=True):
                    add(item, run, mesh)


def _off_the_lanes(line: np.ndarray, lanes: DrivingLanes) -> list[np.ndarray]:
    """The runs of (n, 3) points whose pieces keep clear of driving lanes."""
    pieces = [StaticBody(_outline(a, b, RAIL_HALF_M), a[2], a[2] + 1.0, Tag.STATIC) for a, b in pairwise(line)]
    cuts = np.flatnonzero(lanes.reached_by(pieces))
    ends = zip([0, *(cuts + 1)], [*cuts, len(line) - 1], strict=True)
    return [line[a : b + 1] for a, b in ends if b > a]


def _outline(a: np.ndarray, b: np.ndarray, half_m: float) -> np.ndarray:
    (x, y), (dx, dy) = (a[:2] + b[:2]) / 2.0, (b[:2] - a[:2]) / 2.0
    return rectangle(x, y, math.atan2(dy, dx), math.hypot(dx, dy), half_m)


def _stand(mesh: StaticMesh, line: np.ndarray, heights_m: Span, half_m: float, tag: Tag) -> None:
    """What runs along (n, 3) points is solid: a body for each piece, and more where it climbs."""
    for a, b in pairwise(_with_steps(line)):
        mesh.stand(_outline(a, b, half_m), min(a[2], b[2]) + heights_m[0], max(a[2], b[2]) + heights_m[1], tag)


def _with_steps(line: np.ndarray) -> np.ndarray:
    """The line with points added, so that none is more than `STEP_M` above the last: bodies have level edges."""
    counts = np.maximum(np.ceil(np.abs(np.diff(line[:, 2])) / STEP_M - 1e-9).astype(int), 1)
    parts = [np.linspace(a, b, n, endpoint=False) for (a, b), n in zip(pairwise(line), counts.tolist(), strict=True)]
    return np.concatenate([*parts, line[-1:]])


def _add_rail(_item: RoadItem, line: np.ndarray, mesh: StaticMesh) -> None:
    """A band of steel on posts."""
    low, high = line + np.array([0.0, 0.0, RAIL_M[0]]), line + np.array([0.0, 0.0, RAIL_M[1]])
    for a, b in ((low, high), (high, low)):
        mesh.strip(a, b, RAIL_RGB, PLAIN, up=False, reach=RAIL_SIGHT_M)
    _stand(mesh, line, RAIL_M, RAIL_HALF_M, Tag.GUARD_RAIL)
    _add_posts(line, RAIL_M[0] + 0.05, RAIL_RGB * 0.75, mesh)


def _add_posts(line: np.ndarray, height_m: float, colour: np.ndarray, mesh: StaticMesh) -> None:
    gone = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line[:, :2], axis=0), axis=1))])
    at = np.arange(1.0, gone[-1], RAIL_POST_M)
    feet = np.column_stack([np.interp(at, gone, line[:, axis]) for axis in range(3)])
    piece = np.clip(np.searchsorted(gone, at) - 1, 0, len(line) - 2)
    along = (line[1:] - line[:-1])[piece] * [1.0, 1.0, 0.0]
    side = along / np.linalg.norm(along, axis=1, keepdims=True) * 0.05
    for foot, half in zip(feet, side, strict=True):
        ends = np.array([foot - half, foot + half])
        top = ends + np.array([0.0, 0.0, height_m])
        for a, b in ((ends, top), (top, ends)):
            mesh.strip(a, b, colour, PLAIN, up=False, reach=POST_SIGHT_M)


def _add_wall(item: RoadItem, line: np.ndarray, mesh: StaticMesh) -> None:
    """A wall with upright faces, its ends closed."""
    half_m, height_m = item.width / 2.0 or DEFAULT_HALF_M, item.height or DEFAULT_HEIGHT_M
    along = np.gradient(line[:, :2], axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    aside = np.column_stack([-along[:, 1], along[:, 0], np.zeros(len(line))]) * half_m
    down, up = np.array([0.0, 0.0, -FOUNDATION_M]), np.array([0.0, 0.0, height_m])
    one, other = line + aside, line - aside
    mesh.strip(one + down, one + up, WALL_RGB, PLAIN, up=False, reach=RAIL_SIGHT_M)
    mesh.strip(other + up, other + down, WALL_RGB, PLAIN, up=False, reach=RAIL_SIGHT_M)
    mesh.strip(one + up, other + up, WALL_RGB * 1.05, PLAIN, reach=RAIL_SIGHT_M)
    for a, b in ((other[0], one[0]), (one[-1], other[-1])):
        ends = np.array([a, b])
        mesh.strip(ends + down, ends + up, WALL_RGB * 0.95, PLAIN, up=False, reach=RAIL_SIGHT_M)
    _stand(mesh, line, (-FOUNDATION_M, height_m), half_m, Tag.WALLS)


def _add_fence(item: RoadItem, line: np.ndarray, mesh: StaticMesh) -> None:
    """Two bars on posts; nothing passes between them."""
    height_m = item.height or DEFAULT_HEIGHT_M
    for top in (0.55 * height_m, height_m):
        low, high = line + np.array([0.0, 0.0, top - 0.2]), line + np.array([0.0, 0.0, top])
        for a, b in ((low, high), (high, low)):
            mesh.strip(a, b, FENCE_RGB, PLAIN, up=False, reach=RAIL_SIGHT_M)
    _stand(mesh, line, (0.0, height_m), RAIL_HALF_M, Tag.FENCES)
    _add_posts(line, height_m, FENCE_RGB, mesh)
