"""The streams of world snapshots: one an episode, and when those of former episodes hear of a new one.

A client that loads a map drops its old episode as soon as the call is answered and asks for the new one; only then does
it miss nothing and mix nothing up. If its reading thread sees the new episode's id on the old stream before, it resets
its TrafficManager, which makes an episode of its own beside the one that the loading thread makes, and the two close
each other's sockets: the process ends with `close: Bad file descriptor` or a segmentation fault. CARLA is never so
quick, since its levels take seconds to load after the answer.
"""

from __future__ import annotations

from sim.protocol import wire
from sim.protocol.streaming import Streams


class WorldStreams:
    """Ids of the snapshot streams, the present episode's last, and whether the former ones are held back."""

    def __init__(self, streams: Streams) -> None:
        self._streams = streams
        self._ids = [wire.WORLD_STREAM_ID]
        self._held: list[int] = []

    def __contains__(self, stream_id: int) -> bool:
        return stream_id in self._ids

    @property
    def present(self) -> int:
        """The present episode's stream.

        Each episode has its own: a client that follows us from one to the next ends the old subscription after
        beginning the new one, and must not end both.
        """
        return self._ids[-1]

    @property
    def holds_back(self) -> bool:
        """Whether former episodes' readers are still to be told of the present one."""
        return bool(self._held)

    def begin_episode(self, stream_id: int) -> None:
        """Send the next snapshots on this stream; readers of former ones get nothing until `release`."""
        former = [k for k in self._ids if self._streams.has_readers(k)]
        self._ids = [*former, stream_id]
        self._held = former

    def release(self, snapshot: bytes) -> None:
        """Tell the former episodes' readers of the present one, with a snapshot that says that the map has changed."""
        held, self._held = self._held, []
        for stream_id in held:
            self._streams.send(stream_id, snapshot)

    def send(self, snapshot: bytes) -> None:
        """Send a snapshot to every reader that is not held back."""
        for stream_id in self._ids:
            if stream_id not in self._held:
                self._streams.send(stream_id, snapshot)
