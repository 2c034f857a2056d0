"""The page that shows a running drive (screens, map, plots, who drives and why) and commands its session."""

from __future__ import annotations

import time
from datetime import datetime

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtGui import QImage, QResizeEvent
from PyQt6.QtWidgets import QHBoxLayout, QLineEdit, QListWidget, QVBoxLayout, QWidget

from app.drive.run_status import Ground, Phase
from app.gui.common import theme
from app.gui.common.map_view import MapView
from app.gui.common.parts import Card, Message, button, framed, scrolled
from app.gui.common.pictures import Pictures, ordered
from app.gui.common.texts import say
from app.gui.common.town_plan import plan_from_opendrive
from app.gui.run.drive import Drive
from app.gui.run.plots import LivePlots
from app.gui.run.status_panel import StatusPanel
from cockpit.config import ConfigError
from recorder.schema import Tick

STATUS_WIDTH = 300
THUMBNAIL_WIDTH = 320
"""Pictures are reduced to about this size before they are drawn: they are previews."""
SLOW_LOOKS = 2
"""Pictures and plots are drawn at every second update."""
LOW = 560
"""A lower page shows no pictures: the driver's panes are on the same display then, right above."""
NOTES_HEIGHT = 84


class RunPage(QWidget):
    """The drive's state, and the experimenter's buttons."""

    start_asked = pyqtSignal()
    next_asked = pyqtSignal()

    def __init__(self, drive: Drive) -> None:
        super().__init__()
        self.drive = drive
        self.pictures, self.map, self.plots = Pictures(), MapView(), LivePlots()
        self.status = StatusPanel()
        self.message = Message()
        self.start_button = button(say("run.start"), "primary")
        self.pause_button = button(say("run.pause"))
        self.mark_button = button(say("run.mark"))
        self.ask_button = button(say("run.ask"))
        self.next_button = button(say("run.next"))
        self.stop_button = button(say("run.stop"))
        self.abort_button = button(say("run.abort"), "danger")
        self.whole_button, self.follow_button = button(say("run.whole"), "quiet"), button(say("run.follow"), "quiet")
        self.note = QLineEdit()
        self.notes = QListWidget()
        self._looks = 0
        self._shows_ground = False
        self._marks = 0
        self._build()
        self._connect()
        self.set_running(False)

    def set_running(self, is_running: bool) -> None:
        """Enable the buttons that apply."""
        for widget in self._while_driving:
            widget.setEnabled(is_running)
        self.start_button.setEnabled(not is_running)
        self.pause_button.setText(say("run.pause"))
        if is_running:
            self._shows_ground, self._marks, self._looks = False, 0, 0
            self.notes.clear()
            self.map.forget_trail()
            self.status.show_nothing()
            self.map.follow()

    def look(self) -> None:
        """Show the drive's newest state."""
        session = self.drive.session
        if session is None:
            return
        status, tick = session.status(), session.newest_tick()
        if session.ground is not None and not self._shows_ground:
            self._show_ground(session.ground)
        painted = self.drive.screens
        self.status.show_status(status, tick)
        if painted is not None:
            self.status.show_screens(
                painted.painted_count,
                painted.dropped_count,
                painted.meter.input_to_photon().text(),
                () if self.drive.hub is None else self.drive.hub.status(),
            )
        is_driving = status.phase is Phase.DRIVING
        for widget in (self.pause_button, self.mark_button, self.ask_button, self.note):
            widget.setEnabled(is_driving)
        self.pause_button.setText(say("run.resume") if status.is_paused else say("run.pause"))
        if tick is None:
            return
        self.map.show_tick(tick)
        self._looks += 1
        if self._looks % SLOW_LOOKS == 0:
            self.plots.show_history(self.drive.history)
            if self.pictures.isVisible():
                self.pictures.show_images(thumbnails(tick))

    def mark(self) -> None:
        """Put a mark into the recording, with the note field's content as its text."""
        if not self.mark_button.isEnabled():
            return
        self._marks += 1
        text = self.note.text().strip() or say("run.mark_text", number=self._marks)
        self.note.clear()
        self.drive.mark(text)
        self._list(say("run.marked", text=text))

    def write_note(self) -> None:
        """Write the field's content into the session's log, as a note with the time."""
        text = self.note.text().strip()
        if text and self.drive.is_on:
            self.note.clear()
            self.drive.note(text)
            self._list(text)

    def ask_takeover(self) -> None:
        """Request a takeover in the experimenter's name."""
        if self.ask_button.isEnabled():
            self.drive.ask_takeover()
            self._list(say("run.asked"))

    def toggle_pause(self) -> None:
        """Pause, or go on."""
        if self.pause_button.isEnabled():
            self.drive.toggle_pause()

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802  Qt's name
        """Hide the pictures where there is no room for them."""
        self.pictures.setVisible(self.height() >= theme.px(LOW))
        super().resizeEvent(event)

    def _list(self, text: str) -> None:
        self.notes.insertItem(0, f"{datetime.fromtimestamp(time.time()):%H:%M:%S}  {text}")

    def _show_ground(self, ground: Ground) -> None:
        """The town and route that are really driven (a server's town is known only now)."""
        self._shows_ground = True
        try:
            self.map.show_town(plan_from_opendrive(ground.town, ground.opendrive))
            self.map.show_route(ground.route_world)
            self.map.follow()
        except ConfigError as error:
            self.map.show_town(None, str(error))

    def _connect(self) -> None:
        self.start_button.clicked.connect(self.start_asked)
        self.next_button.clicked.connect(self.next_asked)
        self.pause_button.clicked.connect(self.toggle_pause)
        self.mark_button.clicked.connect(self.mark)
        self.ask_button.clicked.connect(self.ask_takeover)
        self.stop_button.clicked.connect(self.drive.stop)
        self.abort_button.clicked.connect(self.drive.abort)
        self.note.returnPressed.connect(self.write_note)
        self.whole_button.clicked.connect(self.map.show_whole)
        self.follow_button.clicked.connect(self.map.follow)
        self.drive.updated.connect(self.look)

    @property
    def _while_driving(self) -> tuple[QWidget, ...]:
        return (
            self.pause_button,
            self.mark_button,
            self.ask_button,
            self.next_button,
            self.stop_button,
            self.abort_button,
            self.note,
        )

    def _build(self) -> None:
        gap = theme.px(theme.GAP)
        self.pictures.setMinimumHeight(0)  # they go in a low window, and must not keep it from being low
        self.note.setPlaceholderText(say("run.note_hint"))
        self.notes.setProperty("role", "log")
        self.notes.setFixedHeight(theme.px(NOTES_HEIGHT))
        self.notes.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        tools = QHBoxLayout()
        tools.addStretch()
        tools.addWidget(self.follow_button)
        tools.addWidget(self.whole_button)
        town = QVBoxLayout()
        town.setSpacing(theme.px(2))
        town.addWidget(self.map, stretch=1)
        town.addLayout(tools)
        views = QHBoxLayout()
        views.setSpacing(gap)
        views.addWidget(framed(town), stretch=5)
        views.addWidget(self.plots, stretch=4)
        buttons = QHBoxLayout()
        buttons.setSpacing(theme.px(6))
        for widget in (self.start_button, *self._while_driving[:-1]):
            widget.setProperty("role", widget.property("role") or "tool")
            buttons.addWidget(widget)
        middle = QVBoxLayout()
        middle.setSpacing(gap)
        middle.addWidget(self.pictures, stretch=2)
        middle.addLayout(views, stretch=5)
        middle.addWidget(self.message)
        middle.addWidget(self.note)
        middle.addLayout(buttons)
        side = QVBoxLayout()
        side.setSpacing(gap)
        side.addWidget(scrolled(self.status), stretch=1)
        notes = Card(say("run.notes"))
        notes.body.addWidget(self.notes)
        side.addWidget(notes)
        right = framed(side)
        right.setFixedWidth(theme.px(STATUS_WIDTH))
        row = QHBoxLayout(self)
        row.setContentsMargins(gap, gap, gap, gap)
        row.setSpacing(gap)
        row.addWidget(framed(middle), stretch=1)
        row.addWidget(right)


def thumbnails(tick: Tick) -> list[tuple[str, QImage]]:
    """The tick's pictures, reduced: the screens' from left to right, then those of the policy's cameras."""
    found = []
    for name in ordered(list(tick.cameras)):
        image = tick.cameras[name].image
        stride = max(1, image.shape[1] // theme.px(THUMBNAIL_WIDTH))
        small = image[::stride, ::stride].copy()
        height, width, _ = small.shape
        found.append((name, QImage(small.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888).copy()))
    return found
