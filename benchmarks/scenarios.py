"""Every scenario route driven by the expert and by a driver that ignores everything but the lane: types x outcomes.

    python benchmarks/scenarios.py                       # the expert and the lane driver over both sets
    python benchmarks/scenarios.py --drivers expert --types ParkedObstacle,HardBreakRoute --sets test

Prints one row a type and, below, why each run failed. Headless, without rendering; the same call gives the same table.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from cockpit.config import SessionConfig, TrafficConfig
from cockpit.headless import run_headless_route
from cockpit.ports import DriverSource
from cockpit.route_files import RouteSpec, read_routes, shipped_routes
from cockpit.scenarios.judge import Phase
from cockpit.simulator import launch_simulator
from cockpit.stage import Stage
from policy.expert import Expert, ExpertConfig
from recorder.schema import Control, DriverInput, DriverKind, Tick

LANE_MPS = 10.0


class LaneDriver:
    """Follows the route at the limit (or 10 m/s) and slows for bends; sees neither lights nor anybody else."""

    def __init__(self) -> None:
        self._expert = Expert(ExpertConfig(cruise_mps=LANE_MPS))

    def read(self, tick: Tick | None) -> DriverInput:
        if tick is None:
            return DriverInput(kind=DriverKind.EXPERT)
        control: Control = self._expert.control(replace(tick, actors=(), lights=()))
        return DriverInput(kind=DriverKind.EXPERT, steer=control.steer, throttle=control.throttle, brake=control.brake)

    def close(self) -> None:
        pass


class ExpertDriver:
    """The expert at the wheel."""

    def __init__(self) -> None:
        self._expert = Expert()

    def read(self, tick: Tick | None) -> DriverInput:
        return DriverInput(kind=DriverKind.EXPERT) if tick is None else hands(self._expert.control(tick))

    def close(self) -> None:
        pass


def hands(control: Control) -> DriverInput:
    """A control as a driver's input."""
    return DriverInput(kind=DriverKind.EXPERT, steer=control.steer, throttle=control.throttle, brake=control.brake)


DRIVERS = {"expert": ExpertDriver, "lane": LaneDriver}


def drive(route: RouteSpec, driver: DriverSource, port: int, seed: int, traffic: int) -> dict:
    """One run: type, outcome, reason, wall and simulated time."""
    config = SessionConfig(
        port=port, seed=seed, traffic=TrafficConfig(count=traffic), blocked_s=90.0, timeout_s=60.0, light_state_every=5
    )
    begun = time.perf_counter()
    stages: list[Stage] = []

    def keep(stage: Stage) -> tuple[()]:
        stages.append(stage)
        return ()

    def is_decided(_: Tick) -> bool:
        director = stages[0].scenarios
        return director is not None and all(one.phase.is_over for one in director.outcomes())

    result = run_headless_route(config, route, None, driver, keep, (), until=is_decided)
    outcome = result.scenarios[0]
    return {
        "route": route.route_id,
        "town": route.town,
        "type": outcome.type,
        "phase": outcome.phase.value,
        "reason": outcome.reason,
        "end": result.end.value,
        "sim_s": round(result.sim_time_s, 1),
        "wall_s": round(time.perf_counter() - begun, 1),
    }


def table(runs: dict[str, list[dict]]) -> Table:
    """Types x outcomes, a pair of columns a driver."""
    drawn = Table(title="Scenarios passed", title_justify="left", box=None)
    drawn.add_column("type")
    for name in runs:
        drawn.add_column(name, justify="right")
    kinds = sorted({run["type"] for some in runs.values() for run in some})
    for kind in kinds:
        drawn.add_row(kind, *(_share(run for run in some if run["type"] == kind) for some in runs.values()))
    drawn.add_row("[bold]all", *(_share(some) for some in runs.values()))
    return drawn


def _share(runs: Iterable[dict]) -> str:
    counted = Counter(run["phase"] == Phase.PASSED for run in runs)
    return f"{counted[True]} / {counted.total()}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--drivers", default="expert,lane")
    parser.add_argument("--sets", default="collect,test", help="shipped sets, or a path to a file")
    parser.add_argument("--types", default="", help="only these, comma between them")
    parser.add_argument("--routes", default="", help="only these ids")
    parser.add_argument("--each", type=int, default=0, help="only so many routes of each type in each set")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--traffic", type=int, default=0, help="background vehicles")
    parser.add_argument("--json", type=Path, help="write every run there")
    options = parser.parse_args()
    routes = [one for name in options.sets.split(",") for one in read_routes(_file(name))]
    kinds, ids = set(filter(None, options.types.split(","))), set(filter(None, options.routes.split(",")))
    routes = [r for r in routes if not kinds or r.scenarios[0].type in kinds]
    routes = [r for r in routes if not ids or r.route_id in ids]
    routes = _first_of_each(routes, options.each) if options.each else routes
    runs: dict[str, list[dict]] = defaultdict(list)
    console = Console(width=160)
    with launch_simulator(rendering=False) as simulator:
        for name in options.drivers.split(","):
            for route in routes:
                run = drive(route, DRIVERS[name](), simulator.port, options.seed, options.traffic)
                runs[name].append(run)
                console.print(
                    f"{name} {run['route']} {run['type']}: {run['phase']} {run['reason']} "
                    f"({run['sim_s']} s in {run['wall_s']} s)"
                )
    console.print(table(runs))
    if options.json:
        options.json.write_text(json.dumps(runs, indent=1))


def _first_of_each(routes: list[RouteSpec], count: int) -> list[RouteSpec]:
    seen: Counter[str] = Counter()
    kept = []
    for route in routes:
        seen[route.scenarios[0].type] += 1
        if seen[route.scenarios[0].type] <= count:
            kept.append(route)
    return kept


def _file(name: str) -> Path:
    return Path(name) if name.endswith(".xml") else shipped_routes(name)


if __name__ == "__main__":
    main()
