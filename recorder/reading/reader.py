"""Reads what was recorded: sessions, their segments, and single ticks, columns and pictures of a segment.

A segment may be read while it is being written or after its writer was killed: only committed ticks are seen. Whatever
is wrong with a file is raised as a `RecordingError` with a plain message.
"""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from recorder.layout.codec import TABLES, Arrays, decode_tick, span
from recorder.layout.columns import Table
from recorder.layout.pictures import decode_picture
from recorder.layout.store import FORMAT, PICTURE_ARRAYS
from recorder.layout.takeovers import Takeover, takeovers
from recorder.schema import SCHEMA_VERSION, Authority, DriverKind, EventKind, Reason, SessionInfo, Tick
from recorder.session import SEGMENTS, RecordingError, read_session

__all__ = ["RecordingError", "Segment", "SegmentSummary", "SessionInfo", "list_segments", "read_session"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SegmentSummary:
    """One segment in a list."""

    segment_id: str
    path: Path
    takeover_frame: int
    """-1 when no takeover lies in it (a whole session's recording)."""
    takeover_time_s: float
    """Simulation time of the takeover; nan when there is none."""
    start_time_s: float
    duration_s: float
    human_s: float
    """Seconds in which the policy did not have the car."""
    reason: Reason
    """Why the takeover happened."""
    driver: DriverKind
    note: str
    """The driver's note about it (the expert gives one), such as 'collision ahead'."""
    takeovers: int
    """Takeovers in the segment: more than one when the next followed within the post window."""
    ticks: int
    distance_m: float
    complete: bool
    """The recorder ended it; False after a kill or a full disk."""
    ended_by: str
    dropped_ticks: int
    error: str


class Segment:
    """One recorded segment, open for reading."""

    def __init__(self, path: Path, group: zarr.Group) -> None:
        self.path = path
        self._group = group
        self.attributes: Mapping[str, Any] = dict(group.attrs)
        self._length = int(self.attributes["committed_ticks"])

    @staticmethod
    def open(path: Path | str) -> Segment:
        """Open a segment's folder. Raises RecordingError when it is missing, broken or something else."""
        path = Path(path)
        if not path.exists():
            raise RecordingError(f"{path} is missing: `takeover segments list` names what there is")
        with _read_errors(path):
            group = zarr.open_group(path, mode="r", use_consolidated=False)
            attributes = dict(group.attrs)
        if attributes.get("format") != FORMAT:
            raise RecordingError(f"{path} is a Zarr group but no recorded segment")
        version = attributes.get("schema_version")
        if not isinstance(version, int) or version > SCHEMA_VERSION:
            raise RecordingError(f"{path} has schema {version}, this program reads up to {SCHEMA_VERSION}: update it")
        committed = attributes.get("committed_ticks")
        if not isinstance(committed, int) or committed < 0:
            raise RecordingError(f"{path} does not say how many ticks it holds (committed_ticks is {committed!r})")
        return Segment(path, group)

    def __len__(self) -> int:
        return self._length

    @property
    def segment_id(self) -> str:
        """The segment's number in its session, e.g. ``0001``."""
        return str(self.attributes.get("segment_id", self.path.stem))

    @property
    def is_complete(self) -> bool:
        """The recorder ended it; False after a kill or a full disk."""
        return bool(self.attributes.get("complete"))

    @cached_property
    def arrays(self) -> Arrays:
        """Every table, trimmed to the committed ticks; pictures stay on disk."""
        with _read_errors(self.path):
            ticks = self._rows("ticks", len(self))
            names = [column["name"] for column in self._described("ticks")]
            last = {name: self._last(ticks, names, f"{name}_end") for name in ("actors", "lights", "events")}
            plan_rows = ticks[:, names.index("plan_row")]
            last["plans"] = int(plan_rows.max()) + 1 if len(plan_rows) else 0
            strings = list(self._array("strings")[:])
            tables = {name: self._table(name, last.get(name, len(self)), strings) for name in TABLES}
            plans = tables["plans"]
            ends = [int(plans.numbers(f"{name}_end")[-1]) if len(plans) else 0 for name in ("tokens", "points")]
            return Arrays(
                tables=tables,
                cameras={
                    name: self._table(f"{key}/geometry", len(self), strings) for name, (key, _) in self._keys.items()
                },
                route_ahead=self._rows("route_ahead", self._last(ticks, names, "route_ahead_end")),
                plan_tokens=self._rows("plan_tokens", ends[0]),
                plan_trajectories=self._rows("plan_trajectories", ends[1]),
                strings=strings,
            )

    @staticmethod
    def _last(ticks: NDArray[np.float64], names: list[str], column: str) -> int:
        return int(ticks[-1, names.index(column)]) if len(ticks) else 0

    def _array(self, name: str) -> Any:
        array = self._group[name]
        if not isinstance(array, zarr.Array):
            raise ValueError(f"{name} is no array")
        return array

    def _rows(self, name: str, count: int) -> Any:
        array = self._array(name)
        if array.shape[0] < count:
            raise ValueError(f"{name} holds {array.shape[0]} rows where {count} were committed")
        return array[:count]

    def _described(self, name: str) -> list[dict[str, Any]]:
        return self._array(name).attrs["columns"]

    def _table(self, name: str, count: int, strings: list[str]) -> Table:
        return Table(self._rows(name, count), self._described(name), strings)

    @cached_property
    def _keys(self) -> dict[str, tuple[str, str]]:
        """By camera, its group and the name of its pictures' array."""
        cameras = self._group.get("cameras")
        if not isinstance(cameras, zarr.Group):
            return {}
        found: dict[str, tuple[str, str]] = {}
        for key, group in cameras.groups():
            # A camera whose arrays were being made when the writer was killed has no committed picture.
            arrays = dict(group.arrays())
            pictures = next((name for name in PICTURE_ARRAYS if name in arrays), None)
            if pictures and "geometry" in arrays and arrays["geometry"].shape[0] >= len(self):
                found[str(group.attrs.get("name", key))] = f"cameras/{key}", pictures
        return found

    @property
    def cameras(self) -> list[str]:
        """Names of the cameras that gave pictures."""
        return sorted(self._keys)

    def tick(self, index: int, cameras: Collection[str] | None = None) -> Tick:
        """Tick `index` (screens' pictures as JPEG left them), with the pictures of all cameras unless some are named.

        Negative indices count from the end.
        """
        row = self._index(index)
        arrays = self.arrays
        with _read_errors(self.path):
            wanted = [name for name in self._keys if cameras is None or name in cameras]
            return decode_tick(arrays, row, {name: self.picture_bytes(name, row) for name in wanted})

    def ticks(self) -> Iterator[Tick]:
        """All ticks in order."""
        return (self.tick(index) for index in range(len(self)))

    def column(self, name: str) -> NDArray[Any]:
        """A column of `ticks`, for example ``ego/speed_mps``. Raises KeyError with the names there are."""
        table = self.arrays.tables["ticks"]
        if name not in table:
            raise KeyError(f"{name} is no column of {self.path.name}; there are {', '.join(table.names)}")
        return table.column(name)

    @cached_property
    def authority(self) -> list[Authority]:
        """Who had the car, tick by tick."""
        return [Authority(name) for name in self.column("authority/authority")]

    @cached_property
    def takeovers(self) -> list[Takeover]:
        """Every takeover in the segment, in order; indices count its ticks."""
        frames = self.column("frame")
        began_taken = bool(len(frames)) and int(frames[0]) == self.attributes.get("takeover_frame")
        reasons, drivers, notes = (self.column(name) for name in ("authority/reason", "driver/kind", "driver/note"))
        return takeovers(self.authority, reasons, drivers, notes, began_taken=began_taken)

    @property
    def own_takeover(self) -> Takeover | None:
        """The takeover for which the segment was recorded, else its first; None when it holds none.

        The seconds before it may hold an earlier takeover, which has a segment of its own.
        """
        frames, frame = self.column("frame"), self.attributes.get("takeover_frame")
        own = (takeover for takeover in self.takeovers if frames[takeover.first] == frame)
        return next(own, self.takeovers[0] if self.takeovers else None)

    @property
    def takeover_index(self) -> int | None:
        """Index of the first tick of `own_takeover`; None when the segment holds none."""
        takeover = self.own_takeover
        return None if takeover is None else takeover.first

    def picture_bytes(self, camera: str, index: int) -> bytes:
        """A picture's file, PNG or JPEG; empty when the camera gave none in that tick."""
        if camera not in self._keys:
            raise KeyError(f"{self.path.name} has no camera {camera}; there are {', '.join(self.cameras) or 'none'}")
        row = self._index(index)
        with _read_errors(self.path):
            return bytes(self._array("/".join(self._keys[camera]))[row : row + 1][0])

    def image(self, camera: str, index: int) -> NDArray[np.uint8]:
        """A picture, (height, width, 3) RGB. Raises RecordingError when the camera gave none in that tick."""
        data = self.picture_bytes(camera, index)
        if not data:
            raise RecordingError(f"{self.path}: camera {camera} gave no picture in tick {index}")
        with _read_errors(self.path):
            return decode_picture(data)

    def ticks_with(self, kind: EventKind) -> list[int]:
        """Indices of the ticks in which such an event happened, in order."""
        events = self.arrays.tables["events"].column("kind")
        ends = self.arrays.tables["ticks"].numbers("events_end")
        return [index for index in range(len(self)) if kind in events[span(ends, index)]]

    def _index(self, index: int) -> int:
        row = index + len(self) if index < 0 else index
        if not 0 <= row < len(self):
            raise IndexError(f"tick {index} of {self.path.name}, which holds {len(self)}")
        return row

    def _distance_m(self) -> float:
        """How far the car drove; being set back is no driving."""
        xy = np.stack([self.column("ego/pose/x"), self.column("ego/pose/y")], axis=1)
        steps = np.hypot(*np.diff(xy, axis=0).T)
        return float(np.delete(steps, [index - 1 for index in self.ticks_with(EventKind.REWIND) if index]).sum())

    def summary(self) -> SegmentSummary:
        """What a list of segments shows."""
        time_s = self.column("time_s")
        takeover, index = self.own_takeover, self.takeover_index
        taken = np.array([state is not Authority.POLICY for state in self.authority], bool)
        step_s = float(np.median(np.diff(time_s))) if len(time_s) > 1 else 0.0
        return SegmentSummary(
            segment_id=self.segment_id,
            path=self.path,
            takeover_frame=-1 if index is None else int(self.column("frame")[index]),
            takeover_time_s=float("nan") if index is None else float(time_s[index]),
            start_time_s=float(time_s[0]) if len(time_s) else float("nan"),
            duration_s=float(time_s[-1] - time_s[0]) if len(time_s) else 0.0,
            human_s=float(taken.sum() * step_s),
            reason=Reason(self.attributes["reason"]),
            driver=DriverKind(self.attributes["driver"]),
            note="" if takeover is None else takeover.note,
            takeovers=len(self.takeovers),
            ticks=len(self),
            distance_m=self._distance_m(),
            complete=self.is_complete,
            ended_by=str(self.attributes.get("ended_by", "")),
            dropped_ticks=int(self.attributes.get("dropped_ticks", 0)),
            error=str(self.attributes.get("error", "")),
        )


def segment_paths(folder: Path | str) -> list[Path]:
    """Folders of a session's segments, in order."""
    return sorted(path for path in (Path(folder) / SEGMENTS).glob("*.zarr") if re.fullmatch(r"\d+", path.stem))


def list_segments(folder: Path | str) -> list[SegmentSummary]:
    """Summaries of a session's segments, in order; unreadable ones are logged and left out (see
    `recorder.reading.verify`).

    Raises RecordingError when `folder` holds no session.
    """
    read_session(Path(folder))
    found: list[SegmentSummary] = []
    for path in segment_paths(folder):
        try:
            with _read_errors(path):
                found.append(Segment.open(path).summary())
        except RecordingError as error:
            log.warning("left out: %s", error)
    return found


@contextlib.contextmanager
def _read_errors(path: Path) -> Iterator[None]:
    """Any way in which a broken file can fail, as a RecordingError naming the segment."""
    try:
        yield
    except RecordingError:
        raise
    except Exception as error:
        # Zarr, its codecs and JSON raise dozens of types on broken files; they all mean the same to the user.
        raise RecordingError(f"{path} cannot be read: {type(error).__name__}: {error}") from error
