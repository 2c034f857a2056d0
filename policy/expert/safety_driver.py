"""The expert in the driver's seat: it watches the policy drive, takes over when that is about to fail, hands back.

A `DriverSource` like a wheel: it comes in through the same arbitration as a person, by the same button and pedals. What
counts as a failure is in `policy.expert.hazards`, how it drives is `policy.expert.expert`; here is only when the car
changes drivers: at once on the way in, with patience on the way back. Deterministic in the ticks it is given.
"""

from __future__ import annotations

import enum
import math
from dataclasses import replace

from pydantic import BaseModel, ConfigDict, Field

from policy.control.motion import forward_speed_mps
from policy.expert.expert import Expert
from policy.expert.hazards import Hazard, HazardConfig, HazardKind, foresee, is_centred
from policy.expert.manoeuvres import adapted
from recorder.schema import Authority, Control, DriverInput, DriverKind, RouteCommand, Tick

STANDSTILL_MPS = 0.3
STANDING_PLAN_M = 1.0
"""A plan that ends nearer than this means to stand."""


class SafetyConfig(BaseModel):
    """When the car changes drivers; seconds, metres, radians."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hazards: HazardConfig = HazardConfig()
    confirm_ticks: int = Field(default=2, ge=1)
    """Ticks in a row a hazard must be seen before it counts, unless it is nearer than `sure_s`."""
    sure_s: float = Field(default=0.8, ge=0)
    rest_s: float = Field(default=1.0, ge=0)
    """After a hand-back only hazards nearer than `sure_s` count for this long."""
    standing_s: float = Field(default=6.0, gt=0)
    """Standing for this long while the expert would drive is a failure."""
    standing_mps: float = Field(default=1.0, gt=0)
    """Slower than this is standing (a creeping policy is no better)."""
    free_m: float = Field(default=8.0, ge=0)
    """Where the expert would have to stop again nearer than this, standing is no failure."""
    least_s: float = Field(default=2.5, ge=0)
    """Shortest time that the expert drives."""
    calm_s: float = Field(default=2.0, ge=0)
    """How long nothing must have been wrong before it hands back."""
    most_s: float = Field(default=12.0, gt=0)
    """After this it hands back also where it is not calm, if nothing is about to happen."""
    retry_s: float = Field(default=0.5, gt=0)
    """Between two presses of the hand-back button, when it was refused."""
    centred_m: float = Field(default=0.4, gt=0)
    centred_rad: float = Field(default=math.radians(8), gt=0)
    before_turn_m: float = Field(default=15.0, ge=0)
    """Nearer than this to a turn, and moving, it does not hand back: the turn comes first."""
    calm_mps2: float = Field(default=2.5, gt=0)
    moving_mps: float = Field(default=2.0, ge=0)
    """It does not hand back slower than this, unless it stands for a reason."""


class Phase(enum.StrEnum):
    """What the safety driver is doing."""

    WATCHING = "watching"
    TAKING_OVER = "taking_over"
    DRIVING = "driving"


class SafetyDriver:
    """The privileged expert as a `DriverSource` (`cockpit.session.ports`)."""

    def __init__(self, expert: Expert | None = None, config: SafetyConfig | None = None) -> None:
        self.expert = expert or Expert()
        self.config = config or SafetyConfig()
        self.phase = Phase.WATCHING
        self._reason = ""
        self._seen_ticks = 0
        self._last_kind: HazardKind | None = None
        self._standing_since_s: float | None = None
        self._since_s = 0.0
        self._calm_since_s: float | None = None
        self._pressed_s = -math.inf
        self._handed_back_s = -math.inf

    def read(self, tick: Tick | None) -> DriverInput:
        """Wheel and pedals for the next tick; neutral while the policy drives well."""
        if tick is None:
            return _neutral()
        if tick.authority.authority is Authority.HUMAN:
            return self._drive(tick)
        if self.phase is Phase.DRIVING:
            self.phase, self._handed_back_s = Phase.WATCHING, tick.time_s
            self._standing_since_s, self._seen_ticks = None, 0
        return self._watch(tick)

    def close(self) -> None:
        """Nothing to give back."""

    def _hazard(self, tick: Tick) -> Hazard | None:
        # Going round an obstacle does not count as leaving the lane: the route is judged as the expert would bend it.
        return foresee(adapted(tick).tick, self.config.hazards)

    def _watch(self, tick: Tick) -> DriverInput:
        if self.phase is not Phase.TAKING_OVER:
            hazard = self._asked(tick) or self._hazard(tick) or self._standing(tick)
            if not self._counts(tick, hazard):
                return _neutral()
            self.phase, self._reason = Phase.TAKING_OVER, hazard.text if hazard else ""
            self._since_s, self._calm_since_s = tick.time_s, None
        return _input(self.expert.control(tick), self._reason, takeover=True)

    def _asked(self, tick: Tick) -> Hazard | None:
        if tick.authority.authority not in (Authority.REQUESTED, Authority.SAFE_STOP):
            return None
        reason = tick.authority.reason.value.replace("_", " ")
        return Hazard(HazardKind.REQUESTED, f"The system asked for a takeover ({reason}).", 0.0)

    def _standing(self, tick: Tick) -> Hazard | None:
        slow = forward_speed_mps(tick.ego) < self.config.standing_mps
        if not slow or not self._would_drive_off(tick):
            self._standing_since_s = None
            return None
        if self._standing_since_s is None:
            self._standing_since_s = tick.time_s
        if tick.time_s - self._standing_since_s < self.config.standing_s:
            return None
        return Hazard(HazardKind.STANDING, "Standing with a free road ahead.", 0.0)

    def _would_drive_off(self, tick: Tick) -> bool:
        is_free = all(far_m > self.config.free_m for far_m, _ in self.expert.constraints(tick).stops)
        return is_free and self.expert.decide(tick).acceleration_mps2 >= 0.3

    def _counts(self, tick: Tick, hazard: Hazard | None) -> bool:
        """Debounce: a hazard counts when it is near or was seen for a few ticks, and not right after a hand-back."""
        if hazard is None:
            self._seen_ticks, self._last_kind = 0, None
            return False
        self._seen_ticks = self._seen_ticks + 1 if hazard.kind is self._last_kind else 1
        self._last_kind = hazard.kind
        if hazard.kind is HazardKind.COLLISION and hazard.in_s < self.config.sure_s:
            return True
        if tick.time_s - self._handed_back_s < self.config.rest_s:
            return False
        return self._seen_ticks >= self.config.confirm_ticks

    def _drive(self, tick: Tick) -> DriverInput:
        if self.phase is not Phase.DRIVING:
            if self.phase is Phase.WATCHING:
                self._since_s, self._reason = tick.time_s, ""
            self.phase, self._calm_since_s = Phase.DRIVING, None
        hazard = self._hazard(tick)
        if not self._is_calm(tick, hazard):
            self._calm_since_s = None
        elif self._calm_since_s is None:
            self._calm_since_s = tick.time_s
        control = self.expert.control(tick)
        stands = forward_speed_mps(tick.ego) < STANDSTILL_MPS
        hand_back = self._wants_to_hand_back(tick, hazard) and tick.time_s - self._pressed_s >= self.config.retry_s
        # The arbitration refuses a hand-back while the brake is pressed.
        hand_back = hand_back and (stands or control.brake == 0.0)
        if hand_back:
            self._pressed_s = tick.time_s
            control = replace(control, brake=0.0)
        return _input(control, self._reason, hand_back=hand_back)

    def _is_calm(self, tick: Tick, hazard: Hazard | None) -> bool:
        config = self.config
        if hazard is not None or tick.route.in_junction or tick.plan is None or self._turns_soon(tick):
            return False
        if not is_centred(tick, config.centred_m, config.centred_rad):
            return False
        if math.hypot(tick.ego.acceleration_mps2[0], tick.ego.acceleration_mps2[1]) > config.calm_mps2:
            return False
        if forward_speed_mps(tick.ego) > config.moving_mps:
            return True
        # Standing is handed over only where both would stand.
        return self.expert.decide(tick).acceleration_mps2 <= 0.0 and _would_stand(tick)

    def _turns_soon(self, tick: Tick) -> bool:
        """Driving up to a turn: while control blends back, a wheel held straight would push the car wide."""
        route = tick.route
        turning = route.command in (RouteCommand.LEFT, RouteCommand.RIGHT)
        return turning and route.command_distance_m < self.config.before_turn_m and forward_speed_mps(tick.ego) > 0.5

    def _wants_to_hand_back(self, tick: Tick, hazard: Hazard | None) -> bool:
        config = self.config
        held_s = tick.time_s - self._since_s
        if held_s < config.least_s or tick.plan is None:
            return False
        calm = self._calm_since_s is not None and tick.time_s - self._calm_since_s >= config.calm_s
        return calm or (held_s >= config.most_s and hazard is None)


def _would_stand(tick: Tick) -> bool:
    """Whether the policy would leave a standing car where it is: by its plan's end, else by its pedals."""
    plan, control = tick.plan, tick.policy_control
    if plan is None or plan.is_control_only:
        return control is not None and control.throttle == 0.0
    return math.hypot(plan.trajectory_ego[-1][0], plan.trajectory_ego[-1][1]) < STANDING_PLAN_M


def _neutral() -> DriverInput:
    return DriverInput(kind=DriverKind.EXPERT, device="expert")


def _input(control: Control, note: str, *, takeover: bool = False, hand_back: bool = False) -> DriverInput:
    return DriverInput(
        kind=DriverKind.EXPERT,
        steer=control.steer,
        throttle=control.throttle,
        brake=control.brake,
        takeover_pressed=takeover,
        hand_back_pressed=hand_back,
        device="expert",
        note=note,
    )
