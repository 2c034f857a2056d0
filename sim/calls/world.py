"""The RPC calls about the whole world: versions, episode, settings, map, weather; and the table of all calls.

Every call that the 0.9.16 client makes has a handler in one of the modules that are put together here. Handlers take
what came over the wire and raise RpcError or ValueError, which become the client's RuntimeError.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from dataclasses import astuple
from pathlib import Path
from typing import Any

import carla
from shapely.errors import ShapelyError

from sim.calls.actors import ActorCalls
from sim.calls.lights import LightCalls
from sim.calls.recorder import RecorderCalls
from sim.calls.scene import SceneCalls
from sim.calls.spawning import SpawnCalls
from sim.calls.traffic_manager import TrafficCalls
from sim.map.files import GENERATED_MAP, MapFile, MapFileError, known_maps, mended, read_map
from sim.map.network import MapError
from sim.map.opendrive import read_roads
from sim.protocol import wire
from sim.protocol.forms import finite, transform_on_wire
from sim.protocol.rpc import Method, ReplyShape, RpcError
from sim.simulator.simulator import WEATHER_FIELDS, Settings, Simulator
from sim.town.roads import has_sidewalks
from sim.world.errors import WorldError

log = logging.getLogger(__name__)

MAP_PREFIX = "Carla/Maps/"
NAVIGATION_FOLDER = "Nav"
NAVIGATION_VERSION = 1
"""To be raised whenever `sim.town.navigation` makes other files of the same map."""


class WorldCalls:
    """Handlers of the calls about the world; one instance a server."""

    def __init__(self, simulator: Simulator, start_map: Path) -> None:
        self.simulator = simulator
        self.actor_calls = ActorCalls(simulator)
        self.traffic_calls = TrafficCalls(simulator)
        self.light_calls = LightCalls(simulator)
        self.spawn_calls = SpawnCalls(simulator, self.actor_calls, self.light_calls)
        self.scene_calls = SceneCalls(simulator)
        self.recorder_calls = RecorderCalls(simulator, lambda: self.map_info()[0], self.load_episode)
        self.start_map = start_map
        self.local_host = "127.0.0.1"
        """The address by which the present caller reached us: where it will find our TrafficManager."""
        self.rpc_port = 0
        self._sent_map: MapFile | None = None
        self._navigation = ("", b"")
        """The navigation file made last, and the map it belongs to."""

    def methods(self) -> dict[str, Method]:
        """Every call by its name on the wire."""
        table = {name: Method(ReplyShape.VALUE, handler) for name, handler in self._value_calls().items()}
        table |= {name: Method(ReplyShape.VOID, handler) for name, handler in self._void_calls().items()}
        parts = (self.actor_calls, self.light_calls, self.spawn_calls, self.scene_calls, self.recorder_calls)
        for part in parts:
            table |= part.methods()
        table |= {name: Method(ReplyShape.PLAIN_RPC, handler) for name, handler in self.traffic_calls.calls().items()}
        return {name: Method(method.shape, _answering(method.handler)) for name, method in table.items()}

    def _value_calls(self) -> dict[str, Callable[..., Any]]:
        return {
            "version": lambda: wire.VERSION,
            "get_episode_info": self.episode_info,
            "get_episode_settings": self.settings,
            "set_episode_settings": self.set_settings,
            "get_sensor_token": self.sensor_token,
            "tick_cue": lambda: self.simulator.tick(),
            "get_map_info": self.map_info,
            "get_map_data": lambda: self.simulator.world.opendrive,
            "get_available_maps": self.available_maps,
            "get_required_files": self.required_files,
            "request_file": self.request_file,
            "get_navigation_mesh": self.navigation,
            "get_weather_parameters": lambda: list(self.simulator.weather),
            "get_imui_gravity": lambda: self.simulator.imu_gravity_mps2,
            "console_command": lambda command: _refuse(f"there is no console for '{command}'"),
            "is_traffic_manager_running": lambda _port: True,
            "get_traffic_manager_running": lambda _port: [self.local_host, self.rpc_port],
            # A TrafficManager of the client's own never comes to be, because one runs already: this one.
            "add_traffic_manager_running": lambda _address: False,
            "destroy_traffic_manager": lambda _port: True,
        }

    def _void_calls(self) -> dict[str, Callable[..., Any]]:
        return {
            "set_weather_parameters": self.set_weather,
            "set_imui_gravity": self.set_imu_gravity,
            "load_new_episode": self.load_episode,
            "copy_opendrive_to_file": self.take_opendrive,
        }

    # Episode and settings

    def episode_info(self) -> list[Any]:
        """Episode id and the token of the world's stream."""
        return [self.simulator.episode_id, [self.simulator.token(self.simulator.world_streams[-1])]]

    def sensor_token(self, stream_id: int) -> list[Any]:
        """Where a stream is; a client asks right before it connects."""
        self.simulator.streams.expect(int(stream_id))
        return [self.simulator.token(int(stream_id))]

    def settings(self) -> list[Any]:
        """`EpisodeSettings` as on the wire."""
        values: list[Any] = list(astuple(self.simulator.settings))
        step_s = self.simulator.settings.fixed_step_s
        values[2] = [False] if step_s is None else [True, step_s]
        return values

    def set_settings(self, values: list[Any]) -> int:
        """Take settings and give the frame from which they hold."""
        synchronous, no_rendering, step, substepping, max_substep, substeps, *distances = values
        culling, ragdolls, tile, active, spectator = distances
        settings = Settings(
            synchronous=bool(synchronous),
            no_rendering=bool(no_rendering),
            fixed_step_s=finite(step[1])[0] if step[0] else None,
            substepping=bool(substepping),
            max_substep_s=finite(max_substep)[0],
            max_substeps=int(substeps),
            max_culling_distance_m=finite(culling)[0],
            deterministic_ragdolls=bool(ragdolls),
            tile_stream_distance_m=finite(tile)[0],
            actor_active_distance_m=finite(active)[0],
            spectator_as_ego=bool(spectator),
        )
        self.simulator.change_settings(settings)
        return self.simulator.world.frame

    def set_weather(self, values: list[Any]) -> None:
        """Take the 14 numbers of the weather."""
        weather = finite(*values)
        if len(weather) != len(WEATHER_FIELDS):
            raise ValueError(f"a weather has {len(WEATHER_FIELDS)} numbers, not {len(weather)}")
        self.simulator.weather = weather

    def set_imu_gravity(self, gravity_mps2: float) -> None:
        """Gravity that IMUs feel."""
        (self.simulator.imu_gravity_mps2,) = finite(gravity_mps2)

    # Maps

    def map_info(self) -> list[Any]:
        """The map's name and its recommended spawn points."""
        world = self.simulator.world
        return [MAP_PREFIX + world.name, [transform_on_wire(pose) for pose in world.spawn_points]]

    def available_maps(self) -> list[str]:
        """Names of every map that can be loaded."""
        return [f"/Game/{MAP_PREFIX}{name}" for name in known_maps(self.start_map)]

    def required_files(self, folder: str = "", *_: Any) -> list[str]:
        """The files a client should have: the OpenDRIVE text, and for walkers' controllers the navigation file.

        Clients keep files by their names for ever, so the navigation file's name changes with the map.
        """
        world = self.simulator.world
        if folder == NAVIGATION_FOLDER:
            known = hashlib.sha256(world.opendrive.encode()).hexdigest()[:16]
            name = f"{MAP_PREFIX}Nav/{world.name}_{NAVIGATION_VERSION}_{known}.bin"
            return [name] if has_sidewalks(read_roads(world.opendrive)) else []
        return [] if folder else [f"{MAP_PREFIX}OpenDrive/{world.name}.xodr"]

    def request_file(self, name: str) -> bytes:
        """A file by the name that `required_files` gave it."""
        return self.navigation() if str(name).endswith(".bin") else self.simulator.world.opendrive.encode()

    def navigation(self) -> bytes:
        """The present map's navigation file; empty where there is none."""
        world = self.simulator.world
        if self._navigation[0] != world.opendrive:
            self._navigation = (world.opendrive, navigation_of(world.carla_map))
        return self._navigation[1]

    def load_episode(self, name: str, reset_settings: bool = True, _layers: int = 0) -> None:
        """Start a new episode on a map by name; RpcError when it is none of ours or no map."""
        wanted = str(name).rsplit("/", 1)[-1]
        self._load(self._find_map(wanted), bool(reset_settings))

    def _find_map(self, name: str) -> MapFile:
        current = self.simulator.map_file
        if name == GENERATED_MAP and self._sent_map is not None:
            return self._sent_map
        # An empty name, and the present map's, mean "once more" (client.reload_world).
        if name in ("", current.name):
            return current
        paths = {known.lower(): path for known, path in known_maps(self.start_map).items()}
        path = paths.get(name.lower())
        if path is None:
            raise RpcError(f"map '{name}' not found: this server has {', '.join(known_maps(self.start_map))}")
        try:
            return read_map(path)
        except MapFileError as error:
            raise RpcError(str(error)) from None

    def take_opendrive(self, opendrive: str, _parameters: Any = None) -> None:
        """Keep an OpenDRIVE text; the client then asks for an episode on it (client.generate_opendrive_world)."""
        self._sent_map = MapFile(GENERATED_MAP, mended(str(opendrive)))

    def _load(self, map_file: MapFile, reset_settings: bool) -> None:
        try:
            self.simulator.load(map_file, reset_settings)
        except MapError as error:
            raise RpcError(f"map '{map_file.name}' cannot be loaded: {error}") from None


def _answering(handler: Callable[..., Any]) -> Callable[..., Any]:
    """The handler, with what the world cannot do as CARLA's error."""

    def run(*arguments: Any) -> Any:
        try:
            return handler(*arguments)
        except WorldError as error:
            raise RpcError(str(error)) from error

    return run


def navigation_of(carla_map: carla.Map) -> bytes:
    """The navigation file of a map; empty, with a line in the log, where none can be made."""
    # Here, because a server whose clients have no walkers never needs the modules.
    from sim.town.navigation import navigation_file

    try:
        return navigation_file(carla_map)
    except (ValueError, ShapelyError) as error:
        log.warning("walkers' controllers have no navigation on this map: %s", error)
        return b""


def _refuse(why: str) -> Any:
    raise RpcError(why)
