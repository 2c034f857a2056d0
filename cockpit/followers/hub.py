"""The hub: sits between the session and this machine's screens, and lets all machines show a frame at once.

A `TickConsumer`: the session passes a tick and goes on. Everything else happens in the hub's own thread, with one
event loop and no blocking calls. A follower that does not read, or sends what is no message, is disconnected; one that
is slow skips frames, and `error` says so.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from cockpit.config import ConfigError
from cockpit.followers.barrier import Barrier
from cockpit.followers.messages import (
    VERSION,
    Kind,
    MessageError,
    content_of_rig,
    content_of_tick,
    line_from,
    message_in,
)
from cockpit.rig.projection import Vector3
from cockpit.rig.rig import Rig
from recorder.schema import Tick

log = logging.getLogger(__name__)

MOST_UNREAD_BYTES = 1 << 20
"""What a follower may leave unread of what was sent; beyond that it is disconnected. The rig is not counted."""
EYE_S = 1 / 60
"""Between ticks the position of a tracked eye is sent to the followers this often, seconds."""
LAGS_KEPT = 1000
CLOSE_S = 3.0
JOIN_S = 10.0
"""A connection that sends no `join` within this time is closed, seconds."""
MOST_CAMERAS = 64
JOIN_LINE = 1 << 16


class World(Protocol):
    """The drive's values that the hub needs."""

    def world_address(self) -> tuple[str, int]:
        """Host and RPC port of the CARLA server."""
        ...

    def forget_cameras(self, actor_ids: Iterable[int]) -> None:
        """Destroys the cameras of a follower that left without doing so."""
        ...


class Screens(Protocol):
    """This machine's own screens."""

    def consume(self, tick: Tick) -> None:
        """Show the tick."""
        ...

    def close(self) -> None:
        """Close the windows."""
        ...


@dataclass(eq=False)
class _Link:
    """One follower's connection."""

    name: str
    writer: asyncio.StreamWriter
    rig_bytes: int = 0
    """Length of the rig's message, 0 before it was sent."""
    cameras: set[int] = field(default_factory=set)
    lags_s: deque[float] = field(default_factory=lambda: deque(maxlen=LAGS_KEPT))
    """From the release of a frame to the word that it is shown: over the network and back."""


@dataclass(frozen=True, slots=True)
class FollowerStatus:
    """One follower as the experimenter sees it."""

    machine: str
    is_here: bool
    shown: int = 0
    missed: int = 0
    missed_share: float = 0.0
    lag_s: tuple[float, ...] = ()


class ScreenHub:
    """All screens of a rig that has followers. `consume`, `show_paused` and `close` may come from any thread."""

    def __init__(self, rig: Rig, own: Screens, world: World, eye: Callable[[], Vector3] | None = None) -> None:
        """Begin to listen.

        Raises:
            ConfigError: the rig's address is none of this machine's, or its port is taken.
        """
        self._rig, self._own, self._world, self._eye = rig, own, world, eye
        self.names = rig.followers()
        self._barrier = Barrier(rig.machines.wait_s)
        self._links: dict[str, _Link] = {}
        self._tick: Tick | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._released_s: dict[int, float] = {}
        self._is_paused = False
        self._has_joined: set[str] = set()
        self._rig_content = content_of_rig(rig)
        listen = rig.machines.listen
        try:
            self._socket = socket.create_server((listen, rig.machines.port))
        except OSError as error:
            raise ConfigError(
                f"rig '{rig.name}': cannot wait for followers at {listen}:{rig.machines.port} ({error.strerror}); set "
                "machines: listen to an address of this machine, and port to a free one"
            ) from error
        self.port: int = self._socket.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._over = asyncio.Event()
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="screen hub", daemon=True)
        self._thread.start()

    # --- from other threads -------------------------------------------------------------------------------------

    def consume(self, tick: Tick) -> None:
        """Show `tick` on all machines as soon as those that keep up have its pictures; never blocks."""
        self._soon(self._begin, tick)

    def show_paused(self, is_paused: bool) -> None:
        """Send the followers whether the world is paused; the caller updates this machine's own screens."""
        if is_paused is not self._is_paused:
            self._is_paused = is_paused
            self._soon(self._send_all, line_from(Kind.PAUSED, is_paused=is_paused))

    def close(self) -> None:
        """Disconnect the followers and close this machine's screens; safe to call twice."""
        if not self._is_closed:
            self._is_closed = True
            self._soon(self._end)
            self._thread.join(CLOSE_S)
        self._own.close()

    def status(self) -> tuple[FollowerStatus, ...]:
        """The state of every follower, connected or not."""
        return tuple(self._status_of(name) for name in self.names)

    @property
    def error(self) -> str | None:
        """What is wrong with the followers; None while all keep up. A session records it as a fault."""
        for name in self.names:
            attendance = self._barrier.attendance.get(name)
            if attendance is None and name in self._has_joined:
                return f"the screens of '{name}' are gone: start `takeover screens` there again"
            if attendance is not None and attendance.is_slow():
                return f"the screens of '{name}' skip pictures: look at that machine's load and network"
        return None

    def _status_of(self, name: str) -> FollowerStatus:
        attendance, link = self._barrier.attendance.get(name), self._links.get(name)
        if attendance is None or link is None:
            return FollowerStatus(name, is_here=False)
        lags = tuple(link.lags_s)
        return FollowerStatus(name, True, attendance.shown, attendance.missed, attendance.missed_share(), lags)

    def _soon(self, call: Callable[..., None], *arguments: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: no follower is left
            self._loop.call_soon_threadsafe(call, *arguments)

    # --- in the hub's thread ------------------------------------------------------------------------------------

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        except asyncio.CancelledError:
            pass
        finally:
            for task in (left := asyncio.all_tasks(self._loop)):
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
            self._loop.close()
            self._socket.close()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._attend, sock=self._socket, limit=JOIN_LINE)
        async with server:
            eyes = asyncio.create_task(self._send_eyes())
            await self._over.wait()
            eyes.cancel()
            left = [link.writer for link in self._links.values()]
            for writer in left:
                writer.close()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.gather(*(w.wait_closed() for w in left), return_exceptions=True), 0.5)

    def _end(self) -> None:
        self._send_all(line_from(Kind.END, text="the drive is over"))
        self._over.set()

    def _begin(self, tick: Tick) -> None:
        """A new tick: send it, and wait for the followers that keep up."""
        self._release()
        self._tick = tick
        self._barrier.begin(tick.frame, time.monotonic())
        line = None
        for link in list(self._links.values()):
            if not link.rig_bytes:
                rig = line_from(Kind.RIG, world=list(self._world.world_address()), **self._rig_content)
                link.rig_bytes = len(rig)
                self._send(link, rig)
                if self._is_paused:
                    self._send(link, line_from(Kind.PAUSED, is_paused=True))
            if line is None:
                eye = None if self._eye is None else list(self._eye())
                line = line_from(Kind.TICK, tick=content_of_tick(tick), eye=eye)
            self._send(link, line)
        self._release_if_due()
        if self._barrier.frame is not None:
            self._timer = self._loop.call_later(self._barrier.wait_s, self._release_if_due)

    def _release_if_due(self) -> None:
        if self._barrier.is_due(time.monotonic()):
            self._release()

    def _release(self) -> None:
        """Show the waiting frame everywhere, if there is one."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        released = self._barrier.release()
        if released is None or self._tick is None:
            return
        frame, ready = released
        self._released_s[frame] = time.monotonic()
        while len(self._released_s) > LAGS_KEPT:
            del self._released_s[next(iter(self._released_s))]
        line = line_from(Kind.RELEASE, frame=frame)
        for name in ready:
            if name in self._links:
                self._send(self._links[name], line)
        self._own.consume(self._tick)

    async def _send_eyes(self) -> None:
        while self._eye is not None:
            await asyncio.sleep(EYE_S)
            if self._links:
                self._send_all(line_from(Kind.EYE, eye=list(self._eye())))

    def _send_all(self, line: bytes) -> None:
        for link in list(self._links.values()):
            if link.rig_bytes:
                self._send(link, line)

    def _send(self, link: _Link, line: bytes) -> None:
        """Never waits: what is not read lies in the connection's buffer, whose size is bounded."""
        if link.writer.transport.get_write_buffer_size() > MOST_UNREAD_BYTES + link.rig_bytes:
            log.warning("'%s' does not read: it is sent away", link.name)
            link.writer.transport.abort()
            self._leave(link)
            return
        link.writer.write(line)

    # --- one follower -------------------------------------------------------------------------------------------

    async def _attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = None
        try:
            line = await asyncio.wait_for(reader.readline(), JOIN_S)
            link = self._welcome(line, writer)
            while link is not None and (line := await reader.readline()):
                self._take(link, *message_in(line))
        except (MessageError, ValueError, KeyError, TypeError) as error:
            log.warning("a follower was sent away: %s", error)
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            pass  # it is disconnected, which is handled below like an orderly end
        finally:
            if link is not None:
                self._leave(link)
            writer.close()

    def _welcome(self, line: bytes, writer: asyncio.StreamWriter) -> _Link | None:
        kind, content = message_in(line)
        name, version = content.get("machine"), content.get("version")
        if kind is not Kind.JOIN or not isinstance(name, str):
            raise MessageError("the first message was none of a follower's")
        problem = None
        if version != VERSION:
            problem = f"this session speaks version {VERSION}, not {version}: install the same release on both machines"
        elif name not in self.names:
            there = ", ".join(self.names) or "none"
            problem = f"no screen of rig '{self._rig.name}' has machine: {name}; followers of it: {there}"
        elif name in self._links:
            problem = f"'{name}' is here already"
        if problem is not None:
            writer.write(line_from(Kind.REFUSED, text=problem))
            return None
        link = _Link(name, writer)
        self._links[name] = link
        self._barrier.join(name)
        self._has_joined.add(name)
        log.info("'%s' has joined", name)
        return link

    def _take(self, link: _Link, kind: Kind, content: dict[str, Any]) -> None:
        if kind is Kind.READY:
            self._barrier.ready(link.name, int(content["frame"]), time.monotonic())
            self._release_if_due()
        elif kind is Kind.SHOWN:
            released_s = self._released_s.get(int(content["frame"]))
            if released_s is not None:
                link.lags_s.append(time.monotonic() - released_s)
        elif kind is Kind.CAMERAS:
            link.cameras = {int(actor_id) for actor_id in content["ids"][:MOST_CAMERAS]}

    def _leave(self, link: _Link) -> None:
        if self._links.get(link.name) is not link:
            return
        del self._links[link.name]
        self._barrier.leave(link.name)
        self._release_if_due()
        log.info("'%s' has left", link.name)
        if link.cameras and not self._is_closed:
            self._world.forget_cameras(link.cameras)
