"""Trees and shrubs of several kinds as triangles of one metre's height: wood, close foliage, and cards of leaves.

A crown is a few lumps. Each has a core of close foliage, which is solid for rays and hides what is behind, and around
it cards with clusters of leaves, whose holes the shaders cut out. Made once a process; `sim.town.trees` places them.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from sim.scene.surfaces import LEAF_CELLS
from sim.town.mesh import noise
from sim.town.solids import icosphere

VARIANTS = 3
NEAR_M, MIDDLE_M, FAR_M = (0.0, 30.0), (30.0, 75.0), (75.0, 320.0)
FAR_LEAVES_M = (75.0, 150.0)
"""Between which distances the three sets of cards are drawn; the lumps' cores over the first two."""
CORE_SHARE = 0.90
"""Radius of a lump's core in shares of the lump's."""


@dataclass(frozen=True)
class Kind:
    """The build of a species; lengths in shares of the tree's height."""

    cell: int
    """Which cluster of the layer `LEAVES` its cards show."""
    low: float
    """Where the crown begins."""
    spread: float
    """The crown's radius."""
    profile: tuple[float, ...]
    """The crown's radius from its foot to its top, of `spread`."""
    lumps: int
    lump: float
    """Radius of a lump, of `spread`."""
    trunk: float
    """The trunk's radius at its foot."""
    leaf_rgb: tuple[tuple[float, float, float], ...]
    bark_rgb: tuple[float, float, float]


LIME = Kind(0, 0.30, 0.30, (0.70, 1.0, 0.95, 0.55), 9, 0.56, 0.024,
            ((0.27, 0.43, 0.15), (0.33, 0.46, 0.16), (0.22, 0.38, 0.16)), (0.34, 0.28, 0.22))  # fmt: skip
MAPLE = Kind(0, 0.26, 0.38, (0.75, 1.0, 0.90, 0.50), 12, 0.46, 0.030,
             ((0.30, 0.42, 0.13), (0.44, 0.40, 0.13), (0.25, 0.40, 0.18), (0.50, 0.30, 0.12)),
             (0.30, 0.24, 0.20))  # fmt: skip
BIRCH = Kind(1, 0.28, 0.20, (0.55, 1.0, 0.85, 0.45), 9, 0.62, 0.016,
             ((0.38, 0.48, 0.18), (0.44, 0.50, 0.17)), (0.76, 0.75, 0.71))  # fmt: skip
PLANE = Kind(3, 0.36, 0.34, (0.55, 0.95, 1.0, 0.60), 10, 0.48, 0.028,
             ((0.24, 0.39, 0.18), (0.29, 0.43, 0.20)), (0.46, 0.42, 0.34))  # fmt: skip
FIR = Kind(2, 0.10, 0.23, (1.0, 0.72, 0.42, 0.12), 13, 0.52, 0.020,
           ((0.13, 0.27, 0.16), (0.16, 0.30, 0.15)), (0.28, 0.21, 0.16))  # fmt: skip
STREET_KINDS = (LIME, LIME, PLANE, BIRCH, MAPLE)
GROVE_KINDS = (MAPLE, MAPLE, LIME, BIRCH, FIR, FIR, PLANE)


@dataclass(frozen=True)
class Shell:
    """Triangles with what the mesh needs of each vertex; `shade` multiplies a tree's own colour."""

    points: np.ndarray
    triangles: np.ndarray
    normals: np.ndarray
    uv: np.ndarray
    shade: np.ndarray


@dataclass(frozen=True)
class TreeModel:
    """One variant of a kind, one metre high, standing at the origin."""

    wood: Shell
    far_wood: Shell
    """The trunk alone."""
    core: Shell
    far_core: Shell
    """The whole crown as one body."""
    cards: tuple[Shell, Shell, Shell]
    """From near to far."""


@functools.cache
def tree_model(kind: Kind, variant: int) -> TreeModel:
    """A variant of a kind, the same for ever."""
    rng = np.random.default_rng([kind.lumps, round(1000 * kind.spread), kind.cell, variant])
    centres, radii = lumps_of(kind, rng)
    middle = np.array([0.0, 0.0, (kind.low + 1.0) / 2.0])
    near = cards(kind, centres, radii, middle, 7, 0.70, rng)
    # Far cards are fewer and larger, about the crown's middle.
    mid = cards(kind, centres, radii, middle, 2, 1.02, rng)
    some = np.arange(0, len(radii), 2)
    far = cards(kind, centres[some], radii[some], middle, 1, 1.35, rng)
    trunk = wood(kind, centres, rng.normal(0.0, 0.012, (2, 2)))
    return TreeModel(trunk, far_wood(kind), core(centres, radii, middle), far_core(kind), (near, mid, far))


def lumps_of(kind: Kind, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(n, 3) middles and (n,) radii of the crown's lumps, wound around the trunk from the foot to the top."""
    share = (np.arange(kind.lumps) + 0.5) / kind.lumps
    width = kind.spread * np.interp(share, np.linspace(0.0, 1.0, len(kind.profile)), kind.profile)
    radii = np.minimum(kind.lump * kind.spread * rng.uniform(0.85, 1.15, kind.lumps), np.maximum(width, 0.06))
    bearing = np.arange(kind.lumps) * 2.4 + rng.uniform(-0.4, 0.4, kind.lumps)
    away = np.maximum(width - 0.75 * radii, 0.0) * rng.uniform(0.75, 1.05, kind.lumps)
    low, high = kind.low + 0.7 * radii[0], 1.0 - radii[-1]
    z = low + (high - low) * share
    return np.column_stack([away * np.cos(bearing), away * np.sin(bearing), z]), radii


def core(centres: np.ndarray, radii: np.ndarray, middle: np.ndarray) -> Shell:
    """Bumpy balls within the lumps."""
    ball, triangles = icosphere(0)
    parts, normals = [], []
    for k, (centre, radius) in enumerate(zip(centres, radii, strict=True)):
        bumps = 1.0 + 0.22 * noise(ball[:, :2] * 3.0 + ball[:, 2:] * 2.0, 1.0, 50 + k)
        parts.append(centre + ball * (CORE_SHARE * radius * bumps)[:, None])
        normals.append(outwards(parts[-1], middle, ball))
    points = np.concatenate(parts)
    faces = np.concatenate([triangles + k * len(ball) for k in range(len(radii))])
    uv = points[:, :2] * 2.2 + points[:, 2:] * [1.3, 1.9]
    return Shell(points, faces, np.concatenate(normals), uv, 0.62 * shaded(points, middle))


def far_core(kind: Kind) -> Shell:
    """A body of five sides around the crown's profile."""
    sides, rings = 5, 3
    share = np.array([0.04, 0.35, 0.75])
    radius = 0.82 * kind.spread * np.interp(share, np.linspace(0.0, 1.0, len(kind.profile)), kind.profile)
    angle = np.arange(sides) * 2.0 * np.pi / sides + np.arange(rings)[:, None] * 0.6
    z = kind.low + share * (1.0 - kind.low)
    ring = np.stack([radius[:, None] * np.cos(angle), radius[:, None] * np.sin(angle), z[:, None] + 0.0 * angle], -1)
    points = np.concatenate([ring.reshape(-1, 3), [[0.0, 0.0, 0.97]]])
    i, j = (a.ravel() for a in np.meshgrid(np.arange(rings - 1), np.arange(sides), indexing="ij"))
    a, b = i * sides + j, i * sides + (j + 1) % sides
    skin = np.stack([a, b, b + sides, a, b + sides, a + sides], axis=1).reshape(-1, 3)
    last = (rings - 1) * sides + np.arange(sides)
    lid = np.stack([last, (rings - 1) * sides + (np.arange(sides) + 1) % sides, np.full(sides, len(points) - 1)], 1)
    middle = np.array([0.0, 0.0, (kind.low + 1.0) / 2.0])
    normals = outwards(points, middle, unit(points - middle))
    uv = points[:, :2] * 2.2 + points[:, 2:] * [1.3, 1.9]
    return Shell(points, np.concatenate([skin, lid]), normals, uv, 0.72 * shaded(points, middle))


def cards(
    kind: Kind, centres: np.ndarray, radii: np.ndarray, middle: np.ndarray, each: int, size: float,
    rng: np.random.Generator,
) -> Shell:  # fmt: skip
    """Square cards of leaves around every lump, `each` of `size` times its radius."""
    count = each * len(radii)
    lump = np.repeat(np.arange(len(radii)), each)
    turn = np.arange(each) * 2.4 + rng.uniform(0.0, 2.0 * np.pi)
    up = np.clip(np.linspace(-0.55, 0.95, each) if each > 1 else np.array([0.2]), -1.0, 1.0)
    ring = np.sqrt(1.0 - up**2)
    out = np.tile(np.column_stack([ring * np.cos(turn), ring * np.sin(turn), up]), (len(radii), 1))
    out = unit(out + rng.normal(0.0, 0.25, out.shape) + 0.9 * unit(centres[lump] * [1.0, 1.0, 0.0] + 1e-6))
    face = unit(out + rng.normal(0.0, 0.45, out.shape))
    right = unit(np.cross(face, [0.0, 0.0, 1.0]) + 1e-6)
    above = np.cross(right, face)
    spin = rng.uniform(0.0, 2.0 * np.pi, count)[:, None]
    right, above = np.cos(spin) * right + np.sin(spin) * above, np.cos(spin) * above - np.sin(spin) * right
    half = (size * radii[lump] * rng.uniform(0.85, 1.15, count))[:, None]
    at = centres[lump] + out * (0.62 * radii[lump])[:, None]
    corners = [at + half * (a * right + b * above) for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    points = np.stack(corners, axis=1).reshape(-1, 3)
    row, column = divmod(kind.cell, LEAF_CELLS)
    uv = (np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) + np.array([column, row])) / LEAF_CELLS
    first = 4 * np.arange(count)[:, None]
    triangles = (first + np.array([0, 1, 2, 0, 2, 3])).reshape(-1, 3)
    normals = outwards(points, middle, np.repeat(out, 4, axis=0))
    tone = np.repeat(rng.uniform(0.88, 1.12, count), 4)[:, None]
    return Shell(points, triangles, normals, np.tile(uv, (count, 1)), tone * shaded(points, middle))


def wood(kind: Kind, centres: np.ndarray, bend: np.ndarray) -> Shell:
    """A trunk that tapers and bends a little, and a branch to most lumps."""
    top = kind.low + 0.45 * (1.0 - kind.low)
    spine = np.array([(0.0, 0.0, -0.05, 1.5), (0.0, 0.0, 0.02, 1.0), (*bend[0], kind.low, 0.72), (*bend[1], top, 0.30)])
    pieces = [tube(spine[:, :3], kind.trunk * spine[:, 3], 7)]
    for k, centre in enumerate(centres[:-1]):
        foot = np.array([*bend[0], kind.low * (0.82 + 0.06 * (k % 4))])
        if centre[2] > foot[2] + 0.02:
            pieces.append(tube(np.array([foot, centre]), kind.trunk * np.array([0.42, 0.16]), 3))
    first = np.cumsum([0, *(len(points) for points, _, _ in pieces)])
    at, normals = (np.concatenate([piece[k] for piece in pieces]) for k in (0, 1))
    faces = np.concatenate([triangles + start for (_, _, triangles), start in zip(pieces, first, strict=False)])
    shade = 1.0 - 0.25 * np.clip(at[:, 2:] / kind.low, 0.0, 1.0)  # in the crown's shadow
    return Shell(at, faces, normals, np.zeros((len(at), 2)), shade)


def far_wood(kind: Kind) -> Shell:
    """Three sides from the ground into the crown."""
    spine = np.array([(0.0, 0.0, -0.05), (0.0, 0.0, kind.low + 0.1)])
    points, normals, triangles = tube(spine, kind.trunk * np.array([1.0, 0.8]), 3)
    return Shell(points, triangles, normals, np.zeros((len(points), 2)), np.full((len(points), 1), 0.85))


def tube(spine: np.ndarray, radii: np.ndarray, sides: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points, normals and triangles of an open tube along (n, 3) points."""
    axis = unit(np.gradient(spine, axis=0))
    across = unit(np.cross(axis, [0.31, 0.95, 0.07]))
    other = np.cross(axis, across)
    angle = np.arange(sides) * 2.0 * np.pi / sides
    normals = np.cos(angle)[None, :, None] * across[:, None] + np.sin(angle)[None, :, None] * other[:, None]
    points = spine[:, None] + normals * radii[:, None, None]
    i, j = (a.ravel() for a in np.meshgrid(np.arange(len(spine) - 1), np.arange(sides), indexing="ij"))
    a, b = i * sides + j, i * sides + (j + 1) % sides
    triangles = np.stack([a, b, b + sides, a, b + sides, a + sides], axis=1).reshape(-1, 3)
    return points.reshape(-1, 3), normals.reshape(-1, 3), triangles


def outwards(points: np.ndarray, middle: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Normals between those of the whole crown and of each lump, turned up a little: soft light."""
    return unit(unit((points - middle) * [1.0, 1.0, 0.7]) + 0.75 * own + [0.0, 0.0, 0.35])


def shaded(points: np.ndarray, middle: np.ndarray) -> np.ndarray:
    """(n, 1): how much light of the sky comes to a crown's places; less below and inside."""
    height = np.clip((points[:, 2] - middle[2]) / (1.0 - middle[2]), -1.0, 1.0)
    return (0.90 + 0.20 * height)[:, None]


def unit(vectors: np.ndarray) -> np.ndarray:
    """Of length one."""
    return vectors / (np.linalg.norm(vectors, axis=-1, keepdims=True) + 1e-12)
