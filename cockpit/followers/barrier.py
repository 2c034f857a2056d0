"""When a frame is shown: as soon as every follower that keeps up has its pictures, and at the latest when time is up.

Pure: from times to decisions. A follower that was late several times in a row is not waited for any more, until it has
been in time again: one slow machine delays the others for a quarter of a second, not for the whole drive.
"""

from __future__ import annotations

import collections

LATE_IN_A_ROW = 5
"""So many frames in a row may come late before a follower is not waited for any more."""
WATCHED = 100
"""Number of last frames over which the share of missed ones is taken."""
MANY = 0.1
"""A larger share than this is reported to driver and experimenter."""


class Attendance:
    """How well one follower keeps up."""

    def __init__(self) -> None:
        self.late_in_a_row = LATE_IN_A_ROW
        """Nobody waits for a follower before its first picture."""
        self.has_begun = False
        self.shown = 0
        self.missed = 0
        self._outcomes: collections.deque[bool] = collections.deque(maxlen=WATCHED)

    def note(self, was_ready: bool) -> None:
        """A frame was released; whether the follower had it by then. Before its first picture it has missed nothing."""
        if not self.has_begun:
            return
        self._outcomes.append(was_ready)
        self.late_in_a_row = 0 if was_ready else self.late_in_a_row + 1
        self.shown, self.missed = self.shown + was_ready, self.missed + (not was_ready)

    @property
    def is_waited_for(self) -> bool:
        """Whether the others wait for it."""
        return self.late_in_a_row < LATE_IN_A_ROW

    def missed_share(self) -> float:
        """Share of the last frames that it had to skip, 0..1."""
        return self._outcomes.count(False) / len(self._outcomes) if self._outcomes else 0.0

    def is_slow(self) -> bool:
        """Whether it skips more than `MANY` of its frames; False until `WATCHED` / 2 of them are known."""
        return len(self._outcomes) >= WATCHED // 2 and self.missed_share() > MANY


class Barrier:
    """The frame that waits to be shown. One at a time: a newer one releases it."""

    def __init__(self, wait_s: float) -> None:
        self.wait_s = wait_s
        self.frame: int | None = None
        """The waiting frame; None when nothing waits."""
        self._newest: int | None = None
        self._deadline_s = 0.0
        self._ready: set[str] = set()
        self.attendance: dict[str, Attendance] = {}
        """Of every follower that is here, by its machine's name."""

    def join(self, name: str) -> None:
        """A follower came (again); it is waited for from the first frame on that it has pictures of."""
        self.attendance[name] = Attendance()

    def leave(self, name: str) -> None:
        """A follower went; nobody waits for it."""
        self.attendance.pop(name, None)

    def begin(self, frame: int, now_s: float) -> None:
        """A new frame waits. The one before it must have been released."""
        self.frame = self._newest = frame
        self._ready, self._deadline_s = set(), now_s + self.wait_s

    def ready(self, name: str, frame: int, now_s: float) -> None:
        """A follower has the pictures of `frame`. Within the waiting time, it is waited for from now on,
        also when the frame was released without it.
        """
        attendance = self.attendance.get(name)
        if attendance is None or frame != self._newest:
            return
        attendance.has_begun = True
        if frame == self.frame:
            self._ready.add(name)
        elif now_s < self._deadline_s:
            attendance.late_in_a_row = 0

    def is_due(self, now_s: float) -> bool:
        """Whether the waiting frame is to be shown now."""
        if self.frame is None:
            return False
        awaited = {name for name, attendance in self.attendance.items() if attendance.is_waited_for}
        return awaited <= self._ready or now_s >= self._deadline_s

    def release(self) -> tuple[int, frozenset[str]] | None:
        """Release the waiting frame: its number, and which followers have it. None when nothing waits."""
        if self.frame is None:
            return None
        frame, ready, self.frame = self.frame, frozenset(self._ready), None
        for name, attendance in self.attendance.items():
            attendance.note(name in ready)
        return frame, ready
