"""Moments and states for the tests of the arbitration."""

from __future__ import annotations

import dataclasses

from cockpit.authority.arbitration import ArbiterInputs, ArbiterState, Decision, Rest, arbitrate
from cockpit.config import ArbitrationConfig
from recorder.schema import Authority, Control, DriverInput, DriverKind, EventKind, Reason

CONFIG = ArbitrationConfig()
DT_S = 0.05
POLICY_CONTROL = Control(throttle=0.4, steer=0.05)


def driver_input(**changes) -> DriverInput:
    return dataclasses.replace(DriverInput(kind=DriverKind.HUMAN), **changes)


def inputs(frame: int = 100, **changes) -> ArbiterInputs:
    """A calm moment: the policy drives well and the driver touches nothing."""
    base = ArbiterInputs(
        frame=frame,
        time_s=frame * DT_S,
        driver=driver_input(),
        ego_speed_mps=8.0,
        policy_control=POLICY_CONTROL,
        plan_age_s=0.1,
        plan_speed_mps=8.0,
    )
    return dataclasses.replace(base, **changes)


def in_state(authority: Authority, frame: int = 90, **changes) -> ArbiterState:
    state = ArbiterState(
        authority,
        Reason.SESSION_START,
        frame,
        frame * DT_S,
        rest=Rest(0.0, 0.0),
        handed_over=Control(throttle=0.2) if authority is Authority.HANDING_BACK else None,
        entry_speed_mps=8.0,
    )
    return dataclasses.replace(state, **changes)


def decide(state: ArbiterState, given_inputs: ArbiterInputs, config: ArbitrationConfig = CONFIG) -> Decision:
    return arbitrate(state, given_inputs, config)


def kinds(decision: Decision) -> list[EventKind]:
    return [event.kind for event in decision.events]
