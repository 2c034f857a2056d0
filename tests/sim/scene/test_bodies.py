"""Footprints of solid things: what is accepted, and what they are called."""

import math

import numpy as np
import pytest

from sim.scene.bodies import StaticBody, rectangle, ring
from sim.scene.labels import Tag


def body(footprint, tag=Tag.WALLS, low_m=0.0, high_m=1.0):
    return StaticBody(np.array(footprint, float), low_m, high_m, tag)


def area(footprint):
    x, y = footprint.T
    return 0.5 * float(x @ np.roll(y, -1) - y @ np.roll(x, -1))


def test_corners_run_from_x_towards_y_whichever_way_they_were_given():
    corners = rectangle(3.0, 4.0, 0.7, 2.0, 1.0)
    for given in (corners, corners[::-1]):
        assert area(body(given).footprint) == pytest.approx(8.0)


def test_a_turned_rectangle_and_a_ring_lie_where_they_should():
    assert rectangle(1.0, 2.0, math.pi / 2, 3.0, 0.5)[:2] == pytest.approx(np.array([[1.5, -1.0], [1.5, 5.0]]))
    assert np.linalg.norm(ring(1.0, 2.0, 0.3, 8) - [1.0, 2.0], axis=1) == pytest.approx([0.3] * 8)
    assert ring(1.0, 2.0, 0.3, 6, math.pi / 2)[0] == pytest.approx([1.0, 2.3])


@pytest.mark.parametrize(
    ("footprint", "heights"),
    [
        ([(0, 0), (2, 0), (2, 2), (1, 0.5)], (0.0, 1.0)),  # a dent
        ([(0, 0), (1, 0), (2, 0)], (0.0, 1.0)),
        (ring(0.0, 0.0, 1.0, 9), (0.0, 1.0)),
        (ring(0.0, 0.0, 1.0), (1.0, 1.0)),
    ],
)
def test_what_is_not_convex_has_too_many_corners_or_no_height_is_refused(footprint, heights):
    with pytest.raises(ValueError, match=r"footprint|body"):
        body(footprint, low_m=heights[0], high_m=heights[1])


@pytest.mark.parametrize(
    ("tag", "name"),
    [
        (Tag.BUILDINGS, "static.building"),
        (Tag.VEGETATION, "static.vegetation"),
        (Tag.POLES, "static.pole"),
        (Tag.GUARD_RAIL, "static.guardrail"),
        (Tag.FENCES, "static.fence"),
        (Tag.CAR, "static.car"),
    ],
)
def test_scenery_is_called_as_in_carla(tag, name):
    assert body(ring(0.0, 0.0, 1.0), tag).static_id == name
