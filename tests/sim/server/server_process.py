"""A simulator process for tests, and what the tests do with an unmodified client on it."""

from __future__ import annotations

import contextlib
import queue
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import carla

ROOT = Path(__file__).resolve().parents[3]
STEP_S = 0.05


def start(*arguments: str, **popen) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "sim", "--port", "0", "--exit-with-parent", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, **popen)


def ready_port(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    line = process.stdout.readline().split()
    if len(line) != 2 or line[0] != "ready":
        process.kill()
        raise AssertionError(f"the server did not get ready: {process.communicate()[1]}")
    return int(line[1])


@contextlib.contextmanager
def serving(*arguments: str, rendering: bool = False, env: dict[str, str] | None = None) -> Iterator[int]:
    """The port of a server that ends with the block. Its standard error is discarded: a full pipe would stop it."""
    command = [sys.executable, "-m", "sim", "--port", "0", "--exit-with-parent", *arguments]
    if not rendering:
        command.append("--no-rendering")
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=quiet, text=True, cwd=ROOT, env=env)
    try:
        yield ready_port(process)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def client_of(port: int) -> carla.Client:
    client = carla.Client("127.0.0.1", port)
    client.set_timeout(60.0)  # on a machine that may be busy
    return client


def synchronous_world(client: carla.Client) -> carla.World:
    """A new episode in synchronous mode."""
    world = client.load_world("Millbrook")
    settings = world.get_settings()
    settings.synchronous_mode = True
    settings.fixed_delta_seconds = STEP_S
    world.apply_settings(settings)
    return world


def spawn_car(
    world: carla.World, place: carla.Transform | int = 0, model: str = "vehicle.tesla.model3"
) -> carla.Vehicle:
    if isinstance(place, int):
        place = world.get_map().get_spawn_points()[place]
    return world.spawn_actor(world.get_blueprint_library().find(model), place)


def ahead_of(place: carla.Transform, metres: float) -> carla.Transform:
    return carla.Transform(place.location + metres * place.get_forward_vector(), place.rotation)


class Listening(queue.Queue):
    """A queue of what a sensor sends. Keeps a reference to the sensor, which else stops when Python collects it."""

    def __init__(self, sensor: carla.Sensor) -> None:
        super().__init__()
        self.sensor = sensor
        sensor.listen(self.put)

    def next(self):
        return self.get(timeout=60.0)


def spawn_traffic(client: carla.Client, world: carla.World, count: int, seed: int = 7) -> list[int]:
    """Cars at every fifth spawn point, handed to the TrafficManager in the batch that spawns them."""
    manager = client.get_trafficmanager(8000)
    manager.set_synchronous_mode(True)
    manager.set_random_device_seed(seed)
    library = world.get_blueprint_library()
    models = ("vehicle.tesla.model3", "vehicle.audi.tt", "vehicle.nissan.micra", "vehicle.mini.cooper_s")
    future = carla.command.FutureActor
    batch = [
        carla.command.SpawnActor(library.find(models[k % len(models)]), place).then(
            carla.command.SetAutopilot(future, True, manager.get_port())
        )
        for k, place in enumerate(world.get_map().get_spawn_points()[: 5 * count : 5])
    ]
    answers = client.apply_batch_sync(batch, True)
    assert [answer.error for answer in answers if answer.error] == []
    return [answer.actor_id for answer in answers]
