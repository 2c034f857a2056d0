"""The world's snapshots as bytes, read beside the client library, which shows only a part of them."""

from __future__ import annotations

import socket
import struct

STREAM_OF_FIRST_EPISODE = 1
_LENGTH = struct.Struct("<I")
_FRAME_AT, _WALL_TIME_AT = 8, 48 + 8
"""In a snapshot: the frame after the sensor's type, and the wall time after the episode's id behind the header."""


class SnapshotReader:
    """A reader of its own of the first episode's stream; it must read every tick, since a synchronous world waits."""

    def __init__(self, port: int) -> None:
        """`port`: of the streams, the RPC port's neighbour."""
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60.0)
        self._socket.sendall(_LENGTH.pack(STREAM_OF_FIRST_EPISODE))
        self._first_frame, _ = self._next()  # the greeting

    def without_wall_time(self, frame: int) -> bytes:
        """The snapshot of a frame, its frame counted from the one before the first that was asked for, no wall time."""
        found, data = self._next()
        while found != frame:
            found, data = self._next()
        data[_WALL_TIME_AT : _WALL_TIME_AT + 8] = bytes(8)
        struct.pack_into("<Q", data, _FRAME_AT, frame - self._first_frame)
        return bytes(data)

    def _next(self) -> tuple[int, bytearray]:
        (size,) = _LENGTH.unpack(self._read(_LENGTH.size))
        data = self._read(size)
        return struct.unpack_from("<Q", data, _FRAME_AT)[0], data

    def _read(self, size: int) -> bytearray:
        data = bytearray()
        while len(data) < size:
            part = self._socket.recv(size - len(data))
            if not part:
                raise ConnectionError("the server has closed the stream of snapshots")
            data += part
        return data
