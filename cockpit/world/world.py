"""The session's access to a CARLA world: server, ego, cameras and reader behind one object, and one tick of them.

It works alike against the embedded simulator and a CARLA 0.9.16 server: what it needs of the server each tick is the
tick itself, the snapshot and the cameras' streams.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import carla

from cockpit.config import SessionConfig
from cockpit.rig.camera_spec import CameraSpec
from cockpit.route.lanes import is_on_lane
from cockpit.world.ego import Ego
from cockpit.world.ego_cameras import EgoCameras
from cockpit.world.reader import SnapshotReader
from cockpit.world.server import Server
from cockpit.world.set_back import motion_commands, show_lights
from cockpit.world.waiting import ask, wait_for_callbacks
from recorder.schema import ActorState, CameraFrame, Control, EventKind, LightState, Pose, Tick, TickEvent


@dataclass(frozen=True, slots=True)
class WorldFrame:
    """What the world shows in one tick."""

    frame: int
    time_s: float
    wall_time_s: float
    delta_s: float
    ego: ActorState
    actors: tuple[ActorState, ...]
    lights: tuple[LightState, ...]
    cameras: Mapping[str, CameraFrame]
    events: tuple[TickEvent, ...]
    weather: tuple[float, ...]


class CarlaWorld:
    """A world whose clock this object owns until `close`.

    `client`, `world` and `carla_map` are CARLA's own objects, for callers that place actors or look at the map;
    `map_name` and `opendrive` (the map's text) stay as they are for as long as the world is open.
    """

    def __init__(self, config: SessionConfig, client: carla.Client | None = None) -> None:
        """Take the clock of the server at `config.host:config.port` and set its town up, without an ego.

        Raises:
            WorldLost: no server answers, or the town does not load.
            ConfigError: the server has no such town or weather.

        """
        self.config = config
        self._server = Server(config, client)
        self._reader = SnapshotReader(self._server)
        self._ego = Ego()
        self._cameras = EgoCameras(self._server)
        self.client: carla.Client = self._server.client
        self.world: carla.World = self._server.world
        self.carla_map: carla.Map = self._server.carla_map
        self.map_name = self._server.map_name
        self.opendrive = self._server.opendrive

    @property
    def ego(self) -> Any:
        """The ego's `carla.Vehicle`; None before `spawn_ego` and after `close`."""
        return self._ego.actor

    @property
    def is_lost(self) -> bool:
        """Whether the server stopped answering: nothing is asked of it any more."""
        return self._server.is_lost

    def mark_lost(self) -> None:
        """The server is known to have ended: `close` does not ask it to tidy up."""
        self._server.is_lost = True

    # --- setting up ---------------------------------------------------------------------------------------------

    def apply_weather(self, weather: carla.WeatherParameters) -> tuple[float, ...]:
        """Apply a weather; its 14 floats."""
        return self._server.apply_weather(weather)

    def spawn_ego(self, pose: Pose) -> None:
        """Put the ego at `pose` (its wheels on the road), with a collision sensor, and let it settle for a tick.

        Raises:
            ConfigError: unknown blueprint.
            WorldError: something stands there.

        """
        self._ego.spawn(self.world, self.config.ego_blueprint, pose)
        self._reader.forget_actors()
        self._server.step()

    def attach_cameras(self, specs: Iterable[CameraSpec]) -> None:
        """Fix one RGB camera to the ego per spec; from the next tick on each frame of theirs is waited for."""
        self._cameras.attach(self.ego, specs)

    def aim_cameras(self, poses: Mapping[str, Pose]) -> None:
        """Put cameras elsewhere in the ego frame from the next tick on; the client does not wait for an answer."""
        self._cameras.aim(poses)

    def forget_cameras(self, actor_ids: Iterable[int]) -> None:
        """Destroy, before the next step, cameras whose owner is gone; from any thread. Other actors are left alone."""
        self._cameras.forget(actor_ids)

    # --- one tick -----------------------------------------------------------------------------------------------

    def apply(self, control: Control) -> None:
        """Send the control that the next tick is driven with (the client does not wait for an answer)."""
        self._ego.apply(control)

    def show_hazard_lights(self, is_on: bool) -> None:
        """Blink with both sides, or stop it; the other lamps stay as they are."""
        self._ego.show_hazard_lights(is_on, self._reader.lamps_of(self.ego.id))

    def set_back(self, tick: Tick) -> None:
        """Set every actor that still exists to its pose and velocity in `tick`, and the lights to their colours.

        The clock goes on. As near as CARLA's API allows (`cockpit.world.set_back`); actors born later stay where they
        are.

        Raises:
            WorldLost: the server does not answer.

        """
        commands = motion_commands((tick.ego, *tick.actors), self._reader.known_ids())
        try:
            ask(self.config, lambda: self.client.apply_batch_sync(commands, False))
            show_lights(self._reader.light_actors(), tick.lights, hold=False)
        except RuntimeError as error:
            raise self._server.lost(error) from error
        self._ego.forget_contacts()

    def tick(self) -> WorldFrame:
        """Advance the world by one step and read it whole.

        Raises:
            WorldLost: the server does not answer.
            WorldError: a camera delivered no frame of this tick in time.

        """
        frame = self.read(self.advance())
        return replace(frame, cameras=self.pictures(frame.frame))

    def advance(self) -> carla.WorldSnapshot:
        """The first third of a tick: step the world, wait for its snapshot."""
        self._server.begin_driving()
        self._cameras.destroy_orphans()
        self._reader.read_lamps()
        return self._server.snapshot_of(self._server.step())

    def read(self, snapshot: carla.WorldSnapshot) -> WorldFrame:
        """The second third: every state in the snapshot. The server draws the pictures meanwhile."""
        stamp = snapshot.timestamp
        try:
            ego, actors = self._reader.actor_states(snapshot, self.ego.id)
            lights = self._reader.light_states()
        except RuntimeError as error:
            raise self._server.lost(error) from error
        faults = (TickEvent(EventKind.FAULT, text) for text in self._server.take_faults())
        return WorldFrame(
            frame=snapshot.frame,
            time_s=stamp.elapsed_seconds,
            wall_time_s=time.time(),
            delta_s=stamp.delta_seconds,
            ego=ego,
            actors=actors,
            lights=lights,
            cameras={},
            events=(*self._ego.collision_events(stamp.elapsed_seconds), *faults),
            weather=self._server.weather,
        )

    def pictures(self, frame: int) -> dict[str, CameraFrame]:
        """The last third: every camera's picture of that very frame, waited for."""
        return self._cameras.pictures(frame)

    def is_on_road(self, x: float, y: float, z: float) -> bool:
        """Whether the point lies on a driving lane (asked of the client's own map; no call to the server)."""
        return is_on_lane(self.carla_map, x, y, z)

    def light_ids(self) -> dict[str, int]:
        """Actor id of each traffic light by its OpenDRIVE signal id."""
        return self._reader.light_ids()

    # --- leaving ------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Destroy what was spawned and release the clock; safe to call twice, and when the server is gone.

        Other clients' sensors on the ego go with it: who attached them may have died.
        """
        ego, self._ego.actor = self._ego.actor, None
        sensors = [*self._ego.stop(), *self._cameras.stop()]
        others = self._sensors_on(ego.id) - {sensor.id for sensor in sensors} if ego is not None else set()
        self._server.release([*others, *(actor.id for actor in (*sensors, ego) if actor is not None)])
        if sensors:
            wait_for_callbacks(self.is_lost)

    def _sensors_on(self, ego_id: int) -> set[int]:
        """Ids of all sensors that are attached to the ego; none when the server is gone."""
        if self.is_lost:
            return set()
        try:
            sensors = self.world.get_actors().filter("sensor.*")
            return {one.id for one in sensors if one.parent is not None and one.parent.id == ego_id}
        except RuntimeError as error:
            self._server.lost(error)
            return set()

    def __enter__(self) -> CarlaWorld:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
