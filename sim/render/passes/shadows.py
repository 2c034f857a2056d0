"""Shadows that buildings and trees throw on the ground, as flat polygons for one position of the sun.

Footprints are swept along the sun's direction (exact for upright prisms, near enough for trees) and merged, so that
no spot is darkened twice. Roofs and walls take none.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import shapely
from shapely.geometry import Polygon

from sim.map.surfaces import KERB_M
from sim.town.mesh import Chunks, cut
from sim.town.roads import polygons
from sim.town.sites import Thrower

LIFT_M = KERB_M + 0.015  # above the sidewalks; on the road this is off by a hand's breadth
LOWEST_SUN = 0.20  # sine of the altitude below which shadows would reach across the town
REACH_M = 200.0
DRAPE_M = 5.0


def swept(thrower: Thrower, sun: np.ndarray) -> Polygon:
    """The shadow of one thrower on its ground, given the direction towards the sun."""
    per_m = -sun[:2] / max(float(sun[2]), LOWEST_SUN)
    ring = np.array(thrower.footprint.exterior.coords)[:-1]
    low = ring + per_m * max(thrower.low_m - thrower.ground_m, 0.0)
    high = ring + per_m * (thrower.high_m - thrower.ground_m)
    return Polygon(np.array(shapely.MultiPoint(np.concatenate([low, high])).convex_hull.exterior.coords))  # type: ignore[attr-defined]


def throw_shadows(
    throwers: tuple[Thrower, ...], sun: np.ndarray, ground: Callable[[np.ndarray], np.ndarray] | None = None
) -> tuple[np.ndarray, np.ndarray, Chunks | None]:
    """(n, 3) float32 points, (m, 3) uint32 triangles and their chunks; `ground` gives the height where it varies."""
    if not throwers:
        return np.zeros((0, 3), np.float32), np.zeros((0, 3), np.uint32), None
    level = ground is None
    shapes = [swept(thrower, sun) for thrower in throwers]
    # On sloping ground shadows are draped over it.
    merged = shapely.union_all(shapes)
    merged = merged if level else shapely.segmentize(merged, DRAPE_M)
    corners = []
    for part in polygons(merged):
        for triangle in polygons(shapely.constrained_delaunay_triangles(part)):
            flat = np.array(triangle.exterior.coords)[:3]
            corners.append(np.column_stack([flat, np.full(3, throwers[0].ground_m + LIFT_M)]))
    points = np.array(corners, np.float32)
    if ground is not None:
        points[..., 2] = ground(points.reshape(-1, 3)[:, :2]).reshape(-1, 3) + LIFT_M
    order, chunks = cut(points, np.tile(np.array([0.0, REACH_M]), (len(points), 1)))
    triangles = np.arange(3 * len(points), dtype=np.uint32).reshape(-1, 3)[order]
    return points.reshape(-1, 3), triangles, chunks
