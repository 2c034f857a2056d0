"""Static bodies: what stands in a town and can be driven against, as upright prisms over convex outlines.

Whoever draws something solid says so beside its triangles, with `StaticMesh.stand` (`sim.town.mesh`); contacts
(`sim.world.statics`) and clients' rays (`sim.rays.lines`) are worked out of these records, pictures and LiDAR of the
triangles, so both must describe the same thing. Tests cast rays in every town to see that they do.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sim.scene.labels import Tag

MOST_CORNERS = 8
"""Of a footprint."""
_FLAT = 1e-9
_NAMELESS = (Tag.NONE, Tag.OTHER)


@dataclass(frozen=True, eq=False)
class StaticBody:
    """One solid thing: a convex footprint and the heights that it reaches from and to, in the world. Equal to itself
    only."""

    footprint: np.ndarray
    """(3 to `MOST_CORNERS`, 2) metres, convex; its corners run from x towards y."""
    low_m: float
    high_m: float
    tag: Tag
    signal_id: str = ""
    """The OpenDRIVE id of the sign or traffic light whose post it is; empty for what belongs to no actor."""

    def __post_init__(self) -> None:
        """ValueError when the footprint is not convex or has too many corners, or the body has no height."""
        if not 3 <= len(self.footprint) <= MOST_CORNERS:
            raise ValueError(f"a footprint has 3 to {MOST_CORNERS} corners, this one {len(self.footprint)}")
        side = np.roll(self.footprint, -1, axis=0) - self.footprint
        turn = side[:, 0] * np.roll(side[:, 1], -1) - side[:, 1] * np.roll(side[:, 0], -1)
        if turn.min() < -_FLAT < _FLAT < turn.max() or not np.abs(turn).max() > _FLAT:
            raise ValueError("a footprint must be convex: divide the thing into several bodies")
        if not self.low_m < self.high_m:
            raise ValueError(f"a body must reach higher than its foot, this one from {self.low_m} to {self.high_m} m")
        if turn.sum() < 0.0:
            object.__setattr__(self, "footprint", self.footprint[::-1])

    @property
    def static_id(self) -> str:
        """CARLA's type id of it, as of scenery that is no actor."""
        return static_id(self.tag)

    @property
    def extent_m(self) -> tuple[float, float, float]:
        """Half sizes of the smallest box around it that stands along its longest side."""
        side = np.roll(self.footprint, -1, axis=0) - self.footprint
        along = max(side.tolist(), key=lambda xy: math.hypot(*xy))
        x, y = np.array(along) / math.hypot(*along)
        turned = self.footprint @ np.array([[x, -y], [y, x]])
        length, width = np.ptp(turned, axis=0).tolist()
        return length / 2.0, width / 2.0, (self.high_m - self.low_m) / 2.0


def static_id(tag: Tag) -> str:
    """CARLA's type id of scenery that is no actor: "static." and its tag in small letters, without a final s.

    Source: CARLA's ActorRegistry.cpp, CarlaGetRelevantTagAsString.
    """
    return "static.unknown" if tag in _NAMELESS else f"static.{tag.name.replace('_', '').lower().removesuffix('s')}"


def rectangle(x: float, y: float, yaw_rad: float, half_length_m: float, half_width_m: float) -> np.ndarray:
    """(4, 2) corners of a turned rectangle around a place."""
    c, s = math.cos(yaw_rad), math.sin(yaw_rad)
    local = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * [half_length_m, half_width_m]
    return np.array([x, y]) + local @ np.array([[c, s], [-s, c]])


def ring(x: float, y: float, radius_m: float, sides: int = 6, turn_rad: float = 0.0) -> np.ndarray:
    """(sides, 2) corners of a regular polygon around a place, its first corner at `turn_rad` from x towards y."""
    angle = turn_rad + np.arange(sides) * math.tau / sides
    return np.array([x, y]) + radius_m * np.column_stack([np.cos(angle), np.sin(angle)])
