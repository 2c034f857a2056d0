"""The RPC calls about the whole world: episode, settings, map, weather, spawning, batches, traffic lights.

Every call that the 0.9.16 client makes has a handler here, in `sim.actor_calls` or in `sim.traffic_rpc`; what this
simulator does not have (foliage, street lamps, recorders) is answered as an empty world would. Handlers take what
came over the wire and raise RpcError or ValueError, which become the client's RuntimeError.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import astuple
from pathlib import Path
from typing import Any

from sim import blueprints, sensors, wire
from sim.actor_calls import ActorCalls
from sim.actors import finite, pose_from_wire, vector_from_wire, wire_transform
from sim.blueprints import Kind
from sim.maps import GENERATED_MAP, MapFile, MapFileError, known_maps, read_map
from sim.rpc import Method, ReplyShape, RpcError
from sim.simulator import WEATHER_FIELDS, Settings, Simulator
from sim.snapshot import box_on_wire
from sim.traffic_rpc import TrafficCalls
from sim.world import MapError

log = logging.getLogger(__name__)

MAP_PREFIX = "Carla/Maps/"
_NO_PARENT = [False]
_SPAWN_COMMAND, _DESTROY_COMMAND, _CONSOLE_COMMAND = 0, 1, 20


class WorldCalls:
    """Handlers of the calls about the world; one instance a server."""

    def __init__(self, simulator: Simulator, start_map: Path) -> None:
        self.simulator = simulator
        self.actor_calls = ActorCalls(simulator)
        self.traffic_calls = TrafficCalls(simulator)
        self.start_map = start_map
        self.local_host = "127.0.0.1"
        """The address by which the present caller reached us: where it will find our TrafficManager."""
        self.rpc_port = 0
        self._sent_map: MapFile | None = None

    def methods(self) -> dict[str, Method]:
        """Every call by its name on the wire."""
        table = {name: Method(ReplyShape.VALUE, handler) for name, handler in self._value_calls().items()}
        table |= {name: Method(ReplyShape.VOID, handler) for name, handler in self._void_calls().items()}
        table |= self.actor_calls.methods()
        table |= {name: Method(ReplyShape.PLAIN_RPC, handler) for name, handler in self.traffic_calls.calls().items()}
        table["apply_batch"] = Method(ReplyShape.BARE, self.apply_batch)
        return table

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
            "get_navigation_mesh": lambda: b"",
            "get_actor_definitions": blueprints.definitions,
            "get_spectator": lambda: self.simulator.on_wire(self.simulator.world.spectator),
            "get_weather_parameters": lambda: list(self.simulator.weather),
            "get_imui_sensor_gravity": lambda: 9.81,
            "get_actors_by_id": self.actors_by_id,
            "spawn_actor": self.spawn,
            "spawn_actor_with_parent": self.spawn_attached,
            "destroy_actor": self.destroy,
            "get_group_traffic_lights": self.light_group,
            "get_light_boxes": self.light_boxes,
            "get_vehicle_light_states": self.vehicle_light_states,
            "get_all_level_BBs": lambda *_: [],
            "get_environment_objects": lambda *_: [],
            "get_names_of_all_objects": list,
            "query_lights_state": lambda *_: [],
            "cast_ray": lambda *_: [],
            "project_point": self.project_point,
            "start_recorder": lambda *_: self._no_recorder(),
            "show_recorder_file_info": lambda *_: self._no_recorder(),
            "show_recorder_collisions": lambda *_: self._no_recorder(),
            "show_recorder_actors_blocked": lambda *_: self._no_recorder(),
            "replay_file": lambda *_: self._no_recorder(),
            "console_command": lambda *_: False,
            "is_traffic_manager_running": lambda _port: True,
            "get_traffic_manager_running": lambda _port: [self.local_host, self.rpc_port],
            # A TrafficManager of the client's own never comes to be, because one runs already: this one.
            "add_traffic_manager_running": lambda _address: False,
            "destroy_traffic_manager": lambda _port: True,
        }

    def _void_calls(self) -> dict[str, Callable[..., Any]]:
        accepted = (
            *("draw_debug_shape", "enable_environment_objects", "update_lights_state", "update_day_night_cycle"),
            *(
                "load_map_layer",
                "unload_map_layer",
                "load_level_layer",
                "unload_level_layer",
                "set_annotations_traverse",
            ),
            *("apply_color_texture_to_objects", "apply_float_color_texture_to_objects", "set_imui_sensor_gravity"),
            *("stop_recorder", "stop_replayer", "set_replayer_time_factor", "set_replayer_ignore_hero"),
            *("set_replayer_ignore_spectator", "set_is_listening", "update_textures"),
            *("set_annotations_traverse_translucency", "set_annotations_traverse_translucency"),
        )
        return dict.fromkeys(accepted, _accept) | {
            "set_weather_parameters": self.set_weather,
            "load_new_episode": self.load_episode,
            "copy_opendrive_to_file": self.take_opendrive,
            "set_traffic_light_state": self.set_light_state,
            "set_traffic_light_green_time": lambda actor_id, time_s: self._set_light_time(actor_id, "green_s", time_s),
            "set_traffic_light_yellow_time": lambda actor_id, time_s: self._set_light_time(
                actor_id, "yellow_s", time_s
            ),
            "set_traffic_light_red_time": lambda actor_id, time_s: self._set_light_time(actor_id, "red_s", time_s),
            "freeze_traffic_light": self.freeze_light,
            "freeze_all_traffic_lights": lambda frozen: self.simulator.world.signals.freeze_all(bool(frozen)),
            "reset_traffic_light_group": self.reset_light_group,
            "reset_all_traffic_lights": lambda: self.simulator.world.signals.reset(),
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

    # Maps

    def map_info(self) -> list[Any]:
        """The map's name and its recommended spawn points."""
        world = self.simulator.world
        return [MAP_PREFIX + world.name, [_transform(pose) for pose in world.spawn_points]]

    def available_maps(self) -> list[str]:
        """Names of every map that can be loaded."""
        return [f"/Game/{MAP_PREFIX}{name}" for name in known_maps(self.start_map)]

    def required_files(self, folder: str = "", *_: Any) -> list[str]:
        """The files a client should have: the OpenDRIVE text alone."""
        return [] if folder else [f"{MAP_PREFIX}OpenDrive/{self.simulator.world.name}.xodr"]

    def request_file(self, _name: str) -> bytes:
        """The one file there is."""
        return self.simulator.world.opendrive.encode()

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
        self._sent_map = MapFile(GENERATED_MAP, str(opendrive))

    def _load(self, map_file: MapFile, reset_settings: bool) -> None:
        try:
            self.simulator.load(map_file, reset_settings)
        except MapError as error:
            raise RpcError(f"map '{map_file.name}' cannot be loaded: {error}") from None

    def project_point(self, location: Any, direction: Any, reach_m: float) -> list[Any]:
        """Where a ray meets the road's surface: optional<LabelledPoint>."""
        x, y, z = vector_from_wire(location)
        dx, dy, dz = vector_from_wire(direction)
        ground = self.simulator.world.ground_z(x, y)
        if ground is None or abs(dz) < 1e-6:
            return [False]
        along = (ground - z) / dz
        if not 0.0 <= along * math.hypot(dx, dy, dz) <= reach_m:
            return [False]
        return [True, [[x + along * dx, y + along * dy, ground], _LABEL_ROAD]]

    # Actors

    def actors_by_id(self, actor_ids: list[int]) -> list[Any]:
        """The actors that exist, dead ones left out."""
        actors = self.simulator.world.actors
        return [self.simulator.on_wire(actors[i]) for i in actor_ids if i in actors]

    def spawn(self, description: list[Any], transform: Any) -> list[Any]:
        """Spawn a free-standing actor."""
        return self._spawn(description, transform, 0)

    def spawn_attached(self, description: list[Any], transform: Any, parent_id: int, *_: Any) -> list[Any]:
        """Spawn an actor attached to another. Every attachment is rigid: spring arms too."""
        return self._spawn(description, transform, int(parent_id))

    def _spawn(self, description: list[Any], transform: Any, parent_id: int) -> list[Any]:
        world = self.simulator.world
        actor = world.spawn(description, pose_from_wire(transform), parent_id)
        try:
            sensors.check_sensor(actor)
        except ValueError as error:
            world.destroy(actor.actor_id)
            raise RpcError(f"Spawn failed: {error}") from None
        return self.simulator.on_wire(actor)

    def destroy(self, actor_id: int) -> bool:
        """Destroy an actor."""
        self.simulator.destroy(actor_id)
        return True

    def vehicle_light_states(self) -> list[list[int]]:
        """[actor id, lamps] of every vehicle."""
        actors = self.simulator.world.actors.values()
        return [[a.actor_id, a.lights] for a in actors if a.kind is Kind.VEHICLE]

    # Traffic lights

    def set_light_state(self, actor_id: int, state: int) -> None:
        """Show a state at once."""
        world = self.simulator.world
        world.signals.set_state(world.light(actor_id).light_index, int(state))

    def _set_light_time(self, actor_id: int, name: str, time_s: float) -> None:
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

    # Batches

    def apply_batch(self, commands: list[Any], tick: bool = False) -> list[Any]:
        """Run commands in order; each answers with its actor's id or an error, none stops the rest."""
        answers = [self._answer_command(command) for command in commands]
        if tick:
            self.simulator.tick()
        return answers

    def _answer_command(self, command: Any) -> list[Any]:
        try:
            ((index, fields),) = command
            return [[1, self._run_command(int(index), list(fields))]]
        except RpcError as error:
            return [[0, [str(error)]]]
        except (TypeError, ValueError, IndexError, KeyError, OverflowError) as error:
            return [[0, [f"command not understood ({error})"]]]

    def _run_command(self, index: int, fields: list[Any]) -> int:
        if index == _SPAWN_COMMAND:
            return self._spawn_command(fields)
        if index == _DESTROY_COMMAND:
            self.destroy(fields[0])
        elif index == 21:
            self.set_light_state(*fields)
        elif index == _CONSOLE_COMMAND:
            return 0
        else:
            self.actor_calls.run_command(index, fields)
        return fields[0]

    def _spawn_command(self, fields: list[Any]) -> int:
        description, transform, parent = fields[:3]
        parent_id = parent[1] if parent != _NO_PARENT and parent[0] else 0
        actor_id = self._spawn(description, transform, parent_id)[0]
        for ((index, after),) in fields[-1]:
            # FutureActor is actor id 0: it stands for the actor just spawned.
            self._run_command(int(index), [actor_id, *after[1:]])
        return actor_id

    def _no_recorder(self) -> Any:
        raise RpcError("this simulator has no CARLA recorder: record with the session instead")


_LABEL_ROAD = 1
"""`carla::rpc::CityObjectLabel::Roads`."""


def _transform(pose: Any) -> list[list[float]]:
    values = wire_transform(pose)
    return [list(values[:3]), list(values[3:])]


def _accept(*_: Any) -> None:
    """A call about something that this simulator does not have."""
