"""Takes the pictures of the README and the manuals: drives on the embedded simulator, as the window looks then.

Pages are drawn without a display, at any size:
    .venv/bin/python scripts/take_pictures.py pages 1366x768 laptop
    .venv/bin/python scripts/take_pictures.py pages 3840x2160 wall
The whole display with the driver's panes needs one of at least 2000x1260, which Xvfb can be:
    xvfb-run -s "-screen 0 2000x1260x24" .venv/bin/python scripts/take_pictures.py display
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
LOOK_MS = 50
SECONDS = 10.0
"""Simulation time of the pictures; with the seed below the car then comes to a crossing with lights."""
SEED, TRAFFIC = 3, 25
AFTER_S = 6.0
"""How long the list of takeovers may take to be read."""


def main() -> None:
    """What the command line asks for."""
    what, *rest = sys.argv[1:] or ["display"]
    if what == "pages":
        size, name = rest
        width, height = (int(part) for part in size.split("x"))
        use_offscreen(width, height)
        take_pages(width, height, name)
    else:
        take_display()


def use_offscreen(width: int, height: int) -> None:
    """Qt's own display in memory, of this size."""
    screen = {"name": "display", "x": 0, "y": 0, "width": width, "height": height}
    screen |= {"logicalDpi": 96, "logicalBaseDpi": 96, "dpr": 1}
    told = {"synchronousWindowSystemEvents": False, "windowFrameMargins": False, "screens": [screen]}
    path = Path(tempfile.gettempdir()) / f"takeover-screen-{os.getpid()}.json"
    path.write_text(json.dumps(told), encoding="utf-8")
    os.environ["QT_QPA_PLATFORM"] = f"offscreen:configfile={path}"


def take_pages(width: int, height: int, name: str) -> None:
    """One picture of each page while a trial of a study is driven, and after it."""
    from PyQt6.QtCore import QTimer

    from app.config import DriverChoice, RunConfig, asset
    from app.study import Study, load_study
    from app.window import AFTER, MainWindow, make_application

    application = make_application()
    folder = tempfile.TemporaryDirectory(prefix="takeover-")
    os.chdir(folder.name)
    preset = load_study(asset("studies", "handover.yaml")).model_dump(exclude_unset=True)
    drive = RunConfig(driver=DriverChoice.EXPERT, seed=SEED)
    study = Study.model_validate(preset | {"participant": "p02", "consent": True, "drive": drive})
    window = MainWindow(drive, study)
    window.show()
    window.resize(width, height)
    window.drive.begun.disconnect()
    window.drive.begun.connect(lambda: window.show_begun(makes_room=False))
    state = {"step": "prepare", "since": time.monotonic()}

    def snap(page: str) -> None:
        window.grab().save(str(IMAGES / f"{page}_{name}.png"))

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
            state["step"], state["since"] = "after", time.monotonic()
        elif state["step"] == "after" and time.monotonic() - state["since"] > AFTER_S:
            snap("after")
            window.close()
            application.quit()

    timer = QTimer()
    timer.timeout.connect(step)
    timer.start(LOOK_MS)
    application.exec()
    os.chdir("/")
    folder.cleanup()


def _play_experimenter(window, seconds: float, state: dict) -> None:
    """What an experimenter might do by then: a note, a mark, a request."""
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
    from app.window import MainWindow, make_application

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
                    left, width = (screen.size().width() - panes.width()) // 2, panes.width()
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
