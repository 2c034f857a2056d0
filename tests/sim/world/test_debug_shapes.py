"""Debug shapes: how long each is seen, what it is drawn with, and that the pictures show it."""

from __future__ import annotations

import numpy as np
import pytest

from sim.scene.records import Bar, CameraView, SceneState, Shows
from sim.world.debug_shapes import DebugShapes

CAMERA = CameraView(320, 180, 90.0, x=-150.0, y=1.75, z=1.6)
GREEN = [0, 255, 0]


def line(life_time_s: float) -> list:
    return [[1, [[0.0, 0.0, 1.0], [3.0, 0.0, 1.0], 0.1]], GREEN, life_time_s, True]


def test_a_life_time_in_seconds_ends_with_it():
    shapes = DebugShapes()
    shapes.add(line(0.5), 10.0, 200)
    assert [len(shapes.bars(10.0 + dt, 201)) for dt in (0.05, 0.5, 0.55)] == [1, 1, 0]


def test_a_negative_life_time_is_one_frame_and_zero_is_for_ever():
    shapes = DebugShapes()
    shapes.add(line(-1.0), 10.0, 200)
    shapes.add(line(0.0), 10.0, 200)
    assert [len(shapes.bars(t, frame)) for t, frame in ((10.05, 201), (10.1, 202), (1e6, 10**7))] == [2, 1, 1]
    shapes.clear()
    assert not shapes.bars(1e6, 10**7)


def test_a_box_has_twelve_edges_turned_as_asked():
    shapes = DebugShapes()
    box = [[5.0, 0.0, 1.0], [2.0, 1.0, 0.5], [0.0, 0.0, 0.0], 0]
    shapes.add([[3, [box, [0.0, 90.0, 0.0], 0.1]], GREEN, 1.0, True], 0.0, 0)
    bars = shapes.bars(0.0, 1)
    corners = np.array([bar.start for bar in bars] + [bar.end for bar in bars])
    assert len(bars) == 12
    assert corners.max(axis=0) == pytest.approx([6.0, 2.0, 1.5])
    assert corners.min(axis=0) == pytest.approx([4.0, -2.0, 0.5])


def test_an_arrow_has_a_shaft_and_four_strokes_of_its_head():
    shapes = DebugShapes()
    shapes.add([[2, [[[0.0, 0.0, 0.0], [4.0, 0.0, 0.0], 0.1], 0.5]], GREEN, 1.0, True], 0.0, 0)
    bars = shapes.bars(0.0, 1)
    assert len(bars) == 5
    assert all(bar.end[0] == pytest.approx(3.5) for bar in bars[1:])


@pytest.mark.parametrize("primitive", [[4, [[0.0, 0.0, 0.0], "text", False]], [6, [[0.0] * 3, [1.0] * 3, 0.1]]])
def test_text_and_the_huds_shapes_are_taken_and_not_drawn(primitive):
    shapes = DebugShapes()
    shapes.add([primitive, GREEN, 1.0, True], 0.0, 0)
    assert not shapes.bars(0.0, 1)


def test_numbers_that_are_none_are_refused():
    with pytest.raises(ValueError, match="finite"):
        DebugShapes().add([[0, [[float("nan"), 0.0, 0.0], 0.1]], GREEN, 1.0, True], 0.0, 0)


@pytest.mark.parametrize("altitude_deg", [55.0, -40.0])
def test_colour_pictures_show_bars_in_their_colour_by_day_and_night_and_no_other_does(renderer, altitude_deg):
    weather = (10.0, 0.0, 0.0, 10.0, 40.0, altitude_deg, *SceneState().weather[6:])
    bar = Bar((-140.0, 0.0, 1.6), (-140.0, 4.0, 1.6), 0.4, (10, 250, 20))
    plain, marked = SceneState(weather=weather), SceneState(weather=weather, bars=(bar,))
    (picture,) = renderer.draw(marked, [CAMERA])
    assert picture[90, 160].tolist() == [20, 250, 10, 255]
    assert (picture[30, 160] == renderer.draw(plain, [CAMERA])[0][30, 160]).all()
    for shows in (Shows.TAG, Shows.DEPTH):
        view = CameraView(320, 180, 90.0, x=-150.0, y=1.75, z=1.6, shows=shows)
        assert (renderer.draw(marked, [view])[0] == renderer.draw(plain, [view])[0]).all()
