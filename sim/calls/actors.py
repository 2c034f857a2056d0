"""The RPC calls about one actor: control, motion, physics, lamps; and the batch commands that do the same."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from sim.calls.vehicles import VehicleCalls
from sim.protocol.forms import box_on_wire, finite, pose_from_wire, vector_from_wire
from sim.protocol.rpc import Method, ReplyShape, RpcError
from sim.scene.poses import Pose
from sim.simulator.simulator import Simulator

_NO_GBUFFERS = "this simulator has no G-buffers"


class ActorCalls:
    """Handlers of the calls about one actor."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.vehicle_calls = VehicleCalls(simulator)
        self._commands: dict[int, Callable[..., None]] = {
            2: self.control_vehicle,
            3: self.vehicle_calls.control_ackermann,
            4: self.control_walker,
            5: self.vehicle_calls.set_physics,
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
            18: self.vehicle_calls.set_lights,
            19: self.set_location,
        }

    def methods(self) -> dict[str, Method]:
        """The calls by name."""
        values: dict[str, Callable[..., Any]] = {
            "get_actor_bounding_box": self.bounding_box,
            "get_traffic_sign_trigger_volume": self.bounding_box,
            "get_actor_component_names": self._nothing_inside,
            "get_actor_bone_names": self._nothing_inside,
            "get_actor_socket_names": self._nothing_inside,
            "get_actor_bone_relative_transforms": self._nothing_inside,
            "get_actor_bone_world_transforms": self._nothing_inside,
            "get_actor_socket_relative_transforms": self._nothing_inside,
            "get_actor_socket_world_transforms": self._nothing_inside,
            "get_actor_component_world_transform": self._no_component,
            "get_actor_component_relative_transform": self._no_component,
            "get_bones_transform": lambda actor_id: [self._nothing_inside(actor_id)],
            "is_sensor_enabled_for_ros": lambda _stream: False,
            "are_gbuffers_enabled": lambda actor_id: bool(self.world.actor(actor_id) and False),
            "get_gbuffer_token": lambda actor_id, _buffer: self._refuse(actor_id, _NO_GBUFFERS),
        }
        voids: dict[str, Callable[..., Any]] = {
            "apply_control_to_vehicle": self.control_vehicle,
            "apply_control_to_walker": self.control_walker,
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
            "set_actor_collisions": self.set_collisions,
            "set_actor_dead": self.set_dead,
            "set_actor_enable_gravity": lambda actor_id, _enabled: self._must_exist(actor_id),
            "set_actor_autopilot": self.set_autopilot,
            "set_bones_transform": lambda actor_id, _bones: self._must_walk(actor_id),
            "blend_pose": lambda actor_id, _share: self._must_walk(actor_id),
            "get_pose_from_animation": self._must_walk,
            "set_ignored_vehicles": self.ignore_vehicles,
            "send": lambda actor_id, _bytes: self._refuse(actor_id, "there are no V2X sensors"),
            "enable_gbuffers": lambda actor_id, on: self._refuse(actor_id, _NO_GBUFFERS) if on else None,
            "enable_sensor_for_ros": _no_ros,
            "disable_sensor_for_ros": lambda _stream: None,
        }
        table = {name: Method(ReplyShape.VALUE, handler) for name, handler in values.items()}
        table |= {name: Method(ReplyShape.VOID, handler) for name, handler in voids.items()}
        return table | self.vehicle_calls.methods()

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
        self.world.ackermann.pop(actor_id, None)
        v, slot = self.world.vehicles, self.world.vehicles.slot(actor_id)
        v.throttle[slot] = min(max(throttle, 0.0), 1.0)
        v.steer[slot] = min(max(steer, -1.0), 1.0)
        v.brake[slot] = min(max(brake, 0.0), 1.0)
        v.hand_brake[slot] = bool(hand_brake)
        actor.manual_gear_shift, actor.gear = bool(manual), int(gear)
        # With manual shifting CARLA's gear -1 is the reverse gear, whatever the reverse flag says.
        v.reverse[slot] = actor.gear < 0 if actor.manual_gear_shift else bool(reverse)
        v.manual_gear[slot], v.wanted_gear[slot] = bool(manual), int(gear)

    def control_walker(self, actor_id: int, control: list[Any]) -> None:
        """`carla.WalkerControl`: direction, speed, jump."""
        direction, speed, jump = control
        actor = self.world.walker(actor_id)
        actor.walk_direction = vector_from_wire(direction)
        (actor.walk_speed_mps,) = finite(speed)
        actor.walk_jump = bool(jump)

    def set_walker_state(self, actor_id: int, transform: Any, speed: float) -> None:
        """Put a walker's feet at a pose, walking on at a speed in the direction it looks.

        Only the client library's walker controllers call it, with a place on the ground; a walker's own is its middle.
        """
        actor, pose = self.world.walker(actor_id), pose_from_wire(transform)
        self.world.set_pose(actor_id, pose._replace(z=pose.z + actor.extent_m[2]))
        actor.walk_direction = (math.cos(pose.yaw), math.sin(pose.yaw), 0.0)
        (actor.walk_speed_mps,) = finite(speed)

    def set_autopilot(self, actor_id: int, enabled: bool, _tm_port: int = 0) -> None:
        """Hand a vehicle to the traffic or take it back."""
        self.world.vehicle(actor_id)
        self.world.ackermann.pop(actor_id, None)
        if enabled:
            self.simulator.traffic.register(actor_id)
        else:
            self.simulator.traffic.unregister(actor_id)

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

    def set_collisions(self, actor_id: int, enabled: bool) -> None:
        """Whether vehicles can hit a walker or prop; vehicles themselves are always solid."""
        self.world.actor(actor_id).collides = bool(enabled)

    def set_dead(self, actor_id: int) -> None:
        """A walker stays where it is from now on."""
        self.world.walker(actor_id).is_dead = True

    def ignore_vehicles(self, actor_id: int, vehicle_ids: list[int]) -> None:
        """Vehicles that a sensor does not see."""
        self.world.actor(actor_id).ignored_ids = frozenset(int(vehicle_id) for vehicle_id in vehicle_ids)

    # Parts

    def bounding_box(self, actor_id: int) -> list[Any]:
        """Box of an actor, also of a dead one: an error here would end the process of a client's TrafficManager."""
        actor = self.world.actors.get(actor_id) or self.world.tombstones.get(actor_id)
        return box_on_wire(actor or self.world.actor(actor_id))

    def _nothing_inside(self, actor_id: int, *_: Any) -> list[Any]:
        self.world.actor(actor_id)
        return []

    def _no_component(self, actor_id: int, name: str) -> Any:
        actor = self.world.actor(actor_id)
        raise RpcError(f"actor {actor_id} ({actor.type_id}) has no component '{name}': models here are of one piece")

    def _must_exist(self, actor_id: int) -> None:
        """A call about something that makes no difference here; the actor must exist all the same."""
        self.world.actor(actor_id)

    def _must_walk(self, actor_id: int) -> None:
        """A call about a walker's bones, which are the renderer's own affair."""
        self.world.walker(actor_id)

    def _refuse(self, actor_id: int, why: str) -> Any:
        self.world.actor(actor_id)
        raise RpcError(why)


def _no_ros(_stream_id: int) -> None:
    raise RpcError("there is no ROS bridge")


def _accept(*_: Any) -> None:
    """A command about something that this simulator does not have."""
