"""What was driven, cut into the half-second motions that a codebook is made of."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from policy.vla.codebook import relative
from recorder.reading.reader import RecordingError, Segment, segment_paths
from refine.data.pairs import drive_of
from refine.data.preference import Drive
from refine.errors import RefineError

log = logging.getLogger(__name__)


def read_motions(
    session_folders: Iterable[Path | str],
    step_s: float = 0.5,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> NDArray[np.float64]:
    """(N, 3) the ego's motion over `step_s` from every recorded tick: dx, dy in metres, dyaw in radians, ego frame.

    A tick that several segments hold counts once; a motion across a scene that was set back is none. Segments that
    cannot be read are left out with a warning. `on_progress(done, all)` counts segments. Raises RefineError when there
    is no motion at all.
    """
    paths = [(Path(folder), path) for folder in session_folders for path in segment_paths(Path(folder))]
    seen: dict[Path, set[int]] = {}
    found: list[NDArray[np.float64]] = []
    for done, (session, path) in enumerate(paths, 1):
        try:
            drive = drive_of(Segment.open(path))
        except RecordingError as error:
            log.warning("left out: %s", error)
            continue
        frames = seen.setdefault(session, set())
        fresh = ~np.isin(drive.frame, list(frames))
        frames.update(drive.frame.tolist())
        found.append(_motions(drive, fresh, step_s))
        on_progress(done, len(paths))
    motions = np.concatenate([np.zeros((0, 3)), *found])
    if not len(motions):
        raise RefineError(f"the {len(paths)} recorded segments hold no motion of {step_s} s")
    return motions


def _motions(drive: Drive, fresh: NDArray[np.bool_], step_s: float) -> NDArray[np.float64]:
    """(N, 3) motions that begin at the ticks `fresh`."""
    time_s = drive.time_s - drive.time_s[0] if len(drive.time_s) else drive.time_s
    if len(time_s) < 2:
        return np.zeros((0, 3))
    tick_s = float(np.median(np.diff(time_s)))
    ends = np.searchsorted(time_s, time_s + step_s - tick_s / 2)
    begins = np.flatnonzero(fresh & (ends < len(time_s)))
    ends = ends[begins]
    jumps = np.cumsum(drive.set_back)
    whole = (np.abs(time_s[ends] - time_s[begins] - step_s) < tick_s / 2) & (jumps[ends] == jumps[begins])
    return relative(drive.poses_world[begins[whole]], drive.poses_world[ends[whole]])
