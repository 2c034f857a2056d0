"""CARLA's debug shapes read from the wire: points, lines, arrows and boxes as bars.

They are seen by colour cameras alone, as in CARLA; text and the HUD's shapes are for a window that this server has not.
"""

from __future__ import annotations

import math
from typing import Any

from sim.protocol.forms import finite, vector_from_wire
from sim.scene.poses import Pose, Vector, compose
from sim.scene.records import Bar

POINT, LINE, ARROW, BOX = range(4)
"""Places in CARLA's variant of primitives; later ones are text and the HUD's."""
HEAD_ACROSS = 0.5
EDGES = tuple((a, b) for a in range(8) for b in range(a + 1, 8) if (a ^ b) in (1, 2, 4))


def bars_of(kind: int, primitive: list[Any], colour: list[Any]) -> tuple[Bar, ...]:
    """The bars that a `carla::rpc::DebugShape` is drawn with; none for what only a HUD shows.

    Raises:
        ValueError: a number is not finite.
    """
    rgb = (int(colour[0]) & 255, int(colour[1]) & 255, int(colour[2]) & 255)
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
