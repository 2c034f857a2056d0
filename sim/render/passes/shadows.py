"""Shadows that buildings and trees throw on the ground, as flat polygons for one position of the sun.

Footprints are swept along the sun's direction (exact for upright prisms, near enough for trees) and merged, so that
no spot is darkened twice. Roofs and walls take none.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import moderngl
import numpy as np
import shapely

from sim.map.surfaces import KERB_M
from sim.render.gl import ChunkDraws
from sim.render.passes.programs import shader
from sim.render.passes.sky import Light
from sim.scene.records import CameraView
from sim.town.mesh import Chunks, cut
from sim.town.roads import polygons
from sim.town.scenery import Scenery
from sim.town.sites import Thrower

LIFT_M = KERB_M + 0.015  # above the sidewalks; on the road this is off by a hand's breadth
LOWEST_SUN = 0.20  # sine of the altitude below which shadows would reach across the town
REACH_M = 200.0
DRAPE_M = 5.0
NO_SHADOW = 0.1  # brightness of the sun below which nothing throws a shadow
SUN_STEP_RAD = 0.01  # the sun may move this far before shadows are thrown anew


def swept(throwers: Sequence[Thrower], sun: np.ndarray) -> np.ndarray:
    """The shadow (shapely polygon) of each thrower on its ground, given the direction towards the sun."""
    per_m = -sun[:2] / max(float(sun[2]), LOWEST_SUN)
    footprints = np.array([thrower.footprint for thrower in throwers])
    ring, whose = shapely.get_coordinates(shapely.get_exterior_ring(footprints), return_index=True)
    heights = np.array([(max(t.low_m - t.ground_m, 0.0), t.high_m - t.ground_m) for t in throwers])[whose]
    ends = [ring + per_m * heights[:, [end]] for end in (0, 1)]
    order = np.argsort(np.concatenate([whose, whose]), kind="stable")
    points = np.asarray(shapely.points(np.concatenate(ends)[order]))
    clouds = np.asarray(shapely.multipoints(points, indices=np.concatenate([whose, whose])[order]))
    return shapely.convex_hull(clouds)


def throw_shadows(
    throwers: Sequence[Thrower], sun: np.ndarray, ground: Callable[[np.ndarray], np.ndarray] | None = None
) -> tuple[np.ndarray, np.ndarray, Chunks | None]:
    """(n, 3) float32 points, (m, 3) uint32 triangles and their chunks; `ground` gives the height where it varies."""
    if not throwers:
        return np.zeros((0, 3), np.float32), np.zeros((0, 3), np.uint32), None
    merged = shapely.disjoint_subset_union_all(swept(throwers, sun))  # most touch few others: a tenth of the time
    if ground is not None:  # on sloping ground shadows are draped over it
        merged = shapely.segmentize(merged, DRAPE_M)
    cut_up = shapely.get_parts(shapely.constrained_delaunay_triangles(np.array(polygons(merged))))
    flat = shapely.get_coordinates(cut_up).reshape(-1, 4, 2)[:, :3]
    level = np.full((*flat.shape[:2], 1), throwers[0].ground_m + LIFT_M)
    points = np.concatenate([flat, level], axis=2).astype(np.float32)
    if ground is not None:
        # Some six triangles meet at a corner: its height is looked up once.
        places, corner = np.unique(points[..., :2].reshape(-1, 2), axis=0, return_inverse=True)
        points[..., 2] = ground(places)[corner].reshape(points.shape[:2]) + LIFT_M
    order, chunks = cut(points, np.tile(np.array([0.0, REACH_M]), (len(points), 1)))
    triangles = np.arange(3 * len(points), dtype=np.uint32).reshape(-1, 3)[order]
    return points.reshape(-1, 3), triangles, chunks


class Shade:
    """A town's shadows in graphics memory, thrown anew when the sun has moved."""

    def __init__(self, ctx: moderngl.Context, program: Callable[[str, str], Any], scenery: Scenery) -> None:
        """`program` compiles and owns."""
        self._ctx, self._scenery = ctx, scenery
        self._program = program(shader("shade.vert"), shader("shade.frag"))
        self._draws: ChunkDraws | None = None
        self._parts: list[Any] = []
        self._sun, self._is_thrown = np.zeros(3), False

    def follow(self, light: Light) -> None:
        """Take the sun's place and brightness."""
        bright, sun = float(light.sun.mean()), light.sun_direction
        self._is_thrown = bright > NO_SHADOW
        if self._is_thrown and math.acos(min(1.0, float(sun @ self._sun))) > SUN_STEP_RAD:
            self._throw(sun)
        self._program["strength"] = 0.47 * min(bright / 0.6, 1.0)

    def draw(self, view: CameraView, further_m: float) -> None:
        """Darken the ground that a view sees."""
        if self._draws is not None and self._is_thrown:
            self._draws.draw(view, further_m)

    def release(self) -> None:
        """Give its graphics memory back (not the program, which the renderer owns)."""
        for part in reversed(self._parts):
            part.release()
        self._parts, self._draws = [], None

    def _throw(self, sun: np.ndarray) -> None:
        self._sun = sun
        points, triangles, chunks = throw_shadows(self._scenery.throwers, sun, self._scenery.height)
        self.release()
        if chunks is None:
            return
        vertices, indices = self._ctx.buffer(points.tobytes()), self._ctx.buffer(triangles.tobytes())
        vao = self._ctx.vertex_array(self._program, [(vertices, "3f4", "position")], indices)
        self._draws = ChunkDraws(self._ctx, vao, chunks)
        self._parts = [vertices, indices, vao, self._draws]
