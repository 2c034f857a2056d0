"""What an evaluation found, as plain data: to JSON and back, and as the rows of a table.

Made by `refine.evaluate.evaluate`, read by the report, the round and the command line. Nothing here drives or draws.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from cockpit.scenarios.judge import ScenarioOutcome
from refine.errors import RefineError
from refine.evaluate.metrics import DriveSums, RouteScore, paired_interval, total

EVALUATION_FILE = "evaluation.json"
MAP_FILE = "map.xodr"


@dataclass(frozen=True)
class PolicyRef:
    """A policy that was driven."""

    name: str
    folder: str
    sha256: str
    """Hash over its weights, tokens and settings (`policy.vla.checkpoint.checkpoint_sha256`)."""


@dataclass(frozen=True)
class TakeoverPlace:
    """Where the policy lost the car."""

    time_s: float
    """Simulation time since the start of the drive."""
    x: float
    y: float
    note: str
    """The driver's note, or the reason of the arbitration."""


@dataclass(frozen=True)
class Run:
    """One policy over one route with one seed."""

    policy: str
    group: str
    """Which set the route belongs to: ``train``, ``other``."""
    route_id: str
    seed: int
    end: str
    """`cockpit.session.progress.EndReason`."""
    sums: DriveSums
    score: RouteScore
    track: list[tuple[float, float, bool]]
    """x, y every quarter of a second, and whether the policy alone had the car."""
    route_line: list[tuple[float, float]]
    """x, y of the route every 2 m."""
    takeovers: list[TakeoverPlace]
    wall_s: float
    session: str = ""
    """Folder of the recording, relative to the evaluation's; empty when nothing was recorded."""
    faults: list[str] = field(default_factory=list)
    scenarios: list[ScenarioOutcome] = field(default_factory=list)
    """What came of the route's scenarios."""

    @property
    def key(self) -> tuple[str, str, int]:
        """What a run of another policy must share to be compared."""
        return self.group, self.route_id, self.seed


@dataclass(frozen=True)
class Evaluation:
    """Policies driven over the same routes with the same seeds."""

    created_at: str
    """ISO 8601 with time zone."""
    supervised: bool
    """The expert sat in the driver's seat and took over; else nobody did."""
    town: str
    traffic: int
    """Background vehicles."""
    seeds: list[int]
    policies: list[PolicyRef]
    runs: list[Run]
    versions: dict[str, str] = field(default_factory=dict)
    command: str = ""

    @property
    def groups(self) -> list[str]:
        """Sets of routes, in the order in which they were driven."""
        return list(dict.fromkeys(run.group for run in self.runs))

    def of(self, policy: str, group: str | None = None) -> list[Run]:
        """Runs of one policy, on one set of routes or on all."""
        return [run for run in self.runs if run.policy == policy and group in (None, run.group)]

    def total(self, policy: str, group: str | None = None) -> RouteScore:
        """Totals of one policy. Raises RefineError when it drove nothing there."""
        runs = self.of(policy, group)
        if not runs:
            raise RefineError(f"policy '{policy}' drove no route of {group or 'any set'} in this evaluation")
        return total((run.sums, run.score) for run in runs)

    def gain(self, before: str, after: str, group: str | None = None) -> tuple[float, float, float] | None:
        """Mean difference in driving score over common runs and its 95 % interval; None without common runs."""
        pairs = self.paired(before, after, group)
        if not pairs:
            return None
        scores = [[run.score.driving_score for run in column] for column in zip(*pairs, strict=True)]
        return paired_interval(scores[0], scores[1])

    def paired(self, before: str, after: str, group: str | None = None) -> list[tuple[Run, Run]]:
        """Runs of two policies over the same route with the same seed."""
        other = {run.key: run for run in self.of(after, group)}
        return [(run, other[run.key]) for run in self.of(before, group) if run.key in other]


@dataclass(frozen=True)
class Table:
    """Cells of a table, as text."""

    title: str
    header: tuple[str, ...]
    rows: list[tuple[str, ...]]


def merged(evaluations: Iterable[Evaluation]) -> Evaluation:
    """Several evaluations of the same routes as one (for example before and after a retraining).

    Raises RefineError when there are none, or they differ in town, traffic or supervision, or share a policy's name.
    """
    parts = list(evaluations)
    if not parts:
        raise RefineError("there are no evaluations to compare")
    first = parts[0]
    for one, other in itertools.combinations(parts, 2):
        common = {policy.name for policy in one.policies} & {policy.name for policy in other.policies}
        if common:
            raise RefineError(f"two evaluations both have a policy named {', '.join(sorted(common))}: rename one")
        if (one.town, one.traffic, one.supervised) != (other.town, other.traffic, other.supervised):
            raise RefineError("the evaluations differ in town, traffic or supervision and cannot be compared")
    return replace(
        first,
        created_at=parts[-1].created_at,
        seeds=list(dict.fromkeys(itertools.chain(*(part.seeds for part in parts)))),
        policies=[policy for part in parts for policy in part.policies],
        runs=[run for part in parts for run in part.runs],
        command="\n".join(dict.fromkeys(part.command for part in parts if part.command)),
    )


def write_evaluation(evaluation: Evaluation, folder: Path) -> Path:
    """Write `evaluation.json` into `folder`; a reader never sees half of it."""
    path = Path(folder) / EVALUATION_FILE
    new = path.with_suffix(".new")
    new.write_bytes(TypeAdapter(Evaluation).dump_json(evaluation, indent=1) + b"\n")
    new.replace(path)
    return path


def read_evaluation(path: Path | str) -> Evaluation:
    """An evaluation from its folder or file. Raises RefineError when there is none."""
    path = Path(path)
    file = path / EVALUATION_FILE if path.is_dir() else path
    try:
        return TypeAdapter(Evaluation).validate_json(file.read_bytes())
    except OSError as error:
        raise RefineError(f"{file} cannot be read ({error.strerror}); make one with `takeover evaluate`") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise RefineError(f"{file} is no evaluation: {where}: {first['msg']}") from error


def summary_table(evaluation: Evaluation) -> Table:
    """Totals of every policy on every set of routes."""
    header = (
        "routes",
        "policy",
        "driving score",
        "completion",
        "takeovers/km",
        "m between",
        "collisions/km",
        "off-road",
    )
    rows = [
        (group, policy.name, *_cells(evaluation.total(policy.name, group)))
        for group in evaluation.groups
        for policy in evaluation.policies
        if evaluation.of(policy.name, group)
    ]
    return Table("Totals", header, rows)


def route_table(evaluation: Evaluation) -> Table:
    """Every run, routes together and policies side by side."""
    header = (
        "route",
        "policy",
        "driving score",
        "completion",
        "takeovers/km",
        "m between",
        "collisions/km",
        "off-road",
    )
    order = list(dict.fromkeys(run.key for run in evaluation.runs))
    runs = sorted(evaluation.runs, key=lambda run: order.index(run.key))
    several = len({run.seed for run in runs}) > 1
    rows = [
        (f"{run.route_id} seed {run.seed}" if several else run.route_id, run.policy, *_cells(run.score)) for run in runs
    ]
    return Table("Routes", header, rows)


def _cells(score: RouteScore) -> Sequence[str]:
    between = score.metres_between_takeovers
    return (
        f"{score.driving_score:.1f}",
        f"{100 * score.completion:.0f} %",
        f"{score.takeovers_per_km:.1f}",
        f"{between:.0f}" if between is not None else f"> {score.distance_m:.0f}",
        f"{score.collisions_per_km:.1f}",
        f"{100 * score.off_road_share:.1f} %",
    )
