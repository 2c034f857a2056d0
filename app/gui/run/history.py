"""The last half minute of a drive as rows of numbers, for the live plots. A `TickConsumer` that never blocks."""

from __future__ import annotations

import math
import threading
from collections import deque

import numpy as np
from numpy.typing import NDArray

from recorder.schema import Tick

KEPT_S = 30.0
COLUMNS = ("time_s", "speed_kmh", "limit_kmh", "driver_steer", "policy_steer", "applied_steer", "ttc_s")


class History:
    """Keeps one row per tick."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: deque[tuple[float, ...]] = deque()

    def consume(self, tick: Tick) -> None:
        """Add the tick's row and forget the oldest."""
        policy = tick.policy_control.steer if tick.policy_control is not None else math.nan
        row = (
            tick.time_s,
            tick.ego.speed_mps * 3.6,
            tick.route.speed_limit_mps * 3.6,
            tick.driver.steer,
            policy,
            tick.control.steer,
            tick.ttc_s if math.isfinite(tick.ttc_s) else math.nan,
        )
        with self._lock:
            self._rows.append(row)
            while tick.time_s - self._rows[0][0] > KEPT_S:
                self._rows.popleft()

    def close(self) -> None:
        """Nothing to finish."""

    def columns(self) -> dict[str, NDArray[np.float64]]:
        """The values by name; times count back from now (0 is the newest tick)."""
        with self._lock:
            rows = np.array(self._rows, np.float64).reshape(-1, len(COLUMNS))
        table: dict[str, NDArray[np.float64]] = dict(zip(COLUMNS, rows.T, strict=True))
        if len(rows):
            table["time_s"] = table["time_s"] - table["time_s"][-1]
        return table
