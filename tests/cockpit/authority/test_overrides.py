"""Overrides by worked examples: thresholds by speed, gentle steering, motors on the rim, paddles, throttle."""

from __future__ import annotations

import dataclasses
import itertools

import pytest

from cockpit.authority.arbitration import arbitrate
from cockpit.authority.overrides import steer_threshold
from cockpit.authority.state import ArbiterInputs, ArbiterState, Rest
from cockpit.config import ArbitrationConfig, ConfigError, ThrottleMode, load_yaml
from recorder.schema import Authority, Control, DriverInput, DriverKind, EventKind, Reason

CONFIG = ArbitrationConfig()
DT_S = 0.05


def driver_input(**changes) -> DriverInput:
    return dataclasses.replace(DriverInput(kind=DriverKind.HUMAN), **changes)


def inputs(frame: int = 100, **changes) -> ArbiterInputs:
    base = ArbiterInputs(frame, frame * DT_S, driver_input(), 8.0, Control(throttle=0.3), 0.1, 8.0)
    return dataclasses.replace(base, **changes)


def policy_drives(**changes) -> ArbiterState:
    state = ArbiterState(Authority.POLICY, Reason.SESSION_START, 0, 0.0, rest=Rest(0.0, 0.0))
    return dataclasses.replace(state, **changes)


def driven(readings, config: ArbitrationConfig = CONFIG, state: ArbiterState | None = None, **always):
    """The decisions over readings of (rim, policy's steering), one a tick."""
    state, made = state or policy_drives(), []
    for number, (rim, policy_steer) in enumerate(readings):
        driver = driver_input(steer=rim, has_servo=always.get("has_servo", False))
        moment = inputs(100 + number, driver=driver, policy_control=Control(throttle=0.3, steer=policy_steer))
        made.append(arbitrate(state, dataclasses.replace(moment, ego_speed_mps=always.get("speed", 8.0)), config))
        state = made[-1].state
    return made


def taken_at(decisions) -> int | None:
    return next((n for n, d in enumerate(decisions) if d.state.authority is Authority.HUMAN), None)


def test_less_rim_takes_the_car_at_speed():
    assert steer_threshold(5.0, CONFIG) == CONFIG.steer_override
    assert steer_threshold(20.0, CONFIG) == pytest.approx((CONFIG.steer_override + CONFIG.steer_override_fast) / 2)
    assert steer_threshold(50.0, CONFIG) == CONFIG.steer_override_fast
    assert taken_at(driven([(0.09, 0.0)], speed=30.0)) == 0
    assert taken_at(driven([(0.09, 0.0)], speed=8.0)) is None


def test_speeds_out_of_order_are_refused(tmp_path):
    file = tmp_path / "a.yaml"
    file.write_text("steer_slow_mps: 30\nsteer_fast_mps: 10\n")
    with pytest.raises(ConfigError, match="steer_fast_mps must be above"):
        load_yaml(ArbitrationConfig, file)


def test_a_gentle_hand_that_holds_on_takes_the_car_and_a_kick_does_not():
    gentle = [(0.0, 0.0)] * 3 + [(0.09, 0.0)] * 10
    assert taken_at(driven(gentle)) == 3 + round(CONFIG.steer_hint_s / DT_S)
    kick = [(0.0, 0.0)] * 3 + [(0.09, 0.0)] * 2 + [(-0.09, 0.0)] * 2 + [(0.09, 0.0), (0.0, 0.0)]
    assert taken_at(driven(kick)) is None


def test_a_clear_hand_waits_for_nothing():
    assert taken_at(driven([(0.0, 0.0)] * 3 + [(0.2, 0.0)])) == 3


def test_a_gentle_hand_that_steers_as_the_policy_does_is_no_claim():
    assert taken_at(driven([(0.09, 0.5)] * 2 + [(0.4, 0.45)] * 20, state=policy_drives(rest=Rest(0.4, 0.0)))) is None


def following(policy_steer, lag: int):
    """Readings of a rim whose motor follows the policy's steering `lag` ticks late."""
    return [(policy_steer[max(0, n - lag)], value) for n, value in enumerate(policy_steer)]


@pytest.mark.parametrize("lag", [0, 1, 4, 8])
def test_a_rim_that_its_motor_turns_is_never_taken_for_a_hand(lag):
    policy_steer = [0.0] * 5 + [0.6] * 30 + [-0.6] * 30 + [0.0, 0.5] * 10
    assert taken_at(driven(following(policy_steer, lag), has_servo=True)) is None


def test_the_same_motion_on_a_wheel_without_a_motor_is_a_hand():
    policy_steer = [0.0] * 5 + [0.6] * 30
    assert taken_at(driven(following(policy_steer, 4)[5:], state=policy_drives(rest=Rest(0.0, 0.0)))) is None
    assert taken_at(driven([(rim, 0.0) for rim, _ in following(policy_steer, 4)])) is not None


def test_a_hand_that_holds_the_motor_back_has_the_car_when_the_lag_is_over():
    held = [(0.0, 0.0)] * 10 + [(0.0, 0.4)] * 30
    at = taken_at(driven(held, has_servo=True))
    assert at is not None
    assert (at - 10) * DT_S <= CONFIG.servo_lag_s + 2 * DT_S


def test_a_hand_that_turns_against_the_motor_has_the_car_in_that_tick():
    decisions = driven([(0.0, 0.0)] * 20 + [(-0.15, 0.0)], has_servo=True)
    assert taken_at(decisions) == 20
    assert decisions[20].state.reason is Reason.OVERRIDE_STEER
    assert decisions[20].control.steer == -0.15


def test_a_hand_to_the_middle_in_the_policys_bend_has_the_car():
    """The middle is a rest position for a spring, but not for a motor that holds the rim in the bend."""
    bend = [(0.4, 0.4)] * 30 + [(0.1, 0.4)]
    assert taken_at(driven(bend, has_servo=True, state=policy_drives(rest=Rest(0.4, 0.0)))) == 30


def test_the_motor_may_fetch_the_rim_from_where_the_last_hand_left_it():
    state = policy_drives(rest=Rest(0.3, 0.0), since_frame=100, since_time_s=100 * DT_S)
    back = [(0.3 - 0.05 * n, 0.0) for n in range(7)] + [(0.0, 0.0)] * 20
    assert taken_at(driven(back, has_servo=True, state=state)) is None


def test_a_paddle_takes_over_and_says_so():
    decision = arbitrate(policy_drives(), inputs(driver=driver_input(paddle_pressed=True)), CONFIG)
    assert (decision.state.authority, decision.state.reason) == (Authority.HUMAN, Reason.OVERRIDE_PADDLE)


def test_throttle_that_adds_leaves_the_car_with_the_policy_and_lifts_its_brake():
    config = ArbitrationConfig(throttle_mode=ThrottleMode.ADDS_TO)
    braking = Control(brake=0.4, steer=0.1)
    decision = arbitrate(policy_drives(), inputs(driver=driver_input(throttle=0.5), policy_control=braking), config)
    assert decision.state.authority is Authority.POLICY
    assert decision.control == Control(throttle=0.5, steer=0.1)
    less = arbitrate(policy_drives(), inputs(driver=driver_input(throttle=0.2)), config)
    assert less.control.throttle == 0.3
    default = arbitrate(policy_drives(), inputs(driver=driver_input(throttle=0.5)), CONFIG)
    assert default.state.authority is Authority.HUMAN


def test_the_foot_that_still_lies_on_the_throttle_adds_nothing():
    config = ArbitrationConfig(throttle_mode=ThrottleMode.ADDS_TO)
    lies = inputs(driver=driver_input(throttle=0.8), policy_control=Control(brake=0.4))
    assert arbitrate(policy_drives(rest=Rest(0.0, 0.8)), lies, config).control.brake == 0.4


def test_an_unsure_policy_asks_only_when_it_stays_unsure():
    config = ArbitrationConfig(request_entropy=0.5)

    def run(entropies):
        state, authorities = policy_drives(), []
        for number, entropy in enumerate(entropies):
            state = arbitrate(state, inputs(100 + number, plan_entropy=entropy), config).state
            authorities.append(state.authority)
        return state, authorities

    assert set(run([0.9, 0.1] * 20)[1]) == {Authority.POLICY}
    state, authorities = run([0.9] * 12)
    assert state.reason is Reason.POLICY_UNSURE
    assert authorities.index(Authority.REQUESTED) == round(config.request_unsure_s / DT_S)
    assert set(run([0.9] * 9 + [0.1] * 30)[1][-5:]) == {Authority.POLICY}
    assert arbitrate(policy_drives(), inputs(plan_entropy=1.0), CONFIG).state.unsure_since_s is None


@pytest.mark.parametrize("authority", Authority)
def test_after_a_rewind_the_person_has_the_car_from_every_state(authority):
    state = policy_drives(authority=authority)
    decision = arbitrate(state, inputs(rewound=True, driver=driver_input(throttle=0.4)), CONFIG)
    assert (decision.state.authority, decision.state.reason) == (Authority.HUMAN, Reason.REWIND)
    assert [event.kind for event in decision.events] == [EventKind.TAKEOVER]
    assert decision.control.throttle == 0.4


def test_nobody_at_the_wheel_gets_no_rewound_car():
    gone = inputs(rewound=True, driver=driver_input(connected=False))
    assert arbitrate(policy_drives(), gone, CONFIG).state.authority is not Authority.HUMAN


def test_a_hand_back_is_cancelled_by_every_override():
    claims = [{"steer": 0.3}, {"brake": 0.2}, {"throttle": 0.3}, {"takeover_pressed": True}, {"paddle_pressed": True}]
    for at, claim in itertools.product((1, 10, 25), claims):
        state = policy_drives(authority=Authority.HUMAN)
        state = arbitrate(state, inputs(100, driver=driver_input(hand_back_pressed=True)), CONFIG).state
        assert state.authority is Authority.HANDING_BACK
        for frame in range(101, 101 + at):
            state = arbitrate(state, inputs(frame), CONFIG).state
            assert state.authority is Authority.HANDING_BACK
        state = arbitrate(state, inputs(101 + at, driver=driver_input(**claim)), CONFIG).state
        assert state.authority is Authority.HUMAN
