"""The child of test_straight_line.py and test_frame_ids.py: the driver's screens on three virtual X displays.

What the displays show is grabbed from the X server, not from the widgets.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtGui import QGuiApplication, QImage
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QApplication, QWidget

from cockpit.rig.camera_spec import CameraSpec
from cockpit.rig.projection import camera_for_eye
from cockpit.windows import DriverScreens
from cockpit.windows.frame_code import read_frame_code
from cockpit.windows.screens import Renderer
from recorder.schema import CameraFrame, DriverInput
from tests.cockpit.rig.painted_line import EYE, MOVED, drawn, room
from tests.cockpit.windows.window_ticks import picture, tick


def grabbed() -> dict[str, NDArray[np.uint8]]:
    """What each display shows, by its name."""
    shown = {}
    for display in QGuiApplication.screens():
        image = display.grabWindow(0).toImage().convertToFormat(QImage.Format.Format_RGB888)
        bits = image.constBits()
        assert bits is not None
        flat = np.frombuffer(bits.asstring(image.sizeInBytes()), np.uint8)
        rows = flat.reshape(image.height(), image.bytesPerLine())[:, : 3 * image.width()]
        shown[display.name()] = rows.reshape(image.height(), -1, 3)
    return shown


def display_of(window: QWidget) -> str:
    """The display that a window is on."""
    display = window.screen()
    assert display is not None
    return display.name()


def wait_shown(screens: DriverScreens, frame: int) -> None:
    """Until every screen has swapped to `frame`."""
    deadline = time.monotonic() + 60.0  # on a machine that may be busy
    while screens.meter.complete_frame < frame and time.monotonic() < deadline:
        QTest.qWait(1)


def line(renderer: str, folder: str) -> dict[str, object]:
    """The painted line from the eye at rest, from the moved eye, and as the moved eye would see it uncorrected."""
    rig, eye = room(), [EYE]
    screens = DriverScreens(rig, "windows", None, lambda: eye[0], Renderer(renderer))
    for pane in screens.panes.values():
        pane.content.part = pane.content.part.__class__(
            pane.content.part.shown, pane.content.part.view, size_px=(1280, 720)
        )
        pane.content.has_hud = False
    screens.show()
    QTest.qWait(100)
    names = {screen.display: screen.name for screen in rig.screens}
    for index, (case, seen_from, drawn_from) in enumerate(
        [("rest", EYE, EYE), ("moved", MOVED, MOVED), ("stale", EYE, EYE)]
    ):
        eye[0] = seen_from
        cameras = {}
        for view in rig.views():
            pose = camera_for_eye(view, drawn_from)
            camera = CameraSpec(view.screen.name, view.camera.width, view.camera.height, view.camera.fov_rad, pose)
            cameras[view.screen.name] = CameraFrame(view.screen.name, index, drawn(camera), camera.fov_rad, pose)
        screens.consume(tick(index + 1, cameras, plan=None))
        wait_shown(screens, index + 1)
        QTest.qWait(60)
        for display, shown in grabbed().items():
            np.save(Path(folder) / f"{case}-{names[display]}.npy", shown[..., :1])
    return {"displays": sorted(names), "renderer": screens.renderer.value}


def ids(renderer: str, count: str) -> dict[str, object]:
    """Every tick's frame code, read back from all three displays after it was shown."""
    rig = room()
    screens = DriverScreens(rig, "windows", None, None, Renderer(renderer))
    screens.show_frame_codes(True)
    screens.show()
    QTest.qWait(100)
    wrong = []
    for frame in range(7000, 7000 + int(count)):
        cameras = {s.name: picture(s.name, frame, (frame % 200, 60, 60), (320, 180)) for s in rig.screens}
        screens.consume(tick(frame, cameras, plan=None, driver=DriverInput(event_time_s=time.time())))
        wait_shown(screens, frame)
        read = [read_frame_code(shown) for shown in grabbed().values()]
        if read != [frame] * 3:
            wrong.append([frame, read])
    delays = screens.meter.input_to_photon()
    windows = {window.panes[0].name: display_of(window) for window in screens.windows}
    return {
        "windows": windows,
        "wrong": wrong,
        "painted": screens.painted_count,
        "delays": delays.count,
        "p50_s": delays.p50_s,
    }


def hud(folder: str) -> dict[str, object]:
    """What the display shows of the instruments, drawn by each renderer in turn."""
    rig = room()
    cameras = {s.name: picture(s.name, 14, (90, 110, 90), (321, 181)) for s in rig.screens}
    for renderer in ("gl", "cpu"):
        screens = DriverScreens(rig, "windows", None, None, Renderer(renderer))
        screens.show()
        QTest.qWait(100)
        for frame in (13, 14):  # glyphs are put into the GPU's cache while the first one is drawn
            screens.consume(tick(frame, cameras, plan=None))
            wait_shown(screens, frame)
        QTest.qWait(60)
        np.save(Path(folder) / f"hud-{renderer}.npy", grabbed()["D1"])
        screens.close()
        QTest.qWait(60)
    return {}


if __name__ == "__main__":
    application = QApplication(sys.argv)
    print(json.dumps(globals()[sys.argv[1]](*sys.argv[2:])))
