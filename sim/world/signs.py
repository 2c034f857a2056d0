"""Actors that belong to the map: traffic lights and signs, where they stand and which part of the road they apply to.

As in CARLA an actor's trigger volume is a box in the actor's own frame: over the stop lines of a light, over the lane
beside a sign.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import carla
import numpy as np

from sim.map.lanes import LaneGraph
from sim.map.signals import Light
from sim.scene.poses import Pose, Vector, wrap_angle

TRIGGER_HALF_M = 1.0
_TYPE_OF_SIGN = {"205": "traffic.yield", "206": "traffic.stop"}
_SPEED_LIMIT = "274"


@dataclass(frozen=True)
class Sign:
    """A sign of the map: CARLA's type id, its id in OpenDRIVE, and its trigger volume."""

    type_id: str
    sign_id: str
    pose: Pose
    box_offset_m: Vector
    extent_m: Vector


def light_pose(light: Light) -> Pose:
    """CARLA's traffic light models look along their own y axis: the actor is turned by 90 degrees to its signal."""
    return Pose(light.x, light.y, light.z, 0.0, 0.0, wrap_angle(light.yaw_rad + math.pi / 2))


def trigger_volume(pose: Pose, light: Light, lanes: LaneGraph) -> tuple[Vector, Vector]:
    """Centre (in the light's frame) and half sizes of the box over its stop lines: x runs across the road."""
    ends = []
    for line in light.stop_lines:
        x, y, yaw = lanes.at(line.lane, line.s_m)
        half = lanes.lanes[line.lane].width_m[-1] / 2.0
        for side in (-half, half):
            ends.append(_in_frame(pose, x - side * math.sin(yaw), y + side * math.cos(yaw)))
    low, high = np.min(ends, axis=0), np.max(ends, axis=0)
    (cx, cy), (ex, ey) = ((low + high) / 2.0).tolist(), ((high - low) / 2.0).tolist()
    return (cx, cy, TRIGGER_HALF_M - pose.z), (max(ex, TRIGGER_HALF_M), max(ey, TRIGGER_HALF_M), TRIGGER_HALF_M)


def read_signs(carla_map: carla.Map) -> list[Sign]:
    """The stop, yield and speed-limit signs of a map, each once, in the order of their ids."""
    signs = {}
    for mark in carla_map.get_all_landmarks():
        type_id = _type_of(mark)
        if type_id is not None and mark.id not in signs:
            signs[mark.id] = _sign(type_id, mark, carla_map)
    return [signs[key] for key in sorted(signs)]


def _type_of(mark: carla.Landmark) -> str | None:
    if mark.type == _SPEED_LIMIT:
        # CARLA names its models by the number on them: traffic.speed_limit.30.
        number = mark.sub_type if mark.sub_type.isdigit() else str(round(mark.value))
        return f"traffic.speed_limit.{number}"
    return _TYPE_OF_SIGN.get(mark.type)


def _sign(type_id: str, mark: carla.Landmark, carla_map: carla.Map) -> Sign:
    where, turn = mark.transform.location, mark.transform.rotation
    pose = Pose(where.x, where.y, where.z, 0.0, 0.0, wrap_angle(math.radians(turn.yaw) + math.pi / 2))
    # A mark in a road's last centimetres has no waypoint of its own; the nearest lane is the same one.
    lane = mark.waypoint or carla_map.get_waypoint(where)
    middle = lane.transform.location
    x, y = _in_frame(pose, middle.x, middle.y)
    half = max(lane.lane_width / 2.0, TRIGGER_HALF_M)
    return Sign(type_id, mark.id, pose, (x, y, middle.z + TRIGGER_HALF_M - pose.z), (half, half, TRIGGER_HALF_M))


def _in_frame(pose: Pose, x: float, y: float) -> tuple[float, float]:
    dx, dy = x - pose.x, y - pose.y
    c, s = math.cos(pose.yaw), math.sin(pose.yaw)
    return c * dx + s * dy, c * dy - s * dx
