"""`takeover doctor`: what this machine can do."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from app.cli.machine.checks import Level, run_checks
from app.console import EXIT_FAILED, out

MARKS = {Level.OK: "[green]ok[/]", Level.NOTE: "[yellow]note[/]", Level.PROBLEM: "[red]problem[/]"}


def doctor(
    host: Annotated[str, typer.Option(help="Where a CARLA server would be.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Its RPC port.")] = 2000,
    folder: Annotated[Path, typer.Option("--out", help="Where sessions would be recorded.")] = Path("runs"),
) -> None:
    """Check GPU, EGL, CARLA server, input devices, displays and disk, and say what to do about each.

    Exit code 1 when the main job cannot run on this machine.
    """
    findings = run_checks(host, port, folder)
    table = Table(box=None, show_header=False, pad_edge=False)
    for finding in findings:
        table.add_row(MARKS[finding.level], finding.name, finding.text)
        if finding.advice:
            table.add_row("", "", f"[dim]{finding.advice}[/]")
    out.print(table)
    if any(finding.level is Level.PROBLEM for finding in findings):
        raise typer.Exit(EXIT_FAILED)
