"""The drive in figures: who drives, the policy's answer, the rates of all parts, what is being recorded."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PyQt6.QtCore import QRectF, QSize, Qt
from PyQt6.QtGui import QPainter, QPainterPath, QPaintEvent
from PyQt6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from app.drive.run_status import Phase, RunStatus
from app.drive.streams import StreamStatus
from app.gui.common import theme
from app.gui.common.parts import Card, Facts, answer_words, flexible, label
from app.gui.common.texts import say
from app.gui.run.input_bars import InputBars
from cockpit.followers.hub import FollowerStatus
from cockpit.windows import palette
from cockpit.windows.instruments import TONE_OF, Tone, instruments_from_tick
from recorder.schema import Tick

GOOD, FAIR, BAD = (palette.TONES[tone].name() for tone in (Tone.HUMAN, Tone.BLEND, Tone.ALERT))
SLOW_SHARE = 0.95
"""Below this share of its target a rate is shown in amber."""
OLD_PLAN_S = 0.6

STARTING = frozenset({Phase.READY, Phase.SIMULATOR, Phase.POLICY, Phase.WORLD})


class AuthorityPlate(QWidget):
    """Who drives, big and in colour, and why."""

    def __init__(self) -> None:
        super().__init__()
        self.who, self.why = say("phase.ready"), ""
        self._tone: Tone | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:  # noqa: N802  Qt's name
        """Two lines."""
        return QSize(theme.px(270), theme.px(84))

    def show_authority(self, who: str, why: str, tone: Tone | None) -> None:
        """Change the text; without a tone the plate is grey."""
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
        inset = theme.px(12)
        upper = QRectF(area.left() + inset, area.top() + (inset if has_why else 0), area.width() - 2 * inset, 0)
        upper.setHeight(theme.px(36) if has_why else area.height())
        _fitting_text(painter, upper, self.who, theme.px(theme.HUGE), bold=True)
        if has_why:
            _fitting_text(
                painter,
                QRectF(upper.left(), upper.bottom() + theme.px(4), upper.width(), theme.px(20)),
                self.why,
                theme.px(theme.BODY),
            )
        painter.end()


class StatusPanel(QWidget):
    """The column of cards beside the map."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.plate = AuthorityPlate()
        self.says = flexible(label(say("policy.no_plan"), "title", wraps=True))
        self.answer = flexible(label("", "dim", wraps=True))
        self.answer.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.answer.setMinimumHeight(theme.px(48))
        self.inputs = InputBars()
        self.policy = Facts("state", "plans", "latency", "age", "confidence")
        self.drive = Facts("speed", "time", "route", "ttc")
        self.rates = Facts("loop", "world", "pictures", "spare", "input", "screens", "photon")
        self.recorder = Facts("state", "takeovers", "lost")
        self.recorder_note = flexible(label("", "dim", wraps=True))
        self.streams = flexible(label("", "dim", wraps=True))
        self._build()
        self.show_nothing()

    def show_nothing(self) -> None:
        """Return to the state before the first drive."""
        self.plate.show_authority(say("phase.ready"), say("phase.ready_why"), None)
        self.says.setText(say("policy.no_plan"))
        self.answer.setText("")
        self.inputs.clear()

    def show_status(self, status: RunStatus, tick: Tick | None) -> None:
        """Show the drive's state; `tick` is its newest one."""
        is_live = tick is not None and status.phase is Phase.DRIVING
        if tick is not None:
            self._show_tick(tick, status)
        if not is_live:
            who, why = phase_words(status.phase)
            tone = Tone.ALERT if status.phase is Phase.FAILED else None
            self.plate.show_authority(who, _first_line(status.message) or why, tone)
        elif status.is_paused:
            self.plate.show_authority(say("phase.paused"), say("phase.paused_why"), None)
        self._show_policy_health(status)
        self._show_recorder(status)
        self._show_times(status, tick)

    def show_screens(self, painted: int, dropped: int, photon: str, elsewhere: Sequence[FollowerStatus] = ()) -> None:
        """Show how many ticks the driver's screens showed and skipped, how long an input took to appear on them, and
        the state of the machines that show the other screens.
        """
        self.rates.show_fact("photon", photon)
        share = dropped / max(1, painted + dropped)
        words = say("facts.painted", painted=painted, dropped=dropped)
        words = "\n".join([words, *map(follower_words, elsewhere)])
        is_bad = share > 0.1 or any(not machine.is_here or machine.missed_share > 0.1 for machine in elsewhere)
        self.rates.show_fact("screens", words, FAIR if is_bad else "")

    def _show_times(self, status: RunStatus, tick: Tick | None) -> None:
        """Show the wall time of the last tick's parts."""
        if status.times is None or tick is None:
            return
        times = status.times
        self.rates.show_fact("world", _milliseconds(times.world + times.reading))
        self.rates.show_fact("pictures", _milliseconds(times.pictures))
        self.rates.show_fact("spare", _milliseconds(times.spare), FAIR if times.spare < 0 else "")
        age_s = tick.wall_time_s - tick.driver.event_time_s
        seen = tick.driver.event_time_s > 0.0 and age_s >= 0.0
        self.rates.show_fact("input", say("facts.ago", age=age_s) if seen else "–")

    def _show_tick(self, tick: Tick, status: RunStatus) -> None:
        shown = instruments_from_tick(tick)
        self.plate.show_authority(shown.who, shown.why, TONE_OF[tick.authority.authority])
        self.says.setText(shown.policy)
        self.answer.setText(answer_words(tick.plan) if tick.plan else "")
        self.drive.show_fact("speed", say("facts.speed_limit", speed=shown.speed_kmh, limit=shown.limit_kmh))
        target_hz = 1.0 / tick.delta_s if tick.delta_s else 0.0
        colour = FAIR if status.loop_hz < SLOW_SHARE * target_hz else ""
        self.rates.show_fact("loop", say("facts.of_hz", rate=status.loop_hz, wanted=target_hz), colour)
        self.drive.show_fact("time", f"{tick.time_s - status.begin_time_s:.1f} s")
        self.drive.show_fact("route", say("facts.of_m", driven=tick.route.driven_m, length=tick.route.length_m))
        is_near = tick.ttc_s < 3.0
        self.drive.show_fact("ttc", _seconds(tick.ttc_s), BAD if is_near else "")
        self.inputs.show_tick(tick)
        if tick.plan is not None:
            self.policy.show_fact("latency", f"{tick.plan.latency_s * 1000:.0f} ms")
            age = shown.plan_age_s
            self.policy.show_fact("age", f"{age * 1000:.0f} ms", FAIR if age > OLD_PLAN_S else "")
            self.policy.show_fact("confidence", f"{tick.plan.confidence:.0%}")

    def _show_policy_health(self, status: RunStatus) -> None:
        policy = status.policy
        if policy is None:
            self.policy.show_fact("state", "–")
            return
        if not policy.alive:
            self.policy.show_fact("state", say("state.failed"), BAD)
        elif status.phase in STARTING:
            self.policy.show_fact("state", say("state.loading"))
        else:
            words, colour = (say("state.complains"), FAIR) if policy.message else (say("state.well"), GOOD)
            self.policy.show_fact("state", words, colour)
        self.policy.show_fact("plans", f"{policy.plans_per_s:.1f} /s")
        if policy.message:
            self.answer.setText(policy.message)

    def _show_recorder(self, status: RunStatus) -> None:
        recorder = status.recorder
        if recorder is None:
            self.recorder.show_fact("state", say("state.off") if status.phase is Phase.DRIVING else "–")
            self.recorder_note.setText("")
            return
        if recorder.error:
            self.recorder.show_fact("state", say("state.failed"), BAD)
        elif recorder.is_recording:
            self.recorder.show_fact("state", say("state.recording"), BAD)
        else:
            self.recorder.show_fact("state", say("state.listening"), GOOD)
        self.recorder.show_fact("takeovers", str(recorder.segments))
        self.recorder.show_fact("lost", str(recorder.dropped_ticks), FAIR if recorder.dropped_ticks else "")
        self.recorder_note.setText(recorder.error or str(status.folder))
        lines = [stream_words(stream) for stream in status.streams]
        lines += (
            [status.stream_message] if status.stream_message and not all(s.is_there for s in status.streams) else []
        )
        self.streams.setText("\n".join(lines))
        self.streams.setVisible(bool(lines))

    def _build(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.px(theme.GAP))
        column.addWidget(self.plate)
        drive = Card(say("status.drive"))
        drive.body.addWidget(self.drive)
        drive.body.addWidget(self.inputs)
        column.addWidget(drive)
        policy = Card(say("status.policy"))
        policy.body.addWidget(self.says)
        policy.body.addWidget(self.answer)
        policy.body.addWidget(self.policy)
        column.addWidget(policy)
        rates = Card(say("status.rates"))
        rates.body.addWidget(self.rates)
        column.addWidget(rates)
        recorder = Card(say("status.recorder"))
        recorder.body.addWidget(self.recorder)
        recorder.body.addWidget(self.recorder_note)
        recorder.body.addWidget(self.streams)
        column.addWidget(recorder)
        column.addStretch()


def _fitting_text(painter: QPainter, area: QRectF, text: str, pixels: int, bold: bool = False) -> None:
    """Text in the middle of `area`, smaller where it would not fit."""
    font = palette.font(pixels, bold)
    painter.setFont(font)
    width = painter.fontMetrics().horizontalAdvance(text)
    if width > area.width():
        painter.setFont(palette.font(max(theme.px(theme.SMALL), pixels * area.width() / width), bold))
    shown = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, int(area.width()))
    painter.drawText(area, Qt.AlignmentFlag.AlignCenter, shown)


def _first_line(text: str) -> str:
    return text.strip().split("\n", 1)[0]


def _seconds(value: float) -> str:
    return f"{value:.1f} s" if math.isfinite(value) else say("facts.none_ahead")


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


def stream_words(stream: StreamStatus) -> str:
    """One incoming stream in a line."""
    if not stream.is_there:
        return say("streams.missing", name=stream.name)
    return say("streams.there", name=stream.name, rate=stream.rate_hz, samples=stream.samples)


def phase_words(phase: Phase) -> tuple[str, str]:
    """The plate's texts while nobody drives."""
    why = {
        Phase.SIMULATOR: "phase.simulator_why",
        Phase.POLICY: "phase.policy_why",
        Phase.WORLD: "phase.world_why",
        Phase.DRIVING: "phase.driving_why",
        Phase.STOPPING: "phase.stopping_why",
    }
    starting = phase in (Phase.SIMULATOR, Phase.POLICY, Phase.WORLD)
    who = say("phase.starting" if starting else f"phase.{phase.value}")
    return who, say(why[phase]) if phase in why else ""


def follower_words(status: FollowerStatus) -> str:
    """The state of one machine's screens in a line."""
    if not status.is_here:
        return say("facts.follower_away", machine=status.machine)
    return say("facts.follower", machine=status.machine, shown=status.shown, missed=status.missed)
