"""The arbitration's inputs, state and decision: data only. The logic is in `overrides` and `arbitration`."""

from __future__ import annotations

import math
from dataclasses import dataclass

from recorder.schema import Authority, AuthorityState, Control, DriverInput, DriverKind, Reason, TickEvent


@dataclass(frozen=True, slots=True)
class Rest:
    """Positions of wheel and throttle when the person last had the car; overrides are measured from here.

    They follow both inputs towards zero (a wheel that is released springs back, a foot leaves the pedal) and never away
    from it.
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
class SteerHint:
    """Gentle steering against the policy: its direction, and since when."""

    side: int
    """1 to the right, -1 to the left."""
    since_s: float


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
    hint: SteerHint | None = None
    unsure_since_s: float | None = None
    """Since when the policy's plans are unsure."""
    steered: tuple[tuple[float, float], ...] = ()
    """(time, steer) that was applied lately: what a motor on the rim may be following."""

    def public(self) -> AuthorityState:
        """The part that is recorded."""
        return AuthorityState(self.authority, self.reason, self.since_frame, self.since_time_s, self.blend)


@dataclass(frozen=True, slots=True)
class ArbiterInputs:
    """All inputs of one decision."""

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
    plan_entropy: float = 0.0
    """How unsure the policy is, 0..1 (`Plan.entropy`)."""
    rewound: bool = False
    """The world was set back before this tick: the driver has it from here."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What is applied in this tick, and by whose authority."""

    state: ArbiterState
    control: Control
    events: tuple[TickEvent, ...] = ()


def initial_state(authority: Authority, frame: int, time_s: float) -> ArbiterState:
    """State in which a session starts."""
    return ArbiterState(authority, Reason.SESSION_START, frame, time_s)


def has_hands(driver: DriverInput) -> bool:
    """Whether there is anybody who could take over."""
    return driver.connected and driver.kind is not DriverKind.NONE
