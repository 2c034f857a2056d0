"""Points of a LiDAR against the formulas they stand for, in numpy."""

import numpy as np
import pytest

from sim.rays.hits import Hits
from sim.sensors.point_rows import plain_rows, semantic_rows

RNG = np.random.default_rng(3)
N = 500


def unit():
    rows = RNG.normal(size=(N, 3))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_semantic_points_are_those_of_the_rays_that_met_something():
    local, directions, normal = unit(), unit(), unit().astype(float)
    distance_m = np.where(RNG.random(N) < 0.3, np.inf, RNG.uniform(1.0, 90.0, N))
    tag, actor_id = RNG.integers(0, 28, N).astype(np.uint32), RNG.integers(0, 1 << 31, N)
    rows, sources = semantic_rows(local, directions, Hits(distance_m, normal, tag, actor_id))
    met = np.isfinite(distance_m)
    assert sources.tolist() == np.flatnonzero(met).tolist()
    assert rows[:, :3] == pytest.approx(local[met] * distance_m[met][:, None], rel=1e-6)
    cosines = np.abs(np.einsum("ij,ij->i", directions.astype(float), normal))[met]
    assert rows[:, 3] == pytest.approx(cosines, abs=1e-6)
    assert rows.view(np.uint32)[:, 4].tolist() == actor_id[met].tolist()
    assert rows.view(np.uint32)[:, 5].tolist() == tag[met].tolist()


def test_plain_points_have_their_rays_place_and_intensity():
    local, sources = unit(), np.sort(RNG.choice(N, 40, replace=False))
    distance_m, intensity = RNG.uniform(1.0, 90.0, 40), RNG.random(40)
    rows = plain_rows(local, sources, distance_m, intensity)
    assert rows[:, :3] == pytest.approx(local[sources] * distance_m[:, None], rel=1e-6)
    assert rows[:, 3] == pytest.approx(intensity, rel=1e-6)
