"""Parts for the session's tests: a policy that plans as the expert does, a scripted driver, a keeper of ticks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from policy.control.tracking import control_from_plan
from policy.expert.expert import Expert
from recorder.schema import (
    ActorState,
    Control,
    Direction,
    DriverInput,
    DriverKind,
    Plan,
    PolicyStatus,
    RouteState,
    SpeedAction,
    Tick,
)


class ExpertPlanner:
    """A `PolicyDriver` in this process: the expert's own trajectory as a plan, tracked like any other."""

    def __init__(self, fails_after: int | None = None) -> None:
        self.fails_after = fails_after
        self.offered: list[int] = []
        self._expert = Expert()
        self._plan: Plan | None = None

    def offer(self, tick: Tick) -> None:
        self.offered.append(tick.frame)
        if self._is_alive():
            trajectory = self._expert.plan_trajectory(tick).astype(np.float32)
            self._plan = Plan(
                tick.frame, tick.time_s, Direction.FOLLOW_LANE, SpeedAction.KEEP, (0,) * len(trajectory), trajectory, ""
            )

    def newest_plan(self) -> Plan | None:
        return self._plan

    def wait(self, frame: int, timeout_s: float) -> Plan | None:
        return self._plan if self._plan is not None and self._plan.frame >= frame else None

    def control(
        self, plan: Plan, ego_at_plan: ActorState, ego: ActorState, time_s: float, route: RouteState
    ) -> Control:
        return control_from_plan(plan, ego_at_plan, ego, time_s)

    def status(self) -> PolicyStatus:
        return PolicyStatus(self._is_alive(), "" if self._is_alive() else "the process ended with signal 9")

    def close(self) -> None:
        pass

    def _is_alive(self) -> bool:
        return self.fails_after is None or len(self.offered) <= self.fails_after


class ScriptedDriver:
    """A person whose input at each tick is a function of the tick's number."""

    def __init__(self, script: Callable[[int, Tick], DriverInput] = lambda number, tick: driver_input()) -> None:
        self._script = script
        self._number = 0

    def read(self, tick: Tick | None) -> DriverInput:
        assert tick is not None
        self._number += 1
        return self._script(self._number, tick)

    def close(self) -> None:
        pass


class Keeper:
    """A consumer that keeps the ticks passed to it."""

    def __init__(self) -> None:
        self.ticks: list[Tick] = []
        self.closed = 0

    def consume(self, tick: Tick) -> None:
        self.ticks.append(tick)

    def close(self) -> None:
        self.closed += 1


def driver_input(**changes) -> DriverInput:
    return DriverInput(kind=DriverKind.HUMAN, **changes)
