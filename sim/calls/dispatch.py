"""All of CARLA's calls put together: importing this module fills the table of `sim.calls.table`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sim.calls import actors, lights, maps, parts, recorder, scene, spawning, traffic_manager, vehicles, world
from sim.calls.table import CALLS, Call, Context
from sim.protocol.rpc import Method, RpcError
from sim.world.errors import WorldError

GROUPS = (actors, lights, maps, parts, recorder, scene, spawning, traffic_manager, vehicles, world)
"""The modules whose functions are calls."""


def methods(context: Context) -> dict[str, Method]:
    """What the RPC port answers, by name; a world's errors become CARLA's."""
    return {name: Method(entry.shape, _bound(context, entry), entry.with_caller) for name, entry in CALLS.items()}


def _bound(context: Context, entry: Call) -> Callable[..., Any]:
    def run(*arguments: Any) -> Any:
        try:
            return entry.run(context, *arguments)
        except WorldError as error:
            raise RpcError(str(error)) from error

    return run
