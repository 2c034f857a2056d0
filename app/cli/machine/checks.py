"""The checks of `takeover doctor`: whether this machine can drive, draw, read a wheel, and record.

Each check is a function that returns a `Finding`. None changes anything, and none raises for a missing part: the
finding names what is missing and what to do about it.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from importlib import metadata
from pathlib import Path

from app.drive.streams import StreamError, load_pylsl
from cockpit.assets import asset

MIN_FREE_GIB = 5.0
"""A session of an hour with every camera as JPEG takes about 3 GiB."""


class Level(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    NOTE = "note"
    """Works, but a part that some users want is not there."""
    PROBLEM = "problem"
    """The main job does not run on this machine as it is."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Outcome of one check."""

    name: str
    level: Level
    text: str
    advice: str = ""


def check_packages() -> Finding:
    """Python version and the pinned packages that matter most."""
    if not (3, 11) <= sys.version_info[:2] < (3, 13):
        return Finding(
            "python", Level.PROBLEM, f"Python {sys.version.split()[0]}", "Use 3.11 or 3.12: carla 0.9.16 has no others."
        )
    required = ("carla", "torch", "transformers", "trl", "zarr", "PyQt6")
    missing = [name for name in required if not _has_package(name)]
    if missing:
        return Finding("python", Level.PROBLEM, f"missing: {', '.join(missing)}", "Run scripts/setup.sh.")
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in required)
    return Finding("python", Level.OK, f"{sys.version.split()[0]}; {versions}")


def _has_package(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def check_gpu() -> Finding:
    """Whether torch sees a CUDA device; everything also runs without one."""
    import torch

    if torch.cuda.is_available():
        device = torch.cuda.get_device_properties(0)
        return Finding("gpu", Level.OK, f"{device.name}, {device.total_memory / 2**30:.0f} GiB")
    built = torch.version.cuda
    advice = (
        "Driver missing? `nvidia-smi` should list the card."
        if built
        else "Install torch's CUDA build to use a card; the small policy needs none."
    )
    return Finding("gpu", Level.NOTE, f"none: the policy runs on {os.cpu_count()} CPU cores", advice)


def check_egl() -> Finding:
    """Whether OpenGL comes up without a window, as the simulator's renderer needs it."""
    try:
        import moderngl

        context = moderngl.create_context(standalone=True, backend="egl", libgl="libGL.so.1", libegl="libEGL.so.1")  # type: ignore[call-arg]
    except Exception as error:  # noqa: BLE001  (moderngl raises bare Exception)
        return Finding(
            "egl",
            Level.PROBLEM,
            f"no OpenGL context: {error}",
            "apt-get install libegl1 libegl-mesa0 libgl1 libgl1-mesa-dri, or your GPU's driver.",
        )
    renderer = context.info["GL_RENDERER"]
    context.release()
    kind = "software" if "llvmpipe" in renderer.lower() else "hardware"
    return Finding("egl", Level.OK, f"{renderer} ({kind})")


def check_carla_server(host: str, port: int) -> Finding:
    """Whether something listens where a CARLA server is expected."""
    try:
        with socket.create_connection((host, port), timeout=2.0):
            return Finding("carla server", Level.OK, f"something listens on {host}:{port}")
    except OSError as error:
        return Finding(
            "carla server",
            Level.NOTE,
            f"none on {host}:{port} ({error.strerror or error})",
            "The embedded simulator is used; to use CARLA 0.9.16 start it and give --host and --port.",
        )


def check_devices() -> Finding:
    """Whether a wheel is plugged in that a profile describes and that can be read."""
    import evdev

    nodes = sorted(Path("/dev/input").glob("event*")) if Path("/dev/input").is_dir() else []
    readable = [node for node in nodes if os.access(node, os.R_OK)]
    if not nodes:
        return Finding("input", Level.NOTE, "no /dev/input devices", "Plug in a wheel; the keyboard works without.")
    if not readable:
        return Finding(
            "input",
            Level.NOTE,
            f"{len(nodes)} devices, none readable by this user",
            "sudo usermod -aG input $USER, then log in again.",
        )
    names = ", ".join(evdev.InputDevice(str(node)).name for node in readable)
    return Finding("input", Level.OK, names)


LIST_SCREENS = """
from PyQt6.QtGui import QGuiApplication
app = QGuiApplication([])
print("; ".join(f"{s.name()} {s.size().width()}x{s.size().height()}" for s in app.screens()))
"""


def check_displays() -> Finding:
    """Whether windows can be opened. Tried in a child process: Qt ends its process when it cannot reach the display."""
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        advice = "`make run` then runs one whole round by itself; windows need X11 or Wayland."
        return Finding("displays", Level.NOTE, "no display", advice)
    result = subprocess.run([sys.executable, "-c", LIST_SCREENS], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        why = (result.stderr.strip().splitlines() or ["Qt gave no reason"])[0]
        return Finding("displays", Level.PROBLEM, f"Qt cannot open the display: {why}", "Check DISPLAY, then xhost.")
    return Finding("displays", Level.OK, result.stdout.strip())


def check_disk(folder: Path) -> Finding:
    """Free space where sessions are recorded."""
    existing = next(path for path in (folder.resolve(), *folder.resolve().parents) if path.exists())
    if not os.access(existing, os.W_OK):
        return Finding("disk", Level.PROBLEM, f"{existing} is not writable", "Choose another folder with --out.")
    free_gib = shutil.disk_usage(existing).free / 2**30
    if free_gib < MIN_FREE_GIB:
        return Finding("disk", Level.PROBLEM, f"{free_gib:.1f} GiB free at {existing}", f"Free {MIN_FREE_GIB:.0f} GiB.")
    return Finding("disk", Level.OK, f"{free_gib:.0f} GiB free at {existing}")


def check_assets() -> Finding:
    """Whether the shipped town, rigs and small policy are installed."""
    required = ("maps/millbrook.xodr", "policies/small/model.safetensors", "rigs/desk_triple.yaml")
    missing = [name for name in required if not asset(name).is_file()]
    if missing:
        return Finding(
            "assets", Level.PROBLEM, f"missing: {', '.join(missing)}", "`git checkout -- assets` restores them."
        )
    return Finding("assets", Level.OK, "town, rigs and the small policy are there")


def check_streams() -> Finding:
    """Whether gaze and physiology can be read by Lab Streaming Layer."""
    try:
        version = load_pylsl().library_version()
    except StreamError as error:
        return Finding("streams", Level.NOTE, "Lab Streaming Layer is not usable", str(error))
    return Finding("streams", Level.OK, f"Lab Streaming Layer {version // 100}.{version % 100}")


def run_checks(host: str, port: int, folder: Path) -> list[Finding]:
    """Run every check in order."""
    checks: list[Callable[[], Finding]] = [
        check_packages,
        check_gpu,
        check_egl,
        lambda: check_carla_server(host, port),
        check_devices,
        check_displays,
        lambda: check_disk(folder),
        check_assets,
        check_streams,
    ]
    return [check() for check in checks]
