"""Faults around a session, each reported once when it begins: in the log, and as an event of the next tick."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable

from recorder.schema import EventKind, TickEvent

log = logging.getLogger(__name__)

QUIET_TICKS = 60
"""A fault that did not occur for this many ticks (3 s at 20 Hz) is reported again when it comes back."""
_NUMBERS = re.compile(r"\d+(\.\d+)?")


class FaultLog:
    """Passes each fault on once. Texts that differ only in their numbers are the same fault."""

    def __init__(self, put: Callable[[TickEvent], object]) -> None:
        self._put = put
        self._last_tick_of: dict[str, int] = {}
        self._ticks = 0

    def report(self, text: str) -> None:
        """Something failed, or still fails; `text` says what, why and what to do."""
        kind = _NUMBERS.sub("#", text)
        last = self._last_tick_of.get(kind)
        self._last_tick_of[kind] = self._ticks
        if last is None or self._ticks - last > QUIET_TICKS:
            self._put(TickEvent(EventKind.FAULT, text))
            log.warning("%s", text)

    def count_tick(self) -> None:
        """A tick is over; called once for each."""
        self._ticks += 1
