"""Scenario routes driven by the expert and by a driver that sees nothing but the lane: how many each passes.

    python benchmarks/scenarios.py                                       # one hundred routes, both drivers
    python benchmarks/scenarios.py --jobs 2 --csv runs.csv               # stopped, it goes on when called again
    python benchmarks/scenarios.py --sample 0 --drivers expert --types ParkedObstacle,HardBreakRoute

The hundred are chosen from `collect` and `test` without chance, spread over every type and town. Headless, without
rendering and cameras; each job is a process with a simulator of its own, and a route's result does not depend on what
was driven before it, so the same call gives the same table with any number of jobs. Prints a table by type and one by
town, and why each failed.
"""

from __future__ import annotations

import argparse
import csv
import multiprocessing
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from cockpit.config import SessionConfig, TrafficConfig
from cockpit.route.files import RouteSpec, read_routes, shipped_routes
from cockpit.scenarios.judge import Phase
from cockpit.session.headless import run_headless_route
from cockpit.session.ports import DriverSource
from cockpit.session.setup import Stage
from cockpit.world.simulator import RunningSimulator, start_simulator
from policy.expert.expert import Expert, ExpertConfig
from recorder.schema import Control, DriverInput, DriverKind, Tick

LANE_MPS = 10.0
SAMPLE = 100


class LaneDriver:
    """Follows the route at the limit (or 10 m/s) and slows for bends; sees neither lights nor anybody else."""

    def __init__(self) -> None:
        self._expert = Expert(ExpertConfig(cruise_mps=LANE_MPS))

    def read(self, tick: Tick | None) -> DriverInput:
        if tick is None:
            return DriverInput(kind=DriverKind.EXPERT)
        return input_from_control(self._expert.control(replace(tick, actors=(), lights=())))

    def close(self) -> None:
        pass


class ExpertDriver:
    """The expert at the wheel."""

    def __init__(self) -> None:
        self._expert = Expert()

    def read(self, tick: Tick | None) -> DriverInput:
        return DriverInput(kind=DriverKind.EXPERT) if tick is None else input_from_control(self._expert.control(tick))

    def close(self) -> None:
        pass


def input_from_control(control: Control) -> DriverInput:
    """A control as a driver's input."""
    return DriverInput(kind=DriverKind.EXPERT, steer=control.steer, throttle=control.throttle, brake=control.brake)


DRIVERS = {"expert": ExpertDriver, "lane": LaneDriver}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A route and the set it is from."""

    group: str
    route: RouteSpec

    @property
    def type(self) -> str:
        return self.route.scenarios[0].type


@dataclass(frozen=True, slots=True)
class Job:
    """One run to be made."""

    driver: str
    group: str
    route: RouteSpec
    seed: int
    traffic: int

    @property
    def key(self) -> tuple[str, ...]:
        return self.driver, self.group, self.route.route_id, str(self.seed), str(self.traffic)


@dataclass(frozen=True, slots=True)
class Run:
    """The result of one run; a row of the CSV."""

    driver: str
    group: str
    route: str
    seed: str
    traffic: str
    town: str
    type: str
    phase: str
    reason: str
    end: str
    driven_m: float
    speed_mps: float
    sim_s: float
    wall_s: float

    @property
    def key(self) -> tuple[str, ...]:
        return self.driver, self.group, self.route, self.seed, self.traffic

    @property
    def is_passed(self) -> bool:
        return self.phase == Phase.PASSED.value


# --- choice of routes -------------------------------------------------------------------------------------------------


def spread(candidates: Sequence[Candidate], count: int) -> list[Candidate]:
    """`count` of them, as evenly as possible over types, then over the towns of a type, then over towns and sets."""
    left = list(candidates)
    types: Counter[str] = Counter()
    towns: Counter[str] = Counter()
    pairs: Counter[tuple[str, str]] = Counter()
    groups: Counter[str] = Counter()
    chosen = []
    while left and len(chosen) < count:

        def taken(one: Candidate) -> tuple:
            town = one.route.town
            return types[one.type], pairs[one.type, town], towns[town], groups[one.group], one.route.route_id

        best = min(left, key=taken)
        left.remove(best)
        chosen.append(best)
        types[best.type] += 1
        towns[best.route.town] += 1
        pairs[best.type, best.route.town] += 1
        groups[best.group] += 1
    return sorted(chosen, key=lambda one: (one.type, one.route.route_id))


def candidates_in(sets: Iterable[str], types: set[str], ids: set[str]) -> list[Candidate]:
    """Every route of the sets, or only of some types, or some ids."""
    every = [Candidate(name, route) for name in sets for route in read_routes(_file(name)) if route.scenarios]
    return [one for one in every if (not types or one.type in types) and (not ids or one.route.route_id in ids)]


def _file(name: str) -> Path:
    return Path(name) if name.endswith(".xml") else shipped_routes(name)


# --- one run --------------------------------------------------------------------------------------------------------


def drive(job: Job, driver: DriverSource, port: int) -> Run:
    """Drive it on the server at `port`."""
    config = SessionConfig(
        port=port,
        seed=job.seed,
        traffic=TrafficConfig(count=job.traffic),
        blocked_s=90.0,
        timeout_s=60.0,
        light_state_every=5,
    )
    begun = time.perf_counter()
    stages: list[Stage] = []
    newest: list[Tick] = []

    def keep(stage: Stage) -> tuple[()]:
        stages.append(stage)
        return ()

    def is_decided(tick: Tick) -> bool:
        newest[:] = [*newest[-1:], tick]
        director = stages[0].scenarios
        return director is not None and all(one.phase.is_over for one in director.outcomes())

    result = run_headless_route(config, job.route, None, driver, keep, (), until=is_decided)
    outcome = result.scenarios[0]
    return Run(
        driver=job.driver,
        group=job.group,
        route=job.route.route_id,
        seed=str(job.seed),
        traffic=str(job.traffic),
        town=job.route.town,
        type=outcome.type,
        phase=outcome.phase.value,
        reason=outcome.reason,
        end=result.end.value,
        driven_m=round(newest[-1].route.driven_m, 1) if newest else 0.0,
        # A tick before the end, as the last one may be that of the impact.
        speed_mps=round(newest[0].ego.speed_mps, 1) if newest else 0.0,
        sim_s=round(result.sim_time_s, 1),
        wall_s=round(time.perf_counter() - begun, 1),
    )


_simulators: list[RunningSimulator] = []


def _begin() -> None:
    """A job's process: its own simulator, which ends when its parent does."""
    _simulators.append(start_simulator(rendering=False))


def _make(job: Job) -> Run:
    return drive(job, DRIVERS[job.driver](), _simulators[0].port)


def made(jobs: Sequence[Job], processes: int) -> Iterator[Run]:
    """Each job's run as soon as it is finished; jobs not yet begun are cancelled when the generator is closed."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max(min(processes, len(jobs)), 1), spawn, _begin) as pool:
        try:
            for done in as_completed([pool.submit(_make, job) for job in jobs]):
                yield done.result()
        finally:
            pool.shutdown(cancel_futures=True)


# --- CSV and tables -------------------------------------------------------------------------------------------------


def read_runs(path: Path) -> list[Run]:
    """The runs of an earlier call; empty where there is no file."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [_run_from_row(row) for row in csv.DictReader(file)]


def _run_from_row(row: dict[str, str]) -> Run:
    numbers = {f.name: float(row[f.name]) for f in fields(Run) if f.type == "float"}
    return Run(**{**row, **numbers})  # type: ignore[arg-type]


def append_run(path: Path, run: Run) -> None:
    """One more row, written out at once."""
    is_new = not path.exists()
    with path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [f.name for f in fields(Run)])
        if is_new:
            writer.writeheader()
        writer.writerow(asdict(run))


def table(runs: Sequence[Run], title: str, column: str) -> Table:
    """How many passed: a row for each value of `column`, one column a driver."""
    drawn = Table(title=title, title_justify="left", box=None)
    drawn.add_column(column)
    drivers = [name for name in DRIVERS if any(run.driver == name for run in runs)]
    for name in drivers:
        drawn.add_column(f"{name} passed", justify="right")
    for row in sorted({getattr(run, column) for run in runs}):
        mine = [run for run in runs if getattr(run, column) == row]
        drawn.add_row(row, *(_share(run for run in mine if run.driver == name) for name in drivers))
    drawn.add_row("[bold]all", *(_share(run for run in runs if run.driver == name) for name in drivers))
    return drawn


def _share(runs: Iterable[Run]) -> str:
    counted = Counter(run.is_passed for run in runs)
    return f"{counted[True]} / {counted.total()}"


def why(runs: Sequence[Run]) -> Table:
    """Every run that did not pass."""
    drawn = Table(title="Not passed", title_justify="left", box=None)
    for name in ("driver", "type", "route", "town", "why", "at m", "at m/s"):
        drawn.add_column(name)
    for run in sorted(runs, key=lambda run: (run.driver, run.type, run.route)):
        if not run.is_passed:
            reason = f"{run.phase}: {run.reason}" if run.phase != Phase.FAILED.value else run.reason
            drawn.add_row(
                run.driver, run.type, run.route, run.town, reason, f"{run.driven_m:.0f}", f"{run.speed_mps:.1f}"
            )
    return drawn


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--drivers", default="expert,lane")
    parser.add_argument("--sets", default="collect,test", help="shipped sets, or a path to a file")
    parser.add_argument("--types", default="", help="only these, comma between them")
    parser.add_argument("--routes", default="", help="only these ids")
    parser.add_argument("--sample", type=int, default=SAMPLE, help="how many routes, spread evenly; 0: all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--traffic", type=int, default=0, help="background vehicles")
    parser.add_argument("--jobs", type=int, default=1, help="processes, each with a simulator")
    parser.add_argument("--csv", type=Path, help="write every run there at once; what is there is not driven again")
    options = parser.parse_args()
    types, ids = (set(filter(None, text.split(","))) for text in (options.types, options.routes))
    found = candidates_in(options.sets.split(","), types, ids)
    chosen = spread(found, options.sample or len(found))
    jobs = [
        Job(name, one.group, one.route, options.seed, options.traffic)
        for name in options.drivers.split(",")
        for one in chosen
    ]
    requested = {job.key for job in jobs}
    runs = [run for run in (read_runs(options.csv) if options.csv else []) if run.key in requested]
    known = {run.key for run in runs}
    console = Console(width=160)
    console.print(f"{len(jobs)} runs, {len(known)} of them made before")
    for run in made([job for job in jobs if job.key not in known], options.jobs):
        runs.append(run)
        if options.csv:
            append_run(options.csv, run)
        console.print(
            f"{run.driver} {run.route} {run.type} {run.town}: {run.phase} {run.reason} "
            f"({run.sim_s} s in {run.wall_s} s)",
            highlight=False,
        )
    console.print(table(runs, "By type", "type"))
    console.print(table(runs, "By town", "town"))
    console.print(why(runs))


if __name__ == "__main__":
    main()
