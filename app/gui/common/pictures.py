"""Pictures of one tick side by side, as large as they fit, with an overlay where there is one."""

from __future__ import annotations

from PyQt6.QtCore import QRectF, Qt
from PyQt6.QtGui import QColor, QImage, QPainter, QPaintEvent
from PyQt6.QtWidgets import QSizePolicy, QWidget

from app.gui.common import theme
from cockpit.windows import palette

ORDER = ("left", "centre", "right")
"""Screens are shown as the driver saw them; other cameras follow."""
GAP = 2.0


class Pictures(QWidget):
    """A tick's pictures side by side, as large as they fit."""

    def __init__(self) -> None:
        super().__init__()
        self._images: list[tuple[str, QImage]] = []
        self._message = ""
        self._overlays: dict[str, QImage] = {}
        self.setMinimumSize(theme.px(160), theme.px(90))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def show_images(self, images: list[tuple[str, QImage]], message: str = "") -> None:
        """(camera, picture) from left to right; `message` where there are none."""
        self._images, self._message = images, message
        self.update()

    def show_overlays(self, overlays: dict[str, QImage]) -> None:
        """Draw a picture with transparency over that of each named camera."""
        self._overlays = overlays
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802, ARG002  Qt's name
        """Qt asks for the picture."""
        painter = QPainter(self)
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        painter.fillRect(self.rect(), QColor("black"))
        if not self._images:
            painter.setPen(palette.DIM)
            painter.setFont(palette.font(theme.px(theme.BODY)))
            flags = int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap)
            painter.drawText(QRectF(self.rect()).adjusted(20, 20, -20, -20), flags, self._message)
            painter.end()
            return
        height = min(self.height(), (self.width() - GAP * (len(self._images) - 1)) / _shapes(self._images))
        self._draw_row(painter, self._images, (self.height() - height) / 2, height)
        painter.end()

    def _draw_row(self, painter: QPainter, row: list[tuple[str, QImage]], top: float, height: float) -> None:
        left = (self.width() - height * _shapes(row) - GAP * (len(row) - 1)) / 2
        painter.setFont(palette.font(theme.px(theme.SMALL)))
        painter.setPen(palette.faded(palette.INK, 0.8))
        for name, image in row:
            box = QRectF(left, top, height * image.width() / image.height(), height)
            painter.drawImage(box, image)
            if name in self._overlays:
                painter.drawImage(box, self._overlays[name])
            painter.drawText(box.adjusted(theme.px(8), 0, 0, -theme.px(5)), int(Qt.AlignmentFlag.AlignBottom), name)
            left += box.width() + GAP


def ordered(cameras: list[str]) -> list[str]:
    """Screens from left to right, then the other cameras."""
    return sorted(cameras, key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name))


def _shapes(row: list[tuple[str, QImage]]) -> float:
    """Width of a row of height 1."""
    return sum(image.width() / image.height() for _, image in row)
