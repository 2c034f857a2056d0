"""A small modelling kit for what moves: boxes, tubes and lofts with smooth normals, as numpy arrays.

A vertex is 36 bytes: position, normal, kind, colour (alpha = gloss), the place its joint turns around, a semantic tag
(0: the whole instance's) and the joint.
Kinds say what may change per instance: `FIXED` keeps its colour, `PAINT` takes the instance's, lamps light up by flag.
Joints say what moves per instance: how far is the instance's `turns`, and the shaders (or `sim.render.models.poses`)
turn it, so that one model serves every pose.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from sim.scene.labels import Tag

ACTOR_VERTEX = np.dtype(
    [
        *(("position", "<f4", 3), ("normal", "u1", 3), ("kind", "u1"), ("colour", "u1", 4), ("pivot", "<f4", 3)),
        *(("tag", "u1"), ("joint", "u1"), ("spare", "u1", 2)),
    ]
)
Colour = tuple[float, float, float]


class Part(enum.IntEnum):
    """What a vertex belongs to; from `HEAD` on, bit `part - HEAD` of an instance's flags is set while it is lit."""

    FIXED = 0
    PAINT = 1
    HEAD = 2
    TAIL = 3
    BRAKE = 4
    LEFT = 5
    RIGHT = 6
    REVERSE = 7
    RED = 8
    YELLOW = 9
    GREEN = 10
    BEACON = 11

    @property
    def flag(self) -> int:
        """The bit that lights this lamp."""
        return 1 << (self - Part.HEAD)


class Joint(enum.IntEnum):
    """What a vertex moves with. `pose.glsl` knows these numbers.

    Wheels roll around their pivot, the front ones are steered as well. Doors are there only while they stand open.
    Legs and arms swing along x: thighs and arms around (pivot x, pivot z), shins around (pivot x, pivot z), then with
    their thigh around (pivot x, pivot y): the pivot's y is the height of the hip.
    """

    NONE = 0
    WHEEL_FRONT_LEFT = 1
    WHEEL_FRONT_RIGHT = 2
    WHEEL_REAR_LEFT = 3
    WHEEL_REAR_RIGHT = 4
    DOOR_FRONT_LEFT = 5
    DOOR_FRONT_RIGHT = 6
    DOOR_REAR_LEFT = 7
    DOOR_REAR_RIGHT = 8
    THIGH_LEFT = 9
    SHIN_LEFT = 10
    THIGH_RIGHT = 11
    SHIN_RIGHT = 12
    ARM_LEFT = 13
    ARM_RIGHT = 14


DOORS = (Joint.DOOR_FRONT_LEFT, Joint.DOOR_FRONT_RIGHT, Joint.DOOR_REAR_LEFT, Joint.DOOR_REAR_RIGHT)


@dataclass(frozen=True)
class Lamp:
    """Where a lamp sits and how big it is; it shines along x, away from the origin."""

    part: Part
    centre: Colour
    radius_m: float


@dataclass(frozen=True)
class Model:
    """A finished solid. The first `shut_indices` indices are all of it but its doors."""

    vertices: np.ndarray
    indices: np.ndarray
    shut_indices: int
    lamps: tuple[Lamp, ...]
    radius_m: float


class Solid:
    """Collects coloured triangles in an actor's own frame (x forward, y right, z up)."""

    def __init__(self) -> None:
        self._vertices: list[np.ndarray] = []
        self._triangles: list[np.ndarray] = []
        self._count = 0
        self._lamps: list[Lamp] = []
        self._tag = 0
        self._joint, self._pivot = Joint.NONE, (0.0, 0.0, 0.0)

    @contextmanager
    def moving(self, joint: Joint, pivot: Colour) -> Iterator[None]:
        """What is added inside moves with `joint` around `pivot`."""
        before = self._joint, self._pivot
        self._joint, self._pivot = joint, pivot
        try:
            yield
        finally:
            self._joint, self._pivot = before

    @contextmanager
    def labelled(self, tag: Tag) -> Iterator[None]:
        """What is added inside is `tag`, whatever the whole is."""
        before, self._tag = self._tag, int(tag)
        try:
            yield
        finally:
            self._tag = before

    def add(
        self,
        points: np.ndarray,
        triangles: np.ndarray,
        colour: Colour,
        part: Part = Part.FIXED,
        gloss: float = 0.0,
        crease_deg: float = 0.0,
    ) -> None:
        """Add (n, 3) points and (m, 3) triangles; faces that meet at less than `crease_deg` are shaded as one."""
        triangles = np.asarray(triangles).reshape(-1, 3)
        corners = np.asarray(points, dtype=float)[triangles]
        block = np.zeros(3 * len(triangles), ACTOR_VERTEX)
        block["position"] = corners.reshape(-1, 3)
        block["normal"] = np.round(creased_normals(corners, crease_deg).reshape(-1, 3) * 127.0) + 128
        block["kind"] = part
        block["colour"] = np.round(np.clip([*colour, gloss], 0.0, 1.0) * 255.0)
        block["pivot"], block["joint"] = self._pivot, self._joint
        block["tag"] = self._tag
        if part >= Part.HEAD:
            low, high = corners.min(axis=(0, 1)), corners.max(axis=(0, 1))
            x, y, z = ((low + high) / 2.0).tolist()
            self._lamps.append(Lamp(part, (x, y, z), float(np.sqrt(np.prod((high - low)[1:])) / 2.0)))
        self._vertices.append(block)
        self._triangles.append(np.arange(3 * len(triangles)) + self._count)
        self._count += len(block)

    def box(
        self,
        centre: Colour,
        half: Colour,
        colour: Colour,
        part: Part = Part.FIXED,
        gloss: float = 0.0,
    ) -> None:
        """An upright box."""
        self.add(np.array(centre) + BOX_CORNERS * half, BOX_FACES, colour, part, gloss)

    def tube(
        self,
        start: Colour,
        end: Colour,
        radii: tuple[float, float],
        colour: Colour,
        sides: int = 8,
        part: Part = Part.FIXED,
        gloss: float = 0.0,
    ) -> None:
        """A closed cylinder or cone from `start` to `end`."""
        a, b = np.array(start, float), np.array(end, float)
        axis = (b - a) / np.linalg.norm(b - a)
        u = np.cross(axis, [0.0, 0.0, 1.0] if abs(axis[2]) < 0.9 else [1.0, 0.0, 0.0])
        u /= np.linalg.norm(u)
        v = np.cross(axis, u)
        angle = np.arange(sides) * 2.0 * math.pi / sides
        ring = np.cos(angle)[:, None] * u + np.sin(angle)[:, None] * v
        points = np.concatenate([a + ring * radii[0], b + ring * radii[1], [a, b]])
        i = np.arange(sides)
        j = (i + 1) % sides
        wall = np.stack([i, j, j + sides, i, j + sides, i + sides], axis=1).reshape(-1, 3)
        self.add(points, wall, colour, part, gloss, 60.0)
        low = np.stack([j, i, np.full(sides, 2 * sides)], axis=1)
        high = np.stack([i + sides, j + sides, np.full(sides, 2 * sides + 1)], axis=1)
        self.add(points, np.concatenate([low, high]), colour, part, gloss, 0.0)

    def disc(
        self,
        centre: Colour,
        side: float,
        radius: float,
        colour: Colour,
        sides: int,
        gloss: float = 0.0,
    ) -> None:
        """A flat disc that looks along +y or -y, by the sign of `side`."""
        angle = np.arange(sides) * 2.0 * math.pi / sides * -side
        rim = np.stack([np.cos(angle), np.zeros(sides), np.sin(angle)], axis=1) * radius + centre
        fan = np.arange(1, sides - 1)
        self.add(rim, np.stack([np.zeros(sides - 2, int), fan, fan + 1], axis=1), colour, Part.FIXED, gloss)

    def loft(
        self, rings: np.ndarray, colour: Colour, part: Part = Part.FIXED, gloss: float = 0.0, crease_deg: float = 40.0
    ) -> None:
        """A skin over (n, m, 3) open rings, capped at both ends."""
        n, m = rings.shape[:2]
        i, j = np.meshgrid(np.arange(n - 1), np.arange(m - 1), indexing="ij")
        a, b = (i * m + j).ravel(), ((i + 1) * m + j).ravel()
        skin = np.stack([a, b, b + 1, a, b + 1, a + 1], axis=1).reshape(-1, 3)
        fan = np.arange(1, m - 1)
        back = np.stack([np.zeros(m - 2, int), fan, fan + 1], axis=1)
        front = np.stack([np.zeros(m - 2, int), fan + 1, fan], axis=1) + (n - 1) * m
        self.add(rings.reshape(-1, 3), np.concatenate([skin, back, front]), colour, part, gloss, crease_deg)

    def ball(self, centre: Colour, radii: Colour, colour: Colour, part: Part = Part.FIXED, gloss: float = 0.0) -> None:
        """An ellipsoid."""
        points, triangles = icosphere(1)
        self.add(np.array(centre) + points * radii, triangles, colour, part, gloss, 80.0)

    def quad(self, corners: np.ndarray, colour: Colour, part: Part = Part.FIXED, gloss: float = 0.0) -> None:
        """Four corners, counter-clockwise around the normal in the frame's own numbers."""
        self.add(np.asarray(corners), np.array([[0, 1, 2], [0, 2, 3]]), colour, part, gloss)

    def build(self) -> Model:
        """The model, without double vertices."""
        every = np.concatenate(self._vertices)
        triangles = np.concatenate(self._triangles).reshape(-1, 3)
        is_door = np.isin(every["joint"][triangles[:, 0]], DOORS)
        triangles = np.concatenate([triangles[~is_door], triangles[is_door]])
        rows = every.view(np.dtype((np.void, ACTOR_VERTEX.itemsize)))
        _, first, inverse = np.unique(rows, return_index=True, return_inverse=True)
        vertices, indices = every[first], inverse.ravel()[triangles.ravel()].astype(np.uint32)
        radius = float(np.linalg.norm(vertices["position"], axis=1).max())
        lamps = {(lamp.part, lamp.centre): lamp for lamp in self._lamps if lamp.radius_m > 0.02}
        return Model(vertices, indices, 3 * int((~is_door).sum()), tuple(lamps.values()), radius)


BOX_CORNERS = np.array([(x, y, z) for z in (-1, 1) for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))], float)
"""(8, 3): of the cube from -1 to 1."""
BOX_FACES = np.array(
    [[0, 2, 1], [0, 3, 2], [4, 5, 6], [4, 6, 7], [0, 1, 5], [0, 5, 4], [1, 2, 6], [1, 6, 5], [2, 3, 7], [2, 7, 6],
     [3, 0, 4], [3, 4, 7]]
)  # fmt: skip
"""(12, 3): triangles of a box by its corners, wound outwards."""


def creased_normals(corners: np.ndarray, crease_deg: float) -> np.ndarray:
    """(m, 3, 3) normals of (m, 3, 3) triangle corners, averaged over the faces that meet at less than the crease."""
    area = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    flat = area / (np.linalg.norm(area, axis=1, keepdims=True) + 1e-12)
    if crease_deg <= 0.0:
        return np.repeat(flat[:, None], 3, axis=1)
    places = np.round(corners.reshape(-1, 3), 4) + 0.0  # no -0.0, which is another place than 0.0 by its bytes
    order = np.lexsort(places.T)
    placed = places[order]
    begins = np.concatenate([[True], (placed[1:] != placed[:-1]).any(axis=1)])
    group = np.cumsum(begins) - 1
    start = np.flatnonzero(begins)
    count = np.diff(np.append(start, len(order)))
    # Every pair of corners that share a place: the normal of the first is a sum over the faces of the second.
    mine = np.repeat(np.arange(len(order)), count[group])
    theirs = np.arange(len(mine)) - np.repeat(np.cumsum(count[group]) - count[group], count[group]) + start[group][mine]
    one, other = order[mine], order[theirs] // 3
    near = np.einsum("ij,ij->i", flat[other], flat[one // 3]) >= math.cos(math.radians(crease_deg)) - 1e-9
    total = np.zeros((len(order), 3))
    for axis in range(3):
        total[:, axis] = np.bincount(one[near], area[other[near], axis], len(order))
    return (total / (np.linalg.norm(total, axis=1, keepdims=True) + 1e-12)).reshape(-1, 3, 3)


def icosphere(divisions: int) -> tuple[np.ndarray, np.ndarray]:
    """Unit sphere of 20 * 4**divisions triangles, wound outwards."""
    g = (1.0 + math.sqrt(5.0)) / 2.0
    points = [(-1, g, 0), (1, g, 0), (-1, -g, 0), (1, -g, 0), (0, -1, g), (0, 1, g), (0, -1, -g), (0, 1, -g)]
    points += [(g, 0, -1), (g, 0, 1), (-g, 0, -1), (-g, 0, 1)]
    sphere = np.array(points, float) / math.hypot(1.0, g)
    triangles = np.array(
        [[0, 11, 5], [0, 5, 1], [0, 1, 7], [0, 7, 10], [0, 10, 11], [1, 5, 9], [5, 11, 4], [11, 10, 2], [10, 7, 6],
         [7, 1, 8], [3, 9, 4], [3, 4, 2], [3, 2, 6], [3, 6, 8], [3, 8, 9], [4, 9, 5], [2, 4, 11], [6, 2, 10],
         [8, 6, 7], [9, 8, 1]]
    )  # fmt: skip
    for _ in range(divisions):
        corners = sphere[triangles]
        a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
        ab, bc, ca = ((p + q) / np.linalg.norm(p + q, axis=1, keepdims=True) for p, q in ((a, b), (b, c), (c, a)))
        split = np.stack([a, ab, ca, ab, b, bc, ca, bc, c, ab, bc, ca], axis=1).reshape(-1, 3)
        sphere, inverse = np.unique(np.round(split, 9), axis=0, return_inverse=True)
        triangles = inverse.reshape(-1, 3)
    return sphere, triangles
