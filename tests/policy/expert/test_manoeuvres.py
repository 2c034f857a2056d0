"""What the expert does beside following its lane: worked examples, and nothing at all on ordinary ticks."""

from __future__ import annotations

import dataclasses

import carla
import numpy as np

from policy.expert.manoeuvres import BLINKERS, SCENARIO_ROLE, SIREN, adapted
from recorder.schema import RouteCommand, Tick
from tests.policy.expert.expert_world import World, actor, arc_route


def offsets(tick: Tick) -> np.ndarray:
    """How far the bent route of a straight road (y = 0) lies to the right, by metres ahead."""
    return adapted(tick).tick.route.ahead_world[:, 1]


def straight(speed: float = 6.0, **route) -> World:
    world = World(arc_route((150.0, 0.0)), speed_mps=speed)
    world.route_changes = route  # type: ignore[attr-defined]
    return world


def tick_of(world: World) -> Tick:
    tick = world.tick()
    return dataclasses.replace(tick, route=dataclasses.replace(tick.route, **world.route_changes))  # type: ignore[attr-defined]


def broken_down(x: float, y: float = 0.0):
    return actor(7, x, y, light_state=BLINKERS)


def test_lamps_are_carlas():
    lamps = carla.VehicleLightState
    assert int(lamps.LeftBlinker | lamps.RightBlinker) == BLINKERS
    assert int(lamps.Special1 | lamps.Special2) == SIREN


def test_ordinary_traffic_leaves_the_tick_as_it_is():
    world = straight()
    world.others = [actor(7, 20.0, 0.0, speed=5.0), actor(8, 30.0, 0.0), actor(9, 40.0, -3.5, yaw=np.pi, speed=8.0)]
    tick = tick_of(world)
    assert adapted(tick).tick is tick
    assert adapted(tick).stops == ()


def test_a_broken_down_car_is_passed_on_the_left_with_room_and_the_lane_is_taken_again():
    world = straight()
    world.others = [broken_down(40.0)]
    bent = offsets(tick_of(world))
    assert bent[0] == 0.0
    assert bent[40] < -(1.0 + 1.0 + 0.9)  # its half width, ours, and air
    assert bent[75] == 0.0
    assert np.abs(np.diff(bent)).max() < 0.5


def test_a_car_at_the_edge_is_passed_by_as_much_as_is_needed():
    world = straight()
    world.others = [broken_down(40.0, 1.7)]
    assert -1.6 < offsets(tick_of(world)).min() < -1.0


def test_what_stands_beside_the_lane_bends_nothing():
    world = straight()
    world.others = [broken_down(40.0, 3.2), actor(8, 30.0, 3.5, kind="static.prop.trafficwarning")]
    assert not offsets(tick_of(world)).any()


def test_a_leftmost_lane_with_a_lane_at_its_right_is_left_to_the_right():
    world = straight(lane_right=True)
    world.others = [broken_down(40.0)]
    assert offsets(tick_of(world)).max() > 2.9


def test_oncoming_traffic_is_waited_for_before_the_bend():
    world = straight()
    world.others = [broken_down(40.0), actor(8, 75.0, -3.5, yaw=np.pi, speed=8.0)]
    found = adapted(tick_of(world))
    assert not found.tick.route.ahead_world[:, 1].any()
    assert [why for _, why in found.stops] == ["waiting to go round"]
    assert 5.0 < found.stops[0][0] < 25.0


def test_who_has_begun_to_go_round_goes_on():
    world = straight()
    world.x, world.y = 30.0, -2.0
    world.others = [broken_down(40.0), actor(8, 75.0, -3.5, yaw=np.pi, speed=8.0)]
    assert adapted(tick_of(world)).stops == ()


def test_an_ambulance_from_behind_gets_the_lane_where_there_is_another():
    siren = actor(8, -20.0, 0.0, speed=14.0, kind="vehicle.ford.ambulance", light_state=SIREN)
    world = straight(lane_left=True)
    world.others = [siren]
    assert np.allclose(offsets(tick_of(world)), -3.5)
    world.others = [siren, actor(9, 3.0, -3.5, speed=6.0)]  # occupied
    assert not offsets(tick_of(world)).any()


def test_an_ambulance_on_a_narrow_road_is_made_way_for_at_the_edge_and_slowly():
    world = straight()
    world.others = [actor(8, -20.0, 0.0, speed=14.0, kind="vehicle.ford.ambulance", light_state=SIREN)]
    found = adapted(tick_of(world))
    assert 0.3 < offsets(tick_of(world))[0] < 0.8
    assert found.top_mps <= 3.0


def test_who_comes_over_the_centre_line_is_dodged_within_the_lane():
    world = straight()
    invader = actor(8, 40.0, -2.0, yaw=np.pi, speed=7.0, role_name="scenario")
    world.others = [invader]
    assert 0.2 < offsets(tick_of(world))[0] <= 0.75
    world.others = [dataclasses.replace(invader, role_name="autopilot")]
    assert not offsets(tick_of(world)).any()


def test_a_cone_at_the_right_edge_slows_down_and_one_across_the_road_does_not():
    for right, top in ((2.4, 4.0), (-4.7, np.inf)):
        world = straight()
        world.others = [actor(7, 20.0, right, kind="static.prop.constructioncone", extent_m=(0.2, 0.2, 0.3))]
        found = adapted(tick_of(world))
        assert found.top_mps == top
        assert np.abs(found.tick.route.ahead_world[:, 1]).max() == 0.0


def test_a_green_light_is_not_trusted_while_somebody_of_a_scenario_moves():
    world = straight()
    for role, is_wary in ((SCENARIO_ROLE, True), ("autopilot", False)):
        world.others = [actor(7, 30.0, -25.0, yaw=np.pi / 2.0, speed=8.0, role_name=role)]
        assert adapted(tick_of(world)).is_wary is is_wary


def changing_right(*cars_m: float) -> Tick:
    """A tick at the begin of a lane change to the right; cars of a scenario drive there, as fast as the ego."""
    world = World(arc_route((80.0, 0.0)), speed_mps=7.0)
    world.route[:, 1] = 3.5 * np.clip(np.arange(len(world.route)) / 30.0, 0.0, 1.0)
    world.others = [actor(10 + i, along, 3.5, speed=7.0, role_name=SCENARIO_ROLE) for i, along in enumerate(cars_m)]
    tick = world.tick()
    route = dataclasses.replace(tick.route, command=RouteCommand.CHANGE_LANE_RIGHT, command_distance_m=0.0)
    return dataclasses.replace(tick, route=route)


def test_beside_a_full_lane_the_own_one_is_kept_and_a_gap_looked_for():
    found = adapted(changing_right(-2.0, 22.0))
    assert np.abs(found.tick.route.ahead_world[:, 1]).max() < 0.2
    assert found.top_mps > 7.0  # the gap is ahead
    assert adapted(changing_right(-22.0, 2.0)).top_mps < 7.0  # it is behind


def test_into_a_gap_the_lane_is_changed():
    tick = changing_right(-14.0, 14.0)
    assert adapted(tick).tick is tick


def test_who_comes_from_the_side_to_the_same_lane_is_let_in_first_unless_there_is_time():
    for seconds_away, waits in ((2.5, True), (5.5, False)):
        world = straight(speed=2.0, command=RouteCommand.RIGHT, command_distance_m=0.0)
        yaw, reach = np.radians(60.0), 8.0 * (seconds_away + 0.4)
        begin = (7.0 - reach * np.cos(yaw), -reach * np.sin(yaw))
        world.others = [actor(7, *begin, yaw=yaw, speed=8.0, role_name=SCENARIO_ROLE)]
        stops = adapted(tick_of(world)).stops
        assert [why for _, why in stops] == ["waiting to join"] * waits
        assert all(0.0 <= at_m < 7.0 for at_m, _ in stops)
        ordinary = [actor(7, *begin, yaw=yaw, speed=8.0)]
        world.others = ordinary
        assert adapted(tick_of(world)).stops == ()
