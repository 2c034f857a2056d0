"""`takeover report`: the HTML report of a round or of an evaluation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.console import out
from cockpit.world.simulator import launch_simulator
from refine.evaluate.results import read_evaluation
from refine.report.report import write_report
from refine.rounds import AFTER, RoundFolders, report_round


def report(
    folder: Annotated[Path, typer.Argument(help="Folder of a round, or of `takeover evaluate`.")],
) -> None:
    """Write the report again from what lies in FOLDER: one HTML file that needs no network."""
    evaluation = read_evaluation(folder)
    is_round = AFTER in {policy.name for policy in evaluation.policies} and RoundFolders(folder).pairs.is_dir()
    sessions = [folder / run.session for run in evaluation.runs if run.session]
    with launch_simulator() as running:  # takeover scenes are rebuilt there for their pictures
        place = ("127.0.0.1", running.port)
        if is_round:
            path = report_round(folder, place)
        else:
            path = write_report(folder / "report.html", evaluation, sessions=sessions, simulator=place)
    out.print(f"report: {path}")
