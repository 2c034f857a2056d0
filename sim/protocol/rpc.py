"""msgpack-rpc as rpclib speaks it: one connection's bytes to requests, and results to CARLA's reply shapes.

A connection that sends anything that is not a msgpack-rpc request is closed with one log line; nothing else notices.
Requests are not answered here: they are passed to the owner's queue, so that one thread decides the order in which
the world changes.
"""

from __future__ import annotations

import asyncio
import enum
import logging
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgpack

from sim.protocol import wire

log = logging.getLogger(__name__)

_REQUEST = 0
_NOTIFICATION = 2
_ASYNCHRONOUS = [True]
"""Leading metadata of a call whose caller goes on without reading the answer."""

MAX_ERROR_CHARACTERS = 2000
"""An error may quote its arguments, which may be as long as a message."""

SPAWN_FAILED = "Spawn failed"
"""Start of CARLA's own text about a failed spawn: scripts compare it, so it is sent unchanged."""


class RpcError(Exception):
    """A call that cannot be done; the client raises RuntimeError with the text."""


class ReplyShape(enum.Enum):
    """How a call's result is packed on the wire."""

    VALUE = enum.auto()
    """`Response<T>`: [[1, value]] or [[0, [text]]]."""
    VOID = enum.auto()
    """`Response<void>`: [[false]] or [[true, [text]]]."""
    BARE = enum.auto()
    """The value itself (apply_batch)."""
    PLAIN_RPC = enum.auto()
    """Bare, and the request has no leading metadata (the TrafficManager's calls); errors go in msgpack-rpc's field."""


Address = tuple[str, int]
"""Host and port."""


@dataclass(frozen=True, slots=True)
class Method:
    """One call that the server answers."""

    shape: ReplyShape
    handler: Callable[..., Any]
    with_caller: bool = False
    """Whether the handler gets, first of all, the address by which the caller reached the server."""


@dataclass(frozen=True, slots=True)
class Request:
    """One call as it came in; `message_id` is None for a notification, which gets no reply."""

    connection: RpcConnection
    message_id: int | None
    name: str
    params: list[Any]


def answer(request: Request, methods: dict[str, Method]) -> bytes:
    """Run the call and return the reply's bytes; every failure of a call is a reply too: no client waits for ever."""
    message_id = request.message_id or 0
    method = methods.get(request.name)
    if method is None:
        text = f"this server does not know the call '{request.name}' (it speaks CARLA {wire.VERSION})"
        log.warning("unknown call %s", request.name)
        return wire.pack_reply(message_id, text, None)
    args = request.params if method.shape is ReplyShape.PLAIN_RPC else request.params[1:]
    caller = [request.connection.local_address] if method.with_caller else []
    try:
        return wire.pack_reply(message_id, None, _success(method.shape, method.handler(*caller, *args)))
    except RpcError as error:
        text = str(error) if str(error).startswith(SPAWN_FAILED) else f"{error} [{request.name}]"
        if args is not request.params and request.params[:1] == [_ASYNCHRONOUS]:
            log.warning("refused: %s", text)  # its caller does not read the answer
        return _failure(message_id, method.shape, text)
    except Exception as error:
        # The one boundary around every call: arguments come from another program and may be anything, and whatever
        # they do to a handler or to the packing of its result, the answer is an error and the server lives on.
        log.warning("call %s failed: %r", request.name, error, exc_info=True)
        return _failure(message_id, method.shape, f"{request.name}: arguments not understood ({error})")


def _success(shape: ReplyShape, result: Any) -> Any:
    if shape is ReplyShape.VALUE:
        return [[1, result]]
    if shape is ReplyShape.VOID:
        return [[False]]
    return result


def _failure(message_id: int, shape: ReplyShape, text: str) -> bytes:
    text = text[:MAX_ERROR_CHARACTERS]
    if shape is ReplyShape.VALUE:
        return wire.pack_reply(message_id, None, [[0, [text]]])
    if shape is ReplyShape.VOID:
        return wire.pack_reply(message_id, None, [[True, [text]]])
    return wire.pack_reply(message_id, text, None)


def parse_request(message: Any) -> tuple[int | None, str, list[Any]]:
    """Message id, name and parameters of a msgpack-rpc request or notification; ValueError for anything else."""
    match message:
        case [int(kind), int(message_id), str(name), list(params)] if kind == _REQUEST and 0 <= message_id < 1 << 32:
            return message_id, name, params
        case [int(kind), str(name), list(params)] if kind == _NOTIFICATION:
            return None, name, params
    raise ValueError("not a msgpack-rpc request")


class RpcConnection(asyncio.Protocol):
    """One client's RPC connection."""

    def __init__(self, on_request: Callable[[Request], None], on_open: Callable[[], None] | None = None) -> None:
        self._on_request = on_request
        self._on_open = on_open
        self._unpacker = wire.new_unpacker()
        self._transport: asyncio.Transport | None = None
        self._fed_bytes = 0
        self.peer = "?"
        self.local_address: Address = ("127.0.0.1", 0)
        """The server's address as this client reached it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101
        self._transport = transport
        self.peer = str(transport.get_extra_info("peername"))
        host, port, *_ = transport.get_extra_info("sockname")
        self.local_address = (str(host), int(port))
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._on_open:
            self._on_open()

    def data_received(self, data: bytes) -> None:
        """Decode the received bytes and pass on every complete request."""
        try:
            self._unpacker.feed(data)
            self._fed_bytes += len(data)
            for message in self._unpacker:
                message_id, name, params = parse_request(message)
                self._on_request(Request(self, message_id, name, params))
        except (ValueError, TypeError, msgpack.exceptions.UnpackException, RecursionError) as error:
            # Hostile or broken bytes: BufferFull and format errors are UnpackException or ValueError, a map whose key
            # is a list is a TypeError.
            log.warning("RPC connection %s closed: malformed message (%s)", self.peer, str(error)[:200] or repr(error))
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (asyncio's signature)
        """Forget the connection; say so when it ended inside a message."""
        if self._transport is not None and self._fed_bytes > self._unpacker.tell():
            log.warning("RPC connection %s closed: truncated message", self.peer)
        self._transport = None

    def send(self, data: bytes) -> None:
        """Queue a reply; a reader that leaves more than a message's worth unread is cut off."""
        if self._transport is None:
            return
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > 2 * wire.MAX_MESSAGE_BYTES:
            log.warning("RPC connection %s closed: it does not read its replies", self.peer)
            self._transport.abort()

    def close(self) -> None:
        """Close at once."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()
