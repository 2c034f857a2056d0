"""Trees along the streets and in groves, each drawn in two levels of detail."""

from __future__ import annotations

import numpy as np
from shapely.geometry import Point

from sim.map.opendrive import Road
from sim.scene.bodies import ring
from sim.scene.labels import Tag
from sim.scene.surfaces import GRASS, PLAIN
from sim.town.mesh import StaticMesh, noise
from sim.town.sites import Taken, Thrower, edge_t
from sim.town.solids import icosphere
from sim.town.terrain import Terrain

LEAVES = np.array([[0.26, 0.40, 0.15], [0.33, 0.45, 0.16], [0.21, 0.36, 0.17], [0.42, 0.46, 0.17], [0.27, 0.42, 0.22]])
TRUNK_RGB = np.array([0.33, 0.26, 0.20])
TREE_DETAIL_M = 75.0
ICOSPHERES = [icosphere(0), icosphere(1)]


def add_clump(
    mesh: StaticMesh,
    middle: np.ndarray,
    radius: float,
    tint: np.ndarray,
    divisions: int,
    span: tuple[float, float],
    seed: int,
) -> None:
    """A bumpy ball of leaves, lighter above, drawn over a span of distances."""
    if not mesh.is_drawn:
        return
    points, triangles = ICOSPHERES[divisions]
    bumps = 1.0 + 0.16 * noise(points[:, :2] * 3.0 + points[:, 2:] * 2.0, 1.0, seed)
    leaf = points * bumps[:, None] * [radius, radius, radius * 0.92]
    shade = 0.72 + 0.38 * (points[:, 2:] * 0.5 + 0.5)
    uv = leaf[:, :2] / 5.0 + leaf[:, 2:] / 7.0
    normals = (points + np.array([0.0, 0.0, 0.25])) / 1.3
    mesh.add(middle + leaf, triangles, shade * tint, GRASS, uv, normals, reach=span[1], begin=span[0])


def add_tree(mesh: StaticMesh, at: np.ndarray, size: float, rng: np.random.Generator) -> Thrower:
    """A trunk and a few rounded clumps of leaves, darker below."""
    x, y, z = at
    trunk_h, spread = 0.38 * size, 0.27 * size
    angle = np.arange(7) * 2.0 * np.pi / 6.0
    circle = np.stack([np.cos(angle), np.sin(angle), np.zeros(7)], axis=1)
    low, high = circle * 0.035 * size + [x, y, z - 0.3], circle * 0.02 * size + [x, y, z + trunk_h * 1.3]
    mesh.strip(high, low, TRUNK_RGB, PLAIN, up=False, reach=160.0)
    mesh.stand(ring(x, y, 0.032 * size), z - 0.3, z + trunk_h, Tag.VEGETATION)  # the leaves let everything through
    tint = LEAVES[rng.integers(len(LEAVES))] * rng.uniform(0.85, 1.12)
    for k in range(3):
        away = rng.uniform(-0.45, 0.45, 2) * spread if k else np.zeros(2)
        r = spread * (1.0 if k == 0 else rng.uniform(0.55, 0.75))
        rise = 0.75 if k == 0 else rng.uniform(0.6, 1.35)
        middle = np.array([x + away[0], y + away[1], z + trunk_h + spread * rise])
        add_clump(mesh, middle, r, tint, 1, (0.0, TREE_DETAIL_M), int(rng.integers(1000)))
        if k < 2:
            far = TREE_DETAIL_M, (400.0 if k == 0 else 170.0)
            add_clump(mesh, middle, r * 1.05, tint, 0, far, int(rng.integers(1000)))
    return Thrower(Point(x, y).buffer(spread, 5), z + trunk_h, z + trunk_h + 1.7 * spread, z)


def line_with_trees(
    road: Road, taken: Taken, terrain: Terrain, rng: np.random.Generator, mesh: StaticMesh
) -> list[Thrower]:
    """Street trees behind the sidewalks."""
    throwers: list[Thrower] = []
    if road.kind == "motorway":
        return throwers
    for side in (1, -1):
        s = float(rng.uniform(14.0, 24.0))
        while s < road.length - 14.0:
            t = edge_t(road, s, side) + side * float(rng.uniform(1.3, 2.6))
            at = road.points(np.array([s]), t)[0]
            if taken.free(Point(at[:2]).buffer(1.0), 0.1) and rng.random() < 0.75:
                at[2] = terrain.height(at[None, :2])[0]
                with mesh.labelled(Tag.VEGETATION, thing=True):
                    throwers.append(add_tree(mesh, at, float(rng.uniform(5.0, 8.0)), rng))
                taken.take(Point(at[:2]).buffer(0.8, 3))
            s += float(rng.uniform(12.0, 22.0))
    return throwers


def scatter_trees(terrain: Terrain, taken: Taken, rng: np.random.Generator, mesh: StaticMesh) -> list[Thrower]:
    """Groves on the open ground."""
    x0, y0, x1, y1 = terrain.bounds
    throwers: list[Thrower] = []
    tries = min(900, int((x1 - x0 + 120.0) * (y1 - y0 + 120.0) / 500.0) + 20)
    spots = np.column_stack([rng.uniform(x0 - 60.0, x1 + 60.0, tries), rng.uniform(y0 - 60.0, y1 + 60.0, tries)])
    for at in spots[noise(spots, 60.0, 21) > 0.15]:
        if len(throwers) < 260 and taken.free(Point(at).buffer(1.5), 4.0):
            z = float(terrain.height(at[None])[0])
            with mesh.labelled(Tag.VEGETATION, thing=True):
                throwers.append(add_tree(mesh, np.array([*at, z]), float(rng.uniform(7.0, 12.0)), rng))
    return throwers
