"""The road ahead of every driver of background traffic, as rows of points a metre apart.

A route is a chain of legs along lanes, chosen a few lanes ahead; what lies next of it is sampled into arrays, so that
all drivers look along their paths in the same numpy calls. A place on a path is its odometer: metres that only grow.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from sim.map.lanes import LaneGraph

POINTS = 600
"""The most points of a path, one metre apart: enough to stop gently from 130 km/h."""
BEHIND_M = 10.0
"""How much of a path lies behind its vehicle just after it was sampled."""
SIDE_ACCELERATION_MPS2 = 2.0
"""What drivers accept in curves (everyday driving: Bosetti et al. 2014 find 2 to 3 m/s² at town speeds)."""
SLOWING_MPS2 = 1.6
"""How hard drivers brake for a curve they see coming."""
SWERVE_MPS = 7.0
"""How fast drivers go round what stands in their lane."""
LEAST_PATH_M = 90.0
"""A path is sampled anew when less than this is left of it, and less than its driver needs to stop gently."""
PATH_MORE_M = 60.0
"""What is sampled beyond that."""
_MOST_NEEDED_M = POINTS - BEHIND_M - PATH_MORE_M - 20.0
_AHEAD = np.arange(POINTS, dtype=np.float64)
_WINDOW = np.arange(-3, 8)


def needed_path_m(speed_mps: np.ndarray) -> np.ndarray:
    """How much of their paths drivers must know ahead, (N,) metres: the way to stop at `SLOWING_MPS2`, and a little."""
    return np.clip(speed_mps * speed_mps / (2.0 * SLOWING_MPS2) + 30.0, LEAST_PATH_M, _MOST_NEEDED_M)


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


@dataclass(frozen=True)
class Swerve:
    """A way round something that stands in the lane; places are odometers of the vehicle's middle."""

    begin_m: float
    out_m: float
    """From here on, the vehicle is all the way beside its lane's middle."""
    back_m: float
    """From here on, it comes back."""
    end_m: float
    aside_m: float
    """How far beside, positive to the right."""

    def aside_at(self, odometer_m: np.ndarray) -> np.ndarray:
        """How far beside the lane's middle to be at places, (N,) metres, positive to the right."""
        out = (odometer_m - self.begin_m) / (self.out_m - self.begin_m)
        back = (odometer_m - self.back_m) / (self.end_m - self.back_m)
        return self.aside_m * (_smooth(out) - _smooth(back))


def _smooth(share: np.ndarray) -> np.ndarray:
    """From 0 to 1 with neither slope nor curvature at both ends."""
    t = np.clip(share, 0.0, 1.0)
    return t * t * t * (10.0 + t * (6.0 * t - 15.0))


@dataclass
class Route:
    """The legs of one driver, the one it is on first."""

    legs: list[Leg] = field(default_factory=list)
    stop_m: float = math.inf
    """Where the road ends; infinite while it goes on."""
    swerve: Swerve | None = None
    """How the driver goes round what stands in its lane."""

    def leg_at(self, odometer_m: float) -> Leg:
        """The leg that counts at a place."""
        legs, k = self.legs, 1  # vehicles are on one of the first
        while k < len(legs) and legs[k].from_m <= odometer_m:
            k += 1
        return legs[k - 1]


def sample(lanes: LaneGraph, legs: list[Leg], base_m: float, count: int) -> np.ndarray:
    """x, y, z, curvature (1/m) and speed limit (m/s) along legs, a metre apart from odometer base_m on, (5, count)."""
    grid = base_m + _AHEAD[:count]
    found = np.empty((5, count))
    for k, leg in enumerate(legs):
        first = 0 if k == 0 else min(max(math.ceil(leg.from_m - base_m), 0), count)
        last = count if k + 1 == len(legs) else min(max(math.ceil(legs[k + 1].from_m - base_m), 0), count)
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
    found = np.stack(
        [np.interp(s, lane.s, array) for array in (lane.x, lane.y, lane.z, lane.curvature, lane.limit_mps)]
    )
    # A vehicle may stand at the beginning of its first lane: straight on from there, its path has points behind it too.
    beyond = s - np.minimum(np.maximum(s, 0.0), lane.s[-1])
    if beyond.any():
        yaw = np.where(beyond < 0.0, lane.yaw[0], lane.yaw[-1])
        found[0] += beyond * np.cos(yaw)
        found[1] += beyond * np.sin(yaw)
    return found


def _swerved(
    swerve: Swerve, grid: np.ndarray, x: np.ndarray, y: np.ndarray, curvature: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x, y and curvature of a path that leaves its lanes' middle at odometers `grid`."""
    aside = swerve.aside_at(grid)
    yaw = np.arctan2(np.gradient(y), np.gradient(x))
    bend = np.gradient(np.gradient(aside))
    return x - aside * np.sin(yaw), y + aside * np.cos(yaw), curvature + bend


class Paths:
    """Sampled paths of N drivers: x, y, z, yaw, curvature, speed (what may be driven there), each (N, POINTS)."""

    def __init__(self):
        self.x = self.y = self.z = self.yaw = self.curvature = self.speed = np.zeros((0, POINTS))
        self.base_m = np.zeros(0)
        """Odometer of each path's first point."""
        self.at = np.zeros(0, np.int64)
        """The point each vehicle is nearest to."""
        self.end = np.zeros(0, np.int64)
        """How many points of each path there are."""

    def resize(self, kept: list[int]) -> None:
        """Take rows `kept` over, -1 standing for a new row."""
        rows = np.array(kept, np.int64)
        old = rows >= 0
        for name in ("x", "y", "z", "yaw", "curvature", "speed", "base_m", "at", "end"):
            array = getattr(self, name)
            fresh = np.zeros((len(rows), *array.shape[1:]), array.dtype)
            fresh[old] = array[rows[old]]
            setattr(self, name, fresh)

    def fill(
        self,
        row: int,
        lanes: LaneGraph,
        route: Route,
        odometer_m: float,
        ahead_m: float,
        factor: float,
        fixed_mps: float | None,
    ) -> None:
        """Sample a row anew around an odometer, and so far ahead of it.

        Speed limits are multiplied by `factor`, or replaced by `fixed_mps` unless that is None.
        """
        base = odometer_m - BEHIND_M
        count = min(math.ceil(BEHIND_M + ahead_m), POINTS)
        x, y, z, curvature, limit = sample(lanes, route.legs, base, count)
        target = limit * factor if fixed_mps is None else np.full(count, fixed_mps)
        if route.swerve is not None:
            x, y, curvature = _swerved(route.swerve, base + _AHEAD[:count], x, y, curvature)
            around = (base + _AHEAD[:count] > route.swerve.begin_m) & (base + _AHEAD[:count] < route.swerve.end_m)
            target = np.where(around, np.minimum(target, SWERVE_MPS), target)
        curve = np.sqrt(SIDE_ACCELERATION_MPS2 / np.maximum(np.abs(curvature), 1e-4))
        energy = np.minimum(target, curve) ** 2 + 2.0 * SLOWING_MPS2 * _AHEAD[:count]
        reachable = np.minimum.accumulate(energy[::-1])[::-1] - 2.0 * SLOWING_MPS2 * _AHEAD[:count]
        yaw, speed = np.arctan2(np.gradient(y), np.gradient(x)), np.sqrt(np.maximum(reachable, 0.0))
        columns = (self.x, self.y, self.z, self.yaw, self.curvature, self.speed)
        for column, values in zip(columns, (x, y, z, yaw, curvature, speed), strict=True):
            column[row, :count], column[row, count:] = values, values[-1]
        self.base_m[row] = base
        self.at[row], self.end[row] = round(odometer_m - base), count

    def locate(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Odometer, and distance to the nearest point (m), of N vehicles near where they were last; each (N,)."""
        rows = np.arange(len(x))
        window = np.minimum(np.maximum(self.at[:, None] + _WINDOW, 0), np.maximum(self.end[:, None] - 1, 0))
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
        place = np.minimum(np.maximum(odometer_m - self.base_m, 0.0), np.maximum(self.end - 1.001, 0.0))
        k = place.astype(np.int64)
        t = place - k
        x = self.x[rows, k] + t * (self.x[rows, k + 1] - self.x[rows, k])
        y = self.y[rows, k] + t * (self.y[rows, k + 1] - self.y[rows, k])
        return x, y, self.yaw[rows, k]

    def pose(self, odometer_m: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """As `point`, with the heading between points too."""
        x, y, yaw = self.point(odometer_m)
        rows = np.arange(len(odometer_m))
        place = np.minimum(np.maximum(odometer_m - self.base_m, 0.0), np.maximum(self.end - 1.001, 0.0))
        k = place.astype(np.int64)
        turn = (self.yaw[rows, k + 1] - yaw + np.pi) % (2.0 * np.pi) - np.pi
        return x, y, yaw + (place - k) * turn

    def speed_at(self, odometer_m: np.ndarray) -> np.ndarray:
        """The speed that may be driven at a place, (N,) m/s."""
        rows = np.arange(len(odometer_m))
        return self.speed[rows, np.clip((odometer_m - self.base_m).astype(np.int64), 0, np.maximum(self.end - 1, 0))]
