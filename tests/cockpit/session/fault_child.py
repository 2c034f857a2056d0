"""The child of test_faults_processes.py: a recorded drive on a server that runs already, in a process of its own.

`wheel` drives with an emulated G29 (under `umockdev-wrapper`) and prints its ticks as JSON; `program` has a person
drive, prints a line a tick, and goes on until something ends it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from cockpit.devices import EvdevWheel
from cockpit.devices.profile import load_profile
from cockpit.session.setup import set_stage
from recorder.schema import Authority, Tick
from tests.cockpit.devices.emulated_wheel import ABS_RZ, ABS_X, BTN_TOP2, EV_ABS, EV_KEY, Testbed
from tests.cockpit.session.fault_parts import ROUTE, SMALL, Device, FaultDrive, fault_messages, settings
from tests.cockpit.session.session_parts import ExpertPlanner, driver_input

AWAIT_TICKS = 5
"""Ticks between a condition and the action that follows it."""
MOST_TICKS = 200
RIM_CENTRE, QUARTER_TURN = 32767, 6553


def wheel(port: int, folder: Path) -> list[dict[str, Any]]:
    """The rim takes the car; the wheel is unplugged, returns as another device, takes the car, and stays unplugged."""
    bed = Testbed()
    bed.plug_in(folder)
    device = EvdevWheel(load_profile("g29"))
    bed.send((EV_ABS, ABS_X, RIM_CENTRE), (EV_ABS, ABS_RZ, 255))
    happens = iter(
        [
            (lambda tick: tick is not None, lambda: bed.send((EV_ABS, ABS_X, RIM_CENTRE + QUARTER_TURN))),
            (is_human, bed.unplug),
            (lambda tick: not tick.driver.connected, lambda: bed.plug_in(folder, 21)),
            (lambda tick: tick.driver.connected, lambda: bed.send((EV_KEY, BTN_TOP2, 1))),
            (is_human, bed.unplug),
            (lambda tick: tick.authority.authority is Authority.SAFE_STOP, lambda: None),
        ]
    )
    try:
        with set_stage(settings(port, lockstep=None, realtime=True), [SMALL], ROUTE) as stage:
            drive = FaultDrive(stage, folder / "session", ExpertPlanner(), device)
            play(drive, happens)
    finally:
        device.close()
    return [row(tick) for tick in drive.keeper.ticks]


def is_human(tick: Tick) -> bool:
    """The person has the car."""
    return tick.authority.authority is Authority.HUMAN


def play(drive: FaultDrive, happens: Iterator[tuple[Callable[[Tick], bool], Callable[[], None]]]) -> None:
    """Drive; each action comes some ticks after its condition came true, one after the other."""
    waits_for, act = next(happens)
    met = 0
    try:
        while len(drive.keeper.ticks) < MOST_TICKS:
            tick = drive.session.step()
            met += bool(met or waits_for(tick))
            if met == AWAIT_TICKS:
                act()
                met, (waits_for, act) = 0, next(happens)
    except StopIteration:
        pass
    finally:
        drive.session.close()


def row(tick: Tick) -> dict[str, Any]:
    """What the parent process checks of a tick."""
    return {
        "frame": tick.frame,
        "authority": tick.authority.authority.value,
        "reason": tick.authority.reason.value,
        "connected": tick.driver.connected,
        "steer": tick.driver.steer,
        "paddle": tick.driver.paddle_pressed,
        "control": [tick.control.throttle, tick.control.steer, tick.control.brake],
        "speed_mps": tick.ego.speed_mps,
        "faults": fault_messages([tick]),
    }


def program(port: int, folder: Path) -> None:
    """The person has the car from tick 5 on, until the process is ended from outside."""
    person = Device(lambda number: driver_input(takeover_pressed=number == 5, throttle=0.4))
    with set_stage(settings(port, lockstep=None, realtime=True), [SMALL], ROUTE) as stage:
        FaultDrive(stage, folder / "session", ExpertPlanner(), person, (TickPrinter(),)).run(1000)


class TickPrinter:
    """A consumer that prints a line a tick for the parent process."""

    def consume(self, tick: Tick) -> None:
        print(tick.frame, tick.authority.authority.value, flush=True)

    def close(self) -> None:
        pass


if __name__ == "__main__":
    seen = {"wheel": wheel, "program": program}[sys.argv[1]](int(sys.argv[2]), Path(sys.argv[3]))
    print(json.dumps(seen))
