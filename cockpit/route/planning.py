"""Planning routes on the lane graph: the shortest way through given points, or a random one from a seed.

Which lanes are driven is decided here; what they look like as a line is `cockpit.route.building`.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Sequence
from typing import Any

import carla
import networkx

from cockpit.route.building import CHANGE_LENGTH_M, build_route
from cockpit.route.lanes import MIN_CHANGE_M, LaneGraph, LaneKey
from cockpit.route.route import Route

CHANGE_COST_M = 40.0
"""A lane change costs as much as this much road, so that it is made when needed, not for fun."""


class RouteError(ValueError):
    """No such route on this map; the text says which leg failed."""


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
    return build_route(lanes, keys, begin, along, route_id, passed)


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
            return build_route(lanes, *walked, route_id or f"random-{seed}")
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
