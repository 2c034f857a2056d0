"""Reference lines with clothoid corners, and what else all towns' builders write in the same way.

Frame: OpenDRIVE's (x east, y north, metres).
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scenariogeneration import xodr

SPIRAL_RATIO = 0.6  # length of each clothoid over the arc's radius, where the corner is wide enough
LINE_WIDTH_M = 0.15


@dataclass(frozen=True)
class Piece:
    """One stretch of reference line: curvature goes linearly from `k0` to `k1` (1/m, left positive)."""

    x: float
    y: float
    hdg: float
    length: float
    k0: float = 0.0
    k1: float = 0.0

    def end(self) -> tuple[float, float, float]:
        """Pose (x, y, heading) at the end, by Simpson's rule on the heading's cosine and sine."""
        s = np.linspace(0.0, self.length, 401)
        heading = self.hdg + self.k0 * s + (self.k1 - self.k0) * s**2 / (2.0 * self.length)
        weights = np.ones(401)
        weights[1:-1:2], weights[2:-1:2] = 4.0, 2.0
        weights *= self.length / 400 / 3.0
        return (
            float(self.x + weights @ np.cos(heading)),
            float(self.y + weights @ np.sin(heading)),
            float(heading[-1]),
        )


def wrap(angle: float) -> float:
    """The angle within -pi..pi."""
    return (angle + math.pi) % (2.0 * math.pi) - math.pi


def corner(angle: float, radius: float) -> tuple[list[Piece], float]:
    """Clothoid, arc, clothoid turning by `angle` from the origin heading +x; and the tangent's length (m)."""
    ratio = min(SPIRAL_RATIO, abs(angle) / 2.0)
    curvature = math.copysign(1.0 / radius, angle)
    spiral, arc = ratio * radius, (abs(angle) - ratio) * radius
    pieces, pose = [], (0.0, 0.0, 0.0)
    for length, k0, k1 in ((spiral, 0.0, curvature), (arc, curvature, curvature), (spiral, curvature, 0.0)):
        pieces.append(Piece(*pose, length, k0, k1))
        pose = pieces[-1].end()
    return pieces, pose[0] - pose[1] / math.tan(angle)


def placed(pieces: Sequence[Piece], x: float, y: float, hdg: float) -> list[Piece]:
    """The same pieces with their origin at the given pose."""
    c, s = math.cos(hdg), math.sin(hdg)
    return [Piece(x + c * p.x - s * p.y, y + s * p.x + c * p.y, p.hdg + hdg, p.length, p.k0, p.k1) for p in pieces]


def path_through(points: Sequence[tuple[float, float]], radii: Sequence[float]) -> list[Piece]:
    """Straight lines through the points, each inner point rounded with its radius."""
    pieces: list[Piece] = []
    x, y = points[0]
    for i, (px, py) in enumerate(points[1:], start=1):
        hdg = math.atan2(py - y, px - x)
        reach = math.hypot(px - x, py - y)
        if i == len(points) - 1:
            pieces.append(Piece(x, y, hdg, reach))
            break
        turn = wrap(math.atan2(points[i + 1][1] - py, points[i + 1][0] - px) - hdg)
        bend, tangent = corner(turn, radii[i - 1])
        if tangent > reach:
            raise ValueError(f"corner {i} at {px, py} needs {tangent:.1f} m of tangent but has {reach:.1f} m")
        pieces.append(Piece(x, y, hdg, reach - tangent))
        bx, by = px - tangent * math.cos(hdg), py - tangent * math.sin(hdg)
        pieces += placed(bend, bx, by, hdg)
        x, y = px + tangent * math.cos(hdg + turn), py + tangent * math.sin(hdg + turn)
    return pieces


def turn_between(start: tuple[float, float, float], end: tuple[float, float, float]) -> list[Piece]:
    """The smooth way from one pose to another through a junction: straight, or one rounded corner."""
    (x0, y0, h0), (x1, y1, h1) = start, end
    angle = wrap(h1 - h0)
    if abs(angle) < 1e-6:
        return [Piece(x0, y0, h0, math.hypot(x1 - x0, y1 - y0))]
    d0 = ((x1 - x0) * math.sin(h1) - (y1 - y0) * math.cos(h1)) / math.sin(angle)
    corner_x, corner_y = x0 + d0 * math.cos(h0), y0 + d0 * math.sin(h0)
    d1 = math.hypot(x1 - corner_x, y1 - corner_y)
    radius = min(d0, d1) / corner(angle, 1.0)[1]
    pieces = path_through([(x0, y0), (corner_x, corner_y), (x1, y1)], [radius * (1.0 - 1e-9)])
    return [piece for piece in pieces if piece.length > 1e-3]


def planview(pieces: Sequence[Piece]) -> xodr.PlanView:
    """The pieces as OpenDRIVE geometry."""
    view = xodr.PlanView()
    for piece in pieces:
        if piece.k0 == piece.k1 == 0.0:
            shape = xodr.Line(piece.length)
        elif piece.k0 == piece.k1:
            shape = xodr.Arc(piece.k0, length=piece.length)
        else:
            shape = xodr.Spiral(piece.k0, piece.k1, length=piece.length)
        view.add_fixed_geometry(shape, round(piece.x, 9), round(piece.y, 9), round(piece.hdg, 12))
    return view


def mark(kind: str, color: str = "white", change: str = "none", s: float = 0.0) -> xodr.RoadMark:
    """One road mark record from `s` on."""
    return xodr.RoadMark(
        xodr.RoadMarkType[kind],
        LINE_WIDTH_M,
        soffset=s,
        color=xodr.RoadMarkColor[color],
        laneChange=xodr.LaneChange[change],
    )


def finished(root: ET.Element, elements: list[ET.Element]) -> ET.Element:
    """The town with its controllers and junctions, dated the same at every build, in the form that CARLA reads."""
    header = root.find("header")
    assert header is not None  # noqa: S101  (the package always writes one)
    header.set("date", "2026-01-01T00:00:00")
    for crossing in root.iter("object"):  # CARLA reads outlines where OpenDRIVE 1.4 had them, right below the object
        wrapper = crossing.find("outlines")
        if wrapper is not None:
            crossing.extend(list(wrapper))
            crossing.remove(wrapper)
    root.extend(elements)
    return root
