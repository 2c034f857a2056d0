"""One screen of the rig as an OpenGL widget: the GPU warps, blends and scales; the rest is painted over by Qt.

The swap is known: Qt reports when the window's buffer was swapped, which is as near to the light as software comes.
"""

from __future__ import annotations

import logging

import moderngl
from PyQt6.QtCore import QSize
from PyQt6.QtGui import QOffscreenSurface, QOpenGLContext, QPainter, QSurfaceFormat
from PyQt6.QtOpenGLWidgets import QOpenGLWidget
from PyQt6.QtWidgets import QSizePolicy, QWidget

from cockpit.rig.projection import texture_coordinates, vertices_uv
from cockpit.windows.content import PaneContent, PanePart
from cockpit.windows.gl_warp import EGL, GlWarp, is_software
from cockpit.windows.pane import PaneMixin, Swapped

log = logging.getLogger(__name__)


class GlPane(PaneMixin, QOpenGLWidget):
    """Shows one screen; keeps the screen's aspect, black around it."""

    def __init__(self, part: PanePart, waits_for_refresh: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.content = PaneContent(part)
        self.on_swapped: Swapped | None = None
        self._warp: GlWarp | None = None
        self._mask_size = (0, 0)
        self._painted_frame = -1
        self.setFormat(surface_format(waits_for_refresh))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.frameSwapped.connect(lambda: self.tell_swapped(self._painted_frame))

    def sizeHint(self) -> QSize:  # noqa: N802  Qt's name
        """The rendered resolution."""
        return QSize(*self.content.part.size_px)

    def initializeGL(self) -> None:  # noqa: N802  Qt's name
        """Qt's context is there, and current."""
        self._warp = GlWarp(current_context())
        self._mask_size = (0, 0)

    def paintGL(self) -> None:  # noqa: N802  Qt's name
        """Picture by the GPU, instruments by Qt, ramps and gains over both."""
        if self._warp is None:
            return
        ratio, area = self.devicePixelRatioF(), self.picture_area()
        left, bottom = area.left() * ratio, (self.height() - area.bottom()) * ratio
        viewport = round(left), round(bottom), round(area.width() * ratio), round(area.height() * ratio)
        self._bind(viewport)
        self._warp.context.clear(0.0, 0.0, 0.0, 1.0)
        content, picture = self.content, self.content.picture()
        if content.still is None and picture is not None:
            view = content.view_now(picture)
            places = texture_coordinates(view, content.eye_now(), view.camera)
            self._warp.draw(picture.image, vertices_uv(view), places)
        painter = QPainter(self)
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        painter.setClipRect(area)
        if content.still is not None:
            painter.drawImage(area, content.still)
        else:
            content.paint_over(painter, area)
        painter.end()
        if viewport[2:] != self._mask_size:
            self._mask_size = viewport[2:]
            self._warp.set_mask(content.part.mask(*viewport[2:]))
        self._bind(viewport)
        self._warp.multiply()
        self._painted_frame = self.frame

    def _bind(self, viewport: tuple[int, int, int, int]) -> None:
        assert self._warp is not None  # noqa: S101  callers looked
        target = self._warp.context.detect_framebuffer(self.defaultFramebufferObject())
        target.use()
        target.viewport = viewport
        target.scissor = None  # pyright: ignore[reportAttributeAccessIssue]


def surface_format(waits_for_refresh: bool) -> QSurfaceFormat:
    """OpenGL 3.3; only one window of several waits for its display's refresh, or each would wait for all others."""
    made = QSurfaceFormat()
    made.setVersion(3, 3)
    made.setProfile(QSurfaceFormat.OpenGLContextProfile.CoreProfile)
    made.setSwapInterval(1 if waits_for_refresh else 0)
    return made


def current_context() -> moderngl.Context:
    """The context that Qt made current, whether it is GLX's or (on Wayland) EGL's.

    Raises:
        RuntimeError: there is none that OpenGL 3.3 works in.
    """
    try:
        return moderngl.create_context(require=330)
    except Exception as first:  # noqa: BLE001  each back-end of moderngl has exceptions of its own
        try:
            return moderngl.create_context(require=330, **EGL)
        except Exception as second:  # the message is what counts: the caller goes on without OpenGL
            raise RuntimeError(f"no OpenGL 3.3: {first}; {second}") from second


def has_gpu() -> bool:
    """Whether windows can be drawn by a GPU here: OpenGL 3.3 that is not done by the CPU. Needs a QGuiApplication."""
    context, surface = QOpenGLContext(), QOffscreenSurface()
    context.setFormat(surface_format(False))
    surface.setFormat(context.format())
    surface.create()
    if not context.create() or not context.makeCurrent(surface):
        return False
    try:
        return not is_software(current_context())
    except RuntimeError as error:
        log.info("drawing on the CPU: %s", error)
        return False
    finally:
        context.doneCurrent()
