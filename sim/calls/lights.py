"""The RPC calls about traffic lights: state, times, freezing, groups."""

from __future__ import annotations

from typing import Any

from sim.calls.table import Context, call
from sim.map.signals import LightState
from sim.protocol.forms import box_on_wire, finite
from sim.protocol.rpc import ReplyShape


@call("set_traffic_light_state", ReplyShape.VOID, command=21)
def set_light_state(context: Context, actor_id: int, state: int) -> None:
    """Show a state at once."""
    world = context.world
    world.signals.set_state(world.light(actor_id).light_index, LightState(int(state)))


def _set_time(context: Context, actor_id: int, name: str, time_s: float) -> None:
    world = context.world
    (seconds,) = finite(time_s)
    if seconds <= 0.0:
        raise ValueError(f"a light's time must be positive, it is {seconds}")
    setattr(world.signals.lights[world.light(actor_id).light_index], name, seconds)


@call("freeze_traffic_light", ReplyShape.VOID)
def freeze_light(context: Context, actor_id: int, frozen: bool) -> None:
    """Hold or release a light's group."""
    world = context.world
    world.signals.freeze(world.light(actor_id).light_index, bool(frozen))


@call("reset_traffic_light_group", ReplyShape.VOID)
def reset_light_group(context: Context, actor_id: int) -> None:
    """Begin the cycle of a light's group anew."""
    world = context.world
    world.signals.reset_group(world.light(actor_id).light_index)


@call("get_group_traffic_lights")
def light_group(context: Context, actor_id: int) -> list[int]:
    """Actor ids of the lights that share a cycle."""
    world = context.world
    return [world.light_ids[k] for k in world.signals.group_of(world.light(actor_id).light_index)]


@call("get_light_boxes")
def light_boxes(context: Context, actor_id: int) -> list[Any]:
    """Bounding boxes of the lamps: the stop line's box stands for them."""
    return [box_on_wire(context.world.light(actor_id))]


@call("set_traffic_light_green_time", ReplyShape.VOID)
def set_green_time(context: Context, actor_id: int, time_s: float) -> None:
    """How long a light is green."""
    _set_time(context, actor_id, "green_s", time_s)


@call("set_traffic_light_yellow_time", ReplyShape.VOID)
def set_yellow_time(context: Context, actor_id: int, time_s: float) -> None:
    """How long a light is yellow."""
    _set_time(context, actor_id, "yellow_s", time_s)


@call("set_traffic_light_red_time", ReplyShape.VOID)
def set_red_time(context: Context, actor_id: int, time_s: float) -> None:
    """How long all lights of a group stay red."""
    _set_time(context, actor_id, "red_s", time_s)


@call("freeze_all_traffic_lights", ReplyShape.VOID)
def freeze_all_lights(context: Context, frozen: bool) -> None:
    """Hold or release every light."""
    context.world.signals.freeze_all(bool(frozen))


@call("reset_all_traffic_lights", ReplyShape.VOID)
def reset_all_lights(context: Context) -> None:
    """Begin every cycle anew."""
    context.world.signals.reset()
