"""The status of a drive for windows and commands: its phase, rates, recorder and newest tick."""

from __future__ import annotations

import enum
import threading
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.drive.streams import StreamStatus
from cockpit.session.pace import TickTimes
from cockpit.session.progress import EndReason, SessionResult
from recorder.schema import PolicyStatus, Tick

METER_WINDOW_S = 2.0

END_WORDS = {
    EndReason.ROUTE_DONE: "route completed",
    EndReason.TIME_LIMIT: "time limit reached",
    EndReason.BLOCKED: "the car stood still for too long",
    EndReason.ROUTE_LOST: "the car left its route for good",
    EndReason.COLLISION: "collision",
    EndReason.SAFE_STOPPED: "safe stop, and nobody took over",
    EndReason.STOP_ASKED: "stopped",
    EndReason.WORLD_LOST: "the simulator is gone",
}


class Phase(enum.StrEnum):
    """How far a drive has come."""

    READY = "ready"
    SIMULATOR = "simulator"
    POLICY = "policy"
    WORLD = "world"
    DRIVING = "driving"
    STOPPING = "stopping"
    ENDED = "ended"
    FAILED = "failed"

    @property
    def is_over(self) -> bool:
        """Nothing more will happen."""
        return self in (Phase.ENDED, Phase.FAILED)


@dataclass(frozen=True, slots=True)
class RecorderStatus:
    """What the recorder is doing."""

    is_recording: bool
    segments: int
    dropped_ticks: int
    error: str


@dataclass(frozen=True, slots=True)
class RunStatus:
    """The state of a drive at one moment."""

    phase: Phase
    message: str = ""
    """How it ended, or what failed and what to do."""
    loop_hz: float = 0.0
    begin_time_s: float = 0.0
    """Simulation time of the first tick."""
    policy: PolicyStatus | None = None
    recorder: RecorderStatus | None = None
    folder: Path | None = None
    """Where it is recorded; None when it is not."""
    result: SessionResult | None = None
    is_paused: bool = False
    times: TickTimes | None = None
    """Wall time of the parts of the last tick; None while nothing drives."""
    streams: tuple[StreamStatus, ...] = ()
    stream_message: str = ""
    """The newest message about streams."""


@dataclass(frozen=True, slots=True)
class Ground:
    """Where a drive takes place."""

    town: str
    opendrive: str
    route_world: NDArray[np.float64]
    """(N, 4) x, y, z, yaw at 1 m steps."""


class Meter:
    """A `TickConsumer` that keeps the newest tick and the loop's rate."""

    def __init__(self) -> None:
        self.newest: Tick | None = None
        self.begin_time_s = 0.0
        self._lock = threading.Lock()
        self._moments: deque[float] = deque()

    def consume(self, tick: Tick) -> None:
        """Take note of the tick."""
        now = time.monotonic()
        with self._lock:
            if self.newest is None:
                self.begin_time_s = tick.time_s
            self.newest = tick
            self._moments.append(now)
            while self._moments[0] < now - METER_WINDOW_S:
                self._moments.popleft()

    def close(self) -> None:
        """Nothing to finish."""

    def loop_hz(self) -> float:
        """Ticks per second over the last two seconds of wall time."""
        with self._lock:
            recent = [moment for moment in self._moments if moment > time.monotonic() - METER_WINDOW_S]
        return (len(recent) - 1) / (recent[-1] - recent[0]) if len(recent) > 2 else 0.0
