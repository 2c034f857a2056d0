"""The privileged driver keeps its lane, the limit, its distance, the lights and the right of way."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from policy.control.geometry import boxes_overlap
from policy.expert.expert import Expert
from recorder.schema import LightColour, RouteCommand
from tests.policy.expert.expert_world import World, actor, arc_route

EXPERT = Expert()


def drive(world: World, seconds: float, on_tick=None) -> list[tuple[float, float, float]]:
    """(station, speed, lateral offset) of every tick of a drive by the expert."""
    trace = []
    for _ in range(round(seconds / 0.05)):
        if on_tick is not None:
            on_tick(world)
        state = world.route_state()
        trace.append((state.driven_m, world.speed, state.lateral_offset_m))
        world.step(EXPERT.control(world.tick()))
    return trace


def hits(world: World) -> bool:
    ego = world.ego()
    here, half = np.array((ego.pose.x, ego.pose.y)), np.array(ego.extent_m[:2])
    return any(
        bool(
            boxes_overlap(
                here, np.array(ego.pose.yaw), half,
                np.array((other.pose.x, other.pose.y)), np.array(other.pose.yaw), np.array(other.extent_m[:2]),
            )
        )
        for other in world.others
    )  # fmt: skip


@pytest.mark.parametrize(
    "pieces",
    [
        [(200.0, 0.0)],
        [(20.0, 0.0), (15.0, 0.1), (60.0, 0.0)],
        [(20.0, 0.0), (20.0, -0.08), (60.0, 0.0)],
        [(20.0, 0.0), (40.0, 0.03), (40.0, -0.03), (30.0, 0.0)],
    ],
)
def test_it_keeps_the_middle_of_its_lane(pieces):
    world = World(arc_route(*pieces), speed_mps=6.0)
    trace = drive(world, 12.0)
    # At a 10 m radius the reference point, halfway between the axles, lies 0.1 to 0.4 m off any one line.
    assert max(abs(offset) for station, _, offset in trace if station < sum(p[0] for p in pieces) - 3) < 0.5


def test_it_comes_back_to_the_middle_after_a_push():
    world = World(arc_route((300.0, 0.0)), offset_m=1.5, heading_rad=0.2)
    trace = drive(world, 8.0)
    assert abs(trace[-1][2]) < 0.1
    assert min(offset for _, _, offset in trace) > -0.3


def test_it_holds_its_cruising_speed_and_obeys_a_lower_limit():
    world = World(arc_route((300.0, 0.0)), speed_mps=4.0)
    drive(world, 10.0)
    assert world.speed == pytest.approx(8.0, abs=0.5)
    world.limit_mps = 5.0
    drive(world, 6.0)
    assert world.speed == pytest.approx(5.0, abs=0.4)


def test_it_slows_down_before_the_curve_and_not_in_it():
    world = World(arc_route((60.0, 0.0), (15.0, 0.1), (60.0, 0.0)))
    trace = drive(world, 15.0)
    at_entry = min(trace, key=lambda row: abs(row[0] - 60.0))[1]
    in_curve = [speed for station, speed, _ in trace if 60.0 < station < 74.0]
    assert at_entry < 6.2
    assert max(speed**2 * 0.1 for speed in in_curve) < 3.6


@pytest.mark.parametrize("colour", [LightColour.RED, LightColour.YELLOW])
def test_it_stops_short_of_a_light_and_drives_on_at_green(colour):
    world = World(arc_route((200.0, 0.0)))
    world.lights = [(60.0, colour)]
    drive(world, 14.0)
    front = world.station() + 2.4
    assert world.speed < 0.1
    assert 60.0 - front == pytest.approx(EXPERT.config.light_gap_m, abs=0.8)  # the lamp beside the line stays in view
    world.lights = [(60.0, LightColour.GREEN)]
    drive(world, 6.0)
    assert world.station() > 65.0


def test_a_light_that_turns_yellow_too_late_to_stop_is_driven_through():
    world = World(arc_route((200.0, 0.0)))
    world.lights = [(9.0, LightColour.YELLOW)]
    trace = drive(world, 3.0)
    assert min(speed for _, speed, _ in trace) > 7.0


@pytest.mark.parametrize("to_line_m", [0.3, -0.3])
def test_a_red_light_reached_too_fast_is_still_stopped_at(to_line_m):
    world = World(arc_route((200.0, 0.0)), speed_mps=1.3)
    world.lights = [(2.4 + to_line_m, LightColour.RED)]
    drive(world, 3.0)
    assert world.speed == 0.0
    assert world.station() < 1.5


def test_it_stops_behind_a_standing_car_with_a_gap():
    world = World(arc_route((200.0, 0.0)))
    world.others = [actor(2, 70.0, 0.0)]
    drive(world, 15.0)
    gap = 70.0 - 2.4 - (world.x + 2.4)
    assert world.speed < 0.1
    assert 2.5 < gap < 6.0


def test_it_follows_a_slower_car_without_touching_it():
    world = World(arc_route((400.0, 0.0)))
    world.others = [actor(2, 25.0, 0.0, speed=4.0)]
    drive(world, 20.0)
    gap = world.others[0].pose.x - world.x - 4.8
    assert world.speed == pytest.approx(4.0, abs=0.4)
    assert 4.0 < gap < 14.0


@pytest.mark.parametrize("kind", ["vehicle.audi.tt", "walker.pedestrian.0001"])
@pytest.mark.parametrize("delay_s", [1.5, 2.5, 3.5, 4.5])
def test_it_never_hits_what_crosses_its_way(kind, delay_s):
    speed = 1.4 if kind.startswith("walker") else 6.0
    world = World(arc_route((200.0, 0.0)))
    world.others = [actor(2, 40.0, -speed * delay_s - 3.0, math.pi / 2, speed, kind)]
    for _ in range(320):
        world.step(EXPERT.control(world.tick()))
        assert not hits(world)
    assert world.station() > 45.0


def test_it_waits_for_oncoming_traffic_before_a_left_turn():
    world = World(arc_route((25.0, 0.0), (14.0, -0.11), (60.0, 0.0)), speed_mps=5.0)
    world.command, world.command_distance_m = RouteCommand.LEFT, 5.0
    world.others = [actor(2, 75.0, -3.5, math.pi, 8.0)]
    for _ in range(300):
        world.step(EXPERT.control(world.tick()))
        assert not hits(world)
    assert world.station() > 45.0


def test_a_parked_car_beside_the_lane_does_not_stop_it():
    world = World(arc_route((200.0, 0.0)))
    world.others = [actor(2, 40.0, 3.2)]
    trace = drive(world, 6.0)
    assert min(speed for _, speed, _ in trace) > 7.0


def test_the_planned_trajectory_is_what_it_then_drives():
    world = World(arc_route((20.0, 0.0), (15.0, 0.08), (100.0, 0.0)), speed_mps=6.0)
    plan = EXPERT.plan_trajectory(world.tick())
    drive(world, 3.0)
    assert (world.x, world.y) == pytest.approx((plan[-1, 0], plan[-1, 1]), abs=1.2)


def test_where_that_gap_would_take_hard_braking_it_stands_nearer_to_the_line():
    world = World(arc_route((200.0, 0.0)), speed_mps=6.0)
    world.lights = [(2.4 + 9.0, LightColour.RED)]
    trace = drive(world, 5.0)
    speeds = [speed for _, speed, _ in trace]
    assert max(before - after for before, after in itertools.pairwise(speeds)) < 4.5 * 0.05
    assert world.speed == 0.0
    assert world.station() + 2.4 < 11.4


def test_a_plan_before_a_red_light_ends_before_the_line():
    world = World(arc_route((200.0, 0.0)), speed_mps=6.0)
    world.lights = [(18.0, LightColour.RED)]
    plan = EXPERT.plan_trajectory(world.tick(), horizon=16)
    assert plan[:, 0].max() + 2.4 < 18.0


def test_the_same_tick_always_gets_the_same_answer():
    world = World(arc_route((20.0, 0.0), (15.0, 0.08), (100.0, 0.0)))
    world.others = [actor(2, 25.0, 0.0, speed=3.0)]
    tick = world.tick()
    first, plan = EXPERT.control(tick), EXPERT.plan_trajectory(tick)
    drive(world, 1.0)
    assert EXPERT.control(tick) == first
    np.testing.assert_array_equal(EXPERT.plan_trajectory(tick), plan)


def test_it_stands_at_the_end_of_the_route():
    world = World(arc_route((40.0, 0.0)), speed_mps=6.0)
    drive(world, 12.0)
    assert world.speed < 0.2
