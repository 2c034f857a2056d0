"""From CARLA's snapshot to the recorder's states: road users, traffic lights and vehicles' lamps.

What never changes about an actor is asked once, when it is first seen; lamps are asked every few steps. All else is in
the snapshot, so that reading costs the server nothing.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import carla

from cockpit.world.conversion import colour_from_carla, pose_from_carla
from cockpit.world.errors import WorldLost
from cockpit.world.server import Server
from cockpit.world.waiting import ask
from recorder.schema import ActorState, LightState, Pose


@dataclass(frozen=True, slots=True)
class _Static:
    """What never changes about an actor."""

    type_id: str
    role_name: str
    extent_m: tuple[float, float, float]
    box_offset_m: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class _Light:
    actor: Any
    pose: Pose
    opendrive_id: str


class SnapshotReader:
    """Makes states of snapshots; remembers what it learned about each actor."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._config = server.config
        self._static: dict[int, _Static | None] = {}
        """By actor id; None for what is no road user."""
        self._lights: dict[int, _Light] = {}
        self._lamps: dict[int, int] = {}

    def read_lamps(self) -> None:
        """Ask for the brake lights and blinkers of all vehicles, when it is time: one call for all, every few steps.

        To be called before a step: after it the server draws, and the answer would wait for the pictures.

        Raises:
            WorldLost: the server does not answer.

        """
        every = self._config.light_state_every
        if every and self._server.step_count % every == 0:
            try:
                states = ask(self._config, self._server.world.get_vehicles_light_states)
            except RuntimeError as error:
                raise self._server.lost(error) from error
            self._lamps = {actor_id: int(lamps) for actor_id, lamps in states.items()}

    def lamps_of(self, actor_id: int) -> int:
        """Lamps of a vehicle when they were last queried, as bits of `carla.VehicleLightState`."""
        return self._lamps.get(actor_id, 0)

    def actor_states(self, snapshot: carla.WorldSnapshot, ego_id: int) -> tuple[ActorState, tuple[ActorState, ...]]:
        """The ego, and by id every other road user within `recording_range_m` of it.

        Raises:
            WorldLost: the ego is not in the world.
            RuntimeError: the server does not answer.

        """
        shots = {shot.id: shot for shot in snapshot}
        unknown = [actor_id for actor_id in shots if actor_id not in self._static]
        if unknown:
            self._meet(unknown)
        ego_shot = shots.get(ego_id)
        if ego_shot is None:
            raise WorldLost("The ego is no longer in the world: another client destroyed it or loaded a map.")
        ego = self._state(ego_shot)
        reach2 = self._config.recording_range_m**2
        others = []
        for actor_id in sorted(shots):
            if actor_id == ego.actor_id or self._static[actor_id] is None:
                continue
            state = self._state(shots[actor_id])
            if (state.pose.x - ego.pose.x) ** 2 + (state.pose.y - ego.pose.y) ** 2 <= reach2:
                others.append(state)
        return ego, tuple(others)

    def light_states(self) -> tuple[LightState, ...]:
        """Every traffic light met so far, by actor id."""
        return tuple(
            LightState(
                actor_id=actor_id,
                colour=colour_from_carla(light.actor.state),
                elapsed_s=light.actor.get_elapsed_time(),
                pose=light.pose,
                opendrive_id=light.opendrive_id,
            )
            for actor_id, light in sorted(self._lights.items())
        )

    def light_ids(self) -> dict[str, int]:
        """Actor id of each traffic light by its OpenDRIVE signal id.

        Raises:
            RuntimeError: the server does not answer.

        """
        if not self._lights:
            self.forget_actors()
            self._meet([actor.id for actor in self._server.world.get_actors().filter("traffic.traffic_light*")])
        return {light.opendrive_id: actor_id for actor_id, light in self._lights.items()}

    def light_actors(self) -> Iterable[tuple[str, Any]]:
        """Traffic lights as (OpenDRIVE signal id, actor)."""
        return [(light.opendrive_id, light.actor) for light in self._lights.values()]

    def known_ids(self) -> Collection[int]:
        """Ids of all actors seen since `forget_actors`."""
        return self._static.keys()

    def forget_actors(self) -> None:
        """Forget all actors: each is queried again when it is next seen."""
        self._static.clear()
        self._lights.clear()

    def _state(self, shot: carla.ActorSnapshot) -> ActorState:
        static = self._static[shot.id]
        assert static is not None  # noqa: S101 (callers ask for road users only)
        velocity, acceleration, turning = shot.get_velocity(), shot.get_acceleration(), shot.get_angular_velocity()
        return ActorState(
            actor_id=shot.id,
            type_id=static.type_id,
            role_name=static.role_name,
            pose=pose_from_carla(shot.get_transform()),
            velocity_mps=(velocity.x, velocity.y, velocity.z),
            acceleration_mps2=(acceleration.x, acceleration.y, acceleration.z),
            angular_velocity_radps=(math.radians(turning.x), math.radians(turning.y), math.radians(turning.z)),
            extent_m=static.extent_m,
            box_offset_m=static.box_offset_m,
            light_state=self._lamps.get(shot.id, 0),
        )

    def _meet(self, actor_ids: list[int]) -> None:
        """Learn once what never changes about actors seen for the first time (one call for all of them)."""
        world = self._server.world
        found: dict[int, Any] = {actor.id: actor for actor in ask(self._config, lambda: world.get_actors(actor_ids))}
        for actor_id in actor_ids:
            actor = found.get(actor_id)
            if actor is None:
                self._static[actor_id] = None
                continue
            ask(self._config, lambda actor=actor: self._learn(actor))  # a box is asked of the server, which may draw

    def _learn(self, actor: Any) -> None:
        self._static[actor.id] = _static_of(actor) if _is_road_user(actor.type_id) else None
        if actor.type_id.startswith("traffic.traffic_light"):
            pose = pose_from_carla(actor.get_transform())
            self._lights[actor.id] = _Light(actor, pose, actor.get_opendrive_id())


def _is_road_user(type_id: str) -> bool:
    return type_id.startswith(("vehicle.", "walker.", "static.prop."))


def _static_of(actor: carla.Actor) -> _Static:
    box = actor.bounding_box
    return _Static(
        type_id=actor.type_id,
        role_name=actor.attributes.get("role_name", ""),
        extent_m=(box.extent.x, box.extent.y, box.extent.z),
        box_offset_m=(box.location.x, box.location.y, box.location.z),
    )
