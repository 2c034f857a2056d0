"""How long a start takes: until `ready`, the first answers, the first picture; and a change of towns.

`python -m benchmarks.speed.start --town Kingsway` starts the simulator with and without drawing, each twice, and prints
milliseconds. The second town is loaded while another client asks for the version all the time: its longest wait is how
long the server did not answer. Run `python -m sim.prepare` before, as the set-up does: else the first start builds the
towns.
"""

from __future__ import annotations

import argparse
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import carla
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[2]


class Asker(threading.Thread):
    """Another client, which asks the server something trivial all the time."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self.longest_s, self.ended = 0.0, False
        self._client = carla.Client("127.0.0.1", port)
        self._client.set_timeout(60.0)

    def run(self) -> None:
        while not self.ended:
            begun_s = time.perf_counter()
            self._client.get_server_version()
            self.longest_s = max(self.longest_s, time.perf_counter() - begun_s)
            time.sleep(0.005)


def first_picture(world: carla.World) -> None:
    """Wait for the first picture of a new camera."""
    blueprint: Any = world.get_blueprint_library().find("sensor.camera.rgb")
    camera: Any = world.spawn_actor(blueprint, world.get_map().get_spawn_points()[0])
    pictures: queue.Queue[Any] = queue.Queue()
    camera.listen(pictures.put)
    pictures.get(timeout=60.0)
    camera.stop()
    camera.destroy()


def measure(town: str, other: str, rendering: bool) -> list[str]:
    """Milliseconds of each step of one start."""
    took: list[str] = []

    def timed(step: Callable[[], Any]) -> Any:
        begun_s = time.perf_counter()
        result = step()
        took.append(f"{1000.0 * (time.perf_counter() - begun_s):.0f}")
        return result

    command = [sys.executable, "-m", "sim", "--port", "0", "--map", town, "--exit-with-parent"]
    command += [] if rendering else ["--no-rendering"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT)
    assert process.stdout is not None
    try:
        port = int(timed(process.stdout.readline).split()[1])
        client = carla.Client("127.0.0.1", port)
        client.set_timeout(60.0)
        timed(client.get_server_version)
        world = timed(client.get_world)
        timed(lambda: first_picture(world))
        asker = Asker(port)
        asker.start()
        timed(lambda: client.load_world(other))
        asker.ended = True
        asker.join()
        took.append(f"{1000.0 * asker.longest_s:.0f}")
    finally:
        process.kill()
        process.wait()
    return took


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--town", default="Millbrook")
    parser.add_argument("--other", default="Kingsway", help="the town that is loaded then")
    args = parser.parse_args()
    columns = ("drawing", "ready", "version", "get_world", "first picture", "load_world", "longest wait of another")
    table = Table(*columns, title=f"milliseconds; {args.town}, then {args.other}")
    for rendering in (False, False, True, True):
        table.add_row("yes" if rendering else "no", *measure(args.town, args.other, rendering))
    Console().print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
