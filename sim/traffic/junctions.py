"""Grants: which driver may enter which junction now.

A driver needs a grant for its way through a junction. It gets one when its light allows it, no holder of a grant is
still on a lane that crosses its own, nobody with the right of way (`sim.traffic.right_of_way`) is due in its gap, and
its own car fits behind the junction. So crossing traffic is settled at the line and nobody has to stop on the crossing.
Whoever has waited long is next.
"""

import math
from typing import NamedTuple, TypeVar

import numpy as np

from sim.map.lanes import LaneGraph
from sim.map.signals import Signals
from sim.traffic.approaches import APPROACH_M, STUCK_S, Motion, OtherVehicle, Seeker
from sim.traffic.drivers import Driver
from sim.traffic.leaders import Leaders
from sim.traffic.other_vehicles import OtherVehicles
from sim.traffic.right_of_way import RightOfWay, rank, travel_s
from sim.vehicles.fleet import Vehicles

#: Drivers decide where they could still stop with this, m/s².
DECIDE_MPS2 = 1.5
#: After so long at the line, a driver's turn comes before that of those with the right of way.
PATIENCE_S = 5.0
_SLOW_MPS = 2.5
_EXIT_LOOK_M = 30.0
_QUEUE_GAP_M = 2.5


Speed = TypeVar("Speed", float, np.ndarray)


class Queued(NamedTuple):
    """A slow vehicle on a lane: its rear in metres along the lane, and which driver it is (-1: none)."""

    rear_m: float
    k: int


def braking_way_m(speed_mps: Speed) -> Speed:
    """How far before a line a driver, or each of (N,), begins to ask whether it may go on."""
    return speed_mps * speed_mps / (2.0 * DECIDE_MPS2) + 0.5 * speed_mps + 3.0


Queues = dict[int, list[Queued]]
"""By lane."""


class Junctions:
    """Grants of all junctions. After `step`, `stop_m` (N,) is where each driver's front bumper has to stop."""

    def __init__(self, lanes: LaneGraph, signals: Signals):
        self._rules = RightOfWay(lanes, signals)
        self._others = OtherVehicles(lanes, signals, self._rules)
        self.stop_m = np.zeros(0)

    def step(
        self,
        drivers: list[Driver],
        motion: Motion,
        leaders: Leaders,
        vehicles: Vehicles,
        slots: np.ndarray,
        dt_s: float,
    ) -> None:
        """Settle who goes, for the next dt_s seconds."""
        front, rear, speed = motion.front.tolist(), motion.rear.tolist(), motion.speed.tolist()
        standing = leaders.speed_mps < 0.3
        free = np.full(len(drivers), np.inf)
        np.minimum.at(free, leaders.driver[standing], leaders.gap_m[standing])
        free_m = (free + motion.front).tolist()
        near_m = (motion.front + np.maximum(APPROACH_M, braking_way_m(motion.speed))).tolist()
        seekers: list[Seeker] = []
        for k, driver in enumerate(drivers):
            if driver.lost:
                continue
            while driver.crossings and driver.crossings[0].exit_m < rear[k]:
                driver.crossings.pop(0)
            for crossing in driver.crossings:
                if crossing.stop_m > near_m[k]:
                    break
                seekers.append(Seeker(k, driver, crossing, front[k], rear[k], speed[k], free_m[k]))
        others = self._others.find(vehicles, slots, dt_s) if len(vehicles) > len(slots) else []
        queues = self._queues(drivers, motion, others, {seeker.crossing.exit_lane for seeker in seekers})
        self._keep_grants(seekers, queues)
        self._give_grants(seekers, others, queues, dt_s)
        self.stop_m = self._stops(drivers, seekers, front, speed)

    def _stops(
        self, drivers: list[Driver], seekers: list[Seeker], front: list[float], speed: list[float]
    ) -> np.ndarray:
        """Odometers (N,) at which the front bumpers have to stop; inf where they need not."""
        stop = [math.inf] * len(drivers)
        for seeker in seekers:
            if not seeker.crossing.granted:
                stop[seeker.k] = min(stop[seeker.k], seeker.crossing.stop_m)
            elif seeker.crossing.suspended:
                stop[seeker.k] = min(stop[seeker.k], self._suspended_stop(seeker, seekers))
        for k, driver in enumerate(drivers):
            for place, light in driver.loose_lights:
                if place < front[k]:
                    continue
                needed = speed[k] ** 2 / (2.0 * max(place - front[k], 0.1))
                if not self._rules.shows_go(light, needed):
                    stop[k] = min(stop[k], place)
        return np.array(stop)

    def _keep_grants(self, seekers: list[Seeker], queues: Queues) -> None:
        """Whoever is over the line, or cannot stop before it, goes on; all others are asked again."""
        for seeker in seekers:
            crossing = seeker.crossing
            if seeker.front > crossing.enter_m or (crossing.granted and seeker.to_line_m < -0.5):
                crossing.granted = True
                seeker.driver.waiting_s = 0.0
                if seeker.driver.standing_s > STUCK_S and seeker.to_line_m < -2.0:
                    crossing.suspended = True
            elif crossing.granted and seeker.braking() < 3.0:
                crossing.granted = self._rules.may_go(seeker) and self._fits_behind(seeker, seekers, queues)

    def _suspended_stop(self, seeker: Seeker, seekers: list[Seeker]) -> float:
        """Where a suspended driver stops for those who go first; takes the grant up again if there is nobody."""
        stop = math.inf
        for other in seekers:
            if not other.crossing.granted or other.crossing.suspended or other.driver is seeker.driver:
                continue
            for conflict, begin, other_begin in self._rules.meetings(seeker.crossing, other.crossing):
                ahead = begin + conflict.begin_m - 0.5
                if other.rear < other_begin + conflict.other_end_m + 0.5 and seeker.front < ahead + 0.5:
                    stop = min(stop, ahead)
        if stop == math.inf:
            seeker.crossing.suspended = False
        return stop

    def _give_grants(
        self,
        seekers: list[Seeker],
        others: list[OtherVehicle],
        queues: Queues,
        dt_s: float,
    ) -> None:
        at: dict[int, list[Seeker]] = {}
        for seeker in seekers:
            at.setdefault(seeker.crossing.junction_id, []).append(seeker)
        asking = [s for s in seekers if not s.crossing.granted and self._asks(s)]
        asking.sort(key=self._turn)
        claims: list[Seeker] = []
        for seeker in asking:
            if not self._rules.may_go(seeker):
                continue
            if seeker.speed < 0.5 and seeker.to_line_m < 5.0:
                seeker.driver.waiting_s += dt_s
            if not self._has_stopped(seeker):
                continue
            fits = self._fits_behind(seeker, seekers, queues)
            seeker.driver.blocked_s = 0.0 if fits or seeker.speed > 0.5 else seeker.driver.blocked_s + dt_s
            if not fits or not self._first_is_granted(seeker):
                continue
            impatient = seeker.driver.waiting_s > PATIENCE_S
            here = at[seeker.crossing.junction_id]
            if (
                any(self._rules.crosses(seeker, other) for other in here if other.crossing.granted)
                or any(self._rules.ways_meet(seeker, other) for other in claims)
                or any(self._rules.hinders(seeker, other) for other in others)
            ):
                if impatient:
                    claims.append(seeker)
                continue
            if not impatient and any(self._rules.yields_to(seeker, other) for other in here):
                continue
            seeker.crossing.granted = True
            seeker.driver.waiting_s = 0.0

    @staticmethod
    def _has_stopped(seeker: Seeker) -> bool:
        """Whether a driver has obeyed a stop sign, if there is one."""
        crossing = seeker.crossing
        if seeker.speed < 0.3 and seeker.to_line_m < 2.5:
            crossing.has_stopped = True
        return crossing.has_stopped or crossing.runs_sign or not crossing.must_stop

    @staticmethod
    def _asks(seeker: Seeker) -> bool:
        return seeker.to_line_m < braking_way_m(seeker.speed)

    @staticmethod
    def _turn(seeker: Seeker) -> tuple[bool, float, int, float, int]:
        waited = seeker.driver.waiting_s
        impatient = waited > PATIENCE_S
        arrival = travel_s(seeker.to_line_m, seeker.speed)
        return not impatient, -waited if impatient else 0.0, -rank(seeker), arrival, seeker.driver.order

    @staticmethod
    def _first_is_granted(seeker: Seeker) -> bool:
        """Junctions are entered one after the other."""
        for crossing in seeker.driver.crossings:
            if crossing is seeker.crossing:
                return True
            if not crossing.granted:
                return False
        return True

    def _fits_behind(self, seeker: Seeker, seekers: list[Seeker], queues: Queues) -> bool:
        """Whether nothing stands in the seeker's way, and there is room for it beyond the junction."""
        if seeker.free_m < seeker.crossing.exit_m + seeker.front - seeker.rear:
            return False
        room = min(
            (
                ahead.rear_m
                for ahead in queues.get(seeker.crossing.exit_lane, ())
                if ahead.k != seeker.k and ahead.rear_m < _EXIT_LOOK_M
            ),
            default=math.inf,
        )
        if room == math.inf:
            return True
        for other in seekers:
            same = other.crossing.granted and other.crossing.exit_lane == seeker.crossing.exit_lane
            if same and other.driver is not seeker.driver and other.front < other.crossing.exit_m:
                room -= other.front - other.rear + _QUEUE_GAP_M
        return room > seeker.front - seeker.rear + _QUEUE_GAP_M

    def _queues(self, drivers: list[Driver], motion: Motion, others: list[OtherVehicle], exits: set[int]) -> Queues:
        """Whoever is slow on each of the lanes that lead out of the seekers' junctions, and may fill them."""
        queues: Queues = {}
        if not exits:
            return queues
        slow = np.flatnonzero(motion.speed < _SLOW_MPS)
        columns = (slow.tolist(), motion.front[slow].tolist(), motion.rear[slow].tolist())
        for k, at, rear in zip(*columns, strict=True):
            driver = drivers[k]
            if not driver.lost:
                leg = driver.route.leg_at(at)
                if leg.lane in exits:
                    queues.setdefault(leg.lane, []).append(Queued(rear - leg.begin_m, k))
        for other in others:
            if other.inside and other.speed < _SLOW_MPS:
                queues.setdefault(other.lane, []).append(Queued(other.rear_m, -1))
        return queues
