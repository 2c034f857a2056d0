"""Wall time in the session: when the next tick is due, and how long the parts of the last one took."""

from __future__ import annotations

import time
from dataclasses import dataclass

CATCH_UP_S = 0.25
"""When a tick is later than this, the pace restarts from now: a hang is not made up for by a burst of ticks."""


@dataclass(slots=True)
class TickTimes:
    """Wall time of the parts of the last tick, seconds."""

    driver: float = 0.0
    policy: float = 0.0
    """Taking the plan (in lock-step: waiting for it) and tracking it."""
    arbitration: float = 0.0
    world: float = 0.0
    """The server's step, from the call to the snapshot."""
    reading: float = 0.0
    """Snapshot to states, route and time to collision."""
    pictures: float = 0.0
    """Waiting for what is left of the cameras' frames, and their colours."""
    offer: float = 0.0
    consumers: float = 0.0
    spare: float = 0.0
    """Slept to hold the pace; negative when the tick came late."""


class Pace:
    """Holds ticks to the wall clock, one every `period_s` seconds."""

    def __init__(self, period_s: float) -> None:
        self._period_s = period_s
        self._due_s: float | None = None

    def restart(self) -> None:
        """Restart the pace with the next `wait`: the world stood still."""
        self._due_s = None

    def wait(self, rest_s: float = 0.0) -> float:
        """Sleep until the next tick is due, and let `rest_s` seconds more pass before the one after it.

        Returns the seconds that were left until then, negative when the tick came late.
        """
        now = time.perf_counter()
        due = now if self._due_s is None else self._due_s
        spare_s = due - now
        if spare_s > 0.0:
            time.sleep(spare_s)
        elif -spare_s > CATCH_UP_S:
            due = now
        self._due_s = due + self._period_s + rest_s
        return spare_s
