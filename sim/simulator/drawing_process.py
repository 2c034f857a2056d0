"""The process that draws (`sim.render.worker`) as seen from the simulator, which never waits for a picture here.

A process and not a thread, because moderngl keeps Python's lock during every OpenGL call: a thread that draws stops the
simulation for up to 13 ms at a time (`benchmarks/render.py`). Scenes go through a socket, pictures come back through
shared memory. A process that died is started again with the next pictures.
"""

from __future__ import annotations

import logging
import mmap
import os
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from sim.scene.records import CameraView, SceneState
from sim.simulator.frames import Drawn

log = logging.getLogger(__name__)

MOST_SENT = 2
"""Ticks that the process may have at a time: one that it draws, and one to go on with."""
SOCKET_BYTES = 4 << 20
ENDS_IN_S = 5.0


class NoGraphicsError(Exception):
    """The libraries for drawing are not installed; the text says which."""


@dataclass(slots=True)
class _Job:
    """The pictures of one tick, and where they are put in the shared memory; -1 before that is decided."""

    scene: SceneState
    views: tuple[CameraView, ...]
    begin: int = -1

    @property
    def sizes(self) -> list[int]:
        return [4 * view.width * view.height for view in self.views]

    @property
    def end(self) -> int:
        return self.begin + sum(self.sizes)


class DrawingProcess:
    """Draws the pictures of one server (a `sim.simulator.frames.Drawer`)."""

    def __init__(self, gpu: int | None = None, mirrors: bool | None = None) -> None:
        """`gpu` chooses among EGL's devices; `mirrors`: cabins' show what is behind; None: with a graphics card.

        The process starts with the first town (`open`).
        """
        self._options = [] if gpu is None else ["--gpu", str(gpu)]
        if mirrors is not None:
            self._options.append("--mirrors" if mirrors else "--no-mirrors")
        self._memory = os.memfd_create("pictures")
        self._map: mmap.mmap | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None
        self._jobs: deque[_Job] = deque()
        self._sent = 0
        self._finished: list[Drawn] = []
        self._opendrive = ""
        self._opening = 0
        self._opened: tuple[str, str] | None = None
        self._trouble = ""

    # What the simulator asks for

    def open(self, opendrive: str) -> None:
        """Draw this town from now on; what was begun before is still of the former one. Does not wait."""
        while self._sent < len(self._jobs):  # they must be before it
            self._send(self._jobs[self._sent])
        self._opendrive = opendrive
        self._tell(("open", opendrive))

    def wait_until_open(self) -> None:
        """Wait for the town of the last `open`.

        Raises:
            NoGraphicsError: the libraries for drawing are not installed.
            RuntimeError: it cannot be drawn; says why.
        """
        while self._opening and self._receive() is not None:
            pass
        kind, text = self._opened or ("broken", self._trouble)
        if kind == "no libraries":
            raise NoGraphicsError(text)
        if kind != "opened":
            raise RuntimeError(text)

    def begin(self, scene: SceneState, views: Sequence[CameraView]) -> None:
        """Begin the pictures of a tick. Does not wait for them."""
        self._jobs.append(_Job(scene, tuple(views)))
        self._send_on()

    def finished(self) -> list[Drawn]:
        """What is ready since the last call, in the order in which it was begun. Does not wait."""
        while self._connection is not None and self._connection.poll():
            self._receive()
        finished, self._finished = self._finished, []
        return finished

    def source(self) -> Connection | None:
        """Becomes readable when the process has something to say; another one after it was started again."""
        return self._connection

    def close(self) -> None:
        """End the process, with what was begun left undone. May be called again."""
        if self._process is not None:
            self._process.kill()  # nothing of it outlives its pictures
        self._end()
        self._jobs.clear()
        if self._map is not None:
            self._map.close()
            self._map = None
        if self._memory >= 0:
            os.close(self._memory)
            self._memory = -1

    # The process

    def _start(self) -> Connection:
        ours, theirs = socket.socketpair()
        for end in (ours, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BYTES)
        command = [sys.executable, "-m", "sim.render.worker", str(theirs.fileno()), str(self._memory), *self._options]
        paths = os.pathsep.join(path or "." for path in sys.path)
        keep = (theirs.fileno(), self._memory)
        self._process = subprocess.Popen(command, pass_fds=keep, env=os.environ | {"PYTHONPATH": paths})
        theirs.close()
        self._connection = Connection(ours.detach())
        return self._connection

    def _end(self) -> int | None:
        """Close the connection, at which the process ends; gives its exit code."""
        if self._connection is not None:
            self._connection.close()
        process, self._connection, self._process = self._process, None, None
        if process is None:
            return None
        try:
            return process.wait(ENDS_IN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def _tell(self, message: tuple[Any, ...]) -> None:
        """Send a message to the process, which is started if need be."""
        connection = self._connection
        if connection is None:
            connection = self._start()
            if message[0] != "open" and self._opendrive:
                self._opening += 1
                connection.send(("open", self._opendrive))
        self._opening += message[0] == "open"
        try:
            connection.send(message)
        except OSError:
            self._fail()

    def _receive(self) -> tuple[Any, ...] | None:
        """Wait for a message of the process; None when it has ended."""
        if self._connection is None:
            return None
        try:
            message: tuple[Any, ...] = tuple(self._connection.recv())
        except (EOFError, OSError):
            self._fail()
            return None
        match message:
            case ("drawn",):
                self._take(self._jobs.popleft())
            case ("failed", str(text)):
                self._jobs.popleft()
                self._done(Drawn(error=text))
            case ("opened" | "broken" | "no libraries" as kind, str(text)):
                self._opened, self._opening = (kind, text), self._opening - 1
                log.log(logging.INFO if kind == "opened" else logging.ERROR, "drawing: %s", text)
        return message

    def _take(self, job: _Job) -> None:
        assert self._map is not None  # noqa: S101
        images, at = [], job.begin
        for size in job.sizes:
            images.append(self._map[at : at + size])
            at += size
        self._done(Drawn(tuple(images)))

    def _done(self, drawn: Drawn) -> None:
        self._finished.append(drawn)
        self._sent -= 1
        self._send_on()

    def _fail(self) -> None:
        """The process has ended: what it had is not drawn, what it had not yet is sent to a new one."""
        text = f"the process that draws has ended (exit code {self._end()}); the next pictures start it again"
        self._trouble = text
        lost, self._sent = self._sent, 0
        for _ in range(lost):
            self._jobs.popleft()
        self._finished += [Drawn(error=text)] * lost
        self._opened, self._opening = ("broken", text), 0
        self._send_on()

    # Shared memory

    def _send_on(self) -> None:
        while self._sent < min(len(self._jobs), MOST_SENT):
            self._send(self._jobs[self._sent])

    def _send(self, job: _Job) -> None:
        job.begin = self._free_place(sum(job.sizes))
        if self._map is None or job.end > len(self._map):
            if self._map is not None:
                self._map.close()
            os.ftruncate(self._memory, job.end)
            self._map = mmap.mmap(self._memory, job.end)
        self._sent += 1
        self._tell(("draw", job.scene, job.views, job.begin))

    def _free_place(self, size: int) -> int:
        """The first byte of a stretch that no picture on its way needs."""
        at = 0
        for job in sorted((job for job in self._jobs if job.begin >= 0), key=lambda job: job.begin):
            if job.begin - at >= size:
                break
            at = max(at, job.end)
        return at
