"""From recorded states back into a CARLA world: where everybody was, how fast, what the lights and lamps showed.

Shared by the session's second chance, which sets a running world back, and by `refine.dream.rebuild`, which sets up a
fresh one. CARLA's API reaches poses, velocities, lamps, the lights' states and the weather; gears, suspension and how
long a light has been showing its colour it does not.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import carla

from recorder.schema import ActorState, LightColour, LightState, Pose

WEATHER_FIELDS = (
    "cloudiness", "precipitation", "precipitation_deposits", "wind_intensity", "sun_azimuth_angle",
    "sun_altitude_angle", "fog_density", "fog_distance", "fog_falloff", "wetness", "scattering_intensity",
    "mie_scattering_scale", "rayleigh_scattering_scale", "dust_storm",
)  # fmt: skip
"""The 14 floats of CARLA's weather in the order of `rpc::WeatherParameters`."""

_STATES = {
    LightColour.RED: carla.TrafficLightState.Red,
    LightColour.YELLOW: carla.TrafficLightState.Yellow,
    LightColour.GREEN: carla.TrafficLightState.Green,
    LightColour.OFF: carla.TrafficLightState.Off,
}


def carla_transform(pose: Pose) -> carla.Transform:
    """Transform in degrees of a pose in radians."""
    rotation = carla.Rotation(pitch=math.degrees(pose.pitch), yaw=math.degrees(pose.yaw), roll=math.degrees(pose.roll))
    return carla.Transform(carla.Location(pose.x, pose.y, pose.z), rotation)


def carla_weather(values: tuple[float, ...]) -> carla.WeatherParameters | None:
    """Weather of the 14 recorded floats; None when there are not 14."""
    if len(values) != len(WEATHER_FIELDS):
        return None
    weather = carla.WeatherParameters()
    for name, value in zip(WEATHER_FIELDS, values, strict=True):
        setattr(weather, name, value)
    return weather


def show_lights(lights: Iterable[tuple[str, Any]], states: Iterable[LightState], hold: bool) -> None:
    """Set traffic lights, given as (OpenDRIVE id, actor), to what they showed; `hold` keeps them so."""
    colour_of = {light.opendrive_id: light.colour for light in states}
    for opendrive_id, actor in lights:
        state = _STATES.get(colour_of.get(opendrive_id, LightColour.UNKNOWN))
        if state is not None:
            actor.set_state(state)
            if hold:
                actor.freeze(True)


def put_at_rest(placed: Any, actor: ActorState) -> None:
    """Move an actor to where it was, at rest, with the lamps that it showed."""
    placed.set_transform(carla_transform(actor.pose))
    if actor.type_id.startswith("vehicle"):
        placed.set_light_state(carla.VehicleLightState(actor.light_state))


def motion_commands(actors: Iterable[ActorState], here: Mapping[int, object]) -> list[Any]:
    """Commands of one batch that put the actors that are still `here` (by id) where they were, as fast as they were."""
    command = carla.command
    made: list[Any] = []
    for actor in actors:
        if actor.actor_id not in here:
            continue
        turning = (math.degrees(value) for value in actor.angular_velocity_radps)
        made += [
            command.ApplyTransform(actor.actor_id, carla_transform(actor.pose)),
            command.ApplyTargetVelocity(actor.actor_id, carla.Vector3D(*actor.velocity_mps)),
            command.ApplyTargetAngularVelocity(actor.actor_id, carla.Vector3D(*turning)),
        ]
    return made
