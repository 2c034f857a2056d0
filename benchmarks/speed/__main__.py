"""How fast the simulator ticks against vehicles and cameras, before and after a change in one run.

`python -m benchmarks.speed --before PATH` measures this checkout and another one in turn, so that both meet the same
load of the machine, prints a table and writes every measurement to `benchmarks/results/speed.csv`. CPU time is that of
the server and the processes that it has started. The rows with a camera have one of 192x96 pixels at 10 Hz, of which
every picture is waited for, as in the drive of a round. Without `--before`, this checkout alone is measured.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import queue
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any, cast

import carla
import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.simulator import BATCH, MODELS, ROOT

RESULTS = ROOT / "benchmarks" / "results" / "speed.csv"
STEP_S = 0.05
CASES = ((1, 0), (200, 0), (20, 1), (10, 0), (50, 0), (1, 1), (500, 0))
"""Vehicles and cameras."""
CAMERA = {"image_size_x": "192", "image_size_y": "96", "sensor_tick": "0.1"}
WARM_UP_TICKS = 40


def measure(checkout: Path, vehicles: int, cameras: int, ticks: int) -> dict[str, float]:
    """A server of a checkout with driven vehicles, ticked through the client; milliseconds of wall and CPU a tick."""
    command = [sys.executable, "-m", "sim", "--port", "0", "--seed", "0", "--exit-with-parent"]
    command += [] if cameras else ["--no-rendering"]
    environment = os.environ | {"PYTHONPATH": str(checkout)}
    begun_s = time.perf_counter()
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=checkout, env=environment)
    assert server.stdout is not None
    try:
        port = int(server.stdout.readline().split()[1])
        start_s = time.perf_counter() - begun_s
        client = carla.Client("127.0.0.1", port)
        client.set_timeout(600.0)
        world, actors = _populate(client, vehicles)
        listening = _cameras(world, actors[0], cameras)
        images = [sent for _, sent in listening]
        process = psutil.Process(server.pid)
        _drive(world, images, WARM_UP_TICKS)
        begun_s, cpu_s = time.perf_counter(), _cpu_s(process)
        _drive(world, images, ticks)
        wall_s, cpu_s = time.perf_counter() - begun_s, _cpu_s(process) - cpu_s
        return {"start_s": start_s, "wall_ms": 1e3 * wall_s / ticks, "cpu_ms": 1e3 * cpu_s / ticks}
    finally:
        server.kill()
        server.wait()


def _populate(client: carla.Client, count: int) -> tuple[carla.World, list[int]]:
    """A synchronous world with vehicles of the TrafficManager on places all over the town."""
    world = client.load_world("Millbrook")
    settings = world.get_settings()
    settings.synchronous_mode, settings.fixed_delta_seconds = True, STEP_S
    world.apply_settings(settings)
    places = [w.transform for w in world.get_map().generate_waypoints(9.0) if not w.is_junction]
    chosen = places[:: max(1, len(places) // count)][:count]
    library, manager = world.get_blueprint_library(), client.get_trafficmanager(8000)
    autopilot = carla.command.SetAutopilot(cast(Any, carla.command.FutureActor), True, manager.get_port())
    spawns = [carla.command.SpawnActor(library.find(MODELS[k % 4]), at).then(autopilot) for k, at in enumerate(chosen)]
    answers = [a for k in range(0, count, BATCH) for a in client.apply_batch_sync(spawns[k : k + BATCH], False)]
    world.tick()
    return world, [answer.actor_id for answer in answers if not answer.error]


def _cameras(world: carla.World, car: int, count: int) -> list[tuple[Any, queue.Queue[Any]]]:
    """Cameras on a car, each with what it sends; a camera that nobody holds sends no more."""
    found: list[tuple[Any, queue.Queue[Any]]] = []
    for _ in range(count):
        blueprint = world.get_blueprint_library().find("sensor.camera.rgb")
        for name, value in CAMERA.items():
            blueprint.set_attribute(name, value)
        place = carla.Transform(carla.Location(1.0, 0.0, 1.6))
        camera: Any = world.spawn_actor(blueprint, place, attach_to=world.get_actor(car))
        found.append((camera, queue.Queue()))
        camera.listen(found[-1][1].put)
    return found


def _drive(world: carla.World, images: list[queue.Queue[Any]], ticks: int) -> None:
    for tick in range(ticks):
        world.tick()
        if tick % 2 == 1:  # one every two ticks, in which of them does not matter
            for sent in images:
                sent.get(timeout=60.0)


def _cpu_s(process: psutil.Process) -> float:
    every = [process, *process.children(recursive=True)]
    return sum(p.cpu_times().user + p.cpu_times().system for p in every)


def _run(checkout: Path, vehicles: int, cameras: int, ticks: int) -> dict[str, float]:
    """A measurement in a process of its own: the client's library keeps its TrafficManager for a process's life."""
    numbers = [str(vehicles), str(cameras), str(ticks)]
    command = [sys.executable, "-m", "benchmarks.speed", "--measure", str(checkout), *numbers]
    answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, check=True)
    return json.loads(answer.stdout.splitlines()[-1])


def _write(rows: list[dict[str, Any]]) -> None:
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)


def _table(rows: list[dict[str, Any]], names: list[str]) -> Table:
    table = Table("vehicles", "cameras", title="ticks of 0.05 s; best of the repeats")
    for name in names:
        for column in ("ms CPU a tick", "ticks/s", "simulated s a wall s", "start s"):
            table.add_column(f"{name}: {column}", justify="right")
    best: dict[tuple[int, int], dict[str, dict[str, float]]] = defaultdict(dict)
    for row in rows:
        case = best[row["vehicles"], row["cameras"]]
        known = case.get(row["checkout"], row)
        case[row["checkout"]] = {key: min(row[key], known[key]) for key in ("cpu_ms", "wall_ms", "start_s")}
    for (vehicles, cameras), case in sorted(best.items(), key=lambda item: item[0][::-1]):
        cells = []
        for name in names:
            cost = case[name]
            rate = 1e3 / cost["wall_ms"]
            cells += [f"{cost['cpu_ms']:.2f}", f"{rate:.0f}", f"{rate * STEP_S:.1f}", f"{cost['start_s']:.1f}"]
        table.add_row(str(vehicles), str(cameras), *cells)
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path, help="another checkout, measured in turn with this one")
    parser.add_argument("--ticks", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--measure", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        checkout, *numbers = options.measure
        print(json.dumps(measure(Path(checkout), *(int(n) for n in numbers))))
        sys.stdout.flush()
        os._exit(0)  # the library's threads do not always survive Python's own end
    checkouts = ({"before": options.before.resolve()} if options.before else {}) | {"now": ROOT}
    rows: list[dict[str, Any]] = []
    for repeat in range(options.repeats):
        for vehicles, cameras in CASES:
            for name, checkout in checkouts.items():
                row = {"checkout": name, "vehicles": vehicles, "cameras": cameras, "repeat": repeat}
                rows.append(row | _run(checkout, vehicles, cameras, options.ticks))
                _write(rows)
    Console(width=160).print(_table(rows, list(checkouts)))


if __name__ == "__main__":
    main()
