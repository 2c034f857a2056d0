"""Which frames of a takeover become a preference, and what is preferred: worked examples of the pure rule."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.vla.answer import parse_answer
from policy.vla.checkpoint import PolicySettings
from policy.vla.codebook import Codebook
from policy.vla.dialects.catalogue import dialect_of
from recorder.schema import Direction, RouteCommand, SpeedAction
from refine.data.preference import (
    Drive,
    PairConfig,
    Preference,
    Skip,
    driven_future,
    judge,
    ordinary_answer,
    taken_share,
)
from tests.refine.data.takeover_sessions import HORIZON, SPEED_MPS, straight_on

CODEBOOK = Codebook.town()
CONFIG = PairConfig()
DIALECT = dialect_of(PolicySettings(horizon=HORIZON))
FOLLOW = RouteCommand.LANE_FOLLOW


def straight_drive(
    speeds_mps=None, taken=True, count: int = 121, step_s: float = 0.05, start=(0.0, 0.0, 0.0), hits=(), jumps=()
) -> Drive:
    """Along the ego's own x axis at these speeds (8 m/s where none are given)."""
    speeds = np.full(count, SPEED_MPS) if speeds_mps is None else np.asarray(speeds_mps, float)
    count = len(speeds)
    along = np.concatenate([[0.0], np.cumsum((speeds[1:] + speeds[:-1]) / 2 * step_s)])
    x, y, yaw = start
    poses = np.stack([x + along * np.cos(yaw), y + along * np.sin(yaw), np.full(count, yaw)], axis=-1)
    return Drive(
        frame=np.arange(count),
        time_s=np.arange(count) * step_s,
        poses_world=poses,
        speed_mps=speeds,
        taken=np.full(count, taken) if isinstance(taken, bool) else np.asarray(taken, bool),
        free=~(np.full(count, taken) if isinstance(taken, bool) else np.asarray(taken, bool)),
        collided=np.isin(np.arange(count), list(hits)),
        set_back=np.isin(np.arange(count), list(jumps)),
    )


def braking(count: int = 121, mps2: float = 4.0) -> np.ndarray:
    return np.maximum(SPEED_MPS - mps2 * 0.05 * np.arange(count), 0.0)


def ask(drive: Drive, index: int = 0, plan=None, config: PairConfig = CONFIG, command=FOLLOW) -> Preference | Skip:
    plan = plan or straight_on(CODEBOOK, index, SPEED_MPS)
    return judge(drive, index, plan, command, DIALECT, CODEBOOK, config)


def test_a_straight_drive_is_a_straight_future():
    future = driven_future(straight_drive(), 10, HORIZON, 0.5)
    assert isinstance(future, np.ndarray)
    assert future[:, 0] == pytest.approx([4, 8, 12, 16, 20, 24], abs=1e-4)
    assert future[:, 1:] == pytest.approx(0.0, abs=1e-4)


@given(st.floats(-500, 500), st.floats(-500, 500), st.floats(-np.pi, np.pi))
def test_the_future_does_not_depend_on_where_in_the_world_it_was_driven(x, y, yaw):
    here = driven_future(straight_drive(braking()), 5, HORIZON, 0.5)
    there = driven_future(straight_drive(braking(), start=(x, y, yaw)), 5, HORIZON, 0.5)
    assert np.asarray(there) == pytest.approx(np.asarray(here), abs=1e-3)


@pytest.mark.parametrize("step_s", [0.02, 1 / 30, 0.05, 0.07])
def test_the_future_is_the_same_at_any_tick_rate(step_s):
    future = driven_future(straight_drive(count=400, step_s=step_s), 7, HORIZON, 0.5)
    assert np.asarray(future)[:, 0] == pytest.approx([4, 8, 12, 16, 20, 24], abs=1e-3)


def test_a_turn_through_due_west_is_a_small_yaw_and_no_full_circle():
    drive = straight_drive()
    turning = drive.poses_world.copy()
    turning[:, 2] = (np.pi - 0.1 + 0.1 * drive.time_s + np.pi) % (2 * np.pi) - np.pi
    future = np.asarray(driven_future(replace(drive, poses_world=turning), 0, HORIZON, 0.5))
    assert future[:, 2] == pytest.approx(0.1 * np.arange(0.5, 3.1, 0.5), abs=1e-3)


def test_the_person_brakes_to_a_stand_and_that_is_preferred():
    pair = ask(straight_drive(braking()))
    assert isinstance(pair, Preference)
    answer = parse_answer(pair.chosen, HORIZON)
    assert (answer.direction, answer.speed) == (Direction.FOLLOW_LANE, SpeedAction.STOP)
    assert answer.tokens == pair.chosen_tokens
    # 8 m/s and 4 m/s^2: after t seconds 8 t - 2 t^2, and 8 m from 2 s on.
    assert pair.driven_trajectory[:, 0] == pytest.approx([3.5, 6.0, 7.5, 8.0, 8.0, 8.0], abs=0.05)
    assert pair.chosen_trajectory[:, 0] == pytest.approx(pair.driven_trajectory[:, 0], abs=CONFIG.most_error_m)
    assert pair.rejected == straight_on(CODEBOOK, 0, SPEED_MPS).text
    # The policy would have been at 4, 8, ... 24 m: on average 7.17 m further on.
    assert pair.displacement_m == pytest.approx(43 / 6, abs=0.3)
    assert pair.human_share == 1.0


def test_a_commanded_turn_is_named_in_the_chosen_answer():
    drive = straight_drive()
    yaw = -0.3 * drive.time_s
    steps = np.stack([np.cos(yaw), np.sin(yaw)], axis=-1) * 5.0 * 0.05
    poses = np.column_stack([np.cumsum(steps, axis=0) - steps[0], yaw])
    turning = replace(drive, poses_world=poses, speed_mps=np.full(len(yaw), 5.0))
    pair = ask(turning, command=RouteCommand.LEFT)
    assert isinstance(pair, Preference)
    assert pair.chosen.startswith("Direction: TURN_LEFT\nSpeed: KEEP\n")


def test_four_fifths_of_the_horizon_are_enough_and_less_is_not():
    for policy_ticks, expected in ((12, Preference), (13, Skip)):
        taken = np.arange(121) > policy_ticks
        found = ask(straight_drive(braking(), taken=taken))
        assert isinstance(found, expected), policy_ticks
    assert found is Skip.NOT_TAKEN_OVER


def test_the_share_counts_the_ticks_after_the_decision():
    taken = np.arange(121) > 30
    assert taken_share(straight_drive(taken=taken), 30, 3.0) == 1.0
    assert taken_share(straight_drive(taken=taken), 0, 3.0) == pytest.approx(0.5)
    assert taken_share(straight_drive(), 120, 3.0) == 0.0


def test_a_future_that_was_not_recorded_is_not_made_up():
    drive = straight_drive(braking())
    assert isinstance(ask(drive, 60), Preference)
    assert ask(drive, 61) is Skip.FUTURE_UNKNOWN


def test_lost_ticks_leave_the_future_unknown():
    drive = straight_drive(braking())
    kept = np.r_[0:20, 40:121]
    holed = Drive(*(getattr(drive, name)[kept] for name in Drive.__dataclass_fields__))
    assert ask(holed, 5) is Skip.FUTURE_UNKNOWN
    assert isinstance(ask(holed, 25), Preference)


def test_a_drive_into_something_is_no_example():
    assert ask(straight_drive(braking(), hits=[60])) is Skip.COLLISION
    assert isinstance(ask(straight_drive(braking(), hits=[0, 61])), Preference)


@pytest.mark.parametrize(
    "change",
    [
        {"text": "Direction: FOLLOW_LANE\nSpeed: KEEP\n<act_1><act_2>"},
        {"text": "something else"},
        {"tokens": (9999,) * HORIZON},
        {"trajectory_ego": np.zeros((HORIZON, 3), np.float32)},
        {"step_s": 0.25},
    ],
    ids=["short", "no answer", "unknown token", "other codebook", "other step"],
)
def test_another_policys_answer_is_not_taken_for_this_ones(change):
    plan = replace(straight_on(CODEBOOK, 0, SPEED_MPS), **change)
    assert ask(straight_drive(braking()), plan=plan) is Skip.OTHER_POLICY


def test_reversing_cannot_be_expressed_and_is_left_out():
    assert ask(straight_drive(np.full(121, -5.0))) is Skip.INEXPRESSIBLE


def test_agreement_is_no_preference():
    assert ask(straight_drive()) is Skip.IDENTICAL


def test_nearly_the_same_is_no_preference():
    slower = straight_drive(np.full(121, 7.8))
    assert ask(slower, config=PairConfig(least_displacement_m=1.0)) in (Skip.SMALL_DIFFERENCE, Skip.IDENTICAL)
    assert ask(straight_drive(braking()), config=PairConfig(least_displacement_m=8.0)) is Skip.SMALL_DIFFERENCE


@given(st.floats(0.5, 10.0), st.floats(-6.0, 3.0), st.integers(0, 60))
def test_whatever_is_driven_a_pair_is_two_answers_that_differ_enough(speed, acceleration, index):
    speeds = np.clip(speed + acceleration * 0.05 * np.arange(121), 0.0, 12.0)
    pair = ask(straight_drive(speeds), index)
    if isinstance(pair, Skip):
        return
    chosen, rejected = parse_answer(pair.chosen, HORIZON), parse_answer(pair.rejected, HORIZON)
    assert chosen.tokens != rejected.tokens
    assert pair.displacement_m >= CONFIG.least_displacement_m
    distances = np.hypot(*(CODEBOOK.decode(chosen.tokens) - CODEBOOK.decode(rejected.tokens))[:, :2].T)
    assert pair.displacement_m == pytest.approx(distances.mean(), abs=1e-5)


def calm(drive: Drive, index: int = 0, plan=None):
    plan = plan or straight_on(CODEBOOK, index, SPEED_MPS)
    return ordinary_answer(drive, index, plan, DIALECT, CODEBOOK, CONFIG)


def test_driving_as_answered_with_nobody_intervening_is_ordinary():
    answer = calm(straight_drive(taken=False))
    assert np.asarray(answer)[:, 0] == pytest.approx([4, 8, 12, 16, 20, 24], abs=0.5)


def test_driving_towards_a_takeover_is_not_ordinary():
    # The horizon of 3 s and a second of calm after it: 80 ticks.
    assert calm(straight_drive(taken=np.arange(121) > 80)) is not None
    assert calm(straight_drive(taken=np.arange(121) >= 80)) is None
    assert calm(straight_drive(taken=False), 50) is None  # what came after was not recorded
    assert calm(straight_drive(taken=False, hits=[75])) is None


def test_standing_or_driving_otherwise_than_said_is_no_example():
    assert calm(straight_drive(np.zeros(121), taken=False)) is None
    assert calm(straight_drive(np.full(121, 6.0), taken=False)) is None


def test_no_future_goes_on_over_a_scene_that_was_set_back():
    drive = straight_drive(jumps=[70])
    assert driven_future(drive, 9, HORIZON, 0.5).shape == (HORIZON, 3)  # 60 ticks: to the last one before
    assert driven_future(drive, 10, HORIZON, 0.5) is Skip.SET_BACK
    assert driven_future(drive, 69, HORIZON, 0.5) is Skip.FUTURE_UNKNOWN
    assert driven_future(straight_drive(jumps=[10]), 10, HORIZON, 0.5).shape == (HORIZON, 3)
