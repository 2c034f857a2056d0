"""The compiled search for leaders finds what the search written with numpy finds."""

import numpy as np
import pytest

from sim.traffic.leaders import Bodies, find_leaders
from sim.traffic.paths import POINTS, Paths
from tests.sim.traffic import numpy_leaders


def winding(rng: np.random.Generator, drivers: int) -> Paths:
    """Paths of any bend, as far as roads go."""
    paths = Paths()
    paths.resize([-1] * drivers)
    bend = np.cumsum(rng.uniform(-0.01, 0.01, (drivers, POINTS)), axis=1)
    paths.curvature = np.clip(bend, -0.08, 0.08)
    paths.yaw = rng.uniform(-3.0, 3.0, (drivers, 1)) + np.cumsum(paths.curvature, axis=1)
    paths.x = rng.uniform(-60.0, 60.0, (drivers, 1)) + np.cumsum(np.cos(paths.yaw), axis=1)
    paths.y = rng.uniform(-60.0, 60.0, (drivers, 1)) + np.cumsum(np.sin(paths.yaw), axis=1)
    paths.base_m = rng.uniform(0.0, 500.0, drivers)
    paths.end = np.full(drivers, POINTS)
    paths.at = rng.integers(5, 40, drivers)
    return paths


@pytest.mark.parametrize("seed", range(20))
def test_the_compiled_search_finds_the_same_leaders(seed):
    rng = np.random.default_rng(seed)
    drivers, count = 12, 200
    paths = winding(rng, drivers)
    ids = np.arange(count)
    x, y, yaw, vx, vy = (rng.uniform(-a, a, count) for a in (120.0, 120.0, 4.0, 12.0, 12.0))
    half_length, half_width = rng.uniform(0.2, 5.0, count), rng.uniform(0.2, 1.3, count)
    rows = np.arange(drivers)
    x[:drivers], y[:drivers] = paths.x[rows, paths.at], paths.y[rows, paths.at]
    bodies = Bodies(ids, x, y, np.zeros(count), yaw, half_length, half_width, vx, vy)
    odometer_m = paths.base_m + paths.at + rng.uniform(-0.5, 0.5, drivers)
    # One horizon for all: beyond its own, the compiled search does not look for a nearer point of a path.
    offset_m, horizon_m = rng.uniform(-1.0, 1.0, drivers), np.full(drivers, rng.uniform(30.0, 100.0))
    considered = rng.random((drivers, count)) < 0.9
    scene = (paths, odometer_m, offset_m, rows, horizon_m, bodies, considered)
    found, expected = find_leaders(*scene), numpy_leaders.find_leaders(*scene)
    assert len(expected.driver) > 4
    assert found.driver.tolist() == expected.driver.tolist()
    assert found.body.tolist() == expected.body.tolist()
    assert found.gap_m == pytest.approx(expected.gap_m, abs=1e-9)
    assert found.speed_mps == pytest.approx(expected.speed_mps, abs=1e-9)
