"""What `world.debug.draw_*` asked for: points, lines, arrows and boxes as bars in the world, each with its life time.

They are seen by colour cameras alone, as in CARLA; text and the HUD's shapes are for a window that this server has not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from sim.scene.poses import Pose, Vector, compose
from sim.scene.records import Bar
from sim.world.actors import finite, vector_from_wire

POINT, LINE, ARROW, BOX = range(4)
"""Places in CARLA's variant of primitives; later ones are text and the HUD's."""
LONGEST_LIST = 20_000
HEAD_ACROSS = 0.5
EDGES = tuple((a, b) for a in range(8) for b in range(a + 1, 8) if (a ^ b) in (1, 2, 4))


@dataclass(frozen=True, slots=True)
class _Shape:
    bars: tuple[Bar, ...]
    until_s: float
    until_frame: float


class DebugShapes:
    """The shapes that are to be seen in one world."""

    def __init__(self) -> None:
        self._shapes: list[_Shape] = []

    def clear(self) -> None:
        """Take all away."""
        self._shapes.clear()

    def add(self, wire_shape: list[Any], time_s: float, frame: int) -> None:
        """Take a `carla::rpc::DebugShape`; a life time below 0 is one frame, 0 is for ever (CARLA's Python reference).

        Raises:
            ValueError: a number is not finite, or there are too many shapes already.
        """
        (kind, primitive), colour, life_time_s, *_ = wire_shape
        rgb = (int(colour[0]) & 255, int(colour[1]) & 255, int(colour[2]) & 255)
        bars = bars_of(int(kind), primitive, rgb)
        if not bars:
            return
        (life_s,) = finite(life_time_s)
        self._forget(time_s, frame)
        if len(self._shapes) >= LONGEST_LIST:
            raise ValueError(f"there are {LONGEST_LIST} debug shapes already; give them a life time or clear them")
        until_s = time_s + life_s if life_s > 0.0 else float("inf")
        self._shapes.append(_Shape(bars, until_s, frame + 1 if life_s < 0.0 else float("inf")))

    def bars(self, time_s: float, frame: int) -> tuple[Bar, ...]:
        """What is to be seen in a tick."""
        self._forget(time_s, frame)
        return tuple(bar for shape in self._shapes for bar in shape.bars)

    def _forget(self, time_s: float, frame: int) -> None:
        if self._shapes:
            self._shapes = [s for s in self._shapes if s.until_s >= time_s - 1e-6 and s.until_frame >= frame]


def bars_of(kind: int, primitive: list[Any], rgb: tuple[int, int, int]) -> tuple[Bar, ...]:
    """The bars that a primitive is drawn with; none for what only a HUD shows."""
    if kind == POINT:
        x, y, z = vector_from_wire(primitive[0])
        (half,) = finite(0.5 * primitive[1])
        return (Bar((x - half, y, z), (x + half, y, z), 2.0 * half, rgb),)
    if kind == LINE:
        return (_line(primitive, rgb),)
    if kind == ARROW:
        return _arrow(_line(primitive[0], rgb), finite(primitive[1])[0])
    if kind == BOX:
        return _box(primitive, rgb)
    return ()


def _line(wire_line: list[Any], rgb: tuple[int, int, int]) -> Bar:
    return Bar(vector_from_wire(wire_line[0]), vector_from_wire(wire_line[1]), finite(wire_line[2])[0], rgb)


def _arrow(shaft: Bar, size_m: float) -> tuple[Bar, ...]:
    ahead = tuple(b - a for a, b in zip(shaft.start, shaft.end, strict=True))
    length = sum(c * c for c in ahead) ** 0.5
    if length < 1e-6:
        return (shaft,)
    ahead = tuple(c / length for c in ahead)
    across = (-ahead[1], ahead[0], 0.0) if abs(ahead[2]) < 0.9 else (1.0, 0.0, 0.0)
    third = (ahead[1] * across[2] - ahead[2] * across[1], ahead[2] * across[0] - ahead[0] * across[2],
             ahead[0] * across[1] - ahead[1] * across[0])  # fmt: skip
    heads = []
    for side, sign in ((across, 1.0), (across, -1.0), (third, 1.0), (third, -1.0)):
        x, y, z = (e - size_m * (a - sign * HEAD_ACROSS * s) for e, a, s in zip(shaft.end, ahead, side, strict=True))
        heads.append(Bar(shaft.end, (x, y, z), shaft.thickness_m, shaft.rgb))
    return (shaft, *heads)


def _box(primitive: list[Any], rgb: tuple[int, int, int]) -> tuple[Bar, ...]:
    box, (pitch, yaw, roll), thickness = primitive
    centre, extent = vector_from_wire(box[0]), vector_from_wire(box[1])
    pitch, yaw, roll, thickness = finite(pitch, yaw, roll, thickness)
    pose = Pose(*centre, *(math.radians(angle) for angle in (roll, pitch, yaw)))
    corners: list[Vector] = []
    for k in range(8):
        x, y, z = (e if k >> axis & 1 else -e for axis, e in enumerate(extent))
        at = compose(pose, Pose(x, y, z))
        corners.append((at.x, at.y, at.z))
    return tuple(Bar(corners[a], corners[b], thickness, rgb) for a, b in EDGES)
