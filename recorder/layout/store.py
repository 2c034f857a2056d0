"""One segment on disk: a Zarr v3 group that only grows.

Every chunk carries a checksum, arrays are appended in batches, and after each batch the number of whole ticks is
committed in the group's attributes; a reader trims to that number. docs/recording.md has the layout.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from zarr.codecs import Crc32cCodec, ZstdCodec
from zarr.errors import UnstableSpecificationWarning

from recorder.layout.codec import CAMERA_COLUMNS, TABLES, Batch, camera_key
from recorder.layout.columns import Column
from recorder.schema import SCHEMA_VERSION

# Pictures of varying length have no final Zarr v3 specification yet; docs/recording.md says so.
warnings.filterwarnings("ignore", category=UnstableSpecificationWarning)

FORMAT = "takeover-segment"
CHUNK_TICKS = 20
PICTURE_ARRAY = "picture"
PICTURE_ARRAYS = (PICTURE_ARRAY, "jpeg")
"""Below a camera's group: what its pictures are called, and were in schema 1."""
HOW_TO_READ = (
    "Row i of `ticks` and of every array below `cameras` is tick i; only the first `committed_ticks` rows count. "
    "The attribute `columns` of a table describes its columns: kind int, bool and float are plain numbers, enum is an "
    "index into the column's `names`, text is a row of `strings`. Ragged tables (actors, lights, events, route_ahead) "
    "hold tick i's rows from ticks[i-1].X_end to ticks[i].X_end. ticks.plan_row is a row of `plans`, whose tokens and "
    "points are found in the same way. World frame: CARLA's, left-handed, x forward, y right, z up, metres and radians."
)


class SegmentStore:
    """The writing end of one segment. Any method may raise OSError (a full disk, a folder gone)."""

    def __init__(self, path: Path, attributes: Mapping[str, Any]) -> None:
        self.path = path
        self.committed_ticks = 0
        self.dropped_ticks = 0
        self.picture_errors = 0
        self._arrays: dict[str, zarr.Array[Any]] = {}
        # Built aside and renamed, so that a kill leaves a whole segment or none.
        part = path.with_name(f".{path.name}.partial")
        self._group = zarr.create_group(
            part,
            zarr_format=3,
            attributes={
                "format": FORMAT,
                "schema_version": SCHEMA_VERSION,
                "how_to_read": HOW_TO_READ,
                **attributes,
                "committed_ticks": 0,
                "complete": False,
                "ended_by": "",
                "dropped_ticks": 0,
                "picture_errors": 0,
                "error": "",
            },
        )
        for name, columns in TABLES.items():
            self._create_table(name, columns, CHUNK_TICKS if name == "ticks" else 256)
        self._create("route_ahead", (0, 4), np.float32, 2048, {"columns": ["x m", "y m", "z m", "yaw rad"]})
        self._create("plan_tokens", (0,), np.int64, 1024, {"meaning": "action codes, one per 0.5 s of a plan"})
        self._create("plan_trajectories", (0, 3), np.float32, 1024, {"columns": ["x m", "y m", "yaw rad"]})
        self._arrays["strings"] = self._group.create_array(
            "strings", shape=(0,), chunks=(64,), dtype="string", compressors=[Crc32cCodec()], fill_value=""
        )
        part.rename(path)
        self._group = zarr.open_group(path, mode="r+", use_consolidated=False)
        self._arrays = dict(self._group.arrays())

    def _create_table(self, name: str, columns: Sequence[Column], chunk_rows: int, rows: int = 0) -> None:
        described = {"columns": [column.described() for column in columns]}
        self._create(name, (rows, len(columns)), np.float64, chunk_rows, described)

    def _create(self, name: str, shape: tuple[int, ...], dtype: Any, chunk_rows: int, attributes: Any) -> None:
        self._arrays[name] = self._group.create_array(
            name,
            shape=shape,
            chunks=(chunk_rows, *shape[1:]),
            dtype=dtype,
            compressors=[ZstdCodec(level=1), Crc32cCodec()],
            fill_value=np.nan if np.issubdtype(dtype, np.floating) else 0,
            attributes=attributes,
        )

    def append(self, batch: Batch) -> None:
        """Write the batch, then commit its ticks."""
        for name, rows in batch.tables.items():
            if name != "ticks":
                self._append(name, rows)
        self._append("route_ahead", np.concatenate(batch.route_ahead) if batch.route_ahead else [])
        self._append("plan_tokens", batch.plan_tokens)
        self._append("plan_trajectories", np.concatenate(batch.plan_trajectories) if batch.plan_trajectories else [])
        self._append_objects("strings", batch.strings)
        for name, pictures in batch.pictures.items():
            self._append_camera(name, pictures, batch.camera_rows[name])
        ticks = np.asarray(batch.tables["ticks"], np.float64)
        self._append("ticks", ticks)
        dropped = [column.name for column in TABLES["ticks"]].index("dropped_before")
        # Ticks lost before a segment's first one are no loss of this segment.
        self.dropped_ticks += int(ticks[0 if self.committed_ticks else 1 :, dropped].sum()) if len(ticks) else 0
        self.picture_errors += batch.picture_errors
        self.committed_ticks += batch.ticks
        self._commit()

    def _append(self, name: str, rows: Any) -> None:
        if len(rows):
            array = self._arrays[name]
            array.append(np.asarray(rows, array.dtype))

    def _append_objects(self, name: str, values: Sequence[Any]) -> None:
        if values:
            objects = np.empty(len(values), object)
            objects[:] = values
            self._arrays[name].append(objects)

    def _append_camera(self, name: str, pictures: Sequence[bytes], rows: Sequence[Sequence[float]]) -> None:
        key = f"cameras/{camera_key(name)}"
        if f"{key}/{PICTURE_ARRAY}" not in self._arrays:
            self._create_camera(name, key)
        self._append_objects(f"{key}/{PICTURE_ARRAY}", pictures)
        self._append(f"{key}/geometry", rows)

    def _create_camera(self, name: str, key: str) -> None:
        self._group.create_group(key, attributes={"name": name})
        self._arrays[f"{key}/{PICTURE_ARRAY}"] = self._group.create_array(
            f"{key}/{PICTURE_ARRAY}",
            shape=(self.committed_ticks,),
            chunks=(CHUNK_TICKS,),
            dtype="variable_length_bytes",
            compressors=[Crc32cCodec()],
            fill_value=b"",
            attributes={"meaning": "one PNG or JPEG file a tick, RGB; no bytes where the camera gave no picture"},
        )
        self._create_table(f"{key}/geometry", CAMERA_COLUMNS, CHUNK_TICKS, rows=self.committed_ticks)

    def _commit(self, **more: Any) -> None:
        self._group.update_attributes(
            {
                "committed_ticks": self.committed_ticks,
                "dropped_ticks": self.dropped_ticks,
                "picture_errors": self.picture_errors,
                **more,
            }
        )

    def finish(self, ended_by: str, error: str = "") -> None:
        """Say that nothing more comes, and why: complete unless an `error` cut it short."""
        self._commit(complete=not error, ended_by=ended_by, error=error)


def write_json(path: Path, value: Any) -> None:
    """Write JSON so that a reader sees the old file or the new one, never half of one."""
    part = path.with_suffix(path.suffix + ".partial")
    part.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    part.replace(path)
