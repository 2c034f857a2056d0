"""The scenarios' pure parts: following a path, judging a drive, finding a trigger, replaying a trajectory."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.config import ConfigError
from cockpit.route.route import Route
from cockpit.scenarios.director import trigger_on
from cockpit.scenarios.driving import Follower, arrival_s, bend_speed_mps, way_speed_mps
from cockpit.scenarios.judge import mistake_in
from cockpit.scenarios.places import beside, crossing_of, junction_ahead, resampled, shifted
from cockpit.traffic.replay import Trajectory, read_trajectories
from recorder.schema import (
    ActorState,
    Authority,
    AuthorityState,
    Control,
    DriverInput,
    EventKind,
    Pose,
    Reason,
    RouteCommand,
    RouteState,
    Tick,
    TickEvent,
)


def straight_route(length: int = 100, junction: tuple[int, int] = (60, 75)) -> Route:
    points = np.zeros((length + 1, 4))
    points[:, 0] = np.arange(length + 1.0)
    inside = np.zeros(length + 1, bool)
    inside[junction[0] : junction[1]] = True
    commands = (RouteCommand.LANE_FOLLOW,) * (length + 1)
    ones = np.ones(length + 1)
    return Route("r", "T", points, commands, inside, 10.0 * ones, 3.5 * ones)


def body(x: float, y: float = 0.0, yaw: float = 0.0, speed: float = 0.0, actor_id: int = 2) -> ActorState:
    velocity = (speed * math.cos(yaw), speed * math.sin(yaw), 0.0)
    still = (0.0, 0.0, 0.0)
    return ActorState(actor_id, "vehicle.audi.tt", "", Pose(x, y, yaw=yaw), velocity, still, still, (2.1, 1.0, 0.7))


def tick_with(*events: TickEvent) -> Tick:
    state = RouteState(RouteCommand.LANE_FOLLOW, math.inf, 0.0, 100.0, 0.0, 0.0, np.zeros((1, 4), np.float32), 10.0)
    authority = AuthorityState(Authority.HUMAN, Reason.SESSION_START, 0, 0.0)
    return Tick(
        1, 1.0, 0.0, 0.05, body(0.0, actor_id=1), (), (), state, {}, DriverInput(), None, None, Control(), authority,
        events,
    )  # fmt: skip


PATH = np.column_stack([np.arange(101.0), np.zeros(101), np.zeros(101)])


def test_a_follower_steers_back_to_its_path_and_straight_on_it():
    follower = Follower(PATH)
    follower.locate(10.0, 0.0)
    assert follower.pedals(10.0, 0.0, 0.0, 8.0, 8.0, 0.05).steer == pytest.approx(0.0, abs=1e-9)
    assert follower.pedals(10.0, 1.0, 0.0, 8.0, 8.0, 0.05).steer < -0.02  # right of the path: to the left
    assert follower.pedals(10.0, -1.0, 0.0, 8.0, 8.0, 0.05).steer > 0.02


def test_a_follower_speeds_up_brakes_and_stands_as_asked():
    follower = Follower(PATH)
    follower.locate(10.0, 0.0)
    assert follower.pedals(10.0, 0.0, 0.0, 2.0, 8.0, 0.05).throttle > 0.9
    assert follower.pedals(10.0, 0.0, 0.0, 12.0, 8.0, 0.05).brake > 0.2
    assert follower.pedals(10.0, 0.0, 0.0, 5.0, 0.0, 0.05).brake > 0.5


@given(gap=st.floats(8.0, 60.0), leader=st.floats(0.0, 10.0))
def test_a_follower_never_drives_faster_than_it_can_stop_behind_its_leader(gap: float, leader: float):
    follower = Follower(PATH)
    follower.locate(10.0, 0.0)
    own = body(10.0, actor_id=1)
    speed = follower.heeded_mps(15.0, own, [own, body(10.0 + gap, speed=leader)])
    room = max(gap - 2.0 * 2.1, 0.0)
    assert 0.0 <= speed <= 15.0
    if gap < 39.0:  # within its view
        assert speed**2 / (2.0 * 7.0) <= room + leader**2 / (2.0 * 7.0) + 1e-6


def test_who_drives_beside_the_path_is_no_leader():
    follower = Follower(PATH)
    follower.locate(10.0, 0.0)
    assert follower.heeded_mps(9.0, body(10.0, actor_id=1), [body(30.0, 3.5)]) == 9.0


def test_to_arrive_in_time_is_a_matter_of_distance_over_time_within_bounds():
    free = np.full(30, 50.0)
    assert way_speed_mps(free, 3.0, 5.0, 16.0) == pytest.approx(10.0, abs=0.25)
    assert way_speed_mps(free, 0.5, 5.0, 16.0) == 16.0
    assert way_speed_mps(free, 60.0, 5.0, 16.0) == 5.0
    # Ten metres of bend at 5 m/s take 2 s: the other twenty are left 2 s too.
    assert way_speed_mps(np.r_[np.full(20, 50.0), np.full(10, 5.0)], 4.0, 5.0, 16.0) == pytest.approx(10.0, abs=0.25)


def test_who_must_turn_comes_later_than_who_goes_straight_on():
    assert arrival_s(40.0, 10.0) == pytest.approx(4.0)
    # 10 m/s to 5 m/s at 1.4 m/s^2 takes 26.8 m and 3.57 s, the 13.2 m before it 1.32 s.
    assert arrival_s(40.0, 10.0, 5.0) == pytest.approx(4.89, abs=0.01)
    assert arrival_s(-3.0, 10.0, 5.0) == 0.0


@given(st.floats(0.1, 200.0), st.floats(0.0, 20.0), st.floats(2.0, 12.0))
def test_more_road_never_takes_less_time(left_m: float, speed: float, end: float):
    assert arrival_s(left_m + 1.0, speed, end) > arrival_s(left_m, speed, end) > 0.0


def test_a_bend_is_driven_at_the_speed_that_its_radius_allows():
    angle = np.arange(0.0, math.pi / 2.0, 1.0 / 12.0)
    bend = np.column_stack([12.0 * np.sin(angle), 12.0 * (1.0 - np.cos(angle))])
    assert bend_speed_mps(bend, 0.0, lateral_mps2=3.0) == pytest.approx(6.0, rel=0.05)
    assert bend_speed_mps(np.column_stack([np.arange(30.0), np.zeros(30)]), 0.0) > 50.0


@pytest.mark.parametrize(
    ("event", "speed", "says"),
    [
        (TickEvent(EventKind.COLLISION, "hit vehicle.audi.tt"), 5.0, "collision with vehicle.audi.tt"),
        (TickEvent(EventKind.COLLISION, "hit vehicle.audi.tt"), 0.0, ""),  # who stands is hit
        (TickEvent(EventKind.RED_LIGHT, "crossed light 7 at red"), 5.0, "red light"),
        (TickEvent(EventKind.OFF_ROAD, "left the road"), 5.0, "left the road"),
        (TickEvent(EventKind.MARK, "whatever"), 5.0, ""),
    ],
)
def test_mistakes_are_what_the_leaderboard_counts(event: TickEvent, speed: float, says: str):
    assert mistake_in(tick_with(event), speed) == says


def test_a_trigger_is_found_on_the_route_and_only_in_its_direction():
    route = straight_route()
    assert trigger_on(route, Pose(40.2, 1.0)) == 40.0
    assert trigger_on(route, Pose(40.2, 1.0, yaw=math.pi)) is None
    assert trigger_on(route, Pose(40.2, 30.0)) is None


def test_the_next_junction_is_where_the_route_enters_and_leaves_it():
    ahead = junction_ahead(straight_route(), 10.0)
    assert ahead is not None
    assert (ahead.first_m, ahead.last_m) == (60.0, 75.0)
    assert ahead.turned_rad == pytest.approx(0.0)
    assert junction_ahead(straight_route(), 80.0) is None


def test_beside_and_shifted_move_to_the_right_as_carla_has_it():
    assert beside(Pose(0.0, 0.0, yaw=math.pi / 2.0), 2.0, 1.0).x == pytest.approx(-2.0)
    assert shifted(PATH, 1.5)[50, 1] == pytest.approx(1.5)


def test_two_ways_cross_where_they_first_come_near():
    other = np.column_stack([np.full(41, 50.0), np.arange(-20.0, 21.0), np.zeros(41)])
    along, own = crossing_of(other, straight_route(), 40.0, 70.0)
    assert own == 50.0
    assert 18.0 <= along <= 20.0
    assert len(resampled(other[::4])) == 41


def trajectory_file(tmp_path: Path, *rows: str, header: str = "time_s,actor_id,type_id,x,y,z,yaw_rad") -> Path:
    path = tmp_path / "ways.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def test_trajectories_are_read_and_stand_between_their_rows(tmp_path: Path):
    rows = (
        "1.0,7,vehicle.audi.tt,10,0,0,3.1",
        "0.0,7,vehicle.audi.tt,0,0,0,-3.1",
        "0.0,3,walker.pedestrian.0001,5,5,1,0",
    )
    walker, car = read_trajectories(trajectory_file(tmp_path, *rows))
    assert walker.type_id == "walker.pedestrian.0001"
    found = car.at(0.5)
    assert found is not None
    pose, velocity = found
    assert pose[0] == pytest.approx(5.0)
    assert velocity[0] == pytest.approx(10.0)
    assert abs(math.remainder(float(pose[3]), math.tau)) == pytest.approx(math.pi, abs=0.05)  # the short way round
    assert car.at(-0.1) is None
    assert car.at(1.1) is None


@pytest.mark.parametrize(
    ("row", "header", "says"),
    [
        ("0,1,vehicle.x,zero,0,0,0", "time_s,actor_id,type_id,x,y,z,yaw_rad", "line 2"),
        ("0,1,0", "time_s,actor_id,x", "no column type_id"),
    ],
)
def test_a_wrong_trajectory_file_says_where(tmp_path: Path, row: str, header: str, says: str):
    with pytest.raises(ConfigError, match=says):
        read_trajectories(trajectory_file(tmp_path, row, header=header))


@given(st.floats(0.0, 9.0))
def test_a_trajectory_never_leaves_the_span_of_its_rows(time_s: float):
    way = Trajectory(
        "vehicle.audi.tt", np.array([0.0, 2.0, 9.0]), np.array([[0, 0, 0, 0], [4, 1, 0, 1], [9, 9, 0, 2.0]])
    )
    found = way.at(time_s)
    assert found is not None
    assert (found[0] >= way.poses.min(axis=0) - 1e-9).all()
    assert (found[0] <= way.poses.max(axis=0) + 1e-9).all()


def test_the_route_says_where_there_are_lanes_beside_it():
    route = dataclasses.replace(straight_route(), lane_left=np.arange(101) > 50, lane_right=np.zeros(101, bool))
    assert not route.state(10.0, 0.0, 0.0, None).lane_left
    assert route.state(70.0, 0.0, 0.0, None).lane_left
    assert not route.state(70.0, 0.0, 0.0, None).lane_right
