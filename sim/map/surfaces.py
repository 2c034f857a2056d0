"""What the wheels stand on: wet roads by the weather, kerbs and pavements, and the soft ground beside the road."""

from __future__ import annotations

import carla
import numpy as np

from sim.map.lanes import LaneGraph
from sim.scene.weather import Weather
from sim.vehicles.fleet import Vehicles

KERB_M = 0.12
"""Height of the pavements above the road."""
#: A wet asphalt road holds about 0.7 of a dry one (Wong, Theory of Ground Vehicles, ch. 1: 0.5-0.7, dry 0.8-0.9).
WET_LOSS = 0.3
GRASS_GRIP, GRASS_RESISTANCE = 0.6, 0.06
"""Of grass: friction as a share of the road's, and rolling resistance added (Wong, ch. 2: 0.05-0.1 on firm soil)."""
_GRASS_FROM_M = 3.5
_MOVING_MPS = 0.05


def road_friction(weather: Weather) -> float:
    """The tyres' friction as a share of a dry road's, given the weather: 1 dry, 0.7 in a hard rain."""
    wet = max(weather.precipitation, weather.precipitation_deposits, weather.wetness) / 100.0
    return 1.0 - WET_LOSS * min(max(wet, 0.0), 1.0)


class Surfaces:
    """Writes into the vehicles what each of their wheels stands on."""

    def __init__(self, carla_map: carla.Map, lanes: LaneGraph) -> None:
        self._map = carla_map
        self._half_width_m = np.array([0.5 * float(np.median(lane.width_m)) for lane in lanes.lanes])

    def feel(self, vehicles: Vehicles, lane: np.ndarray, offset_m: np.ndarray) -> None:
        """Look under the wheels of those vehicles that leave their lane.

        Args:
            vehicles: all vehicles.
            lane: the lane nearest to each, (N,), -1 for none near.
            offset_m: how far right of its centre, (N,).
        """
        v = vehicles
        half_width = np.where(lane >= 0, self._half_width_m[lane], 0.0)
        outside = (np.abs(offset_m) + 0.5 * v.p["width_m"] > half_width) | (lane < 0)
        lifted = np.any(v.kerb_m != 0.0, axis=1) | np.any(v.surface_grip != 1.0, axis=1)
        back = lifted & ~outside
        v.kerb_m[back], v.surface_grip[back], v.soft_ground[back] = 0.0, 1.0, 0.0
        for slot in np.flatnonzero(outside & (v.speed() > _MOVING_MPS) & v.simulate_physics):
            self._feel_one(v, int(slot), abs(float(offset_m[slot])) > _GRASS_FROM_M or lane[slot] < 0)

    def _feel_one(self, v: Vehicles, slot: int, far_from_lanes: bool) -> None:
        ahead, aside = 0.5 * v.p["wheelbase_m"][slot], 0.5 * v.p["track_m"][slot]
        c, s = np.cos(v.yaw[slot]), np.sin(v.yaw[slot])
        soft = 0
        for wheel, (x, y) in enumerate(((ahead, -aside), (ahead, aside), (-ahead, -aside), (-ahead, aside))):
            place = carla.Location(float(v.x[slot] + c * x - s * y), float(v.y[slot] + s * x + c * y), float(v.z[slot]))
            waypoint = self._map.get_waypoint(place, False, carla.LaneType.Any)
            grass = waypoint is None and far_from_lanes
            on_pavement = waypoint is not None and waypoint.lane_type == carla.LaneType.Sidewalk
            v.kerb_m[slot, wheel] = KERB_M if on_pavement else 0.0
            v.surface_grip[slot, wheel] = GRASS_GRIP if grass else 1.0
            soft += grass
        v.soft_ground[slot] = GRASS_RESISTANCE * soft / 4.0
