"""Writes millbrook_train.xml and millbrook_test.xml: routes for rounds and for evaluation, in the leaderboard's format.

Run `python assets/routes/build_routes.py` to write both anew; the same code always writes the same bytes. Every way
through a junction (from one lane to another) belongs either to the training or to the test set, alternating within
the kinds (signalised or giving way; left, right or straight), so that no turn of the test was ever trained on. Some
road between junctions is shared: the town has only ten.
"""

from __future__ import annotations

import itertools
import logging
import random
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import carla
import numpy as np

from cockpit.route.files import RouteSpec, spec_from_route, write_routes
from cockpit.route.lanes import LaneGraph, LaneKey
from cockpit.route.planning import RouteError, plan_route, random_route
from cockpit.route.route import Route
from recorder.schema import RouteCommand

log = logging.getLogger(__name__)

HERE = Path(__file__).parent
TOWN = "Millbrook"
COUNTS = {"train": 8, "test": 6}
LENGTH_M = (250.0, 450.0)
CANDIDATES = 1500
CURVE_RAD = 0.8
"""A stretch of 60 m outside junctions that turns by more than this is a curve."""
LANE_CELL_M = 10.0

Movement = tuple[LaneKey, LaneKey]
Kind = tuple[str, str]
"""Signalised or giving way; left, right or straight."""


@dataclass(frozen=True)
class Candidate:
    """A route that could be chosen, and what it has to offer."""

    route: Route
    spec: RouteSpec
    movements: frozenset[Movement]
    kinds: frozenset[Kind]
    cells: frozenset[tuple[LaneKey, int]]
    """Ten-metre pieces of lane it passes outside junctions."""


def junction_runs(route: Route) -> list[tuple[int, int]]:
    """First and last index of every stretch inside a junction."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], route.is_junction.astype(np.int8), [0]])))
    return [(int(a), int(b) - 1) for a, b in zip(edges[0::2], edges[1::2], strict=True)]


def lane_at(lanes: LaneGraph, route: Route, index: int) -> tuple[LaneKey, float]:
    """The lane under a point of the route, and how far along it the point lies."""
    x, y, z = (float(value) for value in route.points[index, :3])
    return lanes.locate(x, y, z)


def candidate_from_route(lanes: LaneGraph, route: Route) -> Candidate:
    """What a route passes: ways through junctions, kinds of road, pieces of lane."""
    movements, kinds = set(), set()
    for first, last in junction_runs(route):
        before, after = lane_at(lanes, route, max(first - 2, 0))[0], lane_at(lanes, route, last + 2)[0]
        movements.add((before, after))
        rule = "signals" if lanes.signals.get(before) else "give way"
        kinds.add((rule, route.commands[(first + last) // 2].value))
    if any(command in (RouteCommand.CHANGE_LANE_LEFT, RouteCommand.CHANGE_LANE_RIGHT) for command in route.commands):
        kinds.add(("road", "lane change"))
    yaw = np.unwrap(route.points[:, 3])
    open_road = ~route.is_junction
    if any(abs(yaw[i + 60] - yaw[i]) > CURVE_RAD and open_road[i : i + 60].all() for i in range(len(yaw) - 60)):
        kinds.add(("road", "curve"))
    cells = set()
    for index in np.flatnonzero(open_road)[::5]:
        key, along = lane_at(lanes, route, int(index))
        cells.add((key, int(along / LANE_CELL_M)))
        if lanes.changes(key):
            kinds.add(("road", "four lanes"))
    return Candidate(route, spec_from_route(route), frozenset(movements), frozenset(kinds), frozenset(cells))


def candidates(lanes: LaneGraph) -> list[Candidate]:
    """Random routes that planning finds again from their few waypoints."""
    rng = random.Random(0)
    found = []
    for seed in range(CANDIDATES):
        route = random_route(lanes, seed, rng.uniform(*LENGTH_M))
        if route.length_m > LENGTH_M[1]:
            continue
        made = candidate_from_route(lanes, route)
        try:
            again = plan_route(lanes, made.spec.waypoints)
        except RouteError:
            continue
        is_same = abs(len(again.points) - len(route.points)) <= 2 and again.length_m >= LENGTH_M[0]
        n = min(len(again.points), len(route.points))
        if is_same and np.abs(again.points[:n, :2] - route.points[:n, :2]).max() < 1.0:
            found.append(made)
    return found


def split_movements(found: Iterable[Candidate], lanes: LaneGraph) -> dict[Movement, str]:
    """Half of the ways through junctions for each set, alternating within every kind and junction."""
    by_kind: dict[Kind, set[Movement]] = defaultdict(set)
    for one in found:
        for first, last in junction_runs(one.route):
            before, after = lane_at(lanes, one.route, max(first - 2, 0))[0], lane_at(lanes, one.route, last + 2)[0]
            rule = "signals" if lanes.signals.get(before) else "give way"
            by_kind[rule, one.route.commands[(first + last) // 2].value].add((before, after))
    owner = {}
    for number, (_, movements) in enumerate(sorted(by_kind.items())):
        for movement, name in zip(sorted(movements), itertools.cycle(_alternating(number)), strict=False):
            owner[movement] = name
    return owner


def _alternating(number: int) -> tuple[str, str]:
    return ("train", "test") if number % 2 == 0 else ("test", "train")


def choose(pool: list[Candidate], count: int, taken: frozenset[tuple[LaneKey, int]]) -> list[Candidate]:
    """Greedily the routes with the most that is new: kinds first, then ways, then the least road of the other set."""
    chosen: list[Candidate] = []
    for _ in range(count):
        kinds = frozenset().union(*(one.kinds for one in chosen))
        movements = frozenset().union(*(one.movements for one in chosen))
        cells = frozenset().union(taken, *(one.cells for one in chosen))

        def worth(
            one: Candidate, kinds: frozenset = kinds, movements: frozenset = movements, cells: frozenset = cells
        ) -> tuple[int, int, float]:
            fresh = len(one.cells - cells) / len(one.cells)
            return len(one.kinds - kinds), len(one.movements - movements), fresh

        chosen.append(max((one for one in pool if one not in chosen), key=worth))
    return chosen


def main() -> None:
    """Write both files and log what they cover."""
    text = (HERE.parent / "maps" / f"{TOWN.lower()}.xodr").read_text(encoding="utf-8")
    lanes = LaneGraph(carla.Map(TOWN, text))
    found = candidates(lanes)
    owner = split_movements(found, lanes)
    taken: frozenset[tuple[LaneKey, int]] = frozenset()
    for name, count in COUNTS.items():
        pool = [one for one in found if all(owner[movement] == name for movement in one.movements)]
        chosen = choose(pool, count, taken)
        shared = frozenset().union(*(one.cells for one in chosen)) & taken
        taken |= frozenset().union(*(one.cells for one in chosen))
        specs = [RouteSpec(f"{name}_{n}", TOWN, one.spec.waypoints) for n, one in enumerate(chosen, 1)]
        write_routes(HERE / f"{TOWN.lower()}_{name}.xml", specs)
        kinds = sorted(" ".join(kind) for kind in frozenset().union(*(one.kinds for one in chosen)))
        lengths = ", ".join(f"{one.route.length_m:.0f}" for one in chosen)
        log.info("%s: %d routes of %s m: %s", name, count, lengths, "; ".join(kinds))
        log.info("%s: %.0f m of lane are shared with the other set", name, len(shared) * LANE_CELL_M)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main()
