"""The last seconds of anything that carries a time: what a segment's past is taken from.

It holds and forgets, and does nothing else; encoding and writing are the writer's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar


class Timed(Protocol):
    """Anything with a simulation time in seconds, for example a `Tick`."""

    @property
    def time_s(self) -> float:
        """Simulation time, seconds."""
        ...


T = TypeVar("T", bound=Timed)

ROUNDING_S = 1e-6
"""Simulation times are sums of steps: an item exactly on the border must not fall out by rounding."""


class RingBuffer(Generic[T]):
    """Keeps what is at most `seconds` older than the newest item, in order of arrival."""

    def __init__(self, seconds: float) -> None:
        if seconds < 0:
            raise ValueError(f"a ring buffer of {seconds} s cannot be: give a length of 0 s or more")
        self.seconds = seconds
        self._items: deque[T] = deque()

    def append(self, item: T) -> None:
        """Add the newest item and forget what is too old. Time going back (a new episode) empties the ring first."""
        if self._items and item.time_s < self._items[-1].time_s:
            self._items.clear()
        self._items.append(item)
        while item.time_s - self._items[0].time_s > self.seconds + ROUNDING_S:
            self._items.popleft()

    def last(self, seconds: float) -> list[T]:
        """Items at most `seconds` older than the newest, oldest first."""
        if not self._items:
            return []
        newest_s = self._items[-1].time_s
        return [item for item in self._items if newest_s - item.time_s <= seconds + ROUNDING_S]

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[T]:
        return iter(self._items)
