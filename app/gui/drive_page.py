"""The page on which one drives: the form, the map, the figures, and the button that starts and stops.

The session runs in its own thread; this page looks at it a few times a second and never waits for it.
"""

from __future__ import annotations

import logging
from pathlib import Path

from pydantic import ValidationError
from PyQt6.QtCore import Qt, QTimer, pyqtSignal
from PyQt6.QtWidgets import QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from app.config import EMBEDDED_TOWN, RunConfig, town_path
from app.gui import theme
from app.gui.map_view import MapView
from app.gui.parts import button, framed, label
from app.gui.setup_panel import SetupPanel
from app.gui.status_panel import StatusPanel
from app.gui.town_plan import TownPlan, plan_from_opendrive, route_preview
from app.run_status import Ground, Phase, RunStatus
from app.session_controller import USER_ERRORS, RunningSession, build_session
from cockpit.config import ConfigError
from cockpit.route import RouteError
from cockpit.windows import DriverScreens

log = logging.getLogger(__name__)

LOOK_MS = 66
"""The window looks at the drive 15 times a second: enough for a map, and cheap."""
PREVIEW_MS = 250
"""Typing a town's name should not plan a route at every letter."""
SIDE_WIDTH, STATUS_WIDTH = 360, 310


class DrivePage(QWidget):
    """Choose, start, watch, stop."""

    begun = pyqtSignal()
    """The driver's windows are open."""
    ended = pyqtSignal()
    """A drive is over and everything is taken down."""

    def __init__(self, config: RunConfig, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setup = SetupPanel(config)
        self.map = MapView()
        self.status = StatusPanel()
        self.message = label("", "", wraps=True)
        self.start_button = button("Start driving", "primary")
        self.stop_button = button("Stop", "danger")
        self.ask_button = button("Ask for a takeover")
        self.whole_button, self.follow_button = button("Whole town", "quiet"), button("Follow", "quiet")
        self.session: RunningSession | None = None
        self._shows_ground = False
        self.screens: DriverScreens | None = None
        self._plans: dict[str, TownPlan] = {}
        self._build()
        self._preview_timer = QTimer(self)
        self._preview_timer.setSingleShot(True)
        self._preview_timer.setInterval(PREVIEW_MS)
        self._preview_timer.timeout.connect(self._preview)
        self._look_timer = QTimer(self)
        self._look_timer.setInterval(LOOK_MS)
        self._look_timer.timeout.connect(self._look)
        self._connect()
        self._show_running(False)
        self._preview_timer.start()

    def start(self) -> None:
        """Build the drive as the form says and start it; what is wrong is shown, not raised."""
        if self.session is not None:
            return
        self.tell("")
        self._preview_timer.stop()
        self._preview()
        session = None
        try:
            config = self.setup.config()
            session = build_session(config)
            self.screens = DriverScreens(session.rig, config.layout, session.keyboard, session.eye)
        except (*USER_ERRORS, ValueError) as error:  # ValueError: the form's settings contradict each other
            if session is not None:
                session.close()
            self.tell(_as_message(error), is_bad=True)
            return
        session.add_consumer(self.screens)
        self.session = session
        self._shows_ground = False
        self.screens.closed.connect(self.stop)
        self.screens.show()
        self._show_running(True)
        self.status.show_nothing()
        session.start()
        self._look_timer.start()
        self.begun.emit()

    def stop(self) -> None:
        """Ask the drive to end; the page goes back to the form when it has."""
        if self.session is not None:
            self.session.stop()
            self.stop_button.setEnabled(False)

    def close_drive(self) -> None:
        """End the drive and wait for it: the window closes."""
        if self.session is not None:
            self.session.close()
            self._look()

    def tell(self, text: str, is_bad: bool = False) -> None:
        """One message under the button; an empty one goes away."""
        self.message.setText(text)
        self.message.setVisible(bool(text))
        colour = "#FFB3B3" if is_bad else theme.ACCENT.name()
        edge = "#7A2C33" if is_bad else theme.LINE.name()
        self.message.setStyleSheet(
            f"color: {colour}; background: {theme.SURFACE.name()}; border: 1px solid {edge};"
            " border-radius: 8px; padding: 10px;"
        )

    def _look(self) -> None:
        session = self.session
        if session is None:
            return
        status, tick = session.status(), session.newest_tick()
        if session.ground is not None and not self._shows_ground:
            self._show_ground(session.ground)
        self.status.show_status(status, tick)
        self.ask_button.setEnabled(status.phase is Phase.DRIVING)
        if tick is not None:
            ego = session.meter.ego_at(tick.plan.frame) if tick.plan is not None else None
            self.map.show_tick(tick, None if ego is None else ego.pose)
        if status.phase.is_over:
            self._finish(session, status)

    def _show_ground(self, ground: Ground) -> None:
        """The town and route that are really driven (a server's town is known only now)."""
        self._shows_ground = True
        try:
            self.map.show_town(plan_from_opendrive(ground.town, ground.opendrive))
            self.map.show_route(ground.route_world)
            self.map.follow()
        except ConfigError as error:
            self.map.show_town(None, str(error))

    def _finish(self, session: RunningSession, status: RunStatus) -> None:
        self._look_timer.stop()
        session.close()
        self.session = None
        if self.screens is not None:
            self.screens.close()
            self.screens = None
        self._show_running(False)
        if status.phase is Phase.FAILED:
            self.tell(status.message, is_bad=True)
        else:
            self.tell(_end_words(status))
        self.setup.refresh()
        self.ended.emit()

    def _show_running(self, is_running: bool) -> None:
        self.setup.set_running(is_running)
        self.start_button.setVisible(not is_running)
        self.stop_button.setVisible(is_running)
        self.stop_button.setEnabled(True)
        self.ask_button.setVisible(is_running)
        if is_running:
            self.map.follow()

    def _preview(self) -> None:
        """The chosen town with the chosen route on it, before anything is started."""
        try:
            config = self.setup.config()
            if config.host is not None:
                self.map.show_town(None, "The server's town is shown when the drive has begun.")
                return
            plan = self._town_plan(town_path(config.town or EMBEDDED_TOWN))
            self.map.show_town(plan)
            points = route_preview(plan, config.route_file, config.route_id, config.seed, config.random_route_m)
            self.map.show_route(points)
        except (ConfigError, RouteError, OSError, ValueError) as error:
            self.map.show_town(None, _as_message(error))

    def _town_plan(self, path: Path) -> TownPlan:
        if str(path) not in self._plans:
            self._plans[str(path)] = plan_from_opendrive(path.stem, path.read_text(encoding="utf-8"))
        return self._plans[str(path)]

    def _connect(self) -> None:
        self.setup.changed.connect(self._preview_timer.start)
        self.start_button.clicked.connect(self.start)
        self.stop_button.clicked.connect(self.stop)
        self.ask_button.clicked.connect(lambda: self.session and self.session.request_takeover())
        self.whole_button.clicked.connect(self.map.show_whole)
        self.follow_button.clicked.connect(self.map.follow)

    def _build(self) -> None:
        side = QVBoxLayout()
        side.setSpacing(theme.GAP)
        side.addWidget(_scrolled(self.setup), stretch=1)
        for widget in (self.message, self.ask_button, self.start_button, self.stop_button):
            side.addWidget(widget)
        self.message.setVisible(False)
        tools = QHBoxLayout()
        tools.addStretch()
        tools.addWidget(self.follow_button)
        tools.addWidget(self.whole_button)
        middle = QVBoxLayout()
        middle.setSpacing(4)
        middle.addWidget(self.map, stretch=1)
        middle.addLayout(tools)
        left, right = framed(side), _scrolled(self.status)
        left.setFixedWidth(SIDE_WIDTH)
        right.setFixedWidth(STATUS_WIDTH)
        row = QHBoxLayout(self)
        row.setContentsMargins(theme.GAP, theme.GAP, theme.GAP, theme.GAP)
        row.setSpacing(theme.GAP)
        row.addWidget(left)
        row.addWidget(framed(middle), stretch=1)
        row.addWidget(right)


def _scrolled(widget: QWidget) -> QScrollArea:
    area = QScrollArea()
    area.setWidget(widget)
    area.setWidgetResizable(True)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    return area


def _as_message(error: Exception) -> str:
    """The error's own words; pydantic's are reduced to them."""
    if isinstance(error, ValidationError):
        return "\n".join(item["msg"].removeprefix("Value error, ") for item in error.errors())
    return str(error) or type(error).__name__


def _end_words(status: RunStatus) -> str:
    words = f"Drive over: {status.message}."
    if status.result is not None:
        words += f" {status.result.driven_m:.0f} of {status.result.route_length_m:.0f} m."
    if status.recorder is not None:
        count = status.recorder.segments
        words += f" {count} takeover{'' if count == 1 else 's'} recorded."
    return words
