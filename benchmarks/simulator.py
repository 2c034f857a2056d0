"""How fast the simulator is: ticks against vehicles, pictures against resolution, and what each sensor costs.

`python -m benchmarks.simulator` prints three tables. For pictures and sensors a server process of its own is driven
through the unmodified client; CPU time is the server's (all its threads), so that the figures hardly depend on
other load of the machine. The cost of vehicles, and its shares, are taken in this process, on the same world.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import carla
import psutil
from rich.console import Console
from rich.table import Table

import sim.simulator.simulator
import sim.world.world
from sim.map.files import read_map
from sim.scene.poses import Pose
from sim.simulator.simulator import Simulator

ROOT = Path(__file__).resolve().parents[1]
MAP = ROOT / "assets" / "maps" / "millbrook.xodr"
FLEETS = (1, 10, 50, 200)
SIZES = ((224, 112), (640, 360), (1280, 720), (1920, 1080))
BATCH = 20
"""Vehicles spawned at a time: the library's TrafficManager gives an answer two seconds."""
MODELS = ("vehicle.tesla.model3", "vehicle.audi.tt", "vehicle.nissan.micra", "vehicle.mini.cooper_s")
PLACE = carla.Transform(carla.Location(-150.0, 1.75, 1.6))
SENSORS: dict[str, dict[str, dict[str, Any]]] = {
    "rgb": {"sensor.camera.rgb": {}},
    "depth": {"sensor.camera.depth": {}},
    "depth, semantic and instance, one place": {
        f"sensor.camera.{name}": {} for name in ("depth", "semantic_segmentation", "instance_segmentation")
    },
    "LiDAR, 32 channels, 56,000 points/s": {"sensor.lidar.ray_cast": {"range": 50}},
    "LiDAR, 64 channels, 1,200,000 points/s": {
        "sensor.lidar.ray_cast": {"range": 100, "channels": 64, "points_per_second": 1_200_000}
    },
    "semantic LiDAR, 56,000 points/s": {"sensor.lidar.ray_cast_semantic": {"range": 50}},
    "radar, 1,500 points/s": {"sensor.other.radar": {}},
    "IMU": {"sensor.other.imu": {}},
    "GNSS": {"sensor.other.gnss": {}},
    "obstacle detector": {"sensor.other.obstacle": {}},
}


@dataclass(frozen=True)
class Cost:
    """The cost of one tick."""

    wall_ms: float
    cpu_ms: float
    memory_mb: float


@contextmanager
def served(*arguments: str) -> Iterator[tuple[carla.Client, psutil.Process]]:
    """A client of a new server, and the server's process."""
    command = [sys.executable, "-m", "sim", "--port", "0", "--seed", "0", "--exit-with-parent", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT)
    assert process.stdout is not None
    try:
        client = carla.Client("127.0.0.1", int(process.stdout.readline().split()[1]))
        client.set_timeout(600.0)
        yield client, psutil.Process(process.pid)
    finally:
        process.kill()
        process.wait()


def populate(client: carla.Client, count: int, driven: bool = False) -> carla.World:
    """A synchronous 20 Hz world with vehicles all over the town, standing or driven by the TrafficManager."""
    world = client.load_world("Millbrook")
    settings = world.get_settings()
    settings.synchronous_mode, settings.fixed_delta_seconds = True, 0.05
    world.apply_settings(settings)
    library, places = world.get_blueprint_library(), world.get_map().get_spawn_points()
    chosen = places[:: max(1, len(places) // count)][:count]
    assert len(chosen) == count, f"the town has {len(places)} places"
    batch = [carla.command.SpawnActor(library.find(MODELS[k % len(MODELS)]), at) for k, at in enumerate(chosen)]
    if driven:
        # Another port for each server: the library keeps what it found behind a port for the process's life.
        manager, future = client.get_trafficmanager(8000 + count), cast(Any, carla.command.FutureActor)
        autopilot = carla.command.SetAutopilot(future, True, manager.get_port())
        batch = [spawned.then(autopilot) for spawned in batch]
    for k in range(0, count, BATCH):
        client.apply_batch_sync(batch[k : k + BATCH], False)
    world.tick()
    return world


def measure(world: carla.World, server: psutil.Process, ticks: int, last_frames: list[Any] | None = None) -> Cost:
    """Mean cost of a tick; waits for all pictures of the last one."""
    for _ in range(5):
        world.tick()
    begun_s, cpu_s = time.perf_counter(), _cpu_s(server)
    for _ in range(ticks):
        frame = world.tick()
    while last_frames and any(last[0] < frame for last in last_frames):
        time.sleep(0.001)
    wall_s, cpu_s = time.perf_counter() - begun_s, _cpu_s(server) - cpu_s
    return Cost(1e3 * wall_s / ticks, 1e3 * cpu_s / ticks, _memory_mb(server))


def _cpu_s(server: psutil.Process) -> float:
    """Of the server with the process that draws."""
    times = [process.cpu_times() for process in (server, *server.children())]
    return sum(time.user + time.system for time in times)


def _memory_mb(server: psutil.Process) -> float:
    return sum(process.memory_info().rss for process in (server, *server.children())) / 2**20


@contextmanager
def listening(world: carla.World, sensors: dict[str, dict[str, Any]]) -> Iterator[list[list[int]]]:
    """Sensors at `PLACE`; gives the frame of the last measurement that each has sent."""
    made, last_frames = [], []
    for name, attributes in sensors.items():
        blueprint = world.get_blueprint_library().find(name)
        for key, value in attributes.items():
            blueprint.set_attribute(key, str(value))
        sensor: Any = world.spawn_actor(blueprint, PLACE)
        if name != "sensor.other.obstacle":
            last_frames.append([0])
        sensor.listen(lambda data, seen=(last_frames or [[0]])[-1]: seen.__setitem__(0, data.frame))
        made.append(sensor)
    yield last_frames
    for sensor in made:
        sensor.stop()
        sensor.destroy()
    world.tick()


def shares_ms(count: int, ticks: int) -> dict[str, float]:
    """CPU milliseconds that each part of the world takes of a tick."""
    simulator = Simulator(read_map(MAP), 0, None)
    world = simulator.world
    every = [w.transform for w in world.carla_map.generate_waypoints(12.0) if not w.is_junction]
    for k, at in enumerate(every[:: max(1, len(every) // count)][:count]):
        pose = Pose(at.location.x, at.location.y, 0.0, yaw=at.rotation.yaw * 3.141592653589793 / 180.0)
        simulator.traffic.register(world.spawn([1, MODELS[k % len(MODELS)], []], pose).actor_id)
    spent: dict[str, float] = {}

    def timed(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **kwargs: Any) -> Any:
            begun = time.thread_time()
            try:
                return call(*args, **kwargs)
            finally:
                spent[name] = spent.get(name, 0.0) + 1e3 * (time.thread_time() - begun) / ticks

        return run

    untimed = sim.world.world.step_vehicles, sim.world.world.resolve
    for owner, method, name in (
        (simulator.traffic, "step", "traffic"),
        (sim.world.world, "step_vehicles", "vehicle motion"),
        (world, "_read_the_road", "limits and lights"),
        (sim.world.world, "resolve", "collisions"),
        (simulator, "_send_snapshot", "snapshot"),
    ):
        if hasattr(owner, method):
            setattr(owner, method, timed(name, getattr(owner, method)))
    simulator.settings = sim.simulator.simulator.Settings(synchronous=True, fixed_step_s=0.05)
    tick = timed("all", simulator.tick)
    for _ in range(20):
        simulator.tick()
    spent.clear()
    for _ in range(ticks):
        tick()
    sim.world.world.step_vehicles, sim.world.world.resolve = untimed
    spent["the rest"] = spent["all"] - sum(v for k, v in spent.items() if k != "all")
    return spent


def fleet_table(console: Console, ticks: int) -> None:
    """Ticks against vehicles, and the shares."""
    table = Table(title="ticks against vehicles: no rendering, our TrafficManager driving; ms CPU a tick")
    table.add_column("part")
    for count in FLEETS:
        table.add_column(f"{count} vehicles", justify="right")
    parts = [shares_ms(count, ticks) for count in FLEETS]
    for name in [name for name in parts[-1] if name != "all"]:
        table.add_row(name, *(f"{part.get(name, 0.0):.2f} ({part.get(name, 0.0) / part['all']:.0%})" for part in parts))
    table.add_row("a tick, without sockets", *(f"{part['all']:.2f}" for part in parts))
    table.add_row("ticks per CPU second", *(f"{1e3 / part['all']:.0f}" for part in parts))
    served_costs = [served_cost(count, ticks) for count in FLEETS]
    table.add_row("a tick of a server with a client", *(f"{cost.cpu_ms:.2f}" for cost in served_costs))
    table.add_row("ticks/s of it (wall)", *(f"{1e3 / cost.wall_ms:.0f}" for cost in served_costs))
    console.print(table)


def served_cost(count: int, ticks: int) -> Cost:
    """A tick of a server that draws nothing, driven through the client."""
    with served("--no-rendering") as (client, server):
        world = populate(client, count, driven=True)
        return measure(world, server, ticks)


def camera_table(console: Console, ticks: int) -> None:
    """Pictures against resolution: the world alone, with black pictures, and drawn."""
    table = Table(title="one rgb camera, 20 standing vehicles, clear noon")
    columns = (
        "resolution",
        "pictures/s (wall)",
        "ms CPU a tick",
        "world",
        "sending",
        "drawing",
        "pictures per CPU second",
    )
    for column in columns:
        table.add_column(column, justify="right")
    costs: dict[str, list[Cost]] = {"world": [], "black": [], "drawn": []}
    for mode, arguments in (("black", ["--no-rendering"]), ("drawn", [])):
        with served(*arguments) as (client, server):
            world = populate(client, 20)
            if mode == "black":
                costs["world"] = [measure(world, server, 3 * ticks)] * len(SIZES)
            for width, height in SIZES:
                size = {"image_size_x": width, "image_size_y": height}
                with listening(world, {"sensor.camera.rgb": size}) as last_frames:
                    costs[mode].append(measure(world, server, ticks, last_frames))
    for size, alone, black, drawn in zip(SIZES, *costs.values(), strict=True):
        row = [
            1e3 / drawn.wall_ms,
            drawn.cpu_ms,
            alone.cpu_ms,
            black.cpu_ms - alone.cpu_ms,
            drawn.cpu_ms - black.cpu_ms,
        ]
        table.add_row(f"{size[0]}x{size[1]}", *(f"{v:.1f}" for v in (*row, 1e3 / drawn.cpu_ms)))
    console.print(table)


def sensor_table(console: Console, ticks: int) -> None:
    """What listening to each sensor adds to a tick."""
    table = Table("sensor", title="what a sensor adds to a tick (20 standing vehicles; cameras of 640x360)")
    table.add_column("ms CPU", justify="right")
    with served() as (client, server):
        world = populate(client, 20)
        alone = measure(world, server, 3 * ticks)
        for name, sensors in SENSORS.items():
            camera = {"image_size_x": 640, "image_size_y": 360}
            sized = {key: value | (camera if "camera" in key else {}) for key, value in sensors.items()}
            with listening(world, sized) as last_frames:
                table.add_row(name, f"{measure(world, server, ticks, last_frames).cpu_ms - alone.cpu_ms:.2f}")
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ticks", type=int, default=200)
    parser.add_argument("--pictures", type=int, default=60)
    parser.add_argument("--only", choices=("fleets", "cameras", "sensors"))
    options = parser.parse_args()
    console = Console(width=130)
    if options.only in (None, "fleets"):
        fleet_table(console, options.ticks)
    if options.only in (None, "cameras"):
        camera_table(console, options.pictures)
    if options.only in (None, "sensors"):
        sensor_table(console, options.pictures)


if __name__ == "__main__":
    main()
