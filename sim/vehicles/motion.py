"""How vehicles move in a short time: wheels, tyres, loads and brakes of all vehicles at once.

Arrays of wheels are (4, N), in CARLA's order: front left, front right, rear left, rear right. Body frame: x forward,
y right, yaw clockwise from above; velocities here are those of the centre of gravity. SI units.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sim.vehicles.fleet import Vehicles
from sim.vehicles.tyres import GRAVITY_MPS2, force_per_slip_n, friction_limit_n, stiffness_under_load

AIR_DENSITY_KGPM3 = 1.2
#: Below the first speed a car moves by kinematics, above the second by tyre slip, between them by both: slip is
#: undefined at rest.
KINEMATIC_BELOW_MPS = 2.0
DYNAMIC_ABOVE_MPS = 4.0
#: Anti-lock brakes and traction control begin to release at the first slip and have released at the second.
ASSIST_FROM, ASSIST_TO = 0.15, 0.30
#: Time constant with which load follows acceleration, seconds; and the largest acceleration that counts for it.
LOAD_LAG_S = 0.06
MOST_MPS2 = 12.0
HAND_BRAKE_GRIPS = 1.6
"""Torque of the hand brake as a multiple of what locks the rear wheels under their static load."""
_LEAST_REFERENCE_MPS = 1.0
_FRONT = np.array([[1.0], [1.0], [0.0], [0.0]])
_RIGHT = np.array([[-1.0], [1.0], [-1.0], [1.0]])


class Frame(NamedTuple):
    """What does not change within a tick. Wheels: (4, N); the rest (N,)."""

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
    """Velocity ahead and aside (m/s) and yaw rate (rad/s) at the centre of gravity, each (N,)."""

    vx: np.ndarray
    vy: np.ndarray
    yaw_rate: np.ndarray


def frame_of(v: Vehicles, drive_n: np.ndarray, engine_drag_n: np.ndarray) -> Frame:
    """The tick's constants, given the drive and the drag of engine and gears at the wheels, (N,) newtons."""
    p = v.p
    a, b = p["cg_to_front_m"], p["wheelbase_m"] - p["cg_to_front_m"]
    half_track = 0.5 * p["track_m"]
    mass, radius = p["mass_kg"], p["wheel_radius_m"]
    front_load = 0.5 * mass * GRAVITY_MPS2 * b / p["wheelbase_m"]
    rear_load = 0.5 * mass * GRAVITY_MPS2 - front_load
    share = p["front_drive_share"]
    of_wheels = 0.5 * radius * (_FRONT * share + (1.0 - _FRONT) * (1.0 - share))
    assisted = p["has_assistance"] > 0.5
    static = _axles(front_load, rear_load)
    # By load with assistance (electronic brake force distribution), else by the fixed share of the axles.
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
    """Advance all vehicles by `h` seconds, at most about 0.01, within the tick of `frame`."""
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
    # What only slows the car down may stop it but never reverse it.
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
    # The body frame turns with the car: seen from it, the velocity turns the other way (exactly, so that Euler's
    # method adds no energy). A kinematic car has no such term: its tyres take up the side force.
    c, s = np.cos(w * r1 * h), np.sin(w * r1 * h)
    vx2, vy2 = c * vx1 + s * vy1, c * vy1 - s * vx1
    c, s = np.cos(yaw_mid), np.sin(yaw_mid)
    reference_vy = vy1 - frame.cg_ahead_m * r1
    v.x += np.where(free, h * (c * vx1 - s * reference_vy), 0.0)
    v.y += np.where(free, h * (s * vx1 + c * reference_vy), 0.0)
    v.yaw[:] = np.where(free, _wrapped(v.yaw + h * r1), v.yaw)
    v.vx_body[:] = np.where(free, vx2, 0.0)
    v.yaw_rate[:] = np.where(free, r1, 0.0)
    v.vy_body[:] = np.where(free, vy2 - frame.cg_ahead_m * r1, 0.0)


def wheel_loads(v: Vehicles, frame: Frame) -> np.ndarray:
    """Vertical force on each wheel, (4, N) newtons: acceleration shifts load between axles, cornering between sides."""
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
    """Tangents of the wheels' steering angles, (4, N): the inner wheel turns in further (Ackermann's geometry)."""
    middle = np.tan(np.clip(v.steer_angle_rad, -1.5, 1.5))
    reach = 0.5 * v.p["track_m"] / v.p["wheelbase_m"] * middle
    return _FRONT * middle / np.maximum(1.0 - _RIGHT * reach, 0.2)


def _slip_motion(
    v: Vehicles, frame: Frame, now: Motion, loads: np.ndarray, limits: np.ndarray, h: float
) -> tuple[Motion, np.ndarray]:
    """One step by tyre forces, but for what only slows down; and the wheels' new speeds, (4, N) rad/s."""
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
    # A wheel is far too light to be stepped by its force: the force's slope goes into the step (implicit Euler).
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
    """One step towards the motion of wheels that do not slip, no faster than friction allows."""
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
    """(4, N): the first value for the front wheels, the second for the rear ones."""
    return np.stack([front, front, rear, rear])


def _axle_share(front: np.ndarray) -> np.ndarray:
    """(4, N): the front's share for the front wheels and the rest for the rear ones."""
    return _FRONT * front + (1.0 - _FRONT) * (1.0 - front)


def _sum_of_wheels(values: np.ndarray) -> np.ndarray:
    """Added in one order however many vehicles there are, so that each moves the same bits alone as among others."""
    return values[0] + values[1] + values[2] + values[3]


def _wrapped(angle: np.ndarray) -> np.ndarray:
    """The same angle in [-pi, pi)."""
    return (angle + np.pi) % (2.0 * np.pi) - np.pi
