"""`takeover study`: create, check, show and drive a study's file; the window reads and writes the same file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.table import Table

from app.cli.drive import drive_headless, open_window
from app.console import out
from app.study.study import Study, is_done, load_study, next_trial, save_study
from cockpit.assets import asset
from cockpit.config import ConfigError

app = typer.Typer(help="Studies: participants, conditions and their order.", no_args_is_help=True)

File = Annotated[Path, typer.Argument(help="The study's YAML file.")]
Participant = Annotated[str | None, typer.Option(help="The participant's code; wins over the file.")]
Consent = Annotated[bool, typer.Option("--consent", help="The participant has agreed.")]


@app.command()
def new(
    file: File,
    preset: Annotated[str, typer.Option(help="A shipped study to begin with.")] = "handover",
) -> None:
    """Write a study to begin with; an existing file is left alone."""
    if file.exists():
        raise ConfigError(f"{file} exists already; name another file")
    save_study(load_study(preset_path(preset)), file)
    out.print(f"wrote {file}; next: takeover study check {file}")


@app.command()
def check(file: File) -> None:
    """Check a study's file: keys, values, conditions. Exit code 2 with file, line and key when something is wrong."""
    study = load_study(file)
    out.print(f"{file}: {len(study.conditions)} conditions, {len(study.trials())} trials a participant")
    if problem := study.problem():
        out.print(f"before the first trial: {problem}")


@app.command()
def order(file: File, participant: Participant = None) -> None:
    """Show what a participant drives, in order, and what of it is done."""
    study = given(load_study(file), participant)
    table = Table(box=None, pad_edge=False)
    for heading in ("trial", "condition", "done", "folder"):
        table.add_column(heading)
    for trial in study.trials():
        table.add_row(str(trial.number), trial.condition.name, "yes" if is_done(trial) else "–", str(trial.folder))
    out.print(table)


@app.command()
def run(
    file: File,
    participant: Participant = None,
    consent: Consent = False,
    headless: Annotated[bool, typer.Option("--headless", help="Drive all trials in turn, without a window.")] = False,
) -> None:
    """Open the application with the study, at the first trial that is not done."""
    study = given(load_study(file), participant, consent)
    if not headless:
        open_window(study)
        return
    if problem := study.problem():
        raise ConfigError(problem)
    trial = next_trial(study)
    if trial is None:
        out.print(f"{study.participant} has driven all {len(study.trials())} trials")
    while trial is not None:
        out.print(f"trial {trial.number} of {trial.count}: {trial.condition.name}")
        drive_headless(trial.config, trial)
        after = next_trial(study)
        trial = after if after != trial else None


def given(study: Study, participant: str | None, consent: bool = False) -> Study:
    """The study with the command line's options applied. Raises ConfigError when the participant is no valid code."""
    fields = study.model_dump(exclude_unset=True)
    fields |= {} if participant is None else {"participant": participant, "consent": False}
    fields |= {"consent": True} if consent else {}
    try:
        return Study.model_validate(fields)
    except ValidationError as error:
        problems = "; ".join(item["msg"].removeprefix("Value error, ") for item in error.errors())
        raise ConfigError(f"--participant: {problems}") from error


def preset_path(name: str) -> Path:
    """The path of a shipped study's file. Raises ConfigError that lists the shipped names when there is none."""
    path = asset("studies", f"{name}.yaml")
    if not path.is_file():
        names = ", ".join(sorted(found.stem for found in asset("studies").glob("*.yaml")))
        raise ConfigError(f"no study '{name}' ships; there are {names}")
    return path
