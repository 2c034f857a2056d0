"""A policy in its own process: the newest frame goes in, plans come out, and the tick never waits.

Both classes fit `cockpit.session.ports.PolicyDriver`: `PolicyWorker` for any process that answers frames,
`PolicyProcess` for the VLA. One frame is in work at a time; while it is, newer ticks replace each other, so a slow
model sees fewer frames but never old ones. What fails there is reported by `status`, with the reason.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Self

from policy.control.tracking import control_from_plan
from policy.serving.wire import WireError, plan_from_header, read_message, write_message
from policy.vla.checkpoint import settings_of
from policy.vla.dialects.catalogue import dialect_of
from policy.vla.dialects.dialect import Held, Situation
from policy.vla.observation import is_restart, observation_at
from recorder.schema import ActorState, Control, Plan, PolicyStatus, RouteState, Tick

log = logging.getLogger(__name__)

RATE_WINDOW_S = 2.0
PAST_SPARE_S = 1.0
"""How much longer than the policy is shown the past is kept: a slow model is asked from a tick that is older."""
CLOSE_TIMEOUT_S = 2.0


class PolicyProcessError(Exception):
    """The policy's process cannot be used; the message says why."""


class PolicyWorker(ABC):
    """A process that answers frames with plans, its life and its troubles; what the two say is the subclass's."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], hang_after_s: float, load_timeout_s: float
    ) -> None:
        """Start `command`; returns at once.

        A frame unanswered for `hang_after_s` (or a process not ready after `load_timeout_s`) counts as a hang.
        """
        self._hang_after_s = hang_after_s
        self._load_timeout_s = load_timeout_s
        self._changed = threading.Condition()
        self._waiting: Tick | None = None
        self._in_work: tuple[int, float] | None = None
        self._plan: Plan | None = None
        self._answered_frame = -1
        """Of the newest answer, a plan or an error."""
        self._plan_times: deque[float] = deque(maxlen=256)
        self._ready = False
        self._closing = False
        self._last_error = ""
        self._protocol_error = ""
        """Why we ended the process ourselves."""
        self._started = time.monotonic()
        self._stderr = tempfile.TemporaryFile("a+b")  # noqa: SIM115 - lives as long as the process
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env=dict(environment),
            start_new_session=True,
        )
        self._threads = [
            threading.Thread(target=self._send, name="policy-send", daemon=True),
            threading.Thread(target=self._receive, name="policy-receive", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """Process id of the worker."""
        return self._process.pid

    def wait_ready(self, timeout_s: float | None = None) -> None:
        """Block until the model is loaded; raises `PolicyProcessError` with the reason when it will not be."""
        with self._changed:
            self._changed.wait_for(lambda: self._ready or self._ended, timeout_s or self._load_timeout_s)
        if not self._ready:
            raise PolicyProcessError(f"the policy did not start: {self.status().message}")

    def offer(self, tick: Tick) -> None:
        """Offer the newest tick; one that was not sent yet is dropped. Never blocks."""
        with self._changed:
            self._waiting = tick
            self._changed.notify_all()

    def newest_plan(self) -> Plan | None:
        """The newest plan received so far, or None before the first."""
        return self._plan

    def wait(self, frame: int, timeout_s: float) -> Plan | None:
        """Block until a plan made from `frame` or later is here; None when the process failed to make it, ended, or
        did not answer in time.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._ended or self._answered_frame >= frame, timeout_s)
            return self._plan if self._plan is not None and self._plan.frame >= frame else None

    @abstractmethod
    def control(
        self, plan: Plan, ego_at_plan: ActorState, ego: ActorState, time_s: float, route: RouteState
    ) -> Control:
        """Control for `plan`, made at `ego_at_plan`, at the ego's present state at time `time_s`."""

    def status(self) -> PolicyStatus:
        """Whether the process lives and answers, and its last error."""
        with self._changed:
            trouble = self._trouble()
            message = trouble or self._last_error or ("" if self._ready else "loading the model")
            return PolicyStatus(alive=not trouble, message=message, plans_per_s=self._rate())

    def close(self) -> None:
        """End the process; safe to call twice."""
        with self._changed:
            if self._closing:
                return
            self._closing = True
            self._changed.notify_all()
        self._process.terminate()
        try:
            self._process.wait(CLOSE_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for thread in self._threads:
            thread.join()
        for stream in (self._process.stdin, self._process.stdout, self._stderr):
            _close(stream)

    @property
    def _ended(self) -> bool:
        return self._closing or self._process.poll() is not None

    def _trouble(self) -> str:
        now = time.monotonic()
        if self._closing:
            return "the policy is closed"
        code = self._process.poll()
        if code is not None:
            return self._end_reason(code)
        if not self._ready:
            waited = now - self._started
            return f"the model is not loaded after {waited:.0f} s" if waited > self._load_timeout_s else ""
        if self._in_work is not None and now - self._in_work[1] > self._hang_after_s:
            frame, since = self._in_work
            return f"the policy hangs: frame {frame} is unanswered for {now - since:.1f} s"
        return ""

    def _end_reason(self, code: int) -> str:
        if self._protocol_error:
            return self._protocol_error
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        why = self._last_error if not self._ready else _tail(self._stderr)
        return f"the policy process {how}" + (f": {why}" if why else "")

    def _rate(self) -> float:
        newest = time.monotonic() - RATE_WINDOW_S
        return sum(1 for moment in self._plan_times if moment > newest) / RATE_WINDOW_S

    def _send(self) -> None:
        stream: Any = self._process.stdin
        try:
            while (tick := self._next_tick()) is not None:
                self._write_frame(stream, tick)
            stream.close()
        except OSError as error:
            log.info("the policy process takes no more frames: %s", error)

    def _next_tick(self) -> Tick | None:
        """The newest tick once the worker is free; None when closing or when it ended."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._ended or (self._ready and self._in_work is None and self._waiting is not None)
            )
            if self._ended or self._waiting is None:
                return None
            tick, self._waiting = self._waiting, None
            self._in_work = (tick.frame, time.monotonic())
            return tick

    def _receive(self) -> None:
        stream: Any = self._process.stdout
        try:
            while (header := self._read_answer(stream)) is not None:
                with self._changed:
                    self._handle(header)
                    self._changed.notify_all()
        except (WireError, ValueError) as error:
            self._protocol_error = f"the policy process talked nonsense and was ended: {error}"
            self._process.kill()
        self._process.wait()
        with self._changed:
            self._changed.notify_all()

    def _handle(self, header: dict[str, Any]) -> None:
        kind = header["kind"]
        if kind == "plan":
            self._plan = self._plan_of(header)
            self._plan_times.append(time.monotonic())
            self._in_work, self._answered_frame = None, self._plan.frame
            self._last_error = ""
        elif kind == "ready":
            self._ready = True
            self._last_error = ""
        elif kind == "error":
            self._in_work, self._answered_frame = None, header["frame"]
            self._last_error = f"frame {header['frame']} could not be answered: {header['message']}"
        else:
            self._last_error = header["message"]

    @abstractmethod
    def _write_frame(self, stream: BinaryIO, tick: Tick) -> None:
        """Send the process one tick's frame; raises `OSError` when it is gone."""

    @abstractmethod
    def _read_answer(self, stream: BinaryIO) -> dict[str, Any] | None:
        """What the process says next, waiting for it; None at the end. Raises `WireError` for what is no message."""

    @abstractmethod
    def _plan_of(self, header: dict[str, Any]) -> Plan:
        """The plan in an answer of kind ``plan``."""


class PolicyProcess(PolicyWorker):
    """A VLA in a process of its own. Starting returns at once; `wait_ready` waits until the model is loaded."""

    def __init__(
        self,
        folder: str | Path,
        adapter: str | Path | None = None,
        device: str = "auto",
        threads: int = 1,
        hang_after_s: float = 5.0,
        load_timeout_s: float = 300.0,
        shared: Path | None = None,
    ) -> None:
        """Start the process; raises `CheckpointError` when `folder` holds no checkpoint.

        `shared` is the address of a `SharedPolicy` of the same folder, which then answers; the model's own settings
        (adapter, device, threads) are that one's.
        """
        self._settings = settings_of(folder)
        self._dialect = dialect_of(self._settings)
        self._asked: Situation | None = None
        self._held: Held | None = None
        """The answer that holds, in a dialect whose answers do; it is sent along, for the process knows no sessions."""
        self._past: deque[Tick] = deque()
        """The newest ticks, as far back as the policy is shown."""
        if shared is not None:
            command = [sys.executable, "-m", "policy.serving.relay", str(shared), "--parent", str(os.getpid())]
        else:
            command = [sys.executable, "-m", "policy.serving.worker", str(folder)]
            command += ["--device", device, "--threads", str(threads), "--parent", str(os.getpid())]
        if adapter is not None and shared is None:
            command += ["--adapter", str(adapter)]
        super().__init__(command, worker_environment(threads), hang_after_s, load_timeout_s)

    def offer(self, tick: Tick) -> None:
        """Offer the newest tick; one that was not sent yet is dropped. Never blocks."""
        missing = [name for name in self._settings.cameras if name not in tick.cameras]
        if missing:
            with self._changed:
                self._last_error = f"tick {tick.frame} has no picture of camera '{missing[0]}'"
            return
        with self._changed:
            if self._past and not 0.0 < tick.time_s - self._past[-1].time_s < PAST_SPARE_S:
                self._past.clear()  # another drive: the clock was set back or has jumped
            self._past.append(tick)
            oldest_s = tick.time_s - self._settings.history.span_s - PAST_SPARE_S
            while self._past[0].time_s < oldest_s or (is_restart(tick) and self._past[0] is not tick):
                self._past.popleft()
        super().offer(tick)

    def control(
        self,
        plan: Plan,
        ego_at_plan: ActorState,
        ego: ActorState,
        time_s: float,
        route: RouteState,  # noqa: ARG002 - part of the interface: other policies steer by it
    ) -> Control:
        """Control that tracks `plan`, made at `ego_at_plan`, from the ego's present state at time `time_s`."""
        return control_from_plan(plan, ego_at_plan, ego, time_s)

    def _write_frame(self, stream: BinaryIO, tick: Tick) -> None:
        with self._changed:
            past = [one for one in self._past if one.frame <= tick.frame]
        observation = observation_at(past or [tick], self._settings)
        images = observation.images
        self._asked = Situation.of(observation)
        if self._held is not None and not self._held.holds_in(self._asked, self._dialect.period_s):
            self._held = None
        header = {
            "frame": observation.frame,
            "time_s": observation.time_s,
            "shapes": [image.shape for image in images],
            "prompt": self._dialect.prompt(observation),
            "situation": self._asked.to_header(),
            "held": self._held.to_header() if self._held else None,
        }
        write_message(stream, header, b"".join(image.tobytes() for image in images))

    def _read_answer(self, stream: BinaryIO) -> dict[str, Any] | None:
        message = read_message(stream)
        return None if message is None else message[0]

    def _plan_of(self, header: dict[str, Any]) -> Plan:
        plan = plan_from_header(header["plan"])
        if self._dialect.period_s and self._held is None and self._asked is not None:
            self._held = Held(plan.text, plan.confidence, plan.entropy, self._asked)
        return plan


def worker_environment(threads: int) -> dict[str, str]:
    """The environment of a policy's process: this code is found, and so many threads compute."""
    root = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(part for part in (root, os.environ.get("PYTHONPATH", "")) if part)
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": str(threads)}


def _close(stream: Any) -> None:
    with contextlib.suppress(BrokenPipeError):  # half a frame was still buffered for a process that has ended
        stream.close()


def _tail(stream: BinaryIO) -> str:
    """The last line a process wrote."""
    try:
        stream.seek(max(0, stream.seek(0, os.SEEK_END) - 4096))
        lines = stream.read().decode(errors="replace").strip().splitlines()
    except ValueError:  # closed
        return ""
    return lines[-1] if lines else ""
