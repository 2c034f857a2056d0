"""Who has the car: one pure function from (state, inputs) to (state, control, events), asked once in every tick.

The person always wins. Any override (steering against the policy, brake, throttle, the takeover button) gives
the person the car in the tick in which it is seen, from every state, without debouncing; hysteresis, conditions and
blending are for the way back only. What fails leads to REQUESTED and then SAFE_STOP, never to a car with nobody
driving.

The whole logic is `TRANSITIONS`, a table of (authority, trigger) to authority, and `_trigger`, which says what happened
in this tick: overrides are looked at before everything else. Shape after openpilot's `selfdrive/selfdrived/state.py`
and the phase table of LeRobot's `rollout/strategies/dagger.py`.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass, replace

from cockpit.config import ArbitrationConfig
from recorder.schema import Authority, AuthorityState, Control, DriverInput, DriverKind, EventKind, Reason, TickEvent

STANDSTILL_MPS = 0.3
"""Slower than this the safe stop holds the car with both brakes."""
SAFE_STOP_GAIN = 0.15
"""Brake per m/s of speed above the profile of the safe stop."""


class Trigger(enum.Enum):
    """What can happen to the authority in a tick, the most important first."""

    OVERRIDE = enum.auto()
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
}

_EVENTS = {
    Authority.HUMAN: EventKind.TAKEOVER,
    Authority.HANDING_BACK: EventKind.HAND_BACK,
    Authority.REQUESTED: EventKind.TAKEOVER_REQUEST,
    Authority.SAFE_STOP: EventKind.SAFE_STOP,
}
_PLAN_PROBLEMS = frozenset({Reason.PLAN_MISSING, Reason.PLAN_STALE, Reason.POLICY_FAILED})
_PASSING_CAUSES = _PLAN_PROBLEMS | {Reason.ROUTE_LEFT, Reason.TTC_LOW}
"""Causes of a request that may go away by themselves; a lost device or the experimenter's wish needs a person."""


@dataclass(frozen=True, slots=True)
class Rest:
    """Where wheel and throttle lay when the car was last in other hands; overrides are measured from here.

    It follows both towards zero (a wheel that springs back is let go of, a foot that leaves the pedal is no press) and
    never away from it.
    """

    steer: float
    throttle: float

    def let_go(self, driver: DriverInput) -> Rest:
        """The rest position after this tick's reading."""
        springs_back = driver.steer * self.steer >= 0.0 and abs(driver.steer) < abs(self.steer)
        crossed = driver.steer * self.steer < 0.0
        steer = driver.steer if springs_back else 0.0 if crossed else self.steer
        return Rest(steer, min(self.throttle, driver.throttle))


@dataclass(frozen=True, slots=True)
class ArbiterState:
    """What the arbitration remembers from tick to tick."""

    authority: Authority
    reason: Reason
    since_frame: int
    since_time_s: float
    blend: float = 0.0
    """Share of the policy while handing back."""
    rest: Rest | None = None
    """None while no driver's device is there."""
    hand_back_was_down: bool = False
    handed_over: Control | None = None
    """The person's last control, from which the hand-back blends."""
    clear_since_s: float | None = None
    """Since when the cause of a request is gone."""
    entry_speed_mps: float = 0.0
    """Speed when the present authority began."""

    def public(self) -> AuthorityState:
        """The part that is recorded."""
        return AuthorityState(self.authority, self.reason, self.since_frame, self.since_time_s, self.blend)


@dataclass(frozen=True, slots=True)
class ArbiterInputs:
    """Everything one decision looks at."""

    frame: int
    """Frame that the decided control leads to."""
    time_s: float
    driver: DriverInput
    ego_speed_mps: float
    policy_control: Control | None
    """What the policy alone would apply; None without a usable plan."""
    plan_age_s: float | None
    """Simulation time since the plan's frame; None before the first plan."""
    plan_speed_mps: float | None = None
    """Speed that the plan begins with."""
    policy_alive: bool = True
    lane_steer: float = 0.0
    """Steering that keeps the route, for when the policy cannot be asked."""
    ttc_s: float = math.inf
    route_left: bool = False
    request: bool = False
    """The experimenter asks the driver to take over."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What is applied in this tick, and by whose authority."""

    state: ArbiterState
    control: Control
    events: tuple[TickEvent, ...] = ()


def initial_state(authority: Authority, frame: int, time_s: float) -> ArbiterState:
    """State in which a session starts."""
    return ArbiterState(authority, Reason.SESSION_START, frame, time_s)


def arbitrate(state: ArbiterState, inputs: ArbiterInputs, config: ArbitrationConfig) -> Decision:
    """Decide who drives in this tick and with what control. Pure: the same arguments give the same decision."""
    inputs = _sane(inputs)
    state = _observed(state, inputs, config)
    events: tuple[TickEvent, ...] = ()
    trigger, reason = _trigger(state, inputs, config)
    if trigger is Trigger.HAND_BACK and (refusal := hand_back_refusal(inputs, config)):
        events = (TickEvent(EventKind.HAND_BACK_REFUSED, refusal),)
    elif trigger is not None and (authority := TRANSITIONS.get((state.authority, trigger))) is not None:
        state = _entered(state, authority, reason, inputs)
        if authority in _EVENTS:
            events = (TickEvent(_EVENTS[authority], reason.value),)
    state = replace(state, blend=_blend_share(state, inputs, config))
    down = inputs.driver.hand_back_pressed
    return Decision(replace(state, hand_back_was_down=down), _control(state, inputs, config), events)


def override(state: ArbiterState, inputs: ArbiterInputs, config: ArbitrationConfig) -> Reason | None:
    """Whether, and by what, the person claims the car in this tick."""
    driver, rest = inputs.driver, state.rest
    if not _has_hands(driver):
        return None
    if driver.takeover_pressed:
        return Reason.OVERRIDE_BUTTON
    if driver.brake > config.brake_override or driver.hand_brake:
        return Reason.OVERRIDE_BRAKE
    if rest is None:
        return None
    policy_steer = inputs.policy_control.steer if inputs.policy_control is not None else inputs.lane_steer
    moved = abs(driver.steer - rest.steer) > config.steer_dead_band
    if moved and abs(driver.steer - policy_steer) > config.steer_override:
        return Reason.OVERRIDE_STEER
    if driver.throttle - rest.throttle > config.throttle_override:
        return Reason.OVERRIDE_THROTTLE
    return None


def problem(inputs: ArbiterInputs, config: ArbitrationConfig) -> Reason | None:
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
    return None


def hand_back_refusal(inputs: ArbiterInputs, config: ArbitrationConfig) -> str:
    """Why the policy may not have the car back now, in words for the driver; empty when it may."""
    driver, plan = inputs.driver, inputs.policy_control
    found = problem(inputs, config)
    if found is not None or plan is None or inputs.plan_age_s is None:
        return f"the policy is not ready ({found.value if found else Reason.PLAN_MISSING.value})"
    if inputs.plan_age_s > config.hand_back_plan_age_s:
        return f"the policy's plan is {inputs.plan_age_s:.1f} s old"
    if driver.takeover_pressed:
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
    claimed = override(state, inputs, config)
    if claimed is not None and state.authority is not Authority.HUMAN:
        return Trigger.OVERRIDE, claimed
    if state.authority is Authority.HUMAN:
        if not _has_hands(inputs.driver):
            return Trigger.DEVICE_LOST, Reason.DEVICE_LOST
        if inputs.driver.hand_back_pressed and not state.hand_back_was_down:
            return Trigger.HAND_BACK, Reason.HAND_BACK_BUTTON
        return None, state.reason
    if state.authority in (Authority.POLICY, Authority.HANDING_BACK):
        found = problem(inputs, config)
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
    return state.reason in _PASSING_CAUSES and problem(inputs, config) is None


def _observed(state: ArbiterState, inputs: ArbiterInputs, config: ArbitrationConfig) -> ArbiterState:
    """The state with the driver's rest position and the request's cause brought up to this tick."""
    driver, rest = inputs.driver, state.rest
    if not _has_hands(driver):
        rest = None
    elif rest is None or state.authority is Authority.HUMAN:
        rest = Rest(driver.steer, driver.throttle)
    else:
        rest = rest.let_go(driver)
    is_clear = state.authority is Authority.REQUESTED and _is_clear(state, inputs, config)
    since = state.clear_since_s if state.clear_since_s is not None else inputs.time_s
    return replace(state, rest=rest, clear_since_s=since if is_clear else None)


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
    wanted = max(0.0, state.entry_speed_mps - config.safe_stop_decel_mps2 * (inputs.time_s - state.since_time_s))
    brake = config.safe_stop_brake + SAFE_STOP_GAIN * (inputs.ego_speed_mps - wanted)
    return Control(steer=inputs.lane_steer, brake=_clipped(brake, 0.0, 1.0))


def _has_hands(driver: DriverInput) -> bool:
    return driver.connected and driver.kind is not DriverKind.NONE


def _sane(inputs: ArbiterInputs) -> ArbiterInputs:
    """The inputs with every control in CARLA's ranges. A broken number is no wish of the driver's and no plan."""
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
