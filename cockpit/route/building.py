"""From a sequence of lanes to a `Route`: centre lines and lane changes in pieces, joined into one line at 1 m steps.

Also what holds along the line: commands, speed limits, stop lines.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cockpit.route.lanes import DEFAULT_LIMIT_MPS, MIN_CHANGE_M, LaneGraph, LaneKey
from cockpit.route.route import STEP_M, Route, StopLine, wrapped
from recorder.schema import RouteCommand

TURN_RAD = math.radians(30.0)
"""A junction path that turns less is straight on (CARLA's agents take 35 degrees)."""
CHANGE_LENGTH_M = 35.0
"""Length of a planned lane change: about 3.5 s at 10 m/s."""


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


def build_route(
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
