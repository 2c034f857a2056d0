"""Whether the person claims the car (an override): pure, evaluated before everything else in every tick.

A clear override counts in the tick in which it is detected. Gentle steering, under that threshold, counts when it keeps
its direction for a moment: this distinguishes it from bumps and noise, and does not delay a clear override. A motor's
turning of the rim is no override: a rim that lies where the motor was lately commanded is explained by the motor.
"""

from __future__ import annotations

from dataclasses import replace

from cockpit.authority.state import ArbiterInputs, ArbiterState, Rest, SteerHint, has_hands
from cockpit.config import ArbitrationConfig, ThrottleMode
from recorder.schema import Authority, Reason


def override(state: ArbiterState, inputs: ArbiterInputs, config: ArbitrationConfig) -> Reason | None:
    """How the person claims the car in this tick; None while they do not. `state` must be `observed`."""
    driver, rest = inputs.driver, state.rest
    if not has_hands(driver):
        return None
    if driver.takeover_pressed:
        return Reason.OVERRIDE_BUTTON
    if driver.paddle_pressed:
        return Reason.OVERRIDE_PADDLE
    if driver.brake > config.brake_override or driver.hand_brake:
        return Reason.OVERRIDE_BRAKE
    if rest is None:
        return None
    if steers(state, inputs, config):
        return Reason.OVERRIDE_STEER
    if adds_throttle(state, inputs, config) and config.throttle_mode is ThrottleMode.TAKES_OVER:
        return Reason.OVERRIDE_THROTTLE
    return None


def steers(state: ArbiterState, inputs: ArbiterInputs, config: ArbitrationConfig) -> bool:
    """Whether the driver steers against the policy: clearly now, or gently for `steer_hint_s`."""
    moved, apart = moved_steer(state, inputs, config), steer_apart(inputs)
    if abs(moved) > config.steer_dead_band and abs(apart) > steer_threshold(inputs.ego_speed_mps, config):
        return True
    return state.hint is not None and inputs.time_s - state.hint.since_s >= config.steer_hint_s - 1e-6


def adds_throttle(state: ArbiterState, inputs: ArbiterInputs, config: ArbitrationConfig) -> bool:
    """Whether the driver's foot pressed the throttle since the policy got the car."""
    if not has_hands(inputs.driver) or state.rest is None:
        return False
    return inputs.driver.throttle - state.rest.throttle > config.throttle_override


def steer_threshold(speed_mps: float, config: ArbitrationConfig) -> float:
    """How far the rim must differ from the policy's steering at this speed; falls evenly from slow to fast."""
    share = (speed_mps - config.steer_slow_mps) / (config.steer_fast_mps - config.steer_slow_mps)
    share = min(max(share, 0.0), 1.0)
    return (1.0 - share) * config.steer_override + share * config.steer_override_fast


def moved_steer(state: ArbiterState, inputs: ArbiterInputs, config: ArbitrationConfig) -> float:
    """How far a hand moved the rim, right positive: from its rest, or from where its motor may have turned it."""
    steer, rest = inputs.driver.steer, state.rest or Rest(inputs.driver.steer, 0.0)
    if not inputs.driver.has_servo:
        return steer - rest.steer
    lately = [applied for at, applied in state.steered if inputs.time_s - at <= config.servo_lag_s + 1e-6]
    is_new = inputs.time_s - state.since_time_s <= config.servo_lag_s
    if is_new or not lately:  # the motor starts from where the driver left the rim
        lately.append(rest.steer)
    if inputs.policy_control is not None:
        lately.append(inputs.policy_control.steer)
    return steer - min(max(steer, min(lately)), max(lately))


def steer_apart(inputs: ArbiterInputs) -> float:
    """How far the rim is from what the policy (or, without it, the lane) would steer, right positive."""
    policy = inputs.policy_control
    return inputs.driver.steer - (policy.steer if policy is not None else inputs.lane_steer)


def observed(state: ArbiterState, inputs: ArbiterInputs, config: ArbitrationConfig) -> ArbiterState:
    """The state with rest position and hint brought up to this tick's reading."""
    driver, rest = inputs.driver, state.rest
    if not has_hands(driver):
        return replace(state, rest=None, hint=None)
    if rest is None or state.authority is Authority.HUMAN:
        return replace(state, rest=Rest(driver.steer, driver.throttle), hint=None)
    state = replace(state, rest=rest.let_go(driver))
    return replace(state, hint=_hint(state, inputs, config))


def _hint(state: ArbiterState, inputs: ArbiterInputs, config: ArbitrationConfig) -> SteerHint | None:
    moved, apart = moved_steer(state, inputs, config), steer_apart(inputs)
    gentle = config.steer_hint * steer_threshold(inputs.ego_speed_mps, config)
    if abs(moved) <= config.steer_dead_band or abs(apart) <= gentle or moved * apart <= 0.0:
        return None
    side = 1 if moved > 0.0 else -1
    held = state.hint if state.hint is not None and state.hint.side == side else None
    return held or SteerHint(side, inputs.time_s)
