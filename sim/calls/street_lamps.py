"""The street lamps of a town as CARLA's light manager knows them: listed, switched, dimmed and coloured by clients."""

from __future__ import annotations

from typing import Any

import numpy as np

from sim.protocol.forms import finite
from sim.scene.records import StreetLamp

STREET_GROUP = 2
"""`carla.LightGroup.Street`"""
USUAL_INTENSITY = 5000.0
"""Reported intensity of an unchanged lamp; half of it is half as bright."""
USUAL_RGB = (255, 194, 115)
BRIGHTEST = 4.0


def lamps_on_wire(heads: np.ndarray, changed: dict[int, StreetLamp]) -> list[Any]:
    """`carla::rpc::LightState`s of the (n, 3) lamp heads: id, location, intensity, group, colour, active."""
    rows = []
    for k, head in enumerate(np.asarray(heads, float).tolist()):
        lamp = changed.get(k, StreetLamp())
        colour = list(lamp.colour_rgb or USUAL_RGB)
        rows.append([k, head, lamp.strength * USUAL_INTENSITY, STREET_GROUP, colour, lamp.is_on])
    return rows


def changed_lamps(rows: list[Any]) -> dict[int, StreetLamp]:
    """The lamps as a client set them, by id. Raises ValueError when a number is not finite."""
    lamps = {}
    for lamp_id, _location, intensity, _group, colour, active in rows:
        strength = min(max(finite(intensity)[0] / USUAL_INTENSITY, 0.0), BRIGHTEST)
        r, g, b = (int(c) & 255 for c in colour[:3])
        lamps[int(lamp_id)] = StreetLamp(bool(active), strength, None if (r, g, b) == USUAL_RGB else (r, g, b))
    return lamps
