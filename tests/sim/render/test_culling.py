"""What pictures leave out: parts of the sky out of view, detail that few pixels cannot show, and draws that are one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sim.render import gl
from sim.render.renderer import Renderer
from sim.scene.camera import COARSEST, coarseness, seen
from sim.scene.records import CameraView, SceneState

MAP = Path(__file__).parents[3] / "assets" / "maps" / "millbrook.xodr"


def test_small_pictures_decide_as_if_everything_were_further_away_and_screens_do_not() -> None:
    assert coarseness(CameraView(1280, 720, 90.0, 0.0, 0.0, 2.0)) == 1.0
    assert coarseness(CameraView(640, 360, 90.0, 0.0, 0.0, 2.0)) == pytest.approx(1.0)
    assert coarseness(CameraView(320, 180, 90.0, 0.0, 0.0, 2.0)) == pytest.approx(2.0**0.5)
    assert coarseness(CameraView(32, 18, 120.0, 0.0, 0.0, 2.0)) == COARSEST


def test_the_sky_has_no_hole_wherever_a_camera_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    def all_of_the_sky(view: CameraView, centre: np.ndarray, radius: np.ndarray) -> np.ndarray:
        return np.arange(len(centre)) if (view.x, view.y, view.z) == (0.0, 0.0, 0.0) else seen(view, centre, radius)

    renderer, rng = Renderer(MAP.read_text()), np.random.default_rng(0)
    try:
        for _ in range(40):
            roll, pitch, yaw = rng.uniform((-0.6, -1.2, -3.2), (0.6, 1.5, 3.2)).tolist()
            view = CameraView(96, 54, float(rng.uniform(20.0, 140.0)), -150.0, 1.75, 40.0, roll, pitch, yaw)
            [culled] = renderer.draw(SceneState(), [view])
            with monkeypatch.context() as patch:
                patch.setattr(gl, "seen", all_of_the_sky)
                [whole] = renderer.draw(SceneState(), [view])
            assert np.array_equal(culled, whole)
    finally:
        renderer.release()


def test_neighbouring_draws_become_one_and_others_stay() -> None:
    draws = np.array([[3, 1, 0, 0, 0], [6, 1, 3, 0, 0], [3, 1, 12, 0, 0], [3, 1, 9, 0, 0]], np.uint32)
    fewer = gl.joined(draws)
    assert fewer[:, [0, 2]].tolist() == [[9, 0], [3, 12], [3, 9]]
