"""One whole round without a person: drive, take over, record, pair, retrain, drive again, report.

The one place that knows the order of these stages; `refine.build_small` runs them too. The expert stands in for the
person. Only takeovers on the training routes become pairs, so that the other routes show whether the retrained policy
learnt something that it was not shown. Each stage writes below one folder as it ends; a round that is cut short keeps
what it made.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field

from cockpit.assets import asset
from cockpit.config import SessionConfig, Settings, TrafficConfig
from cockpit.route.files import RouteSpec, read_routes, shipped_routes
from policy.vla.checkpoint import check_folder
from refine.data.pairs import PairsSummary, build_pairs
from refine.data.preference import PairConfig
from refine.driving import server
from refine.errors import RefineError
from refine.evaluate.evaluate import EvaluationProgress, evaluate
from refine.evaluate.results import Evaluation, merged, read_evaluation, write_evaluation
from refine.report.report import write_report
from refine.train.dpo import DpoConfig, DpoResult, DpoStep, train_dpo
from refine.train.merge import merge_adapter

log = logging.getLogger(__name__)

BEFORE, AFTER = "before", "after"
TRAIN, OTHER = "train", "other"
"""Routes whose takeovers are learnt from, and routes that are only driven."""


class RoundConfig(Settings):
    """What a round drives and how it retrains. The defaults take about ten minutes on two cores without a GPU."""

    policy: Path = asset("policies", "small")
    train_routes: Path = shipped_routes("millbrook_train")
    other_routes: Path = shipped_routes("millbrook_test")
    train_count: Annotated[int, Field(ge=1)] = 3
    """How many routes of the file are driven, from its first."""
    other_count: Annotated[int, Field(ge=0)] = 2
    seeds: Annotated[tuple[int, ...], Field(min_length=1)] = (0,)
    """Each route is driven once with each seed of traffic."""
    traffic: Annotated[int, Field(ge=0, le=200)] = 20
    pairs: PairConfig = PairConfig()
    dpo: DpoConfig = DpoConfig()

    def routes(self) -> dict[str, list[RouteSpec]]:
        """The routes of both sets. Raises ConfigError for a file that holds none."""
        return {
            TRAIN: read_routes(self.train_routes)[: self.train_count],
            OTHER: read_routes(self.other_routes)[: self.other_count],
        }


@dataclass(frozen=True)
class RoundFolders:
    """Where everything of a round lies."""

    root: Path

    @property
    def before(self) -> Path:
        """Evaluation and sessions of the policy as it was."""
        return self.root / "drives-before"

    @property
    def after(self) -> Path:
        """Evaluation and sessions of the retrained policy."""
        return self.root / "drives-after"

    @property
    def pairs(self) -> Path:
        """The data set of preference pairs."""
        return self.root / "pairs"

    @property
    def adapter(self) -> Path:
        """The LoRA adapter, with the training's log."""
        return self.root / "adapter"

    @property
    def policy(self) -> Path:
        """The retrained policy."""
        return self.root / "policy"

    @property
    def report(self) -> Path:
        """The HTML report."""
        return self.root / "report.html"


@dataclass(frozen=True)
class RoundResult:
    """A finished round."""

    folders: RoundFolders
    sessions: list[Path]
    """Recorded before the retraining; pairs come from those on the training routes."""
    pairs: PairsSummary
    training: DpoResult
    evaluation: Evaluation
    """Both policies, side by side."""


@dataclass(frozen=True)
class RoundListener:
    """Who is informed of how far a round is."""

    on_stage: Callable[[str], None]
    on_drive: Callable[[EvaluationProgress], None]
    on_pairs: Callable[[int, int], None]
    """Segments read, and segments in all."""
    on_step: Callable[[DpoStep], None]


@dataclass(frozen=True)
class Drives:
    """What a policy drives in a round, with the expert in the driver's seat."""

    routes: Mapping[str, Sequence[RouteSpec]]
    """Names of sets to their routes."""
    seeds: Sequence[int]
    traffic: int
    """Vehicles around the ego."""


@dataclass(frozen=True)
class Refinement:
    """A policy retrained on the takeovers of its own drives."""

    drives: Evaluation
    pairs: PairsSummary
    training: DpoResult


@dataclass(frozen=True)
class RefinementFolders:
    """New folders, one for each stage of a refinement."""

    drives: Path
    pairs: Path
    adapter: Path
    policy: Path


def run_round(
    config: RoundConfig,
    out: Path,
    listener: RoundListener,
    simulator: tuple[str, int] | None = None,
    command: str = "",
) -> RoundResult:
    """Run one round into the new folder `out`; `simulator` is host and port of a running server, None starts ours.

    Raises:
        RefineError: `out` is in use, or no takeover gave a pair (the policy needed nobody, as the text then says).
        ConfigError, CheckpointError, SimulatorError, WorldError: from the parts.

    """
    folders = RoundFolders(out)
    if out.exists() and any(out.iterdir()):
        raise RefineError(f"{out} is in use: give another folder with --out")
    check_folder(config.policy)
    drives = Drives(config.routes(), config.seeds, config.traffic)
    with server(simulator) as place:
        refinement = refine_policy(
            {BEFORE: config.policy},
            drives,
            RefinementFolders(folders.before, folders.pairs, folders.adapter, folders.policy),
            listener,
            learn_from=TRAIN,
            pairs=config.pairs,
            dpo=config.dpo,
            simulator=place,
            command=command,
        )
        listener.on_stage("drive again: the retrained policy, the same routes")
        after = drive_supervised({AFTER: folders.policy}, drives, folders.after, listener, place, command)
        both = merged([refinement.drives, after])
        write_evaluation(both, out)
        listener.on_stage("report")
        report_round(out, place)
    sessions = [folders.before / run.session for run in refinement.drives.runs if run.session]
    return RoundResult(folders, sessions, refinement.pairs, refinement.training, both)


def refine_policy(
    policy: Mapping[str, Path],
    drives: Drives,
    folders: RefinementFolders,
    listener: RoundListener,
    *,
    learn_from: str,
    pairs: PairConfig,
    dpo: DpoConfig,
    simulator: tuple[str, int] | None = None,
    command: str = "",
) -> Refinement:
    """Drive with the expert in the driver's seat, make pairs of its takeovers, train on them, merge the adapter.

    `policy` maps the policy's name in the evaluation to its folder. Only takeovers on the set of routes `learn_from`
    become pairs. Raises what `run_round` raises.
    """
    ((name, folder),) = policy.items()
    listener.on_stage("drive: the policy as it is, the expert in the driver's seat")
    evaluation = drive_supervised(policy, drives, folders.drives, listener, simulator, command)
    listener.on_stage("pairs: what the expert did, preferred over what the policy said")
    sessions = [folders.drives / run.session for run in evaluation.of(name, learn_from) if run.session]
    summary = build_pairs(sessions, folder, folders.pairs, config=pairs, on_progress=listener.on_pairs)
    listener.on_stage(f"refine: DPO on {summary.pairs} pairs")
    training = train_dpo(folders.pairs, folder, folders.adapter, dpo, listener.on_step)
    merge_adapter(folder, training.adapter, folders.policy)
    return Refinement(evaluation, summary, training)


def drive_supervised(
    policy: Mapping[str, Path],
    drives: Drives,
    out: Path,
    listener: RoundListener,
    simulator: tuple[str, int] | None = None,
    command: str = "",
) -> Evaluation:
    """Let a policy drive and the expert take over; scores and recorded sessions go into the new folder `out`."""
    return evaluate(
        policy,
        drives.routes,
        drives.seeds,
        out,
        supervised=True,
        config=SessionConfig(traffic=TrafficConfig(count=drives.traffic)),
        simulator=simulator,
        record=True,
        on_progress=listener.on_drive,
        command=command,
    )


def report_round(out: Path, simulator: tuple[str, int] | None = None) -> Path:
    """Write the report of a round from what lies in its folder.

    With a `simulator` (host and port) takeovers are shown in pictures taken of the rebuilt scenes, else in the policy's
    own small ones. Raises RefineError when `out` is no finished round.
    """
    folders = RoundFolders(out)
    evaluation = read_evaluation(out)
    return write_report(
        folders.report,
        evaluation,
        title="One round: before and after the retraining",
        before=BEFORE,
        after=AFTER,
        sessions=[folders.before / run.session for run in evaluation.of(BEFORE) if run.session],
        pairs_folder=folders.pairs,
        training_log=folders.adapter,
        simulator=simulator,
    )
