"""Plans in a session: the ego pose that each was made from, and the wait for the first."""

from __future__ import annotations

import logging

import pytest

from cockpit.config import LockstepConfig
from cockpit.session.planning import REMEMBERED_S
from recorder.schema import Plan, Tick
from tests.cockpit.session.session_parts import ExpertPlanner, Keeper
from tests.cockpit.session.straight_world import STEP_S, straight_session


class Silent(ExpertPlanner):
    """It never makes a plan; somebody may do something while the session waits for the first."""

    def __init__(self, meanwhile=lambda: None) -> None:
        super().__init__()
        self._meanwhile = meanwhile

    def offer(self, tick: Tick) -> None:
        pass

    def wait(self, frame: int, timeout_s: float) -> Plan | None:
        self._meanwhile()
        return None


class Stuck(ExpertPlanner):
    """Its first plan is its last."""

    def offer(self, tick: Tick) -> None:
        if self.newest_plan() is None:
            super().offer(tick)

    def wait(self, frame: int, timeout_s: float) -> Plan | None:
        return self.newest_plan()


def test_a_tick_says_where_the_ego_was_when_its_plan_was_made():
    keeper = Keeper()
    session = straight_session([keeper], lockstep=LockstepConfig(plan_every=3, wait_timeout_s=0.05))
    for _ in range(12):
        session.step()
    assert (keeper.ticks[0].plan, keeper.ticks[0].ego_at_plan) == (None, None)
    ego_at = {tick.frame: tick.ego for tick in keeper.ticks}
    frames = [tick.plan.frame for tick in keeper.ticks[1:]]
    assert frames == [1, 1, 1, 4, 4, 4, 7, 7, 7, 10, 10]
    assert [tick.ego_at_plan for tick in keeper.ticks[1:]] == [ego_at[frame] for frame in frames]


def test_a_plan_whose_frame_is_long_past_is_dropped():
    session = straight_session(policy=Stuck())
    ticks = [session.step() for _ in range(round(REMEMBERED_S / STEP_S) + 3)]
    known = [tick.plan is not None for tick in ticks]
    assert known == [False, *[True] * (len(ticks) - 3), False, False]
    assert all((tick.plan is None) is (tick.ego_at_plan is None) for tick in ticks)


def test_plans_from_before_a_rewind_are_forgotten():
    session = straight_session(policy=Stuck())
    for _ in range(10):
        assert session.step() is not None
    assert session.last_tick.plan is not None
    session.request_rewind()
    tick = session.step()
    assert (tick.plan, tick.ego_at_plan, tick.policy_control) == (None, None, None)


@pytest.mark.parametrize("is_stopped", [False, True])
def test_a_first_plan_that_does_not_come_is_reported_unless_the_drive_is_stopped_meanwhile(is_stopped, caplog):
    def meanwhile() -> None:
        if is_stopped:
            session.ask_stop()

    session = straight_session(policy=Silent(meanwhile), lockstep=None, policy_start_s=0.05)
    with caplog.at_level(logging.WARNING):
        session.step()
    assert ("the policy made no plan" in caplog.text) is not is_stopped
