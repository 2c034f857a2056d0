"""One recorded segment: its pictures side by side, a time line in the colours of who drove, what was said and done."""

from __future__ import annotations

import itertools
import logging
import math
from pathlib import Path

from PyQt6.QtCore import QPointF, QRectF, QSize, Qt, QTimer, pyqtSignal
from PyQt6.QtGui import QColor, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PyQt6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from app.gui import theme
from app.gui.map_view import MapView
from app.gui.parts import Card, Facts, answer_words, button, flexible, label
from app.gui.town_plan import plan_from_opendrive
from cockpit.config import ConfigError
from cockpit.windows import palette
from cockpit.windows.instruments import TONE_OF, instruments_from_tick
from recorder.reader import Segment, SegmentSummary
from recorder.schema import Authority, EventKind, Pose
from recorder.session import RecordingError, read_session

log = logging.getLogger(__name__)

ORDER = ("left", "centre", "right")
"""Screens are shown as the driver saw them; other cameras follow."""
LINE_HEIGHT, PLOT_HEIGHT = 14, 62
MARGIN, GAP = 8.0, 2.0
TOLD_OTHERWISE = frozenset({EventKind.TAKEOVER, EventKind.HAND_BACK, EventKind.TAKEOVER_REQUEST, EventKind.SAFE_STOP})
"""Events that the authority and its reason say already."""


class Pictures(QWidget):
    """A tick's pictures side by side, as large as they fit."""

    def __init__(self) -> None:
        super().__init__()
        self._images: list[tuple[str, QImage]] = []
        self._message = ""
        self.setMinimumSize(200, 110)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def show_images(self, images: list[tuple[str, QImage]], message: str = "") -> None:
        """(camera, picture) from left to right; `message` where there are none."""
        self._images, self._message = images, message
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802, ARG002  Qt's name
        """Qt asks for the picture."""
        painter = QPainter(self)
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        painter.fillRect(self.rect(), QColor("black"))
        if not self._images:
            painter.setPen(palette.DIM)
            painter.setFont(palette.font(theme.BODY))
            flags = int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap)
            painter.drawText(QRectF(self.rect()).adjusted(20, 20, -20, -20), flags, self._message)
            painter.end()
            return
        height = min(self.height(), (self.width() - GAP * (len(self._images) - 1)) / _shapes(self._images))
        self._draw_row(painter, self._images, (self.height() - height) / 2, height)
        painter.end()

    def _draw_row(self, painter: QPainter, row: list[tuple[str, QImage]], top: float, height: float) -> None:
        left = (self.width() - height * _shapes(row) - GAP * (len(row) - 1)) / 2
        painter.setFont(palette.font(theme.SMALL))
        painter.setPen(palette.faded(palette.INK, 0.8))
        for name, image in row:
            box = QRectF(left, top, height * image.width() / image.height(), height)
            painter.drawImage(box, image)
            painter.drawText(box.adjusted(8, 0, 0, -6), int(Qt.AlignmentFlag.AlignBottom), name)
            left += box.width() + GAP


class TimeLine(QWidget):
    """Who drove when, the speed over it, and where one is; a click or a drag goes there."""

    moved = pyqtSignal(int)

    def __init__(self) -> None:
        super().__init__()
        self._colours: list[QColor] = []
        self._speeds_mps: list[float] = []
        self._seconds: list[float] = []
        self._poses: dict[int, Pose] = {}
        self._session: Path | None = None
        self._index = 0
        self.setFixedHeight(PLOT_HEIGHT + LINE_HEIGHT + 24)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def sizeHint(self) -> QSize:  # noqa: N802  Qt's name
        """As wide as there is room."""
        return QSize(600, PLOT_HEIGHT + LINE_HEIGHT + 24)

    def show_segment(self, authority: list[Authority], speeds_mps: list[float], seconds: list[float]) -> None:
        """One entry per tick; seconds count from the takeover."""
        self._colours = [palette.TONES[TONE_OF[state]] for state in authority]
        self._speeds_mps, self._seconds, self._index = speeds_mps, seconds, 0
        self.update()

    def show_index(self, index: int) -> None:
        """Move the mark."""
        self._index = index
        self.update()

    def mousePressEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802  Qt's name
        """Go there."""
        self.mouseMoveEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802  Qt's name
        """Go there."""
        if event is not None and self._colours:
            share = (event.position().x() - MARGIN) / max(1.0, self.width() - 2 * MARGIN)
            self.moved.emit(min(len(self._colours) - 1, max(0, round(share * (len(self._colours) - 1)))))

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802  Qt's name
        """Arrow keys step tick by tick."""
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()), 0) if event else 0
        if step and self._colours:
            self.moved.emit(min(len(self._colours) - 1, max(0, self._index + step)))
        elif event is not None:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802, ARG002  Qt's name
        """Qt asks for the picture."""
        if not self._colours:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._draw_speed(painter)
        count = len(self._colours)
        painter.setPen(Qt.PenStyle.NoPen)
        for first, last in _runs(self._colours):
            painter.setBrush(self._colours[first])
            left, right = self._x(first - 0.5), self._x(last + 0.5)
            painter.drawRect(QRectF(left, PLOT_HEIGHT, right - left, LINE_HEIGHT))
        self._draw_seconds(painter)
        x = self._x(min(self._index, count - 1))
        painter.setPen(QPen(palette.INK, 2))
        painter.drawLine(QPointF(x, 0), QPointF(x, PLOT_HEIGHT + LINE_HEIGHT + 3))
        painter.end()

    def _x(self, index: float) -> float:
        span = max(1, len(self._colours) - 1)
        return MARGIN + min(max(index, 0.0), span) / span * (self.width() - 2 * MARGIN)

    def _draw_speed(self, painter: QPainter) -> None:
        top = max(10.0, *self._speeds_mps)
        points = [
            QPointF(self._x(index), PLOT_HEIGHT - 6 - speed / top * (PLOT_HEIGHT - 22))
            for index, speed in enumerate(self._speeds_mps)
        ]
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(palette.faded(palette.INK, 0.07))
        floor = [QPointF(self._x(len(points) - 1), PLOT_HEIGHT), QPointF(self._x(0), PLOT_HEIGHT)]
        painter.drawPolygon(QPolygonF([*points, *floor]))
        painter.setPen(QPen(palette.DIM, 1.5))
        painter.drawPolyline(QPolygonF(points))
        painter.setFont(palette.font(theme.SMALL))
        painter.drawText(QPointF(MARGIN, 11), f"speed, up to {max(self._speeds_mps) * 3.6:.0f} km/h")

    def _draw_seconds(self, painter: QPainter) -> None:
        painter.setFont(palette.font(theme.SMALL))
        painter.setPen(palette.DIM)
        step = next((s for s in (1, 2, 5, 10, 20, 60) if (self._seconds[-1] - self._seconds[0]) / s <= 14), 120)
        for second in range(math.ceil(self._seconds[0]), math.floor(self._seconds[-1]) + 1):
            if second % step:
                continue
            index = min(range(len(self._seconds)), key=lambda i: abs(self._seconds[i] - second))
            middle = min(max(self._x(index), 32.0), self.width() - 32.0)
            box = QRectF(middle - 32, PLOT_HEIGHT + LINE_HEIGHT + 4, 64, 16)
            painter.drawText(box, int(Qt.AlignmentFlag.AlignCenter), "takeover" if second == 0 else f"{second:+d} s")


class SegmentView(QWidget):
    """Pictures, time line, facts; plays at the speed at which it was driven."""

    def __init__(self) -> None:
        super().__init__()
        self._segment: Segment | None = None
        self._index = 0
        self._seconds: list[float] = []
        self._poses: dict[int, Pose] = {}
        self._session: Path | None = None
        self.title = label("", "title")
        self.pictures, self.policy_saw = Pictures(), Pictures()
        self.map = MapView()
        self.line = TimeLine()
        self.play = button("Play")
        self.facts = Facts("Time", "Who drives", "Speed", "Steer", "Throttle", "Brake")
        self.says = label("", "title", wraps=True)
        self.answer = flexible(label("", "dim", wraps=True))
        self.note = flexible(label("", "dim", wraps=True))
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._next)
        self.line.moved.connect(self.go_to)
        self.play.clicked.connect(self._toggle)
        self._build()

    def open(self, segment: Segment, summary: SegmentSummary) -> None:
        """Show a segment from the moment of its takeover. Raises RecordingError when it cannot be read."""
        self.pause()
        self._segment = segment if len(segment) else None
        self.title.setText(f"{segment.path.parent.parent.name} · segment {summary.segment_id}")
        if self._segment is None:
            self.show_problem("This segment holds no tick: the recorder was ended before the first one was written.")
            return
        seconds = [float(second) for second in segment.column("time_s") - summary.takeover_time_s]
        if math.isnan(seconds[0]):
            seconds = [float(second) for second in segment.column("time_s") - summary.start_time_s]
        speeds = [float(speed) for speed in segment.column("ego/speed_mps")]
        self._seconds = seconds
        columns = (segment.column(f"ego/pose/{name}") for name in ("x", "y", "yaw"))
        placed = zip(segment.column("frame"), *columns, strict=True)
        self._poses = {int(frame): Pose(x=float(x), y=float(y), yaw=float(yaw)) for frame, x, y, yaw in placed}
        self._show_town(segment.path.parent.parent)
        self._timer.setInterval(max(10, round(1000 * (seconds[-1] - seconds[0]) / max(1, len(seconds) - 1))))
        self.line.show_segment(segment.authority, speeds, seconds)
        self.play.setEnabled(True)
        self.go_to(segment.takeover_index or 0)

    def _show_town(self, session: Path) -> None:
        """The map under the segment; kept while segments of one session are looked at."""
        if session != self._session:
            self._session = session
            try:
                info = read_session(session)
                self.map.show_town(plan_from_opendrive(info.map_name, info.opendrive))
                self.map.show_route(info.route_world)
            except (RecordingError, ConfigError) as error:
                self.map.show_town(None, str(error))
        self.map.follow()

    def show_problem(self, text: str) -> None:
        """Say why there is nothing to see."""
        self.pause()
        self._segment = None
        self.pictures.show_images([], text)
        self.policy_saw.show_images([])
        self.line.show_segment([], [], [])
        self.play.setEnabled(False)

    def go_to(self, index: int) -> None:
        """Show one tick."""
        if self._segment is None:
            return
        self._index = index
        try:
            self._show_tick(self._segment, index)
        except RecordingError as error:
            self.show_problem(str(error))
        self.line.show_index(index)

    def pause(self) -> None:
        """Stop playing."""
        self._timer.stop()
        self.play.setText("Play")

    def _toggle(self) -> None:
        if self._timer.isActive():
            self.pause()
            return
        if self._segment is not None:
            if self._index >= len(self._segment) - 1:
                self.go_to(0)
            self._timer.start()
            self.play.setText("Pause")

    def _next(self) -> None:
        if self._segment is None or self._index >= len(self._segment) - 1:
            self.pause()
        else:
            self.go_to(self._index + 1)

    def _show_tick(self, segment: Segment, index: int) -> None:
        tick = segment.tick(index)
        shown = instruments_from_tick(tick)
        images = [(name, QImage.fromData(segment.jpeg(name, index))) for name in _ordered(segment.cameras)]
        images = [(name, image) for name, image in images if not image.isNull()]
        self.pictures.show_images([item for item in images if item[0] in ORDER], "No pictures of the driver's screens")
        self.policy_saw.show_images([item for item in images if item[0] not in ORDER], "No picture of the policy's")
        self.map.show_tick(tick, None if tick.plan is None else self._poses.get(tick.plan.frame))
        self.facts.show_fact("Time", f"{self._seconds[index]:+.2f} s")
        self.facts.show_fact("Who drives", shown.who.capitalize(), palette.TONES[shown.tone].name())
        self.facts.show_fact("Speed", f"{shown.speed_kmh} km/h")
        self.facts.show_fact("Steer", f"{shown.steer + 0.0:+.2f}".replace("-0.00", "+0.00"))
        self.facts.show_fact("Throttle", f"{shown.throttle:.2f}")
        self.facts.show_fact("Brake", f"{shown.brake:.2f}")
        self.says.setText(shown.policy)
        self.answer.setText(answer_words(tick.plan) if tick.plan else "")
        events = ", ".join(event.text or event.kind.value for event in tick.events if event.kind not in TOLD_OTHERWISE)
        self.note.setText("   ".join(part for part in (f"Why: {shown.why}.", tick.driver.note, events) if part))

    def _build(self) -> None:
        head = QHBoxLayout()
        head.addWidget(self.title)
        head.addStretch()
        head.addWidget(self.play)
        said, did = Card("Policy says"), Card("Driven")
        said.body.addWidget(self.says)
        said.body.addWidget(self.answer)
        said.body.addWidget(self.note)
        said.body.addStretch()
        did.body.addWidget(self.facts)
        did.setFixedWidth(280)
        below = QHBoxLayout()
        below.setSpacing(theme.GAP)
        below.addWidget(said, stretch=1)
        below.addWidget(did)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GAP)
        column.addLayout(head)
        column.addWidget(self.pictures, stretch=4)
        views = QHBoxLayout()
        views.setSpacing(theme.GAP)
        views.addWidget(self.policy_saw, stretch=1)
        views.addWidget(self.map, stretch=1)
        column.addLayout(views, stretch=5)
        column.addWidget(self.line)
        column.addLayout(below)


def _ordered(cameras: list[str]) -> list[str]:
    return sorted(cameras, key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name))


def _shapes(row: list[tuple[str, QImage]]) -> float:
    """Width of a row of height 1."""
    return sum(image.width() / image.height() for _, image in row)


def _runs(colours: list[QColor]) -> list[tuple[int, int]]:
    """First and last index of every stretch of one colour."""
    edges = [0, *(i for i in range(1, len(colours)) if colours[i] != colours[i - 1]), len(colours)]
    return [(first, after - 1) for first, after in itertools.pairwise(edges)]
