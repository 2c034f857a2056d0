"""The RPC calls about one actor: control, motion, physics, parts."""

from __future__ import annotations

import math
from typing import Any

from sim.calls.table import Context, call
from sim.protocol.forms import box_on_wire, finite, pose_from_wire, vector_from_wire
from sim.protocol.rpc import ReplyShape, RpcError
from sim.scene.poses import Pose
from sim.simulator.simulator import DEFAULT_STEP_S
from sim.vehicles.drivetrain import MAX_GEARS
from sim.vehicles.tyres import GRAVITY_MPS2
from sim.world.actors import Movable, Sensor

_NO_GBUFFERS = "this simulator has no G-buffers"


# Driving


@call("apply_control_to_vehicle", ReplyShape.VOID, command=2)
def control_vehicle(context: Context, actor_id: int, control: list[Any]) -> None:
    """`carla.VehicleControl`; pedals and steering beyond their range are cut to it."""
    context.world.vehicle(actor_id)
    throttle, steer, brake, hand_brake, reverse, manual, gear = control
    throttle, steer, brake = finite(throttle, steer, brake)
    gear = min(max(int(gear), -1), MAX_GEARS)
    context.world.ackermann.pop(actor_id, None)
    v, slot = context.world.vehicles, context.world.vehicles.slot(actor_id)
    v.throttle[slot] = min(max(throttle, 0.0), 1.0)
    v.steer[slot] = min(max(steer, -1.0), 1.0)
    v.brake[slot] = min(max(brake, 0.0), 1.0)
    v.hand_brake[slot] = bool(hand_brake)
    # With manual shifting CARLA's gear -1 is the reverse gear, whatever the reverse flag is.
    v.reverse[slot] = gear < 0 if manual else bool(reverse)
    v.manual_gear[slot], v.wanted_gear[slot] = bool(manual), gear
    context.world.one_tick_controls.note(actor_id)


@call("apply_control_to_walker", ReplyShape.VOID, command=4)
def control_walker(context: Context, actor_id: int, control: list[Any]) -> None:
    """`carla.WalkerControl`: direction, speed, jump."""
    direction, speed, jump = control
    actor = context.world.walker(actor_id)
    actor.direction = vector_from_wire(direction)
    (actor.speed_mps,) = finite(speed)
    actor.jumps, actor.is_led = bool(jump), False


@call("set_walker_state", ReplyShape.VOID, command=7)
def set_walker_state(context: Context, actor_id: int, transform: Any, speed: float) -> None:
    """Put a walker's feet at a pose, walking on at a speed in the direction it looks.

    Only the client library's walker controllers call it, with a place on the ground; a walker's own is its middle.
    """
    actor, pose = context.world.walker(actor_id), pose_from_wire(transform)
    context.world.set_pose(actor_id, pose._replace(z=pose.z + actor.extent_m[2]))
    actor.direction = (math.cos(pose.yaw), math.sin(pose.yaw), 0.0)
    (actor.speed_mps,) = finite(speed)
    actor.is_led = True


@call("set_actor_autopilot", ReplyShape.VOID, command=16)
def set_autopilot(context: Context, actor_id: int, enabled: bool, _tm_port: int = 0) -> None:
    """Hand a vehicle to the traffic or take it back."""
    context.world.vehicle(actor_id)
    context.world.ackermann.pop(actor_id, None)
    if enabled:
        context.traffic.register(actor_id)
    else:
        context.traffic.unregister(actor_id)


# Moving by hand


@call("set_actor_transform", ReplyShape.VOID, command=6)
def set_transform(context: Context, actor_id: int, transform: Any) -> None:
    """Put an actor at a pose."""
    context.world.set_pose(actor_id, pose_from_wire(transform))


@call("set_actor_location", ReplyShape.VOID, command=19)
def set_location(context: Context, actor_id: int, location: Any) -> None:
    """Put an actor at a place, turned as it is."""
    actor = context.world.actor(actor_id)
    x, y, z = vector_from_wire(location)
    pose: Pose = actor.pose_in_parent or actor.pose
    context.world.set_pose(actor_id, pose._replace(x=x, y=y, z=z))


@call("set_actor_target_velocity", ReplyShape.VOID, command=8)
def set_target_velocity(context: Context, actor_id: int, velocity: Any) -> None:
    """Set the velocity in the world, m/s."""
    context.world.set_velocity(actor_id, vector_from_wire(velocity))


@call("set_actor_target_angular_velocity", ReplyShape.VOID, command=9)
def set_angular_velocity(context: Context, actor_id: int, velocity: Any) -> None:
    """Set the turning speed, degrees/s; only the part about the vertical does something."""
    context.world.actor(actor_id)
    context.world.set_yaw_rate(actor_id, math.radians(vector_from_wire(velocity)[2]))


@call("enable_actor_constant_velocity", ReplyShape.VOID)
def hold_velocity(context: Context, actor_id: int, velocity: Any) -> None:
    """Hold a velocity in the vehicle's own frame, m/s; None ends it."""
    actor = context.world.vehicle(actor_id)
    if velocity is None:
        release_velocity(context, actor_id)
    else:
        context.world.constant_velocities[actor.actor_id] = vector_from_wire(velocity)


@call("disable_actor_constant_velocity", ReplyShape.VOID)
def release_velocity(context: Context, actor_id: int) -> None:
    """Leave the velocity to the engine again."""
    context.world.constant_velocities.pop(context.world.vehicle(actor_id).actor_id, None)


@call("add_actor_impulse", ReplyShape.VOID, command=10)
def add_impulse(context: Context, actor_id: int, impulse: Any) -> None:
    """Push at the centre of gravity, N s."""
    x, y, _ = vector_from_wire(impulse)
    context.world.vehicle(actor_id)
    context.world.vehicles.apply_impulse(actor_id, x, y)


@call("add_actor_impulse_at_location", ReplyShape.VOID)
def add_impulse_at(context: Context, actor_id: int, impulse: Any, location: Any) -> None:
    """Push at a point of the world, N s."""
    x, y, _ = vector_from_wire(impulse)
    at_x, at_y, _ = vector_from_wire(location)
    pose = context.world.vehicle(actor_id).pose
    context.world.vehicles.apply_impulse(actor_id, x, y, (at_x - pose.x) * y - (at_y - pose.y) * x)


@call("add_actor_force", ReplyShape.VOID, command=11)
def add_force(context: Context, actor_id: int, force: Any) -> None:
    """Push with a force (N) over the next physics step."""
    add_impulse(context, actor_id, _over_a_step(context, force))


@call("add_actor_force_at_location", ReplyShape.VOID)
def add_force_at(context: Context, actor_id: int, force: Any, location: Any) -> None:
    """Push with a force (N) at a point of the world over the next physics step."""
    add_impulse_at(context, actor_id, _over_a_step(context, force), location)


@call("add_actor_angular_impulse", ReplyShape.VOID, command=12)
def add_angular_impulse(context: Context, actor_id: int, impulse: Any) -> None:
    """Turn about the vertical; CARLA counts in kg m2 degrees/s."""
    context.world.vehicle(actor_id)
    context.world.vehicles.apply_impulse(actor_id, 0.0, 0.0, math.radians(vector_from_wire(impulse)[2]))


@call("add_actor_torque", ReplyShape.VOID, command=13)
def add_torque(context: Context, actor_id: int, torque: Any) -> None:
    """Turn about the vertical over the next physics step; in N m times 180/pi, as CARLA counts."""
    add_angular_impulse(context, actor_id, _over_a_step(context, torque))


def _over_a_step(context: Context, vector: Any) -> list[float]:
    """The impulse of a force or torque, which acts over one physics step, as Unreal's `AddForce`.

    That is the fixed step. A variable one takes what wall time passes, which is no property of the force: it acts over
    the usual step then, so that the same force gives the same velocity on every machine.
    """
    step_s = context.simulator.settings.fixed_step_s or DEFAULT_STEP_S
    return [component * step_s for component in vector_from_wire(vector)]


@call("set_actor_simulate_physics", ReplyShape.VOID, command=14)
def set_simulate_physics(context: Context, actor_id: int, enabled: bool) -> None:
    """Whether a vehicle moves by itself."""
    context.world.actor(actor_id)
    if actor_id in context.world.vehicles:
        context.world.vehicles.simulate_physics[context.world.vehicles.slot(actor_id)] = bool(enabled)


@call("set_actor_collisions", ReplyShape.VOID)
def set_collisions(context: Context, actor_id: int, enabled: bool) -> None:
    """Whether vehicles can hit a walker or prop; vehicles themselves are always solid."""
    actor = context.world.actor(actor_id)
    if isinstance(actor, Movable):
        actor.collides = bool(enabled)


@call("set_actor_dead", ReplyShape.VOID)
def set_dead(context: Context, actor_id: int) -> None:
    """A walker stays where it is from now on."""
    context.world.walker(actor_id).is_dead = True


@call("set_ignored_vehicles", ReplyShape.VOID)
def ignore_vehicles(context: Context, actor_id: int, _vehicle_ids: list[int]) -> None:
    """Nothing: every sensor sees every vehicle."""
    context.world.actor(actor_id)


# Parts


@call("get_actor_bounding_box")
@call("get_traffic_sign_trigger_volume")
def bounding_box(context: Context, actor_id: int) -> list[Any]:
    """Box of an actor, also of a dead one: an error here would end the process of a client's TrafficManager."""
    actor = context.world.actors.get(actor_id) or context.world.tombstones.get(actor_id)
    return box_on_wire(actor or context.world.actor(actor_id))


@call("set_actor_enable_gravity", ReplyShape.VOID, command=15)
def set_gravity(context: Context, actor_id: int, enabled: bool) -> None:
    """Whether a vehicle has weight: without, its tyres hold nothing and nothing slows them. It stays on the ground."""
    context.world.actor(actor_id)
    if actor_id in context.world.vehicles:
        gravity_mps2 = GRAVITY_MPS2 if enabled else 0.0
        context.world.vehicles.gravity_mps2[context.world.vehicles.slot(actor_id)] = gravity_mps2


@call("send", ReplyShape.VOID)
def send_v2x(context: Context, actor_id: int, text: str) -> None:
    """Have a custom V2X sensor send a text in the next tick."""
    sensor = context.world.actor(actor_id)
    if not isinstance(sensor, Sensor):
        raise RpcError(f"actor {actor_id} ({sensor.type_id}) is no sensor")
    context.simulator.sensors.ether.send(sensor, str(text))


# What this simulator does not have


@call("are_gbuffers_enabled")
def are_gbuffers_enabled(context: Context, actor_id: int) -> bool:
    """Never."""
    context.world.actor(actor_id)
    return False


@call("get_gbuffer_token")
def gbuffer_token(context: Context, actor_id: int, _buffer: int) -> Any:
    """Refused."""
    context.world.actor(actor_id)
    raise RpcError(_NO_GBUFFERS)


@call("enable_gbuffers", ReplyShape.VOID)
def enable_gbuffers(context: Context, actor_id: int, enabled: bool) -> None:
    """Switching them on is refused."""
    if enabled:
        context.world.actor(actor_id)
        raise RpcError(_NO_GBUFFERS)


@call("is_sensor_enabled_for_ros")
def is_enabled_for_ros(_context: Context, _stream_id: int) -> bool:
    """Never."""
    return False


@call("enable_sensor_for_ros", ReplyShape.VOID)
def enable_for_ros(_context: Context, _stream_id: int) -> None:
    """Refused."""
    raise RpcError("there is no ROS bridge")


@call("disable_sensor_for_ros", ReplyShape.VOID)
def disable_for_ros(_context: Context, _stream_id: int) -> None:
    """Nothing: it is never enabled."""


@call(command=17)
def accept_command(_context: Context, *_: Any) -> None:
    """A command about something that this simulator does not have: debug telemetry."""
