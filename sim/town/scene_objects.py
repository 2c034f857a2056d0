"""What stands still in a town as boxes: buildings and trees.

The same scenery as the renderer draws, worked out once a map when a client first asks for it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import shapely
from shapely.geometry import Polygon

from sim.scene.poses import Pose, Vector
from sim.world import box_rays as rays


@dataclass(frozen=True)
class SceneObject:
    """One building or tree."""

    object_id: int
    name: str
    solid: rays.Solid

    def is_near(self, start: Vector, end: Vector) -> bool:
        """Whether the line between two places comes near it, seen from above."""
        x, y = self.solid.pose.x, self.solid.pose.y
        dx, dy = end[0] - start[0], end[1] - start[1]
        square = dx * dx + dy * dy
        along = 0.0 if square == 0.0 else ((x - start[0]) * dx + (y - start[1]) * dy) / square
        along = min(max(along, 0.0), 1.0)
        reach = math.hypot(*self.solid.extent_m[:2])
        return math.hypot(start[0] + along * dx - x, start[1] + along * dy - y) <= reach


@lru_cache(maxsize=2)
def _scenery(opendrive: str):
    # Here, because the renderer's modules take memory that a server without rendering may never need.
    from sim.map.opendrive import read_roads
    from sim.town.mesh import StaticMesh
    from sim.town.roads import build_roads
    from sim.town.scenery import build_scenery

    class Nothing(StaticMesh):
        """Takes no triangles: only where things stand is wanted."""

        def add(self, *_args, **_settings) -> None:
            pass

    roads, mesh = read_roads(opendrive), Nothing()
    _, outlines = build_roads(roads, mesh)
    return build_scenery(roads, outlines, mesh)


@lru_cache(maxsize=2)
def scene_objects(opendrive: str) -> tuple[SceneObject, ...]:
    """Buildings and trees of a map, in the map's own order."""
    objects = []
    for k, thrower in enumerate(_scenery(opendrive).throwers, start=1):
        # A crown floats on its trunk; a wall begins at the ground.
        is_tree = thrower.low_m > thrower.ground_m + 0.5
        label = rays.VEGETATION if is_tree else rays.BUILDINGS
        solid = _block(thrower.footprint, float(thrower.ground_m), float(thrower.high_m), label)
        objects.append(SceneObject(k, f"{'Tree' if is_tree else 'Building'}_{k}", solid))
    return tuple(objects)


def _block(footprint: Polygon, low_m: float, high_m: float, label: int) -> rays.Solid:
    """The footprint's smallest turned rectangle, as high as the thing."""
    corners = shapely.get_coordinates(footprint.minimum_rotated_rectangle)[:4]
    along, across = corners[1] - corners[0], corners[2] - corners[1]
    x, y = corners.mean(axis=0).tolist()
    pose = Pose(x, y, (low_m + high_m) / 2.0, 0.0, 0.0, math.atan2(along[1], along[0]))
    extent = (math.hypot(*along.tolist()) / 2.0, math.hypot(*across.tolist()) / 2.0, (high_m - low_m) / 2.0)
    return rays.Solid(pose, extent, label)
