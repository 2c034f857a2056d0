"""The drive that the window starts, monitors and ends; the pages use it and never the session itself.

The session runs in a thread of its own. This object polls it a few times a second in the GUI thread, notifies the
pages by signals, and waits for it only when everything is taken down.
"""

from __future__ import annotations

from PyQt6.QtCore import QObject, QTimer, pyqtSignal

from app.config import RunConfig
from app.drive.building import USER_ERRORS
from app.drive.run_status import Phase, RunStatus
from app.drive.running_session import RunningSession, build_session
from app.gui.common.errors import error_words
from app.gui.common.texts import say
from app.gui.run.history import History
from app.study.study import Trial
from cockpit.followers.hub import ScreenHub
from cockpit.windows import DriverScreens

LOOK_MS = 66
"""The window polls the drive 15 times a second: enough for a map, and cheap."""


class Drive(QObject):
    """One drive after the other; None of them blocks the window."""

    begun = pyqtSignal()
    """The driver's windows are open."""
    updated = pyqtSignal()
    """The drive was polled: time to show the newest state."""
    ended = pyqtSignal()
    """A drive is over and everything is taken down."""
    reported = pyqtSignal(str, bool)
    """A message for the experimenter, and whether it is a problem."""

    def __init__(self) -> None:
        super().__init__()
        self.session: RunningSession | None = None
        self.screens: DriverScreens | None = None
        self.hub: ScreenHub | None = None
        """The hub that the rig's followers join; None when it has none."""
        self.history = History()
        self.last_status: RunStatus | None = None
        """How the last drive ended."""
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_MS)
        self._timer.timeout.connect(self.look)

    @property
    def is_on(self) -> bool:
        """Whether a drive is starting, running or ending."""
        return self.session is not None

    def start(self, config: RunConfig, trial: Trial | None = None) -> bool:
        """Build the drive and start it; whether it was started. Problems are reported by `reported`, not raised."""
        if self.session is not None:
            return False
        self.reported.emit("", False)
        session = None
        try:
            session = build_session(config, trial)
            chime_s = config.arbitration.request_sound_s
            own = session.rig.of_machine(None)
            self.screens = DriverScreens(own, config.layout, session.keyboard, session.eye, chime_after_s=chime_s)
            self.hub = ScreenHub(session.rig, self.screens, session, session.eye) if session.rig.followers() else None
        except USER_ERRORS as error:
            if session is not None:
                session.close()
            if self.screens is not None:
                self.screens.close()
                self.screens = None
            self.reported.emit(error_words(error), True)
            return False
        self.history = History()
        if self.hub is not None:
            self.screens.trouble_elsewhere = lambda hub=self.hub: hub.error
        session.add_consumer(self.screens if self.hub is None else self.hub)
        session.add_consumer(self.history)
        self.session = session
        self.screens.closed.connect(self.stop)
        self.screens.show()
        session.start()
        self._timer.start()
        self.begun.emit()
        return True

    def stop(self) -> None:
        """Ask the drive to end, as one that counts; `ended` is emitted when it has."""
        if self.session is not None:
            self.session.stop()

    def abort(self) -> None:
        """Ask the drive to end, as one that does not count."""
        if self.session is not None:
            self.session.abort()

    def toggle_pause(self) -> None:
        """Pause, or go on."""
        if self.session is not None:
            self.session.resume() if self.session.status().is_paused else self.session.pause()

    def ask_takeover(self) -> None:
        """Request a takeover in the experimenter's name."""
        if self.session is not None:
            self.session.request_takeover()

    def mark(self, text: str) -> None:
        """Put a mark into the recording."""
        if self.session is not None:
            self.session.mark(text)

    def note(self, text: str) -> None:
        """Write a note into the session's log."""
        if self.session is not None:
            self.session.note(text)

    def close(self) -> None:
        """End the drive, as one that does not count, and wait until it has: the window closes."""
        if self.session is not None:
            self.session.abort()
            self.session.close()
            self.look()

    def look(self) -> None:
        """Notify the pages of the drive's newest state; take the drive down when it is over."""
        if self.session is None:
            return
        self.updated.emit()
        status = self.session.status()
        if self.screens is not None:
            self.screens.show_paused(status.is_paused)
        if self.hub is not None:
            self.hub.show_paused(status.is_paused)
        if status.phase.is_over:
            self._finish(self.session, status)

    def _finish(self, session: RunningSession, status: RunStatus) -> None:
        self._timer.stop()
        session.close()
        self.session, self.last_status = None, status
        for screens in (self.hub, self.screens):
            if screens is not None:
                screens.close()
        self.hub = self.screens = None
        is_bad = status.phase is Phase.FAILED
        self.reported.emit(status.message if is_bad else end_words(status), is_bad)
        self.ended.emit()


def end_words(status: RunStatus) -> str:
    """How a drive ended, in up to three sentences."""
    words = [say("end.over", how=status.message)]
    if status.result is not None:
        words.append(say("end.far", driven=status.result.driven_m, length=status.result.route_length_m))
    if status.recorder is not None:
        count = status.recorder.segments
        words.append(say("end.one_takeover") if count == 1 else say("end.takeovers", count=count))
    return " ".join(words)
