"""`takeover round`: one whole round of refinement, without a person."""

from __future__ import annotations

import shlex
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress, TaskID

from app.cli.evaluate import DriveBar, print_table
from app.console import err, out, progress_bar
from cockpit.config import load_yaml
from refine.evaluate.evaluate import EvaluationProgress
from refine.evaluate.results import summary_table
from refine.rounds import RoundConfig, RoundListener, RoundResult, run_round
from refine.train.dpo import DpoStep


def round_(
    config: Annotated[Path | None, typer.Option(help="Settings of the round (YAML).")] = None,
    policy: Annotated[Path | None, typer.Option(help="The policy to begin with; wins over the settings.")] = None,
    host: Annotated[str | None, typer.Option(help="A CARLA server; without it the embedded simulator starts.")] = None,
    port: Annotated[int, typer.Option(help="Its RPC port.")] = 2000,
    target: Annotated[Path | None, typer.Option("--out", help="New folder for everything the round makes.")] = None,
) -> None:
    """Run one whole round: drive, take over, record, pair, retrain by DPO, drive again, report.

    The expert takes over in place of a person. Needs neither a display nor a GPU.
    """
    settings = load_yaml(RoundConfig, config) if config else RoundConfig()
    if policy is not None:
        settings = settings.model_copy(update={"policy": policy})
    folder = target or Path("runs") / f"round-{datetime.now():%Y%m%d-%H%M%S}"
    with progress_bar() as progress:
        bars = StageBars(progress)
        listener = RoundListener(bars.stage, bars.drive, bars.pairs, bars.step)
        place = (host, port) if host else None
        result = run_round(settings, folder, listener, place, shlex.join(["takeover", *sys.argv[1:]]))
        bars.finish()
    print_round(result)


class StageBars:
    """A line for each stage, and a progress bar for the current one."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self._drive: DriveBar | None = None
        self._task: TaskID | None = None

    def stage(self, name: str) -> None:
        """Begin a stage: print its name."""
        self.finish()
        err.print(f"[bold]{name}[/]")
        self._drive, self._task = None, None

    def drive(self, at: EvaluationProgress) -> None:
        """Show how many routes are driven."""
        self._drive = self._drive or DriveBar(self.progress)
        self._drive.show(at)

    def pairs(self, done: int, total: int) -> None:
        """Show how many segments are read."""
        self._show("pairs", done, total, "")

    def step(self, step: DpoStep) -> None:
        """Show how many optimiser steps are made."""
        note = f"loss {step.loss:.3f}, preferred {step.accuracy:.0%}"
        self._show("dpo", step.step, step.steps, note)

    def finish(self) -> None:
        """End the stage: fill its bar."""
        if self._drive is not None:
            self._drive.done()

    def _show(self, name: str, done: int, total: int, note: str) -> None:
        if self._task is None:
            self._task = self.progress.add_task(name, total=total, note="")
        self.progress.update(self._task, completed=done, total=total, note=note)


def print_round(result: RoundResult) -> None:
    """Print the round's results and where its files are."""
    folders = result.folders
    print_table(summary_table(result.evaluation))
    takeovers = sum(len(run.takeovers) for run in result.evaluation.of("before"))
    out.print(f"sessions   {len(result.sessions)} with {takeovers} takeovers: {folders.before / 'sessions'}")
    out.print(f"pairs      {result.pairs.pairs}: {folders.pairs}")
    out.print(f"adapter    {result.training.steps} steps of DPO: {folders.adapter}")
    out.print(f"policy     {folders.policy}")
    out.print(f"report     [bold]{folders.report}[/]")
