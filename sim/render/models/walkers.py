"""People as low-polygon solids of a few builds and clothes, by the number of their blueprint.

Legs and arms are joints (`sim.town.solids.Joint`) that `models.poses` and the shaders turn. The instance's paint is
the colour of what is worn above.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from sim.town.solids import Colour, Joint, Model, Part, Solid

SKINS: tuple[Colour, ...] = ((0.85, 0.65, 0.53), (0.72, 0.52, 0.40), (0.46, 0.31, 0.22), (0.90, 0.72, 0.60),
                             (0.34, 0.22, 0.16))  # fmt: skip
TROUSERS: tuple[Colour, ...] = ((0.14, 0.17, 0.26), (0.25, 0.22, 0.19), (0.10, 0.10, 0.12), (0.33, 0.35, 0.38),
                                (0.48, 0.42, 0.33), (0.22, 0.28, 0.40), (0.36, 0.16, 0.16))  # fmt: skip
HAIR: tuple[Colour, ...] = ((0.16, 0.11, 0.07), (0.06, 0.05, 0.05), (0.45, 0.33, 0.18), (0.35, 0.20, 0.12),
                            (0.62, 0.60, 0.57))  # fmt: skip
SHOES: tuple[Colour, ...] = ((0.09, 0.08, 0.08), (0.75, 0.74, 0.72), (0.28, 0.18, 0.12))
BAGS: tuple[Colour, ...] = ((0.16, 0.17, 0.20), (0.42, 0.24, 0.14), (0.20, 0.30, 0.26))
WHITE: Colour = (0.9, 0.9, 0.9)
LIMBS = (
    (-1.0, Joint.THIGH_LEFT, Joint.SHIN_LEFT, Joint.ARM_LEFT),
    (1.0, Joint.THIGH_RIGHT, Joint.SHIN_RIGHT, Joint.ARM_RIGHT),
)
"""The joints of each side."""
SHIRT_HEM, COAT_HEM, SKIRT_HEM = -0.015, -0.15, -0.215
"""How low clothes hang, of the height."""


class Wear(enum.Enum):
    """What is worn above the legs."""

    SHIRT = enum.auto()
    JACKET = enum.auto()
    COAT = enum.auto()
    SKIRT = enum.auto()


@dataclass(frozen=True)
class Look:
    """What one person looks like."""

    wear: Wear
    skin: Colour
    hair: Colour
    trousers: Colour
    shoes: Colour
    long_hair: bool
    cap: bool
    bag: Colour | None
    broad: float
    """Width of the body against the usual one."""


def number_in(type_id: str) -> int:
    """The number a blueprint id ends with; 0 without one."""
    digits = "".join(c for c in type_id[-5:] if c.isdigit())
    return int(digits) if digits else 0


def look_of(number: int) -> Look:
    """The look of a blueprint's number, the same for ever."""
    dice = np.random.default_rng([17, number])
    wear = Wear(int(dice.choice([1, 2, 3, 4], p=[0.36, 0.32, 0.14, 0.18])))
    long_hair = bool(wear is Wear.SKIRT or dice.uniform() < 0.3)
    return Look(
        wear=wear,
        skin=SKINS[dice.integers(len(SKINS))],
        hair=HAIR[dice.integers(len(HAIR))],
        trousers=TROUSERS[dice.integers(len(TROUSERS))],
        shoes=SHOES[dice.integers(len(SHOES))],
        long_hair=long_hair,
        cap=bool(not long_hair and dice.uniform() < 0.2),
        bag=BAGS[dice.integers(len(BAGS))] if dice.uniform() < 0.35 else None,
        broad=float(dice.uniform(0.92, 1.14)),
    )


def walker(type_id: str, extent_m: tuple[float, float, float]) -> Model:
    """A person who stands; the origin is the middle of the body."""
    solid, h = Solid(), 2.0 * extent_m[2]
    look = look_of(number_in(type_id))
    for side, thigh, shin, arm in LIMBS:
        add_leg(solid, look, h, side, (thigh, shin))
        add_arm(solid, look, h, side, arm)
    add_body(solid, look, h)
    add_head(solid, look, h)
    return solid.build()


def add_leg(solid: Solid, look: Look, h: float, side: float, joints: tuple[Joint, Joint]) -> None:
    """Thigh, shin and shoe; below a skirt the legs are bare."""
    hip, knee, foot, y = 0.0, -0.235 * h, -h / 2.0, side * 0.052 * h * look.broad
    bare = look.wear is Wear.SKIRT
    cloth = look.skin if bare else look.trousers
    slim = 0.86 if bare else 1.0
    with solid.moving(joints[0], (0.0, hip, hip)):
        radii = (0.046 * h * slim * look.broad, 0.042 * h * slim)
        solid.tube((0.0, 0.9 * y, hip - 0.005 * h), (0.006 * h, y, knee), radii, cloth, 8)
        joint = 0.0435 * h * slim
        solid.ball((0.006 * h, y, knee), (joint, joint, joint), cloth)
    with solid.moving(joints[1], (0.0, hip, knee)):
        calf, ankle = (-0.006 * h, y, knee - 0.07 * h), (-0.012 * h, side * 0.048 * h, foot + 0.045 * h)
        solid.tube((0.005 * h, y, knee + 0.012 * h), calf, (0.040 * h * slim, 0.038 * h * slim), cloth, 8)
        solid.tube((calf[0], calf[1], calf[2] + 0.012 * h), ankle, (0.0375 * h * slim, 0.026 * h), cloth, 8)
        heel = (-0.018 * h, side * 0.05 * h, foot + 0.022 * h)
        solid.ball(heel, (0.032 * h, 0.026 * h, 0.024 * h), look.shoes)
        solid.ball((0.035 * h, side * 0.055 * h, foot + 0.017 * h), (0.058 * h, 0.029 * h, 0.018 * h), look.shoes)


def add_arm(solid: Solid, look: Look, h: float, side: float, joint: Joint) -> None:
    """An arm that hangs a little bent, with a hand; sleeves are short on shirts and skirts."""
    shoulder = 0.29 * h
    with solid.moving(joint, (0.0, shoulder, shoulder)):
        top = (0.0, side * 0.112 * h * look.broad, shoulder)
        elbow, wrist = (-0.012 * h, side * 0.140 * h * look.broad, 0.135 * h), (0.035 * h, side * 0.135 * h, 0.015 * h)
        solid.ball(top, (0.042 * h, 0.036 * h, 0.042 * h), WHITE, Part.PAINT)
        solid.tube(top, elbow, (0.036 * h, 0.029 * h), WHITE, 8, Part.PAINT)
        short = look.wear in (Wear.SHIRT, Wear.SKIRT)
        sleeve: tuple[Colour, Part] = (look.skin, Part.FIXED) if short else (WHITE, Part.PAINT)
        solid.tube((elbow[0], elbow[1], elbow[2] + 0.012 * h), wrist, (0.027 * h, 0.020 * h), sleeve[0], 8, sleeve[1])
        hand = (wrist[0] + 0.012 * h, wrist[1], wrist[2] - 0.028 * h)
        solid.ball(hand, (0.020 * h, 0.015 * h, 0.036 * h), look.skin)


def ring_at(h: float, z: float, rx: float, ry: float, broad: float, count: int = 11) -> np.ndarray:
    """An oval around the body; lengths in shares of the height."""
    a = np.linspace(0.0, 2.0 * np.pi, count)
    return np.stack([rx * np.cos(a), ry * broad * np.sin(a), np.full(count, z)], axis=1) * h


def add_body(solid: Solid, look: Look, h: float) -> None:
    """Hips, and over them a shirt, jacket, coat or skirt; perhaps a bag on the back."""
    hem = {Wear.COAT: COAT_HEM}.get(look.wear, SHIRT_HEM)
    hips = ((-0.055, 0.055, 0.075), (-0.02, 0.070, 0.095), (0.01, 0.060, 0.085), (0.04, 0.030, 0.050))
    if look.wear is Wear.SKIRT:
        hips = ((SKIRT_HEM, 0.155, 0.130), (-0.10, 0.112, 0.114), (0.0, 0.072, 0.096), (0.05, 0.050, 0.070))
        hem = 0.015
    solid.loft(np.array([ring_at(h, *ring, look.broad) for ring in hips])[:, ::-1], look.trousers, crease_deg=70.0)
    flare = 0.088 if look.wear is Wear.COAT else 0.076
    chest = ((hem, flare, flare + 0.032), (0.07, 0.069, 0.092), (0.16, 0.074, 0.102), (0.25, 0.078, 0.118),
             (0.30, 0.066, 0.106), (0.335, 0.040, 0.058))  # fmt: skip
    thick = 1.06 if look.wear in (Wear.JACKET, Wear.COAT) else 1.0
    rings = [ring_at(h, z, rx * thick, ry * thick, look.broad) for z, rx, ry in chest]
    solid.loft(np.array(rings)[:, ::-1], WHITE, Part.PAINT, crease_deg=70.0)
    if look.wear in (Wear.JACKET, Wear.COAT):  # open in front, with a shirt below
        front = ((0.05, 0.014, 0.081), (0.16, 0.018, 0.083), (0.25, 0.022, 0.087), (0.31, 0.026, 0.070))
        for (z0, w0, x0), (z1, w1, x1) in pairwise(front):
            strip = ((x0, -w0, z0), (x0, w0, z0), (x1, w1, z1), (x1, -w1, z1))
            solid.quad(h * np.array(strip), (0.82, 0.82, 0.80))
    if look.bag is not None:
        solid.ball((-0.115 * h, 0.0, 0.20 * h), (0.055 * h, 0.085 * h, 0.115 * h), look.bag)
        for side in (-1.0, 1.0):
            a, b = (-0.07 * h, side * 0.065 * h, 0.32 * h), (0.055 * h, side * 0.066 * h, 0.315 * h)
            solid.tube(a, b, (0.012 * h, 0.012 * h), look.bag, 4)


def add_head(solid: Solid, look: Look, h: float) -> None:
    """Neck, face with a nose, and hair or a cap."""
    solid.tube((-0.005 * h, 0.0, 0.315 * h), (0.008 * h, 0.0, 0.385 * h), (0.033 * h, 0.028 * h), look.skin, 8)
    solid.ball((0.010 * h, 0.0, 0.428 * h), (0.054 * h, 0.045 * h, 0.068 * h), look.skin)
    solid.ball((0.064 * h, 0.0, 0.422 * h), (0.012 * h, 0.008 * h, 0.014 * h), look.skin)
    for side in (-1.0, 1.0):
        solid.ball((0.005 * h, side * 0.046 * h, 0.425 * h), (0.010 * h, 0.006 * h, 0.016 * h), look.skin)
    if look.cap:
        solid.ball((0.003 * h, 0.0, 0.458 * h), (0.060 * h, 0.051 * h, 0.040 * h), look.trousers)
        solid.ball((0.060 * h, 0.0, 0.450 * h), (0.036 * h, 0.040 * h, 0.008 * h), look.trousers)
        solid.ball((-0.016 * h, 0.0, 0.430 * h), (0.046 * h, 0.047 * h, 0.040 * h), look.hair)
        return
    solid.ball((-0.007 * h, 0.0, 0.449 * h), (0.058 * h, 0.052 * h, 0.056 * h), look.hair)
    if look.long_hair:
        solid.ball((-0.030 * h, 0.0, 0.385 * h), (0.032 * h, 0.052 * h, 0.075 * h), look.hair)
