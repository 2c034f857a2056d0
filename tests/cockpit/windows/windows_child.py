"""The child of test_windows.py: opens the driver's windows on Qt's offscreen displays, prints as JSON what is seen."""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QFocusEvent, QImage
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QApplication, QWidget

from cockpit.devices import KeyboardDriver
from cockpit.rig.rig import load_rig
from cockpit.windows import DriverScreens
from recorder.schema import Authority, Reason
from tests.cockpit.windows.window_ticks import authority, picture, tick

COLOURS = {"left": (200, 0, 0), "centre": (60, 60, 60), "right": (0, 0, 200)}


def pixels(widget: QWidget) -> NDArray[np.uint8]:
    """What a widget shows, (rows, columns, 3)."""
    image = widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    bits = image.constBits()
    assert bits is not None
    flat = np.frombuffer(bits.asstring(image.sizeInBytes()), np.uint8)
    return flat.reshape(image.height(), image.bytesPerLine())[:, : 3 * image.width()].reshape(image.height(), -1, 3)


def opened(keyboard: KeyboardDriver | None = None) -> DriverScreens:
    screens = DriverScreens(load_rig("desk_triple"), "auto", keyboard)
    screens.show()
    QTest.qWait(50)
    return screens


def shown(screens: DriverScreens, **changes: Any) -> None:
    """One tick, painted."""
    number = changes.pop("frame", 10)
    cameras = {name: picture(name, number, colour) for name, colour in COLOURS.items()}
    screens.consume(tick(number, cameras, **changes))
    QTest.qWait(50)


def is_blue(area: NDArray[np.uint8]) -> int:
    """Pixels in which the policy's blue lies over grey."""
    return int(np.count_nonzero(area[..., 2].astype(int) - area[..., 0] > 40))


def geometry() -> dict[str, Any]:
    screens = opened()
    panes = screens.panes.items()
    return {
        "layout": screens.placement.layout.value,
        "windows": len(screens.windows),
        "left_of": {name: pane.window().geometry().left() for name, pane in panes},
        "pane_x": {name: pane.x() for name, pane in panes},
        "frameless": [bool(w.windowFlags() & Qt.WindowType.FramelessWindowHint) for w in screens.windows],
    }


def newest() -> dict[str, Any]:
    screens = opened()
    for number in range(10, 15):
        cameras = {name: picture(name, number, colour) for name, colour in COLOURS.items()}
        screens.consume(tick(number, cameras, plan=None))
    QTest.qWait(50)
    return {
        "frames": {name: pane.frame for name, pane in screens.panes.items()},
        "painted": screens.painted_count,
        "dropped": screens.dropped_count,
        "colours": {name: pixels(screens.panes[name])[360, 640].tolist() for name in ("left", "right")},
    }


def empty() -> dict[str, Any]:
    screens = opened()
    screens.consume(tick(10, {}))
    QTest.qWait(50)
    return {"ink": int(np.count_nonzero(pixels(screens.panes["left"]).max(axis=2) > 100))}


def path() -> dict[str, Any]:
    """The road between bonnet and horizon, without the plates of the instruments."""
    screens = opened()
    shown(screens)
    centre = pixels(screens.panes["centre"])
    return {
        "below_horizon": is_blue(centre[400:540, 300:980]),
        "above_horizon": is_blue(centre[140:340, :]),
        "sides": [
            is_blue(pixels(screens.panes["left"])),
            int(np.count_nonzero(pixels(screens.panes["right"])[..., 2] != 200)),
        ],
    }


def alert() -> dict[str, Any]:
    screens = opened()
    shown(screens, frame=14, authority=authority(Authority.REQUESTED, Reason.PLAN_STALE))  # 0.7 s: the flash is on
    return {
        "red_pixels": {
            name: int(np.count_nonzero((edge := pixels(pane)[:6])[..., 0] > edge[..., 2].astype(int) + 60))
            for name, pane in screens.panes.items()
        }
    }


def paused() -> dict[str, Any]:
    """How bright every screen is, and how much is written in the middle of the one with the instruments."""
    screens = opened()
    shown(screens, plan=None)
    states = []
    for is_paused in (False, True, False):
        screens.show_paused(is_paused)
        QTest.qWait(50)
        views = {name: pixels(pane) for name, pane in screens.panes.items()}
        states.append(
            {"mean": {name: float(view.mean()) for name, view in views.items()}}
            | {"ink": int(np.count_nonzero(views["centre"][220:400, 300:980].min(axis=2) > 180))}
        )
    return {"states": states}


def keys() -> dict[str, Any]:
    keyboard = KeyboardDriver()
    window = opened(keyboard).windows[0]
    for key in (Qt.Key.Key_A, Qt.Key.Key_Space, Qt.Key.Key_T):
        QTest.keyPress(window, key)
    QTest.qWait(100)
    reading = keyboard.read(None)
    window.focusOutEvent(QFocusEvent(QFocusEvent.Type.FocusOut))
    left = [key.value for key in keyboard._state.down]
    return {
        "steer": reading.steer,
        "brake": reading.brake,
        "takeover": reading.takeover_pressed,
        "after_focus_lost": left,
    }


def elsewhere() -> dict[str, Any]:
    """The screens of a rig that are all on another machine, as each of the two machines shows them."""
    rig = load_rig("desk_triple")
    rig = rig.model_copy(update={"screens": tuple(s.model_copy(update={"machine": "wall"}) for s in rig.screens)})
    counts = {}
    for name, part in (("here", rig.of_machine(None)), ("there", rig.of_machine("wall"))):
        screens = DriverScreens(part)
        screens.show()
        screens.consume(tick(10, {}))
        QTest.qWait(50)
        counts[name] = [len(screens.windows), screens.painted_count]
        screens.close()
        QTest.qWait(20)
    return counts


def closing() -> dict[str, Any]:
    closed = []
    for by_driver in (False, True):
        screens, count = opened(), []
        screens.closed.connect(lambda count=count: count.append(1))
        screens.windows[0].close() if by_driver else screens.close()
        QTest.qWait(50)
        closed.append(len(count))
    return {"by_program": closed[0], "by_driver": closed[1]}


if __name__ == "__main__":
    application = QApplication(sys.argv)
    print(json.dumps(globals()[sys.argv[1]]()))
