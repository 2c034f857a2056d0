"""The RPC calls about one actor: control, motion, physics, lamps; and the batch commands that do the same."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from sim.actors import Actor, Pose, finite, pose_from_wire, vector_from_wire, wire_transform
from sim.blueprints import BLUEPRINTS, Kind
from sim.rpc import Method, ReplyShape, RpcError
from sim.simulator import Simulator
from sim.snapshot import box_on_wire
from sim.vehicles import VehicleSpec

_FIELD_OF_PHYSICS = {"mass": 11, "drag": 12, "centre": 13, "wheels": 15}
_WHEEL_STEER = 2
_FRONT_WHEELS = (0, 1)
WHEEL_RADIUS_CM = 35.5
PHYSICS_FIELDS = 17


class ActorCalls:
    """Handlers of the calls about one actor."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self._commands: dict[int, Callable[..., None]] = {
            2: self.control_vehicle,
            3: self.refuse_ackermann,
            4: self.control_walker,
            5: self.set_physics,
            6: self.set_transform,
            7: self.set_walker_state,
            8: self.set_target_velocity,
            9: self.set_angular_velocity,
            10: self.add_impulse,
            11: self.add_force,
            12: self.add_angular_impulse,
            13: self.add_torque,
            14: self.set_simulate_physics,
            15: _accept,
            16: self.set_autopilot,
            17: _accept,
            18: self.set_lights,
            19: self.set_location,
        }

    def methods(self) -> dict[str, Method]:
        """The calls by name."""
        values: dict[str, Callable[..., Any]] = {
            "get_physics_control": self.physics,
            "get_vehicle_light_state": lambda actor_id: [self.world.vehicle(actor_id).lights],
            "get_actor_bounding_box": self.bounding_box,
            "get_wheel_steer_angle": self.wheel_steer_deg,
            "get_wheel_pitch_angle": lambda actor_id, _wheel: 0.0 * self.world.vehicle(actor_id).actor_id,
            "get_telemetry_data": self.telemetry,
            "get_ackermann_controller_settings": lambda actor_id: self.refuse_ackermann(actor_id),
            "get_actor_component_names": self._nothing_inside,
            "get_actor_bone_names": self._nothing_inside,
            "get_actor_socket_names": self._nothing_inside,
            "get_actor_bone_relative_transforms": self._nothing_inside,
            "get_actor_bone_world_transforms": self._nothing_inside,
            "get_actor_socket_relative_transforms": self._nothing_inside,
            "get_actor_socket_world_transforms": self._nothing_inside,
            "get_actor_component_world_transform": self._pose_of,
            "get_actor_component_relative_transform": lambda *_: [[0.0] * 3, [0.0] * 3],
            "is_sensor_enabled_for_ros": lambda *_: False,
            "get_gbuffer_token": lambda *_: self._no_gbuffers(),
        }
        voids: dict[str, Callable[..., Any]] = {
            "apply_control_to_vehicle": self.control_vehicle,
            "apply_ackermann_control_to_vehicle": self.refuse_ackermann,
            "apply_ackermann_controller_settings": self.refuse_ackermann,
            "apply_control_to_walker": self.control_walker,
            "apply_physics_control": self.set_physics,
            "set_actor_location": self.set_location,
            "set_actor_transform": self.set_transform,
            "set_walker_state": self.set_walker_state,
            "set_actor_target_velocity": self.set_target_velocity,
            "set_actor_target_angular_velocity": self.set_angular_velocity,
            "enable_actor_constant_velocity": self.hold_velocity,
            "disable_actor_constant_velocity": lambda actor_id: self.hold_velocity(actor_id, None),
            "add_actor_impulse": self.add_impulse,
            "add_actor_impulse_at_location": self.add_impulse_at,
            "add_actor_force": self.add_force,
            "add_actor_force_at_location": self.add_force_at,
            "add_actor_angular_impulse": self.add_angular_impulse,
            "add_actor_torque": self.add_torque,
            "set_actor_simulate_physics": self.set_simulate_physics,
            "set_actor_autopilot": self.set_autopilot,
            "set_vehicle_light_state": self.set_lights,
        }
        accepted = (
            *("set_actor_enable_gravity", "set_actor_collisions", "set_actor_dead", "show_vehicle_debug_telemetry"),
            *("open_vehicle_door", "close_vehicle_door", "set_wheel_steer_direction", "set_wheel_pitch_angle"),
            *("use_carsim_road", "enable_carsim", "enable_chrono_physics", "restore_physx_physics"),
            *("blend_pose", "get_pose_from_animation", "set_bones_transform", "send", "show_pose"),
            *("enable_sensor_for_ros", "disable_sensor_for_ros"),
        )
        table = {name: Method(ReplyShape.VALUE, handler) for name, handler in values.items()}
        table |= {name: Method(ReplyShape.VOID, handler) for name, handler in voids.items()}
        return table | {name: Method(ReplyShape.VOID, self._accept_for) for name in accepted}

    def run_command(self, index: int, fields: list[Any]) -> None:
        """One command of a batch; RpcError when there is no such command."""
        handler = self._commands.get(index)
        if handler is None:
            raise RpcError(f"this server does not know batch command {index}")
        handler(*fields)

    @property
    def world(self):
        """The present episode's world."""
        return self.simulator.world

    # Driving

    def control_vehicle(self, actor_id: int, control: list[Any]) -> None:
        """`carla.VehicleControl`; pedals and steering beyond their range are cut to it."""
        actor = self.world.vehicle(actor_id)
        throttle, steer, brake, hand_brake, reverse, manual, gear = control
        throttle, steer, brake = finite(throttle, steer, brake)
        v, slot = self.world.vehicles, self.world.vehicles.slot(actor_id)
        v.throttle[slot] = min(max(throttle, 0.0), 1.0)
        v.steer[slot] = min(max(steer, -1.0), 1.0)
        v.brake[slot] = min(max(brake, 0.0), 1.0)
        v.hand_brake[slot] = bool(hand_brake)
        actor.manual_gear_shift, actor.gear = bool(manual), int(gear)
        # With manual shifting CARLA's gear -1 is the reverse gear, whatever the reverse flag says.
        v.reverse[slot] = actor.gear < 0 if actor.manual_gear_shift else bool(reverse)

    def refuse_ackermann(self, actor_id: int, *_: Any) -> None:
        """CARLA's Ackermann controller is not here."""
        self.world.vehicle(actor_id)
        raise RpcError("this simulator has no Ackermann controller: use apply_control")

    def control_walker(self, actor_id: int, control: list[Any]) -> None:
        """`carla.WalkerControl`: direction, speed, jump."""
        direction, speed, jump = control
        actor = self.world.walker(actor_id)
        actor.walk_direction = vector_from_wire(direction)
        (actor.walk_speed_mps,) = finite(speed)
        actor.walk_jump = bool(jump)

    def set_walker_state(self, actor_id: int, transform: Any, speed: float) -> None:
        """Put a walker at a pose, walking on at a speed in the direction it looks."""
        actor, pose = self.world.walker(actor_id), pose_from_wire(transform)
        self.world.set_pose(actor_id, pose)
        actor.walk_direction = (math.cos(pose.yaw), math.sin(pose.yaw), 0.0)
        (actor.walk_speed_mps,) = finite(speed)

    def set_autopilot(self, actor_id: int, enabled: bool, _tm_port: int = 0) -> None:
        """Hand a vehicle to the traffic or take it back."""
        self.world.vehicle(actor_id)
        if enabled:
            self.world.traffic.register(actor_id)
        else:
            self.world.traffic.unregister(actor_id)

    def set_lights(self, actor_id: int, lamps: Any) -> None:
        """`carla.VehicleLightState` bits."""
        bits = lamps[0] if isinstance(lamps, list) else lamps
        self.world.vehicle(actor_id).lights = int(bits) & 0xFFFFFFFF

    # Moving by hand

    def set_transform(self, actor_id: int, transform: Any) -> None:
        """Put an actor at a pose."""
        self.world.set_pose(actor_id, pose_from_wire(transform))

    def set_location(self, actor_id: int, location: Any) -> None:
        """Put an actor at a place, turned as it is."""
        actor = self.world.actor(actor_id)
        x, y, z = vector_from_wire(location)
        pose: Pose = actor.pose_in_parent or actor.pose
        self.world.set_pose(actor_id, pose._replace(x=x, y=y, z=z))

    def set_target_velocity(self, actor_id: int, velocity: Any) -> None:
        """Set the velocity in the world, m/s."""
        self.world.set_velocity(actor_id, vector_from_wire(velocity))

    def set_angular_velocity(self, actor_id: int, velocity: Any) -> None:
        """Set the turning speed, degrees/s; only the part about the vertical does something."""
        actor = self.world.actor(actor_id)
        actor.yaw_rate_radps = math.radians(vector_from_wire(velocity)[2])
        if actor_id in self.world.vehicles:
            self.world.vehicles.yaw_rate[self.world.vehicles.slot(actor_id)] = actor.yaw_rate_radps

    def hold_velocity(self, actor_id: int, velocity: Any) -> None:
        """Hold a velocity in the vehicle's own frame, m/s; None ends it."""
        actor = self.world.vehicle(actor_id)
        actor.constant_velocity_mps = None if velocity is None else vector_from_wire(velocity)

    def add_impulse(self, actor_id: int, impulse: Any) -> None:
        """Push at the centre of gravity, N s."""
        x, y, _ = vector_from_wire(impulse)
        self.world.vehicle(actor_id)
        self.world.vehicles.apply_impulse(actor_id, x, y)

    def add_impulse_at(self, actor_id: int, impulse: Any, location: Any) -> None:
        """Push at a point of the world, N s."""
        x, y, _ = vector_from_wire(impulse)
        at_x, at_y, _ = vector_from_wire(location)
        pose = self.world.vehicle(actor_id).pose
        self.world.vehicles.apply_impulse(actor_id, x, y, (at_x - pose.x) * y - (at_y - pose.y) * x)

    def add_force(self, actor_id: int, force: Any) -> None:
        """Push with a force (N) for one step."""
        self.add_impulse(actor_id, self._over_a_step(force))

    def add_force_at(self, actor_id: int, force: Any, location: Any) -> None:
        """Push with a force (N) at a point of the world for one step."""
        self.add_impulse_at(actor_id, self._over_a_step(force), location)

    def add_angular_impulse(self, actor_id: int, impulse: Any) -> None:
        """Turn about the vertical; CARLA counts in kg m2 degrees/s."""
        self.world.vehicle(actor_id)
        self.world.vehicles.apply_impulse(actor_id, 0.0, 0.0, math.radians(vector_from_wire(impulse)[2]))

    def add_torque(self, actor_id: int, torque: Any) -> None:
        """Turn about the vertical for one step."""
        self.add_angular_impulse(actor_id, self._over_a_step(torque))

    def _over_a_step(self, vector: Any) -> list[float]:
        return [component * self.simulator.step_s() for component in vector_from_wire(vector)]

    def set_simulate_physics(self, actor_id: int, enabled: bool) -> None:
        """Whether a vehicle moves by itself."""
        self.world.actor(actor_id)
        if actor_id in self.world.vehicles:
            self.world.vehicles.simulate_physics[self.world.vehicles.slot(actor_id)] = bool(enabled)

    # Physics and looks

    def physics(self, actor_id: int) -> list[Any]:
        """`VehiclePhysicsControl` of a vehicle, as set or as its blueprint has it."""
        actor = self.world.vehicle(actor_id)
        return actor.physics_control or _physics_on_wire(actor)

    def set_physics(self, actor_id: int, control: list[Any]) -> None:
        """Take what the model knows of a `VehiclePhysicsControl`: mass, steering lock and tyre friction."""
        actor = self.world.vehicle(actor_id)
        if len(control) != PHYSICS_FIELDS:
            raise ValueError(f"physics control has {PHYSICS_FIELDS} fields, not {len(control)}")
        (mass_kg,) = finite(control[_FIELD_OF_PHYSICS["mass"]])
        wheels = control[_FIELD_OF_PHYSICS["wheels"]]
        if mass_kg <= 0.0 or len(wheels) != 4:
            raise ValueError("a vehicle has a positive mass and four wheels")
        locks = finite(*(wheel[_WHEEL_STEER] for wheel in wheels))
        frictions = finite(*(wheel[0] for wheel in wheels))
        spec, p, slot = _spec(actor), self.world.vehicles.p, self.world.vehicles.slot(actor_id)
        p["mass_kg"][slot] = mass_kg
        p["yaw_inertia_kgm2"][slot] = spec.yaw_inertia_kgm2 * mass_kg / spec.mass_kg
        p["max_steer_rad"][slot] = math.radians(max(locks))
        p["friction"][slot] = spec.friction * max(min(frictions), 0.05) / _TIRE_FRICTION
        actor.physics_control = control

    def bounding_box(self, actor_id: int) -> list[Any]:
        """Box of an actor, also of a dead one: an error here would end the process of a client's TrafficManager."""
        actor = self.world.actors.get(actor_id) or self.world.tombstones.get(actor_id)
        return box_on_wire(actor or self.world.actor(actor_id))

    def wheel_steer_deg(self, actor_id: int, wheel: int) -> float:
        """Steering angle of a wheel, degrees."""
        self.world.vehicle(actor_id)
        angle = self.world.vehicles.steer_angle_rad[self.world.vehicles.slot(actor_id)]
        return math.degrees(float(angle)) if int(wheel) in _FRONT_WHEELS else 0.0

    def telemetry(self, actor_id: int) -> list[Any]:
        """`VehicleTelemetryData`: speed and pedals; no wheels, because the model has none of their own."""
        actor = self.world.vehicle(actor_id)
        v, k = self.world.vehicles, self.world.vehicles.slot(actor_id)
        speed = math.hypot(*actor.velocity_mps)
        return [
            speed,
            float(v.steer[k]),
            float(v.throttle[k]),
            float(v.brake[k]),
            0.0,
            -1 if v.reverse[k] else 1,
            0.0,
            [],
        ]

    def _pose_of(self, actor_id: int, *_: Any) -> list[list[float]]:
        values = wire_transform(self.world.actor(actor_id).pose)
        return [list(values[:3]), list(values[3:])]

    def _nothing_inside(self, actor_id: int, *_: Any) -> list[Any]:
        self.world.actor(actor_id)
        return []

    def _accept_for(self, actor_id: int, *_: Any) -> None:
        """A call about something that actors do not have here; the actor must exist all the same."""
        self.world.actor(actor_id)

    def _no_gbuffers(self) -> Any:
        raise RpcError("this simulator has no G-buffers: cameras give colour only")


_TIRE_FRICTION = 3.5
"""CARLA's number for a dry road, which is our friction coefficient of the blueprint."""


def _accept(*_: Any) -> None:
    """A command about something that this simulator does not have."""


def _spec(actor: Actor) -> VehicleSpec:
    spec = BLUEPRINTS[actor.type_id].spec
    if spec is None or actor.kind is not Kind.VEHICLE:
        raise RpcError(f"actor {actor.actor_id} ({actor.type_id}) is not a vehicle")
    return spec


def _physics_on_wire(actor: Actor) -> list[Any]:
    spec = _spec(actor)
    lock_deg = math.degrees(spec.max_steer_rad)
    half_track_cm, half_base_cm = 0.42 * spec.width_m * 100.0, 0.5 * spec.wheelbase_m * 100.0
    brake_nm = spec.mass_kg * spec.max_brake_mps2 * WHEEL_RADIUS_CM / 400.0
    pose = actor.pose

    def wheel(ahead_cm: float, right_cm: float, steer_deg: float, hand_nm: float) -> list[Any]:
        c, s = math.cos(pose.yaw), math.sin(pose.yaw)
        where = [
            100.0 * pose.x + c * ahead_cm - s * right_cm,
            100.0 * pose.y + s * ahead_cm + c * right_cm,
            100.0 * pose.z + WHEEL_RADIUS_CM,
        ]
        return [_TIRE_FRICTION, 0.25, steer_deg, WHEEL_RADIUS_CM, brake_nm, hand_nm, 3.0, 20.0, 3000.0, where]

    wheels = [
        wheel(half_base_cm, -half_track_cm, lock_deg, 0.0),
        wheel(half_base_cm, half_track_cm, lock_deg, 0.0),
        wheel(-half_base_cm, -half_track_cm, 0.0, 2.0 * brake_nm),
        wheel(-half_base_cm, half_track_cm, 0.0, 2.0 * brake_nm),
    ]
    torque_nm = spec.max_drive_force_n * WHEEL_RADIUS_CM / 100.0
    engine = [[[0.0, torque_nm], [6000.0, torque_nm]], 6000.0, 1.0, 0.15, 2.0, 0.35]
    gearbox = [True, 0.0, 10.0, 1.0, [[1.0, 0.5, 0.65]]]
    body = [spec.mass_kg, 0.28, [0.5 * spec.wheelbase_m - spec.cg_to_front_m, 0.0, spec.cg_height_m]]
    return [*engine, *gearbox, *body, [[0.0, 1.0], [120.0, 1.0]], wheels, False]
