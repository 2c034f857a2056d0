"""The application's main window, and `run_app`, which opens it and stays until it is closed."""

from __future__ import annotations

import logging

from PyQt6.QtCore import QRect, QSize, Qt, QTimer
from PyQt6.QtGui import QCloseEvent, QGuiApplication, QKeySequence, QShortcut
from PyQt6.QtWidgets import QButtonGroup, QFrame, QHBoxLayout, QSizePolicy, QStackedWidget, QVBoxLayout, QWidget

from app.config import RunConfig
from app.drive.building import USER_ERRORS
from app.drive.run_status import Phase
from app.gui.after.page import AfterPage
from app.gui.common import theme
from app.gui.common.errors import error_words
from app.gui.common.keys import SHORTCUTS, KeysHelp
from app.gui.common.parts import button, label
from app.gui.common.texts import say
from app.gui.desktop import NO_DISPLAY, has_display, make_application, run_until_closed
from app.gui.prepare.page import PreparePage
from app.gui.run.drive import Drive
from app.gui.run.page import RunPage
from app.gui.wheel.page import WheelPage
from app.study.study import Study, Trial
from cockpit.route.files import read_routes
from cockpit.windows.layout import Layout, display_for_others

log = logging.getLogger(__name__)

SIZE = (1366, 860)
LEAST_HEIGHT = 420
"""A lower window would be of no use beside the driver's panes, and stays behind them."""
PREPARE, RUN, AFTER, WHEEL = range(4)


class MainWindow(QWidget):
    """Four pages: prepare, run, after, and the wheel's calibration."""

    def __init__(self, config: RunConfig, study: Study | None = None) -> None:
        super().__init__()
        self.setWindowTitle("Takeover")
        self.drive = Drive()
        self.prepare = PreparePage(config, study)
        self.run = RunPage(self.drive)
        self.after = AfterPage(config.out)
        self.wheel = WheelPage(config.out)
        self.pages = QStackedWidget()
        self.tabs = [button(say(f"tabs.{name}"), "tab") for name in ("prepare", "run", "after", "wheel")]
        self.now = label("", "dim")
        self._goes_on = False
        self._last: tuple[RunConfig, Trial | None] | None = None
        self._geometry_before: QRect | None = None
        self._build()
        self._connect()
        self.resize(*_fitting_size())

    def show_page(self, index: int) -> None:
        """Show a page: 0 prepare, 1 run, 2 after, 3 wheel."""
        self.tabs[index].setChecked(True)
        for number, page in enumerate((self.prepare, self.run, self.after, self.wheel)):
            # Only the shown page claims room: below the driver's panes there is too little for the highest one.
            height = QSizePolicy.Policy.Preferred if number == index else QSizePolicy.Policy.Ignored
            page.setSizePolicy(QSizePolicy.Policy.Preferred, height)
        self.pages.setCurrentIndex(index)
        if index != AFTER:
            self.after.pause()
        if index == WHEEL and self.wheel.step is None:
            self.wheel.refresh()

    def start(self) -> None:
        """Start the prepared drive: the form's, or the study's next trial."""
        if self.drive.is_on:
            return
        try:
            config, trial = self.prepare.chosen()
        except (*USER_ERRORS, ValueError) as error:  # ValueError: the form's settings contradict each other
            self.show_message(error_words(error), is_bad=True)
            return
        self._begin(config, trial)

    def go_on(self) -> None:
        """End the drive as one that counts and begin the next: the next trial, route, or seed."""
        if self.drive.is_on:
            self._goes_on = True
            self.drive.stop()

    def show_message(self, text: str, is_bad: bool = False) -> None:
        """Show a message on the pages on which drives are started."""
        for page in (self.prepare, self.run):
            page.message.show_message(text, is_bad)

    def closeEvent(self, event: QCloseEvent | None) -> None:  # noqa: N802  Qt's name
        """End a running drive first, so that its recording is complete."""
        self._goes_on = False
        self.drive.close()
        self.prepare.stop()
        self.after.stop()
        self.wheel.stop()
        super().closeEvent(event)

    def _begin(self, config: RunConfig, trial: Trial | None) -> None:
        self._last = (config, trial)
        if not self.drive.start(config, trial):
            self._goes_on = False

    def show_begun(self, makes_room: bool = True) -> None:
        """Show the page of the drive that has begun; make room for the driver's panes where they share the display."""
        assert self._last is not None  # noqa: S101  `_begin` has set it
        config, trial = self._last
        for page in (self.prepare, self.run, self.wheel):
            page.set_running(True)
        if trial is None:
            self.now.setText(say("now.drive", seed=config.seed))
        else:
            study = trial.study
            words = {"number": trial.number, "count": trial.count, "name": trial.condition.name}
            self.now.setText(say("now.trial", study=study.study, participant=study.participant, **words))
        if makes_room:
            self._make_room()
        self.show_page(RUN)

    def _ended(self) -> None:
        self._take_room_back()
        for page in (self.prepare, self.run, self.wheel):
            page.set_running(False)
        self.now.setText("")
        self.after.refresh()
        goes_on, self._goes_on = self._goes_on, False
        status = self.drive.last_status
        if goes_on and self._last is not None and status is not None and status.phase is not Phase.FAILED:
            config, trial = self._last
            self.start() if trial is not None else self._begin(next_drive(config), None)

    def _connect(self) -> None:
        self.prepare.start_asked.connect(self.start)
        self.run.start_asked.connect(self.start)
        self.run.next_asked.connect(self.go_on)
        self.drive.begun.connect(self.show_begun)
        self.drive.ended.connect(self._ended)
        self.drive.reported.connect(self.show_message)
        self.wheel.saved.connect(self.prepare.setup.use_profile)
        actions = {
            "start": self.start,
            "pause": self.run.toggle_pause,
            "mark": self.run.mark,
            "ask": self.run.ask_takeover,
            "next": self.go_on,
            "stop": self.drive.stop,
            "abort": self.drive.abort,
            "note": self._to_note,
            "prepare": lambda: self.show_page(PREPARE),
            "run": lambda: self.show_page(RUN),
            "after": lambda: self.show_page(AFTER),
            "wheel": lambda: self.show_page(WHEEL),
            "help": lambda: KeysHelp(self).exec(),
        }
        for name, keys in SHORTCUTS.items():
            shortcut = QShortcut(QKeySequence(keys), self)
            shortcut.setContext(Qt.ShortcutContext.ApplicationShortcut)  # also while the driver's window has the focus
            shortcut.activated.connect(actions[name])

    def _to_note(self) -> None:
        self.show_page(RUN)
        self.activateWindow()
        self.run.note.setFocus()

    def _make_room(self) -> None:
        """Move the window off the driver's: below the panes, or to another display than that of the instruments."""
        screens, display = self.drive.screens, self.screen()
        if screens is None or display is None or not screens.windows:
            return
        if screens.placement.layout is Layout.WINDOWS:
            displays = QGuiApplication.screens()
            index = display_for_others(screens.placement, screens.hud_name, len(displays))
            self._geometry_before = self.geometry()
            self.setGeometry(_within(self.size(), displays[index].availableGeometry()))
            self.raise_()
            return
        free = display.availableGeometry()
        panes = screens.windows[0]
        panes.move(free.left() + (free.width() - panes.width()) // 2, free.top())
        below = free.adjusted(0, panes.frameGeometry().height(), 0, 0)
        if below.height() >= theme.px(LEAST_HEIGHT):
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
        row.setContentsMargins(theme.px(theme.GAP + 4), 0, theme.px(theme.GAP + 4), 0)
        row.setSpacing(0)
        row.addWidget(label("Takeover", "title"))
        row.addSpacing(2 * theme.px(theme.GAP))
        group = QButtonGroup(self)
        for index, tab in enumerate(self.tabs):
            tab.setCheckable(True)
            group.addButton(tab, index)
            row.addWidget(tab)
        group.idClicked.connect(self.show_page)
        row.addStretch()
        row.addWidget(self.now)
        keys = button(say("tabs.keys"), "quiet")
        keys.clicked.connect(lambda: KeysHelp(self).exec())
        row.addSpacing(theme.px(theme.GAP))
        row.addWidget(keys)
        for page in (self.prepare, self.run, self.after, self.wheel):
            self.pages.addWidget(page)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(header)
        column.addWidget(self.pages, stretch=1)
        self.show_page(PREPARE)


def next_drive(config: RunConfig) -> RunConfig:
    """The drive after one that is no trial: the file's next route (again from the first), or the next seed."""
    if config.route_file is None:
        return config.model_copy(update={"seed": config.seed + 1})
    names = [route.route_id for route in read_routes(config.route_file)]
    at = names.index(config.route_id) if config.route_id in names else 0
    return config.model_copy(update={"route_id": names[(at + 1) % len(names)]})


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
        QTimer.singleShot(0, window.start)
    try:
        return run_until_closed(application, window.close)
    finally:
        window.drive.close()  # Qt's loop also ends when the display is gone, and nobody would be left to see the drive


def _within(size: QSize, free: QRect) -> QRect:
    """A window of this size in the middle of a display, smaller where it must be."""
    fitted = QRect(0, 0, min(size.width(), free.width()), min(size.height(), free.height()))
    fitted.moveCenter(free.center())
    return fitted


def _fitting_size() -> tuple[int, int]:
    screen = QGuiApplication.primaryScreen()
    full = theme.px(SIZE[0]), theme.px(SIZE[1])
    if screen is None:
        return full
    free = screen.availableGeometry()
    return min(full[0], free.width()), min(full[1], free.height())
