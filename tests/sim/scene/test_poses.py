"""Poses: what is attached to a parent follows it, and whether two boxes overlap."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.scene.poses import Pose, boxes_overlap, compose

unhurried = settings(deadline=None, max_examples=60)
ANGLE = st.floats(-math.pi, math.pi)
PLACE = st.floats(-1e4, 1e4)
POSE = st.builds(Pose, PLACE, PLACE, PLACE, ANGLE, st.floats(-1.5, 1.5), ANGLE)


@unhurried
@given(POSE, POSE)
def test_a_child_at_its_parents_origin_is_where_the_parent_is(parent, child):
    at_origin = compose(parent, child._replace(x=0.0, y=0.0, z=0.0))
    assert at_origin[:3] == pytest.approx(parent[:3])


@unhurried
@given(POSE, PLACE, PLACE)
def test_distances_are_the_same_in_every_parents_frame(parent, x, y):
    child = compose(parent, Pose(x, y, 0.0))
    assert math.dist(child[:3], parent[:3]) == pytest.approx(math.hypot(x, y), rel=1e-6, abs=1e-6)


@unhurried
@given(POSE, st.floats(-20, 20), st.floats(-20, 20), ANGLE)
def test_overlap_of_boxes_does_not_depend_on_who_is_asked(a, dx, dy, yaw):
    b = a._replace(x=a.x + dx, y=a.y + dy, yaw=yaw)
    first, second = (2.4, 1.0, 0.7), (4.2, 1.4, 1.9)
    assert boxes_overlap(a, first, b, second) == boxes_overlap(b, second, a, first)
    if math.hypot(dx, dy) < 2.0:
        assert boxes_overlap(a, first, b, second)
    if math.hypot(dx, dy) > 7.1:
        assert not boxes_overlap(a, first, b, second)
