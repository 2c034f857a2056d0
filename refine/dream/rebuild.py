"""Builds recorded moments again in a CARLA world, to take their pictures with any camera.

A tick holds every road user's pose, the lights' colours and the weather; a fresh world is set to them and
photographed. Nothing drives here: only what was recorded is shown again.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cockpit.config import SessionConfig
from cockpit.rig.camera_spec import CameraSpec
from cockpit.world.conversion import carla_transform, carla_weather
from cockpit.world.set_back import put_at_rest, show_lights
from cockpit.world.world import CarlaWorld
from recorder.schema import ActorState, Control, LightState, SessionInfo, Tick

log = logging.getLogger(__name__)


def photograph(
    info: SessionInfo, ticks: Sequence[Tick], camera: CameraSpec, simulator: tuple[str, int]
) -> list[NDArray[np.uint8]]:
    """(height, width, 3) RGB of each tick's scene as `camera`, fixed to the ego, sees it.

    The ego stands where it was, but at rest: what its body pitched and rolled in motion (under a degree) is lost.
    `simulator` is host and port of a running server that has the session's town; its world is loaded anew.

    Raises:
        WorldLost, WorldError, ConfigError: no server answers, it has no such town, or the scene cannot be set.

    """
    config = SessionConfig(
        host=simulator[0],
        port=simulator[1],
        town=info.map_name,
        fresh_world=True,
        fixed_delta_s=info.fixed_delta_s,
        ego_blueprint=info.ego_type_id,
    )
    with CarlaWorld(config) as world:
        world.spawn_ego(ticks[0].ego.pose)
        world.attach_cameras([camera])
        scene = _Scene(world)
        return [scene.picture(tick, camera.name) for tick in ticks]


class _Scene:
    """The actors put into a world, by the ids they were recorded with."""

    def __init__(self, world: CarlaWorld) -> None:
        self._world = world
        self._library = world.world.get_blueprint_library()
        self._lights: list[Any] = list(world.world.get_actors().filter("traffic.traffic_light*"))
        self._placed: dict[int, Any] = {}

    def picture(self, tick: Tick, camera: str) -> NDArray[np.uint8]:
        """The tick's scene as the camera sees it."""
        self._set_weather(tick.weather)
        self._set_lights(tick.lights)
        self._set_actors(tick.actors)
        put_at_rest(self._world.ego, tick.ego)
        self._world.apply(Control(brake=1.0))
        return self._world.tick().cameras[camera].image

    def _set_weather(self, values: tuple[float, ...]) -> None:
        weather = carla_weather(values)
        if weather is not None:
            self._world.world.set_weather(weather)

    def _set_lights(self, lights: tuple[LightState, ...]) -> None:
        show_lights(((light.get_opendrive_id(), light) for light in self._lights), lights, hold=True)

    def _set_actors(self, actors: tuple[ActorState, ...]) -> None:
        here = {actor.actor_id for actor in actors}
        for gone in [actor_id for actor_id in self._placed if actor_id not in here]:
            self._placed.pop(gone).destroy()
        for actor in actors:
            placed = self._placed.get(actor.actor_id) or self._spawned(actor)
            if placed is not None:
                self._placed[actor.actor_id] = placed
                put_at_rest(placed, actor)

    def _spawned(self, actor: ActorState) -> Any | None:
        with contextlib.suppress(IndexError, RuntimeError):
            found = self._world.world.try_spawn_actor(self._library.find(actor.type_id), carla_transform(actor.pose))
            if found is not None:
                return found
        log.info("%s %d finds no room in the rebuilt scene", actor.type_id, actor.actor_id)
        return None
