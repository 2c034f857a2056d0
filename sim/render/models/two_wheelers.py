"""Bicycles and motorcycles with their riders, stretched to each blueprint's size; axes as in `models.vehicles`."""

from __future__ import annotations

import numpy as np

from sim.render.models.parts import AMBER, BLACK, LAMP_GLASS, RED_LAMP, RIM, TYRE, WHITE_PAINT, add_spokes
from sim.scene.labels import Tag
from sim.town.solids import Colour, Joint, Model, Part, Solid

BICYCLES = ("crossbike", "century", "omafiets")
STEEL: Colour = (0.35, 0.36, 0.38)
LEATHER: Colour = (0.10, 0.09, 0.09)
JACKETS: tuple[Colour, ...] = ((0.20, 0.24, 0.34), (0.62, 0.16, 0.13), (0.78, 0.72, 0.20), (0.25, 0.38, 0.27))
JEANS: tuple[Colour, ...] = ((0.16, 0.19, 0.30), (0.12, 0.12, 0.13), (0.30, 0.27, 0.23))
SKIN: Colour = (0.80, 0.60, 0.48)
HELMETS: tuple[Colour, ...] = ((0.85, 0.84, 0.80), (0.10, 0.10, 0.11), (0.70, 0.12, 0.10))


def two_wheeler(type_id: str, extent_m: tuple[float, float, float]) -> Model:
    """A bicycle or motorcycle with its rider; wheels roll, and a motorcycle has indicators."""
    solid = Solid()
    bicycle = any(name in type_id for name in BICYCLES)
    length, width, height = extent_m[0], min(extent_m[1], 0.40), 2.0 * extent_m[2]
    r = min(0.36 * length, 0.35) if bicycle else min(0.30 * length, 0.33)
    thick = 0.022 if bicycle else 0.07
    for x, joint in ((-length + r, Joint.WHEEL_REAR_LEFT), (length - r, Joint.WHEEL_FRONT_LEFT)):
        with solid.moving(joint, (x, 0.0, r)):
            add_tyre(solid, (x, 0.0, r), r, thick)
            add_spokes(solid, (x, thick * 0.5, r), 0.86 * r)
    bar = np.array([length - 1.55 * r, 0.0, 0.60 * height])
    seat = np.array([-0.28 * length, 0.0, 0.545 * height if bicycle else 0.47 * height])
    crank = np.array([-0.05 * length, 0.0, 0.9 * r])
    if bicycle:
        add_bicycle(solid, length, r, bar, seat, crank)
    else:
        add_motorcycle(solid, length, r, bar, seat, width)
    solid.tube((bar[0], -width, bar[2]), (bar[0], width, bar[2]), (0.016, 0.016), BLACK, 5)
    for side in (-1.0, 1.0):
        solid.tube(
            (bar[0], side * width * 0.7, bar[2]), (bar[0] - 0.05, side * width, bar[2]), (0.022, 0.022), BLACK, 6
        )
    with solid.labelled(Tag.RIDER):
        add_rider(solid, seat, bar, crank, height, sum(map(ord, type_id)), width)
    return solid.build()


def add_tyre(solid: Solid, hub: Colour, r: float, thick: float) -> None:
    """A ring with a rim inside."""
    angle = np.linspace(0.0, 2.0 * np.pi, 17)
    x, _, z = hub
    for inner, outer, half, colour in ((0.86, 1.0, thick, TYRE), (0.80, 0.87, 0.8 * thick, RIM)):
        section = ((inner * r, half), (outer * r, 0.6 * half), (outer * r, -0.6 * half), (inner * r, -half))
        section = (*section, section[0])
        rings = np.array([[(x + q * np.cos(a), y, z + q * np.sin(a)) for q, y in section] for a in angle])
        n, m = rings.shape[:2]
        i, j = np.meshgrid(np.arange(n - 1), np.arange(m - 1), indexing="ij")
        a, b = (i * m + j).ravel(), ((i + 1) * m + j).ravel()
        skin = np.stack([a, b + 1, b, a, a + 1, b + 1], axis=1).reshape(-1, 3)
        solid.add(rings.reshape(-1, 3), skin, colour, crease_deg=40.0)


def add_bicycle(solid: Solid, length: float, r: float, bar: np.ndarray, seat: np.ndarray, crank: np.ndarray) -> None:
    """A frame of tubes, mudguards, saddle and lamps."""
    rear, front = np.array([-length + r, 0.0, r]), np.array([length - r, 0.0, r])
    head = bar + (front - bar) * 0.18
    below = seat + (crank - seat) * 0.25
    for a, b in ((head, below), (head + (front - head) * 0.15, crank), (below, crank)):
        solid.tube(tuple(a), tuple(b), (0.019, 0.019), WHITE_PAINT, 6, Part.PAINT, 0.7)
    for side in (-0.045, 0.045):
        aside = np.array([0.0, side, 0.0])
        for a, b in ((below, rear), (crank, rear), (head, front)):
            solid.tube(tuple(a + aside * 0.4), tuple(b + aside), (0.010, 0.009), WHITE_PAINT, 5, Part.PAINT, 0.7)
    solid.tube(tuple(head), tuple(bar), (0.014, 0.014), STEEL, 6)
    solid.tube(tuple(below), tuple(seat), (0.013, 0.013), STEEL, 6)
    solid.ball((seat[0] - 0.02, 0.0, seat[2]), (0.13, 0.08, 0.035), LEATHER)
    solid.disc((crank[0], 0.035, crank[2]), 1.0, 0.09, STEEL, 10)
    solid.box((rear[0] - 0.30 * r, 0.0, 2.0 * r + 0.05), (0.035, 0.045, 0.035), RED_LAMP, Part.BRAKE)
    solid.box((rear[0] - 0.30 * r, 0.0, 2.0 * r - 0.015), (0.025, 0.04, 0.02), RED_LAMP, Part.TAIL)
    solid.box((bar[0] + 0.08, 0.0, bar[2] - 0.06), (0.04, 0.04, 0.04), LAMP_GLASS, Part.HEAD)


def add_motorcycle(solid: Solid, length: float, r: float, bar: np.ndarray, seat: np.ndarray, width: float) -> None:
    """Fork, engine, tank, seat, exhaust, and lamps with indicators."""
    rear, front = np.array([-length + r, 0.0, r]), np.array([length - r, 0.0, r])
    for side in (-0.10, 0.10):
        aside = np.array([0.0, side, 0.0])
        solid.tube(tuple(bar + aside), tuple(front + aside), (0.025, 0.028), STEEL, 6, gloss=0.5)
        solid.tube((rear[0], side, r), (0.0, side, 0.95 * r), (0.03, 0.035), BLACK, 6)
    solid.box((0.0, 0.0, 1.05 * r), (0.22 * length, 0.15, 0.55 * r), (0.20, 0.20, 0.21), gloss=0.3)
    solid.ball((0.12 * length, 0.0, seat[2] + 0.04), (0.26 * length, 0.17, 0.14), WHITE_PAINT, Part.PAINT, 0.85)
    solid.ball((bar[0] + 0.04, 0.0, bar[2] - 0.10), (0.15, 0.17, 0.17), WHITE_PAINT, Part.PAINT, 0.85)
    solid.box((-0.30 * length, 0.0, seat[2] - 0.02), (0.26 * length, 0.13, 0.05), LEATHER)
    solid.ball((-0.60 * length, 0.0, seat[2] - 0.02), (0.24 * length, 0.12, 0.10), WHITE_PAINT, Part.PAINT, 0.85)
    solid.box((front[0], 0.0, 2.0 * r + 0.02), (0.6 * r, 0.075, 0.025), WHITE_PAINT, Part.PAINT, 0.85)
    solid.tube((-0.1, 0.17, 0.7 * r), (rear[0] - 0.1, 0.19, 1.1 * r), (0.04, 0.055), STEEL, 8, gloss=0.6)
    end = -0.80 * length
    solid.box((end, 0.0, seat[2]), (0.03, 0.10, 0.045), RED_LAMP, Part.BRAKE)
    solid.box((end, 0.0, seat[2] - 0.06), (0.03, 0.09, 0.02), RED_LAMP, Part.TAIL)
    solid.ball((bar[0] + 0.19, 0.0, bar[2] - 0.08), (0.05, 0.09, 0.09), LAMP_GLASS, Part.HEAD)
    for side, part in ((-1.0, Part.LEFT), (1.0, Part.RIGHT)):
        for x, z in ((end, seat[2] - 0.01), (bar[0] + 0.14, bar[2] - 0.14)):
            solid.tube((x, side * 0.08, z), (x, side * 0.19, z), (0.012, 0.012), BLACK, 4)
            solid.box((x, side * 0.235, z), (0.035, 0.045, 0.045), AMBER, part)
        mirror = (bar[0] + 0.02, side * 0.85 * width, bar[2] + 0.17)
        solid.tube((bar[0], side * 0.6 * width, bar[2]), mirror, (0.010, 0.010), BLACK, 4)
        solid.ball(mirror, (0.02, 0.07, 0.045), BLACK, gloss=0.4)


def add_rider(
    solid: Solid, seat: np.ndarray, bar: np.ndarray, crank: np.ndarray, height: float, number: int, width: float
) -> None:
    """Somebody who sits on the seat with their hands on the bar; the head is at the blueprint's height."""
    jacket, jeans, helmet = JACKETS[number % 4], JEANS[number % 3], HELMETS[number // 4 % 3]
    head = np.array([seat[0] + 0.30, 0.0, height - 0.14])
    neck = head - np.array([0.02, 0.0, 0.17])
    hip = seat + np.array([0.0, 0.0, 0.06])
    share = np.array([0.0, 0.3, 0.75, 1.0])[:, None]
    spine = hip + (neck - hip) * share + np.array([-0.06, 0.0, 0.0]) * np.sin(np.pi * share)
    a = np.linspace(0.0, 2.0 * np.pi, 9)
    radii = ((0.13, 0.165), (0.12, 0.155), (0.13, 0.20), (0.06, 0.08))
    torso = [
        np.stack([x + rx * np.cos(a), ry * np.sin(a), z - 0.25 * rx * np.cos(a)], axis=1)
        for (x, _, z), (rx, ry) in zip(spine, radii, strict=True)
    ]
    solid.loft(np.array(torso)[:, ::-1], jacket, crease_deg=60.0)
    for side in (-1.0, 1.0):
        shoulder = np.array([neck[0] - 0.02, side * 0.20, neck[2] - 0.06])
        hand = np.array([bar[0] - 0.03, side * width * 0.85, bar[2] + 0.02])
        elbow = (shoulder + hand) / 2.0 + np.array([-0.05, side * 0.06, -0.08])
        solid.tube(tuple(shoulder), tuple(elbow), (0.062, 0.050), jacket, 7)
        solid.tube(tuple(elbow), tuple(hand), (0.048, 0.036), jacket, 7)
        solid.ball(tuple(hand), (0.05, 0.04, 0.04), LEATHER)
        foot = np.array([crank[0] + 0.05 * side, side * 0.16, max(crank[2] - 0.02 - 0.10 * side, 0.16)])
        knee = np.array([max(crank[0], hip[0]) + 0.30, side * 0.15, (hip[2] + foot[2]) / 2.0 + 0.10])
        solid.tube((hip[0], side * 0.09, hip[2]), tuple(knee), (0.090, 0.065), jeans, 7)
        solid.tube(tuple(knee), (foot[0] - 0.03, foot[1], foot[2] + 0.06), (0.062, 0.042), jeans, 7)
        solid.box((foot[0] + 0.04, foot[1], foot[2]), (0.13, 0.045, 0.04), LEATHER)
    solid.tube(tuple(neck), tuple(head), (0.055, 0.05), SKIN, 7)
    solid.ball((head[0] + 0.02, 0.0, head[2] - 0.02), (0.095, 0.082, 0.12), SKIN)
    solid.ball((head[0] - 0.005, 0.0, head[2] + 0.035), (0.125, 0.105, 0.105), helmet, gloss=0.5)
