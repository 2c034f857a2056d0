"""One step of all vehicles: from CARLA's vehicle controls and the ground under them to their next poses.

Two compiled loops over the table (`sim.vehicles.fleet.ROW`), changed in place: one moves the vehicles by pedals, gears
and tyres (`sim.vehicles.motion`), the other sets them on the ground. Nothing is known here of lanes, traffic or the
wire.
"""

import math
from collections.abc import Callable
from typing import Any

import numba
import numpy as np

from sim.kernels import compiled, part
from sim.vehicles.drivetrain import (
    LAUNCH,
    REVERSE_SHARE,
    SHARE_IN_SHIFT,
    capacity_n,
    choose_gear,
    engine_drag_n,
    share_of_pedal,
)
from sim.vehicles.fleet import RESTED_S, ROWS, Vehicles
from sim.vehicles.motion import FRAME, WHEELS, note_torques, substep, wheel_tangent

MAX_SUBSTEP_S = 0.01
#: Longest time between two updates of pedal and gearbox, seconds.
MAX_TICK_S = 0.05
#: The body on its springs: natural frequency and damping ratio of a passenger car's pitch and roll (Gillespie, ch. 5).
BODY_HZ, BODY_DAMPING = 1.4, 0.5
KERB_LAG_S = 0.05
#: Of the speed that a rigid wheel loses at a step of height h, h / radius (inelastic impact), a tyre loses this share.
KERB_LOSS = 0.5

_NUMBERS = numba.float64[::1]
_COUNT, _NUMBER = numba.int64, numba.float64

#: (x, y, yaw) of N vehicles -> (z, pitch, roll) of the ground under them, each (N,); pitch positive nose up.
Ground = Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]]


def flat_ground(x: np.ndarray, _y: np.ndarray, _yaw: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The plane z = 0."""
    zero = np.zeros_like(x)
    return zero, zero, zero


@part
def world_velocity(car: Any) -> tuple[float, float]:
    """Velocity of a vehicle's reference point in the world, m/s."""
    c, s = math.cos(car.yaw), math.sin(car.yaw)
    return c * car.vx_body - s * car.vy_body, s * car.vx_body + c * car.vy_body


@part
def _share(car: Any) -> float:
    """The share of the present best force that the pedal asks for, in 0..1."""
    return share_of_pedal(min(max(car.throttle, 0.0), 1.0))


@part
def _drive(car: Any, dt_s: float) -> float:
    """Update gears and engine for a tick; gives the force of the engine at the wheels, newtons, signed."""
    throttle, share = _share(car), car.front_drive_share
    front, rear = car.wheel_radps[0] + car.wheel_radps[1], car.wheel_radps[2] + car.wheel_radps[3]
    driven = 0.5 * (share * front + (1.0 - share) * rear)
    best_n = 0.0
    for gear in range(1, car.gear_count + 1):
        best_n = max(best_n, capacity_n(car, gear, driven))
    chosen = 1
    if not car.reverse:
        by_hand = min(max(car.wanted_gear, 1), car.gear_count)
        chosen = by_hand if car.manual_gear else choose_gear(car, driven, throttle * best_n)
    # A vehicle that was just placed, or given its velocity from outside, is in the fitting gear at once.
    is_new = car.in_gear_s == RESTED_S
    car.in_gear_s = car.in_gear_s + dt_s if chosen == car.gear or is_new else 0.0
    car.gear = chosen
    of_gear = capacity_n(car, chosen, driven)
    car.drive_limit_n = of_gear if car.manual_gear else best_n
    in_neutral = car.manual_gear and car.wanted_gear == 0 and not car.reverse
    car.engine_drag_n = 0.0 if in_neutral else engine_drag_n(car, driven, chosen)
    pulling_away = LAUNCH * car.max_radps * throttle if car.idle_radps > 0.0 else 0.0
    turning = throttle * car.max_radps if in_neutral else abs(driven) * car.ratios[chosen - 1]
    car.engine_radps = max(turning, car.idle_radps, pulling_away)
    if in_neutral:
        return 0.0
    if car.reverse:
        slower = min(max((car.vx_body + car.max_reverse_mps) * 0.5, 0.0), 1.0)
        return -REVERSE_SHARE * throttle * capacity_n(car, 1, 0.0) * slower
    forward = min(throttle * car.drive_limit_n, of_gear)
    return forward * (SHARE_IN_SHIFT if car.in_gear_s < car.shift_s else 1.0)


@part
def _climb_kerbs(car: Any, dt_s: float) -> None:
    """Let the wheels follow what they stand on; what rises before a wheel takes speed and turns the car."""
    follow = 1.0 - math.exp(-dt_s / KERB_LAG_S)
    lost, left_lost, right_lost = 0.0, 0.0, 0.0
    for wheel in range(WHEELS):
        rise = car.kerb_m[wheel] - car.wheel_lift_m[wheel]
        struck = rise if rise > car.struck_m[wheel] else 0.0
        car.struck_m[wheel] = max(car.struck_m[wheel], rise) if rise > 1e-3 else 0.0
        loss = KERB_LOSS * 0.25 * min(struck / car.wheel_radius_m, 1.0)
        lost += loss
        left_lost, right_lost = (left_lost, right_lost + loss) if wheel % 2 == 1 else (left_lost + loss, right_lost)
        car.wheel_lift_m[wheel] = car.kerb_m[wheel] if abs(rise) < 1e-4 else car.wheel_lift_m[wheel] + follow * rise
    if car.simulate_physics and lost > 0.0:
        # A wheel's loss is an impulse against the motion, on that wheel's side of the car.
        lever = 0.5 * car.track_m * (left_lost - right_lost) * car.mass_kg * car.vx_body
        car.yaw_rate -= lever / car.yaw_inertia_kgm2
        car.vx_body *= 1.0 - lost


@part
def _lean(angle: float, rate: float, target: float, swing: tuple[float, float, float]) -> tuple[float, float]:
    """Angle and rate of a damped spring after a step towards `target`, in closed form (so any step is stable)."""
    omega = 2.0 * math.pi * BODY_HZ
    damped = omega * math.sqrt(1.0 - BODY_DAMPING * BODY_DAMPING)
    decay, c, s = swing
    off = angle - target
    swung = (rate + BODY_DAMPING * omega * off) / damped
    slowing = (omega * omega * off + BODY_DAMPING * omega * rate) / damped
    return target + decay * (off * c + swung * s), decay * (rate * c - slowing * s)


@compiled(numba.void(ROWS, _NUMBERS, _NUMBERS, _NUMBER, _NUMBER, _COUNT, _COUNT))
def _move(
    rows: Any,
    before_x: np.ndarray,
    before_y: np.ndarray,
    road_friction: float,
    dt_s: float,
    ticks: int,
    substeps: int,
) -> None:
    """Move all vehicles in the plane by their controls; `before_*` receive their world velocities before the step."""
    frame = np.empty(1, FRAME)[0]
    tick_s = dt_s / ticks
    for k in range(len(rows)):
        car = rows[k]
        before_x[k], before_y[k] = world_velocity(car)
        _climb_kerbs(car, dt_s)
        for _ in range(ticks):
            drive_n = _drive(car, tick_s)
            note_torques(car, frame, drive_n, car.engine_drag_n * (1.0 - _share(car)))
            for _ in range(substeps):
                substep(car, frame, road_friction, tick_s / substeps)
        for wheel in range(WHEELS):
            car.wheel_turn_rad[wheel] = (car.wheel_turn_rad[wheel] + car.wheel_radps[wheel] * dt_s) % math.tau


@compiled(numba.void(ROWS, _NUMBERS, _NUMBERS, _NUMBERS, _NUMBERS, _NUMBERS, _NUMBER))
def _follow_ground(
    rows: Any,
    before_x: np.ndarray,
    before_y: np.ndarray,
    z: np.ndarray,
    pitch: np.ndarray,
    roll: np.ndarray,
    dt_s: float,
) -> None:
    """Set the vehicles on the ground and the kerbs, lean them on their springs, and note their acceleration."""
    omega = 2.0 * math.pi * BODY_HZ
    damped = omega * math.sqrt(1.0 - BODY_DAMPING * BODY_DAMPING)
    swing = (math.exp(-BODY_DAMPING * omega * dt_s), math.cos(damped * dt_s), math.sin(damped * dt_s))
    for k in range(len(rows)):
        car = rows[k]
        car.lean_pitch, car.lean_pitch_rate = _lean(
            car.lean_pitch, car.lean_pitch_rate, car.pitch_per_mps2 * car.ax_felt, swing
        )
        car.lean_roll, car.lean_roll_rate = _lean(
            car.lean_roll, car.lean_roll_rate, -car.roll_per_mps2 * car.ay_felt, swing
        )
        if car.simulate_physics:
            fl, fr, rl, rr = car.wheel_lift_m[0], car.wheel_lift_m[1], car.wheel_lift_m[2], car.wheel_lift_m[3]
            car.z = z[k] + 0.25 * (fl + fr + rl + rr)
            car.ground_pitch = pitch[k] + math.atan(0.5 * (fl + fr - rl - rr) / car.wheelbase_m)
            car.ground_roll = roll[k] + math.atan(0.5 * (fl + rl - fr - rr) / car.track_m)
            car.pitch, car.roll = car.ground_pitch + car.lean_pitch, car.ground_roll + car.lean_roll
        vx, vy = world_velocity(car)
        car.ax_world, car.ay_world = (vx - before_x[k]) / dt_s, (vy - before_y[k]) / dt_s


@compiled(numba.void(ROWS, numba.float64[:, ::1]))
def _tangents(rows: Any, found: np.ndarray) -> None:
    for k in range(len(rows)):
        for wheel in range(WHEELS):
            found[wheel, k] = wheel_tangent(rows[k], wheel)


def step_vehicles(v: Vehicles, dt_s: float, ground: Ground = flat_ground) -> None:
    """Advance all vehicles by dt_s seconds under their present controls. Same state and controls, same bits."""
    if len(v) == 0 or dt_s <= 0.0:
        return
    before_x, before_y = np.empty(len(v)), np.empty(len(v))
    ticks = max(1, math.ceil(dt_s / MAX_TICK_S - 1e-9))
    substeps = max(1, math.ceil(dt_s / ticks / MAX_SUBSTEP_S - 1e-9))
    _move(v.rows, before_x, before_y, v.road_friction, dt_s, ticks, substeps)
    z, pitch, roll = ground(v.x, v.y, v.yaw)
    _follow_ground(v.rows, before_x, before_y, z, pitch, roll, dt_s)


@compiled(numba.void(ROWS))
def _show_velocities(rows: Any) -> None:
    for k in range(len(rows)):
        car = rows[k]
        vx, vy = world_velocity(car)
        car.velocity_world[0], car.velocity_world[1] = vx, vy
        car.velocity_world[2] = car.vx_body * math.tan(car.ground_pitch)


def show_velocities(v: Vehicles) -> None:
    """Note the velocity that clients are shown of every vehicle after a tick."""
    _show_velocities(v.rows)


def front_wheel_tangents(v: Vehicles) -> np.ndarray:
    """Tangents of the wheels' steering angles, (4, N): the inner wheel turns in further (Ackermann's geometry)."""
    found = np.empty((WHEELS, len(v)))
    _tangents(v.rows, found)
    return found
