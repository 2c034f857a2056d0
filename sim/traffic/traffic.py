"""Background traffic: drives the vehicles that are registered with it, as CARLA's traffic manager would.

It only writes throttle, brake and steering of its vehicles; motion and collisions are computed elsewhere. Drivers
follow their lanes by pure pursuit, keep their distance by the Intelligent Driver Model, obey speed limits,
lights and right of way, and turn at random. Same seed, same calls and same world: the same controls, bit for bit.
"""

import math

import numpy as np

from sim.map.lanes import LaneGraph
from sim.map.signals import Signals
from sim.traffic.approaches import Motion
from sim.traffic.car_following import (
    HARDEST_BRAKING_MPS2,
    free_acceleration,
    interaction,
    look_ahead_m,
    pedals,
    pursuit_steer,
    stopping_acceleration,
)
from sim.traffic.deadlocks import BACK_MPS, backs_up, has_room_behind, note_locked
from sim.traffic.drivers import (
    Driver,
    DriverSettings,
    Roads,
    cut_route,
    extend_route,
    forget_behind,
    reroute,
    start_route,
)
from sim.traffic.junctions import Junctions
from sim.traffic.lane_changes import Situation, change_lane, wanted_side
from sim.traffic.leaders import Bodies, Leaders, bodies_of, find_leaders
from sim.traffic.options import (
    Outside,
    at_dead_end,
    free_place,
    hero_distance_m,
    hold_on_path,
    kept,
    lamps_of,
    weather_lamps,
)
from sim.traffic.passing.passing import Moment, Passing
from sim.traffic.paths import PATH_MORE_M, Paths, needed_path_m
from sim.traffic.plans import Plan
from sim.traffic.settings import TrafficSettings
from sim.vehicles.fleet import Vehicles
from sim.world.collisions import Obstacles

#: Further than this from its path, a vehicle was moved by someone else, and finds a new path.
_LOST_M = 4.0
_STANDING_MPS = 0.2
#: A driver that cannot enter a junction for so long, because something stands in its way there, turns another way.
_BLOCKED_S = 12.0
_TICKS_PER_THOUGHT = 8


class Traffic(TrafficSettings):
    """All drivers of background traffic; their settings are in `TrafficSettings`."""

    def __init__(self, lanes: LaneGraph, signals: Signals, seed: int, outside: Outside | None = None):
        """Without `outside`, hybrid physics, respawning, OSM mode and lamps do nothing."""
        super().__init__(lanes, seed, outside)
        self.signals = signals
        self._registered = 0
        self._paths = Paths()
        self._roads = Roads(lanes, signals, self._routes)
        self._junctions = Junctions(lanes, signals)
        self._passing = Passing(lanes)
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
        self._columns = None
        self._paths.resize([*range(len(self._drivers) - 1), -1])
        self._odometer = np.append(self._odometer, 0.0)

    def unregister(self, actor_id: int) -> None:
        """Drive a vehicle no longer and forget its settings; its controls stay as they are."""
        self._settings.pop(actor_id, None)
        self._plans.pop(actor_id, None)
        self._columns = None
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

    # Driving

    def step(self, vehicles: Vehicles, obstacles: Obstacles, dt_s: float) -> None:
        """Write throttle, brake and steering of every registered vehicle for the next dt_s seconds."""
        for gone in vehicles.missing(self.registered):
            self.unregister(gone)
        if not self._drivers:
            return
        if self._outside is not None and (self.options.osm or self.options.respawn):
            self._tidy_up(vehicles, self._outside)
            if not self._drivers:
                return
        slots = vehicles.slots([d.actor_id for d in self._drivers])
        offset = self._follow_paths(vehicles, slots)
        motion = Motion.read(vehicles, slots, self._odometer)
        bodies = bodies_of(vehicles, obstacles)
        leaders = self._leaders(bodies, len(vehicles), slots, motion, offset)
        self._junctions.step(self._drivers, motion, leaders, vehicles, slots, dt_s)
        self._change_lanes(vehicles, slots, motion, leaders, bodies, dt_s)
        acceleration = self._acceleration(motion, leaders)
        throttle, brake = pedals(vehicles, slots, acceleration)
        vehicles.throttle[slots], vehicles.brake[slots] = throttle, brake
        vehicles.steer[slots] = self._steer(vehicles, slots, motion, offset)
        vehicles.hand_brake[slots] = vehicles.reverse[slots] = False
        self._note_standing(motion, dt_s)
        note_locked(self._drivers, motion, leaders, bodies, slots, dt_s)
        self._back_up(vehicles, slots, bodies)
        if self._outside is not None:
            self._switch_lamps(brake, self._outside)

    def _back_up(self, vehicles: Vehicles, slots: np.ndarray, bodies: Bodies) -> None:
        for k, driver in enumerate(self._drivers):
            if driver.backing_s <= 0.0:
                continue
            slot = int(slots[k])
            vehicles.throttle[slot], vehicles.brake[slot], vehicles.steer[slot] = 0.0, 1.0, 0.0
            if backs_up(driver) and has_room_behind(vehicles, slot, bodies):
                vehicles.reverse[slot] = True
                speed = float(vehicles.vx_body[slot])
                vehicles.brake[slot] = 0.0 if speed > -BACK_MPS else 0.2
                vehicles.throttle[slot] = float(np.clip(0.5 * (BACK_MPS + speed), 0.0, 0.35))

    def _tidy_up(self, vehicles: Vehicles, outside: Outside) -> None:
        """Remove vehicles from dead ends, and move one that is too far from the hero near it."""
        speed = vehicles.speed()
        if self.options.osm:
            ended = [
                d.actor_id
                for d, here in zip(self._drivers, self._odometer.tolist(), strict=True)
                if at_dead_end(d, here, float(speed[vehicles.slot(d.actor_id)]))
            ]
            for actor_id in ended:
                outside.destroy(actor_id)
        heroes = outside.heroes() if self.options.respawn and self._drivers else []
        if not heroes:
            return
        slots = vehicles.slots([d.actor_id for d in self._drivers])
        away = hero_distance_m(vehicles, slots, heroes)
        away[np.isin(vehicles.ids[slots], heroes)] = 0.0
        k = int(np.argmax(away))
        if self.options.respawn_to_m < away[k] < np.inf:
            place = free_place(self.lanes, vehicles, heroes, self.options, float(self._dice.random()))
            if place is not None:
                x, y, z, yaw = place
                driver = self._drivers[k]
                vehicles.set_world_velocity(driver.actor_id, 0.0, 0.0)
                vehicles.set_pose(driver.actor_id, x, y, z, yaw=(yaw + np.pi) % (2.0 * np.pi) - np.pi)
                driver.lost = True

    def _switch_lamps(self, brake: np.ndarray, outside: Outside) -> None:
        columns = self._table()
        if not columns.lamps.any():
            return
        common = weather_lamps(outside.weather())
        for k in np.nonzero(columns.lamps)[0].tolist():
            driver = self._drivers[k]
            if driver.lost:
                continue
            own = lamps_of(driver, float(self._odometer[k]), float(brake[k]), self._routes)
            outside.set_lamps(driver.actor_id, kept(outside.get_lamps(driver.actor_id)) | common | own)

    def _take_plan(self, k: int, driver: Driver, speed_mps: float) -> None:
        """Begin a plan that a client has set since the last tick, where the driver can still turn."""
        points, turns, at_once = self._plans.pop(driver.actor_id)
        here = float(self._odometer[k])
        if at_once:
            driver.plan = Plan()
            for leg in driver.route.legs:
                leg.planned = 0
            cut_route(driver, here + 1.5 * speed_mps)
        last = driver.route.legs[-1].lane
        goals = self._routes.lanes_of_path(points, last) if points is not None else ()
        driver.plan = Plan(goals, turns)
        driver.plan.reach(last)
        for leg in driver.route.legs:
            leg.planned = driver.plan.done
        driver.stale = True

    def _follow_paths(self, vehicles: Vehicles, slots: np.ndarray) -> np.ndarray:
        """Find all vehicles on their paths, sampling paths anew where needed; gives lane offsets to keep, (N,) m."""
        x, y, yaw = vehicles.x[slots], vehicles.y[slots], vehicles.yaw[slots]
        self._odometer, distance = self._paths.locate(x, y)
        left = self._paths.end - self._paths.at
        needed = needed_path_m(vehicles.vx_body[slots])
        astray = distance > _LOST_M
        for k, driver in enumerate(self._drivers):
            if driver.lost or astray[k]:
                z = float(vehicles.z[slots[k]])
                lane, s = self.lanes.nearest(float(x[k]), float(y[k]), float(yaw[k]), z=z)
                driver.lost = lane < 0
                if driver.lost:
                    continue
                start_route(driver, lane, s, self.lanes, float(self._odometer[k]))
                self._odometer[k] = 0.0
            if driver.actor_id in self._plans:
                self._take_plan(k, driver, float(vehicles.vx_body[slots[k]]))
            if driver.blocked_s > _BLOCKED_S and driver.plan.finished:
                reroute(driver, float(self._odometer[k]), self._roads)
            if driver.stale or left[k] < needed[k]:
                self._sample(k, driver, float(needed[k]))
        if self.options.hybrid and self._outside is not None:
            far = hero_distance_m(vehicles, slots, self._outside.heroes()) > self.options.hybrid_radius_m
            far &= ~np.array([d.lost for d in self._drivers])
            hold_on_path(vehicles, slots, self._paths, self._odometer, far)
        return self._table().offset_m

    def _sample(self, k: int, driver: Driver, needed_m: float) -> None:
        here, ahead_m = float(self._odometer[k]), needed_m + PATH_MORE_M
        forget_behind(driver, here)
        extend_route(driver, here, self._roads, ahead_m + 10.0)
        difference = driver.settings.speed_difference_percent
        if difference is None:
            difference = self._globals.speed_difference_percent
        factor = driver.temper if difference is None else max(1.0 - difference / 100.0, 0.0)
        self._paths.fill(k, self.lanes, driver.route, here, ahead_m, factor, driver.settings.desired_speed_mps)
        driver.dice = float(driver.rng.uniform(0.0, 100.0))
        driver.stale = False

    def _leaders(
        self, bodies: Bodies, vehicle_count: int, slots: np.ndarray, motion: Motion, offset: np.ndarray
    ) -> Leaders:
        horizon = np.minimum(45.0 + 2.0 * motion.speed + motion.speed**2 / 4.0, self._paths.end - self._paths.at)
        return find_leaders(
            self._paths, self._odometer, offset, slots, horizon, bodies, self._seen(bodies.ids, vehicle_count)
        )

    def _seen(self, ids: np.ndarray, vehicle_count: int) -> np.ndarray:
        """Which driver sees which body, (N, M) bool."""
        seen = np.ones((len(self._drivers), len(ids)), bool)
        columns = self._table()
        if columns.ignores_vehicles_percent.any() or columns.ignores_walkers_percent.any():
            dice = np.array([d.dice for d in self._drivers])
            seen[dice < columns.ignores_vehicles_percent, :vehicle_count] = False
            seen[dice < columns.ignores_walkers_percent, vehicle_count:] = False
        for a, b in sorted(self._blind_pairs):
            for k, driver in enumerate(self._drivers):
                if driver.actor_id == a:
                    seen[k, ids == b] = False
        return seen

    def _acceleration(self, motion: Motion, leaders: Leaders) -> np.ndarray:
        desired = self._paths.speed_at(self._odometer + 0.3 * motion.speed)
        free = free_acceleration(motion.speed, desired)
        k = leaders.driver
        distance = self._table().distance_m[k]
        clear = np.array([d.clear_m for d in self._drivers])
        if clear.any():
            distance = np.where(leaders.speed_mps < 0.3, np.maximum(distance, clear[k]), distance)
        taken = np.zeros(len(free))
        np.maximum.at(taken, k, interaction(motion.speed[k], leaders.gap_m, leaders.speed_mps, distance))
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

    def _change_lanes(
        self, vehicles: Vehicles, slots: np.ndarray, motion: Motion, leaders: Leaders, bodies: Bodies, dt_s: float
    ) -> None:
        """Every driver considers a change once in `_TICKS_PER_THOUGHT` ticks, not all in the same one."""
        self._ticks += 1
        self._passing.begin_tick(bodies, dt_s)
        turn = -self._ticks % _TICKS_PER_THOUGHT
        thinking = [k for k, d in enumerate(self._drivers) if d.order % _TICKS_PER_THOUGHT == turn and not d.lost]
        if not thinking:
            return
        moment = Moment(self._drivers, self._paths, self._odometer, slots, motion, leaders, vehicles, bodies)
        here, speed = self._odometer[thinking].tolist(), motion.speed[thinking].tolist()
        desired = self._paths.speed[thinking, self._paths.at[thinking]].tolist()
        for j, k in enumerate(thinking):
            driver, at = self._drivers[k], moment.nearest[k]
            gap, leader = (float(leaders.gap_m[at]), float(leaders.speed_mps[at])) if at >= 0 else (math.inf, math.inf)
            now = Situation(here[j], speed[j], desired[j], gap, leader)
            if self._passing.consider(k, moment, _TICKS_PER_THOUGHT * dt_s):
                driver.asked_at_m = now.odometer_m
                continue
            for side in wanted_side(driver, now, now.odometer_m - driver.asked_at_m, self._roads):
                if change_lane(driver, int(slots[k]), side, now, vehicles, self._roads):
                    break
            driver.asked_at_m = now.odometer_m

    def _note_standing(self, motion: Motion, dt_s: float) -> None:
        for driver, speed in zip(self._drivers, motion.speed.tolist(), strict=True):
            driver.standing_s = driver.standing_s + dt_s if speed < _STANDING_MPS else 0.0
