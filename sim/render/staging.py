"""One tick's moving things as arrays: instances of models, soft shadows on the ground, and blooming lamps."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sim.render.models.cabin import cabin, steering_wheel, wheel_pose
from sim.render.models.figures import prop, signal_mast, signal_post
from sim.render.models.poses import DOOR_BIT, sink_m, turns
from sim.render.models.vehicles import vehicle
from sim.render.models.walkers import number_in, walker
from sim.render.passes.sky import Light
from sim.scene.camera import axes
from sim.scene.labels import LABEL, Tag
from sim.scene.records import DrawnActor, DrawnLight, SceneState
from sim.town.solids import Model, Part

INSTANCE = np.dtype(
    [
        *((name, "<f4", 4) for name in ("row_x", "row_y", "row_z", "paint", "turns")),
        ("flags", "<u4"),
    ]
)
INSTANCE_LAYOUT = ("4f4 4f4 4f4 4f4 4f4 1u4/i", "row_x", "row_y", "row_z", "paint", "turns", "flags")
"""The same for OpenGL."""
BLOB = np.dtype([("at", "<f4", 4), ("sides", "<f4", 4), ("owner", "<i4")])
GLOW = np.dtype([("at", "<f4", 4), ("facing", "<f4", 4), ("colour", "<f4", 3), ("ground", "<f4")])
ModelKey = tuple[str, tuple[float, float, float]]

CABIN = "cabin."
"""Before a vehicle's id: its inside."""
STEERING_WHEEL: ModelKey = ("steering wheel", (0.0, 0.0, 0.0))
CABINS_FROM = -10
"""The inside of actor k belongs to CABINS_FROM - k."""
NOBODY = -2  # not -1, which a view means by hiding no actor
BLINK_S = 0.7
CLOTHES = ((0.62, 0.20, 0.17), (0.20, 0.33, 0.55), (0.82, 0.79, 0.71), (0.26, 0.40, 0.30), (0.50, 0.40, 0.56),
           (0.16, 0.17, 0.19), (0.74, 0.62, 0.24), (0.45, 0.33, 0.25), (0.58, 0.64, 0.70), (0.80, 0.46, 0.40),
           (0.34, 0.36, 0.39), (0.18, 0.42, 0.46))  # fmt: skip
DEFAULT_COLOUR = (150, 150, 155)
POST: ModelKey = ("signal.post", (0.0, 0.0, 0.0))
MAST: ModelKey = ("signal.mast", (0.0, 0.0, 0.0))
# Bloom of each lamp: colour, radius over the lamp's own, strength at night.
BLOOM = {
    Part.HEAD: ((1.0, 0.95, 0.82), 5.0, 1.0),
    Part.TAIL: ((1.0, 0.10, 0.06), 3.0, 0.6),
    Part.BRAKE: ((1.0, 0.12, 0.06), 3.0, 0.95),
    Part.LEFT: ((1.0, 0.66, 0.10), 4.0, 1.5),
    Part.RIGHT: ((1.0, 0.66, 0.10), 4.0, 1.5),
    Part.REVERSE: ((1.0, 1.0, 0.95), 3.0, 0.8),
    Part.RED: ((1.0, 0.08, 0.04), 2.6, 1.0),
    Part.YELLOW: ((1.0, 0.75, 0.08), 2.6, 1.0),
    Part.GREEN: ((0.06, 1.0, 0.40), 2.6, 1.0),
    Part.BEACON: ((0.2, 0.45, 1.0), 3.0, 1.0),
}
DAY_BLOOM = 0.82
SIGNAL_PARTS = {0: Part.RED, 1: Part.YELLOW, 2: Part.GREEN}


@dataclass(frozen=True)
class Stage:
    """What moves in one tick. `owner[i]` is the actor id of instance i, `NOBODY` for signals."""

    instances: np.ndarray
    labels: np.ndarray
    keys: tuple[ModelKey, ...]
    owner: np.ndarray
    centre: np.ndarray
    radius: np.ndarray
    blobs: np.ndarray
    glows: np.ndarray
    glow_owner: np.ndarray


TAG_OF_ID = {"vehicle": Tag.CAR, "walker": Tag.PEDESTRIANS, "static": Tag.DYNAMIC, "signal": Tag.POLES}


def label_of(type_id: str, tag: int) -> int:
    """An instance's tag: its own, or else that of its blueprint's id."""
    return tag or TAG_OF_ID.get(type_id.split(".")[0], Tag.NONE)


def model_key(actor: DrawnActor) -> ModelKey:
    """What an actor looks like, in whatever pose: its blueprint with its half sizes."""
    return actor.type_id, actor.extent_m


def make_model(key: ModelKey, fine: bool = True) -> Model:
    """The model of a blueprint with its half sizes; not `fine` is for the distance."""
    type_id, extent_m = key
    if type_id.startswith(CABIN):
        return cabin(type_id.removeprefix(CABIN), extent_m)
    if key == STEERING_WHEEL:
        return steering_wheel()
    if key == POST:
        return signal_post()
    if key == MAST:
        return signal_mast()
    if type_id.startswith("vehicle."):
        return vehicle(type_id, extent_m, fine)
    if type_id.startswith("walker."):
        return walker(type_id, extent_m)
    return prop(type_id, extent_m)


class Placed:
    """The unmoving part of a traffic light: its instances and blooms, kept from tick to tick."""

    def __init__(
        self, signal: DrawnLight, far: tuple[float, float] | None, model_of: Callable[[ModelKey], Model]
    ) -> None:
        self.rows = signal_instances(signal, far)
        glows = [lamp_glows(row, model_of(key)) for key, row in self.rows]
        self.glows = np.concatenate(glows) if glows else np.zeros(0, GLOW)


def set_stage(
    scene: SceneState,
    light: Light,
    model_of: Callable[[ModelKey], Model],
    placed: Callable[[DrawnLight], Placed],
    cabins: frozenset[int] = frozenset(),
) -> Stage:
    """All instances, blobs and blooms of a scene; `cabins` are the actors that are seen from inside."""
    lamps_on = light.night > 0.15 or light.fog_per_m > 0.012
    actors = actor_instances(scene.actors, scene.time_s, lamps_on)
    keys: list[ModelKey] = [model_key(actor) for actor in scene.actors]
    owner = [actor.actor_id for actor in scene.actors]
    labels = [(label_of(actor.type_id, actor.tag), 0, actor.actor_id & 0xFFFF) for actor in scene.actors]
    glows = [np.zeros(0, GLOW)]
    glow_owner: list[int] = []
    for row, key, whose in zip(actors, keys, owner, strict=True):
        if row["flags"]:
            found = lamp_glows(row, model_of(key))
            glows.append(found)
            glow_owner += [whose] * len(found)
    rows = [actors]
    for signal in scene.lights:
        unmoving = placed(signal)
        for key, row in unmoving.rows:
            rows.append(row)
            keys.append(key)
            labels.append((label_of(key[0], 0), 0, signal.actor_id & 0xFFFF))
        glows.append(unmoving.glows)
        glow_owner += [NOBODY] * len(unmoving.glows)
    owner += [NOBODY] * (len(keys) - len(owner))
    for i in (i for i, actor in enumerate(scene.actors) if actor.actor_id in cabins):
        rows.append(cabin_instances(scene.actors[i], actors[i]))
        keys += [(CABIN + scene.actors[i].type_id, scene.actors[i].extent_m), STEERING_WHEEL]
        labels += [labels[i]] * 2
        owner += [CABINS_FROM - scene.actors[i].actor_id] * 2
    instances = np.concatenate(rows)
    all_glows = np.concatenate(glows)
    strengths = all_glows["facing"][:, 3]
    strengths *= np.interp(light.night, [0.0, 1.0], [DAY_BLOOM, 1.0])
    return Stage(
        instances=instances,
        labels=np.array(labels, LABEL),
        keys=tuple(keys),
        owner=np.array(owner, np.int64),
        centre=np.stack([instances[row][:, 3] for row in ("row_x", "row_y", "row_z")], axis=1),
        radius=np.array([model_of(key).radius_m for key in keys]),
        blobs=actor_blobs(scene.actors, light),
        glows=all_glows,
        glow_owner=np.array(glow_owner, np.int64),
    )


def actor_flags(actor: DrawnActor, time_s: float, lamps_on: bool) -> int:
    """Which of an actor's lamps are lit, as a bit field."""
    blink = time_s % BLINK_S < BLINK_S / 2.0
    is_vehicle = actor.type_id.startswith("vehicle.")
    lit = {
        Part.HEAD: lamps_on and is_vehicle,
        Part.TAIL: (lamps_on or actor.brake_light) and is_vehicle,
        Part.BRAKE: actor.brake_light,
        Part.LEFT: actor.left_indicator and blink,
        Part.RIGHT: actor.right_indicator and blink,
        Part.REVERSE: actor.reverse_light,
        Part.YELLOW: blink and "prop" in actor.type_id,
    }
    return sum(part.flag for part, on in lit.items() if on)


def actor_instances(actors: tuple[DrawnActor, ...], time_s: float, lamps_on: bool) -> np.ndarray:
    """One row of `INSTANCE` an actor."""
    rows = np.zeros(len(actors), INSTANCE)
    if not actors:
        return rows
    turn = np.array([axes(actor.roll, actor.pitch, actor.yaw) for actor in actors])
    at = np.array([(actor.x, actor.y, actor.z - sink_m(actor)) for actor in actors])
    for k, name in enumerate(("row_x", "row_y", "row_z")):
        rows[name] = np.column_stack([turn[:, :, k], at[:, k]])
    rows["paint"] = [(*paint_of(actor), actor.steer_rad) for actor in actors]
    rows["turns"] = [turns(actor) for actor in actors]
    rows["flags"] = [actor_flags(actor, time_s, lamps_on) | (actor.doors_open & 0xF) << DOOR_BIT for actor in actors]
    return rows


def cabin_instances(actor: DrawnActor, row: np.ndarray) -> np.ndarray:
    """Two rows of `INSTANCE`: the inside of a vehicle and its steering wheel; `row` is the vehicle's own."""
    rows = np.repeat(row.reshape(1), 2)
    rows["flags"] = Part.BEACON.flag  # instruments shine
    rows["paint"][:, 3] = 0.0
    wheel = wheel_pose(actor.extent_m, actor.steer_rad)
    for name in ("row_x", "row_y", "row_z"):
        turn, at = row[name][:3], row[name][3]
        rows[name][1] = (*(turn @ wheel[:, :3]), turn @ wheel[:, 3] + at)
    return rows


def paint_of(actor: DrawnActor) -> tuple[float, float, float]:
    """An actor's colour, 0..1."""
    r, g, b = (c / 255.0 for c in actor.colour_rgb)
    if actor.type_id.startswith("walker.") and tuple(actor.colour_rgb) == DEFAULT_COLOUR:
        r, g, b = CLOTHES[number_in(actor.type_id) % len(CLOTHES)]
    return 0.03 + 0.97 * r, 0.03 + 0.97 * g, 0.03 + 0.97 * b  # even black paint mirrors some sky


def actor_blobs(actors: tuple[DrawnActor, ...], light: Light) -> np.ndarray:
    """The shadow under each actor, and then the one the sun throws from each."""
    under = np.zeros(len(actors), BLOB)
    for row, actor in zip(under, actors, strict=True):
        c, s = math.cos(actor.yaw), math.sin(actor.yaw)
        half_x, half_y, foot = actor.extent_m[0] * 1.22, actor.extent_m[1] * 1.35, actor.z
        if actor.type_id.startswith("walker."):
            half_x, half_y, foot = 0.42, 0.42, actor.z - actor.extent_m[2]
        row["at"] = (actor.x, actor.y, foot + 0.02, 0.62)
        row["sides"] = (c * half_x, s * half_x, -s * half_y, c * half_y)
        row["owner"] = actor.actor_id
    bright = float(light.sun.mean())
    if bright < 0.1:
        return under
    thrown = under.copy()
    height = np.array([actor.extent_m[2] for actor in actors])[:, None] * 0.9
    thrown["at"][:, :2] -= light.sun_direction[:2] / max(float(light.sun_direction[2]), 0.35) * height
    thrown["at"][:, 3] = 0.5 * min(bright / 0.6, 1.0)
    return np.concatenate([under, thrown])


def signal_instances(signal: DrawnLight, far: tuple[float, float] | None) -> list[tuple[ModelKey, np.ndarray]]:
    """A post at the stop line and a mast across the junction; without a junction the mast alone."""
    turn = axes(0.0, 0.0, signal.yaw)
    part = SIGNAL_PARTS.get(signal.state)

    def row_at(x: float, y: float) -> np.ndarray:
        row = np.zeros(1, INSTANCE)
        for k, (name, at) in enumerate((("row_x", x), ("row_y", y), ("row_z", signal.z))):
            row[name] = (*turn[:, k], at)
        row["flags"] = part.flag if part else 0
        return row

    if far is None:
        return [(MAST, row_at(signal.x, signal.y))]
    return [(POST, row_at(signal.x, signal.y)), (MAST, row_at(*far))]


def lamp_glows(row: np.ndarray, model: Model) -> np.ndarray:
    """Bloom of every lit lamp of one instance."""
    row = row.reshape(())
    lit = [lamp for lamp in model.lamps if int(row["flags"]) & lamp.part.flag]
    found = np.zeros(len(lit), GLOW)
    if lit:
        turn = np.stack([row["row_x"], row["row_y"], row["row_z"]])
        centres = np.array([lamp.centre for lamp in lit])
        found["at"][:, :3] = centres @ turn[:, :3].T + turn[:, 3]
        found["at"][:, 3] = [lamp.radius_m * BLOOM[lamp.part][1] for lamp in lit]
        found["facing"][:, :3] = np.sign(centres[:, :1]) * turn[:, 0]
        found["facing"][:, 3] = [BLOOM[lamp.part][2] for lamp in lit]
        found["colour"] = [BLOOM[lamp.part][0] for lamp in lit]
        found["ground"] = row["row_z"][3]
    return found
