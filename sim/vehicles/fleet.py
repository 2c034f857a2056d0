"""All vehicles of the world as a struct of arrays, and a tick of their motion.

It turns CARLA's vehicle controls into poses, for any number of cars in the same number of numpy calls: pedal, gears
and engine once a tick, tyres and wheels many times (`sim.vehicles.motion`). It knows nothing of lanes, traffic or the
wire. Frame: CARLA's left-handed one (x forward, y right, yaw clockwise seen from above); a vehicle's reference point is
the centre of its wheelbase on the ground. Angles are radians, the rest SI.
"""

import math
from collections.abc import Callable

import numpy as np

from sim.vehicles.drivetrain import (
    KNOTS,
    LAUNCH,
    MAX_GEARS,
    RADPS_PER_RPM,
    REVERSE_SHARE,
    SHARE_IN_SHIFT,
    Drivetrain,
    Engines,
    choose_gear,
    share_of_pedal,
)
from sim.vehicles.motion import frame_of, substep
from sim.vehicles.spec import NUMBERS, VehicleSpec
from sim.vehicles.tyres import GRAVITY_MPS2

MAX_SUBSTEP_S = 0.01
#: The pedal and the gearbox are looked at so often at least.
MAX_TICK_S = 0.05
#: The body on its springs: natural frequency and damping ratio of a passenger car's pitch and roll (Gillespie, ch. 5).
BODY_HZ, BODY_DAMPING = 1.4, 0.5
KERB_LAG_S = 0.05
#: Of the speed that a rigid wheel loses at a step of height h, h / radius (inelastic impact), a tyre takes this share.
KERB_LOSS = 0.5
_RESTED_S = 10.0

#: (x, y, yaw) of N vehicles -> (z, pitch, roll) of the ground under them, each (N,); pitch positive nose up.
Ground = Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]]

_PARAMETERS = (*NUMBERS, "track_m")
_ENGINE = ("max_radps", "idle_radps", "efficiency", "drag_rest_nm", "drag_speed_nm", "shift_s")
_STATE = (
    *("x", "y", "z", "roll", "pitch", "yaw", "vx_body", "vy_body", "yaw_rate", "ax_world", "ay_world"),
    *("throttle", "steer", "brake", "steer_angle_rad", "ground_pitch", "ground_roll", "ax_body", "ax_felt", "ay_felt"),
    *("lean_pitch", "lean_roll", "lean_pitch_rate", "lean_roll_rate"),
    *("in_gear_s", "drive_limit_n", "engine_drag_n", "engine_radps", "soft_ground"),
)
_FLAGS = ("hand_brake", "reverse", "simulate_physics", "manual_gear")
_WHEELS = ("wheel_radps", "wheel_load_n", "wheel_lift_m", "kerb_m", "surface_grip")
_WHEEL_VECTORS = ("wheel_slip", "wheel_force_n")
_COUNTS = ("gear", "wanted_gear", "gear_count")


def flat_ground(x: np.ndarray, _y: np.ndarray, _yaw: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The plane z = 0."""
    zero = np.zeros_like(x)
    return zero, zero, zero


class Vehicles:
    """All vehicles, one slot each, in the order in which they were added.

    The attributes below are views of the first `len(self)` elements; they may be written in place. `add` and
    `remove` rebind them, so do not keep them over either. `ids`, `gear`, `wanted_gear` and `gear_count` are (N,)
    int64; `hand_brake`, `reverse`, `manual_gear` and `simulate_physics` are (N,) bool; `p[name]` is the (N,) float64
    column of a `VehicleSpec` field. What has a value for each wheel is (N, 4), slips and forces (N, 4, 2): along the
    wheel and across it.
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
    ground_roll: np.ndarray
    ax_body: np.ndarray
    ax_felt: np.ndarray
    ay_felt: np.ndarray
    lean_pitch: np.ndarray
    lean_roll: np.ndarray
    lean_pitch_rate: np.ndarray
    lean_roll_rate: np.ndarray
    gear: np.ndarray
    manual_gear: np.ndarray
    wanted_gear: np.ndarray
    gear_count: np.ndarray
    in_gear_s: np.ndarray
    engine_radps: np.ndarray
    drive_limit_n: np.ndarray
    """Force of full throttle at the wheels in the present tick."""
    engine_drag_n: np.ndarray
    """What the engine takes with the throttle shut."""
    wheel_radps: np.ndarray
    wheel_load_n: np.ndarray
    wheel_slip: np.ndarray
    wheel_force_n: np.ndarray
    wheel_lift_m: np.ndarray
    kerb_m: np.ndarray
    """Height above the road of what each wheel stands on; whoever knows the pavements writes it."""
    surface_grip: np.ndarray
    """Friction under each wheel as a share of the road's."""
    soft_ground: np.ndarray
    """Rolling resistance that a soft ground adds."""
    _struck_m: np.ndarray
    _torque_nm: np.ndarray
    _ratios: np.ndarray

    def __init__(self, capacity: int = 64):
        self._count = 0
        self._store: dict[str, np.ndarray] = {"ids": np.zeros(capacity, np.int64)}
        self._store |= {name: np.zeros(capacity) for name in (*_STATE, *_PARAMETERS)}
        self._store |= {name: np.zeros(capacity) for name in _ENGINE}
        self._store |= {name: np.zeros(capacity, bool) for name in _FLAGS}
        self._store |= {name: np.zeros(capacity, np.int64) for name in _COUNTS}
        self._store |= {name: np.zeros((capacity, 4)) for name in (*_WHEELS, "_struck_m")}
        self._store |= {name: np.zeros((capacity, 4, 2)) for name in _WHEEL_VECTORS}
        self._store |= {"_torque_nm": np.zeros((capacity, KNOTS)), "_ratios": np.zeros((capacity, MAX_GEARS))}
        self._slots: dict[int, int] = {}
        self.p: dict[str, np.ndarray] = {}
        self._engine_columns: dict[str, np.ndarray] = {}
        #: Multiplies every tyre's friction: 1 dry road, about 0.7 wet, 0.3 snow.
        self.road_friction = 1.0
        self._bind()

    def __len__(self) -> int:
        return self._count

    def __contains__(self, actor_id: int) -> bool:
        return actor_id in self._slots

    def _bind(self) -> None:
        n = self._count
        for name, array in self._store.items():
            if name not in _PARAMETERS and name not in _ENGINE:
                setattr(self, name, array[:n])
        self.p = {name: self._store[name][:n] for name in _PARAMETERS}
        self._engine_columns = {name: self._store[name][:n] for name in _ENGINE}

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
        for name, value in (("simulate_physics", True), ("gear", 1), ("in_gear_s", _RESTED_S), ("surface_grip", 1.0)):
            self._store[name][slot] = value
        self._slots[actor_id] = slot
        self._count += 1
        self._bind()
        self.fit_drivetrain(slot, spec.drivetrain)
        behind = spec.cg_to_front_m / spec.wheelbase_m
        weight = spec.mass_kg * GRAVITY_MPS2
        self.wheel_load_n[slot] = 0.5 * weight * np.array([1.0 - behind, 1.0 - behind, behind, behind])
        return slot

    def fit_drivetrain(self, slot: int, drivetrain: Drivetrain) -> None:
        """Give a vehicle an engine and gears."""
        columns = self._engine_columns
        self._torque_nm[slot] = drivetrain.torque_nm
        self._ratios[slot] = 0.0
        self._ratios[slot, : len(drivetrain.ratios)] = drivetrain.ratios
        self.gear_count[slot] = len(drivetrain.ratios)
        self.gear[slot] = min(max(int(self.gear[slot]), 1), len(drivetrain.ratios))
        columns["max_radps"][slot] = drivetrain.max_rpm * RADPS_PER_RPM
        columns["idle_radps"][slot] = drivetrain.idle_rpm * RADPS_PER_RPM
        columns["efficiency"][slot], columns["shift_s"][slot] = drivetrain.efficiency, drivetrain.shift_s
        columns["drag_rest_nm"][slot], columns["drag_speed_nm"][slot] = drivetrain.drag_nm
        self.drive_limit_n[slot] = self._engines().capacity_n(np.zeros(self._count))[slot, 0]

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
        self.wheel_radps[k] = self.vx_body[k] / self.p["wheel_radius_m"][k]
        self.in_gear_s[k] = _RESTED_S

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
        self._climb_kerbs(dt_s)
        ticks = max(1, math.ceil(dt_s / MAX_TICK_S - 1e-9))
        substeps = max(1, math.ceil(dt_s / ticks / MAX_SUBSTEP_S - 1e-9))
        for _ in range(ticks):
            frame = frame_of(self, self._drive(dt_s / ticks), self.engine_drag_n * (1.0 - self._share()))
            for _ in range(substeps):
                substep(self, frame, dt_s / ticks / substeps)
        self._follow_ground(dt_s, ground)
        acceleration = (self.world_velocity() - before) / dt_s
        self.ax_world[:], self.ay_world[:] = acceleration[:, 0], acceleration[:, 1]

    # Engine and gears

    def _share(self) -> np.ndarray:
        return share_of_pedal(np.clip(self.throttle, 0.0, 1.0))

    def _engines(self) -> Engines:
        columns = self._engine_columns
        return Engines(
            *(self._torque_nm, self._ratios, self.gear_count, columns["max_radps"], columns["idle_radps"]),
            *(columns["efficiency"], columns["drag_rest_nm"], columns["drag_speed_nm"], self.p["wheel_radius_m"]),
        )

    def _drive(self, dt_s: float) -> np.ndarray:
        """Look at pedal and gearbox for a tick; gives the force of the engine at the wheels, (N,) newtons, signed."""
        engines, throttle = self._engines(), self._share()
        share, speeds = self.p["front_drive_share"], self.wheel_radps
        driven = 0.5 * (share * (speeds[:, 0] + speeds[:, 1]) + (1.0 - share) * (speeds[:, 2] + speeds[:, 3]))
        capacity = engines.capacity_n(driven)
        by_box = choose_gear(engines, driven, self.gear, throttle * capacity.max(axis=1), self.in_gear_s)
        by_hand = np.clip(self.wanted_gear, 1, self.gear_count)
        chosen = np.where(self.reverse, 1, np.where(self.manual_gear, by_hand, by_box))
        # A box that has been at rest was moved with its vehicle by hand: it is in its gear at once.
        is_new = self.in_gear_s == _RESTED_S
        self.in_gear_s[:] = np.where((chosen == self.gear) | is_new, self.in_gear_s + dt_s, 0.0)
        self.gear[:] = chosen
        of_gear = np.take_along_axis(capacity, (chosen - 1)[:, None], axis=1)[:, 0]
        self.drive_limit_n[:] = np.where(self.manual_gear, of_gear, capacity.max(axis=1))
        forward = np.minimum(throttle * self.drive_limit_n, of_gear)
        forward *= np.where(self.in_gear_s < self._engine_columns["shift_s"], SHARE_IN_SHIFT, 1.0)
        first = engines.capacity_n(np.zeros_like(driven))[:, 0]
        slower = np.clip((self.vx_body + self.p["max_reverse_mps"]) * 0.5, 0.0, 1.0)
        in_neutral = self.manual_gear & (self.wanted_gear == 0) & ~self.reverse
        self.engine_drag_n[:] = np.where(in_neutral, 0.0, engines.drag_n(driven, chosen))
        ratio = np.take_along_axis(self._ratios, (chosen - 1)[:, None], axis=1)[:, 0]
        pulling_away = np.where(engines.idle_radps > 0.0, LAUNCH * engines.max_radps * throttle, 0.0)
        turning = np.where(in_neutral, throttle * engines.max_radps, np.abs(driven) * ratio)
        self.engine_radps[:] = np.maximum(turning, np.maximum(engines.idle_radps, pulling_away))
        drive = np.where(self.reverse, -REVERSE_SHARE * throttle * first * slower, forward)
        return np.where(in_neutral, 0.0, drive)

    def engine_rpm(self, slot: int) -> float:
        """Turns of a vehicle's engine in a minute."""
        return float(self.engine_radps[slot]) / RADPS_PER_RPM

    def shown_gears(self) -> np.ndarray:
        """The gears as CARLA tells them, (N,): -1 in reverse, 0 in neutral, else from 1."""
        in_neutral = self.manual_gear & (self.wanted_gear == 0)
        return np.where(self.reverse, -1, np.where(in_neutral, 0, self.gear))

    # Ground

    def _climb_kerbs(self, dt_s: float) -> None:
        """Let the wheels follow what they stand on; what rises before a wheel takes speed and turns the car."""
        rise = self.kerb_m - self.wheel_lift_m
        if not np.any(rise):
            return
        struck = np.where(rise > self._struck_m, rise, 0.0)
        self._struck_m[:] = np.where(rise > 1e-3, np.maximum(self._struck_m, rise), 0.0)
        loss = KERB_LOSS * 0.25 * np.minimum(struck / self.p["wheel_radius_m"][:, None], 1.0)
        # A wheel's loss is an impulse against the motion, on that wheel's side of the car.
        ns = loss * (self.p["mass_kg"] * self.vx_body)[:, None]
        lever = 0.5 * self.p["track_m"] * ((ns[:, 0] + ns[:, 2]) - (ns[:, 1] + ns[:, 3]))
        free = self.simulate_physics
        self.yaw_rate -= np.where(free, lever / self.p["yaw_inertia_kgm2"], 0.0)
        self.vx_body *= np.where(free, 1.0 - loss[:, 0] - loss[:, 1] - loss[:, 2] - loss[:, 3], 1.0)
        self.wheel_lift_m += (1.0 - math.exp(-dt_s / KERB_LAG_S)) * rise
        self.wheel_lift_m[np.abs(rise) < 1e-4] = self.kerb_m[np.abs(rise) < 1e-4]

    def _follow_ground(self, dt_s: float, ground: Ground) -> None:
        """Set the vehicles on the ground and the kerbs, and lean them on their springs."""
        free, p = self.simulate_physics, self.p
        z, pitch, roll = ground(self.x, self.y, self.yaw)
        fl, fr, rl, rr = self.wheel_lift_m.T
        z = z + 0.25 * (fl + fr + rl + rr)
        pitch = pitch + np.arctan(0.5 * (fl + fr - rl - rr) / p["wheelbase_m"])
        roll = roll + np.arctan(0.5 * (fl + rl - fr - rr) / p["track_m"])
        self._lean(self.lean_pitch, self.lean_pitch_rate, p["pitch_per_mps2"] * self.ax_felt, dt_s)
        self._lean(self.lean_roll, self.lean_roll_rate, -p["roll_per_mps2"] * self.ay_felt, dt_s)
        self.ground_pitch[:] = np.where(free, pitch, self.ground_pitch)
        self.ground_roll[:] = np.where(free, roll, self.ground_roll)
        self.z[:] = np.where(free, z, self.z)
        self.pitch[:] = np.where(free, pitch + self.lean_pitch, self.pitch)
        self.roll[:] = np.where(free, roll + self.lean_roll, self.roll)

    @staticmethod
    def _lean(angle: np.ndarray, rate: np.ndarray, target: np.ndarray, dt_s: float) -> None:
        """A damped spring towards `target` for dt_s, in closed form (so any step is stable)."""
        omega = 2.0 * math.pi * BODY_HZ
        damped = omega * math.sqrt(1.0 - BODY_DAMPING**2)
        decay, c, s = math.exp(-BODY_DAMPING * omega * dt_s), math.cos(damped * dt_s), math.sin(damped * dt_s)
        off = angle - target
        swing = (rate + BODY_DAMPING * omega * off) / damped
        angle[:] = target + decay * (off * c + swing * s)
        rate[:] = decay * (rate * c - (omega * omega * off + BODY_DAMPING * omega * rate) / damped * s)
