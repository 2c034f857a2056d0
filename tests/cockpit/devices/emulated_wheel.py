"""A G29 below python-evdev: umockdev's testbed through its C library, in a child that runs under `umockdev-wrapper`.

The wrapper preloads a library that answers open, read, ioctl and readdir for /dev and /sys from a testbed, so the
program under test opens, identifies, grabs and reads the wheel as it would on a machine that has one. No bindings are
needed: the few functions of the testbed are called by ctypes.

Run as a program it is the child: it drives one scenario and prints what it saw as JSON. `run_scenario` is the parent.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data"
PARENT = "/sys/devices/pci0000:00/usb1/1-1/1-1:1.0/input"
TICK_S = 0.05
EVENT = struct.Struct("llHHi")
"""The kernel's `input_event`: seconds, microseconds, type, code, value."""
EV_SYN, EV_KEY, EV_ABS = 0, 1, 3
ABS_X, ABS_Z, ABS_RZ, BTN_TOP2, BTN_PINKIE = 0, 2, 5, 0x124, 0x125


class Testbed:
    """umockdev's `UMockdevTestbed`."""

    __test__ = False  # the name is umockdev's, it is no test

    def __init__(self) -> None:
        self._library = ctypes.CDLL("libumockdev.so.0")
        self._library.umockdev_testbed_new.restype = ctypes.c_void_p
        self._bed = ctypes.c_void_p(self._library.umockdev_testbed_new())

    def plug_in(self, folder: Path, number: int = 20) -> None:
        """The wheel appears as /dev/input/event`number`, with its identity, axes and buttons."""
        self._number = number
        self._call("add_from_file", self._renumbered("g29.umockdev", folder))
        self._call("load_ioctl", self.node, self._renumbered("g29.ioctl", folder))

    @property
    def node(self) -> str:
        """The device file of the wheel."""
        return f"/dev/input/event{self._number}"

    def play(self, events: list[tuple[float, int, int, int]], folder: Path) -> None:
        """The wheel sends events, each at its second, from now on: (second, type, code, value)."""
        lines = [f"E: {second:.6f} {kind:04x} {code:04x} {value}" for second, kind, code, value in events]
        file = folder / f"{time.monotonic_ns()}.events"
        file.write_text("\n".join(lines) + "\n")
        self._call("load_evemu_events", self.node, file)

    def send(self, *changes: tuple[int, int, int]) -> None:
        """The wheel reports changes (type, code, value) now; any number of times, while `play` works once a device."""
        file = self._library.umockdev_testbed_get_dev_fd(self._bed, self.node.encode())
        seconds = time.time()
        stamp = int(seconds), int(seconds % 1 * 1e6)
        os.write(file, b"".join(EVENT.pack(*stamp, *change) for change in (*changes, (EV_SYN, 0, 0))))

    def unplug(self) -> None:
        """Remove the wheel."""
        parent = f"{PARENT}/input{self._number}"
        for device in (f"{parent}/event{self._number}", parent):
            self._library.umockdev_testbed_uevent(self._bed, device.encode(), b"remove")
            self._library.umockdev_testbed_remove_device(self._bed, device.encode())

    def _renumbered(self, name: str, folder: Path) -> Path:
        """A copy of a recorded description with the present number: a replugged wheel mostly gets a new one."""
        file = folder / f"{self._number}-{name}"
        description = re.sub(r"(event|input)20\b", rf"\g<1>{self._number}", (DATA / name).read_text())
        file.write_text(description.replace("13:84", f"13:{64 + self._number}").replace("=84", f"={64 + self._number}"))
        return file

    def _call(self, name: str, *arguments: str | Path) -> None:
        error = ctypes.c_void_p()
        function = getattr(self._library, f"umockdev_testbed_{name}")
        if not function(self._bed, *(str(argument).encode() for argument in arguments), ctypes.byref(error)):
            raise RuntimeError(f"umockdev: {name} failed")


def run_scenario(name: str, folder: Path, script: str = __file__) -> Any:
    """Run a scenario in a child under umockdev and return its report."""
    command = ["umockdev-wrapper", sys.executable, script, name, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def moved(second: float, *changes: tuple[int, int, int]) -> list[tuple[float, int, int, int]]:
    """One report of the wheel: changes (type, code, value) and the SYN that ends it."""
    return [*((second, *change) for change in changes), (second, EV_SYN, 0, 0)]


def _drive(wheel: Any, seconds: float, on_tick: Callable[[int], None] | None = None) -> list[dict[str, Any]]:
    """Ticks with a policy that drives straight: the wheel's input and the authority after that tick."""
    from cockpit.authority.arbitration import ArbiterInputs, arbitrate, initial_state
    from cockpit.config import ArbitrationConfig
    from recorder.schema import Authority, Control

    state, rows = initial_state(Authority.POLICY, 0, 0.0), []
    for number in range(round(seconds / TICK_S)):
        if on_tick is not None:
            on_tick(number)
        driver = wheel.read(None)
        inputs = ArbiterInputs(
            frame=number,
            time_s=number * TICK_S,
            driver=driver,
            ego_speed_mps=8.0,
            policy_control=Control(throttle=0.3),
            plan_age_s=0.1,
            plan_speed_mps=8.0,
        )
        decision = arbitrate(state, inputs, ArbitrationConfig())
        state = decision.state
        rows.append(
            {
                "connected": driver.connected,
                "steer": driver.steer,
                "throttle": driver.throttle,
                "brake": driver.brake,
                "paddle": driver.paddle_pressed,
                "note": driver.note,
                "authority": state.authority.value,
                "reason": state.reason.value,
                "control": [decision.control.steer, decision.control.throttle, decision.control.brake],
            }
        )
        time.sleep(TICK_S)
    return rows


def _override(event: tuple[int, int, int], folder: Path) -> list[dict[str, Any]]:
    import cockpit.authority.arbitration  # noqa: F401 - loaded before the clock of the events begins
    from cockpit.devices import EvdevWheel
    from cockpit.devices.profile import load_profile

    bed = Testbed()
    bed.plug_in(folder)
    wheel = EvdevWheel(load_profile("g29"))
    bed.play([*moved(0.0, (EV_ABS, ABS_X, 32767), (EV_ABS, ABS_RZ, 255)), *moved(0.6, event)], folder)
    rows = _drive(wheel, 1.4)
    wheel.close()
    return rows


def steer(folder: Path) -> list[dict[str, Any]]:
    """The rim is turned by 90 degrees to the right."""
    return _override((EV_ABS, ABS_X, 32767 + 6553), folder)


def brake(folder: Path) -> list[dict[str, Any]]:
    """The brake is pressed half way."""
    return _override((EV_ABS, ABS_RZ, 127), folder)


def button(folder: Path) -> list[dict[str, Any]]:
    """The right paddle is pulled."""
    return _override((EV_KEY, BTN_TOP2, 1), folder)


def unplug(folder: Path) -> dict[str, Any]:
    """The person steers, the wheel is unplugged in the middle, and plugged in again."""
    from cockpit.devices import EvdevWheel
    from cockpit.devices.profile import load_profile

    bed = Testbed()
    bed.plug_in(folder)
    wheel = EvdevWheel(load_profile("g29"))
    bed.play([*moved(0.0, (EV_ABS, ABS_X, 32767)), *moved(0.3, (EV_ABS, ABS_X, 32767 + 6553))], folder)
    rows = _drive(wheel, 1.5, lambda number: bed.unplug() if number == 16 else None)
    gone = wheel.status
    bed.plug_in(folder, 21)
    deadline = time.monotonic() + 60.0
    while not wheel.read(None).connected and time.monotonic() < deadline:
        time.sleep(0.05)
    back = wheel.read(None).connected
    wheel.close()
    return {"rows": rows, "gone": gone, "back": back}


def find(folder: Path) -> dict[str, Any]:
    """The devices and the driver source that the product finds."""
    from cockpit.devices import find_driver_source, list_devices

    bed = Testbed()
    bed.plug_in(folder)
    found = {info.path: [info.name, info.profile, info.is_usable] for info in list_devices()}
    source = find_driver_source("auto")
    kind = type(source).__name__
    device = source.read(None).device
    source.close()
    return {"found": found, "auto": kind, "device": device}


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](Path(sys.argv[2]))))
