"""Whether the simulator draws without a graphics card and without Vulkan, which CARLA's Unreal server needs.

`python -m benchmarks.no_gpu` says what this machine has, starts a server, receives a camera's pictures through the
unmodified client, and looks which devices and libraries the server's processes have open. Exit code 1 when a picture
is missing or empty, or when a graphics device, Vulkan or CUDA is in use. On a machine with a graphics card,
`LIBGL_ALWAYS_SOFTWARE=1` in the environment keeps Mesa from it.
"""

from __future__ import annotations

import argparse
import ctypes.util
import queue
import sys
from collections.abc import Iterable
from pathlib import Path

import carla
import numpy as np
import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.simulator import PLACE, served

DEVICES = ("dri/*", "nvidia*", "kfd")
FORBIDDEN = ("vulkan", "libcuda", "libnvidia", "/dev/dri", "/dev/nvidia", "/dev/kfd")
SIZE = (640, 360)
LEAST_SHADES = 50
"""Different colours in a picture below which it counts as empty."""


def graphics_devices() -> list[str]:
    """The graphics devices of this machine."""
    return [str(path) for pattern in DEVICES for path in sorted(Path("/dev").glob(pattern))]


def in_use(processes: Iterable[psutil.Process]) -> list[str]:
    """Mapped libraries and open files of these processes that belong to a graphics card, to Vulkan or to CUDA."""
    paths = {
        file.path for process in processes for files in (process.memory_maps(), process.open_files()) for file in files
    }
    return sorted(path for path in paths if any(word in path.lower() for word in FORBIDDEN))


def shades(ticks: int) -> tuple[list[int], list[str]]:
    """The number of different colours in each picture of a parked camera, and what the server has open meanwhile."""
    with served() as (client, process):
        world = client.get_world()
        settings = world.get_settings()
        settings.synchronous_mode, settings.fixed_delta_seconds = True, 0.05
        world.apply_settings(settings)
        blueprint = world.get_blueprint_library().find("sensor.camera.rgb")
        for name, value in zip(("image_size_x", "image_size_y"), SIZE, strict=True):
            blueprint.set_attribute(name, str(value))
        images: queue.Queue[carla.Image] = queue.Queue()
        camera = world.spawn_actor(blueprint, PLACE)
        assert isinstance(camera, carla.Sensor)
        camera.listen(images.put)  # pyright: ignore[reportArgumentType]
        found = []
        for _ in range(ticks):
            world.tick()
            pixels = np.frombuffer(images.get(timeout=60.0).raw_data, np.uint32)
            found.append(len(np.unique(pixels)))
        opened = in_use([process, *process.children(recursive=True)])
        camera.stop()
    return found, opened


def main() -> int:
    """Print the table; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ticks", type=int, default=20, help="pictures to receive")
    ticks = parser.parse_args().ticks
    found, opened = shades(ticks)
    table = Table(title="Drawing without a graphics card", show_header=False)
    table.add_row("graphics devices of this machine", ", ".join(graphics_devices()) or "none")
    table.add_row("Vulkan loader installed", ctypes.util.find_library("vulkan") or "no")
    table.add_row("graphics devices, Vulkan, CUDA in use by the server", ", ".join(opened) or "none")
    table.add_row(f"pictures of {SIZE[0]}x{SIZE[1]} received", str(len(found)))
    table.add_row("different colours in them, least", str(min(found)))
    Console().print(table)
    return 1 if opened or min(found) < LEAST_SHADES else 0


if __name__ == "__main__":
    sys.exit(main())
