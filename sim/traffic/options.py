"""Further options of CARLA's traffic manager: hybrid physics, respawning near the hero, dead ends, lamps.

Traffic itself knows vehicles only by slot; what the options need of the rest of the world is passed in as `Outside`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sim.map.lanes import LaneGraph
from sim.map.routes import LaneRoutes, Turn
from sim.scene.weather import Weather
from sim.traffic.drivers import Driver
from sim.traffic.paths import Paths
from sim.vehicles.fleet import Vehicles

POSITION, LOW_BEAM, BRAKE, RIGHT_BLINKER, LEFT_BLINKER, FOG = 0x1, 0x2, 0x8, 0x10, 0x20, 0x80
#: Bits of `carla.VehicleLightState` that traffic does not control and leaves as they are.
_KEPT = 0xF40
#: Drivers indicate so long before a turn, metres.
_INDICATE_M = 30.0
#: CARLA's traffic manager turns the lights on below this sun altitude (degrees), above this fog and rain (percent).
_DUSK_DEG, _FOGGY, _RAINY = 15.0, 20.0, 80.0
#: A vehicle is respawned no nearer to another than this.
_CLEAR_M = 12.0
#: Waiting so near to the end of a road, metres, a vehicle has reached it.
_AT_END_M = 4.0


@dataclass
class Options:
    """Settings for all vehicles together; the defaults are CARLA's."""

    hybrid: bool = False
    hybrid_radius_m: float = 50.0
    respawn: bool = False
    respawn_from_m: float = 25.0
    respawn_to_m: float = 2000.0
    osm: bool = False


@dataclass(frozen=True)
class Outside:
    """What the options need of the rest of the world."""

    heroes: Callable[[], list[int]]
    """Actor ids of the vehicles whose role is hero."""
    destroy: Callable[[int], None]
    get_lamps: Callable[[int], int]
    set_lamps: Callable[[int, int], None]
    """`carla.VehicleLightState` bits of a vehicle."""
    weather: Callable[[], Weather]


def hero_distance_m(vehicles: Vehicles, slots: np.ndarray, heroes: list[int]) -> np.ndarray:
    """Distance of each of N vehicles from the nearest hero, (N,) metres; inf when there is none."""
    found = vehicles.slots([k for k in heroes if k in vehicles])
    if len(found) == 0:
        return np.full(len(slots), np.inf)
    dx = vehicles.x[slots, None] - vehicles.x[found]
    dy = vehicles.y[slots, None] - vehicles.y[found]
    return np.hypot(dx, dy).min(axis=1)


def hold_on_path(vehicles: Vehicles, slots: np.ndarray, paths: Paths, odometer_m: np.ndarray, far: np.ndarray) -> None:
    """Put the vehicles that are far (N,) exactly onto their paths, as CARLA's hybrid mode does beyond its radius."""
    x, y, yaw = paths.pose(odometer_m)
    curvature = paths.curvature[np.arange(len(slots)), paths.at]
    k = slots[far]
    vehicles.x[k], vehicles.y[k], vehicles.yaw[k] = x[far], y[far], yaw[far]
    vehicles.vy_body[k], vehicles.yaw_rate[k] = 0.0, vehicles.vx_body[k] * curvature[far]


def at_dead_end(driver: Driver, odometer_m: float, speed_mps: float) -> bool:
    """Whether a driver stands where its road ends."""
    half_m = 3.0
    return not driver.lost and speed_mps < 0.2 and driver.route.stop_m - odometer_m < _AT_END_M + half_m


def free_place(
    lanes: LaneGraph, vehicles: Vehicles, heroes: list[int], options: Options, dice: float
) -> tuple[float, float, float, float] | None:
    """A place (x, y, z, yaw) on a free lane within the bounds around a hero; None if there is none. dice is in 0..1."""
    found = vehicles.slots([k for k in heroes if k in vehicles])
    if len(found) == 0:
        return None
    away = np.hypot(lanes.x[:, None] - vehicles.x[found], lanes.y[:, None] - vehicles.y[found]).min(axis=1)
    lengths = np.array([lane.length_m for lane in lanes.lanes])[lanes.lane_of]
    inside = np.array([lane.is_junction for lane in lanes.lanes])[lanes.lane_of]
    near = (away >= options.respawn_from_m) & (away <= options.respawn_to_m) & ~inside
    points = np.nonzero(near & (lanes.s > 5.0) & (lanes.s < lengths - 10.0))[0]
    if len(points) == 0:
        return None
    k = int(points[min(int(dice * len(points)), len(points) - 1)])
    if np.hypot(vehicles.x - lanes.x[k], vehicles.y - lanes.y[k]).min() < _CLEAR_M:
        return None
    return float(lanes.x[k]), float(lanes.y[k]), float(lanes.z[k]), float(lanes.yaw[k])


def weather_lamps(weather: Weather) -> int:
    """The lamps that a driver switches on for the weather, as CARLA's traffic manager does."""
    lamps = 0
    if weather.sun_altitude_angle < _DUSK_DEG or weather.precipitation > _RAINY:
        lamps |= POSITION | LOW_BEAM
    if weather.fog_density > _FOGGY:
        lamps |= POSITION | LOW_BEAM | FOG
    return lamps


def lamps_of(driver: Driver, odometer_m: float, brake: float, routes: LaneRoutes) -> int:
    """Brake lamps and indicators of one driver."""
    lamps = BRAKE if brake > 0.05 else 0
    leg = driver.route.leg_at(odometer_m)
    if leg.blend_m > 0.0 and odometer_m < leg.from_m + leg.blend_m and len(driver.route.legs) > 1:
        before = driver.route.legs[driver.route.legs.index(leg) - 1]
        return lamps | (LEFT_BLINKER if before.lane in routes.right_of(leg.lane) else RIGHT_BLINKER)
    if driver.crossings and driver.crossings[0].enter_m - odometer_m < _INDICATE_M:
        turn = routes.turn(driver.crossings[0].lanes[0])
        lamps |= {Turn.LEFT: LEFT_BLINKER, Turn.RIGHT: RIGHT_BLINKER}.get(turn, 0)
    return lamps


def kept(lamps: int) -> int:
    """The lamps of a vehicle that the traffic manager does not change."""
    return lamps & _KEPT
