"""The RPC calls that make, find and end actors, and the batches of commands."""

from __future__ import annotations

import logging
from typing import Any

from sim import sensors
from sim.calls.table import COMMANDS, Context, call
from sim.protocol.forms import pose_from_wire
from sim.protocol.rpc import MAX_ERROR_CHARACTERS, ReplyShape, RpcError
from sim.world.actors import Vehicle
from sim.world.blueprints import definitions
from sim.world.errors import WorldError

log = logging.getLogger(__name__)

_NO_PARENT = [False]
_SPAWN_COMMAND, _CONSOLE_COMMAND = 0, 20


@call("get_actor_definitions")
def blueprints(_context: Context) -> list[Any]:
    """The blueprint library."""
    return definitions()


@call("get_spectator")
def spectator(context: Context) -> list[Any]:
    """The spectator, as every actor."""
    return context.simulator.on_wire(context.world.spectator)


@call("get_actors_by_id")
def actors_by_id(context: Context, actor_ids: list[int]) -> list[Any]:
    """The actors that exist, dead ones left out."""
    actors = context.world.actors
    return [context.simulator.on_wire(actors[i]) for i in actor_ids if i in actors]


@call("spawn_actor")
def spawn(context: Context, description: list[Any], transform: Any) -> list[Any]:
    """Spawn a free-standing actor."""
    return _spawn(context, description, transform, 0)


@call("spawn_actor_with_parent")
def spawn_attached(context: Context, description: list[Any], transform: Any, parent_id: int, *_: Any) -> list[Any]:
    """Spawn an actor attached to another. Every attachment is rigid: spring arms too."""
    return _spawn(context, description, transform, int(parent_id))


def _spawn(context: Context, description: list[Any], transform: Any, parent_id: int) -> list[Any]:
    world = context.world
    actor = world.spawn(description, pose_from_wire(transform), parent_id)
    try:
        sensors.check_sensor(actor)
    except ValueError as error:
        world.destroy(actor.actor_id)
        raise RpcError(f"Spawn failed: {error}") from None
    context.simulator.has_spawned(actor)
    return context.simulator.on_wire(actor)


@call("destroy_actor", command=1)
def destroy(context: Context, actor_id: int) -> bool:
    """Destroy an actor."""
    context.simulator.destroy(actor_id)
    return True


@call("get_vehicle_light_states")
def vehicle_light_states(context: Context) -> list[list[int]]:
    """[actor id, lamps] of every vehicle."""
    actors = context.world.actors.values()
    return [[a.actor_id, a.lights] for a in actors if isinstance(a, Vehicle)]


# Batches


@call("apply_batch", ReplyShape.BARE)
def apply_batch(context: Context, commands: list[Any], tick: bool = False) -> list[Any]:
    """Run commands in order; each answers with its actor's id or an error, none stops the rest."""
    answers = [_answer_command(context, command) for command in commands]
    if tick:
        context.simulator.tick()
    return answers


def _answer_command(context: Context, command: Any) -> list[Any]:
    try:
        ((index, fields),) = command
        return [[1, _run_command(context, int(index), list(fields))]]
    except (RpcError, WorldError) as error:
        return [[0, [str(error)]]]
    except Exception as error:
        # As for calls of their own: whatever a command's arguments are, it answers and the rest of the batch runs.
        log.warning("a batch's command failed: %r", error, exc_info=True)
        return [[0, [f"command not understood ({error})"[:MAX_ERROR_CHARACTERS]]]]


def _run_command(context: Context, index: int, fields: list[Any]) -> int:
    if index == _SPAWN_COMMAND:
        return _spawn_command(context, fields)
    run = COMMANDS.get(index)
    if run is None:
        raise RpcError(f"this server does not know batch command {index}")
    run(context, *fields)
    return 0 if index == _CONSOLE_COMMAND else fields[0]


def _spawn_command(context: Context, fields: list[Any]) -> int:
    description, transform, parent = fields[:3]
    parent_id = parent[1] if parent != _NO_PARENT and parent[0] else 0
    actor_id = _spawn(context, description, transform, parent_id)[0]
    for ((index, after),) in fields[-1]:
        # FutureActor is actor id 0: it stands for the actor just spawned.
        _run_command(context, int(index), [actor_id, *after[1:]])
    return actor_id


@call(command=_CONSOLE_COMMAND)
def accept_console_command(_context: Context, *_: Any) -> None:
    """Nothing: a batch's console commands are taken without an effect."""
