"""Starts the embedded simulator as a child process and ends it again.

The simulator is a program behind two ports, never a module of this process: `carla.Client` holds the interpreter lock
while it waits for some answers, so server and client must not share one.
"""

from __future__ import annotations

import logging
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

log = logging.getLogger(__name__)

READY_TIMEOUT_S = 180.0
STOP_TIMEOUT_S = 5.0


class SimulatorError(RuntimeError):
    """The simulator did not start; the text carries the end of its output."""


@dataclass(slots=True)
class RunningSimulator:
    """A simulator process that answers on `port` (RPC) and `port + 1` (streaming)."""

    port: int
    process: subprocess.Popen[str]
    stderr: IO[str]

    @property
    def is_alive(self) -> bool:
        """Whether the process still runs."""
        return self.process.poll() is None

    def complaints(self) -> str:
        """The last of what the process wrote to its standard error."""
        return _tail(self.stderr)

    def close(self) -> None:
        """End the process; safe to call twice."""
        _end(self.process)
        self.stderr.close()


@contextmanager
def launch_simulator(
    map_path: Path | str | None = None,
    port: int = 0,
    seed: int = 0,
    rendering: bool = True,
    timeout_s: float = READY_TIMEOUT_S,
) -> Iterator[RunningSimulator]:
    """Run the simulator for as long as the ``with`` block lasts.

    `map_path` is an OpenDRIVE file (None: the simulator's own town); port 0 takes a free pair of ports.

    Raises:
        SimulatorError: the map is missing, or the process ended or stayed silent before it was ready.

    """
    simulator = start_simulator(map_path, port, seed, rendering, timeout_s)
    try:
        yield simulator
    finally:
        simulator.close()


def start_simulator(
    map_path: Path | str | None = None,
    port: int = 0,
    seed: int = 0,
    rendering: bool = True,
    timeout_s: float = READY_TIMEOUT_S,
) -> RunningSimulator:
    """As `launch_simulator`, for callers that keep the process in an object and close it themselves."""
    command = [sys.executable, "-m", "sim", "--port", str(port), "--seed", str(seed), "--exit-with-parent"]
    command.append("--no-aliases")  # recordings name a town by its own name only
    if map_path is not None:
        if not Path(map_path).is_file():
            raise SimulatorError(f"Map {map_path} does not exist. Give the path of an OpenDRIVE (.xodr) file.")
        command += ["--map", str(map_path)]
    if not rendering:
        command += ["--no-rendering"]
    return _start(command, timeout_s)


def _start(command: list[str], timeout_s: float) -> RunningSimulator:
    stderr = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115 (closed with the process)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True, env=child_environment())
    try:
        port = _await_ready(process, timeout_s)
    except BaseException as error:
        _end(process)
        output = _tail(stderr)
        stderr.close()
        if isinstance(error, SimulatorError):
            raise SimulatorError(f"{error} It said:\n{output}" if output else str(error)) from None
        raise
    log.info("simulator ready on port %d (process %d)", port, process.pid)
    return RunningSimulator(port, process, stderr)


def child_environment() -> dict[str, str]:
    """Environment in which a child process finds the same packages as this one, whatever its folder."""
    root = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(part for part in (root, os.environ.get("PYTHONPATH", "")) if part)
    return {**os.environ, "PYTHONPATH": path}


def _await_ready(process: subprocess.Popen[str], timeout_s: float) -> int:
    """Port of the line ``ready PORT``. A thread goes on reading, so that the child never blocks on a full pipe."""
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    threading.Thread(target=_drain, args=(process, lines), daemon=True).start()
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            line = lines.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            raise SimulatorError(f"The simulator was not ready after {timeout_s:.0f} s.") from None
        if line is None:
            raise SimulatorError(f"The simulator ended before it was ready (exit code {process.wait()}).")
        words = line.split()
        if len(words) == 2 and words[0] == "ready" and words[1].isdigit():
            return int(words[1])


def _drain(process: subprocess.Popen[str], lines: queue.SimpleQueue[str | None]) -> None:
    assert process.stdout is not None  # noqa: S101 (opened as a pipe above)
    with process.stdout:
        for line in process.stdout:
            lines.put(line)
    lines.put(None)


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        log.warning("simulator %d did not end when asked; killing it", process.pid)
        process.kill()
        process.wait()


def _tail(stream: IO[str], characters: int = 2000) -> str:
    if stream.closed:
        return ""
    stream.seek(0)
    return stream.read()[-characters:].strip()
