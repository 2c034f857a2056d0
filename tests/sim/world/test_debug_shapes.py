"""Debug shapes: how long each is seen, and that the pictures show it."""

from __future__ import annotations

import pytest

from sim.scene.records import Bar, CameraView, SceneState, Shows
from sim.scene.weather import Weather
from sim.world.debug_shapes import DebugShapes

CAMERA = CameraView(320, 180, 90.0, x=-150.0, y=1.75, z=1.6)
LINE = (Bar((0.0, 0.0, 1.0), (3.0, 0.0, 1.0), 0.1, (0, 255, 0)),)


def test_a_life_time_in_seconds_ends_with_it():
    shapes = DebugShapes()
    shapes.add(LINE, 0.5, 10.0, 200)
    assert [len(shapes.bars(10.0 + dt, 201)) for dt in (0.05, 0.5, 0.55)] == [1, 1, 0]


def test_a_negative_life_time_is_one_frame_and_zero_is_for_ever():
    shapes = DebugShapes()
    shapes.add(LINE, -1.0, 10.0, 200)
    shapes.add(LINE, 0.0, 10.0, 200)
    assert [len(shapes.bars(t, frame)) for t, frame in ((10.05, 201), (10.1, 202), (1e6, 10**7))] == [2, 1, 1]
    shapes.clear()
    assert not shapes.bars(1e6, 10**7)


@pytest.mark.parametrize("altitude_deg", [55.0, -40.0])
def test_colour_pictures_show_bars_in_their_colour_by_day_and_night_and_no_other_does(renderer, altitude_deg):
    weather = Weather(sun_altitude_angle=altitude_deg)
    bar = Bar((-140.0, 0.0, 1.6), (-140.0, 4.0, 1.6), 0.4, (10, 250, 20))
    plain, marked = SceneState(weather=weather), SceneState(weather=weather, bars=(bar,))
    (picture,) = renderer.draw(marked, [CAMERA])
    assert picture[90, 160].tolist() == [20, 250, 10, 255]
    assert (picture[30, 160] == renderer.draw(plain, [CAMERA])[0][30, 160]).all()
    for shows in (Shows.TAG, Shows.DEPTH):
        view = CameraView(320, 180, 90.0, x=-150.0, y=1.75, z=1.6, shows=shows)
        assert (renderer.draw(marked, [view])[0] == renderer.draw(plain, [view])[0]).all()
