"""Time to collision by worked examples: when two boxes meet if nobody changes speed."""

from __future__ import annotations

import math

import numpy as np
import pytest

from cockpit.authority.lane_keeping import MAX_STEER, lane_steer
from cockpit.authority.time_to_collision import time_to_collision
from recorder.schema import ActorState, Pose, RouteCommand, RouteState


def car(x: float, y: float = 0.0, speed: float = 0.0, yaw: float = 0.0, actor_id: int = 2) -> ActorState:
    velocity = (speed * math.cos(yaw), speed * math.sin(yaw), 0.0)
    zero = (0.0, 0.0, 0.0)
    return ActorState(actor_id, "vehicle.audi.tt", "", Pose(x=x, y=y, yaw=yaw), velocity, zero, zero, (2.5, 1.0, 0.75))


def straight(metres: int = 80) -> np.ndarray:
    return np.array([(float(i), 0.0, 0.0, 0.0) for i in range(metres + 1)], np.float32)


def right_bend(radius: float = 20.0, metres: int = 60) -> np.ndarray:
    """A quarter turn to the right (y grows), then straight on."""
    rows = []
    for i in range(metres + 1):
        angle = min(i / radius, math.pi / 2)
        rest = max(0.0, i - radius * math.pi / 2)
        rows.append((radius * math.sin(angle), radius * (1 - math.cos(angle)) + rest, 0.0, angle))
    return np.array(rows, np.float32)


EGO = car(0.0, speed=10.0, actor_id=1)


def test_a_car_that_stands_25_m_ahead_is_met_after_the_gap_between_the_bumpers():
    assert time_to_collision(EGO, [car(25.0)], straight()) == pytest.approx(2.0, abs=0.11)


def test_a_car_ahead_that_is_slower_is_met_at_the_closing_speed():
    assert time_to_collision(EGO, [car(25.0, speed=5.0)], straight()) == pytest.approx(4.0, abs=0.11)


def test_a_car_ahead_that_is_as_fast_is_never_met():
    assert time_to_collision(EGO, [car(15.0, speed=10.0)], straight()) == math.inf


def test_oncoming_traffic_on_its_own_lane_is_no_hazard():
    assert time_to_collision(EGO, [car(60.0, -3.5, 10.0, math.pi)], straight()) == math.inf


def test_oncoming_traffic_on_our_lane_is_met_half_way():
    assert time_to_collision(EGO, [car(45.0, 0.0, 10.0, math.pi)], straight()) == pytest.approx(2.0, abs=0.11)


def test_crossing_traffic_that_arrives_at_the_same_time_is_met():
    crossing = car(30.0, -30.0, 10.0, math.pi / 2)
    assert 2.4 < time_to_collision(EGO, [crossing], straight()) < 3.1
    late = car(30.0, -70.0, 10.0, math.pi / 2)
    assert time_to_collision(EGO, [late], straight()) == math.inf


def test_what_stands_beyond_a_bend_is_met_along_the_bend_not_along_the_heading():
    beyond = car(20.0, 40.0, 0.0, math.pi / 2)
    ahead = car(40.0, 0.0)
    bend = right_bend()
    assert time_to_collision(EGO, [beyond], bend) < 5.0
    assert time_to_collision(EGO, [ahead], bend) == math.inf


def test_the_nearest_of_several_counts_and_an_empty_road_has_none():
    assert time_to_collision(EGO, [car(65.0), car(25.0, actor_id=3)], straight()) == pytest.approx(2.0, abs=0.11)
    assert time_to_collision(EGO, [], straight()) == math.inf


def route_state(offset_m: float, heading_rad: float, ahead: np.ndarray) -> RouteState:
    return RouteState(RouteCommand.LANE_FOLLOW, math.inf, 0.0, 100.0, offset_m, heading_rad, ahead, 11.0)


def test_lane_keeping_steers_back_from_either_side_and_round_the_bend():
    right_of_it = lane_steer(Pose(y=1.0), 8.0, route_state(1.0, 0.0, straight()))
    left_of_it = lane_steer(Pose(y=-1.0), 8.0, route_state(-1.0, 0.0, straight()))
    assert right_of_it < -0.01
    assert left_of_it == pytest.approx(-right_of_it)
    assert lane_steer(Pose(), 8.0, route_state(0.0, 0.0, straight())) == 0.0
    assert lane_steer(Pose(), 5.0, route_state(0.0, 0.0, right_bend())) > 0.05
    assert abs(lane_steer(Pose(), 0.0, route_state(0.0, 0.0, right_bend(2.0)))) <= MAX_STEER


def test_far_from_the_route_or_against_it_lane_keeping_holds_the_wheels_straight():
    assert lane_steer(Pose(y=8.0), 8.0, route_state(8.0, 0.0, straight())) == 0.0
    assert lane_steer(Pose(yaw=math.pi), 8.0, route_state(0.0, -math.pi, straight())) == 0.0
