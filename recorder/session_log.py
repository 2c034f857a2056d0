"""What happened in a session beside its ticks: notes, marks, requests, pauses, its end; one JSON object a line.

`log.jsonl` lies beside session.json. Every line is written and flushed at once, so that a killed program loses none; a
line that was being written then is left out by `read_log`. As a `TickConsumer` the log also keeps every tick's events,
whether a segment holds them or not.
"""

from __future__ import annotations

import enum
import json
import logging
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from recorder.schema import EventKind, Tick

log = logging.getLogger(__name__)

LOG_FILE = "log.jsonl"


class EntryKind(enum.StrEnum):
    """What a line is about."""

    NOTE = "note"
    """What the experimenter wrote down."""
    MARK = "mark"
    """The experimenter's mark; it is an event of the tick, too."""
    REQUEST = "request"
    """The experimenter asked for a takeover."""
    PAUSE = "pause"
    RESUME = "resume"
    EVENT = "event"
    """An event of a tick; the text begins with its kind."""
    STREAM = "stream"
    """A measuring device came, went, or cannot be recorded."""
    END = "end"
    """The session is over; the text says how."""


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One line."""

    kind: EntryKind
    text: str
    wall_time_s: float
    """CLOCK_REALTIME."""
    frame: int
    """Of the newest tick when it happened, -1 before the first."""
    time_s: float
    """Simulation time of that tick."""


class SessionLog:
    """The writing end. `add` may come from any thread; what cannot be written is reported once, no more."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / LOG_FILE
        self.error = ""
        self._lock = threading.Lock()
        self._frame, self._time_s = -1, 0.0

    def add(self, kind: EntryKind, text: str = "") -> LogEntry:
        """Write a line now, with the newest tick's frame and time."""
        with self._lock:
            entry = LogEntry(kind, text, time.time(), self._frame, self._time_s)
            try:
                with self.path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(asdict(entry), ensure_ascii=False) + "\n")
            except OSError as error:
                if not self.error:
                    log.error("%s cannot be written: %s; notes and marks are lost from now on", self.path, error)
                self.error = f"{self.path}: {error}"
        return entry

    def consume(self, tick: Tick) -> None:
        """Keep the tick's events (marks apart, which were written when they were made)."""
        with self._lock:
            self._frame, self._time_s = tick.frame, tick.time_s
        for event in tick.events:
            if event.kind is not EventKind.MARK:
                self.add(EntryKind.EVENT, f"{event.kind.value} {event.text}".strip())

    def close(self) -> None:
        """Nothing to finish: every line is on disk."""


def read_log(folder: Path) -> list[LogEntry]:
    """Every whole line of a session's log, in order; empty when there is none (older sessions have none)."""
    try:
        lines = (folder / LOG_FILE).read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []
    found = []
    for line in lines:
        try:
            entry = json.loads(line)
            found.append(LogEntry(**{**entry, "kind": EntryKind(entry["kind"])}))
        except (ValueError, TypeError, KeyError):
            log.warning("%s: a line cannot be read and is left out", folder / LOG_FILE)
    return found
