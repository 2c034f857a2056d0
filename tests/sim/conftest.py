"""One renderer of Millbrook for all tests that look at its pictures: building a town takes seconds."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.render.renderer import Renderer

TOWN = Path(__file__).parents[2] / "assets" / "maps" / "millbrook.xodr"


@pytest.fixture(scope="session")
def renderer():
    made = Renderer(TOWN.read_text())
    yield made
    made.release()
