"""All that stands beside the roads of a town: ground, lamps, buildings, trees, clutter and groves, built in this order.

Placed by rule from the road network with a fixed seed, so that a map always looks the same; nothing stands on a road,
in a junction's sight triangle, or in another building.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from sim.map.opendrive import Road
from sim.scene.labels import Tag
from sim.town.buildings import line_with_buildings
from sim.town.clutter.placing import line_with_clutter
from sim.town.mesh import StaticMesh
from sim.town.roads import Outlines
from sim.town.sites import Taken, Thrower
from sim.town.street_lamps import add_street_lamps
from sim.town.terrain import QuickHeight, Terrain, add_ground
from sim.town.trees import line_with_trees, scatter_trees


@dataclass(frozen=True)
class Scenery:
    """What later steps need to know of the scenery."""

    throwers: tuple[Thrower, ...]
    lamps: np.ndarray  # (n, 3) heads of street lamps
    height: Callable[[np.ndarray], np.ndarray] | None = None
    """(n, 2) points to (n,) heights of the ground for shadows; None where it is level, or nothing is drawn."""


def build_scenery(roads: Sequence[Road], outlines: Outlines, mesh: StaticMesh) -> Scenery:
    """Add all scenery to `mesh`."""
    rng = np.random.default_rng(7)
    terrain = Terrain(roads)
    if mesh.is_drawn:
        with mesh.labelled(Tag.TERRAIN):
            add_ground(terrain, mesh)
    taken = Taken(outlines)
    throwers: list[Thrower] = []
    lamps = add_street_lamps(roads, outlines, mesh)
    for road in roads:
        if road.junction < 0:
            throwers += line_with_buildings(road, taken, terrain, rng, mesh)
    for road in roads:
        if road.junction < 0:
            throwers += line_with_trees(road, taken, terrain, rng, mesh)
    throwers += line_with_clutter(roads, taken, terrain, mesh)
    throwers += scatter_trees(terrain, taken, rng, mesh)
    has_height = mesh.is_drawn and not terrain.level
    return Scenery(tuple(throwers), lamps, QuickHeight(terrain) if has_height else None)
