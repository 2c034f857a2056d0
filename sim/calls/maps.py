"""The RPC calls about maps: the present one, its files, those that can be loaded, and loading them."""

from __future__ import annotations

import hashlib
import logging
from typing import Any

import carla
from shapely.errors import ShapelyError

from sim.calls.table import Context, call
from sim.map.files import GENERATED_MAP, MapFile, MapFileError, known_maps, mended, read_map
from sim.map.network import MapError
from sim.map.opendrive import read_roads
from sim.protocol.forms import transform_on_wire
from sim.protocol.rpc import ReplyShape, RpcError
from sim.town.roads import has_sidewalks

log = logging.getLogger(__name__)

MAP_PREFIX = "Carla/Maps/"
NAVIGATION_FOLDER = "Nav"
NAVIGATION_VERSION = 1
"""To be raised whenever `sim.town.walkways.navigation` makes other files of the same map."""


@call("get_map_info")
def map_info(context: Context) -> list[Any]:
    """The map's name and its recommended spawn points."""
    world = context.world
    return [MAP_PREFIX + world.name, [transform_on_wire(pose) for pose in world.spawn_points]]


@call("get_map_data")
def map_data(context: Context) -> str:
    """The map's OpenDRIVE text."""
    return context.world.opendrive


@call("get_available_maps")
def available_maps(context: Context) -> list[str]:
    """Names of every map that can be loaded."""
    return [f"/Game/{MAP_PREFIX}{name}" for name in known_maps(context.start_map, context.aliases)]


@call("get_required_files")
def required_files(context: Context, folder: str = "", *_: Any) -> list[str]:
    """The files a client should have: the OpenDRIVE text, and for walkers' controllers the navigation file.

    Clients keep files by their names for ever, so the navigation file's name changes with the map.
    """
    world = context.world
    if folder == NAVIGATION_FOLDER:
        known = hashlib.sha256(world.opendrive.encode()).hexdigest()[:16]
        name = f"{MAP_PREFIX}Nav/{world.name}_{NAVIGATION_VERSION}_{known}.bin"
        return [name] if has_sidewalks(read_roads(world.opendrive)) else []
    return [] if folder else [f"{MAP_PREFIX}OpenDrive/{world.name}.xodr"]


@call("request_file")
def request_file(context: Context, name: str) -> bytes:
    """A file by the name that `required_files` gave it."""
    return navigation(context) if str(name).endswith(".bin") else context.world.opendrive.encode()


@call("get_navigation_mesh")
def navigation(context: Context) -> bytes:
    """The present map's navigation file; empty where there is none."""
    world = context.world
    if context.navigation[0] != world.opendrive:
        context.navigation = (world.opendrive, navigation_of(world.carla_map))
    return context.navigation[1]


@call("load_new_episode", ReplyShape.VOID)
def load_episode(context: Context, name: str, reset_settings: bool = True, _layers: int = 0) -> None:
    """Start a new episode on a map by name; RpcError when the server has no such map, or it cannot be read."""
    _load(context, _find_map(context, str(name).rsplit("/", 1)[-1]), bool(reset_settings))


def map_asked_for(context: Context, name: Any = "") -> MapFile | None:
    """The map that `load_episode` is going to load; None when it will refuse to."""
    try:
        return _find_map(context, str(name).rsplit("/", 1)[-1])
    except RpcError:
        return None


def _find_map(context: Context, name: str) -> MapFile:
    current = context.simulator.map_file
    if name == GENERATED_MAP and context.sent_map is not None:
        return context.sent_map
    # An empty name, and the present map's, mean "once more" (client.reload_world).
    if name in ("", current.name):
        return current
    maps = known_maps(context.start_map, context.aliases)
    known = next((known for known in maps if known.lower() == name.lower()), None)
    if known is None:
        raise RpcError(f"map '{name}' not found: this server has {', '.join(maps)}")
    try:
        return read_map(maps[known], known)
    except MapFileError as error:
        raise RpcError(str(error)) from None


@call("copy_opendrive_to_file", ReplyShape.VOID)
def take_opendrive(context: Context, opendrive: str, _parameters: Any = None) -> None:
    """Keep an OpenDRIVE text; the client then asks for an episode on it (client.generate_opendrive_world)."""
    context.sent_map = MapFile(GENERATED_MAP, mended(str(opendrive)))


def _load(context: Context, map_file: MapFile, reset_settings: bool) -> None:
    try:
        context.simulator.load(map_file, reset_settings)
    except MapError as error:
        raise RpcError(f"map '{map_file.name}' cannot be loaded: {error}") from None


def navigation_of(carla_map: carla.Map) -> bytes:
    """The navigation file of a map; empty, with a line in the log, where none can be made."""
    # Here, because a server whose clients have no walkers never needs the modules.
    from sim.town.walkways.navigation import navigation_file

    try:
        return navigation_file(carla_map)
    except (ValueError, ShapelyError) as error:
        log.warning("walkers' controllers have no navigation on this map: %s", error)
        return b""
