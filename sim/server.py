"""The two TCP ports and the one thread behind them: calls in the order they came, ticks, the free-running clock.

Sockets and the world run on one asyncio loop. A call is answered whole before the next one begins, so the world
changes in one order only. Pictures are drawn by a process of their own (`sim.simulator.frames`): neither the answer to
a tick nor the next tick waits for them, up to a few ticks' pictures. In synchronous mode a tick waits while more are on
their way, or some reader is behind or just connecting, so that no picture is ever lost; in asynchronous mode the clock
goes on and pictures are left out instead. A map is read in a thread before the call that loads it is answered. While a
tick or a map is waited for, other connections' calls are answered; those of the same connection keep their order.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from sim.calls.dispatch import methods
from sim.calls.maps import map_asked_for
from sim.calls.table import Context
from sim.protocol.rpc import Request, RpcConnection, answer
from sim.simulator.frames import MOST_WAITING, MOST_WAITING_FREE, HasFileno
from sim.simulator.simulator import DEFAULT_STEP_S, Simulator

log = logging.getLogger(__name__)

LAG_POLL_S = 0.002
FREE_PORT_ATTEMPTS = 50
TICKING_CALLS = ("tick_cue", "apply_batch")
LOADING_CALL = "load_new_episode"
HEALTH_CHECK = "health_check_remote_TM"
"""Answered before waiting calls: after 2 s without an answer the client library raises in the middle of a tick."""


BLOCKED_S = 1.5
"""When a health check is answered later than this (2 s, less a margin for the network), a client library that drives a
TrafficManager discards the next snapshot it gets, and its user's `world.tick()` waits for that snapshot for ever."""


EPISODE_CALL = "get_episode_info"
"""What a client that has loaded a map asks for once it has dropped its old episode."""

LONGEST_HOLD_S = 1.0
"""Readers of a former episode learn of the new one after this, if the client that made it does not go on."""


class PortInUseError(Exception):
    """A port cannot be listened on; the text says which and what to do."""


def open_ports(host: str, port: int) -> tuple[socket.socket, socket.socket]:
    """Listening sockets of `port` and `port + 1`; port 0 takes a free pair. Raises PortInUseError."""
    if port:
        first = _listen(host, port)
        try:
            return first, _listen(host, port + 1)
        except PortInUseError:
            first.close()
            raise
    for _ in range(FREE_PORT_ATTEMPTS):
        first = _listen(host, 0)
        try:
            return first, _listen(host, first.getsockname()[1] + 1)
        except PortInUseError:
            first.close()
    raise PortInUseError(f"no two neighbouring ports of {host} are free: name one with --port")


def _listen(host: str, port: int) -> socket.socket:
    if port > 65535:
        raise PortInUseError(f"port {port} does not exist: the highest --port is 65534, its neighbour is the stream's")
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    # So that a server may start where one has just ended; two at once are still refused.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        text = (
            f"cannot listen on {host}:{port} ({error.strerror or error}): end what runs there or choose another --port"
        )
        raise PortInUseError(text) from None
    listener.setblocking(False)
    return listener


class Server:
    """Serves one simulator until `stop` is called."""

    def __init__(self, simulator: Simulator, start_map: Path, aliases: dict[str, Path] | None = None) -> None:
        """`start_map` is the file of the simulator's map, `aliases` are other names of maps with their files."""
        self.simulator = simulator
        self._context = Context(simulator, start_map, aliases or {})
        self._methods = methods(self._context)
        self._requests: deque[Request] = deque()
        self._wake = asyncio.Event()
        self._stopped = asyncio.Event()
        self._loader: tuple[RpcConnection, asyncio.TimerHandle] | None = None
        """Who has begun the present episode and has not asked for it yet, and until when it is waited for."""
        self._preparing: tuple[Request, asyncio.Future[None]] | None = None
        """The call whose map is being read."""
        self._last_tick_error = ""
        self._watched: tuple[HasFileno, int] | None = None
        """What becomes readable when pictures are ready, and its file descriptor."""

    def stop(self) -> None:
        """End `run`; may be called from a signal handler of the loop."""
        self._stopped.set()

    async def run(self, rpc: socket.socket, stream: socket.socket, on_ready: Callable[[int], None]) -> None:
        """Serve until stopped; `on_ready` gets the RPC port once both ports answer."""
        loop = asyncio.get_running_loop()
        port = rpc.getsockname()[1]
        self.simulator.set_stream_port(stream.getsockname()[1])
        servers = [
            await loop.create_server(self._connection, sock=rpc),
            await loop.create_server(self.simulator.streams.connection, sock=stream),
        ]
        tasks = [loop.create_task(self._answer_requests()), loop.create_task(self._run_free())]
        stopped = loop.create_task(self._stopped.wait())
        self._watch_drawing()
        self.simulator.scans.notify = lambda: loop.call_soon_threadsafe(self._send_scans) and None
        on_ready(port)
        try:
            done, _ = await asyncio.wait([*tasks, stopped], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()  # an internal error ends the server with its traceback
        finally:
            for task in (*tasks, stopped):
                task.cancel()
            for server in servers:
                server.close()
            if self._watched is not None:
                loop.remove_reader(self._watched[1])
            self.simulator.close()

    def _connection(self) -> RpcConnection:
        return RpcConnection(self._take)

    def _take(self, request: Request) -> None:
        if request.name == HEALTH_CHECK:
            self._answer(request)
            return
        self._requests.append(request)
        self._wake.set()

    async def _answer_requests(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._requests:
                request = self._take_next()
                if request is None:
                    await asyncio.sleep(LAG_POLL_S)
                    continue
                self._answer(request)
                # Between two calls the loop runs once: replies leave, pictures are drawn, new calls come in.
                await asyncio.sleep(0)

    def _take_next(self) -> Request | None:
        """The first call that need not wait, nor comes after one of its connection's that must; None if all must."""
        waiting: list[RpcConnection] = []
        for k, request in enumerate(self._requests):
            if request.connection in waiting:
                continue
            if not self._must_wait(request):
                del self._requests[k]
                return request
            waiting.append(request.connection)
        return None

    def _must_wait(self, request: Request) -> bool:
        if request.name in TICKING_CALLS:
            return self._is_behind()
        return request.name == LOADING_CALL and not self._is_prepared(request)

    def _is_prepared(self, request: Request) -> bool:
        """Whether a loading call's map has been read, which is begun here when no other one is at it."""
        if self._preparing is not None and self._preparing[0] is request:
            return self._preparing[1].done()
        if self._preparing is not None and not self._preparing[1].done():
            return False
        map_file = map_asked_for(self._context, *request.params[1:2])
        if map_file is None:
            return True
        task = asyncio.get_running_loop().run_in_executor(None, self.simulator.prepare, map_file)
        self._preparing = request, task
        return False

    def _answer(self, request: Request) -> None:
        begun_s = time.monotonic()
        if request.name == EPISODE_CALL and self._loader is not None and request.connection is self._loader[0]:
            self._release()
        former = self.simulator.episode_id
        reply = answer(request, self._methods)
        if self.simulator.episode_id != former and self.simulator.world_streams.holds_back:
            self._await_loader(request.connection)
        if request.message_id is not None:
            request.connection.send(reply)
        self._draw_soon()
        self._repeat_after_block(begun_s)

    def _await_loader(self, connection: RpcConnection) -> None:
        self._forget_loader()
        self._loader = connection, asyncio.get_running_loop().call_later(LONGEST_HOLD_S, self._release)

    def _forget_loader(self) -> None:
        if self._loader is not None:
            self._loader[1].cancel()
        self._loader = None

    def _release(self) -> None:
        self._forget_loader()
        self.simulator.release_world_streams()

    def _draw_soon(self) -> None:
        """Schedule drawing of pending frames, after the replies that are ready have been sent."""
        if self.simulator.has_pending_frames:
            asyncio.get_running_loop().call_soon(self._draw)

    def _draw(self) -> None:
        begun_s = time.monotonic()
        self.simulator.draw_pending()
        self._watch_drawing()
        self._repeat_after_block(begun_s)

    def _watch_drawing(self) -> None:
        """Listen to the process that draws, which is another one after one has ended."""
        drawer = self.simulator.frames.drawer
        now = None if drawer is None else drawer.source()
        if now is (self._watched and self._watched[0]):
            return
        loop = asyncio.get_running_loop()
        if self._watched is not None:
            loop.remove_reader(self._watched[1])
        self._watched = None if now is None else (now, now.fileno())
        if self._watched is not None:
            loop.add_reader(self._watched[1], self._send_pictures)

    def _send_pictures(self) -> None:
        self.simulator.frames.send_finished()
        self._watch_drawing()

    def _repeat_after_block(self, begun_s: float) -> None:
        """After work that blocked answers for too long, repeat the snapshot: clients may discard the first one."""
        if time.monotonic() - begun_s > BLOCKED_S:
            self.simulator.repeat_snapshot()

    def _send_scans(self) -> None:
        begun_s = time.monotonic()
        self.simulator.scans.send_finished()
        self._repeat_after_block(begun_s)

    def _is_behind(self) -> bool:
        """Whether a synchronous world must not tick yet: pictures, scans or readers are behind."""
        simulator = self.simulator
        if not simulator.settings.synchronous:
            return False
        pictures, scans, streams = len(simulator.frames), len(simulator.scans), simulator.streams
        return pictures >= MOST_WAITING or scans > 0 or streams.lagging() or streams.expecting()

    async def _run_free(self) -> None:
        """The clock of asynchronous mode: one tick each step of wall time."""
        due_s = time.monotonic()
        while True:
            step_s = self.simulator.settings.fixed_step_s or DEFAULT_STEP_S
            due_s = max(due_s + step_s, time.monotonic())
            await asyncio.sleep(due_s - time.monotonic())
            if not self.simulator.settings.synchronous:
                self._tick_freely()

    def _tick_freely(self) -> None:
        """One tick of the free-running clock; an error in it is logged once, and the next tick comes."""
        try:
            simulator = self.simulator
            is_late = len(simulator.frames) >= MOST_WAITING_FREE or len(simulator.scans) > 0
            can_draw = not is_late and not simulator.streams.lagging()
            self.simulator.tick(frames=can_draw)
        except Exception as error:
            if repr(error) != self._last_tick_error:
                log.exception("a tick failed, the clock goes on")
            self._last_tick_error = repr(error)
        self._draw_soon()
