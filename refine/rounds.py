"""One whole round without a person: drive, take over, record, pair, retrain, drive again, report.

The expert stands in for the person. Only takeovers on the training routes become pairs, so that the other routes tell
whether the retrained policy learnt something that it was not shown. Each stage writes below one folder as it ends; a
round that is cut short keeps what it made.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
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
    """Who is told how far a round is."""

    on_stage: Callable[[str], None]
    on_drive: Callable[[EvaluationProgress], None]
    on_pairs: Callable[[int, int], None]
    on_step: Callable[[DpoStep], None]


def run_round(
    config: RoundConfig,
    out: Path,
    listener: RoundListener,
    simulator: tuple[str, int] | None = None,
    command: str = "",
) -> RoundResult:
    """Run one round into the new folder `out`; `simulator` is host and port of a running server, None starts ours.

    Raises:
        RefineError: `out` is in use, or no takeover gave a pair (the policy needed nobody, which is told).
        ConfigError, CheckpointError, SimulatorError, WorldError: from the parts.

    """
    folders = RoundFolders(out)
    if out.exists() and any(out.iterdir()):
        raise RefineError(f"{out} is in use: give another folder with --out")
    check_folder(config.policy)
    routes = config.routes()
    session_config = SessionConfig(traffic=TrafficConfig(count=config.traffic))

    def drive(name: str, policy: Path, folder: Path, place: tuple[str, int]) -> Evaluation:
        return evaluate(
            {name: policy},
            routes,
            config.seeds,
            folder,
            supervised=True,
            config=session_config,
            simulator=place,
            record=True,
            on_progress=listener.on_drive,
            command=command,
        )

    with server(simulator) as place:
        listener.on_stage("drive: the policy as it is, the expert in the driver's seat")
        before = drive(BEFORE, config.policy, folders.before, place)
        listener.on_stage("pairs: what the expert did, preferred over what the policy said")
        sessions = [folders.before / run.session for run in before.runs if run.session]
        learnt_from = [folders.before / run.session for run in before.of(BEFORE, TRAIN) if run.session]
        pairs = build_pairs(
            learnt_from, config.policy, folders.pairs, config=config.pairs, on_progress=listener.on_pairs
        )
        listener.on_stage(f"refine: DPO on {pairs.pairs} pairs")
        training = train_dpo(folders.pairs, config.policy, folders.adapter, config.dpo, listener.on_step)
        merge_adapter(config.policy, folders.adapter, folders.policy)
        listener.on_stage("drive again: the retrained policy, the same routes")
        after = drive(AFTER, folders.policy, folders.after, place)
        both = merged([before, after])
        write_evaluation(both, out)
        listener.on_stage("report")
        report_round(out, place)
    return RoundResult(folders, sessions, pairs, training, both)


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
