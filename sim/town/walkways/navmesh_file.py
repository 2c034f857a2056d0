"""Writes navigation meshes in the file format of Recast and Detour, as CARLA's client library reads them.

The library takes one 'MSET' file per map from the server and lets its walkers' controllers find their ways in it. The
layout is that of `dtMeshHeader` version 7 and its arrays (Detour's DetourNavMesh.h), in one tile, little-endian, with
32-bit references. Detour's y points up: a point (x, y, z) of CARLA's is (x, z, y) there.
"""

from __future__ import annotations

import struct

import numpy as np

_SET_MAGIC = ord("M") << 24 | ord("S") << 16 | ord("E") << 8 | ord("T")
_SET_VERSION = 1
_TILE_MAGIC = ord("D") << 24 | ord("N") << 16 | ord("A") << 8 | ord("V")
_TILE_VERSION = 7
_MOST_VERTICES = 0xFFFF
_QUANTUM_PER_M = 10.0
_LARGEST_QUANTUM = 60_000
_LINK_BYTES = 12
_WALKER_HEIGHT_M, _WALKER_RADIUS_M, _CLIMB_M = 1.8, 0.3, 0.3
_MARGIN_M = 2.0
_POLY = np.dtype(
    [("link", "<u4"), ("verts", "<u2", 6), ("neighbours", "<u2", 6), ("flags", "<u2"), ("count", "u1"), ("area", "u1")]
)
_DETAIL = np.dtype([("vert_base", "<u4"), ("tri_base", "<u4"), ("verts", "u1"), ("tris", "u1"), ("", "<u2")])
_NODE = np.dtype([("low", "<u2", 3), ("high", "<u2", 3), ("index", "<i4")])
_FAN = (0, 1, 2, 1 << 0 | 1 << 2 | 1 << 4)  # a detail triangle: its corners, and that all its edges are the polygon's


class MeshTooLargeError(ValueError):
    """The mesh has more corners than one tile can name."""


def pack_mesh(points_m: np.ndarray, triangles: np.ndarray, areas: np.ndarray, flags: np.ndarray) -> bytes:
    """The file of a mesh.

    Args:
        points_m: (N, 3) corners in CARLA's frame, metres.
        triangles: (T, 3) indices into them, in any sense of rotation; triangles that share two corners are neighbours.
        areas: (T,) what each triangle is, 0 to 63.
        flags: (T,) bits that filters of walkers ask for.

    Raises:
        MeshTooLargeError: more than 65,535 corners.
    """
    if len(points_m) > _MOST_VERTICES:
        raise MeshTooLargeError(f"a navigation mesh has at most {_MOST_VERTICES} corners, this one {len(points_m)}")
    corners = np.asarray(points_m, np.float32)[:, [0, 2, 1]]
    triangles = _wound(corners, np.asarray(triangles, np.int64))
    low, high = corners.min(0) - _MARGIN_M, corners.max(0) + _MARGIN_M
    quantum = min(_QUANTUM_PER_M, _LARGEST_QUANTUM / float((high - low).max()))
    nodes = _tree(corners[triangles], low, quantum)
    count = len(triangles)
    counts = (count, len(corners), 3 * count, count, 0, count, len(nodes), 0, count)
    tile = b"".join(
        (
            struct.pack("<2i3iI", _TILE_MAGIC, _TILE_VERSION, 0, 0, 0, 0),
            struct.pack("<9i", *counts),
            struct.pack("<3f", _WALKER_HEIGHT_M, _WALKER_RADIUS_M, _CLIMB_M),
            struct.pack("<7f", *low, *high, quantum),
            corners.astype("<f4").tobytes(),
            _polygons(triangles, areas, flags).tobytes(),
            bytes(_LINK_BYTES * 3 * count),
            _details(count).tobytes(),
            np.tile(np.array(_FAN, np.uint8), (count, 1)).tobytes(),
            nodes.tobytes(),
        )
    )
    bits = max(count - 1, 1).bit_length()
    size = (float(high[0] - low[0]), float(high[2] - low[2]))
    head = struct.pack("<3i3f2f2i", _SET_MAGIC, _SET_VERSION, 1, *low, *size, 1, 1 << bits)
    first_tile_reference = 1 << bits  # salt 1, tile 0, polygon 0
    return head + struct.pack("<Ii", first_tile_reference, len(tile)) + tile


def _wound(corners: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Triangles in Detour's sense of rotation."""
    a, b, c = (corners[triangles[:, k]][:, [0, 2]] for k in range(3))
    ab, ac = b - a, c - a
    backward = ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0] > 0.0
    return np.where(backward[:, None], triangles[:, ::-1], triangles)


def _polygons(triangles: np.ndarray, areas: np.ndarray, flags: np.ndarray) -> np.ndarray:
    polygons = np.zeros(len(triangles), _POLY)
    polygons["verts"][:, :3] = triangles
    polygons["neighbours"][:, :3] = _neighbours(triangles) + 1
    polygons["flags"], polygons["area"], polygons["count"] = flags, areas, 3
    return polygons


def _neighbours(triangles: np.ndarray) -> np.ndarray:
    """(T, 3) the triangle beyond each edge, -1 where there is none. The k-th edge runs from the k-th corner on."""
    beyond = np.full(triangles.shape, -1)
    waiting: dict[tuple[int, int], tuple[int, int]] = {}
    for t, (a, b, c) in enumerate(triangles.tolist()):
        for k, edge in enumerate(((a, b), (b, c), (c, a))):
            other = waiting.pop(edge[::-1], None)
            if other is None:
                waiting[edge] = (t, k)
            else:
                beyond[t, k], beyond[other] = other[0], t
    return beyond


def _details(count: int) -> np.ndarray:
    details = np.zeros(count, _DETAIL)
    details["tri_base"], details["tris"] = np.arange(count), 1
    return details


def _tree(corners: np.ndarray, origin: np.ndarray, quantum: float) -> np.ndarray:
    """Detour's tree of bounding boxes over (T, 3, 3) triangles: depth first, inner nodes say how many to skip."""
    low = np.floor((corners.min(1) - origin) * quantum).astype(np.int64)
    high = np.ceil((corners.max(1) - origin) * quantum).astype(np.int64)
    nodes: list[tuple[np.ndarray, np.ndarray, int]] = []

    def add(items: np.ndarray) -> None:
        bottom, top = low[items].min(0), high[items].max(0)
        if len(items) == 1:
            nodes.append((bottom, top, int(items[0])))
            return
        at = len(nodes)
        nodes.append((bottom, top, 0))
        ordered = items[np.argsort(low[items, int(np.argmax(top - bottom))], kind="stable")]
        add(ordered[: len(items) // 2])
        add(ordered[len(items) // 2 :])
        nodes[at] = (bottom, top, at - len(nodes))

    add(np.arange(len(corners)))
    tree = np.zeros(len(nodes), _NODE)
    tree["low"], tree["high"], tree["index"] = (np.array(column) for column in zip(*nodes, strict=True))
    return tree
