"""Cameras: the views to be drawn for a tick, frozen so that drawing them later shows that tick."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sim.protocol import wire
from sim.protocol.forms import wire_transform
from sim.render.models.cabin import is_driver_eye
from sim.render.models.poses import stride
from sim.scene.records import CameraView, DrawnActor, DrawnLight, SceneState, Shows
from sim.scene.weather import Weather
from sim.world.actors import Actor, Vehicle, Walker
from sim.world.blueprint_types import Kind
from sim.world.world import World

LIGHT_BRAKE = 0x8
LIGHT_RIGHT_BLINKER = 0x10
LIGHT_LEFT_BLINKER = 0x20
LIGHT_REVERSE = 0x40
BRAKE_PEDAL_LIT = 0.05
MAX_IMAGE_SIDE_PX = 8192
_DEFAULT_COLOUR = (150, 150, 155)

CAMERAS = {
    "sensor.camera.rgb": (Shows.COLOUR, wire.SENSOR_CAMERA_RGB),
    "sensor.camera.depth": (Shows.DEPTH, wire.SENSOR_CAMERA_DEPTH),
    "sensor.camera.semantic_segmentation": (Shows.TAG, wire.SENSOR_CAMERA_SEMANTIC),
    "sensor.camera.instance_segmentation": (Shows.INSTANCE, wire.SENSOR_CAMERA_INSTANCE),
}
"""What each camera shows, and its number on the wire."""


@dataclass(frozen=True, slots=True)
class CameraShot:
    """One picture to be drawn: the view is frozen at the tick, so that drawing it later shows that tick."""

    stream_id: int
    view: CameraView
    head: bytes
    """What goes before the pixels on the wire."""


def image_size(sensor: Actor) -> tuple[int, int]:
    """Width and height of a camera's pictures; ValueError when they cannot be drawn."""
    width, height = int(sensor.attributes["image_size_x"]), int(sensor.attributes["image_size_y"])
    if not (0 < width <= MAX_IMAGE_SIDE_PX and 0 < height <= MAX_IMAGE_SIDE_PX):
        raise ValueError(f"image size {width}x{height} is outside 1..{MAX_IMAGE_SIDE_PX}")
    return width, height


def check_camera(sensor: Actor) -> None:
    """ValueError when a camera's attributes are out of range."""
    image_size(sensor)
    fov_deg = float(sensor.attributes["fov"])
    if not 0.0 < fov_deg < 180.0:
        raise ValueError(f"fov {fov_deg} is outside 0..180 degrees")


def camera_shot(world: World, camera: Actor) -> CameraShot:
    """The picture to be drawn for a camera in the world's present tick."""
    width, height = image_size(camera)
    fov_deg = float(camera.attributes["fov"])
    shows, number = CAMERAS[camera.type_id]
    p = camera.pose
    hidden = hidden_actor(world, camera)
    inside = hidden >= 0 and _is_driver_eye(world, camera)
    view = CameraView(width, height, fov_deg, p.x, p.y, p.z, p.roll, p.pitch, p.yaw, hidden, inside, shows)
    head = wire.camera_header(number, world.frame, world.time_s, wire_transform(p), width, height, fov_deg)
    return CameraShot(camera.stream_id, view, head)


def hidden_actor(world: World, sensor: Actor) -> int:
    """The actor that a sensor does not see because it is mounted inside it; -1 for none."""
    parent = world.actors.get(sensor.parent_id)
    mount = sensor.pose_in_parent
    if parent is None or mount is None:
        return -1
    offsets = zip((mount.x, mount.y, mount.z), parent.box_offset_m, parent.extent_m, strict=True)
    return sensor.parent_id if all(abs(at - centre) <= extent for at, centre, extent in offsets) else -1


def _is_driver_eye(world: World, camera: Actor) -> bool:
    """Whether a camera that is mounted inside a vehicle is where its driver's eye is."""
    parent, mount = world.actors[camera.parent_id], camera.pose_in_parent
    if parent.kind is not Kind.VEHICLE or mount is None:
        return False
    return is_driver_eye(parent.extent_m, (mount.x, mount.y, mount.z))


def scene_of(world: World, weather: Weather) -> SceneState:
    """Everything that moves or changes, in the renderer's records."""
    drawn = [drawn_actor(world, a) for a in world.actors.values() if a.kind in (Kind.VEHICLE, Kind.WALKER, Kind.PROP)]
    lights = tuple(
        DrawnLight(light.x, light.y, light.z, light.yaw_rad, light.state, actor_id)
        for light, actor_id in zip(world.signals.lights, world.light_ids, strict=True)
    )
    bars = world.debug_shapes.bars(world.time_s, world.frame)
    return SceneState(tuple(drawn), lights, weather, world.time_s, tuple(sorted(world.street_lamps.items())), bars)


def drawn_actor(world: World, actor: Actor) -> DrawnActor:
    """An actor as it is drawn in the present tick."""
    p, lamps, doors_open = actor.pose, 0, 0
    braking = reversing = False
    steer_rad, in_stride, turned = 0.0, -1.0, (0.0, 0.0, 0.0, 0.0)
    if isinstance(actor, Vehicle):
        lamps, doors_open = actor.lights, actor.doors_open
        slot = world.vehicles.slot(actor.actor_id)
        braking = bool(world.vehicles.brake[slot] > BRAKE_PEDAL_LIT)
        reversing = bool(world.vehicles.reverse[slot])
        steer_rad = float(world.vehicles.steer_angle_rad[slot])
        turned = tuple(world.vehicles.wheel_turn_rad[slot].tolist())
    elif isinstance(actor, Walker):
        in_stride = stride(p.x, p.y, p.yaw, 2.0 * actor.extent_m[2], math.hypot(*actor.velocity_mps))
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
        tag=actor.semantic_tags[0] if actor.semantic_tags else 0,
        doors_open=doors_open,
        stride=in_stride,
        wheel_turns_rad=turned,
    )


def _colour(actor: Actor) -> tuple[int, int, int]:
    colour = actor.attributes.get("color")
    if colour is None:
        return _DEFAULT_COLOUR
    r, g, b = (int(channel) for channel in colour.split(","))
    return r, g, b
