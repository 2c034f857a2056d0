"""The sensors' blueprints: CARLA 0.9.16's sensors with its attributes and defaults."""

from __future__ import annotations

from sim.blueprint_types import Attribute, AttributeType, Blueprint, Kind, text

_LENS = {
    "lens_circle_falloff": "5.0",
    "lens_circle_multiplier": "0.0",
    "lens_k": "-1.0",
    "lens_kcube": "0.0",
    "lens_x_size": "0.08",
    "lens_y_size": "0.08",
}
_CAMERA_TUNING = {
    "bloom_intensity": "0.675",
    "blur_amount": "1.0",
    "blur_radius": "0.0",
    "calibration_constant": "16.0",
    "chromatic_aberration_intensity": "0.0",
    "chromatic_aberration_offset": "0.0",
    "exposure_compensation": "0.0",
    "exposure_max_bright": "12.0",
    "exposure_min_bright": "10.0",
    "exposure_speed_down": "1.0",
    "exposure_speed_up": "3.0",
    "focal_distance": "1000.0",
    "fstop": "1.4",
    "gamma": "2.2",
    "iso": "100.0",
    "lens_flare_intensity": "0.1",
    "min_fstop": "1.2",
    "motion_blur_intensity": "0.45",
    "motion_blur_max_distortion": "0.35",
    "motion_blur_min_object_screen_size": "0.1",
    "shutter_speed": "200.0",
    "slope": "0.88",
    "temp": "6500.0",
    "tint": "0.0",
    "toe": "0.55",
    "white_clip": "0.04",
}
"""Optics that the renderer does not model; accepted, like the lens, so that scripts written for CARLA run."""

_PLACES = ("front", "back", "left", "right", "front_left", "front_right", "back_left", "back_right")


def _floats(values: dict[str, str]) -> tuple[Attribute, ...]:
    return tuple(Attribute(name, AttributeType.FLOAT, value) for name, value in values.items())


def _integer(name: str, value: str) -> Attribute:
    return Attribute(name, AttributeType.INT, value)


def _flag(name: str, value: str) -> Attribute:
    return Attribute(name, AttributeType.BOOL, value)


_ROLE = text("role_name", "front", _PLACES)
_TICK = _floats({"sensor_tick": "0.0"})


def _camera(name: str, tuned: bool = False) -> Blueprint:
    size = (_integer("image_size_x", "800"), _integer("image_size_y", "600"))
    optics = _floats({"fov": "90.0"} | _LENS)
    tuning: tuple[Attribute, ...] = ()
    if tuned:
        mode = text("exposure_mode", "histogram", ("histogram", "manual"))
        tuning = (_flag("enable_postprocess_effects", "true"), mode, *_floats(_CAMERA_TUNING))
    return Blueprint(f"sensor.camera.{name}", Kind.CAMERA, (_ROLE, *_TICK, *size, *optics, *tuning))


def sensor_blueprints() -> list[Blueprint]:
    """Every sensor that can be spawned."""
    return [
        _camera("rgb", tuned=True),
        Blueprint("sensor.other.collision", Kind.COLLISION_SENSOR, (_ROLE,)),
        Blueprint("sensor.other.lane_invasion", Kind.CLIENT_SENSOR, (_ROLE,)),
    ]
