"""The global plan as the leaderboard gives it: every metre of the route in world and in GPS coordinates.

`AutonomousAgent.set_global_plan` of the leaderboard thins it out. GPS is by the spherical Mercator projection of
`leaderboard/utils/route_manipulation.py`, whose reference is the map's.
"""

from __future__ import annotations

import importlib
import math
import re
from collections.abc import Sequence
from typing import Any

import carla

EARTH_RADIUS_M = 6378137.0
DEFAULT_REFERENCE = (42.0, 2.0)
"""Latitude and longitude (degrees) of a map that names none."""
OPTIONS = {
    "lane_follow": "LANEFOLLOW",
    "left": "LEFT",
    "right": "RIGHT",
    "straight": "STRAIGHT",
    "change_lane_left": "CHANGELANELEFT",
    "change_lane_right": "CHANGELANERIGHT",
}
"""Our route commands by CARLA's `RoadOption`."""


def global_plan(route: Sequence[Sequence[Any]], opendrive: str) -> tuple[list[Any], list[Any]]:
    """The plan in GPS ([{lat, lon, z}, RoadOption]) and in the world ([carla.Transform, RoadOption]).

    Each point of `route` is x, y, z (m), yaw (rad) and the command's name. Raises ImportError without CARLA's `agents`.
    """
    road_option = importlib.import_module("agents.navigation.local_planner").RoadOption
    reference = geo_reference(opendrive)
    gps, world = [], []
    for x, y, z, yaw, command in route:
        option = road_option[OPTIONS[command]]
        location = carla.Location(x=x, y=y, z=z)
        gps.append((gps_of(x, y, z, reference), option))
        world.append((carla.Transform(location, carla.Rotation(yaw=math.degrees(yaw))), option))
    return gps, world


def geo_reference(opendrive: str) -> tuple[float, float]:
    """Latitude and longitude (degrees) of the world's origin, from the map's geoReference."""
    found = [re.search(rf"\+{name}=(-?[\d.]+(?:[eE][-+]?\d+)?)", opendrive) for name in ("lat_0", "lon_0")]
    latitude, longitude = (
        float(match.group(1)) if match else default for match, default in zip(found, DEFAULT_REFERENCE, strict=True)
    )
    return latitude, longitude


class Receiver:
    """GNSS measurements in the projection of the global plan, as agents expect them.

    CARLA 0.9.16 projects in another way than the versions before, and mirrors north and south
    (github.com/carla-simulator/carla/issues/9389): its measurement is taken back to the world, and from there on.
    """

    def __init__(self, carla_map: Any) -> None:
        self._map = carla_map
        self._reference = geo_reference(carla_map.to_opendrive())

    def shown(self, latitude: float, longitude: float, altitude: float) -> tuple[float, float, float]:
        """Latitude, longitude (degrees) and altitude (m) for what the sensor measured."""
        if not hasattr(self._map, "geolocation_to_transform"):  # an older client, which has no such fault
            return latitude, longitude, altitude
        measured = carla.GeoLocation(latitude=latitude, longitude=longitude, altitude=altitude)
        place = self._map.geolocation_to_transform(measured)
        gps = gps_of(place.x, place.y, altitude, self._reference)
        return gps["lat"], gps["lon"], altitude


def gps_of(x: float, y: float, z: float, reference: tuple[float, float]) -> dict[str, float]:
    """A place in the world (metres, y to the south) as latitude and longitude in degrees."""
    latitude, longitude = reference
    scale = math.cos(math.radians(latitude))
    east = scale * math.radians(longitude) * EARTH_RADIUS_M + x
    north = scale * EARTH_RADIUS_M * math.log(math.tan(math.radians(90.0 + latitude) / 2.0)) - y
    return {
        "lat": math.degrees(2.0 * math.atan(math.exp(north / (EARTH_RADIUS_M * scale)))) - 90.0,
        "lon": math.degrees(east / (EARTH_RADIUS_M * scale)),
        "z": z,
    }
