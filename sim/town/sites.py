"""Where something may be built beside the roads, and the record of what was: footprints that throw shadows."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import shapely
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry

from sim.map.opendrive import Road
from sim.scene.labels import Tag
from sim.town.roads import Outlines

SQUARE_M = 16.0


@dataclass(frozen=True)
class Thrower:
    """What throws a shadow: a footprint (shapely) and its height."""

    footprint: Polygon
    low_m: float
    high_m: float
    ground_m: float
    tag: Tag = Tag.BUILDINGS
    """What it is."""


class Taken:
    """What ground is in use: roads with sidewalks, and what was built so far."""

    def __init__(self, outlines: Outlines) -> None:
        self._paved = outlines.paved
        shapely.prepare(self._paved)
        self._built: dict[tuple[int, int], list[Polygon]] = {}

    def free(self, shape: BaseGeometry, margin_m: float) -> bool:
        """Whether a shape keeps `margin_m` from all that stands."""
        if shapely.dwithin(self._paved, shape, margin_m):
            return False
        near = (other for square in _squares(shape, margin_m) for other in self._built.get(square, ()))
        return not any(shapely.dwithin(other, shape, margin_m) for other in near)

    def take(self, shape: Polygon) -> None:
        """Build here."""
        for square in _squares(shape, 0.0):
            self._built.setdefault(square, []).append(shape)


def _squares(shape: BaseGeometry, margin_m: float) -> list[tuple[int, int]]:
    """Those of a grid that a shape reaches into."""
    x0, y0, x1, y1 = (math.floor(at / SQUARE_M) for at in np.array(shape.bounds) + margin_m * np.array([-1, -1, 1, 1]))
    return [(x, y) for x in range(x0, x1 + 1) for y in range(y0, y1 + 1)]


def edge_t(road: Road, s: float, side: int) -> float:
    """`t` of the outermost border on one side of a road at `s`."""
    section = max((x for x in road.sections if x.s <= s + 1e-6), key=lambda x: x.s)
    ids = [i for i in section.lanes if i * side > 0]
    if not ids:
        return 0.0
    return float(section.borders(max(ids, key=abs), np.array([s]))[1][0])


def lane_count(road: Road) -> int:
    """Driving lanes of a road's first section."""
    return sum(lane.kind == "driving" for lane in road.sections[0].lanes.values())
