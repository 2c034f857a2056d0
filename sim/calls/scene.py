"""The RPC calls about what stands in the world: rays, level boxes, environment objects, layers, textures.

Ground, actors, buildings and trees are reported; what this simulator cannot do (other textures, hiding scenery) is
refused with an error that names the call.
"""

from __future__ import annotations

import math
from typing import Any

from sim.calls.debug_shapes import bars_of
from sim.calls.street_lamps import changed_lamps, lamps_on_wire
from sim.calls.table import Context, call
from sim.protocol.forms import finite, transform_on_wire, vector_from_wire
from sim.protocol.rpc import ReplyShape, RpcError
from sim.rays.lines import LineHit, hits_on_line
from sim.scene.poses import Pose, Vector, compose
from sim.scene.records import Box
from sim.town.scene_objects import SceneObject, scene_objects
from sim.world.actors import Actor
from sim.world.blueprints import Kind

ANY_LABEL = 255
_NO_HIT = [False, [[0.0, 0.0, 0.0], 0]]
_PLUMB_M = 1e-3
"""A ray that moves less than this sideways looks for the ground: no leaves are above a road."""
_OF_THE_MAP = (Kind.TRAFFIC_LIGHT, Kind.TRAFFIC_SIGN)


# Rays


@call("project_point")
def project_point(context: Context, location: Any, direction: Any, reach_m: float) -> list[Any]:
    """[found, LabelledPoint]: the first thing that a ray meets."""
    start, way = vector_from_wire(location), vector_from_wire(direction)
    (reach,) = finite(reach_m)
    norm = sum(component * component for component in way) ** 0.5
    if norm < 1e-9 or reach <= 0.0:
        return _NO_HIT
    x, y, z = (s + reach * component / norm for s, component in zip(start, way, strict=True))
    hits = _cast(context, start, (x, y, z))
    return [True, _labelled(hits[0])] if hits else _NO_HIT


@call("cast_ray")
def cast_ray(context: Context, start: Any, end: Any) -> list[Any]:
    """LabelledPoints of everything between two places, nearest first."""
    return [_labelled(hit) for hit in _cast(context, vector_from_wire(start), vector_from_wire(end))]


def _cast(context: Context, start: Vector, end: Vector) -> list[LineHit]:
    world = context.world
    # The boxes of lights and signs are where they apply; their posts are among the static bodies.
    solid = [a for a in world.actors.values() if any(a.extent_m) and a.kind not in _OF_THE_MAP]
    boxes = [_actor_box(actor) for actor in solid]
    is_plumb = math.hypot(end[0] - start[0], end[1] - start[1]) < _PLUMB_M
    if not is_plumb:
        boxes += [thing.leaves for thing in _objects(context) if thing.leaves and thing.is_near(start, end)]
    return hits_on_line(start, end, boxes, world.ground_z, world.ground_label, world.statics.near_line(start, end))


# Lamps and debug shapes


@call("query_lights_state")
def street_lamps(context: Context, _client: Any) -> list[Any]:
    """`LightState`s of the street lamps; none where nothing is drawn (every client asks this on its way in)."""
    return lamps_on_wire(context.simulator.lamp_heads(), context.world.street_lamps)


@call("update_lights_state", ReplyShape.VOID)
def change_lamps(context: Context, _client: Any, lamps: list[Any], _discard: bool = False) -> None:
    """Switch, dim and colour street lamps."""
    count = len(context.simulator.lamp_heads())
    context.world.street_lamps |= {k: v for k, v in changed_lamps(lamps).items() if 0 <= k < count}


@call("draw_debug_shape", ReplyShape.VOID)
def draw_debug_shape(context: Context, shape: list[Any]) -> None:
    """Show a point, line, arrow or box for its life time."""
    world = context.world
    (kind, primitive), colour, life_time_s, *_ = shape
    bars = bars_of(int(kind), primitive, colour)
    if bars:
        world.debug_shapes.add(bars, finite(life_time_s)[0], world.time_s, world.frame)


# Scenery


def _objects(context: Context) -> tuple[SceneObject, ...]:
    return scene_objects(context.world.opendrive)


@call("get_all_level_BBs")
def level_boxes(context: Context, label: int) -> list[Any]:
    """Boxes, in the world, of what stands still and has the label (255: any)."""
    boxes = [_world_box(thing.box) for thing in _objects(context) if _has_label(thing.box.label, label)]
    actors = [a for a in context.world.actors.values() if a.kind in _OF_THE_MAP]
    return boxes + [_world_box(_actor_box(actor)) for actor in actors if _has_label(_label(actor), label)]


@call("get_environment_objects")
def environment_objects(context: Context, label: int) -> list[Any]:
    """`EnvironmentObject`s with the label (255: any)."""
    return [_environment_object(thing) for thing in _objects(context) if _has_label(thing.box.label, label)]


@call("get_names_of_all_objects")
def object_names(context: Context) -> list[str]:
    """Names of the buildings and trees."""
    return [thing.name for thing in _objects(context)]


@call("clear_debug_shape", ReplyShape.VOID)
def clear_debug_shapes(context: Context) -> None:
    """Take every debug shape away."""
    context.world.debug_shapes.clear()


@call("clear_debug_string", ReplyShape.VOID)
def clear_debug_strings(_context: Context) -> None:
    """Nothing: text is not drawn."""


# Taken, with no effect, or refused


@call("update_day_night_cycle", ReplyShape.VOID)
def set_day_night_cycle(_context: Context, _client: Any, _active: bool) -> None:
    """Nothing: lamps come on with the dark."""


@call("load_map_layer", ReplyShape.VOID)
@call("unload_map_layer", ReplyShape.VOID)
def change_layers(_context: Context, _layers: int) -> None:
    """Nothing, as on CARLA's own maps without layers."""


@call("set_annotations_traverse_translucency", ReplyShape.VOID)
def see_through_glass(_context: Context, _enabled: bool) -> None:
    """Nothing: labels see no glass."""


@call("enable_environment_objects", ReplyShape.VOID)
def enable_objects(_context: Context, _object_ids: Any, _enabled: bool) -> None:
    """Refused."""
    raise RpcError("the scenery stands where it stands")


@call("apply_color_texture_to_objects", ReplyShape.VOID)
@call("apply_float_color_texture_to_objects", ReplyShape.VOID)
def apply_texture(_context: Context, *_: Any) -> None:
    """Refused."""
    raise RpcError("other textures cannot be applied to objects")


def _has_label(label: int, asked: int) -> bool:
    return asked in (ANY_LABEL, label)


def _label(actor: Actor) -> int:
    return actor.semantic_tags[0] if actor.semantic_tags else 0


def _actor_box(actor: Actor) -> Box:
    return Box(compose(actor.pose, Pose(*actor.box_offset_m)), actor.extent_m, _label(actor))


def _labelled(hit: LineHit) -> list[Any]:
    return [list(hit.location), hit.label]


def _environment_object(thing: SceneObject) -> list[Any]:
    box = thing.box
    return [transform_on_wire(box.pose), _world_box(box), thing.object_id, thing.name, box.label]


def _world_box(box: Box) -> list[Any]:
    place, turn = transform_on_wire(box.pose)
    return [place, list(box.extent_m), turn, 0]
