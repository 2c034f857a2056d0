"""Vehicle motion written with numpy, a call for all vehicles: what the compiled loops are compared with.

The same formulas as in `sim.vehicles.drivetrain`, `tyres`, `motion` and `step`, which explain them.
"""

import math
from typing import NamedTuple

import numpy as np

from sim.vehicles.drivetrain import (
    DOWNSHIFT_AFTER_S,
    KNOTS,
    LAUNCH,
    LEAST_AFTER_UPSHIFT,
    LOWEST,
    MAX_GEARS,
    PEDAL_SLOPE,
    RESERVE,
    REVERSE_SHARE,
    SHARE_IN_SHIFT,
    UPSHIFT_AFTER_S,
    WORTH_IT,
)
from sim.vehicles.fleet import RESTED_S, Vehicles
from sim.vehicles.motion import (
    AIR_DENSITY_KGPM3,
    ASSIST_FROM,
    ASSIST_TO,
    DYNAMIC_ABOVE_MPS,
    HAND_BRAKE_GRIPS,
    KINEMATIC_BELOW_MPS,
    LOAD_LAG_S,
    MOST_MPS2,
)
from sim.vehicles.step import (
    BODY_DAMPING,
    BODY_HZ,
    KERB_LAG_S,
    KERB_LOSS,
    MAX_SUBSTEP_S,
    MAX_TICK_S,
    Ground,
    flat_ground,
)
from sim.vehicles.tyres import GRAVITY_MPS2, LOAD_SENSITIVITY, SHAPE

_LEAST_REFERENCE_MPS = 1.0
_FRONT = np.array([[1.0], [1.0], [0.0], [0.0]])
_RIGHT = np.array([[-1.0], [1.0], [-1.0], [1.0]])


def share_of_pedal(pedal: np.ndarray) -> np.ndarray:
    """The share of the present best force that a pedal at 0..1 asks for."""
    return pedal * (PEDAL_SLOPE + (1.0 - PEDAL_SLOPE) * pedal)


class Engines(NamedTuple):
    torque_nm: np.ndarray  # (N, KNOTS)
    ratios: np.ndarray  # (N, MAX_GEARS)
    gear_count: np.ndarray
    max_radps: np.ndarray
    idle_radps: np.ndarray
    efficiency: np.ndarray
    drag_rest_nm: np.ndarray
    drag_speed_nm: np.ndarray
    radius_m: np.ndarray
    shift_s: np.ndarray

    def speeds_radps(self, wheel_radps: np.ndarray) -> np.ndarray:
        return np.abs(wheel_radps)[:, None] * self.ratios

    def capacity_n(self, wheel_radps: np.ndarray) -> np.ndarray:
        speeds = self.speeds_radps(wheel_radps)
        top = self.max_radps[:, None]
        least = np.where(self.idle_radps > 0.0, LAUNCH, 0.0)[:, None]
        place = np.clip(speeds / top, least, 1.0) * (KNOTS - 1)
        below = np.minimum(place.astype(np.int64), KNOTS - 2)
        low = np.take_along_axis(self.torque_nm, below, axis=1)
        high = np.take_along_axis(self.torque_nm, below + 1, axis=1)
        torque = low + (place - below) * (high - low)
        exists = np.arange(MAX_GEARS) < self.gear_count[:, None]
        usable = exists & (speeds <= 1.02 * top)
        return np.where(usable, torque * self.ratios * (self.efficiency / self.radius_m)[:, None], 0.0)

    def drag_n(self, wheel_radps: np.ndarray, gear: np.ndarray) -> np.ndarray:
        ratio = np.take_along_axis(self.ratios, np.clip(gear - 1, 0, MAX_GEARS - 1)[:, None], axis=1)[:, 0]
        share = np.minimum(np.abs(wheel_radps) * ratio / self.max_radps, 1.2)
        drag = (self.drag_rest_nm + self.drag_speed_nm * share) * ratio / self.radius_m
        return np.where(np.abs(wheel_radps) * ratio < self.idle_radps, 0.0, drag)


def choose_gear(
    engines: Engines, wheel_radps: np.ndarray, gear: np.ndarray, wanted_n: np.ndarray, in_gear_s: np.ndarray
) -> np.ndarray:
    capacity = engines.capacity_n(wheel_radps)
    share = engines.speeds_radps(wheel_radps) / engines.max_radps[:, None]
    numbers = np.arange(1, MAX_GEARS + 1)
    rest = numbers == 1
    able = (capacity >= RESERVE * wanted_n[:, None]) & ((share >= LEAST_AFTER_UPSHIFT) | rest) & (capacity > 0.0)
    strongest = np.argmax(capacity, axis=1) + 1
    highest_able = np.max(np.where(able, numbers, 0), axis=1)
    best = np.where(highest_able > 0, highest_able, strongest)
    now = np.take_along_axis(capacity, gear[:, None] - 1, axis=1)[:, 0]
    turning = np.take_along_axis(share, gear[:, None] - 1, axis=1)[:, 0]
    too_slow = (turning < LOWEST) | (now < wanted_n)
    gains = np.take_along_axis(capacity, best[:, None] - 1, axis=1)[:, 0] > WORTH_IT * now
    down = (best < gear) & too_slow & (gains | (turning < LOWEST)) & (in_gear_s >= DOWNSHIFT_AFTER_S)
    up = (best > gear) & ((in_gear_s >= UPSHIFT_AFTER_S) | (turning > 1.0))
    return np.where(down | up, best, gear)


def friction_limit_n(load_n: np.ndarray, static_load_n: np.ndarray, friction: np.ndarray) -> np.ndarray:
    overload = np.maximum(load_n / static_load_n - 1.0, -1.0)
    return np.maximum(friction * load_n * (1.0 - LOAD_SENSITIVITY * overload), 0.0)


def stiffness_under_load(stiffness_n: np.ndarray, load_n: np.ndarray, static_load_n: np.ndarray) -> np.ndarray:
    t = 0.5 * np.maximum(load_n, 0.0) / static_load_n
    return stiffness_n * (2.0 * t / (1.0 + t * t)) / 0.8


def force_per_slip_n(slip: np.ndarray, stiffness_n: np.ndarray, limit_n: np.ndarray) -> np.ndarray:
    slip = np.maximum(slip, 1e-9)
    limit = np.maximum(limit_n, 1e-6)
    return limit * np.sin(SHAPE * np.arctan(stiffness_n * slip / (SHAPE * limit))) / slip


class Frame(NamedTuple):
    ahead_m: np.ndarray
    aside_m: np.ndarray
    static_load_n: np.ndarray
    stiffness_n: np.ndarray
    friction: np.ndarray
    radius_m: np.ndarray
    inertia_kgm2: np.ndarray
    drive_nm: np.ndarray
    engine_drag_nm: np.ndarray
    brake_nm: np.ndarray
    hand_nm: np.ndarray
    assisted: np.ndarray
    gravity_ahead_n: np.ndarray
    gravity_aside_n: np.ndarray
    cg_ahead_m: np.ndarray


class Motion(NamedTuple):
    vx: np.ndarray
    vy: np.ndarray
    yaw_rate: np.ndarray


def frame_of(v: Vehicles, drive_n: np.ndarray, engine_drag_n: np.ndarray) -> Frame:
    p = v.p
    a, b = p["cg_to_front_m"], p["wheelbase_m"] - p["cg_to_front_m"]
    half_track = 0.5 * p["track_m"]
    mass, radius, assisted = p["mass_kg"], p["wheel_radius_m"], p["has_assistance"] > 0.5
    front_load = 0.5 * mass * GRAVITY_MPS2 * b / p["wheelbase_m"]
    rear_load = 0.5 * mass * GRAVITY_MPS2 - front_load
    share = p["front_drive_share"]
    of_wheels = 0.5 * radius * (_FRONT * share + (1.0 - _FRONT) * (1.0 - share))
    static = _axles(front_load, rear_load)
    split = np.where(assisted, v.wheel_load_n.T / (mass * GRAVITY_MPS2), 0.5 * _axle_share(p["front_brake_share"]))
    brake = np.clip(v.brake, 0.0, 1.0) * p["max_brake_mps2"] * mass * radius
    hand = HAND_BRAKE_GRIPS * p["friction"] * rear_load * radius * v.hand_brake
    return Frame(
        ahead_m=_axles(a, -b),
        aside_m=_RIGHT * half_track,
        static_load_n=static,
        stiffness_n=0.5 * _axles(p["front_stiffness_npr"], p["rear_stiffness_npr"]),
        friction=p["friction"] * v.road_friction * v.surface_grip.T,
        radius_m=radius,
        inertia_kgm2=p["wheel_inertia_kgm2"],
        drive_nm=drive_n * of_wheels,
        engine_drag_nm=engine_drag_n * of_wheels,
        brake_nm=brake * split,
        hand_nm=(1.0 - _FRONT) * hand,
        assisted=assisted,
        gravity_ahead_n=-mass * GRAVITY_MPS2 * np.sin(v.ground_pitch),
        gravity_aside_n=mass * GRAVITY_MPS2 * np.sin(v.ground_roll),
        cg_ahead_m=0.5 * p["wheelbase_m"] - a,
    )


def substep(v: Vehicles, frame: Frame, h: float) -> None:
    p, free = v.p, v.simulate_physics
    _turn_front_wheels(v, h)
    now = Motion(v.vx_body, v.vy_body + frame.cg_ahead_m * v.yaw_rate, v.yaw_rate)
    loads = wheel_loads(v, frame)
    limits = friction_limit_n(loads, frame.static_load_n, frame.friction)
    moved, spins = _slip_motion(v, frame, now, loads, limits, h)
    rolled = _kinematic_motion(v, frame, now, limits, h)
    speed = np.hypot(now.vx, now.vy)
    w = np.clip((speed - KINEMATIC_BELOW_MPS) / (DYNAMIC_ABOVE_MPS - KINEMATIC_BELOW_MPS), 0.0, 1.0)
    vx1, vy1, r1 = (w * slipping + (1.0 - w) * rolling for slipping, rolling in zip(moved, rolled, strict=True))
    weight = p["mass_kg"] * GRAVITY_MPS2
    air = 0.5 * AIR_DENSITY_KGPM3 * p["drag_area_m2"] * now.vx * now.vx
    loss = h * (air + (p["rolling_resistance"] + v.soft_ground) * weight) / p["mass_kg"]
    vx1 = np.sign(vx1) * np.maximum(np.abs(vx1) - loss, 0.0)
    rolling_spin = np.where(frame.hand_nm > 0.0, 0.0, vx1 / frame.radius_m)
    v.wheel_radps.T[:] = np.where(free, w * spins + (1.0 - w) * rolling_spin, 0.0)
    v.ax_body[:] = np.where(free, (vx1 - now.vx) / h, 0.0)
    ay_body = np.where(free, w * (vy1 - now.vy) / h + (1.0 - w) * now.vx * now.yaw_rate, 0.0)
    follow = min(h / LOAD_LAG_S, 1.0)
    v.ax_felt += follow * (np.clip(v.ax_body, -MOST_MPS2, MOST_MPS2) - v.ax_felt)
    v.ay_felt += follow * (np.clip(ay_body, -MOST_MPS2, MOST_MPS2) - v.ay_felt)
    yaw_mid = v.yaw + 0.5 * h * r1
    c, s = np.cos(w * r1 * h), np.sin(w * r1 * h)
    vx2, vy2 = c * vx1 + s * vy1, c * vy1 - s * vx1
    c, s = np.cos(yaw_mid), np.sin(yaw_mid)
    reference_vy = vy1 - frame.cg_ahead_m * r1
    v.x += np.where(free, h * (c * vx1 - s * reference_vy), 0.0)
    v.y += np.where(free, h * (s * vx1 + c * reference_vy), 0.0)
    v.yaw[:] = np.where(free, (v.yaw + h * r1 + np.pi) % (2.0 * np.pi) - np.pi, v.yaw)
    v.vx_body[:] = np.where(free, vx2, 0.0)
    v.yaw_rate[:] = np.where(free, r1, 0.0)
    v.vy_body[:] = np.where(free, vy2 - frame.cg_ahead_m * r1, 0.0)


def wheel_loads(v: Vehicles, frame: Frame) -> np.ndarray:
    p = v.p
    lever = p["mass_kg"] * p["cg_height_m"]
    backward = 0.5 * lever * v.ax_felt / p["wheelbase_m"]
    axle = np.maximum(frame.static_load_n - (2.0 * _FRONT - 1.0) * backward, 0.05 * frame.static_load_n)
    sideways = (1.0 - p["leans"]) * lever * v.ay_felt / p["track_m"] * _axle_share(p["front_roll_share"])
    loads = axle - _RIGHT * np.clip(sideways, -axle, axle)
    v.wheel_load_n.T[:] = loads
    return loads


def _turn_front_wheels(v: Vehicles, h: float) -> None:
    target = np.clip(v.steer, -1.0, 1.0) * v.p["max_steer_rad"]
    reach = v.p["steer_rate_radps"] * h
    v.steer_angle_rad += np.clip(target - v.steer_angle_rad, -reach, reach)


def front_wheel_tangents(v: Vehicles) -> np.ndarray:
    middle = np.tan(np.clip(v.steer_angle_rad, -1.5, 1.5))
    reach = 0.5 * v.p["track_m"] / v.p["wheelbase_m"] * middle
    return _FRONT * middle / np.maximum(1.0 - _RIGHT * reach, 0.2)


def _slip_motion(
    v: Vehicles, frame: Frame, now: Motion, loads: np.ndarray, limits: np.ndarray, h: float
) -> tuple[Motion, np.ndarray]:
    mass, radius = v.p["mass_kg"], frame.radius_m
    tangent = front_wheel_tangents(v)
    cos_d = 1.0 / np.sqrt(1.0 + tangent * tangent)
    sin_d = tangent * cos_d
    ahead, aside = now.vx - now.yaw_rate * frame.aside_m, now.vy + now.yaw_rate * frame.ahead_m
    along, across = cos_d * ahead + sin_d * aside, cos_d * aside - sin_d * ahead
    rim = v.wheel_radps.T * radius
    reference = np.maximum(np.maximum(np.abs(along), np.abs(rim)), _LEAST_REFERENCE_MPS)
    slip_x, slip_y = (rim - along) / reference, -across / reference
    stiffness = stiffness_under_load(frame.stiffness_n, loads, frame.static_load_n)
    per_slip = force_per_slip_n(np.hypot(slip_x, slip_y), stiffness, limits)
    grip = h * radius * radius * per_slip / reference
    inertia = frame.inertia_kgm2 + grip
    released = np.clip((ASSIST_TO - np.abs(slip_x)) / (ASSIST_TO - ASSIST_FROM), 0.0, 1.0)
    helped = np.where(frame.assisted, released, 1.0)
    driven = (frame.inertia_kgm2 * v.wheel_radps.T + h * helped * frame.drive_nm + grip * along / radius) / inertia
    resisting = helped * frame.brake_nm + frame.engine_drag_nm + frame.hand_nm
    spins = np.sign(driven) * np.maximum(np.abs(driven) - h * resisting / inertia, 0.0)
    force_x, force_y = per_slip * (spins * radius - along) / reference, per_slip * slip_y
    fit = np.minimum(limits / np.maximum(np.hypot(force_x, force_y), 1e-9), 1.0)
    force_x, force_y = fit * force_x, fit * force_y
    v.wheel_slip.T[0], v.wheel_slip.T[1] = slip_x, slip_y
    v.wheel_force_n.T[0], v.wheel_force_n.T[1] = force_x, force_y
    body_x, body_y = cos_d * force_x - sin_d * force_y, sin_d * force_x + cos_d * force_y
    turning = _sum_of_wheels(frame.ahead_m * body_y - frame.aside_m * body_x)
    moved = Motion(
        now.vx + h * (_sum_of_wheels(body_x) + frame.gravity_ahead_n) / mass,
        now.vy + h * (_sum_of_wheels(body_y) + frame.gravity_aside_n) / mass,
        now.yaw_rate + h * turning / v.p["yaw_inertia_kgm2"],
    )
    return moved, spins


def _kinematic_motion(v: Vehicles, frame: Frame, now: Motion, limits: np.ndarray, h: float) -> Motion:
    p, radius = v.p, frame.radius_m
    b = p["wheelbase_m"] - p["cg_to_front_m"]
    drive = _sum_of_wheels(np.clip(frame.drive_nm / radius, -limits, limits))
    slowing = _sum_of_wheels(np.minimum((frame.brake_nm + frame.engine_drag_nm + frame.hand_nm) / radius, limits))
    vx1 = now.vx + h * (drive + frame.gravity_ahead_n) / p["mass_kg"]
    vx1 = np.sign(vx1) * np.maximum(np.abs(vx1) - h * slowing / p["mass_kg"], 0.0)
    r_target = vx1 * np.tan(v.steer_angle_rad) / p["wheelbase_m"]
    reach = _sum_of_wheels(limits) / p["mass_kg"] * h
    turn = reach * p["mass_kg"] * b / p["yaw_inertia_kgm2"]
    vy1 = now.vy + np.clip(r_target * b - now.vy, -reach, reach)
    return Motion(vx1, vy1, now.yaw_rate + np.clip(r_target - now.yaw_rate, -turn, turn))


def _axles(front: np.ndarray, rear: np.ndarray) -> np.ndarray:
    return np.stack([front, front, rear, rear])


def _axle_share(front: np.ndarray) -> np.ndarray:
    return _FRONT * front + (1.0 - _FRONT) * (1.0 - front)


def _sum_of_wheels(values: np.ndarray) -> np.ndarray:
    return values[0] + values[1] + values[2] + values[3]


def step_vehicles(v: Vehicles, dt_s: float, ground: Ground = flat_ground) -> None:
    if len(v) == 0 or dt_s <= 0.0:
        return
    before = v.world_velocity()
    _climb_kerbs(v, dt_s)
    ticks = max(1, math.ceil(dt_s / MAX_TICK_S - 1e-9))
    substeps = max(1, math.ceil(dt_s / ticks / MAX_SUBSTEP_S - 1e-9))
    for _ in range(ticks):
        frame = frame_of(v, _drive(v, dt_s / ticks), v.engine_drag_n * (1.0 - _share(v)))
        for _ in range(substeps):
            substep(v, frame, dt_s / ticks / substeps)
    v.wheel_turn_rad[:] = (v.wheel_turn_rad + v.wheel_radps * dt_s) % math.tau
    _follow_ground(v, dt_s, ground)
    acceleration = (v.world_velocity() - before) / dt_s
    v.ax_world[:], v.ay_world[:] = acceleration[:, 0], acceleration[:, 1]


def _share(v: Vehicles) -> np.ndarray:
    return share_of_pedal(np.clip(v.throttle, 0.0, 1.0))


def _drive(v: Vehicles, dt_s: float) -> np.ndarray:
    engines, throttle = _engines(v), _share(v)
    share, speeds = v.p["front_drive_share"], v.wheel_radps
    driven = 0.5 * (share * (speeds[:, 0] + speeds[:, 1]) + (1.0 - share) * (speeds[:, 2] + speeds[:, 3]))
    capacity = engines.capacity_n(driven)
    by_box = choose_gear(engines, driven, v.gear, throttle * capacity.max(axis=1), v.in_gear_s)
    by_hand = np.clip(v.wanted_gear, 1, v.gear_count)
    chosen = np.where(v.reverse, 1, np.where(v.manual_gear, by_hand, by_box))
    is_new = v.in_gear_s == RESTED_S
    v.in_gear_s[:] = np.where((chosen == v.gear) | is_new, v.in_gear_s + dt_s, 0.0)
    v.gear[:] = chosen
    of_gear = np.take_along_axis(capacity, (chosen - 1)[:, None], axis=1)[:, 0]
    v.drive_limit_n[:] = np.where(v.manual_gear, of_gear, capacity.max(axis=1))
    forward = np.minimum(throttle * v.drive_limit_n, of_gear)
    forward *= np.where(v.in_gear_s < engines.shift_s, SHARE_IN_SHIFT, 1.0)
    first = engines.capacity_n(np.zeros_like(driven))[:, 0]
    slower = np.clip((v.vx_body + v.p["max_reverse_mps"]) * 0.5, 0.0, 1.0)
    in_neutral = v.manual_gear & (v.wanted_gear == 0) & ~v.reverse
    v.engine_drag_n[:] = np.where(in_neutral, 0.0, engines.drag_n(driven, chosen))
    ratio = np.take_along_axis(engines.ratios, (chosen - 1)[:, None], axis=1)[:, 0]
    pulling_away = np.where(engines.idle_radps > 0.0, LAUNCH * engines.max_radps * throttle, 0.0)
    turning = np.where(in_neutral, throttle * engines.max_radps, np.abs(driven) * ratio)
    v.engine_radps[:] = np.maximum(turning, np.maximum(engines.idle_radps, pulling_away))
    drive = np.where(v.reverse, -REVERSE_SHARE * throttle * first * slower, forward)
    return np.where(in_neutral, 0.0, drive)


def _climb_kerbs(v: Vehicles, dt_s: float) -> None:
    rise = v.kerb_m - v.wheel_lift_m
    if not np.any(rise):
        return
    struck = np.where(rise > v.struck_m, rise, 0.0)
    v.struck_m[:] = np.where(rise > 1e-3, np.maximum(v.struck_m, rise), 0.0)
    loss = KERB_LOSS * 0.25 * np.minimum(struck / v.p["wheel_radius_m"][:, None], 1.0)
    ns = loss * (v.p["mass_kg"] * v.vx_body)[:, None]
    lever = 0.5 * v.p["track_m"] * ((ns[:, 0] + ns[:, 2]) - (ns[:, 1] + ns[:, 3]))
    free = v.simulate_physics
    v.yaw_rate -= np.where(free, lever / v.p["yaw_inertia_kgm2"], 0.0)
    v.vx_body *= np.where(free, 1.0 - loss[:, 0] - loss[:, 1] - loss[:, 2] - loss[:, 3], 1.0)
    v.wheel_lift_m += (1.0 - math.exp(-dt_s / KERB_LAG_S)) * rise
    v.wheel_lift_m[np.abs(rise) < 1e-4] = v.kerb_m[np.abs(rise) < 1e-4]


def _follow_ground(v: Vehicles, dt_s: float, ground: Ground) -> None:
    free, p = v.simulate_physics, v.p
    z, pitch, roll = ground(v.x, v.y, v.yaw)
    fl, fr, rl, rr = v.wheel_lift_m.T
    z = z + 0.25 * (fl + fr + rl + rr)
    pitch = pitch + np.arctan(0.5 * (fl + fr - rl - rr) / p["wheelbase_m"])
    roll = roll + np.arctan(0.5 * (fl + rl - fr - rr) / p["track_m"])
    _lean(v.lean_pitch, v.lean_pitch_rate, p["pitch_per_mps2"] * v.ax_felt, dt_s)
    _lean(v.lean_roll, v.lean_roll_rate, -p["roll_per_mps2"] * v.ay_felt, dt_s)
    v.ground_pitch[:] = np.where(free, pitch, v.ground_pitch)
    v.ground_roll[:] = np.where(free, roll, v.ground_roll)
    v.z[:] = np.where(free, z, v.z)
    v.pitch[:] = np.where(free, pitch + v.lean_pitch, v.pitch)
    v.roll[:] = np.where(free, roll + v.lean_roll, v.roll)


def _lean(angle: np.ndarray, rate: np.ndarray, target: np.ndarray, dt_s: float) -> None:
    omega = 2.0 * math.pi * BODY_HZ
    damped = omega * math.sqrt(1.0 - BODY_DAMPING**2)
    decay, c, s = math.exp(-BODY_DAMPING * omega * dt_s), math.cos(damped * dt_s), math.sin(damped * dt_s)
    off = angle - target
    swing = (rate + BODY_DAMPING * omega * off) / damped
    angle[:] = target + decay * (off * c + swing * s)
    rate[:] = decay * (rate * c - (omega * omega * off + BODY_DAMPING * omega * rate) / damped * s)


def _engines(v: Vehicles) -> Engines:
    r = v.rows
    return Engines(
        *(r["torque_nm"], r["ratios"], v.gear_count, r["max_radps"], r["idle_radps"], r["efficiency"]),
        *(r["drag_rest_nm"], r["drag_speed_nm"], v.p["wheel_radius_m"], r["shift_s"]),
    )
