"""Debug shapes from the wire: what each is drawn with."""

from __future__ import annotations

import numpy as np
import pytest

from sim.calls.debug_shapes import ARROW, BOX, POINT, bars_of

GREEN = [0, 255, 0]


def test_a_box_has_twelve_edges_turned_as_asked():
    box = [[5.0, 0.0, 1.0], [2.0, 1.0, 0.5], [0.0, 0.0, 0.0], 0]
    bars = bars_of(BOX, [box, [0.0, 90.0, 0.0], 0.1], GREEN)
    corners = np.array([bar.start for bar in bars] + [bar.end for bar in bars])
    assert len(bars) == 12
    assert corners.max(axis=0) == pytest.approx([6.0, 2.0, 1.5])
    assert corners.min(axis=0) == pytest.approx([4.0, -2.0, 0.5])


def test_an_arrow_has_a_shaft_and_four_strokes_of_its_head():
    bars = bars_of(ARROW, [[[0.0, 0.0, 0.0], [4.0, 0.0, 0.0], 0.1], 0.5], GREEN)
    assert len(bars) == 5
    assert all(bar.end[0] == pytest.approx(3.5) for bar in bars[1:])


@pytest.mark.parametrize(("kind", "primitive"), [(4, [[0.0] * 3, "text", False]), (6, [[0.0] * 3, [1.0] * 3, 0.1])])
def test_text_and_the_huds_shapes_are_taken_and_not_drawn(kind, primitive):
    assert bars_of(kind, primitive, GREEN) == ()


def test_numbers_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="finite"):
        bars_of(POINT, [[float("nan"), 0.0, 0.0], 0.1], GREEN)
