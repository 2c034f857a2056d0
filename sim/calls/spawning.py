"""The RPC calls that make, find and end actors, and the batches of commands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sim import sensors
from sim.calls.actors import ActorCalls
from sim.calls.lights import LightCalls
from sim.protocol.forms import pose_from_wire
from sim.protocol.rpc import Method, ReplyShape, RpcError
from sim.simulator.simulator import Simulator
from sim.world.blueprints import Kind, definitions
from sim.world.errors import WorldError

_NO_PARENT = [False]
_SPAWN_COMMAND, _DESTROY_COMMAND, _CONSOLE_COMMAND, _LIGHT_COMMAND = 0, 1, 20, 21


class SpawnCalls:
    """Handlers of the calls about which actors there are."""

    def __init__(self, simulator: Simulator, actor_calls: ActorCalls, light_calls: LightCalls) -> None:
        self.simulator = simulator
        self.actor_calls = actor_calls
        self.light_calls = light_calls

    def methods(self) -> dict[str, Method]:
        """The calls by name."""
        values: dict[str, Callable[..., Any]] = {
            "get_actor_definitions": definitions,
            "get_spectator": lambda: self.simulator.on_wire(self.simulator.world.spectator),
            "get_actors_by_id": self.actors_by_id,
            "spawn_actor": self.spawn,
            "spawn_actor_with_parent": self.spawn_attached,
            "destroy_actor": self.destroy,
            "get_vehicle_light_states": self.vehicle_light_states,
        }
        table = {name: Method(ReplyShape.VALUE, handler) for name, handler in values.items()}
        return table | {"apply_batch": Method(ReplyShape.BARE, self.apply_batch)}

    def actors_by_id(self, actor_ids: list[int]) -> list[Any]:
        """The actors that exist, dead ones left out."""
        actors = self.simulator.world.actors
        return [self.simulator.on_wire(actors[i]) for i in actor_ids if i in actors]

    def spawn(self, description: list[Any], transform: Any) -> list[Any]:
        """Spawn a free-standing actor."""
        return self._spawn(description, transform, 0)

    def spawn_attached(self, description: list[Any], transform: Any, parent_id: int, *_: Any) -> list[Any]:
        """Spawn an actor attached to another. Every attachment is rigid: spring arms too."""
        return self._spawn(description, transform, int(parent_id))

    def _spawn(self, description: list[Any], transform: Any, parent_id: int) -> list[Any]:
        world = self.simulator.world
        actor = world.spawn(description, pose_from_wire(transform), parent_id)
        try:
            sensors.check_sensor(actor)
        except ValueError as error:
            world.destroy(actor.actor_id)
            raise RpcError(f"Spawn failed: {error}") from None
        return self.simulator.on_wire(actor)

    def destroy(self, actor_id: int) -> bool:
        """Destroy an actor."""
        self.simulator.destroy(actor_id)
        return True

    def vehicle_light_states(self) -> list[list[int]]:
        """[actor id, lamps] of every vehicle."""
        actors = self.simulator.world.actors.values()
        return [[a.actor_id, a.lights] for a in actors if a.kind is Kind.VEHICLE]

    # Batches

    def apply_batch(self, commands: list[Any], tick: bool = False) -> list[Any]:
        """Run commands in order; each answers with its actor's id or an error, none stops the rest."""
        answers = [self._answer_command(command) for command in commands]
        if tick:
            self.simulator.tick()
        return answers

    def _answer_command(self, command: Any) -> list[Any]:
        try:
            ((index, fields),) = command
            return [[1, self._run_command(int(index), list(fields))]]
        except (RpcError, WorldError) as error:
            return [[0, [str(error)]]]
        except (TypeError, ValueError, IndexError, KeyError, OverflowError) as error:
            return [[0, [f"command not understood ({error})"]]]

    def _run_command(self, index: int, fields: list[Any]) -> int:
        if index == _SPAWN_COMMAND:
            return self._spawn_command(fields)
        if index == _DESTROY_COMMAND:
            self.destroy(fields[0])
        elif index == _LIGHT_COMMAND:
            self.light_calls.set_light_state(*fields)
        elif index == _CONSOLE_COMMAND:
            return 0
        else:
            self.actor_calls.run_command(index, fields)
        return fields[0]

    def _spawn_command(self, fields: list[Any]) -> int:
        description, transform, parent = fields[:3]
        parent_id = parent[1] if parent != _NO_PARENT and parent[0] else 0
        actor_id = self._spawn(description, transform, parent_id)[0]
        for ((index, after),) in fields[-1]:
            # FutureActor is actor id 0: it stands for the actor just spawned.
            self._run_command(int(index), [actor_id, *after[1:]])
        return actor_id
