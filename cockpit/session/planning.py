"""The session's side of the policy: ticks go out, plans come back and are placed where the ego was at their frame.

In lock-step every `plan_every`-th tick is offered and its plan waited for; in real time every tick is offered, and the
newest plan counts. What the policy does wrong is caught in `cockpit.session.guards`.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from cockpit.config import SessionConfig
from cockpit.session.faults import FaultLog
from cockpit.session.guards import GuardedPolicy
from recorder.schema import ActorState, Control, Plan, Tick

REMEMBERED_S = 10.0
"""How long the ego's past is kept: an older plan is taken for none."""
WAIT_SLICE_S = 0.2
"""How often a wait for the first plan looks whether it should stop."""


@dataclass(frozen=True, slots=True)
class PlacedPlan:
    """A plan that can be driven."""

    plan: Plan
    ego: ActorState
    """The ego in the frame that the plan was made from."""
    control: Control | None
    """What the plan alone would apply now; None when tracking it failed."""

    @property
    def first_speed_mps(self) -> float | None:
        """Speed over the plan's first step, m/s; None for a plan without a path."""
        if self.plan.is_control_only:
            return None
        x_m, y_m = (float(value) for value in self.plan.trajectory_ego[0, :2])
        return math.hypot(x_m, y_m) / self.plan.step_s


class Planner:
    """Offers ticks to a policy and takes its plans. For the session's thread."""

    def __init__(self, policy: GuardedPolicy, config: SessionConfig, faults: FaultLog) -> None:
        self._policy = policy
        self._config = config
        self._faults = faults
        self._egos: OrderedDict[int, ActorState] = OrderedDict()
        self._kept = REMEMBERED_S / config.fixed_delta_s
        self._ticks = 0
        self._offered_frame: int | None = None

    def offer(self, tick: Tick) -> None:
        """Give the policy the tick that was just finished, where it is its turn, and remember where the ego was."""
        self._egos[tick.frame] = tick.ego
        while len(self._egos) > self._kept:
            self._egos.popitem(last=False)
        lockstep = self._config.lockstep
        if lockstep is None:
            self._policy.offer(tick)
        elif self._ticks % lockstep.plan_every == 0:
            self._policy.offer(tick)
            self._offered_frame = tick.frame
        self._ticks += 1

    def newest(self, last: Tick) -> PlacedPlan | None:
        """The newest plan, tracked from the last tick; None when there is none or its frame is forgotten."""
        self._policy.begin_tick()
        self._wait_in_lockstep()
        plan = self._policy.newest_plan(last.frame)
        ego = self._egos.get(plan.frame) if plan is not None else None
        if plan is None or ego is None:
            return None
        return PlacedPlan(plan, ego, self._policy.control(plan, ego, last))

    def is_alive(self) -> bool:
        """Whether the policy lives, and did not fail in this tick."""
        return self._policy.is_alive()

    def forget(self) -> None:
        """The scene was set back: plans made before belong to another course of events."""
        self._egos.clear()

    def await_first(self, tick: Tick, is_stopped: Callable[[], bool]) -> None:
        """Let the policy load and make its first plan while the world stands still; real time only."""
        if self._config.lockstep is not None:
            return
        deadline = time.monotonic() + self._config.policy_start_s
        while time.monotonic() < deadline:
            if is_stopped() or self._policy.wait(tick.frame, WAIT_SLICE_S) is not None or not self._policy.is_alive():
                return
        self._faults.report(f"the policy made no plan within {self._config.policy_start_s:.0f} s")

    def _wait_in_lockstep(self) -> None:
        lockstep, offered = self._config.lockstep, self._offered_frame
        if lockstep is None or offered is None:
            return
        self._offered_frame = None
        is_loading = self._ticks == 1
        timeout_s = self._config.policy_start_s if is_loading else lockstep.wait_timeout_s
        if self._policy.wait(offered, timeout_s) is None:
            self._faults.report(f"no plan: {self._policy.message() or 'the policy is silent'}")
