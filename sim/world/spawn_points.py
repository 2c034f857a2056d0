"""Spawn points, where a map recommends to spawn vehicles, and whether a place is free to spawn something there."""

from __future__ import annotations

import math
from collections.abc import Iterable

import carla
import numpy as np

from sim.scene.bodies import rectangle
from sim.scene.poses import Pose, boxes_overlap, height_span
from sim.world.actors import Actor
from sim.world.blueprint_types import Blueprint, Kind
from sim.world.contacts.statics import Statics

SPAWN_SPACING_M = 25.0
SPAWN_APART_M = 2.0
SPAWN_CLEAR_M = 10.0
SPAWN_HEIGHT_M = 0.5
SOLID_KINDS = (Kind.VEHICLE, Kind.WALKER, Kind.PROP)


def spawn_places(carla_map: carla.Map) -> list[carla.Waypoint]:
    """Where vehicles may be spawned: on driving lanes every 25 m, outside junctions, each with a place of its own."""
    found: list[carla.Waypoint] = []
    at = np.empty((0, 3))
    for waypoint in carla_map.generate_waypoints(SPAWN_SPACING_M):
        if waypoint.is_junction or _is_short(waypoint):
            continue
        where = waypoint.transform.location
        point = np.array([[where.x, where.y, where.z]])
        if not len(at) or np.linalg.norm(at - point, axis=1).min() >= SPAWN_APART_M:
            found.append(waypoint)
            at = np.concatenate([at, point])
    return found


def _is_short(waypoint: carla.Waypoint) -> bool:
    """Whether a lane leads from one junction straight into the next, as a roundabout's parts do."""
    before, after = waypoint.previous(SPAWN_CLEAR_M), waypoint.next(SPAWN_CLEAR_M)
    return any(w.is_junction for w in before) and any(w.is_junction for w in after)


def spawn_pose(transform: carla.Transform) -> Pose:
    """The pose at which a vehicle is spawned there: a little above the road, as CARLA's spawn points."""
    where, turn = transform.location, transform.rotation
    return Pose(where.x, where.y, where.z + SPAWN_HEIGHT_M, 0.0, math.radians(turn.pitch), math.radians(turn.yaw))


def is_free(pose: Pose, blueprint: Blueprint, actors: Iterable[Actor], statics: Statics) -> bool:
    """Whether something solid may be spawned at a pose: no actor stands in its box, and nothing of the town.

    Props may stand in things of the town, as in CARLA, where they are spawned wherever they are put.
    """
    low, high = height_span(pose, blueprint.box_offset_m, blueprint.extent_m)
    for other in actors:
        if other.kind in SOLID_KINDS:
            their_low, their_high = height_span(other.pose, other.box_offset_m, other.extent_m)
            is_level = low < their_high and their_low < high
            if is_level and boxes_overlap(pose, blueprint.extent_m, other.pose, other.extent_m):
                return False
    outline = rectangle(pose.x, pose.y, pose.yaw, *blueprint.extent_m[:2])
    return blueprint.kind is Kind.PROP or not statics.in_the_way(outline, low, high)
