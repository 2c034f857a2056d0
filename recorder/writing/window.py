"""When a takeover's segment begins and ends: pure logic over (authority, time), one update a tick."""

from __future__ import annotations

import enum

from recorder.layout.takeovers import is_takeover
from recorder.schema import Authority
from recorder.writing.ring import ROUNDING_S


class Step(enum.Enum):
    """What a tick means for the segment."""

    IDLE = enum.auto()
    """No segment."""
    BEGIN = enum.auto()
    """A takeover: the segment begins, and this tick belongs to it."""
    GO_ON = enum.auto()
    """This tick belongs to the segment."""
    END = enum.auto()
    """This tick is the segment's last."""


class TakeoverWindow:
    """From a takeover to `post_s` seconds of simulation after the policy has the car again.

    A new takeover within those seconds extends the same segment.
    """

    def __init__(self, post_s: float) -> None:
        self.post_s = post_s
        self._last: Authority | None = None
        self._open = False
        self._back_since_s: float | None = None

    def update(self, authority: Authority, time_s: float) -> Step:
        """The next tick's state and simulation time."""
        entered = self._last is not None and is_takeover(self._last, authority)
        self._last = authority
        if not self._open:
            self._open, self._back_since_s = entered, None
            return Step.BEGIN if entered else Step.IDLE
        if authority is Authority.POLICY:
            self._back_since_s = time_s if self._back_since_s is None else self._back_since_s
        elif authority.is_taken:
            self._back_since_s = None
        if self._back_since_s is not None and time_s - self._back_since_s >= self.post_s - ROUNDING_S:
            self._open = False
            return Step.END
        return Step.GO_ON

    def close(self) -> None:
        """Forget the open segment, when it cannot be written on. The next takeover begins a new one."""
        self._open = False
