"""Decides when a driver goes round what stands in its lane: by the lane of the other direction, once it is free.

It goes round what does not wait for anything: props, and vehicles that nobody drives any more or that a client lets
stand. A queue before a light, a junction or another obstacle is waited for. Nobody goes round within a junction, or
where there is no room to come back before the next one.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sim.map.lane_search import LEVEL_M
from sim.map.lanes import LaneGraph
from sim.traffic.approaches import Motion
from sim.traffic.deadlocks import back_up
from sim.traffic.drivers import Driver
from sim.traffic.leaders import Bodies, Leaders, nearest_of_each
from sim.traffic.passing.oncoming import Placed, TwoWay, due, leaves_time, pass_time_s
from sim.traffic.passing.survey import Block, Survey, first_block, is_free, survey
from sim.traffic.paths import Paths, Swerve
from sim.vehicles.fleet import Vehicles

STANDING_MPS = 0.3
#: Something counts as standing that has not moved by so much, metres.
_STILL_M = 0.5
#: After so long a vehicle that a client lets stand is gone round; what is no vehicle after so long, seconds.
_VEHICLE_S, _THING_S = 6.0, 2.0
#: A driven vehicle that stands with nothing in front of it: an accident.
_WRECK_S = 20.0
#: Who has stood for so long does not start again.
_PARKED_S = 8.0
#: After so long a driver counts on others to slow down for it.
_PATIENCE_S = 15.0
CLEAR_M = 8.0
"""So far behind what stands in the only lane drivers stop, to have room to swing out."""
_GENTLY_MPS2 = 2.2
_LOOK_M = 35.0
_SIDE_M = 0.7
_STRIP_M = 0.3
_CORRIDOR_M = 0.4
_BACK_M = 14.0
_LINE_M = 3.0
#: Who stands too near to get out backs up after so long, with those behind it.
_TOO_NEAR_S, _QUEUE_M = 3.0, 6.0
#: The sharpest way out, 1/m.
_SHARPEST_PM = 0.2
_LONGEST_M = 70.0
_NO_JUNCTION_M = 60.0
_OTHER_PASS_M = 150.0


@dataclass(frozen=True)
class Moment:
    """All that traffic knows in one tick, one row for each of N drivers."""

    drivers: list[Driver]
    paths: Paths
    odometer_m: np.ndarray
    slots: np.ndarray
    motion: Motion
    leaders: Leaders
    vehicles: Vehicles
    bodies: Bodies

    @cached_property
    def standing(self) -> list[int]:
        """Each driver's nearest leader that stands, a row of `leaders`; -1 for none."""
        return nearest_of_each(self.leaders, len(self.drivers), STANDING_MPS).tolist()

    @cached_property
    def nearest(self) -> list[int]:
        """Each driver's nearest leader, a row of `leaders`; -1 for none."""
        return nearest_of_each(self.leaders, len(self.drivers)).tolist()

    @cached_property
    def row_of(self) -> dict[int, int]:
        """Which driver drives a vehicle, by the vehicle's slot."""
        return {slot: k for k, slot in enumerate(self.slots.tolist())}

    def driver_of(self, body: int) -> Driver | None:
        """Who drives a body; None where background traffic does not."""
        return self.drivers[self.row_of[body]] if body in self.row_of else None

    def half_m(self, k: int) -> tuple[float, float]:
        """Half the length and half the width of a driver's vehicle."""
        p, slot = self.vehicles.p, self.slots[k]
        return 0.5 * float(p["length_m"][slot]), 0.5 * float(p["width_m"][slot])


class Passing:
    """For how long everything has stood, and who may go round it."""

    def __init__(self, lanes: LaneGraph):
        self._lanes = lanes
        self._two_way = TwoWay(lanes)
        self._stood: dict[int, tuple[float, float, float]] = {}
        """By actor id: where a body is (x, y), and since when (s)."""
        self._time_s = 0.0
        self._placed: Placed | None = None

    def begin_tick(self, bodies: Bodies, dt_s: float) -> None:
        """Note who stands for how long; called once in each step of dt_s seconds."""
        self._time_s += dt_s
        self._placed = None
        standing = np.hypot(bodies.vx, bodies.vy) < STANDING_MPS
        stood: dict[int, tuple[float, float, float]] = {}
        columns = (bodies.ids[standing].tolist(), bodies.x[standing].tolist(), bodies.y[standing].tolist())
        for actor_id, x, y in zip(*columns, strict=True):
            known = self._stood.get(actor_id)
            stays = known is not None and abs(known[0] - x) + abs(known[1] - y) < _STILL_M
            stood[actor_id] = known if stays and known is not None else (x, y, self._time_s)
        self._stood = stood

    def consider(self, k: int, now: Moment, since_s: float) -> bool:
        """Begin or end the way round of driver k, who considered it since_s ago, and say whether it is on one."""
        driver = now.drivers[k]
        if driver.route.swerve is not None:
            if now.motion.rear[k] > driver.route.swerve.end_m:
                driver.route.swerve = None
            return True
        held_s, driver.held_s = driver.held_s, 0.0
        first = self._standing_ahead(k, now)
        if first is None:
            driver.clear_m = 0.0
            return False
        gap, body = float(now.leaders.gap_m[first]), int(now.leaders.body[first])
        if not self._may_be_passed(body, now):
            near = body in now.row_of or not _no_junction_before(driver, float(now.motion.front[k]) + gap + 30.0)
            self._keep_clear(driver, 0.0 if near else gap, float(now.motion.speed[k]))
            return False
        half, half_width = now.half_m(k)
        found = survey(now.paths, k, int(now.slots[k]), now.bodies)
        strip = half_width + _STRIP_M
        block = first_block(found, float(now.motion.front[k]), (-strip, strip), 2.0 * half + _BACK_M + 2.0)
        swerve = None if block is None else self._way_round(k, now, block)
        if block is None or swerve is None:
            return False
        self._keep_clear(driver, gap, float(now.motion.speed[k]))
        nearest = int(now.leaders.body[now.nearest[k]])
        before = now.driver_of(nearest)
        follows = nearest != body and (before is None or before.route.swerve is None)
        if follows or not all(self._may_be_passed(int(found.body[m]), now) for m in block.members):
            return False
        driver.held_s = held_s + since_s
        if 5.8 * abs(swerve.aside_m) / (swerve.out_m - swerve.begin_m) ** 2 > _SHARPEST_PM:
            if now.motion.speed[k] < 0.2 and driver.held_s > _TOO_NEAR_S and driver.backing_s <= 0.0:
                _make_room(k, now)
            return False
        if not self._is_free(k, now, swerve, found, block):
            return False
        driver.route.swerve = swerve
        driver.stale, driver.held_s, driver.clear_m, driver.backing_s = True, 0.0, 0.0, 0.0
        return True

    def _standing_ahead(self, k: int, now: Moment) -> int | None:
        """The nearest standing leader of a driver (an index) where a way round is thinkable; None for none."""
        driver, first = now.drivers[k], now.standing[k]
        if first < 0 or driver.forced_change or not driver.settings.auto_lane_change:
            return None
        here = float(now.odometer_m[k])
        leg = driver.route.leg_at(here)
        if here < leg.from_m + leg.blend_m or not self._two_way.side(leg.lane):
            return None
        return first if now.leaders.gap_m[first] < _LOOK_M else None

    @staticmethod
    def _keep_clear(driver: Driver, gap_m: float, speed_mps: float) -> None:
        """Stop with room to swing out, unless it is too late for that; not at all for a gap of 0."""
        in_time = gap_m > CLEAR_M - 1.0 + speed_mps * speed_mps / (2.0 * _GENTLY_MPS2)
        driver.clear_m = CLEAR_M if gap_m > 0.0 and (driver.clear_m or in_time) else 0.0

    def _may_be_passed(self, body: int, now: Moment) -> bool:
        """Whether a body stands without waiting for something."""
        stood_s = self.stood_s(int(now.bodies.ids[body]))
        driver = now.driver_of(body)
        if driver is None:
            return stood_s >= (_THING_S if body >= len(now.vehicles) else _VEHICLE_S)
        if stood_s < _WRECK_S or driver.backing_s > 0.0 or driver.route.swerve is not None:
            return False
        k = now.row_of[body]
        front, rear = float(now.motion.front[k]), float(now.motion.rear[k])
        waits = bool(((now.leaders.driver == k) & (now.leaders.gap_m < 20.0)).any())
        at_junction = any(c.exit_m > rear and c.stop_m < front + 20.0 for c in driver.crossings)
        at_light = any(front - 5.0 < place < front + 20.0 for place, _ in driver.loose_lights)
        return not (waits or at_junction or at_light)

    def stood_s(self, actor_id: int) -> float:
        """For how long something has stood; 0 for what moves."""
        return self._time_s - self._stood[actor_id][2] if actor_id in self._stood else 0.0

    def _way_round(self, k: int, now: Moment, block: Block) -> Swerve | None:
        """The way round a block, if the road beside it is wide enough and it ends before the next junction."""
        driver, here, speed = now.drivers[k], float(now.odometer_m[k]), float(now.motion.speed[k])
        half, half_width = now.half_m(k)
        side = self._two_way.side(driver.route.leg_at(here).lane)
        edge = block.left_m - half_width - _SIDE_M if side < 0 else block.right_m + half_width + _SIDE_M
        if side * edge <= 0.0:
            return None
        out = block.begin_m - half + 3.0
        begin = max(here + 0.3, out - max(min(3.0 * speed, 25.0), 11.0))
        back = block.end_m + half - 1.0
        swerve = Swerve(begin, out, back, back + _BACK_M, edge)
        if swerve.end_m - here > _LONGEST_M or out - begin < 2.0:
            return None
        if not _no_junction_before(driver, swerve.end_m + half + _LINE_M):
            return None
        for place in (begin, out, 0.5 * (out + back), back, swerve.end_m):
            leg = driver.route.leg_at(place)
            lane = self._lanes.lanes[leg.lane]
            beside = self._two_way.beside(leg.lane, place - leg.begin_m, side)
            if self._two_way.side(leg.lane) != side or beside is None or place > leg.end_m:
                return None
            own = float(np.interp(place - leg.begin_m, lane.s, lane.width_m))
            if abs(edge) + half_width > 0.5 * own + beside[2] - 0.1:
                return None
        return swerve

    def _is_free(self, k: int, now: Moment, swerve: Swerve, found: Survey, block: Block) -> bool:
        """Whether the way round is free, and stays so until the driver is back."""
        driver, front = now.drivers[k], float(now.motion.front[k])
        half, half_width = now.half_m(k)
        wide = half_width + _CORRIDOR_M
        corridor = (swerve.aside_m - wide, swerve.aside_m + wide)
        if not is_free(found, block, front - 2.0 * half, swerve.end_m, corridor):
            return False
        if not is_free(found, block, front, swerve.end_m + half + 3.0, (-wide, wide)) or _another_passes(k, now):
            return False
        leg = driver.route.leg_at(swerve.begin_m)
        side = -1 if swerve.aside_m < 0.0 else 1
        beside = self._two_way.beside(leg.lane, swerve.begin_m - leg.begin_m, side)
        if beside is None:
            return False
        placed = self._places(now)
        time_s = pass_time_s(swerve.end_m - front + half, float(now.motion.speed[k])) + 1.0
        impatient = driver.held_s > _PATIENCE_S
        return all(
            leaves_time(away_m, swerve.end_m - swerve.begin_m, time_s, j, placed, impatient)
            for j, away_m in due(self._lanes, beside[0], beside[1], placed)
            if j != now.slots[k]
        )

    def _places(self, now: Moment) -> Placed:
        """All vehicles on their lanes, found once a tick."""
        if self._placed is None:
            v = now.vehicles
            lane, along, _ = self._lanes.nearest_many(v.x, v.y, v.yaw, z=v.z)
            driven = np.zeros(len(v), bool)
            driven[now.slots] = True
            parked = np.array([self.stood_s(actor_id) > _PARKED_S for actor_id in v.ids.tolist()], bool) & ~driven
            self._placed = Placed(lane, along, 0.5 * v.p["length_m"], v.vx_body.copy(), driven, parked)
        return self._placed


def _no_junction_before(driver: Driver, place_m: float) -> bool:
    """Whether neither a junction nor a light comes in the last metres before a place."""
    begin = place_m - _NO_JUNCTION_M
    return not any(c.exit_m > begin and c.stop_m < place_m for c in driver.crossings) and not any(
        begin < light < place_m for light, _ in driver.loose_lights
    )


def _another_passes(k: int, now: Moment) -> bool:
    """Whether somebody who comes towards a driver goes round something too."""
    v, slot = now.vehicles, int(now.slots[k])
    for driver, other in zip(now.drivers, now.slots.tolist(), strict=True):
        if driver.route.swerve is None or other == slot:
            continue
        near = np.hypot(v.x[other] - v.x[slot], v.y[other] - v.y[slot]) < _OTHER_PASS_M
        if near and np.cos(v.yaw[other] - v.yaw[slot]) < 0.5:
            return True
    return False


def _make_room(k: int, now: Moment) -> None:
    """Let a driver back up, and those who stand right behind each other behind it."""
    v, slots = now.vehicles, now.slots
    half = 0.5 * v.p["length_m"]
    waiting = k
    for _ in now.drivers:
        back_up(now.drivers[waiting])
        slot = int(slots[waiting])
        cos, sin = np.cos(v.yaw[slot]), np.sin(v.yaw[slot])
        dx, dy = v.x[slots] - v.x[slot], v.y[slots] - v.y[slot]
        along, aside = cos * dx + sin * dy, cos * dy - sin * dx
        gap = -along - half[slots] - half[slot]
        behind = (along < 0.0) & (gap < _QUEUE_M) & (np.abs(aside) < 1.5) & (v.vx_body[slots] < STANDING_MPS)
        behind &= np.abs(v.z[slots] - v.z[slot]) < LEVEL_M
        if not behind.any():
            return
        waiting = int(np.argmin(np.where(behind, gap, np.inf)))
        if now.drivers[waiting].backing_s > 0.0:
            return
