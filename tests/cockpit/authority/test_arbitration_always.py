"""What no input may ever cause in the arbitration: properties over drawn states and moments."""

import dataclasses
import math

from hypothesis import given
from hypothesis import strategies as st

from cockpit.authority.arbitration import TRANSITIONS, ArbiterInputs, ArbiterState, Rest
from recorder.schema import Authority, Control, DriverInput, DriverKind, EventKind, Reason
from tests.cockpit.authority.arbitration_parts import CONFIG, decide, kinds

numbers = st.floats(allow_nan=True, allow_infinity=True)
drivers = st.builds(
    DriverInput,
    kind=st.sampled_from(DriverKind),
    connected=st.booleans(),
    steer=numbers | st.floats(-1, 1),
    throttle=numbers | st.floats(0, 1),
    brake=numbers | st.floats(0, 1),
    hand_brake=st.booleans(),
    reverse=st.booleans(),
    takeover_pressed=st.booleans(),
    hand_back_pressed=st.booleans(),
)
controls = st.none() | st.builds(Control, throttle=numbers, steer=numbers | st.floats(-1, 1), brake=numbers)
states = st.builds(
    ArbiterState,
    authority=st.sampled_from(Authority),
    reason=st.sampled_from(Reason),
    since_frame=st.just(0),
    since_time_s=st.floats(0, 50),
    rest=st.none() | st.builds(Rest, st.floats(-1, 1), st.floats(0, 1)),
    hand_back_was_down=st.booleans(),
    handed_over=st.none() | st.builds(Control, st.floats(0, 1), st.floats(-1, 1), st.floats(0, 1)),
    clear_since_s=st.none() | st.floats(0, 50),
    entry_speed_mps=st.floats(0, 40),
)
wild_moments = st.builds(
    ArbiterInputs,
    frame=st.integers(0, 2000),
    time_s=st.floats(50, 100),
    driver=drivers,
    ego_speed_mps=st.floats(0, 40),
    policy_control=controls,
    plan_age_s=st.none() | st.floats(0, 5),
    plan_speed_mps=st.none() | st.floats(0, 40),
    policy_alive=st.booleans(),
    lane_steer=numbers,
    ttc_s=st.floats(0, 100),
    route_left=st.booleans(),
    request=st.booleans(),
)
held_by_a_person = states.map(
    lambda state: dataclasses.replace(state, authority=Authority.HUMAN, hand_back_was_down=False)
)
lying_still = st.floats(-0.03, 0.03)
calm_moments = st.builds(
    ArbiterInputs,
    frame=st.integers(0, 2000),
    time_s=st.floats(50, 100),
    driver=st.builds(
        DriverInput,
        kind=st.just(DriverKind.HUMAN),
        steer=lying_still,
        throttle=st.floats(0, 0.05),
        brake=st.sampled_from([0.0, 0.04, 0.5]),
        takeover_pressed=st.booleans(),
        hand_back_pressed=st.booleans(),
    ),
    ego_speed_mps=st.sampled_from([0.0, 8.0]),
    policy_control=st.builds(Control, throttle=st.floats(0, 1), steer=lying_still, brake=st.floats(0, 1)),
    plan_age_s=st.floats(0, 0.3),
    plan_speed_mps=st.none(),
    lane_steer=st.floats(-0.4, 0.4),
)
"""Nothing is wrong: what few wild moments reach (a hand-back that is granted, a driver who leaves the policy alone)."""
moments = wild_moments | calm_moments


@given(states, moments)
def test_a_finite_control_in_range_whatever_comes_in(state, moment):
    decision = decide(state, moment)
    control = decision.control
    assert 0.0 <= control.throttle <= 1.0
    assert -1.0 <= control.steer <= 1.0
    assert 0.0 <= control.brake <= 1.0
    assert 0.0 <= decision.state.blend <= 1.0
    if decision.state.authority is not Authority.HANDING_BACK:
        assert decision.state.blend == 0.0


@given(states, moments)
def test_one_owner_who_alone_drives_whatever_comes_in(state, moment):
    """The control is the owner's and nobody else's; without a usable plan, that of the request or the safe stop."""
    decision = decide(state, moment)
    control, after = decision.control, decision.state
    person, plan = clean(person_control(moment.driver)), moment.policy_control
    policy = clean(plan) if plan is not None and is_finite(plan) else None
    without_plan = Control(steer=bounded(moment.lane_steer, -1.0), brake=CONFIG.request_brake)
    match after.authority:
        case Authority.HUMAN:
            assert control == person
        case Authority.SAFE_STOP:
            assert control.throttle == 0.0
            assert control.steer in (0.0, without_plan.steer)
        case Authority.POLICY | Authority.REQUESTED:
            assert control in (policy, without_plan)
        case Authority.HANDING_BACK if policy is not None and after.handed_over is not None:
            ends = sorted((after.handed_over.steer, policy.steer))
            assert control == without_plan or ends[0] - 1e-9 <= control.steer <= ends[1] + 1e-9
        case Authority.HANDING_BACK:
            assert control in (policy, without_plan)


def person_control(driver: DriverInput) -> Control:
    return Control(driver.throttle, driver.steer, driver.brake, driver.hand_brake, driver.reverse)


def is_finite(control: Control) -> bool:
    return all(math.isfinite(value) for value in (control.throttle, control.steer, control.brake))


def clean(control: Control) -> Control:
    throttle, brake = bounded(control.throttle, 0.0), bounded(control.brake, 0.0)
    return dataclasses.replace(control, throttle=throttle, steer=bounded(control.steer, -1.0), brake=brake)


def bounded(value: float, low: float) -> float:
    return min(max(value, low), 1.0) if math.isfinite(value) else 0.0


@given(
    states | held_by_a_person, moments, st.sampled_from([Reason.OVERRIDE_BUTTON, Reason.OVERRIDE_BRAKE]), st.booleans()
)
def test_button_and_brake_always_win(state, moment, how, wants_to_give_back):
    """From every state, in the same tick, and over a hand-back button that is pressed with them."""
    is_brake = how is Reason.OVERRIDE_BRAKE
    driver = dataclasses.replace(
        moment.driver,
        kind=DriverKind.HUMAN,
        connected=True,
        takeover_pressed=not is_brake,
        brake=1.0 if is_brake else 0.0,
        hand_back_pressed=wants_to_give_back,
    )
    decision = decide(state, dataclasses.replace(moment, driver=driver))
    assert decision.state.authority is Authority.HUMAN
    assert decision.control.brake == driver.brake
    if state.authority is Authority.HUMAN:
        assert EventKind.HAND_BACK not in kinds(decision)
    else:
        assert decision.state.reason is how
        assert kinds(decision) == [EventKind.TAKEOVER]


@given(states, moments, st.floats(-1, 1))
def test_steering_far_from_rest_and_from_the_policy_always_wins(state, moment, steer):
    person = dataclasses.replace(moment.driver, kind=DriverKind.HUMAN, connected=True, steer=steer)
    moment = dataclasses.replace(moment, driver=person, policy_control=Control(steer=0.0), lane_steer=0.0)
    state = dataclasses.replace(state, rest=Rest(0.0, 0.0))
    if abs(steer) > CONFIG.steer_override and state.authority is not Authority.HUMAN:
        assert decide(state, moment).state.authority is Authority.HUMAN


@given(states, moments)
def test_the_authority_changes_only_along_the_table_and_every_entry_is_announced(state, moment):
    decision = decide(state, moment)
    after = decision.state.authority
    allowed = {to for (begin, _), to in TRANSITIONS.items() if begin is state.authority}
    assert after is state.authority or after in allowed
    announced = {EventKind.TAKEOVER, EventKind.HAND_BACK, EventKind.TAKEOVER_REQUEST, EventKind.SAFE_STOP}
    if after is not state.authority and after is not Authority.POLICY:
        assert announced & set(kinds(decision))


@given(states, moments)
def test_the_same_arguments_give_the_same_decision(state, moment):
    assert repr(decide(state, moment)) == repr(decide(state, moment))
