"""What counts as a hazard, and what does not: single ticks, worked by hand."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from policy.expert.hazards import HazardKind, foresee, is_centred, policy_motion, rollout_times
from recorder.schema import LightColour
from tests.policy.expert.expert_world import World, actor, arc_route, plan_of


def straight(speed_mps: float, steps: int = 6) -> np.ndarray:
    """A plan straight ahead at constant speed."""
    return np.stack((speed_mps * 0.5 * np.arange(1, steps + 1), np.zeros(steps), np.zeros(steps)), axis=1)


def bending(speed_mps: float, curvature: float, steps: int = 6) -> np.ndarray:
    turned = speed_mps * 0.5 * np.arange(1, steps + 1) * curvature
    return np.stack((np.sin(turned) / curvature, (1 - np.cos(turned)) / curvature, turned), axis=1)


def seen(world: World, trajectory: np.ndarray):
    """The hazard of this moment when the policy plans `trajectory`."""
    world.plan = plan_of(world, trajectory)
    return foresee(world.tick(ego_at_plan=world.ego()))


def test_a_free_straight_road_holds_no_hazard():
    assert seen(World(arc_route((200.0, 0.0))), straight(8.0)) is None


def test_the_rollout_starts_at_the_ego_and_follows_the_plan():
    world = World(arc_route((200.0, 0.0)), speed_mps=8.0)
    world.plan = plan_of(world, bending(8.0, 0.05))
    poses = policy_motion(world.tick(ego_at_plan=world.ego()))
    assert poses[0] == pytest.approx((0.0, 0.0, 0.0))
    at_1_s = poses[np.argmin(np.abs(rollout_times() - 1.0))]
    assert at_1_s == pytest.approx((math.sin(0.4) / 0.05, (1 - math.cos(0.4)) / 0.05, 0.4), abs=0.15)


def test_a_late_plan_is_rolled_out_from_where_the_car_is_now():
    world = World(arc_route((200.0, 0.0)), speed_mps=8.0)
    world.plan, then = plan_of(world, straight(8.0)), world.ego()
    world.x, world.frame = 4.0, 10
    poses = policy_motion(world.tick(ego_at_plan=then))
    assert poses[0, 0] == pytest.approx(4.0)
    assert poses[10, 0] == pytest.approx(12.0, abs=0.1)


def test_a_plan_that_stops_dead_is_rolled_out_as_a_full_brake():
    world = World(arc_route((200.0, 0.0)), speed_mps=7.0)
    world.plan = plan_of(world, np.zeros((6, 3)))
    # 7 m/s at 7 m/s^2: one second, 3.5 m.
    assert policy_motion(world.tick(ego_at_plan=world.ego()))[-1, 0] == pytest.approx(3.5, abs=0.01)


@pytest.mark.parametrize(("gap_m", "is_hazard"), [(3.0, True), (8.0, True), (25.0, False)])
def test_a_standing_car_ahead_is_a_hazard_once_it_is_near(gap_m, is_hazard):
    world = World(arc_route((200.0, 0.0)), speed_mps=8.0)
    world.others = [actor(2, gap_m + 4.8, 0.0)]
    hazard = seen(world, straight(8.0))
    assert (hazard is not None) is is_hazard
    if hazard is not None:
        assert hazard.kind is HazardKind.COLLISION
        assert hazard.text == "About to hit the standing car ahead."
        assert hazard.in_s == pytest.approx(gap_m / 8.0, abs=0.15)


def test_a_plan_that_brakes_behind_the_standing_car_is_no_hazard():
    world = World(arc_route((200.0, 0.0)), speed_mps=6.0)
    world.others = [actor(2, 20.0, 0.0)]
    times = 0.5 * np.arange(1, 7)
    moving = np.minimum(times, 6.0 / 3.0)
    x = 6.0 * moving - 1.5 * moving**2
    assert seen(world, np.stack((x, 0 * x, 0 * x), axis=1)) is None


def test_a_car_going_as_fast_as_the_ego_is_no_hazard():
    world = World(arc_route((200.0, 0.0)), speed_mps=8.0)
    world.others = [actor(2, 10.0, 0.0, speed=8.0)]
    assert seen(world, straight(8.0)) is None


def test_whoever_comes_from_behind_is_not_ours_to_avoid():
    world = World(arc_route((200.0, 0.0)), speed_mps=3.0)
    world.others = [actor(2, -8.0, 0.0, speed=12.0)]
    assert seen(world, straight(3.0)) is None


def test_a_pedestrian_stepping_out_is_named():
    world = World(arc_route((200.0, 0.0)), speed_mps=8.0)
    world.others = [actor(2, 9.0, -1.4, math.pi / 2, 1.4, "walker.pedestrian.0001")]
    hazard = seen(world, straight(8.0))
    assert hazard is not None
    assert hazard.text == "About to hit a pedestrian."


def test_a_standing_ego_hits_nobody():
    world = World(arc_route((200.0, 0.0)), speed_mps=0.0)
    world.others = [actor(2, 6.0, -5.0, math.pi / 2, 8.0)]
    assert seen(world, np.zeros((6, 3))) is None


@pytest.mark.parametrize(
    ("colour", "speed", "planned", "is_hazard"),
    [
        (LightColour.RED, 8.0, 8.0, True),
        (LightColour.GREEN, 8.0, 8.0, False),
        (LightColour.YELLOW, 8.0, 8.0, False),
        (LightColour.RED, 4.0, 0.0, False),
    ],
)
def test_only_a_red_light_that_the_plan_drives_over_is_a_hazard(colour, speed, planned, is_hazard):
    world = World(arc_route((200.0, 0.0)), speed_mps=speed)
    world.lights = [(13.0, colour)]
    hazard = seen(world, straight(planned))
    assert (hazard is not None) is is_hazard
    assert hazard is None or hazard.kind is HazardKind.RED_LIGHT


def test_a_red_light_far_ahead_leaves_the_policy_its_time():
    world = World(arc_route((200.0, 0.0)), speed_mps=8.0)
    world.lights = [(40.0, LightColour.RED)]
    assert seen(world, straight(8.0)) is None


@pytest.mark.parametrize(("side", "curvature"), [("right", 0.06), ("left", -0.06)])
def test_a_plan_that_leaves_the_lane_says_to_which_side(side, curvature):
    world = World(arc_route((200.0, 0.0)), offset_m=math.copysign(0.5, curvature), speed_mps=8.0)
    hazard = seen(world, bending(8.0, curvature))
    assert hazard is not None
    assert hazard.text == f"Leaving the lane to the {side}."


def test_a_car_off_the_middle_that_plans_to_return_is_left_alone():
    world = World(arc_route((200.0, 0.0)), offset_m=1.2, speed_mps=8.0)
    assert seen(world, bending(8.0, -0.03)) is None


def test_missing_a_turn_is_a_hazard():
    world = World(arc_route((6.0, 0.0), (15.0, 0.1), (60.0, 0.0)), speed_mps=5.0)
    world.in_junction = True
    # Straight on where the road bends right.
    kinds = set()
    for _ in range(40):
        hazard = seen(world, straight(5.0))
        kinds |= {hazard.text} if hazard else set()
        world.x += 0.25
        world.frame += 1
    assert "Going wide in the turn." in kinds


def test_driving_off_the_road_and_turning_away_are_hazards():
    world = World(arc_route((200.0, 0.0)), speed_mps=5.0)
    world.plan = plan_of(world, straight(5.0))
    tick = world.tick(ego_at_plan=world.ego())
    off = foresee(dataclasses.replace(tick, route=dataclasses.replace(tick.route, is_off_road=True)))
    assert off is not None
    assert off.kind is HazardKind.OFF_ROAD
    world.yaw = math.radians(70)
    away = seen(world, straight(5.0))
    assert away is not None
    assert away.kind is HazardKind.LEAVING_LANE


def test_a_curve_taken_too_fast_is_a_hazard_in_time_to_brake():
    world = World(arc_route((8.0, 0.0), (15.0, 0.12), (60.0, 0.0)), speed_mps=11.0)
    hazard = seen(world, straight(11.0))
    assert hazard is not None
    assert hazard.kind is HazardKind.CURVE_SPEED


def test_without_a_plan_the_car_is_taken_to_go_on_as_it_does():
    world = World(arc_route((200.0, 0.0)), speed_mps=8.0)
    world.others = [actor(2, 10.0, 0.0)]
    hazard = foresee(world.tick())
    assert hazard is not None
    assert hazard.kind is HazardKind.COLLISION


def test_collisions_come_before_everything_else():
    world = World(arc_route((200.0, 0.0)), offset_m=1.5, speed_mps=8.0)
    world.lights = [(10.0, LightColour.RED)]
    world.others = [actor(2, 9.0, 1.5)]
    hazard = seen(world, straight(8.0))
    assert hazard is not None
    assert hazard.kind is HazardKind.COLLISION


def test_centred_means_in_the_middle_and_along_the_lane():
    world = World(arc_route((200.0, 0.0)))
    assert is_centred(world.tick(), 0.4, 0.14)
    assert not is_centred(World(arc_route((200.0, 0.0)), offset_m=0.6).tick(), 0.4, 0.14)
    assert not is_centred(World(arc_route((200.0, 0.0)), heading_rad=0.3).tick(), 0.4, 0.14)
