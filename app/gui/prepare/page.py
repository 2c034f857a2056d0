"""The page on which a drive or a study is prepared: the study's form, the drive's form, the town from above."""

from __future__ import annotations

from pathlib import Path

from PyQt6.QtCore import QTimer, pyqtSignal
from PyQt6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.config import EMBEDDED_TOWN, RunConfig, town_path
from app.gui.common import theme
from app.gui.common.errors import error_words
from app.gui.common.map_view import MapView
from app.gui.common.parts import Message, button, framed, scrolled
from app.gui.common.texts import say
from app.gui.common.town_plan import TownPlan, plan_from_opendrive, route_preview
from app.gui.prepare.setup_panel import SetupPanel
from app.gui.prepare.study_panel import StudyPanel
from app.study.study import Study, Trial, next_trial
from cockpit.config import ConfigError
from cockpit.route.planning import RouteError

PREVIEW_MS = 250
"""Delay after the last change, so that typing a town's name plans no route at every letter."""
COLUMN_WIDTH = 350


class PreparePage(QWidget):
    """The forms of study and drive, the map, and Start."""

    start_asked = pyqtSignal()

    def __init__(self, config: RunConfig, study: Study | None = None) -> None:
        super().__init__()
        self.setup = SetupPanel(config if study is None else study.drive)
        self.study = StudyPanel(study, config.out)
        self.map = MapView()
        self.message = Message()
        self.start_button = button(say("prepare.start"), "primary")
        self._plans: dict[str, TownPlan] = {}
        self._is_running = False
        self._build()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(PREVIEW_MS)
        self._timer.timeout.connect(self.preview)
        self.setup.changed.connect(self._timer.start)
        self.study.changed.connect(self._timer.start)
        self.study.loaded.connect(self._show_drive_of)
        self.study.save_button.clicked.connect(lambda: self.study.save(self.setup.config()))
        self.start_button.clicked.connect(self.start_asked)
        self._timer.start()

    def chosen(self) -> tuple[RunConfig, Trial | None]:
        """The drive that Start begins: the form's, or the study's next trial.

        Raises:
            ValueError (pydantic's, or ConfigError): an input is not valid, or no trial is left.
        """
        config = self.setup.config()
        if not self.study.is_study.isChecked():
            return config, None
        study = self.study.value(config)
        if problem := study.problem():
            raise ConfigError(problem)
        trial = next_trial(study)
        if trial is None:
            raise ConfigError(say("prepare.all_done", participant=study.participant, count=len(study.trials())))
        return trial.config, trial

    def set_running(self, is_running: bool) -> None:
        """Disable the forms while a drive is on."""
        self._is_running = is_running
        self.setup.set_running(is_running)
        self.study.setEnabled(not is_running)
        self.start_button.setEnabled(not is_running)
        if not is_running:
            self.setup.refresh()
            self._timer.start()

    def preview(self) -> None:
        """Show the order of the trials, and the town with the route on it, before anything is started."""
        self._timer.stop()
        if self._is_running:
            return
        try:
            config = self.setup.config()
            self.study.refresh(config)
            trial = self._name_button()
            config = config if trial is None else trial.config
            if config.host is not None:
                self.map.show_town(None, say("prepare.server_town"))
                return
            plan = self._town_plan(town_path(config.town or EMBEDDED_TOWN))
            self.map.show_town(plan)
            points = route_preview(plan, config.route_file, config.route_id, config.seed, config.random_route_m)
            self.map.show_route(points)
        except (ConfigError, RouteError, OSError, ValueError) as error:
            self.map.show_town(None, error_words(error))

    def stop(self) -> None:
        """Draw no more previews: the window closes."""
        self._timer.stop()

    def _name_button(self) -> Trial | None:
        """The button says which trial it begins: that trial; None without one."""
        try:
            _, trial = self.chosen()
        except ValueError:
            trial = None
        if trial is None:
            self.start_button.setText(say("prepare.start"))
        else:
            words = say("prepare.start_trial", number=trial.number, count=trial.count, name=trial.condition.name)
            self.start_button.setText(words)
        return trial

    def _show_drive_of(self, study: Study) -> None:
        self.setup.show_config(study.drive)
        self._timer.start()

    def _town_plan(self, path: Path) -> TownPlan:
        if str(path) not in self._plans:
            self._plans[str(path)] = plan_from_opendrive(path.stem, path.read_text(encoding="utf-8"))
        return self._plans[str(path)]

    def _build(self) -> None:
        gap = theme.px(theme.GAP)
        study = QVBoxLayout()
        study.addWidget(self.study)
        study.addStretch()
        right = QVBoxLayout()
        right.setSpacing(gap)
        right.addWidget(self.map, stretch=1)
        right.addWidget(self.message)
        right.addWidget(self.start_button)
        left, middle = scrolled(framed(study)), scrolled(self.setup)
        for column in (left, middle):
            column.setFixedWidth(theme.px(COLUMN_WIDTH))
        row = QHBoxLayout(self)
        row.setContentsMargins(gap, gap, gap, gap)
        row.setSpacing(gap)
        row.addWidget(left)
        row.addWidget(middle)
        row.addWidget(framed(right), stretch=1)
