"""Props and traffic lights as low-polygon solids."""

from __future__ import annotations

from sim.scene.labels import Tag
from sim.town.solids import Colour, Model, Part, Solid

POLE: Colour = (0.34, 0.36, 0.37)
HOUSING: Colour = (0.045, 0.05, 0.05)
ORANGE: Colour = (0.95, 0.36, 0.08)
REFLECTIVE: Colour = (0.93, 0.93, 0.92)
LAMPS = ((Part.RED, (1.0, 0.06, 0.04)), (Part.YELLOW, (1.0, 0.72, 0.05)), (Part.GREEN, (0.05, 0.95, 0.38)))

POST_HEAD_Z_M = 3.0
ARM_HEAD_Z_M = 5.5
LAMP_STEP_M = 0.36
ARM_M = 3.6


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
