"""The live plots: speed, steering of driver, policy and car, time to collision, over the last half minute."""

from __future__ import annotations

import pyqtgraph as pg
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QPen
from PyQt6.QtWidgets import QVBoxLayout, QWidget

from app.gui.common import theme
from app.gui.common.texts import say
from app.gui.run.history import KEPT_S, History
from cockpit.windows import palette
from cockpit.windows.instruments import Tone

MOST_TTC_S = 8.0
"""How far `cockpit.authority.time_to_collision` looks ahead."""
AXIS_WIDTH = 34
LEAST_STEERING = 0.2
"""Least range of the steering's axis: finer, small corrections would look like large ones."""


class LivePlots(QWidget):
    """Three plots over one time axis."""

    def __init__(self) -> None:
        super().__init__()
        self._curves: dict[str, pg.PlotDataItem] = {}
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.px(2))
        human, policy = palette.TONES[Tone.HUMAN], palette.TONES[Tone.POLICY]
        speed = self._plot(say("plots.speed"), (0.0, 60.0))
        self._curve(speed, "limit_kmh", palette.FAINT, Qt.PenStyle.DashLine)
        self._curve(speed, "speed_kmh", palette.INK)
        speed.enableAutoRange(axis=pg.ViewBox.YAxis)
        steer = self._plot(say("plots.steering"), (-1.0, 1.0))
        self._curve(steer, "applied_steer", palette.FAINT)
        self._curve(steer, "policy_steer", policy)
        self._curve(steer, "driver_steer", human)
        steer.enableAutoRange(axis=pg.ViewBox.YAxis)
        steer.setLimits(minYRange=LEAST_STEERING)
        ttc = self._plot(say("plots.ttc"), (0.0, MOST_TTC_S))
        self._curve(ttc, "ttc_s", palette.TONES[Tone.ALERT])
        for plot in (speed, steer, ttc):
            column.addWidget(plot, stretch=1)

    def show_history(self, history: History) -> None:
        """Draw the history."""
        table = history.columns()
        for name, curve in self._curves.items():
            curve.setData(table["time_s"], table[name], connect="finite")

    def _plot(self, title: str, span: tuple[float, float]) -> pg.PlotWidget:
        plot = pg.PlotWidget(background=theme.SURFACE.name())
        plot.setMenuEnabled(False)
        plot.setMouseEnabled(x=False, y=False)
        plot.hideButtons()
        item = plot.getPlotItem()
        assert item is not None  # noqa: S101  every PlotWidget has one
        item.getViewBox().setRange(xRange=(-KEPT_S, 0.0), yRange=span, padding=0.0)
        plot.showGrid(x=True, y=True, alpha=0.12)
        plot.setMinimumHeight(theme.px(56))
        plot.setTitle(title, color=palette.DIM, size=f"{theme.px(theme.SMALL)}px", justify="left")
        for side in ("left", "bottom"):
            axis = plot.getAxis(side)
            axis.setPen(theme.LINE)
            axis.setTextPen(palette.DIM)
            axis.setTickFont(palette.font(theme.px(theme.SMALL - 1)))
        plot.getAxis("left").setWidth(theme.px(AXIS_WIDTH))
        return plot

    def _curve(self, plot: pg.PlotWidget, name: str, colour: object, line: Qt.PenStyle = Qt.PenStyle.SolidLine) -> None:
        pen: QPen = pg.mkPen(colour, width=1.5 * theme.scale(), style=line)
        self._curves[name] = plot.plot([], [], pen=pen, connect="finite")
