"""What reaches the driver's eyes: one frame id on all screens in every tick, and how late.

Run `python benchmarks/driver_view.py --displays 3 [--ticks N] [--seconds N]`: three virtual displays (Xvfb), a window
on each; without `--displays` the present display is used. First every tick's frame id is drawn into the pictures and
read back from what the displays show. Then the embedded simulator is driven at 20 Hz with three screens, while inputs
come at random instants: input to control is from the input's time stamp to the tick that takes it, input to photon to
the swap of the last screen that shows its effect.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import threading
import time

os.environ.setdefault("SDL_AUDIODRIVER", "dummy")

import numpy as np
from PyQt6.QtCore import QPoint
from PyQt6.QtGui import QImage
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QApplication
from virtual_displays import virtual_displays

from cockpit.config import SessionConfig, TrafficConfig
from cockpit.rig.rig import load_rig
from cockpit.route.files import read_route, shipped_routes
from cockpit.session.loop import Session
from cockpit.session.setup import set_stage
from cockpit.windows import DriverScreens
from cockpit.windows.frame_code import read_frame_code
from cockpit.windows.timing import percentiles
from cockpit.world.simulator import launch_simulator
from recorder.schema import (
    ActorState,
    Authority,
    AuthorityState,
    CameraFrame,
    Control,
    DriverInput,
    DriverKind,
    Pose,
    Reason,
    RouteCommand,
    RouteState,
    Tick,
)  # fmt: skip

MEAN_INPUT_S = 0.08


class RandomInputs:
    """A driver whose inputs come at random instants from another thread, as a device's reader thread gets them."""

    def __init__(self) -> None:
        self._event_s, self._taken_s = 0.0, 0.0
        self.delays_s: list[float] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._touch, daemon=True)
        self._thread.start()

    def read(self, tick: Tick | None) -> DriverInput:  # noqa: ARG002  a device does not look at the world
        event_s = self._event_s
        if event_s > self._taken_s:
            self._taken_s = event_s
            self.delays_s.append(time.time() - event_s)
        return DriverInput(DriverKind.HUMAN, throttle=0.3, event_time_s=event_s)

    def close(self) -> None:
        self._stop.set()

    def _touch(self) -> None:
        while not self._stop.wait(random.expovariate(1 / MEAN_INPUT_S)):
            self._event_s = time.time()


def wait_ms(milliseconds: int) -> None:
    """Wait while Qt handles its events."""
    QTest.qWait(milliseconds)  # pyright: ignore[reportCallIssue, reportArgumentType]


def blank_tick(frame: int, cameras: dict[str, CameraFrame]) -> Tick:
    still = (0.0, 0.0, 0.0)
    ego = ActorState(1, "vehicle.tesla.model3", "hero", Pose(), still, still, still, (2.4, 1.0, 0.75))
    route = RouteState(RouteCommand.LANE_FOLLOW, 0.0, 0.0, 100.0, 0.0, 0.0, np.zeros((1, 4), np.float32), 13.9)
    return Tick(
        frame=frame, time_s=0.05 * frame, wall_time_s=time.time(), delta_s=0.05, ego=ego, actors=(), lights=(),
        route=route, cameras=cameras, driver=DriverInput(), plan=None, policy_control=None, control=Control(),
        authority=AuthorityState(Authority.HUMAN, Reason.SESSION_START, 0, 0.0),
    )  # fmt: skip


def shown_frame(screens: DriverScreens, name: str) -> int | None:
    """The frame id read from the pixels that the display shows of a pane; None where it cannot be read."""
    pane = screens.panes[name]
    area, corner = pane.picture_area(), pane.mapToGlobal(QPoint(0, 0))
    display = pane.screen()
    assert display is not None
    origin = display.geometry().topLeft()
    left, top = corner.x() - origin.x() + round(area.left()), corner.y() - origin.y() + round(area.top())
    image = display.grabWindow(0, left, top, round(area.width()), round(area.height())).toImage()  # pyright: ignore[reportArgumentType]
    image = image.convertToFormat(QImage.Format.Format_RGB888)
    bits = image.constBits()
    if bits is None:
        raise RuntimeError(f"the display shows nothing of screen '{name}': is the X server gone?")
    flat = np.frombuffer(bits.asstring(image.sizeInBytes()), np.uint8).reshape(image.height(), -1)
    return read_frame_code(flat[:, : 3 * image.width()].reshape(image.height(), -1, 3))


def frame_ids(ticks: int) -> int:
    """Print the table; the number of ticks in which a screen showed something else than the tick's frame."""
    screens = DriverScreens(load_rig("desk_triple"))
    screens.show_frame_codes(True)
    screens.show()
    wait_ms(300)
    read: dict[str, list[int | None]] = {name: [] for name in screens.panes}
    for frame in range(1, ticks + 1):
        image = np.full((90, 160, 3), frame % 200, np.uint8)
        cameras = {name: CameraFrame(name, frame, image, 0.86, Pose()) for name in screens.panes}
        screens.consume(blank_tick(frame, cameras))
        deadline = time.monotonic() + 10
        while screens.meter.complete_frame < frame and time.monotonic() < deadline:
            wait_ms(1)
        for name, frames in read.items():
            frames.append(shown_frame(screens, name))
    wrong = [frame for frame in range(1, ticks + 1) if any(frames[frame - 1] != frame for frames in read.values())]
    print(f"frame ids drawn into the pictures and read back ({screens.renderer}, {len(screens.windows)} windows)")
    print(f"{'screen':10} {'display':8} {'at':12} {'ticks':>6} {'own frame':>10} {'another':>8} {'unreadable':>10}")
    for name, frames in read.items():
        display, corner = screens.panes[name].screen(), screens.panes[name].mapToGlobal(QPoint(0, 0))
        right = sum(shown == frame for frame, shown in enumerate(frames, 1))
        lost = frames.count(None)
        place = f"{corner.x()},{corner.y()}"
        display_name = "?" if display is None else display.name()
        print(f"{name:10} {display_name:8} {place:12} {ticks:6} {right:10} {ticks - right - lost:8} {lost:10}")
    print(f"ticks in which all screens showed the tick's frame: {ticks - len(wrong)} of {ticks}")
    for frame in wrong[:5]:
        print(f"  frame {frame}: the screens showed {[frames[frame - 1] for frames in read.values()]}")
    screens.close()
    return len(wrong)


def delays(seconds: float) -> None:
    rig, driver = load_rig("desk_triple"), RandomInputs()
    screens = DriverScreens(rig)
    screens.show()
    with launch_simulator() as simulator:
        config = SessionConfig(port=simulator.port, traffic=TrafficConfig(count=10), realtime=True)
        with set_stage(config, rig.cameras(), read_route(shipped_routes("millbrook_train"))) as stage:
            session = Session(stage.config, stage.world, stage.route, None, driver, [screens])
            thread = threading.Thread(target=session.run)
            thread.start()
            begun = time.monotonic()
            while thread.is_alive() and time.monotonic() - begun < seconds:
                wait_ms(20)
            session.ask_stop()
            thread.join()
    driver.close()
    wait_ms(50)
    seen, taken = screens.meter.input_to_photon(), percentiles(driver.delays_s)
    print(f"\nmilliseconds from an input's time stamp, p50 / p95 / p99 ({screens.renderer}, 20 Hz, three screens)")
    print(f"  to the control that is applied: {taken.text()} ({taken.count} inputs)")
    print(f"  to the last screen's swap:      {seen.text()} ({seen.count} inputs)")
    print(f"  ticks painted {screens.painted_count}, skipped {screens.dropped_count}")
    print(f"  load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--displays", type=int, default=0, help="run on so many virtual displays")
    parser.add_argument("--ticks", type=int, default=2000, help="ticks whose frame ids are read back")
    parser.add_argument("--seconds", type=float, default=30.0, help="length of the drive; 0 leaves it out")
    arguments = parser.parse_args()
    if arguments.displays > 0:
        options = ["--ticks", str(arguments.ticks), "--seconds", str(arguments.seconds)]
        with virtual_displays(arguments.displays) as environment:
            return subprocess.run([sys.executable, __file__, *options], env=environment, check=False).returncode
    application = QApplication([])
    wrong = frame_ids(arguments.ticks)
    if arguments.seconds > 0:
        delays(arguments.seconds)
    application.quit()
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
