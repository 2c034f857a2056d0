"""Cameras: the views to be drawn for a tick, frozen so that drawing them later shows that tick."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from sim.protocol import wire
from sim.protocol.forms import wire_transform
from sim.render.models.cabin import is_driver_eye
from sim.render.models.poses import stride
from sim.scene.records import CameraView, DrawnActor, DrawnLight, SceneState, Shows
from sim.scene.weather import Weather
from sim.sensors.derived_pictures import Before, EventCamera, as_picture, flow_picture, normals_picture
from sim.world.actors import Actor, Vehicle, Walker
from sim.world.blueprint_types import Kind
from sim.world.world import World

LIGHT_BRAKE = 0x8
LIGHT_RIGHT_BLINKER = 0x10
LIGHT_LEFT_BLINKER = 0x20
LIGHT_REVERSE = 0x40
BRAKE_PEDAL_LIT = 0.05
MAX_IMAGE_SIDE_PX = 8192
BLACK = b"\x00\x00\x00\xff"
_DEFAULT_COLOUR = (150, 150, 155)

CAMERAS = {
    "sensor.camera.rgb": (Shows.COLOUR, wire.SENSOR_CAMERA_RGB),
    "sensor.camera.depth": (Shows.DEPTH, wire.SENSOR_CAMERA_DEPTH),
    "sensor.camera.semantic_segmentation": (Shows.TAG, wire.SENSOR_CAMERA_SEMANTIC),
    "sensor.camera.instance_segmentation": (Shows.INSTANCE, wire.SENSOR_CAMERA_INSTANCE),
    "sensor.camera.normals": (Shows.DEPTH, wire.SENSOR_CAMERA_NORMALS),
    "sensor.camera.optical_flow": (Shows.DEPTH, wire.SENSOR_CAMERA_FLOW),
    "sensor.camera.dvs": (Shows.COLOUR, wire.SENSOR_CAMERA_DVS),
}
"""What is drawn for each camera, and its number on the wire."""

Memories = dict[int, EventCamera | Before]
"""What cameras remember of their last picture, by their actors' ids."""


@dataclass(frozen=True, slots=True)
class CameraShot:
    """One picture to be drawn: the view is frozen at the tick, so that drawing it later shows that tick."""

    stream_id: int
    view: CameraView
    head: bytes
    """What goes before the pixels on the wire."""
    more: tuple[CameraView, ...] = ()
    """Other pictures of the same place that `finish` needs."""
    finish: Callable[[Sequence[bytes]], bytes | None] | None = None
    """What goes after the head, made of the pictures; None when nothing is sent. Without it the picture itself goes."""
    blank_pixel: bytes = BLACK
    """What each pixel is where nothing is drawn; empty when nothing is sent then."""

    @property
    def views(self) -> tuple[CameraView, ...]:
        """All pictures to be drawn."""
        return (self.view, *self.more)

    def body(self, images: Sequence[bytes]) -> bytes | None:
        """What goes after the head, made of the pictures of `views`; None when nothing is to be sent."""
        return images[0] if self.finish is None else self.finish(images)

    def blank_body(self) -> bytes | None:
        """What goes after the head where nothing is drawn; None when nothing is sent."""
        return self.blank_pixel * (self.view.width * self.view.height) or None


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
    if sensor.type_id == "sensor.camera.dvs":
        EventCamera(sensor)


def camera_shot(world: World, camera: Actor, memories: Memories) -> CameraShot:
    """The picture to be drawn for a camera in the world's present tick; `memories` are brought up to it."""
    width, height = image_size(camera)
    fov_deg = float(camera.attributes["fov"])
    shows, number = CAMERAS[camera.type_id]
    p = camera.pose
    hidden = hidden_actor(world, camera)
    inside = hidden >= 0 and _is_driver_eye(world, camera)
    view = CameraView(width, height, fov_deg, p.x, p.y, p.z, p.roll, p.pitch, p.yaw, hidden, inside, shows)
    head = wire.camera_header(number, world.frame, world.time_s, wire_transform(p), width, height, fov_deg)
    shot = CameraShot(camera.stream_id, view, head)
    derive = _DERIVED.get(camera.type_id)
    return shot if derive is None else derive(world, camera, shot, memories)


def _normals(_world: World, _camera: Actor, shot: CameraShot, _memories: Memories) -> CameraShot:
    view = shot.view
    return replace(shot, finish=lambda images: normals_picture(view, as_picture(view, images[0])))


def _flow(world: World, camera: Actor, shot: CameraShot, memories: Memories) -> CameraShot:
    view = shot.view
    drawn = (a for a in world.actors.values() if a.kind in (Kind.VEHICLE, Kind.WALKER, Kind.PROP))
    now = Before(view, {a.actor_id: a.pose for a in drawn})
    before = memories.get(camera.actor_id)
    then = before if isinstance(before, Before) else now
    memories[camera.actor_id] = now

    def finish(images: Sequence[bytes]) -> bytes:
        depth, numbers = (as_picture(view, image) for image in images)
        return flow_picture(view, depth, numbers, now.poses, then)

    return replace(shot, more=(replace(view, shows=Shows.INSTANCE),), finish=finish, blank_pixel=bytes(8))


def _events(world: World, camera: Actor, shot: CameraShot, memories: Memories) -> CameraShot:
    eye = memories.get(camera.actor_id)
    if not isinstance(eye, EventCamera):
        eye = memories[camera.actor_id] = EventCamera(camera)
    view, time_s, seeing = shot.view, world.time_s, eye
    finish = lambda images: seeing.events(as_picture(view, images[0]), time_s)  # noqa: E731
    return replace(shot, finish=finish, blank_pixel=b"")


_DERIVED: dict[str, Callable[[World, Actor, CameraShot, Memories], CameraShot]] = {
    "sensor.camera.normals": _normals,
    "sensor.camera.optical_flow": _flow,
    "sensor.camera.dvs": _events,
}
"""What makes the message of a camera whose pictures are not sent as they are drawn."""


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
    bars = world.debug_shapes.bars(world.time_s, world.frame)
    lamps = tuple(sorted(world.street_lamps.items()))
    return SceneState(tuple(drawn), lights_of(world), weather, world.time_s, lamps, bars)


def lights_of(world: World) -> tuple[DrawnLight, ...]:
    """The traffic lights, in the renderer's records."""
    return tuple(
        DrawnLight(light.x, light.y, light.z, light.yaw_rad, light.state, actor_id)
        for light, actor_id in zip(world.signals.lights, world.light_ids, strict=True)
    )


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
