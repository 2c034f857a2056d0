"""Actors: what every thing in the world has, and what each kind has besides."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from sim.scene.poses import ZERO, Pose, Vector
from sim.vehicles.ackermann import Ackermann
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


@dataclass(slots=True, kw_only=True)
class Vehicle(Actor):
    """A vehicle. Its motion is in the table of all vehicles (`sim.vehicles.fleet.Vehicles`), and nowhere else.

    `pose`, `velocity_mps`, `acceleration_mps2` and `yaw_rate_radps` are that table's at the end of the last tick. Only
    the world writes them: in `World.step`, and when a vehicle is moved by hand (`set_pose`, `set_velocity`,
    `set_yaw_rate`), together with the table. A replay puts its recorded velocity over them after each step.
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
    light_index: int = -1
    """The traffic light that it stands at, an index into `Signals.lights`; -1 for none."""
    speed_limit_mps: float = 30.0 / 3.6
    """Where it is; off the road the last one."""
    physics_control: list[Any] | None = None
    """The `carla.VehiclePhysicsControl` that a client set, as it came over the wire."""
    constant_velocity_mps: Vector | None = None
    """In the vehicle's own frame; None when the engine drives."""


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
