"""The small policy from random weights in one call: collect, train, and a few rounds of correcting its own drives.

Supervised training only, on random routes: it is the clean base that every later comparison begins from. Each stage
leaves a finished folder behind, and goes on within it where it was interrupted, when the call is made again with the
same output folder.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from refine.data.collect import CollectProgress, collect_expert
from refine.data.collect_config import CollectConfig
from refine.data.dagger import DaggerConfig, DaggerProgress, collect_dagger
from refine.train.small_log import TrainingLog
from refine.train.small_sft import SmallTrainingConfig, TrainingStep, train_small

DONE = "done"
"""Marker file of a finished stage."""


class BuildConfig(BaseModel):
    """All stages. The checkpoint in `assets/policies/small` is older and was made otherwise (docs/small_policy.md)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    collect: CollectConfig = CollectConfig()
    training: SmallTrainingConfig = SmallTrainingConfig()
    dagger: DaggerConfig = DaggerConfig()
    tuning: SmallTrainingConfig = SmallTrainingConfig(steps=3000, learning_rate=5e-4, warmup_steps=40, soft_m=0.03)
    """Training after each DAgger round, on all samples so far."""


Detail = CollectProgress | TrainingStep | DaggerProgress
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

    Samples lie in `out`/samples and `out`/dagger_1 …, the course of each training beside its policy as CSV; what is
    finished is not done again. Raises `RefineError`, and `SimulatorError` where the simulator does not start.
    """
    config = config or BuildConfig()

    def reporter(stage: str) -> Callable[[Detail], None]:
        return lambda detail: on_progress(BuildProgress(stage, detail)) if on_progress is not None else None

    data = [out / "samples"]
    if not _is_done(data[0]):
        collect_expert(data[0], config.collect, reporter("collect"))
        _mark_done(data[0])
    policy = _trained(data, out / "policy_0", config.training, reporter("train"))
    for number in range(1, config.dagger.rounds + 1):
        corrections = out / f"dagger_{number}"
        if not _is_done(corrections):
            collect_dagger(corrections, policy, config.dagger, number, reporter(f"dagger {number}"))
            _mark_done(corrections)
        data.append(corrections)
        tuning = config.tuning.model_copy(update={"start_from": policy})
        policy = _trained(data, out / f"policy_{number}", tuning, reporter(f"tune {number}"))
    return policy


def _trained(
    data: list[Path], policy: Path, config: SmallTrainingConfig, on_step: Callable[[TrainingStep], None]
) -> Path:
    if not _is_done(policy):
        log = TrainingLog(policy.with_name(f"{policy.name}.csv"))

        def both(step: TrainingStep) -> None:
            log.add(step)
            on_step(step)

        train_small(data, policy, config, both)
        _mark_done(policy)
    return policy


def _is_done(folder: Path) -> bool:
    return (folder / DONE).is_file()


def _mark_done(folder: Path) -> None:
    (folder / DONE).touch()
