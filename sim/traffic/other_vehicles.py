"""Vehicles that traffic does not drive: where they are, and which junction lanes they may soon be on."""

import math

import numpy as np

from sim.map.lanes import LaneGraph
from sim.map.signals import Signals
from sim.traffic.approaches import APPROACH_M, STUCK_S, OtherVehicle
from sim.traffic.right_of_way import RightOfWay
from sim.vehicles.fleet import Vehicles

#: A vehicle that creeps no further than this counts as standing.
_LINGER_M = 3.0


class OtherVehicles:
    """Finds these vehicles, and remembers for how long each has stayed where it is."""

    def __init__(self, lanes: LaneGraph, signals: Signals, rules: RightOfWay):
        self._lanes, self._signals, self._rules = lanes, signals, rules
        self._lingering: dict[int, tuple[float, float, float]] = {}
        """By actor id: where each was (x, y), and for how many seconds it has stayed there."""

    def find(self, vehicles: Vehicles, slots: np.ndarray, dt_s: float) -> list[OtherVehicle]:
        """Where vehicles that are not in `slots` are, or may soon be; called once in each step of dt_s seconds."""
        is_driven = np.zeros(len(vehicles), bool)
        is_driven[slots] = True
        others = np.nonzero(~is_driven)[0]
        poses = (vehicles.x[others], vehicles.y[others], vehicles.yaw[others])
        lanes, along, aside = self._lanes.nearest_many(*poses, z=vehicles.z[others])
        found: list[OtherVehicle] = []
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
    ) -> list[OtherVehicle]:
        """The lanes that vehicle j, at s metres along a lane, is on or may enter soon."""
        points = self._lanes.lanes[lane]
        if points.is_junction:
            if stuck:
                return []
            x, y, yaw = float(vehicles.x[j]), float(vehicles.y[j]), float(vehicles.yaw[j])
            at = self._lanes.lanes_at(x, y, yaw, float(vehicles.z[j]))
            return [OtherVehicle(k, sk + half, sk - half, speed, True) for k, sk in (at or {lane: s}).items()]
        ways = [OtherVehicle(lane, s + half, s - half, speed, True)]
        left = points.length_m - s
        if left < APPROACH_M and speed > 0.5:
            for k in self._lanes.successors[lane]:
                light = self._light_before(lane, k)
                if light < 0 or self._rules.shows_go(light, speed * speed / (2.0 * max(left - half, 0.1))):
                    ways.append(OtherVehicle(k, half - left, -half - left, speed, False))
        return ways

    def _light_before(self, lane: int, way: int) -> int:
        """The light at the end of a lane for the way into the next, -1 for none."""
        for _, light, movement in self._signals.by_lane.get(lane, ()):
            if movement in (-1, way):
                return light
        return -1
