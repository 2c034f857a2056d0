"""Ways through the lanes of a map: how far it is from every lane to a goal, lane changes counted, and which way turns
where. Traffic follows paths and routes of clients with it, and gets off lanes that end.
"""

from enum import IntEnum

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from sim.map.lanes import LaneGraph

#: What a lane change costs, in metres of detour that one would rather drive.
CHANGE_COST_M = 30.0
#: How near to a lane's middle a point of a path is on the lane.
_ON_LANE_M = 2.5
#: Ways through a junction that turn less than this go straight on.
STRAIGHT_RAD = 0.6


class Turn(IntEnum):
    """CARLA's road options, by their numbers."""

    VOID = 0
    LEFT = 1
    RIGHT = 2
    STRAIGHT = 3
    LANE_FOLLOW = 4
    CHANGE_LEFT = 5
    CHANGE_RIGHT = 6
    ROAD_END = 7


class LaneRoutes:
    """Costs between lanes, worked out when they are first asked for and kept."""

    def __init__(self, lanes: LaneGraph):
        self._lanes = lanes
        self._reversed = _graph(lanes).T.tocsr()
        self._costs: dict[int, np.ndarray] = {}
        self._turns: dict[int, Turn] = {}
        #: Metres from each lane's beginning to where its traffic can go no further without a lane change; inf: never.
        self.ends_in_m = _ends(lanes)

    def cost_m(self, goal: int) -> np.ndarray:
        """Metres from each lane's beginning to a goal lane's, lane changes counted; inf where it is out of reach."""
        if goal not in self._costs:
            self._costs[goal] = np.asarray(dijkstra(self._reversed, indices=goal))
        return self._costs[goal]

    def turn(self, lane: int) -> Turn:
        """How the way through a junction turns that begins with a lane; LANE_FOLLOW outside junctions."""
        if lane not in self._turns:
            self._turns[lane] = self._find_turn(lane)
        return self._turns[lane]

    def _find_turn(self, lane: int) -> Turn:
        junction = self._lanes.lanes[lane].junction_id
        if junction < 0:
            return Turn.LANE_FOLLOW
        angle, seen = 0.0, set()
        while lane not in seen and self._lanes.lanes[lane].junction_id == junction:
            seen.add(lane)
            angle += self._lanes.lanes[lane].turn_rad
            if not self._lanes.successors[lane]:
                break
            lane = self._lanes.successors[lane][0]
        if abs(angle) < STRAIGHT_RAD:
            return Turn.STRAIGHT
        return Turn.RIGHT if angle > 0.0 else Turn.LEFT

    def right_of(self, lane: int) -> tuple[int, ...]:
        """The lane to the right, if any."""
        right = self._lanes.right[lane]
        return (right,) if right >= 0 else ()

    def turns_from(self, lane: int) -> dict[Turn, int]:
        """The ways through the junction that a lane leads to next, without lane changes."""
        for _ in range(20):
            ways = self._lanes.successors[lane]
            if not ways:
                return {}
            if any(self._lanes.lanes[way].is_junction for way in ways):
                return {self.turn(way): way for way in reversed(ways)}
            lane = ways[0]
        return {}

    def lanes_of_path(self, points: np.ndarray, start: int) -> tuple[int, ...]:
        """The lanes that a path of (N, 3) points lies on, each once in a row, as one gets there from lane `start`.

        Points near no driving lane, or on one that cannot be reached, are left out. Where lanes lie over each other,
        the one counts that is on the point's level, runs with the path and is least far away. Points that are on no
        level, as those of a path drawn without heights, count on every one.
        """
        goals: list[int] = []
        here = start
        headings = _headings(points[:, :2])
        for (x, y, z), yaw in zip(points.tolist(), headings.tolist(), strict=True):
            found = self._lanes.lanes_near(x, y, _ON_LANE_M, z) or self._lanes.lanes_near(x, y, _ON_LANE_M)
            fitting = [k for k, (_, at) in found.items() if np.isnan(yaw) or np.cos(at - yaw) > 0.5]
            costs = {k: 0.0 if k == here else float(self.cost_m(k)[here]) for k in fitting or found}
            costs = {k: cost + 20.0 * found[k][0] for k, cost in costs.items() if np.isfinite(cost)}
            if not costs:
                continue
            lane = min(costs, key=lambda k: (costs[k], k))
            if lane != here or not goals:
                goals.append(lane)
            here = lane
        return tuple(goals)


def _headings(points: np.ndarray) -> np.ndarray:
    """Direction of a path at each of (N, 2) points, (N,) radians; NaN for a single point."""
    if len(points) < 2:
        return np.full(len(points), np.nan)
    steps = np.gradient(points, axis=0)
    return np.arctan2(steps[:, 1], steps[:, 0])


def _graph(lanes: LaneGraph) -> csr_array:
    begins, ends, costs = [], [], []
    for k, lane in enumerate(lanes.lanes):
        for after in lanes.successors[k]:
            begins.append(k)
            ends.append(after)
            costs.append(lane.length_m)
        sides = ((lanes.left[k], lane.may_change_left), (lanes.right[k], lane.may_change_right))
        for beside, allowed in sides:
            if beside >= 0 and allowed.any() and not lane.is_junction:
                begins.append(k)
                ends.append(beside)
                costs.append(CHANGE_COST_M)
    return csr_array((costs, (begins, ends)), shape=(len(lanes), len(lanes)))


def _ends(lanes: LaneGraph) -> np.ndarray:
    """Longest way to a dead end from each lane's beginning, inf where one can drive on for ever."""
    ends = np.full(len(lanes), np.inf)
    waiting = [k for k in range(len(lanes)) if not lanes.successors[k]]
    while waiting:
        k = waiting.pop()
        after = [ends[a] for a in lanes.successors[k]]
        if not np.isinf(ends[k]) or any(np.isinf(after)):
            continue
        ends[k] = lanes.lanes[k].length_m + max(after, default=0.0)
        waiting.extend(lanes.predecessors[k])
    return ends
