"""The RPC calls about a vehicle's insides: physics, telemetry, Ackermann controller, doors, wheels, lamps."""

from __future__ import annotations

import math
from typing import Any

from sim.calls.physics_control import change_physics, physics_on_wire, with_tyre_friction
from sim.calls.table import Context, call
from sim.protocol.forms import finite
from sim.protocol.rpc import ReplyShape, RpcError
from sim.vehicles.ackermann import Ackermann, AckermannTarget
from sim.vehicles.motion import AIR_DENSITY_KGPM3
from sim.vehicles.step import front_wheel_tangents
from sim.vehicles.tyres import GRAVITY_MPS2
from sim.world.friction import TYRE_FRICTION

_ALL_DOORS = 6
_OWN_DYNAMICS = "vehicles keep the simulator's own dynamics"


# Ackermann


def _ackermann(context: Context, actor_id: int) -> Ackermann:
    actor = context.world.vehicle(actor_id)
    if actor.ackermann is None:
        slot = context.world.vehicles.slot(actor_id)
        actor.ackermann = Ackermann(float(context.world.vehicles.p["max_steer_rad"][slot]))
    return actor.ackermann


@call("apply_ackermann_control_to_vehicle", ReplyShape.VOID, command=3)
def control_ackermann(context: Context, actor_id: int, control: list[Any]) -> None:
    """`carla.VehicleAckermannControl`; it holds until the vehicle gets pedals or the autopilot."""
    steer, steer_speed, speed, acceleration, _jerk = finite(*control)
    controller = _ackermann(context, actor_id)
    controller.target = AckermannTarget(steer, steer_speed, speed, acceleration)
    context.world.ackermann[actor_id] = controller


@call("get_ackermann_controller_settings")
def ackermann_gains(context: Context, actor_id: int) -> list[Any]:
    """`carla.AckermannControllerSettings`."""
    return _ackermann(context, actor_id).gains()


@call("apply_ackermann_controller_settings", ReplyShape.VOID)
def set_ackermann_gains(context: Context, actor_id: int, gains: list[Any]) -> None:
    """`carla.AckermannControllerSettings`."""
    _ackermann(context, actor_id).set_gains(finite(*gains))


# Lamps, doors, wheels


@call("get_vehicle_light_state")
def lights(context: Context, actor_id: int) -> list[int]:
    """`carla.VehicleLightState` bits."""
    return [context.world.vehicle(actor_id).lights]


@call("set_vehicle_light_state", ReplyShape.VOID, command=18)
def set_lights(context: Context, actor_id: int, lamps: Any) -> None:
    """`carla.VehicleLightState` bits."""
    bits = lamps[0] if isinstance(lamps, list) else lamps
    context.world.vehicle(actor_id).lights = int(bits) & 0xFFFFFFFF


@call("open_vehicle_door", ReplyShape.VOID)
def open_door(context: Context, actor_id: int, door: int) -> None:
    """Open a door (`carla.VehicleDoor`; 6 is all of them)."""
    _move_door(context, actor_id, door, True)


@call("close_vehicle_door", ReplyShape.VOID)
def close_door(context: Context, actor_id: int, door: int) -> None:
    """Close a door (`carla.VehicleDoor`; 6 is all of them)."""
    _move_door(context, actor_id, door, False)


def _move_door(context: Context, actor_id: int, door: int, is_open: bool) -> None:
    actor = context.world.vehicle(actor_id)
    if not 0 <= int(door) <= _ALL_DOORS:
        raise ValueError(f"there is no door {door}")
    bits = (1 << _ALL_DOORS) - 1 if int(door) == _ALL_DOORS else 1 << int(door)
    actor.doors_open = actor.doors_open | bits if is_open else actor.doors_open & ~bits


@call("set_wheel_steer_direction", ReplyShape.VOID)
def turn_wheel(context: Context, actor_id: int, wheel: int, angle_deg: float) -> None:
    """Show a wheel turned by an angle, as in CARLA without an effect on driving."""
    context.world.vehicle(actor_id).wheel_angles_deg[int(wheel)] = finite(angle_deg)[0]


@call("set_wheel_pitch_angle", ReplyShape.VOID)
def pitch_wheel(context: Context, actor_id: int, wheel: int, angle_deg: float) -> None:
    """Note how far a wheel has rolled."""
    context.world.vehicle(actor_id).wheel_pitches_deg[int(wheel)] = finite(angle_deg)[0]


@call("get_wheel_pitch_angle")
def wheel_pitch_deg(context: Context, actor_id: int, wheel: int) -> float:
    """How far a wheel has rolled, as set by hand."""
    return context.world.vehicle(actor_id).wheel_pitches_deg.get(int(wheel), 0.0)


@call("get_wheel_steer_angle")
def wheel_steer_deg(context: Context, actor_id: int, wheel: int) -> float:
    """Steering angle of a wheel, degrees."""
    by_hand = context.world.vehicle(actor_id).wheel_angles_deg.get(int(wheel))
    if by_hand is not None:
        return by_hand
    tangents = front_wheel_tangents(context.world.vehicles)[:, context.world.vehicles.slot(actor_id)]
    return math.degrees(math.atan(float(tangents[int(wheel)])))


@call("get_telemetry_data")
def telemetry(context: Context, actor_id: int) -> list[Any]:
    """`VehicleTelemetryData`: motion, pedals, engine, gear, air drag and every wheel's slip, load and forces."""
    actor = context.world.vehicle(actor_id)
    v, k = context.world.vehicles, context.world.vehicles.slot(actor_id)
    speed = math.hypot(*actor.velocity_mps)
    drag_n = 0.5 * AIR_DENSITY_KGPM3 * float(v.p["drag_area_m2"][k]) * speed * speed
    pedals = [float(v.steer[k]), float(v.throttle[k]), float(v.brake[k])]
    wheels = [_wheel(context, k, wheel) for wheel in range(4)]
    return [speed, *pedals, v.engine_rpm(k), int(v.shown_gears()[k]), drag_n, wheels]


def _wheel(context: Context, slot: int, wheel: int) -> list[float]:
    """`WheelTelemetryData`: friction, slips, speed, load (and by the load at rest), forces (and by the load)."""
    v = context.world.vehicles
    along_slip, across_slip = v.wheel_slip[slot, wheel].tolist()
    along_n, across_n = v.wheel_force_n[slot, wheel].tolist()
    load_n, rest_n = float(v.wheel_load_n[slot, wheel]), float(v.p["mass_kg"][slot]) * GRAVITY_MPS2 / 4.0
    friction = float(v.p["friction"][slot] * v.surface_grip[slot, wheel]) * v.road_friction * TYRE_FRICTION
    by_load = [force / max(load_n, 1.0) for force in (along_n, across_n)]
    torque_nm = along_n * float(v.p["wheel_radius_m"][slot])
    motion = [friction, math.atan(across_slip), along_slip, float(v.wheel_radps[slot, wheel])]
    return [*motion, load_n, load_n / rest_n, torque_nm, along_n, across_n, *by_load]


# Physics


@call("get_physics_control")
def physics(context: Context, actor_id: int) -> list[Any]:
    """`VehiclePhysicsControl` of a vehicle, as set or as its blueprint has it; in a trigger with the friction there."""
    world = context.world
    actor = world.vehicle(actor_id)
    control = actor.physics_control or physics_on_wire(actor.spec, actor.pose)
    if not world.friction_triggers.holds(actor_id):
        return control
    friction = float(world.vehicles.p["friction"][world.vehicles.slot(actor_id)]) / actor.spec.friction
    return with_tyre_friction(control, friction * TYRE_FRICTION)


@call("apply_physics_control", ReplyShape.VOID, command=5)
def set_physics(context: Context, actor_id: int, control: list[Any]) -> None:
    """Take what the model knows of a `VehiclePhysicsControl`; see `docs/simulator.md` for what that is."""
    actor = context.world.vehicle(actor_id)
    slot = context.world.vehicles.slot(actor_id)
    change_physics(context.world.vehicles, slot, actor.spec, control)
    actor.physics_control = control


@call("show_vehicle_debug_telemetry", ReplyShape.VOID)
def show_telemetry(context: Context, actor_id: int, _enabled: bool) -> None:
    """Nothing: there is no window to show it in."""
    context.world.vehicle(actor_id)


# Dynamics of other makers


@call("enable_carsim", ReplyShape.VOID)
@call("use_carsim_road", ReplyShape.VOID)
def enable_carsim(context: Context, actor_id: int, _setting: Any) -> None:
    """Refused."""
    context.world.vehicle(actor_id)
    raise RpcError(f"CarSim is not here: {_OWN_DYNAMICS}")


@call("enable_chrono_physics", ReplyShape.VOID)
def enable_chrono(context: Context, actor_id: int, *_: Any) -> None:
    """Refused."""
    context.world.vehicle(actor_id)
    raise RpcError(f"Chrono is not here: {_OWN_DYNAMICS}")


@call("restore_physx_physics", ReplyShape.VOID)
def restore_physics(context: Context, actor_id: int) -> None:
    """Nothing: a vehicle's dynamics are always the simulator's own."""
    context.world.vehicle(actor_id)
