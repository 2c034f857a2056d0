"""The drive in figures: who drives, what the policy says, how fast everything runs, what is being recorded."""

from __future__ import annotations

import math

from PyQt6.QtCore import QRectF, QSize, Qt
from PyQt6.QtGui import QPainter, QPainterPath, QPaintEvent
from PyQt6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from app.gui import theme
from app.gui.parts import Card, Facts, answer_words, flexible, label
from app.run_status import Phase, RunStatus
from cockpit.windows import palette
from cockpit.windows.instruments import TONE_OF, Tone, instruments_from_tick
from recorder.schema import Tick

GOOD, FAIR, BAD = (palette.TONES[tone].name() for tone in (Tone.HUMAN, Tone.BLEND, Tone.ALERT))
SLOW_SHARE = 0.95
"""Below this share of the wanted rate a rate is shown in amber."""
OLD_PLAN_S = 0.6

PHASE_WORDS = {
    Phase.READY: ("Ready", ""),
    Phase.SIMULATOR: ("Starting", "the embedded simulator comes up"),
    Phase.POLICY: ("Starting", "the policy is loading"),
    Phase.WORLD: ("Starting", "town, traffic and cameras are set up"),
    Phase.DRIVING: ("Driving", "waiting for the first tick"),
    Phase.STOPPING: ("Stopping", "the recording is being finished"),
    Phase.ENDED: ("Ended", ""),
    Phase.FAILED: ("Failed", ""),
}


STARTING = frozenset({Phase.READY, Phase.SIMULATOR, Phase.POLICY, Phase.WORLD})


class AuthorityPlate(QWidget):
    """Who drives, big and in colour, and why."""

    def __init__(self) -> None:
        super().__init__()
        self.who, self.why = "Ready", ""
        self._tone: Tone | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:  # noqa: N802  Qt's name
        """Two lines."""
        return QSize(280, 92)

    def show_authority(self, who: str, why: str, tone: Tone | None) -> None:
        """Change what is said; without a tone the plate is grey."""
        if (who, why, tone) != (self.who, self.why, self._tone):
            self.who, self.why, self._tone = who, why, tone
            self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802, ARG002  Qt's name
        """Qt asks for the picture."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        plate = QPainterPath()
        area = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        plate.addRoundedRect(area, 8, 8)
        painter.fillPath(plate, theme.RAISED if self._tone is None else palette.TONES[self._tone])
        ink = palette.DIM if self._tone is None else palette.GROUND
        painter.setPen(ink)
        has_why = bool(self.why)
        upper = QRectF(area.left() + 12, area.top() + (14 if has_why else 0), area.width() - 24, 0)
        upper.setHeight(40 if has_why else area.height())
        _fitting_text(painter, upper, self.who, theme.HUGE, bold=True)
        if has_why:
            _fitting_text(painter, QRectF(upper.left(), upper.bottom() + 4, upper.width(), 20), self.why, theme.BODY)
        painter.end()


class StatusPanel(QWidget):
    """The column of cards beside the map."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.plate = AuthorityPlate()
        self.says = flexible(label("No plan yet", "title", wraps=True))
        self.answer = flexible(label("", "dim", wraps=True))
        self.answer.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.answer.setMinimumHeight(48)
        self.policy = Facts("State", "Plans", "Latency", "Plan's age", "Confidence")
        self.drive = Facts("Speed", "Loop", "Time", "Route", "Time to collision")
        self.recorder = Facts("State", "Takeovers", "Lost ticks")
        self.recorder_note = flexible(label("", "dim", wraps=True))
        self._build()
        self.show_nothing()

    def show_nothing(self) -> None:
        """As before the first drive."""
        self.plate.show_authority("Ready", "choose, then start", None)
        self.says.setText("No plan yet")
        self.answer.setText("")

    def show_status(self, status: RunStatus, tick: Tick | None) -> None:
        """What the drive is doing; `tick` is its newest one."""
        is_live = tick is not None and status.phase is Phase.DRIVING
        if tick is not None:
            self._show_tick(tick, status)
        if not is_live:
            who, why = PHASE_WORDS[status.phase]
            tone = Tone.ALERT if status.phase is Phase.FAILED else None
            self.plate.show_authority(who, _first_line(status.message) or why, tone)
        self._show_policy_health(status)
        self._show_recorder(status)

    def _show_tick(self, tick: Tick, status: RunStatus) -> None:
        shown = instruments_from_tick(tick)
        self.plate.show_authority(shown.who, shown.why, TONE_OF[tick.authority.authority])
        self.says.setText(shown.policy)
        self.answer.setText(answer_words(tick.plan) if tick.plan else "")
        self.drive.show_fact("Speed", f"{shown.speed_kmh} km/h  (limit {shown.limit_kmh})")
        wanted_hz = 1.0 / tick.delta_s if tick.delta_s else 0.0
        colour = FAIR if status.loop_hz < SLOW_SHARE * wanted_hz else ""
        self.drive.show_fact("Loop", f"{status.loop_hz:.1f} of {wanted_hz:.0f} Hz", colour)
        self.drive.show_fact("Time", f"{tick.time_s - status.begin_time_s:.1f} s")
        self.drive.show_fact("Route", f"{tick.route.driven_m:.0f} of {tick.route.length_m:.0f} m")
        is_near = tick.ttc_s < 3.0
        self.drive.show_fact("Time to collision", _seconds(tick.ttc_s), BAD if is_near else "")
        if tick.plan is not None:
            self.policy.show_fact("Latency", f"{tick.plan.latency_s * 1000:.0f} ms")
            age = shown.plan_age_s
            self.policy.show_fact("Plan's age", f"{age * 1000:.0f} ms", FAIR if age > OLD_PLAN_S else "")
            self.policy.show_fact("Confidence", f"{tick.plan.confidence:.0%}")

    def _show_policy_health(self, status: RunStatus) -> None:
        policy = status.policy
        if policy is None:
            self.policy.show_fact("State", "–")
            return
        if not policy.alive:
            self.policy.show_fact("State", "failed", BAD)
        elif status.phase in STARTING:
            self.policy.show_fact("State", "loading")
        else:
            words, colour = ("complains", FAIR) if policy.message else ("well", GOOD)
            self.policy.show_fact("State", words, colour)
        self.policy.show_fact("Plans", f"{policy.plans_per_s:.1f} /s")
        if policy.message:
            self.answer.setText(policy.message)

    def _show_recorder(self, status: RunStatus) -> None:
        recorder = status.recorder
        if recorder is None:
            self.recorder.show_fact("State", "off" if status.phase is Phase.DRIVING else "–")
            self.recorder_note.setText("")
            return
        if recorder.error:
            self.recorder.show_fact("State", "failed", BAD)
        elif recorder.is_recording:
            self.recorder.show_fact("State", "● recording", BAD)
        else:
            self.recorder.show_fact("State", "listening", GOOD)
        self.recorder.show_fact("Takeovers", str(recorder.segments))
        self.recorder.show_fact("Lost ticks", str(recorder.dropped_ticks), FAIR if recorder.dropped_ticks else "")
        self.recorder_note.setText(recorder.error or str(status.folder))

    def _build(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GAP)
        column.addWidget(self.plate)
        drive = Card("Drive")
        drive.body.addWidget(self.drive)
        column.addWidget(drive)
        policy = Card("Policy says")
        policy.body.addWidget(self.says)
        policy.body.addWidget(self.answer)
        policy.body.addWidget(self.policy)
        column.addWidget(policy)
        recorder = Card("Recorder")
        recorder.body.addWidget(self.recorder)
        recorder.body.addWidget(self.recorder_note)
        column.addWidget(recorder)
        column.addStretch()


def _fitting_text(painter: QPainter, area: QRectF, text: str, pixels: int, bold: bool = False) -> None:
    """Text in the middle of `area`, smaller where it would not fit."""
    font = palette.font(pixels, bold)
    painter.setFont(font)
    width = painter.fontMetrics().horizontalAdvance(text)
    if width > area.width():
        painter.setFont(palette.font(max(theme.SMALL, pixels * area.width() / width), bold))
    shown = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, int(area.width()))
    painter.drawText(area, Qt.AlignmentFlag.AlignCenter, shown)


def _first_line(text: str) -> str:
    return text.strip().split("\n", 1)[0]


def _seconds(value: float) -> str:
    return f"{value:.1f} s" if math.isfinite(value) else "none ahead"
