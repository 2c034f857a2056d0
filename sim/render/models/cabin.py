"""The inside of a car as its driver sees it: dash, pillars, doors, roof, bonnet, mirrors and a wheel that turns.

Drawn only for cameras at the driver's eye (`is_driver_eye`); from outside nothing of it is seen. It is built around
that eye, not inside the outer shell, whose glass is nearer to the eye than a real car's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sim.render.models.parts import BLACK
from sim.render.models.vehicles import shape_for, top_line
from sim.town.solids import Colour, Model, Part, Solid

EYE_SHARE = (0.143, -0.36, 0.892)
"""The driver's eye in shares of half length, half width and height: of a sedan's (0.35, -0.33, 1.33) m."""
REACH_M = (0.45, 0.30, 0.28)
"""How far from there a camera still is the driver's eye: forward, aside, up."""
HIGHEST_M = 1.85
"""Vans, trucks and buses have no cabin of this kind."""
NARROWEST_M = 1.2
STEERING_RATIO = 14.0
COLUMN_RAD = math.radians(24.0)
DARK: Colour = (0.10, 0.103, 0.11)
TRIM: Colour = (0.15, 0.15, 0.155)
LINING: Colour = (0.40, 0.39, 0.37)
SEAM: Colour = (0.24, 0.24, 0.25)
LEATHER: Colour = (0.045, 0.045, 0.05)
CHROME: Colour = (0.55, 0.56, 0.58)
GLASS: Colour = (0.20, 0.23, 0.27)
GAUGE: Colour = (0.75, 0.86, 0.95)
NEEDLE: Colour = (1.0, 0.25, 0.12)
HOUSING_HALF_M = ((0.016, 0.125, 0.034), (0.045, 0.115, 0.072))
"""Half sizes of the housings of the inner mirror and of a door's mirror."""
INNER_LOOK = (0.0, math.radians(-1.0), 40.0)
DOOR_LOOK = (math.radians(11.0), math.radians(-3.0), 36.0)
"""How the mirrors are set: turned outwards, up (rad) and the horizontal field of view (deg)."""


@dataclass(frozen=True)
class Glass:
    """A mirror's glass in the actor's frame, upright and facing backwards, and what is seen in it.

    It shows what a camera at its middle sees that looks back, turned by `outward_rad` (to the glass's own side; the
    inner mirror's is 0) and `pitch_rad`, over `fov_deg` horizontally. `shows_car`: the car's own flank is seen.
    """

    centre: Colour
    half_width_m: float
    half_height_m: float
    side: float
    outward_rad: float
    pitch_rad: float
    fov_deg: float
    shows_car: bool


def driver_eye(extent_m: tuple[float, float, float]) -> tuple[float, float, float]:
    """Where a driver's eye is in the actor's frame."""
    x, y, z = EYE_SHARE
    return x * extent_m[0], y * extent_m[1], z * 2.0 * extent_m[2]


def is_driver_eye(extent_m: tuple[float, float, float], place_m: tuple[float, float, float]) -> bool:
    """Whether a camera at a place in the actor's frame sees the cabin."""
    if 2.0 * extent_m[2] > HIGHEST_M or 2.0 * extent_m[1] < NARROWEST_M:
        return False
    return all(abs(at - eye) <= reach for at, eye, reach in zip(place_m, driver_eye(extent_m), REACH_M, strict=True))


def sheet(solid: Solid, lines: np.ndarray, colour: Colour, part: Part = Part.FIXED, gloss: float = 0.0) -> None:
    """A skin over (n, m, 3) lines of points, seen from both sides."""
    n, m = lines.shape[:2]
    i, j = np.meshgrid(np.arange(n - 1), np.arange(m - 1), indexing="ij")
    a, b = (i * m + j).ravel(), ((i + 1) * m + j).ravel()
    skin = np.stack([a, b, b + 1, a, b + 1, a + 1], axis=1).reshape(-1, 3)
    solid.add(lines.reshape(-1, 3), skin, colour, part, gloss, 40.0)
    solid.add(lines.reshape(-1, 3), skin[:, ::-1], colour, part, gloss, 40.0)


def cabin(type_id: str, extent_m: tuple[float, float, float]) -> Model:
    """What is fixed of the cabin, in the actor's frame."""
    solid = Solid()
    eye = np.array(driver_eye(extent_m))
    half_width = extent_m[1] * 0.87
    add_bonnet(solid, type_id, extent_m, eye)
    add_dash(solid, eye, half_width)
    for side in (-1.0, 1.0):
        add_side(solid, eye, half_width, side)
    top = eye[2] + 0.19
    edge = np.array([[eye[0] + x, y, top + dz] for x, dz in ((0.34, -0.03), (0.10, 0.0), (-1.4, -0.02))
                     for y in (-half_width * 0.80, half_width * 0.80)])  # fmt: skip
    sheet(solid, edge.reshape(3, 2, 3), LINING)
    solid.box((eye[0] + 0.34, 0.0, top - 0.03), (0.03, half_width * 0.80, 0.025), LINING)
    for y in (eye[1] + 0.02, 0.38):  # sun visors
        solid.box((eye[0] + 0.22, y, top - 0.022), (0.080, 0.17, 0.009), SEAM)
    for glass, (centre, half) in zip(glasses(extent_m), housings(extent_m), strict=True):
        solid.box(centre, half, BLACK, gloss=0.2)
        (x, y, z), w, h = glass.centre, glass.half_width_m, glass.half_height_m
        solid.quad(np.array([(x, y + w, z - h), (x, y - w, z - h), (x, y - w, z + h), (x, y + w, z + h)]), GLASS,
                   gloss=1.0)  # fmt: skip
    solid.box((eye[0] + 0.44, 0.02, top - 0.05), (0.012, 0.018, 0.035), DARK)
    return solid.build()


def housings(extent_m: tuple[float, float, float]) -> tuple[tuple[Colour, Colour], ...]:
    """Middle and half sizes of the mirrors' housings: the inner one, the left door's and the right door's."""
    (x, _, z), half_width = driver_eye(extent_m), extent_m[1] * 0.87
    inner, door = HOUSING_HALF_M
    doors = [((x + 0.52, side * (half_width + 0.22), z - 0.285), door) for side in (-1.0, 1.0)]
    return ((x + 0.46, 0.02, z + 0.085), inner), *doors


def glasses(extent_m: tuple[float, float, float]) -> tuple[Glass, ...]:
    """The mirrors' glasses, in the order of `housings`."""
    found = []
    for ((x, y, z), half), side in zip(housings(extent_m), (0.0, -1.0, 1.0), strict=True):
        turned = INNER_LOOK if side == 0.0 else DOOR_LOOK
        place = (x - half[0] - 0.002, y, z)
        found.append(Glass(place, half[1] - 0.008, half[2] - 0.007, side, *turned, shows_car=side != 0.0))
    return tuple(found)


def add_bonnet(solid: Solid, type_id: str, extent_m: tuple[float, float, float], eye: np.ndarray) -> None:
    """The painted bonnet from the windscreen to the nose, with two creases."""
    shape, height = shape_for(type_id, extent_m), 2.0 * extent_m[2]
    stations = np.linspace(eye[0] + 0.85, extent_m[0] * 0.985, 7)
    share = stations / extent_m[0]
    width = extent_m[1] * np.interp(share, [0.3, 0.7, 0.9, 0.97, 1.0], [0.90, 0.88, 0.84, 0.76, 0.62])
    z = top_line(shape, share) * height + 0.02
    across = np.array([-1.0, -0.94, -0.62, -0.58, 0.0, 0.58, 0.62, 0.94, 1.0])
    bulge = np.array([-0.10, -0.02, 0.012, 0.024, 0.034, 0.024, 0.012, -0.02, -0.10])
    lines = [[(x, a * w, h + b) for a, b in zip(across, bulge, strict=True)]
             for x, w, h in zip(stations.tolist(), width.tolist(), z.tolist(), strict=True)]  # fmt: skip
    sheet(solid, np.array(lines), (0.9, 0.9, 0.9), Part.PAINT, 0.85)
    for y in (-0.42, 0.12):  # wipers at rest
        foot, tip = (eye[0] + 0.93, y, eye[2] - 0.385), (eye[0] + 0.86, y + 0.50, eye[2] - 0.36)
        solid.tube(foot, tip, (0.009, 0.007), BLACK, 5)


def add_dash(solid: Solid, eye: np.ndarray, half_width: float) -> None:
    """The dashboard across the car, with a cowl over the instruments and a screen in the middle."""
    profile = [(0.98, -0.39), (0.72, -0.33), (0.60, -0.335), (0.565, -0.37), (0.60, -0.5), (0.58, -0.62), (0.75, -0.95)]
    ys = np.linspace(-half_width, half_width, 5)
    lines = np.array([[(eye[0] + x, y, eye[2] + z) for y in ys] for x, z in profile])
    sheet(solid, lines, DARK, gloss=0.08)
    # The cowl: a low arch that begins before the dash's edge.
    angle = np.linspace(0.0, math.pi, 9)
    arch = [[(eye[0] + x, eye[1] - 0.20 * math.cos(a) * w, eye[2] - 0.335 + 0.080 * math.sin(a) * w) for a in angle]
            for x, w in ((0.545, 1.0), (0.60, 1.0), (0.80, 0.55))]  # fmt: skip
    sheet(solid, np.array(arch), DARK, gloss=0.05)
    back = eye[0] + 0.59
    solid.box((back + 0.01, eye[1], eye[2] - 0.36), (0.008, 0.18, 0.06), BLACK)
    for side in (-1.0, 1.0):
        gauge(solid, (back - 0.004, eye[1] + side * 0.085, eye[2] - 0.335), 0.060, 0.7 * side)
    screen = (eye[0] + 0.57, 0.02, eye[2] - 0.43)
    solid.box(screen, (0.012, 0.115, 0.072), BLACK, gloss=0.4)
    x = screen[0] - 0.0135
    solid.quad(np.array([(x, 0.125, screen[2] - 0.06), (x, -0.085, screen[2] - 0.06), (x, -0.085, screen[2] + 0.06),
                         (x, 0.125, screen[2] + 0.06)]), (0.05, 0.13, 0.20), Part.BEACON)  # fmt: skip
    for y in (-half_width * 0.88, -0.14, 0.18, half_width * 0.88):  # vents
        solid.box((eye[0] + 0.575, y, eye[2] - 0.41 if abs(y) > 0.3 else eye[2] - 0.535), (0.01, 0.06, 0.026), SEAM)
    solid.box((eye[0] + 0.15, 0.02, eye[2] - 0.70), (0.5, 0.12, 0.10), TRIM)  # console


def gauge(solid: Solid, centre: Colour, radius: float, needle_rad: float) -> None:
    """A dial with marks that shine."""
    x, y, z = centre
    for k in range(11):
        a = math.radians(-120.0 + 24.0 * k)
        solid.box((x, y + radius * 0.88 * math.sin(a), z + radius * 0.88 * math.cos(a)), (0.001, 0.003, 0.003), GAUGE,
                  Part.BEACON)  # fmt: skip
    tip = (x - 0.002, y + radius * 0.75 * math.sin(needle_rad), z + radius * 0.75 * math.cos(needle_rad))
    solid.tube((x - 0.002, y, z), tip, (0.003, 0.0015), NEEDLE, 4, Part.BEACON)


def add_side(solid: Solid, eye: np.ndarray, half_width: float, side: float) -> None:
    """Windscreen pillar, door with its window frame and the pillar behind it, and the outer mirror."""
    ex, _, ez = eye.tolist()
    y, y_top, y_roof = side * half_width, side * half_width * 0.80, side * half_width * 0.82
    solid.tube((ex + 0.80, y * 0.97, ez - 0.37), (ex + 0.32, y_top, ez + 0.16), (0.042, 0.028), SEAM, 8)
    solid.tube((ex + 0.32, y_top, ez + 0.16), (ex - 1.3, y_top, ez + 0.15), (0.030, 0.034), LINING, 6)
    solid.tube((ex - 0.28, y, ez - 0.33), (ex - 0.36, y_roof, ez + 0.15), (0.055, 0.055), SEAM, 8)
    sill = [(ex + 0.80, ez - 0.36), (ex + 0.30, ez - 0.335), (ex - 1.3, ez - 0.31)]
    section = ((0.02, 0.0), (-0.05, -0.015), (-0.06, -0.20), (-0.02, -0.75))  # outwards, up
    door = [[(x, y + side * out, z + up) for x, z in sill] for out, up in section]
    sheet(solid, np.array(door), TRIM, gloss=0.05)
    solid.box((ex + 0.10, y - side * 0.09, ez - 0.60), (0.30, 0.05, 0.025), DARK)  # arm rest
    inner = y - side * 0.08
    solid.tube((ex + 0.30, inner, ez - 0.43), (ex + 0.42, inner, ez - 0.42), (0.012, 0.012), CHROME, 6)
    solid.box((ex + 0.54, y + side * 0.08, ez - 0.33), (0.02, 0.06, 0.02), BLACK)


def steering_wheel() -> Model:
    """A wheel around its own middle: its face looks along -x, its top is +z."""
    solid = Solid()
    count = 28
    angle = np.arange(count + 1) * 2.0 * math.pi / count
    tube = np.arange(9) * 2.0 * math.pi / 8.0
    ring = np.array([[(0.016 * math.sin(t), (0.182 + 0.016 * math.cos(t)) * math.sin(a),
                       (0.182 + 0.016 * math.cos(t)) * math.cos(a)) for t in tube] for a in angle])  # fmt: skip
    sheet(solid, ring, LEATHER, gloss=0.15)
    solid.ball((0.02, 0.0, -0.01), (0.035, 0.062, 0.052), TRIM, gloss=0.1)
    for a in (math.radians(97.0), math.radians(-97.0), math.pi):
        end = (0.0, 0.17 * math.sin(a), 0.17 * math.cos(a))
        solid.tube((0.01, 0.0, -0.01), end, (0.024, 0.016), SEAM, 6)
    return solid.build()


def wheel_pose(extent_m: tuple[float, float, float], steer_rad: float) -> np.ndarray:
    """(3, 4): from the wheel's own frame to the actor's, turned by the front wheels' angle."""
    eye = np.array(driver_eye(extent_m))
    c, s = math.cos(COLUMN_RAD), math.sin(COLUMN_RAD)
    lean = np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])
    a = steer_rad * STEERING_RATIO
    turn = np.array([[1.0, 0.0, 0.0], [0.0, math.cos(a), math.sin(a)], [0.0, -math.sin(a), math.cos(a)]])
    place = eye + np.array([0.40, 0.0, -0.365])
    return np.column_stack([lean @ turn, place])
