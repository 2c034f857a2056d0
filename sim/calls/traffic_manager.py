"""The TrafficManager's calls: this server answers as the remote TrafficManager that a client finds already running.

A client that asks for the TrafficManager of any port gets the answer that one runs here, so it starts none of its own:
the traffic is driven by `sim.traffic.traffic` in the world's own thread, with no second clock to agree with. These
calls have no leading metadata and no `Response` around their answers.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sim.calls.table import Context, call
from sim.map.routes import Turn
from sim.protocol.forms import finite, vector_from_wire
from sim.protocol.rpc import ReplyShape, RpcError

MPS_PER_KMH = 1.0 / 3.6

_PLAIN = ReplyShape.PLAIN_RPC


# One vehicle


@call("set_percentage_speed_difference", _PLAIN)
def set_percentage_speed_difference(context: Context, actor: list[Any], value: Any) -> None:
    """How far below the speed limit a vehicle drives, percent."""
    context.traffic.set_percentage_speed_difference(_id(context, actor), finite(value)[0])


@call("set_desired_speed", _PLAIN)
def set_desired_speed(context: Context, actor: list[Any], value: Any) -> None:
    """The speed that a vehicle keeps, km/h."""
    context.traffic.set_desired_speed(_id(context, actor), MPS_PER_KMH * finite(value)[0])


@call("set_lane_offset", _PLAIN)
def set_lane_offset(context: Context, actor: list[Any], value: Any) -> None:
    """How far right of its lane's centre a vehicle drives, metres."""
    context.traffic.set_lane_offset(_id(context, actor), finite(value)[0])


@call("set_distance_to_leading_vehicle", _PLAIN)
def set_distance_to_leading_vehicle(context: Context, actor: list[Any], value: Any) -> None:
    """The gap that a vehicle keeps to the one before it, metres."""
    context.traffic.set_distance_to_leading_vehicle(_id(context, actor), finite(value)[0])


@call("set_percentage_running_light", _PLAIN)
def set_percentage_running_light(context: Context, actor: list[Any], value: Any) -> None:
    """How often a vehicle passes a red light, percent."""
    context.traffic.set_percentage_running_light(_id(context, actor), finite(value)[0])


@call("set_percentage_running_sign", _PLAIN)
def set_percentage_running_sign(context: Context, actor: list[Any], value: Any) -> None:
    """How often a vehicle passes a sign, percent."""
    context.traffic.set_percentage_running_sign(_id(context, actor), finite(value)[0])


@call("set_percentage_ignore_vehicles", _PLAIN)
def set_percentage_ignore_vehicles(context: Context, actor: list[Any], value: Any) -> None:
    """How often a vehicle overlooks other vehicles, percent."""
    context.traffic.set_percentage_ignore_vehicles(_id(context, actor), finite(value)[0])


@call("set_percentage_ignore_walkers", _PLAIN)
def set_percentage_ignore_walkers(context: Context, actor: list[Any], value: Any) -> None:
    """How often a vehicle overlooks walkers, percent."""
    context.traffic.set_percentage_ignore_walkers(_id(context, actor), finite(value)[0])


@call("keep_slow_lane_rule_percentage", _PLAIN)
def set_keep_right_percentage(context: Context, actor: list[Any], value: Any) -> None:
    """How often a vehicle keeps to the slow lane, percent."""
    context.traffic.set_keep_right_percentage(_id(context, actor), finite(value)[0])


@call("random_left_lanechange_percentage", _PLAIN)
def set_random_left_lane_change_percentage(context: Context, actor: list[Any], value: Any) -> None:
    """How often a vehicle changes to the left lane at random, percent."""
    context.traffic.set_random_left_lane_change_percentage(_id(context, actor), finite(value)[0])


@call("random_right_lanechange_percentage", _PLAIN)
def set_random_right_lane_change_percentage(context: Context, actor: list[Any], value: Any) -> None:
    """How often a vehicle changes to the right lane at random, percent."""
    context.traffic.set_random_right_lane_change_percentage(_id(context, actor), finite(value)[0])


@call("set_auto_lane_change", _PLAIN)
def set_auto_lane_change(context: Context, actor: list[Any], value: Any) -> None:
    """Whether a vehicle changes lanes by itself."""
    context.traffic.set_auto_lane_change(_id(context, actor), bool(value))


@call("set_force_lane_change", _PLAIN)
def set_force_lane_change(context: Context, actor: list[Any], value: Any) -> None:
    """Make a vehicle change its lane: true to the right, false to the left."""
    context.traffic.set_force_lane_change(_id(context, actor), bool(value))


@call("update_vehicle_lights", _PLAIN)
def set_update_vehicle_lights(context: Context, actor: list[Any], value: Any) -> None:
    """Whether a vehicle's lamps follow what it does."""
    context.traffic.set_update_vehicle_lights(_id(context, actor), bool(value))


# All vehicles


@call("set_global_percentage_speed_difference", _PLAIN)
def set_global_percentage_speed_difference(context: Context, value: Any) -> None:
    """How far below the speed limit vehicles drive, percent."""
    context.traffic.set_global_percentage_speed_difference(finite(value)[0])


@call("set_global_distance_to_leading_vehicle", _PLAIN)
def set_global_distance_to_leading_vehicle(context: Context, value: Any) -> None:
    """The gap that vehicles keep, metres."""
    context.traffic.set_global_distance_to_leading_vehicle(finite(value)[0])


@call("set_global_lane_offset", _PLAIN)
def set_global_lane_offset(context: Context, value: Any) -> None:
    """How far right of their lanes' centres vehicles drive, metres."""
    context.traffic.set_global_lane_offset(finite(value)[0])


@call("set_random_device_seed", _PLAIN)
def set_seed(context: Context, seed: int) -> None:
    """Seed the random choices of the drivers."""
    context.traffic.set_seed(int(seed))


@call("set_hybrid_physics_mode", _PLAIN)
def set_hybrid_mode(context: Context, enabled: Any) -> None:
    """Whether vehicles far from every hero move exactly along their paths."""
    context.traffic.options.hybrid = bool(enabled)


@call("set_hybrid_physics_radius", _PLAIN)
def set_hybrid_radius(context: Context, radius_m: Any) -> None:
    """Beyond which distance from every hero that holds."""
    context.traffic.options.hybrid_radius_m = max(finite(radius_m)[0], 0.0)


@call("set_osm_mode", _PLAIN)
def set_osm_mode(context: Context, enabled: Any) -> None:
    """Whether vehicles that reach a dead end are destroyed."""
    context.traffic.options.osm = bool(enabled)


@call("set_respawn_dormant_vehicles", _PLAIN)
def set_respawn(context: Context, enabled: Any) -> None:
    """Whether vehicles far from every hero are set down again near one."""
    context.traffic.options.respawn = bool(enabled)


@call("set_boundaries_respawn_dormant_vehicles", _PLAIN)
@call("set_max_boundaries", _PLAIN)
def set_boundaries(context: Context, lower_m: Any, upper_m: Any) -> None:
    """How near to, and how far from, the hero vehicles are set down again."""
    lower, upper = finite(lower_m, upper_m)
    if not 0.0 <= lower < upper:
        raise RpcError(f"the boundaries must be 0 <= lower < upper, they are {lower} and {upper}")
    options = context.traffic.options
    options.respawn_from_m, options.respawn_to_m = lower, upper


@call("set_path", _PLAIN)
def set_path(context: Context, actor: list[Any], points: list[Any], empty_buffer: bool) -> None:
    """Drive along places in the world; `empty_buffer`: from here on, not after the way known so far."""
    places = np.array([vector_from_wire(point) for point in points]).reshape(-1, 3)
    context.traffic.set_path(_id(context, actor), places, bool(empty_buffer))


@call("update_custom_path", _PLAIN)
def replace_path(context: Context, actor_id: int, points: list[Any]) -> None:
    """Drive along other places from here on."""
    set_path(context, [actor_id], points, True)


@call("set_imported_route", _PLAIN)
def set_route(context: Context, actor: list[Any], turns: Any, empty_buffer: bool) -> None:
    """Take turns, CARLA's road options by number."""
    context.traffic.set_route(_id(context, actor), tuple(Turn(int(turn)) for turn in turns), bool(empty_buffer))


@call("update_imported_route", _PLAIN)
def replace_route(context: Context, actor_id: int, turns: Any) -> None:
    """Take other turns from here on."""
    set_route(context, [actor_id], turns, True)


@call("remove_custom_path", _PLAIN)
@call("remove_imported_route", _PLAIN)
def forget_plan(context: Context, actor_id: int, remove: bool) -> None:
    """Give a vehicle's path or route up."""
    if remove and int(actor_id) in context.world.vehicles:
        context.traffic.forget_plan(int(actor_id))


@call("get_next_action", _PLAIN)
def next_action(context: Context, actor_id: int) -> list[Any]:
    """[road option, place] of what a vehicle does next. (The client library throws the answer away.)"""
    actions = all_actions(context, actor_id)
    return actions[0] if actions else [int(Turn.LANE_FOLLOW), None]


@call("get_all_actions", _PLAIN)
def all_actions(context: Context, actor_id: int) -> list[Any]:
    """As `next_action`, for all that a vehicle knows ahead."""
    return [[int(turn), list(place)] for turn, place in context.traffic.actions(int(actor_id))]


@call("set_collision_detection", _PLAIN)
def set_collision_detection(context: Context, actor: list[Any], other: list[Any], detect: bool) -> None:
    """Whether one vehicle sees another actor."""
    context.traffic.set_collision_detection(_id(context, actor), int(other[0]), bool(detect))


@call("register_vehicle", _PLAIN)
def register(context: Context, actors: list[Any]) -> None:
    """Drive these vehicles; what has meanwhile been destroyed is passed over."""
    for actor in actors:
        if int(actor[0]) in context.world.vehicles:
            context.traffic.register(int(actor[0]))


@call("unregister_vehicle", _PLAIN)
def unregister(context: Context, actors: list[Any]) -> None:
    """Drive these vehicles no longer."""
    for actor in actors:
        if int(actor[0]) in context.world.vehicles:
            context.traffic.unregister(int(actor[0]))


@call("shut_down", _PLAIN)
def shut_down(context: Context) -> None:
    """Drive no vehicle any longer; the traffic can be taken up again."""
    for actor_id in context.world.vehicles.ids.tolist():
        context.traffic.unregister(actor_id)


def _id(context: Context, actor: list[Any]) -> int:
    """The id of a vehicle that exists; RpcError otherwise."""
    actor_id = int(actor[0])
    if actor_id not in context.world.vehicles:
        raise RpcError(f"actor {actor_id} is no living vehicle: the TrafficManager cannot drive it")
    return actor_id


@call("synchronous_tick", _PLAIN)
def take_tick(_context: Context) -> bool:
    """Nothing: the traffic is stepped with the world in every mode."""
    return True


@call("set_synchronous_mode", _PLAIN)
@call("set_synchronous_mode_timeout_in_milisecond", _PLAIN)
@call("health_check_remote_TM", _PLAIN)
def accept(_context: Context, *_: Any) -> None:
    """Nothing: these are for a TrafficManager with a clock of its own."""
