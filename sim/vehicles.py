"""Motion of all vehicles of the world: a dynamic bicycle model with tyre slip, as a struct of float64 arrays.

It turns CARLA's vehicle controls into poses, for any number of cars in the same number of numpy calls. It knows
nothing of lanes, traffic or the wire. Frame: CARLA's left-handed one (x forward, y right, yaw clockwise seen from
above); a vehicle's reference point is the centre of its wheelbase on the ground. Angles are radians, the rest SI.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np

from sim.tyres import GRAVITY_MPS2, MAX_LONGITUDINAL_SHARE, side_force_n, side_limit_n

AIR_DENSITY_KGPM3 = 1.2
MAX_SUBSTEP_S = 0.01
#: Below the first speed a car moves by kinematics, above the second by tyre slip, between them by both: slip angles
#: are undefined at rest.
KINEMATIC_BELOW_MPS = 2.0
DYNAMIC_ABOVE_MPS = 4.0

#: (x, y, yaw) of N vehicles -> (z, pitch, roll) of the ground under them, each (N,); pitch positive nose up.
Ground = Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class VehicleSpec:
    """What a vehicle is; the defaults are a compact car with front-wheel drive (0-100 km/h in 9 s, 100-0 in 40 m)."""

    mass_kg: float = 1400.0
    length_m: float = 4.4
    width_m: float = 1.85
    height_m: float = 1.5
    wheelbase_m: float = 2.65
    cg_to_front_m: float = 1.15
    cg_height_m: float = 0.55
    yaw_inertia_kgm2: float = 2100.0
    max_steer_rad: float = 0.61
    steer_rate_radps: float = 1.2
    front_stiffness_npr: float = 95_000.0
    """Cornering stiffness of the whole front axle."""
    rear_stiffness_npr: float = 115_000.0
    friction: float = 1.0
    """Tyre-road friction coefficient on a dry road."""
    max_drive_force_n: float = 6500.0
    max_power_w: float = 90_000.0
    front_drive_share: float = 1.0
    """1 front-wheel drive, 0 rear-wheel drive, 0.5 both."""
    max_reverse_mps: float = 10.0
    max_brake_mps2: float = 10.5
    engine_brake_mps2: float = 0.5
    rolling_resistance: float = 0.012
    drag_area_m2: float = 0.65
    """Drag coefficient times frontal area."""
    pitch_per_mps2: float = 0.006
    """Suspension: radians of pitch for each m/s² of acceleration."""
    roll_per_mps2: float = 0.008

    def __post_init__(self):
        for name in ("mass_kg", "length_m", "width_m", "wheelbase_m", "yaw_inertia_kgm2", "friction"):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"{name} must be positive, it is {getattr(self, name)}")
        if not 0.0 < self.cg_to_front_m < self.wheelbase_m:
            raise ValueError(
                f"cg_to_front_m must lie between 0 and wheelbase_m ({self.wheelbase_m}), it is {self.cg_to_front_m}"
            )


_PARAMETERS = tuple(f.name for f in fields(VehicleSpec))
_STATE = (
    *("x", "y", "z", "roll", "pitch", "yaw", "vx_body", "vy_body", "yaw_rate", "ax_world", "ay_world"),
    *("throttle", "steer", "brake", "steer_angle_rad", "ground_pitch", "ax_body", "lean_pitch", "lean_roll"),
)
_FLAGS = ("hand_brake", "reverse", "simulate_physics")


def flat_ground(x: np.ndarray, _y: np.ndarray, _yaw: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The plane z = 0."""
    zero = np.zeros_like(x)
    return zero, zero, zero


class Vehicles:
    """All vehicles, one slot each, in the order in which they were added.

    The attributes below are views of the first `len(self)` elements; they may be written in place. `add` and
    `remove` rebind them, so do not keep them over either. `ids` is (N,) int64; `hand_brake`, `reverse` and
    `simulate_physics` are (N,) bool; `p[name]` is the (N,) float64 column of a `VehicleSpec` field.
    """

    ids: np.ndarray
    x: np.ndarray
    y: np.ndarray
    z: np.ndarray
    roll: np.ndarray
    pitch: np.ndarray
    yaw: np.ndarray
    vx_body: np.ndarray
    vy_body: np.ndarray
    yaw_rate: np.ndarray
    ax_world: np.ndarray
    ay_world: np.ndarray
    throttle: np.ndarray
    steer: np.ndarray
    brake: np.ndarray
    hand_brake: np.ndarray
    reverse: np.ndarray
    simulate_physics: np.ndarray
    steer_angle_rad: np.ndarray
    ground_pitch: np.ndarray
    ax_body: np.ndarray
    lean_pitch: np.ndarray
    lean_roll: np.ndarray

    def __init__(self, capacity: int = 64):
        self._count = 0
        self._store: dict[str, np.ndarray] = {"ids": np.zeros(capacity, np.int64)}
        self._store |= {name: np.zeros(capacity) for name in (*_STATE, *_PARAMETERS)}
        self._store |= {name: np.zeros(capacity, bool) for name in _FLAGS}
        self._slots: dict[int, int] = {}
        self.p: dict[str, np.ndarray] = {}
        #: Multiplies every tyre's friction: 1 dry road, about 0.7 wet, 0.3 snow.
        self.road_friction = 1.0
        self._bind()

    def __len__(self) -> int:
        return self._count

    def __contains__(self, actor_id: int) -> bool:
        return actor_id in self._slots

    def _bind(self) -> None:
        n = self._count
        for name in ("ids", *_STATE, *_FLAGS):
            setattr(self, name, self._store[name][:n])
        self.p = {name: self._store[name][:n] for name in _PARAMETERS}

    def slot(self, actor_id: int) -> int:
        """The index of an actor in the arrays; KeyError when it is not here."""
        try:
            return self._slots[actor_id]
        except KeyError:
            raise KeyError(f"no vehicle with actor id {actor_id}") from None

    def slots(self, actor_ids: list[int]) -> np.ndarray:
        """The indices of several actors, (len(actor_ids),) int64."""
        return np.array([self._slots[i] for i in actor_ids], np.int64)

    def add(self, actor_id: int, spec: VehicleSpec, x: float, y: float, z: float, yaw_rad: float) -> int:
        """Put a vehicle at rest at a pose; gives back its slot (the last). ValueError when the id is taken."""
        if actor_id in self._slots:
            raise ValueError(f"a vehicle with actor id {actor_id} is already here: remove it first or use another id")
        slot = self._count
        if slot == len(self._store["ids"]):
            self._store = {k: np.concatenate([a, np.zeros_like(a)]) for k, a in self._store.items()}
        for array in self._store.values():
            array[slot] = 0
        for name in _PARAMETERS:
            self._store[name][slot] = getattr(spec, name)
        for name, value in (("ids", actor_id), ("x", x), ("y", y), ("z", z), ("yaw", yaw_rad)):
            self._store[name][slot] = value
        self._store["simulate_physics"][slot] = True
        self._slots[actor_id] = slot
        self._count += 1
        self._bind()
        return slot

    def remove(self, actor_id: int) -> None:
        """Take a vehicle out; those after it move up one slot, so that the order stays that of adding."""
        slot = self.slot(actor_id)
        for array in self._store.values():
            array[slot : self._count - 1] = array[slot + 1 : self._count]
        self._count -= 1
        self._bind()
        self._slots = {int(i): k for k, i in enumerate(self.ids)}

    def world_velocity(self) -> np.ndarray:
        """Velocity of the reference points in the world, (N, 3) m/s."""
        c, s = np.cos(self.yaw), np.sin(self.yaw)
        vx, vy = self.vx_body, self.vy_body
        return np.column_stack([c * vx - s * vy, s * vx + c * vy, vx * np.tan(self.ground_pitch)])

    def speed(self) -> np.ndarray:
        """Speed over ground, (N,) m/s, never negative."""
        return np.hypot(self.vx_body, self.vy_body)

    def set_pose(
        self, actor_id: int, x: float, y: float, z: float, roll: float = 0.0, pitch: float = 0.0, yaw: float = 0.0
    ) -> None:
        """Move a vehicle by hand. Its velocity in the world stays what it was."""
        k = self.slot(actor_id)
        vx, vy, _ = self.world_velocity()[k]
        self.x[k], self.y[k], self.z[k] = x, y, z
        self.roll[k], self.pitch[k], self.yaw[k] = roll, pitch, yaw
        self.set_world_velocity(actor_id, vx, vy)

    def set_world_velocity(self, actor_id: int, vx: float, vy: float) -> None:
        """Set a vehicle's velocity in the world, m/s; its yaw rate stays."""
        k = self.slot(actor_id)
        c, s = np.cos(self.yaw[k]), np.sin(self.yaw[k])
        self.vx_body[k], self.vy_body[k] = c * vx + s * vy, c * vy - s * vx

    def apply_impulse(self, actor_id: int, x_ns: float, y_ns: float, yaw_nms: float = 0.0) -> None:
        """Push a vehicle at its centre of gravity with an impulse in the world (N s) and a turning one (N m s)."""
        k = self.slot(actor_id)
        if not self.simulate_physics[k]:
            return
        c, s = np.cos(self.yaw[k]), np.sin(self.yaw[k])
        mass = self.p["mass_kg"][k]
        turn = yaw_nms / self.p["yaw_inertia_kgm2"][k]
        offset = 0.5 * self.p["wheelbase_m"][k] - self.p["cg_to_front_m"][k]
        self.vx_body[k] += (c * x_ns + s * y_ns) / mass
        self.vy_body[k] += (c * y_ns - s * x_ns) / mass - offset * turn
        self.yaw_rate[k] += turn

    def step(self, dt_s: float, ground: Ground = flat_ground) -> None:
        """Advance all vehicles by dt_s seconds under their present controls. Same state and controls, same bits."""
        if self._count == 0 or dt_s <= 0.0:
            return
        before = self.world_velocity()
        substeps = max(1, int(np.ceil(dt_s / MAX_SUBSTEP_S - 1e-9)))
        for _ in range(substeps):
            self._substep(dt_s / substeps)
        self._follow_ground(dt_s, ground)
        acceleration = (self.world_velocity() - before) / dt_s
        self.ax_world[:], self.ay_world[:] = acceleration[:, 0], acceleration[:, 1]

    def _substep(self, h: float) -> None:
        p, free = self.p, self.simulate_physics
        self._turn_wheels(h)
        offset = 0.5 * p["wheelbase_m"] - p["cg_to_front_m"]  # the centre of gravity, ahead of the reference point
        vx, r = self.vx_body, self.yaw_rate
        vy = self.vy_body + offset * r  # at the centre of gravity, where Newton's law is simplest
        speed = np.hypot(vx, vy)
        load_front, load_rear = self._axle_loads()
        drive_front, drive_rear, drag_front, drag_rear, drag_body = self._longitudinal_forces(
            vx, vy - (p["wheelbase_m"] - p["cg_to_front_m"]) * r, load_front, load_rear
        )
        moved = self._slip_motion(h, vx, vy, r, load_front, load_rear, drive_front, drive_rear, drag_front, drag_rear)
        rolled = self._kinematic_motion(h, vx, vy, r, (drive_front + drive_rear) / p["mass_kg"])
        w = np.clip((speed - KINEMATIC_BELOW_MPS) / (DYNAMIC_ABOVE_MPS - KINEMATIC_BELOW_MPS), 0.0, 1.0)
        vx1, vy1, r1 = (w * a + (1.0 - w) * b for a, b in zip(moved, rolled, strict=True))
        # What only slows the car down may stop it but never send it back.
        loss = h * (drag_front + drag_rear + drag_body) / p["mass_kg"]
        vx1 = np.sign(vx1) * np.maximum(np.abs(vx1) - loss, 0.0)
        self.ax_body[:] = np.where(free, (vx1 - vx) / h - vy * r * w, 0.0)
        yaw_mid = self.yaw + 0.5 * h * r1
        # The body frame turns with the car: seen from it, the velocity turns the other way (exactly, so that Euler's
        # method adds no energy). A kinematic car has no such term: its tyres take up the side force.
        c, s = np.cos(w * r1 * h), np.sin(w * r1 * h)
        vx2, vy2 = c * vx1 + s * vy1, c * vy1 - s * vx1
        c, s = np.cos(yaw_mid), np.sin(yaw_mid)
        reference_vy = vy1 - offset * r1
        self.x += np.where(free, h * (c * vx1 - s * reference_vy), 0.0)
        self.y += np.where(free, h * (s * vx1 + c * reference_vy), 0.0)
        self.yaw[:] = np.where(free, _wrapped(self.yaw + h * r1), self.yaw)
        self.vx_body[:] = np.where(free, vx2, 0.0)
        self.yaw_rate[:] = np.where(free, r1, 0.0)
        self.vy_body[:] = np.where(free, vy2 - offset * r1, 0.0)

    def _turn_wheels(self, h: float) -> None:
        target = np.clip(self.steer, -1.0, 1.0) * self.p["max_steer_rad"]
        reach = self.p["steer_rate_radps"] * h
        self.steer_angle_rad += np.clip(target - self.steer_angle_rad, -reach, reach)

    def _axle_loads(self) -> tuple[np.ndarray, np.ndarray]:
        """Vertical force on front and rear axle, (N,) newtons; the last substep's acceleration shifts load."""
        p = self.p
        shift = p["mass_kg"] * np.clip(self.ax_body, -12.0, 12.0) * p["cg_height_m"] / p["wheelbase_m"]
        weight = p["mass_kg"] * GRAVITY_MPS2
        front = weight * (p["wheelbase_m"] - p["cg_to_front_m"]) / p["wheelbase_m"] - shift
        front = np.clip(front, 0.1 * weight, 0.9 * weight)
        return front, weight - front

    def _longitudinal_forces(
        self, vx: np.ndarray, rear_vy: np.ndarray, load_front: np.ndarray, load_rear: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Signed drive of both axles, and the magnitudes of what only slows down: at both axles and on the body."""
        p = self.p
        grip_front, grip_rear = (self._grip(load) * MAX_LONGITUDINAL_SHARE for load in (load_front, load_rear))
        throttle, brake = np.clip(self.throttle, 0.0, 1.0), np.clip(self.brake, 0.0, 1.0)
        drive = throttle * self.drive_limit_n(vx)
        slope = -p["mass_kg"] * GRAVITY_MPS2 * np.sin(self.ground_pitch)
        drive_front = np.clip(drive * p["front_drive_share"], -grip_front, grip_front)
        drive_rear = np.clip(drive * (1.0 - p["front_drive_share"]), -grip_rear, grip_rear) + slope
        # Electronic brake force distribution: each axle brakes by its load, so both reach their grip together.
        braking = brake * p["max_brake_mps2"] * p["mass_kg"]
        weight = load_front + load_rear
        engine = (1.0 - throttle) * p["engine_brake_mps2"] * p["mass_kg"]
        drag_front = np.minimum(braking * load_front / weight + engine * p["front_drive_share"], grip_front)
        drag_rear = np.minimum(braking * load_rear / weight + engine * (1.0 - p["front_drive_share"]), grip_rear)
        # A locked rear wheel slides: its friction points against its whole velocity, sideways as well.
        slide = np.maximum(np.hypot(vx, rear_vy), 1e-6)
        locked = self._grip(load_rear) * np.where(slide > 0.1, np.abs(vx) / slide, 1.0)
        drag_rear = np.where(self.hand_brake, locked, drag_rear)
        air = 0.5 * AIR_DENSITY_KGPM3 * p["drag_area_m2"] * vx * vx
        return drive_front, drive_rear, drag_front, drag_rear, air + p["rolling_resistance"] * weight

    def drive_limit_n(self, vx: np.ndarray) -> np.ndarray:
        """Force of full throttle at forward speed vx, (N,) newtons, negative in reverse gear."""
        p = self.p
        forward = np.minimum(p["max_drive_force_n"], p["max_power_w"] / np.maximum(np.abs(vx), 1.0))
        backward = -0.6 * p["max_drive_force_n"] * np.clip((vx + p["max_reverse_mps"]) * 0.5, 0.0, 1.0)
        return np.where(self.reverse, backward, forward)

    def _grip(self, load: np.ndarray) -> np.ndarray:
        return self.p["friction"] * self.road_friction * load

    def _slip_motion(
        self, h, vx, vy, r, load_front, load_rear, drive_front, drive_rear, drag_front, drag_rear
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """One step of (vx, vy, yaw rate) at the centre of gravity by tyre forces, but for what only slows down."""
        p = self.p
        a, b = p["cg_to_front_m"], p["wheelbase_m"] - p["cg_to_front_m"]
        sin_d, cos_d = np.sin(self.steer_angle_rad), np.cos(self.steer_angle_rad)
        front_vy, rear_vy = vy + a * r, vy - b * r
        slip_front = np.arctan2(cos_d * front_vy - sin_d * vx, np.abs(cos_d * vx + sin_d * front_vy))
        slip_rear = np.arctan2(rear_vy, np.abs(vx))
        grip_front, grip_rear = self._grip(load_front), self._grip(load_rear)
        used_front, used_rear = drive_front - np.sign(vx) * drag_front, drive_rear - np.sign(vx) * drag_rear
        fy_front = side_force_n(slip_front, p["front_stiffness_npr"], side_limit_n(used_front, grip_front))
        fy_rear = side_force_n(slip_rear, p["rear_stiffness_npr"], side_limit_n(used_rear, grip_rear))
        locked = -grip_rear * rear_vy / np.maximum(np.hypot(vx, rear_vy), 1e-6)
        fy_rear = np.where(self.hand_brake, locked, fy_rear)
        fx_body = drive_rear + drive_front * cos_d - fy_front * sin_d
        fy_body = fy_front * cos_d + drive_front * sin_d
        return (
            vx + h * fx_body / p["mass_kg"],
            vy + h * (fy_body + fy_rear) / p["mass_kg"],
            r + h * (a * fy_body - b * fy_rear) / p["yaw_inertia_kgm2"],
        )

    def _kinematic_motion(self, h, vx, vy, r, acceleration) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """One step towards the motion of wheels that do not slip, no faster than friction allows."""
        p = self.p
        b = p["wheelbase_m"] - p["cg_to_front_m"]
        vx1 = vx + h * acceleration
        r_target = vx1 * np.tan(self.steer_angle_rad) / p["wheelbase_m"]
        reach = p["friction"] * self.road_friction * GRAVITY_MPS2 * h
        turn = reach * p["mass_kg"] * b / p["yaw_inertia_kgm2"]
        vy1 = vy + np.clip(r_target * b - vy, -reach, reach)
        return vx1, vy1, r + np.clip(r_target - r, -turn, turn)

    def _follow_ground(self, dt_s: float, ground: Ground) -> None:
        """Set the vehicles on the ground, and lean them on their springs (first order, 0.15 s)."""
        free, p = self.simulate_physics, self.p
        z, pitch, roll = ground(self.x, self.y, self.yaw)
        blend = 1.0 - np.exp(-dt_s / 0.15)
        lateral = self.vx_body * self.yaw_rate
        self.lean_pitch += blend * (p["pitch_per_mps2"] * self.ax_body - self.lean_pitch)
        self.lean_roll += blend * (-p["roll_per_mps2"] * lateral - self.lean_roll)
        self.ground_pitch[:] = np.where(free, pitch, self.ground_pitch)
        self.z[:] = np.where(free, z, self.z)
        self.pitch[:] = np.where(free, pitch + self.lean_pitch, self.pitch)
        self.roll[:] = np.where(free, roll + self.lean_roll, self.roll)


def _wrapped(angle: np.ndarray) -> np.ndarray:
    """The same angle in [-pi, pi)."""
    return (angle + np.pi) % (2.0 * np.pi) - np.pi
