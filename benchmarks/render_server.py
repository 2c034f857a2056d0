"""What `python -m benchmarks.render --server` measures: first answers and pictures, and cameras without work."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import carla
from rich.table import Table

from benchmarks.simulator import Cost, listening, measure, populate, served

SIZE = {"image_size_x": 640, "image_size_y": 360}
TICKS = 200
SKIES = ("ClearNoon", "ClearSunset", "ClearNight", "HardRainNoon")


def server_tables() -> list[Table]:
    """All tables of this module."""
    return [first_answers(), unheard()]


def _milliseconds(work: Callable[[], Any]) -> str:
    begun_s = time.perf_counter()
    work()
    return f"{1e3 * (time.perf_counter() - begun_s):.0f}"


def first_answers() -> Table:
    """Wall time of a new server's first calls, and of the first pictures under each sky with their ticks."""
    table = Table(title="a new server's first answers", caption="milliseconds of wall time")
    table.add_column("call")
    table.add_column("answer", justify="right")
    table.add_column("picture", justify="right")
    with served() as (client, _):
        table.add_row("get_server_version", _milliseconds(client.get_server_version), "")
        table.add_row("get_world", _milliseconds(client.get_world), "")
        world = populate(client, 20)
        with listening(world, {"sensor.camera.rgb": SIZE}) as (last,):
            for sky in (*SKIES, *SKIES):
                world.set_weather(getattr(carla.WeatherParameters, sky))
                begun_s = time.perf_counter()
                frame = world.tick()
                answered_s = time.perf_counter()
                while last[0] < frame:
                    time.sleep(0.0005)
                drawn_s = time.perf_counter()
                cells = (f"{1e3 * (at_s - begun_s):.0f}" for at_s in (answered_s, drawn_s))
                table.add_row(f"tick under {sky}", *cells)
    return table


def unheard() -> Table:
    """Ticks a second with cameras that nobody listens to, and with one that is due in every or every second tick."""
    table = Table(title="cameras of 640x360 with 20 standing vehicles, 20 Hz")
    for column in ("cameras", "ticks a second", "CPU ms a tick"):
        table.add_column(column, justify="left" if column == "cameras" else "right")

    def row(name: str, cost: Cost) -> None:
        table.add_row(name, f"{1e3 / cost.wall_ms:.0f}", f"{cost.cpu_ms:.2f}")

    with served() as (client, server):
        world = populate(client, 20)
        blueprint = world.get_blueprint_library().find("sensor.camera.rgb")
        there = 0
        for count in (0, 1, 8):
            while there < count:
                world.spawn_actor(blueprint, carla.Transform())
                there += 1
            row(f"{count} that nobody hears", measure(world, server, TICKS))
        for tick_s in (0.05, 0.1, 1.0):
            with listening(world, {"sensor.camera.rgb": SIZE | {"sensor_tick": tick_s}}) as _:
                row(f"1 that is heard, sensor_tick {tick_s:g}", measure(world, server, TICKS))
    return table
