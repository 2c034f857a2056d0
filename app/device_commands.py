"""`takeover calibrate`: a profile for the wheel that is plugged in, by turning and pressing everything once."""

from __future__ import annotations

import select
import sys
from contextlib import closing
from pathlib import Path
from typing import Annotated

import evdev
import typer
from evdev import ecodes

from app.console import out
from cockpit.devices import DeviceError, list_devices
from cockpit.devices.calibration import WORDS, Calibration, Step, write_profile


def calibrate(
    device: Annotated[str | None, typer.Argument(help="Device file; without it, the first wheel or pad.")] = None,
    target: Annotated[Path, typer.Option("--out", help="Profile to write.")] = Path("my_wheel.yaml"),
    name: Annotated[str | None, typer.Option(help="What the device shall be called.")] = None,
    wheel_range: Annotated[float, typer.Option("--range", help="Rim travel from lock to lock, degrees.")] = 900.0,
) -> None:
    """Turn left, turn right, press each pedal and two buttons: what comes of it is a profile for `--device FILE`."""
    path = device or _first_device()
    try:
        opened = evdev.InputDevice(path)
    except OSError as error:
        raise DeviceError(f"cannot open {path} ({error.strerror}); `takeover doctor` lists the devices") from error
    with closing(opened):
        ranges = {code: (info.min, info.max) for code, info in _axes(opened)}
        calibration = Calibration(ranges)
        calibration.saw({code: info.value for code, info in _axes(opened)})
        out.print(f"Calibrating {opened.name}. Press Enter after each step.")
        while calibration.step is not Step.DONE:
            out.print(f"  {WORDS[calibration.step]}")
            _watch_until_enter(opened, calibration)
            problem = calibration.finish()
            if problem:
                out.print(f"  [yellow]{problem}[/]")
        told = calibration.profile(name or opened.name, opened.info.vendor, opened.info.product, wheel_range)
    write_profile(told, target)
    out.print(f"profile: {target}")
    out.print(f"next: takeover drive --device {target}")


def _axes(device: evdev.InputDevice) -> list:
    return device.capabilities(absinfo=True).get(ecodes.EV_ABS, [])  # pyright: ignore[reportReturnType]


def _first_device() -> str:
    found = [info.path for info in list_devices() if info.path]
    if not found:
        raise DeviceError("no wheel and no pad is plugged in; `takeover doctor` says what is there")
    return found[0]


def _watch_until_enter(device: evdev.InputDevice, calibration: Calibration) -> None:
    """Feed everything the device says to the calibration until the driver presses Enter."""
    while True:
        ready, _, _ = select.select([device.fd, sys.stdin], [], [])
        if device.fd in ready:
            for event in device.read():
                if event.type == ecodes.EV_ABS:
                    calibration.saw({event.code: event.value})
                elif event.type == ecodes.EV_KEY and event.value == 1:
                    calibration.saw({}, frozenset({event.code}))
        if sys.stdin in ready:
            if not sys.stdin.readline():
                raise DeviceError("the calibration was not finished")
            return
