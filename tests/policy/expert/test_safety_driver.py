"""The expert in the driver's seat: it takes the car in time, drives on, and gives it back."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest

from cockpit.authority.arbitration import ArbiterInputs, arbitrate, initial_state
from cockpit.config import ArbitrationConfig
from policy.control.geometry import boxes_overlap
from policy.control.tracking import control_from_plan
from policy.expert.expert import Expert
from policy.expert.safety_driver import SafetyDriver
from recorder.schema import Authority, DriverKind, EventKind, LightColour, Reason
from tests.policy.expert.expert_world import World, actor, arc_route, plan_of

Policy = Callable[[World], np.ndarray]


def straight(speed_mps: float) -> np.ndarray:
    return np.stack((speed_mps * 0.5 * np.arange(1, 7), np.zeros(6), np.zeros(6)), axis=1)


def blind(world: World) -> np.ndarray:
    """A policy that holds its speed and heading whatever comes."""
    return straight(8.0)


def good(world: World) -> np.ndarray:
    """A policy as good as the expert."""
    return Expert().plan_trajectory(world.tick())


@dataclass
class Drive:
    """What happened: the authority in each tick, the events with their times, and the driver's notes."""

    authorities: list[Authority] = field(default_factory=list)
    events: list[tuple[float, EventKind, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    hit: bool = False

    def times(self, kind: EventKind) -> list[float]:
        return [time_s for time_s, event, _ in self.events if event is kind]


def drive(world: World, policy: Policy, seconds: float, safety: SafetyDriver | None = None) -> Drive:
    """Policy, safety driver and arbitration in one loop, a plan every second tick."""
    safety = safety or SafetyDriver()
    config, done = ArbitrationConfig(), Drive()
    state = initial_state(Authority.POLICY, 0, 0.0)
    ego_at_plan = world.ego()
    for number in range(round(seconds / 0.05)):
        if number % 2 == 0:
            world.plan, ego_at_plan = plan_of(world, policy(world)), world.ego()
        assert world.plan is not None
        tick = world.tick(authority=state.public(), ego_at_plan=ego_at_plan)
        driver = safety.read(tick)
        control = control_from_plan(world.plan, ego_at_plan, world.ego(), world.time_s)
        inputs = ArbiterInputs(
            frame=world.frame + 1,
            time_s=world.time_s + 0.05,
            driver=driver,
            ego_speed_mps=world.speed,
            policy_control=control,
            plan_age_s=world.time_s - world.plan.time_s,
            plan_speed_mps=float(np.hypot(*world.plan.trajectory_ego[0, :2])) / 0.5,
        )
        decision = arbitrate(state, inputs, config)
        state = decision.state
        done.authorities.append(state.authority)
        done.events += [(world.time_s, event.kind, event.text) for event in decision.events]
        done.notes.append(driver.note)
        world.step(decision.control)
        done.hit |= hits(world)
    return done


def hits(world: World) -> bool:
    ego = world.ego()
    here, half = np.array((ego.pose.x, ego.pose.y)), np.array(ego.extent_m[:2])
    for other in world.others:
        there, their_half = np.array((other.pose.x, other.pose.y)), np.array(other.extent_m[:2])
        if bool(boxes_overlap(here, np.array(ego.pose.yaw), half, there, np.array(other.pose.yaw), their_half)):
            return True
    return False


def test_it_leaves_a_policy_that_drives_well_alone():
    world = World(arc_route((40.0, 0.0), (15.0, 0.1), (60.0, 0.0), (15.0, -0.1), (60.0, 0.0)))
    world.others = [actor(2, 30.0, 0.0, speed=7.0)]
    world.lights = [(120.0, LightColour.RED)]
    done = drive(world, good, 20.0)
    assert set(done.authorities) == {Authority.POLICY}, (done.events, set(done.notes))


def test_it_stops_behind_the_standing_car_that_the_policy_would_have_hit():
    unwatched, world = (World(arc_route((300.0, 0.0))) for _ in range(2))
    unwatched.others = [actor(2, 50.0, 0.0)]
    world.others = [actor(2, 50.0, 0.0)]
    while unwatched.x < 60.0:
        unwatched.step(control_from_plan(plan_of(unwatched, blind(unwatched)), unwatched.ego(), unwatched.ego(), 0.0))
        if hits(unwatched):
            break
    assert hits(unwatched)
    done = drive(world, blind, 15.0)
    assert not done.hit
    assert done.times(EventKind.TAKEOVER)
    assert done.events[0][2] == Reason.OVERRIDE_BUTTON.value
    assert "About to hit the standing car ahead." in done.notes
    assert world.speed < 0.1


@pytest.mark.parametrize("speed", [5.0, 8.0, 11.0])
@pytest.mark.parametrize("ahead_m", [14.0, 40.0])
def test_a_car_that_brakes_hard_ahead_is_not_hit_at_any_speed(speed, ahead_m):
    world = World(arc_route((300.0, 0.0)), speed_mps=speed)
    world.others = [actor(2, ahead_m + speed, 0.0)]
    done = drive(world, lambda w: straight(speed), 8.0)
    assert not done.hit


def test_it_hands_back_when_all_is_calm_and_the_policy_drives_on():
    world = World(arc_route((400.0, 0.0)))

    world.yaw = 0.12
    done = drive(world, lambda w: straight(8.0) if w.time_s < 2.0 else good(w), 12.0)
    taken, back = done.times(EventKind.TAKEOVER), done.times(EventKind.HAND_BACK)
    assert len(taken) == 1
    assert len(back) == 1
    assert 2.5 <= back[0] - taken[0] <= 8.0
    assert done.authorities[-1] is Authority.POLICY
    assert not done.times(EventKind.HAND_BACK_REFUSED)
    assert any("Leaving the lane" in note for note in done.notes)


def test_it_keeps_the_car_while_the_policy_would_still_run_the_red_light():
    world = World(arc_route((300.0, 0.0)))
    world.lights = [(50.0, LightColour.RED)]
    done = drive(world, blind, 12.0)
    assert world.station() + 2.4 < 50.0
    assert done.authorities[-1] is Authority.HUMAN
    assert "About to run a red light." in done.notes


def test_it_hands_back_at_a_red_light_where_the_policy_stands_too():
    world = World(arc_route((300.0, 0.0)))
    world.lights = [(50.0, LightColour.RED)]
    done = drive(world, lambda w: blind(w) if w.speed > 1.0 else np.zeros((6, 3)), 16.0)
    assert done.authorities[-1] is Authority.POLICY
    assert world.speed < 0.05
    assert world.station() + 2.4 < 50.0


def test_standing_on_a_free_road_is_a_failure_too():
    world = World(arc_route((300.0, 0.0)), speed_mps=0.0)
    done = drive(world, lambda w: np.zeros((6, 3)), 12.0)
    taken = done.times(EventKind.TAKEOVER)
    assert taken
    assert taken[0] == pytest.approx(6.0, abs=0.5)
    assert world.station() > 10.0


@pytest.mark.parametrize(("colour", "is_failure"), [(LightColour.RED, False), (LightColour.GREEN, True)])
def test_standing_farther_from_a_light_than_need_be_is_a_failure_only_while_it_is_green(colour, is_failure):
    world = World(arc_route((300.0, 0.0)), speed_mps=0.0)
    world.lights = [(15.0, colour)]  # 6.5 m before where the expert would stand
    done = drive(world, lambda w: np.zeros((6, 3)), 10.0)
    assert bool(done.times(EventKind.TAKEOVER)) is is_failure


def test_it_takes_over_when_the_system_asks_for_it():
    world = World(arc_route((100.0, 0.0)))
    tick = world.tick()
    state = dataclasses.replace(tick.authority, authority=Authority.REQUESTED, reason=Reason.PLAN_STALE)
    safety, later = SafetyDriver(), None
    for _ in range(3):
        later = safety.read(dataclasses.replace(tick, authority=state))
    assert later is not None
    assert later.takeover_pressed
    assert "plan stale" in later.note


def test_before_the_first_tick_and_while_watching_its_hands_are_off_the_wheel():
    world, safety = World(arc_route((100.0, 0.0))), SafetyDriver()
    world.plan = plan_of(world, straight(8.0))
    for read in (safety.read(None), safety.read(world.tick())):
        assert read.kind is DriverKind.EXPERT
        assert (read.steer, read.throttle, read.brake) == (0.0, 0.0, 0.0)
        assert not read.takeover_pressed
        assert not read.hand_back_pressed


def test_the_same_drive_twice_is_the_same_drive():
    def once() -> tuple[list[Authority], float]:
        world = World(arc_route((40.0, 0.0), (15.0, 0.1), (100.0, 0.0)))
        world.others = [actor(2, 30.0, 0.0, speed=3.0)]
        done = drive(world, blind, 8.0)
        return done.authorities, world.x + math.pi * world.y

    assert once() == once()
