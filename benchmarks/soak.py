"""Soak: very many synchronous ticks with background traffic through the unmodified client, and what they cost.

A tick that takes longer than `--hang-s` counts as a hang and ends the run with exit code 1. Run from the repository:
`python -m benchmarks.soak --ticks 100000`.

`python -m benchmarks.soak --churn 2` spawns a vehicle and sensors, lets them sense and destroys them for two simulated
hours (five ticks a round) and prints how the memory of the simulator, its drawing process and the client went, twenty
times on the way; `--csv FILE` writes the same while it runs.
"""

from __future__ import annotations

import argparse
import csv
import queue
import signal
import subprocess
import sys
import threading
import time
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


@dataclass
class Watch:
    """A watchdog: notes when the last tick ended, and detects in a thread of its own one that never ends."""

    hang_s: float
    hangs: int = 0
    ended: bool = False
    last_s: float = field(default_factory=time.monotonic)

    def run(self, server: subprocess.Popen[str]) -> None:
        """Kill the server when a tick hangs, so that the client's call ends too."""
        while not self.ended:
            time.sleep(0.5)
            if not self.ended and time.monotonic() - self.last_s > self.hang_s:
                self.hangs += 1
                server.send_signal(signal.SIGUSR1)  # the simulator prints its stack traces
                time.sleep(1.0)
                server.kill()
                return


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ticks", type=int, default=100_000)
    parser.add_argument("--vehicles", type=int, default=20)
    parser.add_argument("--cameras", type=int, default=0, help="cameras of 640x360 on the first vehicle")
    parser.add_argument("--rendering", action="store_true", help="draw what the cameras see (else black pictures)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--hang-s", type=float, default=60.0)
    parser.add_argument("--warm-up", type=int, default=1000, help="ticks before memory is first read")
    parser.add_argument("--churn", type=float, help="simulated hours of spawning, sensing and destroying instead")
    parser.add_argument("--csv", type=Path, help="with --churn: write each line of the table here when it is known")
    return parser.parse_args()


def _start(args: argparse.Namespace) -> tuple[subprocess.Popen[str], int]:
    command = [sys.executable, "-m", "sim", "--port", "0", "--seed", str(args.seed), "--exit-with-parent"]
    if not args.rendering:
        command.append("--no-rendering")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    words = process.stdout.readline().split()
    if len(words) != 2:
        sys.exit(f"the simulator did not start (exit code {process.wait()})")
    return process, int(words[1])


def _populate(client: carla.Client, args: argparse.Namespace) -> tuple[carla.World, list[Any], list[int]]:
    """A synchronous world with traffic; gives it, its cameras and a list that counts their pictures."""
    world = client.get_world()
    settings = world.get_settings()
    settings.synchronous_mode, settings.fixed_delta_seconds = True, 0.05
    world.apply_settings(settings)
    manager = client.get_trafficmanager(8000)
    manager.set_random_device_seed(args.seed)
    car = world.get_blueprint_library().find("vehicle.tesla.model3")
    future: Any = carla.command.FutureActor
    drive = carla.command.SetAutopilot(future, True, manager.get_port())
    places = world.get_map().get_spawn_points()
    every = max(1, len(places) // args.vehicles)
    batch = [carla.command.SpawnActor(car, place).then(drive) for place in places[::every][: args.vehicles]]
    ids = [answer.actor_id for answer in client.apply_batch_sync(batch, True) if not answer.error]
    blueprint = world.get_blueprint_library().find("sensor.camera.rgb")
    blueprint.set_attribute("image_size_x", "640")
    blueprint.set_attribute("image_size_y", "360")
    pictures: list[int] = []
    cameras = []
    for _ in range(args.cameras):
        mount = carla.Transform(carla.Location(x=1.5, z=1.6))
        camera: Any = world.spawn_actor(blueprint, mount, attach_to=world.get_actor(ids[0]))
        camera.listen(lambda image: pictures.append(image.frame))
        cameras.append(camera)
    return world, cameras, pictures


CHURNED = {
    "sensor.camera.rgb": {"image_size_x": "64", "image_size_y": "36"},
    "sensor.lidar.ray_cast": {"points_per_second": "20000"},
    "sensor.other.imu": {},
    "sensor.other.collision": {},
}
CHURN_TICKS = 5


def churn_round(world: carla.World, number: int) -> None:
    """Spawn a vehicle with sensors, read each of them in every tick, and destroy them all."""
    library, places = world.get_blueprint_library(), world.get_map().get_spawn_points()
    vehicles = library.filter("vehicle.*")
    car: Any = world.spawn_actor(vehicles[number % len(vehicles)], places[number % len(places)])
    sensors: list[Any] = []
    received: queue.Queue[Any] = queue.Queue()
    for name, attributes in CHURNED.items():
        blueprint = library.find(name)
        for attribute, value in attributes.items():
            blueprint.set_attribute(attribute, value)
        sensors.append(world.spawn_actor(blueprint, carla.Transform(carla.Location(z=2.5)), attach_to=car))
        sensors[-1].listen(received.put)
    car.apply_control(carla.VehicleControl(throttle=0.7))
    for _ in range(CHURN_TICKS):
        world.tick()
        for _ in range(len(CHURNED) - 1):  # nothing collides
            received.get(timeout=60.0)
    for sensor in sensors:
        sensor.stop()
        sensor.destroy()
    car.destroy()


def resident_mb(server: subprocess.Popen[str]) -> tuple[float, float, float]:
    """Resident memory in MB of the simulator, of the processes that it started (the one that draws), and our own.

    The pictures' shared memory is in the first two.
    """
    simulator = psutil.Process(server.pid)
    own, drawing = simulator.memory_info().rss, sum(child.memory_info().rss for child in simulator.children(True))
    return own / MEGABYTE, drawing / MEGABYTE, psutil.Process().memory_info().rss / MEGABYTE


def churn(args: argparse.Namespace) -> int:
    """Print the memory on the way through the simulated hours."""
    server, port = _start(args)
    try:
        client = carla.Client("127.0.0.1", port)
        client.set_timeout(60.0)
        world = client.get_world()
        settings = world.get_settings()
        settings.synchronous_mode, settings.fixed_delta_seconds = True, 0.05
        world.apply_settings(settings)
        rounds = int(args.churn * 3600.0 / 0.05 / CHURN_TICKS)
        columns = ("simulated minutes", "rounds", "simulator, MB", "drawing process, MB", "client, MB")
        lines: list[tuple[str, ...]] = [columns]
        for part in range(21):
            for number in tqdm(range(rounds // 20 if part else args.warm_up // CHURN_TICKS), file=sys.stderr):
                churn_round(world, part + number)
            minutes = part * (rounds // 20) * CHURN_TICKS * 0.05 / 60.0
            lines.append((f"{minutes:.1f}", str(part * (rounds // 20)), *(f"{mb:.1f}" for mb in resident_mb(server))))
            if args.csv:
                with args.csv.open("w", newline="") as file:
                    csv.writer(file).writerows(lines)
    finally:
        server.kill()
        server.wait()
    table = Table(*columns, title="spawn, sense, destroy")
    for line in lines[1:]:
        table.add_row(*line)
    Console().print(table)
    return 0


def _tick(world: carla.World, ticks: int, watch: Watch) -> np.ndarray:
    """Milliseconds of every tick."""
    took = np.zeros(ticks)
    for k in tqdm(range(ticks), unit="tick", mininterval=1.0, file=sys.stderr):
        begun = time.perf_counter()
        world.tick()
        took[k] = 1000.0 * (time.perf_counter() - begun)
        watch.last_s = time.monotonic()
    return took


def main() -> int:
    args = _arguments()
    if args.churn:
        return churn(args)
    server, port = _start(args)
    watch = Watch(args.hang_s)
    threading.Thread(target=watch.run, args=(server,), daemon=True).start()
    try:
        client = carla.Client("127.0.0.1", port)
        client.set_timeout(args.hang_s + 5.0)
        world, cameras, pictures = _populate(client, args)
        _tick(world, args.warm_up, watch)
        before = resident_mb(server)
        wall_s = time.monotonic()
        took = _tick(world, args.ticks, watch)
        wall_s = time.monotonic() - wall_s
        after = resident_mb(server)
        moving = sum(car.get_velocity().length() > 0.1 for car in world.get_actors().filter("vehicle.*"))
        for camera in cameras:
            camera.stop()
    except RuntimeError as error:
        Console().print(f"[red]the run ended early[/red]: {error}; hangs: {watch.hangs}")
        return 1
    finally:
        watch.ended = True
        server.kill()
        server.wait()
    table = Table("what", "value", title=f"{args.ticks} ticks, {args.vehicles} vehicles, {args.cameras} cameras")
    table.add_row("ticks per second", f"{args.ticks / wall_s:.0f}")
    table.add_row("median / 99 % / longest tick", " / ".join(f"{q:.2f} ms" for q in np.percentile(took, (50, 99, 100))))
    table.add_row("hangs", str(watch.hangs))
    table.add_row("vehicles moving at the end", f"{moving} of {args.vehicles}")
    table.add_row("pictures received", f"{len(pictures)} of {args.cameras * (args.ticks + args.warm_up)}")
    for name, a, b in zip(("simulator", "drawing process", "client"), before, after, strict=True):
        table.add_row(f"memory of the {name}", f"{a:.1f} MB after warm-up, {b:.1f} MB at the end")
    Console().print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
