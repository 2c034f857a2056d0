"""`carla.VehiclePhysicsControl` as the wire has it, read from a vehicle's specification and written into its model."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from sim.protocol.forms import finite
from sim.scene.poses import Pose
from sim.vehicles.drivetrain import KNOTS, MAX_GEARS, Drivetrain
from sim.vehicles.fleet import Vehicles
from sim.vehicles.motion import HAND_BRAKE_GRIPS
from sim.vehicles.spec import VehicleSpec
from sim.vehicles.tyres import GRAVITY_MPS2
from sim.world.friction import TYRE_FRICTION

DRAG_COEFFICIENT = 0.28
WHEELS = 15
FIELDS = 17
LIGHTEST_KG = 1.0
_MOST_CURVE_POINTS = 1000
_STEER, _RADIUS, _BRAKE = 2, 3, 4


def physics_on_wire(spec: VehicleSpec, pose: Pose) -> list[Any]:
    """The fields in the order of the wire, for a vehicle at a pose; wheels are placed in the world, in centimetres."""
    engine = spec.drivetrain
    rpm = np.linspace(0.0, engine.max_rpm, KNOTS)
    curve = [[float(r), float(nm)] for r, nm in zip(rpm, engine.torque_nm, strict=True)]
    gears = [[ratio / engine.final_ratio, 0.5, 0.65] for ratio in engine.ratios]
    centre = [0.5 * spec.wheelbase_m - spec.cg_to_front_m, 0.0, spec.cg_height_m]
    return [
        *(curve, engine.max_rpm, 1.0, 0.15, 2.0, 0.35),
        *(True, engine.shift_s, 10.0, engine.final_ratio, gears),
        *(spec.mass_kg, DRAG_COEFFICIENT, centre),
        *([[0.0, 1.0], [120.0, 1.0]], _wheels(spec, pose), False),
    ]


def with_tyre_friction(control: list[Any], friction: float) -> list[Any]:
    """The same control with another friction at all wheels."""
    wheels = [[friction, *wheel[1:]] for wheel in control[WHEELS]]
    return [*control[:WHEELS], wheels, *control[WHEELS + 1 :]]


def _wheels(spec: VehicleSpec, pose: Pose) -> list[list[Any]]:
    half_track_m, half_base_m = 0.5 * spec.track_m, 0.5 * spec.wheelbase_m
    brake_nm = spec.mass_kg * spec.max_brake_mps2 * spec.wheel_radius_m / 4.0
    rear_load_n = 0.5 * spec.mass_kg * GRAVITY_MPS2 * spec.cg_to_front_m / spec.wheelbase_m
    hand_nm = HAND_BRAKE_GRIPS * spec.friction * rear_load_n * spec.wheel_radius_m
    c, s = math.cos(pose.yaw), math.sin(pose.yaw)

    def wheel(ahead_m: float, right_m: float) -> list[Any]:
        where_m = (
            pose.x + c * ahead_m - s * right_m,
            pose.y + s * ahead_m + c * right_m,
            pose.z + spec.wheel_radius_m,
        )
        front = ahead_m > 0.0
        lock_deg, hand = (math.degrees(spec.max_steer_rad), 0.0) if front else (0.0, hand_nm)
        stiffness = (3.0, 20.0, 3000.0)
        return [
            *(TYRE_FRICTION, 0.25, lock_deg, 100.0 * spec.wheel_radius_m, brake_nm, hand, *stiffness),
            [100.0 * metres for metres in where_m],
        ]

    return [
        wheel(*place)
        for place in (
            (half_base_m, -half_track_m),
            (half_base_m, half_track_m),
            (-half_base_m, -half_track_m),
            (-half_base_m, half_track_m),
        )
    ]


def change_physics(vehicles: Vehicles, slot: int, spec: VehicleSpec, control: list[Any]) -> None:
    """Take what the model knows: engine, gears, mass and its centre, air drag, lock, radius, brakes, tyre friction.

    ValueError when fields are missing or no vehicle could have them; then nothing is changed.
    """
    if len(control) != FIELDS:
        raise ValueError(f"physics control has {FIELDS} fields, not {len(control)}")
    mass_kg, drag = finite(control[11], control[12])
    wheels = control[WHEELS]
    if mass_kg < LIGHTEST_KG or len(wheels) != 4:
        raise ValueError(f"a vehicle has at least {LIGHTEST_KG} kg and four wheels")
    locks, radii, brakes = (finite(*(wheel[field] for wheel in wheels)) for field in (_STEER, _RADIUS, _BRAKE))
    frictions = finite(*(wheel[0] for wheel in wheels))
    if min(radii) <= 0.0:
        raise ValueError("a wheel's radius must be positive")
    drivetrain = _drivetrain(spec.drivetrain, control)
    ahead_m, _, height_m = finite(*control[13])
    p = vehicles.p
    radius_m = min(radii) / 100.0
    p["mass_kg"][slot] = mass_kg
    p["yaw_inertia_kgm2"][slot] = spec.yaw_inertia_kgm2 * mass_kg / spec.mass_kg
    to_front_m = 0.5 * spec.wheelbase_m - ahead_m
    p["cg_to_front_m"][slot] = min(max(to_front_m, 0.2 * spec.wheelbase_m), 0.8 * spec.wheelbase_m)
    p["cg_height_m"][slot] = min(max(height_m, 0.0), spec.height_m)
    p["drag_area_m2"][slot] = spec.drag_area_m2 * max(drag, 0.0) / DRAG_COEFFICIENT
    p["wheel_radius_m"][slot] = radius_m
    p["max_brake_mps2"][slot] = max(sum(brakes), 0.0) / (radius_m * mass_kg)
    p["max_steer_rad"][slot] = math.radians(min(max(*locks, 0.0), 80.0))
    p["friction"][slot] = spec.friction * max(min(frictions), 0.0) / TYRE_FRICTION
    vehicles.fit_drivetrain(slot, drivetrain)


def _drivetrain(old: Drivetrain, control: list[Any]) -> Drivetrain:
    curve, gears = control[0], control[10]
    max_rpm, shift_s, final_ratio = finite(control[1], control[7], control[9])
    if not 0 < len(curve) <= _MOST_CURVE_POINTS or not 0 < len(gears) <= MAX_GEARS:
        raise ValueError(f"a torque curve has 1 to {_MOST_CURVE_POINTS} points and a gearbox 1 to {MAX_GEARS} gears")
    points = sorted(finite(*point) for point in curve)
    knots = np.linspace(0.0, max(max_rpm, 1.0), KNOTS)
    torque = np.interp(knots, [rpm for rpm, _ in points], [nm for _, nm in points])
    ratios = tuple(final_ratio * finite(gear[0])[0] for gear in gears)
    return replace(
        old,
        torque_nm=tuple(float(nm) for nm in np.maximum(torque, 0.0)),
        max_rpm=max_rpm,
        idle_rpm=min(old.idle_rpm, 0.5 * max_rpm),
        ratios=ratios,
        final_ratio=final_ratio,
        shift_s=max(shift_s, 0.0),
    )
