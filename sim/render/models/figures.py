"""Walkers, props and traffic lights as low-polygon solids."""

from __future__ import annotations

import numpy as np

from sim.scene.labels import Tag
from sim.town.solids import Colour, Joint, Model, Part, Solid

SKINS: tuple[Colour, ...] = ((0.85, 0.65, 0.53), (0.72, 0.52, 0.40), (0.46, 0.31, 0.22), (0.90, 0.72, 0.60))
TROUSERS: tuple[Colour, ...] = ((0.14, 0.17, 0.26), (0.25, 0.22, 0.19), (0.10, 0.10, 0.12), (0.33, 0.35, 0.38))
HAIR: tuple[Colour, ...] = ((0.16, 0.11, 0.07), (0.06, 0.05, 0.05), (0.45, 0.33, 0.18), (0.35, 0.20, 0.12))
WHITE: Colour = (0.9, 0.9, 0.9)
POLE: Colour = (0.34, 0.36, 0.37)
HOUSING: Colour = (0.045, 0.05, 0.05)
ORANGE: Colour = (0.95, 0.36, 0.08)
REFLECTIVE: Colour = (0.93, 0.93, 0.92)
LAMPS = ((Part.RED, (1.0, 0.06, 0.04)), (Part.YELLOW, (1.0, 0.72, 0.05)), (Part.GREEN, (0.05, 0.95, 0.38)))

POST_HEAD_Z_M = 3.0
ARM_HEAD_Z_M = 5.5
LAMP_STEP_M = 0.36
ARM_M = 3.6


def number_in(type_id: str) -> int:
    """The number a blueprint id ends with; 0 without one."""
    digits = "".join(c for c in type_id[-5:] if c.isdigit())
    return int(digits) if digits else 0


LIMBS = (
    (-1.0, Joint.THIGH_LEFT, Joint.SHIN_LEFT, Joint.ARM_LEFT),
    (1.0, Joint.THIGH_RIGHT, Joint.SHIN_RIGHT, Joint.ARM_RIGHT),
)
"""The joints of each side."""


def walker(type_id: str, extent_m: tuple[float, float, float]) -> Model:
    """A person who stands; the origin is the middle of the body."""
    solid, k, h = Solid(), number_in(type_id), 2.0 * extent_m[2]
    foot, hip, knee, shoulder = -h / 2.0, 0.0, -0.235 * h, 0.29 * h
    trousers, skin = TROUSERS[k % 4], SKINS[(k * 3) % 4]
    for side, thigh, shin, arm in LIMBS:
        y = side * 0.055 * h
        with solid.moving(thigh, (0.0, hip, hip)):
            solid.tube((0.0, y, hip), (0.005 * h, y, knee), (0.052 * h, 0.040 * h), trousers, 6)
        with solid.moving(shin, (0.0, hip, knee)):
            ankle = (-0.01 * h, side * 0.05 * h, foot + 0.04 * h)
            solid.tube((0.005 * h, y, knee), ankle, (0.040 * h, 0.028 * h), trousers, 6)
            shoe = (0.02 * h, side * 0.05 * h, foot + 0.02 * h)
            solid.box(shoe, (0.07 * h, 0.028 * h, 0.02 * h), (0.09, 0.08, 0.08))
        with solid.moving(arm, (0.0, shoulder, shoulder)):
            elbow, hand = (-0.01 * h, side * 0.135 * h, 0.14 * h), (0.05 * h, side * 0.13 * h, 0.02 * h)
            solid.tube((0.0, side * 0.115 * h, shoulder), elbow, (0.032 * h, 0.027 * h), WHITE, 6, Part.PAINT)
            solid.tube(elbow, hand, (0.026 * h, 0.02 * h), skin, 6)
    shoulder = 0.31 * h
    waist = ((-0.05, 0.07, 0.095), (0.10, 0.065, 0.09), (0.25, 0.08, 0.12), (0.33, 0.05, 0.07))  # z and radii, of 1
    a = np.linspace(0.0, 2.0 * np.pi, 9)
    torso = [np.stack([rx * np.cos(a), ry * np.sin(a), np.full(9, z)], axis=1) * h for z, rx, ry in waist]
    solid.loft(np.array(torso)[:, ::-1], WHITE, Part.PAINT, crease_deg=60.0)
    solid.tube((0.0, 0.0, shoulder), (0.01 * h, 0.0, 0.38 * h), (0.03 * h, 0.028 * h), skin, 6)
    solid.ball((0.01 * h, 0.0, 0.425 * h), (0.058 * h, 0.05 * h, 0.07 * h), skin)
    solid.ball((-0.008 * h, 0.0, 0.445 * h), (0.058 * h, 0.055 * h, 0.06 * h), HAIR[(k * 7) % 4])
    return solid.build()


def prop(type_id: str, extent_m: tuple[float, float, float]) -> Model:
    """A thing that stands on the road: cone, barrier, warning board, or a box of its size."""
    solid, (x, y, z) = Solid(), extent_m
    if "cone" in type_id:
        r = 0.62 * min(x, y)
        solid.box((0.0, 0.0, 0.03), (0.95 * x, 0.95 * y, 0.03), (0.16, 0.15, 0.15))
        for low, high, colour in (
            (0.06, 0.4, ORANGE),
            (0.4, 0.6, REFLECTIVE),
            (0.6, 0.78, ORANGE),
            (0.78, 1.0, ORANGE),
        ):
            radii = (r * (1.08 - low), r * (1.08 - high))
            solid.tube((0.0, 0.0, 2.0 * z * low), (0.0, 0.0, 2.0 * z * high), radii, colour, 10)
    elif "barrier" in type_id or "warning" in type_id:
        for k in range(8):
            colour = ORANGE if k % 2 else REFLECTIVE
            solid.box((0.0, y * (-0.875 + 0.25 * k), z * 1.55), (0.04, y * 0.125, z * 0.42), colour)
        for side in (-0.8, 0.8):
            solid.box((0.0, side * y, z * 0.7), (0.05, 0.05, z * 0.7), POLE)
            solid.box((0.0, side * y, 0.05), (x, 0.08, 0.05), (0.2, 0.2, 0.2))
        solid.ball((0.0, 0.0, 2.0 * z - 0.02), (0.09, 0.09, 0.09), (1.0, 0.6, 0.05), Part.YELLOW)
    else:
        solid.box((0.0, 0.0, z), (x, y, z), (0.62, 0.47, 0.30))
        solid.box((0.0, 0.0, z), (x * 1.01, y * 0.12, z * 1.01), (0.75, 0.66, 0.48))
    return solid.build()


def add_head(solid: Solid, x: float, y: float, z: float) -> None:
    """A three-lamp head that faces -x, with its middle lamp at z."""
    with solid.labelled(Tag.TRAFFIC_LIGHT):
        _add_head(solid, x, y, z)


def _add_head(solid: Solid, x: float, y: float, z: float) -> None:
    solid.box((x, y, z), (0.12, 0.20, 0.60), HOUSING)
    solid.box((x + 0.03, y, z), (0.02, 0.31, 0.72), HOUSING)
    for k, (part, colour) in enumerate(LAMPS):
        at = z + (1 - k) * LAMP_STEP_M
        solid.tube((x - 0.10, y, at), (x - 0.145, y, at), (0.145, 0.145), colour, 12, part)
        solid.box((x - 0.22, y, at + 0.165), (0.11, 0.15, 0.012), HOUSING)


def signal_post() -> Model:
    """A post beside the stop line; its head faces the traffic that comes along +x."""
    solid = Solid()
    solid.tube((0.0, 0.0, -0.3), (0.0, 0.0, POST_HEAD_Z_M + 0.75), (0.075, 0.06), POLE, 8, gloss=0.2)
    solid.tube((0.0, 0.0, 0.0), (0.0, 0.0, 0.35), (0.13, 0.11), POLE, 8)
    add_head(solid, -0.17, 0.0, POST_HEAD_Z_M)
    return solid.build()


def signal_mast() -> Model:
    """A mast with an arm to the left, over the lanes; its head faces the traffic that comes along +x."""
    solid = Solid()
    solid.tube((0.0, 0.0, -0.3), (0.0, 0.0, ARM_HEAD_Z_M + 0.5), (0.11, 0.085), POLE, 8, gloss=0.2)
    solid.tube((0.0, 0.0, 0.0), (0.0, 0.0, 0.5), (0.18, 0.15), POLE, 8)
    tip = (0.0, -ARM_M - 0.4, ARM_HEAD_Z_M + 0.35)
    solid.tube((0.0, 0.0, ARM_HEAD_Z_M + 0.2), tip, (0.07, 0.045), POLE, 7, gloss=0.2)
    add_head(solid, -0.17, -ARM_M, ARM_HEAD_Z_M)
    return solid.build()
