"""Embree (`embreex`) behind one class: which triangle each ray meets first."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene


class FirstHits(NamedTuple):
    """What n rays met first."""

    distance: np.ndarray
    """(n,) float64 in lengths of the ray's direction; meaningless where nothing was met."""
    normal: np.ndarray
    """(n, 3) unit normals of the triangles, as these wind; meaningless where nothing was met."""
    triangle: np.ndarray
    """(n,) int, -1 where nothing was met within the limit."""


class Found(NamedTuple):
    """Embree's own arrays for n rays."""

    distance: np.ndarray
    """(n,) float32 in lengths of the ray's direction."""
    normal: np.ndarray
    """(n, 3) float32 normals of any length of the triangles, as these wind."""
    triangle: np.ndarray
    """(n,) int32, -1 where nothing was met within the limit: the others are meaningless then."""


class Triangles:
    """A set of triangles to cast rays at. Embree computes in float32. Not for several threads at once."""

    def __init__(self, corners: np.ndarray) -> None:
        """`corners` are (m, 3, 3)."""
        self._scene = EmbreeScene()
        TriangleMesh(self._scene, np.ascontiguousarray(corners, np.float32))

    def first_hits(
        self, origins: np.ndarray, directions: np.ndarray, limit: np.ndarray, skip: float = 0.0
    ) -> FirstHits:
        """First triangles of rays from (n, 3) origins along (n, 3) directions up to (n,) limits.

        Lengths are counted in lengths of each direction; what is nearer than `skip` is not met.
        """
        found = self.find(origins, directions, limit, skip)
        normal = found.normal.astype(float)
        normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-30
        return FirstHits(found.distance.astype(float), normal, found.triangle)

    def find(self, origins: np.ndarray, directions: np.ndarray, limit: np.ndarray, skip: float = 0.0) -> Found:
        """As `first_hits`, in Embree's own numbers; `origins` may also be (1, 3), one for all."""
        ways = np.ascontiguousarray(directions, np.float32)
        start = np.ascontiguousarray(origins + ways * np.float32(skip), np.float32)
        found = self._scene.run(start, ways, np.ascontiguousarray(limit - skip, np.float32), output=True)
        return Found(found["tfar"] + np.float32(skip), found["Ng"], found["primID"])
