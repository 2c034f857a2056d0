"""The windows of a follower: Qt in the main thread, the follower's network in another one.

Windows are opened when a drive begins and closed when it ends; between drives nothing is shown and the follower asks
again twice a second.
"""

from __future__ import annotations

import logging
import threading

from PyQt6.QtCore import QObject, pyqtSignal
from PyQt6.QtWidgets import QApplication

from app.console import out as console
from app.gui.desktop import make_application, run_until_closed
from cockpit.followers.follower import Follower, FollowerScreens
from cockpit.rig.rig import Rig
from cockpit.windows import DriverScreens
from recorder.schema import Tick

log = logging.getLogger(__name__)

ASK_AGAIN_S = 0.5
OPEN_S = 20.0
"""How long to wait for the windows to open; longer means that the GUI thread hangs."""


class FollowedScreens(QObject):
    """Opens windows for the follower's thread, which may not touch Qt itself."""

    ended = pyqtSignal()
    """The follower's thread has ended."""
    _asked = pyqtSignal(object, object)
    _paused = pyqtSignal(bool)

    def __init__(self, layout: str, has_frame_codes: bool) -> None:
        super().__init__()
        self._layout, self._has_frame_codes = layout, has_frame_codes
        self._opened = threading.Event()
        self._failure: Exception | None = None
        self.screens: DriverScreens | None = None
        self._asked.connect(self._open)
        self._paused.connect(lambda is_paused: self.screens is not None and self.screens.show_paused(is_paused))

    def open_screens(self, rig: Rig, follower: Follower) -> FollowerScreens:
        """Called in the follower's thread: waits for the windows.

        Raises:
            ConfigError: they do not fit the displays.
        """
        self._opened.clear()
        self._asked.emit(rig, follower)
        if not self._opened.wait(OPEN_S):
            raise TimeoutError("the windows did not open")
        if self._failure is not None:
            raise self._failure
        return self

    def consume(self, tick: Tick) -> None:
        """Show the tick."""
        if self.screens is not None:
            self.screens.consume(tick)

    def show_paused(self, is_paused: bool) -> None:
        """Show whether the world is paused."""
        self._paused.emit(is_paused)

    def close(self) -> None:
        """Close the windows."""
        if self.screens is not None:
            self.screens.close()

    def _open(self, rig: Rig, follower: Follower) -> None:
        """In the GUI thread."""
        self._failure = None
        try:
            eye = None if not any(rig.head.reach_m()) else lambda: follower.eye_m or rig.eye_in_rig_m
            self.screens = DriverScreens(rig, self._layout, None, eye, chime_after_s=None)
            self.screens.on_complete = follower.note_shown
            self.screens.show_frame_codes(self._has_frame_codes)
            self.screens.closed.connect(QApplication.quit)
            self.screens.show()
        except Exception as error:  # noqa: BLE001  raised again in the follower's thread
            self._failure = error
        self._opened.set()


def follow_drives(address: tuple[str, int], machine: str, layout: str, once: bool, has_frame_codes: bool) -> int:
    """Follow one drive after the other until the user ends it; returns the exit code.

    Raises:
        ConfigError, WorldError: errors after which the follower cannot go on.
    """
    application = make_application()
    application.setQuitOnLastWindowClosed(False)
    windows = FollowedScreens(layout, has_frame_codes)
    follower = Follower(address, machine, windows.open_screens)
    over, failures = threading.Event(), []

    def follow() -> None:
        try:
            while not over.is_set():
                ended = follower.run()
                if ended is not None:
                    console.print(f"{ended}: {follower.shown_count} frames shown, {follower.skipped_count} skipped")
                    if once:
                        return
                over.wait(ASK_AGAIN_S)
        except Exception as error:  # noqa: BLE001  raised again below, in the main thread
            failures.append(error)
        finally:
            windows.ended.emit()

    windows.ended.connect(application.quit)
    thread = threading.Thread(target=follow, name="follower", daemon=True)
    thread.start()
    try:
        run_until_closed(application, application.quit)
    finally:
        over.set()
        follower.stop()
        thread.join()
    if failures:
        raise failures[0]
    return 0
