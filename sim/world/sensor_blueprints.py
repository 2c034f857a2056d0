"""The sensors' blueprints: CARLA 0.9.16's sensors with its attributes and defaults."""

from __future__ import annotations

from sim.world.blueprint_types import Attribute, AttributeType, Blueprint, Kind, text

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

_LIDAR = {
    "range": "10.0",
    "rotation_frequency": "10.0",
    "upper_fov": "10.0",
    "lower_fov": "-30.0",
    "horizontal_fov": "360.0",
}
_LIDAR_NOISE = {
    "atmosphere_attenuation_rate": "0.004",
    "dropoff_general_rate": "0.45",
    "dropoff_intensity_limit": "0.8",
    "dropoff_zero_intensity": "0.4",
    "noise_stddev": "0.0",
}
_AXES = ("x", "y", "z")
_PLACES = ("front", "back", "left", "right", "front_left", "front_right", "back_left", "back_right")


def _floats(values: dict[str, str]) -> tuple[Attribute, ...]:
    return tuple(Attribute(name, AttributeType.FLOAT, value) for name, value in values.items())


def _integer(name: str, value: str) -> Attribute:
    return Attribute(name, AttributeType.INT, value)


def _flag(name: str, value: str) -> Attribute:
    return Attribute(name, AttributeType.BOOL, value)


_ROLE = text("role_name", "front", _PLACES)
_TICK = _floats({"sensor_tick": "0.0"})
_SEED = _integer("noise_seed", "0")


def _camera(name: str, tuned: bool = False, more: tuple[Attribute, ...] = ()) -> Blueprint:
    size = (_integer("image_size_x", "800"), _integer("image_size_y", "600"))
    optics = _floats({"fov": "90.0"} | _LENS)
    tuning: tuple[Attribute, ...] = ()
    if tuned:
        mode = Attribute("exposure_mode", AttributeType.STRING, "histogram", ("histogram", "manual"), restricted=True)
        tuning = (_flag("enable_postprocess_effects", "true"), mode, *_floats(_CAMERA_TUNING))
    return Blueprint(f"sensor.camera.{name}", Kind.CAMERA, (_ROLE, *_TICK, *size, *optics, *tuning, *more))


def _dvs() -> Blueprint:
    thresholds = {"positive_threshold": "0.3", "negative_threshold": "0.3"}
    spread = {"sigma_positive_threshold": "0.0", "sigma_negative_threshold": "0.0", "log_eps": "0.001"}
    more = (*_floats(thresholds | spread), _integer("refractory_period_ns", "0"), _flag("use_log", "true"))
    return _camera("dvs", tuned=True, more=more)


def _measuring(name: str, *attributes: Attribute) -> Blueprint:
    return Blueprint(f"sensor.{name}", Kind.MEASURING_SENSOR, (_ROLE, *_TICK, *attributes))


def _lidar(name: str, *more: Attribute) -> Blueprint:
    rays = (_integer("channels", "32"), _integer("points_per_second", "56000"))
    return _measuring(f"lidar.{name}", *rays, *_floats(_LIDAR), *more)


def _imu() -> Blueprint:
    names = ("noise_accel_stddev", "noise_gyro_stddev", "noise_gyro_bias")
    return _measuring("other.imu", _SEED, *_floats({f"{name}_{axis}": "0.0" for name in names for axis in _AXES}))


def _gnss() -> Blueprint:
    names = (f"noise_{what}_{how}" for what in ("alt", "lat", "lon") for how in ("bias", "stddev"))
    return _measuring("other.gnss", _SEED, *_floats(dict.fromkeys(names, "0.0")))


def _radar() -> Blueprint:
    shape = {"horizontal_fov": "30.0", "vertical_fov": "30.0", "range": "100.0"}
    return _measuring("other.radar", _integer("points_per_second", "1500"), *_floats(shape), _SEED)


def _obstacle() -> Blueprint:
    flags = (_flag("only_dynamics", "false"), _flag("debug_linetrace", "false"))
    return _measuring("other.obstacle", *_floats({"distance": "5.0", "hit_radius": "0.5"}), *flags)


def _v2x(name: str, *more: Attribute) -> Blueprint:
    radio = {
        "transmit_power": "21.5",
        "receiver_sensitivity": "-99.0",
        "frequency_ghz": "5.9",
        "combined_antenna_gain": "10.0",
        "path_loss_exponent": "2.7",
        "d_ref": "1.0",
        "filter_distance": "500.0",
        "custom_fading_stddev": "0.0",
    }
    choices = {"scenario": ("highway", "rural", "urban"), "path_loss_model": ("winner", "geometric")}
    chosen = (Attribute(k, AttributeType.STRING, v[0], v, restricted=True) for k, v in choices.items())
    shared = (text("channel_id", "Default"), _SEED, *_floats(radio), *chosen, _flag("use_etsi_fading", "true"))
    return Blueprint(f"sensor.other.{name}", Kind.V2X_SENSOR, (_ROLE, *_TICK, *shared, *more))


def _v2x_awareness() -> Blueprint:
    noises = [f"noise_{what}_{how}" for what in ("lat", "lon", "alt", "head", "yawrate") for how in ("stddev", "bias")]
    noises += [*(f"noise_accel_stddev_{axis}" for axis in _AXES), "noise_vel_stddev_x"]
    rates = _floats({"gen_cam_min": "0.1", "gen_cam_max": "1.0"})
    return _v2x("v2x", *rates, _flag("fixed_rate", "false"), *_floats(dict.fromkeys(noises, "0.0")))


def sensor_blueprints() -> list[Blueprint]:
    """Every sensor that can be spawned."""
    return [
        _camera("rgb", tuned=True),
        _camera("depth"),
        _camera("semantic_segmentation"),
        _camera("instance_segmentation"),
        _camera("normals"),
        _camera("optical_flow"),
        _dvs(),
        _lidar("ray_cast", *_floats(_LIDAR_NOISE), _SEED),
        _lidar("ray_cast_semantic"),
        _radar(),
        _imu(),
        _gnss(),
        _obstacle(),
        _v2x_awareness(),
        _v2x("v2x_custom"),
        Blueprint("sensor.other.collision", Kind.COLLISION_SENSOR, (_ROLE,)),
        Blueprint("sensor.other.lane_invasion", Kind.CLIENT_SENSOR, (_ROLE,)),
    ]
