"""Where trees stand: along the streets and in groves, of several kinds (`sim.town.tree_models`)."""

from __future__ import annotations

import numpy as np
from shapely.geometry import Point

from sim.map.opendrive import Road
from sim.scene.bodies import ring
from sim.scene.labels import Tag
from sim.scene.surfaces import FOLIAGE, LEAVES, PLAIN
from sim.town.mesh import StaticMesh, noise
from sim.town.roads import has_sidewalks
from sim.town.sites import Taken, Thrower, edge_t
from sim.town.terrain import Terrain
from sim.town.tree_models import (
    FAR_LEAVES_M,
    FAR_M,
    GROVE_KINDS,
    MIDDLE_M,
    NEAR_M,
    STREET_KINDS,
    VARIANTS,
    Kind,
    Shell,
    tree_model,
)

TRUNK_M = 160.0
"""How far trunks are drawn."""
FROM_WALK_M, FROM_LANE_M = (1.3, 2.6), (2.6, 4.5)
"""How far trunks stand from a road's edge, with a sidewalk and without: no crown may reach into a lane."""


def add_tree(
    mesh: StaticMesh, at: np.ndarray, size: float, kinds: tuple[Kind, ...], rng: np.random.Generator
) -> Thrower:
    """A tree `size` metres high of one of the kinds, turned, tinted and a little stretched."""
    kind = kinds[rng.integers(len(kinds))]
    model = tree_model(kind, int(rng.integers(VARIANTS)))
    tint = np.array(kind.leaf_rgb[rng.integers(len(kind.leaf_rgb))]) * rng.uniform(0.95, 1.28)
    turn, wide = float(rng.uniform(0.0, 2.0 * np.pi)), size * float(rng.uniform(0.88, 1.12))
    rotation = np.array([[np.cos(turn), -np.sin(turn), 0.0], [np.sin(turn), np.cos(turn), 0.0], [0.0, 0.0, 1.0]])

    def add(shell: Shell, colour: np.ndarray, layer: int, span: tuple[float, float]) -> None:
        if not mesh.is_drawn:
            return
        points = at + (shell.points * [wide, wide, size]) @ rotation.T
        normals = shell.normals @ rotation.T
        mesh.add(points, shell.triangles, shell.shade * colour, layer, shell.uv, normals, reach=span[1], begin=span[0])

    add(model.wood, np.array(kind.bark_rgb), PLAIN, (0.0, MIDDLE_M[1]))
    add(model.far_wood, np.array(kind.bark_rgb), PLAIN, (FAR_M[0], TRUNK_M))
    add(model.core, tint, FOLIAGE, (0.0, MIDDLE_M[1]))
    add(model.far_core, tint, FOLIAGE, FAR_M)
    for shell, span in zip(model.cards, (NEAR_M, MIDDLE_M, FAR_LEAVES_M), strict=True):
        add(shell, tint, LEAVES, span)
    low = at[2] + kind.low * size
    x, y, z = at.tolist()
    mesh.stand(ring(x, y, 0.95 * kind.trunk * wide, 7), z - 0.3, low, Tag.VEGETATION)  # leaves let everything through
    return Thrower(Point(x, y).buffer(kind.spread * wide, 5), low, z + size, z, Tag.VEGETATION)


def line_with_trees(
    road: Road, taken: Taken, terrain: Terrain, rng: np.random.Generator, mesh: StaticMesh
) -> list[Thrower]:
    """Street trees behind the sidewalks."""
    throwers: list[Thrower] = []
    if road.kind == "motorway":
        return throwers
    walks = has_sidewalks([road])
    for side in (1, -1):
        s = float(rng.uniform(14.0, 24.0))
        while s < road.length - 14.0:
            off = rng.uniform(*(FROM_WALK_M if walks else FROM_LANE_M))
            t = edge_t(road, s, side) + side * float(off)
            at = road.points(np.array([s]), t)[0]
            if taken.free(Point(at[:2]).buffer(1.0), 0.1) and rng.random() < 0.75:
                at[2] = terrain.height(at[None, :2])[0]
                with mesh.labelled(Tag.VEGETATION, thing=True):
                    throwers.append(add_tree(mesh, at, float(rng.uniform(5.5, 9.0)), STREET_KINDS, rng))
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
                throwers.append(add_tree(mesh, np.array([*at, z]), float(rng.uniform(7.0, 13.0)), GROVE_KINDS, rng))
    return throwers
