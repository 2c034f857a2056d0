"""One tick's moving things as arrays: instances of models, soft shadows on the ground, and blooming lamps."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sim.render.camera import axes
from sim.render.figures import number_in, prop, signal_mast, signal_post, walker
from sim.render.scene import DrawnActor, DrawnLight, SceneState
from sim.render.sky import Light
from sim.render.solids import Model, Part
from sim.render.vehicles import vehicle

INSTANCE = np.dtype(
    [("row_x", "<f4", 4), ("row_y", "<f4", 4), ("row_z", "<f4", 4), ("paint", "<f4", 4), ("flags", "<u4")]
)
BLOB = np.dtype([("at", "<f4", 4), ("sides", "<f4", 4)])
GLOW = np.dtype([("at", "<f4", 4), ("facing", "<f4", 4), ("colour", "<f4", 3)])
ModelKey = tuple[str, tuple[float, float, float]]

BLINK_S = 0.7
CLOTHES = ((0.70, 0.20, 0.18), (0.20, 0.35, 0.60), (0.85, 0.80, 0.70), (0.25, 0.45, 0.32), (0.55, 0.42, 0.62))
DEFAULT_COLOUR = (150, 150, 155)
POST: ModelKey = ("signal.post", (0.0, 0.0, 0.0))
MAST: ModelKey = ("signal.mast", (0.0, 0.0, 0.0))
# Bloom of each lamp: colour, radius over the lamp's own, strength by day and at night.
BLOOM = {
    Part.HEAD: ((1.0, 0.95, 0.82), 5.0, 0.55, 1.0),
    Part.TAIL: ((1.0, 0.10, 0.06), 3.0, 0.35, 0.6),
    Part.BRAKE: ((1.0, 0.12, 0.06), 3.0, 0.75, 0.9),
    Part.LEFT: ((1.0, 0.60, 0.10), 4.0, 0.75, 0.9),
    Part.RIGHT: ((1.0, 0.60, 0.10), 4.0, 0.75, 0.9),
    Part.REVERSE: ((1.0, 1.0, 0.95), 3.0, 0.6, 0.8),
    Part.RED: ((1.0, 0.08, 0.04), 2.6, 0.85, 1.0),
    Part.YELLOW: ((1.0, 0.75, 0.08), 2.6, 0.85, 1.0),
    Part.GREEN: ((0.06, 1.0, 0.40), 2.6, 0.85, 1.0),
    Part.BEACON: ((0.2, 0.45, 1.0), 3.0, 0.7, 1.0),
}
SIGNAL_PARTS = {0: Part.RED, 1: Part.YELLOW, 2: Part.GREEN}


@dataclass(frozen=True)
class Stage:
    """What moves in one tick. `owner[i]` is the actor id of instance i, -1 for signals."""

    instances: np.ndarray
    keys: tuple[ModelKey, ...]
    owner: np.ndarray
    centre: np.ndarray
    radius: np.ndarray
    blobs: np.ndarray
    blob_owner: np.ndarray
    glows: np.ndarray
    glow_owner: np.ndarray


def make_model(key: ModelKey) -> Model:
    """The model of a blueprint with its half sizes."""
    type_id, extent_m = key
    if key == POST:
        return signal_post()
    if key == MAST:
        return signal_mast()
    if type_id.startswith("vehicle."):
        return vehicle(type_id, extent_m)
    if type_id.startswith("walker."):
        return walker(type_id, extent_m)
    return prop(type_id, extent_m)


def set_stage(
    scene: SceneState,
    light: Light,
    model_of: Callable[[ModelKey], Model],
    far_side: Callable[[DrawnLight], tuple[float, float] | None],
) -> Stage:
    """All instances, blobs and blooms of a scene."""
    rows: list[tuple[ModelKey, int, np.ndarray]] = []
    blobs: list[tuple[int, np.ndarray]] = []
    lamps_on = light.night > 0.25 or light.fog_per_m > 0.012
    for actor in scene.actors:
        model_key = (actor.type_id, actor.extent_m)
        rows.append((model_key, actor.actor_id, actor_instance(actor, actor_flags(actor, scene.time_s, lamps_on))))
        blobs += [(actor.actor_id, blob) for blob in actor_blobs(actor, light)]
    for signal in scene.lights:
        rows += [(key, -1, row) for key, row in signal_instances(signal, far_side(signal))]
    instances = np.array([row for _, _, row in rows], INSTANCE).reshape(-1)
    models = [model_of(key) for key, _, _ in rows]
    glows, glow_owner = lamp_glows(instances, models, [owner for _, owner, _ in rows], light.night)
    return Stage(
        instances=instances,
        keys=tuple(key for key, _, _ in rows),
        owner=np.array([owner for _, owner, _ in rows], np.int64),
        centre=np.stack([instances[row][:, 3] for row in ("row_x", "row_y", "row_z")], axis=1),
        radius=np.array([model.radius_m for model in models]),
        blobs=np.array([blob for _, blob in blobs], BLOB).reshape(-1),
        blob_owner=np.array([owner for owner, _ in blobs], np.int64),
        glows=glows,
        glow_owner=glow_owner,
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


def instance(pose: tuple[float, float, float], turn: np.ndarray, paint: np.ndarray | tuple, flags: int) -> np.ndarray:
    """One row of `INSTANCE`; `turn` has the axes forward, right, up as rows."""
    row = np.zeros((), INSTANCE)
    for k, name in enumerate(("row_x", "row_y", "row_z")):
        row[name][:3], row[name][3] = turn[:, k], pose[k]
    row["paint"][: len(paint)] = paint
    row["flags"] = flags
    return row


def actor_instance(actor: DrawnActor, flags: int) -> np.ndarray:
    """An actor's instance."""
    colour = np.array(actor.colour_rgb) / 255.0
    if actor.type_id.startswith("walker.") and tuple(actor.colour_rgb) == DEFAULT_COLOUR:
        colour = np.array(CLOTHES[number_in(actor.type_id) % len(CLOTHES)])
    # A screen's darkest paint is not black: the sky lights it.
    paint = (*(0.03 + 0.97 * colour), actor.steer_rad)
    return instance((actor.x, actor.y, actor.z), axes(actor.roll, actor.pitch, actor.yaw), paint, flags)


def actor_blobs(actor: DrawnActor, light: Light) -> list[np.ndarray]:
    """The shadow under an actor, and the one the sun throws."""
    is_walker = actor.type_id.startswith("walker.")
    foot = actor.z - (actor.extent_m[2] if is_walker else 0.0)
    c, s = math.cos(actor.yaw), math.sin(actor.yaw)
    half_x, half_y = actor.extent_m[0] * 1.22, actor.extent_m[1] * 1.35
    if is_walker:
        half_x, half_y = 0.42, 0.42

    def blob(x: float, y: float, grow: float, strength: float) -> np.ndarray:
        row = np.zeros((), BLOB)
        row["at"] = (x, y, foot + 0.02, strength)
        row["sides"] = (c * half_x * grow, s * half_x * grow, -s * half_y * grow, c * half_y * grow)
        return row

    found = [blob(actor.x, actor.y, 1.0, 0.62)]
    bright = float(light.sun.mean())
    if bright > 0.1:
        height = actor.extent_m[2] * 0.9
        throw = -light.sun_direction[:2] / max(float(light.sun_direction[2]), 0.35) * height
        found.append(blob(actor.x + throw[0], actor.y + throw[1], 1.05, 0.5 * min(bright / 0.6, 1.0)))
    return found


def signal_instances(signal: DrawnLight, far: tuple[float, float] | None) -> list[tuple[ModelKey, np.ndarray]]:
    """A post at the stop line and a mast across the junction; without a junction the mast alone."""
    turn = axes(0.0, 0.0, signal.yaw)
    part = SIGNAL_PARTS.get(signal.state)
    flags = part.flag if part else 0
    here = (signal.x, signal.y, signal.z)
    if far is None:
        return [(MAST, instance(here, turn, (0.0,), flags))]
    return [(POST, instance(here, turn, (0.0,), flags)), (MAST, instance((*far, signal.z), turn, (0.0,), flags))]


def lamp_glows(
    instances: np.ndarray, models: list[Model], owners: list[int], night: float
) -> tuple[np.ndarray, np.ndarray]:
    """Bloom of every lit lamp, and whose it is."""
    found, whose = [], []
    for row, model, owner in zip(instances, models, owners, strict=True):
        flags = int(row["flags"])
        if not flags:
            continue
        turn = np.stack([row["row_x"], row["row_y"], row["row_z"]])
        for lamp in model.lamps:
            if flags & lamp.part.flag:
                colour, grow, day, dark = BLOOM[lamp.part]
                at = turn @ np.array([*lamp.centre, 1.0])
                forward = turn[:, 0] * math.copysign(1.0, lamp.centre[0])
                found.append(((*at, lamp.radius_m * grow), (*forward, day + (dark - day) * night), colour))
                whose.append(owner)
    return np.array(found, GLOW).reshape(-1), np.array(whose, np.int64)
