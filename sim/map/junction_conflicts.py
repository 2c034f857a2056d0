"""Where lanes inside junctions cross or merge: the geometry that right of way is decided on."""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from sim.map.lane_search import LEVEL_M
from sim.map.lanes import Lane, LaneGraph

#: Two lane centres nearer than this cannot be used at once (a car's width, twice a tracking error, a mirror).
CONFLICT_M = 2.7


@dataclass(frozen=True)
class Conflict:
    """A lane meets another: from `begin_m` to `end_m` along it, from `other_begin_m` on along the other."""

    other: int
    begin_m: float
    end_m: float
    other_begin_m: float
    other_end_m: float
    merging: bool
    """Both lead into one lane, so whoever follows has the first one ahead."""


def conflicts_between(lanes: LaneGraph, distance_m: float = CONFLICT_M) -> dict[int, tuple[Conflict, ...]]:
    """Conflicts of every junction lane. Lanes that come from the same lane do not conflict: there one follows."""
    by_junction: dict[int, list[Lane]] = defaultdict(list)
    for lane in lanes.lanes:
        if lane.is_junction:
            by_junction[lane.junction_id].append(lane)
    found: dict[int, list[Conflict]] = {lane.index: [] for group in by_junction.values() for lane in group}
    for group in by_junction.values():
        for i, a in enumerate(group):
            for b in group[i + 1 :]:
                _add_conflict(lanes, a, b, distance_m, found)
    return {lane: tuple(conflicts) for lane, conflicts in found.items()}


def _add_conflict(lanes: LaneGraph, a: Lane, b: Lane, distance_m: float, found: dict[int, list[Conflict]]) -> None:
    diverging = set(lanes.predecessors[a.index]) & set(lanes.predecessors[b.index])
    in_a_row = b.index in lanes.successors[a.index] or a.index in lanes.successors[b.index]
    if diverging or in_a_row:
        return
    near = np.hypot(a.x[:, None] - b.x, a.y[:, None] - b.y) < distance_m
    near &= np.abs(a.z[:, None] - b.z) < LEVEL_M
    if not near.any():
        return
    on_a, on_b = a.s[near.any(axis=1)], b.s[near.any(axis=0)]
    merging = bool(set(lanes.successors[a.index]) & set(lanes.successors[b.index]))
    span_a, span_b = (float(on_a[0]), float(on_a[-1])), (float(on_b[0]), float(on_b[-1]))
    found[a.index].append(Conflict(b.index, *span_a, *span_b, merging))
    found[b.index].append(Conflict(a.index, *span_b, *span_a, merging))
