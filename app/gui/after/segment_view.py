"""One recorded segment: its pictures, a time line coloured by who drove, the policy's answers, inputs and measures."""

from __future__ import annotations

import logging
import math
from pathlib import Path

from PyQt6.QtCore import QTimer
from PyQt6.QtGui import QImage
from PyQt6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.gui.after.gaze_overlay import gaze_overlays
from app.gui.after.time_line import TimeLine
from app.gui.common import theme
from app.gui.common.map_view import MapView
from app.gui.common.parts import Card, Facts, answer_words, button, flexible, label
from app.gui.common.pictures import ORDER, Pictures, ordered
from app.gui.common.texts import say
from app.gui.common.town_plan import plan_from_opendrive
from app.study.measures import measure_segment
from cockpit.config import ConfigError
from cockpit.windows import palette
from cockpit.windows.instruments import instruments_from_tick
from recorder.reading.reader import Segment, SegmentSummary
from recorder.schema import EventKind
from recorder.session import RecordingError, read_session

log = logging.getLogger(__name__)

MEASURES = (
    "origin",
    "take_over_time_s",
    "time_to_brake_s",
    "time_to_steer_s",
    "min_ttc_s",
    "max_lateral_mps2",
    "max_deceleration_mps2",
    "sdlp_m",
    "steering_reversals_per_min",
    "manual_s",
)
UNITS = {"s": "s", "mps2": "m/s²", "m": "m", "min": "/min"}
SHOWN_OTHERWISE = frozenset({EventKind.TAKEOVER, EventKind.HAND_BACK, EventKind.TAKEOVER_REQUEST, EventKind.SAFE_STOP})
"""Events that the shown authority and its reason make clear already."""


class SegmentView(QWidget):
    """Pictures, time line, facts; plays at the speed at which it was driven."""

    def __init__(self) -> None:
        super().__init__()
        self._segment: Segment | None = None
        self._index = 0
        self._seconds: list[float] = []
        self._session: Path | None = None
        self._heat: dict[str, QImage] = {}
        self.title = label("", "title")
        self.pictures, self.policy_saw = Pictures(), Pictures()
        self.map = MapView()
        self.line = TimeLine()
        self.play = button(say("segment.play"))
        self.gaze = button(say("segment.gaze"))
        self.gaze.setCheckable(True)
        self.gaze.setToolTip(say("segment.gaze_tip"))
        self.facts = Facts("time", "who", "speed", "steer", "throttle", "brake")
        self.measures = Facts(*MEASURES)
        self.says = label("", "title", wraps=True)
        self.answer = flexible(label("", "dim", wraps=True))
        self.note = flexible(label("", "dim", wraps=True))
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._next)
        self.line.moved.connect(self.go_to)
        self.play.clicked.connect(self._toggle)
        self.gaze.toggled.connect(self._show_gaze)
        self._build()

    def open(self, segment: Segment, summary: SegmentSummary) -> None:
        """Show a segment from the moment of its takeover. Raises RecordingError when it cannot be read."""
        self.pause()
        self._segment = segment if len(segment) else None
        self.title.setText(say("segment.title", session=segment.path.parent.parent.name, segment=summary.segment_id))
        if self._segment is None:
            self.show_problem(say("segment.no_tick"))
            return
        seconds = [float(second) for second in segment.column("time_s") - summary.takeover_time_s]
        if math.isnan(seconds[0]):
            seconds = [float(second) for second in segment.column("time_s") - summary.start_time_s]
        speeds = [float(speed) for speed in segment.column("ego/speed_mps")]
        self._seconds = seconds
        self._show_town(segment.path.parent.parent)
        self._timer.setInterval(max(10, round(1000 * (seconds[-1] - seconds[0]) / max(1, len(seconds) - 1))))
        self.line.show_segment(segment.authority, speeds, seconds)
        self.play.setEnabled(True)
        columns = (segment.column(f"ego/pose/{name}") for name in ("x", "y"))
        self.map.show_trail(list(zip(segment.authority, *columns, strict=True)))
        self._show_measures(segment)
        self._load_gaze(segment)
        self.go_to(segment.takeover_index or 0)

    def _show_measures(self, segment: Segment) -> None:
        """Show the measures of the segment's first takeover."""
        found = measure_segment(segment)
        for name in MEASURES:
            value = getattr(found[0], name) if found else None
            unit = UNITS.get(name.rsplit("_", 1)[-1], "")
            words = (
                say(f"origin.{value}")
                if name == "origin" and value
                else "–"
                if value is None
                else f"{value:.2f} {unit}"
            )
            self.measures.show_fact(name, words)

    def _load_gaze(self, segment: Segment) -> None:
        """Where the driver looked, for the button; it is greyed out where nothing was recorded."""
        frames = segment.column("frame")
        session = segment.path.parent.parent
        self._heat = gaze_overlays(session, [*segment.cameras], (int(frames[0]), int(frames[-1])))
        self.gaze.setEnabled(bool(self._heat))
        self._show_gaze()

    def _show_gaze(self) -> None:
        self.pictures.show_overlays(self._heat if self.gaze.isChecked() else {})

    def _show_town(self, session: Path) -> None:
        """Show the segment's town on the map; kept while segments of one session are shown."""
        if session != self._session:
            self._session = session
            try:
                info = read_session(session)
                self.map.show_town(plan_from_opendrive(info.map_name, info.opendrive))
                self.map.show_route(info.route_world)
            except (RecordingError, ConfigError) as error:
                self.map.show_town(None, str(error))
        self.map.follow()

    def show_problem(self, text: str) -> None:
        """Show a message in place of a segment."""
        self.pause()
        self._segment = None
        self.pictures.show_images([], text)
        self.policy_saw.show_images([])
        self.line.show_segment([], [], [])
        self.play.setEnabled(False)

    def go_to(self, index: int) -> None:
        """Show one tick."""
        if self._segment is None:
            return
        self._index = index
        try:
            self._show_tick(self._segment, index)
        except RecordingError as error:
            self.show_problem(str(error))
        self.line.show_index(index)

    def pause(self) -> None:
        """Stop playing."""
        self._timer.stop()
        self.play.setText(say("segment.play"))

    def _toggle(self) -> None:
        if self._timer.isActive():
            self.pause()
            return
        if self._segment is not None:
            if self._index >= len(self._segment) - 1:
                self.go_to(0)
            self._timer.start()
            self.play.setText(say("segment.pause"))

    def _next(self) -> None:
        if self._segment is None or self._index >= len(self._segment) - 1:
            self.pause()
        else:
            self.go_to(self._index + 1)

    def _show_tick(self, segment: Segment, index: int) -> None:
        tick = segment.tick(index)
        shown = instruments_from_tick(tick)
        images = [(name, QImage.fromData(segment.picture_bytes(name, index))) for name in ordered(segment.cameras)]
        images = [(name, image) for name, image in images if not image.isNull()]
        self.pictures.show_images([item for item in images if item[0] in ORDER], say("segment.no_screens"))
        self.policy_saw.show_images([item for item in images if item[0] not in ORDER], say("segment.no_policy_picture"))
        self.map.show_tick(tick)
        self.facts.show_fact("time", f"{self._seconds[index]:+.2f} s")
        self.facts.show_fact("who", shown.who.capitalize(), palette.TONES[shown.tone].name())
        self.facts.show_fact("speed", f"{shown.speed_kmh} km/h")
        self.facts.show_fact("steer", f"{shown.steer + 0.0:+.2f}".replace("-0.00", "+0.00"))
        self.facts.show_fact("throttle", f"{shown.throttle:.2f}")
        self.facts.show_fact("brake", f"{shown.brake:.2f}")
        self.says.setText(shown.policy)
        self.answer.setText(answer_words(tick.plan) if tick.plan else "")
        events = ", ".join(event.text or event.kind.value for event in tick.events if event.kind not in SHOWN_OTHERWISE)
        self.note.setText(
            "   ".join(part for part in (say("segment.why", why=shown.why), tick.driver.note, events) if part)
        )

    def _build(self) -> None:
        head = QHBoxLayout()
        head.addWidget(self.title)
        head.addStretch()
        head.addWidget(self.gaze)
        head.addWidget(self.play)
        policy_card, driven_card = Card(say("segment.policy")), Card(say("segment.driven"))
        measures_card = Card(say("segment.measures"))
        policy_card.body.addWidget(self.says)
        policy_card.body.addWidget(self.answer)
        policy_card.body.addWidget(self.note)
        policy_card.body.addStretch()
        driven_card.body.addWidget(self.facts)
        driven_card.body.addStretch()
        measures_card.body.addWidget(self.measures)
        measures_card.body.addStretch()
        driven_card.setFixedWidth(theme.px(190))
        measures_card.setFixedWidth(theme.px(270))
        below = QHBoxLayout()
        below.setSpacing(theme.px(theme.GAP))
        below.addWidget(policy_card, stretch=1)
        below.addWidget(driven_card)
        below.addWidget(measures_card)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.px(theme.GAP))
        column.addLayout(head)
        column.addWidget(self.pictures, stretch=4)
        views = QHBoxLayout()
        views.setSpacing(theme.px(theme.GAP))
        views.addWidget(self.policy_saw, stretch=1)
        views.addWidget(self.map, stretch=1)
        column.addLayout(views, stretch=5)
        column.addWidget(self.line)
        column.addLayout(below)
