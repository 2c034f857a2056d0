"""The buildings, trees, parked cars and bus shelters of a town as boxes, for clients that ask what stands in the world.

They are placed by the same rules as the drawn scenery, worked out once a map when a client first asks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import shapely
from shapely.geometry import Polygon

from sim.scene.labels import Tag
from sim.scene.poses import Pose, Vector
from sim.scene.records import Box
from sim.town.sites import Thrower
from sim.town.standing import standing

NAMES = {Tag.BUILDINGS: "Building", Tag.VEGETATION: "Tree", Tag.CAR: "ParkedCar", Tag.STATIC: "Shelter"}


@dataclass(frozen=True)
class SceneObject:
    """One building, tree, parked car or bus shelter, as an upright box."""

    object_id: int
    name: str
    box: Box
    leaves: Box | None = None
    """A tree's crown, which is no solid body but stops rays."""

    def is_near(self, start: Vector, end: Vector) -> bool:
        """Whether the line between two places comes near it, seen from above."""
        x, y = self.box.pose.x, self.box.pose.y
        dx, dy = end[0] - start[0], end[1] - start[1]
        square = dx * dx + dy * dy
        along = 0.0 if square == 0.0 else ((x - start[0]) * dx + (y - start[1]) * dy) / square
        along = min(max(along, 0.0), 1.0)
        reach = math.hypot(*self.box.extent_m[:2])
        return math.hypot(start[0] + along * dx - x, start[1] + along * dy - y) <= reach


@lru_cache(maxsize=2)
def scene_objects(opendrive: str) -> tuple[SceneObject, ...]:
    """Buildings, trees, parked cars and shelters of a map, in the order in which they are built.

    Raises:
        ValueError: the text is not OpenDRIVE or has no roads.
    """
    return tuple(_scene_object(k, t) for k, t in enumerate(standing(opendrive).throwers, start=1))


def _scene_object(number: int, thrower: Thrower) -> SceneObject:
    """The smallest turned rectangle around the footprint, as high as the thing."""
    name = f"{NAMES[thrower.tag]}_{number}"
    footprint: Polygon = thrower.footprint
    corners = shapely.get_coordinates(footprint.minimum_rotated_rectangle)[:4]
    along, across = corners[1] - corners[0], corners[2] - corners[1]
    x, y = corners.mean(axis=0).tolist()
    low_m, high_m = float(thrower.ground_m), float(thrower.high_m)
    extent = (math.hypot(*along.tolist()) / 2.0, math.hypot(*across.tolist()) / 2.0, (high_m - low_m) / 2.0)
    pose = Pose(x, y, (low_m + high_m) / 2.0, yaw=math.atan2(along[1], along[0]))
    box = Box(pose, extent, int(thrower.tag))
    if thrower.tag != Tag.VEGETATION:
        return SceneObject(number, name, box)
    crown = pose._replace(z=(thrower.low_m + high_m) / 2.0), (*extent[:2], (high_m - thrower.low_m) / 2.0)
    return SceneObject(number, name, box, Box(*crown, int(thrower.tag)))
