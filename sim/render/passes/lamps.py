"""What shines on the ground at night: street lamps, and the head and tail lamps of vehicles, as rows for the lamp map.

A pool is a round patch of light, a beam a fan before a lamp. The map itself is drawn by `weather_pass`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.render.staging import GLOW, NOBODY, Stage
from sim.scene.records import StreetLamp
from sim.town.solids import Part
from sim.town.street_lamps import LAMP_HEAD_M

LAMP = np.dtype([("at", "<f4", 4), ("shape", "<f4", 4), ("colour", "<f4", 3)])
"""at: x, y, ground, length; shape: direction (x, y), half width, 1 for a beam and 0 for a pool."""

STREET_RGB = np.array([1.0, 0.76, 0.45])
STREET_STRENGTH, STREET_REACH_M = 1.15, 19.0
BEAM_RGB = (1.15, 1.10, 0.95)
BEAM_M, BEAM_HALF_WIDTH_M = 38.0, 8.0
POOLS = {
    Part.BRAKE: ((0.24, 0.018, 0.012), 5.0, -1.0),
    Part.TAIL: ((0.12, 0.010, 0.008), 4.0, -1.0),
    Part.REVERSE: ((0.30, 0.30, 0.28), 5.0, -1.0),
}
"""Colour, reach (m) and end of the vehicle of the lamps that light the road a little."""


@dataclass(frozen=True)
class Shining:
    """The unmoving lamps of a town: rows of the lamp map and blooms at their heads."""

    rows: np.ndarray
    glows: np.ndarray


def street_lamps(heads: np.ndarray, changed: dict[int, StreetLamp]) -> Shining:
    """Rows and blooms of the (n, 3) lamp heads; `changed` has those that are off or shine differently."""
    rows, glows = np.zeros(len(heads), LAMP), np.zeros(len(heads), GLOW)
    colours = np.tile(STREET_RGB, (len(heads), 1))
    for k, lamp in changed.items():
        if 0 <= k < len(heads):
            own = STREET_RGB if lamp.colour_rgb is None else np.array(lamp.colour_rgb) / 255.0
            colours[k] = own * (lamp.strength if lamp.is_on else 0.0)
    rows["at"][:, :3] = heads - [0.0, 0.0, LAMP_HEAD_M] if len(heads) else heads
    rows["at"][:, 3] = rows["shape"][:, 2] = STREET_REACH_M
    rows["shape"][:, 0] = 1.0
    rows["colour"] = colours * STREET_STRENGTH
    glows["at"][:, :3] = heads
    glows["at"][:, 3] = 0.55
    glows["facing"][:, 3] = 0.9
    brightest = np.maximum(colours.max(axis=1, keepdims=True), 1e-6)
    glows["colour"] = colours / np.maximum(brightest, 1.0)
    glows["ground"] = rows["at"][:, 2]
    on = colours.max(axis=1) > 0.0
    return Shining(rows[on], glows[on])


def vehicle_lamps(stage: Stage) -> np.ndarray:
    """Rows for every vehicle whose lamps are lit."""
    found: list[tuple] = []
    for row, key, owner in zip(stage.instances, stage.keys, stage.owner.tolist(), strict=True):
        flags = int(row["flags"])
        if owner == NOBODY or not flags:
            continue
        (x, y, z), forward = (row[name][3] for name in ("row_x", "row_y", "row_z")), (row["row_x"][0], row["row_y"][0])
        length = key[1][0]
        if flags & Part.HEAD.flag:
            place = (x + length * forward[0], y + length * forward[1], z, BEAM_M)
            found.append((place, (*forward, BEAM_HALF_WIDTH_M, 1.0), BEAM_RGB))
        for part, (colour, reach, end) in POOLS.items():
            if flags & part.flag:
                off = end * (length + 0.4 * reach)
                place = (x + off * forward[0], y + off * forward[1], z, reach)
                found.append((place, (*forward, reach, 0.0), colour))
    return np.array(found, LAMP) if found else np.zeros(0, LAMP)
