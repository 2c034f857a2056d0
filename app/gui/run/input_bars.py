"""The inputs as bars: the driver's are filled; the applied ones and the policy's are marks."""

from __future__ import annotations

from dataclasses import dataclass

from PyQt6.QtCore import QRectF, QSize, Qt
from PyQt6.QtGui import QColor, QPainter, QPaintEvent
from PyQt6.QtWidgets import QSizePolicy, QWidget

from app.gui.common import theme
from app.gui.common.texts import say
from cockpit.windows import palette
from cockpit.windows.instruments import Tone
from recorder.schema import Tick

ROW, LABEL, BAR = 22, 62, 10
"""Heights of a row and of a bar, width of a label."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One input; `low` is where the bar begins (the middle for steering)."""

    label: str
    driver: float
    applied: float
    policy: float | None
    colour: QColor
    low: float = 0.0


class InputBars(QWidget):
    """Steering, throttle and brake."""

    def __init__(self) -> None:
        super().__init__()
        self._bars: tuple[Bar, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:  # noqa: N802  Qt's name
        """Three rows and a legend."""
        return QSize(theme.px(240), theme.px(4 * ROW))

    def show_tick(self, tick: Tick) -> None:
        """Show one tick's inputs."""
        policy, driver, applied = tick.policy_control, tick.driver, tick.control
        human = palette.TONES[Tone.HUMAN]
        self._bars = (
            Bar(say("inputs.steer"), driver.steer, applied.steer, policy.steer if policy else None, human, low=-1.0),
            Bar(
                say("inputs.throttle"),
                driver.throttle,
                applied.throttle,
                policy.throttle if policy else None,
                palette.THROTTLE,
            ),
            Bar(say("inputs.brake"), driver.brake, applied.brake, policy.brake if policy else None, palette.BRAKE),
        )
        self.update()

    def clear(self) -> None:
        """Empty the bars: nobody drives."""
        self._bars = ()
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802, ARG002  Qt's name
        """Qt asks for the picture."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(palette.font(theme.px(theme.SMALL)))
        for row, bar in enumerate(self._bars):
            self._draw(painter, bar, theme.px(ROW) * row)
        if self._bars:
            painter.setPen(palette.DIM)
            low = QRectF(0, theme.px(3 * ROW), self.width(), theme.px(ROW))
            painter.drawText(low, int(Qt.AlignmentFlag.AlignVCenter), say("inputs.legend"))
        painter.end()

    def _draw(self, painter: QPainter, bar: Bar, top: float) -> None:
        row, height = theme.px(ROW), theme.px(BAR)
        label = QRectF(0, top, theme.px(LABEL), row)
        painter.setPen(palette.DIM)
        painter.drawText(label, int(Qt.AlignmentFlag.AlignVCenter), bar.label)
        box = QRectF(label.right(), top + (row - height) / 2, self.width() - label.right() - 2, height)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.RAISED)
        painter.drawRoundedRect(box, 3, 3)
        zero, value = self._x(box, bar, 0.0), self._x(box, bar, bar.driver)
        painter.setBrush(bar.colour)
        painter.drawRect(QRectF(min(zero, value), box.top(), abs(value - zero), box.height()))
        self._mark(painter, box, self._x(box, bar, bar.applied), palette.INK)
        if bar.policy is not None:
            self._mark(painter, box, self._x(box, bar, bar.policy), palette.TONES[Tone.POLICY])

    @staticmethod
    def _x(box: QRectF, bar: Bar, value: float) -> float:
        share = (min(max(value, bar.low), 1.0) - bar.low) / (1.0 - bar.low)
        return box.left() + share * box.width()

    @staticmethod
    def _mark(painter: QPainter, box: QRectF, x: float, colour: QColor) -> None:
        width = theme.px(3)
        painter.setBrush(colour)
        painter.drawRect(QRectF(x - width / 2, box.top() - theme.px(3), width, box.height() + theme.px(6)))
