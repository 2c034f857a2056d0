"""`takeover pairs`: preference pairs from recorded takeovers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from app.cli.segments import sessions_in
from app.console import out, progress_bar
from cockpit.assets import asset
from refine.data.pairs import PairsSummary, build_pairs, read_card

app = typer.Typer(help="Preference pairs from recorded takeovers.", no_args_is_help=True)
SMALL_POLICY = asset("policies", "small")


@app.command()
def build(
    sessions: Annotated[list[Path], typer.Argument(help="Sessions' folders, or folders that hold sessions.")],
    target: Annotated[Path, typer.Option("--out", help="Folder of the data set; must not exist.")] = Path("runs/pairs"),
    policy: Annotated[
        Path, typer.Option(help="The policy that drove: its camera, codebook and horizon.")
    ] = SMALL_POLICY,
) -> None:
    """Build a Hugging Face data set of preference pairs (prompt, chosen, rejected, images, origin) from takeovers."""
    folders = [session for folder in sessions for session in sessions_in(folder)]
    with progress_bar() as progress:
        task = progress.add_task("pairs", total=None, note="")
        summary = build_pairs(
            folders, policy, target, on_progress=lambda done, total: progress.update(task, completed=done, total=total)
        )
    print_summary(summary)


@app.command()
def show(pairs: Annotated[Path, typer.Argument(help="Folder of pairs.")]) -> None:
    """Show what a data set of pairs was made from, and what was left out and why."""
    print_summary(read_card(pairs))


def print_summary(summary: PairsSummary) -> None:
    """Print a data set's card as a table."""
    out.print(
        f"{summary.pairs} pairs from {summary.segments} segments of {summary.sessions} sessions: {summary.folder}"
    )
    table = Table(box=None, show_header=False, pad_edge=False)
    for title, counts in (
        ("driven by", summary.by_driver),
        ("takeover by", summary.by_reason),
        ("because", summary.by_note),
        ("left out", summary.skipped),
    ):
        for name, count in sorted(counts.items(), key=lambda item: -item[1]):
            table.add_row(title, str(name), str(count))
            title = ""
    out.print(table)
