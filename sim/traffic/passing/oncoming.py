"""The lane of those who come towards a driver: where there is one beside the driver's own, and who is due on it."""

import math
from dataclasses import dataclass

import numpy as np

from sim.map.lanes import LaneGraph
from sim.traffic.paths import SWERVE_MPS

START_MPS2 = 1.8
"""How fast somebody who stands may start."""
CRUISE_MPS = 12.0
"""At least so fast others may become."""
FAR_M = 300.0
"""Nobody further away is due."""
BRAKING_MPS2, REACTION_S = 2.2, 1.2
"""What a driver of background traffic is expected to do for one who is already in its lane."""
AFTER_M = 10.0
"""What has to be left between a driver that is back in its lane and who comes towards it."""
_APART_M = 0.4


class TwoWay:
    """Which lanes are alone in their direction and have one of the other direction right beside them."""

    def __init__(self, lanes: LaneGraph):
        self._lanes = lanes
        self._sides: dict[int, int] = {}

    def side(self, lane: int) -> int:
        """On which side the other direction's lane lies: -1 left, 1 right; 0 for none, or not the only lane."""
        if lane not in self._sides:
            self._sides[lane] = self._find(lane)
        return self._sides[lane]

    def _find(self, lane: int) -> int:
        lanes, points = self._lanes, self._lanes.lanes[lane]
        if points.is_junction or lanes.left[lane] >= 0 or lanes.right[lane] >= 0:
            return 0
        return next((side for side in (-1, 1) if self.beside(lane, 0.5 * points.length_m, side)), 0)

    def beside(self, lane: int, s_m: float, side: int) -> tuple[int, float, float] | None:
        """The other direction's lane at s metres along a lane: its index, s along it and its width; None for none."""
        lanes, points = self._lanes, self._lanes.lanes[lane]
        k = min(max(int(np.searchsorted(points.s, s_m)), 0), len(points.s) - 1)
        x, y, yaw, width = (float(column[k]) for column in (points.x, points.y, points.yaw, points.width_m))
        away = side * (0.5 * width + 1.5)
        place = (x - away * math.sin(yaw), y + away * math.cos(yaw))
        other, s = lanes.nearest(*place, yaw + math.pi, 3.0, float(points.z[k]))
        if other < 0 or lanes.lanes[other].is_junction:
            return None
        theirs = lanes.lanes[other]
        near = min(max(int(np.searchsorted(theirs.s, s)), 0), len(theirs.s) - 1)
        between = math.hypot(float(theirs.x[near]) - x, float(theirs.y[near]) - y)
        opposite = math.cos(float(theirs.yaw[near]) - yaw) < -0.9
        adjacent = between < 0.5 * (width + float(theirs.width_m[near])) + _APART_M + 0.5
        return (other, s, float(theirs.width_m[near])) if opposite and adjacent else None


@dataclass(frozen=True)
class Placed:
    """All vehicles on their lanes, (M,) each."""

    lane: np.ndarray
    along_m: np.ndarray
    half_m: np.ndarray
    speed_mps: np.ndarray
    driven: np.ndarray
    """bool: by background traffic."""
    parked: np.ndarray
    """bool: it has stood for so long that it will not start."""


def due(lanes: LaneGraph, lane: int, s_m: float, placed: Placed) -> list[tuple[int, float]]:
    """Vehicles that come along a lane towards s metres of it, and their fronts' distance from there, by distance.

    Those who have passed the place by less than their length have negative ones.
    """
    found: dict[int, float] = {}
    waiting, seen = [(lane, s_m)], {lane}
    while waiting:
        here, to_m = waiting.pop(0)
        for j in np.nonzero(placed.lane == here)[0].tolist():
            front = to_m - float(placed.along_m[j]) - float(placed.half_m[j])
            if front > -2.0 * float(placed.half_m[j]):
                found[j] = min(front, found.get(j, math.inf))
        for before in lanes.predecessors[here]:
            if before not in seen and to_m < FAR_M:
                seen.add(before)
                waiting.append((before, to_m + lanes.lanes[before].length_m))
    return sorted(((j, d) for j, d in found.items() if d < FAR_M), key=lambda item: (item[1], item[0]))


def leaves_time(front_m: float, pass_m: float, pass_s: float, who: int, placed: Placed, impatient: bool) -> bool:
    """Whether a pass of so many metres and seconds is over before somebody gets there whose front is front_m away.

    Who is impatient counts on drivers of background traffic to slow down.
    """
    speed = abs(float(placed.speed_mps[who]))
    if placed.parked[who]:
        reach = 0.0
    elif impatient and placed.driven[who]:
        reach = REACTION_S * speed + speed * speed / (2.0 * BRAKING_MPS2)
    else:
        top = max(speed, CRUISE_MPS)
        speeding_s = min((top - speed) / START_MPS2, pass_s)
        reach = speed * speeding_s + 0.5 * START_MPS2 * speeding_s**2 + top * (pass_s - speeding_s)
    return front_m - reach > pass_m + AFTER_M


def pass_time_s(distance_m: float, speed_mps: float) -> float:
    """How long a driver takes for its way round, starting with a speed."""
    top = max(SWERVE_MPS, speed_mps)
    speeding_m = (top * top - speed_mps * speed_mps) / (2.0 * START_MPS2 * 0.7)
    if distance_m < speeding_m:
        return (math.sqrt(speed_mps**2 + 2.0 * 0.7 * START_MPS2 * distance_m) - speed_mps) / (0.7 * START_MPS2)
    return (top - speed_mps) / (0.7 * START_MPS2) + (distance_m - speeding_m) / top
