"""First hits of rays against a plain computation, and at the edges that triangles share."""

import numpy as np
import pytest

from sim.rays.embree import Triangles


def sheet(n: int, height_m: float = 0.0) -> np.ndarray:
    """(2 n², 3, 3) triangles of a level square from 0 to n, wound upwards."""
    x, y = (a.ravel() for a in np.meshgrid(np.arange(n), np.arange(n)))
    corner = [
        np.column_stack([x + dx, y + dy, np.full(n * n, height_m)]) for dx, dy in ((0, 0), (1, 0), (1, 1), (0, 1))
    ]
    return np.concatenate([np.stack([corner[k] for k in three], axis=1) for three in ((0, 1, 2), (0, 2, 3))])


def test_no_ray_passes_between_two_triangles_that_share_an_edge():
    """Rays at the sheet's diagonals, sides and corners, slanted, from heights that are no binary fractions."""
    rng = np.random.default_rng(0)
    along = rng.uniform(0.5, 29.5, 20_000)
    on_edge = np.column_stack([along, along, np.zeros(len(along))])
    on_edge[::3, 0] = np.round(on_edge[::3, 0])
    on_edge[1::3] = np.round(on_edge[1::3])
    ways = np.column_stack([rng.uniform(-1, 1, (len(along), 2)), np.full(len(along), -1.05)])
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    triangles = Triangles(sheet(30))
    missed = 0
    for distance_m in (1.05, 1.7, 0.3):
        found = triangles.first_hits(on_edge - distance_m * ways, ways, np.full(len(along), 5.0))
        missed += int((found.triangle < 0).sum())
    assert missed == 0


def test_the_nearest_triangle_its_distance_and_its_normal_are_found():
    rng = np.random.default_rng(1)
    corners = rng.uniform(-5.0, 5.0, (300, 3, 3)).astype(np.float32)
    origins, ways = rng.uniform(-8.0, 8.0, (500, 3)), rng.normal(size=(500, 3))
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    found = Triangles(corners).first_hits(origins, ways, np.full(500, 12.0))
    a, b, c = corners.astype(float).transpose(1, 0, 2)
    normal = np.cross(b - a, c - a)
    nearest, which = np.full(500, np.inf), np.full(500, -1)
    for k in range(300):
        with np.errstate(divide="ignore", invalid="ignore"):
            distance = ((a[k] - origins) @ normal[k]) / (ways @ normal[k])
        at = origins + distance[:, None] * ways
        sides = [np.cross(q[k] - p[k], at - p[k]) @ normal[k] for p, q in ((a, b), (b, c), (c, a))]
        is_nearer = (np.min(sides, axis=0) > 0.0) & (distance > 0.0) & (distance < np.minimum(nearest, 12.0))
        nearest[is_nearer], which[is_nearer] = distance[is_nearer], k
    assert (found.triangle == which).mean() > 0.995  # the rest lies at an edge
    same = (found.triangle == which) & (which >= 0)
    assert same.sum() > 100
    assert found.distance[same] == pytest.approx(nearest[same], abs=1e-4)
    expected = normal[which[same]] / np.linalg.norm(normal[which[same]], axis=1, keepdims=True)
    assert np.abs(found.normal[same] - expected).max() < 1e-4


def test_what_is_nearer_than_asked_or_beyond_the_limit_is_not_met():
    triangles, down = Triangles(np.concatenate([sheet(4), sheet(4, -1.0)])), np.array([[0.0, 0.0, -1.0]])
    above = np.array([[1.3, 1.6, 0.0]])
    assert triangles.first_hits(above, down, np.array([5.0]), skip=1e-3).distance == pytest.approx([1.0])
    assert triangles.first_hits(above, down, np.array([0.9]), skip=1e-3).triangle.tolist() == [-1]


def test_no_triangles_are_never_met():
    found = Triangles(np.zeros((0, 3, 3))).first_hits(np.zeros((1, 3)), np.array([[0.0, 0.0, 1.0]]), np.array([9.0]))
    assert found.triangle.tolist() == [-1]
