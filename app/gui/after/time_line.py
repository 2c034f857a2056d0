"""A segment's time line: who drove when, the speed, and the current tick; a click or a drag moves it."""

from __future__ import annotations

import itertools
import math

from PyQt6.QtCore import QPointF, QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PyQt6.QtWidgets import QWidget

from app.gui.common import theme
from app.gui.common.texts import say
from cockpit.windows import palette
from cockpit.windows.instruments import TONE_OF
from recorder.schema import Authority

LINE_HEIGHT, PLOT_HEIGHT, SCALE_HEIGHT = 14, 62, 24
MARGIN = 8.0


class TimeLine(QWidget):
    """Shows who drove when, the speed, and the current tick; a click or a drag moves it."""

    moved = pyqtSignal(int)

    def __init__(self) -> None:
        super().__init__()
        self._colours: list[QColor] = []
        self._speeds_mps: list[float] = []
        self._seconds: list[float] = []
        self._index = 0
        self._plot, self._band = theme.px(PLOT_HEIGHT), theme.px(LINE_HEIGHT)
        self._margin = theme.px(MARGIN)
        self.setFixedHeight(theme.px(PLOT_HEIGHT + LINE_HEIGHT + SCALE_HEIGHT))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def sizeHint(self) -> QSize:  # noqa: N802  Qt's name
        """As wide as there is room."""
        return QSize(theme.px(600), theme.px(PLOT_HEIGHT + LINE_HEIGHT + SCALE_HEIGHT))

    def show_segment(self, authority: list[Authority], speeds_mps: list[float], seconds: list[float]) -> None:
        """Show a segment: one entry per tick; seconds count from the takeover."""
        self._colours = [palette.TONES[TONE_OF[state]] for state in authority]
        self._speeds_mps, self._seconds, self._index = speeds_mps, seconds, 0
        self.update()

    def show_index(self, index: int) -> None:
        """Move the mark of the current tick."""
        self._index = index
        self.update()

    def mousePressEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802  Qt's name
        """Go there."""
        self.mouseMoveEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802  Qt's name
        """Go there."""
        if event is not None and self._colours:
            share = (event.position().x() - self._margin) / max(1.0, self.width() - 2 * self._margin)
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
            painter.drawRect(QRectF(left, self._plot, right - left, self._band))
        self._draw_seconds(painter)
        x = self._x(min(self._index, count - 1))
        painter.setPen(QPen(palette.INK, theme.px(2)))
        painter.drawLine(QPointF(x, 0), QPointF(x, self._plot + self._band + 3))
        painter.end()

    def _x(self, index: float) -> float:
        span = max(1, len(self._colours) - 1)
        return self._margin + min(max(index, 0.0), span) / span * (self.width() - 2 * self._margin)

    def _draw_speed(self, painter: QPainter) -> None:
        top = max(10.0, *self._speeds_mps)
        points = [
            QPointF(self._x(index), self._plot - theme.px(6) - speed / top * (self._plot - theme.px(22)))
            for index, speed in enumerate(self._speeds_mps)
        ]
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(palette.faded(palette.INK, 0.07))
        floor = [QPointF(self._x(len(points) - 1), self._plot), QPointF(self._x(0), self._plot)]
        painter.drawPolygon(QPolygonF([*points, *floor]))
        painter.setPen(QPen(palette.DIM, theme.px(1.5)))
        painter.drawPolyline(QPolygonF(points))
        painter.setFont(palette.font(theme.px(theme.SMALL)))
        words = say("segment.speed_axis", speed=max(self._speeds_mps) * 3.6)
        painter.drawText(QPointF(self._margin, theme.px(11)), words)

    def _draw_seconds(self, painter: QPainter) -> None:
        painter.setFont(palette.font(theme.px(theme.SMALL)))
        painter.setPen(palette.DIM)
        step = next((s for s in (1, 2, 5, 10, 20, 60) if (self._seconds[-1] - self._seconds[0]) / s <= 14), 120)
        for second in range(math.ceil(self._seconds[0]), math.floor(self._seconds[-1]) + 1):
            if second % step:
                continue
            index = min(range(len(self._seconds)), key=lambda i: abs(self._seconds[i] - second))
            half = theme.px(32)
            middle = min(max(self._x(index), half), self.width() - half)
            box = QRectF(middle - half, self._plot + self._band + theme.px(4), 2 * half, theme.px(16))
            words = say("segment.takeover") if second == 0 else f"{second:+d} s"
            painter.drawText(box, int(Qt.AlignmentFlag.AlignCenter), words)


def _runs(colours: list[QColor]) -> list[tuple[int, int]]:
    """First and last index of every stretch of one colour."""
    edges = [0, *(i for i in range(1, len(colours)) if colours[i] != colours[i - 1]), len(colours)]
    return [(first, after - 1) for first, after in itertools.pairwise(edges)]
