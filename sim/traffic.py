"""Background traffic: drives the vehicles that are registered with it, as CARLA's traffic manager would.

It only writes throttle, brake and steering of its vehicles; motion and collisions are others' work. Drivers follow
their lanes by pure pursuit, keep their distance by the Intelligent Driver Model, obey speed limits, lights and right of
way, and turn at random. Same seed, same calls and same world: the same controls, bit for bit.
"""

import numpy as np

from sim.collisions import Obstacles
from sim.lanes import LaneGraph
from sim.signals import Signals
from sim.traffic_changes import Situation, change_lane, wanted_side
from sim.traffic_drivers import Driver, DriverSettings, extend_route, forget_behind, reroute, start_route
from sim.traffic_junctions import Junctions, Motion
from sim.traffic_leaders import Leaders, bodies_of, find_leaders
from sim.traffic_model import (
    HARDEST_BRAKING_MPS2,
    STANDSTILL_GAP_M,
    free_acceleration,
    interaction,
    look_ahead_m,
    pedals,
    pursuit_steer,
    stopping_acceleration,
)
from sim.traffic_paths import BEHIND_M, POINTS, Paths
from sim.vehicles import Vehicles

#: Further than this from its path, a vehicle was moved by someone else, and finds a new path.
_LOST_M = 4.0
#: A path is sampled anew when less than this is left of it, metres.
_PATH_LEFT_M = 90.0
_STANDING_MPS = 0.2
#: Whoever cannot enter a junction for so long, because something stands in its way there, turns another way.
_BLOCKED_S = 12.0
_TICKS_PER_THOUGHT = 8


class Traffic:
    """All drivers of background traffic. Setters take actor ids; they may come before `register`."""

    def __init__(self, lanes: LaneGraph, signals: Signals, seed: int):
        self.lanes, self.signals = lanes, signals
        self._seed, self._registered = seed, 0
        self._drivers: list[Driver] = []
        self._settings: dict[int, DriverSettings] = {}
        self._globals = DriverSettings(distance_m=STANDSTILL_GAP_M, lane_offset_m=0.0)
        self._blind_pairs: set[tuple[int, int]] = set()
        self._paths = Paths()
        self._junctions = Junctions(lanes, signals)
        self._odometer = np.zeros(0)
        self._ticks = 0

    # Who drives

    def register(self, actor_id: int) -> None:
        """Drive a vehicle from now on; nothing happens when it is driven already."""
        if any(d.actor_id == actor_id for d in self._drivers):
            return
        rng = np.random.default_rng([self._seed & 0xFFFFFFFF, self._registered])
        settings = self._settings.setdefault(actor_id, DriverSettings())
        driver = Driver(actor_id, self._registered, rng, settings, temper=float(rng.uniform(0.88, 1.0)))
        self._registered += 1
        self._drivers.append(driver)
        self._paths.resize([*range(len(self._drivers) - 1), -1])
        self._odometer = np.append(self._odometer, 0.0)

    def unregister(self, actor_id: int) -> None:
        """Drive a vehicle no longer and forget its settings; its controls stay as they are."""
        self._settings.pop(actor_id, None)
        self._blind_pairs = {pair for pair in self._blind_pairs if pair[0] != actor_id}
        kept = [k for k, d in enumerate(self._drivers) if d.actor_id != actor_id]
        if len(kept) < len(self._drivers):
            self._drivers = [self._drivers[k] for k in kept]
            self._paths.resize(kept)
            self._odometer = self._odometer[kept]

    @property
    def registered(self) -> list[int]:
        """Actor ids of the vehicles that are driven, in the order of registering."""
        return [d.actor_id for d in self._drivers]

    # What CARLA's traffic manager can be told

    def set_seed(self, seed: int) -> None:
        """Begin every driver's dice anew."""
        self._seed = seed
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

    def set_lane_offset(self, actor_id: int, offset_m: float) -> None:
        """Drive beside the lane's middle, positive to the right."""
        self._of(actor_id).lane_offset_m = offset_m

    def set_global_lane_offset(self, offset_m: float) -> None:
        """The same for all vehicles that have no setting of their own."""
        self._globals.lane_offset_m = offset_m

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
        """Whether a vehicle's lamps follow what it does; read it with `updates_lights`."""
        self._of(actor_id).update_lights = update

    def updates_lights(self, actor_id: int) -> bool:
        """What `set_update_vehicle_lights` set."""
        return self._settings.get(actor_id, self._globals).update_lights

    def _of(self, actor_id: int) -> DriverSettings:
        return self._settings.setdefault(actor_id, DriverSettings())

    def _resample(self, actor_id: int | None = None) -> None:
        for driver in self._drivers:
            if actor_id is None or driver.actor_id == actor_id:
                driver.stale = True

    # Driving

    def step(self, vehicles: Vehicles, obstacles: Obstacles, dt_s: float) -> None:
        """Write throttle, brake and steering of every registered vehicle for the next dt_s seconds."""
        for gone in [d.actor_id for d in self._drivers if d.actor_id not in vehicles]:
            self.unregister(gone)
        if not self._drivers:
            return
        slots = vehicles.slots([d.actor_id for d in self._drivers])
        offset = self._follow_paths(vehicles, slots)
        motion = Motion.read(vehicles, slots, self._odometer)
        leaders = self._leaders(vehicles, slots, obstacles, motion, offset)
        self._junctions.step(self._drivers, motion, leaders, vehicles, slots, dt_s)
        self._change_lanes(vehicles, slots, motion, leaders)
        acceleration = self._acceleration(motion, leaders)
        throttle, brake = pedals(vehicles, slots, acceleration)
        vehicles.throttle[slots], vehicles.brake[slots] = throttle, brake
        vehicles.steer[slots] = self._steer(vehicles, slots, motion, offset)
        vehicles.hand_brake[slots] = vehicles.reverse[slots] = False
        self._note_standing(motion, dt_s)

    def _follow_paths(self, vehicles: Vehicles, slots: np.ndarray) -> np.ndarray:
        """Find all vehicles on their paths, sampling paths anew where needed; gives the wanted offsets, (N,)."""
        x, y, yaw = vehicles.x[slots], vehicles.y[slots], vehicles.yaw[slots]
        self._odometer, distance = self._paths.locate(x, y)
        left = POINTS - self._paths.at
        astray = distance > _LOST_M
        for k, driver in enumerate(self._drivers):
            if driver.lost or astray[k]:
                lane, s = self.lanes.nearest(float(x[k]), float(y[k]), float(yaw[k]))
                driver.lost = lane < 0
                if driver.lost:
                    continue
                start_route(driver, lane, s, self.lanes)
                self._odometer[k] = 0.0
            if driver.blocked_s > _BLOCKED_S:
                reroute(driver, float(self._odometer[k]), self.lanes, self.signals)
            if driver.stale or left[k] < _PATH_LEFT_M:
                self._sample(k, driver)
        return np.array([self._value(d, "lane_offset_m") for d in self._drivers])

    def _sample(self, k: int, driver: Driver) -> None:
        here = float(self._odometer[k])
        forget_behind(driver, here)
        extend_route(driver, here, self.lanes, self.signals)
        difference = driver.settings.speed_difference_percent
        if difference is None:
            difference = self._globals.speed_difference_percent
        factor = driver.temper if difference is None else max(1.0 - difference / 100.0, 0.0)
        self._paths.fill(k, self.lanes, driver.route, here, factor, driver.settings.desired_speed_mps)
        driver.dice = float(driver.rng.uniform(0.0, 100.0))
        driver.stale = False

    def _value(self, driver: Driver, name: str) -> float:
        own = getattr(driver.settings, name)
        return getattr(self._globals, name) if own is None else own

    def _leaders(
        self, vehicles: Vehicles, slots: np.ndarray, obstacles: Obstacles, motion: Motion, offset: np.ndarray
    ) -> Leaders:
        bodies = bodies_of(vehicles, obstacles)
        horizon = np.minimum(45.0 + 2.0 * motion.speed + motion.speed**2 / 4.0, POINTS - BEHIND_M)
        return find_leaders(
            self._paths, self._odometer, offset, slots, horizon, bodies, self._seen(bodies.ids, len(vehicles))
        )

    def _seen(self, ids: np.ndarray, vehicle_count: int) -> np.ndarray:
        """Which driver sees which body, (N, M) bool."""
        seen = np.ones((len(self._drivers), len(ids)), bool)
        for k, driver in enumerate(self._drivers):
            if driver.dice < driver.settings.ignore_vehicles_percent:
                seen[k, :vehicle_count] = False
            if driver.dice < driver.settings.ignore_walkers_percent:
                seen[k, vehicle_count:] = False
        for a, b in sorted(self._blind_pairs):
            for k, driver in enumerate(self._drivers):
                if driver.actor_id == a:
                    seen[k, ids == b] = False
        return seen

    def _acceleration(self, motion: Motion, leaders: Leaders) -> np.ndarray:
        wanted = self._paths.speed_at(self._odometer + 0.3 * motion.speed)
        free = free_acceleration(motion.speed, wanted)
        distance = np.array([self._value(d, "distance_m") for d in self._drivers])
        taken = np.zeros(len(free))
        k = leaders.driver
        np.maximum.at(taken, k, interaction(motion.speed[k], leaders.gap_m, leaders.speed_mps, distance[k]))
        stop = np.array([d.route.stop_m - 1.0 for d in self._drivers])
        stop = np.minimum(stop, self._junctions.stop_m) - motion.front
        acceleration = np.minimum(free - taken, stopping_acceleration(motion.speed, stop - 0.5))
        lost = np.array([d.lost for d in self._drivers])
        return np.where(lost, -3.0, np.maximum(acceleration, -HARDEST_BRAKING_MPS2))

    def _steer(self, vehicles: Vehicles, slots: np.ndarray, motion: Motion, offset: np.ndarray) -> np.ndarray:
        wheelbase, yaw = vehicles.p["wheelbase_m"][slots], vehicles.yaw[slots]
        rear = 0.5 * wheelbase
        x, y, heading = self._paths.point(self._odometer - rear + look_ahead_m(motion.speed))
        dx = x - offset * np.sin(heading) - (vehicles.x[slots] - rear * np.cos(yaw))
        dy = y + offset * np.cos(heading) - (vehicles.y[slots] - rear * np.sin(yaw))
        return pursuit_steer(dx, dy, yaw, wheelbase, vehicles.p["max_steer_rad"][slots])

    def _change_lanes(self, vehicles: Vehicles, slots: np.ndarray, motion: Motion, leaders: Leaders) -> None:
        """Every driver thinks about it now and then, not all in the same tick."""
        self._ticks += 1
        for k, driver in enumerate(self._drivers):
            if driver.lost or (self._ticks + driver.order) % _TICKS_PER_THOUGHT:
                continue
            here, speed = float(self._odometer[k]), float(motion.speed[k])
            mine = np.nonzero(leaders.driver == k)[0]
            first = mine[np.argmin(leaders.gap_m[mine])] if len(mine) else -1
            gap, leader = (leaders.gap_m[first], leaders.speed_mps[first]) if len(mine) else (np.inf, np.inf)
            wanted = float(self._paths.speed[k, self._paths.at[k]])
            now = Situation(here, speed, wanted, float(gap), float(leader))
            for side in wanted_side(driver, now, here - driver.asked_at_m):
                if change_lane(driver, int(slots[k]), side, now, vehicles, self.lanes, self.signals):
                    break
            driver.asked_at_m = here

    def _note_standing(self, motion: Motion, dt_s: float) -> None:
        for driver, speed in zip(self._drivers, motion.speed.tolist(), strict=True):
            driver.standing_s = driver.standing_s + dt_s if speed < _STANDING_MPS else 0.0
