"""The instruments' content for a tick, in a driver's words: pure, from `Tick` to text and numbers.

Every message a driver can ever see is in one of the tables below.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass

from recorder.schema import Authority, Direction, DriverKind, Plan, Reason, RouteCommand, SpeedAction, Tick

FLASH_PERIOD_S = 0.7
"""About 1.4 Hz: attracts the eye, and stays well under the 3 Hz that can harm photosensitive people (WCAG 2.3.1)."""
FLASH_ON_SHARE = 0.65


class Tone(enum.Enum):
    """Mood of a message; `palette` gives it a colour."""

    POLICY = "policy"
    HUMAN = "human"
    ALERT = "alert"
    BLEND = "blend"
    STOP = "stop"


TONE_OF = {
    Authority.POLICY: Tone.POLICY,
    Authority.HUMAN: Tone.HUMAN,
    Authority.REQUESTED: Tone.ALERT,
    Authority.HANDING_BACK: Tone.BLEND,
    Authority.SAFE_STOP: Tone.STOP,
}

PAUSED_WORDS = (
    "Paused",
    "Leave wheel and pedals as they are: the drive goes on from here.",
    "To go on: F6, or Resume in the window",
)
"""The driver's screen while the experimenter has paused the world: what it shows, and what to do."""

REASON_WORDS = {
    Reason.SESSION_START: "session begins",
    Reason.OVERRIDE_STEER: "you steered",
    Reason.OVERRIDE_BRAKE: "you braked",
    Reason.OVERRIDE_THROTTLE: "you accelerated",
    Reason.OVERRIDE_BUTTON: "you pressed the button",
    Reason.OVERRIDE_PADDLE: "you pulled the paddle",
    Reason.HAND_BACK_BUTTON: "you gave the car back",
    Reason.HAND_BACK_DONE: "hand-back complete",
    Reason.HAND_BACK_REFUSED: "hand-back refused: the policy would do something else",
    Reason.PLAN_MISSING: "the policy has no plan",
    Reason.PLAN_STALE: "the policy's plan is too old",
    Reason.POLICY_FAILED: "the policy stopped working",
    Reason.POLICY_RECOVERED: "the policy works again",
    Reason.TTC_LOW: "collision ahead",
    Reason.ROUTE_LEFT: "the car is leaving its route",
    Reason.DEVICE_LOST: "the wheel is unplugged",
    Reason.EXPERIMENTER: "the experimenter asks",
    Reason.REQUEST_TIMEOUT: "nobody took over",
    Reason.WORLD_LOST: "the simulator is gone",
    Reason.POLICY_UNSURE: "the policy is unsure",
    Reason.REWIND: "second chance: drive it yourself",
}

EXPERT_REASON_WORDS = {
    Reason.OVERRIDE_STEER: "expert steered",
    Reason.OVERRIDE_BRAKE: "expert braked",
    Reason.OVERRIDE_THROTTLE: "expert accelerated",
    Reason.OVERRIDE_BUTTON: "expert took over",
    Reason.HAND_BACK_BUTTON: "expert gave the car back",
}

DIRECTION_WORDS = {
    Direction.FOLLOW_LANE: "Follow lane",
    Direction.CHANGE_LANE_LEFT: "Change lane left",
    Direction.CHANGE_LANE_RIGHT: "Change lane right",
    Direction.GO_STRAIGHT: "Go straight",
    Direction.TURN_LEFT: "Turn left",
    Direction.TURN_RIGHT: "Turn right",
    Direction.DEVIATE_LEFT: "Move over left",
    Direction.DEVIATE_RIGHT: "Move over right",
}

SPEED_WORDS = {
    SpeedAction.KEEP: "keep speed",
    SpeedAction.ACCELERATE: "speed up",
    SpeedAction.DECELERATE: "slow down",
    SpeedAction.STOP: "stop",
}

COMMAND_WORDS = {
    RouteCommand.LANE_FOLLOW: "Follow the road",
    RouteCommand.LEFT: "Turn left",
    RouteCommand.RIGHT: "Turn right",
    RouteCommand.STRAIGHT: "Straight on",
    RouteCommand.CHANGE_LANE_LEFT: "Left lane",
    RouteCommand.CHANGE_LANE_RIGHT: "Right lane",
}


@dataclass(frozen=True, slots=True)
class Instruments:
    """One tick as the driver reads it."""

    speed_kmh: int
    limit_kmh: int
    who: str
    """Who drives: POLICY, YOU, EXPERT, TAKE OVER!, HANDING BACK, SAFE STOP."""
    why: str
    """Why it is so."""
    tone: Tone
    progress: float | None
    """Share of the policy while handing back, 0..1."""
    banner: str
    """Flashes across the screen while a takeover is requested; empty otherwise."""
    policy: str
    """The policy's announced manoeuvre."""
    plan_age_s: float
    """Simulation time since the frame the plan was made from; inf without a plan."""
    confidence: float
    command: RouteCommand
    command_text: str
    distance_text: str
    throttle: float
    brake: float
    steer: float
    is_reversing: bool


def instruments_from_tick(tick: Tick) -> Instruments:
    """All content of the instruments for `tick`."""
    authority = tick.authority.authority
    is_expert = tick.driver.kind is DriverKind.EXPERT
    return Instruments(
        speed_kmh=round(tick.ego.speed_mps * 3.6),
        limit_kmh=round(tick.route.speed_limit_mps * 3.6),
        who=who_words(authority, is_expert),
        why=why_words(tick.authority.reason, is_expert),
        tone=TONE_OF[authority],
        progress=tick.authority.blend if authority is Authority.HANDING_BACK else None,
        banner="TAKE OVER" if authority is Authority.REQUESTED else "",
        policy=policy_words(tick.plan),
        plan_age_s=math.inf if tick.plan is None else max(0.0, tick.time_s - tick.plan.time_s),
        confidence=0.0 if tick.plan is None else tick.plan.confidence,
        command=tick.route.command,
        command_text=COMMAND_WORDS[tick.route.command],
        distance_text=distance_words(tick.route.command, tick.route.command_distance_m),
        throttle=tick.control.throttle,
        brake=tick.control.brake,
        steer=tick.control.steer,
        is_reversing=tick.control.reverse,
    )


def who_words(authority: Authority, is_expert: bool) -> str:
    """The big word on the authority plate."""
    words = {
        Authority.POLICY: "POLICY",
        Authority.HUMAN: "EXPERT" if is_expert else "YOU",
        Authority.REQUESTED: "TAKE OVER!",
        Authority.HANDING_BACK: "HANDING BACK",
        Authority.SAFE_STOP: "SAFE STOP",
    }
    return words[authority]


def why_words(reason: Reason, is_expert: bool) -> str:
    """The small words under it."""
    if is_expert and reason in EXPERT_REASON_WORDS:
        return EXPERT_REASON_WORDS[reason]
    return REASON_WORDS[reason]


def policy_words(plan: Plan | None) -> str:
    """The policy's meta-action as a phrase."""
    if plan is None:
        return "No plan yet"
    if plan.direction is None or plan.speed is None:
        return "Names no manoeuvre"
    return f"{DIRECTION_WORDS[plan.direction]}, {SPEED_WORDS[plan.speed]}"


def distance_words(command: RouteCommand, distance_m: float) -> str:
    """How far the manoeuvre is, rounded as road signs do; empty when there is none."""
    if command is RouteCommand.LANE_FOLLOW or not math.isfinite(distance_m):
        return ""
    if distance_m < 5.0:
        return "now"
    step = 5 if distance_m < 100 else 10
    return f"{step * round(distance_m / step)} m"


def flash_is_on(time_s: float) -> bool:
    """Whether flashing things show at `time_s`."""
    return (time_s % FLASH_PERIOD_S) < FLASH_PERIOD_S * FLASH_ON_SHARE
