"""Settings of background traffic, vehicle by vehicle or for all together: those of CARLA's traffic manager.

Setters take actor ids; they may come before the vehicle is registered. `sim.traffic.traffic` drives by them.
"""

from dataclasses import dataclass

import numpy as np

from sim.map.lanes import LaneGraph
from sim.map.routes import LaneRoutes, Turn
from sim.traffic.car_following import STANDSTILL_GAP_M
from sim.traffic.drivers import Driver, DriverSettings
from sim.traffic.options import Options, Outside


@dataclass(frozen=True)
class Columns:
    """Settings of N drivers, (N,) each."""

    offset_m: np.ndarray
    distance_m: np.ndarray
    ignores_vehicles_percent: np.ndarray
    ignores_walkers_percent: np.ndarray
    lamps: np.ndarray


class TrafficSettings:
    """The settings, and the drivers that they are for."""

    def __init__(self, lanes: LaneGraph, seed: int, outside: Outside | None = None):
        """Without `outside`, hybrid physics, respawning, OSM mode and lamps do nothing."""
        self.lanes = lanes
        self._routes = LaneRoutes(lanes)
        self._seed = seed
        self._drivers: list[Driver] = []
        self._settings: dict[int, DriverSettings] = {}
        self._globals = DriverSettings(distance_m=STANDSTILL_GAP_M, lane_offset_m=0.0)
        self._blind_pairs: set[tuple[int, int]] = set()
        self._plans: dict[int, tuple[np.ndarray | None, tuple[Turn, ...], bool]] = {}
        self.options = Options()
        self._outside = outside
        self._columns: Columns | None = None
        self._dice = np.random.default_rng([seed & 0xFFFFFFFF, 0xFFFFFFFF])

    def set_seed(self, seed: int) -> None:
        """Seed every driver's random numbers anew."""
        self._seed = seed
        self._dice = np.random.default_rng([seed & 0xFFFFFFFF, 0xFFFFFFFF])
        for driver in self._drivers:
            driver.rng = np.random.default_rng([seed & 0xFFFFFFFF, driver.order])

    def set_percentage_speed_difference(self, actor_id: int, percent: float) -> None:
        """Drive that much below the speed limit (negative: above it)."""
        self._of(actor_id).speed_difference_percent = percent
        self._of(actor_id).desired_speed_mps = None
        self._resample(actor_id)

    def set_global_percentage_speed_difference(self, percent: float) -> None:
        """The same for all vehicles that have no setting of their own."""
        self._globals.speed_difference_percent = percent
        self._resample()

    def set_desired_speed(self, actor_id: int, speed_mps: float) -> None:
        """Drive at a speed, whatever the limit; curves and leaders still count."""
        self._of(actor_id).desired_speed_mps = max(speed_mps, 0.0)
        self._resample(actor_id)

    def set_distance_to_leading_vehicle(self, actor_id: int, distance_m: float) -> None:
        """The gap at standstill."""
        self._of(actor_id).distance_m = max(distance_m, 0.0)

    def set_global_distance_to_leading_vehicle(self, distance_m: float) -> None:
        """The same for all vehicles that have no setting of their own."""
        self._globals.distance_m = max(distance_m, 0.0)
        self._columns = None

    def set_lane_offset(self, actor_id: int, offset_m: float) -> None:
        """Drive beside the lane's middle, positive to the right."""
        self._of(actor_id).lane_offset_m = offset_m

    def set_global_lane_offset(self, offset_m: float) -> None:
        """The same for all vehicles that have no setting of their own."""
        self._globals.lane_offset_m = offset_m
        self._columns = None

    def set_percentage_running_light(self, actor_id: int, percent: float) -> None:
        """How often a vehicle runs a red light."""
        self._of(actor_id).run_light_percent = percent

    def set_percentage_running_sign(self, actor_id: int, percent: float) -> None:
        """How often a vehicle takes the right of way where a sign gives it to others."""
        self._of(actor_id).run_sign_percent = percent

    def set_percentage_ignore_vehicles(self, actor_id: int, percent: float) -> None:
        """How often a vehicle does not see other vehicles."""
        self._of(actor_id).ignore_vehicles_percent = percent

    def set_percentage_ignore_walkers(self, actor_id: int, percent: float) -> None:
        """How often a vehicle does not see walkers and props."""
        self._of(actor_id).ignore_walkers_percent = percent

    def set_collision_detection(self, actor_id: int, other_id: int, detect: bool) -> None:
        """Whether one vehicle sees another actor at all."""
        (self._blind_pairs.discard if detect else self._blind_pairs.add)((actor_id, other_id))

    def set_auto_lane_change(self, actor_id: int, enable: bool) -> None:
        """Whether a vehicle may change lanes to overtake."""
        self._of(actor_id).auto_lane_change = enable

    def set_force_lane_change(self, actor_id: int, to_right: bool) -> None:
        """Change lane as soon as there is a gap."""
        for driver in self._drivers:
            if driver.actor_id == actor_id:
                driver.forced_change = 1 if to_right else -1

    def set_keep_right_percentage(self, actor_id: int, percent: float) -> None:
        """How often a vehicle on a left lane goes back to the right, for every 100 m."""
        self._of(actor_id).keep_right_percent = percent

    def set_random_left_lane_change_percentage(self, actor_id: int, percent: float) -> None:
        """How often a vehicle changes to the left for no reason, for every 100 m."""
        self._of(actor_id).random_left_percent = percent

    def set_random_right_lane_change_percentage(self, actor_id: int, percent: float) -> None:
        """How often a vehicle changes to the right for no reason, for every 100 m."""
        self._of(actor_id).random_right_percent = percent

    def set_update_vehicle_lights(self, actor_id: int, update: bool) -> None:
        """Whether a vehicle's lamps follow its driving."""
        self._of(actor_id).update_lights = update

    def set_path(self, actor_id: int, points: np.ndarray, at_once: bool = True) -> None:
        """Drive along (N, 3) points, then anywhere; if not `at_once`, from the end of the way known so far."""
        self._plans[actor_id] = (np.asarray(points, np.float64).reshape(-1, 3), (), at_once)

    def set_route(self, actor_id: int, turns: tuple[Turn, ...], at_once: bool = True) -> None:
        """Take these turns and lane changes, one at each junction, then any."""
        self._plans[actor_id] = (None, turns, at_once)

    def forget_plan(self, actor_id: int) -> None:
        """Turn at random from now on."""
        self._plans[actor_id] = (None, (), True)

    def actions(self, actor_id: int) -> list[tuple[Turn, tuple[float, float, float]]]:
        """What a driver is about to do, in order: turns with the places (x, y, z) where they begin."""
        found: list[tuple[Turn, tuple[float, float, float]]] = []
        for driver in self._drivers:
            if driver.actor_id != actor_id or driver.lost:
                continue
            for crossing in driver.crossings:
                lane = self.lanes.lanes[crossing.lanes[0]]
                place = (float(lane.x[0]), float(lane.y[0]), float(lane.z[0]))
                found.append((self._routes.turn(crossing.lanes[0]), place))
        return found

    def _of(self, actor_id: int) -> DriverSettings:
        self._columns = None
        return self._settings.setdefault(actor_id, DriverSettings())

    def _resample(self, actor_id: int | None = None) -> None:
        for driver in self._drivers:
            if actor_id is None or driver.actor_id == actor_id:
                driver.stale = True

    def _table(self) -> Columns:
        """The settings of all drivers as arrays, made anew after a change."""
        if self._columns is None:
            own = [d.settings for d in self._drivers]
            self._columns = Columns(
                offset_m=np.array([self._value(d, "lane_offset_m") for d in self._drivers]),
                distance_m=np.array([self._value(d, "distance_m") for d in self._drivers]),
                ignores_vehicles_percent=np.array([k.ignore_vehicles_percent for k in own]),
                ignores_walkers_percent=np.array([k.ignore_walkers_percent for k in own]),
                lamps=np.array([k.update_lights for k in own], bool),
            )
        return self._columns

    def _value(self, driver: Driver, name: str) -> float:
        own = getattr(driver.settings, name)
        return getattr(self._globals, name) if own is None else own
