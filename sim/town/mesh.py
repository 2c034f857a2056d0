"""Meshes as numpy arrays: a builder for the town's static surfaces, cut into chunks that are culled on the CPU.

A static vertex is 28 bytes: position, colour (alpha = light of street lamps at night), normal, texture layer and
texture coordinates. Triangles wind counter-clockwise around their normal, taking the numbers of CARLA's left-handed
frame as if it were right-handed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np

from sim.scene.bodies import StaticBody
from sim.scene.labels import LABEL, LAST_THING, Tag
from sim.scene.surfaces import LEAVES, TAG_OF_LAYER

STATIC_VERTEX = np.dtype(
    [("position", "<f4", 3), ("colour", "u1", 4), ("normal", "u1", 3), ("layer", "u1"), ("uv", "<f4", 2)]
)
CHUNK_M = 32.0


@dataclass(frozen=True)
class Chunks:
    """Index ranges with bounding spheres: what one view may skip."""

    first: np.ndarray  # (n,) first index
    count: np.ndarray  # (n,) number of indices
    centre: np.ndarray  # (n, 3)
    radius: np.ndarray  # (n,)
    cell: np.ndarray  # (n, 2) middle of the square that distances are measured to
    begin: np.ndarray  # (n,) distance (m) from which it is drawn
    reach: np.ndarray  # (n,) and beyond which it is not


class StaticMesh:
    """Collects triangles, then sorts them into chunks; and what of it is solid."""

    is_drawn = True
    """Whether triangles are kept: what only adds triangles, and rolls no dice, may be left out otherwise."""

    def __init__(self) -> None:
        self.bodies: list[StaticBody] = []
        self._vertices: list[np.ndarray] = []
        self._triangles: list[np.ndarray] = []
        self._reach: list[np.ndarray] = []
        self._count = 0
        self._labels: list[np.ndarray] = []
        self._tag: Tag | None = None
        self._thing = 0
        self._things = 0

    @contextmanager
    def labelled(self, tag: Tag, thing: bool = False) -> Iterator[None]:
        """Label what is added inside as `tag` (by default its layer's); with `thing`, as one thing of its own."""
        before = self._tag, self._thing
        self._tag = tag
        if thing:
            self._thing = LAST_THING - self._things % (LAST_THING // 2)
            self._things += 1
        try:
            yield
        finally:
            self._tag, self._thing = before

    def stand(self, footprint: np.ndarray, low_m: float, high_m: float, tag: Tag, signal_id: str = "") -> None:
        """Say that what is drawn here is solid: vehicles, walkers and props cannot pass.

        Args:
            footprint: (n, 2) corners of a convex outline in the world, metres; what is not convex is several bodies.
                It must be where the triangles are at bumper height, to a few centimetres. `sim.scene.bodies` has
                `rectangle` and `ring`.
            low_m: height in the world that it reaches from. A little below the ground for what stands on it.
            high_m: height that it reaches to.
            tag: what it is; collision sensors name it after this (`StaticBody.static_id`).
            signal_id: the OpenDRIVE id of the sign or light that it is the post of.

        ValueError as of `StaticBody`. What would reach into a driving lane is left out (`sim.town.standing`).
        """
        self.bodies.append(StaticBody(np.asarray(footprint, float), float(low_m), float(high_m), tag, signal_id))

    def add(
        self,
        points: np.ndarray,
        triangles: np.ndarray,
        colour: np.ndarray | tuple[float, float, float],
        layer: int,
        uv: np.ndarray | None = None,
        normal: np.ndarray | tuple[float, float, float] | None = None,
        reach: float = 220.0,
        begin: float = 0.0,
    ) -> None:
        """Add (n, 3) points with (m, 3) triangles; colours 0..1; `uv` defaults to x, y; flat normals if none given.

        Drawn from a distance of `begin` to one of `reach` metres.
        """
        points = np.asarray(points, dtype=np.float32)
        triangles = np.asarray(triangles, dtype=np.int64).reshape(-1, 3)
        if not len(triangles):
            return
        colour = np.broadcast_to(np.asarray(colour, dtype=float), (len(points), 3))
        uv = points[:, :2] if uv is None else np.asarray(uv)
        if normal is None:
            a, b, c = (points[triangles[:, i]] for i in range(3))
            flat = cross(b - a, c - a)
            flat /= np.linalg.norm(flat, axis=1, keepdims=True) + 1e-12
            points, colour, uv = points[triangles.ravel()], colour[triangles.ravel()], uv[triangles.ravel()]
            normals = np.repeat(flat, 3, axis=0)
            triangles = np.arange(len(points)).reshape(-1, 3)
        else:
            normals = np.broadcast_to(np.asarray(normal, dtype=float), (len(points), 3))
            triangles = wound(points, triangles, normals)
        block = np.zeros(len(points), STATIC_VERTEX)
        block["position"] = points
        block["colour"][:, :3] = np.clip(colour * 255.0, 0, 255)
        block["normal"] = np.round(normals * 127.0) + 128
        block["layer"] = layer
        block["uv"] = uv
        label = np.zeros(len(points), LABEL)
        label["tag"] = self._tag if self._tag is not None else TAG_OF_LAYER.get(layer, Tag.STATIC)
        label["thing"] = self._thing
        self._labels.append(label)
        self._vertices.append(block)
        self._triangles.append(triangles + self._count)
        self._reach.append(np.tile(np.array([begin, reach], np.float32), (len(triangles), 1)))
        self._count += len(points)

    def strip(
        self,
        left: np.ndarray,
        right: np.ndarray,
        colour: np.ndarray | tuple[float, float, float],
        layer: int,
        uv: tuple[np.ndarray, np.ndarray] | None = None,
        up: bool = True,
        reach: float = 220.0,
        begin: float = 0.0,
    ) -> None:
        """A band between two polylines of n points; lit as level ground if `up`, else by its own faces."""
        n = len(left)
        i = np.arange(n - 1)
        quads = np.stack([i, i + n, i + n + 1, i, i + n + 1, i + 1], axis=1).reshape(-1, 3)
        self.add(
            np.concatenate([left, right]),
            quads,
            colour,
            layer,
            uv=None if uv is None else np.concatenate(uv),
            normal=(0.0, 0.0, 1.0) if up else None,
            reach=reach,
            begin=begin,
        )

    def labels(self) -> np.ndarray:
        """(n,) `LABEL` of every vertex, in the order of `build`."""
        return np.concatenate(self._labels)

    def build(self) -> tuple[np.ndarray, np.ndarray, Chunks, Chunks]:
        """Vertices, indices (uint32) sorted by chunk, the chunks of what is solid, and those of leaves with holes."""
        vertices = np.concatenate(self._vertices)
        triangles = np.concatenate(self._triangles)
        reach = np.concatenate(self._reach)
        has_holes = vertices["layer"][triangles[:, 0]] == LEAVES
        sorted_triangles, chunks = [], []
        for part in (np.flatnonzero(~has_holes), np.flatnonzero(has_holes)):
            order, cut_up = cut(vertices["position"][triangles[part]], reach[part])
            chunks.append(replace(cut_up, first=cut_up.first + 3 * sum(map(len, sorted_triangles))))
            sorted_triangles.append(triangles[part][order])
        return vertices, np.concatenate(sorted_triangles).astype(np.uint32).ravel(), chunks[0], chunks[1]


def cut(corners: np.ndarray, span: np.ndarray) -> tuple[np.ndarray, Chunks]:
    """The order of (m, 3, 3) triangles by chunk, and the chunks; `span` (m, 2) is the distances to draw between."""
    if not len(corners):
        none = np.zeros(0, np.int64)
        return none, Chunks(none, none, np.zeros((0, 3)), np.zeros(0), np.zeros((0, 2)), np.zeros(0), np.zeros(0))
    side = CHUNK_M * np.where(span[:, 1] > 500.0, np.where(span[:, 1] > 5000.0, 8, 2), 1).astype(np.int64)
    cell = np.floor(corners.mean(axis=1)[:, :2] / side[:, None]).astype(np.int64)
    group = np.zeros(len(cell), np.int64)
    # One number for all five, in their order: what is drawn of one square lies together, and is then one draw.
    for column in ((side / CHUNK_M).astype(np.int64), *cell.T, *span.astype(np.int64).T):
        column = column - column.min()
        group = group * (int(column.max()) + 1) + column
    order = np.argsort(group, kind="stable")
    group = group[order]
    starts = np.flatnonzero(np.concatenate([[True], np.diff(group) > 0]))
    ends = np.append(starts[1:], len(group))
    low = np.minimum.reduceat(corners[order].min(axis=1), starts)
    high = np.maximum.reduceat(corners[order].max(axis=1), starts)
    first = order[starts]
    chunks = Chunks(
        first=starts * 3,
        count=(ends - starts) * 3,
        centre=(low + high) / 2.0,
        radius=np.linalg.norm(high - low, axis=1) / 2.0,
        cell=(cell[first] + 0.5) * side[first, None],
        begin=span[first, 0],
        reach=span[first, 1],
    )
    return order, chunks


def cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(n, 3) cross products; for few rows several times as fast as `numpy.cross`."""
    x, y, z = (a[:, i] * b[:, j] - a[:, j] * b[:, i] for i, j in ((1, 2), (2, 0), (0, 1)))
    return np.stack([x, y, z], axis=1)


def wound(points: np.ndarray, triangles: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """The triangles, turned where needed so that they wind around their vertices' normals."""
    a, b, c = (points[triangles[:, i]] for i in range(3))
    against = np.einsum("ij,ij->i", cross(b - a, c - a), normals[triangles[:, 0]]) < 0.0
    turned = triangles.copy()
    turned[against] = turned[against][:, ::-1]
    return turned


def noise(points: np.ndarray, scale_m: float, seed: int = 0) -> np.ndarray:
    """Smooth value noise in -1..1 at (n, 2+) points, the same for ever for the same seed."""
    grid = np.asarray(points, dtype=float)[:, :2] / scale_m
    cell = np.floor(grid).astype(np.int64)
    f = grid - cell
    f = f * f * (3.0 - 2.0 * f)

    def corner(dx: int, dy: int) -> np.ndarray:
        h = (cell[:, 0] + dx) * 374761393 + (cell[:, 1] + dy) * 668265263 + seed * 2147483647
        h = (h ^ (h >> 13)) * 1274126177
        return ((h ^ (h >> 16)) & 0xFFFF) / 32767.5 - 1.0

    bottom = corner(0, 0) * (1 - f[:, 0]) + corner(1, 0) * f[:, 0]
    top = corner(0, 1) * (1 - f[:, 0]) + corner(1, 1) * f[:, 0]
    return bottom * (1 - f[:, 1]) + top * f[:, 1]
