"""The RPC calls about what stands in the world: rays, level boxes, environment objects, layers, textures.

What this simulator has of it is answered truly (ground, actors, buildings, trees); what it cannot do (other textures,
hiding scenery) is refused by name.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from sim.calls.debug_shapes import bars_of
from sim.calls.street_lamps import changed_lamps, lamps_on_wire
from sim.protocol.forms import finite, transform_on_wire, vector_from_wire
from sim.protocol.rpc import Method, ReplyShape, RpcError
from sim.rays.lines import LineHit, hits_on_line
from sim.scene.poses import Pose, Vector, compose
from sim.scene.records import Box
from sim.simulator.simulator import Simulator
from sim.town.scene_objects import SceneObject, scene_objects
from sim.world.actors import Actor
from sim.world.blueprints import Kind

ANY_LABEL = 255
_NO_HIT = [False, [[0.0, 0.0, 0.0], 0]]
_PLUMB_M = 1e-3
"""A ray that moves less than this sideways looks for the ground: nothing stands above a road."""


class SceneCalls:
    """Handlers of the calls about the scene."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator

    def methods(self) -> dict[str, Method]:
        """The calls by name."""
        values: dict[str, Callable[..., Any]] = {
            "project_point": self.project_point,
            "cast_ray": self.cast_ray,
            "get_all_level_BBs": self.level_boxes,
            "get_environment_objects": self.environment_objects,
            "get_names_of_all_objects": lambda: [thing.name for thing in self._objects()],
            "query_lights_state": lambda _client: self.street_lamps(),
        }
        voids: dict[str, Callable[..., Any]] = {
            "enable_environment_objects": lambda _ids, _enable: _refuse("the scenery stands where it stands"),
            "update_lights_state": lambda _client, lamps, _discard=False: self.change_lamps(lamps),
            "update_day_night_cycle": lambda _client, _active: None,
            # As on CARLA's own maps without layers: taken, with no effect.
            "load_map_layer": lambda _layers: None,
            "unload_map_layer": lambda _layers: None,
            "apply_color_texture_to_objects": lambda *_: _refuse("other textures cannot be applied to objects"),
            "apply_float_color_texture_to_objects": lambda *_: _refuse("other textures cannot be applied to objects"),
            "set_annotations_traverse_translucency": lambda _enable: None,
            "draw_debug_shape": self.draw_debug_shape,
            "clear_debug_shape": lambda: self.simulator.world.debug_shapes.clear(),
            "clear_debug_string": lambda: None,
        }
        table = {name: Method(ReplyShape.VALUE, handler) for name, handler in values.items()}
        return table | {name: Method(ReplyShape.VOID, handler) for name, handler in voids.items()}

    # Rays

    def project_point(self, location: Any, direction: Any, reach_m: float) -> list[Any]:
        """[found, LabelledPoint]: the first thing that a ray meets."""
        start, way = vector_from_wire(location), vector_from_wire(direction)
        (reach,) = finite(reach_m)
        norm = sum(component * component for component in way) ** 0.5
        if norm < 1e-9 or reach <= 0.0:
            return _NO_HIT
        x, y, z = (s + reach * component / norm for s, component in zip(start, way, strict=True))
        hits = self._cast(start, (x, y, z))
        return [True, _labelled(hits[0])] if hits else _NO_HIT

    def cast_ray(self, start: Any, end: Any) -> list[Any]:
        """LabelledPoints of everything between two places, nearest first."""
        return [_labelled(hit) for hit in self._cast(vector_from_wire(start), vector_from_wire(end))]

    def _cast(self, start: Vector, end: Vector) -> list[LineHit]:
        world = self.simulator.world
        boxes = [_actor_box(actor) for actor in world.actors.values() if any(actor.extent_m)]
        is_plumb = math.hypot(end[0] - start[0], end[1] - start[1]) < _PLUMB_M
        if not is_plumb:
            boxes += [thing.box for thing in self._objects() if thing.is_near(start, end)]
        return hits_on_line(start, end, boxes, world.ground_z, world.ground_label)

    # Lamps and debug shapes

    def street_lamps(self) -> list[Any]:
        """`LightState`s of the street lamps; none where nothing is drawn (every client asks this on its way in)."""
        return lamps_on_wire(self.simulator.lamp_heads(), self.simulator.world.street_lamps)

    def change_lamps(self, lamps: list[Any]) -> None:
        """Switch, dim and colour street lamps."""
        count = len(self.simulator.lamp_heads())
        self.simulator.world.street_lamps |= {k: v for k, v in changed_lamps(lamps).items() if 0 <= k < count}

    def draw_debug_shape(self, shape: list[Any]) -> None:
        """Show a point, line, arrow or box for its life time."""
        world = self.simulator.world
        (kind, primitive), colour, life_time_s, *_ = shape
        bars = bars_of(int(kind), primitive, colour)
        if bars:
            world.debug_shapes.add(bars, finite(life_time_s)[0], world.time_s, world.frame)

    # Scenery

    def _objects(self) -> tuple[SceneObject, ...]:
        return scene_objects(self.simulator.world.opendrive)

    def level_boxes(self, label: int) -> list[Any]:
        """Boxes, in the world, of what stands still and has the label (255: any)."""
        boxes = [_world_box(thing.box) for thing in self._objects() if _has_label(thing.box.label, label)]
        fixed = (Kind.TRAFFIC_LIGHT, Kind.TRAFFIC_SIGN)
        actors = [a for a in self.simulator.world.actors.values() if a.kind in fixed]
        return boxes + [_world_box(_actor_box(actor)) for actor in actors if _has_label(_label(actor), label)]

    def environment_objects(self, label: int) -> list[Any]:
        """`EnvironmentObject`s with the label (255: any)."""
        return [_environment_object(thing) for thing in self._objects() if _has_label(thing.box.label, label)]


def _refuse(why: str) -> None:
    raise RpcError(why)


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
