"""What drawing costs: `python -m benchmarks.render` prints tables of resolutions, of models that come, and of skies.

`--server` starts a server instead and prints how long its first answers and pictures take, and what cameras cost that
nobody hears or that are not due. Wall time is what a tick waits; CPU time counts all threads of the rasteriser and does
not grow when the machine is shared. Staging is done once a tick for all views; read-back includes nothing of the
drawing (the pipeline is emptied before it).
"""

from __future__ import annotations

import argparse
import math
import threading
import time
from pathlib import Path

import carla
import moderngl
import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.render_server import server_tables
from sim.map.lanes import LaneGraph
from sim.map.signals import Signals
from sim.render.renderer import Renderer
from sim.scene.records import CameraView, DrawnActor, DrawnLight, SceneState
from sim.scene.weather import CLEAR_NOON, Weather
from sim.world.blueprints import BLUEPRINTS

MAP = Path(__file__).parents[1] / "assets" / "maps" / "millbrook.xodr"
TOWNS = ("millbrook", "ashford", "highfield", "kingsway")
SKIES = {
    "sun elsewhere": Weather(sun_altitude_angle=35.0, sun_azimuth_angle=200.0),
    "night": Weather(sun_altitude_angle=-30.0),
    "rain": Weather(cloudiness=90.0, precipitation=90.0, wetness=80.0),
    "noon again": CLEAR_NOON,
}
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


def arrivals(renderer: Renderer) -> Table:
    """Eight vehicles and eight walkers of unseen blueprints come one by one; the walkers walk."""
    kinds = [b for name in ("vehicle.", "walker.") for b in BLUEPRINTS.values() if b.type_id.startswith(name)]
    kinds = kinds[:8] + kinds[-8:]
    spent, view = [], rig((640, 360), 1)
    renderer.draw(SceneState(), view)
    for tick in range(48):
        actors = tuple(
            DrawnActor(
                k + 1, b.type_id, -140.0 + 4.0 * k, 1.75, 0.0, 0.0, 0.0, 0.0, b.extent_m, stride=0.05 * tick % 1.0
            )
            for k, b in enumerate(kinds[: tick + 1])
        )
        start = time.process_time()
        renderer.draw(SceneState(actors), view)
        spent.append(time.process_time() - start)
    table = Table(
        title="8 vehicles and 8 walkers of unseen blueprints, one a tick (640x360)", caption="CPU milliseconds"
    )
    usual = float(np.median(spent[16:]))
    for column in ("above a usual tick, all", "the worst tick", "a usual tick"):
        table.add_column(column, justify="right")
    table.add_row(*(f"{1e3 * t:.0f}" for t in (sum(spent[:16]) - 16 * usual, max(spent), usual)))
    return table


def skies() -> Table:
    """The first picture under a new sky, of a renderer that is warmed up as the server's is."""
    table = Table(title="first picture under a new sky, 640x360", caption="CPU milliseconds (a usual picture: above)")
    for column in ("town", *SKIES):
        table.add_column(column, justify="right" if column in SKIES else "left")
    for town in TOWNS:
        renderer = Renderer(MAP.with_name(f"{town}.xodr").read_text())
        renderer.warm_up()
        cells = []
        for weather in SKIES.values():
            start = time.process_time()
            renderer.draw(SceneState(weather=weather), rig((640, 360), 1))
            cells.append(f"{1e3 * (time.process_time() - start):.0f}")
        renderer.release()
        table.add_row(town, *cells)
    return table


def in_a_thread(renderer: Renderer, scene: SceneState) -> Table:
    """How long another thread of the process stands still while one draws: why a process draws in the server."""
    views, is_over = rig((640, 360), 3), threading.Event()

    def work() -> None:
        while not is_over.is_set():
            renderer.draw(scene, views)

    table = Table(title="a thread that only looks at the clock", caption="its longest pause in 3 s, milliseconds")
    cells = []
    for is_drawing in (False, True):
        thread = threading.Thread(target=work if is_drawing else lambda: None)
        thread.start()
        longest_s, last_s = 0.0, time.perf_counter()
        end_s = last_s + 3.0
        while last_s < end_s:
            now_s = time.perf_counter()
            longest_s, last_s = max(longest_s, now_s - last_s), now_s
        is_over.set()
        thread.join()
        cells.append(f"{1e3 * longest_s:.1f}")
        is_over.clear()
    for column in ("alone", "while another thread draws"):
        table.add_column(column, justify="right")
    table.add_row(*cells)
    return table


def main() -> None:
    """Draw and print."""
    parser = argparse.ArgumentParser(description="What drawing costs.")
    parser.add_argument("--ticks", type=int, default=30)
    parser.add_argument("--gpu", type=int, default=None, help="EGL device to draw on (default: the first)")
    parser.add_argument("--server", action="store_true", help="measure a server instead")
    options = parser.parse_args()
    if options.server:
        for table in server_tables():
            Console(width=110).print(table)
        return
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
    console = Console(width=110)
    for made in (table, arrivals(renderer), in_a_thread(renderer, scene), skies()):
        console.print(made)
    renderer.release()


if __name__ == "__main__":
    main()
