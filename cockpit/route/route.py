"""A route as plain data: a dense line to follow, and where the ego is on it.

`Route.state` is numpy alone: it is called in every tick. Routes are sampled at 1 m, so the distance along a route is
also an index into it. They are made in `cockpit.route.planning`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import overload

import numpy as np
from numpy.typing import NDArray

from recorder.schema import Pose, RouteCommand, RouteState

STEP_M = 1.0
"""Distance between two points of a route."""
AHEAD_M = 80.0
"""How far `RouteState` looks ahead."""
COMMAND_RANGE_M = 30.0
"""The command at hand is announced this far before its manoeuvre begins."""
LOOK_BACK_M, LOOK_ON_M = 10.0, 15.0
"""Window around the last position in which the ego's projection is looked for: a car at 50 m/s moves 2.5 m a tick, and
a route that crosses itself is never mistaken for its other branch."""


@dataclass(frozen=True, slots=True)
class StopLine:
    """Where a traffic light's stop line crosses the route."""

    distance_m: float
    opendrive_id: str
    actor_id: int = -1


@dataclass(frozen=True, slots=True)
class Route:
    """A line to follow, at 1 m steps; every array has one row per point."""

    route_id: str
    town: str
    points: NDArray[np.float64]
    """(N, 4) x, y, z, yaw in the world frame; metres, radians."""
    commands: tuple[RouteCommand, ...]
    is_junction: NDArray[np.bool_]
    speed_limit_mps: NDArray[np.float64]
    lane_width_m: NDArray[np.float64]
    stop_lines: tuple[StopLine, ...] = ()
    lane_left: NDArray[np.bool_] | None = None
    """Where a lane of the same direction lies left of the route's; None: nowhere."""
    lane_right: NDArray[np.bool_] | None = None

    @property
    def length_m(self) -> float:
        """Length of the route, metres."""
        return (len(self.points) - 1) * STEP_M

    @property
    def start(self) -> Pose:
        """Where the ego is put."""
        return self.pose_at(0.0)

    def pose_at(self, distance_m: float) -> Pose:
        """Pose on the route, `distance_m` from its start."""
        index = min(max(round(distance_m / STEP_M), 0), len(self.points) - 1)
        x, y, z, yaw = (float(value) for value in self.points[index])
        return Pose(x=x, y=y, z=z, yaw=wrapped(yaw))

    def with_lights(self, actor_id_of: Mapping[str, int]) -> Route:
        """The same route, its stop lines joined with the lights' actors by OpenDRIVE id."""
        lines = tuple(replace(line, actor_id=actor_id_of.get(line.opendrive_id, -1)) for line in self.stop_lines)
        return replace(self, stop_lines=lines)

    def state(self, x: float, y: float, yaw: float, last_m: float | None) -> RouteState:
        """Where a car at `x`, `y` heading `yaw` is, given where it was (`driven_m` of the last state, None at first).

        The distance driven never shrinks; offsets and what lies ahead are those of the true projection, which is
        looked for in a window around `last_m`.
        """
        at = self._project(x, y, last_m)
        index = min(int(at), len(self.points) - 1)
        here = self._between(np.array([at]))[0]
        dx, dy = x - here[0], y - here[1]
        count = int(min(AHEAD_M, self.length_m - at) / STEP_M) + 1
        command, command_distance = self._command_at(at)
        light_id, light_distance = self._light_after(at)
        return RouteState(
            command=command,
            command_distance_m=command_distance,
            driven_m=max(at, last_m or 0.0),
            length_m=self.length_m,
            lateral_offset_m=float(-math.sin(here[3]) * dx + math.cos(here[3]) * dy),
            heading_error_rad=wrapped(yaw - float(here[3])),
            ahead_world=self._between(at + np.arange(count, dtype=np.float64) * STEP_M).astype(np.float32),
            speed_limit_mps=float(self.speed_limit_mps[index]),
            next_light_id=light_id,
            next_light_distance_m=light_distance,
            in_junction=bool(self.is_junction[index]),
            lane_width_m=float(self.lane_width_m[index]),
            lane_left=self.lane_left is not None and bool(self.lane_left[index]),
            lane_right=self.lane_right is not None and bool(self.lane_right[index]),
        )

    def lines_crossed(self, from_m: float, to_m: float) -> list[StopLine]:
        """Stop lines between two distances along the route (the first excluded)."""
        return [line for line in self.stop_lines if from_m < line.distance_m <= to_m]

    def _project(self, x: float, y: float, last_m: float | None) -> float:
        """Distance along the route of the nearest point on it, within the window around `last_m`."""
        first, last = 0, len(self.points) - 1
        if last_m is not None:
            first = max(0, int(last_m - LOOK_BACK_M))
            last = min(last, int(last_m + LOOK_ON_M) + 1)
        a = self.points[first:last, :2]
        leg = self.points[first + 1 : last + 1, :2] - a
        to = np.array([x, y]) - a
        share = np.clip((to * leg).sum(1) / np.maximum((leg * leg).sum(1), 1e-9), 0.0, 1.0)
        gap = ((to - share[:, None] * leg) ** 2).sum(1)
        nearest = int(np.argmin(gap))
        return (first + nearest + float(share[nearest])) * STEP_M

    def _between(self, distances: NDArray[np.float64]) -> NDArray[np.float64]:
        """(N, 4) rows at distances along the route; yaw is turned the short way round."""
        index = np.clip((distances / STEP_M).astype(int), 0, len(self.points) - 2)
        share = np.clip(distances / STEP_M - index, 0.0, 1.0)[:, None]
        a, b = self.points[index], self.points[index + 1]
        rows = a + share * (b - a)
        rows[:, 3] = a[:, 3] + share[:, 0] * wrapped(b[:, 3] - a[:, 3])
        rows[:, 3] = wrapped(rows[:, 3])
        return rows

    def _command_at(self, at: float) -> tuple[RouteCommand, float]:
        """The manoeuvre at hand and how far away it begins."""
        index = min(int(at), len(self.commands) - 1)
        for i in range(index, len(self.commands)):
            if self.commands[i] is not RouteCommand.LANE_FOLLOW:
                distance = max(0.0, i * STEP_M - at)
                return (self.commands[i] if distance <= COMMAND_RANGE_M else RouteCommand.LANE_FOLLOW), distance
        return RouteCommand.LANE_FOLLOW, math.inf

    def _light_after(self, at: float) -> tuple[int, float]:
        for line in self.stop_lines:
            if line.actor_id >= 0 and at <= line.distance_m <= at + AHEAD_M:
                return line.actor_id, line.distance_m - at
        return -1, math.inf


@overload
def wrapped(angle: float) -> float: ...
@overload
def wrapped(angle: NDArray[np.float64]) -> NDArray[np.float64]: ...
def wrapped(angle: float | NDArray[np.float64]) -> float | NDArray[np.float64]:
    """Angle brought into [-pi, pi)."""
    return (angle + math.pi) % (2.0 * math.pi) - math.pi
