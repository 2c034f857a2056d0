"""Test patterns: what each screen shows while a rig is put up, before there is any world.

White lines are fixed directions as the eye sees them (every 10 degrees; the horizon is thick), so on a rig that is
measured well they run straight on from screen to screen. The grey grid is the screen's own. Orange lines are where
neighbouring screens begin.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QPointF, QRectF, Qt
from PyQt6.QtGui import QColor, QImage, QPainter, QPen, QPolygonF

from cockpit.rig.projection import ScreenView
from cockpit.rig.report import outline_points
from cockpit.rig.rig import Rig
from cockpit.rig.surface import pixels_on
from cockpit.windows import palette
from cockpit.windows.content import PanePart

GRID_CELLS = 16
RADIUS_M = 50.0
SEAM = QColor("#FF9A3D")
GREYS = 12
STEP_DEG = 0.2
"""Between the points of a line: on a curved screen it ends with the last point that lies on it."""


def pattern_image(rig: Rig, part: PanePart) -> QImage:
    """The pattern of one screen at its resolution; blend ramps and gains come on top when it is shown."""
    width, height = part.size_px
    image = QImage(width, height, QImage.Format.Format_RGB32)
    image.fill(QColor("#14181D"))
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    _grid(painter, width, height)
    if part.view is not None and not part.view.is_mirror:
        _directions(painter, part.view, height)
        _neighbours(painter, rig, part.view, height)
    _colours(painter, width, height)
    _name(painter, part, width, height)
    painter.end()
    return image


def _grid(painter: QPainter, width: int, height: int) -> None:
    """Square cells about the middle, a frame on the outermost pixels, and the diagonals' circle."""
    step = width / GRID_CELLS
    painter.setPen(QPen(QColor("#3A444E"), 1))
    for index in range(-GRID_CELLS, GRID_CELLS + 1):
        x, y = width / 2 + index * step, height / 2 + index * step
        painter.drawLine(QPointF(x, 0), QPointF(x, height))
        painter.drawLine(QPointF(0, y), QPointF(width, y))
    painter.setPen(QPen(QColor("#59C2FF"), 1))
    painter.drawRect(QRectF(0.5, 0.5, width - 1, height - 1))
    radius = min(width, height) * 0.45
    painter.drawEllipse(QPointF(width / 2, height / 2), radius, radius)


def _directions(painter: QPainter, view: ScreenView, height: int) -> None:
    """Meridians and parallels of the eye, every ten degrees; those through straight ahead are thick."""
    up = np.arange(-80.0, 80.0 + STEP_DEG / 2, STEP_DEG)
    round_ = np.arange(-180.0, 180.0 + STEP_DEG / 2, STEP_DEG)
    meridians = [(degrees, np.stack([np.full_like(up, degrees), up])) for degrees in range(-170, 181, 10)]
    parallels = [(degrees, np.stack([round_, np.full_like(round_, degrees)])) for degrees in range(-80, 81, 10)]
    lines = [*meridians, *parallels]
    azimuth, elevation = np.radians(np.concatenate([line for _, line in lines], axis=1))
    rays = np.stack(
        [np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)], axis=1
    )
    places = pixels_on(view, RADIUS_M * rays + view.eye_in_ego_m)  # all at once: a curved screen's table is costly
    ends = np.cumsum([line.shape[1] for _, line in lines])
    for (degrees, _), points in zip(lines, np.split(places, ends[:-1]), strict=True):
        painter.setPen(QPen(QColor("#E8EDF2"), (2.0 if degrees == 0 else 1.0) * max(1.0, height / 720)))
        _polyline(painter, points, view.screen.resolution_px)


def _neighbours(painter: QPainter, rig: Rig, view: ScreenView, height: int) -> None:
    """The other screens' edges, seen from the eye, where they cross this screen."""
    painter.setPen(QPen(SEAM, 3.0 * max(1.0, height / 720)))
    for other in rig.views():
        if other.is_mirror or other.screen.name == view.screen.name:
            continue
        rays = outline_points(other, 96) - np.array(view.eye_m)
        _polyline(painter, pixels_on(view, 20.0 * rays + view.eye_in_ego_m), view.screen.resolution_px)


def _polyline(painter: QPainter, points: NDArray[np.float64], size_px: tuple[int, int]) -> None:
    """The parts of a line that lie on (or next to) the screen."""
    is_close = (np.abs(points - np.array(size_px) / 2) < 2.0 * max(size_px)).all(axis=1)
    near = np.logical_and(np.isfinite(points).all(axis=1), is_close)
    for piece in np.split(np.arange(len(points)), np.flatnonzero(~near)):
        kept = [index for index in piece if near[index]]
        if len(kept) > 1:
            painter.drawPolyline(QPolygonF([QPointF(*points[index]) for index in kept]))


def _colours(painter: QPainter, width: int, height: int) -> None:
    """A row of greys and one of pure colours: for gamma and the gains of several projectors."""
    cell, top = width * 0.5 / GREYS, height * 0.86
    painter.setPen(Qt.PenStyle.NoPen)
    for index in range(GREYS):
        level = round(255 * index / (GREYS - 1))
        painter.setBrush(QColor(level, level, level))
        painter.drawRect(QRectF(width * 0.25 + index * cell, top, cell + 1, height * 0.05))
    for index, colour in enumerate(("#FF0000", "#00FF00", "#0000FF", "#00FFFF", "#FF00FF", "#FFFF00")):
        painter.setBrush(QColor(colour))
        painter.drawRect(QRectF(width * 0.25 + 2 * index * cell, top + height * 0.05, 2 * cell, height * 0.03))


def _name(painter: QPainter, part: PanePart, width: int, height: int) -> None:
    shown = part.shown
    display = "any display" if shown.display is None else f"display {shown.display}"
    plate = QRectF(width * 0.3, height * 0.12, width * 0.4, height * 0.2)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(palette.PANEL)
    painter.drawRoundedRect(plate, 8, 8)
    painter.setPen(palette.INK)
    painter.setFont(palette.font(height * 0.09, bold=True))
    painter.drawText(plate.adjusted(0, 0, 0, -plate.height() * 0.35), Qt.AlignmentFlag.AlignCenter, shown.name)
    painter.setFont(palette.font(height * 0.035))
    painter.setPen(palette.DIM)
    words = f"{part.size_px[0]} x {part.size_px[1]}   {display}"
    painter.drawText(plate.adjusted(0, plate.height() * 0.6, 0, 0), Qt.AlignmentFlag.AlignCenter, words)
