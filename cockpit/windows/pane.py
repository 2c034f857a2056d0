"""One screen of the rig as a widget that draws on the CPU, and what every kind of pane has in common.

The picture goes through the screen's homography (or mesh), the rest over it, and blend ramps and gains over all.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QPointF, QRectF, QSize, QTimer
from PyQt6.QtGui import QColor, QImage, QPainter, QPaintEvent
from PyQt6.QtWidgets import QSizePolicy, QWidget

from cockpit.rig.cpu_warp import MeshWarp, mask_bytes
from cockpit.rig.projection import ScreenView, Vector3
from cockpit.windows.content import (
    PaneContent,
    PanePart,
    fitted,
    qimage_from_rgb,
    qtransform_from_homography,
    widget_from_screen,
)
from cockpit.windows.instruments import Instruments
from recorder.schema import CameraFrame, Tick

Swapped = Callable[[str, int, float], None]
"""Called with a screen's name, the frame it shows, and since when (CLOCK_REALTIME, seconds)."""


class PaneMixin:
    """What panes of both kinds do alike; the other base is the widget."""

    content: PaneContent
    on_swapped: Swapped | None = None

    @property
    def name(self) -> str:
        """The screen's."""
        return self.content.part.shown.name

    @property
    def view(self) -> ScreenView | None:
        """The screen's geometry; None for an instrument cluster."""
        return self.content.view

    @property
    def has_hud(self) -> bool:
        """Whether speed and messages are on this screen."""
        return self.content.has_hud

    @property
    def frame(self) -> int:
        """Frame id of the picture that is shown, -1 before the first."""
        return self.content.frame

    def show_tick(
        self,
        tick: Tick,
        instruments: Instruments,
        path_ego: NDArray[np.float64] | None,
        eye_m: Vector3 | None = None,
    ) -> None:
        """Paint `tick` at the next opportunity; `path_ego` is the planned path in the tick's ego frame."""
        content = self.content
        content.tick, content.instruments, content.path_ego, content.eye_m = tick, instruments, path_ego, eye_m
        self.update()  # pyright: ignore[reportAttributeAccessIssue]

    def show_still(self, image: QImage) -> None:
        """Paint a picture that belongs to no tick, such as a test pattern."""
        self.content.still = image
        self.update()  # pyright: ignore[reportAttributeAccessIssue]

    def picture_area(self) -> QRectF:
        """Where the screen's picture lies in the widget: as large as fits, in the middle."""
        whole = QRectF(0, 0, self.width(), self.height())  # pyright: ignore[reportAttributeAccessIssue]
        return fitted(whole, *self.content.part.size_px)

    def tell_swapped(self, frame: int) -> None:
        """The picture is with the window system."""
        if self.on_swapped is not None and frame >= 0:
            self.on_swapped(self.name, frame, time.time())


class ScreenPane(PaneMixin, QWidget):
    """Shows one screen; keeps the screen's aspect, black around it."""

    def __init__(self, part: PanePart, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.content = PaneContent(part)
        self.on_swapped: Swapped | None = None
        self._mesh: MeshWarp | None = None
        self._mask: QImage | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def sizeHint(self) -> QSize:  # noqa: N802  Qt's name
        """The rendered resolution."""
        return QSize(*self.content.part.size_px)

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802, ARG002  Qt's name
        """Qt asks for the picture."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor("black"))
        self.paint_on(painter)
        painter.end()
        frame = self.frame
        QTimer.singleShot(0, lambda: self.tell_swapped(frame))  # runs when Qt has handed the window's picture over

    def paint_on(self, painter: QPainter) -> None:
        """Everything the pane shows, onto `painter`."""
        area = self.picture_area()
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        painter.setClipRect(area)
        if self.content.still is not None:
            painter.drawImage(area, self.content.still)
        else:
            picture = self.content.picture()
            if picture is not None:
                self._draw_picture(painter, area, picture)
            self.content.paint_over(painter, area)
        mask = self._mask_for(area)
        if mask is not None:
            painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_Multiply)
            painter.drawImage(area, mask)

    def _draw_picture(self, painter: QPainter, area: QRectF, picture: CameraFrame) -> None:
        view = self.content.view_now(picture)
        if view.points_m is not None:
            painter.drawImage(area, qimage_from_rgb(self._meshed(view, picture.image)))
            return
        image = qimage_from_rgb(picture.image)
        camera = view.camera  # the picture may have another resolution than requested
        to_camera = np.diag([camera.width / image.width(), camera.height / image.height(), 1.0])
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)  # it would darken the outermost pixels
        painter.setTransform(widget_from_screen(area, view.screen.resolution_px), combine=True)
        painter.setTransform(qtransform_from_homography(view.homography @ to_camera), combine=True)
        painter.drawImage(QPointF(0, 0), image)
        painter.restore()

    def _meshed(self, view: ScreenView, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if self._mesh is None:
            self._mesh = MeshWarp(view, view.screen.resolution_px)
        return self._mesh.warped(image, self.content.eye_now(), view.camera)

    def _mask_for(self, area: QRectF) -> QImage | None:
        width, height = max(1, round(area.width())), max(1, round(area.height()))
        if self._mask is None or (self._mask.width(), self._mask.height()) != (width, height):
            factors = self.content.part.mask(width, height)
            self._mask = None if factors is None else qimage_from_rgb(mask_bytes(factors))
        return self._mask
