"""Routes on Millbrook's own map: what they are made of, where a car is on them, and how they are written down."""

from __future__ import annotations

import itertools
import math
from importlib import resources

import carla
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cockpit.config import ConfigError
from cockpit.route.files import RouteSpec, read_route, read_routes, shipped_routes, spec_from_route, write_routes
from cockpit.route.lanes import LaneGraph, is_on_lane
from cockpit.route.planning import RouteError, plan_route, random_route
from cockpit.route.route import AHEAD_M, Route, wrapped
from recorder.schema import RouteCommand


@pytest.fixture(scope="module")
def lanes() -> LaneGraph:
    text = (resources.files("assets") / "maps" / "millbrook.xodr").read_text(encoding="utf-8")
    return LaneGraph(carla.Map("Millbrook", text))


@pytest.fixture(scope="module")
def shipped(lanes) -> dict[str, Route]:
    """Every shipped route, planned."""
    return {
        spec.route_id: plan_route(lanes, spec.waypoints, spec.route_id)
        for name in ("train", "test")
        for spec in read_routes(shipped_routes(f"millbrook_{name}"))
    }


def test_every_lane_of_the_town_leads_on(lanes):
    assert len(lanes.lanes) == 78
    assert all(lanes.onward(key) for key in lanes.lanes)


def test_lanes_join_without_a_jump(lanes):
    for key, lane in lanes.lanes.items():
        end = lanes.points(key, lane.length_m - 0.1, lane.length_m).xyz[-1]
        for onward in lanes.onward(key):
            begin = lanes.points(onward, 0.0, 0.1).xyz[0]
            assert math.dist(end, begin) < 0.2


def test_lane_changes_stay_on_the_avenue_and_in_the_direction_of_travel(lanes):
    changes = [(key, to) for key in lanes.lanes for to, _ in lanes.changes(key)]
    assert {key[0] for key, _ in changes} == {1, 2, 3}
    assert all(key[0] == to[0] and key[2] * to[2] > 0 for key, to in changes)


def test_a_point_beside_the_road_is_found_on_the_nearest_lane(lanes):
    key, along = lanes.locate(-200.0, 1.0)
    assert key == (1, 0, -1)
    assert along == pytest.approx(86.0, abs=0.5)


def test_stop_lines_lie_on_the_lanes_that_their_lights_speak_to(lanes):
    assert lanes.signals[1, 0, -1] == lanes.signals[1, 0, -2]
    assert (6, 0, -1) not in lanes.signals


def test_a_planned_route_begins_and_ends_where_it_was_asked_to(lanes):
    route = plan_route(lanes, [(-200.0, 1.75, 0.0), (101.75, -100.0, 0.0)])
    assert math.dist(route.points[0, :2], (-200.0, 1.75)) < 1.0
    assert math.dist(route.points[-1, :2], (101.75, -100.0)) < 1.5
    turns = [command for command, _ in itertools.groupby(route.commands)]
    assert turns == [
        RouteCommand.LANE_FOLLOW,
        RouteCommand.STRAIGHT,
        RouteCommand.LANE_FOLLOW,
        RouteCommand.LEFT,
        RouteCommand.LANE_FOLLOW,
    ]


def test_a_route_that_needs_the_other_lane_changes_to_it(lanes):
    route = plan_route(lanes, [(-80.0, 5.25, 0.0), (101.75, -100.0, 0.0)])
    assert RouteCommand.CHANGE_LANE_LEFT in route.commands
    first, last = route.commands.index(RouteCommand.CHANGE_LANE_LEFT), len(route.commands)
    last -= route.commands[::-1].index(RouteCommand.CHANGE_LANE_LEFT)
    assert route.points[first, 1] == pytest.approx(5.25, abs=0.1)
    assert route.points[last + 1, 1] == pytest.approx(1.75, abs=0.1)


def test_a_route_needs_two_points(lanes):
    with pytest.raises(RouteError, match="a start and a goal"):
        plan_route(lanes, [(0.0, 0.0, 0.0)], "short")


@pytest.mark.parametrize("seed", range(6))
def test_random_routes_are_smooth_lines_of_the_length_that_was_asked(lanes, seed):
    route = random_route(lanes, seed, 300.0)
    assert 280.0 <= route.length_m <= 420.0
    steps = np.hypot(*np.diff(route.points[:, :2], axis=0).T)
    assert steps.min() > 0.8
    assert steps.max() < 1.05
    assert np.abs(wrapped(np.diff(route.points[:, 3]))).max() < math.radians(12.0)
    assert not route.is_junction[0]
    assert not route.is_junction[-1]


def test_the_same_seed_gives_the_same_route(lanes):
    assert (random_route(lanes, 5, 300.0).points == random_route(lanes, 5, 300.0).points).all()
    assert random_route(lanes, 5, 300.0).start != random_route(lanes, 6, 300.0).start


# --- where a car is on its route --------------------------------------------------------------------------------------


@given(along=st.floats(0.0, 370.0), beside=st.floats(-1.5, 1.5), turned=st.floats(-1.0, 1.0))
@settings(max_examples=60)
def test_offset_heading_and_distance_are_those_of_the_place_the_car_was_put(shipped, along, beside, turned):
    route = shipped["train_1"]
    at = route.pose_at(along)
    x, y = at.x - beside * math.sin(at.yaw), at.y + beside * math.cos(at.yaw)
    state = route.state(x, y, at.yaw + turned, max(0.0, along - 2.0))
    assert state.lateral_offset_m == pytest.approx(beside, abs=0.15)
    assert state.heading_error_rad == pytest.approx(turned, abs=0.12)
    assert state.driven_m == pytest.approx(round(along), abs=0.6)
    assert 1 <= len(state.ahead_world) <= AHEAD_M + 1


def test_the_distance_driven_never_shrinks(shipped):
    route = shipped["train_1"]
    back = route.pose_at(95.0)
    assert route.state(back.x, back.y, back.yaw, 100.0).driven_m == 100.0


def test_a_route_that_crosses_itself_is_not_cut_short(lanes):
    loop = plan_route(lanes, [(-200.0, 5.25, 0.0), (0.0, 5.25, 0.0), (98.25, 40.0, 0.0), (-98.25, -80.0, 0.0)])
    gaps = np.hypot(*(loop.points[:, None, :2] - loop.points[None, :, :2]).T)
    apart = np.abs(np.subtract.outer(np.arange(len(gaps)), np.arange(len(gaps)))) > 100
    assert gaps[apart].min() < 2.0, "the route of this test must cross itself"
    driven = 0.0
    for index in range(0, len(loop.points), 2):
        x, y, _, yaw = loop.points[index]
        driven = loop.state(x, y, yaw, driven).driven_m
        assert driven == pytest.approx(index, abs=1.0)


def test_a_turn_is_announced_30_m_before_it_begins_and_holds_through_it(shipped):
    route = shipped["train_1"]
    begin = next(i for i, c in enumerate(route.commands) if c is not RouteCommand.LANE_FOLLOW)
    turn = route.commands[begin]

    def command(metres: float):
        pose = route.pose_at(metres)
        return route.state(pose.x, pose.y, pose.yaw, metres)

    assert command(begin - 40).command is RouteCommand.LANE_FOLLOW
    assert command(begin - 40).command_distance_m == pytest.approx(40.0, abs=1.0)
    assert command(begin - 25).command is turn
    assert command(begin + 3).command is turn
    assert command(begin + 3).command_distance_m == 0.0
    assert command(begin + 3).in_junction


def test_the_next_light_is_the_one_whose_stop_line_lies_ahead(shipped):
    route = shipped["train_1"]
    lights = {line.opendrive_id: 100 + n for n, line in enumerate(route.stop_lines)}
    route = route.with_lights(lights)
    line = route.stop_lines[0]
    before, after = route.pose_at(line.distance_m - 20.0), route.pose_at(line.distance_m + 5.0)
    seen = route.state(before.x, before.y, before.yaw, line.distance_m - 20.0)
    assert seen.next_light_id == lights[line.opendrive_id]
    assert seen.next_light_distance_m == pytest.approx(20.0, abs=1.0)
    passed = route.state(after.x, after.y, after.yaw, line.distance_m + 5.0)
    assert passed.next_light_id != seen.next_light_id or passed.next_light_distance_m > 50.0
    assert route.lines_crossed(line.distance_m - 1.0, line.distance_m + 1.0) == [line]


# --- files ------------------------------------------------------------------------------------------------------------


def test_what_is_written_is_planned_again_as_the_same_line(lanes, tmp_path):
    for seed in range(5):
        route = random_route(lanes, seed, 350.0)
        write_routes(tmp_path / "routes.xml", [spec_from_route(route)])
        again = plan_route(lanes, read_route(tmp_path / "routes.xml").waypoints)
        n = min(len(again.points), len(route.points))
        assert abs(len(again.points) - len(route.points)) <= 2
        assert np.abs(again.points[:n, :2] - route.points[:n, :2]).max() < 1.0


def test_the_shipped_routes_cover_every_kind_of_turn_in_both_sets(lanes, shipped):
    for name, count in (("train", 8), ("test", 6)):
        routes = [route for key, route in shipped.items() if key.startswith(name)]
        assert len(routes) == count
        assert all(250.0 <= route.length_m <= 451.0 for route in routes)
        kinds = {kind for route in routes for kind, _ in ways(lanes, route)}
        assert kinds == set(itertools.product(("signals", "gives way"), ("left", "right", "straight")))


def test_no_way_through_a_junction_is_in_both_sets(lanes, shipped):
    train = {way for key, route in shipped.items() if key.startswith("train") for _, way in ways(lanes, route)}
    test = {way for key, route in shipped.items() if key.startswith("test") for _, way in ways(lanes, route)}
    assert train
    assert test
    assert not train & test


def ways(lanes: LaneGraph, route: Route):
    """(kind, (lane before, lane after)) of every junction that the route passes."""
    edges = np.flatnonzero(np.diff(route.is_junction.astype(int)))
    for first, last in zip(edges[0::2], edges[1::2], strict=True):
        before, after = (lanes.locate(*map(float, route.points[i, :3]))[0] for i in (first - 1, last + 2))
        rule = "signals" if lanes.signals.get(before) else "gives way"
        yield (rule, route.commands[(first + last) // 2].value), (before, after)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<routes", "is not XML"),
        ("<routes/>", "has no <route> element"),
        ("<routes><route id='a'><waypoints><position x='1' y='2'/></waypoints></route></routes>", "1 position"),
        ("<routes><route id='a'><waypoints><position x='one' y='2'/></waypoints></route></routes>", "without numbers"),
    ],
)
def test_a_wrong_route_file_says_what_is_wrong(tmp_path, text, words):
    path = tmp_path / "routes.xml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=words) as caught:
        read_routes(path)
    assert str(path) in str(caught.value)


def test_an_unknown_route_names_those_there_are(tmp_path):
    write_routes(tmp_path / "routes.xml", [RouteSpec("a", "T", ((0, 0, 0), (1, 1, 0)))])
    with pytest.raises(ConfigError, match="no route 'b'; it has: a"):
        read_route(tmp_path / "routes.xml", "b")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_routes(tmp_path / "nowhere.xml")


def test_the_marking_between_two_lanes_is_on_the_road_and_the_grass_is_not(lanes):
    here = lanes.carla_map.get_waypoint(carla.Location(-77.0, -140.0, 0.0)).transform
    right = here.get_right_vector()
    half = 1.75

    def is_road(metres_right: float) -> bool:
        where = here.location + carla.Location(metres_right * right.x, metres_right * right.y, 0.0)
        return is_on_lane(lanes.carla_map, where.x, where.y, where.z)

    edges = [side for side in (-1.0, 1.0) if is_road(side * 2.0 * half)]
    assert edges  # the lane beside it
    for side in edges:
        assert all(is_road(side * (half + offset)) for offset in (-0.02, -0.01, 0.0, 0.01, 0.02))
    assert not is_road(-20.0)
    assert not is_road(20.0)


def test_a_lane_is_changed_after_the_waypoint_on_it_and_not_before(lanes):
    route = next(
        found
        for found in (random_route(lanes, seed, 400.0) for seed in range(40))
        if any(command is RouteCommand.CHANGE_LANE_LEFT for command in found.commands)
    )
    change = next(i for i, command in enumerate(route.commands) if command is RouteCommand.CHANGE_LANE_LEFT)
    lane = lanes.carla_map.get_waypoint(carla.Location(*(float(v) for v in route.points[change, :3])))
    start, stay = lane.next(2.0)[0], lane.next(25.0)[0]
    over = stay.next(30.0)[0].get_left_lane()
    places = [(w.transform.location.x, w.transform.location.y, w.transform.location.z) for w in (start, stay, over)]
    later = plan_route(lanes, places)
    begins = next(i for i, command in enumerate(later.commands) if command is RouteCommand.CHANGE_LANE_LEFT)
    assert 20 <= begins <= 26  # the lengths of a bend's lanes differ
