"""Which triangle each ray meets first, found by Intel Embree 4 (the library that the package `embreex` brings).

Embree is called here through its C interface, and embreex's own classes are not: those copy every corner in a loop and
keep Python's lock while they do and while Embree builds its tree, in a town for a second. Here the corners are shared,
the tree is built with Python's lock released, and a compiled loop casts the rays one by one, as embreex does.
"""

from __future__ import annotations

import ctypes
import importlib.util
from pathlib import Path
from typing import Any, NamedTuple

import llvmlite.binding
import numba
import numpy as np

from sim.kernels import compiled

_ALIGNMENT = 16
_RAY_FLOATS = 24
"""A `RTCRayHit`: origin, near, direction, time, far, mask, id, flags; then normal, u, v, triangle, geometry, more."""
_FAR, _MASK, _FLAGS, _NORMAL, _TRIANGLE, _GEOMETRY = 8, 9, 11, 12, 17, 18
_NONE = 0xFFFFFFFF
_TRIANGLES, _INDEX, _VERTEX, _UINT3, _FLOAT3 = 0, 0, 1, 0x5003, 0x9003
"""`RTC_GEOMETRY_TYPE_TRIANGLE`, `RTC_BUFFER_TYPE_INDEX`, `RTC_BUFFER_TYPE_VERTEX`, `RTC_FORMAT_UINT3`, `..._FLOAT3`."""
_ROBUST = 1 << 2
"""`RTC_SCENE_FLAG_ROBUST`: no ray passes between two triangles that share an edge."""
_CONFIGURATION = b"threads=1"
"""Several threads would divide the triangles otherwise each time, and who is met first of two in one place with it."""


def _library() -> ctypes.CDLL:
    """Embree, with its functions known to what numba compiles.

    Raises:
        ImportError: it is not where the wheel of embreex has it.
    """
    package = importlib.util.find_spec("embreex")
    folder = Path(package.origin).parents[1] if package is not None and package.origin is not None else Path()
    found = sorted((folder / "embreex.libs").glob("libembree4*"))
    if len(found) != 1:
        raise ImportError("the wheel of embreex should bring libembree4")
    library = ctypes.CDLL(str(found[0]))
    address = ctypes.cast(library.rtcIntersect1, ctypes.c_void_p).value
    llvmlite.binding.add_symbol("rtcIntersect1", address)
    for name in ("rtcNewDevice", "rtcNewScene", "rtcNewGeometry"):
        getattr(library, name).restype = ctypes.c_void_p
    return library


_EMBREE = _library()
_POINTER = ctypes.c_void_p
_DEVICE = _POINTER(_EMBREE.rtcNewDevice(_CONFIGURATION))
_WORD = numba.types.uintp
_intersect: Any = numba.types.ExternalFunction("rtcIntersect1", numba.types.void(_WORD, _WORD, _WORD))
_FLOATS, _NUMBERS = numba.float32[:, ::1], numba.float32[::1]


class FirstHits(NamedTuple):
    """What n rays met first."""

    distance: np.ndarray
    """(n,) float64 in lengths of the ray's direction; meaningless where nothing was met."""
    normal: np.ndarray
    """(n, 3) unit normals of the triangles, as these wind; meaningless where nothing was met."""
    triangle: np.ndarray
    """(n,) int, -1 where nothing was met within the limit."""


class Found(NamedTuple):
    """Embree's own numbers for n rays."""

    distance: np.ndarray
    """(n,) float32 in lengths of the ray's direction."""
    normal: np.ndarray
    """(n, 3) float32 normals of any length of the triangles, as these wind."""
    triangle: np.ndarray
    """(n,) int32, -1 where nothing was met within the limit: the others are meaningless then."""


class Triangles:
    """A set of triangles to cast rays at. Embree computes in float32. Not for several threads at once."""

    def __init__(self, corners: np.ndarray) -> None:
        """`corners` are (m, 3, 3). May be made in a thread: others go on meanwhile."""
        points = np.ascontiguousarray(corners, np.float32).reshape(-1)
        self._points = np.concatenate([points, np.zeros(1, np.float32)])  # Embree reads four numbers at each corner
        self._order = np.arange(len(points) // 3, dtype=np.uint32)
        self._scene = _POINTER(_EMBREE.rtcNewScene(_DEVICE))
        _EMBREE.rtcSetSceneFlags(self._scene, _ROBUST)
        geometry = _POINTER(_EMBREE.rtcNewGeometry(_DEVICE, _TRIANGLES))
        for kind, form, array, count in (
            (_VERTEX, _FLOAT3, self._points, len(self._order)),
            (_INDEX, _UINT3, self._order, len(self._order) // 3),
        ):
            offset, stride = ctypes.c_size_t(0), ctypes.c_size_t(12)
            place = _POINTER(array.ctypes.data)
            _EMBREE.rtcSetSharedGeometryBuffer(geometry, kind, 0, form, place, offset, stride, ctypes.c_size_t(count))
        _EMBREE.rtcCommitGeometry(geometry)
        _EMBREE.rtcAttachGeometry(self._scene, geometry)
        _EMBREE.rtcReleaseGeometry(geometry)
        _EMBREE.rtcCommitScene(self._scene)

    def __del__(self) -> None:
        """Give Embree's tree back before the corners go."""
        if hasattr(self, "_scene"):
            _EMBREE.rtcReleaseScene(self._scene)

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
        far = np.ascontiguousarray(limit - skip, np.float32)
        found = Found(np.empty(len(ways), np.float32), np.empty(ways.shape, np.float32), np.empty(len(ways), np.int32))
        _cast(self._scene.value or 0, start, ways, far, skip, *found)
        return found


@compiled(
    numba.void(_WORD, _FLOATS, _FLOATS, _NUMBERS, numba.float32, _NUMBERS, _FLOATS, numba.int32[::1]),
)
def _cast(
    scene: int,
    start: np.ndarray,
    ways: np.ndarray,
    far: np.ndarray,
    skip: float,
    distance: np.ndarray,
    normal: np.ndarray,
    triangle: np.ndarray,
) -> None:
    memory = np.zeros(_RAY_FLOATS + _ALIGNMENT // 4, np.float32)
    first = (-memory.ctypes.data % _ALIGNMENT) // 4
    ray = memory[first : first + _RAY_FLOATS]
    words = ray.view(np.uint32)
    for k in range(len(ways)):
        for axis in range(3):
            ray[axis], ray[4 + axis] = start[k, axis], ways[k, axis]
        ray[3], ray[7], ray[_FAR] = 0.0, 0.0, far[k]
        words[_MASK], words[_FLAGS] = _NONE, 0
        words[_TRIANGLE:] = _NONE
        _intersect(scene, ray.ctypes.data, 0)
        distance[k] = ray[_FAR] + skip
        for axis in range(3):
            normal[k, axis] = ray[_NORMAL + axis]
        triangle[k] = -1 if words[_GEOMETRY] == _NONE else words[_TRIANGLE]
