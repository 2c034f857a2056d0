"""The route ahead as a smooth curve: where it is, where it points and how it bends at any distance along it.

Built from a tick's `RouteState.ahead_world`; made of plain lists, because the expert looks points up one at a time.
"""

from __future__ import annotations

import bisect
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from policy.control.geometry import stations, wrap_angle

SMOOTHING_POINTS = 5


@dataclass(frozen=True, slots=True)
class PathPoint:
    """One place on the path: metres along it, world position, tangent yaw and curvature (right positive)."""

    station_m: float
    x: float
    y: float
    yaw: float
    curvature_per_m: float


class RoutePath:
    """(N, >=2) world points of the route ahead, N >= 1, the first at station 0; straight on past the last one."""

    def __init__(self, ahead_world: NDArray[np.floating]) -> None:
        points = _distinct(np.asarray(ahead_world, dtype=np.float64))
        self.points = points[:, :2]
        station = stations(points)
        yaw = _tangents(points)
        self.tangents = yaw
        self._station = station.tolist()
        self._yaw = yaw.tolist()
        self._x, self._y = points[:, 0].tolist(), points[:, 1].tolist()
        self._curvature = _curvatures(station, yaw).tolist()

    @property
    def length_m(self) -> float:
        """Metres of path that are known; past them it is taken to be straight."""
        return self._station[-1]

    @property
    def curvature_at_points(self) -> list[float]:
        """Curvature at each point of the path, 1/m."""
        return self._curvature

    @property
    def stations_m(self) -> list[float]:
        """Distance along the path of each of its points."""
        return self._station

    def at(self, station_m: float) -> PathPoint:
        """The path `station_m` metres on; before the start and past the end it goes straight on."""
        count = len(self._station)
        if count == 1 or station_m >= self._station[-1] or station_m < 0.0:
            end = 0 if station_m < 0.0 else count - 1
            over = station_m - self._station[end]
            yaw = self._yaw[end]
            return PathPoint(
                station_m, self._x[end] + over * math.cos(yaw), self._y[end] + over * math.sin(yaw), yaw, 0.0
            )
        low = min(bisect.bisect_right(self._station, station_m) - 1, count - 2)
        share = (station_m - self._station[low]) / (self._station[low + 1] - self._station[low])
        yaw = self._yaw[low] + share * wrap_angle(self._yaw[low + 1] - self._yaw[low])
        return PathPoint(
            station_m,
            self._x[low] + share * (self._x[low + 1] - self._x[low]),
            self._y[low] + share * (self._y[low + 1] - self._y[low]),
            yaw,
            self._curvature[low] + share * (self._curvature[low + 1] - self._curvature[low]),
        )

    def project(self, x: float, y: float, near_m: float) -> tuple[PathPoint, float]:
        """The path's point nearest to (x, y), searched from `near_m`, and the offset from it (right positive), m."""
        point = self.at(near_m)
        station = near_m
        for _ in range(4):
            along = (x - point.x) * math.cos(point.yaw) + (y - point.y) * math.sin(point.yaw)
            station += min(max(along, -3.0), 3.0)
            point = self.at(station)
            if abs(along) < 0.02:
                break
        offset = -(x - point.x) * math.sin(point.yaw) + (y - point.y) * math.cos(point.yaw)
        return point, offset


def _distinct(points: NDArray[np.float64]) -> NDArray[np.float64]:
    keep = np.concatenate(([True], np.hypot(np.diff(points[:, 0]), np.diff(points[:, 1])) > 0.05))
    return points[keep]


def _tangents(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Yaw from the positions, which also holds where a route changes lanes and the lanes' own yaw does not."""
    if len(points) < 3:
        yaw = points[0, 3] if points.shape[1] > 3 else 0.0
        if len(points) == 2:
            yaw = math.atan2(points[1, 1] - points[0, 1], points[1, 0] - points[0, 0])
        return np.full(len(points), yaw)
    return np.unwrap(np.arctan2(np.gradient(points[:, 1]), np.gradient(points[:, 0])))


def _curvatures(station: NDArray[np.float64], yaw: NDArray[np.float64]) -> NDArray[np.float64]:
    if len(station) < 3:
        return np.zeros(len(station))
    raw = np.gradient(yaw, station)
    padded = np.pad(raw, SMOOTHING_POINTS // 2, mode="edge")
    return np.convolve(padded, np.full(SMOOTHING_POINTS, 1.0 / SMOOTHING_POINTS), mode="valid")
