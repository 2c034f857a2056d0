"""The driver's screens: a `TickConsumer` that shows the newest tick on every screen of the rig at once.

The session's thread hands ticks over and goes on; the GUI thread paints when it can. A tick that is overtaken before
it was painted is dropped and counted. All panes change to the same tick in one go. With a tracked head the panes are
painted anew between ticks, each time for where the eye is by then.
"""

from __future__ import annotations

import enum
import logging
import os
import threading
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QObject, QRect, Qt, QTimer, pyqtSignal
from PyQt6.QtGui import QCloseEvent, QFocusEvent, QGuiApplication, QKeyEvent, QScreen
from PyQt6.QtWidgets import QHBoxLayout, QWidget

from cockpit.devices.keyboard import KeyboardDriver
from cockpit.rig.projection import Vector3
from cockpit.rig.rig import Rig, Shown
from cockpit.sound.chime import Chime, rings
from cockpit.windows.content import parts_of
from cockpit.windows.gl_pane import GlPane, has_gpu
from cockpit.windows.instruments import instruments_from_tick
from cockpit.windows.keys import driving_key
from cockpit.windows.layout import Layout, Placement, pane_order, place_screens
from cockpit.windows.pane import ScreenPane
from cockpit.windows.path_overlay import plan_in_ego
from cockpit.windows.timing import PhotonMeter
from recorder.schema import Tick

log = logging.getLogger(__name__)

PANE_GAP_PX = 2
"""Where two screens meet in one window, so that they read as screens and the kink of the perspective as their edge."""
WINDOW_SHARE = 0.96
"""Share of the display's width that the window with panes takes."""


HEAD_MS = 16
"""Between ticks the panes follow a tracked head this often."""
RENDERER_VARIABLE = "TAKEOVER_RENDERER"
"""Environment variable that decides for `auto`: `gl` or `cpu`."""
Pane = ScreenPane | GlPane


class Renderer(enum.StrEnum):
    """Who draws the pictures on the screens."""

    AUTO = "auto"
    """The GPU where there is one."""
    GL = "gl"
    CPU = "cpu"


class DriverWindow(QWidget):
    """A top-level window with one or several panes; passes key strokes on."""

    closed = pyqtSignal()
    timing_asked = pyqtSignal()
    """F10: show or hide what was measured."""

    def __init__(self, title: str, panes: Sequence[Pane], keyboard: KeyboardDriver | None) -> None:
        super().__init__()
        self._keyboard = keyboard
        self._was_made_full = False
        self.fills_display = True
        """Of a borderless window: it takes a whole display, not a region of one."""
        self.panes = tuple(panes)
        self.setWindowTitle(title)
        self.setStyleSheet("background: black;")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(PANE_GAP_PX)
        for pane in panes:
            row.addWidget(pane, stretch=pane.content.part.size_px[0])

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802  Qt's name
        """Driving keys; F11 is full screen, Escape leaves it and then closes."""
        if event is None or event.isAutoRepeat():
            return
        key = driving_key(event.key())
        if key is not None and self._keyboard is not None:
            self._keyboard.press(key)
        elif event.key() == Qt.Key.Key_F10:
            self.timing_asked.emit()
        elif event.key() == Qt.Key.Key_F11:
            self._toggle_full_screen()
        elif event.key() == Qt.Key.Key_Escape:
            self._toggle_full_screen() if self._was_made_full else self.close()

    def _toggle_full_screen(self) -> None:
        """Only windows with a frame: a borderless one fills its display anyway."""
        if self.windowFlags() & Qt.WindowType.FramelessWindowHint:
            return
        self._was_made_full = not self._was_made_full
        self.showFullScreen() if self._was_made_full else self.showNormal()

    def keyReleaseEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802  Qt's name
        """The other half."""
        if event is None or event.isAutoRepeat() or self._keyboard is None:
            return
        key = driving_key(event.key())
        if key is not None:
            self._keyboard.release(key)

    def focusOutEvent(self, event: QFocusEvent | None) -> None:  # noqa: N802  Qt's name
        """Release all held keys: their release events will go to another window."""
        if self._keyboard is not None:
            self._keyboard.release_all()
        super().focusOutEvent(event)

    def closeEvent(self, event: QCloseEvent | None) -> None:  # noqa: N802  Qt's name
        """Closing any driver's window ends the drive."""
        self.closed.emit()
        super().closeEvent(event)


class DriverScreens(QObject):
    """All of the driver's windows. Make and show it in the GUI thread; `consume` and `close` may come from any thread.

    Raises:
        ConfigError: the rig's screens do not fit the displays.
    """

    closed = pyqtSignal()
    """The driver closed a window."""
    _newest_changed = pyqtSignal()
    _close_asked = pyqtSignal()

    def __init__(
        self,
        rig: Rig,
        layout: str = "auto",
        keyboard: KeyboardDriver | None = None,
        eye: Callable[[], Vector3] | None = None,
        renderer: Renderer = Renderer.AUTO,
        chime_after_s: float | None = 0.0,
    ) -> None:
        """`eye` returns where a tracked eye is (to be) in the rig frame; None: it is at rest. The chime of a takeover
        request rings after `chime_after_s`; None: it is played elsewhere.
        """
        super().__init__()
        self._lock = threading.Lock()
        self._newest: Tick | None = None
        self._is_waiting = False
        self._is_closed = False
        self.painted_count = 0
        self.dropped_count = 0
        displays = QGuiApplication.screens()
        self.placement = place_screens(
            rig, [display.name() for display in displays], Layout(layout), [d.serialNumber() for d in displays]
        )
        self.renderer = chosen_renderer(renderer)
        self._eye = eye
        self.on_complete: Callable[[int], None] | None = None
        """Called in the GUI thread with a frame's number when every screen has swapped to it."""
        self.trouble_elsewhere: Callable[[], str | None] | None = None
        """Returns what is wrong with screens on other machines; None while nothing is."""
        self.panes = self._make_panes(rig)
        self.hud_name = rig.hud_screen_name()
        """The screen with the instruments."""
        self.meter = PhotonMeter(len(self.panes))
        self._shows_timing = False
        self._has_warned_of_slow = False
        self.windows = self._make_windows(rig, self.placement, displays, keyboard)
        self._chime_after_s = chime_after_s
        self._chime = None if chime_after_s is None else Chime()
        self._is_paused = False
        queued = Qt.ConnectionType.QueuedConnection
        self._newest_changed.connect(self._show_newest, queued)  # pyright: ignore[reportCallIssue]
        self._close_asked.connect(self._close_windows)
        for window in self.windows:
            window.closed.connect(self.closed)
            window.timing_asked.connect(self.toggle_timing)
        self._head_timer = QTimer(self)
        self._head_timer.timeout.connect(self._follow_head)
        if eye is not None:
            self._head_timer.start(HEAD_MS)

    def show(self) -> None:
        """Open the windows; the one with the instruments has the keyboard."""
        for window in self.windows:
            if self.placement.layout is Layout.WINDOWS and window.fills_display:
                window.showFullScreen()
            else:
                window.show()
        with_hud = [window for window in self.windows if any(pane.has_hud for pane in window.panes)]
        for window in (with_hud or self.windows)[:1]:  # it has the keyboard
            window.raise_()
            window.activateWindow()
            window.setFocus()

    def consume(self, tick: Tick) -> None:
        """Keep `tick` as the newest and ask the GUI thread to paint; never blocks."""
        with self._lock:
            self.meter.tick_came(self._is_waiting)
            if self._is_waiting:
                self.dropped_count += 1
            self._newest = tick
            must_ask, self._is_waiting = not self._is_waiting, True
        if must_ask:
            self._newest_changed.emit()

    def show_paused(self, is_paused: bool) -> None:
        """Show the driver, on the screen with the instruments, that the world stands still; GUI thread only."""
        if is_paused is self._is_paused:
            return
        self._is_paused = is_paused
        for pane in self.panes.values():
            pane.content.is_paused = is_paused
            pane.update()

    def show_frame_codes(self, is_on: bool) -> None:
        """Draw each picture's frame id into it as blocks (`cockpit.windows.frame_code`), to measure by."""
        for pane in self.panes.values():
            pane.content.has_frame_code = is_on

    def toggle_timing(self) -> None:
        """Show or hide the measured delays on the screen with the instruments (F10)."""
        self._shows_timing = not self._shows_timing

    def close(self) -> None:
        """Close the windows; safe to call twice and from any thread."""
        self._close_asked.emit()

    def _show_newest(self) -> None:
        with self._lock:
            tick, self._is_waiting = self._newest, False
        if tick is None or self._is_closed:
            return
        path_ego = _planned_path(tick)
        instruments = instruments_from_tick(tick)
        self.meter.painting(tick.frame, tick.driver.event_time_s)
        eye_m = None if self._eye is None else self._eye()
        notice = self._notice()
        for pane in self.panes.values():
            pane.content.notice = notice if pane.has_hud else ""
            pane.show_tick(tick, instruments, path_ego, eye_m)
        self.painted_count += 1
        if self._chime is not None and self._chime_after_s is not None:
            self._chime.sound(rings(tick, self._chime_after_s))

    def _follow_head(self) -> None:
        """The same pictures from where the eye is now."""
        if self._eye is None or self._is_closed:
            return
        eye_m = self._eye()
        for pane in self.panes.values():
            pane.content.eye_m = eye_m
            pane.update()

    def _notice(self) -> str:
        """The status line of the driver's screen: a warning while it is slow, the delays when they are switched on."""
        share = self.meter.dropped_share()
        is_slow = self.meter.is_slow()
        if is_slow and not self._has_warned_of_slow:
            log.warning(
                "the screens skip %.0f %% of the ticks: lower resolution_px in the rig, or use a faster GPU",
                100 * share,
            )
        self._has_warned_of_slow = is_slow
        notice = f"Screens skip {100 * share:.0f} % of the pictures. " if is_slow else ""
        if self.trouble_elsewhere is not None and (trouble := self.trouble_elsewhere()):
            notice += f"{trouble[0].upper()}{trouble[1:]}. "
        if self._shows_timing:
            notice += f"input to photon p50/p95/p99 {self.meter.input_to_photon().text()}, skipped {100 * share:.0f} %"
        return notice

    def _close_windows(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        self._head_timer.stop()
        for window in self.windows:
            window.blockSignals(True)  # the program closes it, not the driver
            window.close()
            window.deleteLater()
        if self._chime is not None:
            self._chime.close()

    def _make_panes(self, rig: Rig) -> dict[str, Pane]:
        parts, panes = parts_of(rig), {}
        for name in pane_order(rig):
            part = parts[name]
            panes[name] = GlPane(part, part.has_hud) if self.renderer is Renderer.GL else ScreenPane(part)
            panes[name].on_swapped = self.meter_swapped
        return panes

    def meter_swapped(self, screen: str, frame: int, time_s: float) -> None:
        """A pane's picture was handed to the window system."""
        if self.meter.swapped(screen, frame, time_s) and self.on_complete is not None:
            self.on_complete(frame)

    def _make_windows(
        self, rig: Rig, placement: Placement, displays: list[QScreen], keyboard: KeyboardDriver | None
    ) -> tuple[DriverWindow, ...]:
        if not self.panes:  # all of them are on other machines
            return ()
        if placement.layout is Layout.PANES:
            window = DriverWindow(f"Takeover - {rig.name}", list(self.panes.values()), keyboard)
            window.setGeometry(_panorama(list(self.panes.values()), displays[0].availableGeometry()))
            return (window,)
        windows = []
        for name, pane in self.panes.items():
            window = DriverWindow(f"Takeover - {name}", [pane], keyboard)
            window.setWindowFlag(Qt.WindowType.FramelessWindowHint)
            display = displays[placement.display_of[name]]
            window.setScreen(display)
            window.setGeometry(region_on(display.geometry(), pane.content.part.shown))
            window.fills_display = pane.content.part.shown.region_px is None
            windows.append(window)
        return tuple(windows)


def chosen_renderer(renderer: Renderer) -> Renderer:
    """GL or CPU; `auto` asks the environment, then the machine."""
    if renderer is Renderer.AUTO and os.environ.get(RENDERER_VARIABLE):
        renderer = Renderer(os.environ[RENDERER_VARIABLE])
    if renderer is not Renderer.AUTO:
        return renderer
    return Renderer.GL if has_gpu() else Renderer.CPU


def region_on(display: QRect, shown: Shown) -> QRect:
    """The part of a display (in the desktop's coordinates) that a screen takes."""
    if shown.region_px is None:
        return display
    left, top, width, height = shown.region_px
    return QRect(display.left() + left, display.top() + top, width, height)


def _planned_path(tick: Tick) -> NDArray[np.float64] | None:
    """The plan's path from where the car is now, (N, 2) in its ego frame, metres; None where there is none to draw."""
    if tick.plan is None or tick.ego_at_plan is None or tick.plan.is_control_only:
        return None
    return plan_in_ego(tick.plan, tick.ego_at_plan.pose, tick.ego.pose)


def _panorama(panes: Sequence[Pane], available: QRect) -> QRect:
    """A window that the panes side by side just fill, as wide as the display allows, in its upper half."""
    width = sum(pane.content.part.size_px[0] for pane in panes)
    height = max(pane.content.part.size_px[1] for pane in panes)
    scale = min(available.width() * WINDOW_SHARE / width, available.height() * WINDOW_SHARE / height)
    shown_width, shown_height = round(width * scale) + PANE_GAP_PX * (len(panes) - 1), round(height * scale)
    left = available.left() + (available.width() - shown_width) // 2
    top = available.top() + (available.height() - shown_height) // 3
    return QRect(left, top, shown_width, shown_height)
