"""Actors and their poses: what every thing in the world has, and how attached things follow their parent.

CARLA's frame is left-handed (x forward, y right, z up); rotation is yaw, then pitch, then roll, as Unreal has it.
Angles are radians here; `pose_from_wire` and `wire_transform` are the border to CARLA's degrees.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sim.protocol.wire import WireTransform
from sim.vehicles.ackermann import Ackermann
from sim.world.blueprints import Kind


class Pose(NamedTuple):
    """Position in metres, angles in radians."""

    x: float = 0.0
    y: float = 0.0
    z: float = 0.0
    roll: float = 0.0
    pitch: float = 0.0
    yaw: float = 0.0


Vector = tuple[float, float, float]
ZERO: Vector = (0.0, 0.0, 0.0)
LARGEST = 1e12
"""Far beyond any quantity of a world, and far below where the wire's 32-bit numbers end."""


@dataclass(slots=True)
class Actor:
    """One thing in the world. Vehicles' motion is in `sim.vehicles.fleet.Vehicles`; the pose here is a copy of it."""

    actor_id: int
    type_id: str
    kind: Kind
    description: list[Any]
    """The ActorDescription as on the wire: [uid, type id, [[attribute, type, value], ...]]."""
    attributes: dict[str, str]
    pose: Pose
    extent_m: Vector = ZERO
    box_offset_m: Vector = ZERO
    semantic_tags: bytes = b""
    parent_id: int = 0
    pose_in_parent: Pose | None = None
    stream_id: int = 0
    velocity_mps: Vector = ZERO
    acceleration_mps2: Vector = ZERO
    yaw_rate_radps: float = 0.0
    collides: bool = True
    """Whether vehicles can hit it (walkers and props)."""
    is_dead: bool = False
    """A walker that was killed lies where it is."""
    sign_id: str = ""
    """Of a traffic sign: its id in OpenDRIVE."""
    doors_open: int = 0
    """Bits 1 << `carla.VehicleDoor`."""
    wheel_angles_deg: dict[int, float] = field(default_factory=dict)
    """Wheels turned by hand for the look of it, by `carla.VehicleWheelLocation`."""
    wheel_pitches_deg: dict[int, float] = field(default_factory=dict)
    ackermann: Ackermann | None = None
    """Of a vehicle whose Ackermann controller was ever asked for."""
    ignored_ids: frozenset[int] = frozenset()
    """Vehicles that a sensor does not see."""
    lights: int = 0
    """`carla.VehicleLightState` bits."""
    gear: int = 0
    manual_gear_shift: bool = False
    walk_direction: Vector = ZERO
    walk_speed_mps: float = 0.0
    walk_jump: bool = False
    light_index: int = -1
    """Index into `Signals.lights`: of a traffic light itself; of the light a vehicle stands at, -1 for none."""
    speed_limit_mps: float = 30.0 / 3.6
    """Where a vehicle is; what it was before it left the road."""
    physics_control: list[Any] | None = None
    constant_velocity_mps: Vector | None = None
    """In the vehicle's own frame; None when the engine drives."""
    next_due_s: float = field(default=0.0)
    """Simulation time of a sensor's next measurement."""


def finite(*values: Any) -> tuple[float, ...]:
    """The values as floats; ValueError when one is not a finite number, or one that no world can hold."""
    floats = tuple(float(value) for value in values)
    if not all(abs(value) <= LARGEST for value in floats):
        raise ValueError("a number is not finite, or too large")
    return floats


def vector_from_wire(vector: Any) -> Vector:
    """Three finite floats."""
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
    """The pose in the order and unit of CARLA's structs."""
    return pose.x, pose.y, pose.z, math.degrees(pose.pitch), math.degrees(pose.yaw), math.degrees(pose.roll)


def wrap_angle(angle_rad: float) -> float:
    """The angle in [-pi, pi)."""
    return (angle_rad + math.pi) % math.tau - math.pi


def _axes(pose: Pose) -> tuple[Vector, Vector, Vector]:
    """Forward, right and up of the pose in the world (Unreal's FRotationMatrix)."""
    cr, sr = math.cos(pose.roll), math.sin(pose.roll)
    cp, sp = math.cos(pose.pitch), math.sin(pose.pitch)
    cy, sy = math.cos(pose.yaw), math.sin(pose.yaw)
    forward = (cp * cy, cp * sy, sp)
    right = (cy * sp * sr - sy * cr, sy * sp * sr + cy * cr, -cp * sr)
    up = (-(cy * sp * cr + sy * sr), cy * sr - sy * sp * cr, cp * cr)
    return forward, right, up


def rotate(pose: Pose, vector: Vector) -> Vector:
    """A vector of the pose's own frame in the world's axes."""
    f, r, u = _axes(pose)
    a, b, c = vector
    return (
        f[0] * a + r[0] * b + u[0] * c,
        f[1] * a + r[1] * b + u[1] * c,
        f[2] * a + r[2] * b + u[2] * c,
    )


def compose(parent: Pose, child: Pose) -> Pose:
    """World pose of something that sits at `child` in the parent's frame."""
    dx, dy, dz = rotate(parent, (child.x, child.y, child.z))
    x, y, z = parent.x + dx, parent.y + dy, parent.z + dz
    if parent.roll == 0.0 and parent.pitch == 0.0:
        return Pose(x, y, z, child.roll, child.pitch, wrap_angle(parent.yaw + child.yaw))
    forward, right, up = (rotate(parent, axis) for axis in _axes(child))
    yaw = math.atan2(forward[1], forward[0])
    pitch = math.asin(max(-1.0, min(1.0, forward[2])))
    return Pose(x, y, z, math.atan2(-right[2], up[2]), pitch, yaw)


def boxes_overlap(a: Pose, a_extent: Vector, b: Pose, b_extent: Vector, margin_m: float = 0.0) -> bool:
    """Whether two upright boxes around the poses overlap seen from above (separating axes)."""
    dx, dy = b.x - a.x, b.y - a.y
    reach = math.hypot(*a_extent[:2]) + math.hypot(*b_extent[:2]) + margin_m
    if dx * dx + dy * dy > reach * reach:
        return False
    for axis_yaw in (a.yaw, a.yaw + math.pi / 2, b.yaw, b.yaw + math.pi / 2):
        ux, uy = math.cos(axis_yaw), math.sin(axis_yaw)
        gap = abs(dx * ux + dy * uy)
        for pose, extent in ((a, a_extent), (b, b_extent)):
            turn = pose.yaw - axis_yaw
            gap -= extent[0] * abs(math.cos(turn)) + extent[1] * abs(math.sin(turn))
        if gap > margin_m:
            return False
    return True
