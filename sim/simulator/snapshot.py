"""The world as bytes: the snapshot that every client gets each tick.

Its rows are one array that is kept from tick to tick: vehicles are written into it by a compiled loop from their table,
of everything else a row is written only when it has changed.
"""

from __future__ import annotations

import math
import time
from typing import Any

import numba
import numpy as np

from sim.kernels import compiled, part
from sim.protocol import wire
from sim.protocol.forms import wire_transform, wrapped_deg
from sim.vehicles.fleet import ROWS
from sim.world.actors import Actor, TrafficLight, TrafficSign, Vehicle, Walker
from sim.world.world import World

MPS_TO_KMH = 3.6
DEGREES = 180.0 / math.pi
_NO_STATE = b""
_AT_NO_LIGHT = 2
"""CARLA reports "green" for a vehicle that stands at no light."""

VEHICLE_ROW = np.dtype(
    [
        *(("id", "<u4"), ("active", "u1"), ("transform", "<f4", 6), ("velocity", "<f4", 3)),
        *(("angular_velocity", "<f4", 3), ("acceleration", "<f4", 3)),
        *(("throttle", "<f4"), ("steer", "<f4"), ("brake", "<f4"), ("hand_brake", "u1"), ("reverse", "u1")),
        *(("manual_gear", "u1"), ("gear", "<i4"), ("speed_limit", "<f4"), ("light_state", "u1"), ("at_light", "u1")),
        *(("light_id", "<u4"), ("failure", "u1")),
        ("unused", "u1", 24),
    ]
)
"""`wire.ACTOR_STATE` with `wire.VEHICLE_STATE` in it."""

_wrapped_deg = part(wrapped_deg)


class SnapshotPacker:
    """Packs snapshots of one world after the other."""

    def __init__(self) -> None:
        self._world: World | None = None
        self._actors_were = (0, 0)
        self._rows = np.zeros(0, VEHICLE_ROW)
        self._others: list[tuple[int, Actor]] = []
        self._written: dict[int, tuple[Any, ...]] = {}
        """What each row that is no vehicle's was written from."""
        self._places = np.zeros(0, np.int64)
        """The row of each vehicle in its table's order."""

    def pack(self, world: World, episode_id: int, flags: int = 0) -> bytes:
        """The message of the world stream for the world's present state; `flags` are wire.SNAPSHOT_* bits."""
        actors_are = (world.next_actor_id, len(world.actors))
        if world is not self._world or actors_are != self._actors_were:
            self._begin(world)
            self._world, self._actors_were = world, actors_are
        lights = world.signals.lights
        states = np.array([light.state for light in lights], np.int64)
        _write_vehicles(self._rows, self._places, world.vehicles.rows, states, np.array(world.light_ids, np.int64))
        for slot in np.flatnonzero(np.abs(world.vehicles.pitch) > 0.5 * math.pi).tolist():  # upside down
            pose = world.actors[int(world.vehicles.ids[slot])].pose
            self._rows[self._places[slot]]["transform"] = wire_transform(pose)
        for k, actor in self._others:
            self._write_other(world, k, actor)
        head = wire.snapshot_header(world.frame, world.time_s, episode_id, time.time(), world.delta_s, flags)
        return head + self._rows.tobytes()

    def _begin(self, world: World) -> None:
        """Lay out the rows for the actors that there are now."""
        self._rows = np.zeros(len(world.actors), VEHICLE_ROW)
        self._written = {}
        self._others = [(k, a) for k, a in enumerate(world.actors.values()) if not isinstance(a, Vehicle)]
        place = {actor_id: k for k, actor_id in enumerate(world.actors)}
        self._places = np.array([place[actor_id] for actor_id in world.vehicles.ids.tolist()], np.int64)

    def _write_other(self, world: World, k: int, actor: Actor) -> None:
        content = (actor.pose, actor.velocity_mps, actor.yaw_rate_radps, actor.acceleration_mps2, _state(world, actor))
        if self._written.get(k) == content:
            return
        pose, velocity, yaw_rate, acceleration, state = self._written[k] = content
        turn = (0.0, 0.0, math.degrees(yaw_rate))
        numbers = (*wire_transform(pose), *velocity, *turn, *acceleration)
        packed = wire.ACTOR_STATE.pack(actor.actor_id, wire.STATE_ACTIVE, *numbers, state)
        self._rows[k] = np.frombuffer(packed, VEHICLE_ROW)[0]


@compiled(numba.void(numba.from_dtype(VEHICLE_ROW)[::1], numba.int64[::1], ROWS, numba.int64[::1], numba.int64[::1]))
def _write_vehicles(shown: Any, places: np.ndarray, rows: Any, light_states: np.ndarray, light_ids: np.ndarray) -> None:
    for k in range(len(rows)):
        car, row = rows[k], shown[places[k]]
        row.id, row.active = car.ids, wire.STATE_ACTIVE
        row.transform[0], row.transform[1], row.transform[2] = car.x, car.y, car.z
        row.transform[3] = car.pitch * DEGREES + 0.0  # no minus before a zero
        row.transform[4], row.transform[5] = _wrapped_deg(car.yaw * DEGREES), _wrapped_deg(car.roll * DEGREES)
        for axis in range(3):
            row.velocity[axis] = car.velocity_world[axis]
        row.angular_velocity[2] = car.yaw_rate * DEGREES
        row.acceleration[0], row.acceleration[1] = car.ax_world, car.ay_world
        row.throttle, row.steer, row.brake = car.throttle, car.steer, car.brake
        row.hand_brake, row.reverse, row.manual_gear = car.hand_brake, car.reverse, car.manual_gear
        in_neutral = car.manual_gear and car.wanted_gear == 0
        row.gear = -1 if car.reverse else 0 if in_neutral else car.gear
        row.speed_limit = car.speed_limit_mps * MPS_TO_KMH
        light = car.light_index
        row.at_light = light >= 0
        row.light_state = light_states[light] if light >= 0 else _AT_NO_LIGHT
        row.light_id = light_ids[light] if light >= 0 else 0


def _state(world: World, actor: Actor) -> bytes:
    """What an actor that is no vehicle has of its own, at most 54 bytes."""
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
