"""OptiTrack's NatNet, the part a head needs: asks Motive for its version, then reads one rigid body from its frames.

UDP, little-endian. Each packet begins with message id and payload size (uint16 each). A frame's layout depends on
the version that the server sends on connecting; versions 3.0 to 4.x are read, others refused. The layout was compared,
field by field, with the PythonClient of OptiTrack's NatNet SDK 4.2. Malformed packets are dropped and counted.
"""

from __future__ import annotations

import contextlib
import logging
import select
import socket
import struct
import threading
import time

from cockpit.head.pose import HeadPose, TrackingError, is_sound

log = logging.getLogger(__name__)

CONNECT, SERVER_INFO, FRAME, KEEP_ALIVE = 0, 1, 7, 10
HEADER = struct.Struct("<HH")
NAME_BYTES = 256
BODY = struct.Struct("<i3f4ffh")
"""Id, position, quaternion x y z w, mean error, flags (bit 0: tracked in this frame)."""
DATA_PORT = 1511
KEEP_ALIVE_S = 1.0
LOOK_S = 0.2
MOST_THINGS = 10_000
"""Counts beyond this are no counts: the packet is not what we take it for."""


def version_in(payload: bytes) -> tuple[int, int]:
    """The NatNet version in a server's answer.

    Raises:
        ValueError: too short, or a version whose frames we cannot read.
    """
    if len(payload) < NAME_BYTES + 8:
        raise ValueError(f"server information of {len(payload)} bytes, at least {NAME_BYTES + 8} expected")
    major, minor = payload[NAME_BYTES + 4], payload[NAME_BYTES + 5]
    if major not in (3, 4):
        raise ValueError(f"NatNet {major}.{minor}: only 3.x and 4.x are read (Motive 2 and 3)")
    return major, minor


def bodies_in(payload: bytes, version: tuple[int, int]) -> dict[int, tuple[float, ...]]:
    """Position and quaternion (x, y, z, qx, qy, qz, qw) of every rigid body that is tracked in a frame, by its id.

    Raises:
        ValueError: the packet is not such a frame.
    """
    has_sizes = version >= (4, 1)  # a section's length in bytes follows its count
    at = 4  # the frame's number
    sets, at = _count(payload, at, has_sizes)
    for _ in range(sets):
        end = payload.find(b"\0", at)
        if end < 0:
            raise ValueError("a marker set without the end of its name")
        markers, at = _count(payload, end + 1, False)
        at += 12 * markers
    others, at = _count(payload, at, has_sizes)
    at += 12 * others
    count, at = _count(payload, at, has_sizes)
    if at + count * BODY.size > len(payload):
        raise ValueError(f"{count} rigid bodies do not fit into the packet")
    found = {}
    for index in range(count):
        number, *pose, _error, flags = BODY.unpack_from(payload, at + index * BODY.size)
        if flags & 1:
            found[number] = tuple(pose)
    return found


def _count(payload: bytes, at: int, has_size: bool) -> tuple[int, int]:
    width = 8 if has_size else 4
    if at < 0 or at + width > len(payload):
        raise ValueError("the packet ends before its rigid bodies")
    (count,) = struct.unpack_from("<i", payload, at)
    if not 0 <= count <= MOST_THINGS:
        raise ValueError(f"a count of {count}")
    return count, at + width


class NatNetReader:
    """Keeps the newest pose of one rigid body. A server that is away is asked again every second."""

    def __init__(self, host: str, body: int, port: int = 1510, multicast: str | None = None) -> None:
        """Begin to read.

        Raises:
            TrackingError: the host has no address, or the multicast group cannot be joined.
        """
        self.body = body
        self.refused = 0
        """Packets that were not what they should be."""
        self.version: tuple[int, int] | None = None
        self._newest: HeadPose | None = None
        self._stop = threading.Event()
        self._reported: set[str] = set()
        try:
            self._server = (socket.gethostbyname(host), port)
            self._command = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._command.bind(("0.0.0.0", 0))  # noqa: S104  the server answers to whatever interface leads to it
            self._sockets = [self._command, *([] if multicast is None else [_joined(multicast)])]
        except OSError as error:
            raise TrackingError(f"NatNet server {host}:{port}, group {multicast}: {error}; check both") from error
        self._thread = threading.Thread(target=self._read, name="natnet", daemon=True)
        self._thread.start()

    def newest(self) -> HeadPose | None:
        """The newest pose of the body, None before the first."""
        return self._newest

    def close(self) -> None:
        """Stop reading; safe to call twice."""
        self._stop.set()
        self._thread.join(2.0)
        for each in self._sockets:
            each.close()

    def _read(self) -> None:
        asked_s = -KEEP_ALIVE_S
        while not self._stop.is_set():
            now = time.monotonic()
            if now - asked_s >= KEEP_ALIVE_S:
                asked_s = now
                self._ask()
            ready, _, _ = select.select(self._sockets, [], [], LOOK_S)
            for each in ready:
                with contextlib.suppress(OSError):  # an unreachable server: it is asked again
                    packet, sender = each.recvfrom(65_536)
                    if sender[0] == self._server[0]:
                        self._take(packet)

    def _ask(self) -> None:
        message, payload = (CONNECT, b"Ping\0") if self.version is None else (KEEP_ALIVE, b"")
        with contextlib.suppress(OSError):
            self._command.sendto(HEADER.pack(message, len(payload)) + payload, self._server)

    def _take(self, packet: bytes) -> None:
        try:
            if len(packet) < HEADER.size:
                raise ValueError(f"a packet of {len(packet)} bytes")
            message, size = HEADER.unpack_from(packet)
            payload = packet[HEADER.size : HEADER.size + size]
            if len(payload) < size:
                raise ValueError(f"{len(payload)} bytes of {size}")
            if message == SERVER_INFO:
                self.version = version_in(payload)
            elif message == FRAME and self.version is not None:
                self._note(bodies_in(payload, self.version).get(self.body))
        except ValueError as error:
            self.refused += 1
            if str(error) not in self._reported:
                self._reported.add(str(error))
                log.warning("NatNet packet from %s refused: %s", self._server[0], error)

    def _note(self, numbers: tuple[float, ...] | None) -> None:
        if numbers is None:
            return
        x, y, z, qx, qy, qz, qw = numbers
        pose = HeadPose(time.monotonic(), (x, y, z), (qx, qy, qz, qw))
        if not is_sound(pose):
            raise ValueError(f"body {self.body} has no sound pose: {numbers}")
        self._newest = pose


def _joined(group: str) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(("", DATA_PORT))
    made.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(group) + socket.inet_aton("0.0.0.0"))  # noqa: S104
    return made
