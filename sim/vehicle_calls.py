"""The RPC calls about a vehicle's insides: physics, telemetry, Ackermann controller, doors, wheels, lamps."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from sim.ackermann import Ackermann, AckermannTarget
from sim.actors import Actor, finite, wire_transform
from sim.blueprints import BLUEPRINTS, Kind
from sim.rpc import Method, ReplyShape, RpcError
from sim.simulator import Simulator
from sim.vehicles import GRAVITY_MPS2, VehicleSpec

_FIELD_OF_PHYSICS = {"mass": 11, "drag": 12, "centre": 13, "wheels": 15}
_WHEEL_STEER = 2
_FRONT_WHEELS = (0, 1)
_ALL_DOORS = 6
WHEEL_RADIUS_CM = 35.5
PHYSICS_FIELDS = 17
LIGHTEST_KG = 1.0
ENGINE_RPM_PER_MPS = 120.0
IDLE_RPM = 800.0


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
        angle = self.world.vehicles.steer_angle_rad[self.world.vehicles.slot(actor_id)]
        return math.degrees(float(angle)) if int(wheel) in _FRONT_WHEELS else 0.0

    def telemetry(self, actor_id: int) -> list[Any]:
        """`VehicleTelemetryData`: motion, pedals, air drag, and each wheel by its share of load and speed.

        Slip and tyre forces of single wheels are zero: the model has axles, not wheels.
        """
        actor = self.world.vehicle(actor_id)
        v, k = self.world.vehicles, self.world.vehicles.slot(actor_id)
        speed = math.hypot(*actor.velocity_mps)
        drag_n = 0.5 * 1.2 * float(v.p["drag_area_m2"][k]) * speed * speed
        rpm = IDLE_RPM + ENGINE_RPM_PER_MPS * speed
        pedals = [float(v.steer[k]), float(v.throttle[k]), float(v.brake[k])]
        return [speed, *pedals, rpm, -1 if v.reverse[k] else 1, drag_n, [self._wheel(k) for _ in range(4)]]

    def _wheel(self, slot: int) -> list[float]:
        v = self.world.vehicles
        omega = float(v.vx_body[slot]) / (WHEEL_RADIUS_CM / 100.0)
        load_n = float(v.p["mass_kg"][slot]) * GRAVITY_MPS2 / 4.0
        friction = float(v.p["friction"][slot]) * v.road_friction * _TIRE_FRICTION
        return [friction, 0.0, 0.0, omega, load_n, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0]

    def wheel_transforms(self, actor_id: int) -> list[Any]:
        """Where the wheels are in the world: the only bones that vehicles have here."""
        actor = self.world.vehicle(actor_id)
        values = wire_transform(actor.pose)
        wheels = _physics_on_wire(actor)[_FIELD_OF_PHYSICS["wheels"]]
        return [[[component / 100.0 for component in wheel[-1]], list(values[3:])] for wheel in wheels]

    # Physics

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
        if mass_kg < LIGHTEST_KG or len(wheels) != 4:
            raise ValueError(f"a vehicle has at least {LIGHTEST_KG} kg and four wheels")
        locks = finite(*(wheel[_WHEEL_STEER] for wheel in wheels))
        frictions = finite(*(wheel[0] for wheel in wheels))
        spec, p, slot = _spec(actor), self.world.vehicles.p, self.world.vehicles.slot(actor_id)
        p["mass_kg"][slot] = mass_kg
        p["yaw_inertia_kgm2"][slot] = spec.yaw_inertia_kgm2 * mass_kg / spec.mass_kg
        p["max_steer_rad"][slot] = math.radians(max(locks))
        p["friction"][slot] = spec.friction * max(min(frictions), 0.05) / _TIRE_FRICTION
        actor.physics_control = control


_TIRE_FRICTION = 3.5
"""CARLA's number for a dry road, which is our friction coefficient of the blueprint."""


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
