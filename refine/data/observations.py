"""What the policy was shown in a recorded tick: made by the function that made it in the session."""

from __future__ import annotations

from policy.vla.checkpoint import PolicySettings
from policy.vla.observation import Observation, ObservationError, observe, past_of
from recorder.reading.reader import Segment
from recorder.schema import EventKind


def recorded_observation(segment: Segment, index: int, settings: PolicySettings) -> Observation | None:
    """The observation of tick `index`; None where the recording lacks a picture, or begins too late for its past.

    Raises `RecordingError` when the segment cannot be read.
    """
    times_s = segment.column("time_s")[: index + 1].tolist()
    restarts = set(segment.ticks_with(EventKind.REWIND))
    past = past_of(times_s, [row in restarts for row in range(index + 1)], settings.history)
    if not past.is_whole:
        return None
    try:
        return observe([segment.tick(row, settings.cameras) for row in past.rows], settings)
    except ObservationError:
        return None
