"""CARLA's forms of poses, boxes and actors: the lists that stand for them in calls and their answers.

Reading checks: what comes over the wire may be anything, and a number that is not finite would end the world. Angles
are degrees on the wire and radians in the program.
"""

from __future__ import annotations

import math
from typing import Any, Protocol

from sim.protocol.wire import WireTransform
from sim.scene.poses import Pose, Vector

LARGEST = 1e12
"""Far beyond any quantity of a world, and far below where the wire's 32-bit numbers end."""


class DescribedActor(Protocol):
    """What of an actor goes over the wire."""

    @property
    def actor_id(self) -> int:
        """CARLA's id of the actor."""
        ...

    @property
    def parent_id(self) -> int:
        """The actor that it is attached to; 0 for none."""
        ...

    @property
    def description(self) -> list[Any]:
        """The ActorDescription: [uid, type id, [[attribute, type, value], ...]]."""
        ...

    @property
    def box_offset_m(self) -> Vector:
        """Centre of the bounding box in the actor's frame."""
        ...

    @property
    def extent_m(self) -> Vector:
        """Half sizes of the bounding box."""
        ...

    @property
    def semantic_tags(self) -> bytes:
        """Numbers of `carla.CityObjectLabel`."""
        ...


def finite(*values: Any) -> tuple[float, ...]:
    """The values as floats; ValueError when one is not a finite number, or one that no world can hold."""
    floats = tuple(float(value) for value in values)
    if not all(abs(value) <= LARGEST for value in floats):
        raise ValueError("a number is not finite, or too large")
    return floats


def vector_from_wire(vector: Any) -> Vector:
    """Three finite floats; ValueError when they are not."""
    x, y, z = vector
    x, y, z = finite(x, y, z)
    return x, y, z


def pose_from_wire(transform: Any) -> Pose:
    """A CARLA transform [[x, y, z], [pitch, yaw, roll] in degrees]; ValueError when it is not one."""
    location, (pitch, yaw, roll) = transform
    x, y, z = vector_from_wire(location)
    pitch, yaw, roll = finite(pitch, yaw, roll)
    return Pose(x, y, z, math.radians(roll), math.radians(pitch), math.radians(yaw))


def wire_transform(pose: Pose) -> WireTransform:
    """The pose in the order and unit of CARLA's structs, its angles in CARLA's normal form (`normal_angles`)."""
    angles = normal_angles(math.degrees(pose.pitch), math.degrees(pose.yaw), math.degrees(pose.roll))
    return pose.x, pose.y, pose.z, *angles


def normal_angles(pitch_deg: float, yaw_deg: float, roll_deg: float) -> tuple[float, float, float]:
    """The same rotation as CARLA gives it back: pitch in -90..90, yaw and roll above -180 and up to 180 degrees.

    CARLA's transforms keep rotations as quaternions, and Unreal makes these angles of them (`FQuat::Rotator`).
    """
    if not -90.0 <= pitch_deg <= 90.0:
        pitch_deg = wrapped_deg(pitch_deg)
        if abs(pitch_deg) > 90.0:
            pitch_deg = math.copysign(180.0, pitch_deg) - pitch_deg
            yaw_deg, roll_deg = yaw_deg + 180.0, roll_deg + 180.0
    return pitch_deg + 0.0, wrapped_deg(yaw_deg), wrapped_deg(roll_deg)


def wrapped_deg(angle_deg: float) -> float:
    """The angle above -180 and up to 180 degrees; one that lies there stays as it is, to the last bit."""
    if not -180.0 < angle_deg <= 180.0:
        angle_deg -= 360.0 * math.ceil((angle_deg - 180.0) / 360.0)
    return angle_deg + 0.0  # no minus before a zero


def transform_on_wire(pose: Pose) -> list[list[float]]:
    """A `carla::geom::Transform`: [[x, y, z], [pitch, yaw, roll]], metres and degrees."""
    values = wire_transform(pose)
    return [list(values[:3]), list(values[3:])]


def box_on_wire(actor: DescribedActor) -> list[Any]:
    """A `carla::geom::BoundingBox` in the actor's frame."""
    return [list(actor.box_offset_m), list(actor.extent_m), [0.0, 0.0, 0.0], actor.actor_id]


def actor_on_wire(actor: DescribedActor, token: bytes) -> list[Any]:
    """A `carla::rpc::Actor`; `token` is empty for actors without a stream."""
    return [
        actor.actor_id,
        actor.parent_id,
        actor.description,
        box_on_wire(actor),
        actor.semantic_tags,
        token,
    ]
