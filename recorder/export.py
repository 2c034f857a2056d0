"""Copies a segment into one HDF5 file, for tools that do not read Zarr.

Same names, same numbers, same attributes (lists as JSON text); pictures stay the JPEG bytes they were.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from recorder.columns import Table
from recorder.reader import Segment


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
        jpegs = group.create_dataset("jpeg", (len(segment),), dtype=h5py.vlen_dtype(np.uint8))
        for index in range(len(segment)):
            jpegs[index] = np.frombuffer(segment.jpeg(camera, index), np.uint8)


def _copy_table(group: h5py.Group, name: str, table: Table) -> None:
    dataset = group.create_dataset(name, data=table.values, compression="gzip", compression_opts=1)
    # HDF5 holds at most 64 KiB of attributes in an object's header; described columns are a data set of their own.
    told = [json.dumps(column, ensure_ascii=False) for column in table.described]
    columns = group.create_dataset(f"{name}_columns", data=told, dtype=h5py.string_dtype())
    dataset.attrs["columns"] = columns.ref


def _attribute(value: Any) -> Any:
    return value if isinstance(value, (bool, int, float, str)) else json.dumps(value)
