"""Points of a LiDAR as they are sent, made of hits in one compiled pass over the rays."""

from __future__ import annotations

import math

import numba
import numpy as np

from sim.kernels import compiled
from sim.rays.hits import Hits

_ROWS, _POINTS, _NUMBERS = numba.float32[:, ::1], numba.float64[:, ::1], numba.float64[::1]
_TAGS, _IDS = numba.uint32[::1], numba.int64[::1]


@compiled(numba.int64(_ROWS, _ROWS, _NUMBERS, _POINTS, _TAGS, _IDS, _ROWS, numba.uint32[:, ::1], _IDS))
def _fill_semantic(
    local: np.ndarray,
    directions: np.ndarray,
    distance_m: np.ndarray,
    normal: np.ndarray,
    tag: np.ndarray,
    actor_id: np.ndarray,
    rows: np.ndarray,
    numbers: np.ndarray,
    sources: np.ndarray,
) -> int:
    count = 0
    for k in range(len(distance_m)):
        distance = distance_m[k]
        if not math.isfinite(distance):
            continue
        cos_angle = 0.0
        for axis in range(3):
            rows[count, axis] = local[k, axis] * distance
            cos_angle += directions[k, axis] * normal[k, axis]
        rows[count, 3] = abs(cos_angle)
        numbers[count, 4], numbers[count, 5] = actor_id[k], tag[k]
        sources[count] = k
        count += 1
    return count


def semantic_rows(local: np.ndarray, directions: np.ndarray, hits: Hits) -> tuple[np.ndarray, np.ndarray]:
    """Rows of a semantic LiDAR, and which ray each is of.

    Args:
        local: (n, 3) float32, the rays' unit vectors in the sensor's frame.
        directions: (n, 3) float32, the same in the world.
        hits: what they met.

    Returns:
        (m, 6) float32: x, y, z in metres, cosine of the angle of incidence, and the bits of two uint32, the actor and
        the tag; (m,) int64.
    """
    rows, sources = np.empty((len(local), 6), np.float32), np.empty(len(local), np.int64)
    count = _fill_semantic(
        *(local, directions, hits.distance_m, hits.normal, hits.tag, hits.actor_id),
        *(rows, rows.view(np.uint32), sources),
    )
    return rows[:count], sources[:count]


@compiled(numba.void(_ROWS, _IDS, _NUMBERS, _NUMBERS, _ROWS))
def _fill_plain(
    local: np.ndarray, sources: np.ndarray, distance_m: np.ndarray, intensity: np.ndarray, rows: np.ndarray
) -> None:
    for k in range(len(sources)):
        for axis in range(3):
            rows[k, axis] = local[sources[k], axis] * distance_m[k]
        rows[k, 3] = intensity[k]


def plain_rows(local: np.ndarray, sources: np.ndarray, distance_m: np.ndarray, intensity: np.ndarray) -> np.ndarray:
    """(m, 4) float32 rows of a LiDAR, x, y, z in metres and intensity, of the (m,) int64 rays that came back."""
    rows = np.empty((len(sources), 4), np.float32)
    _fill_plain(local, sources, distance_m, intensity, rows)
    return rows
