"""What another thread may do in the middle of a call, at a moment of the test's choice: before any line of a module."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import TypeVar

T = TypeVar("T")


def interrupted(call: Callable[[], T], module: ModuleType, interrupt: Callable[[int], object]) -> T:
    """The call's result; `interrupt(n)` is called just before the n-th line of `module` that it runs, from 1."""
    count = 0

    def trace(frame, event, _):
        nonlocal count
        if frame.f_code.co_filename != module.__file__:
            return None
        if event == "line":
            count += 1
            sys.settrace(None)
            interrupt(count)
            sys.settrace(trace)
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        return call()
    finally:
        sys.settrace(before)
