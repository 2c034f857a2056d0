"""Pictures on their way from their tick to their readers: drawn elsewhere, sent in the order of their ticks.

What draws them (`Drawer`) works beside the simulation. Pictures that cannot be drawn are sent black, so that nobody
waits for them for ever, and what went wrong is kept for the caller of the next tick.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from sim.protocol.streaming import Streams
from sim.scene.records import CameraView, SceneState

if TYPE_CHECKING:  # the process that draws is started before the world's modules are imported
    from sim.sensors.cameras import CameraShot

log = logging.getLogger(__name__)

MOST_WAITING = 4
"""Ticks whose pictures may be on their way when a synchronous world ticks on: this bounds memory and delay."""
MOST_WAITING_FREE = 2
"""The same of a free-running world, which leaves pictures out instead of waiting."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """The pictures of one tick, (H * W * 4) BGRA bytes of each view, or why there are none."""

    images: tuple[bytes, ...] = ()
    error: str = ""


class HasFileno(Protocol):
    """Something to wait for."""

    def fileno(self) -> int:
        """Its file descriptor."""
        ...


class Drawer(Protocol):
    """What draws camera pictures, beside the simulation (`sim.simulator.drawing_process.DrawingProcess`)."""

    def open(self, opendrive: str) -> None:
        """Draw this town from now on; what was begun before is still of the former one. Does not wait."""
        ...

    def begin(self, scene: SceneState, views: Sequence[CameraView]) -> None:
        """Begin the pictures of a tick. Does not wait for them."""
        ...

    def finished(self) -> list[Drawn]:
        """What is ready since the last call, in the order in which it was begun. Does not wait."""
        ...

    def source(self) -> HasFileno | None:
        """What becomes readable when something may be ready; it may be another one later."""
        ...

    def close(self) -> None:
        """End, with what was begun left undone."""
        ...


@dataclass(frozen=True, slots=True)
class _Tick:
    """The pictures of one tick that are on their way; `is_black` ones need no drawing."""

    frame: int
    shots: tuple[CameraShot, ...]
    is_black: bool


class Frames:
    """All pictures of one server that are on their way."""

    def __init__(self, streams: Streams, drawer: Drawer | None) -> None:
        """`drawer` None: all pictures are black."""
        self.drawer = drawer
        self._streams = streams
        self._ticks: deque[_Tick] = deque()
        self._closing: set[int] = set()
        self._error = ""
        self._last_logged = ""
        self._warned_black = False

    def __len__(self) -> int:
        """How many ticks' pictures are on their way."""
        return len(self._ticks)

    def begin(self, frame: int, scene: SceneState, shots: Sequence[CameraShot], black: bool = False) -> None:
        """Have the pictures of a tick drawn; `black`: the client wants none drawn."""
        is_black = black or self.drawer is None
        if is_black and not self._warned_black:
            log.warning("cameras send black pictures: the server or its settings say no rendering")
            self._warned_black = True
        self._ticks.append(_Tick(frame, tuple(shots), is_black))
        if self.drawer is not None and not is_black:
            self.drawer.begin(scene, [view for shot in shots for view in shot.views])
        self.send_finished()

    def send_finished(self) -> None:
        """Send what is ready."""
        self._send_black_ones()
        for drawn in self.drawer.finished() if self.drawer is not None else ():
            tick = self._ticks.popleft()
            if drawn.error:
                self._note(f"the pictures of frame {tick.frame} could not be drawn: {drawn.error}")
                self._send_black(tick)
            else:
                images = iter(drawn.images)
                for shot in tick.shots:
                    self._send(shot, shot.body([next(images) for _ in shot.views]))
            self._send_black_ones()
        self._close_streams()

    def _send_black_ones(self) -> None:
        while self._ticks and self._ticks[0].is_black:
            self._send_black(self._ticks.popleft())

    def _send_black(self, tick: _Tick) -> None:
        for shot in tick.shots:
            self._send(shot, shot.blank_body())

    def _send(self, shot: CameraShot, body: bytes | None) -> None:
        if body is not None:
            self._streams.send(shot.stream_id, shot.head, body)

    def _note(self, error: str) -> None:
        cause = error.partition(": ")[2]
        if cause != self._last_logged:
            log.error("%s", error)
        self._error, self._last_logged = error, cause

    def take_error(self) -> str:
        """What went wrong since the last call; empty when nothing did."""
        error, self._error = self._error, ""
        return error

    def close_stream(self, stream_id: int) -> None:
        """End a stream once the pictures that are on their way to its readers have been sent."""
        self._closing.add(stream_id)
        self._close_streams()

    def _close_streams(self) -> None:
        if not self._closing:
            return
        awaited = {shot.stream_id for tick in self._ticks for shot in tick.shots}
        for stream_id in sorted(self._closing - awaited):
            self._streams.close_stream(stream_id)
        self._closing &= awaited

    def close(self) -> None:
        """End the drawing; what is on its way is dropped."""
        if self.drawer is not None:
            self.drawer.close()
            self.drawer = None
        self._ticks.clear()
