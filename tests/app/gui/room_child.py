"""The child of test_room.py: the main window beside the driver's windows on virtual X displays."""

from __future__ import annotations

import json
import sys

from PyQt6.QtGui import QGuiApplication
from PyQt6.QtTest import QTest

from app.config import DriverChoice, RunConfig
from app.gui.window import MainWindow, make_application
from cockpit.rig.rig import load_rig
from cockpit.windows import DriverScreens


def main(folder: str) -> dict[str, object]:
    """Where the main window is while the driver's windows are open, and whether it lies above them."""
    application = make_application()
    config = RunConfig(policy=None, driver=DriverChoice.KEYBOARD, rig="desk_triple", out=folder)
    window = MainWindow(config)
    window.show()
    QTest.qWait(100)
    before = window.geometry()
    window.drive.screens = DriverScreens(load_rig("desk_triple"))
    window.drive.screens.show()
    window._last = (config, None)
    window.show_begun()
    QTest.qWait(300)
    displays = QGuiApplication.screens()
    inside = next(index for index, display in enumerate(displays) if display.geometry().contains(window.geometry()))
    corner = window.geometry().topLeft() - displays[inside].geometry().topLeft()
    seen = displays[inside].grabWindow(0, corner.x(), corner.y(), window.width(), 40).toImage()
    light = sum(seen.pixelColor(x, 20).lightness() > 15 for x in range(0, window.width(), 4))
    window._take_room_back()
    application.processEvents()
    return {"display": inside, "lit_pixels": light, "is_back": window.geometry() == before}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1])), flush=True)
