"""AutoVLA's codebook, read from its pickle without running what a pickle may hold.

A pickle is a program. This one may build numpy arrays, dictionaries, lists and numbers; whatever else it asks for is
refused before it is imported. AutoVLA's file maps `token_all` and `veh` to an array (K, T, 4, 2): the corners of the
car's box (left front, right front, right back, left back; x forward, y to the left) at T times of half a second.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from policy.making.k_disk import TOLERANCE_M
from policy.vla.codebook import BOX_LENGTH_M, BOX_WIDTH_M, Codebook, CodebookError

MAX_BYTES = 1 << 26
"""AutoVLA's file has under 1 MiB."""
KEYS = ("token_all", "veh")
_BOX_TOLERANCE_M = 0.02
_ALLOWED = {
    ("_codecs", "encode"),
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    *((f"numpy.{core}.multiarray", name) for core in ("core", "_core") for name in ("_reconstruct", "scalar")),
    *((f"numpy.{core}.numeric", "_frombuffer") for core in ("core", "_core")),
}
"""What pickles of arrays are made of, by old and new versions of numpy."""


def read_autovla(file: Path | str) -> Codebook:
    """The codebook in AutoVLA's pickle, in CARLA's frame (y to the right, yaw clockwise from above).

    Raises `CodebookError` that names the file: unreadable, more than arrays in it, or not AutoVLA's corners.
    """
    path = Path(file)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise CodebookError(f"{path} is too large for a codebook ({MAX_BYTES >> 20} MiB at most)")
        with path.open("rb") as stream:
            content = _read_arrays(stream)
        return Codebook(_motions(_corners(content)))
    except OSError as error:
        raise CodebookError(f"{path} cannot be read: {error.strerror or error}") from error
    except CodebookError as error:
        raise CodebookError(f"{path} is not AutoVLA's codebook: {error}") from error


class _ArraysOnly(pickle.Unpickler):
    """Builds arrays and plain containers, and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        """A part of an array; raises `CodebookError` for anything else."""
        if (module, name) not in _ALLOWED:
            raise CodebookError(f"the pickle asks for {module}.{name}; only numpy arrays are read")
        return super().find_class(module, name)


def _read_arrays(stream: BinaryIO) -> Any:
    try:
        return _ArraysOnly(stream).load()
    except CodebookError:
        raise
    except Exception as error:  # what a damaged pickle raises has no common kind
        raise CodebookError(f"the pickle cannot be read ({error or type(error).__name__})") from error


def _corners(content: Any) -> NDArray[np.float64]:
    """(K, 4, 2) the corners at the end of each motion."""
    for key in KEYS:
        if isinstance(content, dict) and key in content:
            content = content[key]
    if not isinstance(content, np.ndarray) or content.dtype.kind != "f":
        raise CodebookError(f"no array of numbers under {' and '.join(KEYS)}")
    if content.ndim != 4 or content.shape[0] < 1 or content.shape[1] < 2 or content.shape[2:] != (4, 2):
        raise CodebookError(f"its array is {content.shape}, not (codes, times, 4, 2)")
    return np.asarray(content[:, -1], np.float64)


def _motions(corners: NDArray[np.float64]) -> NDArray[np.float32]:
    """(K, 3) dx, dy, dyaw in CARLA's frame; code 0, the mean of a disc around standing still, stands exactly."""
    forward, right = corners[:, 0] - corners[:, 3], corners[:, 1] - corners[:, 0]
    cross = forward[:, 0] * right[:, 1] - forward[:, 1] * right[:, 0]
    sides = np.stack([np.linalg.norm(forward, axis=-1), np.linalg.norm(right, axis=-1)], axis=-1)
    if not np.abs(sides - (BOX_LENGTH_M, BOX_WIDTH_M)).max() <= _BOX_TOLERANCE_M or cross.max() >= 0:
        raise CodebookError(f"its corners are not those of a box of {BOX_LENGTH_M} x {BOX_WIDTH_M} m, left front first")
    centre = corners.mean(1)
    yaw = np.arctan2(forward[:, 1], forward[:, 0])
    motions = np.stack([centre[:, 0], -centre[:, 1], -yaw], axis=-1)
    if np.hypot(*motions[0, :2]) > TOLERANCE_M:
        raise CodebookError("its first code does not stand still")
    motions[0] = 0.0
    return motions.astype(np.float32)
