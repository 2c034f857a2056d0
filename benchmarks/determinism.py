"""Whether two runs of one seeded drive are the same: everything that a client is sent, byte for byte, by its hashes.

`python -m benchmarks.determinism --ticks 2000` drives 30 vehicles of the TrafficManager in the rain, walkers and one
sensor of each kind twice, each time with a server and a client of its own, prints what was compared and a digest of it,
and ends with 1 when anything differed. Compared are the snapshots' own bytes (poses, velocities, controls, gears, speed
limits, traffic lights with their clocks; all but the wall time, and frames counted from the first one), the vehicles'
lamps, and every sensor's data. The second run's world has run by itself for longer before its clock is taken over.

`--other-machine` makes the second server's libraries find an older processor, without AVX and FMA; Embree and Mesa,
which ask the processor itself, still find the real one. A drive is a process of its own, because the client library
keeps its random numbers and its TrafficManager for a process's life.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import queue
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
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
RAIN = carla.WeatherParameters(
    cloudiness=80.0, precipitation=70.0, precipitation_deposits=60.0, wetness=80.0, sun_altitude_angle=-5.0
)
SENSORS: dict[str, dict[str, str]] = {
    "sensor.other.imu": {"noise_accel_stddev_x": "0.1"},
    "sensor.other.gnss": {"noise_lat_stddev": "1e-6"},
    "sensor.other.radar": {},
    "sensor.lidar.ray_cast": {"channels": "16", "points_per_second": "16000", "noise_stddev": "0.02"},
    "sensor.lidar.ray_cast_semantic": {"channels": "16", "points_per_second": "16000"},
}
OLD_PROCESSOR = {
    "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX512_ICL AVX512_SPR",
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX,-AVX2,-FMA,-FMA4,-AVX512F",
    "OPENBLAS_CORETYPE": "Prescott",
    "NUMBA_CPU_NAME": "generic",
    "NUMBA_CPU_FEATURES": "",
}
"""Environment in which numpy, OpenBLAS, glibc and numba find an x86-64 processor without AVX."""


STREAM_OF_FIRST_EPISODE = 1
_LENGTH = struct.Struct("<I")
_FRAME_AT, _WALL_TIME_AT = 8, 48 + 8
"""In a snapshot: the frame after the sensor's type, and the wall time after the episode's id behind the header."""


@dataclass(frozen=True)
class Drive:
    """How much is driven, and what is compared."""

    ticks: int
    vehicles: int = 30
    picture_every: int = 8
    """Ticks; 0 for no camera, on a server that draws nothing."""
    width: int = 160
    height: int = 90
    town: str = "millbrook"
    """Of `python -m sim --map`: a shipped town, or an OpenDRIVE file."""
    sensors: tuple[str, ...] = tuple(SENSORS)
    prelude_s: float = 0.0
    """How long the world runs by itself before the drive (wall time)."""


@dataclass(frozen=True)
class RunHashes:
    """The hashes of what a run received, in order, by what it was."""

    kinds: dict[str, list[str]] = field(default_factory=dict)

    @property
    def snapshots(self) -> list[str]:
        """One hash a tick."""
        return self.kinds.get("snapshot", [])

    @property
    def pictures(self) -> list[str]:
        """One hash a picture."""
        return self.kinds.get("camera", [])


class SnapshotReader:
    """A reader of its own of the first episode's snapshots, of which the client library shows only a part.

    It must read every tick, since a synchronous world waits for it.
    """

    def __init__(self, port: int) -> None:
        """`port`: of the streams, the RPC port's neighbour."""
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60.0)
        self._socket.sendall(_LENGTH.pack(STREAM_OF_FIRST_EPISODE))
        self._first_frame, _ = self._next()  # the greeting

    def without_wall_time(self, frame: int) -> bytes:
        """The snapshot of a frame, its frame counted from the one before the first that was asked for, no wall time."""
        found, data = self._next()
        while found != frame:
            found, data = self._next()
        data[_WALL_TIME_AT : _WALL_TIME_AT + 8] = bytes(8)
        struct.pack_into("<Q", data, _FRAME_AT, frame - self._first_frame)
        return bytes(data)

    def _next(self) -> tuple[int, bytearray]:
        (size,) = _LENGTH.unpack(self._read(_LENGTH.size))
        data = self._read(size)
        return struct.unpack_from("<Q", data, _FRAME_AT)[0], data

    def _read(self, size: int) -> bytearray:
        data = bytearray()
        while len(data) < size:
            part = self._socket.recv(size - len(data))
            if not part:
                raise ConnectionError("the server has closed the stream of snapshots")
            data += part
        return data


def hash_of(data: bytes) -> str:
    """SHA-256, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def bytes_of(measurement: Any) -> bytes:
    """Everything in a sensor's measurement but its frame, which counts on from a chance beginning."""
    t = measurement.transform
    head = [measurement.timestamp, *(getattr(t.location, a) for a in "xyz")]
    head += [t.rotation.pitch, t.rotation.yaw, t.rotation.roll]
    if isinstance(measurement, carla.IMUMeasurement):
        vectors = (measurement.accelerometer, measurement.gyroscope)
        body = struct.pack("<7d", *(getattr(v, a) for v in vectors for a in "xyz"), measurement.compass)
    elif isinstance(measurement, carla.GnssMeasurement):
        body = struct.pack("<3d", measurement.latitude, measurement.longitude, measurement.altitude)
    else:
        body = bytes(measurement.raw_data)
    return struct.pack("<7d", *head) + body


def drive(port: int, load: Drive) -> None:
    """Drive, and print a line for everything that was received: its kind and its hash."""
    client = carla.Client("127.0.0.1", port)
    client.set_timeout(60.0)
    world = client.get_world()
    time.sleep(load.prelude_s)
    settings = world.get_settings()
    settings.synchronous_mode, settings.fixed_delta_seconds = True, STEP_S
    world.apply_settings(settings)
    world.set_weather(RAIN)
    cars = _spawn_cars(client, world, load.vehicles)
    controllers = _spawn_walkers(world)
    snapshots = SnapshotReader(port + 1)
    vehicles: list[Any] = [world.get_actor(car) for car in cars]
    listening = {name: _listen(world, name, SENSORS[name], vehicles[0]) for name in load.sensors}
    camera = _listen(world, "sensor.camera.rgb", _picture(load), vehicles[0]) if load.picture_every else None
    for tick in range(load.ticks):
        frame = world.tick()
        print("snapshot", hash_of(snapshots.without_wall_time(frame)))
        print("lamps", hash_of(repr([int(vehicle.get_light_state()) for vehicle in vehicles]).encode()))
        for name, (_, received) in listening.items():
            print(name.removeprefix("sensor."), hash_of(bytes_of(_of_frame(received, frame))))
        if camera is not None and tick % load.picture_every == 0:
            print("camera", hash_of(bytes_of(_of_frame(camera[1], frame))))
    for controller in controllers:
        controller.stop()
    for sensor, _ in (*listening.values(), *([camera] if camera else ())):
        sensor.stop()
    sys.stdout.flush()
    os._exit(0)  # the library's threads do not always survive Python's own end


def _of_frame(received: queue.Queue[Any], frame: int) -> Any:
    measurement = received.get(timeout=60.0)
    assert measurement.frame == frame
    return measurement


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
    ids = [answer.actor_id for answer in answers]
    for car in world.get_actors(ids):
        manager.update_vehicle_lights(car, True)
    return ids


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


def _picture(load: Drive) -> dict[str, str]:
    size = {"image_size_x": str(load.width), "image_size_y": str(load.height)}
    return size | {"sensor_tick": str(load.picture_every * STEP_S)}


def _listen(world: carla.World, name: str, attributes: dict[str, str], car: Any) -> tuple[Any, queue.Queue[Any]]:
    blueprint = world.get_blueprint_library().find(name)
    for attribute, value in attributes.items():
        blueprint.set_attribute(attribute, value)
    place = carla.Transform(carla.Location(x=-6.0, z=3.0))
    sensor: Any = world.spawn_actor(blueprint, place, attach_to=car)
    received: queue.Queue[Any] = queue.Queue()
    sensor.listen(received.put)
    return sensor, received


def run_twice(
    load: Drive, timeout_s: float = 3600.0, second_prelude_s: float = 0.0, second_server: dict[str, str] | None = None
) -> tuple[RunHashes, RunHashes]:
    """Two runs at the same time, each with processes of its own. RuntimeError when one of them fails.

    Args:
        load: what is driven.
        timeout_s: longest time for a run.
        second_prelude_s: for how much longer the second run's world runs by itself first (wall time).
        second_server: environment variables of the second server.
    """
    loads = load, replace(load, prelude_s=load.prelude_s + second_prelude_s)
    with ExitStack() as cleaning:
        own = cleaning.enter_context(tempfile.TemporaryDirectory())
        cache = {"NUMBA_CACHE_DIR": own} if second_server else {}
        environments = {}, {**(second_server or {}), **cache}
        servers = [_start(cleaning, "sim", "--port", "0", "--seed", SEED, *_options(load), env=e) for e in environments]
        ports = [server.stdout.readline().split()[-1] for server in servers if server.stdout]
        runs = [
            _start(cleaning, "benchmarks.determinism", "--drive", port, json.dumps(asdict(each)))
            for port, each in zip(ports, loads, strict=True)
        ]
        first, second = (_hashes_of(run.communicate(timeout=timeout_s)[0], load) for run in runs)
    return first, second


def _options(load: Drive) -> list[str]:
    return ["--map", load.town] + ([] if load.picture_every else ["--no-rendering"])


def _start(
    cleaning: ExitStack, module: str, *arguments: str, env: dict[str, str] | None = None
) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", module, *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env={**os.environ, **(env or {})})
    cleaning.callback(process.wait)
    cleaning.callback(process.kill)
    return process


def _hashes_of(text: str, load: Drive) -> RunHashes:
    found = RunHashes()
    for kind, digest_of_one in (line.split() for line in text.splitlines()):
        found.kinds.setdefault(kind, []).append(digest_of_one)
    if len(found.snapshots) != load.ticks:
        raise RuntimeError(f"a run ended after {len(found.snapshots)} of {load.ticks} ticks; its complaint is above")
    return found


def digest(run_hashes: RunHashes) -> str:
    """One hash over everything of a run, to compare builds and machines by."""
    lines = [f"{kind} {one}" for kind, hashes in sorted(run_hashes.kinds.items()) for one in hashes]
    return hash_of("\n".join(lines).encode())


def differences(first: list[str], second: list[str]) -> list[int]:
    """The indices at which two runs differ."""
    return [k for k, (a, b) in enumerate(zip(first, second, strict=True)) if a != b]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ticks", type=int, default=2000)
    parser.add_argument("--vehicles", type=int, default=30)
    parser.add_argument("--picture-every", type=int, default=8, help="ticks; 0 for no camera")
    parser.add_argument("--other-machine", action="store_true", help="the second server computes as without AVX")
    parser.add_argument("--drive", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.drive:
        drive(int(options.drive[0]), Drive(**json.loads(options.drive[1])))
    begun_s = time.perf_counter()
    load = Drive(options.ticks, options.vehicles, options.picture_every)
    first, second = run_twice(
        load, second_prelude_s=0.7, second_server=OLD_PROCESSOR if options.other_machine else None
    )
    table = Table("hashed", "in each run", "different things seen", "differ", "first at", title="one drive, twice")
    unlike = Counter[str]()
    for kind, hashes in sorted(first.kinds.items()):
        found = differences(hashes, second.kinds[kind])
        unlike[kind] += len(found)
        table.add_row(kind, str(len(hashes)), str(len(set(hashes))), str(len(found)), str(found[0]) if found else "-")
    Console().print(table)
    print(f"digest {digest(first)}")
    print(f"{options.vehicles} vehicles, {WALKERS} walkers at most, {time.perf_counter() - begun_s:.0f} s")
    sys.exit(1 if unlike.total() else 0)


if __name__ == "__main__":
    main()
