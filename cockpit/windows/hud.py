"""Draws the instruments over the road: dark glass plates, large figures, one colour for who drives.

Everything is laid out in a 640x360 design space and scaled to the pane, so that it reads the same on a wall and in a
small window. Pure painting: its texts come from `cockpit.windows.instruments`.
"""

from __future__ import annotations

import math

from PyQt6.QtCore import QPointF, QRectF, Qt
from PyQt6.QtGui import QColor, QFontMetricsF, QPainter, QPainterPath, QPen

from cockpit.windows import palette
from cockpit.windows.instruments import Instruments, Tone
from recorder.schema import RouteCommand

DESIGN_WIDTH, DESIGN_HEIGHT = 640.0, 360.0
CENTRE, LEFT, RIGHT = Qt.AlignmentFlag.AlignCenter, Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignRight
MIDDLE = Qt.AlignmentFlag.AlignVCenter


def draw_hud(painter: QPainter, area: QRectF, shown: Instruments, is_flash_on: bool) -> None:
    """All instruments over `area` (the pane's picture)."""
    scale = min(area.width() / DESIGN_WIDTH, area.height() / DESIGN_HEIGHT)
    painter.save()
    painter.translate(area.center().x(), area.top())
    painter.scale(scale, scale)  # x: 0 is the middle; y: 0 is the top
    height = area.height() / scale
    _draw_authority(painter, shown, is_flash_on)
    if shown.banner:
        _draw_banner(painter, height, shown, is_flash_on)
    _draw_speed(painter, height, shown)
    _draw_policy(painter, height, shown)
    _draw_route(painter, height, shown)
    painter.restore()


def draw_paused(painter: QPainter, area: QRectF, words: tuple[str, str, str] | None) -> None:
    """The picture dimmed, because it stands still; on the screen with the instruments also what to do."""
    painter.fillRect(area, QColor(8, 11, 15, 150))
    if words is None:
        return
    scale = min(area.width() / DESIGN_WIDTH, area.height() / DESIGN_HEIGHT)
    painter.save()
    painter.translate(area.center().x(), area.top())
    painter.scale(scale, scale)
    band = QRectF(-190, area.height() / scale * 0.30, 380, 88)
    _plate(painter, band, palette.PANEL)
    title, what, key = words
    _text(painter, QRectF(band.left(), band.top() + 5, band.width(), 42), title, 34, palette.INK, CENTRE, bold=True)
    _text(painter, QRectF(band.left() + 12, band.top() + 48, band.width() - 24, 17), what, 13, palette.INK, CENTRE)
    _text(painter, QRectF(band.left() + 12, band.top() + 66, band.width() - 24, 15), key, 10.5, palette.DIM, CENTRE)
    painter.restore()


def draw_alert_frame(painter: QPainter, area: QRectF, tone: Tone) -> None:
    """A glowing border around a pane; on every screen while a takeover is requested."""
    colour = palette.TONES[tone]
    for width, alpha in ((14.0, 0.22), (8.0, 0.45), (3.0, 0.95)):
        thick = width * area.height() / DESIGN_HEIGHT
        painter.setPen(QPen(palette.faded(colour, alpha), thick))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(area.adjusted(thick / 2, thick / 2, -thick / 2, -thick / 2))


def _draw_authority(painter: QPainter, shown: Instruments, is_flash_on: bool) -> None:
    """Top middle: who drives and why."""
    colour = palette.TONES[shown.tone]
    is_alert = shown.tone in (Tone.ALERT, Tone.STOP)
    plate = QRectF(-98, 8, 196, 47 if shown.progress is None else 54)
    fill = palette.faded(colour, 0.82) if is_alert and is_flash_on else palette.PANEL
    _plate(painter, plate, fill)
    ink = QColor("white") if is_alert and is_flash_on else colour
    if not is_alert:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        painter.drawRoundedRect(QRectF(plate.left() + 7, plate.top() + 8, 4, 31), 2, 2)
    _text(painter, QRectF(plate.left(), plate.top() + 4, plate.width(), 24), shown.who, 20, ink, CENTRE, bold=True)
    why_ink = QColor("white") if is_alert and is_flash_on else palette.DIM
    _text(
        painter, QRectF(plate.left() + 14, plate.top() + 27, plate.width() - 28, 15), shown.why, 10.5, why_ink, CENTRE
    )
    if shown.progress is not None:
        _bar(painter, QRectF(plate.left() + 16, plate.bottom() - 9, plate.width() - 32, 4), shown.progress, colour)


def _draw_banner(painter: QPainter, height: float, shown: Instruments, is_flash_on: bool) -> None:
    """Across the middle: the takeover request."""
    colour = palette.TONES[Tone.ALERT]
    band = QRectF(-190, height * 0.30, 380, 74)
    _plate(painter, band, palette.faded(colour, 0.9) if is_flash_on else palette.PANEL)
    ink = QColor("white") if is_flash_on else colour
    _text(painter, QRectF(band.left(), band.top() + 5, band.width(), 44), shown.banner, 38, ink, CENTRE, bold=True)
    _text(painter, QRectF(band.left(), band.top() + 48, band.width(), 18), shown.why, 13, ink, CENTRE)


def _draw_speed(painter: QPainter, height: float, shown: Instruments) -> None:
    """Bottom middle: speed, limit, pedals and wheel."""
    plate = QRectF(-82, height - 74, 164, 66)
    _plate(painter, plate, palette.PANEL)
    figure = QRectF(plate.left() + 38, plate.top() + 2, 88, 38)
    speed = f"R {shown.speed_kmh}" if shown.is_reversing else str(shown.speed_kmh)
    _text(painter, figure, speed, 33, palette.INK, CENTRE, bold=True)
    _text(painter, QRectF(figure.left(), plate.top() + 36, figure.width(), 13), "km/h", 9.5, palette.DIM, CENTRE)
    _pedal(painter, QRectF(plate.left() + 12, plate.top() + 9, 7, 36), shown.brake, palette.BRAKE)
    _pedal(painter, QRectF(plate.left() + 24, plate.top() + 9, 7, 36), shown.throttle, palette.THROTTLE)
    if shown.limit_kmh > 0:
        _limit_sign(painter, QPointF(plate.right() - 22, plate.top() + 27), 15, shown.limit_kmh)
    _steer_bar(painter, QRectF(plate.left() + 14, plate.bottom() - 11, plate.width() - 28, 4), shown.steer)


def _draw_policy(painter: QPainter, height: float, shown: Instruments) -> None:
    """Bottom left: the policy's announced manoeuvre."""
    plate = QRectF(-312, height - 52, 216, 44)
    _plate(painter, plate, palette.PANEL)
    title = "POLICY SAYS" if math.isfinite(shown.plan_age_s) else "POLICY"
    _text(
        painter, QRectF(plate.left() + 11, plate.top() + 5, 120, 12), title, 8.5, palette.DIM, LEFT | MIDDLE, bold=True
    )
    if math.isfinite(shown.plan_age_s):
        age = QRectF(plate.right() - 111, plate.top() + 5, 100, 12)
        _text(painter, age, f"{shown.plan_age_s * 1000:.0f} ms old", 8.5, palette.DIM, RIGHT | MIDDLE)
    line = QRectF(plate.left() + 11, plate.top() + 17, plate.width() - 22, 18)
    _text(painter, line, shown.policy, 13.5, palette.INK, LEFT | MIDDLE, bold=True)
    bar = QRectF(plate.left() + 11, plate.bottom() - 6.5, plate.width() - 22, 2.5)
    _bar(painter, bar, shown.confidence, palette.TONES[Tone.POLICY])


def _draw_route(painter: QPainter, height: float, shown: Instruments) -> None:
    """Bottom right: the navigator."""
    plate = QRectF(96, height - 52, 216, 44)
    _plate(painter, plate, palette.PANEL)
    _arrow(painter, QRectF(plate.left() + 9, plate.top() + 7, 30, 30), shown.command)
    words = QRectF(plate.left() + 48, plate.top() + 4, plate.width() - 58, 36)
    if not shown.distance_text:
        _text(painter, words, shown.command_text, 13.5, palette.INK, LEFT | MIDDLE, bold=True)
        return
    upper, lower = QRectF(words), QRectF(words)
    upper.setHeight(21)
    lower.setTop(words.top() + 19)
    _text(painter, upper, shown.distance_text, 16, palette.INK, LEFT | MIDDLE, bold=True)
    _text(painter, lower, shown.command_text, 11, palette.DIM, LEFT | MIDDLE)


def _plate(painter: QPainter, rect: QRectF, fill: QColor) -> None:
    painter.setPen(QPen(palette.PANEL_EDGE, 1.0))
    painter.setBrush(fill)
    painter.drawRoundedRect(rect, 8, 8)


def _text(
    painter: QPainter,
    rect: QRectF,
    text: str,
    pixels: float,
    colour: QColor,
    flags: Qt.AlignmentFlag,
    bold: bool = False,
) -> None:
    """Text that shrinks to the width of `rect` rather than being cut."""
    font = palette.font(pixels * 4, bold)  # painted at four times the size: fonts have whole pixels, the design has not
    width = QFontMetricsF(font).horizontalAdvance(text)
    shrink = min(1.0, rect.width() * 4 / width) if width > 0 else 1.0
    painter.save()
    painter.translate(rect.center())
    painter.scale(0.25 * shrink, 0.25 * shrink)
    painter.setFont(font)
    painter.setPen(colour)
    spread = 4 / shrink
    box = QRectF(-rect.width() / 2 * spread, -rect.height() / 2 * spread, rect.width() * spread, rect.height() * spread)
    painter.drawText(box, int(flags | Qt.TextFlag.TextDontClip), text)
    painter.restore()


def _bar(painter: QPainter, rect: QRectF, share: float, colour: QColor) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(palette.faded(palette.INK, 0.18))
    painter.drawRoundedRect(rect, rect.height() / 2, rect.height() / 2)
    full = QRectF(rect)
    full.setWidth(rect.width() * max(0.0, min(1.0, share)))
    painter.setBrush(colour)
    painter.drawRoundedRect(full, rect.height() / 2, rect.height() / 2)


def _pedal(painter: QPainter, rect: QRectF, share: float, colour: QColor) -> None:
    """A bar that grows from the floor."""
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(palette.faded(palette.INK, 0.18))
    painter.drawRoundedRect(rect, 3, 3)
    full = QRectF(rect)
    full.setTop(rect.bottom() - rect.height() * max(0.0, min(1.0, share)))
    painter.setBrush(colour)
    painter.drawRoundedRect(full, 3, 3)


def _steer_bar(painter: QPainter, rect: QRectF, steer: float) -> None:
    """From the middle outwards, right positive."""
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(palette.faded(palette.INK, 0.18))
    painter.drawRoundedRect(rect, 2, 2)
    middle, reach = rect.center().x(), max(-1.0, min(1.0, steer)) * rect.width() / 2
    painter.setBrush(palette.STEER)
    painter.drawRect(QRectF(min(middle, middle + reach), rect.top(), abs(reach), rect.height()))
    painter.drawRect(QRectF(middle - 1, rect.top() - 2, 2, rect.height() + 4))


def _limit_sign(painter: QPainter, centre: QPointF, radius: float, limit_kmh: int) -> None:
    painter.setPen(QPen(QColor("#D8232A"), radius * 0.24))
    painter.setBrush(QColor("white"))
    painter.drawEllipse(centre, radius * 0.88, radius * 0.88)
    box = QRectF(centre.x() - radius * 0.62, centre.y() - radius, radius * 1.24, radius * 2)
    _text(painter, box, str(limit_kmh), radius * 0.86, QColor("#15181C"), CENTRE, bold=True)


def _arrow(painter: QPainter, rect: QRectF, command: RouteCommand) -> None:
    """The navigator's arrow, drawn in a 30x30 box: a stem from below and a head where the way goes."""
    painter.save()
    painter.translate(rect.topLeft())
    painter.scale(rect.width() / 30, rect.height() / 30)
    if command in (RouteCommand.LEFT, RouteCommand.CHANGE_LANE_LEFT):
        painter.translate(30, 0)
        painter.scale(-1, 1)  # the right arrow, mirrored
    stem, head = QPainterPath(), QPainterPath()
    if command in (RouteCommand.LEFT, RouteCommand.RIGHT):
        stem.moveTo(8, 28)
        stem.lineTo(8, 17)
        stem.quadTo(8, 10, 15, 10)
        stem.lineTo(19, 10)
        _head(head, (28, 10), (18, 3), (18, 17))
    elif command in (RouteCommand.CHANGE_LANE_LEFT, RouteCommand.CHANGE_LANE_RIGHT):
        stem.moveTo(8, 28)
        stem.cubicTo(8, 17, 21, 21, 21, 10)
        _head(head, (21, 1), (14, 11), (28, 11))
    else:
        stem.moveTo(15, 28)
        stem.lineTo(15, 11)
        _head(head, (15, 2), (7, 13), (23, 13))
    painter.setPen(QPen(palette.INK, 4.6, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawPath(stem)
    painter.setPen(QPen(palette.INK, 1.0))
    painter.setBrush(palette.INK)
    painter.drawPath(head)
    painter.restore()


def _head(path: QPainterPath, *corners: tuple[float, float]) -> None:
    path.moveTo(*corners[0])
    for corner in corners[1:]:
        path.lineTo(*corner)
    path.closeSubpath()
