"""One step of all vehicles: from CARLA's vehicle controls and the ground under them to their next poses.

Any number of vehicles takes the same number of numpy calls: kerbs and ground once a step, pedal, gears and engine
once a tick, tyres and wheels many times (`sim.vehicles.motion`). The state is `sim.vehicles.fleet.Vehicles`, changed in
place. Nothing is known here of lanes, traffic or the wire.
"""

import math
from collections.abc import Callable

import numpy as np

from sim.vehicles.drivetrain import LAUNCH, REVERSE_SHARE, SHARE_IN_SHIFT, choose_gear, share_of_pedal
from sim.vehicles.fleet import RESTED_S, Vehicles
from sim.vehicles.motion import frame_of, substep

MAX_SUBSTEP_S = 0.01
#: Longest time between two updates of pedal and gearbox, seconds.
MAX_TICK_S = 0.05
#: The body on its springs: natural frequency and damping ratio of a passenger car's pitch and roll (Gillespie, ch. 5).
BODY_HZ, BODY_DAMPING = 1.4, 0.5
KERB_LAG_S = 0.05
#: Of the speed that a rigid wheel loses at a step of height h, h / radius (inelastic impact), a tyre loses this share.
KERB_LOSS = 0.5

#: (x, y, yaw) of N vehicles -> (z, pitch, roll) of the ground under them, each (N,); pitch positive nose up.
Ground = Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]]


def flat_ground(x: np.ndarray, _y: np.ndarray, _yaw: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The plane z = 0."""
    zero = np.zeros_like(x)
    return zero, zero, zero


def step_vehicles(v: Vehicles, dt_s: float, ground: Ground = flat_ground) -> None:
    """Advance all vehicles by dt_s seconds under their present controls. Same state and controls, same bits."""
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
    """The share of the present best force that each pedal asks for, (N,) in 0..1."""
    return share_of_pedal(np.clip(v.throttle, 0.0, 1.0))


def _drive(v: Vehicles, dt_s: float) -> np.ndarray:
    """Update gears and engine for a tick; gives the force of the engine at the wheels, (N,) newtons, signed."""
    engines, throttle = v.engines(), _share(v)
    share, speeds = v.p["front_drive_share"], v.wheel_radps
    driven = 0.5 * (share * (speeds[:, 0] + speeds[:, 1]) + (1.0 - share) * (speeds[:, 2] + speeds[:, 3]))
    capacity = engines.capacity_n(driven)
    by_box = choose_gear(engines, driven, v.gear, throttle * capacity.max(axis=1), v.in_gear_s)
    by_hand = np.clip(v.wanted_gear, 1, v.gear_count)
    chosen = np.where(v.reverse, 1, np.where(v.manual_gear, by_hand, by_box))
    # A vehicle that was just placed, or given its velocity from outside, is in the fitting gear at once.
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
    """Let the wheels follow what they stand on; what rises before a wheel takes speed and turns the car."""
    rise = v.kerb_m - v.wheel_lift_m
    if not np.any(rise):
        return
    struck = np.where(rise > v.struck_m, rise, 0.0)
    v.struck_m[:] = np.where(rise > 1e-3, np.maximum(v.struck_m, rise), 0.0)
    loss = KERB_LOSS * 0.25 * np.minimum(struck / v.p["wheel_radius_m"][:, None], 1.0)
    # A wheel's loss is an impulse against the motion, on that wheel's side of the car.
    ns = loss * (v.p["mass_kg"] * v.vx_body)[:, None]
    lever = 0.5 * v.p["track_m"] * ((ns[:, 0] + ns[:, 2]) - (ns[:, 1] + ns[:, 3]))
    free = v.simulate_physics
    v.yaw_rate -= np.where(free, lever / v.p["yaw_inertia_kgm2"], 0.0)
    v.vx_body *= np.where(free, 1.0 - loss[:, 0] - loss[:, 1] - loss[:, 2] - loss[:, 3], 1.0)
    v.wheel_lift_m += (1.0 - math.exp(-dt_s / KERB_LAG_S)) * rise
    v.wheel_lift_m[np.abs(rise) < 1e-4] = v.kerb_m[np.abs(rise) < 1e-4]


def _follow_ground(v: Vehicles, dt_s: float, ground: Ground) -> None:
    """Set the vehicles on the ground and the kerbs, and lean them on their springs."""
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
    """A damped spring towards `target` for dt_s, in closed form (so any step is stable)."""
    omega = 2.0 * math.pi * BODY_HZ
    damped = omega * math.sqrt(1.0 - BODY_DAMPING**2)
    decay, c, s = math.exp(-BODY_DAMPING * omega * dt_s), math.cos(damped * dt_s), math.sin(damped * dt_s)
    off = angle - target
    swing = (rate + BODY_DAMPING * omega * off) / damped
    angle[:] = target + decay * (off * c + swing * s)
    rate[:] = decay * (rate * c - (omega * omega * off + BODY_DAMPING * omega * rate) / damped * s)
