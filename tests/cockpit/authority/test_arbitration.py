"""Arbitration by worked examples: every state, every trigger. What must never happen: `test_arbitration_always`."""

import dataclasses
import itertools
import math

import pytest

from cockpit.authority.arbitration import (
    TRANSITIONS,
    ArbiterInputs,
    ArbiterState,
    Decision,
    Rest,
    Trigger,
    initial_state,
)
from cockpit.config import ArbitrationConfig
from recorder.schema import Authority, Control, DriverInput, DriverKind, EventKind, Reason
from tests.cockpit.authority.arbitration_parts import (
    CONFIG,
    DT_S,
    POLICY_CONTROL,
    decide,
    driver_input,
    in_state,
    inputs,
    kinds,
)

NOT_HUMAN = [a for a in Authority if a is not Authority.HUMAN]
OVERRIDES = {
    Reason.OVERRIDE_BUTTON: {"takeover_pressed": True},
    Reason.OVERRIDE_BRAKE: {"brake": 0.06},
    Reason.OVERRIDE_STEER: {"steer": -0.2},
    Reason.OVERRIDE_THROTTLE: {"throttle": 0.2},
}


@pytest.mark.parametrize("authority", NOT_HUMAN)
@pytest.mark.parametrize(("reason", "moved"), OVERRIDES.items())
def test_any_override_gives_the_person_the_car_in_the_same_tick(authority, reason, moved):
    decision = decide(in_state(authority), inputs(driver=driver_input(**moved)))
    assert decision.state.authority is Authority.HUMAN
    assert decision.state.reason is reason
    assert decision.state.since_frame == 100
    assert kinds(decision) == [EventKind.TAKEOVER]
    expected = driver_input(**moved)
    assert decision.control == Control(expected.throttle, expected.steer, expected.brake)


def test_braking_driver_has_the_car_in_the_same_tick():
    decision = decide(in_state(Authority.POLICY), inputs(driver=driver_input(brake=0.8)))
    assert decision.control == Control(throttle=0.0, steer=0.0, brake=0.8)


def test_the_hand_brake_is_an_override_too():
    assert decide(in_state(Authority.POLICY), inputs(driver=driver_input(hand_brake=True))).control.hand_brake


def test_the_policy_drives_while_the_driver_does_nothing():
    decision = decide(in_state(Authority.POLICY), inputs())
    assert decision.state.authority is Authority.POLICY
    assert decision.control == POLICY_CONTROL
    assert decision.events == ()


def test_pedal_noise_is_no_override():
    quiet = driver_input(brake=0.04, throttle=0.05, steer=0.04)
    assert decide(in_state(Authority.POLICY), inputs(driver=quiet)).state.authority is Authority.POLICY


def test_a_driver_who_follows_the_policys_steering_does_not_take_the_car():
    turning = Control(throttle=0.3, steer=0.5)
    along = inputs(driver=driver_input(steer=0.45), policy_control=turning)
    assert decide(in_state(Authority.POLICY), along).state.authority is Authority.POLICY


def test_a_wheel_that_nobody_holds_does_not_take_the_car_when_the_policy_turns():
    turning = Control(throttle=0.3, steer=0.7)
    assert decide(in_state(Authority.POLICY), inputs(policy_control=turning)).state.authority is Authority.POLICY


def test_letting_go_of_a_turned_wheel_after_the_hand_back_does_not_take_the_car():
    state = in_state(Authority.HANDING_BACK, rest=Rest(steer=0.4, throttle=0.5))
    for frame, steer in enumerate((0.4, 0.3, 0.15, 0.05, 0.0), 91):
        decision = decide(state, inputs(frame, driver=driver_input(steer=steer, throttle=steer)))
        state = decision.state
        assert state.authority is Authority.HANDING_BACK


def test_pressing_the_throttle_again_after_lifting_the_foot_takes_the_car():
    state = in_state(Authority.POLICY, rest=Rest(steer=0.0, throttle=0.5))
    state = decide(state, inputs(100, driver=driver_input(throttle=0.5))).state
    state = decide(state, inputs(101, driver=driver_input(throttle=0.0))).state
    assert state.authority is Authority.POLICY
    assert decide(state, inputs(102, driver=driver_input(throttle=0.5))).state.reason is Reason.OVERRIDE_THROTTLE


def test_the_first_reading_of_a_device_is_where_it_lies_not_an_override():
    decision = decide(initial_state(Authority.POLICY, 0, 0.0), inputs(driver=driver_input(steer=0.9, throttle=0.9)))
    assert decision.state.authority is Authority.POLICY


def test_a_device_that_is_gone_cannot_take_the_car():
    gone = driver_input(connected=False, brake=1.0, takeover_pressed=True)
    config = ArbitrationConfig(request_on_device_lost=False)
    assert decide(in_state(Authority.POLICY), inputs(driver=gone), config).state.authority is Authority.POLICY


PROBLEMS = {
    Reason.POLICY_FAILED: {"policy_alive": False},
    Reason.PLAN_MISSING: {"plan_age_s": None, "policy_control": None},
    Reason.PLAN_STALE: {"plan_age_s": 1.2},
    Reason.EXPERIMENTER: {"request": True},
    Reason.ROUTE_LEFT: {"route_left": True},
    Reason.TTC_LOW: {"ttc_s": 1.0},
    Reason.DEVICE_LOST: {"driver": DriverInput(kind=DriverKind.HUMAN, connected=False)},
}


@pytest.mark.parametrize("authority", [Authority.POLICY, Authority.HANDING_BACK])
@pytest.mark.parametrize(("reason", "changes"), PROBLEMS.items())
def test_a_policy_in_trouble_leads_to_a_takeover_request_with_its_reason(authority, reason, changes):
    decision = decide(in_state(authority), inputs(**changes), ArbitrationConfig(request_ttc_s=2.0))
    assert decision.state.authority is Authority.REQUESTED
    assert decision.state.reason is reason
    assert kinds(decision) == [EventKind.TAKEOVER_REQUEST]


def test_a_policy_whose_control_is_no_number_has_failed():
    decision = decide(in_state(Authority.POLICY), inputs(policy_control=Control(steer=math.nan)))
    assert decision.state.reason is Reason.POLICY_FAILED
    assert decision.control == Control(brake=CONFIG.request_brake)


def test_without_a_fresh_plan_the_request_brakes_gently_along_the_lane():
    decision = decide(in_state(Authority.REQUESTED), inputs(plan_age_s=2.0, lane_steer=0.1))
    assert decision.control == Control(steer=0.1, brake=CONFIG.request_brake)


def test_with_a_fresh_plan_the_policy_drives_on_while_the_system_asks():
    assert decide(in_state(Authority.REQUESTED, reason=Reason.EXPERIMENTER), inputs()).control == POLICY_CONTROL


def run(state: ArbiterState, made, seconds: float, frame: int = 91) -> list[Decision]:
    """Decisions of some seconds in which every tick's inputs are made by `made(frame)`."""
    decisions = []
    for number in range(frame, frame + round(seconds / DT_S)):
        decisions.append(decide(state, made(number)))
        state = decisions[-1].state
    return decisions


def test_an_unanswered_request_ends_in_a_safe_stop_that_stands():
    speed = 8.0
    state, stopped_at = in_state(Authority.POLICY), None
    brakes = []
    for frame in range(91, 400):
        decision = decide(state, inputs(frame, policy_alive=False, ego_speed_mps=speed))
        state = decision.state
        if EventKind.SAFE_STOP in kinds(decision):
            stopped_at = frame
            assert state.reason is Reason.REQUEST_TIMEOUT
        if stopped_at is not None and speed > 0.3:
            brakes.append(decision.control.brake)
            assert decision.control.throttle == 0.0
        speed = max(0.0, speed - 10.0 * decision.control.brake * DT_S)
    assert stopped_at is not None
    assert (stopped_at - 91) * DT_S == pytest.approx(CONFIG.request_s, abs=DT_S)
    assert speed == 0.0
    assert decision.control.brake == 1.0
    assert decision.control.hand_brake
    assert all(0.1 <= brake <= 0.6 for brake in brakes)


def test_a_policy_that_recovers_gets_the_car_back_only_after_a_while():
    asked = decide(in_state(Authority.POLICY), inputs(91, plan_age_s=1.5)).state
    decisions = run(asked, inputs, 1.0, 92)
    back = next(d for d in decisions if d.state.authority is Authority.POLICY)
    assert back.state.reason is Reason.POLICY_RECOVERED
    assert (back.state.since_frame - 92) * DT_S == pytest.approx(CONFIG.recover_s, abs=DT_S)


def test_a_flickering_policy_does_not_recover():
    asked = decide(in_state(Authority.POLICY), inputs(91, plan_age_s=1.5)).state

    def flickers(frame: int) -> ArbiterInputs:
        return inputs(frame, plan_age_s=1.5 if frame % 5 == 0 else 0.1)

    seen = {d.state.authority for d in run(asked, flickers, CONFIG.request_s + 1.0, 92)}
    assert seen == {Authority.REQUESTED, Authority.SAFE_STOP}


@pytest.mark.parametrize("reason", [Reason.EXPERIMENTER, Reason.DEVICE_LOST])
def test_what_needs_a_person_does_not_go_away_by_itself(reason):
    decisions = run(in_state(Authority.REQUESTED, reason=reason), inputs, CONFIG.request_s + 0.5)
    assert decisions[-1].state.authority is Authority.SAFE_STOP


def test_a_safe_stop_is_ended_by_a_person_only():
    decisions = run(in_state(Authority.SAFE_STOP), inputs, 60.0)
    assert {d.state.authority for d in decisions} == {Authority.SAFE_STOP}


def test_losing_the_wheel_while_the_person_drives_asks_for_help_and_lets_the_policy_drive_meanwhile():
    decision = decide(in_state(Authority.HUMAN), inputs(driver=driver_input(connected=False, throttle=1.0)))
    assert decision.state.authority is Authority.REQUESTED
    assert decision.state.reason is Reason.DEVICE_LOST
    assert decision.control == POLICY_CONTROL


def test_the_person_keeps_the_car_whatever_the_policy_does():
    bad = inputs(policy_alive=False, plan_age_s=None, policy_control=None, request=True, route_left=True)
    moment = dataclasses.replace(bad, driver=driver_input(throttle=0.6, steer=-0.3))
    decision = decide(in_state(Authority.HUMAN), moment)
    assert decision.state.authority is Authority.HUMAN
    assert decision.control == Control(throttle=0.6, steer=-0.3)


def test_hand_back_blends_from_the_person_to_the_policy_and_then_is_done():
    state = in_state(Authority.HUMAN)
    pressed = driver_input(hand_back_pressed=True, throttle=0.2, steer=0.1)
    first = decide(state, inputs(100, driver=pressed))
    assert first.state.authority is Authority.HANDING_BACK
    assert kinds(first) == [EventKind.HAND_BACK]
    assert first.control == Control(throttle=0.2, steer=0.1)
    rest = run(first.state, lambda frame: inputs(frame, driver=pressed), CONFIG.hand_back_s + 0.1, 101)
    shares = [d.state.blend for d in rest if d.state.authority is Authority.HANDING_BACK]
    assert shares == sorted(shares)
    assert rest[-1].state.authority is Authority.POLICY
    assert rest[-1].state.reason is Reason.HAND_BACK_DONE
    assert rest[-1].control == POLICY_CONTROL
    steers = [d.control.steer for d in rest]
    assert all(abs(a - b) < 0.01 for a, b in itertools.pairwise(steers))


REFUSALS = {
    "policy is not ready": {"policy_alive": False},
    "plan is 0.8 s old": {"plan_age_s": 0.8},
    "brake is pressed": {"driver": driver_input(hand_back_pressed=True, brake=0.3)},
    "takeover button is down": {"driver": driver_input(hand_back_pressed=True, takeover_pressed=True)},
    "in reverse": {"driver": driver_input(hand_back_pressed=True, reverse=True)},
    "would steer": {"policy_control": Control(steer=0.6)},
    "m/s faster": {"plan_speed_mps": 14.0},
    "m/s slower": {"plan_speed_mps": 2.0},
}


@pytest.mark.parametrize(("words", "changes"), REFUSALS.items())
def test_a_refused_hand_back_says_why_and_leaves_the_car_with_the_person(words, changes):
    hand_back = {"driver": driver_input(hand_back_pressed=True), **changes}
    decision = decide(in_state(Authority.HUMAN), inputs(**hand_back))
    assert decision.state.authority is Authority.HUMAN
    assert kinds(decision) == [EventKind.HAND_BACK_REFUSED]
    assert words in decision.events[0].text


def test_a_held_hand_back_button_asks_once():
    hand_back = driver_input(hand_back_pressed=True, brake=0.5)
    decisions = run(in_state(Authority.HUMAN), lambda frame: inputs(frame, driver=hand_back), 2.0)
    assert sum(len(d.events) for d in decisions) == 1


def test_the_expert_takes_over_by_the_same_rules_as_a_person():
    expert = DriverInput(kind=DriverKind.EXPERT, takeover_pressed=True, brake=0.3)
    assert decide(in_state(Authority.POLICY), inputs(driver=expert)).state.authority is Authority.HUMAN


def test_every_state_knows_what_an_override_means():
    assert {a for a, trigger in TRANSITIONS if trigger is Trigger.OVERRIDE} == set(NOT_HUMAN)
