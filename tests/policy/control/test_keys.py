"""The path of two keys: lanes, turns and speeds, and that making it anew changes nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest

from policy.control.keys import LANE_M, Decision, lanes_beside, path_of_keys
from recorder.schema import Direction, SpeedAction

STRAIGHT = np.stack([np.arange(0.0, 64.0, 4.0), np.zeros(16)], axis=-1)


def path(
    direction=Direction.FOLLOW_LANE, speed=SpeedAction.KEEP, route=STRAIGHT, at=8.0, now=None, age=0.0, limit=13.9
):
    decision = Decision(direction, speed, at, lanes_beside(route), age)
    return path_of_keys(decision, route, at if now is None else now, limit, 6, 0.5)


def shifted(metres: float, route=STRAIGHT) -> np.ndarray:
    """The route as an ego sees it that is so far to the right of it."""
    return route - [0.0, metres]


def test_keeping_the_lane_and_the_speed_is_driving_straight_on():
    np.testing.assert_allclose(path(), np.stack([np.arange(4.0, 25.0, 4.0), np.zeros(6), np.zeros(6)], -1), atol=1e-5)


@pytest.mark.parametrize(
    ("direction", "expected"),
    [
        (Direction.CHANGE_LANE_LEFT, -LANE_M),
        (Direction.CHANGE_LANE_RIGHT, LANE_M),
        (Direction.DEVIATE_LEFT, -1.0),
        (Direction.DEVIATE_RIGHT, 1.0),
        (Direction.GO_STRAIGHT, 0.0),
    ],
)
def test_lanes_are_changed_and_left_to_the_side_that_the_key_names(direction, expected):
    end = path(direction)[-1]
    assert end[1] == pytest.approx(expected, rel=0.2, abs=0.05)
    assert abs(end[2]) < 0.1


def test_the_lane_that_the_ego_is_in_is_kept_and_not_the_routes():
    assert lanes_beside(shifted(-3.2)) == -1
    end = path(route=shifted(-3.2))[-1]  # 3.2 m to the left of the route, its lane's middle at 3.5 m
    assert end[1] == pytest.approx(-0.3, abs=0.1)


def test_a_path_made_anew_on_the_way_leads_to_the_same_places():
    """0.5 s later, at the place that the first path names for it."""
    first = path(Direction.CHANGE_LANE_LEFT)
    x, y, yaw = first[0]
    turn = np.array([[math.cos(yaw), -math.sin(yaw)], [math.sin(yaw), math.cos(yaw)]])
    seen = (STRAIGHT - [x, y]) @ turn
    seen = np.vstack([[(0.0 - x) * 0 + 0.0, 0.0], seen[seen[:, 0] > 0.5]])
    seen[0] = ([x, 0.0] - np.array([x, y])) @ turn  # beside the ego
    again = path_of_keys(Decision(Direction.CHANGE_LANE_LEFT, SpeedAction.KEEP, 8.0, 0, 0.5), seen, 8.0, 13.9, 5, 0.5)
    back = again[:, :2] @ turn.T + [x, y]
    np.testing.assert_allclose(back, first[1:, :2], atol=0.35)


def test_the_route_is_followed_round_its_bends_slowly_enough():
    angles = np.linspace(0.0, math.pi / 2, 14)
    bend = 12.0 * np.stack([np.sin(angles), 1.0 - np.cos(angles)], axis=-1)
    for direction in (Direction.FOLLOW_LANE, Direction.TURN_RIGHT):
        points = path(direction, route=np.vstack([bend, bend[-1] + [[0.0, 10.0]]]))
        steps = np.hypot(*np.diff(np.vstack([[0.0, 0.0], points[:, :2]]), axis=0).T)
        radius = np.hypot(points[:4, 0], points[:4, 1] - 12.0)
        np.testing.assert_allclose(radius, 12.0, atol=0.4)
        assert steps[2:4].max() / 0.5 < math.sqrt(2.5 * 12.0) * 1.15


def test_a_turn_that_the_route_does_not_make_is_an_arc():
    left, right = path(Direction.TURN_LEFT, at=5.0), path(Direction.TURN_RIGHT, at=5.0)
    assert left[-1, 2] < -0.7 < 0.7 < right[-1, 2]
    np.testing.assert_allclose(left * [1.0, -1.0, -1.0], right, atol=1e-5)


@pytest.mark.parametrize(
    ("speed", "age", "expected_mps"),
    [
        (SpeedAction.KEEP, 0.0, 8.0),
        (SpeedAction.ACCELERATE, 0.0, 8.0 + 2.0 * 2.75),
        (SpeedAction.ACCELERATE, 0.5, 13.9),
        (SpeedAction.DECELERATE, 0.0, 8.0 - 2.5 * 2.75),
        (SpeedAction.STOP, 0.0, 0.0),
    ],
)
def test_the_speed_changes_at_the_keys_rate_from_the_decision_on(speed, age, expected_mps):
    now = {SpeedAction.ACCELERATE: 8.0 + 2.0 * age}.get(speed, 8.0)
    points = path(speed=speed, age=age, now=now)
    assert np.hypot(*(points[-1] - points[-2])[:2]) / 0.5 == pytest.approx(expected_mps, abs=0.15)


def test_the_limit_bounds_accelerating_only():
    points = path(speed=SpeedAction.ACCELERATE, limit=9.0)
    assert np.hypot(*(points[-1] - points[-2])[:2]) / 0.5 == pytest.approx(9.0, abs=0.05)
    points = path(speed=SpeedAction.KEEP, limit=5.0)
    assert np.hypot(*(points[-1] - points[-2])[:2]) / 0.5 == pytest.approx(8.0, abs=0.05)


def test_a_car_that_drifted_comes_back_to_the_speed_of_the_decision():
    points = path(at=8.0, now=7.0, age=0.5)
    assert np.hypot(*(points[-1] - points[-2])[:2]) / 0.5 == pytest.approx(8.0, abs=0.1)


def test_without_a_route_there_is_no_path():
    with pytest.raises(ValueError, match="at least two points"):
        path_of_keys(Decision(Direction.FOLLOW_LANE, SpeedAction.KEEP, 5.0, 0), np.zeros((1, 2)), 5.0, 9.0, 6, 0.5)
