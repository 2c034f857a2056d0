"""Right of way: who may pass a light, whose ways cross, and who goes first.

It answers about two drivers, or a driver and another vehicle, at one moment and changes nothing; who gets a grant to
enter a junction is settled in `sim.traffic.junctions`.
"""

import math

import numpy as np

from sim.map.junction_conflicts import Conflict, conflicts_between
from sim.map.lanes import LaneGraph
from sim.map.signals import LightState, Signals
from sim.traffic.approaches import OtherVehicle, Seeker
from sim.traffic.drivers import Crossing

#: At yellow, drivers stop if they need no more than this; on red, the second, m/s².
YELLOW_MPS2 = 3.5
RED_MPS2 = 7.0
#: How much later than the seeker another with the right of way must come, seconds.
GAP_S = 2.0
_GO_MPS2 = 1.4
_CRUISE_MPS = 9.0


class RightOfWay:
    """The rules of all junctions of a map, with its lights as they are now."""

    def __init__(self, lanes: LaneGraph, signals: Signals):
        self._lanes, self._signals = lanes, signals
        self._conflicts = conflicts_between(lanes)
        self._unsigned = _unsigned_junctions(lanes, signals)
        #: The heading with which each junction lane is entered.
        self._before = {lane.index: float(lane.yaw[0]) for lane in lanes.lanes if lane.is_junction}

    def shows_go(self, light: int, braking_mps2: float) -> bool:
        """Whether a driver passes a light, given the deceleration that it would take to stop."""
        state = self._signals.lights[light].state
        if state is LightState.RED:
            return braking_mps2 > RED_MPS2
        return state is not LightState.YELLOW or braking_mps2 > YELLOW_MPS2

    def may_go(self, seeker: Seeker) -> bool:
        """Whether a driver's light lets it go, or it runs its light."""
        crossing = seeker.crossing
        if crossing.light < 0 or crossing.runs_light:
            return True
        return self.shows_go(crossing.light, seeker.braking())

    def meetings(self, a: Crossing, b: Crossing) -> list[tuple[Conflict, float, float]]:
        """Conflicts of two ways through a junction, with the odometers at which their lanes begin."""
        if a.junction_id != b.junction_id:
            return []
        return [
            (conflict, begin_a, b.begins_m[b.lanes.index(conflict.other)])
            for lane, begin_a in zip(a.lanes, a.begins_m, strict=True)
            for conflict in self._conflicts[lane]
            if conflict.other in b.lanes
        ]

    def ways_meet(self, seeker: Seeker, other: Seeker) -> bool:
        """Whether the ways of two seekers have a place in common."""
        return other is not seeker and bool(self.meetings(seeker.crossing, other.crossing))

    def crosses(self, seeker: Seeker, holder: Seeker) -> bool:
        """Whether a holder has still to clear a place on the seeker's way."""
        if holder.driver is seeker.driver or holder.crossing.suspended:
            return False
        return any(
            holder.rear < begin + conflict.other_end_m + 0.5
            for conflict, _, begin in self.meetings(seeker.crossing, holder.crossing)
        )

    def yields_to(self, seeker: Seeker, other: Seeker) -> bool:
        """Whether another driver who has the right of way would come too soon after the seeker."""
        if other.driver is seeker.driver or other.crossing.granted or not self.goes_first(other, seeker):
            return False
        if other.crossing.light >= 0 and not self.may_go(other):
            return False
        length = seeker.front - seeker.rear
        for conflict, begin, other_begin in self.meetings(seeker.crossing, other.crossing):
            clear_s = travel_s(begin + conflict.end_m + length - seeker.front, seeker.speed)
            arrive_s = travel_s(other_begin + conflict.other_begin_m - other.front, other.speed)
            if arrive_s < clear_s + GAP_S:
                return True
        return False

    def goes_first(self, other: Seeker, seeker: Seeker) -> bool:
        """Whether another driver has the right of way: by signs, else from the right, else who goes straight on."""
        a, b = seeker.crossing, other.crossing
        if a.junction_id != b.junction_id:
            return False
        if a.junction_id not in self._unsigned:
            return rank(other) > rank(seeker)
        before, lane, other_lane = self._before, a.lanes[0], b.lanes[0]
        from_ = before[other_lane] - before[lane]
        turn = (from_ + math.pi) % math.tau - math.pi
        if abs(turn) < math.pi / 4.0:  # one merges into the other: from the faster road first
            speeds = [float(self._lanes.lanes[k].limit_mps[0]) for k in (lane, other_lane)]
            return speeds[1] > speeds[0] + 0.5 or (speeds[1] > speeds[0] - 0.5 and self._bends(lane, other_lane))
        if abs(turn) < 3.0 * math.pi / 4.0:
            return turn < 0.0  # headed to the seeker's left: it comes from its right
        return rank(other) > rank(seeker)

    def _bends(self, lane: int, other: int) -> bool:
        """Whether a lane bends clearly more than another."""
        mine, its = (float(np.abs(self._lanes.lanes[k].curvature).max()) for k in (lane, other))
        return mine > its + 0.003

    def hinders(self, seeker: Seeker, vehicle: OtherVehicle) -> bool:
        """Whether a vehicle that reserves nothing is in, or due in, the seeker's way."""
        length = seeker.front - seeker.rear
        for lane, begin in zip(seeker.crossing.lanes, seeker.crossing.begins_m, strict=True):
            for conflict in self._conflicts[lane]:
                if conflict.other != vehicle.lane or vehicle.rear_m > conflict.other_end_m:
                    continue
                if vehicle.inside:
                    return True
                clear_s = travel_s(begin + conflict.end_m + length - seeker.front, seeker.speed)
                if (conflict.other_begin_m - vehicle.front_m) / max(vehicle.speed, 0.1) < clear_s + GAP_S:
                    return True
        return False


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


def rank(seeker: Seeker) -> int:
    """Higher goes first: by the signs, unless a driver ignores the sign that makes it give way."""
    return seeker.crossing.rank + (10 if seeker.crossing.gives_way and seeker.crossing.runs_sign else 0)


def travel_s(distance_m: float, speed_mps: float) -> float:
    """Seconds to go a distance, speeding up to town speed."""
    if distance_m <= 0.0:
        return 0.0
    top = max(_CRUISE_MPS, speed_mps)
    speeding_m = (top * top - speed_mps * speed_mps) / (2.0 * _GO_MPS2)
    if distance_m <= speeding_m:
        return (math.sqrt(speed_mps * speed_mps + 2.0 * _GO_MPS2 * distance_m) - speed_mps) / _GO_MPS2
    return (top - speed_mps) / _GO_MPS2 + (distance_m - speeding_m) / top
