"""The choices that the window's form offers: rigs, towns, routes, policies, input devices."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from app.config import DriverChoice
from cockpit.assets import asset
from cockpit.config import ConfigError
from cockpit.devices import list_devices
from cockpit.route.files import read_routes
from policy.vla.checkpoint import SETTINGS_FILE

WEATHERS = ("ClearNoon", "CloudyNoon", "WetNoon", "HardRainNoon", "ClearSunset", "CloudySunset", "ClearNight")


@dataclass(frozen=True, slots=True)
class RouteChoice:
    """A route to drive; without a file, a random one."""

    label: str
    town: str = ""
    file: Path | None = None
    route_id: str | None = None


@dataclass(frozen=True, slots=True)
class DriverOption:
    """A driver that can be chosen, and the device."""

    label: str
    driver: DriverChoice
    device: str | None = None
    is_usable: bool = True
    message: str = ""
    """Why the device cannot be used, and what to do; empty when it can."""


RANDOM_ROUTE = RouteChoice("Random route")


def route_choices(files: tuple[Path, ...] = ()) -> list[RouteChoice]:
    """The random route, then every route of the shipped files and of `files`; unreadable files are left out."""
    shipped = sorted(asset("routes").glob("*.xml")) if asset("routes").is_dir() else []
    found = [RANDOM_ROUTE]
    for file in (*shipped, *files):
        try:
            routes = read_routes(file)
        except ConfigError:
            continue
        found += [RouteChoice(f"{file.stem} · {route.route_id}", route.town, file, route.route_id) for route in routes]
    return found


def studies_in(*folders: Path) -> list[Path]:
    """Study files that come with the program, then those in `folders`."""
    return [path for folder in (asset("studies"), *folders) for path in sorted(folder.glob("*.yaml"))]


def folders_with(name: str, root: Path) -> list[Path]:
    """Folders at or below `root` that hold a file called `name`, the newest first.

    Zarr stores are not searched: they hold thousands of small files.
    """
    found = []
    for folder, below, files in os.walk(root):
        below[:] = sorted(entry for entry in below if not entry.endswith(".zarr"))
        if name in files:
            found.append(Path(folder))
    return sorted(found, key=lambda path: -(path / name).stat().st_mtime)


def policy_choices(out: Path) -> list[Path]:
    """Checkpoint folders: those that come with the program, then those that rounds made below `out`, newest first."""
    root = asset("policies")
    shipped = sorted(path.parent for path in root.glob(f"*/{SETTINGS_FILE}")) if root.is_dir() else []
    return shipped + folders_with(SETTINGS_FILE, out)


def driver_options() -> list[DriverOption]:
    """Every wheel that is plugged in (usable or not), the keyboard, the expert, nobody."""
    wheels = [
        DriverOption(info.name, DriverChoice.WHEEL, info.path, info.is_usable, info.message)
        for info in list_devices()
        if info.path
    ]
    if not wheels:
        wheels = [DriverOption("Wheel: none plugged in", DriverChoice.WHEEL, None, False, "Plug one in and refresh.")]
    return [
        *(wheel for wheel in wheels if wheel.is_usable),
        DriverOption("Keyboard", DriverChoice.KEYBOARD),
        DriverOption("Expert", DriverChoice.EXPERT),
        DriverOption("Nobody", DriverChoice.NONE),
        *(wheel for wheel in wheels if not wheel.is_usable),
    ]
