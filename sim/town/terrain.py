"""The ground beside the roads: its height everywhere, the grass on it, and the hills on the horizon."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.spatial import KDTree

from sim.map.opendrive import Road
from sim.scene.surfaces import GRASS, PLAIN
from sim.town.mesh import StaticMesh, noise
from sim.town.roads import GRASS_RGB

HILL_RGB = np.array([0.30, 0.40, 0.24])
GROUND_DROP_M = 0.05
HILLY_DROP_M, HILLY_STEP_M = 0.35, 10.0  # the ground's cells must not cut through a road on a slope
NEAR_M = (9.0, 45.0)  # up to where the ground is as high as the nearest road, from where it follows all roads
FAR_POINTS = 400
BRIDGE_M = 3.0
QUICK_STEP_M, QUICK_REACH_M = 8.0, 120.0


class Terrain:
    """Height of the ground: near a road the road's own, further off a mean of all roads by their distance."""

    def __init__(self, roads: Sequence[Road]) -> None:
        points = np.concatenate([road.points(road.stations(0.0, road.length), 0.0) for road in roads])
        self.level = bool(np.ptp(points[:, 2]) < 0.01)
        self.bounds = (*points[:, :2].min(axis=0), *points[:, :2].max(axis=0))
        if not self.level:
            points = np.concatenate([road.points(road.stations(0.0, road.length, 2.0, 2.0), 0.0) for road in roads])
        self._tree, self._z = KDTree(points[:, :2]), points[:, 2]
        self._far = points[:: max(1, len(points) // FAR_POINTS)]

    def height(self, points: np.ndarray) -> np.ndarray:
        """(n,) heights at (n, 2) points. Where roads cross above each other the lower one's."""
        if self.level:
            return np.full(len(points), self._z[0])
        points = np.asarray(points, dtype=float)
        near, share = self.near_roads(points)
        off = np.flatnonzero(share > 0.0)
        far = near.copy()
        far[off] = self.far_from_roads(points[off])
        return near + share * (far - near)

    def near_roads(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(n,) heights of the nearest roads, and (n,) shares from 0 to 1 of `far_from_roads` instead."""
        distance, index = self._tree.query(points, k=min(6, len(self._z)))
        distance, index = distance.reshape(len(points), -1), index.reshape(len(points), -1)
        weight = 1.0 / (distance**2 + 0.5) ** 1.5
        z = self._z[index]
        weight = weight * (z < z.min(axis=1, keepdims=True) + BRIDGE_M)
        near = (weight * z).sum(axis=1) / weight.sum(axis=1)
        share = np.clip((distance[:, 0] - NEAR_M[0]) / (NEAR_M[1] - NEAR_M[0]), 0.0, 1.0)
        return near, share * share * (3.0 - 2.0 * share)

    def far_from_roads(self, points: np.ndarray) -> np.ndarray:
        """(n,) means of all roads' heights by their distance."""
        far = np.zeros(len(points))
        for part in np.array_split(np.arange(len(points)), max(1, len(points) // 2000)):
            apart = ((points[part, None] - self._far[None, :, :2]) ** 2).sum(axis=2) + 9.0
            weight = apart**-1.5
            far[part] = weight @ self._far[:, 2] / weight.sum(axis=1)
        return far

    def normals(self, points: np.ndarray) -> np.ndarray:
        """(n, 3) upward normals at (n, 2) points."""
        step = 4.0
        east, south = np.array([step, 0.0]), np.array([0.0, step])
        dx = self.height(points + east) - self.height(points - east)
        dy = self.height(points + south) - self.height(points - south)
        normal = np.column_stack([-dx, -dy, np.full(len(points), 2.0 * step)])
        return normal / np.linalg.norm(normal, axis=1, keepdims=True)


class QuickHeight:
    """`Terrain.height` for shadows, which are thrown anew with the sun: to 3 cm, exactly near a road, in a fifth of the
    time.

    What follows all roads changes little from place to place and costs most: it is worked out once, in a grid.
    """

    def __init__(self, terrain: Terrain) -> None:
        self._terrain = terrain
        x0, y0, x1, y1 = terrain.bounds
        xs, ys = (
            np.arange(a - QUICK_REACH_M, b + QUICK_REACH_M + QUICK_STEP_M, QUICK_STEP_M)
            for a, b in ((x0, x1), (y0, y1))
        )
        at = np.stack(np.meshgrid(xs, ys, indexing="ij"), axis=-1).reshape(-1, 2)
        self._corner, self._far = np.array([xs[0], ys[0]]), terrain.far_from_roads(at).reshape(len(xs), len(ys))

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """(n,) heights at (n, 2) points."""
        points = np.asarray(points, dtype=float)
        near, share = self._terrain.near_roads(points)
        return near + share * (self._far_at(points) - near)

    def _far_at(self, points: np.ndarray) -> np.ndarray:
        far = self._far
        at = np.clip((points - self._corner) / QUICK_STEP_M, 0.0, np.array(far.shape) - 1.001)
        (i, j), (u, v) = at.astype(int).T, np.modf(at)[0].T
        low, high = far[i, j] * (1.0 - u) + far[i + 1, j] * u, far[i, j + 1] * (1.0 - u) + far[i + 1, j + 1] * u
        return low * (1.0 - v) + high * v


def grid_lines(low: float, high: float, step: float = 25.0) -> np.ndarray:
    """Cuts of the ground: fine in town, coarse towards the horizon."""
    inner = np.arange(math.floor(low / 25.0) * 25.0 - 100.0, high + 100.0 + step, step)
    outer = np.array([40.0, 110.0, 250.0, 500.0, 1000.0, 2000.0])
    return np.concatenate([inner[0] - outer[::-1], inner, inner[-1] + outer])


def add_ground(terrain: Terrain, mesh: StaticMesh) -> None:
    """Grass as far as one can see, and hills on the horizon."""
    x0, y0, x1, y1 = terrain.bounds
    step = 25.0 if terrain.level else HILLY_STEP_M
    xs, ys = grid_lines(x0, x1, step), grid_lines(y0, y1, step)
    at = np.stack(np.meshgrid(xs, ys, indexing="ij"), axis=-1).reshape(-1, 2)
    z = terrain.height(at) - (GROUND_DROP_M if terrain.level else HILLY_DROP_M)
    points = np.column_stack([at, z])
    shade = 1.0 + 0.12 * noise(at, 37.0, 11) + 0.10 * noise(at, 120.0, 12)
    dry = np.clip(0.5 + 0.5 * noise(at, 90.0, 13), 0.0, 1.0)[:, None]
    colour = shade[:, None] * (GRASS_RGB * (1.0 - 0.35 * dry) + np.array([0.47, 0.47, 0.26]) * 0.35 * dry)
    n = len(ys)
    i, j = (a.ravel() for a in np.meshgrid(np.arange(len(xs) - 1), np.arange(n - 1), indexing="ij"))
    a = i * n + j
    triangles = np.stack([a, a + n, a + n + 1, a, a + n + 1, a + 1], axis=1).reshape(-1, 3)
    normal = (0.0, 0.0, 1.0) if terrain.level else terrain.normals(at)
    mesh.add(points, triangles, colour, GRASS, uv=at / 7.0, normal=normal, reach=1e6)
    middle, span = np.array([(x0 + x1) / 2.0, (y0 + y1) / 2.0]), math.hypot(x1 - x0, y1 - y0) / 2.0
    angle = np.linspace(0.0, 2.0 * np.pi, 97)
    for distance, height, seed in ((700.0, 34.0, 14), (1500.0, 95.0, 15)):
        ring = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        rise = height * (0.55 + 0.45 * noise(ring * 9.0, 1.0, seed) + 0.25 * noise(ring * 30.0, 1.0, seed + 2))
        rise[-1] = rise[0]
        foot = np.column_stack([middle + ring * (span + distance), np.full(97, float(z.mean()) - 2.0)])
        top = np.column_stack([middle + ring * (span + distance * 1.25), float(z.mean()) + np.maximum(rise, 4.0)])
        mesh.strip(foot, top, HILL_RGB * 0.95, PLAIN, up=True, reach=1e6)
