"""The table of CARLA's remote calls: one decorator puts a function into it, with its name and reply.

A handler gets the `Context`, then what came over the wire. It raises RpcError, WorldError or ValueError for what cannot
be done; the client raises RuntimeError with the text.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from sim.map.files import MapFile
from sim.protocol.rpc import ReplyShape
from sim.recording.replayer import Playback
from sim.simulator.simulator import Simulator
from sim.traffic.traffic import Traffic
from sim.world.world import World

P = ParamSpec("P")
R = TypeVar("R")


@dataclass
class Context:
    """What the calls of one server share."""

    simulator: Simulator
    start_map: Path
    """The map that the server was started with: maps beside it can be loaded too."""
    aliases: dict[str, Path] = field(default_factory=dict)
    """Files of maps by the other names under which they can be loaded."""
    sent_map: MapFile | None = None
    """The OpenDRIVE text that a client sent last."""
    navigation: tuple[str, bytes] = ("", b"")
    """The OpenDRIVE text for which a navigation file was made last, and that file."""
    playback: Playback = field(default_factory=Playback)
    """How the next recording is played."""

    @property
    def world(self) -> World:
        """The present episode's world."""
        return self.simulator.world

    @property
    def traffic(self) -> Traffic:
        """The present episode's background traffic."""
        return self.simulator.traffic


@dataclass(frozen=True, slots=True)
class Call:
    """One call of CARLA's client."""

    shape: ReplyShape
    run: Callable[..., Any]
    with_caller: bool = False


CALLS: dict[str, Call] = {}
"""Every call by its name on the wire."""

COMMANDS: dict[int, Callable[..., Any]] = {}
"""What a command of a batch does, by its number in `carla::rpc::Command`."""


def call(
    name: str | None = None,
    shape: ReplyShape = ReplyShape.VALUE,
    *,
    command: int | tuple[int, ...] = (),
    with_caller: bool = False,
) -> Callable[[Callable[Concatenate[Context, P], R]], Callable[Concatenate[Context, P], R]]:
    """Register a function as the handler of a call, of a batch's commands, or of both.

    Args:
        name: the call's name on the wire; None for what is a command only.
        shape: how the client expects the reply.
        command: the numbers of the batch commands that do the same.
        with_caller: whether the handler gets, after the context, the address by which the caller reached the server.
    """

    def register(run: Callable[Concatenate[Context, P], R]) -> Callable[Concatenate[Context, P], R]:
        if name is not None:
            _put(CALLS, name, Call(shape, run, with_caller))
        for number in (command,) if isinstance(command, int) else command:
            _put(COMMANDS, number, run)
        return run

    return register


def _put(table: dict[Any, Any], key: str | int, value: Any) -> None:
    if key in table:
        raise ValueError(f"there is a handler of {key!r} already")
    table[key] = value
