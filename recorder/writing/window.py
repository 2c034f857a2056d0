"""When a takeover's segment begins and ends: pure logic over (authority, time), one update a tick."""

from __future__ import annotations

import enum
from collections.abc import Sequence

from recorder.schema import Authority
from recorder.writing.ring import ROUNDING_S

TAKEN = frozenset({Authority.HUMAN, Authority.SAFE_STOP})
"""States in which the policy has lost the car; entering them is a takeover."""


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
        entered = authority in TAKEN and self._last is not None and self._last not in TAKEN
        self._last = authority
        if not self._open:
            self._open, self._back_since_s = entered, None
            return Step.BEGIN if entered else Step.IDLE
        if authority is Authority.POLICY:
            self._back_since_s = time_s if self._back_since_s is None else self._back_since_s
        elif authority in TAKEN:
            self._back_since_s = None
        if self._back_since_s is not None and time_s - self._back_since_s >= self.post_s - ROUNDING_S:
            self._open = False
            return Step.END
        return Step.GO_ON

    def close(self) -> None:
        """Forget the open segment, when it cannot be written on. The next takeover begins a new one."""
        self._open = False


def takeovers(authority: Sequence[Authority], began_taken: bool = False) -> list[tuple[int, int | None]]:
    """Index of each takeover in a row of states, and of the tick in which the policy has the car again (or None).

    `began_taken`: a row that starts in a taken state starts with a takeover (its past was not recorded).
    """
    found: list[tuple[int, int | None]] = []
    for index, state in enumerate(authority):
        entered = authority[index - 1] not in TAKEN if index else began_taken
        if state in TAKEN and entered:
            found.append((index, None))
        elif state is Authority.POLICY and found and found[-1][1] is None:
            found[-1] = (found[-1][0], index)
    return [pair for pair in found if pair]
