"""The switch of the cabin's mirrors reaches the process that draws."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sim.render.gl import is_software
from sim.render.models.cabin import driver_eye
from sim.render.renderer import Renderer
from sim.scene.records import CameraView, DrawnActor, SceneState
from sim.simulator.drawing_process import DrawingProcess

MAP = Path(__file__).parents[3] / "assets" / "maps" / "millbrook.xodr"
SEDAN = (2.4462, 0.9184, 0.7454)
EGO = DrawnActor(7, "vehicle.lincoln.mkz_2020", -150.0, 1.75, 0.0, 0.0, 0.0, 0.0, SEDAN)
VIEW = CameraView(
    160, 90, 90.0, *(at + eye for at, eye in zip((EGO.x, EGO.y, EGO.z), driver_eye(SEDAN), strict=True)),
    hidden_actor_id=7, cabin=True,
)  # fmt: skip


def drawn_here(mirrors: bool | None) -> np.ndarray:
    renderer = Renderer(MAP.read_text(), mirrors=mirrors)
    (image,) = renderer.draw(SceneState((EGO,)), [VIEW])
    renderer.release()
    return image


def test_unless_asked_they_are_drawn_where_a_graphics_card_draws():
    assert is_software("llvmpipe (LLVM 15.0.6, 256 bits)")
    assert not is_software("NVIDIA H200/PCIe/SSE2")
    renderer = Renderer(MAP.read_text())
    device = renderer.device
    renderer.release()
    assert np.array_equal(drawn_here(None), drawn_here(not is_software(device)))


@pytest.mark.parametrize("mirrors", [True, False])
def test_the_process_draws_mirrors_or_leaves_them(mirrors):
    drawing = DrawingProcess(mirrors=mirrors)
    drawing.open(MAP.read_text())
    drawing.begin(SceneState((EGO,)), [VIEW])
    while not (found := drawing.finished()):
        source = drawing.source()
        assert source is not None
        source.poll(60.0)
    drawing.close()
    image = np.frombuffer(found[0].images[0], np.uint8).reshape(90, 160, 4)
    assert np.array_equal(image, drawn_here(mirrors))
    assert not np.array_equal(image, drawn_here(not mirrors))
