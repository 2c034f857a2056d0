"""The application's main window, and `run_app`, which opens it and stays until it is closed."""

from __future__ import annotations

import logging
import os
import signal
import sys

from PyQt6.QtCore import QRect, QTimer
from PyQt6.QtGui import QCloseEvent, QGuiApplication
from PyQt6.QtWidgets import QApplication, QButtonGroup, QFrame, QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from app.config import RunConfig
from app.gui import theme
from app.gui.drive_page import DrivePage
from app.gui.parts import button, label
from app.gui.recordings_page import RecordingsPage
from app.study import Study
from cockpit.windows.layout import Layout

log = logging.getLogger(__name__)

SIZE = (1360, 860)
LEAST_HEIGHT = 420
"""Lower than this the window is of no use beside the driver's panes, and stays behind them."""
SIGNAL_LOOK_MS = 200
NO_DISPLAY = "no display: set DISPLAY or WAYLAND_DISPLAY, or run without a window (`takeover round`)"


class MainWindow(QWidget):
    """Two pages: drive, and what was recorded."""

    def __init__(self, config: RunConfig, study: Study | None = None) -> None:
        super().__init__()
        self.study = study
        self.setWindowTitle("Takeover")
        self.drive = DrivePage(config)
        self.recordings = RecordingsPage(config.out)
        self.pages = QStackedWidget()
        self.tabs = [button("Drive", "tab"), button("Recordings", "tab")]
        self._build()
        self._geometry_before: QRect | None = None
        self.drive.begun.connect(self._make_room)
        self.drive.ended.connect(self._take_room_back)
        self.drive.ended.connect(self.recordings.refresh)
        self.resize(*_fitting_size())

    def show_page(self, index: int) -> None:
        """0 is the drive, 1 the recordings."""
        self.tabs[index].setChecked(True)
        self.pages.setCurrentIndex(index)
        if index == 0:
            self.recordings.pause()

    def closeEvent(self, event: QCloseEvent | None) -> None:  # noqa: N802  Qt's name
        """A drive that is on is ended first, so that its recording is whole."""
        self.drive.close_drive()
        self.recordings.stop()
        super().closeEvent(event)

    def _make_room(self) -> None:
        """With one display the driver's panes lie across its upper part: this window takes what is below them."""
        screens, display = self.drive.screens, self.screen()
        if screens is None or display is None or screens.placement.layout is not Layout.PANES:
            return
        free = display.availableGeometry()
        panes = screens.windows[0]
        panes.move(free.left() + (free.width() - panes.width()) // 2, free.top())
        below = free.adjusted(0, panes.frameGeometry().height(), 0, 0)
        if below.height() >= LEAST_HEIGHT:
            self._geometry_before = self.geometry()
            width = min(free.width(), self.width())
            self.setGeometry(below.left() + (below.width() - width) // 2, below.top(), width, below.height())

    def _take_room_back(self) -> None:
        if self._geometry_before is not None:
            self.setGeometry(self._geometry_before)
            self._geometry_before = None

    def _build(self) -> None:
        header = QFrame()
        header.setProperty("role", "header")
        row = QHBoxLayout(header)
        row.setContentsMargins(theme.GAP + 4, 0, theme.GAP, 0)
        row.setSpacing(0)
        row.addWidget(label("Takeover", "title"))
        row.addSpacing(2 * theme.GAP)
        group = QButtonGroup(self)
        for index, tab in enumerate(self.tabs):
            tab.setCheckable(True)
            group.addButton(tab, index)
            row.addWidget(tab)
        group.idClicked.connect(self.show_page)
        row.addStretch()
        self.pages.addWidget(self.drive)
        self.pages.addWidget(self.recordings)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(header)
        column.addWidget(self.pages, stretch=1)
        self.show_page(0)


def has_display() -> bool:
    """Whether windows can be opened at all (Qt ends the process when it tries and cannot)."""
    asked = os.environ.get("QT_QPA_PLATFORM", "")
    return asked.startswith(("offscreen", "minimal", "vnc")) or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )


def make_application() -> QApplication:
    """The one QApplication of the process, with our looks."""
    existing = QApplication.instance()
    application = existing if isinstance(existing, QApplication) else QApplication(sys.argv[:1])
    application.setApplicationName("Takeover")
    theme.apply_theme(application)
    return application


def run_app(config: RunConfig, starts_driving: bool = False, study: Study | None = None) -> int:
    """Open the main window and stay until it is closed; the exit code. `starts_driving` presses the button at once.

    Raises:
        OSError: there is no display.
    """
    if not has_display():
        raise OSError(NO_DISPLAY)
    application = make_application()
    window = MainWindow(config, study)
    window.show()
    if starts_driving:
        QTimer.singleShot(0, window.drive.start)
    return _until_closed(application, window)


def _until_closed(application: QApplication, window: MainWindow) -> int:
    """Qt's loop; Ctrl-C and SIGTERM close the window like its own button."""
    before = {number: signal.signal(number, lambda *_: window.close()) for number in (signal.SIGINT, signal.SIGTERM)}
    wakes = QTimer()  # Python handles signals only between its own instructions, and Qt's loop runs none when idle
    wakes.timeout.connect(lambda: None)
    wakes.start(SIGNAL_LOOK_MS)
    try:
        return application.exec()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _fitting_size() -> tuple[int, int]:
    screen = QGuiApplication.primaryScreen()
    if screen is None:
        return SIZE
    free = screen.availableGeometry()
    return min(SIZE[0], free.width()), min(SIZE[1], free.height())
