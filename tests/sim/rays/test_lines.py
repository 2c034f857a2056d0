"""Lines through boxes and onto ground, worked out by hand."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sim.rays.lines import hits_on_line
from sim.scene.poses import Pose, rotate
from sim.scene.records import Box

BOX = Box(Pose(10.0, 0.0, 1.0, 0.0, 0.0, math.pi / 2), (3.0, 1.0, 1.0), 3)


def flat(_x, _y, _z):
    return 0.0


def met(start, end, boxes=(BOX,)):
    return [(hit.label, hit.location) for hit in hits_on_line(start, end, boxes, flat, lambda _x, _y, _z: 1)]


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


def test_a_plate_without_thickness_is_entered_and_a_line_through_the_middle_of_a_face_too():
    plate = Box(Pose(5.0, 0.0, 1.0), (0.0, 2.0, 1.0), 8)
    ((label, location),) = met((0.0, 0.0, 1.0), (20.0, 0.0, 1.0), (plate,))
    assert label == 8
    assert location == pytest.approx((5.0, 0.0, 1.0), abs=0.002)


ANGLE = st.floats(-math.pi, math.pi)
PLACE = st.tuples(*[st.floats(-30.0, 30.0)] * 3)


@given(PLACE, PLACE, st.tuples(ANGLE, ANGLE, ANGLE), st.tuples(*[st.floats(0.1, 8.0)] * 3))
def test_a_box_is_entered_where_a_walk_along_the_line_first_finds_its_inside(start, end, turn, extent):
    pose = Pose(1.0, -2.0, 3.0, *turn)
    forward, right, up = (np.array(rotate(pose, axis)) for axis in np.eye(3).tolist())
    along = np.linspace(0.0, 1.0, 20_001)
    away = np.array(start) + along[:, None] * (np.array(end) - start) - pose[:3]
    depth = np.min(
        [half - np.abs(away @ axis) for half, axis in zip(extent, (forward, right, up), strict=True)], axis=0
    )
    assume(abs(depth[0]) > 1e-3)
    assume(abs(depth.max()) > 1e-2)
    hits = hits_on_line(start, end, [Box(pose, extent, 3)], lambda *_: -1e3, lambda *_: 1)
    if depth[0] > 0.0 or depth.max() < 0.0:
        assert hits == []
    else:
        assert [hit.along for hit in hits] == pytest.approx([along[np.argmax(depth > 0.0)]], abs=1e-3)
