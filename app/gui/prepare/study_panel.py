"""The study's part of the form: participant, consent, the conditions and their order; presets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from app.config import RunConfig
from app.gui.common import theme
from app.gui.common.choices import studies_in
from app.gui.common.errors import error_words
from app.gui.common.parts import Card, button, combo_box, flexible, form_rows, framed, label
from app.gui.common.texts import say
from app.study.counterbalance import Ordering
from app.study.pseudonym import pseudonym_problem
from app.study.study import Condition, Study, is_done, load_study, next_trial, save_study
from cockpit.config import ConfigError

ROWS_SHOWN = 4
BAD = "#FFB3B3"


class StudyPanel(Card):
    """All settings of the study except the drive's; with the box unticked there is no study, only a drive."""

    changed = pyqtSignal()
    loaded = pyqtSignal(Study)
    """A preset or a file was opened: the drive's form shows its settings."""

    def __init__(self, study: Study | None, out: Path) -> None:
        super().__init__(say("study.heading"))
        self._out = out
        self.is_study = QCheckBox(say("study.switch"))
        self.preset = combo_box()
        self.study = QLineEdit()
        self.participant = QLineEdit()
        self.consent = QCheckBox(say("study.consent"))
        self.ordering = combo_box()
        self.conditions = QTableWidget(0, 2)
        self.order = flexible(label("", "dim", wraps=True))
        self.problem = flexible(label("", "dim", wraps=True))
        self._drive = RunConfig()
        self._repetitions, self._order_row = 1, None
        self._build()
        self._fill_presets()
        if study is not None:
            self.show_study(study)
        self.is_study.setChecked(study is not None)
        self._connect()
        self.refresh()

    def show_study(self, study: Study) -> None:
        """Fill the form from a study."""
        self.blockSignals(True)
        self.study.setText(study.study)
        self.participant.setText(study.participant)
        self.consent.setChecked(study.consent)
        self.ordering.setCurrentIndex(self.ordering.findData(study.ordering))
        self._repetitions, self._order_row = study.repetitions, study.order_row
        self.conditions.setRowCount(0)
        for condition in study.conditions:
            self._add_row(condition.name, changes_text(condition))
        self.blockSignals(False)
        self.refresh()

    def value(self, drive: RunConfig) -> Study:
        """The study as the form stands, with this drive.

        Raises:
            ValueError (pydantic's, or ConfigError): an input is not valid.
        """
        return Study.model_validate(
            {
                "study": self.study.text().strip(),
                "participant": self.participant.text().strip(),
                "consent": self.consent.isChecked(),
                "ordering": self.ordering.currentData(),
                "order_row": self._order_row,
                "repetitions": self._repetitions,
                "conditions": [self._condition(row) for row in range(self.conditions.rowCount())],
                "drive": drive,
            }
        )

    def refresh(self, drive: RunConfig | None = None) -> None:
        """Show the order of the conditions again, and what is missing."""
        self._drive = drive or self._drive
        for widget in self._fields:
            widget.setVisible(self.is_study.isChecked())
        if not self.is_study.isChecked():
            return
        name_problem = pseudonym_problem(self.participant.text().strip())
        try:
            study = self.value(self._drive)
        except ValueError as error:
            self.order.setText("")
            self._complain(name_problem or error_words(error))
            return
        self._show_order(study)
        self._complain(study.problem())

    def _show_order(self, study: Study) -> None:
        following = next_trial(study) if study.participant else None
        words = []
        for trial in study.trials():
            is_next = following is not None and trial.number == following.number
            state = "✓ " if study.participant and is_done(trial) else "▸ " if is_next else ""
            words.append(f"{state}{trial.number} {trial.condition.name}")
        self.order.setText(say("study.order", order="   ".join(words)))

    def _complain(self, text: str) -> None:
        self.problem.setText(text)
        self.problem.setVisible(bool(text))
        self.problem.setStyleSheet(f"color: {BAD};")

    def _condition(self, row: int) -> dict[str, Any]:
        name, changes = (self._cell(row, column) for column in (0, 1))
        try:
            settings = yaml.safe_load("{" + changes + "}") or {}
        except yaml.YAMLError as error:
            raise ConfigError(say("study.bad_changes", name=name, text=changes)) from error
        return {"name": name, "drive": settings}

    def _cell(self, row: int, column: int) -> str:
        item = self.conditions.item(row, column)
        return "" if item is None else item.text().strip()

    def _add_row(self, name: str, changes: str) -> None:
        row = self.conditions.rowCount()
        self.conditions.insertRow(row)
        for column, text in enumerate((name, changes)):
            self.conditions.setItem(row, column, QTableWidgetItem(text))

    def _remove_row(self) -> None:
        row = self.conditions.currentRow()
        if self.conditions.rowCount() > 1:
            self.conditions.removeRow(row if row >= 0 else self.conditions.rowCount() - 1)
            self.changed.emit()

    def _new_row(self) -> None:
        self._add_row(say("study.new_condition", number=self.conditions.rowCount() + 1), "weather: WetNoon")
        self.changed.emit()

    def _preset_chosen(self, index: int) -> None:
        path = self.preset.itemData(index)
        if path is not None:
            self._load(path)

    def _open(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, say("study.open"), "", say("study.files"))
        if name:
            self._load(Path(name))

    def _load(self, path: Path) -> None:
        try:
            study = load_study(path)
        except ConfigError as error:
            self._complain(str(error))
            return
        self.is_study.setChecked(True)
        self.show_study(study)
        self.loaded.emit(study)

    def save(self, drive: RunConfig) -> None:
        """Ask for a file and write the study into it; in the presets' folder it is a preset from then on."""
        try:
            study = self.value(drive)
            suggested = self._out / "studies" / f"{study.study}.yaml"
            suggested.parent.mkdir(parents=True, exist_ok=True)
            name, _ = QFileDialog.getSaveFileName(self, say("study.save"), str(suggested), say("study.files"))
            if name:
                save_study(study, Path(name))
        except (ValueError, OSError) as error:
            self._complain(error_words(error))
            return
        self._fill_presets()

    def _fill_presets(self) -> None:
        self.preset.blockSignals(True)
        self.preset.clear()
        self.preset.addItem(say("study.choose_preset"), None)
        for path in studies_in(self._out / "studies"):
            self.preset.addItem(path.stem, path)
        self.preset.blockSignals(False)

    def _connect(self) -> None:
        self.is_study.toggled.connect(self._switched)
        self.preset.activated.connect(self._preset_chosen)
        for signal in (
            self.study.textChanged,
            self.participant.textChanged,
            self.consent.toggled,
            self.ordering.currentIndexChanged,
            self.conditions.itemChanged,
        ):
            signal.connect(self.changed)
        self.participant.textEdited.connect(lambda: self.consent.setChecked(False))  # another participant: ask again

    def _switched(self, is_study: bool) -> None:
        if is_study and not self.study.text():
            self.show_study(Study(study="study"))
        self.refresh()
        self.changed.emit()

    def _build(self) -> None:
        self.open_button, self.save_button = button(say("study.open_short")), button(say("study.save_short"))
        add, remove = button("+", "tool"), button("−", "tool")
        add.setToolTip(say("study.add_tip"))
        remove.setToolTip(say("study.remove_tip"))
        self.open_button.clicked.connect(self._open)
        add.clicked.connect(self._new_row)
        remove.clicked.connect(self._remove_row)
        for ordering in Ordering:
            self.ordering.addItem(say(f"ordering.{ordering.value}"), ordering)
        self.participant.setPlaceholderText(say("study.participant_hint"))
        self._build_table()
        self.body.addWidget(self.is_study)
        files = _row(self.open_button, self.save_button)
        fields = form_rows(
            (say("study.preset"), self.preset),
            ("", files),
            (say("study.name"), self.study),
            (say("study.participant"), self.participant),
            ("", self.consent),
            (say("study.ordering"), self.ordering),
        )
        buttons = _row(label(say("study.conditions"), "dim"), framed(QHBoxLayout()), add, remove)
        self._fields = (fields, buttons, self.conditions, self.order, self.problem)
        for widget in self._fields:
            self.body.addWidget(widget)

    def _build_table(self) -> None:
        table = self.conditions
        table.setHorizontalHeaderLabels([say("study.condition"), say("study.changes")])
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        rows, header = table.verticalHeader(), table.horizontalHeader()
        assert rows is not None  # noqa: S101  a QTableWidget has both
        assert header is not None  # noqa: S101
        rows.setVisible(False)
        rows.setDefaultSectionSize(theme.px(26))
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Interactive)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        header.setFixedHeight(theme.px(26))
        table.setColumnWidth(0, theme.px(88))
        table.setFixedHeight(theme.px(26 * (ROWS_SHOWN + 1) + 4))


def changes_text(condition: Condition) -> str:
    """The settings that a condition changes, as they are typed: `weather: WetNoon, traffic: 30`."""
    settings = condition.drive.model_dump(mode="json", exclude_unset=True)
    text = yaml.safe_dump(settings, default_flow_style=True, sort_keys=False, width=10_000, allow_unicode=True)
    return text.strip()[1:-1]


def _row(*widgets: QWidget) -> QWidget:
    row = QHBoxLayout()
    row.setSpacing(theme.px(6))
    for index, widget in enumerate(widgets):
        row.addWidget(widget, stretch=1 if index == (1 if len(widgets) == 4 else 0) else 0)
    return framed(row)
