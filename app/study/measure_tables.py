"""Takeover measures of whole studies as one table: one row each, with study, participant and condition."""

from __future__ import annotations

import csv
import dataclasses
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from app.study.measures import MeasureSettings, TakeoverMeasures, measure_segment
from app.study.study import TrialLabel, read_trial
from cockpit.config import ConfigError
from recorder.reading.reader import Segment, segment_paths
from recorder.session import RecordingError, read_session

log = logging.getLogger(__name__)

LABELS = ("study", "participant", "condition", "trial")


@dataclasses.dataclass(frozen=True, slots=True)
class MeasureRow:
    """One takeover of a session."""

    session: Path
    session_id: str
    policy: str
    driver_id: str
    label: TrialLabel | None
    measures: TakeoverMeasures

    def cells(self) -> dict[str, Any]:
        """The exported row: column name to value."""
        label = self.label
        labels = {name: None if label is None else getattr(label, name) for name in LABELS}
        labels["participant"] = labels["participant"] or self.driver_id
        return {
            **labels,
            "session": self.session.name,
            "session_id": self.session_id,
            "policy": self.policy,
            **dataclasses.asdict(self.measures),
        }


COLUMNS = (
    *LABELS,
    "session",
    "session_id",
    "policy",
    *(field.name for field in dataclasses.fields(TakeoverMeasures)),
)


def measure_sessions(
    sessions: Sequence[Path], settings: MeasureSettings | None = None, on_session: Callable[[Path], object] = str
) -> tuple[list[MeasureRow], list[str]]:
    """Every takeover of these sessions, and what could not be read, one sentence each."""
    rows: list[MeasureRow] = []
    problems: list[str] = []
    for session in sessions:
        try:
            info, label = read_session(session), read_trial(session)
        except (RecordingError, ConfigError) as error:
            problems.append(str(error))
            continue
        for path in segment_paths(session):
            try:
                segment = Segment.open(path)
                measured = measure_segment(segment, settings) if len(segment) else []
            except RecordingError as error:
                problems.append(str(error))
                continue
            rows += [MeasureRow(session, info.session_id, info.policy, info.driver_id, label, one) for one in measured]
        on_session(session)
    return rows, problems


def write_table(rows: Sequence[MeasureRow], path: Path) -> None:
    """Write the table as CSV or Parquet, by the file's suffix; units are in the columns' names.

    The file is replaced only once it is written whole: an older one stays when the writing fails.

    Raises:
        ConfigError: another suffix.
        OSError: it cannot be written.
    """
    write = {".csv": _write_csv, ".parquet": _write_parquet}.get(path.suffix)
    if write is None:
        raise ConfigError(f"{path}: measures are written as .csv or .parquet; name the file so")
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    try:
        write([row.cells() for row in rows], part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _write_csv(cells: list[dict[str, Any]], path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(cells)


def _write_parquet(cells: list[dict[str, Any]], path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as parquet

    types = {field.name: pa.float64() for field in dataclasses.fields(TakeoverMeasures) if "float" in str(field.type)}
    types["trial"] = pa.int64()
    schema = pa.schema([(name, types.get(name, pa.string())) for name in COLUMNS])
    parquet.write_table(pa.Table.from_pylist(cells, schema=schema), path)
