"""`takeover calibrate`: a profile for the wheel that is plugged in, by turning and pressing everything once."""

from __future__ import annotations

import select
import sys
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from app.console import out
from cockpit.devices import DeviceError, list_devices
from cockpit.devices.calibrated_device import CalibratedDevice
from cockpit.devices.calibration import WORDS, Step, write_profile


def calibrate(
    device: Annotated[str | None, typer.Argument(help="Device file; without it, the first wheel or pad.")] = None,
    target: Annotated[Path, typer.Option("--out", help="Profile to write.")] = Path("my_wheel.yaml"),
    name: Annotated[str | None, typer.Option(help="What the device shall be called.")] = None,
    wheel_range: Annotated[float, typer.Option("--range", help="Rim travel from lock to lock, degrees.")] = 900.0,
) -> None:
    """Turn left, turn right, press each pedal and two buttons: what comes of it is a profile for `--device FILE`."""
    with closing(CalibratedDevice(device or _first_device())) as opened:
        calibration = opened.calibration
        out.print(f"Calibrating {opened.name}. Press Enter after each step.")
        while calibration.step is not Step.DONE:
            out.print(f"  {WORDS[calibration.step]}")
            _watch_until_enter(opened)
            problem = calibration.finish()
            if problem:
                out.print(f"  [yellow]{problem}[/]")
        profile = opened.profile(name or "", wheel_range)
    write_profile(profile, target)
    out.print(f"profile: {target}")
    out.print(f"next: takeover drive --device {target}")


def _first_device() -> str:
    found = [info.path for info in list_devices() if info.path]
    if not found:
        raise DeviceError("no wheel and no pad is plugged in; `takeover doctor` says what is there")
    return found[0]


def _watch_until_enter(device: CalibratedDevice) -> None:
    """Pass everything the device reports to the calibration until the driver presses Enter."""
    while True:
        ready, _, _ = select.select([device.fd, sys.stdin], [], [])
        device.look()
        if sys.stdin in ready:
            if not sys.stdin.readline():
                raise DeviceError("the calibration was not finished")
            return
