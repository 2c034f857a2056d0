"""Jams: background traffic left alone in every town through the unmodified client, and whether it keeps flowing.

Standing vehicles are counted twice a second, without those that wait at a red light or in the queue before one. A
vehicle that stood for more than two minutes otherwise was stuck. Run from the repository:
`python -m benchmarks.jams --vehicles 100 --minutes 60`.
"""

from __future__ import annotations

import argparse
import multiprocessing
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import carla
import numpy as np
import psutil
from rich.console import Console
from rich.table import Table
from tqdm import tqdm

ROOT = Path(__file__).resolve().parents[1]
MEGABYTE = 1 << 20
STEP_S = 0.05
LOOK_S = 0.5
STANDING_MPS = 0.2
LONG_S, STUCK_S = 60.0, 120.0
#: The next car of a queue is no further ahead than this, and no further aside.
QUEUE_M, ASIDE_M = 14.0, 1.5


@dataclass
class Flow:
    """Statistics of the traffic of one town."""

    vehicles: int
    standing_s: np.ndarray = field(init=False)
    looks: int = 0
    speed_sum_mps: float = 0.0
    long_looks: int = 0
    longest_s: float = 0.0
    stuck: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.standing_s = np.zeros(self.vehicles)

    def look(self, x: np.ndarray, y: np.ndarray, yaw: np.ndarray, speed: np.ndarray, at_red: np.ndarray) -> None:
        """Add one observation of N vehicles: places (m), headings (rad), speeds (m/s), which are at a red light."""
        waits = queued_at_red(x, y, yaw, speed, at_red)
        self.standing_s = np.where((speed < STANDING_MPS) & ~waits, self.standing_s + LOOK_S, 0.0)
        self.looks += 1
        self.speed_sum_mps += float(speed.mean())
        self.long_looks += int((self.standing_s > LONG_S).sum())
        self.longest_s = max(self.longest_s, float(self.standing_s.max()))
        self.stuck |= set(np.nonzero(self.standing_s > STUCK_S)[0].tolist())

    def row(self) -> tuple[str, ...]:
        share = self.long_looks / max(self.looks * self.vehicles, 1)
        mean_kmh = 3.6 * self.speed_sum_mps / max(self.looks, 1)
        return f"{mean_kmh:.1f}", f"{100.0 * share:.2f} %", f"{self.longest_s:.0f}", str(len(self.stuck))


def queued_at_red(x: np.ndarray, y: np.ndarray, yaw: np.ndarray, speed: np.ndarray, at_red: np.ndarray) -> np.ndarray:
    """Which vehicles stand at a red light or in the queue before one, (N,) bool."""
    stands = speed < STANDING_MPS
    dx, dy = x - x[:, None], y - y[:, None]
    along = np.cos(yaw)[:, None] * dx + np.sin(yaw)[:, None] * dy
    aside = np.cos(yaw)[:, None] * dy - np.sin(yaw)[:, None] * dx
    behind = (along > 0.1) & (along < QUEUE_M) & (np.abs(aside) < ASIDE_M) & (np.cos(yaw[:, None] - yaw) > 0.7)
    waits = stands & at_red
    while True:
        more = stands & (waits | (behind & waits).any(axis=1))
        if (more == waits).all():
            return waits
        waits = more


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--towns", nargs="*", help="names as in the list of maps; all when none is given")
    parser.add_argument("--vehicles", type=int, default=100)
    parser.add_argument("--minutes", type=float, default=60.0, help="simulated minutes in each town")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def _populate(client: carla.Client, world: carla.World, args: argparse.Namespace) -> list[Any]:
    manager = client.get_trafficmanager(8000)
    manager.set_random_device_seed(args.seed)
    library = world.get_blueprint_library()
    models = [library.find(name) for name in ("vehicle.tesla.model3", "vehicle.audi.tt", "vehicle.nissan.micra")]
    places = world.get_map().get_spawn_points()
    order = np.random.default_rng(args.seed).permutation(len(places)).tolist()
    cars: list[Any] = []
    for k in order:
        if len(cars) == args.vehicles:
            break
        car: Any = world.try_spawn_actor(models[len(cars) % len(models)], places[k])
        if car is not None:
            car.set_autopilot(True, manager.get_port())
            cars.append(car)
    return cars


def _drive(world: carla.World, cars: list[Any], minutes: float, server: psutil.Process) -> tuple[Flow, list[float]]:
    """The flow, and the server's memory in MB after a twentieth of the time and at the end."""
    flow, memory = Flow(len(cars)), []
    looks = round(60.0 * minutes / LOOK_S)
    for look in tqdm(range(looks), unit="look", mininterval=2.0, file=sys.stderr):
        for _ in range(round(LOOK_S / STEP_S)):
            world.tick()
        found = [(car.get_transform(), car.get_velocity()) for car in cars]
        state = np.array([(t.location.x, t.location.y, np.radians(t.rotation.yaw), v.length()) for t, v in found])
        red = np.array([car.get_traffic_light_state() == carla.TrafficLightState.Red for car in cars])
        at_red = red & np.array([car.is_at_traffic_light() for car in cars])
        flow.look(state[:, 0], state[:, 1], state[:, 2], state[:, 3], at_red)
        if look in (looks // 20, looks - 1):
            memory.append(server.memory_info().rss / MEGABYTE)
    return flow, memory


def _town(town: str, args: argparse.Namespace) -> tuple[str, ...]:
    """One row of the table, from a server of its own."""
    command = [sys.executable, "-m", "sim", "--port", "0", "--no-rendering", "--exit-with-parent"]
    process = subprocess.Popen([*command, "--seed", str(args.seed)], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    try:
        client = carla.Client("127.0.0.1", int(process.stdout.readline().split()[1]))
        client.set_timeout(120.0)
        world = client.load_world(town)
        settings = world.get_settings()
        settings.synchronous_mode, settings.fixed_delta_seconds = True, STEP_S
        world.apply_settings(settings)
        cars = _populate(client, world, args)
        world.tick()
        begun = time.monotonic()
        flow, memory = _drive(world, cars, args.minutes, psutil.Process(process.pid))
        ticks_per_s = args.minutes * 60.0 / STEP_S / (time.monotonic() - begun)
        return (town, str(len(cars)), *flow.row(), f"{memory[0]:.0f} -> {memory[-1]:.0f}", f"{ticks_per_s:.0f}")
    finally:
        process.kill()
        process.wait()


def _towns() -> list[str]:
    """Every town there is, by its file."""
    return sorted(path.stem.capitalize() for path in (ROOT / "assets" / "maps").glob("*.xodr"))


def main() -> int:
    args = _arguments()
    columns = ("town", "vehicles", "mean km/h", "stood > 60 s", "longest stand s", "stuck", "memory MB", "ticks/s")
    table = Table(*columns, title=f"{args.minutes:g} simulated minutes, seed {args.seed}")
    failed = 0
    # The client library keeps one manager a port for the whole process: each town has a process of its own.
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=fresh, max_tasks_per_child=1) as pool:
        for town in args.towns or _towns():
            try:
                table.add_row(*pool.submit(_town, town, args).result())
            except RuntimeError as error:
                failed += 1
                table.add_row(town, f"ended: {error}")
    Console(width=110).print(table)
    return failed


if __name__ == "__main__":
    sys.exit(main())
