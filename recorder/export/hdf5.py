"""Copies a segment into one HDF5 file, for tools that do not read Zarr, or its road users' ways into a CSV.

HDF5: same names, same numbers, same attributes (lists as JSON text); pictures stay the files (PNG, JPEG) they were.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from recorder.layout.columns import Table
from recorder.reading.reader import Segment

TRAJECTORY_COLUMNS = ("time_s", "actor_id", "type_id", "x", "y", "z", "yaw_rad")


def export_hdf5(segment: Segment, path: Path | str) -> None:
    """Write `segment` to `path`, whole or not at all. Raises OSError when that cannot be done."""
    path = Path(path)
    part = path.with_name(path.name + ".partial")
    try:
        with h5py.File(part, "w") as file:
            _copy(segment, file)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def export_trajectories(segment: Segment, path: Path | str, *, moved_m: float = 0.0) -> int:
    """Write where every other road user was as CSV (`TRAJECTORY_COLUMNS`; times from the first tick).

    That is what replayed background traffic reads. Who moved less than `moved_m` in all is left out. Returns how many
    road users were written. Raises OSError when the file cannot be written.
    """
    rows: dict[int, list[tuple[Any, ...]]] = {}
    begun_s: float | None = None
    for tick in segment.ticks():
        begun_s = tick.time_s if begun_s is None else begun_s
        for actor in tick.actors:
            pose = actor.pose
            # A walker's origin is its middle and a prop's its foot: both are replayed by the same point.
            row = (f"{tick.time_s - begun_s:.3f}", actor.actor_id, actor.type_id, *_rounded(pose.x, pose.y, pose.z))
            rows.setdefault(actor.actor_id, []).append((*row, f"{pose.yaw:.4f}"))
    kept = {actor_id: way for actor_id, way in rows.items() if _length_m(way) >= moved_m}
    with Path(path).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(TRAJECTORY_COLUMNS)
        for actor_id in sorted(kept):
            writer.writerows(kept[actor_id])
    return len(kept)


def _rounded(*values: float) -> tuple[str, ...]:
    return tuple(f"{value:.3f}" for value in values)


def _length_m(way: list[tuple[Any, ...]]) -> float:
    first, last = way[0], way[-1]
    return float(np.hypot(float(last[3]) - float(first[3]), float(last[4]) - float(first[4])))


def _copy(segment: Segment, file: h5py.File) -> None:
    arrays = segment.arrays
    file.attrs.update({name: _attribute(value) for name, value in segment.attributes.items()})
    for name, table in arrays.tables.items():
        _copy_table(file, name, table)
    for name in ("route_ahead", "plan_tokens", "plan_trajectories"):
        file.create_dataset(name, data=getattr(arrays, name))
    file.create_dataset("strings", data=arrays.strings, dtype=h5py.string_dtype())
    for number, camera in enumerate(segment.cameras):
        group = file.create_group(f"cameras/{number}")
        group.attrs["name"] = camera
        _copy_table(group, "geometry", arrays.cameras[camera])
        pictures = group.create_dataset("picture", (len(segment),), dtype=h5py.vlen_dtype(np.uint8))
        for index in range(len(segment)):
            pictures[index] = np.frombuffer(segment.picture_bytes(camera, index), np.uint8)


def _copy_table(group: h5py.Group, name: str, table: Table) -> None:
    dataset = group.create_dataset(name, data=table.values, compression="gzip", compression_opts=1)
    # HDF5 holds at most 64 KiB of attributes in an object's header; described columns are a data set of their own.
    descriptions = [json.dumps(column, ensure_ascii=False) for column in table.described]
    columns = group.create_dataset(f"{name}_columns", data=descriptions, dtype=h5py.string_dtype())
    dataset.attrs["columns"] = columns.ref


def _attribute(value: Any) -> Any:
    return value if isinstance(value, (bool, int, float, str)) else json.dumps(value)
