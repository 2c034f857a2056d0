"""The process that draws: the same pictures as in this process, in order, whatever becomes of it on the way."""

from __future__ import annotations

import os
import signal
from dataclasses import replace

import psutil
import pytest

from sim.render.renderer import Renderer
from sim.scene.records import CameraView, SceneState, Shows
from sim.scene.weather import Weather
from sim.simulator.drawing_process import DrawingProcess
from sim.simulator.frames import Drawn
from tests.sim.render.test_render_lifecycle import MAPS

VIEW = CameraView(160, 90, 90.0, x=10.0, y=1.75, z=1.6)
SCENES = [SceneState(weather=Weather(sun_azimuth_angle=60.0 * k, sun_altitude_angle=40.0), time_s=k) for k in range(5)]


def workers() -> list[psutil.Process]:
    """This process's drawing processes; other tests' servers may be its children too."""
    children = psutil.Process(os.getpid()).children()
    return [child for child in children if "sim.render.worker" in child.cmdline()]


@pytest.fixture
def drawing():
    made = DrawingProcess()
    made.open(MAPS["straight"])
    yield made
    made.close()


def taken(drawing: DrawingProcess, count: int) -> list[Drawn]:
    """The next pictures, waited for."""
    found: list[Drawn] = []
    while len(found) < count:
        source = drawing.source()
        if source is not None:
            source.poll(60.0)
        found += drawing.finished()
    return found


def expected(opendrive: str, scenes, views) -> list[tuple[bytes, ...]]:
    renderer = Renderer(opendrive)
    pictures = [tuple(image.tobytes() for image in renderer.draw(scene, views)) for scene in scenes]
    renderer.release()
    return pictures


def test_pictures_are_those_of_a_renderer_here_in_the_order_begun(drawing):
    views = [VIEW, replace(VIEW, shows=Shows.DEPTH), replace(VIEW, width=97, height=31)]
    for scene in SCENES:
        drawing.begin(scene, views)
    found = taken(drawing, len(SCENES))
    assert [drawn.images for drawn in found] == expected(MAPS["straight"], SCENES, views)


def test_what_is_begun_before_another_town_is_of_the_former_one(drawing):
    for scene in SCENES[:4]:
        drawing.begin(scene, [VIEW])
    drawing.open(MAPS["arc"])
    drawing.begin(SCENES[4], [VIEW])
    found = [drawn.images for drawn in taken(drawing, 5)]
    assert found == expected(MAPS["straight"], SCENES[:4], [VIEW]) + expected(MAPS["arc"], SCENES[4:], [VIEW])


def test_a_killed_process_loses_what_it_had_says_so_and_is_started_again(drawing):
    drawing.wait_until_open()
    (worker,) = workers()
    worker.send_signal(signal.SIGSTOP)
    for scene in SCENES:
        drawing.begin(scene, [VIEW])
    worker.kill()
    found = taken(drawing, len(SCENES))
    assert [bool(drawn.error) for drawn in found] == [True, True, False, False, False]
    assert "exit code -9" in found[0].error
    assert [drawn.images for drawn in found[2:]] == expected(MAPS["straight"], SCENES[2:], [VIEW])


def test_a_picture_that_cannot_be_drawn_is_an_error_and_the_next_one_is_drawn(drawing):
    drawing.begin(SceneState(actors=(None,)), [VIEW])  # type: ignore[arg-type]
    drawing.begin(SCENES[0], [VIEW])
    broken, whole = taken(drawing, 2)
    assert "NoneType" in broken.error
    assert [whole.images] == expected(MAPS["straight"], SCENES[:1], [VIEW])


def test_a_town_that_cannot_be_drawn_is_an_error_of_each_picture(drawing):
    drawing.open("not a map")
    with pytest.raises(RuntimeError, match="cannot be drawn"):
        drawing.wait_until_open()
    drawing.begin(SCENES[0], [VIEW])
    assert "cannot be drawn" in taken(drawing, 1)[0].error


def test_closing_ends_the_process_in_the_middle_of_its_work():
    drawing = DrawingProcess()
    drawing.open(MAPS["straight"])
    drawing.begin(SCENES[0], [VIEW])
    (worker,) = workers()
    drawing.close()
    assert not worker.is_running()
