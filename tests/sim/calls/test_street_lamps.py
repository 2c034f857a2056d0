"""The rows of street lamps on the wire: as sent to the light manager, and as read from its changes."""

from __future__ import annotations

import numpy as np
import pytest

from sim.calls.street_lamps import STREET_GROUP, USUAL_INTENSITY, USUAL_RGB, changed_lamps, lamps_on_wire
from sim.scene.records import StreetLamp

HEADS = np.array([[1.0, 2.0, 6.6], [30.0, 2.0, 6.6]])


def test_what_is_sent_is_read_back():
    changed = {1: StreetLamp(is_on=False, strength=0.5, colour_rgb=(10, 20, 30))}
    rows = lamps_on_wire(HEADS, changed)
    assert rows[0] == [0, [1.0, 2.0, 6.6], USUAL_INTENSITY, STREET_GROUP, list(USUAL_RGB), True]
    assert changed_lamps(rows) == {0: StreetLamp(), 1: changed[1]}


def test_brightness_has_its_limits_and_must_be_a_number():
    row = [0, [0.0, 0.0, 0.0], 1e9, STREET_GROUP, [1, 2, 3], True]
    assert changed_lamps([row])[0].strength < 10.0
    with pytest.raises(ValueError, match="finite"):
        changed_lamps([[*row[:2], float("nan"), *row[3:]]])
