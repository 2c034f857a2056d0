"""Heights for shadows: those of the ground, without looking at all roads again for each position of the sun."""

from importlib import resources

import numpy as np
import pytest

from sim.map.opendrive import read_roads
from sim.render.passes.shadows import LIFT_M, throw_shadows
from sim.town.mesh import StaticMesh
from sim.town.roads import build_roads
from sim.town.scenery import build_scenery
from sim.town.terrain import NEAR_M, QuickHeight, Terrain

HIGHFIELD = (resources.files("assets") / "maps" / "highfield.xodr").read_text()


@pytest.fixture(scope="module")
def terrain():
    return Terrain(read_roads(HIGHFIELD))


def test_it_is_the_grounds_height_and_near_roads_exactly_that(terrain):
    rng, (x0, y0, x1, y1) = np.random.default_rng(3), terrain.bounds
    places = np.column_stack([rng.uniform(x0 - 90.0, x1 + 90.0, 4000), rng.uniform(y0 - 90.0, y1 + 90.0, 4000)])
    quick, exact = QuickHeight(terrain)(places), terrain.height(places)
    assert np.abs(quick - exact).max() < 0.03
    is_near = terrain.near_roads(places)[1] == 0.0
    assert is_near.sum() > 200
    assert (quick == exact)[is_near].all()
    assert NEAR_M[0] > 5.0  # pavements, above which shadows lie a finger's breadth, are all near


def test_the_next_position_of_the_sun_looks_at_all_roads_no_more(monkeypatch):
    roads, mesh = read_roads(HIGHFIELD), StaticMesh()
    scenery = build_scenery(roads, build_roads(roads, mesh)[1], mesh)
    exact, looked = Terrain(roads), []
    monkeypatch.setattr(Terrain, "far_from_roads", lambda _self, points: looked.append(len(points)))
    points, *_ = throw_shadows(scenery.throwers, np.array([0.6, 0.0, 0.8]), scenery.height)
    monkeypatch.undo()
    assert looked == []
    assert len(points) > 1000
    assert np.abs(points[:, 2] - exact.height(points[:, :2]) - LIFT_M).max() < 0.03
