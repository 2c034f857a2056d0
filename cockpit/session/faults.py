"""What fails around a session, told once each time it begins: in the log, and as events in the next tick."""

from __future__ import annotations

import logging
import re

from recorder.schema import EventKind, TickEvent

log = logging.getLogger(__name__)

QUIET_TICKS = 60
"""A fault that was not met for this many ticks (3 s at 20 Hz) is told again when it comes back."""
_NUMBERS = re.compile(r"\d+(\.\d+)?")


class FaultLog:
    """Faults that wait for the next tick. Words that differ only in their numbers are the same fault."""

    def __init__(self) -> None:
        self._waiting: list[TickEvent] = []
        self._met: dict[str, int] = {}
        self._ticks = 0

    def tell(self, text: str) -> None:
        """Something failed, or still fails; `text` says what, why and what to do."""
        kind = _NUMBERS.sub("#", text)
        met = self._met.get(kind)
        self._met[kind] = self._ticks
        if met is None or self._ticks - met > QUIET_TICKS:
            self._waiting.append(TickEvent(EventKind.FAULT, text))
            log.warning("%s", text)

    def take(self) -> tuple[TickEvent, ...]:
        """The faults that began since the last call; called once a tick."""
        self._ticks += 1
        waiting, self._waiting = self._waiting, []
        return tuple(waiting)
