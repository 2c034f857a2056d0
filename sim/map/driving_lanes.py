"""Where vehicles drive, as shapes that nothing solid may reach into."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely

from sim.map.opendrive import Road
from sim.scene.bodies import StaticBody

KINDS = {"driving", "bidirectional", "entry", "exit", "onRamp", "offRamp"}
MIRROR_M = 0.2
"""Solid things keep this far from driving lanes: what a wide vehicle's mirrors need."""
CLEARANCE_M = 4.3
"""What begins higher above a lane than the highest vehicle does not reach into it."""


class DrivingLanes:
    """The driving lanes of a town, cut into short pieces with a height each."""

    def __init__(self, roads: Sequence[Road]) -> None:
        quads, heights = [np.zeros((0, 4, 2))], [np.zeros(0)]
        for road in roads:
            for section in road.sections:
                s = road.stations(section.s, section.end, 8.0, 3.0)
                for lane_id, lane in section.lanes.items():
                    if lane_id and lane.kind in KINDS:
                        inner, outer = (road.points(s, t) for t in section.borders(lane_id, s))
                        corners = np.stack([inner[:-1], inner[1:], outer[1:], outer[:-1]], axis=1)
                        quads.append(corners[:, :, :2])
                        heights.append(corners[:, :, 2].mean(axis=1))
        self._heights_m = np.concatenate(heights)
        self._tree = shapely.STRtree(np.asarray(shapely.convex_hull(shapely.polygons(np.concatenate(quads)))))

    def reached_by(self, bodies: Sequence[StaticBody], margin_m: float = MIRROR_M) -> np.ndarray:
        """(n,) bool: which of n bodies reach into a driving lane, or nearer to it than `margin_m`."""
        found = np.zeros(len(bodies), bool)
        if len(bodies):
            shapes = [shapely.Polygon(body.footprint) for body in bodies]
            body, piece = self._tree.query(shapes, predicate="dwithin", distance=margin_m)
            low, high = (np.array([getattr(b, name) for b in bodies]) for name in ("low_m", "high_m"))
            height = self._heights_m[piece]
            found[body[(low[body] < height + CLEARANCE_M) & (high[body] > height)]] = True
        return found
