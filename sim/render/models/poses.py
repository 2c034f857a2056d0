"""How far a model's moving parts are turned: wheels by the way they rolled, legs and arms by the way a walker went.

`posed` moves a model's vertices as `passes/shaders/pose.glsl` does on the graphics card, for the rays.
"""

from __future__ import annotations

import math

import numpy as np

from sim.scene.records import DrawnActor
from sim.town.solids import DOORS, Joint, Model

STANDING_MPS = 0.05
SWING_RAD = 0.36
"""How far a thigh swings to the front and to the back."""
KNEE_RAD, LIFT_RAD = 0.75, 0.22
"""A leg that swings forward bends its knee and lifts its thigh by as much."""
LEG_SHARE = 0.46
"""Of the height of a walker: from the hip to the ankle."""
TOE_SHARE = 0.05
"""By how much of the height the toes of the foot behind reach lower than its ankle, for the sine of its leg's angle."""
ARM_SHARE = 0.6
"""An arm swings this share of the other side's leg."""
DOOR_BIT = 16
"""The bit of an instance's flags that the first open door sets; the other three follow."""

Turns = tuple[float, float, float, float]
"""Radians. A vehicle's: how far its wheels have rolled (front left, front right, rear left, rear right). A walker's:
left hip and knee, right hip and knee, positive backwards."""


def stride(x_m: float, y_m: float, yaw: float, height_m: float, speed_mps: float) -> float:
    """How far a walker at a place is in its stride of two steps, 0 to 1; -1 for one that stands.

    Counted by the way gone along its heading, so that feet do not slide; a stride is 0.8 of the height.
    """
    if speed_mps < STANDING_MPS:
        return -1.0
    return (math.cos(yaw) * x_m + math.sin(yaw) * y_m) / (0.8 * height_m) % 1.0


def turns(actor: DrawnActor) -> Turns:
    """How far the parts of an actor's model are turned."""
    if not actor.type_id.startswith("walker."):
        return actor.wheel_turns_rad
    return (*_leg(actor.stride, -1.0), *_leg(actor.stride, 1.0)) if actor.stride >= 0.0 else (0.0, 0.0, 0.0, 0.0)


def _leg(phase: float, side: float) -> tuple[float, float]:
    angle = math.tau * phase
    swung = max(-side * math.sin(angle), 0.0)
    return -(side * SWING_RAD * math.cos(angle) + LIFT_RAD * swung), KNEE_RAD * swung


def sink_m(actor: DrawnActor) -> float:
    """How much lower a walker's body is in the middle of a step, when both feet are on the ground."""
    if actor.stride < 0.0 or not actor.type_id.startswith("walker."):
        return 0.0
    angle = abs(SWING_RAD * math.cos(math.tau * actor.stride))
    return 2.0 * actor.extent_m[2] * max(LEG_SHARE * (1.0 - math.cos(angle)) - TOE_SHARE * math.sin(angle), 0.0)


def posed(model: Model, angles: Turns, doors_open: int) -> tuple[np.ndarray, np.ndarray]:
    """(n, 3) places of a model's vertices with its limbs turned, and (m,) indices without the doors that are shut.

    Wheels are left as they are: the shape of a round one stays the same.
    """
    vertices = model.vertices
    place, joint, pivot = vertices["position"].astype(float), vertices["joint"], vertices["pivot"].astype(float)
    hips = (angles[0], angles[2])
    for side in range(2):
        thigh, shin, arm = (
            joint == Joint.THIGH_LEFT + 2 * side,
            joint == Joint.SHIN_LEFT + 2 * side,
            joint == (Joint.ARM_LEFT + side),
        )
        _bend(place, shin, pivot[:, 2], angles[2 * side + 1], pivot[:, 0])
        _bend(place, thigh | shin, pivot[:, 1], hips[side], pivot[:, 0])
        _bend(place, arm, pivot[:, 2], ARM_SHARE * hips[1 - side], pivot[:, 0])
    triangles = model.indices.reshape(-1, 3)
    first = joint[triangles[:, 0]]
    shut = [door for k, door in enumerate(DOORS) if not doors_open >> k & 1]
    return place, triangles[~np.isin(first, shut)].ravel()


def _bend(place: np.ndarray, chosen: np.ndarray, z: np.ndarray, angle: float, x: np.ndarray) -> None:
    c, s = math.cos(angle), math.sin(angle)
    dx, dz = place[chosen, 0] - x[chosen], place[chosen, 2] - z[chosen]
    place[chosen, 0], place[chosen, 2] = x[chosen] + c * dx + s * dz, z[chosen] - s * dx + c * dz
