"""A town ready to draw: all static triangles, painted marks and where masts may stand, built once a map by numpy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.kept import kept
from sim.map.opendrive import read_roads
from sim.scene.bodies import StaticBody
from sim.town.mesh import Chunks, StaticMesh, cut
from sim.town.roads import Outlines, build_roads
from sim.town.scenery import Scenery, build_scenery
from sim.town.signs import add_signs
from sim.town.street_lamps import lamp_light

PAINT_REACH_M = 240.0


@dataclass(frozen=True)
class Town:
    """Static geometry as arrays for the graphics card, and what moving things need to know of the place."""

    vertices: np.ndarray
    labels: np.ndarray
    indices: np.ndarray
    chunks: Chunks
    leaves: Chunks
    """Of the same indices: what has holes (the layer `LEAVES`) and is seen from both sides."""
    paint: np.ndarray
    paint_indices: np.ndarray
    paint_chunks: Chunks
    outlines: Outlines
    scenery: Scenery
    bodies: tuple[StaticBody, ...]
    """What of it is solid; `sim.town.standing` gives the same without triangles, but for what reaches into a lane."""

    def far_side(self, x: float, y: float, yaw: float) -> tuple[float, float] | None:
        """Where a signal's second head goes: across the junction, beside the road; None if there is no junction."""
        return self.outlines.far_side(x, y, yaw)


def town_of(opendrive: str) -> Town:
    """`build_town`, from the disk where it is kept there (`sim.kept`)."""
    return kept("town", build_town, opendrive)


def build_town(opendrive: str) -> Town:
    """Everything that stands still, from OpenDRIVE text.

    Raises:
        ValueError: the text is not OpenDRIVE or has no roads.
    """
    roads = read_roads(opendrive)
    mesh = StaticMesh()
    paint, outlines = build_roads(roads, mesh)
    scenery = build_scenery(roads, outlines, mesh)
    add_signs(roads, mesh)
    vertices, indices, chunks, leaves = mesh.build()
    vertices["colour"][:, 3] = np.round(lamp_light(vertices["position"], scenery.lamps) * 255.0)
    marks = paint.vertices()
    marks["colour"][:, 3] = np.round(lamp_light(marks["position"], scenery.lamps) * 255.0)
    quads = np.arange(len(marks), dtype=np.uint32).reshape(-1, 4)
    triangles = quads[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3)
    span = np.tile(np.array([0.0, PAINT_REACH_M]), (len(triangles), 1))
    order, paint_chunks = cut(marks["position"][triangles], span)
    drawn = (vertices, mesh.labels(), indices, chunks, leaves, marks, triangles[order].ravel(), paint_chunks)
    return Town(*drawn, outlines, scenery, tuple(mesh.bodies))
