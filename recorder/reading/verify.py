"""Checks a recorded session from end to end and reports in plain words what is wrong with it.

Everything is read once (each chunk's checksum with it): numbers of rows, frames that go up, offsets that fit, pictures
that decode. A broken or foreign file is a `Problem`, never an exception.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recorder.layout.codec import Arrays, decode_tick
from recorder.layout.pictures import decode_picture
from recorder.reading.reader import Segment, segment_paths
from recorder.session import SEGMENTS, WHOLE_SESSION, RecordingError, read_session


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with a recording."""

    path: Path
    message: str
    is_loss: bool = False
    """The file is sound, but by its attributes something is missing from it (a kill, a full disk, lost ticks)."""

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


def verify_session(folder: Path | str) -> list[Problem]:
    """Everything wrong with a session's folder; an empty list means that all of it can be used."""
    folder = Path(folder)
    problems: list[Problem] = []
    try:
        read_session(folder)
    except RecordingError as error:
        problems.append(Problem(folder, str(error)))
        if not (folder / SEGMENTS).is_dir():
            return problems
    paths = segment_paths(folder)
    whole = folder / WHOLE_SESSION
    for path in [*paths, whole] if whole.exists() else paths:
        problems += verify_segment(path)
    known = set(paths)
    foreign = sorted(path for path in (folder / SEGMENTS).glob("[!.]*") if path not in known)
    problems += [Problem(path, "is no segment: nobody wrote this here while recording") for path in foreign]
    return problems


def verify_segment(path: Path | str) -> list[Problem]:
    """Everything wrong with one segment."""
    path = Path(path)
    try:
        segment = Segment.open(path)
        return [*_losses(segment), *_faults(segment)]
    except RecordingError as error:
        return [Problem(path, str(error).removeprefix(f"{path} "))]
    except Exception as error:  # noqa: BLE001 - a damaged file may raise anything, and the user needs a message
        return [Problem(path, f"cannot be read: {type(error).__name__}: {error}")]


def _losses(segment: Segment) -> Iterator[Problem]:
    attributes = segment.attributes
    if not segment.is_complete:
        why = attributes.get("error") or "the recorder was ended before it could close it"
        yield Problem(segment.path, f"is cut short after {len(segment)} ticks: {why}", is_loss=True)
    if attributes.get("dropped_ticks"):
        yield Problem(segment.path, f"{attributes['dropped_ticks']} ticks were lost while recording", is_loss=True)
    if attributes.get("picture_errors"):
        yield Problem(segment.path, f"{attributes['picture_errors']} pictures could not be encoded", is_loss=True)


def _faults(segment: Segment) -> Iterator[Problem]:
    path = segment.path
    if len(segment) == 0:
        yield Problem(path, "holds no tick", is_loss=not segment.is_complete)
        return
    arrays = segment.arrays
    yield from (Problem(path, message) for message in _table_faults(arrays))
    frames = segment.column("frame")
    backwards = np.flatnonzero(np.diff(frames) <= 0)
    if len(backwards):
        at = int(backwards[0])
        yield Problem(path, f"frames do not go up: tick {at} is frame {frames[at]}, the next is {frames[at + 1]}")
    takeover_frame = segment.attributes.get("takeover_frame", -1)
    if segment.is_complete and takeover_frame >= 0 and takeover_frame not in frames:
        yield Problem(path, f"the takeover's frame {takeover_frame} is not in it")
    for camera in segment.cameras:
        yield from (Problem(path, message) for message in _picture_faults(segment, camera))
    for index in range(len(segment)):
        decode_tick(arrays, index, {})  # raises on names and texts that are not there


def _table_faults(arrays: Arrays) -> Iterator[str]:
    ticks = arrays.tables["ticks"]
    rows = {name: len(arrays.tables[name]) for name in ("actors", "lights", "events")}
    for name, count in {**rows, "route_ahead": len(arrays.route_ahead)}.items():
        ends = ticks.numbers(f"{name}_end")
        if not (np.isfinite(ends).all() and ends[0] >= 0 and (np.diff(ends) >= 0).all() and ends[-1] <= count):
            yield f"the offsets into {name} are broken"
    plan_rows = ticks.numbers("plan_row")
    if not (np.isfinite(plan_rows).all() and plan_rows.min() >= -1 and plan_rows.max() < len(arrays.tables["plans"])):
        yield "the rows of plans are broken"


def _picture_faults(segment: Segment, camera: str) -> Iterator[str]:
    geometry = segment.arrays.cameras[camera]
    for index in range(len(segment)):
        data = segment.picture_bytes(camera, index)
        recorded = geometry.numbers("width_px")[index], geometry.numbers("height_px")[index]
        if not data:
            continue
        try:
            height_px, width_px = decode_picture(data).shape[:2]
        except ValueError as error:
            yield f"camera {camera}, tick {index}: {error}"
            return
        if (width_px, height_px) != recorded:
            yield f"camera {camera}, tick {index}: the picture is {width_px}x{height_px}, recorded as {recorded}"
            return
