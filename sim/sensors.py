"""What sensors see of a tick: which cameras are due, the scene they see, and who felt which collision.

A sensor that nobody listens to costs nothing: everything here starts from the sensors with readers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from sim import wire
from sim.actors import Actor, Vector, wire_transform
from sim.blueprints import Kind
from sim.render.scene import CameraView, DrawnActor, DrawnLight, SceneState
from sim.snapshot import actor_on_wire
from sim.world import World

LIGHT_BRAKE = 0x8
LIGHT_RIGHT_BLINKER = 0x10
LIGHT_LEFT_BLINKER = 0x20
LIGHT_REVERSE = 0x40
BRAKE_PEDAL_LIT = 0.05
MAX_IMAGE_SIDE_PX = 8192
_DUE_TOLERANCE_S = 1e-6
_DEFAULT_COLOUR = (150, 150, 155)


@dataclass(frozen=True, slots=True)
class CameraShot:
    """One picture that is owed: the view is frozen at the tick, so that drawing it later shows that tick."""

    stream_id: int
    view: CameraView
    head: bytes
    """What goes before the pixels on the wire."""


@dataclass(frozen=True, slots=True)
class PendingFrames:
    """The pictures owed for one tick."""

    scene: SceneState
    shots: tuple[CameraShot, ...]


def due_frames(world: World, weather: tuple[float, ...], has_readers: Callable[[int], bool]) -> PendingFrames | None:
    """What the cameras owe their readers for the world's present tick; None when nothing is due."""
    shots = []
    for actor in world.actors.values():
        if actor.kind is Kind.CAMERA and has_readers(actor.stream_id) and _is_due(actor, world.time_s):
            shots.append(_shot(world, actor))
    return PendingFrames(scene_of(world, weather), tuple(shots)) if shots else None


def _is_due(sensor: Actor, time_s: float) -> bool:
    period_s = float(sensor.attributes.get("sensor_tick", 0.0))
    if period_s <= 0.0:
        return True
    if time_s < sensor.next_due_s - _DUE_TOLERANCE_S:
        return False
    # Counting on from the due time, not from now, keeps the mean rate exact when steps and period do not divide.
    late_s = time_s - sensor.next_due_s
    sensor.next_due_s = sensor.next_due_s + period_s if late_s < period_s else time_s + period_s
    return True


def image_size(sensor: Actor) -> tuple[int, int]:
    """Width and height of a camera's pictures; ValueError when they cannot be drawn."""
    width, height = int(sensor.attributes["image_size_x"]), int(sensor.attributes["image_size_y"])
    if not (0 < width <= MAX_IMAGE_SIDE_PX and 0 < height <= MAX_IMAGE_SIDE_PX):
        raise ValueError(f"image size {width}x{height} is outside 1..{MAX_IMAGE_SIDE_PX}")
    return width, height


def check_camera(sensor: Actor) -> None:
    """ValueError when a camera's attributes are no camera."""
    image_size(sensor)
    fov_deg = float(sensor.attributes["fov"])
    if not 0.0 < fov_deg < 180.0:
        raise ValueError(f"fov {fov_deg} is outside 0..180 degrees")
    if not math.isfinite(float(sensor.attributes.get("sensor_tick", 0.0))):
        raise ValueError("sensor_tick is not a number of seconds")


def _shot(world: World, camera: Actor) -> CameraShot:
    width, height = image_size(camera)
    fov_deg = float(camera.attributes["fov"])
    p = camera.pose
    hidden = camera.parent_id if _is_inside_parent(world, camera) else -1
    view = CameraView(width, height, fov_deg, p.x, p.y, p.z, p.roll, p.pitch, p.yaw, hidden)
    head = wire.camera_header(world.frame, world.time_s, wire_transform(p), width, height, fov_deg)
    return CameraShot(camera.stream_id, view, head)


def _is_inside_parent(world: World, camera: Actor) -> bool:
    parent = world.actors.get(camera.parent_id)
    mount = camera.pose_in_parent
    if parent is None or mount is None:
        return False
    offsets = zip((mount.x, mount.y, mount.z), parent.box_offset_m, parent.extent_m, strict=True)
    return all(abs(at - centre) <= extent for at, centre, extent in offsets)


def scene_of(world: World, weather: tuple[float, ...]) -> SceneState:
    """Everything that moves or changes, as the renderer wants it."""
    drawn = [_drawn(world, a) for a in world.actors.values() if a.kind in (Kind.VEHICLE, Kind.WALKER, Kind.PROP)]
    lights = tuple(DrawnLight(light.x, light.y, light.z, light.yaw_rad, light.state) for light in world.signals.lights)
    return SceneState(tuple(drawn), lights, weather, world.time_s)


def _drawn(world: World, actor: Actor) -> DrawnActor:
    p, lamps = actor.pose, actor.lights
    braking = reversing = False
    steer_rad = 0.0
    if actor.kind is Kind.VEHICLE:
        slot = world.vehicles.slot(actor.actor_id)
        braking = bool(world.vehicles.brake[slot] > BRAKE_PEDAL_LIT)
        reversing = bool(world.vehicles.reverse[slot])
        steer_rad = float(world.vehicles.steer_angle_rad[slot])
    return DrawnActor(
        actor.actor_id,
        actor.type_id,
        *p,
        extent_m=actor.extent_m,
        colour_rgb=_colour(actor),
        brake_light=braking or bool(lamps & LIGHT_BRAKE),
        left_indicator=bool(lamps & LIGHT_LEFT_BLINKER),
        right_indicator=bool(lamps & LIGHT_RIGHT_BLINKER),
        reverse_light=reversing or bool(lamps & LIGHT_REVERSE),
        steer_rad=steer_rad,
    )


def _colour(actor: Actor) -> tuple[int, int, int]:
    parts = actor.attributes.get("color", "").split(",")
    if len(parts) != 3 or not all(part.strip().isdigit() for part in parts):
        return _DEFAULT_COLOUR
    r, g, b = (min(255, int(part)) for part in parts)
    return r, g, b


def collision_messages(
    world: World, has_readers: Callable[[int], bool], token_of: Callable[[int], bytes]
) -> list[tuple[int, bytes]]:
    """(stream id, message) of every collision that a listened-to sensor's parent had in the world's present tick."""
    if not world.contacts:
        return []
    messages = []
    for sensor in world.actors.values():
        if sensor.kind is not Kind.COLLISION_SENSOR or not has_readers(sensor.stream_id):
            continue
        for contact in world.contacts:
            if sensor.parent_id in (contact.a, contact.b) and sensor.parent_id:
                messages.append((sensor.stream_id, _collision(world, sensor, contact, token_of)))
    return messages


def _collision(world: World, sensor: Actor, contact, token_of: Callable[[int], bytes]) -> bytes:
    is_first = contact.a == sensor.parent_id
    sign = 1.0 if is_first else -1.0
    x, y, z = (sign * float(component) for component in contact.impulse_world)
    impulse: Vector = (x, y, z)
    me = world.actors[sensor.parent_id]
    other = world.actors.get(contact.b if is_first else contact.a)
    other_on_wire = actor_on_wire(other, token_of(other.stream_id)) if other else STATIC_WORLD
    return wire.collision_payload(
        world.frame, world.time_s, wire_transform(sensor.pose), actor_on_wire(me, b""), other_on_wire, impulse
    )


STATIC_WORLD = [0, 0, [0, "static.unknown", []], [[0.0] * 3, [0.0] * 3, [0.0] * 3, 0], b"", b""]
"""The other party when something of the map was hit, as CARLA names it."""
