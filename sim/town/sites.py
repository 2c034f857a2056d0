"""Where something may be built beside the roads, and the record of what was: footprints that throw shadows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry

from sim.map.opendrive import Road
from sim.town.roads import Outlines


@dataclass(frozen=True)
class Thrower:
    """What throws a shadow: a footprint (shapely) and its height."""

    footprint: Polygon
    low_m: float
    high_m: float
    ground_m: float


class Taken:
    """What ground is in use: roads with sidewalks, and what was built so far."""

    def __init__(self, outlines: Outlines) -> None:
        self._paved = outlines.paved
        shapely.prepare(self._paved)
        self._built: list[tuple[Polygon, tuple[float, float, float, float]]] = []

    def free(self, shape: BaseGeometry, margin_m: float) -> bool:
        """Whether a shape keeps `margin_m` from all that stands."""
        if shapely.dwithin(self._paved, shape, margin_m):
            return False
        x0, y0, x1, y1 = shape.bounds
        x0, y0, x1, y1 = x0 - margin_m, y0 - margin_m, x1 + margin_m, y1 + margin_m
        near = [other for other, (a, b, c, d) in self._built if a <= x1 and c >= x0 and b <= y1 and d >= y0]
        return not any(shapely.dwithin(other, shape, margin_m) for other in near)

    def take(self, shape: Polygon) -> None:
        """Build here."""
        self._built.append((shape, shape.bounds))


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
