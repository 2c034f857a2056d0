"""Raw axes of a device as bars: where each is in its range, and where it was at rest."""

from __future__ import annotations

from PyQt6.QtCore import QRectF, QSize, Qt
from PyQt6.QtGui import QPainter, QPaintEvent
from PyQt6.QtWidgets import QSizePolicy, QWidget

from app.gui.common import theme
from cockpit.windows import palette

ROW, LABEL, VALUE, BAR = 26, 84, 64, 10
"""Heights of a row and of a bar, widths of the name and of the number."""


class AxisBars(QWidget):
    """One row per axis: its name, a bar from the low to the high end, the raw value."""

    def __init__(self) -> None:
        super().__init__()
        self._rows: list[tuple[str, float, int]] = []
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:  # noqa: N802  Qt's name
        """All rows."""
        return QSize(theme.px(320), theme.px(ROW * max(1, len(self._rows))))

    def show_axes(self, rows: list[tuple[str, float, int]]) -> None:
        """Name, share of the range (0..1) and raw value of each axis."""
        if len(rows) != len(self._rows):
            self._rows = rows
            self.updateGeometry()
        self._rows = rows
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: ARG002, N802  Qt's name
        """Draw the rows."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        height, bar = theme.px(ROW), theme.px(BAR)
        left, right = theme.px(LABEL), self.width() - theme.px(VALUE)
        for number, (name, share, raw) in enumerate(self._rows):
            line = QRectF(0, number * height, self.width(), height)
            painter.setPen(palette.DIM)
            painter.drawText(line, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, name)
            painter.setPen(palette.INK)
            painter.drawText(line, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, str(raw))
            track = QRectF(left, line.center().y() - bar / 2, right - left, bar)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.RAISED)
            painter.drawRoundedRect(track, bar / 2, bar / 2)
            painter.setBrush(theme.ACCENT)
            painter.drawRoundedRect(QRectF(left, track.top(), max(share * track.width(), bar), bar), bar / 2, bar / 2)
