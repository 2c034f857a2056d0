"""Actors: the records of every thing in the world."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from sim.scene.poses import ZERO, Pose, Vector
from sim.vehicles.ackermann import Ackermann
from sim.world.blueprints import Kind


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
    next_due_s: float = field(default=-math.inf)
    """Simulation time of a sensor's next measurement."""
