"""Vehicles as low-polygon solids: one recipe of body, cabin, wheels and lamps, stretched to each blueprint's size.

The origin is the actor's: on the ground in the middle of the bounding box, x forward, y right, z up, metres.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from sim.render.models.parts import (
    AMBER,
    ARCH,
    BLACK,
    GLASS,
    LAMP_GLASS,
    PLATE,
    RED_LAMP,
    RIM,
    TYRE,
    WHITE_PAINT,
)
from sim.render.models.two_wheelers import two_wheeler
from sim.town.solids import BOX_FACES, DOORS, Colour, Joint, Model, Part, Solid


@dataclass(frozen=True)
class Shape:
    """Proportions: x from -1 (rear) to 1 (front) of the half length, z of the height, y of the half width."""

    belt: float = 0.60
    nose: float = 0.48
    tail: float = 0.60
    cabin: tuple[float, float] = (-0.80, 0.42)
    roof: tuple[float, float] = (-0.44, 0.06)
    roof_width: float = 0.72
    axles: tuple[float, float] = (-0.60, 0.62)
    wheel_m: float = 0.33
    clearance_m: float = 0.19
    rear_windows: bool = True
    beacon: bool = False
    stripe: Colour | None = None


SEDAN = Shape()
COUPE = Shape(cabin=(-0.88, 0.36), roof=(-0.38, 0.02), roof_width=0.68, tail=0.62, belt=0.61)
HATCH = Shape(cabin=(-0.97, 0.50), roof=(-0.80, 0.12), roof_width=0.76, tail=0.60, axles=(-0.66, 0.66), wheel_m=0.31)
JEEP = Shape(belt=0.58, nose=0.55, tail=0.56, cabin=(-0.98, 0.30), roof=(-0.94, 0.14), roof_width=0.80, wheel_m=0.39,
             clearance_m=0.27, axles=(-0.60, 0.66))  # fmt: skip
VAN = Shape(belt=0.50, nose=0.40, tail=0.50, cabin=(-0.995, 0.80), roof=(-0.985, 0.50), roof_width=0.86, wheel_m=0.35,
            rear_windows=False, axles=(-0.58, 0.66))  # fmt: skip
AMBULANCE = replace(VAN, beacon=True, stripe=(0.80, 0.12, 0.10))
TRUCK = Shape(belt=0.46, nose=0.44, tail=0.46, cabin=(-0.995, 0.99), roof=(-0.99, 0.95), roof_width=0.93, wheel_m=0.5,
              clearance_m=0.42, rear_windows=False, axles=(-0.52, 0.60))  # fmt: skip
BUS = replace(TRUCK, rear_windows=True, clearance_m=0.3)
FIRETRUCK = replace(TRUCK, beacon=True, stripe=(0.93, 0.90, 0.82))

SHAPES = {"tt": COUPE, "mustang": COUPE, "micra": HATCH, "cooper": HATCH, "a2": HATCH, "c3": HATCH, "prius": HATCH,
          "jeep": JEEP, "patrol": JEEP, "sprinter": VAN, "ambulance": AMBULANCE, "firetruck": FIRETRUCK,
          "volkswagen.t2": VAN, "fusorosa": BUS, "european_hgv": TRUCK, "carlacola": TRUCK}  # fmt: skip
DOOR_OPEN_RAD = math.radians(62.0)
HULL_STATIONS = np.array([-1.0, -0.975, -0.90, -0.70, -0.35, 0.0, 0.35, 0.70, 0.90, 0.97, 1.0])
HULL_WIDTHS = np.array([0.84, 0.92, 0.97, 1.0, 1.0, 1.0, 1.0, 0.99, 0.95, 0.87, 0.74])


def shape_for(type_id: str, extent_m: tuple[float, float, float]) -> Shape:
    """The recipe of a blueprint, by name or else by size."""
    for name, shape in SHAPES.items():
        if name in type_id:
            return shape
    if extent_m[2] > 1.0:
        return TRUCK if extent_m[0] > 3.4 else VAN
    return SEDAN if extent_m[0] > 2.05 else HATCH


def vehicle(type_id: str, extent_m: tuple[float, float, float], fine: bool = True) -> Model:
    """A vehicle that fills its bounding box; not `fine` is for the distance."""
    shape = shape_for(type_id, extent_m)
    if extent_m[1] < 0.5:
        return two_wheeler(type_id, extent_m)
    solid = Solid()
    half = np.array([extent_m[0], extent_m[1] * (0.93 if extent_m[2] < 1.1 else 0.97), 2.0 * extent_m[2]])
    add_hull(solid, shape, half, fine)
    add_cabin(solid, shape, half)
    add_wheels(solid, shape, half, fine)
    add_lamps(solid, shape, half)
    for door, joint in enumerate(DOORS):
        with solid.moving(joint, (0.0, 0.0, 0.0)):
            add_open_door(solid, shape, half, door)
    if not fine:
        return solid.build()
    mirror_x, mirror_z = half[0] * (shape.cabin[1] - 0.12), half[2] * (shape.belt + 0.05)
    for side in (-1.0, 1.0):
        solid.box((mirror_x, side * (extent_m[1] - 0.07), mirror_z), (0.06, 0.08, 0.07), BLACK, gloss=0.3)
    return solid.build()


def top_line(shape: Shape, at: np.ndarray) -> np.ndarray:
    """Height (of 1) of the hull's upper edge along x: the boot, the belt line and the falling bonnet."""
    corners = [-1.0, -0.96, shape.cabin[0] + 0.02, shape.cabin[1], 0.90, 1.0]
    heights = [shape.tail - 0.07, shape.tail - 0.01, shape.belt, shape.belt, shape.nose + 0.03, shape.nose - 0.08]
    order = np.argsort(corners, kind="stable")
    return np.interp(at, np.array(corners)[order], np.array(heights)[order])


def add_hull(solid: Solid, shape: Shape, half: np.ndarray, fine: bool) -> None:
    """The painted body up to the belt line, with a dark underside."""
    rings = []
    every = slice(None) if fine else [0, 2, 5, 8, 10]
    for x, width in zip(HULL_STATIONS[every], HULL_WIDTHS[every], strict=True):
        w = width * half[1]
        top = float(top_line(shape, np.array([x]))[0]) * half[2]
        low = shape.clearance_m + (0.07 if abs(x) > 0.95 else 0.0)
        y = np.array([0.90, 0.985, 1.0, 0.985, 0.92, 0.5])
        z = low + (top - low) * np.array([0.0, 0.18, 0.52, 0.86, 0.985, 1.03])
        right = np.stack([np.full(6, x * half[0]), y * w, z], axis=1)
        left = (right * [1.0, -1.0, 1.0])[::-1]
        rings.append(np.concatenate([right, left]))
    across = slice(None, None, -1) if fine else [11, 9, 7, 6, 5, 4, 2, 0]
    solid.loft(np.array(rings)[:, across], WHITE_PAINT, Part.PAINT, 0.85, 35.0)
    low = shape.clearance_m
    solid.box((0.0, 0.0, low + 0.02), (half[0] * 0.93, half[1] * 0.90, 0.10), BLACK)
    for end in (-0.985, 0.97):
        solid.box((end * half[0], 0.0, low + 0.12), (0.05, half[1] * 0.74, 0.09), BLACK, gloss=0.1)
    if shape.stripe:
        z = half[2] * shape.belt * 0.86
        solid.box((0.0, 0.0, z), (half[0] * 0.72, half[1] * 1.004, 0.09), shape.stripe, gloss=0.3)


def add_cabin(solid: Solid, shape: Shape, half: np.ndarray) -> None:
    """Greenhouse: painted pillars and roof with dark panes set in."""
    z0, z1 = half[2] * (shape.belt - 0.01), half[2]
    base = [x * half[0] for x in shape.cabin]
    roof = [x * half[0] for x in shape.roof]
    w0, w1 = half[1] * 0.93, half[1] * shape.roof_width
    mid = z1 - 0.05 * (z1 - z0)

    def ring(x: float, xr: float) -> list[tuple[float, float, float]]:
        inset = 0.05 * (1.0 if xr > 0.5 * sum(roof) else -1.0)
        return [(x, -w0, z0), (xr, -w1, mid), (xr - inset, -w1 * 0.9, z1 - 0.01), (xr - 2 * inset, 0.0, z1),
                (xr - inset, w1 * 0.9, z1 - 0.01), (xr, w1, mid), (x, w0, z0)]  # fmt: skip

    xs = [(base[0], roof[0]), (0.5 * sum(base), 0.5 * sum(roof)), (base[1], roof[1])]
    solid.loft(np.array([ring(*x) for x in xs]), WHITE_PAINT, Part.PAINT, 0.85, 50.0)

    def pane(corners: list[tuple[float, float]], side: float) -> None:
        """A side window: corners as (share from rear to front, share from sill to roof)."""
        points = []
        for along, up in corners:
            x0, x1 = base[0] + along * (base[1] - base[0]), roof[0] + along * (roof[1] - roof[0])
            y = (w0 + up * (w1 - w0)) * side
            points.append((x0 + up * (x1 - x0), y + 0.012 * side, z0 + up * (mid - z0) + 0.004))
        solid.quad(np.array(points if side < 0 else points[::-1]), GLASS, gloss=1.0)

    for side in (-1.0, 1.0):
        if shape.rear_windows:
            pane([(0.09, 0.10), (0.48, 0.10), (0.48, 0.90), (0.09, 0.90)], side)
            pane([(0.53, 0.10), (0.93, 0.10), (0.93, 0.90), (0.53, 0.90)], side)
        else:
            start = 1.0 - min(1.35 / max(base[1] - base[0], 1.4), 0.6)
            pane([(start, 0.10), (0.95, 0.10), (0.93, 0.78), (start, 0.78)], side)
    for (x0, x1), sign in (((base[1], roof[1]), 1.0), ((base[0], roof[0]), -1.0)):
        corners = []
        low, high = (0.08, 0.92) if sign > 0 or shape.rear_windows else (0.25, 0.80)
        for up, side in ((low, -1.0), (low, 1.0), (high, 1.0), (high, -1.0)):
            y = side * (w0 + up * (w1 - w0)) * 0.90
            corners.append((x0 + up * (x1 - x0) + 0.018 * sign, y, z0 + up * (mid - z0) + 0.008))
        solid.quad(np.array(corners if sign > 0 else corners[::-1]), GLASS, gloss=1.0)
    if shape.beacon:
        for side in (-1.0, 1.0):
            solid.box(
                (roof[1] - 0.25, side * 0.42 * w1, z1 + 0.05), (0.13, 0.32 * w1, 0.07), (0.1, 0.3, 1.0), Part.BEACON
            )


def add_open_door(solid: Solid, shape: Shape, half: np.ndarray, door: int) -> None:
    """A door swung out around its front edge, and the dark opening behind it; numbers are `carla.VehicleDoor`'s."""
    side = -1.0 if door % 2 == 0 else 1.0
    middle = 0.5 * sum(shape.cabin) * half[0]
    hinge, end = (shape.cabin[1] - 0.10) * half[0], middle
    if door >= 2:
        hinge, end = middle - 0.04, (shape.cabin[0] + 0.20) * half[0]
    length = min(hinge - end, 1.25)
    low, belt, top = shape.clearance_m + 0.06, shape.belt * half[2], half[2] * 0.93
    y = side * half[1]
    solid.box((hinge - length / 2.0, y * 1.004, (low + belt) / 2.0), (length / 2.0, 0.012, (belt - low) / 2.0), ARCH)
    out = np.array([-math.cos(DOOR_OPEN_RAD), side * math.sin(DOOR_OPEN_RAD)])
    thick = np.array([-out[1], out[0]]) * 0.035

    def panel(begin: float, stop: float, z0: float, z1: float, colour: Colour, part: Part, gloss: float) -> None:
        foot = np.array([hinge, y])
        corners = [foot + out * at + thick * s for at, s in ((begin, -1.0), (stop, -1.0), (stop, 1.0), (begin, 1.0))]
        points = np.array([(*corner, z) for z in (z0, z1) for corner in corners])
        solid.add(points, BOX_FACES, colour, part, gloss)

    panel(0.0, length, low, belt, WHITE_PAINT, Part.PAINT, 0.85)
    panel(0.10, length - 0.06, belt, top, GLASS, Part.FIXED, 1.0)
    panel(length - 0.06, length, belt, top, WHITE_PAINT, Part.PAINT, 0.85)


def add_wheels(solid: Solid, shape: Shape, half: np.ndarray, fine: bool) -> None:
    """Four wheels in dark arches."""
    r, width = shape.wheel_m, 0.11
    sides = 14 if fine else 7
    front = shape.axles[1]
    for axle in shape.axles:
        for side in (-1.0, 1.0):
            x, y = axle * half[0], side * (half[1] - width - 0.015)
            solid.disc((x, side * (half[1] + 0.003), r + 0.03), side, r * 1.17, ARCH, sides)
            with solid.moving(wheel_joint(axle == front, side) if fine else Joint.NONE, (x, y, r)):
                add_wheel(solid, (x, y, r), side, width, fine)


def wheel_joint(is_front: bool, side: float) -> Joint:
    """The joint of a wheel; `side` -1 is left."""
    left, right = (
        (Joint.WHEEL_FRONT_LEFT, Joint.WHEEL_FRONT_RIGHT)
        if is_front
        else (Joint.WHEEL_REAR_LEFT, Joint.WHEEL_REAR_RIGHT)
    )
    return left if side < 0.0 else right


def add_wheel(solid: Solid, centre: Colour, side: float, width: float, fine: bool) -> None:
    """One wheel on the ground with its rim outside."""
    x, y, r = centre
    sides, out = 14 if fine else 7, y + side * width
    solid.tube((x, y - width, r), (x, y + width, r), (r, r), TYRE, sides)
    solid.disc((x, out + side * 0.024, r), side, r * 0.62, RIM, 10 if fine else 5, gloss=0.5)
    for spoke in range(5 if fine else 0):
        a = 2.0 * np.pi * (spoke + 0.5) / 5.0
        hole = (x + 0.36 * r * np.cos(a), out + side * 0.03, r + 0.36 * r * np.sin(a))
        solid.disc(hole, side, 0.13 * r, BLACK, 5)


def add_lamps(solid: Solid, shape: Shape, half: np.ndarray) -> None:
    """Head, tail, brake, reverse lamps, indicators, grille and number plates."""
    length, width, height = half
    rear_z, front_z = height * (shape.tail - 0.135), height * (shape.nose - 0.10)
    size = 0.055 + 0.012 * height
    for side, part in ((-1.0, Part.LEFT), (1.0, Part.RIGHT)):
        x = -length * 0.99
        solid.box((x, side * 0.66 * width, rear_z), (0.035, 0.15 * width, size), RED_LAMP, Part.BRAKE)
        solid.box((x + 0.03, side * 0.875 * width, rear_z), (0.05, 0.055 * width, size), AMBER, part)
        solid.box((x, side * 0.44 * width, rear_z), (0.035, 0.06 * width, size * 0.7), LAMP_GLASS, Part.REVERSE)
        solid.box((x, side * 0.66 * width, rear_z - size - 0.02), (0.03, 0.15 * width, 0.018), RED_LAMP, Part.TAIL)
        x = length * 0.955
        solid.box((x, side * 0.68 * width, front_z), (0.07, 0.15 * width, size * 0.9), LAMP_GLASS, Part.HEAD, 0.5)
        solid.box((x - 0.05, side * 0.865 * width, front_z), (0.07, 0.05 * width, size * 0.7), AMBER, part)
    if shape.rear_windows:
        share = (0.93 - shape.belt) / (1.0 - shape.belt)
        x = length * (shape.cabin[0] + share * (shape.roof[0] - shape.cabin[0]))
        high = (x - 0.02, 0.0, height * 0.925)
    else:
        high = (-length * 0.99 - 0.02, 0.0, height * 0.95)
    solid.box(high, (0.03, 0.26 * width, 0.022), RED_LAMP, Part.BRAKE)
    solid.box((length * 0.975, 0.0, front_z - 0.02), (0.035, 0.42 * width, size), BLACK, gloss=0.4)
    for x in (-length * 1.0 + 0.005, length * 1.0 - 0.005):
        solid.box((x, 0.0, rear_z * 0.72 if x < 0 else front_z - 0.2), (0.018, 0.26, 0.056), PLATE)
