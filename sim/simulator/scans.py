"""Scans on their way from their tick to their readers, and the town's triangles that they are cast into.

Building the triangles takes about half a second, once a town. It is begun when the first sensor that casts rays is
spawned, in a thread beside the simulation and in pieces that keep Python's lock for some hundredths of a second only;
the last one, Embree's own tree, keeps it for about 0.15 s. A scan whose triangles are not there yet waits: it is frozen
at its tick, so what it measures is the same as if it had been cast at once.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from sim.protocol.streaming import Streams
from sim.rays.scene import RayScene
from sim.scene.records import DrawnLight, SceneState
from sim.sensors import Scan, Sensors
from sim.town.town import town_of


class TownRays:
    """The triangles of one town, built once and for all its episodes."""

    def __init__(self, opendrive: str) -> None:
        self._opendrive = opendrive
        self._built: Future[RayScene] | None = None

    def begin(self, lights: Sequence[DrawnLight]) -> None:
        """Begin to build them, if that is not done yet; `lights` are the town's traffic lights."""
        if self._built is not None:
            return
        self._built = built = Future()

        def build() -> None:
            try:
                built.set_result(RayScene(town_of(self._opendrive), lights))
            except Exception as error:  # noqa: BLE001 (raised again by `scene`)
                built.set_exception(error)

        threading.Thread(target=build, name="town's rays", daemon=True).start()

    def is_built(self) -> bool:
        """Whether `scene` does not wait."""
        return self._built is not None and self._built.done()

    def when_built(self, call: Callable[[], None]) -> None:
        """Call this, in any thread, once they are built or have failed; they must have been begun."""
        assert self._built is not None  # noqa: S101
        self._built.add_done_callback(lambda _built: call())

    def scene(self) -> RayScene:
        """The triangles, waited for; raises what building them raised."""
        assert self._built is not None  # noqa: S101
        return self._built.result()


@dataclass(frozen=True, slots=True)
class _Waiting:
    """The scans of one tick."""

    rays: TownRays
    sensors: Sensors
    scans: tuple[Scan, ...]
    scene: SceneState


class Scans:
    """All scans of one server that are on their way."""

    def __init__(self, streams: Streams, close_stream: Callable[[int], None]) -> None:
        """`close_stream` ends a stream for which nothing is on its way here any more."""
        self.notify: Callable[[], None] | None = None
        """Is called, in any thread, when `send_finished` has something to do; None: `begin` waits instead."""
        self._streams, self._close = streams, close_stream
        self._waiting: deque[_Waiting] = deque()
        self._closing: set[int] = set()

    def __len__(self) -> int:
        """How many ticks' scans are on their way."""
        return len(self._waiting)

    def begin(self, rays: TownRays, sensors: Sensors, scans: Sequence[Scan], scene: SceneState) -> None:
        """Cast the scans of a tick and send what they met: now, or when the triangles are there."""
        wanted = tuple(scan for scan in scans if self._streams.has_readers(scan.stream_id))
        if wanted:
            rays.begin(scene.lights)
            self._waiting.append(_Waiting(rays, sensors, wanted, scene))
            if self.notify is not None and not rays.is_built():
                rays.when_built(self._call)
        self.send_finished()

    def _call(self) -> None:
        if self.notify is not None:
            with contextlib.suppress(RuntimeError):  # the server has ended meanwhile
                self.notify()

    def send_finished(self) -> None:
        """Cast and send, in the order of their ticks, all scans whose triangles are there."""
        while self._waiting and (self.notify is None or self._waiting[0].rays.is_built()):
            tick = self._waiting.popleft()
            for scan in tick.scans:
                self._cast(tick, scan)
        awaited = {scan.stream_id for tick in self._waiting for scan in tick.scans}
        for stream_id in sorted(self._closing - awaited):
            self._close(stream_id)
        self._closing &= awaited

    def _cast(self, tick: _Waiting, scan: Scan) -> None:
        try:
            rays = tick.rays.scene()
            rays.number_lights(tick.scene.lights)
            message = scan.message(rays, tick.scene)
        except Exception as error:  # noqa: BLE001 (logged there; other sensors and the tick go on)
            tick.sensors.leave_out(scan.stream_id, error)
            return
        if message is not None:
            self._streams.send(scan.stream_id, message)

    def close_stream(self, stream_id: int) -> None:
        """End a stream once the scans that are on their way to its readers have been sent."""
        self._closing.add(stream_id)
        self.send_finished()
