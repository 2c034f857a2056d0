"""What drawing costs: `python benchmarks/render.py` prints a table of resolutions and views.

Wall time is what a tick waits; CPU time counts all threads of the rasteriser and does not grow when the machine is
shared. Staging is done once a tick for all views; read-back includes nothing of the drawing (the pipeline is emptied
before it).
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path

import carla
import moderngl
import numpy as np
from rich.console import Console
from rich.table import Table

from sim.map.lanes import LaneGraph
from sim.map.signals import Signals
from sim.render.renderer import Renderer
from sim.scene.records import CameraView, DrawnActor, DrawnLight, SceneState
from sim.world.blueprints import BLUEPRINTS

MAP = Path(__file__).parents[1] / "assets" / "maps" / "millbrook.xodr"
VEHICLES = 40
CASES = (((224, 112), 1), ((640, 360), 1), ((640, 360), 3), ((1280, 720), 1), ((1280, 720), 3))


class TimedRenderer(Renderer):
    """A renderer that empties the pipeline before it reads back, and times the reading."""

    read_s = 0.0

    def _read(self, frame: moderngl.Framebuffer, view: CameraView) -> np.ndarray:
        self._ctx.finish()
        start = time.perf_counter()
        image = super()._read(frame, view)
        self.read_s += time.perf_counter() - start
        return image


def busy_scene(opendrive: str) -> SceneState:
    """The town at noon with traffic all over it."""
    rng = np.random.default_rng(0)
    town = carla.Map("town", opendrive)
    places = town.generate_waypoints(20.0)
    kinds = [b for b in BLUEPRINTS.values() if b.type_id.startswith("vehicle.")]
    actors = []
    for i, k in enumerate(rng.choice(len(places), VEHICLES, replace=False).tolist()):
        at, kind = places[k].transform, kinds[i % len(kinds)]
        pose = (at.location.x, at.location.y, at.location.z, 0.0, 0.0, math.radians(at.rotation.yaw))
        actors.append(DrawnActor(i + 1, kind.type_id, *pose, extent_m=kind.extent_m, brake_light=i % 3 == 0))
    signals = Signals(town, LaneGraph.from_map(town)).lights
    lights = tuple(DrawnLight(s.x, s.y, s.z, s.yaw_rad, int(s.state)) for s in signals)
    return SceneState(tuple(actors), lights)


def rig(size: tuple[int, int], count: int) -> list[CameraView]:
    """Cameras of a driver before the town's main junction: ahead, or left, ahead and right."""
    turns = [0.0] if count == 1 else [math.radians(a) for a in (-60.0, 0.0, 60.0)]
    return [CameraView(*size, 90.0, -150.0, 1.75, 1.6, yaw=turn) for turn in turns]


def milliseconds(renderer: TimedRenderer, scene: SceneState, views: list[CameraView], ticks: int) -> np.ndarray:
    """Wall (median), CPU (mean) and read-back (mean) of a tick."""
    renderer.draw(scene, views)
    renderer.read_s, walls, cpu = 0.0, [], time.process_time()
    for _ in range(ticks):
        start = time.perf_counter()
        renderer.draw(scene, views)
        walls.append(time.perf_counter() - start)
    cpu = (time.process_time() - cpu) / ticks
    return 1e3 * np.array([np.median(walls), cpu, renderer.read_s / ticks])


def main() -> None:
    """Draw and print."""
    parser = argparse.ArgumentParser(description="What drawing costs.")
    parser.add_argument("--ticks", type=int, default=30)
    parser.add_argument("--gpu", type=int, default=None, help="EGL device to draw on (default: the first)")
    options = parser.parse_args()
    opendrive = MAP.read_text()
    scene = busy_scene(opendrive)
    start = time.perf_counter()
    renderer = TimedRenderer(opendrive, options.gpu)
    title = f"{renderer.device}; {VEHICLES} vehicles; town built in {time.perf_counter() - start:.1f} s"
    table = Table(title=title, caption="milliseconds a tick")
    for column in ("resolution", "views", "wall", "CPU", "CPU a view", "of which staging", "drawing", "read-back"):
        table.add_column(column, justify="right")
    staging = milliseconds(renderer, scene, [], options.ticks)[1]
    for size, count in CASES:
        wall, cpu, read = milliseconds(renderer, scene, rig(size, count), options.ticks)
        parts = [wall, cpu, cpu / count, staging, cpu - staging - read, read]
        table.add_row(f"{size[0]}x{size[1]}", str(count), *(f"{part:.1f}" for part in parts))
    renderer.release()
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
