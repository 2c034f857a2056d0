"""The streaming port: who listens to which sensor, and sending to them without ever waiting.

Each connection names one stream and then only reads. What a reader has not read yet is kept for it in memory up to a
bound; a reader that reads nothing for too long, or falls further behind than the bound, is cut off. Whether the world
may tick on while a reader is behind is the owner's decision (`lagging`): in synchronous mode it waits, so that no
camera frame is lost.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Callable

from sim.protocol import wire

log = logging.getLogger(__name__)

LAG_BYTES = 32 << 20
"""A reader with more than this unread is behind (about twelve 640x360 frames of three cameras)."""

CUT_OFF_BYTES = 512 << 20
"""A reader with more than this unread is cut off at once."""

PATIENCE_S = 5.0
"""A reader that is behind and reads nothing for this long is cut off."""


ARRIVAL_S = 1.0
"""A reader that has asked where a stream is should have connected after this long."""


class StreamConnection(asyncio.Protocol):
    """One reader of one stream."""

    def __init__(self, streams: Streams) -> None:
        self._streams = streams
        self._head = b""
        self._transport: asyncio.Transport | None = None
        self.stream_id: int | None = None
        self.peer = "?"
        self.last_unread = 0
        self.progress_at_s = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection and wait for the stream's id."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101
        self._transport = transport
        self.peer = str(transport.get_extra_info("peername"))
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        """The first four bytes name the stream; clients send nothing after them."""
        if self.stream_id is not None:
            log.warning("stream connection %s closed: it sent data after the stream id", self.peer)
            self.abort()
            return
        self._head += data
        if len(self._head) < wire.FRAME_LENGTH.size:
            return
        if len(self._head) > wire.FRAME_LENGTH.size:
            log.warning("stream connection %s closed: more than a stream id", self.peer)
            self.abort()
            return
        (self.stream_id,) = wire.FRAME_LENGTH.unpack(self._head)
        self._streams.subscribe(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (asyncio's signature)
        """Forget the reader."""
        self._transport = None
        self._streams.unsubscribe(self)

    def send(self, *parts: bytes | memoryview) -> None:
        """Queue one message for this reader."""
        if self._transport is None:
            return
        self._transport.write(wire.FRAME_LENGTH.pack(sum(len(part) for part in parts)) + parts[0])
        for part in parts[1:]:
            self._transport.write(part)

    def unread_bytes(self) -> int:
        """Bytes that are queued for the reader and not yet sent."""
        return self._transport.get_write_buffer_size() if self._transport is not None else 0

    def abort(self) -> None:
        """Close at once, dropping what is unread."""
        if self._transport is not None:
            self._transport.abort()


class Streams:
    """All readers, by stream."""

    def __init__(self, is_stream: Callable[[int], bool], greeting: Callable[[int], bytes | None]) -> None:
        """`is_stream`: whether a stream exists or has existed; `greeting`: what a new reader is sent first."""
        self._is_stream = is_stream
        self._greeting = greeting
        self._readers: dict[int, list[StreamConnection]] = {}
        self._expected: list[tuple[int, float]] = []

    def connection(self) -> StreamConnection:
        """A protocol for a connection just accepted."""
        return StreamConnection(self)

    def has_readers(self, stream_id: int) -> bool:
        """Whether anybody listens."""
        return bool(self._readers.get(stream_id))

    def expect(self, stream_id: int) -> None:
        """A client has asked where a stream is: it is about to connect."""
        self._expected.append((stream_id, time.monotonic() + ARRIVAL_S))

    def expecting(self) -> bool:
        """Whether some reader is on its way: a tick now would be one whose data it misses."""
        if self._expected:
            now_s = time.monotonic()
            self._expected = [(stream_id, until_s) for stream_id, until_s in self._expected if now_s < until_s]
        return bool(self._expected)

    def _arrived(self, stream_id: int) -> None:
        for index, (expected_id, _) in enumerate(self._expected):
            if expected_id == stream_id:
                del self._expected[index]
                return

    def subscribe(self, connection: StreamConnection) -> None:
        """Add a reader that has named its stream."""
        stream_id = connection.stream_id
        if stream_id is None or not self._is_stream(stream_id):
            log.warning("stream connection %s closed: there is no stream %s", connection.peer, stream_id)
            connection.abort()
            return
        self._arrived(stream_id)
        self._readers.setdefault(stream_id, []).append(connection)
        first = self._greeting(stream_id)
        if first is not None:
            connection.send(first)

    def unsubscribe(self, connection: StreamConnection) -> None:
        """Remove a reader."""
        if connection.stream_id is None:
            return
        readers = self._readers.get(connection.stream_id, [])
        if connection in readers:
            readers.remove(connection)
        if not readers:
            self._readers.pop(connection.stream_id, None)

    def send(self, stream_id: int, *parts: bytes | memoryview) -> None:
        """Send one message (its parts in order) to every reader of a stream."""
        for reader in list(self._readers.get(stream_id, ())):
            reader.send(*parts)
            if reader.unread_bytes() > CUT_OFF_BYTES:
                log.warning("stream %d: reader %s cut off, %d MB behind", stream_id, reader.peer, CUT_OFF_BYTES >> 20)
                reader.abort()

    def close_stream(self, stream_id: int) -> None:
        """Send nothing more on a stream. Its readers stay connected: a client connects anew at once when cut off."""
        self._readers.pop(stream_id, None)

    def lagging(self) -> bool:
        """Whether some live reader is behind; those that have stopped reading are cut off here."""
        now_s = time.monotonic()
        behind = False
        for readers in list(self._readers.values()):
            for reader in list(readers):
                behind |= self._is_behind(reader, now_s)
        return behind

    def _is_behind(self, reader: StreamConnection, now_s: float) -> bool:
        unread = reader.unread_bytes()
        if unread <= LAG_BYTES:
            reader.last_unread = 0
            return False
        if reader.last_unread == 0 or unread < reader.last_unread:
            reader.progress_at_s = now_s
        reader.last_unread = unread
        if now_s - reader.progress_at_s < PATIENCE_S:
            return True
        log.warning("stream %s: reader %s cut off, it has stopped reading", reader.stream_id, reader.peer)
        reader.abort()
        return False
