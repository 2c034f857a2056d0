"""The rule by which a frame of a takeover becomes a preference: what was driven, preferred over the policy's answer.

A *decision step* is a frame of a recorded takeover which the policy answered: before and at the takeover, and on while
the person drives, because the policy plans on in the shadow. The driven future, encoded as an answer, is preferred over
the policy's own answer (CoReVLA; TakeAD, arXiv 2512.17370). Pure functions; `refine.data.pairs` reads and writes.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from policy.vla.answer import AnswerError
from policy.vla.codebook import Codebook, CodebookError, relative
from policy.vla.dialects.dialect import Dialect
from recorder.schema import Plan, RouteCommand

LEAST_ORDINARY_M = 3.0
"""An ordinary drive gets at least this far within the horizon: standing is no example to learn from."""
MOST_ORDINARY_ERROR_M = 1.0
"""Mean distance by which the policy may have missed its own answer, for the answer to count as driven."""
LARGEST_GAP_S = 0.3
"""Ticks further apart than this leave the driven path unknown between them."""


class PairConfig(BaseModel):
    """Which decision steps become pairs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    human_share: float = Field(default=0.8, gt=0.0, le=1.0)
    """Least share of the horizon that the person (or the expert) must have driven alone."""
    gap_s: float = Field(default=0.25, ge=0.0)
    """Least time between two pairs of a segment: neighbouring frames say the same twice."""
    least_displacement_m: float = Field(default=0.3, ge=0.0)
    """Least mean distance between the two trajectories; below it the preference is noise."""
    most_error_m: float = Field(default=0.5, gt=0.0)
    """Most by which the chosen answer may miss what was driven; beyond, the codebook cannot say it."""
    ordinary_share: float = Field(default=0.5, ge=0.0, lt=1.0)
    """Share of pairs from ordinary driving, as far as it was recorded; 0 takes takeovers alone. Without any the policy
    gets too careful (CoReVLA's finding)."""
    calm_s: float = Field(default=1.0, ge=0.0)
    """How long after the horizon of an ordinary pair nobody may have had to take over."""


class Skip(enum.StrEnum):
    """Why a decision step became no pair."""

    NOT_TAKEN_OVER = "not_taken_over"
    """The policy drove most of the horizon: nothing is known that would be better."""
    FUTURE_UNKNOWN = "future_unknown"
    """The segment ends, or ticks were lost, before the horizon does."""
    SET_BACK = "set_back"
    """The scene was set back before the horizon ended: what was driven after that is another course of events."""
    COLLISION = "collision"
    """The person's own drive collided: no example to follow."""
    NO_PICTURE = "no_picture"
    OTHER_POLICY = "other_policy"
    """The recorded answer does not fit the policy's horizon or codebook."""
    INEXPRESSIBLE = "inexpressible"
    """No tokens of the codebook follow what was driven (reversing, a spin)."""
    IDENTICAL = "identical"
    """Policy and person chose the same tokens."""
    SMALL_DIFFERENCE = "small_difference"
    TOO_SOON = "too_soon"
    """Less than `gap_s` from the pair before."""
    DUPLICATE = "duplicate"
    """The frame is in an earlier segment of the session too."""


@dataclass(frozen=True)
class Drive:
    """A segment's recorded states of the car, one entry per tick (N)."""

    frame: NDArray[np.int64]
    time_s: NDArray[np.float64]
    poses_world: NDArray[np.float64]
    """(N, 3) x, y in metres and yaw in radians."""
    speed_mps: NDArray[np.float64]
    taken: NDArray[np.bool_]
    """The control of this tick was the person's (or the expert's) alone."""
    free: NDArray[np.bool_]
    """The policy had the car, with nobody asking for or taking it."""
    collided: NDArray[np.bool_]
    set_back: NDArray[np.bool_]
    """The scene was set back just before this tick: the car did not drive here from the tick before."""


@dataclass(frozen=True)
class Preference:
    """One pair of answers to one frame; trajectories (T, 3) in the ego frame of that frame."""

    chosen: str
    rejected: str
    chosen_tokens: tuple[int, ...]
    rejected_tokens: tuple[int, ...]
    chosen_trajectory: NDArray[np.float32]
    """As the chosen tokens decode."""
    rejected_trajectory: NDArray[np.float32]
    driven_trajectory: NDArray[np.float32]
    """As it was driven."""
    displacement_m: float
    """Mean distance between the chosen and the rejected trajectory's points."""
    human_share: float


def driven_future(drive: Drive, index: int, horizon: int, step_s: float) -> NDArray[np.float32] | Skip:
    """(horizon, 3) the ego's poses after tick `index` in its ego frame, at `step_s`, 2 `step_s`, ... after it."""
    times_s = drive.time_s[index] + step_s * np.arange(1, horizon + 1)
    last = _last_tick(drive, times_s[-1])
    if last is None or np.diff(drive.time_s[index : last + 1]).max() > LARGEST_GAP_S:
        return Skip.FUTURE_UNKNOWN
    if drive.set_back[index + 1 : last + 1].any():
        return Skip.SET_BACK
    ticks = slice(index, last + 1)
    x, y = (np.interp(times_s, drive.time_s[ticks], drive.poses_world[ticks, axis]) for axis in (0, 1))
    yaw = np.interp(times_s, drive.time_s[ticks], np.unwrap(drive.poses_world[ticks, 2]))
    return relative(drive.poses_world[index], np.stack([x, y, yaw], axis=-1)).astype(np.float32)


def taken_share(drive: Drive, index: int, horizon_s: float) -> float:
    """Share of the ticks in the `horizon_s` after tick `index` whose control was the person's alone."""
    last = _last_tick(drive, drive.time_s[index] + horizon_s)
    taken = drive.taken[index + 1 : None if last is None else last + 1]
    return float(taken.mean()) if len(taken) else 0.0


def _last_tick(drive: Drive, time_s: float) -> int | None:
    """The first tick at or after a time, None when the segment ends before."""
    index = int(np.searchsorted(drive.time_s, time_s - 1e-6))
    return index if index < len(drive.time_s) else None


def judge(
    drive: Drive,
    index: int,
    plan: Plan,
    command: RouteCommand,
    dialect: Dialect,
    codebook: Codebook,
    config: PairConfig,
) -> Preference | Skip:
    """The pair of the decision step at tick `index`, from which `plan` was made, or why there is none."""
    horizon, step_s = dialect.settings.horizon, dialect.settings.step_s
    share = taken_share(drive, index, horizon * step_s)
    if share < config.human_share:
        return Skip.NOT_TAKEN_OVER
    driven = driven_future(drive, index, horizon, step_s)
    if isinstance(driven, Skip):
        return driven
    last = _last_tick(drive, drive.time_s[index] + horizon * step_s)
    if drive.collided[index + 1 : (last or 0) + 1].any():
        return Skip.COLLISION
    rejected = _answered(plan, dialect, codebook)
    if rejected is None:
        return Skip.OTHER_POLICY
    answer = dialect.spoken_of(driven, codebook, float(drive.speed_mps[index]), command)
    chosen = codebook.decode(answer.tokens) if dialect.has_codes else driven
    if mean_distance_m(chosen, driven) > config.most_error_m:
        return Skip.INEXPRESSIBLE
    same = answer.tokens == plan.tokens if dialect.has_codes else _keys(answer) == _keys(plan)
    if same:
        return Skip.IDENTICAL
    displacement_m = mean_distance_m(chosen, rejected)
    if displacement_m < config.least_displacement_m:
        return Skip.SMALL_DIFFERENCE
    return Preference(
        chosen=dialect.format(answer),
        rejected=plan.text,
        chosen_tokens=answer.tokens,
        rejected_tokens=plan.tokens,
        chosen_trajectory=chosen,
        rejected_trajectory=rejected,
        driven_trajectory=driven,
        displacement_m=displacement_m,
        human_share=share,
    )


def ordinary_answer(
    drive: Drive, index: int, plan: Plan, dialect: Dialect, codebook: Codebook, config: PairConfig
) -> NDArray[np.float32] | None:
    """(T, 3) the policy's answer to tick `index` where it drove accordingly and nobody had to take over; else None."""
    horizon, step_s = dialect.settings.horizon, dialect.settings.step_s
    last = _last_tick(drive, drive.time_s[index] + horizon * step_s + config.calm_s)
    if last is None or not drive.free[index : last + 1].all() or drive.collided[index : last + 1].any():
        return None
    driven, answered = driven_future(drive, index, horizon, step_s), _answered(plan, dialect, codebook)
    if isinstance(driven, Skip) or answered is None or np.hypot(*driven[-1, :2]) < LEAST_ORDINARY_M:
        return None
    return answered if mean_distance_m(answered, driven) <= MOST_ORDINARY_ERROR_M else None


def _answered(plan: Plan, dialect: Dialect, codebook: Codebook) -> NDArray[np.float32] | None:
    """The plan's trajectory, if its text and tokens are an answer of this dialect, codebook and horizon."""
    recorded = np.asarray(plan.trajectory_ego, np.float32)
    try:
        answer = dialect.parse(plan.text)
        decoded = codebook.decode(plan.tokens) if dialect.has_codes else recorded
    except (AnswerError, CodebookError):
        return None
    whole = (dialect.settings.horizon, 3)
    fits = answer.tokens == plan.tokens and _keys(answer) == _keys(plan) and recorded.shape == decoded.shape == whole
    fits = fits and abs(plan.step_s - dialect.settings.step_s) < 1e-6
    return decoded if fits and np.allclose(recorded, decoded, atol=0.05) else None


def _keys(said: Any) -> tuple[Any, Any]:
    return said.direction, said.speed


def mean_distance_m(one: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    """Mean distance between the points of two trajectories (T, 2 or more), metres."""
    return float(np.hypot(*(one[:, :2] - other[:, :2]).T).mean())
