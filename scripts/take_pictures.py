"""Takes the pictures of the README and the manuals: drives on the embedded simulator, with screenshots of the window.

Pages are drawn without a display, at any size; an LSL stream stands in for the gaze tracker, and an emulated
wheel for the one that is calibrated (umockdev, `scripts/setup.sh --dev` installs it):
    .venv/bin/python scripts/take_pictures.py pages 1366x768 laptop
    .venv/bin/python scripts/take_pictures.py pages 3840x2160 wall
    umockdev-wrapper .venv/bin/python scripts/take_pictures.py wheel 1366x768 laptop
The whole display with the driver's panes needs one of at least 2000x1260, which Xvfb can be:
    xvfb-run -s "-screen 0 2000x1260x24" .venv/bin/python scripts/take_pictures.py display
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
LOOK_MS = 50
SECONDS = 10.0
"""Simulation time of the pictures; with the seed below the car then comes to a crossing with lights."""
SEED, TRAFFIC = 3, 25
AFTER_S = 120.0
"""The longest time to wait for the list of takeovers."""
SETTLE_S = 1.5
"""The time between a change and its picture."""
GAZE_HZ = 60.0
WIDEST_PX = 2000
"""The size of a picture in the manual."""


def main() -> None:
    """Takes the pictures that the command line asks for."""
    what, *rest = sys.argv[1:] or ["display"]
    if what in ("pages", "wheel"):
        size, name = rest
        width, height = (int(part) for part in size.split("x"))
        use_offscreen(width, height)
        {"pages": take_pages, "wheel": take_wheel}[what](width, height, name)
    else:
        take_display()


def use_offscreen(width: int, height: int) -> None:
    """Qt's own display in memory, of this size."""
    screen = {"name": "display", "x": 0, "y": 0, "width": width, "height": height}
    screen |= {"logicalDpi": 96, "logicalBaseDpi": 96, "dpr": 1}
    configuration = {"synchronousWindowSystemEvents": False, "windowFrameMargins": False, "screens": [screen]}
    path = Path(tempfile.gettempdir()) / f"takeover-screen-{os.getpid()}.json"
    path.write_text(json.dumps(configuration), encoding="utf-8")
    os.environ["QT_QPA_PLATFORM"] = f"offscreen:configfile={path}"


def take_pages(width: int, height: int, name: str) -> None:
    """One picture of each page while a trial of a study is driven, and after it."""
    from PyQt6.QtCore import QTimer

    from app.config import DriverChoice, RunConfig, StreamIn, StreamRole, StreamsConfig
    from app.gui.window import AFTER, MainWindow, make_application
    from app.study.study import Study, load_study
    from cockpit.assets import asset

    application = make_application()
    folder = tempfile.TemporaryDirectory(prefix="takeover-")
    os.chdir(folder.name)
    preset = load_study(asset("studies", "handover.yaml")).model_dump(exclude_unset=True)
    gaze = StreamIn(type="Gaze", role=StreamRole.GAZE)
    drive = RunConfig(driver=DriverChoice.EXPERT, seed=SEED, streams=StreamsConfig(read=(gaze,)))
    study = Study.model_validate(preset | {"participant": "p02", "consent": True, "drive": drive})
    window = MainWindow(drive, study)
    window.show()
    window.resize(width, height)
    window.drive.begun.disconnect()
    window.drive.begun.connect(lambda: window.show_begun(makes_room=False))
    state = {"step": "prepare", "since": time.monotonic()}

    def snap(page: str) -> None:
        save(window, f"{page}_{name}")

    def step() -> None:
        session = window.drive.session
        tick = session.newest_tick() if session is not None else None
        if state["step"] == "prepare" and time.monotonic() - state["since"] > 1.0:
            snap("prepare")
            window.start()
            state["step"] = "run"
            if not window.drive.is_on:
                raise SystemExit(window.prepare.message.text())
        elif state["step"] == "run" and session is None:
            raise SystemExit(window.run.message.text())
        elif state["step"] == "run" and tick is not None and session is not None:
            _play_experimenter(window, tick.time_s - session.meter.begin_time_s, state)
            if tick.time_s - session.meter.begin_time_s >= SECONDS:
                snap("run")
                window.drive.stop()
                state["step"] = "end"
        elif state["step"] == "end" and session is None:
            window.show_page(AFTER)
            state["step"], state["since"] = "list", time.monotonic()
        elif state["step"] == "list" and window.after.list.count():
            state["step"], state["since"] = "after", time.monotonic()
        elif state["step"] == "list" and time.monotonic() - state["since"] > AFTER_S:
            raise SystemExit("no takeover was recorded")
        elif state["step"] == "after" and time.monotonic() - state["since"] > SETTLE_S:
            snap("after")
            window.after.view.gaze.click()
            state["step"], state["since"] = "gaze", time.monotonic()
        elif state["step"] == "gaze" and time.monotonic() - state["since"] > SETTLE_S:
            snap("gaze")
            window.close()
            application.quit()

    tracker = threading.Thread(target=_play_tracker, args=(lambda: window.drive.is_on,), daemon=True)
    tracker.start()
    timer = QTimer()
    timer.timeout.connect(step)
    timer.start(LOOK_MS)
    application.exec()
    os.chdir("/")
    folder.cleanup()


def save(window, name: str) -> None:
    """A window's picture; a wall's at half its size."""
    from PyQt6.QtCore import Qt

    picture = window.grab()
    if picture.width() > WIDEST_PX:
        picture = picture.scaledToWidth(picture.width() // 2, Qt.TransformationMode.SmoothTransformation)
    picture.save(str(IMAGES / f"{name}.png"))


def take_wheel(width: int, height: int, name: str) -> None:
    """The page Wheel while the throttle is asked for, and when all is done."""
    sys.path.insert(0, str(ROOT))
    from PyQt6.QtTest import QTest

    from app.config import RunConfig
    from app.gui.window import WHEEL, MainWindow, make_application
    from tests.cockpit.devices.emulated_wheel import ABS_RZ, ABS_X, ABS_Z, BTN_PINKIE, BTN_TOP2, EV_ABS, EV_KEY, Testbed

    application = make_application()
    with tempfile.TemporaryDirectory(prefix="takeover-") as folder:
        bed = Testbed()
        bed.plug_in(Path(folder))
        window = MainWindow(RunConfig(out=Path(folder)))
        window.show()
        window.resize(width, height)
        window.show_page(WHEEL)
        window.wheel.begin()
        rim, throttle, brake = ((EV_ABS, code) for code in (ABS_X, ABS_Z, ABS_RZ))
        moves = [[(*rim, 32767), (*throttle, 255), (*brake, 255)], [(*rim, 0)], [(*rim, 65535)]]
        moves += [[(*rim, 32767), (*throttle, 0), (*throttle, 255)], [(*brake, 0), (*brake, 255)]]
        moves += [[(EV_KEY, key, 1), (EV_KEY, key, 0)] for key in (BTN_TOP2, BTN_PINKIE)]
        for number, changes in enumerate(moves):
            for change in changes:
                bed.send(change)
                QTest.qWait(LOOK_MS)  # pyright: ignore[reportCallIssue]
                if number == 3 and change == (*throttle, 0):
                    save(window, f"wheel_{name}")
            window.wheel.go_on()
        QTest.qWait(LOOK_MS)  # pyright: ignore[reportCallIssue]
        save(window, f"wheel_done_{name}")
        window.close()
    application.quit()


def _play_tracker(is_on: Callable[[], bool]) -> None:
    """A gaze tracker for the picture of the heat map: mostly on the road ahead, now and then to a side."""
    import pylsl

    outlet = pylsl.StreamOutlet(pylsl.StreamInfo("Tracker", "Gaze", 2, GAZE_HZ, pylsl.cf_float32, "pictures"))
    random = np.random.default_rng(SEED)
    while not is_on():
        time.sleep(0.1)
    while is_on():
        side = random.choice([0.5, 0.5, 0.5, 0.42, 0.58, 0.24])
        for x, y in random.normal((side, 0.52), (0.012, 0.035), (round(0.3 * GAZE_HZ), 2)):
            outlet.push_sample([float(x), float(y)])
            time.sleep(1.0 / GAZE_HZ)


def _play_experimenter(window, seconds: float, state: dict) -> None:
    """What an experimenter might do during the drive: a note, a mark, a takeover request."""
    run = window.run
    if seconds > 2.0 and "note" not in state:
        state["note"] = True
        run.note.setText("hands on the lap")
        run.write_note()
    if seconds > 3.0 and "mark" not in state:
        state["mark"] = True
        run.mark()
    if seconds > 0.75 * SECONDS and "ask" not in state:
        state["ask"] = True
        run.ask_takeover()


def take_display() -> None:
    """The driver's panes alone, and the whole display with the window below them."""
    from PyQt6.QtCore import QTimer
    from PyQt6.QtGui import QGuiApplication

    from app.config import DriverChoice, RunConfig
    from app.gui.window import MainWindow, make_application

    application = make_application()
    with tempfile.TemporaryDirectory(prefix="takeover-") as folder:
        os.chdir(folder)  # the drive is recorded below "runs" there, and gone afterwards
        window = MainWindow(RunConfig(driver=DriverChoice.EXPERT, seed=SEED, traffic=TRAFFIC))
        window.show()
        timer = QTimer()

        def look() -> None:
            drive = window.drive
            if not drive.is_on and window.run.message.text():
                raise SystemExit(window.run.message.text())
            tick = drive.session.newest_tick() if drive.session is not None else None
            if tick is None or drive.session is None or drive.screens is None:
                return
            if tick.time_s - drive.session.meter.begin_time_s >= SECONDS:
                timer.stop()
                panes = drive.screens.windows[0]
                panes.grab().save(str(IMAGES / "three_screens.png"))
                screen = QGuiApplication.primaryScreen()
                if screen is not None:
                    width = max(panes.width(), window.width())
                    left = (screen.size().width() - width) // 2
                    picture = screen.grabWindow(0, left, 0, width, screen.size().height())  # pyright: ignore[reportArgumentType]
                    picture.save(str(IMAGES / "application.png"))
                window.close()
                application.quit()

        timer.timeout.connect(look)
        timer.start(LOOK_MS)
        QTimer.singleShot(0, window.start)
        application.exec()


if __name__ == "__main__":
    main()
