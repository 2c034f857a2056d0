"""Whether the ego came through a scenario: a pure function of ticks, and the record of the outcome.

What every type shares is here: no collision, no red light, on the road, through in time. What a type requires beyond
that (an ambulance let past, a door kept clear of) is its own check, see `cockpit.scenarios.catalogue`.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from recorder.schema import EventKind, Tick

AT_REST_MPS = 0.1
"""A collision of an ego slower than this is not its fault (as the leaderboard counts)."""
TIMEOUT_S = 120.0
"""From the trigger; the leaderboard gives a scenario up after four minutes, on routes of kilometres."""


class Phase(enum.StrEnum):
    """Where a scenario is."""

    WAITING = "waiting"
    """The ego is not near yet."""
    STAGED = "staged"
    """Its actors stand; the trigger is ahead."""
    RUNNING = "running"
    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    """It could not be played at its place."""

    @property
    def is_over(self) -> bool:
        """Whether it is decided."""
        return self in (Phase.PASSED, Phase.FAILED, Phase.SKIPPED)


@dataclass(frozen=True, slots=True)
class ScenarioOutcome:
    """The outcome of one scenario."""

    name: str
    type: str
    phase: Phase
    reason: str = ""
    """Why it failed or was skipped."""
    begun_s: float | None = None
    """Simulation time of the trigger; None when the ego never got there."""
    ended_s: float | None = None


def mistake_in(tick: Tick, last_speed_mps: float, *, counts_lights: bool = True) -> str:
    """What the ego did wrong in this tick, in words; empty when nothing. `last_speed_mps` is the ego's a tick ago."""
    for event in tick.events:
        if event.kind is EventKind.COLLISION and last_speed_mps >= AT_REST_MPS:
            return event.text.replace("hit ", "collision with ")
        if event.kind is EventKind.RED_LIGHT and counts_lights:
            return "red light"
        if event.kind is EventKind.OFF_ROAD:
            return "left the road"
    return ""
