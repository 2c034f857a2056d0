"""What stands in a town, without its triangles: things, solid bodies, outlines and lamps, worked out once a map.

World and clients' calls ask here; the pictures build the same things with their triangles (`sim.town.town`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from sim.kept import kept
from sim.map.driving_lanes import DrivingLanes
from sim.map.opendrive import read_roads
from sim.scene.bodies import StaticBody
from sim.town.mesh import StaticMesh
from sim.town.roads import Outlines, build_roads
from sim.town.scenery import build_scenery
from sim.town.signs import add_signs
from sim.town.sites import Thrower


@dataclass(frozen=True)
class Standing:
    """What stands in a town."""

    throwers: tuple[Thrower, ...]
    """Buildings, trees, parked cars and shelters, in the order in which they are built."""
    bodies: tuple[StaticBody, ...]
    """What is solid, none of it on a driving lane; posts of traffic lights are not among them."""
    outlines: Outlines
    lamps: np.ndarray
    """(n, 3) heads of the street lamps."""


class _NoMesh(StaticMesh):
    """Keeps no triangles."""

    is_drawn = False

    def add(self, *_args, **_settings) -> None:
        pass


@lru_cache(maxsize=4)
def standing(opendrive: str) -> Standing:
    """What stands in the town of an OpenDRIVE text.

    Raises:
        ValueError: the text is not OpenDRIVE or has no roads.
    """
    return kept("standing", _standing, opendrive)


def _standing(opendrive: str) -> Standing:
    roads, mesh = read_roads(opendrive), _NoMesh()
    _, outlines = build_roads(roads, mesh)
    scenery = build_scenery(roads, outlines, mesh)
    add_signs(roads, mesh)
    in_the_way = DrivingLanes(roads).reached_by(mesh.bodies)  # some maps have signs on the road
    bodies = tuple(body for body, is_in in zip(mesh.bodies, in_the_way.tolist(), strict=True) if not is_in)
    return Standing(scenery.throwers, bodies, outlines, scenery.lamps)
