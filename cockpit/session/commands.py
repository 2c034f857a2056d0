"""What other threads ask of a running session, and the one queue through which all of it arrives.

Threads only put; the session alone takes, between two ticks and while it builds one, and does things in the order in
which they were asked for. Events travel the same way: a mark from the experimenter, a fault, a scenario's next phase.
"""

from __future__ import annotations

import enum
import threading

from recorder.schema import TickEvent


class Command(enum.Enum):
    """What can be asked of a session; each is valid at any time."""

    STOP = enum.auto()
    """End after the present tick."""
    PAUSE = enum.auto()
    """Stand still after the present tick."""
    RESUME = enum.auto()
    """Go on after a pause."""
    REQUEST_TAKEOVER = enum.auto()
    """Ask the driver to take over, in the next tick."""
    REWIND = enum.auto()
    """Set the scene back before the next tick (see `cockpit.session.second_chance`)."""


class Inbox:
    """Commands and events that wait for the session, in the order in which they were put. For any number of threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: list[Command | TickEvent] = []
        self._is_pause_asked = self._is_stop_asked = False

    def put(self, item: Command | TickEvent) -> None:
        """Append a command, or an event for the next tick; returns at once."""
        with self._changed:
            self._waiting.append(item)
            if item in (Command.PAUSE, Command.RESUME):
                self._is_pause_asked = item is Command.PAUSE
            self._is_stop_asked |= item is Command.STOP
            self._changed.notify_all()

    def take(self) -> list[Command | TickEvent]:
        """All that waits, oldest first; each item is given once."""
        with self._changed:
            taken, self._waiting = self._waiting, []
            return taken

    def wait(self, timeout_s: float) -> None:
        """Block until something waits, at most `timeout_s` seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting, timeout_s)

    @property
    def is_pause_asked(self) -> bool:
        """Whether the newest PAUSE or RESUME that was put is a PAUSE, taken or not."""
        return self._is_pause_asked

    @property
    def is_stop_asked(self) -> bool:
        """Whether a STOP was ever put, taken or not."""
        return self._is_stop_asked
