"""One screen of the rig as a widget: the tick's picture through the screen's homography, planned path, instruments.

A pane holds exactly one tick at a time and paints everything from it; it never mixes frames.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QPointF, QRectF, QSize, Qt
from PyQt6.QtGui import QColor, QImage, QLinearGradient, QPainter, QPaintEvent, QPolygonF, QTransform
from PyQt6.QtWidgets import QSizePolicy, QWidget

from cockpit.projection import ScreenView
from cockpit.windows import hud, palette
from cockpit.windows.instruments import Instruments, Tone, flash_is_on
from cockpit.windows.path_overlay import ribbon_pixels
from recorder.schema import Authority, CameraFrame, Tick


class ScreenPane(QWidget):
    """Shows one screen; keeps the screen's aspect, black around it."""

    def __init__(self, view: ScreenView, has_hud: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.view = view
        self.has_hud = has_hud
        self._tick: Tick | None = None
        self._instruments: Instruments | None = None
        self._path_ego: NDArray[np.float64] | None = None
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    @property
    def frame(self) -> int:
        """Frame id of the picture that is shown, -1 before the first."""
        return -1 if self._tick is None else self._tick.frame

    def show_tick(self, tick: Tick, instruments: Instruments, path_ego: NDArray[np.float64] | None) -> None:
        """Paint `tick` at the next opportunity; `path_ego` is the planned path in the tick's ego frame."""
        self._tick, self._instruments, self._path_ego = tick, instruments, path_ego
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802  Qt's name
        """The rendered resolution."""
        return QSize(*self.view.screen.resolution_px)

    def picture_area(self) -> QRectF:
        """Where the screen's picture lies in the widget: as large as fits, in the middle."""
        width, height = self.view.screen.resolution_px
        scale = min(self.width() / width, self.height() / height)
        return QRectF(
            (self.width() - width * scale) / 2, (self.height() - height * scale) / 2, width * scale, height * scale
        )

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802, ARG002  Qt's name
        """Qt asks for the picture."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor("black"))
        self.paint_on(painter)
        painter.end()

    def paint_on(self, painter: QPainter) -> None:
        """Everything the pane shows, onto `painter`."""
        area = self.picture_area()
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        painter.setClipRect(area)
        tick, shown = self._tick, self._instruments
        if tick is None or shown is None:
            self._say(painter, area, "Waiting for the first picture")
            return
        picture = tick.cameras.get(self.view.screen.name)
        if picture is None:
            self._say(painter, area, f"No picture from camera '{self.view.screen.name}'")
        else:
            self._draw_picture(painter, area, picture)
        if self._path_ego is not None:
            self._draw_path(painter, area, tick, self._path_ego)
        is_flash_on = flash_is_on(tick.time_s)
        if tick.authority.authority is Authority.REQUESTED and is_flash_on:
            hud.draw_alert_frame(painter, area, Tone.ALERT)
        if self.has_hud:
            hud.draw_hud(painter, area, shown, is_flash_on)

    def _draw_picture(self, painter: QPainter, area: QRectF, picture: CameraFrame) -> None:
        image = qimage_from_rgb(picture.image)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)  # it would darken the outermost pixels
        painter.setTransform(self._widget_from_screen(area), combine=True)
        painter.setTransform(qtransform_from_homography(self._screen_from_picture(image)), combine=True)
        painter.drawImage(QPointF(0, 0), image)
        painter.restore()

    def _screen_from_picture(self, image: QImage) -> NDArray[np.float64]:
        """The view's homography, also for a picture of another resolution than was asked for."""
        camera = self.view.camera
        return self.view.homography @ np.diag([camera.width / image.width(), camera.height / image.height(), 1.0])

    def _widget_from_screen(self, area: QRectF) -> QTransform:
        width, height = self.view.screen.resolution_px
        return QTransform().translate(area.left(), area.top()).scale(area.width() / width, area.height() / height)

    def _draw_path(self, painter: QPainter, area: QRectF, tick: Tick, path_ego: NDArray[np.float64]) -> None:
        ribbon = ribbon_pixels(self.view, path_ego)
        if len(ribbon) < 2:
            return
        is_policy = tick.authority.authority in (Authority.POLICY, Authority.HANDING_BACK, Authority.REQUESTED)
        strength = 1.0 if is_policy else 0.45
        colour = palette.TONES[Tone.POLICY]
        outline = QPolygonF([QPointF(x, y) for x, y in np.vstack([ribbon[:, 0], ribbon[::-1, 1]])])
        box = outline.boundingRect()
        fade = QLinearGradient(0, box.bottom(), 0, box.top())
        fade.setColorAt(0.0, palette.faded(colour, 0.10 * strength))
        fade.setColorAt(0.35, palette.faded(colour, 0.55 * strength))
        fade.setColorAt(1.0, palette.faded(colour, 0.30 * strength))
        painter.save()
        painter.setTransform(self._widget_from_screen(area), combine=True)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(fade)
        painter.drawPolygon(outline)
        painter.setPen(palette.faded(colour, 0.75 * strength))
        for side in (0, 1):
            painter.drawPolyline(QPolygonF([QPointF(x, y) for x, y in ribbon[:, side]]))
        painter.restore()

    def _say(self, painter: QPainter, area: QRectF, text: str) -> None:
        painter.fillRect(area, palette.GROUND)
        painter.setFont(palette.font(area.height() * 0.04))
        painter.setPen(palette.DIM)
        painter.drawText(area, Qt.AlignmentFlag.AlignCenter, text)


def qimage_from_rgb(image: NDArray[np.uint8]) -> QImage:
    """(H, W, 3) RGB as a QImage of its own (the array may go away), in the format that Qt paints fastest."""
    rgb = np.ascontiguousarray(image)
    height, width, _ = rgb.shape
    view = QImage(rgb.data, width, height, 3 * width, QImage.Format.Format_RGB888)  # pyright: ignore[reportCallIssue, reportArgumentType]
    return view.convertToFormat(QImage.Format.Format_RGB32)


def qtransform_from_homography(homography: NDArray[np.float64]) -> QTransform:
    """Column-vector homography as Qt's row-vector transform."""
    return QTransform(*(float(value) for value in homography.T.ravel()))
