"""`takeover refine`: retrain a policy on pairs, merge an adapter, train the small policy from scratch."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import TaskID

from app.cli.pairs import SMALL_POLICY
from app.console import out, progress_bar
from cockpit.config import load_yaml

app = typer.Typer(help="Train: DPO on pairs, merging of adapters, the small policy from scratch.", no_args_is_help=True)


@app.command()
def dpo(
    pairs: Annotated[Path, typer.Argument(help="Folder of pairs, from `takeover pairs build`.")],
    policy: Annotated[Path, typer.Option(help="The policy to retrain.")] = SMALL_POLICY,
    target: Annotated[Path, typer.Option("--out", help="Folder of the adapter; must not exist.")] = Path(
        "runs/adapter"
    ),
    config: Annotated[Path | None, typer.Option(help="Settings of the training (YAML).")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Optimiser steps; wins over the settings.")] = None,
) -> None:
    """Train a LoRA adapter by DPO."""
    from refine.train.dpo import DpoConfig, DpoStep, train_dpo

    settings = load_yaml(DpoConfig, config) if config else DpoConfig()
    if steps is not None:
        settings = settings.model_copy(update={"steps": steps})
    with progress_bar() as progress:
        task = progress.add_task("dpo", total=settings.steps or None, note="loading")

        def on_step(step: DpoStep) -> None:
            note = f"loss {step.loss:.3f}  preferred {step.accuracy:.0%}"
            progress.update(task, completed=step.step, total=step.steps, note=note)

        result = train_dpo(pairs, policy, target, settings, on_step)
    out.print(
        f"adapter: {result.adapter} ({result.pairs} pairs, {result.steps} steps, {result.wall_s:.0f} s; "
        f"loss {result.first.loss:.3f} -> {result.last.loss:.3f})"
    )
    out.print(f"next: takeover refine merge {result.adapter} --policy {policy}")


@app.command()
def merge(
    adapter: Annotated[Path, typer.Argument(help="Folder of the adapter.")],
    policy: Annotated[Path, typer.Option(help="The policy it was trained for.")] = SMALL_POLICY,
    target: Annotated[Path, typer.Option("--out", help="Folder of the new policy; must not exist.")] = Path(
        "runs/policy"
    ),
) -> None:
    """Merge an adapter into its policy: a folder that drives like any other."""
    from refine.train.merge import merge_adapter

    out.print(f"policy: {merge_adapter(policy, adapter, target)}")


@app.command()
def small(
    target: Annotated[Path, typer.Option("--out", help="Working folder; an interrupted build goes on there.")] = Path(
        "runs/small-policy"
    ),
    config: Annotated[Path | None, typer.Option(help="Settings of the build (YAML).")] = None,
    install: Annotated[
        bool, typer.Option("--install", help="Put the result into assets/policies/small when it is done.")
    ] = False,
) -> None:
    """Train the small VLA from scratch: collect in all towns, train, and correct the policy's own drives.

    Takes some hours on two cores; made again with the same folder, the command goes on where it was interrupted.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # threads that spin cost tenfold where a core is taken
    from refine.build_small import BuildConfig, BuildProgress, build_small_policy
    from refine.data.collect import CollectProgress
    from refine.train.small_sft import TrainingStep

    settings = load_yaml(BuildConfig, config) if config else BuildConfig()
    with progress_bar() as progress:
        tasks: dict[str, TaskID] = {}

        def on_progress(at: BuildProgress) -> None:
            if at.stage not in tasks:
                tasks[at.stage] = progress.add_task(at.stage, total=None, note="")
            task = tasks[at.stage]
            if isinstance(at.detail, CollectProgress):
                progress.update(task, completed=at.detail.samples, total=at.detail.total)
            elif isinstance(at.detail, TrainingStep):
                note = f"loss {at.detail.loss:.3f}"
                progress.update(task, completed=at.detail.step, total=at.detail.steps, note=note)
            else:
                progress.update(task, completed=at.detail.drives, total=at.detail.total)

        policy = build_small_policy(target, settings, on_progress)
    out.print(f"policy: {policy}")
    if install:
        install_policy(policy)


def install_policy(policy: Path) -> None:
    """Replace the shipped small policy by this one."""
    part = SMALL_POLICY.with_name(".small.partial")
    shutil.rmtree(part, ignore_errors=True)
    shutil.copytree(policy, part, ignore=shutil.ignore_patterns("done", "*.jsonl"))
    shutil.rmtree(SMALL_POLICY, ignore_errors=True)
    part.rename(SMALL_POLICY)
    out.print(f"installed: {SMALL_POLICY}")
