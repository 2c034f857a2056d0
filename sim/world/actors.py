"""Actors: what every thing in the world has, and what each kind has besides."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from sim.scene.poses import ZERO, Pose, Vector, wrap_angle
from sim.vehicles.ackermann import Ackermann
from sim.vehicles.fleet import Vehicles
from sim.vehicles.spec import VehicleSpec
from sim.world.blueprint_types import Kind


@dataclass(slots=True, kw_only=True)
class Actor:
    """One thing in the world. Spectator and walkers' controllers are nothing more than this."""

    actor_id: int
    type_id: str
    kind: Kind
    description: list[Any]
    """The ActorDescription that a client sent: [uid, type id, [[attribute, type, value], ...]]."""
    attributes: dict[str, str]
    pose: Pose
    extent_m: Vector = ZERO
    box_offset_m: Vector = ZERO
    semantic_tags: bytes = b""
    parent_id: int = 0
    """0 for none."""
    pose_in_parent: Pose | None = None
    stream_id: int = 0
    """What clients listen to; 0 for actors without a stream."""
    velocity_mps: Vector = ZERO
    acceleration_mps2: Vector = ZERO
    yaw_rate_radps: float = 0.0


_OWN: dict[str, Any] = {
    name: Actor.__dict__[name] for name in ("pose", "velocity_mps", "acceleration_mps2", "yaw_rate_radps")
}
"""The places of a record's own motion; a vehicle has its motion there once it is in the table no more."""


@dataclass(kw_only=True)  # with slots, dataclasses would drop the properties below
class Vehicle(Actor):
    """A vehicle. Its motion is in the table of all vehicles (`sim.vehicles.fleet.Vehicles`), and nowhere else.

    `pose`, `velocity_mps`, `acceleration_mps2` and `yaw_rate_radps` read that table; of a vehicle that was destroyed
    they stay what they were. Setting them moves the vehicle, but for `velocity_mps`, which is only shown until the next
    tick: a replay shows the recorded one.
    """

    spec: VehicleSpec
    """As its blueprint has it."""
    lights: int = 0
    """`carla.VehicleLightState` bits."""
    doors_open: int = 0
    """Bits 1 << `carla.VehicleDoor`."""
    wheel_angles_deg: dict[int, float] = field(default_factory=dict)
    """Wheels that a client turned, by `carla.VehicleWheelLocation`; they are only shown so."""
    wheel_pitches_deg: dict[int, float] = field(default_factory=dict)
    ackermann: Ackermann | None = None
    """The controller, once a client has asked for it."""
    physics_control: list[Any] | None = None
    """The `carla.VehiclePhysicsControl` that a client set, as it came over the wire."""
    table: Vehicles | None = None
    """Where it is a row while it lives."""

    @property
    def pose(self) -> Pose:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Of its reference point."""
        table = self.table
        if table is None:
            return _OWN["pose"].__get__(self)
        k = table.slot(self.actor_id)
        return Pose(*(getattr(table, name).item(k) for name in Pose._fields))

    @pose.setter
    def pose(self, pose: Pose) -> None:
        table = getattr(self, "table", None)
        if table is None:
            _OWN["pose"].__set__(self, pose)
        else:
            table.set_pose(self.actor_id, pose.x, pose.y, pose.z, pose.roll, pose.pitch, wrap_angle(pose.yaw))

    @property
    def velocity_mps(self) -> Vector:  # pyright: ignore[reportIncompatibleVariableOverride]
        """In the world, as shown to clients."""
        if self.table is None:
            return _OWN["velocity_mps"].__get__(self)
        x, y, z = self.table.velocity_world[self.table.slot(self.actor_id)].tolist()
        return x, y, z

    @velocity_mps.setter
    def velocity_mps(self, velocity: Vector) -> None:
        table = getattr(self, "table", None)
        if table is None:
            _OWN["velocity_mps"].__set__(self, velocity)
        else:
            table.velocity_world[table.slot(self.actor_id)] = velocity

    @property
    def acceleration_mps2(self) -> Vector:  # pyright: ignore[reportIncompatibleVariableOverride]
        """In the world, mean of the last tick."""
        if self.table is None:
            return _OWN["acceleration_mps2"].__get__(self)
        k = self.table.slot(self.actor_id)
        return self.table.ax_world.item(k), self.table.ay_world.item(k), 0.0

    @acceleration_mps2.setter
    def acceleration_mps2(self, acceleration: Vector) -> None:
        _OWN["acceleration_mps2"].__set__(self, acceleration)

    @property
    def yaw_rate_radps(self) -> float:  # pyright: ignore[reportIncompatibleVariableOverride]
        """About the vertical."""
        if self.table is None:
            return _OWN["yaw_rate_radps"].__get__(self)
        return self.table.yaw_rate.item(self.table.slot(self.actor_id))

    @yaw_rate_radps.setter
    def yaw_rate_radps(self, rate: float) -> None:
        table = getattr(self, "table", None)
        if table is None:
            _OWN["yaw_rate_radps"].__set__(self, rate)
        else:
            table.yaw_rate[table.slot(self.actor_id)] = rate

    def leave_table(self) -> None:
        """Keep the motion as it is now, before the row is removed."""
        motion = self.pose, self.velocity_mps, self.acceleration_mps2, self.yaw_rate_radps
        self.table = None
        self.pose, self.velocity_mps, self.acceleration_mps2, self.yaw_rate_radps = motion


@dataclass(slots=True, kw_only=True)
class Movable(Actor):
    """Something that is no vehicle and can be hit by one."""

    collides: bool = True


@dataclass(slots=True, kw_only=True)
class Walker(Movable):
    """A pedestrian; its pose is its middle."""

    direction: Vector = ZERO
    """Of walking, in the world."""
    speed_mps: float = 0.0
    """That it walks with; `velocity_mps` is how it moves."""
    jumps: bool = False
    is_dead: bool = False
    """It lies where it was killed."""
    is_led: bool = False
    """A client's walker controller puts it in its place every tick; as in CARLA, posts do not stop it."""


@dataclass(slots=True, kw_only=True)
class Prop(Movable):
    """A thing that slides when it is hit."""


@dataclass(slots=True, kw_only=True)
class Sensor(Actor):
    """A camera or another sensor, also one that the client library computes itself."""

    next_due_s: float = -math.inf
    """Simulation time of its next measurement."""


@dataclass(slots=True, kw_only=True)
class TrafficLight(Actor):
    """A traffic light of the map."""

    light_index: int
    """Index into `Signals.lights`."""


@dataclass(slots=True, kw_only=True)
class TrafficSign(Actor):
    """A stop, yield or speed-limit sign of the map."""

    sign_id: str
    """In OpenDRIVE."""
