"""Right of way: which driver may enter which junction now.

A driver needs a grant for its way through a junction. It gets one when its light allows it, no holder of a grant is
still on a lane that crosses its own, nobody with the right of way is due in its gap, and its own car fits behind the
junction. So crossing traffic is settled at the line and nobody has to stop on the crossing. Who waited long is next.
"""

import math
from dataclasses import dataclass

import numpy as np

from sim.map.junction_conflicts import Conflict, conflicts_between
from sim.map.lanes import LaneGraph
from sim.map.signals import LightState, Signals
from sim.traffic.drivers import Crossing, Driver
from sim.traffic.leaders import Leaders
from sim.vehicles.fleet import Vehicles

#: Drivers decide where they could still stop with this, m/s².
DECIDE_MPS2 = 1.5
#: At yellow, drivers stop if they need no more than this; on red, the second, m/s².
YELLOW_MPS2 = 3.5
RED_MPS2 = 7.0
#: How much later than oneself another with the right of way must come, seconds.
GAP_S = 2.0
#: After so long at the line, one's turn comes before that of those with the right of way.
PATIENCE_S = 5.0
#: Whoever stands so long in a junction keeps its space, but reserves nothing any more.
STUCK_S = 8.0
_GO_MPS2 = 1.4
_CRUISE_MPS = 9.0
_SLOW_MPS = 2.5
#: A client's car that creeps no further than this stands as far as others are concerned.
_LINGER_M = 3.0
_EXIT_LOOK_M = 30.0
_QUEUE_GAP_M = 2.5
_APPROACH_M = 70.0


@dataclass(frozen=True)
class Motion:
    """Where N drivers are; odometers of front and rear bumper in m, each (N,)."""

    speed: np.ndarray
    odometer: np.ndarray
    front: np.ndarray
    rear: np.ndarray

    @classmethod
    def read(cls, vehicles: Vehicles, slots: np.ndarray, odometer_m: np.ndarray) -> "Motion":
        """From the vehicles and where they are along their paths."""
        half = 0.5 * vehicles.p["length_m"][slots]
        return cls(np.maximum(vehicles.vx_body[slots], 0.0), odometer_m, odometer_m + half, odometer_m - half)


@dataclass
class _Seeker:
    """One driver before or in one junction."""

    k: int
    driver: Driver
    crossing: Crossing
    front: float
    rear: float
    speed: float
    free_m: float
    """The odometer up to which nothing stands in the way."""

    @property
    def to_line_m(self) -> float:
        return self.crossing.stop_m - self.front

    def braking(self) -> float:
        """What it takes to stop at the line, m/s²."""
        return self.speed * self.speed / (2.0 * max(self.to_line_m, 0.1))


@dataclass(frozen=True)
class _Stranger:
    """A vehicle that is none of ours, on (or heading for) one lane of a junction."""

    lane: int
    front_m: float
    """Along the lane, negative before it."""
    rear_m: float
    speed: float
    inside: bool


class Junctions:
    """Grants of all junctions. After `step`, `stop_m` (N,) is where each driver's front bumper has to stop."""

    def __init__(self, lanes: LaneGraph, signals: Signals):
        self._lanes, self._signals = lanes, signals
        self._conflicts = conflicts_between(lanes)
        self._unsigned = _unsigned_junctions(lanes, signals)
        #: The heading with which each junction lane is entered.
        self._before = {lane.index: float(lane.yaw[0]) for lane in lanes.lanes if lane.is_junction}
        self._lingering: dict[int, tuple[float, float, float]] = {}
        """Of vehicles that are none of ours: where each was (x, y), and for how long it has not got away from there."""
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
        seekers: list[_Seeker] = []
        for k, driver in enumerate(drivers):
            if driver.lost:
                continue
            while driver.crossings and driver.crossings[0].exit_m < rear[k]:
                driver.crossings.pop(0)
            for crossing in driver.crossings:
                if crossing.stop_m - front[k] > _APPROACH_M:
                    break
                seekers.append(_Seeker(k, driver, crossing, front[k], rear[k], speed[k], free_m[k]))
        strangers = self._strangers(vehicles, slots, dt_s) if len(vehicles) > len(slots) else []
        queues = self._queues(drivers, motion, strangers) if seekers else {}
        self._keep_grants(seekers, queues)
        self._give_grants(seekers, strangers, queues, dt_s)
        self.stop_m = self._stops(drivers, seekers, front, speed)

    def _stops(
        self, drivers: list[Driver], seekers: list[_Seeker], front: list[float], speed: list[float]
    ) -> np.ndarray:
        stop = np.full(len(drivers), np.inf)
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
                if not self._shows_go(light, needed):
                    stop[k] = min(stop[k], place)
        return stop

    def _shows_go(self, light: int, braking_mps2: float) -> bool:
        """Whether one passes a light, given what it would take to stop."""
        state = self._signals.lights[light].state
        if state is LightState.RED:
            return braking_mps2 > RED_MPS2
        return state is not LightState.YELLOW or braking_mps2 > YELLOW_MPS2

    def _may_go(self, seeker: _Seeker) -> bool:
        crossing = seeker.crossing
        if crossing.light < 0 or crossing.runs_light:
            return True
        return self._shows_go(crossing.light, seeker.braking())

    def _keep_grants(self, seekers: list[_Seeker], queues: dict[int, list[tuple[float, float, int]]]) -> None:
        """Whoever is over the line, or cannot stop before it, goes on; all others are asked again."""
        for seeker in seekers:
            crossing = seeker.crossing
            if seeker.front > crossing.enter_m or (crossing.granted and seeker.to_line_m < -0.5):
                crossing.granted = True
                seeker.driver.waiting_s = 0.0
                if seeker.driver.standing_s > STUCK_S and seeker.to_line_m < -2.0:
                    crossing.suspended = True
            elif crossing.granted and seeker.braking() < 3.0:
                crossing.granted = self._may_go(seeker) and self._fits_behind(seeker, seekers, queues)

    def _suspended_stop(self, seeker: _Seeker, seekers: list[_Seeker]) -> float:
        """Where a suspended driver stops for those who go first; takes the grant up again if there is nobody."""
        stop = math.inf
        for other in seekers:
            if not other.crossing.granted or other.crossing.suspended or other.driver is seeker.driver:
                continue
            for conflict, begin, other_begin in self._meetings(seeker.crossing, other.crossing):
                ahead = begin + conflict.begin_m - 0.5
                if other.rear < other_begin + conflict.other_end_m + 0.5 and seeker.front < ahead + 0.5:
                    stop = min(stop, ahead)
        if stop == math.inf:
            seeker.crossing.suspended = False
        return stop

    def _give_grants(
        self,
        seekers: list[_Seeker],
        strangers: list[_Stranger],
        queues: dict[int, list[tuple[float, float, int]]],
        dt_s: float,
    ) -> None:
        asking = [s for s in seekers if not s.crossing.granted and self._asks(s)]
        asking.sort(key=self._turn)
        claims: list[_Seeker] = []
        for seeker in asking:
            if not self._may_go(seeker):
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
            if (
                any(self._crosses(seeker, other) for other in seekers if other.crossing.granted)
                or any(self._met(seeker, other) for other in claims)
                or any(self._hinders(seeker, s) for s in strangers)
            ):
                if impatient:
                    claims.append(seeker)
                continue
            if not impatient and any(self._yields_to(seeker, other) for other in seekers):
                continue
            seeker.crossing.granted = True
            seeker.driver.waiting_s = 0.0

    @staticmethod
    def _has_stopped(seeker: _Seeker) -> bool:
        """Whether a driver has obeyed a stop sign, if there is one."""
        crossing = seeker.crossing
        if seeker.speed < 0.3 and seeker.to_line_m < 2.5:
            crossing.has_stopped = True
        return crossing.has_stopped or crossing.runs_sign or not crossing.must_stop

    @staticmethod
    def _asks(seeker: _Seeker) -> bool:
        return seeker.to_line_m < seeker.speed * seeker.speed / (2.0 * DECIDE_MPS2) + 0.5 * seeker.speed + 3.0

    @staticmethod
    def _turn(seeker: _Seeker) -> tuple[bool, float, int, float, int]:
        waited = seeker.driver.waiting_s
        impatient = waited > PATIENCE_S
        arrival = _travel_s(seeker.to_line_m, seeker.speed)
        return not impatient, -waited if impatient else 0.0, -_rank(seeker), arrival, seeker.driver.order

    @staticmethod
    def _first_is_granted(seeker: _Seeker) -> bool:
        """Junctions are entered one after the other."""
        for crossing in seeker.driver.crossings:
            if crossing is seeker.crossing:
                return True
            if not crossing.granted:
                return False
        return True

    def _meetings(self, a: Crossing, b: Crossing) -> list[tuple[Conflict, float, float]]:
        """Conflicts of two ways through a junction, with the odometers at which their lanes begin."""
        if a.junction_id != b.junction_id:
            return []
        return [
            (conflict, begin_a, b.begins_m[b.lanes.index(conflict.other)])
            for lane, begin_a in zip(a.lanes, a.begins_m, strict=True)
            for conflict in self._conflicts[lane]
            if conflict.other in b.lanes
        ]

    def _met(self, seeker: _Seeker, other: _Seeker) -> bool:
        return other is not seeker and bool(self._meetings(seeker.crossing, other.crossing))

    def _crosses(self, seeker: _Seeker, holder: _Seeker) -> bool:
        """Whether a holder has still to clear a place where the seeker wants to go."""
        if holder.driver is seeker.driver or holder.crossing.suspended:
            return False
        return any(
            holder.rear < begin + conflict.other_end_m + 0.5
            for conflict, _, begin in self._meetings(seeker.crossing, holder.crossing)
        )

    def _yields_to(self, seeker: _Seeker, other: _Seeker) -> bool:
        if other.driver is seeker.driver or other.crossing.granted or not self._goes_first(other, seeker):
            return False
        if other.crossing.light >= 0 and not self._may_go(other):
            return False
        length = seeker.front - seeker.rear
        for conflict, begin, other_begin in self._meetings(seeker.crossing, other.crossing):
            clear_s = _travel_s(begin + conflict.end_m + length - seeker.front, seeker.speed)
            arrive_s = _travel_s(other_begin + conflict.other_begin_m - other.front, other.speed)
            if arrive_s < clear_s + GAP_S:
                return True
        return False

    def _goes_first(self, other: _Seeker, seeker: _Seeker) -> bool:
        """Whether another driver has the right of way: by signs, else from the right, else who goes straight on."""
        a, b = seeker.crossing, other.crossing
        if a.junction_id != b.junction_id:
            return False
        if a.junction_id not in self._unsigned:
            return _rank(other) > _rank(seeker)
        before, lane, other_lane = self._before, a.lanes[0], b.lanes[0]
        from_ = before[other_lane] - before[lane]
        turn = (from_ + math.pi) % math.tau - math.pi
        if abs(turn) < math.pi / 4.0:  # one merges into the other: from the faster road first
            speeds = [float(self._lanes.lanes[k].limit_mps[0]) for k in (lane, other_lane)]
            return speeds[1] > speeds[0] + 0.5 or (speeds[1] > speeds[0] - 0.5 and self._bends(lane, other_lane))
        if abs(turn) < 3.0 * math.pi / 4.0:
            return turn < 0.0  # headed to our left: it comes from our right
        return _rank(other) > _rank(seeker)

    def _bends(self, lane: int, other: int) -> bool:
        """Whether a lane bends clearly more than another."""
        mine, its = (float(np.abs(self._lanes.lanes[k].curvature).max()) for k in (lane, other))
        return mine > its + 0.003

    def _hinders(self, seeker: _Seeker, stranger: _Stranger) -> bool:
        """Whether a vehicle that reserves nothing is in, or due in, the seeker's way."""
        length = seeker.front - seeker.rear
        for lane, begin in zip(seeker.crossing.lanes, seeker.crossing.begins_m, strict=True):
            for conflict in self._conflicts[lane]:
                if conflict.other != stranger.lane or stranger.rear_m > conflict.other_end_m:
                    continue
                if stranger.inside:
                    return True
                clear_s = _travel_s(begin + conflict.end_m + length - seeker.front, seeker.speed)
                if (conflict.other_begin_m - stranger.front_m) / max(stranger.speed, 0.1) < clear_s + GAP_S:
                    return True
        return False

    def _fits_behind(
        self, seeker: _Seeker, seekers: list[_Seeker], queues: dict[int, list[tuple[float, float, int]]]
    ) -> bool:
        """Whether nothing stands in the seeker's way, and there is room for it beyond the junction."""
        if seeker.free_m < seeker.crossing.exit_m + seeker.front - seeker.rear:
            return False
        room = min(
            (
                rear
                for rear, speed, k in queues.get(seeker.crossing.exit_lane, ())
                if speed < _SLOW_MPS and k != seeker.k and rear < _EXIT_LOOK_M
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

    def _queues(
        self, drivers: list[Driver], motion: Motion, strangers: list[_Stranger]
    ) -> dict[int, list[tuple[float, float, int]]]:
        """(rear along the lane, speed, driver or -1) of everybody on each lane."""
        queues: dict[int, list[tuple[float, float, int]]] = {}
        for k, (driver, at, rear, speed) in enumerate(
            zip(drivers, motion.front.tolist(), motion.rear.tolist(), motion.speed.tolist(), strict=True)
        ):
            if not driver.lost:
                leg = driver.route.leg_at(at)
                queues.setdefault(leg.lane, []).append((rear - leg.begin_m, speed, k))
        for stranger in strangers:
            if stranger.inside:
                queues.setdefault(stranger.lane, []).append((stranger.rear_m, stranger.speed, -1))
        return queues

    def _strangers(self, vehicles: Vehicles, slots: np.ndarray, dt_s: float) -> list[_Stranger]:
        """Where vehicles that are none of ours are, or may soon be."""
        ours = np.zeros(len(vehicles), bool)
        ours[slots] = True
        others = np.nonzero(~ours)[0]
        lanes, along, aside = self._lanes.nearest_many(vehicles.x[others], vehicles.y[others], vehicles.yaw[others])
        found: list[_Stranger] = []
        lingering: dict[int, tuple[float, float, float]] = {}
        for j, lane, s, side in zip(others.tolist(), lanes.tolist(), along.tolist(), aside.tolist(), strict=True):
            speed, half = abs(float(vehicles.vx_body[j])), 0.5 * float(vehicles.p["length_m"][j])
            actor_id = int(vehicles.ids[j])
            x, y, since_s = self._lingering.get(actor_id, (math.inf, math.inf, 0.0))
            here = float(vehicles.x[j]), float(vehicles.y[j])
            stays = math.hypot(here[0] - x, here[1] - y) < _LINGER_M
            lingering[actor_id] = (x, y, since_s + dt_s) if stays else (*here, 0.0)
            if lane < 0 or abs(side) > 4.0:
                continue
            found += self._ways_of(vehicles, j, lane, s, half, speed, lingering[actor_id][2] > STUCK_S)
        self._lingering = lingering
        return found

    def _ways_of(
        self, vehicles: Vehicles, j: int, lane: int, s: float, half: float, speed: float, stuck: bool
    ) -> list[_Stranger]:
        points = self._lanes.lanes[lane]
        if points.is_junction:
            if stuck:
                return []
            x, y, yaw = float(vehicles.x[j]), float(vehicles.y[j]), float(vehicles.yaw[j])
            at = self._lanes.lanes_at(x, y, yaw)
            return [_Stranger(k, sk + half, sk - half, speed, True) for k, sk in (at or {lane: s}).items()]
        ways = [_Stranger(lane, s + half, s - half, speed, True)]
        left = points.length_m - s
        if left < _APPROACH_M and speed > 0.5:
            for k in self._lanes.successors[lane]:
                light = self._light_before(lane, k)
                if light < 0 or self._shows_go(light, speed * speed / (2.0 * max(left - half, 0.1))):
                    ways.append(_Stranger(k, half - left, -half - left, speed, False))
        return ways

    def _light_before(self, lane: int, way: int) -> int:
        for _, light, movement in self._signals.by_lane.get(lane, ()):
            if movement in (-1, way):
                return light
        return -1


def _unsigned_junctions(lanes: LaneGraph, signals: Signals) -> set[int]:
    """Junctions with neither lights nor signs on any way in, so that the one from the right goes first."""
    junctions = {lane.junction_id for lane in lanes.lanes if lane.is_junction}
    junctions -= {light.junction_id for light in signals.lights}
    for signed in signals.give_way:
        ahead = [signed]
        for _ in range(3):
            ahead = [k for lane in ahead for k in lanes.successors[lane]]
            junctions -= {lanes.lanes[k].junction_id for k in ahead}
    return junctions


def _rank(seeker: _Seeker) -> int:
    return seeker.crossing.rank + (10 if seeker.crossing.gives_way and seeker.crossing.runs_sign else 0)


def _travel_s(distance_m: float, speed_mps: float) -> float:
    """Time to go a distance, speeding up to town speed."""
    if distance_m <= 0.0:
        return 0.0
    top = max(_CRUISE_MPS, speed_mps)
    speeding_m = (top * top - speed_mps * speed_mps) / (2.0 * _GO_MPS2)
    if distance_m <= speeding_m:
        return (math.sqrt(speed_mps * speed_mps + 2.0 * _GO_MPS2 * distance_m) - speed_mps) / _GO_MPS2
    return (top - speed_mps) / _GO_MPS2 + (distance_m - speeding_m) / top
