"""What every command with windows needs: whether there is a display, the one QApplication, and an end by Ctrl-C."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable

from PyQt6.QtCore import QTimer
from PyQt6.QtWidgets import QApplication

from app.gui.common import theme

SIGNAL_LOOK_MS = 200
NO_DISPLAY = "no display: set DISPLAY or WAYLAND_DISPLAY, or run without a window (`takeover round`)"


def has_display() -> bool:
    """Whether windows can be opened at all (Qt ends the process when it tries and cannot)."""
    asked = os.environ.get("QT_QPA_PLATFORM", "")
    return asked.startswith(("offscreen", "minimal", "vnc")) or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )


def make_application() -> QApplication:
    """The one QApplication of the process, with our theme."""
    existing = QApplication.instance()
    application = existing if isinstance(existing, QApplication) else QApplication(sys.argv[:1])
    application.setApplicationName("Takeover")
    theme.apply_theme(application)
    return application


def run_until_closed(application: QApplication, close: Callable[[], object]) -> int:
    """Run Qt's loop; Ctrl-C and SIGTERM call `close`, as the window's own button would. Returns the exit code."""
    before = {number: signal.signal(number, lambda *_: close()) for number in (signal.SIGINT, signal.SIGTERM)}
    wakes = QTimer()  # Python handles signals only between its own instructions, and Qt's loop runs none when idle
    wakes.timeout.connect(lambda: None)
    wakes.start(SIGNAL_LOOK_MS)
    try:
        return application.exec()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
