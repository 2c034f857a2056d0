"""Street furniture as low-polygon models: x points to the road, z = 0 is the ground, metres.

Made once a process; `placing` puts them into a town's mesh.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sim.scene.labels import Tag
from sim.town.solids import Colour, Model, Part, Solid

WOOD: Colour = (0.45, 0.31, 0.19)
IRON: Colour = (0.17, 0.18, 0.19)
STEEL: Colour = (0.55, 0.57, 0.58)
PANE: Colour = (0.42, 0.50, 0.55)
STONE: Colour = (0.62, 0.60, 0.57)
EARTH: Colour = (0.26, 0.20, 0.15)
LEAF: Colour = (0.22, 0.36, 0.15)
PAINT: Colour = (0.9, 0.9, 0.9)


Block = tuple[float, float, float, float, float, float]
"""What of a thing is solid: middle x and y, half sizes along x and y, and the heights that it reaches from and to."""


@dataclass(frozen=True)
class Furniture:
    """A kind of thing."""

    model: Model
    half_m: tuple[float, float]
    """Half the room that it takes up along x and y."""
    tag: Tag
    paints: tuple[Colour, ...]
    """Of which its painted parts have one."""
    blocks: tuple[Block, ...]


def litter_bin(solid: Solid) -> None:
    """A round bin with a lid."""
    solid.tube((0.0, 0.0, 0.06), (0.0, 0.0, 0.80), (0.21, 0.25), PAINT, 10, Part.PAINT)
    solid.tube((0.0, 0.0, 0.86), (0.0, 0.0, 0.98), (0.27, 0.20), IRON, 10)
    for side in (-0.2, 0.2):
        solid.box((0.0, side, 0.45), (0.02, 0.02, 0.45), IRON)


def wheeled_bin(solid: Solid) -> None:
    """A household bin on two wheels, as stands out on collection day."""
    foot, top = np.array([[-0.22, -0.24], [0.22, -0.24], [0.22, 0.24], [-0.22, 0.24]]), 1.22
    rings = [np.column_stack([foot * share, np.full(4, z)]) for z, share in ((0.08, 0.86), (0.98, 1.06))]
    solid.loft(np.array([np.vstack([ring, ring[:1]]) for ring in rings])[:, ::-1], PAINT, Part.PAINT, crease_deg=10.0)
    solid.box((0.0, 0.0, 1.02), (0.27, 0.28, 0.04), PAINT, Part.PAINT)
    solid.box((-0.26, 0.0, top - 0.22), (0.03, 0.22, 0.03), IRON)
    solid.tube((-0.22, -0.27, 0.1), (-0.22, 0.27, 0.1), (0.1, 0.1), IRON, 8)


def bench(solid: Solid) -> None:
    """Slats on two feet, with a back; one sits looking at the road."""
    for y in (-0.62, 0.62):
        solid.box((-0.02, y, 0.21), (0.22, 0.03, 0.21), IRON)
        solid.tube((-0.20, y, 0.40), (-0.30, y, 0.86), (0.03, 0.025), IRON, 5)
    for k in range(4):
        solid.box((-0.16 + 0.115 * k, 0.0, 0.445), (0.046, 0.85, 0.018), WOOD)
    for k in range(3):
        solid.box((-0.235 - 0.028 * k, 0.0, 0.58 + 0.12 * k), (0.016, 0.85, 0.045), WOOD)


def shelter(solid: Solid) -> None:
    """A bus shelter: panes at the back and sides, a roof, a bench and a poster."""
    for y in (-1.75, 1.75):
        for x in (-0.65, 0.55):
            solid.box((x, y, 1.15), (0.035, 0.035, 1.15), IRON)
    solid.box((0.0, 0.0, 2.36), (0.80, 1.95, 0.05), STEEL)
    solid.box((0.78, 0.0, 2.36), (0.02, 1.95, 0.11), PAINT, Part.PAINT)
    for y in (-0.875, 0.875):
        solid.box((-0.65, y, 1.20), (0.012, 0.84, 0.85), PANE)
        solid.box((-0.65, y, 2.07), (0.02, 0.84, 0.02), IRON)
    solid.box((-0.05, -1.75, 1.2), (0.55, 0.012, 0.85), PANE)
    solid.box((-0.05, 1.75, 1.2), (0.55, 0.05, 0.92), IRON)
    for side in (-0.055, 0.055):
        solid.box((-0.05, 1.75 + side, 1.25), (0.45, 0.006, 0.74), PAINT, Part.PAINT)
    solid.box((-0.42, -0.3, 0.46), (0.16, 1.1, 0.025), WOOD)
    for y in (-1.2, 0.6):
        solid.box((-0.42, y, 0.22), (0.05, 0.03, 0.22), IRON)


def letter_box(solid: Solid) -> None:
    """A painted box on a post."""
    solid.box((0.0, 0.0, 0.35), (0.07, 0.07, 0.35), IRON)
    solid.box((0.0, 0.0, 0.98), (0.21, 0.25, 0.32), PAINT, Part.PAINT)
    solid.tube((0.0, -0.25, 1.30), (0.0, 0.25, 1.30), (0.21, 0.21), PAINT, 10, Part.PAINT)
    solid.box((0.212, 0.0, 1.15), (0.006, 0.17, 0.025), IRON)
    solid.box((0.212, 0.0, 0.95), (0.006, 0.12, 0.08), (0.92, 0.91, 0.86))


def cabinet(solid: Solid) -> None:
    """A grey cabinet of the telephone or power company."""
    solid.box((0.0, 0.0, 0.08), (0.20, 0.52, 0.08), STONE)
    solid.box((0.0, 0.0, 0.72), (0.18, 0.50, 0.58), PAINT, Part.PAINT)
    solid.box((0.0, 0.0, 1.32), (0.21, 0.54, 0.03), PAINT, Part.PAINT)
    for y in (-0.25, 0.25):
        solid.box((0.183, y, 0.72), (0.006, 0.23, 0.53), STEEL)
        solid.box((0.19, y + 0.16, 0.72), (0.012, 0.02, 0.06), IRON)


def planter(solid: Solid) -> None:
    """A stone trough with plants and flowers."""
    solid.box((0.0, 0.0, 0.24), (0.42, 0.80, 0.24), STONE)
    solid.box((0.0, 0.0, 0.485), (0.37, 0.75, 0.01), EARTH)
    dice = np.random.default_rng(5)
    for k in range(9):
        x, y = float(dice.uniform(-0.26, 0.26)), -0.60 + 0.15 * k
        r = float(dice.uniform(0.14, 0.24))
        solid.ball(
            (x, y, 0.52 + 0.45 * r), (r, r, 0.9 * r), LEAF if k % 3 else PAINT, Part.FIXED if k % 3 else Part.PAINT
        )
        solid.ball((x * 0.6, y + 0.05, 0.58 + 0.9 * r), (0.08, 0.08, 0.07), PAINT, Part.PAINT)


def flower_bed(solid: Solid) -> None:
    """Flowers in a low bed."""
    solid.box((0.0, 0.0, 0.03), (0.50, 1.60, 0.05), EARTH)
    dice = np.random.default_rng(6)
    for k in range(18):
        x, y = float(dice.uniform(-0.36, 0.36)), -1.40 + 0.165 * k
        r = float(dice.uniform(0.12, 0.20))
        solid.ball((x, y, 0.08 + 0.5 * r), (r, r, 0.8 * r), LEAF)
        solid.ball((x, y, 0.12 + r), (0.7 * r, 0.7 * r, 0.4 * r), PAINT, Part.PAINT)


def column(solid: Solid) -> None:
    """A round column for posters."""
    solid.tube((0.0, 0.0, 0.0), (0.0, 0.0, 0.35), (0.62, 0.60), STONE, 14)
    for k, colour in enumerate(((0.78, 0.72, 0.55), (0.85, 0.84, 0.80))):
        solid.tube((0.0, 0.0, 0.35 + 1.0 * k), (0.0, 0.0, 1.35 + 1.0 * k), (0.58, 0.58), colour, 14)
    for k in range(5):
        a = 2.0 * math.pi * k / 5.0
        out = np.array([math.cos(a), math.sin(a), 0.0])
        aside = np.array([-out[1], out[0], 0.0]) * 0.26
        low, high = np.array([0.0, 0.0, 0.62 + 0.25 * (k % 3)]), np.array([0.0, 0.0, 1.45 + 0.25 * (k % 3)])
        corners = np.array([out * 0.6 - aside + low, out * 0.6 + aside + low, out * 0.6 + aside + high,
                            out * 0.6 - aside + high])  # fmt: skip
        solid.quad(corners, ((0.72, 0.2, 0.18), (0.2, 0.4, 0.62), (0.86, 0.7, 0.25))[k % 3])
    solid.tube((0.0, 0.0, 2.35), (0.0, 0.0, 2.85), (0.70, 0.12), PAINT, 14, Part.PAINT)


def bicycle_stand(solid: Solid) -> None:
    """Four steel hoops."""
    for k in range(4):
        y = -1.05 + 0.7 * k
        for x in (-0.35, 0.35):
            solid.tube((x, y, 0.0), (x, y, 0.72), (0.027, 0.027), STEEL, 6)
        solid.tube((-0.37, y, 0.72), (0.37, y, 0.72), (0.027, 0.027), STEEL, 6)


def cafe_table(solid: Solid) -> None:
    """A table with two chairs below a parasol."""
    solid.tube((0.0, 0.0, 0.0), (0.0, 0.0, 2.25), (0.025, 0.022), IRON, 6)
    solid.tube((0.0, 0.0, 0.71), (0.0, 0.0, 0.74), (0.36, 0.36), (0.86, 0.85, 0.82), 12)
    solid.tube((0.0, 0.0, 2.02), (0.0, 0.0, 2.42), (1.05, 0.05), PAINT, 8, Part.PAINT)
    for side in (-1.0, 1.0):
        solid.box((0.0, side * 0.72, 0.45), (0.20, 0.20, 0.02), WOOD)
        solid.box((0.0, side * 0.90, 0.68), (0.19, 0.015, 0.18), WOOD)
        for x in (-0.17, 0.17):
            for y in (0.55, 0.89):
                solid.box((x, side * y, 0.22), (0.014, 0.014, 0.22), IRON)


def hydrant(solid: Solid) -> None:
    """A fire hydrant."""
    solid.tube((0.0, 0.0, 0.0), (0.0, 0.0, 0.06), (0.17, 0.17), PAINT, 8, Part.PAINT)
    solid.tube((0.0, 0.0, 0.06), (0.0, 0.0, 0.60), (0.12, 0.11), PAINT, 8, Part.PAINT)
    solid.ball((0.0, 0.0, 0.62), (0.13, 0.13, 0.11), PAINT, Part.PAINT)
    solid.tube((0.0, -0.19, 0.45), (0.0, 0.19, 0.45), (0.06, 0.06), STEEL, 8)
    solid.tube((0.0, 0.0, 0.42), (0.19, 0.0, 0.42), (0.07, 0.07), STEEL, 8)


def picket_fence(solid: Solid) -> None:
    """Four metres of fence."""
    for z in (0.28, 0.78):
        solid.box((-0.03, 0.0, z), (0.02, 2.0, 0.045), PAINT, Part.PAINT)
    for k in range(14):
        solid.box((0.0, -1.88 + 0.289 * k, 0.50), (0.012, 0.05, 0.50), PAINT, Part.PAINT)


def parked_car(solid: Solid) -> None:
    """A hatchback that stands there: hull, panes, wheels, lamps."""
    half = np.array([2.05, 0.86, 1.46])
    stations = np.array([-1.0, -0.96, -0.6, 0.3, 0.86, 0.97, 1.0])
    tops = np.array([0.52, 0.60, 0.62, 0.60, 0.52, 0.46, 0.38])
    widths = np.array([0.86, 0.95, 1.0, 1.0, 0.96, 0.88, 0.76])
    rings = []
    for x, top, width in zip(stations, tops, widths, strict=True):
        y, z = (
            np.array([0.88, 1.0, 0.98, 0.90, 0.5]) * width * half[1],
            0.2 + (top * half[2] - 0.2) * np.array([0.0, 0.45, 0.86, 0.985, 1.03]),
        )
        right = np.column_stack([np.full(5, x * half[0]), y, z])
        rings.append(np.concatenate([right, (right * [1.0, -1.0, 1.0])[::-1]]))
    solid.loft(np.array(rings)[:, ::-1], PAINT, Part.PAINT, crease_deg=35.0)
    foot = [(x * half[0], w * half[1], 0.60 * half[2]) for x, w in ((-0.95, 0.90), (0.48, 0.90))]
    roof = [(x * half[0], w * half[1], half[2]) for x, w in ((-0.72, 0.70), (0.08, 0.72))]
    box = np.array([(x, s * y, z) for x, y, z in (*foot, *roof) for s in (-1.0, 1.0)])
    for quad in ((0, 2, 6, 4), (1, 5, 7, 3), (0, 4, 5, 1), (2, 3, 7, 6)):
        solid.quad(box[list(quad)], (0.07, 0.085, 0.10))
    solid.quad(box[[4, 6, 7, 5]], PAINT, Part.PAINT)
    for side in (-1.0, 1.0):  # pillars
        for (x0, z0), (x1, z1) in (((-0.55, 0.60), (-0.44, 1.0)), ((-0.06, 0.60), (-0.06, 1.0))):
            a = (x0 * half[0], side * 0.905 * half[1], z0 * half[2])
            b = (x1 * half[0], side * 0.725 * half[1], z1 * half[2])
            solid.tube(a, b, (0.05, 0.045), PAINT, 4, Part.PAINT)
        for x in (-0.62, 0.64):
            hub = (x * half[0], side * (half[1] - 0.10), 0.31)
            out = (hub[0], side * (half[1] + 0.005), 0.31)
            solid.tube(hub, out, (0.31, 0.31), (0.06, 0.06, 0.065), 12)
            solid.tube(out, (out[0], out[1] + side * 0.008, 0.31), (0.19, 0.17), (0.58, 0.59, 0.61), 10)
        solid.box((-half[0] * 0.985, side * 0.70 * half[1], 0.80), (0.04, 0.12, 0.08), (0.55, 0.05, 0.05))
        solid.box((half[0] * 0.965, side * 0.66 * half[1], 0.63), (0.06, 0.14, 0.06), (0.86, 0.87, 0.86))
    for end in (-1.0, 0.985):
        solid.box((end * half[0], 0.0, 0.42), (0.03, 0.26, 0.055), (0.85, 0.85, 0.82))


CARS: tuple[Colour, ...] = ((0.55, 0.10, 0.10), (0.12, 0.18, 0.34), (0.62, 0.63, 0.65), (0.08, 0.085, 0.09),
                            (0.86, 0.86, 0.84), (0.24, 0.34, 0.26), (0.44, 0.40, 0.33))  # fmt: skip
FLOWERS: tuple[Colour, ...] = ((0.85, 0.25, 0.30), (0.92, 0.75, 0.20), (0.62, 0.35, 0.66), (0.93, 0.92, 0.88))
CLOTH: tuple[Colour, ...] = ((0.70, 0.16, 0.14), (0.16, 0.36, 0.28), (0.88, 0.84, 0.72), (0.18, 0.28, 0.48))
GREYS: tuple[Colour, ...] = ((0.50, 0.52, 0.51), (0.36, 0.42, 0.38), (0.63, 0.62, 0.58))
BINS: tuple[Colour, ...] = ((0.20, 0.30, 0.22), (0.18, 0.22, 0.30), (0.30, 0.30, 0.31), (0.55, 0.42, 0.12))

Maker = tuple[Callable[[Solid], None], tuple[float, float], Tag, tuple[Colour, ...], tuple[Block, ...]]
MAKERS: dict[str, Maker] = {
    "litter bin": (litter_bin, (0.27, 0.27), Tag.DYNAMIC, BINS, ((0.0, 0.0, 0.21, 0.21, 0.0, 0.98),)),
    "wheeled bin": (wheeled_bin, (0.29, 0.29), Tag.DYNAMIC, BINS, ((0.0, 0.0, 0.21, 0.24, 0.0, 1.06),)),
    "bench": (bench, (0.35, 0.87), Tag.STATIC, (PAINT,), ((-0.03, 0.0, 0.21, 0.85, 0.0, 0.46),)),
    "shelter": (shelter, (0.80, 1.95), Tag.STATIC, CLOTH,
                ((-0.65, 0.0, 0.03, 1.78, 0.0, 2.3), (-0.05, 1.75, 0.58, 0.05, 0.0, 2.3),
                 (-0.05, -1.75, 0.58, 0.03, 0.0, 2.3))),
    "letter box": (letter_box, (0.22, 0.26), Tag.STATIC, ((0.90, 0.68, 0.10), (0.72, 0.10, 0.10)),
                   ((0.0, 0.0, 0.07, 0.07, 0.0, 0.66), (0.0, 0.0, 0.21, 0.25, 0.66, 1.5))),
    "cabinet": (cabinet, (0.21, 0.54), Tag.STATIC, GREYS, ((0.0, 0.0, 0.18, 0.50, 0.0, 1.35),)),
    "planter": (planter, (0.50, 0.86), Tag.STATIC, FLOWERS, ((0.0, 0.0, 0.42, 0.80, 0.0, 0.48),)),
    "flower bed": (flower_bed, (0.58, 1.72), Tag.VEGETATION, FLOWERS, ()),
    "column": (column, (0.70, 0.70), Tag.STATIC, CLOTH, ((0.0, 0.0, 0.56, 0.56, 0.0, 2.8),)),
    "bicycle stand": (bicycle_stand, (0.40, 1.10), Tag.STATIC, (PAINT,),
                      tuple((0.0, -1.05 + 0.7 * k, 0.37, 0.03, 0.0, 0.75) for k in range(4))),
    "cafe table": (cafe_table, (0.40, 0.95), Tag.STATIC, CLOTH,
                   ((0.0, 0.80, 0.2, 0.12, 0.0, 0.86), (0.0, -0.80, 0.2, 0.12, 0.0, 0.86))),
    "hydrant": (hydrant, (0.20, 0.20), Tag.STATIC, ((0.74, 0.14, 0.10), (0.85, 0.66, 0.12)),
                ((0.0, 0.0, 0.11, 0.11, 0.0, 0.73),)),
    "fence": (picket_fence, (0.06, 2.0), Tag.FENCES, ((0.88, 0.87, 0.84), (0.42, 0.31, 0.22), (0.30, 0.34, 0.31)),
              ((-0.01, 0.0, 0.03, 2.0, 0.0, 1.0),)),
    "car": (parked_car, (2.10, 0.90), Tag.CAR, CARS, ((0.0, 0.0, 2.0, 0.84, 0.1, 1.40),)),
}  # fmt: skip


@functools.cache
def furniture(name: str) -> Furniture:
    """A kind of thing by its name in `MAKERS`."""
    make, half_m, tag, paints, blocks = MAKERS[name]
    solid = Solid()
    make(solid)
    return Furniture(solid.build(), half_m, tag, paints, blocks)
