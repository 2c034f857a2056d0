"""What a cabin's mirrors cost: `python -m benchmarks.speed.mirrors` draws the same pictures with and without."""

from __future__ import annotations

import argparse
import math
import time
from dataclasses import replace

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.render import MAP, busy_scene
from sim.render.models.cabin import driver_eye
from sim.render.renderer import Renderer
from sim.scene.records import CameraView, DrawnActor, SceneState
from sim.scene.weather import CLEAR_NOON, Weather

SEDAN = (2.4462, 0.9184, 0.7454)
EGO = DrawnActor(1000, "vehicle.lincoln.mkz_2020", -150.0, 1.75, 0.0, 0.0, 0.0, 0.0, SEDAN)
SKIES = {
    "day": CLEAR_NOON,
    "night": Weather(sun_altitude_angle=-30.0),
    "rain": Weather(cloudiness=90.0, precipitation=90.0, wetness=80.0),
}
SIZES = ((640, 360), (1280, 720))
RIGS = {"ahead (the inner mirror)": (0.0,), "left, ahead, right (all three)": (-60.0, 0.0, 60.0)}


def views(size: tuple[int, int], turns_deg: tuple[float, ...]) -> list[CameraView]:
    """Cameras at the driver's eye."""
    place = [at + eye for at, eye in zip((EGO.x, EGO.y, EGO.z), driver_eye(SEDAN), strict=True)]
    ahead = CameraView(*size, 90.0, *place, hidden_actor_id=EGO.actor_id, cabin=True)
    return [replace(ahead, yaw=math.radians(turn)) for turn in turns_deg]


def milliseconds(renderers: list[Renderer], scene: SceneState, seen: list[CameraView], ticks: int) -> list[float]:
    """CPU (median) of a tick of each renderer, drawn in turn."""
    spent: list[list[float]] = [[] for _ in renderers]
    for tick in range(ticks + 2):
        for renderer, times in zip(renderers, spent, strict=True):
            start = time.process_time()
            renderer.draw(scene, seen)
            if tick >= 2:
                times.append(1e3 * (time.process_time() - start))
    return [float(np.median(times)) for times in spent]


def main() -> None:
    """Draw and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ticks", type=int, default=40)
    options = parser.parse_args()
    opendrive = MAP.read_text()
    busy = busy_scene(opendrive)
    renderers = [Renderer(opendrive, mirrors=mirrors) for mirrors in (False, True)]
    table = Table(title=f"{renderers[0].device}; {len(busy.actors)} vehicles", caption="milliseconds of CPU a tick")
    for column in ("views", "resolution", "sky", "without", "with", "mirrors"):
        table.add_column(column, justify="left" if column == "views" else "right")
    for name, turns_deg in RIGS.items():
        for size in SIZES:
            for sky, weather in SKIES.items():
                scene = replace(busy, actors=(EGO, *busy.actors), weather=weather)
                off, on = milliseconds(renderers, scene, views(size, turns_deg), options.ticks)
                table.add_row(name, f"{size[0]}x{size[1]}", sky, f"{off:.1f}", f"{on:.1f}", f"{on - off:.1f}")
    Console(width=110).print(table)
    for renderer in renderers:
        renderer.release()


if __name__ == "__main__":
    main()
