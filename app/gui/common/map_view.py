"""The bird's-eye view: the town, the route, the ego and its path, everybody else, the lights, the policy's plan.

North is up. Before a drive the whole town is shown, during it the map follows the ego; the mouse wheel zooms, dragging
moves, a double click goes back to following.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QPointF, QRectF, QSize, Qt
from PyQt6.QtGui import QColor, QMouseEvent, QPainter, QPainterPath, QPaintEvent, QPen, QPolygonF, QWheelEvent
from PyQt6.QtWidgets import QSizePolicy, QWidget

from app.gui.common import theme
from app.gui.common.texts import say
from app.gui.common.town_plan import PlanLane, TownPlan
from cockpit.windows import palette
from cockpit.windows.instruments import TONE_OF
from cockpit.windows.path_overlay import plan_in_ego
from recorder.schema import ActorState, Authority, LightColour, Plan, Pose, Tick

FOLLOW_WIDTH_M = 130.0
"""Width of the part of the town that is shown while following."""
ZOOM_STEP = 1.2
MARGIN = 1.08
TRAIL_STEP_M = 1.0
DOT = 2.5
"""Least radius of a dot, in pixels."""
ROAD, KERB = QColor("#2A3440"), QColor("#475564")
ROUTE = palette.faded(theme.ACCENT, 0.38)
VEHICLE, WALKER = QColor("#C9D3DC"), QColor("#FFC14A")
LIGHTS = {
    LightColour.RED: QColor("#FF4B4B"),
    LightColour.YELLOW: QColor("#FFC14A"),
    LightColour.GREEN: QColor("#4FE08E"),
}


class MapView(QWidget):
    """Paints the newest tick passed to `show_tick`."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._plan: TownPlan | None = None
        self._roads, self._borders, self._route = QPainterPath(), QPainterPath(), QPainterPath()
        self._tick: Tick | None = None
        self._message = ""
        self._is_following = False
        self._centre = QPointF(0.0, 0.0)
        self._width_m = FOLLOW_WIDTH_M
        self._drag_from: QPointF | None = None
        self._trail: list[tuple[Authority, list[QPointF]]] = []
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(theme.px(160), theme.px(90))

    def sizeHint(self) -> QSize:  # noqa: N802  Qt's name
        """A square."""
        return QSize(theme.px(620), theme.px(620))

    def show_town(self, plan: TownPlan | None, message: str = "") -> None:
        """Show a whole town without road users; without a town, `message` in its place."""
        self._plan, self._tick, self._message = plan, None, message
        self._roads, self._borders, self._route = QPainterPath(), QPainterPath(), QPainterPath()
        for lane in plan.lanes if plan else ():
            self._roads.addPolygon(_outline(lane))
            if not lane.is_junction:
                for border in (lane.left, lane.right):
                    self._borders.addPath(_line(border))
        self._roads.setFillRule(Qt.FillRule.WindingFill)
        self.show_whole()

    def show_route(self, points: NDArray[np.floating] | None) -> None:
        """Show a route, (N, 2+) x, y in the world frame; None removes it."""
        self._route = QPainterPath() if points is None or len(points) < 2 else _line(points)
        self.update()

    def show_tick(self, tick: Tick) -> None:
        """Show a tick."""
        self._tick = tick
        self._extend_trail(tick)
        if self._is_following:
            self._centre = QPointF(tick.ego.pose.x, tick.ego.pose.y)
        self.update()

    def show_trail(self, path: Sequence[tuple[Authority, float, float]]) -> None:
        """Show a path already driven: who drove, x, y."""
        self.forget_trail()
        for authority, x, y in path:
            self._add_to_trail(authority, QPointF(x, y))
        self.update()

    def forget_trail(self) -> None:
        """Remove the driven path: another drive begins."""
        self._trail = []

    def _extend_trail(self, tick: Tick) -> None:
        place = QPointF(tick.ego.pose.x, tick.ego.pose.y)
        last = self._trail[-1][1][-1] if self._trail else None
        if last is None or math.hypot(place.x() - last.x(), place.y() - last.y()) >= TRAIL_STEP_M:
            self._add_to_trail(tick.authority.authority, place)

    def _add_to_trail(self, authority: Authority, place: QPointF) -> None:
        if not self._trail:
            self._trail.append((authority, [place]))
        elif self._trail[-1][0] is authority:
            self._trail[-1][1].append(place)
        else:
            self._trail.append((authority, [self._trail[-1][1][-1], place]))

    def follow(self) -> None:
        """Keep the ego in the middle."""
        self._is_following, self._width_m = True, FOLLOW_WIDTH_M
        self.update()

    def show_whole(self) -> None:
        """The whole town."""
        self._is_following = False
        if self._plan is not None:
            left, top, right, bottom = self._plan.bounds()
            self._centre = QPointF((left + right) / 2, (top + bottom) / 2)
            shape = self.width() / max(1, self.height())
            self._width_m = MARGIN * max(right - left, (bottom - top) * shape, 10.0)
        self.update()

    def resizeEvent(self, event: object) -> None:  # noqa: N802, ARG002  Qt's name
        """A whole town stays whole."""
        if self._tick is None:
            self.show_whole()

    def wheelEvent(self, event: QWheelEvent | None) -> None:  # noqa: N802  Qt's name
        """Zoom."""
        if event is not None:
            self._width_m *= ZOOM_STEP ** (-event.angleDelta().y() / 120)
            self._width_m = min(max(self._width_m, 30.0), 5000.0)
            self.update()

    def mousePressEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802  Qt's name
        """Begin to drag."""
        self._drag_from = None if event is None else event.position()

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802  Qt's name
        """Move the map."""
        if event is None or self._drag_from is None:
            return
        moved = event.position() - self._drag_from
        self._drag_from, self._is_following = event.position(), False
        self._centre -= moved / self._pixels_per_m()
        self.update()

    def mouseDoubleClickEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802, ARG002  Qt's name
        """Follow the ego again, or show the whole town when nobody drives."""
        self.show_whole() if self._tick is None else self.follow()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802, ARG002  Qt's name
        """Qt asks for the picture."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        frame = QPainterPath()
        frame.addRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), theme.px(8), theme.px(8))
        painter.fillPath(frame, theme.SURFACE)
        painter.setClipPath(frame)
        if self._plan is None:
            self._say(painter, self._message or say("map.no_town"))
        else:
            self._draw_world(painter)
            self._draw_scale(painter)
        painter.setClipping(False)
        painter.setPen(QPen(theme.LINE, 1))
        painter.drawPath(frame)
        painter.end()

    def _pixels_per_m(self) -> float:
        return self.width() / self._width_m

    def _draw_world(self, painter: QPainter) -> None:
        scale = self._pixels_per_m()
        painter.save()
        painter.translate(self.width() / 2, self.height() / 2)
        painter.scale(scale, scale)
        painter.translate(-self._centre)
        scale /= theme.scale()  # least sizes are a laptop's pixels
        painter.fillPath(self._roads, ROAD)
        pen = QPen(KERB, theme.scale())
        pen.setCosmetic(True)
        painter.setPen(pen)
        painter.drawPath(self._borders)
        painter.setPen(QPen(ROUTE, max(2.2, 4.0 / scale), cap=Qt.PenCapStyle.RoundCap, join=Qt.PenJoinStyle.RoundJoin))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPath(self._route)
        if self._tick is None:
            self._draw_ends(painter, scale)
        else:
            self._draw_trail(painter, scale)
            self._draw_tick(painter, self._tick, scale)
        painter.restore()

    def _draw_trail(self, painter: QPainter, scale: float) -> None:
        """Where the car has been, in the colour of who drove it there."""
        for authority, places in self._trail:
            colour = palette.TONES[TONE_OF[authority]]
            faint = authority is Authority.POLICY
            pen = QPen(palette.faded(colour, 0.45 if faint else 0.9), max(0.5, (1.5 if faint else 3.0) / scale))
            painter.setPen(pen)
            painter.drawPolyline(QPolygonF(places))

    def _draw_ends(self, painter: QPainter, scale: float) -> None:
        """Where the route begins (a ring) and where it ends (a dot)."""
        if self._route.elementCount() < 2:
            return
        radius = 6.0 / scale
        first, last = self._route.elementAt(0), self._route.elementAt(self._route.elementCount() - 1)
        painter.setPen(QPen(theme.ACCENT, DOT / scale))
        painter.setBrush(theme.SURFACE)
        painter.drawEllipse(QPointF(first.x, first.y), radius, radius)
        painter.setBrush(theme.ACCENT)
        painter.drawEllipse(QPointF(last.x, last.y), radius, radius)

    def _draw_tick(self, painter: QPainter, tick: Tick, scale: float) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        for light in tick.lights:
            painter.setBrush(LIGHTS.get(light.colour, palette.FAINT))
            painter.drawEllipse(QPointF(light.pose.x, light.pose.y), max(0.9, DOT / scale), max(0.9, DOT / scale))
        for actor in tick.actors:
            painter.setBrush(WALKER if actor.type_id.startswith("walker") else VEHICLE)
            _draw_box(painter, actor, least_m=3.0 / scale)
        if tick.plan is not None and tick.ego_at_plan is not None:
            self._draw_plan(painter, tick.plan, tick.ego_at_plan.pose, tick.ego.pose, scale)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(palette.TONES[TONE_OF[tick.authority.authority]])
        _draw_ego(painter, tick.ego, least_m=7.0 / scale)

    def _draw_plan(self, painter: QPainter, plan: Plan, pose_at_plan: Pose, pose: Pose, scale: float) -> None:
        cosine, sine = math.cos(pose.yaw), math.sin(pose.yaw)
        path = plan_in_ego(plan, pose_at_plan, pose) @ np.array([[cosine, sine], [-sine, cosine]])
        points = [QPointF(x + pose.x, y + pose.y) for x, y in path]
        painter.setPen(QPen(theme.ACCENT, max(0.5, 2.0 / scale)))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPolyline(QPolygonF(points))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.ACCENT)
        for point in points[1:]:
            painter.drawEllipse(point, max(0.6, DOT / scale), max(0.6, DOT / scale))

    def _draw_scale(self, painter: QPainter) -> None:
        """Lower left: a bar of a round length."""
        wanted_m = theme.px(90) / self._pixels_per_m()
        power = 10.0 ** math.floor(math.log10(wanted_m))
        length_m = max(step for step in (power, 2 * power, 5 * power) if step <= wanted_m)
        length = length_m * self._pixels_per_m()
        left, low = theme.px(16), self.height() - theme.px(18)
        painter.setPen(QPen(palette.DIM, theme.px(2)))
        painter.drawLine(QPointF(left, low), QPointF(left + length, low))
        painter.setFont(palette.font(theme.px(theme.SMALL)))
        painter.drawText(QPointF(left + length + theme.px(8), low + theme.px(4)), f"{length_m:g} m")

    def _say(self, painter: QPainter, text: str) -> None:
        painter.setFont(palette.font(theme.px(theme.BODY)))
        painter.setPen(palette.DIM)
        box = QRectF(self.rect()).adjusted(*(theme.px(edge) for edge in (32, 32, -32, -32)))
        painter.drawText(box, int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap), text)


def _outline(lane: PlanLane) -> QPolygonF:
    return QPolygonF([QPointF(x, y) for x, y in np.vstack([lane.left, lane.right[::-1], lane.left[:1]])])


def _line(points: NDArray[np.floating]) -> QPainterPath:
    path = QPainterPath()
    path.addPolygon(QPolygonF([QPointF(float(point[0]), float(point[1])) for point in points]))
    return path


def _draw_box(painter: QPainter, actor: ActorState, least_m: float) -> None:
    half_length, half_width = (max(size, least_m / 2) for size in actor.extent_m[:2])
    painter.save()
    painter.translate(actor.pose.x, actor.pose.y)
    painter.rotate(math.degrees(actor.pose.yaw))
    painter.translate(actor.box_offset_m[0], actor.box_offset_m[1])
    painter.drawRoundedRect(QRectF(-half_length, -half_width, 2 * half_length, 2 * half_width), 0.5, 0.5)
    painter.restore()


def _draw_ego(painter: QPainter, ego: ActorState, least_m: float) -> None:
    """An arrow head in the colour of who drives, pointing where the car heads."""
    size = max(ego.extent_m[0], least_m)
    painter.save()
    painter.translate(ego.pose.x, ego.pose.y)
    painter.rotate(math.degrees(ego.pose.yaw))
    corners = ((1.3, 0.0), (-1.0, 0.75), (-0.55, 0.0), (-1.0, -0.75))
    painter.drawPolygon(QPolygonF([QPointF(x * size, y * size) for x, y in corners]))
    painter.restore()
