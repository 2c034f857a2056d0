"""Weather to light: sun, ambient, haze and the sky's colours, from CARLA's weather parameters.

Not a physical atmosphere: a few blends that look right at noon, at sunset, under clouds, in fog and at night, and
that cost nothing a frame (the sky is a dome with a colour at each vertex).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from sim.scene.weather import Weather
from sim.town.mesh import Chunks, noise

DOME_RINGS = np.radians([-30.0, -4.0, 0.0, 1.5, 3.5, 6.0, 10.0, 15.0, 21.0, 28.0, 37.0, 48.0, 62.0, 78.0, 90.0])
DOME_SIDES = 128
DOME_PART, DOME_LOW = 8, 7
"""A part of the dome that may be out of view: so many sides, below or above this ring."""
DOME_M = 1000.0
"""The parts' distance from the eye: any, as long as it lies within the culling's reach."""
HAZE = 0.05
"""Fog density (of 1) up to which it is only distance that pales."""
BRIGHT, DAMP = 0.2, 0.5
"""Under a sky with fewer clouds than this, up to these deposits, a road is damp but has no puddles (as in WetNoon)."""
FALLOFF_M = 15.0
"""Height over which fog thins by e at a `fog_falloff` of 1: "reaches normal sized buildings" in CARLA's words."""
LAMPS_ON_DEG = 0.0
"""Altitude of the sun below which street lamps shine."""


@dataclass(frozen=True)
class Light:
    """The light of one weather; colours are 0..1 linear in what the screen shows, directions in CARLA's frame."""

    sun_direction: np.ndarray  # towards the sun
    sun: np.ndarray
    sky_ambient: np.ndarray
    ground_ambient: np.ndarray
    haze: np.ndarray
    zenith: np.ndarray
    fog_per_m: float
    fog_start_m: float
    night: float  # 0 day .. 1 night
    wet: float
    cloud: float
    sun_visible: float
    effects: bool
    """Whether the programs of night, rain and fog draw it."""
    rain: float
    wind: float
    puddles: float
    """Share of the road, roughly, that stands under water."""
    fog_thins_per_m: float
    """1 / the height over which fog thins by e."""
    sky_clear: float
    """How much of the sky overhead is seen through the fog."""
    cloud_light: np.ndarray
    lamp_light: float
    """How strongly lamps light what is around them."""
    street_lamps: bool


def mix(a: ArrayLike, b: ArrayLike, f: float) -> np.ndarray:
    """Linear blend."""
    return np.asarray(a) * (1.0 - f) + np.asarray(b) * f


def ramp(x: float, low: float, high: float) -> float:
    """0 below `low`, 1 above `high`, smooth between."""
    f = min(max((x - low) / (high - low), 0.0), 1.0)
    return f * f * (3.0 - 2.0 * f)


def light_from_weather(weather: Weather) -> Light:
    """The light of a weather."""
    cloud = min(max(weather.cloudiness / 100.0, 0.0), 1.0)
    rain = min(max(weather.precipitation / 100.0, 0.0), 1.0)
    azimuth, altitude = math.radians(weather.sun_azimuth_angle), weather.sun_altitude_angle
    fog, fog_start = min(max(weather.fog_density / 100.0, 0.0), 1.0), max(weather.fog_distance, 0.0)
    dust = min(max(weather.dust_storm / 100.0, 0.0), 1.0)
    day = ramp(altitude, -7.0, 9.0)
    low = (1.0 - ramp(altitude, 3.0, 32.0)) * day  # warm light of a low sun
    height = math.radians(max(altitude, 2.0))
    direction = np.array([math.cos(height) * math.cos(azimuth), math.cos(height) * math.sin(azimuth), math.sin(height)])
    overcast = cloud**1.5
    white, warm = np.array([1.0, 0.96, 0.88]), np.array([1.0, 0.60, 0.28])
    sun = mix(white, warm, low) * ramp(altitude, -5.0, 11.0) * (1.0 - 0.88 * overcast) * (1.0 - 0.5 * rain) * 0.66
    clear_sky = mix([0.55, 0.60, 0.68], [0.56, 0.49, 0.50], low)
    ambient = mix(clear_sky, [0.70, 0.71, 0.73], overcast) * (0.16 + 0.84 * day) * (1.0 - 0.25 * rain)
    ambient = mix(np.array([0.125, 0.15, 0.225]), ambient, day)
    zenith = mix(mix([0.22, 0.44, 0.78], [0.25, 0.32, 0.55], low), [0.62, 0.65, 0.69], overcast)
    horizon = mix(mix([0.74, 0.83, 0.91], [0.98, 0.70, 0.46], low), [0.76, 0.78, 0.80], max(overcast, 0.85 * fog))
    horizon = mix(horizon, [0.72, 0.56, 0.36], dust)
    zenith, horizon = zenith * (1.0 - 0.35 * rain), horizon * (1.0 - 0.3 * rain)
    zenith = mix(mix([0.010, 0.017, 0.048], [0.040, 0.038, 0.045], cloud), zenith, day)
    glow = np.array([0.042, 0.050, 0.085]) + max(0.4 * cloud, 0.7 * rain) * np.array(
        [0.050, 0.045, 0.036]
    )  # of a town's lamps
    horizon = mix(glow, horizon, day)
    fog_per_m = 0.0011 + 0.0009 * rain + 0.06 * fog**1.7 + 0.006 * dust
    deposits, wetness = (
        min(max(percent / 100.0, 0.0), 1.0) for percent in (weather.precipitation_deposits, weather.wetness)
    )
    wet = min(1.0, max(wetness, 0.6 * deposits, 0.5 * rain))
    effects = day < 1.0 or rain > 0.0 or wetness > 0.0 or fog > HAZE or deposits > (0.0 if cloud > BRIGHT else DAMP)
    sky_clear = math.exp(-fog_per_m * min(0.5 * FALLOFF_M / max(weather.fog_falloff, 1e-3), 22.0))
    return Light(
        sun_direction=direction,
        sun=sun,
        sky_ambient=ambient,
        ground_ambient=ambient * np.array([0.74, 0.71, 0.65]),
        haze=horizon,
        zenith=mix(zenith, horizon, 0.9 * (1.0 - sky_clear if effects else fog)),
        fog_per_m=fog_per_m,
        fog_start_m=fog_start if fog > 0.0 else 0.0,
        night=1.0 - day,
        wet=min(1.0, max(wetness, deposits, 0.8 * rain)) if effects else wet,
        cloud=cloud,
        sun_visible=(1.0 - overcast) * (1.0 - fog) * ramp(altitude, -4.0, 0.0),
        effects=effects,
        rain=rain,
        wind=min(max(weather.wind_intensity / 100.0, 0.0), 1.0),
        puddles=min(1.0, 0.9 * deposits + 0.2 * rain),
        fog_thins_per_m=max(weather.fog_falloff, 0.0) / FALLOFF_M if effects else 0.0,
        sky_clear=sky_clear,
        cloud_light=np.minimum(ambient * (0.95 - 0.55 * (1.0 - day)) + sun * 0.45, 1.0),
        lamp_light=1.0 - day,
        street_lamps=altitude < LAMPS_ON_DEG,
    )


def dome() -> tuple[np.ndarray, np.ndarray, Chunks]:
    """Unit directions (n, 3) of the sky dome, its triangles' indices by part, and the parts on a sphere of DOME_M."""
    azimuth = np.linspace(0.0, 2.0 * np.pi, DOME_SIDES, endpoint=False)
    elevation, around = np.meshgrid(DOME_RINGS, azimuth, indexing="ij")
    points = np.stack(
        [np.cos(elevation) * np.cos(around), np.cos(elevation) * np.sin(around), np.sin(elevation)], axis=-1
    ).reshape(-1, 3)
    i, j = np.meshgrid(np.arange(len(DOME_RINGS) - 1), np.arange(DOME_SIDES), indexing="ij")
    a, b = i * DOME_SIDES + j, i * DOME_SIDES + (j + 1) % DOME_SIDES
    quads = np.stack([a, b, b + DOME_SIDES, a, b + DOME_SIDES, a + DOME_SIDES], axis=-1).reshape(-1, 6)
    part = (j // DOME_PART * 2 + (i >= DOME_LOW)).ravel()
    quads = quads[np.argsort(part, kind="stable")]
    count = np.bincount(part)
    corners = [DOME_M * points[quad] for quad in np.split(quads, np.cumsum(count)[:-1])]
    centre = np.array([some.reshape(-1, 3).mean(axis=0) for some in corners])
    radius = np.array([np.linalg.norm(some - at, axis=-1).max() for some, at in zip(corners, centre, strict=True)])
    none = np.zeros(len(count))
    chunks = Chunks(6 * (np.cumsum(count) - count), 6 * count, centre, radius, centre[:, :2], none, none + 3.0 * DOME_M)
    return points.astype(np.float32), quads.reshape(-1).astype(np.uint32), chunks


def dome_colours(directions: np.ndarray, light: Light) -> np.ndarray:
    """(n, 3) colours of the sky in the given directions."""
    up = np.clip(directions[:, 2], 0.0, 1.0)
    base = light.haze + (light.zenith - light.haze) * (1.0 - np.exp(-4.2 * up))[:, None]
    towards = np.clip(directions @ light.sun_direction, 0.0, 1.0)
    glow = 0.45 * towards**6 * np.exp(-2.5 * up) + 0.35 * towards**40 + 0.5 * towards**400
    tint = light.sun / (light.sun.max() + 1e-6)
    base = base + (glow * light.sun_visible)[:, None] * tint
    flat = directions[:, :2] / (directions[:, 2:3] + 0.18)
    puff = noise(flat, 0.9, 5) * 0.6 + noise(flat, 0.35, 6) * 0.4
    cover = np.clip((puff + 1.7 * light.cloud - 0.52) * 1.5, 0.0, 1.0) * np.clip(up * 7.0, 0.0, 1.0)
    cloud_light = light.sky_ambient * 0.95 + light.sun * 0.45
    shade = (0.93 + 0.10 * noise(flat, 0.5, 7))[:, None] * np.minimum(cloud_light, 1.0)
    clear = 1.0 - math.exp(-light.fog_per_m * 60.0)
    base = base * (1.0 - cover * 0.85)[:, None] + shade * (cover * 0.85)[:, None]
    return np.clip(base * (1.0 - clear) + light.haze * clear, 0.0, 1.0).astype(np.float32)
