"""Takes the pictures of the README and the manual: a drive on the embedded simulator, as its window looks then.

Needs a display of at least 2000x1260, which Xvfb can be:
    xvfb-run -s "-screen 0 2000x1260x24" .venv/bin/python scripts/take_pictures.py
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from PyQt6.QtCore import QTimer
from PyQt6.QtGui import QGuiApplication

from app.config import DriverChoice, RunConfig
from app.window import MainWindow, make_application

SECONDS = 10.0
"""Simulation time of the pictures; with the seed below the car then comes to a crossing with lights."""
SEED, TRAFFIC = 3, 25
LOOK_MS = 20
IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"


def main() -> None:
    """Drive until the moment has come, take both pictures, end the drive."""
    application = make_application()
    with tempfile.TemporaryDirectory(prefix="takeover-") as folder:
        os.chdir(folder)  # the drive is recorded below "runs" there, and gone afterwards
        settings = RunConfig(driver=DriverChoice.EXPERT, seed=SEED, traffic=TRAFFIC)
        window = MainWindow(settings)
        window.show()
        timer = QTimer()

        def look() -> None:
            drive = window.drive
            tick = drive.session.newest_tick() if drive.session is not None else None
            is_over = drive.session is None and bool(drive.message.text())
            if is_over:
                raise SystemExit(drive.message.text())
            if tick is None or drive.session is None or drive.screens is None:
                return
            if tick.time_s - drive.session.meter.begin_time_s >= SECONDS:
                timer.stop()
                drive.screens.windows[0].grab().save(str(IMAGES / "three_screens.png"))
                screen = QGuiApplication.primaryScreen()
                if screen is not None:
                    width = drive.screens.windows[0].width()
                    screen.grabWindow(0, (screen.size().width() - width) // 2, 0, width, screen.size().height()).save(  # pyright: ignore[reportArgumentType]
                        str(IMAGES / "application.png")
                    )
                window.close()
                application.quit()

        timer.timeout.connect(look)
        timer.start(LOOK_MS)
        QTimer.singleShot(0, window.drive.start)
        application.exec()


if __name__ == "__main__":
    main()
