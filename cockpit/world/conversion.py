"""Between CARLA's types and the recorder's: degrees and radians, weather, lights' colours. No call to a server."""

from __future__ import annotations

import math

import carla

from recorder.schema import LightColour, Pose

WEATHER_FIELDS = (
    "cloudiness", "precipitation", "precipitation_deposits", "wind_intensity", "sun_azimuth_angle",
    "sun_altitude_angle", "fog_density", "fog_distance", "fog_falloff", "wetness", "scattering_intensity",
    "mie_scattering_scale", "rayleigh_scattering_scale", "dust_storm",
)  # fmt: skip
"""The 14 floats of CARLA's weather in the order of `rpc::WeatherParameters`."""

_STATE_OF_COLOUR = {
    LightColour.RED: carla.TrafficLightState.Red,
    LightColour.YELLOW: carla.TrafficLightState.Yellow,
    LightColour.GREEN: carla.TrafficLightState.Green,
    LightColour.OFF: carla.TrafficLightState.Off,
}
_COLOUR_OF_STATE = {state: colour for colour, state in _STATE_OF_COLOUR.items()}


def carla_transform(pose: Pose) -> carla.Transform:
    """Transform in degrees of a pose in radians."""
    rotation = carla.Rotation(pitch=math.degrees(pose.pitch), yaw=math.degrees(pose.yaw), roll=math.degrees(pose.roll))
    return carla.Transform(carla.Location(pose.x, pose.y, pose.z), rotation)


def pose_from_carla(transform: carla.Transform) -> Pose:
    """Pose in radians, yaw in [-pi, pi), of a transform in degrees."""
    location, rotation = transform.location, transform.rotation
    yaw = (math.radians(rotation.yaw) + math.pi) % (2.0 * math.pi) - math.pi
    return Pose(location.x, location.y, location.z, math.radians(rotation.roll), math.radians(rotation.pitch), yaw)


def carla_weather(values: tuple[float, ...]) -> carla.WeatherParameters | None:
    """Weather of the 14 recorded floats; None when there are not 14."""
    if len(values) != len(WEATHER_FIELDS):
        return None
    weather = carla.WeatherParameters()
    for name, value in zip(WEATHER_FIELDS, values, strict=True):
        setattr(weather, name, value)
    return weather


def weather_from_carla(weather: carla.WeatherParameters) -> tuple[float, ...]:
    """The 14 floats of a weather."""
    return tuple(float(getattr(weather, name)) for name in WEATHER_FIELDS)


def carla_light_state(colour: LightColour) -> carla.TrafficLightState | None:
    """State of a traffic light that shows `colour`; None for an unknown one."""
    return _STATE_OF_COLOUR.get(colour)


def colour_from_carla(state: carla.TrafficLightState) -> LightColour:
    """Colour that a traffic light's state stands for."""
    return _COLOUR_OF_STATE.get(state, LightColour.UNKNOWN)
