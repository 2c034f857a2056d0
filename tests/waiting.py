"""Waiting in tests for what happens in another thread or process, not for a time."""

from __future__ import annotations

import time
from collections.abc import Callable

MOST_S = 60.0
"""Far more than anything takes on a busy machine: it is reached only when the thing does not happen."""


def until(is_done: Callable[[], bool], most_s: float = MOST_S) -> None:
    """Return when `is_done()`, looking every 5 ms. AssertionError when it is not after `most_s` seconds."""
    deadline = time.monotonic() + most_s
    while not is_done():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.005)
