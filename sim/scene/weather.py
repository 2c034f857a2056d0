"""The weather of a world: plain numbers, by CARLA's names."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Weather:
    """`carla.WeatherParameters`, its fields in CARLA's order; the defaults are CARLA's clear noon.

    Percent, but for the angles (degrees), `fog_distance` (metres) and the scales and falloff (no unit).
    """

    cloudiness: float = 10.0
    precipitation: float = 0.0
    precipitation_deposits: float = 0.0
    wind_intensity: float = 10.0
    sun_azimuth_angle: float = 40.0
    sun_altitude_angle: float = 55.0
    fog_density: float = 0.0
    fog_distance: float = 0.0
    fog_falloff: float = 0.2
    wetness: float = 0.0
    scattering_intensity: float = 1.0
    mie_scattering_scale: float = 0.03
    rayleigh_scattering_scale: float = 0.0331
    dust_storm: float = 0.0


CLEAR_NOON = Weather()
