"""The page of recordings: every segment with a picture, and one of them opened to scrub through.

Segments are read by `recorder.reading.reader` and only shown here. Lists are read in a thread, because a folder can
hold hundreds of segments.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PyQt6.QtCore import QSize, Qt, QTimer, pyqtSignal
from PyQt6.QtGui import QIcon, QImage, QPixmap
from PyQt6.QtWidgets import QFileDialog, QHBoxLayout, QListWidget, QListWidgetItem, QStackedLayout, QVBoxLayout, QWidget

from app.gui.after.segment_view import SegmentView
from app.gui.common import theme
from app.gui.common.choices import folders_with
from app.gui.common.parts import Card, button, framed, label
from app.gui.common.texts import say
from app.study.measure_tables import measure_sessions, write_table
from cockpit.config import ConfigError
from cockpit.windows.instruments import why_words
from recorder.reading.reader import Segment, SegmentSummary, list_segments
from recorder.schema import DriverKind
from recorder.session import SESSION_FILE, RecordingError

log = logging.getLogger(__name__)

THUMBNAIL = (112, 63)
LIST_WIDTH = 360
FAVOURITE_CAMERAS = ("centre", "front")


@dataclass(frozen=True, slots=True)
class Found:
    """One segment of the list."""

    session: Path
    name: str
    """The session's name, with the participant's folder where it is one of a study's trials."""
    summary: SegmentSummary
    picture: bytes


class AfterPage(QWidget):
    """List on the left, the opened segment on the right."""

    _read = pyqtSignal(int, list, str)
    _exported = pyqtSignal(str)

    def __init__(self, folder: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.folder = folder
        self._reading = 0
        self.list = QListWidget()
        self.list.setIconSize(_thumbnail_size())
        self.list.setSpacing(2)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setWordWrap(True)
        self.where = label("", "dim", wraps=True)
        self.empty = label(say("after.nothing"), "dim", wraps=True)
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.view = SegmentView()
        self.export = button(say("after.export"))
        self.export.clicked.connect(self._export)
        self._stack = QStackedLayout()
        self._build()
        self.list.currentItemChanged.connect(self._open_item)
        self._read.connect(self._show_found)
        self._exported.connect(self._show_exported)

    def refresh(self) -> None:
        """Read the folder again; the list changes when that is done."""
        self._reading += 1
        self.where.setText(say("after.reading", folder=self.folder))
        threading.Thread(target=self._read_folder, args=(self._reading,), name="recordings", daemon=True).start()

    def pause(self) -> None:
        """Stop playing: the page is left."""
        self.view.pause()

    def stop(self) -> None:
        """Stop playing and reading: the window closes."""
        self._reading += 1
        self.pause()

    def _export(self) -> None:
        """Ask for a file, then compute the measures and write them, in a thread."""
        title, files = say("after.export_title"), say("after.export_files")
        name, _ = QFileDialog.getSaveFileName(self, title, str(self.folder / "measures.csv"), files)
        if name:
            self.export_to(Path(name))

    def export_to(self, path: Path) -> None:
        """Write the measures of every takeover below the folder; the page says when it is done."""
        self.where.setText(say("after.exporting"))
        self.export.setEnabled(False)
        threading.Thread(target=self._write_measures, args=(path,), name="measures", daemon=True).start()

    def _write_measures(self, path: Path) -> None:
        try:
            rows, problems = measure_sessions(folders_with(SESSION_FILE, self.folder))
            write_table(rows, path)
            words = "\n".join([say("after.exported", count=len(rows), path=path), *problems])
        except (OSError, ConfigError) as error:
            words = str(error)
        with contextlib.suppress(RuntimeError):  # the window was closed while this thread was writing
            self._exported.emit(words)

    def _show_exported(self, words: str) -> None:
        self.where.setText(words)
        self.export.setEnabled(True)

    def _read_folder(self, number: int) -> None:
        found, problem = find_segments(self.folder, lambda: number == self._reading)
        with contextlib.suppress(RuntimeError):  # the window was closed while this thread was reading
            self._read.emit(number, found, problem)

    def _show_found(self, number: int, found: list[Found], problem: str) -> None:
        if number != self._reading:
            return  # a newer reading is on its way
        chosen = self.list.currentItem()
        chosen_path = chosen.data(Qt.ItemDataRole.UserRole).summary.path if chosen else None
        self.list.blockSignals(True)
        self.list.clear()
        for item in found:
            self.list.addItem(_list_item(item))
        self.list.blockSignals(False)
        words = say("after.one" if len(found) == 1 else "after.many", count=len(found), folder=self.folder)
        self.where.setText(problem or words)
        self.export.setEnabled(bool(found))
        self._stack.setCurrentIndex(1 if found else 0)
        rows = [row for row, item in enumerate(found) if item.summary.path == chosen_path]
        if found:
            self.list.setCurrentRow(rows[0] if rows else 0)

    def _open_item(self, item: QListWidgetItem | None) -> None:
        if item is None:
            return
        found: Found = item.data(Qt.ItemDataRole.UserRole)
        try:
            self.view.open(Segment.open(found.summary.path), found.summary)
        except RecordingError as error:
            self.view.show_problem(str(error))

    def _build(self) -> None:
        side = QVBoxLayout()
        side.setSpacing(theme.px(theme.GAP / 2))
        card = Card(say("after.heading"))
        again = button(say("after.refresh"))
        again.clicked.connect(self.refresh)
        card.body.addWidget(self.list, stretch=1)
        card.body.addWidget(self.where)
        row = QHBoxLayout()
        row.addWidget(again)
        row.addWidget(self.export, stretch=1)
        card.body.addLayout(row)
        side.addWidget(card)
        left = framed(side)
        left.setFixedWidth(theme.px(LIST_WIDTH))
        empty = Card()
        empty.body.addWidget(self.empty)
        self._stack.addWidget(empty)
        self._stack.addWidget(self.view)
        row = QHBoxLayout(self)
        row.setContentsMargins(theme.px(theme.GAP), theme.px(theme.GAP), theme.px(theme.GAP), theme.px(theme.GAP))
        row.setSpacing(theme.px(theme.GAP))
        row.addWidget(left)
        row.addWidget(framed(self._stack), stretch=1)
        QTimer.singleShot(0, self.refresh)


def find_segments(folder: Path, is_wanted: Callable[[], bool] = lambda: True) -> tuple[list[Found], str]:
    """Every segment below `folder`, the newest session first, and what could not be read.

    Stops between two sessions when `is_wanted` says that nobody waits for the answer any more.
    """
    problem = ""
    found: list[Found] = []
    for session in folders_with(SESSION_FILE, folder):
        if not is_wanted():
            break
        try:
            name = " · ".join(session.relative_to(folder).parts[-2:]) or session.name
            found += [Found(session, name, summary, _thumbnail(summary)) for summary in list_segments(session)]
        except RecordingError as error:
            problem = str(error)
            log.warning("left out of the list: %s", error)
    return found, problem


def _thumbnail(summary: SegmentSummary) -> bytes:
    """JPEG picture of the takeover's tick; empty when there is none."""
    try:
        segment = Segment.open(summary.path)
        cameras = sorted(segment.cameras, key=lambda name: (name not in FAVOURITE_CAMERAS, name))
        return segment.picture_bytes(cameras[0], segment.takeover_index or 0) if cameras and len(segment) else b""
    except RecordingError:
        return b""


def _thumbnail_size() -> QSize:
    return QSize(theme.px(THUMBNAIL[0]), theme.px(THUMBNAIL[1]))


def _list_item(found: Found) -> QListWidgetItem:
    summary = found.summary
    is_expert = summary.driver is DriverKind.EXPERT
    why = summary.note or why_words(summary.reason, is_expert)
    state = "" if summary.complete else f"  ·  {summary.ended_by or say('after.unfinished')}"
    lines = (
        f"{why[:1].upper()}{why[1:]}",
        f"{found.name} · {summary.segment_id}",
        say("after.lasted", duration=summary.duration_s, human=summary.human_s, driver=summary.driver.value) + state,
    )
    item = QListWidgetItem("\n".join(lines))
    item.setData(Qt.ItemDataRole.UserRole, found)
    size = _thumbnail_size()
    picture = QPixmap(size)
    picture.fill(theme.RAISED)
    if found.picture:
        image = QImage.fromData(found.picture)
        aspect = Qt.AspectRatioMode.KeepAspectRatioByExpanding
        scaled = image.scaled(size, aspect, Qt.TransformationMode.SmoothTransformation)
        picture = QPixmap.fromImage(scaled.copy(0, 0, size.width(), size.height()))
    icon = QIcon(picture)
    icon.addPixmap(picture, QIcon.Mode.Selected)  # else Qt tints it
    item.setIcon(icon)
    item.setToolTip(str(summary.path))
    return item
