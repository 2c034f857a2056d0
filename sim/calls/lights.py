"""The RPC calls about traffic lights: state, times, freezing, groups."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sim.map.signals import LightState
from sim.protocol.forms import box_on_wire, finite
from sim.protocol.rpc import Method, ReplyShape
from sim.simulator.simulator import Simulator


class LightCalls:
    """Handlers of the calls about traffic lights."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator

    def methods(self) -> dict[str, Method]:
        """The calls by name."""
        signals = lambda: self.simulator.world.signals  # noqa: E731
        values: dict[str, Callable[..., Any]] = {
            "get_group_traffic_lights": self.light_group,
            "get_light_boxes": self.light_boxes,
        }
        voids: dict[str, Callable[..., Any]] = {
            "set_traffic_light_state": self.set_light_state,
            "set_traffic_light_green_time": lambda actor_id, time_s: self._set_time(actor_id, "green_s", time_s),
            "set_traffic_light_yellow_time": lambda actor_id, time_s: self._set_time(actor_id, "yellow_s", time_s),
            "set_traffic_light_red_time": lambda actor_id, time_s: self._set_time(actor_id, "red_s", time_s),
            "freeze_traffic_light": self.freeze_light,
            "freeze_all_traffic_lights": lambda frozen: signals().freeze_all(bool(frozen)),
            "reset_traffic_light_group": self.reset_light_group,
            "reset_all_traffic_lights": lambda: signals().reset(),
        }
        table = {name: Method(ReplyShape.VALUE, handler) for name, handler in values.items()}
        return table | {name: Method(ReplyShape.VOID, handler) for name, handler in voids.items()}

    def set_light_state(self, actor_id: int, state: int) -> None:
        """Show a state at once."""
        world = self.simulator.world
        world.signals.set_state(world.light(actor_id).light_index, LightState(int(state)))

    def _set_time(self, actor_id: int, name: str, time_s: float) -> None:
        world = self.simulator.world
        (seconds,) = finite(time_s)
        if seconds <= 0.0:
            raise ValueError(f"a light's time must be positive, it is {seconds}")
        setattr(world.signals.lights[world.light(actor_id).light_index], name, seconds)

    def freeze_light(self, actor_id: int, frozen: bool) -> None:
        """Hold or release a light's group."""
        world = self.simulator.world
        world.signals.freeze(world.light(actor_id).light_index, bool(frozen))

    def reset_light_group(self, actor_id: int) -> None:
        """Begin the cycle of a light's group anew."""
        world = self.simulator.world
        world.signals.reset_group(world.light(actor_id).light_index)

    def light_group(self, actor_id: int) -> list[int]:
        """Actor ids of the lights that share a cycle."""
        world = self.simulator.world
        return [world.light_ids[k] for k in world.signals.group_of(world.light(actor_id).light_index)]

    def light_boxes(self, actor_id: int) -> list[Any]:
        """Bounding boxes of the lamps: the stop line's box stands for them."""
        return [box_on_wire(self.simulator.world.light(actor_id))]
