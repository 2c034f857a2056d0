"""A server without sockets, for tests: its calls are answered as on the wire, its streams are read from memory."""

from __future__ import annotations

import asyncio
import struct
from typing import Any

import msgpack

from sim.calls.dispatch import methods
from sim.calls.table import Context
from sim.map.files import MapFile, shipped_map
from sim.protocol.rpc import ReplyShape, Request, RpcConnection, answer
from sim.simulator.frames import Drawer
from sim.simulator.simulator import Simulator
from tests.sim.map.small_roads import two_part_road

TOWN = MapFile("two_parts", two_part_road(200.0, light_at_m=150.0))
"""Small, because most tests make a world each."""

AHEAD = [0.0, 0.0, 0.0]
"""Pitch, yaw and roll along the road."""


class Memory(asyncio.Transport):
    """A connection whose other side reads at once and keeps what it read."""

    def __init__(self) -> None:
        super().__init__()
        self.received = bytearray()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self if name == "socket" else default

    def setsockopt(self, *_: Any) -> None:
        pass

    def write(self, data: Any) -> None:
        self.received += data

    def get_write_buffer_size(self) -> int:
        return 0

    def abort(self) -> None:
        pass

    def messages(self) -> list[bytes]:
        """Every message that has come, without its length."""
        found, at = [], 0
        while at < len(self.received):
            (size,) = struct.unpack_from("<I", self.received, at)
            found.append(bytes(self.received[at + 4 : at + 4 + size]))
            at += 4 + size
        return found


class SocketlessServer:
    """One simulator and its calls."""

    def __init__(self, map_file: MapFile = TOWN, drawer: Drawer | None = None) -> None:
        self.simulator = Simulator(map_file, 1, drawer)
        self.context = Context(self.simulator, shipped_map())
        self.methods = methods(self.context)

    def reply(self, name: str, arguments: Any) -> list[Any]:
        """The reply to a call as it is on the wire: [1, message id, error, result]."""
        plain = name in self.methods and self.methods[name].shape is ReplyShape.PLAIN_RPC
        params = list(arguments) if plain else [[False], *arguments]
        request = Request(RpcConnection(lambda _request: None), 5, name, params)
        data = answer(request, self.methods)
        return msgpack.unpackb(data, raw=False, strict_map_key=False, unicode_errors="surrogateescape")

    def value(self, name: str, *arguments: Any) -> Any:
        """What a call gives back; AssertionError with its error."""
        *_, error, result = self.reply(name, arguments)
        assert error is None, error
        shape = self.methods[name].shape
        if shape is ReplyShape.VALUE:
            (is_right, value), *_ = result
            assert is_right, value
            return value
        if shape is ReplyShape.VOID:
            assert not result[0][0], result
            return None
        return result

    def error(self, name: str, *arguments: Any) -> str:
        """The text of a call's error; AssertionError when it had none."""
        *_, error, result = self.reply(name, arguments)
        if error is not None:
            return error
        (flag, *rest), *_ = result
        assert flag == (0 if self.methods[name].shape is ReplyShape.VALUE else True), result
        return rest[0][0]

    def spawn(self, type_id: str, x: float = 50.0, parent: int = 0, **attributes: Any) -> list[Any]:
        """Spawn on the road's first lane, or at a parent's origin; gives the actor as on the wire."""
        rows = [[name, 4, str(value)] for name, value in attributes.items()]
        if parent:
            return self.value("spawn_actor_with_parent", [1, type_id, rows], [[0.0, 0.0, 1.0], AHEAD], parent, 0, "")
        return self.value("spawn_actor", [1, type_id, rows], [[x, 1.75, 0.0], AHEAD])

    def listen(self, stream_id: int) -> Memory:
        """Read a stream from now on."""
        reader, memory = self.simulator.streams.connection(), Memory()
        reader.connection_made(memory)
        reader.data_received(struct.pack("<I", stream_id))
        return memory
