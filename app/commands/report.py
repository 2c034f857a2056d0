"""`takeover report`: the HTML report of a round or of an evaluation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.console import out
from app.round import AFTER, RoundFolders, report_round
from refine.report import write_report
from refine.results import read_evaluation


def report(
    folder: Annotated[Path, typer.Argument(help="Folder of a round, or of `takeover evaluate`.")],
) -> None:
    """Write the report again from what lies in FOLDER: one HTML file that needs no network."""
    evaluation = read_evaluation(folder)
    if AFTER in {policy.name for policy in evaluation.policies} and RoundFolders(folder).pairs.is_dir():
        out.print(f"report: {report_round(folder)}")
        return
    sessions = [folder / run.session for run in evaluation.runs if run.session]
    out.print(f"report: {write_report(folder / 'report.html', evaluation, sessions=sessions)}")
