"""Whether two runs of one seeded drive are the same: every actor of every tick, and every picture, by their hashes.

`python -m benchmarks.determinism --ticks 2000` drives 30 vehicles of the TrafficManager, walkers and a camera twice,
each time with a server and a client of its own, prints what was compared and a digest of it, and ends with 1 when
anything differed. A drive is a process of its own, because the client library keeps its random numbers and its
TrafficManager for a process's life.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import queue
import struct
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import carla
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
STEP_S = 0.05
SEED = "3"
WALKERS = 8
MODELS = ("vehicle.tesla.model3", "vehicle.audi.tt", "vehicle.nissan.micra", "vehicle.mini.cooper_s")


@dataclass(frozen=True)
class Drive:
    """How much is driven, and which pictures are compared."""

    ticks: int
    vehicles: int = 30
    picture_every: int = 8
    """Ticks; 0 for no camera, on a server that draws nothing."""
    width: int = 160
    height: int = 90
    town: str = "millbrook"
    """Of `python -m sim --map`: a shipped town, or an OpenDRIVE file."""


@dataclass(frozen=True)
class RunHashes:
    """The hashes of what a run received: a snapshot a tick, and the pictures."""

    snapshots: list[str]
    pictures: list[str]


def hash_of_snapshot(snapshot: carla.WorldSnapshot) -> str:
    """The SHA-256 of the step and of every number of every actor."""
    digest = hashlib.sha256(struct.pack("<d", snapshot.timestamp.delta_seconds))
    for state in sorted(snapshot, key=lambda state: state.id):
        t = state.get_transform()
        vectors = (t.location, state.get_velocity(), state.get_angular_velocity(), state.get_acceleration())
        numbers = [n for v in vectors for n in (v.x, v.y, v.z)]
        digest.update(struct.pack("<I15d", state.id, *numbers, t.rotation.pitch, t.rotation.yaw, t.rotation.roll))
    return digest.hexdigest()


def drive(port: int, load: Drive) -> None:
    """Drive, and print for each tick the hashes of its snapshot and of its picture, if there was one."""
    client = carla.Client("127.0.0.1", port)
    client.set_timeout(60.0)
    world = client.get_world()
    settings = world.get_settings()
    settings.synchronous_mode, settings.fixed_delta_seconds = True, STEP_S
    world.apply_settings(settings)
    cars = _spawn_cars(client, world, load.vehicles)
    controllers = _spawn_walkers(world)
    images: queue.Queue[Any] = queue.Queue()
    camera = _spawn_camera(world, load, cars[0], images) if load.picture_every else None
    for tick in range(load.ticks):
        frame, picture = world.tick(), ""
        if load.picture_every and tick % load.picture_every == 0:
            image = images.get(timeout=60.0)
            assert image.frame == frame
            picture = hashlib.sha256(image.raw_data).hexdigest()
        print(hash_of_snapshot(world.get_snapshot()), picture)
    for controller in controllers:
        controller.stop()
    if camera is not None:
        camera.stop()
    sys.stdout.flush()
    os._exit(0)  # the library's threads do not always survive Python's own end


def _spawn_cars(client: carla.Client, world: carla.World, count: int) -> list[int]:
    """Cars at every fifth spawn point, handed to the TrafficManager in the batch that spawns them."""
    manager = client.get_trafficmanager(8000)
    manager.set_synchronous_mode(True)
    manager.set_random_device_seed(7)
    library = world.get_blueprint_library()
    future: Any = carla.command.FutureActor
    autopilot = carla.command.SetAutopilot(future, True, manager.get_port())
    batch = [
        carla.command.SpawnActor(library.find(MODELS[k % len(MODELS)]), place).then(autopilot)
        for k, place in enumerate(world.get_map().get_spawn_points()[: 5 * count : 5])
    ]
    answers = client.apply_batch_sync(batch, True)
    assert [answer.error for answer in answers if answer.error] == []
    assert len(answers) == count, f"the town has no {count} places that far apart"
    return [answer.actor_id for answer in answers]


def _spawn_walkers(world: carla.World) -> list[Any]:
    """People on the pavements, if there are any, walked by the library's own controllers."""
    world.set_pedestrians_seed(5)
    library = world.get_blueprint_library()
    models, brain = library.filter("walker.pedestrian.*"), library.find("controller.ai.walker")
    places = [world.get_random_location_from_navigation() for _ in range(WALKERS)]
    walkers = [world.try_spawn_actor(models[k], carla.Transform(place)) for k, place in enumerate(places) if place]
    controllers: list[Any] = [world.spawn_actor(brain, carla.Transform(), w) for w in walkers if w is not None]
    world.tick()
    for controller in controllers:
        controller.start()
        controller.go_to_location(world.get_random_location_from_navigation())
    return controllers


def _spawn_camera(world: carla.World, load: Drive, car: int, images: queue.Queue[Any]) -> Any:
    blueprint = world.get_blueprint_library().find("sensor.camera.rgb")
    blueprint.set_attribute("image_size_x", str(load.width))
    blueprint.set_attribute("image_size_y", str(load.height))
    blueprint.set_attribute("sensor_tick", str(load.picture_every * STEP_S))
    place = carla.Transform(carla.Location(x=-6.0, z=3.0))
    camera: Any = world.spawn_actor(blueprint, place, attach_to=world.get_actor(car))
    camera.listen(images.put)
    return camera


def run_twice(load: Drive, timeout_s: float = 3600.0) -> tuple[RunHashes, RunHashes]:
    """Two runs at the same time, each with processes of its own. RuntimeError when one of them fails."""
    with ExitStack() as cleaning:
        servers = [_start(cleaning, "sim", "--port", "0", "--seed", SEED, *_options(load)) for _ in range(2)]
        ports = [server.stdout.readline().split()[-1] for server in servers if server.stdout]
        numbers = [str(n) for n in (load.ticks, load.vehicles, load.picture_every, load.width, load.height)]
        runs = [_start(cleaning, "benchmarks.determinism", "--drive", port, *numbers) for port in ports]
        first, second = (_hashes_of(run.communicate(timeout=timeout_s)[0], load) for run in runs)
    return first, second


def _options(load: Drive) -> list[str]:
    return ["--map", load.town] + ([] if load.picture_every else ["--no-rendering"])


def _start(cleaning: ExitStack, module: str, *arguments: str) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-m", module, *arguments], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    cleaning.callback(process.wait)
    cleaning.callback(process.kill)
    return process


def _hashes_of(text: str, load: Drive) -> RunHashes:
    words = [line.split() for line in text.splitlines()]
    if len(words) != load.ticks:
        raise RuntimeError(f"a run ended after {len(words)} of {load.ticks} ticks; its complaint is above")
    return RunHashes([line[0] for line in words], [line[1] for line in words if len(line) > 1])


def digest(run_hashes: RunHashes) -> str:
    """One hash over all snapshots and pictures of a run, to compare builds and machines by."""
    return hashlib.sha256("\n".join([*run_hashes.snapshots, *run_hashes.pictures]).encode()).hexdigest()


def differences(first: list[str], second: list[str]) -> list[int]:
    """The indices at which two runs differ."""
    return [k for k, (a, b) in enumerate(zip(first, second, strict=True)) if a != b]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ticks", type=int, default=2000)
    parser.add_argument("--vehicles", type=int, default=30)
    parser.add_argument("--picture-every", type=int, default=8, help="ticks; 0 for no camera")
    parser.add_argument("--drive", nargs=6, type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.drive:
        drive(options.drive[0], Drive(*options.drive[1:]))
    begun_s = time.perf_counter()
    first, second = run_twice(Drive(options.ticks, options.vehicles, options.picture_every))
    table = Table("hashed", "in each run", "different things seen", "differ", "first at", title="one drive, twice")
    unlike = 0
    for name, a, b in (("snapshots", first.snapshots, second.snapshots), ("pictures", first.pictures, second.pictures)):
        found = differences(a, b)
        unlike += len(found)
        table.add_row(name, str(len(a)), str(len(set(a))), str(len(found)), str(found[0]) if found else "-")
    Console().print(table)
    print(f"digest {digest(first)}")
    print(f"{options.vehicles} vehicles, {WALKERS} walkers at most, {time.perf_counter() - begun_s:.0f} s")
    sys.exit(1 if unlike else 0)


if __name__ == "__main__":
    main()
