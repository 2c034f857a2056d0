"""Who has the car: one pure function from (state, inputs) to (state, control, events), called once per tick.

The person always wins. Any override (steering against the policy, brake, throttle, the takeover button) gives
the person the car in the tick in which it is detected, from every state; hysteresis, conditions and blending apply to
the hand-back only. Failures lead to REQUESTED and then SAFE_STOP, never to a car with nobody driving.

The whole logic is `TRANSITIONS`, a table of (authority, trigger) to authority, and `_trigger`, which finds the trigger
of this tick: overrides (`cockpit.authority.overrides`) are checked before everything else. Shape after openpilot's
`selfdrive/selfdrived/state.py` and the phase table of LeRobot's `rollout/strategies/dagger.py`.
"""

from __future__ import annotations

import enum
import math
from dataclasses import replace

from cockpit.authority.overrides import adds_throttle, observed, override
from cockpit.authority.state import ArbiterInputs, ArbiterState, Decision, Rest, has_hands, initial_state
from cockpit.config import ArbitrationConfig, ThrottleMode
from recorder.schema import Authority, Control, EventKind, Reason, TickEvent

__all__ = [
    "TRANSITIONS",
    "ArbiterInputs",
    "ArbiterState",
    "Decision",
    "Rest",
    "Trigger",
    "arbitrate",
    "initial_state",
    "override",
]

STANDSTILL_MPS = 0.3
"""Slower than this the safe stop holds the car with both brakes."""
SAFE_STOP_GAIN = 0.15
"""Brake per m/s of speed above the profile of the safe stop."""


class Trigger(enum.Enum):
    """What can happen to the authority in a tick, the most important first."""

    OVERRIDE = enum.auto()
    REWOUND = enum.auto()
    DEVICE_LOST = enum.auto()
    HAND_BACK = enum.auto()
    PROBLEM = enum.auto()
    BLENDED = enum.auto()
    RECOVERED = enum.auto()
    TIMEOUT = enum.auto()


TRANSITIONS: dict[tuple[Authority, Trigger], Authority] = {
    (Authority.POLICY, Trigger.OVERRIDE): Authority.HUMAN,
    (Authority.POLICY, Trigger.PROBLEM): Authority.REQUESTED,
    (Authority.HUMAN, Trigger.DEVICE_LOST): Authority.REQUESTED,
    (Authority.HUMAN, Trigger.HAND_BACK): Authority.HANDING_BACK,
    (Authority.HANDING_BACK, Trigger.OVERRIDE): Authority.HUMAN,
    (Authority.HANDING_BACK, Trigger.PROBLEM): Authority.REQUESTED,
    (Authority.HANDING_BACK, Trigger.BLENDED): Authority.POLICY,
    (Authority.REQUESTED, Trigger.OVERRIDE): Authority.HUMAN,
    (Authority.REQUESTED, Trigger.RECOVERED): Authority.POLICY,
    (Authority.REQUESTED, Trigger.TIMEOUT): Authority.SAFE_STOP,
    (Authority.SAFE_STOP, Trigger.OVERRIDE): Authority.HUMAN,
} | {(authority, Trigger.REWOUND): Authority.HUMAN for authority in Authority}

_EVENTS = {
    Authority.HUMAN: EventKind.TAKEOVER,
    Authority.HANDING_BACK: EventKind.HAND_BACK,
    Authority.REQUESTED: EventKind.TAKEOVER_REQUEST,
    Authority.SAFE_STOP: EventKind.SAFE_STOP,
}
_PLAN_PROBLEMS = frozenset({Reason.PLAN_MISSING, Reason.PLAN_STALE, Reason.POLICY_FAILED})
_PASSING_CAUSES = _PLAN_PROBLEMS | {Reason.ROUTE_LEFT, Reason.TTC_LOW, Reason.POLICY_UNSURE}
"""Causes of a request that may end by themselves; a lost device or the experimenter's request needs a person."""


def arbitrate(state: ArbiterState, inputs: ArbiterInputs, config: ArbitrationConfig) -> Decision:
    """Decide who drives in this tick and with what control. Pure: the same arguments give the same decision."""
    inputs = _sane(inputs)
    state = _observed(state, inputs, config)
    events: tuple[TickEvent, ...] = ()
    trigger, reason = _trigger(state, inputs, config)
    if trigger is Trigger.HAND_BACK and (refusal := hand_back_refusal(state, inputs, config)):
        events = (TickEvent(EventKind.HAND_BACK_REFUSED, refusal),)
    elif trigger is not None and (authority := TRANSITIONS.get((state.authority, trigger))) is not None:
        state = _entered(state, authority, reason, inputs)
        if authority in _EVENTS:
            events = (TickEvent(_EVENTS[authority], reason.value),)
    state = replace(state, blend=_blend_share(state, inputs, config))
    control = _control(state, inputs, config)
    state = replace(
        state,
        hand_back_was_down=inputs.driver.hand_back_pressed,
        steered=_steered(state, inputs, control, config) if inputs.driver.has_servo else (),
    )
    return Decision(state, control, events)


def problem(state: ArbiterState, inputs: ArbiterInputs, config: ArbitrationConfig) -> Reason | None:
    """Why the policy should not have the car, if there is a reason."""
    if not inputs.driver.connected and config.request_on_device_lost:
        return Reason.DEVICE_LOST
    if not inputs.policy_alive:
        return Reason.POLICY_FAILED
    if inputs.plan_age_s is None:
        return Reason.PLAN_MISSING
    if inputs.plan_age_s > config.plan_stale_s:
        return Reason.PLAN_STALE
    if inputs.policy_control is None:
        return Reason.POLICY_FAILED
    if inputs.request:
        return Reason.EXPERIMENTER
    if inputs.route_left and config.request_on_route_left:
        return Reason.ROUTE_LEFT
    if inputs.ttc_s < config.request_ttc_s:
        return Reason.TTC_LOW
    if state.unsure_since_s is not None and inputs.time_s - state.unsure_since_s >= config.request_unsure_s - 1e-6:
        return Reason.POLICY_UNSURE
    return None


def hand_back_refusal(state: ArbiterState, inputs: ArbiterInputs, config: ArbitrationConfig) -> str:
    """Why the policy may not have the car back now, in words for the driver; empty when it may."""
    driver, plan = inputs.driver, inputs.policy_control
    found = problem(state, inputs, config)
    if found is not None or plan is None or inputs.plan_age_s is None:
        return f"the policy is not ready ({found.value if found else Reason.PLAN_MISSING.value})"
    if inputs.plan_age_s > config.hand_back_plan_age_s:
        return f"the policy's plan is {inputs.plan_age_s:.1f} s old"
    if driver.takeover_pressed or driver.paddle_pressed:
        return "the takeover button is down"
    if driver.brake > config.brake_override or driver.hand_brake:
        return "the brake is pressed"
    if driver.reverse:
        return "the car is in reverse"
    if abs(plan.steer - driver.steer) > config.hand_back_steer:
        return f"the policy would steer {plan.steer:+.2f}, you steer {driver.steer:+.2f}"
    if inputs.plan_speed_mps is not None:
        gap = inputs.plan_speed_mps - inputs.ego_speed_mps
        if abs(gap) > config.hand_back_speed_mps:
            return f"the policy would drive {abs(gap):.0f} m/s {'faster' if gap > 0 else 'slower'}"
    return ""


def _trigger(state: ArbiterState, inputs: ArbiterInputs, config: ArbitrationConfig) -> tuple[Trigger | None, Reason]:
    """The most important thing that happened in this tick."""
    if inputs.rewound and has_hands(inputs.driver):
        return Trigger.REWOUND, Reason.REWIND
    claimed = override(state, inputs, config)
    if claimed is not None and state.authority is not Authority.HUMAN:
        return Trigger.OVERRIDE, claimed
    if state.authority is Authority.HUMAN:
        if not has_hands(inputs.driver):
            return Trigger.DEVICE_LOST, Reason.DEVICE_LOST
        if inputs.driver.hand_back_pressed and not state.hand_back_was_down:
            return Trigger.HAND_BACK, Reason.HAND_BACK_BUTTON
        return None, state.reason
    if state.authority in (Authority.POLICY, Authority.HANDING_BACK):
        found = problem(state, inputs, config)
        if found is not None:
            return Trigger.PROBLEM, found
        if state.authority is Authority.HANDING_BACK and _blend_share(state, inputs, config) >= 1.0:
            return Trigger.BLENDED, Reason.HAND_BACK_DONE
    if state.authority is Authority.REQUESTED:
        return _request_trigger(state, inputs, config)
    return None, state.reason


def _request_trigger(
    state: ArbiterState, inputs: ArbiterInputs, config: ArbitrationConfig
) -> tuple[Trigger | None, Reason]:
    """A request ends by itself when its cause has been gone for a while, and in a safe stop when nobody answers."""
    if state.clear_since_s is not None and inputs.time_s - state.clear_since_s >= config.recover_s:
        return Trigger.RECOVERED, Reason.POLICY_RECOVERED
    if inputs.time_s - state.since_time_s >= config.request_s:
        return Trigger.TIMEOUT, Reason.REQUEST_TIMEOUT
    return None, state.reason


def _is_clear(state: ArbiterState, inputs: ArbiterInputs, config: ArbitrationConfig) -> bool:
    return state.reason in _PASSING_CAUSES and problem(state, inputs, config) is None


def _observed(state: ArbiterState, inputs: ArbiterInputs, config: ArbitrationConfig) -> ArbiterState:
    """The state, its values that span several ticks updated with this one."""
    state = observed(state, inputs, config)
    is_unsure = config.request_entropy > 0.0 and inputs.plan_entropy > config.request_entropy
    state = replace(state, unsure_since_s=_since(state.unsure_since_s, inputs.time_s) if is_unsure else None)
    is_clear = state.authority is Authority.REQUESTED and _is_clear(state, inputs, config)
    return replace(state, clear_since_s=_since(state.clear_since_s, inputs.time_s) if is_clear else None)


def _since(began_s: float | None, now_s: float) -> float:
    return now_s if began_s is None else began_s


def _steered(
    state: ArbiterState, inputs: ArbiterInputs, control: Control, config: ArbitrationConfig
) -> tuple[tuple[float, float], ...]:
    """The steering that the rim's motor has followed lately, this tick's included."""
    kept = tuple(one for one in state.steered if inputs.time_s - one[0] <= config.servo_lag_s + 1e-6)
    return (*kept, (inputs.time_s, control.steer))


def _entered(state: ArbiterState, authority: Authority, reason: Reason, inputs: ArbiterInputs) -> ArbiterState:
    """The state right after the authority changed."""
    return replace(
        state,
        authority=authority,
        reason=reason,
        since_frame=inputs.frame,
        since_time_s=inputs.time_s,
        handed_over=_human_control(inputs) if authority is Authority.HANDING_BACK else None,
        clear_since_s=None,
        entry_speed_mps=inputs.ego_speed_mps,
        hint=None,
        steered=(),
    )


def _blend_share(state: ArbiterState, inputs: ArbiterInputs, config: ArbitrationConfig) -> float:
    """Share of the policy while handing back: grows evenly with time; 0 in every other state."""
    if state.authority is not Authority.HANDING_BACK:
        return 0.0
    return _clipped((inputs.time_s - state.since_time_s) / config.hand_back_s, 0.0, 1.0)


def _control(state: ArbiterState, inputs: ArbiterInputs, config: ArbitrationConfig) -> Control:
    """What is applied in this state."""
    if state.authority is Authority.HUMAN:
        return _human_control(inputs)
    if state.authority is Authority.SAFE_STOP:
        return _safe_stop_control(state, inputs, config)
    plan = inputs.policy_control
    stale = not inputs.policy_alive or inputs.plan_age_s is None or inputs.plan_age_s > config.plan_stale_s
    if plan is None or stale:
        return Control(steer=inputs.lane_steer, brake=config.request_brake)
    if state.authority is Authority.HANDING_BACK and state.handed_over is not None:
        return _blended(state.handed_over, plan, state.blend)
    if config.throttle_mode is ThrottleMode.ADDS_TO and adds_throttle(state, inputs, config):
        return replace(plan, throttle=max(plan.throttle, inputs.driver.throttle), brake=0.0)
    return plan


def _human_control(inputs: ArbiterInputs) -> Control:
    driver = inputs.driver
    return Control(driver.throttle, driver.steer, driver.brake, driver.hand_brake, driver.reverse)


def _blended(person: Control, policy: Control, share: float) -> Control:
    """Between two controls; the brake and the throttle are one axis, so that never both are pressed."""
    push = (1.0 - share) * (person.throttle - person.brake) + share * (policy.throttle - policy.brake)
    steer = (1.0 - share) * person.steer + share * policy.steer
    return Control(throttle=max(push, 0.0), steer=steer, brake=max(-push, 0.0))


def _safe_stop_control(state: ArbiterState, inputs: ArbiterInputs, config: ArbitrationConfig) -> Control:
    """Keep the lane and come to a stand at an even deceleration, then hold."""
    if inputs.ego_speed_mps < STANDSTILL_MPS:
        return Control(brake=1.0, hand_brake=True)
    target_mps = max(0.0, state.entry_speed_mps - config.safe_stop_decel_mps2 * (inputs.time_s - state.since_time_s))
    brake = config.safe_stop_brake + SAFE_STOP_GAIN * (inputs.ego_speed_mps - target_mps)
    return Control(steer=inputs.lane_steer, brake=_clipped(brake, 0.0, 1.0))


def _sane(inputs: ArbiterInputs) -> ArbiterInputs:
    """The inputs with every control in CARLA's ranges. NaN and infinity count as no input, and as no plan."""
    driver, plan = inputs.driver, inputs.policy_control
    if plan is not None:
        is_finite = math.isfinite(plan.steer) and math.isfinite(plan.throttle) and math.isfinite(plan.brake)
        plan = _in_range(plan) if is_finite else None
    driver = replace(
        driver,
        steer=_clipped(driver.steer, -1.0, 1.0),
        throttle=_clipped(driver.throttle, 0.0, 1.0),
        brake=_clipped(driver.brake, 0.0, 1.0),
    )
    return replace(inputs, driver=driver, policy_control=plan, lane_steer=_clipped(inputs.lane_steer, -1.0, 1.0))


def _in_range(control: Control) -> Control:
    return replace(
        control,
        throttle=_clipped(control.throttle, 0.0, 1.0),
        steer=_clipped(control.steer, -1.0, 1.0),
        brake=_clipped(control.brake, 0.0, 1.0),
    )


def _clipped(value: float, low: float, high: float) -> float:
    """`value` held between two bounds; 0 for what is no number."""
    return min(max(value, low), high) if math.isfinite(value) else 0.0
