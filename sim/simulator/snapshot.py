"""The world as bytes: the snapshot that every client gets each tick."""

from __future__ import annotations

import math
import time

from sim.protocol import wire
from sim.protocol.forms import wire_transform
from sim.world.actors import Actor, TrafficLight, TrafficSign, Walker
from sim.world.world import World

MPS_TO_KMH = 3.6
_NO_STATE = b""


def pack_snapshot(world: World, episode_id: int, flags: int = 0) -> bytes:
    """The message of the world stream for the world's present state; `flags` are wire.SNAPSHOT_* bits."""
    parts = [wire.snapshot_header(world.frame, world.time_s, episode_id, time.time(), world.delta_s, flags)]
    states = _vehicle_states(world)
    for actor in world.actors.values():
        state = states.get(actor.actor_id)
        if state is None:
            state = _other_state(world, actor)
        parts.append(
            wire.ACTOR_STATE.pack(
                actor.actor_id,
                wire.STATE_ACTIVE,
                *wire_transform(actor.pose),
                *actor.velocity_mps,
                0.0,
                0.0,
                math.degrees(actor.yaw_rate_radps),
                *actor.acceleration_mps2,
                state,
            )
        )
    return b"".join(parts)


def _vehicle_states(world: World) -> dict[int, bytes]:
    """The 30 bytes of vehicle data, by actor id."""
    v = world.vehicles
    columns = (v.ids, v.throttle, v.steer, v.brake, v.hand_brake, v.reverse, v.manual_gear, v.shown_gears())
    states = {}
    for actor_id, throttle, steer, brake, hand_brake, reverse, manual, gear in zip(
        *(c.tolist() for c in columns), strict=True
    ):
        actor = world.vehicle(actor_id)
        light_index = actor.light_index
        light_id = world.light_ids[light_index] if light_index >= 0 else 0
        # CARLA reports "green" for a vehicle that stands at no light.
        light_state = world.signals.lights[light_index].state if light_index >= 0 else 2
        states[actor_id] = wire.VEHICLE_STATE.pack(
            throttle,
            steer,
            brake,
            hand_brake,
            reverse,
            manual,
            gear,
            actor.speed_limit_mps * MPS_TO_KMH,
            light_state,
            light_index >= 0,
            light_id,
            0,
        )
    return states


def _other_state(world: World, actor: Actor) -> bytes:
    if isinstance(actor, Walker):
        return wire.WALKER_STATE.pack(*actor.direction, actor.speed_mps, actor.jumps)
    if isinstance(actor, TrafficLight):
        light = world.signals.lights[actor.light_index]
        sign_id = str(light.opendrive_id).encode()[:31]
        times = (light.green_s, light.yellow_s, light.red_s, light.elapsed_s)
        return wire.TRAFFIC_LIGHT_STATE.pack(sign_id, *times, 0, light.frozen, light.state)
    if isinstance(actor, TrafficSign):
        return actor.sign_id.encode()[:31]
    return _NO_STATE
