"""Spawn points: where a map recommends to spawn vehicles."""

from __future__ import annotations

import math

import carla
import numpy as np

from sim.scene.poses import Pose

SPAWN_SPACING_M = 25.0
SPAWN_APART_M = 2.0
SPAWN_CLEAR_M = 10.0
SPAWN_HEIGHT_M = 0.5


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
