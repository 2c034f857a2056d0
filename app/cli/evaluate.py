"""`takeover evaluate`: closed-loop scores of one policy or of two side by side."""

from __future__ import annotations

import shlex
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from app.console import out, progress_bar
from cockpit.assets import asset
from cockpit.config import SessionConfig, TrafficConfig
from cockpit.route.files import read_routes
from policy.agents.source import agent_file, agent_source, is_agent
from policy.egodriver.address import egodriver_address, is_egodriver
from refine.driving import Policy
from refine.errors import RefineError
from refine.evaluate.evaluate import EXPERT, EvaluationProgress
from refine.evaluate.evaluate import evaluate as evaluate_policies
from refine.evaluate.results import Evaluation, Table, route_table, summary_table
from refine.evaluate.scenario_scores import scenario_tables

TEST_ROUTES = asset("routes", "millbrook_test.xml")


def evaluate(
    policies: Annotated[
        list[str],
        typer.Argument(help=f"Folders, agent:FILE, grpc://HOST:PORT or `{EXPERT}`; the first is the baseline."),
    ],
    routes: Annotated[Path, typer.Option(help="Routes (leaderboard XML).")] = TEST_ROUTES,
    count: Annotated[int | None, typer.Option(min=1, help="Only so many of them, from the first.")] = None,
    seeds: Annotated[str, typer.Option(help="Seeds of traffic, comma between them.")] = "0",
    traffic: Annotated[int, typer.Option(min=0, help="Vehicles around the ego.")] = 20,
    replay: Annotated[Path | None, typer.Option(help="Replay recorded traffic (CSV) instead.")] = None,
    supervised: Annotated[bool, typer.Option(help="Put the expert into the driver's seat.")] = True,
    record: Annotated[bool, typer.Option(help="Record the expert's takeovers.")] = False,
    agent_config: Annotated[Path | None, typer.Option(help="What leaderboard agents' setup() reads.")] = None,
    agent_python: Annotated[Path | None, typer.Option(help="The interpreter with the agents' packages.")] = None,
    host: Annotated[str | None, typer.Option(help="A CARLA server; without it the embedded simulator starts.")] = None,
    port: Annotated[int, typer.Option(help="Its RPC port.")] = 2000,
    target: Annotated[Path | None, typer.Option("--out", help="New folder for the scores.")] = None,
) -> None:
    """Drive every policy over every route in lock-step and print the CARLA leaderboard's scores side by side."""
    folder = target or Path("runs") / f"evaluation-{datetime.now():%Y%m%d-%H%M%S}"
    with progress_bar() as progress:
        result = evaluate_policies(
            sources(named(policies), agent_config, agent_python),
            read_routes(routes)[:count],
            seed_list(seeds),
            folder,
            supervised=supervised,
            config=SessionConfig(traffic=TrafficConfig(count=traffic, replay=replay)),
            simulator=(host, port) if host else None,
            record=record,
            on_progress=DriveBar(progress).show,
            command=shlex.join(["takeover", *sys.argv[1:]]),
        )
    print_scores(result)
    out.print(f"scores: {folder}")


class DriveBar:
    """One progress bar over all the routes of an evaluation."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.task = progress.add_task("drive", total=None, note="starting")

    def show(self, at: EvaluationProgress) -> None:
        """Show how far the evaluation has come."""
        note = f"{at.policy} on {at.route_id}: {at.share:.0%}, {at.takeovers} takeovers"
        self.progress.update(self.task, completed=at.run, total=at.runs, note=note)

    def done(self) -> None:
        """Fill the bar."""
        total = self.progress.tasks[self.task].total or 1
        self.progress.update(self.task, completed=total, total=total, note="")


def named(policies: list[str]) -> dict[str, str]:
    """Short names for folders: their last part, numbered where two are the same."""
    names: dict[str, str] = {}
    for policy in policies:
        first = short_name(policy)
        name, number = first, 1
        while name in names:
            number += 1
            name = f"{first}-{number}"
        names[name] = policy
    return names


def short_name(policy: str) -> str:
    """The last part of a folder, the name of an agent's file, or a server's address as it fits into a file's name."""
    if is_egodriver(policy):
        return egodriver_address(policy).name.replace(":", "-")
    return (agent_file(policy).stem if is_agent(policy) else Path(policy).name) or policy


def sources(
    policies: dict[str, str], agent_config: Path | None = None, agent_python: Path | None = None
) -> dict[str, Policy]:
    """The policies as `evaluate` takes them. Raises AgentError and EgodriverError for what cannot be used."""
    return {name: source_of(policy, agent_config, agent_python) for name, policy in policies.items()}


def source_of(policy: str, agent_config: Path | None, agent_python: Path | None) -> Policy:
    """One policy as `evaluate` takes it; raises as `sources`."""
    if is_egodriver(policy):
        return egodriver_address(policy)
    return agent_source(policy, agent_config, agent_python) if is_agent(policy) else policy


def seed_list(text: str) -> list[int]:
    """Numbers from `0,1,2`. Raises RefineError for anything else."""
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise RefineError(f"--seeds takes whole numbers with commas between them, not '{text}'") from None


def print_scores(evaluation: Evaluation) -> None:
    """Totals, then every route, then the outcomes of scenarios, policies side by side."""
    for table in (summary_table(evaluation), route_table(evaluation), *scenario_tables(evaluation)):
        print_table(table)


def print_table(table: Table) -> None:
    """A table of scores in the terminal."""
    from rich.table import Table as RichTable

    drawn = RichTable(title=table.title, title_justify="left", box=None, pad_edge=False)
    for number, heading in enumerate(table.header):
        drawn.add_column(heading, justify="left" if number < 2 else "right")
    for row in table.rows:
        drawn.add_row(*row)
    out.print(drawn)
