"""How one vehicle moves in a short time: wheels, tyres, loads and brakes. Parts of the loop in `sim.vehicles.step`.

Wheels are in CARLA's order: front left, front right, rear left, rear right. Body frame: x forward, y right, yaw
clockwise from above; velocities here are those of the centre of gravity. SI units. `car` is a row of the table
(`sim.vehicles.fleet.ROW`).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sim.kernels import part
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

WHEELS = 4
FRAME = np.dtype([(name, np.float64, WHEELS) for name in ("drive_nm", "engine_drag_nm", "brake_nm", "hand_nm")])
"""Torques on the wheels of one vehicle, which stay the same for a tick."""


@part
def held(value: float, limit: float) -> float:
    """A value held to [-limit, limit]."""
    return min(max(value, -limit), limit)


@part
def slowed(value: float, loss: float) -> float:
    """A speed nearer to rest by a loss, which may stop it but never reverse it."""
    return math.copysign(max(abs(value) - loss, 0.0), value) if value != 0.0 else 0.0


@part
def wrapped(angle: float) -> float:
    """The same angle in [-pi, pi)."""
    return (angle + math.pi) % (2.0 * math.pi) - math.pi


@part
def cg_ahead_m(car: Any) -> float:
    """How far the centre of gravity lies before the reference point."""
    return 0.5 * car.wheelbase_m - car.cg_to_front_m


@part
def static_load_n(car: Any, wheel: int) -> float:
    """Vertical force on a wheel at rest."""
    front = 0.5 * car.mass_kg * car.gravity_mps2 * (car.wheelbase_m - car.cg_to_front_m) / car.wheelbase_m
    return front if wheel < 2 else 0.5 * car.mass_kg * car.gravity_mps2 - front


@part
def note_torques(car: Any, frame: Any, drive_n: float, engine_drag_n: float) -> None:
    """Fill in a tick's torques, given the drive and the drag of engine and gears at the wheels, newtons."""
    mass, radius = car.mass_kg, car.wheel_radius_m
    brake = min(max(car.brake, 0.0), 1.0) * car.max_brake_mps2 * mass * radius
    hand = HAND_BRAKE_GRIPS * car.friction * static_load_n(car, 2) * radius if car.hand_brake else 0.0
    for wheel in range(WHEELS):
        is_front = wheel < 2
        share = car.front_drive_share if is_front else 1.0 - car.front_drive_share
        braking = car.front_brake_share if is_front else 1.0 - car.front_brake_share
        # By load with assistance (electronic brake force distribution), else by the fixed share of the axles.
        by_load = car.wheel_load_n[wheel] / (mass * GRAVITY_MPS2)
        frame.drive_nm[wheel] = drive_n * 0.5 * radius * share
        frame.engine_drag_nm[wheel] = engine_drag_n * 0.5 * radius * share
        frame.brake_nm[wheel] = brake * (by_load if car.has_assistance > 0.5 else 0.5 * braking)
        frame.hand_nm[wheel] = 0.0 if is_front else hand


@part
def substep(car: Any, frame: Any, road_friction: float, h: float) -> None:
    """Advance a vehicle by `h` seconds, at most about 0.01, within the tick of `frame`."""
    target = held(car.steer, 1.0) * car.max_steer_rad
    car.steer_angle_rad += held(target - car.steer_angle_rad, car.steer_rate_radps * h)
    _note_loads(car)
    if not car.simulate_physics:
        _stand_still(car, h)
        return
    ahead = cg_ahead_m(car)
    vx, vy, turn = car.vx_body, car.vy_body + ahead * car.yaw_rate, car.yaw_rate
    rolled_x, rolled_y, rolled_turn, grip_n = _kinematic_motion(car, frame, road_friction, h)
    speed = math.sqrt(vx * vx + vy * vy)
    w = min(max((speed - KINEMATIC_BELOW_MPS) / (DYNAMIC_ABOVE_MPS - KINEMATIC_BELOW_MPS), 0.0), 1.0)
    moved_x, moved_y, moved_turn = _slip_motion(car, frame, road_friction, h)
    vx1, vy1, r1 = (
        w * moved_x + (1.0 - w) * rolled_x,
        w * moved_y + (1.0 - w) * rolled_y,
        w * moved_turn + (1.0 - w) * rolled_turn,
    )
    air = 0.5 * AIR_DENSITY_KGPM3 * car.drag_area_m2 * vx * vx
    # A wheel that finds no hold is not slowed by what it rolls on.
    rolling = min((car.rolling_resistance + car.soft_ground) * (car.mass_kg * car.gravity_mps2), grip_n)
    vx1 = slowed(vx1, h * (air + rolling) / car.mass_kg)
    for wheel in range(WHEELS):
        rolling_spin = 0.0 if frame.hand_nm[wheel] > 0.0 else vx1 / car.wheel_radius_m
        car.wheel_radps[wheel] = w * car.wheel_radps[wheel] + (1.0 - w) * rolling_spin
    car.ax_body = (vx1 - vx) / h
    _feel(car, car.ax_body, w * (vy1 - vy) / h + (1.0 - w) * vx * turn, h)
    yaw_mid = car.yaw + 0.5 * h * r1
    # The body frame turns with the car: seen from it, the velocity turns the other way (exactly, so that Euler's
    # method adds no energy). A kinematic car has no such term: its tyres take up the side force.
    c, s = math.cos(w * r1 * h), math.sin(w * r1 * h)
    vx2, vy2 = c * vx1 + s * vy1, c * vy1 - s * vx1
    c, s = math.cos(yaw_mid), math.sin(yaw_mid)
    reference_vy = vy1 - ahead * r1
    car.x += h * (c * vx1 - s * reference_vy)
    car.y += h * (s * vx1 + c * reference_vy)
    car.yaw = wrapped(car.yaw + h * r1)
    car.vx_body, car.yaw_rate, car.vy_body = vx2, r1, vy2 - ahead * r1


@part
def _stand_still(car: Any, h: float) -> None:
    for wheel in range(WHEELS):
        car.wheel_radps[wheel] = 0.0
        car.wheel_slip[wheel, 0] = car.wheel_slip[wheel, 1] = 0.0
        car.wheel_force_n[wheel, 0] = car.wheel_force_n[wheel, 1] = 0.0
    car.ax_body = car.vx_body = car.vy_body = car.yaw_rate = 0.0
    _feel(car, 0.0, 0.0, h)


@part
def _feel(car: Any, ahead_mps2: float, aside_mps2: float, h: float) -> None:
    """Let the loads follow an acceleration."""
    follow = min(h / LOAD_LAG_S, 1.0)
    car.ax_felt += follow * (held(ahead_mps2, MOST_MPS2) - car.ax_felt)
    car.ay_felt += follow * (held(aside_mps2, MOST_MPS2) - car.ay_felt)


@part
def _note_loads(car: Any) -> None:
    """Vertical force on each wheel: acceleration shifts load between axles, cornering between sides."""
    lever = car.mass_kg * car.cg_height_m
    backward = 0.5 * lever * car.ax_felt / car.wheelbase_m
    sideways = (1.0 - car.leans) * lever * car.ay_felt / car.track_m
    for wheel in range(WHEELS):
        is_front, is_right = wheel < 2, wheel % 2 == 1
        static = static_load_n(car, wheel)
        axle = max(static - (backward if is_front else -backward), 0.05 * static)
        shift = held(sideways * (car.front_roll_share if is_front else 1.0 - car.front_roll_share), axle)
        car.wheel_load_n[wheel] = axle - (shift if is_right else -shift)


@part
def wheel_tangent(car: Any, wheel: int) -> float:
    """Tangent of a wheel's steering angle: the inner wheel turns in further (Ackermann's geometry)."""
    if wheel >= 2:
        return 0.0
    middle = math.tan(held(car.steer_angle_rad, 1.5))
    reach = 0.5 * car.track_m / car.wheelbase_m * middle
    return middle / max(1.0 - (reach if wheel % 2 == 1 else -reach), 0.2)


@part
def _friction_n(car: Any, wheel: int, road_friction: float) -> float:
    if car.gravity_mps2 <= 0.0:
        return 0.0
    friction = car.friction * road_friction * car.surface_grip[wheel]
    return friction_limit_n(car.wheel_load_n[wheel], static_load_n(car, wheel), friction)


@part
def _slip_motion(car: Any, frame: Any, road_friction: float, h: float) -> tuple[float, float, float]:
    """Velocities and yaw rate after a step by tyre forces, but for what only slows down; sets the wheels' speeds."""
    mass, radius, wheel_inertia = car.mass_kg, car.wheel_radius_m, car.wheel_inertia_kgm2
    vx, vy, turn = car.vx_body, car.vy_body + cg_ahead_m(car) * car.yaw_rate, car.yaw_rate
    pushed_x, pushed_y, turning = 0.0, 0.0, 0.0
    for wheel in range(WHEELS):
        tangent = wheel_tangent(car, wheel)
        cos_d = 1.0 / math.sqrt(1.0 + tangent * tangent)
        sin_d = tangent * cos_d
        ahead_m = car.cg_to_front_m if wheel < 2 else car.cg_to_front_m - car.wheelbase_m
        aside_m = 0.5 * car.track_m if wheel % 2 == 1 else -0.5 * car.track_m
        ahead, aside = vx - turn * aside_m, vy + turn * ahead_m
        along, across = cos_d * ahead + sin_d * aside, cos_d * aside - sin_d * ahead
        rim = car.wheel_radps[wheel] * radius
        reference = max(abs(along), abs(rim), _LEAST_REFERENCE_MPS)
        slip_x, slip_y = (rim - along) / reference, -across / reference
        limit = _friction_n(car, wheel, road_friction)
        axle_stiffness = car.front_stiffness_npr if wheel < 2 else car.rear_stiffness_npr
        static_n = max(static_load_n(car, wheel), 1.0)
        stiffness = stiffness_under_load(0.5 * axle_stiffness, car.wheel_load_n[wheel], static_n)
        per_slip = force_per_slip_n(math.sqrt(slip_x * slip_x + slip_y * slip_y), stiffness, limit)
        # A wheel is far too light to be stepped by its force: the force's slope goes into the step (implicit Euler).
        grip = h * radius * radius * per_slip / reference
        inertia = wheel_inertia + grip
        helped = 1.0
        if car.has_assistance > 0.5:
            helped = min(max((ASSIST_TO - abs(slip_x)) / (ASSIST_TO - ASSIST_FROM), 0.0), 1.0)
        driven = wheel_inertia * car.wheel_radps[wheel] + h * helped * frame.drive_nm[wheel]
        driven = (driven + grip * along / radius) / inertia
        resisting = helped * frame.brake_nm[wheel] + frame.engine_drag_nm[wheel] + frame.hand_nm[wheel]
        spin = slowed(driven, h * resisting / inertia)
        force_x, force_y = per_slip * (spin * radius - along) / reference, per_slip * slip_y
        fit = min(limit / max(math.sqrt(force_x * force_x + force_y * force_y), 1e-9), 1.0)
        force_x, force_y = fit * force_x, fit * force_y
        car.wheel_radps[wheel] = spin
        car.wheel_slip[wheel, 0], car.wheel_slip[wheel, 1] = slip_x, slip_y
        car.wheel_force_n[wheel, 0], car.wheel_force_n[wheel, 1] = force_x, force_y
        body_x, body_y = cos_d * force_x - sin_d * force_y, sin_d * force_x + cos_d * force_y
        pushed_x, pushed_y = pushed_x + body_x, pushed_y + body_y
        turning += ahead_m * body_y - aside_m * body_x
    return (
        vx + h * (pushed_x - mass * car.gravity_mps2 * math.sin(car.ground_pitch)) / mass,
        vy + h * (pushed_y + mass * car.gravity_mps2 * math.sin(car.ground_roll)) / mass,
        turn + h * turning / car.yaw_inertia_kgm2,
    )


@part
def _kinematic_motion(car: Any, frame: Any, road_friction: float, h: float) -> tuple[float, float, float, float]:
    """Velocities and yaw rate a step nearer to those of wheels that do not slip, no faster than friction allows.

    Also the largest force of all tyres together, newtons.
    """
    mass, radius = car.mass_kg, car.wheel_radius_m
    drive, slowing, limits = 0.0, 0.0, 0.0
    for wheel in range(WHEELS):
        limit = _friction_n(car, wheel, road_friction)
        resisting = frame.brake_nm[wheel] + frame.engine_drag_nm[wheel] + frame.hand_nm[wheel]
        drive += held(frame.drive_nm[wheel] / radius, limit)
        slowing += min(resisting / radius, limit)
        limits += limit
    vy = car.vy_body + cg_ahead_m(car) * car.yaw_rate
    vx1 = car.vx_body + h * (drive - mass * car.gravity_mps2 * math.sin(car.ground_pitch)) / mass
    vx1 = slowed(vx1, h * slowing / mass)
    r_target = vx1 * math.tan(car.steer_angle_rad) / car.wheelbase_m
    reach = limits / mass * h
    behind_m = car.wheelbase_m - car.cg_to_front_m
    turn = reach * mass * behind_m / car.yaw_inertia_kgm2
    vy1, r1 = vy + held(r_target * behind_m - vy, reach), car.yaw_rate + held(r_target - car.yaw_rate, turn)
    return vx1, vy1, r1, limits
