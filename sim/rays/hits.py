"""What rays met, and the loops over all rays of a scan, compiled.

A scan has some 100,000 rays: which of them pass near an actor and what Embree says of each is worked out in one pass.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np

from sim.kernels import compiled
from sim.rays.embree import Found

_POINTS, _FLOATS, _LIMITS = numba.float64[:, ::1], numba.float32[:, ::1], numba.float64[::1]


@compiled(numba.int64(_POINTS, _FLOATS, _LIMITS, _LIMITS, numba.float64, numba.float64, numba.int64[::1]))
def _near(
    origins: np.ndarray,
    directions: np.ndarray,
    centre: np.ndarray,
    distance_m: np.ndarray,
    reach_m: float,
    radius_m: float,
    found: np.ndarray,
) -> int:
    count = 0
    is_one = len(origins) == 1
    x, y, z = centre[0] - origins[0, 0], centre[1] - origins[0, 1], centre[2] - origins[0, 2]
    for k in range(len(directions)):
        if not is_one:
            x, y, z = centre[0] - origins[k, 0], centre[1] - origins[k, 1], centre[2] - origins[k, 2]
        along = x * directions[k, 0] + y * directions[k, 1] + z * directions[k, 2]
        if along <= -radius_m or along - radius_m >= min(distance_m[k], reach_m):
            continue
        if x * x + y * y + z * z - along * along < radius_m * radius_m:
            found[count] = k
            count += 1
    return count


def near_rays(
    origins: np.ndarray,
    directions: np.ndarray,
    centre: np.ndarray,
    radius_m: float,
    distance_m: np.ndarray,
    reach_m: float,
) -> np.ndarray:
    """Indices of the rays that enter a ball before they meet what is known to be at (n,) `distance_m`.

    `origins` are (1, 3) for all rays or (n, 3) float64, `directions` (n, 3) float32 unit vectors.
    """
    found = np.empty(len(directions), np.int64)
    return found[: _near(origins, directions, centre, distance_m, reach_m, radius_m, found)]


@compiled(numba.void(_FLOATS, _FLOATS, _FLOATS))
def _rotate(ways: np.ndarray, turn: np.ndarray, rotated: np.ndarray) -> None:
    for k in range(len(ways)):
        x, y, z = ways[k, 0], ways[k, 1], ways[k, 2]
        for axis in range(3):
            rotated[k, axis] = x * turn[0, axis] + y * turn[1, axis] + z * turn[2, axis]


def rotate_rays(ways: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """(n, 3) float32 rows times a (3, 3) matrix: `ways @ turn` without threads, which cost more than they save."""
    rotated = np.empty((len(ways), 3), np.float32)
    _rotate(np.ascontiguousarray(ways, np.float32), np.ascontiguousarray(turn, np.float32), rotated)
    return rotated


_TRIANGLES, _TAGS, _IDS = numba.int32[::1], numba.uint32[::1], numba.int64[::1]


@compiled(
    numba.void(
        *(numba.float32[::1], _FLOATS, _TRIANGLES, _FLOATS, _TAGS, _IDS, _IDS),
        *(_LIMITS, _POINTS, _TAGS, _IDS),
    )
)
def _keep(
    reached: np.ndarray,
    normals: np.ndarray,
    triangles: np.ndarray,
    turn: np.ndarray,
    tag_of: np.ndarray,
    actor_of: np.ndarray,
    rays: np.ndarray,
    distance_m: np.ndarray,
    normal: np.ndarray,
    tag: np.ndarray,
    actor_id: np.ndarray,
) -> None:
    for k in range(len(rays)):
        triangle = triangles[k]
        if triangle < 0:
            continue
        ray = rays[k]
        distance_m[ray] = reached[k]
        tag[ray], actor_id[ray] = tag_of[triangle], actor_of[triangle]
        x, y, z = float(normals[k, 0]), float(normals[k, 1]), float(normals[k, 2])
        length = np.sqrt(x * x + y * y + z * z) + 1e-30
        for axis in range(3):
            normal[ray, axis] = (x * turn[0, axis] + y * turn[1, axis] + z * turn[2, axis]) / length


@dataclass
class Hits:
    """What n rays met first; `distance_m` is infinite where they met nothing within reach."""

    distance_m: np.ndarray
    """(n,) float64."""
    normal: np.ndarray
    """(n, 3) unit normals of the surfaces, in the world; whichever way their triangles wind."""
    tag: np.ndarray
    """(n,) uint32 semantic tags, 0 for nothing."""
    actor_id: np.ndarray
    """(n,) int64, 0 for the town."""

    @classmethod
    def none(cls, n: int) -> Hits:
        """As if n rays had met nothing."""
        return cls(np.full(n, np.inf), np.zeros((n, 3)), np.zeros(n, np.uint32), np.zeros(n, np.int64))

    @property
    def met(self) -> np.ndarray:
        """(n,) bool: whether a ray met anything."""
        return np.isfinite(self.distance_m)

    def keep(self, found: Found, rays: np.ndarray, turn: np.ndarray, tag_of: np.ndarray, actor_of: np.ndarray) -> None:
        """Take what was found for some rays, all of them nearer than what those met before.

        Args:
            found: Embree's answer for m rays.
            rays: (m,) int64, which of the rays they are.
            turn: (3, 3) float32, by which normals as rows are multiplied to be the world's.
            tag_of: (t,) uint32, the tag of every triangle.
            actor_of: (t,) int64, the actor of every triangle.
        """
        _keep(
            *(found.distance, found.normal, found.triangle, turn, tag_of, actor_of, rays),
            *(self.distance_m, self.normal, self.tag, self.actor_id),
        )
