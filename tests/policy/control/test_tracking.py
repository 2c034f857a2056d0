"""The last step of every policy: a planned trajectory becomes pedals and steering that follow it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy.control.geometry import ego_from_world
from policy.control.tracking import TrackingConfig, control_from_plan, pedals_from_acceleration, steer_from_curvature
from recorder.schema import ActorState, Plan
from tests.policy.expert.expert_world import World, arc_route, plan_of


def drive(world: World, trajectory_of, seconds: float, plan_every: int = 10, late_ticks: int = 0) -> None:
    """Drive by plans made every `plan_every` ticks and used `late_ticks` after they were made."""
    made: list[tuple[int, Plan, ActorState]] = []
    for tick in range(round(seconds / 0.05)):
        if tick % plan_every == 0:
            made.append((tick, plan_of(world, trajectory_of(world)), world.ego()))
        usable = [one for one in made if one[0] + late_ticks <= tick] or made[:1]
        _, plan, ego_at_plan = usable[-1]
        world.step(control_from_plan(plan, ego_at_plan, world.ego(), world.time_s))


def route_plan(world: World, speed_mps: float) -> np.ndarray:
    """(6, 3) along the route ahead at constant speed, in the ego's frame."""
    ahead = world.route_state().ahead_world
    at = speed_mps * 0.5 * np.arange(1, 7)
    rows = np.stack([np.interp(at, np.arange(len(ahead)), ahead[:, column]) for column in (0, 1, 3)], axis=1)
    return ego_from_world(rows, world.ego().pose)


@pytest.mark.parametrize("curvature", [0.0, 0.03, -0.1])
def test_a_plan_along_the_route_is_driven_along_the_route(curvature):
    world = World(arc_route((200.0, curvature)), speed_mps=6.0)
    world.yaw = math.atan(-1.5 * curvature)
    drive(world, lambda w: route_plan(w, 6.0), seconds=4.0)
    assert abs(world.route_state().lateral_offset_m) < 0.6
    assert world.speed == pytest.approx(6.0, abs=0.6)


def test_a_late_plan_is_driven_where_it_was_meant():
    on_time, late = (World(arc_route((200.0, 0.0)), speed_mps=8.0) for _ in range(2))
    drive(on_time, lambda w: route_plan(w, 8.0), 3.0)
    drive(late, lambda w: route_plan(w, 8.0), 3.0, late_ticks=8)
    assert abs(late.y) < 0.05
    assert late.x == pytest.approx(on_time.x, abs=0.5)


def test_a_plan_to_stand_brings_the_car_to_a_stand_and_holds_it():
    world = World(arc_route((200.0, 0.0)), speed_mps=6.0)

    def braking(w: World) -> np.ndarray:
        times = 0.5 * np.arange(1, 7)
        moving = np.minimum(times, w.speed / 2.0)
        x = w.speed * moving - moving**2
        return np.stack((x, np.zeros(6), np.zeros(6)), axis=1)

    drive(world, braking, 8.0, plan_every=2)
    stood_at = world.x
    assert world.speed < 0.05
    drive(world, lambda w: np.zeros((6, 3)), 2.0)
    assert world.x == pytest.approx(stood_at, abs=0.05)


def test_a_standing_car_starts_on_a_plan_that_drives():
    world = World(arc_route((200.0, 0.0)), speed_mps=0.0)

    def pulling_away(w: World) -> np.ndarray:
        times = 0.5 * np.arange(1, 7)
        return np.stack((w.speed * times + 0.75 * times**2, np.zeros(6), np.zeros(6)), axis=1)

    drive(world, pulling_away, 4.0, plan_every=2)
    assert world.speed > 3.5


def test_a_step_backwards_is_a_stop_and_not_a_drive():
    world = World(arc_route((50.0, 0.0)), speed_mps=0.0)
    plan = plan_of(world, np.array([[-0.2, 0.0, 0.0]] * 6))
    control = control_from_plan(plan, world.ego(), world.ego(), world.time_s)
    assert control.throttle == 0.0
    assert control.brake > 0.1


@pytest.mark.parametrize("trajectory", [np.zeros((6, 2)), np.zeros((0, 3)), np.full((6, 3), np.nan)])
def test_a_plan_that_is_no_trajectory_is_refused_by_name(trajectory):
    world = World(arc_route((50.0, 0.0)))
    with pytest.raises(ValueError, match="frame 0"):
        control_from_plan(plan_of(world, trajectory), world.ego(), world.ego(), 0.0)


@given(st.floats(-20.0, 20.0), st.floats(0.0, 40.0))
def test_pedals_stay_in_range_and_are_never_both_down(acceleration, speed):
    throttle, brake = pedals_from_acceleration(acceleration, speed)
    assert 0.0 <= throttle <= 1.0
    assert 0.0 <= brake <= 1.0
    assert throttle == 0.0 or brake == 0.0


@given(st.floats(-10.0, 10.0))
def test_steering_right_is_positive_and_never_past_the_stop(curvature):
    steer = steer_from_curvature(curvature, TrackingConfig())
    assert -1.0 <= steer <= 1.0
    assert steer * curvature >= 0.0


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.floats(-5, 40), st.floats(-20, 20), st.floats(-3, 3)), min_size=1, max_size=8),
    st.floats(0.0, 15.0),
    st.floats(0.0, 5.0),
)
def test_whatever_the_plan_the_control_is_finite_and_in_range(rows, speed, age):
    world = World(arc_route((50.0, 0.0)), speed_mps=speed)
    control = control_from_plan(plan_of(world, np.array(rows)), world.ego(), world.ego(), age)
    assert -1.0 <= control.steer <= 1.0
    assert 0.0 <= control.throttle <= 1.0
    assert 0.0 <= control.brake <= 1.0
