"""The compiled loops over a scan's rays against the formulas they stand for, in numpy."""

import numpy as np
import pytest

from sim.rays.embree import Triangles
from sim.rays.hits import Hits, near_rays, rotate_rays

RNG = np.random.default_rng(7)
N = 2000


def unit(n):
    rows = RNG.normal(size=(n, 3))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("origins", [np.array([[1.0, -2.0, 0.5]]), RNG.normal(size=(N, 3))], ids=["one", "each"])
def test_near_rays_are_those_that_enter_the_ball_before_they_meet_something(origins):
    ways, centre, radius_m, reach_m = unit(N), np.array([4.0, 1.0, 0.0]), 2.0, 5.0
    distance_m = RNG.uniform(0.0, 12.0, N)
    away = np.broadcast_to(centre - origins, (N, 3))
    along = np.einsum("ij,ij->i", away, ways.astype(float))
    aside = np.einsum("ij,ij->i", away, away) - along * along
    is_near = (aside < radius_m**2) & (along > -radius_m) & (along - radius_m < np.minimum(distance_m, reach_m))
    found = near_rays(origins, ways, centre, radius_m, distance_m, reach_m)
    assert found.tolist() == np.flatnonzero(is_near).tolist()
    assert 50 < len(found) < N // 2


def test_rays_are_rotated_as_by_a_matrix():
    ways, turn = unit(N), unit(3)
    assert rotate_rays(ways, turn) == pytest.approx(ways.astype(float) @ turn, abs=1e-6)


def test_hits_keep_what_was_found_for_their_rays_and_leave_the_others():
    """A wall at x = 5 with a rear part of another kind; three rays, of which the middle one is not asked about."""
    wall = Triangles(np.array([[[5, -9, -9], [5, 9, -9], [5, 0, 9]], [[8, -9, -9], [8, 0, 9], [8, 9, -9]]], float))
    ways = np.array([[1, 0, 0], [-1, 0, 0]], np.float32)
    found = wall.find(np.zeros((1, 3)), ways, np.full(2, 20.0), 0.001)
    hits = Hits.none(3)
    quarter = np.array([[0, 1, 0], [-1, 0, 0], [0, 0, 1]], np.float32)
    hits.keep(found, np.array([2, 0]), quarter, np.array([3, 4], np.uint32), np.array([0, 77]))
    assert hits.distance_m[2] == pytest.approx(5.0, abs=1e-5)
    assert hits.met.tolist() == [False, False, True]
    assert (hits.tag[2], hits.actor_id[2]) == (3, 0)
    assert np.abs(hits.normal[2]) == pytest.approx([0.0, 1.0, 0.0])


def test_nothing_is_found_beyond_the_limit_nor_where_a_ray_begins():
    wall = Triangles(np.array([[[5, -9, -9], [5, 9, -9], [5, 0, 9]]], float))
    ahead, way = np.array([[4.0, 0.0, 0.0]]), np.array([[1.0, 0.0, 0.0]])
    assert wall.find(ahead, way, np.array([1.01]), 0.001).triangle.tolist() == [0]
    assert wall.find(ahead, way, np.array([0.99]), 0.001).triangle.tolist() == [-1]
    assert wall.find(np.array([[5.0, 0.0, 0.0]]), way, np.array([9.0]), 0.001).triangle.tolist() == [-1]
