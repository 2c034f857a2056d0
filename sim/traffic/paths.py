"""The road ahead of every driver of background traffic, as rows of points a metre apart.

A route is a chain of legs along lanes, chosen a few lanes ahead; what lies next of it is sampled into arrays, so that
all drivers look along their paths in the same numpy calls. A place on a path is its odometer: metres that only grow.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from sim.map.lanes import LaneGraph

POINTS = 160
"""Points of a path, one metre apart."""
BEHIND_M = 10.0
"""How much of a path lies behind its vehicle just after it was sampled."""
SIDE_ACCELERATION_MPS2 = 2.0
"""What drivers accept in curves (everyday driving: Bosetti et al. 2014 find 2 to 3 m/s² at town speeds)."""
SLOWING_MPS2 = 1.6
"""How hard drivers brake for a curve they see coming."""
_AHEAD = np.arange(POINTS, dtype=np.float64)
_WINDOW = np.arange(-3, 8)


@dataclass
class Leg:
    """A stretch of a route along one lane."""

    lane: int
    begin_m: float
    """The odometer at which the lane begins (before the leg does, if it begins by a lane change)."""
    from_m: float
    """The odometer from which on the leg counts."""
    blend_m: float = 0.0
    """Length of the lane change from the leg before into this one; 0: it simply follows."""
    end_m: float = math.inf
    """The odometer at which the lane ends."""
    planned: int = 0
    """How many steps of the driver's plan are done once the leg is."""


@dataclass
class Route:
    """The legs of one driver, the one it is on first."""

    legs: list[Leg] = field(default_factory=list)
    stop_m: float = math.inf
    """Where the road ends; infinite while it goes on."""

    def leg_at(self, odometer_m: float) -> Leg:
        """The leg that counts at a place."""
        for leg in reversed(self.legs):
            if leg.from_m <= odometer_m:
                return leg
        return self.legs[0]


def sample(lanes: LaneGraph, legs: list[Leg], base_m: float) -> np.ndarray:
    """x, y, z, curvature (1/m) and speed limit (m/s) along legs, a metre apart from odometer base_m on, (5, POINTS)."""
    grid = base_m + _AHEAD
    found = np.empty((5, POINTS))
    for k, leg in enumerate(legs):
        first = 0 if k == 0 else min(max(math.ceil(leg.from_m - base_m), 0), POINTS)
        last = POINTS if k + 1 == len(legs) else min(max(math.ceil(legs[k + 1].from_m - base_m), 0), POINTS)
        if last <= first:
            continue
        found[:, first:last] = _along(lanes, leg, grid[first:last])
        blending = min(last, max(first, math.ceil(leg.from_m + leg.blend_m - base_m)))
        if k > 0 and blending > first:
            part = slice(first, blending)
            t = (grid[part] - leg.from_m) / leg.blend_m
            share = t * t * (3.0 - 2.0 * t)
            before = _along(lanes, legs[k - 1], grid[part])
            found[:3, part] = share * found[:3, part] + (1.0 - share) * before[:3]
    return found


def _along(lanes: LaneGraph, leg: Leg, grid: np.ndarray) -> np.ndarray:
    lane, s = lanes.lanes[leg.lane], grid - leg.begin_m
    return np.stack([np.interp(s, lane.s, array) for array in (lane.x, lane.y, lane.z, lane.curvature, lane.limit_mps)])


class Paths:
    """Sampled paths of N drivers: x, y, z, yaw, curvature, speed (what may be driven there), each (N, POINTS)."""

    def __init__(self):
        self.x = self.y = self.z = self.yaw = self.curvature = self.speed = np.zeros((0, POINTS))
        self.base_m = np.zeros(0)
        """Odometer of each path's first point."""
        self.at = np.zeros(0, np.int64)
        """The point each vehicle is nearest to."""

    def resize(self, kept: list[int]) -> None:
        """Take rows `kept` over, -1 standing for a new row."""
        rows = np.array(kept, np.int64)
        old = rows >= 0
        for name in ("x", "y", "z", "yaw", "curvature", "speed", "base_m", "at"):
            array = getattr(self, name)
            fresh = np.zeros((len(rows), *array.shape[1:]), array.dtype)
            fresh[old] = array[rows[old]]
            setattr(self, name, fresh)

    def fill(
        self, row: int, lanes: LaneGraph, route: Route, odometer_m: float, factor: float, fixed_mps: float | None
    ) -> None:
        """Sample a row anew around an odometer.

        Speed limits are multiplied by `factor`, or replaced by `fixed_mps` unless that is None.
        """
        base = odometer_m - BEHIND_M
        x, y, z, curvature, limit = sample(lanes, route.legs, base)
        target = limit * factor if fixed_mps is None else np.full(POINTS, fixed_mps)
        curve = np.sqrt(SIDE_ACCELERATION_MPS2 / np.maximum(np.abs(curvature), 1e-4))
        energy = np.minimum(target, curve) ** 2 + 2.0 * SLOWING_MPS2 * _AHEAD
        reachable = np.minimum.accumulate(energy[::-1])[::-1] - 2.0 * SLOWING_MPS2 * _AHEAD
        self.x[row], self.y[row], self.z[row], self.curvature[row] = x, y, z, curvature
        self.yaw[row] = np.arctan2(np.gradient(y), np.gradient(x))
        self.speed[row] = np.sqrt(np.maximum(reachable, 0.0))
        self.base_m[row] = base
        self.at[row] = round(odometer_m - base)

    def locate(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Odometer, and distance to the nearest point (m), of N vehicles near where they were last; each (N,)."""
        rows = np.arange(len(x))
        window = np.clip(self.at[:, None] + _WINDOW, 0, POINTS - 1)
        dx, dy = x[:, None] - self.x[rows[:, None], window], y[:, None] - self.y[rows[:, None], window]
        best = np.argmin(dx * dx + dy * dy, axis=1)
        self.at = window[rows, best]
        dx, dy = dx[rows, best], dy[rows, best]
        yaw = self.yaw[rows, self.at]
        along = np.cos(yaw) * dx + np.sin(yaw) * dy
        return self.base_m + self.at + along, np.hypot(dx, dy)

    def point(self, odometer_m: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """x, y and heading of each driver's path at a place, each (N,)."""
        rows = np.arange(len(odometer_m))
        place = np.clip(odometer_m - self.base_m, 0.0, POINTS - 1.001)
        k = place.astype(np.int64)
        t = place - k
        x = self.x[rows, k] + t * (self.x[rows, k + 1] - self.x[rows, k])
        y = self.y[rows, k] + t * (self.y[rows, k + 1] - self.y[rows, k])
        return x, y, self.yaw[rows, k]

    def pose(self, odometer_m: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """As `point`, with the heading between points too."""
        x, y, yaw = self.point(odometer_m)
        rows = np.arange(len(odometer_m))
        place = np.clip(odometer_m - self.base_m, 0.0, POINTS - 1.001)
        k = place.astype(np.int64)
        turn = (self.yaw[rows, k + 1] - yaw + np.pi) % (2.0 * np.pi) - np.pi
        return x, y, yaw + (place - k) * turn

    def speed_at(self, odometer_m: np.ndarray) -> np.ndarray:
        """The speed that may be driven at a place, (N,) m/s."""
        rows = np.arange(len(odometer_m))
        return self.speed[rows, np.clip((odometer_m - self.base_m).astype(np.int64), 0, POINTS - 1)]
