"""Frames, predictions and the path: what the expert and the safety driver compute with."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.control.geometry import boxes_overlap, ego_from_world, world_from_ego, wrap_angle
from policy.control.motion import BicycleState, predict_poses, step_bicycle
from policy.expert.path import RoutePath
from recorder.schema import Pose
from tests.policy.expert.expert_world import actor, arc_route

coordinate = st.floats(-500.0, 500.0)
angle = st.floats(-3.0, 3.0)


@given(coordinate, coordinate, angle, coordinate, coordinate, angle)
def test_world_and_ego_frames_undo_each_other(x, y, yaw, px, py, pyaw):
    pose = Pose(x=x, y=y, yaw=yaw)
    back = ego_from_world(world_from_ego(np.array([[px, py, pyaw]]), pose), pose)[0]
    assert back[:2] == pytest.approx((px, py), abs=1e-6)
    assert wrap_angle(back[2] - pyaw) == pytest.approx(0.0, abs=1e-9)


def test_what_lies_to_the_right_has_positive_y_in_the_ego_frame():
    # Heading north in CARLA's frame is yaw -90 degrees; east (+x) is then to the right.
    there = ego_from_world(np.array([[5.0, 0.0]]), Pose(yaw=-math.pi / 2))[0]
    assert there == pytest.approx((0.0, 5.0), abs=1e-9)


@pytest.mark.parametrize(
    ("x", "y", "yaw", "overlap"),
    [
        (4.0, 0.0, 0.0, True),
        (4.2, 0.0, 0.0, False),
        (0.0, 2.1, 0.0, False),
        (2.9, 0.0, math.pi / 2, True),
        (3.1, 0.0, math.pi / 2, False),
        (2.6, 1.9, math.pi / 4, True),
        # Bounding circles touch here, and so do axis-parallel boxes; the oriented boxes do not.
        (3.5, 2.5, math.pi / 4, False),
    ],
)
def test_boxes_overlap_only_where_they_do(x, y, yaw, overlap):
    half = np.array((2.0, 1.0))
    assert bool(boxes_overlap(np.zeros(2), np.array(0.0), half, np.array((x, y)), np.array(yaw), half)) is overlap


def test_a_turning_car_is_predicted_on_its_circle():
    # 10 m/s at 0.5 rad/s is a circle of 20 m radius; a quarter of it takes pi seconds.
    car = actor(2, 0.0, 0.0, speed=10.0, angular_velocity_radps=(0.0, 0.0, 0.5))
    quarter = predict_poses((car,), np.array([math.pi]))[0, 0]
    assert quarter == pytest.approx((20.0, 20.0, math.pi / 2), abs=1e-6)


def test_a_braking_car_is_predicted_to_stand_and_not_to_reverse():
    car = actor(2, 0.0, 0.0, speed=6.0, acceleration_mps2=(-3.5, 0.0, 0.0))
    later = predict_poses((car,), np.array([2.0, 10.0]))[0]
    # 0.5 m/s^2 of the measured braking is taken for drag: 6^2 / (2 * 3) = 6 m, reached after 2 s.
    assert later[:, 0] == pytest.approx((6.0, 6.0))


def test_the_bicycle_drives_the_circle_it_is_steered_on():
    state, curvature = BicycleState(0.0, 0.0, 0.0, 5.0), 0.1
    for _ in range(2000):
        state = step_bicycle(state, 0.0, curvature, 1.45, 0.01)
    rear = (state.x - 1.45 * math.cos(state.yaw), state.y - 1.45 * math.sin(state.yaw))
    assert math.hypot(rear[0] + 1.45, rear[1] - 10.0) == pytest.approx(10.0, abs=0.05)


def test_the_bicycle_never_reverses():
    state = BicycleState(0.0, 0.0, 0.0, 1.0)
    for _ in range(20):
        state = step_bicycle(state, -4.0, 0.0, 1.45, 0.1)
    assert state.speed_mps == 0.0
    assert 0.0 < state.x < 0.3


def test_the_path_knows_its_curvature_and_goes_straight_on_past_its_end():
    path = RoutePath(arc_route((20.0, 0.0), (20.0, 0.05)))
    assert path.at(10.0).curvature_per_m == pytest.approx(0.0, abs=1e-3)
    assert path.at(30.0).curvature_per_m == pytest.approx(0.05, abs=2e-3)
    end, beyond = path.at(path.length_m), path.at(path.length_m + 10.0)
    assert math.hypot(beyond.x - end.x, beyond.y - end.y) == pytest.approx(10.0, abs=1e-6)


def test_projection_finds_station_and_side():
    path = RoutePath(arc_route((20.0, 0.0), (40.0, 0.05)))
    where = path.at(33.3)
    x, y = where.x - 0.8 * math.sin(where.yaw), where.y + 0.8 * math.cos(where.yaw)
    found, offset = path.project(x, y, 31.0)
    assert found.station_m == pytest.approx(33.3, abs=0.05)
    assert offset == pytest.approx(0.8, abs=0.02)


def test_a_path_of_a_single_point_is_a_straight_line_along_its_yaw():
    path = RoutePath(np.array([[1.0, 2.0, 0.0, math.pi / 2]], np.float32))
    assert (path.at(5.0).x, path.at(5.0).y) == pytest.approx((1.0, 7.0), abs=1e-5)
