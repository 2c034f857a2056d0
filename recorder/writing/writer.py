"""Records takeovers while a session runs, without ever slowing or ending it.

`consume` only puts the tick on a queue. A worker thread compresses its pictures, keeps the last seconds in a ring, and
while a takeover's window is open appends to a segment, flushed at least once a second. What goes wrong while writing
ends that segment, which stays readable up to its last flush, and is named in `error`; the session goes on.
"""

from __future__ import annotations

import logging
import queue
import shutil
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from recorder.layout.codec import PackedTick, TickEncoder, pack
from recorder.layout.store import CHUNK_TICKS, SegmentStore
from recorder.schema import SessionInfo, Tick
from recorder.session import SEGMENTS, WHOLE_SESSION, write_session
from recorder.writing.ring import RingBuffer
from recorder.writing.window import Step, TakeoverWindow

log = logging.getLogger(__name__)

RING_S = 10.0
QUEUE_TICKS = 100
"""Five seconds at 20 Hz: what a slow disk may lag behind before ticks are lost (and counted)."""
FLUSH_S = 1.0
CLOSE_TIMEOUT_S = 60.0


class _OpenSegment:
    """An encoder and its store: ticks in, batches on disk."""

    def __init__(self, path: Path, attributes: dict[str, Any]) -> None:
        self.store = SegmentStore(path, attributes)
        self._encoder = TickEncoder()
        self._flushed_at_s = time.monotonic()
        self._lost = 0

    def add(self, packed: PackedTick) -> None:
        """Take a tick; one that cannot be encoded is counted as dropped and leaves the others alone."""
        try:
            self._encoder.add(replace(packed, dropped_before=packed.dropped_before + self._lost))
            self._lost = 0
        except Exception as error:  # noqa: BLE001 - whatever a broken tick raises, the rest must be recorded
            self._lost += 1
            log.warning("frame %s cannot be recorded: %s: %s", packed.tick.frame, type(error).__name__, error)
        if self._encoder.pending_ticks >= CHUNK_TICKS:
            self.flush()

    def flush_if_due(self) -> None:
        """Flush what waits longer than a second."""
        if self._encoder.pending_ticks and time.monotonic() - self._flushed_at_s >= FLUSH_S:
            self.flush()

    def flush(self) -> None:
        """Write and commit what waits."""
        self._flushed_at_s = time.monotonic()
        if self._encoder.pending_ticks:
            self.store.append(self._encoder.take())

    def finish(self, ended_by: str, error: str = "") -> None:
        """Flush and close; with an `error` nothing more is flushed."""
        if not error:
            self.flush()
            self.store.dropped_ticks += self._lost
        self.store.finish(ended_by, error)


class SegmentRecorder:
    """A `TickConsumer` that keeps takeovers (and, if asked, the whole session) in `folder`.

    Raises OSError (FileExistsError for a folder in use) when the session's folder cannot be made.
    """

    def __init__(
        self,
        folder: Path,
        info: SessionInfo,
        pre_s: float = 5.0,
        post_s: float = 3.0,
        jpeg_quality: int = 90,
        whole_session: bool = False,
        queue_ticks: int = QUEUE_TICKS,
        wait_when_full: bool = False,
    ) -> None:
        """`wait_when_full` is for lock-step sessions, where the world waits anyway: no tick is ever lost there."""
        self.folder = Path(folder)
        self.info = info
        self.pre_s = pre_s
        self.jpeg_quality = jpeg_quality
        self.error: str | None = None
        """The last thing that went wrong while writing, with what to do; None while all is well."""
        self.dropped_ticks = 0
        """Ticks that found the queue full, over the whole session."""
        self.segments: list[Path] = []
        """Segments begun so far."""
        write_session(self.folder, info)
        self._whole_session = whole_session
        self._wait_when_full = wait_when_full
        self._queue: queue.Queue[tuple[Tick, int] | None] = queue.Queue(queue_ticks)
        self._dropped_in_a_row = 0
        self._ring: RingBuffer[PackedTick] = RingBuffer(max(RING_S, pre_s))
        self._window = TakeoverWindow(post_s)
        self._segment: _OpenSegment | None = None
        self._whole: _OpenSegment | None = None
        self._closed = False
        self._worker = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._worker.start()

    @property
    def is_recording(self) -> bool:
        """A takeover's segment is open."""
        return self._segment is not None

    def consume(self, tick: Tick) -> None:
        """Take the tick at once. A full queue drops it, counted and marked in the segment (see `wait_when_full`)."""
        if self._closed:
            return
        try:
            self._queue.put((tick, self._dropped_in_a_row), block=self._wait_when_full)
            self._dropped_in_a_row = 0
        except queue.Full:
            if not self.dropped_ticks:
                log.warning("the recorder cannot keep up, ticks are being lost: use fewer or smaller cameras")
            self._dropped_in_a_row += 1
            self.dropped_ticks += 1

    def close(self) -> None:
        """Write what waits and end the open segment; safe to call twice."""
        if self._closed:
            return
        self._closed = True
        self._queue.put(None)
        self._worker.join(CLOSE_TIMEOUT_S)
        if self._worker.is_alive():
            self._fail(TimeoutError(f"writing did not end within {CLOSE_TIMEOUT_S:.0f} s"), self.folder)

    def _run(self) -> None:
        while True:
            try:
                item = self._queue.get(timeout=FLUSH_S / 2)
            except queue.Empty:
                self._flush_if_due()
                continue
            if item is None:
                self._count_last_losses()
                self._end_segment("session_closed")
                self._end_whole()
                return
            try:
                self._take(*item)
            except Exception:  # a defect here must cost one tick, not the recording
                log.exception("frame %s is not recorded", item[0].frame)
            self._flush_if_due()

    def _count_last_losses(self) -> None:
        for segment in (self._segment, self._whole):
            if segment:
                segment.store.dropped_ticks += self._dropped_in_a_row

    def _take(self, tick: Tick, dropped_before: int) -> None:
        packed = pack(tick, self.jpeg_quality, dropped_before)
        self._ring.append(packed)
        step = self._window.update(tick.authority.authority, tick.time_s)
        if step is Step.BEGIN:
            self._begin_segment(tick)
        elif step in (Step.GO_ON, Step.END) and self._segment:
            self._try(self._segment, lambda segment: segment.add(packed))
        if step is Step.END:
            self._end_segment("hand_back")
        if self._whole_session:
            self._add_to_whole(packed)

    def _begin_segment(self, tick: Tick) -> None:
        number = len(self.segments) + 1
        path = self.folder / SEGMENTS / f"{number:04d}.zarr"
        self.segments.append(path)
        self._segment = self._open(path, tick, f"{number:04d}")
        if self._segment is None:
            self._window.close()
        for packed in self._ring.last(self.pre_s):
            if self._segment:
                self._try(self._segment, lambda segment, packed=packed: segment.add(packed))

    def _open(self, path: Path, tick: Tick, segment_id: str) -> _OpenSegment | None:
        attributes = {
            "segment_id": segment_id,
            "session_id": self.info.session_id,
            "map_name": self.info.map_name,
            "fixed_delta_s": self.info.fixed_delta_s,
            "takeover_frame": tick.frame if path.name != WHOLE_SESSION else -1,
            "reason": str(tick.authority.reason),
            "driver": str(tick.driver.kind),
        }
        try:
            return _OpenSegment(path, attributes)
        except Exception as error:  # noqa: BLE001 - the session goes on whatever fails in writing
            self._fail(error, path)
            return None

    def _try(self, segment: _OpenSegment, work: Any) -> None:
        """Do `work` on the segment; what goes wrong ends the segment and nothing else."""
        try:
            work(segment)
        except Exception as error:  # noqa: BLE001 - as above; the store stays valid up to its last commit
            self._fail(error, segment.store.path)
            self._abandon(segment)

    def _abandon(self, segment: _OpenSegment) -> None:
        if segment is self._segment:
            self._segment = None
            self._window.close()
        if segment is self._whole:
            self._whole, self._whole_session = None, False
        try:
            segment.finish("error", self.error or "")
        except Exception as error:  # noqa: BLE001 - a full disk may refuse this too; `complete` stays false then
            log.debug("%s could not be marked as cut short: %s", segment.store.path, error)

    def _add_to_whole(self, packed: PackedTick) -> None:
        if self._whole is None:
            self._whole = self._open(self.folder / WHOLE_SESSION, packed.tick, "session")
            self._whole_session = self._whole is not None
        if self._whole:
            self._try(self._whole, lambda segment: segment.add(packed))

    def _flush_if_due(self) -> None:
        for segment in (self._segment, self._whole):
            if segment:
                self._try(segment, _OpenSegment.flush_if_due)

    def _end_segment(self, ended_by: str) -> None:
        if self._segment:
            self._try(self._segment, lambda segment: segment.finish(ended_by))
        self._segment = None

    def _end_whole(self) -> None:
        if self._whole:
            self._try(self._whole, lambda segment: segment.finish("session_closed"))

    def _fail(self, error: Exception, path: Path) -> None:
        self.error = f"{path}: recording stopped: {error}. What was written before is kept. {self._advice(error)}"
        log.error("%s", self.error)

    def _advice(self, error: Exception) -> str:
        if not isinstance(error, OSError):
            return "This is a defect of the recorder: please report it."
        try:
            free_mb = shutil.disk_usage(self.folder).free / 1e6
        except OSError:
            return "Check that the folder is still there."
        return f"{free_mb:.0f} MB are free: make room (or record elsewhere); the next takeover is recorded again."
