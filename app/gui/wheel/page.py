"""The calibration wizard: turn left, turn right, press each pedal and two buttons; the result is a profile in YAML.

`cockpit.devices.calibration` evaluates the movements; this page requests them one after the other and shows the
device's raw values meanwhile, so that a pedal that is not connected is noticed at once.
"""

from __future__ import annotations

import re
from pathlib import Path

from evdev import ecodes
from PyQt6.QtCore import Qt, QTimer, pyqtSignal
from PyQt6.QtWidgets import QDoubleSpinBox, QFileDialog, QHBoxLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from app.gui.common import theme
from app.gui.common.parts import Card, Message, button, combo_box, form_rows, framed, label
from app.gui.common.texts import say
from app.gui.wheel.axis_bars import AxisBars
from cockpit.devices import DeviceError, list_devices
from cockpit.devices.calibrated_device import CalibratedDevice
from cockpit.devices.calibration import HATS, Step, write_profile

LOOK_MS = 33
LIST_WIDTH = 300
STEPS = tuple(step for step in Step if step is not Step.DONE)
MARKS = {True: "✓", False: "○", None: "●"}
"""Marks of a step: done, to come, requested now."""
RIM_DEG = 900.0


class WheelPage(QWidget):
    """Device and steps on the left, the requested movement on the right."""

    saved = pyqtSignal(str)
    """A profile was written to this file."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.device: CalibratedDevice | None = None
        self.devices = combo_box()
        self.begin_button = button(say("wheel.begin"))
        self.refresh_button = button(say("wheel.refresh"))
        self.rows = {step: label("") for step in STEPS}
        self.asked = label(say("wheel.hint"), "asked", wraps=True)
        self.message = Message()
        self.bars = AxisBars()
        self.buttons = label("", "dim")
        self.next_button = button(say("wheel.next"), "primary")
        self.name = QLineEdit()
        self.range = QDoubleSpinBox()
        self.save_button = button(say("wheel.save"), "primary")
        self._end = framed(self._end_form())
        self._build()
        self._connect()
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_MS)
        self._timer.timeout.connect(self._look)
        self.refresh()
        self._show_step()

    @property
    def step(self) -> Step | None:
        """The step that is requested now; None before the calibration began."""
        return None if self.device is None else self.device.calibration.step

    def refresh(self) -> None:
        """Search again for devices; keeps the present choice where it is still available."""
        chosen = self.devices.currentData()
        self.devices.clear()
        for info in list_devices():
            if info.path:
                self.devices.addItem(info.name, info.path)
        if self.devices.count() == 0:
            self.devices.addItem(say("wheel.none"), None)
        self.devices.setCurrentIndex(max(0, self.devices.findData(chosen)))
        self.begin_button.setEnabled(self.devices.currentData() is not None)

    def begin(self) -> None:
        """Open the chosen device and request the first step."""
        self.stop()
        try:
            self.device = CalibratedDevice(self.devices.currentData())
        except DeviceError as error:
            self.message.show_message(str(error), is_bad=True)
            self._show_step()
            return
        self.message.show_message("")
        self.name.setText(self.device.name)
        self.range.setValue(RIM_DEG)
        self._timer.start()
        self._show_step()
        self.next_button.setFocus()

    def go_on(self) -> None:
        """Evaluate the step that the driver has done: go on to the next, or repeat it and show what was missing."""
        if self.device is None or self.step is Step.DONE:
            return
        self._look()
        if self.device is not None:
            self.message.show_message(self.device.calibration.finish(), is_bad=True)
        self._show_step()

    def save_to(self, path: Path) -> None:
        """Write the profile, and show its path."""
        if self.device is None:
            return
        try:
            write_profile(self.device.profile(self.name.text().strip(), self.range.value()), path)
        except OSError as error:
            self.message.show_message(say("wheel.not_saved", path=path, why=error.strerror or error), is_bad=True)
            return
        self.stop()
        self._show_step()
        self.message.show_message(say("wheel.saved", path=path))
        self.saved.emit(str(path))

    def stop(self) -> None:
        """Close the device."""
        self._timer.stop()
        if self.device is not None:
            self.device.close()
            self.device = None

    def set_running(self, is_running: bool) -> None:
        """Disable the page while a drive is on, which uses the wheel alone."""
        if is_running:
            self.stop()
            self._show_step()
        else:
            self.refresh()
        self.message.show_message(say("wheel.driving") if is_running else "")
        self.setEnabled(not is_running)

    def _look(self) -> None:
        if self.device is None:
            return
        try:
            self.device.look()
        except DeviceError as error:
            self.stop()
            self._show_step()
            self.message.show_message(str(error), is_bad=True)
            return
        self.bars.show_axes(_axis_rows(self.device))
        names = ", ".join(sorted(_button_name(code) for code in self.device.keys)) or say("wheel.no_buttons")
        self.buttons.setText(say("wheel.buttons", names=names))

    def _save(self) -> None:
        plain = re.sub(r"[^a-z0-9]+", "_", self.name.text().lower()).strip("_") or "wheel"
        at = str(self.folder / "devices" / f"{plain}.yaml")
        name, _ = QFileDialog.getSaveFileName(self, say("wheel.save_title"), at, say("wheel.files"))
        if name:
            self.save_to(Path(name))

    def _show_step(self) -> None:
        step = self.step
        now = -1 if step is None else len(STEPS) if step is Step.DONE else STEPS.index(step)
        for number, (of, row) in enumerate(self.rows.items()):
            row.setText(f"{MARKS[None if number == now else number < now]}  {say(f'step_name.{of.value}')}")
            row.setStyleSheet(f"color: {theme.ACCENT.name()};" if number == now else "")
        if step is None:
            self.asked.setText(say("wheel.hint"))
        else:
            self.asked.setText(say("wheel.finished") if step is Step.DONE else say(f"step.{step.value}"))
        self.begin_button.setText(say("wheel.begin") if step is None else say("wheel.again"))
        is_asking = step is not None and step is not Step.DONE
        self.next_button.setVisible(is_asking)
        self.bars.setVisible(step is not None)
        self.buttons.setVisible(is_asking)
        self._end.setVisible(step is Step.DONE)

    def _connect(self) -> None:
        self.begin_button.clicked.connect(self.begin)
        self.refresh_button.clicked.connect(self.refresh)
        self.next_button.clicked.connect(self.go_on)
        self.save_button.clicked.connect(self._save)
        self.next_button.setShortcut("Return")

    def _end_form(self) -> QVBoxLayout:
        self.range.setRange(90.0, 3600.0)
        self.range.setDecimals(0)
        self.range.setValue(RIM_DEG)
        self.range.setSuffix(say("wheel.degrees"))
        column = QVBoxLayout()
        column.setSpacing(theme.px(theme.GAP))
        column.addWidget(form_rows((say("wheel.name"), self.name), (say("wheel.range"), self.range)))
        column.addWidget(self.save_button)
        return column

    def _build(self) -> None:
        gap = theme.px(theme.GAP)
        device = Card(say("wheel.device"))
        device.body.addWidget(self.devices)
        pushes = QHBoxLayout()
        pushes.addWidget(self.refresh_button)
        pushes.addWidget(self.begin_button, stretch=1)
        device.body.addLayout(pushes)
        steps = Card(say("wheel.steps"))
        for row in self.rows.values():
            steps.body.addWidget(row)
        side = QVBoxLayout()
        side.setSpacing(gap)
        side.addWidget(device)
        side.addWidget(steps)
        side.addStretch()
        left = framed(side)
        left.setFixedWidth(theme.px(LIST_WIDTH))
        card = Card()
        card.body.setSpacing(gap)
        self.asked.setAlignment(Qt.AlignmentFlag.AlignLeft)
        card.body.addWidget(self.asked)
        card.body.addWidget(self.message)
        card.body.addWidget(self._end)
        card.body.addWidget(self.next_button)
        card.body.addSpacing(gap)
        card.body.addWidget(_heading())
        card.body.addWidget(self.bars)
        card.body.addWidget(self.buttons)
        card.body.addStretch()
        row = QHBoxLayout(self)
        row.setContentsMargins(gap, gap, gap, gap)
        row.setSpacing(gap)
        row.addWidget(left)
        row.addWidget(card, stretch=1)


def _heading() -> QLabel:
    return label(say("wheel.axes").upper(), "heading")


def _axis_rows(device: CalibratedDevice) -> list[tuple[str, float, int]]:
    """Name, share of the range and raw value of every axis, without hats."""
    rows = []
    for code, raw in device.axes.items():
        if code in HATS:
            continue
        low, high = device.ranges[code]
        rows.append((_first(ecodes.ABS.get(code, str(code))), (raw - low) / max(high - low, 1), raw))
    return rows


def _button_name(code: int) -> str:
    return _first(ecodes.BTN.get(code) or ecodes.KEY.get(code) or str(code))


def _first(names: str | list[str] | tuple[str, ...]) -> str:
    """The first name of a code: the kernel has several for some."""
    return names if isinstance(names, str) else names[0]
