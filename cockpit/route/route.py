"""Routes: from two points (or a seed) to a dense line to follow, and where the ego is on it.

`plan_route` and `random_route` walk the lane graph; `Route` is plain data afterwards, and `Route.state` is numpy alone:
it is asked in every tick. Routes are sampled at 1 m, so the distance along a route is also an index into it.
"""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, overload

import carla
import networkx
import numpy as np
from numpy.typing import NDArray

from cockpit.route.lanes import DEFAULT_LIMIT_MPS, MIN_CHANGE_M, LaneGraph, LaneKey
from recorder.schema import Pose, RouteCommand, RouteState

STEP_M = 1.0
AHEAD_M = 80.0
"""How far `RouteState` looks ahead."""
COMMAND_RANGE_M = 30.0
"""The command at hand is announced this far before its manoeuvre begins."""
LOOK_BACK_M, LOOK_ON_M = 10.0, 15.0
"""Window around the last position in which the ego's projection is looked for: a car at 50 m/s moves 2.5 m a tick, and
a route that crosses itself is never mistaken for its other branch."""
TURN_RAD = math.radians(30.0)
"""A junction path that turns less is straight on (CARLA's agents take 35 degrees)."""
CHANGE_COST_M = 40.0
"""A lane change costs as much as this much road, so that it is made when needed, not for fun."""
CHANGE_LENGTH_M = 35.0
"""Length of a planned lane change: about 3.5 s at 10 m/s."""


class RouteError(ValueError):
    """No such route on this map; the text says which leg failed."""


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


def plan_route(
    carla_map: carla.Map | LaneGraph, waypoints: Sequence[tuple[float, float, float]], route_id: str = ""
) -> Route:
    """The shortest way along the lanes through `waypoints` (x, y, z in metres; two or more).

    Dijkstra over the lane graph; lanes are changed where the markings allow it, and not before a waypoint on the lane.

    Raises:
        RouteError: fewer than two waypoints, or no way from one to the next.

    """
    lanes = carla_map if isinstance(carla_map, LaneGraph) else LaneGraph(carla_map)
    if len(waypoints) < 2:
        raise RouteError(f"Route '{route_id}' has {len(waypoints)} waypoint(s); a route needs a start and a goal.")
    places = [lanes.locate(*waypoint) for waypoint in waypoints]
    keys, begin = [places[0][0]], places[0][1]
    along = begin
    passed = {0: begin}
    for number, (goal, goal_along) in enumerate(places[1:], 1):
        keys += _way(lanes, keys[-1], along, goal, goal_along, f"Route '{route_id}', waypoint {number}")[1:]
        along = passed[len(keys) - 1] = goal_along
    return _built(lanes, keys, begin, along, route_id, passed)


def random_route(carla_map: carla.Map | LaneGraph, seed: int, length_m: float, route_id: str = "") -> Route:
    """A route of about `length_m` that turns at random at junctions.

    It begins and ends on normal lanes, at least 10 m from a junction.

    Raises:
        RouteError: the map offers no such route.

    """
    lanes = carla_map if isinstance(carla_map, LaneGraph) else LaneGraph(carla_map)
    rng = random.Random(seed)
    starts = sorted(key for key, lane in lanes.lanes.items() if not lane.is_junction and lane.length_m >= 30.0)
    for _ in range(200):
        key = rng.choice(starts)
        begin = rng.uniform(10.0, lanes.lanes[key].length_m - 15.0)
        walked = _random_walk(lanes, rng, key, begin, length_m)
        if walked is not None:
            return _built(lanes, *walked, route_id or f"random-{seed}")
    raise RouteError(f"Map {lanes.map_name} has no route of {length_m:.0f} m.")


def _random_walk(
    lanes: LaneGraph, rng: random.Random, key: LaneKey, begin: float, length_m: float
) -> tuple[list[LaneKey], float, float] | None:
    """Lanes of a random way, where it begins on the first and where it ends on the last; None at a dead end."""
    keys, enter, driven = [key], begin, 0.0
    while True:
        lane = lanes.lanes[keys[-1]]
        rest = lane.length_m - enter
        needed = max(length_m - driven, 10.0)
        if not lane.is_junction and needed + 10.0 <= rest:
            return keys, begin, enter + needed
        options = [(to, span) for to, span in lanes.changes(keys[-1]) if span[1] - max(span[0], enter) > MIN_CHANGE_M]
        if options and rng.random() < 0.25 and enter < lane.length_m / 2.0:
            to, span = rng.choice(options)
            keys.append(to)
            done = max(span[0], enter) + min(CHANGE_LENGTH_M, span[1] - max(span[0], enter))
            driven, enter = driven + done - enter, done
            continue
        onward = lanes.onward(keys[-1])
        if not onward:
            return None
        driven, enter = driven + rest, 0.0
        keys.append(rng.choice(onward))


def _way(lanes: LaneGraph, start: LaneKey, along: float, goal: LaneKey, goal_along: float, what: str) -> list[LaneKey]:
    """Lanes from a point on `start` to a point on `goal`, both named."""
    if start == goal and goal_along >= along:
        return [start]

    def cost(here: LaneKey, there: LaneKey, edge: dict[str, tuple[float, float] | None]) -> float | None:
        change = edge["change"]
        if change is None:
            return lanes.lanes[here].length_m
        begin = max(change[0], along) if here == start else change[0]
        end = min(change[1], goal_along) if there == goal else change[1]
        return CHANGE_COST_M if end - begin >= MIN_CHANGE_M / 2.0 else None

    tails: list[tuple[float, list[LaneKey]]] = []
    for first in sorted(lanes.graph.successors(start)):
        head = cost(start, first, lanes.graph.edges[start, first])
        if head is None or (first == start):
            continue
        try:
            length: Any
            length, path = networkx.single_source_dijkstra(lanes.graph, first, goal, weight=cost)
        except networkx.NetworkXNoPath:
            continue
        heapq.heappush(tails, (head + length, [start, *path]))
    if not tails:
        raise RouteError(f"{what}: no way there along the lanes of {lanes.map_name}.")
    return tails[0][1]


@dataclass(frozen=True, slots=True)
class _Piece:
    """Part of a route with one meaning."""

    xyz: NDArray[np.float64]
    width: NDArray[np.float64]
    command: RouteCommand
    is_junction: bool
    limit_mps: float | None
    signals: tuple[tuple[float, str], ...] = ()
    """Metres from the piece's begin, OpenDRIVE id."""
    has_left: bool = False
    has_right: bool = False


def _built(
    lanes: LaneGraph,
    keys: list[LaneKey],
    begin: float,
    end: float,
    route_id: str,
    passed: Mapping[int, float] | None = None,
) -> Route:
    """The route over `keys`, from `begin` along the first to `end` along the last.

    `passed`: by the number of a key, up to where that lane is to be driven before it is changed for the next.
    """
    pieces: list[_Piece] = []
    enter = begin
    for number, key in enumerate(keys):
        lane = lanes.lanes[key]
        is_last = number + 1 == len(keys)
        change = None if is_last else lanes.graph.edges[key, keys[number + 1]]["change"]
        if change is None:
            leave = end if is_last else lane.length_m
            pieces += _lane_piece(lanes, key, enter, leave)
            enter = 0.0
            continue
        there = keys[number + 1]
        limit = end if number + 2 == len(keys) else change[1]
        latest = min(change[1], limit) - MIN_CHANGE_M
        first = max(change[0], enter, min((passed or {}).get(number, 0.0), latest))
        done = first + min(CHANGE_LENGTH_M, max(min(change[1], limit) - first, MIN_CHANGE_M / 2.0))
        pieces += _lane_piece(lanes, key, enter, first)
        pieces.append(_change_piece(lanes, key, there, first, min(done, lane.length_m)))
        enter = min(done, lane.length_m)
    return _joined(_with_turns(pieces), route_id, lanes.map_name)


def _lane_piece(lanes: LaneGraph, key: LaneKey, begin: float, end: float) -> list[_Piece]:
    if end - begin < 0.05:
        return []
    lane, line = lanes.lanes[key], lanes.points(key, begin, end)
    signals = tuple((along - begin, signal) for along, signal in lanes.signals.get(key, ()) if begin <= along <= end)
    follow = RouteCommand.LANE_FOLLOW
    beside = [abs(to[2]) < abs(key[2]) for to, _ in lanes.changes(key)]
    sides = any(beside), not all(beside)
    return [_Piece(line.xyz, line.width, follow, lane.is_junction, lane.speed_limit_mps, signals, *sides)]


def _change_piece(lanes: LaneGraph, here: LaneKey, there: LaneKey, begin: float, end: float) -> _Piece:
    """A lane change as a smooth blend (3 t^2 - 2 t^3) from one centre line to the other."""
    a, b = lanes.points(here, begin, end), lanes.points(there, begin, end)
    t = np.linspace(0.0, 1.0, len(a.xyz))[:, None]
    share = t * t * (3.0 - 2.0 * t)
    is_left = abs(there[2]) < abs(here[2])
    command = RouteCommand.CHANGE_LANE_LEFT if is_left else RouteCommand.CHANGE_LANE_RIGHT
    limit = lanes.lanes[here].speed_limit_mps
    return _Piece(a.xyz + share * (b.xyz - a.xyz), a.width, command, False, limit)


def _with_turns(pieces: list[_Piece]) -> list[_Piece]:
    """Every run of pieces inside a junction gets the command of the turn it makes as a whole."""
    named = list(pieces)
    first = 0
    while first < len(named):
        last = first
        if named[first].is_junction:
            while last + 1 < len(named) and named[last + 1].is_junction:
                last += 1
            command = _turn(_heading(named[first].xyz[:2]), _heading(named[last].xyz[-2:]))
            named[first : last + 1] = [replace(piece, command=command) for piece in named[first : last + 1]]
        first = last + 1
    return named


def _turn(heading_in: float, heading_out: float) -> RouteCommand:
    """Left or right as CARLA's left-handed frame has it: yaw grows to the right."""
    turned = wrapped(heading_out - heading_in)
    if abs(turned) < TURN_RAD:
        return RouteCommand.STRAIGHT
    return RouteCommand.RIGHT if turned > 0.0 else RouteCommand.LEFT


def _heading(two: NDArray[np.float64]) -> float:
    return math.atan2(two[1, 1] - two[0, 1], two[1, 0] - two[0, 0])


def _joined(pieces: list[_Piece], route_id: str, town: str) -> Route:
    """One line at 1 m steps out of pieces of any step."""
    xyz = np.concatenate([piece.xyz for piece in pieces])
    owner = np.concatenate([np.full(len(piece.xyz), number) for number, piece in enumerate(pieces)])
    width = np.concatenate([piece.width for piece in pieces])
    fresh = np.concatenate([[True], np.hypot(*np.diff(xyz[:, :2], axis=0).T) > 0.02])
    begins = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(xyz[:, :2], axis=0).T))])
    piece_begin = [float(begins[np.argmax(owner == number)]) for number in range(len(pieces))]
    xyz, owner, width, along = xyz[fresh], owner[fresh], width[fresh], begins[fresh]
    grid = np.arange(0.0, math.floor(along[-1]) + 0.5, STEP_M)
    line = np.stack([np.interp(grid, along, column) for column in xyz.T], axis=1)
    of = owner[np.clip(np.searchsorted(along, grid, side="right") - 1, 0, len(owner) - 1)]
    limits = _limits(pieces)
    lines = _stop_lines(pieces, piece_begin)
    return Route(
        route_id=route_id,
        town=town,
        points=np.column_stack([line, _yaws(line)]),
        commands=tuple(pieces[number].command for number in of),
        is_junction=np.array([pieces[number].is_junction for number in of]),
        speed_limit_mps=np.array([limits[number] for number in of]),
        lane_width_m=np.interp(grid, along, width),
        stop_lines=lines,
        lane_left=np.array([pieces[number].has_left for number in of]),
        lane_right=np.array([pieces[number].has_right for number in of]),
    )


def _limits(pieces: list[_Piece]) -> list[float]:
    """Speed limit per piece; where the map is silent, the last one goes on."""
    known = next((piece.limit_mps for piece in pieces if piece.limit_mps is not None), DEFAULT_LIMIT_MPS)
    limits = []
    for piece in pieces:
        known = piece.limit_mps if piece.limit_mps is not None else known
        limits.append(known)
    return limits


def _stop_lines(pieces: list[_Piece], piece_begin: list[float]) -> tuple[StopLine, ...]:
    """Stop lines in order; a signal that stands inside a junction (CARLA's towns) stops the car before it."""
    found: dict[str, StopLine] = {}
    for number, piece in enumerate(pieces):
        for offset, signal in piece.signals:
            at = piece_begin[number] + offset
            entry = number
            while piece.is_junction and entry > 0 and pieces[entry - 1].is_junction:
                entry -= 1
            at = piece_begin[entry] if piece.is_junction else at
            found.setdefault(f"{signal}@{at:.0f}", StopLine(at, signal))
    return tuple(sorted(found.values(), key=lambda line: line.distance_m))


def _yaws(line: NDArray[np.float64]) -> NDArray[np.float64]:
    """Direction of the line at each of its points, from central differences."""
    ahead = np.gradient(line[:, :2], axis=0)
    return np.arctan2(ahead[:, 1], ahead[:, 0])


@overload
def wrapped(angle: float) -> float: ...
@overload
def wrapped(angle: NDArray[np.float64]) -> NDArray[np.float64]: ...
def wrapped(angle: float | NDArray[np.float64]) -> float | NDArray[np.float64]:
    """Angle brought into [-pi, pi)."""
    return (angle + math.pi) % (2.0 * math.pi) - math.pi
