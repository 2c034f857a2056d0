"""The RPC calls about a vehicle's insides: physics, telemetry, Ackermann controller, doors, wheels, lamps."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from sim.calls.physics_control import TIRE_FRICTION, WHEELS, physics_on_wire, set_physics
from sim.protocol.forms import finite, wire_transform
from sim.protocol.rpc import Method, ReplyShape, RpcError
from sim.simulator.simulator import Simulator
from sim.vehicles.ackermann import Ackermann, AckermannTarget
from sim.vehicles.motion import AIR_DENSITY_KGPM3, front_wheel_tangents
from sim.vehicles.spec import VehicleSpec
from sim.vehicles.tyres import GRAVITY_MPS2
from sim.world.actors import Actor
from sim.world.blueprints import BLUEPRINTS, Kind

_ALL_DOORS = 6


class VehicleCalls:
    """Handlers of the calls about one vehicle."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator

    def methods(self) -> dict[str, Method]:
        """The calls by name."""
        values: dict[str, Callable[..., Any]] = {
            "get_physics_control": self.physics,
            "get_vehicle_light_state": lambda actor_id: [self.world.vehicle(actor_id).lights],
            "get_wheel_steer_angle": self.wheel_steer_deg,
            "get_wheel_pitch_angle": self.wheel_pitch_deg,
            "get_telemetry_data": self.telemetry,
            "get_ackermann_controller_settings": lambda actor_id: self._ackermann(actor_id).gains(),
            "get_vehicle_bone_world_transforms": self.wheel_transforms,
        }
        voids: dict[str, Callable[..., Any]] = {
            "apply_ackermann_control_to_vehicle": self.control_ackermann,
            "apply_ackermann_controller_settings": self.set_ackermann_gains,
            "apply_physics_control": self.set_physics,
            "set_vehicle_light_state": self.set_lights,
            "open_vehicle_door": lambda actor_id, door: self.move_door(actor_id, door, True),
            "close_vehicle_door": lambda actor_id, door: self.move_door(actor_id, door, False),
            "set_wheel_steer_direction": self.turn_wheel,
            "set_wheel_pitch_angle": self.pitch_wheel,
            "show_vehicle_debug_telemetry": lambda actor_id, _enabled: self.world.vehicle(actor_id) and None,
            "enable_carsim": lambda actor_id, _file: self._refuse(actor_id, "CarSim is not here"),
            "use_carsim_road": lambda actor_id, _enabled: self._refuse(actor_id, "CarSim is not here"),
            "enable_chrono_physics": lambda actor_id, *_: self._refuse(actor_id, "Chrono is not here"),
            "restore_physx_physics": lambda actor_id: self.world.vehicle(actor_id) and None,
        }
        table = {name: Method(ReplyShape.VALUE, handler) for name, handler in values.items()}
        return table | {name: Method(ReplyShape.VOID, handler) for name, handler in voids.items()}

    @property
    def world(self):
        """The present episode's world."""
        return self.simulator.world

    def _refuse(self, actor_id: int, why: str) -> None:
        self.world.vehicle(actor_id)
        raise RpcError(f"{why}: vehicles keep the simulator's own dynamics")

    # Ackermann

    def _ackermann(self, actor_id: int) -> Ackermann:
        actor = self.world.vehicle(actor_id)
        if actor.ackermann is None:
            slot = self.world.vehicles.slot(actor_id)
            actor.ackermann = Ackermann(float(self.world.vehicles.p["max_steer_rad"][slot]))
        return actor.ackermann

    def control_ackermann(self, actor_id: int, control: list[Any]) -> None:
        """`carla.VehicleAckermannControl`; it holds until the vehicle gets pedals or the autopilot."""
        steer, steer_speed, speed, acceleration, _jerk = finite(*control)
        controller = self._ackermann(actor_id)
        controller.target = AckermannTarget(steer, steer_speed, speed, acceleration)
        self.world.ackermann[actor_id] = controller

    def set_ackermann_gains(self, actor_id: int, gains: list[Any]) -> None:
        """`carla.AckermannControllerSettings`."""
        self._ackermann(actor_id).set_gains(finite(*gains))

    # Lamps, doors, wheels

    def set_lights(self, actor_id: int, lamps: Any) -> None:
        """`carla.VehicleLightState` bits."""
        bits = lamps[0] if isinstance(lamps, list) else lamps
        self.world.vehicle(actor_id).lights = int(bits) & 0xFFFFFFFF

    def move_door(self, actor_id: int, door: int, is_open: bool) -> None:
        """Open or close a door (`carla.VehicleDoor`; 6 is all of them)."""
        actor = self.world.vehicle(actor_id)
        if not 0 <= int(door) <= _ALL_DOORS:
            raise ValueError(f"there is no door {door}")
        bits = (1 << _ALL_DOORS) - 1 if int(door) == _ALL_DOORS else 1 << int(door)
        actor.doors_open = actor.doors_open | bits if is_open else actor.doors_open & ~bits

    def turn_wheel(self, actor_id: int, wheel: int, angle_deg: float) -> None:
        """Show a wheel turned by an angle, as in CARLA without an effect on driving."""
        self.world.vehicle(actor_id).wheel_angles_deg[int(wheel)] = finite(angle_deg)[0]

    def pitch_wheel(self, actor_id: int, wheel: int, angle_deg: float) -> None:
        """Note how far a wheel has rolled."""
        self.world.vehicle(actor_id).wheel_pitches_deg[int(wheel)] = finite(angle_deg)[0]

    def wheel_pitch_deg(self, actor_id: int, wheel: int) -> float:
        """How far a wheel has rolled, as set by hand."""
        return self.world.vehicle(actor_id).wheel_pitches_deg.get(int(wheel), 0.0)

    def wheel_steer_deg(self, actor_id: int, wheel: int) -> float:
        """Steering angle of a wheel, degrees."""
        by_hand = self.world.vehicle(actor_id).wheel_angles_deg.get(int(wheel))
        if by_hand is not None:
            return by_hand
        tangents = front_wheel_tangents(self.world.vehicles)[:, self.world.vehicles.slot(actor_id)]
        return math.degrees(math.atan(float(tangents[int(wheel)])))

    def telemetry(self, actor_id: int) -> list[Any]:
        """`VehicleTelemetryData`: motion, pedals, engine, gear, air drag and every wheel's slip, load and forces."""
        actor = self.world.vehicle(actor_id)
        v, k = self.world.vehicles, self.world.vehicles.slot(actor_id)
        speed = math.hypot(*actor.velocity_mps)
        drag_n = 0.5 * AIR_DENSITY_KGPM3 * float(v.p["drag_area_m2"][k]) * speed * speed
        pedals = [float(v.steer[k]), float(v.throttle[k]), float(v.brake[k])]
        wheels = [self._wheel(k, wheel) for wheel in range(4)]
        return [speed, *pedals, v.engine_rpm(k), int(v.shown_gears()[k]), drag_n, wheels]

    def _wheel(self, slot: int, wheel: int) -> list[float]:
        """`WheelTelemetryData`: friction, slips, speed, load (and by the load at rest), forces (and by the load)."""
        v = self.world.vehicles
        along_slip, across_slip = v.wheel_slip[slot, wheel].tolist()
        along_n, across_n = v.wheel_force_n[slot, wheel].tolist()
        load_n, rest_n = float(v.wheel_load_n[slot, wheel]), float(v.p["mass_kg"][slot]) * GRAVITY_MPS2 / 4.0
        friction = float(v.p["friction"][slot] * v.surface_grip[slot, wheel]) * v.road_friction * TIRE_FRICTION
        by_load = [force / max(load_n, 1.0) for force in (along_n, across_n)]
        torque_nm = along_n * float(v.p["wheel_radius_m"][slot])
        motion = [friction, math.atan(across_slip), along_slip, float(v.wheel_radps[slot, wheel])]
        return [*motion, load_n, load_n / rest_n, torque_nm, along_n, across_n, *by_load]

    def wheel_transforms(self, actor_id: int) -> list[Any]:
        """Where the wheels are in the world: the only bones that vehicles have here."""
        actor = self.world.vehicle(actor_id)
        values = wire_transform(actor.pose)
        wheels = physics_on_wire(spec_of(actor), actor.pose)[WHEELS]
        return [[[component / 100.0 for component in wheel[-1]], list(values[3:])] for wheel in wheels]

    # Physics

    def physics(self, actor_id: int) -> list[Any]:
        """`VehiclePhysicsControl` of a vehicle, as set or as its blueprint has it."""
        actor = self.world.vehicle(actor_id)
        return actor.physics_control or physics_on_wire(spec_of(actor), actor.pose)

    def set_physics(self, actor_id: int, control: list[Any]) -> None:
        """Take what the model knows of a `VehiclePhysicsControl`; see `docs/simulator.md` for what that is."""
        actor = self.world.vehicle(actor_id)
        slot = self.world.vehicles.slot(actor_id)
        set_physics(self.world.vehicles, slot, spec_of(actor), control)
        actor.physics_control = control


def spec_of(actor: Actor) -> VehicleSpec:
    """The vehicle's specification; RpcError when the actor is none."""
    spec = BLUEPRINTS[actor.type_id].spec
    if spec is None or actor.kind is not Kind.VEHICLE:
        raise RpcError(f"actor {actor.actor_id} ({actor.type_id}) is not a vehicle")
    return spec
