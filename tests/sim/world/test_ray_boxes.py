"""Rays against boxes and ground, worked out by hand."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.scene.poses import Pose
from sim.world.box_rays import Solid, cast

BOX = Solid(Pose(10.0, 0.0, 1.0, 0.0, 0.0, math.pi / 2), (3.0, 1.0, 1.0), 3)


def flat(_x, _y, _z):
    return 0.0


def met(start, end, solids=(BOX,)):
    return [(hit.label, hit.location) for hit in cast(start, end, solids, flat, lambda _x, _y, _z: 1)]


def test_a_ray_enters_a_turned_box_at_its_near_face():
    ((label, location),) = met((0.0, 2.0, 1.0), (20.0, 2.0, 1.0))
    assert label == 3
    assert location == pytest.approx((9.0, 2.0, 1.0))


def test_a_ray_beside_the_box_meets_nothing():
    assert met((0.0, 3.5, 1.0), (20.0, 3.5, 1.0)) == []


def test_what_is_nearer_comes_first_and_the_ground_is_met_once():
    hits = met((0.0, 0.0, 5.0), (20.0, 0.0, -1.0))
    assert [label for label, _ in hits] == [3, 1]
    assert hits[1][1][2] == pytest.approx(0.0, abs=1e-6)


@given(st.floats(-40.0, 40.0), st.floats(-40.0, 40.0), st.floats(0.5, 30.0))
def test_a_plumb_line_meets_flat_ground_right_below(x, y, z):
    ((label, location),) = met((x, y, z), (x, y, -1.0), ())
    assert label == 1
    assert location == pytest.approx((x, y, 0.0), abs=1e-6)


def test_from_inside_or_below_nothing_is_entered():
    assert met((10.0, 0.0, 1.0), (10.0, 0.0, 1.5)) == []
    assert met((0.0, 0.0, -1.0), (0.0, 0.0, -5.0), ()) == []
