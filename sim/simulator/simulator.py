"""One running simulation: the world, its settings and clock, and which data of each tick is sent to which stream.

The RPC calls (`sim.calls`) and the server (`sim.server`) reach the world through here. All of it runs in one thread;
pictures are drawn beside it (`sim.simulator.frames`).
"""

from __future__ import annotations

import contextlib
import logging
import math
import time
from dataclasses import dataclass, fields, replace

import carla
import numpy as np

from sim.map.files import MapFile
from sim.map.network import MapError, RoadNetwork, read_network
from sim.map.surfaces import road_friction
from sim.protocol import wire
from sim.protocol.forms import actor_on_wire
from sim.protocol.streaming import Streams
from sim.scene.weather import Weather
from sim.sensors import PendingFrames, Sensors, casts_rays
from sim.sensors.cameras import lights_of
from sim.simulator.frames import Drawer, Frames
from sim.simulator.recordings import Recordings
from sim.simulator.scans import Scans, TownRays
from sim.simulator.snapshot import SnapshotPacker
from sim.simulator.world_streams import WorldStreams
from sim.town.standing import standing
from sim.traffic.options import Outside
from sim.traffic.traffic import Traffic
from sim.world.actors import Actor, Sensor
from sim.world.contacts.town import town_statics
from sim.world.errors import WorldError
from sim.world.world import FIRST_STREAM_ID, World

log = logging.getLogger(__name__)

DEFAULT_STEP_S = 0.05
LONGEST_STEP_S = 0.1
"""CARLA's physics is unsound above 0.1 s; longer waits between ticks are cut to it."""
LONGEST_FIXED_STEP_S = 10.0
"""Longest tick that a client may ask for; the world divides it into shorter steps."""


@dataclass(frozen=True, slots=True)
class Settings:
    """`carla::rpc::EpisodeSettings`, in its order."""

    synchronous: bool = False
    no_rendering: bool = False
    fixed_step_s: float | None = None
    substepping: bool = True
    max_substep_s: float = 0.01
    max_substeps: int = 10
    max_culling_distance_m: float = 0.0
    deterministic_ragdolls: bool = True
    tile_stream_distance_m: float = 3000.0
    actor_active_distance_m: float = 2000.0
    spectator_as_ego: bool = True


def default_weather() -> Weather:
    """CARLA's ClearNoon, in the 32-bit numbers that a client sends."""
    noon = getattr(carla.WeatherParameters, "ClearNoon")  # noqa: B009 (the library's type stubs do not know it)
    return Weather(*(float(getattr(noon, field.name)) for field in fields(Weather)))


@dataclass(frozen=True, slots=True)
class _Prepared:
    """The roads of a map that is about to be loaded."""

    map_file: MapFile
    network: RoadNetwork


class Simulator:
    """The world and everything around it that a client can see."""

    def __init__(self, map_file: MapFile, seed: int, drawer: Drawer | None) -> None:
        """`drawer` None: cameras send black pictures. Raises MapError when the map cannot be used."""
        self.seed = seed
        self.map_file = map_file
        self.settings = Settings()
        self.weather = default_weather()
        self.imu_gravity_mps2 = 9.81
        self.episode_id = 1
        self.streams = Streams(self.is_stream, self._greeting)
        self.world_streams = WorldStreams(self.streams)
        self._prepared: _Prepared | None = None
        self.world, self.traffic = self._build(map_file)
        self.sensors = Sensors(self.world)
        self.frames = Frames(self.streams, drawer)
        self.scans = Scans(self.streams, self.frames.close_stream)
        self._rays = TownRays(map_file.opendrive)
        self._pending: PendingFrames | None = None
        self._snapshot = b""
        self._packer = SnapshotPacker()
        self._stream_port = 0
        self._last_step_at_s = time.monotonic()
        self.recordings = Recordings()

    # Time

    def step_s(self) -> float:
        """Length of the next tick: the fixed step, or the wall time since the last tick."""
        if self.settings.fixed_step_s:
            return self.settings.fixed_step_s
        return min(max(time.monotonic() - self._last_step_at_s, 1e-3), LONGEST_STEP_S)

    def tick(self, frames: bool = True) -> int:
        """Advance the world, send snapshot and events, and note the pictures to draw; gives the new frame's id.

        Pictures of the former tick that were not begun yet are begun first: frames leave in order. With `frames` false
        this tick gets no pictures (readers are behind in asynchronous mode).
        Raises WorldError, once and without a tick, when pictures could not be drawn in synchronous mode.
        """
        self.draw_pending()
        trouble = self.frames.take_error()
        if trouble and self.settings.synchronous:
            raise WorldError(trouble)
        delta_s = self.step_s()
        self._last_step_at_s = time.monotonic()
        self.world.vehicles.road_friction = road_friction(self.weather)
        self.world.step(delta_s)
        self.recordings.play_on(self.world, delta_s)
        self.recordings.note(self.world)
        flags = wire.SNAPSHOT_LIGHTS_CHANGED if self.world.lights_changed else 0
        self._send_snapshot(flags)
        for stream_id, message in self.sensors.measurements(self.streams.has_readers, self.token):
            self.streams.send(stream_id, message)
        if frames:
            self._pending = self.sensors.due_frames(self.weather, self.streams.has_readers)
        return self.world.frame

    @property
    def has_pending_frames(self) -> bool:
        """Whether pictures or scans of the last tick are still to be drawn (`draw_pending`)."""
        return self._pending is not None

    def draw_pending(self) -> None:
        """Begin the pending pictures of the last tick, and cast and send its scans, if any."""
        pending, self._pending = self._pending, None
        if pending is None:
            return
        shots = [shot for shot in pending.shots if self.streams.has_readers(shot.stream_id)]
        if shots:
            self.frames.begin(self.world.frame, pending.scene, shots, self.settings.no_rendering)
        self.scans.begin(self._rays, self.sensors, pending.scans, pending.scene)

    def has_spawned(self, actor: Actor) -> None:
        """Begin what a new actor will need: the town's triangles for a sensor that casts rays."""
        if casts_rays(actor):
            self._rays.begin(lights_of(self.world))

    def lamp_heads(self) -> np.ndarray:
        """(n, 3) heads of the town's street lamps; none without rendering, where nothing would show them."""
        return np.zeros((0, 3)) if self.frames.drawer is None else standing(self.map_file.opendrive).lamps

    # Streams

    def token(self, stream_id: int) -> bytes:
        """What a client needs to listen to a stream; empty for an actor without one."""
        return wire.token(stream_id, self._stream_port) if stream_id else b""

    def set_stream_port(self, port: int) -> None:
        """The port that tokens name."""
        self._stream_port = port

    def is_stream(self, stream_id: int) -> bool:
        """Whether a stream exists or has existed."""
        return wire.WORLD_STREAM_ID <= stream_id < self.world.next_stream_id

    def _greeting(self, stream_id: int) -> bytes | None:
        """The snapshot for a new reader: until the next tick it would see an empty world otherwise."""
        return self._packer.pack(self.world, self.episode_id) if stream_id in self.world_streams else None

    def _send_snapshot(self, flags: int) -> None:
        self._snapshot = self._packer.pack(self.world, self.episode_id, flags)
        self.repeat_snapshot()

    def repeat_snapshot(self) -> None:
        """Send the newest snapshot, once more if it was sent already: that is harmless to clients."""
        if self._snapshot:
            self.world_streams.send(self._snapshot)

    def release_world_streams(self) -> None:
        """Let readers of former episodes' snapshots know that there is a new episode (`load`)."""
        if self.world_streams.holds_back:
            self.world_streams.release(self._packer.pack(self.world, self.episode_id, wire.SNAPSHOT_MAP_CHANGED))

    def on_wire(self, actor: Actor) -> list:
        """An actor as the RPC calls send it."""
        return actor_on_wire(actor, self.token(actor.stream_id))

    def destroy(self, actor_id: int) -> None:
        """Destroy an actor and end its stream."""
        actor = self.world.destroy(actor_id)
        if actor.stream_id:
            self.scans.close_stream(actor.stream_id)

    # Episodes

    def change_settings(self, settings: Settings) -> None:
        """Apply settings; ValueError when the fixed step is out of range.

        A client that takes over the clock of a world in which nothing moves yet finds it at its start, at 0 s: how
        long it ran by itself before is arbitrary, and would make every run different. Frames go on counting, since the
        client library drops snapshots that are not newer than what it has.
        """
        step_s = settings.fixed_step_s
        if step_s is not None and not (math.isfinite(step_s) and 0.0 <= step_s <= LONGEST_FIXED_STEP_S):
            raise ValueError(f"fixed_delta_seconds must be between 0 and {LONGEST_FIXED_STEP_S:g}, it is {step_s}")
        if settings.synchronous and not self.settings.synchronous and self.world.is_untouched():
            self._restart_clock()
        self.settings = replace(settings, fixed_step_s=step_s or None)
        self._last_step_at_s = time.monotonic()

    def _restart_clock(self) -> None:
        world = self.world
        world.signals.reset()
        world.debug_shapes.turn_back(world.time_s)
        world.time_s = 0.0
        for actor in world.actors.values():
            if isinstance(actor, Sensor):
                actor.next_due_s = -math.inf
        self.sensors = Sensors(world)

    def load(self, map_file: MapFile, reset_settings: bool) -> None:
        """Start a new episode on a map. Ids of actors, frames and streams go on counting, so none is used twice.

        Readers of the former episode's snapshots learn of it by `release_world_streams`.
        Raises MapError with everything left as it was: the episode, its recording and playback, and the pictures that
        are still to be drawn.
        """
        old = self.world
        world, traffic = self._build(map_file, old.frame + 1, old.next_actor_id, old.next_stream_id)
        # All that can fail is behind us: what belongs to the old episode ends only now.
        self.draw_pending()
        self.recordings.stop_recording()
        self.recordings.stop_playing(old, keep_actors=True)
        if map_file.opendrive != old.opendrive and self.frames.drawer is not None:
            self.frames.drawer.open(map_file.opendrive)
        for actor in old.actors.values():
            if actor.stream_id:
                self.scans.close_stream(actor.stream_id)
        world.tombstones = old.tombstones | old.actors
        if map_file.opendrive != old.opendrive:
            self._rays = TownRays(map_file.opendrive)
            # Begun now: there are clients that wait one second for the first scan in a new town.
            self._rays.begin(lights_of(world))
        self.world, self.traffic, self.map_file, self.sensors = world, traffic, map_file, Sensors(world)
        self.episode_id += 1
        self.weather = default_weather()
        if reset_settings:
            self.settings = Settings()
        self.world_streams.begin_episode(world.next_stream_id)
        world.next_stream_id += 1
        self._send_snapshot(0)

    def prepare(self, map_file: MapFile) -> None:
        """Do what takes long of a coming `load` of this map: in another thread, while this one goes on answering.

        A map that cannot be used is the affair of `load`.
        """
        with contextlib.suppress(MapError):
            network = read_network(map_file.name, map_file.opendrive)
            town_statics(map_file.opendrive, network.signals.lights, {})
            self._prepared = _Prepared(map_file, network)

    def _network(self, map_file: MapFile) -> RoadNetwork:
        prepared, self._prepared = self._prepared, None
        if prepared is not None and prepared.map_file == map_file:
            return prepared.network
        return read_network(map_file.name, map_file.opendrive)

    def _build(
        self, map_file: MapFile, frame: int = 0, next_actor_id: int = 1, next_stream_id: int = FIRST_STREAM_ID
    ) -> tuple[World, Traffic]:
        """A world on a map with the traffic that drives its background vehicles. Raises MapError."""
        network = self._network(map_file)
        traffic = Traffic(network.lanes, network.signals, self.seed, self._outside())
        return World(network, self.seed, traffic, frame, next_actor_id, next_stream_id), traffic

    def _outside(self) -> Outside:
        """What traffic needs of the world around it, always of the present episode."""

        def heroes() -> list[int]:
            actors = self.world.actors
            return [k for k in self.world.vehicles.ids.tolist() if actors[k].attributes.get("role_name") == "hero"]

        def set_lamps(actor_id: int, lamps: int) -> None:
            self.world.vehicle(actor_id).lights = lamps

        return Outside(
            heroes=heroes,
            destroy=self.destroy,
            get_lamps=lambda actor_id: self.world.vehicle(actor_id).lights,
            set_lamps=set_lamps,
            weather=lambda: self.weather,
        )

    def close(self) -> None:
        """End recordings and free the graphics memory."""
        self.recordings.stop_recording()
        self.recordings.stop_playing(self.world, keep_actors=True)
        self.frames.close()
