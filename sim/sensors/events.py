"""Event sensors: collisions of a sensor's parent, and obstacles in front of a detector."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from sim.protocol import wire
from sim.protocol.forms import actor_on_wire, wire_transform
from sim.rays.hits import Hits
from sim.scene.bodies import static_id
from sim.scene.camera import axes
from sim.scene.labels import Tag
from sim.scene.poses import ZERO, Vector
from sim.sensors.scans import Scan, positive
from sim.world.actors import Actor
from sim.world.collisions import Contact
from sim.world.world import World

_GROUND = (Tag.ROADS, Tag.SIDEWALKS, Tag.TERRAIN, Tag.GROUND, Tag.ROAD_LINES)
"""What an obstacle detector drives on and does not report."""


def _scenery(tag: Tag, extent_m: Vector = ZERO) -> list[Any]:
    """The other party when something of the town was met that is no actor, as CARLA describes it: id 0."""
    box = [[0.0, 0.0, extent_m[2]], list(extent_m), [0.0] * 3, 0]
    return [0, 0, [0, static_id(tag), []], box, bytes([tag]), b""]


def collision_messages(world: World, sensor: Actor, token_of: Callable[[int], bytes]) -> list[bytes]:
    """A message for every collision that a sensor's parent had in the world's present tick."""
    return [
        _collision(world, sensor, contact, token_of)
        for contact in world.contacts
        if sensor.parent_id in (contact.a, contact.b) and sensor.parent_id
    ]


def _collision(world: World, sensor: Actor, contact: Contact, token_of: Callable[[int], bytes]) -> bytes:
    is_first = contact.a == sensor.parent_id
    sign = 1.0 if is_first else -1.0
    x, y, z = (sign * float(component) for component in contact.impulse_world)
    impulse: Vector = (x, y, z)
    me = world.actors[sensor.parent_id]
    other = world.actors.get(contact.b if is_first else contact.a)
    if other is not None:
        other_on_wire = actor_on_wire(other, token_of(other.stream_id))
    else:
        static = contact.static
        other_on_wire = _scenery(static.tag, static.extent_m) if static else _scenery(Tag.NONE)
    return wire.collision_payload(
        world.frame, world.time_s, wire_transform(sensor.pose), actor_on_wire(me, b""), other_on_wire, impulse
    )


class ObstacleDetector:
    """A ball swept ahead of its sensor, as a bundle of parallel rays: it finds what is not thinner than their gaps."""

    def __init__(self, sensor: Actor) -> None:
        """ValueError when an attribute is out of range."""
        self._reach_m = positive(sensor, "distance", 10_000.0)
        self._radius_m = float(sensor.attributes["hit_radius"])
        if not 0.0 <= self._radius_m <= 100.0:
            raise ValueError(f"hit_radius must lie between 0 and 100 m, it is {self._radius_m}")
        self._only_dynamics = sensor.attributes["only_dynamics"].lower() == "true"
        angle = np.arange(8) * math.tau / 8.0
        ring = np.column_stack([np.cos(angle), np.sin(angle)])
        self._aside = np.concatenate([np.zeros((1, 2)), *(ring * share for share in (0.4, 0.7, 0.95))]) * self._radius_m
        self._ahead_m = np.sqrt(np.maximum(self._radius_m**2 - (self._aside**2).sum(axis=1), 0.0))

    def scan(self, world: World, sensor: Actor, elapsed_s: float) -> Scan:  # noqa: ARG002 (as all sensors)
        """The rays of the present tick."""
        forward, right, up = axes(sensor.pose.roll, sensor.pose.pitch, sensor.pose.yaw)
        origins = np.array(sensor.pose[:3]) + self._aside[:, :1] * right + self._aside[:, 1:] * up
        directions = np.tile(forward, (len(origins), 1))
        head = (world.frame, world.time_s, wire_transform(sensor.pose))
        me = actor_on_wire(sensor, b"")

        def pack(hits: Hits) -> bytes | None:
            distance = np.where(np.isin(hits.tag, _GROUND), np.inf, hits.distance_m) - self._ahead_m
            first = int(np.argmin(distance))
            if not distance[first] <= self._reach_m:
                return None
            actor_id = int(hits.actor_id[first])
            other = world.actors.get(actor_id) or world.tombstones.get(actor_id)
            they = actor_on_wire(other, b"") if other else _scenery(Tag(int(hits.tag[first])))
            return wire.obstacle_payload(*head, me, they, max(float(distance[first]), 0.0))

        reach_m = self._reach_m + self._radius_m
        return Scan(sensor.stream_id, origins, directions, reach_m, sensor.parent_id, pack, not self._only_dynamics)
