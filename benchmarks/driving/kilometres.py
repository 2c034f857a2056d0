"""How far a policy drives between takeovers: random routes in every town and weather, the expert watching.

    python -m benchmarks.driving.kilometres --policy assets/policies/small --kilometres 40
    python -m benchmarks.driving.kilometres --table benchmarks/results/kilometres.csv

Each drive is one random route with its own seed, in lock-step; towns are taken in turn, and weathers for each round of
towns. A drive's row is written when it is done, so that an interrupted run goes on with the same command. Intervals:
exact Poisson over the takeovers, and a bootstrap over drives, which also knows that some routes are harder. Nothing is
trained on these seeds (`SEED` and above).
"""

from __future__ import annotations

import argparse
import csv
import functools
import json
import os
from collections import Counter
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np
from scipy.stats import chi2

from cockpit.config import SessionConfig, TrafficConfig
from cockpit.session.headless import run_headless_route
from cockpit.world.simulator import launch_simulator
from policy.expert.safety_driver import SafetyDriver
from policy.serving.process import PolicyProcess
from recorder.layout.takeovers import is_takeover
from recorder.schema import Tick
from refine.data.processes import is_parent_alive, share_out
from refine.driving import policy_cameras
from refine.evaluate.metrics import DriveMeter

SEED = 900_000_000
TOWNS = ("Millbrook", "Ashford", "Highfield", "Kingsway")
WEATHERS = ("ClearNoon", "CloudySunset", "WetNoon", "HardRainNoon", "ClearNight", "MidRainSunset")
ROUTE_M, TRAFFIC, TIME_LIMIT_S = 500.0, 20, 240.0
RESULTS = Path(__file__).parents[1] / "results" / "kilometres.csv"
COLUMNS = ("drive", "town", "weather", "end", "distance_m", "policy_m", "time_s", "takeovers", "reasons", "infractions")
DRAWS = 4000


class _Takeovers:
    """A consumer that notes why the policy lost the car."""

    def __init__(self) -> None:
        self.reasons: list[str] = []
        self._last: Tick | None = None

    def consume(self, tick: Tick) -> None:
        if self._last is not None and is_takeover(self._last.authority.authority, tick.authority.authority):
            self.reasons.append(tick.driver.note or tick.authority.reason.value.replace("_", " "))
        self._last = tick

    def close(self) -> None:
        """Nothing to finish."""


def drive(number: int, policy: PolicyProcess, folder: Path, port: int) -> dict[str, object]:
    """One drive's row."""
    town, weather = TOWNS[number % len(TOWNS)], WEATHERS[number // len(TOWNS) % len(WEATHERS)]
    session = SessionConfig(
        port=port,
        seed=SEED + number,
        town=town,
        weather=weather,
        traffic=TrafficConfig(count=TRAFFIC),
        random_route_m=ROUTE_M,
        realtime=False,
        time_limit_s=TIME_LIMIT_S,
        sensor_timeout_s=60.0,
    )
    meter, takeovers = DriveMeter(), _Takeovers()
    cameras = policy_cameras(folder)
    result = run_headless_route(session, None, policy, SafetyDriver(), [meter, takeovers], cameras=cameras)
    sums = meter.sums()
    return {
        "drive": number,
        "town": town,
        "weather": weather,
        "end": result.end.value,
        "distance_m": round(sums.distance_m, 1),
        "policy_m": round(sums.policy_m, 1),
        "time_s": round(sums.time_s, 2),
        "takeovers": sums.takeovers,
        "reasons": "; ".join(takeovers.reasons),
        "infractions": "; ".join(f"{count} {kind.value}" for kind, count in sums.infractions.items()),
    }


def drive_share(folder: Path, rows: Path, drives: int, worker: int, workers: int) -> None:
    """One process's drives, those without a row."""
    missing = [number for number in range(worker, drives, workers) if not _row_file(rows, number).exists()]
    if not missing:
        return
    with launch_simulator() as simulator, PolicyProcess(folder) as policy:
        policy.wait_ready()
        for number in missing:
            if not is_parent_alive():
                return
            row = drive(number, policy, folder, simulator.port)
            partial = rows / f".{number}.partial"
            partial.write_text(json.dumps(row), encoding="utf-8")
            partial.replace(_row_file(rows, number))


def _row_file(rows: Path, number: int) -> Path:
    return rows / f"{number:04d}.json"


def intervals(policy_m: np.ndarray, takeovers: np.ndarray) -> tuple[tuple[float, float], tuple[float, float]]:
    """95 % intervals of metres between takeovers: exact Poisson, and bootstrap over drives; inf where none occurred."""
    far, count = float(policy_m.sum()), int(takeovers.sum())
    most = float(chi2.ppf(0.975, 2 * (count + 1))) / 2.0
    least = float(chi2.ppf(0.025, 2 * count)) / 2.0 if count else 0.0
    exact = (far / most, far / least if least else float("inf"))
    picks = np.random.default_rng(0).integers(0, len(policy_m), (DRAWS, len(policy_m)))
    with np.errstate(divide="ignore"):
        ratios = policy_m[picks].sum(1) / takeovers[picks].sum(1)
    low, high = np.percentile(ratios, (2.5, 97.5), method="inverted_cdf")
    return exact, (float(low), float(high))


def print_table(rows: list[dict[str, str]]) -> None:
    """Per town, weather and in all, with intervals; then the reasons."""
    groups = {"all": rows}
    groups |= {town: [row for row in rows if row["town"] == town] for town in TOWNS}
    groups |= {weather: [row for row in rows if row["weather"] == weather] for weather in WEATHERS}
    print(
        f"{'':15}{'km':>7}{'takeovers':>11}{'m between':>11}{'95 % exact':>16}{'95 % by drives':>18}"
        f"{'hits':>6}{'red':>5}"
    )
    for name, some in groups.items():
        if not some:
            continue
        far = np.array([float(row["policy_m"]) for row in some])
        count = np.array([int(row["takeovers"]) for row in some])
        exact, by_drives = intervals(far, count)
        hits = sum("collision" in row["infractions"] for row in some)
        red = sum("red light" in row["infractions"] for row in some)
        between = f"{far.sum() / count.sum():.0f}" if count.sum() else "none"
        print(
            f"{name:15}{far.sum() / 1000:7.2f}{count.sum():11d}{between:>11}"
            f"{f'{exact[0]:.0f}..{exact[1]:.0f}':>16}{f'{by_drives[0]:.0f}..{by_drives[1]:.0f}':>18}{hits:6d}{red:5d}"
        )
    reasons = Counter(reason for row in rows for reason in row["reasons"].split("; ") if reason)
    for reason, count in reasons.most_common():
        print(f"{count:5d}  {reason}")


def main() -> None:
    """Drive what is missing, write the table's rows, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--policy", type=Path, default=Path("assets/policies/small"))
    parser.add_argument("--kilometres", type=float, default=40.0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rows", type=Path, default=Path("runs/kilometres"), help="one file a drive, to go on with")
    parser.add_argument("--csv", type=Path, default=RESULTS)
    parser.add_argument("--table", type=Path, help="only print the table of this CSV")
    arguments = parser.parse_args()
    if arguments.table is None:
        drives = round(arguments.kilometres * 1000.0 / ROUTE_M)
        arguments.rows.mkdir(parents=True, exist_ok=True)
        work = functools.partial(drive_share, arguments.policy, arguments.rows, drives)
        share_out(work, arguments.workers)
        done = [json.loads(_row_file(arguments.rows, number).read_text(encoding="utf-8")) for number in range(drives)]
        with arguments.csv.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, COLUMNS)
            writer.writeheader()
            writer.writerows(done)
        arguments.table = arguments.csv
    with arguments.table.open(encoding="utf-8") as stream:
        print_table(list(csv.DictReader(stream)))


if __name__ == "__main__":
    main()
