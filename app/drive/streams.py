"""Lab Streaming Layer: gaze and physiology in, markers and the vehicle's state out.

Incoming samples are written beside the segments (`streams/<name>.csv`), each with the tick in which it was taken; a
JSON file beside it describes the channels. Each stream is read in a thread of its own; `consume` never waits. Without
the native library everything else works, and the reason is reported.
"""

from __future__ import annotations

import bisect
import csv
import json
import logging
import math
import re
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.config import StreamIn, StreamRole, StreamsConfig
from app.study.gaze import STREAMS_FOLDER
from recorder.schema import SessionInfo, Tick

log = logging.getLogger(__name__)

HELP = (
    "Streams by Lab Streaming Layer are off: {error}. `pip install pylsl` brings the library on Linux with glibc 2.35 "
    "or newer; elsewhere install liblsl (https://github.com/sccn/liblsl) and set PYLSL_LIB to its file."
)
RESOLVE_S, PULL_S, PATIENCE_S = 1.0, 0.1, 5.0
"""How long one search and one read may take, and after how long a missing stream is reported."""
REMEMBERED_S = 20.0
"""`TickClock` knows the ticks of this many past seconds."""
LOST_PREFIX = "lost"
VEHICLE_CHANNELS = (
    ("frame", ""),
    ("time", "s"),
    ("x", "m"),
    ("y", "m"),
    ("yaw", "rad"),
    ("speed", "m/s"),
    ("steer", ""),
    ("throttle", ""),
    ("brake", ""),
    ("driver_steer", ""),
    ("driver_throttle", ""),
    ("driver_brake", ""),
    ("policy_has_car", ""),
    ("ttc", "s"),
)
"""Channels of the outgoing vehicle stream and their units; a value that does not exist is nan."""


class StreamError(RuntimeError):
    """Streams cannot be used on this machine; the message says what to do."""


@dataclass(frozen=True, slots=True)
class StreamStatus:
    """The present state of one incoming stream."""

    name: str
    is_there: bool
    samples: int
    rate_hz: float


def load_pylsl() -> Any:
    """The module `pylsl` with its native library. Raises StreamError when either is missing."""
    try:
        import pylsl
    except (ImportError, OSError, RuntimeError) as error:
        raise StreamError(HELP.format(error=str(error).split("\n")[0])) from error
    return pylsl


class TickClock:
    """Which tick was the newest at a moment of the wall clock, over the last seconds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ticks: deque[tuple[float, int, float]] = deque()

    def add(self, tick: Tick) -> None:
        """Remember a finished tick, and forget those older than `REMEMBERED_S`."""
        with self._lock:
            self._ticks.append((tick.wall_time_s, tick.frame, tick.time_s))
            while tick.wall_time_s - self._ticks[0][0] > REMEMBERED_S:
                self._ticks.popleft()

    @property
    def newest_wall_s(self) -> float:
        """When the newest tick's snapshot arrived; before the first tick, minus infinity."""
        with self._lock:
            return self._ticks[-1][0] if self._ticks else -math.inf

    def at(self, wall_s: float) -> tuple[int, float]:
        """Frame and simulation time of the tick at `wall_s`; (-1, nan) before the first."""
        with self._lock:
            place = bisect.bisect_right(self._ticks, (wall_s, math.inf, math.inf)) - 1
            if place < 0:
                return -1, math.nan
            _, frame, time_s = self._ticks[place]
            return frame, time_s


class StreamRecorder:
    """A `TickConsumer` for all streams of a session, in and out.

    Raises StreamError when the native library is missing.
    """

    def __init__(
        self, config: StreamsConfig, folder: Path | None, info: SessionInfo, report: Callable[[str], None] = log.warning
    ) -> None:
        """`folder` is the session's; without one nothing is recorded. `report` is called with a message whenever a
        stream appears, is lost or fails.
        """
        pylsl = load_pylsl()
        self._clock = TickClock()
        self._sender = _Sender(pylsl, info) if config.send else None
        recorded = config.read if folder is not None else ()
        self._readers = [_Reader(pylsl, one, Path(str(folder)), self._clock, report) for one in recorded]

    def consume(self, tick: Tick) -> None:
        """Remember the tick for the readers, and send it."""
        self._clock.add(tick)
        if self._sender is not None:
            self._sender.send(tick)

    def close(self) -> None:
        """Write pending samples and stop reading; safe to call twice."""
        for reader in self._readers:
            reader.ask_stop()
        for reader in self._readers:
            reader.join()
        self._sender = None

    def status(self) -> tuple[StreamStatus, ...]:
        """The state of every incoming stream."""
        return tuple(reader.status() for reader in self._readers)


class _Reader:
    """One incoming stream: found, read, written; found again when it goes away."""

    def __init__(
        self, pylsl: Any, config: StreamIn, folder: Path, clock: TickClock, report: Callable[[str], None]
    ) -> None:
        self._lsl, self._config, self._clock, self._report = pylsl, config, clock, report
        self._stem = re.sub(r"[^\w-]+", "_", config.label).strip("_").lower()
        self._path = folder / STREAMS_FOLDER / f"{self._stem}.csv"
        self._stop = threading.Event()
        self._is_there, self._samples = False, 0
        self._moments: deque[tuple[float, int]] = deque(maxlen=50)
        self._pending: deque[tuple[float, float, list[Any]]] = deque()
        self._thread = threading.Thread(target=self._run, name=f"stream {self._stem}", daemon=True)
        self._thread.start()

    def ask_stop(self) -> None:
        self._stop.set()

    def join(self) -> None:
        self._thread.join(10.0)

    def status(self) -> StreamStatus:
        moments = list(self._moments)
        span_s = moments[-1][0] - moments[0][0] if len(moments) > 1 else 0.0
        rate = sum(count for _, count in moments[1:]) / span_s if span_s > 0.0 else 0.0
        return StreamStatus(self._config.label, self._is_there, self._samples, rate if self._is_there else 0.0)

    def _run(self) -> None:
        begun, is_reported = time.monotonic(), False
        while not self._stop.is_set():
            found = self._lsl.resolve_bypred(self._config.predicate(), 1, RESOLVE_S)
            if found:
                self._read(found[0])
                begun, is_reported = time.monotonic(), False
            elif not is_reported and time.monotonic() - begun > PATIENCE_S:
                is_reported = True
                self._report(f"stream {self._config.label} is not there yet; it is recorded as soon as it comes")

    def _read(self, found: Any) -> None:
        """Record until the stream is lost or the session is over."""
        flags = self._lsl.proc_clocksync | self._lsl.proc_dejitter | self._lsl.proc_monotonize
        inlet = self._lsl.StreamInlet(found, recover=False, processing_flags=flags)
        try:
            info = inlet.info(PATIENCE_S)
            with self._open(info) as file:
                self._is_there = True
                self._report(f"stream {self._config.label} has come")
                writer = csv.writer(file)
                while not self._stop.is_set():
                    samples, stamps = inlet.pull_chunk(PULL_S, max_samples=4096)
                    self._take(samples, stamps)
                    self._write(writer, self._clock.newest_wall_s)
                    file.flush()
                self._write(writer, math.inf)
        except (self._lsl.LostError, self._lsl.TimeoutError):
            self._report(f"stream {self._config.label} is {LOST_PREFIX}; it is looked for again")
        except OSError as error:
            self._report(f"stream {self._config.label} cannot be written: {error}")
            self._stop.set()
        finally:
            self._is_there = False
            inlet.close_stream()

    def _take(self, samples: list[list[Any]], stamps: list[float]) -> None:
        if not samples:
            return
        offset_s = time.time() - self._lsl.local_clock()
        self._pending.extend((stamp + offset_s, stamp, row) for stamp, row in zip(stamps, samples, strict=True))
        self._samples += len(samples)
        self._moments.append((time.monotonic(), len(samples)))

    def _write(self, writer: Any, until_wall_s: float) -> None:
        """Write the samples that are older than the newest tick: only then is their own tick known."""
        while self._pending and self._pending[0][0] <= until_wall_s:
            wall_s, stamp, row = self._pending.popleft()
            frame, time_s = self._clock.at(wall_s)
            writer.writerow([f"{wall_s:.6f}", frame, f"{time_s:.6f}", f"{stamp:.6f}", *row])

    def _open(self, info: Any) -> Any:
        """The CSV file, open for appending. Writes the description, and the heading when the file is new."""
        labels = _labels(info, self._config)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        description = {
            "name": info.name(),
            "type": info.type(),
            "source_id": info.source_id(),
            "host": info.hostname(),
            "nominal_hz": info.nominal_srate(),
            "channels": labels,
            "role": self._config.role.value,
            "surface": self._config.surface,
            "wanted": self._config.model_dump(mode="json"),
            "times": "wall_time_s: CLOCK_REALTIME; frame, time_s: the newest tick then; lsl_time_s: LSL's local clock",
        }
        self._path.with_suffix(".json").write_text(json.dumps(description, indent=1), encoding="utf-8")
        is_new = not self._path.exists()
        file = self._path.open("a", newline="", encoding="utf-8")
        if is_new:
            csv.writer(file).writerow(["wall_time_s", "frame", "time_s", "lsl_time_s", *labels])
        return file


class _Sender:
    """Sends markers and vehicle state: two outlets."""

    def __init__(self, pylsl: Any, info: SessionInfo) -> None:
        self._lsl = pylsl
        vehicle = pylsl.StreamInfo(
            "TakeoverVehicle",
            "Vehicle",
            len(VEHICLE_CHANNELS),
            1.0 / info.fixed_delta_s,
            "double64",
            f"takeover-vehicle-{info.session_id}",
        )
        channels = vehicle.desc().append_child("channels")
        for name, unit in VEHICLE_CHANNELS:
            channels.append_child("channel").append_child_value("label", name).append_child_value("unit", unit)
        markers = pylsl.StreamInfo(
            "TakeoverMarkers", "Markers", 1, 0.0, "string", f"takeover-markers-{info.session_id}"
        )
        self._vehicle, self._markers = pylsl.StreamOutlet(vehicle), pylsl.StreamOutlet(markers)

    def send(self, tick: Tick) -> None:
        """Send the tick's state and events; both are stamped with the moment at which the tick's snapshot arrived."""
        stamp = tick.wall_time_s - (time.time() - self._lsl.local_clock())
        self._vehicle.push_sample(vehicle_sample(tick), stamp)
        for event in tick.events:
            self._markers.push_sample([f"{event.kind.value} {event.text}".strip()], stamp)


def vehicle_sample(tick: Tick) -> list[float]:
    """One sample of the vehicle stream, in the order of `VEHICLE_CHANNELS`."""
    pose, control, driver = tick.ego.pose, tick.control, tick.driver
    return [
        float(tick.frame),
        tick.time_s,
        pose.x,
        pose.y,
        pose.yaw,
        tick.ego.speed_mps,
        control.steer,
        control.throttle,
        control.brake,
        driver.steer,
        driver.throttle,
        driver.brake,
        float(tick.authority.authority.value == "policy"),
        tick.ttc_s if math.isfinite(tick.ttc_s) else math.nan,
    ]


def _labels(info: Any, config: StreamIn) -> list[str]:
    """Channel names as the stream gives them, else numbers; a gaze stream's two coordinates are called x and y."""
    labels, channel = [], info.desc().child("channels").child("channel")
    for index in range(info.channel_count()):
        labels.append(channel.child_value("label") or f"channel{index}")
        channel = channel.next_sibling()
    if config.role is StreamRole.GAZE:
        for index, name in ((config.x_channel, "x"), (config.y_channel, "y")):
            if index < len(labels):
                labels[index] = name
    return labels
