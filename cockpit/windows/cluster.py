"""The instrument cluster: a dial for the speed, the pedals, who drives and where to go, on a screen of its own."""

from __future__ import annotations

import math

from PyQt6.QtCore import QPointF, QRectF, Qt
from PyQt6.QtGui import QColor, QPainter, QPen

from cockpit.windows import palette
from cockpit.windows.instruments import Instruments

WIDTH, HEIGHT = 480.0, 180.0
TOP_KMH = 160
START_DEG, SWEEP_DEG = 225.0, 270.0
CENTRE = Qt.AlignmentFlag.AlignCenter


def draw_cluster(painter: QPainter, area: QRectF, shown: Instruments) -> None:
    """All instruments into `area`, on black."""
    painter.save()
    painter.fillRect(area, palette.GROUND)
    scale = min(area.width() / WIDTH, area.height() / HEIGHT)
    painter.translate(area.center())
    painter.scale(scale, scale)  # 0, 0 is the middle
    _dial(painter, QPointF(0.0, 4.0), 76.0, shown)
    tone = palette.TONES[shown.tone]
    _words(painter, QRectF(-232, -70, 140, 30), shown.who, 22, tone, is_bold=True)
    _words(painter, QRectF(-232, -40, 140, 18), shown.why, 11, palette.DIM)
    _words(painter, QRectF(92, -70, 140, 26), shown.distance_text or "", 20, palette.INK, is_bold=True)
    _words(painter, QRectF(92, -44, 140, 20), shown.command_text, 12, palette.DIM)
    _bar(painter, QRectF(-232, 20, 140, 8), shown.brake, palette.BRAKE, "brake")
    _bar(painter, QRectF(-232, 54, 140, 8), shown.throttle, palette.THROTTLE, "throttle")
    _steering(painter, QRectF(92, 20, 140, 8), shown.steer)
    if shown.limit_kmh > 0:
        _limit(painter, QPointF(162.0, 62.0), 17.0, shown.limit_kmh)
    painter.restore()


def _dial(painter: QPainter, middle: QPointF, radius: float, shown: Instruments) -> None:
    box = QRectF(middle.x() - radius, middle.y() - radius, 2 * radius, 2 * radius)
    painter.setPen(QPen(palette.faded(palette.INK, 0.25), 3.0))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawArc(box, int(16 * (START_DEG - SWEEP_DEG)), int(16 * SWEEP_DEG))
    for kmh in range(0, TOP_KMH + 1, 20):
        angle = _angle(kmh)
        outer, inner = _on_circle(middle, radius, angle), _on_circle(middle, radius - 8, angle)
        painter.setPen(QPen(palette.INK, 2.0))
        painter.drawLine(outer, inner)
        at = _on_circle(middle, radius - 18, angle)
        _words(painter, QRectF(at.x() - 12, at.y() - 6, 24, 12), str(kmh), 8.5, palette.DIM)
    painter.setPen(QPen(palette.BRAKE, 3.0))
    tip = _on_circle(middle, radius - 6, _angle(min(shown.speed_kmh, TOP_KMH)))
    painter.drawLine(_on_circle(middle, 26, _angle(min(shown.speed_kmh, TOP_KMH))), tip)
    _words(
        painter, QRectF(middle.x() - 26, middle.y() - 17, 52, 28), str(shown.speed_kmh), 24, palette.INK, is_bold=True
    )
    gear = "R" if shown.is_reversing else "D"
    _words(painter, QRectF(middle.x() - 30, middle.y() + 32, 60, 12), f"km/h  {gear}", 9, palette.DIM)


def _angle(kmh: float) -> float:
    return math.radians(START_DEG - SWEEP_DEG * kmh / TOP_KMH)


def _on_circle(middle: QPointF, radius: float, angle_rad: float) -> QPointF:
    return QPointF(middle.x() + radius * math.cos(angle_rad), middle.y() - radius * math.sin(angle_rad))


def _words(painter: QPainter, rect: QRectF, text: str, pixels: float, colour: QColor, is_bold: bool = False) -> None:
    painter.save()
    painter.translate(rect.center())
    painter.scale(0.25, 0.25)  # painted at four times the size: fonts have whole pixels
    painter.setFont(palette.font(4 * pixels, is_bold))
    painter.setPen(colour)
    box = QRectF(-2 * rect.width(), -2 * rect.height(), 4 * rect.width(), 4 * rect.height())
    painter.drawText(box, int(CENTRE | Qt.TextFlag.TextDontClip), text)
    painter.restore()


def _bar(painter: QPainter, rect: QRectF, share: float, colour: QColor, name: str) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(palette.faded(palette.INK, 0.18))
    painter.drawRoundedRect(rect, 4, 4)
    full = QRectF(rect)
    full.setWidth(rect.width() * max(0.0, min(1.0, share)))
    painter.setBrush(colour)
    painter.drawRoundedRect(full, 4, 4)
    _words(painter, QRectF(rect.left(), rect.bottom() + 1, rect.width(), 14), name, 9, palette.DIM)


def _steering(painter: QPainter, rect: QRectF, steer: float) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(palette.faded(palette.INK, 0.18))
    painter.drawRoundedRect(rect, 4, 4)
    middle, reach = rect.center().x(), max(-1.0, min(1.0, steer)) * rect.width() / 2
    painter.setBrush(palette.STEER)
    painter.drawRect(QRectF(min(middle, middle + reach), rect.top(), abs(reach), rect.height()))


def _limit(painter: QPainter, middle: QPointF, radius: float, limit_kmh: int) -> None:
    painter.setPen(QPen(QColor("#D8232A"), radius * 0.24))
    painter.setBrush(QColor("white"))
    painter.drawEllipse(middle, radius * 0.88, radius * 0.88)
    box = QRectF(middle.x() - radius, middle.y() - radius, 2 * radius, 2 * radius)
    _words(painter, box, str(limit_kmh), radius * 0.8, QColor("#15181C"), is_bold=True)
