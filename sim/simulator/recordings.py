"""The recording that is written and the one that is played: at most one of each, and neither can end a tick."""

from __future__ import annotations

import contextlib
import logging

from sim.recording.format import RecordError
from sim.recording.recorder import Recorder
from sim.recording.replayer import Replayer
from sim.world.world import World

log = logging.getLogger(__name__)


class Recordings:
    """What a simulator records and plays."""

    def __init__(self) -> None:
        self._recorder: Recorder | None = None
        self.replayer: Replayer | None = None
        """Plays a recording; None when nothing is played."""
        self.trouble = ""
        """What ended the last recording before its time, until a client has been told; empty when nothing did."""

    # Recording

    def record(self, recorder: Recorder) -> None:
        """Note every tick from now on; a former recording ends."""
        self.stop_recording()
        self._recorder = recorder

    def stop_recording(self) -> None:
        """End the recording, if there is one. An error on the way is in `trouble`."""
        recorder, self._recorder = self._recorder, None
        if recorder is None:
            return
        try:
            recorder.close()
        except OSError as error:
            self._failed(recorder, error)

    def note(self, world: World) -> None:
        """Write the world's present tick. When it cannot be written (a full disk) the recording ends: see `trouble`."""
        recorder = self._recorder
        if recorder is None:
            return
        try:
            recorder.note(world)
        except Exception as error:  # noqa: BLE001 (logged below; the tick has happened, and its answer must not fail)
            self._recorder = None
            with contextlib.suppress(OSError):
                recorder.close()
            self._failed(recorder, error)

    def _failed(self, recorder: Recorder, error: Exception) -> None:
        is_disk = isinstance(error, OSError)
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        self.trouble = f"the recording {recorder.path} ended after {recorder.frames} frames: {reason}"
        log.error("%s", self.trouble, exc_info=None if is_disk else error)

    # Playing

    def play(self, replayer: Replayer, world: World) -> None:
        """Play a recording from the next tick on; a former playback ends. Raises RecordError, with nothing played."""
        self.stop_playing(world, keep_actors=False)
        try:
            replayer.begin(world)
        except Exception:
            replayer.stop(world, keep_actors=False)
            raise
        self.replayer = replayer

    def stop_playing(self, world: World, keep_actors: bool) -> None:
        """End the playback, if there is one."""
        replayer, self.replayer = self.replayer, None
        if replayer is not None and not replayer.is_over:
            replayer.stop(world, keep_actors)

    def play_on(self, world: World, delta_s: float) -> None:
        """Move what is played by one tick of the world."""
        if self.replayer is None:
            return
        try:
            self.replayer.step(world, delta_s)
        except Exception as error:
            is_broken = isinstance(error, RecordError)
            log.warning("replay of a broken recording ended: %s", error, exc_info=None if is_broken else error)
            self.stop_playing(world, keep_actors=True)
            return
        world.follow_parents()
        if self.replayer.is_over:
            self.replayer = None
