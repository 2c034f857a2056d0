"""All vehicles of the world as a struct of arrays: the one place where a vehicle's pose, motion and controls are kept.

Vehicles are added, removed and placed here; `sim.vehicles.step` moves them by their controls. Frame:
CARLA's left-handed one (x forward, y right, yaw clockwise seen from above); a vehicle's reference point is the centre
of its wheelbase on the ground. Angles are radians, the rest SI.
"""

import numba
import numpy as np

from sim.vehicles.drivetrain import KNOTS, MAX_GEARS, RADPS_PER_RPM, Drivetrain
from sim.vehicles.spec import NUMBERS, VehicleSpec
from sim.vehicles.tyres import GRAVITY_MPS2

RESTED_S = 10.0
"""`in_gear_s` of a vehicle that was placed or given its velocity from outside: it may take any gear at once."""

FIRST_LIMIT_MPS = 30.0 / 3.6
"""What a vehicle that has not been on a road yet is told to be its speed limit."""

_NEW = {
    "simulate_physics": True,
    "gear": 1,
    "in_gear_s": RESTED_S,
    "surface_grip": 1.0,
    "gravity_mps2": GRAVITY_MPS2,
    "light_index": -1,
    "speed_limit_mps": FIRST_LIMIT_MPS,
}
"""What is not 0 of a new vehicle."""
_PARAMETERS = (*NUMBERS, "track_m")
_ENGINE = ("max_radps", "idle_radps", "efficiency", "drag_rest_nm", "drag_speed_nm", "shift_s")
_STATE = (
    *("x", "y", "z", "roll", "pitch", "yaw", "vx_body", "vy_body", "yaw_rate", "ax_world", "ay_world"),
    *("throttle", "steer", "brake", "steer_angle_rad", "ground_pitch", "ground_roll", "ax_body", "ax_felt", "ay_felt"),
    *("lean_pitch", "lean_roll", "lean_pitch_rate", "lean_roll_rate"),
    *("in_gear_s", "drive_limit_n", "engine_drag_n", "engine_radps", "soft_ground", "gravity_mps2", "speed_limit_mps"),
)
_FLAGS = ("hand_brake", "reverse", "simulate_physics", "manual_gear")
_WHEELS = ("wheel_radps", "wheel_turn_rad", "wheel_load_n", "wheel_lift_m", "kerb_m", "surface_grip", "struck_m")
_WHEEL_VECTORS = ("wheel_slip", "wheel_force_n")
_COUNTS = ("ids", "gear", "wanted_gear", "gear_count", "light_index")

ROW = np.dtype(
    [
        *((name, np.int64) for name in _COUNTS),
        *((name, np.float64) for name in (*_STATE, *_PARAMETERS, *_ENGINE)),
        *((name, np.float64, 4) for name in _WHEELS),
        *((name, np.float64, (4, 2)) for name in _WHEEL_VECTORS),
        ("velocity_world", np.float64, 3),
        ("torque_nm", np.float64, KNOTS),
        ("ratios", np.float64, MAX_GEARS),
        *((name, np.bool_) for name in _FLAGS),
    ],
    align=True,
)
"""One vehicle in the table: its state, its parameters by the names of `VehicleSpec`, its wheels and its drivetrain."""
ROWS = numba.from_dtype(ROW)[::1]
"""The table in the signature of a compiled loop."""


class Vehicles:
    """All vehicles, one slot each, in the order in which they were added.

    `rows` is the table, (N,) of `ROW`, for compiled loops. The other attributes below are its columns, which may be
    written in place. `add` and `remove` rebind all of them, so do not keep them over either. `ids`, `gear`,
    `wanted_gear` and `gear_count` are (N,) int64; `hand_brake`, `reverse`, `manual_gear` and `simulate_physics` are
    (N,) bool; `p[name]` is the (N,) float64 column of a `VehicleSpec` field. What has a value for each wheel is (N, 4),
    slips and forces (N, 4, 2): along the wheel and across it.
    """

    rows: np.ndarray
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
    """Drag of the engine at the wheels with the throttle shut."""
    wheel_radps: np.ndarray
    wheel_turn_rad: np.ndarray
    """How far each wheel has rolled, 0 to 2 pi."""
    wheel_load_n: np.ndarray
    wheel_slip: np.ndarray
    wheel_force_n: np.ndarray
    wheel_lift_m: np.ndarray
    kerb_m: np.ndarray
    """Height above the road of what each wheel stands on; written from outside, by what knows the pavements."""
    surface_grip: np.ndarray
    """Friction under each wheel as a share of the road's."""
    soft_ground: np.ndarray
    """Rolling resistance that a soft ground adds."""
    gravity_mps2: np.ndarray
    """What presses the wheels on the ground and pulls down a slope; 0 for a vehicle whose gravity is switched off."""
    struck_m: np.ndarray
    """Height of the kerb that each wheel is climbing, as far as its impact is already counted."""
    velocity_world: np.ndarray
    """As clients are shown it, (N, 3) m/s: at the end of the last tick, or what a replay has put over it."""
    light_index: np.ndarray
    """The traffic light that each stands at, an index into `Signals.lights`; -1 for none."""
    speed_limit_mps: np.ndarray
    """Where each is; off the road the last one."""

    def __init__(self, capacity: int = 64):
        self._count = 0
        self._store = np.zeros(capacity, ROW)
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
        self.rows = self._store[: self._count]
        for name in (*_COUNTS, *_STATE, *_WHEELS, *_WHEEL_VECTORS, *_FLAGS, "velocity_world"):
            setattr(self, name, self.rows[name])
        self.p = {name: self.rows[name] for name in _PARAMETERS}

    def slot(self, actor_id: int) -> int:
        """The index of an actor in the arrays; KeyError when it is not here."""
        try:
            return self._slots[actor_id]
        except KeyError:
            raise KeyError(f"no vehicle with actor id {actor_id}") from None

    def missing(self, actor_ids: list[int]) -> list[int]:
        """Those of several actors that are no vehicles here, in their order."""
        return [i for i in actor_ids if i not in self._slots]

    def slots(self, actor_ids: list[int]) -> np.ndarray:
        """The indices of several actors, (len(actor_ids),) int64."""
        return np.array([self._slots[i] for i in actor_ids], np.int64)

    def add(self, actor_id: int, spec: VehicleSpec, x: float, y: float, z: float, yaw_rad: float) -> int:
        """Put a vehicle at rest at a pose; gives back its slot (the last). ValueError when the id is taken."""
        if actor_id in self._slots:
            raise ValueError(f"a vehicle with actor id {actor_id} is already here: remove it first or use another id")
        slot = self._count
        if slot == len(self._store):
            self._store = np.concatenate([self._store, np.zeros_like(self._store)])
        row = self._store[slot]
        self._store[slot] = np.zeros((), ROW)
        for name in _PARAMETERS:
            row[name] = getattr(spec, name)
        for name, value in (("ids", actor_id), ("x", x), ("y", y), ("z", z), ("yaw", yaw_rad)):
            row[name] = value
        for name, value in _NEW.items():
            row[name] = value
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
        row = self.rows[slot]
        row["torque_nm"] = drivetrain.torque_nm
        row["ratios"] = 0.0
        row["ratios"][: len(drivetrain.ratios)] = drivetrain.ratios
        row["gear_count"] = len(drivetrain.ratios)
        row["gear"] = min(max(int(row["gear"]), 1), len(drivetrain.ratios))
        row["max_radps"] = drivetrain.max_rpm * RADPS_PER_RPM
        row["idle_radps"] = drivetrain.idle_rpm * RADPS_PER_RPM
        row["efficiency"], row["shift_s"] = drivetrain.efficiency, drivetrain.shift_s
        row["drag_rest_nm"], row["drag_speed_nm"] = drivetrain.drag_nm
        self.drive_limit_n[slot] = drivetrain.launch_force_n(float(row["wheel_radius_m"]))

    def remove(self, actor_id: int) -> None:
        """Take a vehicle out; those after it move up one slot, so that the order stays that of adding."""
        slot = self.slot(actor_id)
        self._store[slot : self._count - 1] = self._store[slot + 1 : self._count]
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
        """Place a vehicle (metres, radians). Its velocity in the world stays what it was."""
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
        self.in_gear_s[k] = RESTED_S

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

    def engine_rpm(self, slot: int) -> float:
        """Turns of a vehicle's engine in a minute."""
        return float(self.engine_radps[slot]) / RADPS_PER_RPM

    def shown_gears(self) -> np.ndarray:
        """The gears as CARLA numbers them, (N,): -1 in reverse, 0 in neutral, else from 1."""
        in_neutral = self.manual_gear & (self.wanted_gear == 0)
        return np.where(self.reverse, -1, np.where(in_neutral, 0, self.gear))
