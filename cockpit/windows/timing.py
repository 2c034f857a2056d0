"""When pictures reach the driver: delays from the kernel's time stamp of an input to the swap of the first picture that
shows its effect, and how many ticks the screens had to skip. Plain bookkeeping, without Qt.
"""

from __future__ import annotations

import collections
import math
from dataclasses import dataclass

import numpy as np

KEPT = 1000
"""Delays that the percentiles are made of."""
WATCHED_TICKS = 100
TOO_MANY_DROPPED = 0.1
"""From this share of skipped ticks on it is shown to the driver and logged."""
LONGEST_S = 2.0
"""An input older than this came before the drive, or from a clock that was set: it measures nothing."""


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Of a set of delays, seconds; NaN when there are none."""

    count: int
    p50_s: float
    p95_s: float
    p99_s: float

    def text(self) -> str:
        """For people."""
        if self.count == 0:
            return "no input yet"
        return " / ".join(f"{1000 * value:.0f}" for value in (self.p50_s, self.p95_s, self.p99_s)) + " ms"


def percentiles(delays_s: collections.deque[float] | list[float]) -> Percentiles:
    """p50, p95 and p99 of what was measured."""
    if not delays_s:
        return Percentiles(0, math.nan, math.nan, math.nan)
    p50, p95, p99 = np.percentile(np.asarray(delays_s), (50, 95, 99))
    return Percentiles(len(delays_s), float(p50), float(p95), float(p99))


class PhotonMeter:
    """Follows ticks from their input to the last screen's swap."""

    def __init__(self, screens: int) -> None:
        self._screens = screens
        self._event_s: dict[int, float] = {}
        self._swapped: dict[int, set[str]] = {}
        self._last_event_s = 0.0
        self._outcomes: collections.deque[bool] = collections.deque(maxlen=WATCHED_TICKS)
        self.delays_s: collections.deque[float] = collections.deque(maxlen=KEPT)
        self.complete_frame = -1
        """The newest frame that every screen has shown."""

    def tick_came(self, was_dropped: bool) -> None:
        """A tick was handed over; whether the one before it was never painted."""
        self._outcomes.append(was_dropped)

    def painting(self, frame: int, event_time_s: float) -> None:
        """The screens are about to show `frame`; the newest input it was made with, 0 for none."""
        self._swapped[frame] = set()
        if event_time_s > self._last_event_s:
            self._last_event_s = event_time_s
            self._event_s[frame] = event_time_s
        for old in [number for number in self._swapped if number < frame - KEPT]:
            self._swapped.pop(old)
            self._event_s.pop(old, None)

    def swapped(self, screen: str, frame: int, time_s: float) -> bool:
        """A screen shows `frame` since `time_s` (CLOCK_REALTIME); whether it was the last of all."""
        seen = self._swapped.get(frame)
        if seen is None:
            return False
        seen.add(screen)
        if len(seen) < self._screens:
            return False
        del self._swapped[frame]
        self.complete_frame = max(self.complete_frame, frame)
        event_s = self._event_s.pop(frame, None)
        if event_s is not None and 0.0 <= time_s - event_s < LONGEST_S:
            self.delays_s.append(time_s - event_s)
        return True

    def input_to_photon(self) -> Percentiles:
        """From the kernel's event to the last screen's swap."""
        return percentiles(self.delays_s)

    def dropped_share(self) -> float:
        """Share of the last ticks that no screen showed, 0..1."""
        return sum(self._outcomes) / len(self._outcomes) if self._outcomes else 0.0

    def is_slow(self) -> bool:
        """Whether the screens skip more than anybody should accept."""
        return len(self._outcomes) == WATCHED_TICKS and self.dropped_share() > TOO_MANY_DROPPED
