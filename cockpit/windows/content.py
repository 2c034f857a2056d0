"""What one pane shows of a tick, painted with a QPainter: picture, planned path, insets, instruments, frame code.

Shared by the panes that draw on the CPU (`cockpit.windows.pane`) and on the GPU (`cockpit.windows.gl_pane`). It holds
exactly one tick at a time and paints everything from it; it never mixes frames.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QPointF, QRectF, Qt
from PyQt6.QtGui import QColor, QImage, QLinearGradient, QPainter, QPen, QPolygonF, QTransform

from cockpit.rig.camera_spec import CameraSpec
from cockpit.rig.edge_blend import multiplier
from cockpit.rig.projection import ScreenView, Vector3, screen_from_camera
from cockpit.rig.rig import Inset, Mirror, Rig, Screen, Shown
from cockpit.windows import hud, palette
from cockpit.windows.cluster import draw_cluster
from cockpit.windows.frame_code import draw_frame_code
from cockpit.windows.instruments import PAUSED_WORDS, Instruments, Tone, flash_is_on
from cockpit.windows.path_overlay import ribbon_pixels
from recorder.schema import Authority, CameraFrame, Tick


@dataclass(frozen=True, slots=True)
class PanePart:
    """A pane as the rig makes it."""

    shown: Shown
    view: ScreenView | None
    """None for the instrument cluster."""
    has_hud: bool = False
    insets: tuple[tuple[Inset, ScreenView | None], ...] = ()
    size_px: tuple[int, int] = (640, 360)

    def mask(self, width: int, height: int) -> NDArray[np.float64] | None:
        """(height, width, 3) factors of blend ramps and gains; None when the screen has neither."""
        screen = self.shown
        if not isinstance(screen, Screen) or (screen.blend is None and screen.gain == (1.0, 1.0, 1.0)):
            return None
        return multiplier(width, height, screen.blend, screen.gain)


def parts_of(rig: Rig) -> dict[str, PanePart]:
    """Every pane of a rig by name."""
    views = {view.screen.name: view for view in rig.views()}
    hud_name = rig.hud_screen_name()
    parts = {}
    for shown in rig.shown_alone():
        insets = tuple((inset, views.get(inset.name)) for inset in rig.insets() if inset.inset_on == shown.name)
        size = shown.resolution_px if isinstance(shown, (Screen, Inset)) else (640, 360)
        parts[shown.name] = PanePart(shown, views.get(shown.name), shown.name == hud_name, insets, size)
    return parts


class PaneContent:
    """One pane's tick, and how it is painted."""

    def __init__(self, part: PanePart) -> None:
        self.part = part
        self.view = part.view
        self.has_hud = part.has_hud
        self.tick: Tick | None = None
        self.instruments: Instruments | None = None
        self.path_ego: NDArray[np.float64] | None = None
        self.eye_m: Vector3 | None = None
        """The tracked eye; None while it is at rest."""
        self.has_frame_code = False
        self.notice = ""
        """One line for the driver's and the experimenter's eyes, e.g. the measured delays."""
        self.is_paused = False
        """The world stands still, and the driver is to see it."""
        self.still: QImage | None = None
        """Shown instead of a tick: a test pattern."""

    @property
    def frame(self) -> int:
        """Frame id of what is shown, -1 before the first."""
        return -1 if self.tick is None else self.tick.frame

    def picture(self) -> CameraFrame | None:
        """The picture of the shown tick for this screen."""
        if self.tick is None or self.view is None:
            return None
        return self.tick.cameras.get(self.view.screen.name)

    def view_now(self, picture: CameraFrame) -> ScreenView:
        """The view as this picture was drawn for it and as the eye is now."""
        assert self.view is not None  # noqa: S101  only panes with a view have pictures
        if self.eye_m is None or self.view.is_mirror:
            return self.view
        height, width = picture.image.shape[:2]
        camera = CameraSpec(picture.name, width, height, picture.fov_rad, picture.pose_in_ego)
        flat = screen_from_camera(self.view.screen, self.eye_m, camera)
        return replace(self.view, camera=camera, homography=flat)

    def eye_now(self) -> Vector3:
        """The eye that the pane is drawn for, rig frame."""
        if self.eye_m is not None:
            return self.eye_m
        return (0.0, 0.0, 0.0) if self.view is None else self.view.eye_m

    def paint_over(self, painter: QPainter, area: QRectF) -> None:
        """All that lies over the picture, or stands in its place when there is none."""
        tick, shown = self.tick, self.instruments
        if tick is None or shown is None:
            self._say(painter, area, "Waiting for the first picture")
            return
        if self.view is None:
            draw_cluster(painter, area, shown)
        elif (picture := self.picture()) is None:
            self._say(painter, area, f"No picture from camera '{self.view.screen.name}'")
        elif self.path_ego is not None and self.view.points_m is None and not self.view.is_mirror:
            self._draw_path(painter, area, tick, self.view_now(picture), self.path_ego)
        for inset, view in self.part.insets:
            self._draw_inset(painter, area, inset, view, tick, shown)
        is_flash_on = flash_is_on(tick.time_s)
        if tick.authority.authority is Authority.REQUESTED and is_flash_on:
            hud.draw_alert_frame(painter, area, Tone.ALERT)
        if self.has_hud:
            hud.draw_hud(painter, area, shown, is_flash_on)
        if self.is_paused:
            hud.draw_paused(painter, area, PAUSED_WORDS if self.has_hud else None)
        if self.notice:
            self._draw_notice(painter, area)
        if self.has_frame_code:
            picture = self.picture()
            draw_frame_code(painter, area, tick.frame if picture is None else picture.frame)

    def _draw_inset(
        self,
        painter: QPainter,
        area: QRectF,
        inset: Inset,
        view: ScreenView | None,
        tick: Tick,
        shown: Instruments,
    ) -> None:
        """A mirror or the instruments in a corner of the picture, with a frame; its proportions are kept."""
        left, top, width, height = inset.inset_area
        place = QRectF(
            area.left() + left * area.width(), area.top() + top * area.height(),
            width * area.width(), height * area.height(),
        )  # fmt: skip
        place = fitted(place, *inset.resolution_px)
        painter.save()
        painter.setClipRect(place)
        painter.fillRect(place, QColor("black"))
        picture = tick.cameras.get(inset.name)
        if isinstance(inset, Mirror) and view is not None and picture is not None:
            painter.drawImage(place, qimage_from_rgb(picture.image[:, ::-1]))
        elif not isinstance(inset, Mirror):
            draw_cluster(painter, place, shown)
        painter.restore()
        painter.setPen(QPen(QColor(12, 14, 18), max(2.0, area.height() * 0.008)))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(place, area.height() * 0.012, area.height() * 0.012)

    def _draw_path(
        self, painter: QPainter, area: QRectF, tick: Tick, view: ScreenView, path_ego: NDArray[np.float64]
    ) -> None:
        ribbon = ribbon_pixels(view, path_ego)
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
        painter.setTransform(widget_from_screen(area, view.screen.resolution_px), combine=True)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(fade)
        painter.drawPolygon(outline)
        painter.setPen(palette.faded(colour, 0.75 * strength))
        for side in (0, 1):
            painter.drawPolyline(QPolygonF([QPointF(x, y) for x, y in ribbon[:, side]]))
        painter.restore()

    def _draw_notice(self, painter: QPainter, area: QRectF) -> None:
        painter.setFont(palette.font(area.height() * 0.026))
        painter.setPen(palette.INK)
        strip = QRectF(area.left(), area.top(), area.width(), area.height() * 0.045)
        painter.fillRect(strip, palette.PANEL)
        painter.drawText(strip.adjusted(8, 0, -8, 0), Qt.AlignmentFlag.AlignVCenter, self.notice)

    def _say(self, painter: QPainter, area: QRectF, text: str) -> None:
        painter.fillRect(area, palette.GROUND)
        painter.setFont(palette.font(area.height() * 0.04))
        painter.setPen(palette.DIM)
        painter.drawText(area, Qt.AlignmentFlag.AlignCenter, text)


def fitted(place: QRectF, width: float, height: float) -> QRectF:
    """The largest rectangle of these proportions in `place`, in its middle."""
    scale = min(place.width() / width, place.height() / height)
    return QRectF(
        place.left() + (place.width() - width * scale) / 2,
        place.top() + (place.height() - height * scale) / 2,
        width * scale,
        height * scale,
    )


def widget_from_screen(area: QRectF, size_px: tuple[int, int]) -> QTransform:
    """From a screen's pixels to where they lie in the widget."""
    return QTransform().translate(area.left(), area.top()).scale(area.width() / size_px[0], area.height() / size_px[1])


def qimage_from_rgb(image: NDArray[np.uint8]) -> QImage:
    """(H, W, 3) RGB as a QImage of its own (the array may go away), in the format that Qt paints fastest."""
    rgb = np.ascontiguousarray(image)
    height, width, _ = rgb.shape
    view = QImage(rgb.data, width, height, 3 * width, QImage.Format.Format_RGB888)  # pyright: ignore[reportCallIssue, reportArgumentType]
    return view.convertToFormat(QImage.Format.Format_RGB32)


def qtransform_from_homography(homography: NDArray[np.float64]) -> QTransform:
    """Column-vector homography as Qt's row-vector transform."""
    return QTransform(*(float(value) for value in homography.T.ravel()))
