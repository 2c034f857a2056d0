"""The small policy from random weights in one call: collect, train, correct its drives, train again, one DPO round.

Each stage leaves a finished folder behind, so that a call that was interrupted goes on where it stopped when it is made
again with the same output folder.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from cockpit.config import SessionConfig, TrafficConfig
from cockpit.route.files import read_routes, shipped_routes
from cockpit.world.simulator import launch_simulator
from recorder.schema import Tick
from refine.data.collect import CollectProgress, collect_expert
from refine.data.collect_config import CollectConfig
from refine.data.dagger import collect_dagger
from refine.data.preference import PairConfig
from refine.errors import RefineError
from refine.evaluate.evaluate import EvaluationProgress
from refine.rounds import Drives, RefinementFolders, RoundListener, refine_policy
from refine.train.dpo import DpoConfig, DpoStep
from refine.train.small_sft import SmallTrainingConfig, TrainingStep, train_small

log = logging.getLogger(__name__)

DONE = "done"
"""Marker file of a finished stage."""
ROUTES = "routes"
"""The set of routes driven in a round of takeovers."""


class DaggerConfig(BaseModel):
    """The drives on which the trained policy is corrected."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rounds: int = Field(default=1, ge=0)
    drives: int = Field(default=12, ge=1)
    """Random routes a round."""
    route_m: float = Field(default=400.0, gt=0)
    every: int = Field(default=4, ge=1)
    """Ticks between two samples."""
    traffic: int = Field(default=10, ge=0)


class RoundsConfig(BaseModel):
    """Rounds of takeovers and DPO that the policy goes through once it drives."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rounds: int = Field(default=1, ge=0)
    routes: int = Field(default=4, ge=1)
    """How many of the shipped training routes are driven, from the first."""
    traffic: int = Field(default=20, ge=0)
    dpo: DpoConfig = DpoConfig()


class BuildConfig(BaseModel):
    """All stages. The defaults are a cleaned-up form of how the checkpoint in `assets/policies/small` was made.

    That one was trained from random weights in several stages (scattered samples, its own drives, then 5,350 steps on
    72,600 samples of which more than half are before traffic lights), so a build gives a policy like it, not the same
    weights.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    collect: CollectConfig = CollectConfig()
    training: SmallTrainingConfig = SmallTrainingConfig()
    dagger: DaggerConfig = DaggerConfig()
    tuning: SmallTrainingConfig = SmallTrainingConfig(steps=1800, learning_rate=5e-4, warmup_steps=40, soft_m=0.03)
    """Training after each DAgger round, on all samples so far."""
    rounds: RoundsConfig = RoundsConfig()


Detail = CollectProgress | TrainingStep | Tick | EvaluationProgress | DpoStep
"""A stage's own report."""


@dataclass(frozen=True, slots=True)
class BuildProgress:
    """Which stage is running, and its own report."""

    stage: str
    detail: Detail


def build_small_policy(
    out: Path, config: BuildConfig | None = None, on_progress: Callable[[BuildProgress], None] | None = None
) -> Path:
    """Make the small policy; returns the folder of the last training, `out`/policy_N.

    Samples lie in `out`/samples and `out`/dagger_1 …; what is finished is not done again.
    Raises `RefineError`, and `SimulatorError` where the simulator does not start for DAgger.
    """
    config = config or BuildConfig()
    collect = config.collect

    def reporter(stage: str) -> Callable[[Detail], None]:
        return lambda detail: on_progress(BuildProgress(stage, detail)) if on_progress is not None else None

    data = [out / "samples"]
    if not _is_done(data[0]):
        _empty(data[0])
        collect_expert(data[0], collect, reporter("collect"))
        _mark_done(data[0])
    policy = out / "policy_0"
    if not _is_done(policy):
        train_small(data, policy, config.training, reporter("train"))
        _mark_done(policy)
    for number in range(1, config.dagger.rounds + 1):
        corrections = out / f"dagger_{number}"
        if not _is_done(corrections):
            _empty(corrections)
            _correct(policy, corrections, config.dagger, number, reporter(f"dagger {number}"))
            _mark_done(corrections)
        data.append(corrections)
        tuned = out / f"policy_{number}"
        if not _is_done(tuned):
            train_small(
                data, tuned, config.tuning.model_copy(update={"start_from": policy}), reporter(f"tune {number}")
            )
            _mark_done(tuned)
        policy = tuned
    for number in range(1, config.rounds.rounds + 1):
        refined = out / f"refined_{number}"
        if not refined.exists():  # it is put there whole
            _refine(policy, out / f"round_{number}", refined, config.rounds, number, reporter(f"round {number}"))
        policy = refined
    return policy


def _refine(
    policy: Path, folder: Path, out: Path, config: RoundsConfig, number: int, on_progress: Callable[[Detail], None]
) -> None:
    """One round of takeovers and DPO, without driving again."""
    shutil.rmtree(folder, ignore_errors=True)
    routes = read_routes(shipped_routes("millbrook_train"))[: config.routes]
    refine_policy(
        {policy.name: policy},
        Drives({ROUTES: routes}, [number - 1], config.traffic),
        RefinementFolders(folder / "drives", folder / "pairs", folder / "adapter", out),
        RoundListener(lambda _: None, on_progress, lambda *_: None, on_progress),
        learn_from=ROUTES,
        pairs=PairConfig(),
        dpo=config.dpo,
    )


def _correct(policy: Path, out: Path, config: DaggerConfig, number: int, on_tick: Callable[[Tick], None]) -> None:
    """One DAgger round: the policy drives random routes, the expert labels them with its own actions."""
    with launch_simulator(seed=number) as simulator:
        session = SessionConfig(
            port=simulator.port,
            seed=1000 * number,
            realtime=False,
            random_route_m=config.route_m,
            traffic=TrafficConfig(count=config.traffic),
        )
        if not collect_dagger(out, policy, [None] * config.drives, session, config.every, number, on_tick):
            raise RefineError(f"the policy in {policy} gave no samples; look at its drives with `takeover evaluate`")


def _is_done(folder: Path) -> bool:
    return (folder / DONE).is_file()


def _mark_done(folder: Path) -> None:
    (folder / DONE).touch()


def _empty(folder: Path) -> None:
    """Remove what an interrupted collection left, whose drives would otherwise count twice."""
    for file in folder.glob("shard_*"):
        file.unlink()
