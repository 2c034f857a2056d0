"""The totals of a running session, and the conditions that end it.

Pure bookkeeping over ticks: distance, takeovers, events, and the end conditions of the CARLA leaderboard and
Bench2Drive (route completed, time-out, blocked, route left for good). It touches neither the world nor the driver.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass, field

from cockpit.config import SessionConfig
from cockpit.scenarios.judge import ScenarioOutcome
from recorder.schema import Authority, EventKind, Tick, TickEvent

DONE_WITHIN_M = 5.0
"""The route is done this far before its last point (the leaderboard allows 10 m)."""
STANDING_MPS = 0.1
"""Slower than this is standing still, as in Bench2Drive's blocked test."""
LEAST_TIME_S, LEAST_SPEED_MPS = 60.0, 2.0
"""The default time limit: a minute, and the route at walking pace."""


class EndReason(enum.StrEnum):
    """Why a session ended."""

    ROUTE_DONE = "route_done"
    TIME_LIMIT = "time_limit"
    BLOCKED = "blocked"
    ROUTE_LOST = "route_lost"
    COLLISION = "collision"
    SAFE_STOPPED = "safe_stopped"
    STOP_ASKED = "stop_asked"
    WORLD_LOST = "world_lost"


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """An event and when it happened."""

    frame: int
    time_s: float
    event: TickEvent


@dataclass(frozen=True, slots=True)
class SessionResult:
    """The result of a session."""

    route_id: str
    end: EndReason
    route_length_m: float
    driven_m: float
    """Along the route."""
    distance_m: float
    """Along the ego's own path."""
    sim_time_s: float
    ticks: int
    takeovers: int
    """How often the policy lost the car, to the driver or to the safe stop."""
    policy_share: float
    """Share of the distance driven while the policy alone had the car, 0..1."""
    off_road_m: float
    """Distance driven on no driving lane."""
    events: tuple[LoggedEvent, ...] = ()
    scenarios: tuple[ScenarioOutcome, ...] = ()
    """The outcomes of the route's scenarios."""

    @property
    def completion(self) -> float:
        """Share of the route that was driven, 0..1; 1 when it was done."""
        return 1.0 if self.end is EndReason.ROUTE_DONE else min(self.driven_m / max(self.route_length_m, 1.0), 1.0)

    def count(self, kind: EventKind) -> int:
        """How often something happened."""
        return sum(logged.event.kind is kind for logged in self.events)


@dataclass(slots=True)
class Progress:
    """Adds up the ticks of one session."""

    config: SessionConfig
    ticks: int = 0
    distance_m: float = 0.0
    policy_m: float = 0.0
    off_road_m: float = 0.0
    takeovers: int = 0
    events: list[LoggedEvent] = field(default_factory=list)
    first: Tick | None = None
    last: Tick | None = None
    _moved_s: float = 0.0
    """When the ego last moved."""

    def add(self, tick: Tick) -> None:
        """Take the next tick."""
        before, self.last = self.last, tick
        self.ticks += 1
        self.events += [LoggedEvent(tick.frame, tick.time_s, event) for event in tick.events]
        if self.first is None or before is None:
            self.first, self._moved_s = tick, tick.time_s
            return
        step_m = math.hypot(tick.ego.pose.x - before.ego.pose.x, tick.ego.pose.y - before.ego.pose.y)
        if any(event.kind is EventKind.REWIND for event in tick.events):  # nobody drove back there
            step_m, self._moved_s = 0.0, tick.time_s
        self.distance_m += step_m
        self.policy_m += step_m if tick.authority.authority is Authority.POLICY else 0.0
        self.off_road_m += step_m if tick.route.is_off_road else 0.0
        self.takeovers += tick.authority.authority.is_taken and not before.authority.authority.is_taken
        if tick.ego.speed_mps >= STANDING_MPS:
            self._moved_s = tick.time_s

    def end(self) -> EndReason | None:
        """Why the session is over; None while it goes on."""
        tick, first, config = self.last, self.first, self.config
        if tick is None or first is None:
            return None
        if tick.route.driven_m >= tick.route.length_m - DONE_WITHIN_M:
            return EndReason.ROUTE_DONE
        if config.end_on_collision and any(event.kind is EventKind.COLLISION for event in tick.events):
            return EndReason.COLLISION
        if abs(tick.route.lateral_offset_m) > config.route_lost_m:
            return EndReason.ROUTE_LOST
        if tick.time_s - first.time_s >= time_limit_s(config, tick.route.length_m):
            return EndReason.TIME_LIMIT
        stood_s = tick.time_s - self._moved_s
        if stood_s >= config.blocked_s:
            return EndReason.BLOCKED
        is_stopped = tick.authority.authority is Authority.SAFE_STOP and config.safe_stop_end_s is not None
        if is_stopped and stood_s >= (config.safe_stop_end_s or 0.0):
            return EndReason.SAFE_STOPPED
        return None

    def result(self, route_id: str, end: EndReason) -> SessionResult:
        """The sum of it all."""
        first, last = self.first, self.last
        return SessionResult(
            route_id=route_id,
            end=end,
            route_length_m=last.route.length_m if last else 0.0,
            driven_m=last.route.driven_m if last else 0.0,
            distance_m=self.distance_m,
            sim_time_s=last.time_s - first.time_s if last and first else 0.0,
            ticks=self.ticks,
            takeovers=self.takeovers,
            policy_share=self.policy_m / self.distance_m if self.distance_m > 0.0 else 0.0,
            off_road_m=self.off_road_m,
            events=tuple(self.events),
        )


def time_limit_s(config: SessionConfig, route_length_m: float) -> float:
    """Simulation time a route may take."""
    if config.time_limit_s is not None:
        return config.time_limit_s
    return LEAST_TIME_S + route_length_m / LEAST_SPEED_MPS
