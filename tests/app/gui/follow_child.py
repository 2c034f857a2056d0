"""The child of test_follow.py: a session with one screen here and two on a follower, all on virtual X displays.

The follower is the real `takeover screens`, a process of its own and a second CARLA client. After every tick the three
displays are grabbed from the X server and their frame ids are read.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from PyQt6.QtGui import QGuiApplication, QImage
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QApplication

from cockpit.config import SessionConfig, TrafficConfig
from cockpit.followers.hub import ScreenHub
from cockpit.rig.rig import Machines, Rig, load_rig
from cockpit.session.loop import Session
from cockpit.session.setup import Stage, set_stage
from cockpit.windows import DriverScreens
from cockpit.windows.frame_code import read_frame_code
from cockpit.world.simulator import child_environment, launch_simulator

RIG = Path(__file__).with_name("split_rig.yaml")


class Drive:
    """What the hub needs of a drive."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    def world_address(self) -> tuple[str, int]:
        return self.stage.config.host, self.stage.config.port

    def forget_cameras(self, actor_ids: Iterable[int]) -> None:
        self.stage.world.forget_cameras(actor_ids)


def read_displays() -> list[int | None]:
    """The frame id on every display."""
    read = []
    for display in QGuiApplication.screens():
        image = display.grabWindow(0).toImage().convertToFormat(QImage.Format.Format_RGB888)
        bits = image.constBits()
        assert bits is not None
        flat = np.frombuffer(bits.asstring(image.sizeInBytes()), np.uint8).reshape(image.height(), image.bytesPerLine())
        read.append(read_frame_code(flat[:, : 3 * image.width()].reshape(image.height(), -1, 3)))
    return read


def until(is_done: Callable[[], bool], seconds: float = 60.0) -> bool:
    """Let Qt handle its events until `is_done()`, or for so many seconds; whether it is done."""
    deadline = time.monotonic() + seconds
    while not is_done() and time.monotonic() < deadline:
        QTest.qWait(2)
    return is_done()


def follower(port: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "app.cli.main", "screens", "--follow", f"127.0.0.1:{port}", "--machine", "wall"]
    environment = {**child_environment(), "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen([*command, "--frame-codes"], env=environment, stdout=subprocess.PIPE, text=True)


class Scene:
    """Session, hub, this machine's screens, and the follower."""

    def __init__(self, rig: Rig, stage: Stage) -> None:
        self.screens = DriverScreens(rig.of_machine(None), "windows")
        self.screens.show_frame_codes(True)
        self.screens.show()
        self.hub = ScreenHub(rig, self.screens, Drive(stage))
        self.session = Session(stage.config, stage.world, stage.route, None, None, [self.hub])
        self.stage = stage
        self.slowest_s = 0.0

    def step(self) -> int:
        begun = time.monotonic()
        frame = self.session.step().frame
        self.slowest_s = max(self.slowest_s, time.monotonic() - begun)
        return frame

    def shown_there(self) -> int:
        return sum(len(status.lag_s) for status in self.hub.status())

    def await_follower(self) -> None:
        """Drive until the follower shows pictures, so that the barrier waits for it."""
        deadline = time.monotonic() + 90.0  # it starts a program first, on a machine that may be busy
        while time.monotonic() < deadline:
            self.step()
            QTest.qWait(20)
            if self.shown_there() > 2:
                return
        raise RuntimeError("the follower shows nothing")

    def wait_shown(self, frame: int, before: int) -> None:
        """Wait until this machine shows `frame` and the follower has confirmed one more frame than `before`."""
        until(lambda: self.screens.meter.complete_frame >= frame and self.shown_there() > before)

    def cameras(self) -> int:
        return len(self.stage.world.world.get_actors().filter("sensor.camera.*"))


def together(scene: Scene, ticks: int) -> dict[str, object]:
    """Checks every tick on all displays, then ends the drive."""
    scene.await_follower()
    wrong, missed_before = [], scene.hub.status()[0].missed  # the barrier did not wait for it while it started
    for _ in range(ticks):
        before = scene.shown_there()
        frame = scene.step()
        scene.wait_shown(frame, before)
        read = read_displays()
        if read != [frame] * 3:
            wrong.append([frame, read])
    (status,) = scene.hub.status()
    scene.session.close()
    return {"wrong": wrong, "missed": status.missed - missed_before, "ticks": ticks}


def stopped(scene: Scene, process: subprocess.Popen[str]) -> dict[str, object]:
    """The follower, which joined the next drive by itself, is stopped, continued, and killed."""
    scene.await_follower()
    report: dict[str, object] = {}
    report["cameras_with"] = scene.cameras()
    process.send_signal(signal.SIGSTOP)
    scene.slowest_s, frames = 0.0, []
    for _ in range(55):
        frames.append(scene.step())
        until(lambda: scene.screens.meter.complete_frame >= frames[-1], 2.0)
    report["shown_while_it_hangs"] = scene.screens.meter.complete_frame == frames[-1]
    report["slowest_s"] = scene.slowest_s
    report["slow"] = scene.hub.error
    process.send_signal(signal.SIGCONT)
    shown = scene.shown_there()
    for _ in range(200):
        scene.step()
        QTest.qWait(20)
        if scene.shown_there() > shown + 5:
            break
    report["came_back"] = scene.shown_there() > shown + 5
    process.kill()
    process.wait()
    until(lambda: not scene.hub.status()[0].is_here)
    scene.step()
    scene.step()
    report["gone"] = scene.hub.error
    report["cameras_without"] = scene.cameras()
    scene.session.close()
    return report


def main() -> dict[str, object]:
    rig = load_rig(RIG)
    with launch_simulator() as simulator:
        config = SessionConfig(port=simulator.port, traffic=TrafficConfig(count=0), realtime=False)
        with set_stage(config, rig.of_machine(None).cameras()) as stage:
            first = Scene(rig, stage)
            process = follower(first.hub.port)
            try:
                report = {"together": together(first, 20)}
                again = rig.model_copy(update={"machines": Machines(port=first.hub.port, wait_s=0.2)})
                report["stopped"] = stopped(Scene(again, stage), process)
            finally:
                process.kill()
            return {**report, "output": process.communicate()[0]}


if __name__ == "__main__":
    application = QApplication(sys.argv)
    print(json.dumps(main()), flush=True)
    os._exit(0)  # CARLA's threads must not meet Python's end
