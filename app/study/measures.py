"""How well a person took over: one set of measures a takeover, from a recorded segment, as driving studies report it.

Concepts are those of ISO/TR 21959-1 and -2:2020 (transitions from automated driving), names and reporting rules those
of SAE J2944 (operational definitions of driving performance measures). The standards leave choices open; each choice
made here is stated at the function that makes it, and docs/experimenting.md has the whole table. Pure functions over
arrays.
"""

from __future__ import annotations

import enum
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, savgol_filter, sosfiltfilt

from recorder.layout.takeovers import Takeover
from recorder.reading.reader import Segment
from recorder.schema import Authority, EventKind

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class MeasureSettings:
    """The choices that the standards leave to the experimenter."""

    hazard_ttc_s: float = 4.0
    """Without a request or a mark, the hazard begins where the time to collision falls to this: a TTC under 4 s
    separates drivers in danger from drivers in control (van der Horst 1990)."""
    hazard_gap_s: float = 0.5
    """Interruptions of the low time to collision up to this long do not end the hazard."""
    hazard_recent_s: float = 1.0
    """A hazard that was over for longer than this when the driver took over was not its cause."""
    mark_within_s: float = 15.0
    """A hazard mark older than this when the driver took over belongs to another hazard."""
    brake_share: float = 0.10
    """Pedal travel that counts as braking: 10 %, after Gold et al. (2013), "Take over!", HFES 57."""
    steer_deg: float = 2.0
    """Wheel angle that counts as steering: 2 degrees (same source)."""
    wheel_range_deg: float = 450.0
    """Wheel angle at full steering to one side: half of the 900 degrees of common simulator wheels."""
    reversal_gap_deg: float = 3.0
    """Smallest reversal that is counted: 3 degrees, for visual load (Markkula and Engstroem 2006)."""
    reversal_cutoff_hz: float = 0.6
    """Low-pass before reversals are looked for (same source, visual load)."""
    reversal_least_s: float = 5.0
    """Over a shorter stretch no reversal rate is reported."""
    sdlp_least_s: float = 3.0
    """Over a shorter stretch no deviation of lateral position is reported."""
    smoothing_s: float = 0.35
    """Length of the Savitzky-Golay filter (order 2) by which velocities become accelerations."""


class Origin(enum.StrEnum):
    """What the take-over time is counted from."""

    REQUEST = "request"
    """The system (or the experimenter) requested a takeover."""
    HAZARD_MARK = "hazard_mark"
    """A mark whose text begins with 'hazard': scenarios set them, and so may the experimenter."""
    HAZARD_TTC = "hazard_ttc"
    """The time to collision fell to `hazard_ttc_s`."""
    NONE = "none"
    """Nothing to count from: times are not defined."""


@dataclass(frozen=True, slots=True)
class Signals:
    """The recorded signals that the measures use, one entry per tick."""

    time_s: Numbers
    authority: Sequence[Authority]
    driver_steer: Numbers
    """The driver's steering, -1..1."""
    driver_brake: Numbers
    """The driver's brake pedal, 0..1."""
    steer: Numbers
    """The steering that was applied, -1..1."""
    policy_steer: Numbers
    """The steering of the policy alone; nan without a plan."""
    velocity_mps: Numbers
    """(N, 2) in the world frame."""
    yaw_rad: Numbers
    ttc_s: Numbers
    """inf where nothing is on the path."""
    lateral_m: Numbers
    """Distance from the lane's centre line, right positive."""
    in_junction: NDArray[np.bool_]
    hazard_marks: Sequence[int] = ()
    """Indices of ticks with a hazard mark."""
    set_back: Sequence[int] = ()
    """Indices of ticks before which the scene was set back: the car did not drive there from the tick before."""


@dataclass(frozen=True, slots=True)
class TakeoverMeasures:
    """One takeover. None where a measure is not defined (the event did not happen, or the stretch is too short)."""

    segment: str
    at_s: float
    """Simulation time at which the person had the car."""
    reason: str
    driver: str
    note: str
    origin: str
    """What the times below are counted from (`Origin`)."""
    take_over_time_s: float | None
    """Origin to the tick in which the person has the car (ISO/TR 21959-1: take-over time)."""
    time_to_brake_s: float | None
    """Origin to the first braking (SAE J2944: brake response time, at `brake_share` of the pedal)."""
    time_to_steer_s: float | None
    """Origin to the first steering (SAE J2944: steering response time, at `steer_deg`)."""
    min_ttc_s: float | None
    """Smallest time to collision from the origin to the hand-back."""
    max_lateral_mps2: float | None
    """Largest lateral acceleration, either side, while the person drove."""
    max_acceleration_mps2: float | None
    """Largest speeding up while the person drove."""
    max_deceleration_mps2: float | None
    """Largest slowing down while the person drove, positive."""
    sdlp_m: float | None
    """Standard deviation of lateral position while the person drove, outside junctions (SAE J2944)."""
    steering_reversals_per_min: float | None
    """Steering reversal rate while the person drove (SAE J2944, by the method of Markkula and Engstroem)."""
    manual_s: float
    """How long the person drove."""
    speed_mps: float
    """When the person took over."""


def signals_from_segment(segment: Segment) -> Signals:
    """Read what the measures need. Raises RecordingError when the segment cannot be read."""
    column = segment.column
    policy = np.where(column("policy_control/present"), column("policy_control/steer"), np.nan)
    return Signals(
        time_s=column("time_s"),
        authority=segment.authority,
        driver_steer=column("driver/steer"),
        driver_brake=column("driver/brake"),
        steer=column("control/steer"),
        policy_steer=policy,
        velocity_mps=np.stack([column("ego/velocity_mps/x"), column("ego/velocity_mps/y")], axis=1),
        yaw_rad=column("ego/pose/yaw"),
        ttc_s=column("ttc_s"),
        lateral_m=column("route/lateral_offset_m"),
        in_junction=column("route/in_junction"),
        hazard_marks=_hazard_marks(segment),
        set_back=segment.ticks_with(EventKind.REWIND),
    )


def measure_segment(segment: Segment, settings: MeasureSettings | None = None) -> list[TakeoverMeasures]:
    """The measures of every takeover in a segment by a person or the expert; a safe stop nobody answered has none."""
    settings = settings or MeasureSettings()
    signals = signals_from_segment(segment)
    return [
        measure(signals, takeover, segment.segment_id, settings)
        for takeover in segment.takeovers
        if takeover.answer is not None
    ]


def measure(signals: Signals, takeover: Takeover, segment_id: str, settings: MeasureSettings) -> TakeoverMeasures:
    """Measures of one takeover of the segment, from the tick in which the person has the car.

    Raises ValueError for a safe stop that nobody answered.
    """
    answer = takeover.answer
    if answer is None:
        raise ValueError("nobody answered this safe stop: there is no person's driving to measure")
    taken = answer.index
    end = len(signals.time_s) if takeover.end is None else takeover.end
    origin, start = origin_of(signals, taken, settings)
    time_s = signals.time_s
    driven = manual_ticks(signals.authority, taken, end)
    along, across = accelerations(signals, settings)
    speeds = np.hypot(*signals.velocity_mps.T)
    brake = first_brake(signals, start, end, settings) if start is not None else None
    steer = first_steer(signals, start, end, settings) if start is not None else None
    return TakeoverMeasures(
        segment=segment_id,
        at_s=float(time_s[taken]),
        reason=answer.reason.value,
        driver=takeover.driver.value,
        note=answer.note,
        origin=origin.value,
        take_over_time_s=_since(time_s, start, taken),
        time_to_brake_s=_since(time_s, start, brake),
        time_to_steer_s=_since(time_s, start, steer),
        min_ttc_s=min_ttc(signals.ttc_s[taken if start is None else start : end]),
        max_lateral_mps2=float(np.abs(across[driven]).max()),
        max_acceleration_mps2=float(max(along[driven].max(), 0.0)),
        max_deceleration_mps2=float(max(-along[driven].min(), 0.0)),
        sdlp_m=sdlp(signals, driven, settings),
        steering_reversals_per_min=reversal_rate(
            signals.steer[driven] * settings.wheel_range_deg, _step_s(time_s), settings
        ),
        manual_s=float(len(driven) * _step_s(time_s)),
        speed_mps=float(speeds[taken]),
    )


def manual_ticks(authority: Sequence[Authority], taken: int, end: int) -> NDArray[np.intp]:
    """Ticks that the person drove alone: from `taken` up to the hand-back, where the blend with the policy begins."""
    after = next((index for index in range(taken, end) if authority[index] is not Authority.HUMAN), end)
    return np.arange(taken, after)


def origin_of(signals: Signals, taken: int, settings: MeasureSettings) -> tuple[Origin, int | None]:
    """What the times count from, and its tick: the request, else a hazard's mark, else a low time to collision.

    Nothing counts from before a tick to which the scene was set back: that hazard is not the one that was driven.
    """
    earliest = max((index for index in signals.set_back if index <= taken), default=0)
    asked = request_tick(signals.authority, taken)
    if asked is not None and asked >= earliest:
        return Origin.REQUEST, asked
    oldest_s = signals.time_s[taken] - settings.mark_within_s
    marks = [n for n in signals.hazard_marks if earliest <= n <= taken and signals.time_s[n] >= oldest_s]
    if marks:
        return Origin.HAZARD_MARK, marks[-1]
    onset = hazard_onset(signals, taken, settings)
    return (Origin.NONE, None) if onset is None or onset < earliest else (Origin.HAZARD_TTC, onset)


def request_tick(authority: Sequence[Authority], taken: int) -> int | None:
    """First tick of the request that the person answered; None when they took over without one.

    A request that had turned into a safe stop still counts from where it began.
    """
    asking = (Authority.REQUESTED, Authority.SAFE_STOP)
    index = taken
    while index > 0 and authority[index - 1] in asking:
        index -= 1
    ticks = [tick for tick in range(index, taken) if authority[tick] is Authority.REQUESTED]
    return ticks[0] if ticks else None


def hazard_onset(signals: Signals, taken: int, settings: MeasureSettings) -> int | None:
    """Where the last stretch of low time to collision before the takeover began; None when there was none lately."""
    low = np.flatnonzero(signals.ttc_s[: taken + 1] <= settings.hazard_ttc_s)
    if not len(low) or signals.time_s[taken] - signals.time_s[low[-1]] > settings.hazard_recent_s:
        return None
    breaks = np.flatnonzero(np.diff(signals.time_s[low]) > settings.hazard_gap_s + 1e-6)
    return int(low[breaks[-1] + 1 if len(breaks) else 0])


def first_brake(signals: Signals, start: int, end: int, settings: MeasureSettings) -> int | None:
    """First tick from `start` with the driver's brake pedal at `brake_share` or more."""
    pressed = np.flatnonzero(signals.driver_brake[start:end] >= settings.brake_share)
    return int(start + pressed[0]) if len(pressed) else None


def first_steer(signals: Signals, start: int, end: int, settings: MeasureSettings) -> int | None:
    """First tick from `start` in which the wheel is `steer_deg` from where it was then, and from the policy's steering.

    The second condition is for wheels that a motor turns with the policy: being turned is not steering.
    """
    least = settings.steer_deg / settings.wheel_range_deg
    wheel = signals.driver_steer[start:end]
    moved = np.abs(wheel - wheel[0]) >= least
    policy = signals.policy_steer[start:end]
    own = ~(np.abs(wheel - policy) < least)  # True without a plan (nan): then only the driver can have steered
    found = np.flatnonzero(moved & own)
    return int(start + found[0]) if len(found) else None


def min_ttc(ttc_s: Numbers) -> float | None:
    """Smallest time to collision at constant velocities (Hayward 1972; SAE J2944); None with nothing on the path."""
    finite = ttc_s[np.isfinite(ttc_s)]
    return float(finite.min()) if len(finite) else None


def accelerations(signals: Signals, settings: MeasureSettings) -> tuple[Numbers, Numbers]:
    """Acceleration along and across the car, m/s^2, (N,) each: the smoothed derivative of the velocity (order 2).

    Each stretch between two ticks to which the scene was set back is smoothed by itself: being set back is no braking.
    """
    bounds = [0, *(index for index in signals.set_back if index), len(signals.time_s)]
    stretches = [slice(first, last) for first, last in itertools.pairwise(bounds)]
    slopes = [_slopes(signals.time_s[part], signals.velocity_mps[part], settings) for part in stretches]
    (ax, ay), cosine, sine = np.concatenate(slopes).T, np.cos(signals.yaw_rad), np.sin(signals.yaw_rad)
    return ax * cosine + ay * sine, -ax * sine + ay * cosine


def _slopes(time_s: Numbers, values: Numbers, settings: MeasureSettings) -> Numbers:
    """(N, 2) the smoothed derivative of two signals by time; zero where there are too few ticks for one."""
    step_s = _step_s(time_s)
    if len(time_s) < 3 or step_s <= 0.0:
        return np.zeros_like(values)
    even_s = np.arange(time_s[0], time_s[-1] + step_s / 2, step_s)  # lost ticks would stretch the filter
    length = min(max(3, round(settings.smoothing_s / step_s) | 1), len(even_s) - (len(even_s) + 1) % 2)
    slopes = []
    for value in values.T:
        even = np.interp(even_s, time_s, value)
        slope = np.asarray(savgol_filter(even, length, min(2, length - 1), deriv=1, delta=step_s))
        slopes.append(np.interp(time_s, even_s, slope))
    return np.stack(slopes, axis=1)


def sdlp(signals: Signals, driven: NDArray[np.intp], settings: MeasureSettings) -> float | None:
    """Standard deviation of lateral position, metres: samples less one in the divisor, no high-pass filter.

    Junctions are left out (there is no lane to keep). A lane change is not: exclude such takeovers when you report.
    """
    kept = driven[~signals.in_junction[driven]]
    if len(kept) * _step_s(signals.time_s) < settings.sdlp_least_s:
        return None
    return float(np.std(signals.lateral_m[kept], ddof=1))


def reversal_rate(wheel_deg: Numbers, step_s: float, settings: MeasureSettings) -> float | None:
    """Steering reversals a minute: Markkula and Engstroem (2006), "A steering wheel reversal rate metric ...", ITS.

    The angle is low-pass filtered (Butterworth, order 2, forwards and backwards), its stationary points are found, and
    a reversal is counted whenever the angle has come back by at least the gap, on either side.
    """
    length_s = len(wheel_deg) * step_s
    if length_s < settings.reversal_least_s:
        return None
    sections = butter(2, settings.reversal_cutoff_hz, fs=1.0 / step_s, output="sos")
    angle = np.asarray(sosfiltfilt(sections, wheel_deg, padtype="even"))  # mirrored ends keep the local mean
    points = stationary_points(angle)
    gap = settings.reversal_gap_deg
    return (_rises(points, gap) + _rises(-points, gap)) / (length_s / 60.0)


def stationary_points(angle: Numbers) -> Numbers:
    """Values where a signal turns, its ends included."""
    signs = np.sign(np.diff(angle))
    turns = [index for index in range(1, len(signs)) if signs[index] != signs[index - 1]]
    return angle[[0, *turns, len(angle) - 1]]


def _rises(points: Numbers, gap: float) -> int:
    """Rises of at least `gap` between stationary points, counted once each."""
    count, low = 0, float(points[0])
    for value in points[1:]:
        if value - low >= gap:
            count, low = count + 1, float(value)
        elif value < low:
            low = float(value)
    return count


def _hazard_marks(segment: Segment) -> list[int]:
    """Ticks with a mark whose text begins with 'hazard'."""
    events = segment.arrays.tables["events"]
    ends = segment.column("events_end")
    kinds, texts = events.column("kind"), events.column("text")
    rows = [
        row for row in range(len(events)) if kinds[row] == EventKind.MARK and texts[row].lower().startswith("hazard")
    ]
    return [int(np.searchsorted(ends, row, side="right")) for row in rows]


def _step_s(time_s: Numbers) -> float:
    return float(np.median(np.diff(time_s))) if len(time_s) > 1 else 0.0


def _since(time_s: Numbers, start: int | None, event: int | None) -> float | None:
    if start is None or event is None:
        return None
    lasted = float(time_s[event] - time_s[start])
    return round(lasted, 6) if math.isfinite(lasted) else None
