"""A VRPN tracker over TCP: the part of VRPN 07.xx that reads one sensor's "vrpn_Tracker Pos_Quat" reports.

Both sides send a 24-byte cookie; then come messages of a 24-byte header (length, seconds, microseconds, sender, type,
sequence; big-endian int32) and a payload padded to 8 bytes. Types and senders get their numbers by description messages
(Format_Of_Protocol.txt of VRPN). We offer no UDP, so the server sends everything here. A stream that is not clear is
refused: the connection is closed and tried again.
"""

from __future__ import annotations

import logging
import socket
import struct
import threading
import time

from cockpit.head.pose import HeadPose, TrackingError, is_sound

log = logging.getLogger(__name__)

COOKIE_BYTES = 24
COOKIE = b"vrpn: ver. 07."
HEADER = struct.Struct("!6i")
REPORT = struct.Struct("!2i3d4d")
SENDER_DESCRIPTION, TYPE_DESCRIPTION = -1, -2
POSE_TYPE = "vrpn_Tracker Pos_Quat"
LONGEST_PAYLOAD = 65_536
CONNECT_S, AGAIN_S, LOOK_S = 3.0, 1.0, 0.25


def description_in(payload: bytes) -> str:
    """The name that a description message gives to a number.

    Raises:
        ValueError: it is none.
    """
    if len(payload) < 4:
        raise ValueError("a description without a name")
    (length,) = struct.unpack_from("!i", payload)
    if not 0 < length <= len(payload) - 4:
        raise ValueError(f"a name of {length} bytes in a message of {len(payload)}")
    return payload[4 : 4 + length].split(b"\0", 1)[0].decode("ascii", "replace")


def report_in(payload: bytes) -> tuple[int, tuple[float, ...]]:
    """Sensor and x, y, z, qx, qy, qz, qw of a pose report.

    Raises:
        ValueError: wrong size.
    """
    if len(payload) != REPORT.size:
        raise ValueError(f"a pose report of {len(payload)} bytes, {REPORT.size} expected")
    sensor, _padding, *numbers = REPORT.unpack(payload)
    return sensor, tuple(numbers)


class VrpnReader:
    """Keeps the newest pose of one sensor of one tracker. A server that is away is tried again every second."""

    def __init__(self, host: str, tracker: str, sensor: int = 0, port: int = 3883) -> None:
        """Begin to read.

        Raises:
            TrackingError: the host has no address.
        """
        try:
            self._server = (socket.gethostbyname(host), port)
        except OSError as error:
            raise TrackingError(f"VRPN server '{host}': {error}; check host in the rig's head section") from error
        self.tracker, self.sensor = tracker, sensor
        self.refused = 0
        """Connections that were given up because what came was not VRPN."""
        self._newest: HeadPose | None = None
        self._stop = threading.Event()
        self._last_words = ""
        self._thread = threading.Thread(target=self._keep_reading, name="vrpn", daemon=True)
        self._thread.start()

    def newest(self) -> HeadPose | None:
        """The newest pose of the sensor, None before the first."""
        return self._newest

    def close(self) -> None:
        """Stop reading; safe to call twice."""
        self._stop.set()
        self._thread.join(CONNECT_S + 1.0)

    def _keep_reading(self) -> None:
        while not self._stop.is_set():
            try:
                with socket.create_connection(self._server, CONNECT_S) as connection:
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    connection.settimeout(LOOK_S)
                    self._converse(connection)
            except ValueError as error:
                self.refused += 1
                self._say(f"refused: {error}")
            except OSError as error:
                self._say(str(error))
            self._stop.wait(AGAIN_S)

    def _converse(self, connection: socket.socket) -> None:
        connection.sendall(b"vrpn: ver. 07.35  0".ljust(COOKIE_BYTES, b"\0"))
        cookie = self._exactly(connection, COOKIE_BYTES)
        if not cookie.startswith(COOKIE):
            raise ValueError(f"no VRPN 07 server: it says {cookie[:16]!r}")
        types: dict[int, str] = {}
        senders: dict[int, str] = {}
        while True:
            length, _s, _us, sender, kind, _sequence = HEADER.unpack(self._exactly(connection, HEADER.size))
            size = length - HEADER.size
            if not 0 <= size <= LONGEST_PAYLOAD:
                raise ValueError(f"a message of {length} bytes")
            payload = self._exactly(connection, size + (-size) % 8)[:size]
            if kind == SENDER_DESCRIPTION:
                senders[sender] = description_in(payload)
            elif kind == TYPE_DESCRIPTION:
                types[sender] = description_in(payload)
            elif types.get(kind) == POSE_TYPE and senders.get(sender) == self.tracker:
                self._note(*report_in(payload))

    def _note(self, sensor: int, numbers: tuple[float, ...]) -> None:
        if sensor != self.sensor:
            return
        x, y, z, qx, qy, qz, qw = numbers
        pose = HeadPose(time.monotonic(), (x, y, z), (qx, qy, qz, qw))
        if not is_sound(pose):
            raise ValueError(f"sensor {sensor} has no sound pose: {numbers}")
        self._newest = pose

    def _exactly(self, connection: socket.socket, count: int) -> bytes:
        data = bytearray()
        while len(data) < count:
            if self._stop.is_set():
                raise ConnectionAbortedError("closed by us")
            try:
                piece = connection.recv(count - len(data))
            except TimeoutError:
                continue
            if not piece:
                raise ConnectionResetError("the server closed the connection")
            data += piece
        return bytes(data)

    def _say(self, words: str) -> None:
        if words != self._last_words and not self._stop.is_set():
            self._last_words = words
            log.warning("VRPN %s at %s:%d: %s", self.tracker, *self._server, words)
