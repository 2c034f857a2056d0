"""Where a client sends a background driver: a path of places or a route of turns, and the next choice that it implies.

A plan is a list of steps. A step is done when the route that is built ahead has taken it; each leg remembers how many
were, so that cutting a route short takes its plan back too.
"""

from dataclasses import dataclass

from sim.map.lanes import LaneGraph
from sim.map.routes import CHANGE_COST_M, LaneRoutes, Turn


@dataclass(eq=False)
class Plan:
    """Either lanes to pass (`goals`) or turns to take, one for each junction and lane change (`turns`)."""

    goals: tuple[int, ...] = ()
    turns: tuple[Turn, ...] = ()
    done: int = 0

    @property
    def goal(self) -> int:
        """The next lane to reach, -1 for none."""
        return self.goals[self.done] if self.done < len(self.goals) else -1

    @property
    def turn(self) -> Turn:
        """The next turn or lane change, VOID for none."""
        return self.turns[self.done] if self.done < len(self.turns) else Turn.VOID

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do."""
        return self.done >= len(self.goals) + len(self.turns)

    def reach(self, lane: int) -> None:
        """Note that the route now leads onto a lane."""
        while self.goal == lane:
            self.done += 1

    def choose(self, ways: tuple[int, ...], entering: bool, lanes: LaneGraph, routes: LaneRoutes) -> int:
        """Which of several lanes to go on along, -1 if the plan does not say. Notes a turn as taken.

        `entering`: the ways may begin a junction (one turns once in each).
        """
        if self.goal >= 0:
            costs = routes.cost_m(self.goal)
            best = min(ways, key=lambda way: (0.0 if way == self.goal else float(costs[way]), way))
            return best if best == self.goal or costs[best] < float("inf") else -1
        if entering and lanes.lanes[ways[0]].is_junction and self.turn in (Turn.LEFT, Turn.RIGHT, Turn.STRAIGHT):
            turn = self.turn
            self.done += 1
            fitting = [way for way in ways if routes.turn(way) is turn]
            return fitting[0] if fitting else _next_best(ways, turn, lanes)
        return -1

    def at(self, done: int) -> "Plan":
        """The plan as it was after so many steps: `planned` of the leg that a driver is on."""
        return Plan(self.goals, self.turns, done)

    def side(self, lane: int, lanes: LaneGraph, routes: LaneRoutes) -> int:
        """To which side the plan requires the driver of a lane to change, -1 left, 1 right, 0 neither."""
        if self.turn in (Turn.CHANGE_LEFT, Turn.CHANGE_RIGHT):
            return -1 if self.turn is Turn.CHANGE_LEFT else 1
        left, right = lanes.left[lane], lanes.right[lane]
        beside = [(side, k) for side, k in ((-1, left), (1, right)) if k >= 0]
        if self.goal >= 0:
            costs = routes.cost_m(self.goal)
            better = [(float(costs[k]), side) for side, k in beside if costs[k] + CHANGE_COST_M <= costs[lane] + 0.1]
            return min(better)[1] if better else 0
        if self.turn is not Turn.VOID and self.turn not in routes.turns_from(lane):
            return next((side for side, k in beside if self.turn in routes.turns_from(k)), 0)
        return 0

    def allows(self, lane: int, beside: int, routes: LaneRoutes) -> bool:
        """Whether a lane change for other reasons leaves the plan as near as it was."""
        if self.goal >= 0:
            return bool(routes.cost_m(self.goal)[beside] <= routes.cost_m(self.goal)[lane] + 1.0)
        return self.finished or self.turn in routes.turns_from(beside) or self.turn not in routes.turns_from(lane)

    def note_change(self, side: int) -> None:
        """Note that a lane change begins."""
        if self.turn is (Turn.CHANGE_LEFT if side < 0 else Turn.CHANGE_RIGHT):
            self.done += 1

    def skip_idle(self) -> None:
        """Pass over steps that ask for nothing."""
        while self.turn in (Turn.LANE_FOLLOW, Turn.ROAD_END) and not self.finished:
            self.done += 1


def _next_best(ways: tuple[int, ...], turn: Turn, lanes: LaneGraph) -> int:
    angle = {way: lanes.lanes[way].turn_rad for way in ways}
    if turn is Turn.STRAIGHT:
        return min(ways, key=lambda way: (abs(angle[way]), way))
    return min(ways, key=lambda way: (angle[way] if turn is Turn.LEFT else -angle[way], way))
