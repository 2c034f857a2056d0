"""The texture layers of leaves, painted by numpy: clusters of leaves with holes between them, and close foliage.

`LEAVES` has one cluster a species, as `sim.town.trees` lays its cards; alpha is where there are leaves. `FOLIAGE` is
the inside of a crown or hedge, without holes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.scene.surfaces import LEAF_CELLS

HIGHEST_SHARE = 0.93
"""How far from its cell's middle a cluster reaches, so that neighbouring cells do not show."""


@dataclass(frozen=True)
class Leaf:
    """What one species' leaves look like: half length and half width in shares of a cell, and how many there are."""

    length: float
    width: float
    count: int
    hanging: float = 0.0
    """0: leaves point anywhere; 1: they point away from the cluster's stalk and down, as needles do."""


SPECIES = (Leaf(0.060, 0.036, 250), Leaf(0.040, 0.026, 400), Leaf(0.085, 0.014, 430, 0.8), Leaf(0.036, 0.034, 430))


def painted(size: int, leaves: Leaf, rng: np.random.Generator, close: bool) -> np.ndarray:
    """(size, size, 4): leaves over each other, the later ones brighter; `close` tiles and leaves no holes."""
    picture = np.zeros((size, size, 4))
    picture[..., :3] = 0.42 if close else 0.66
    picture[..., 3] = 0.0
    count = leaves.count * (3 if close else 1)
    for k in range(count):
        bearing = float(rng.uniform(0.0, 2.0 * np.pi))
        far = 0.5 * float(rng.uniform()) ** 0.58
        if close:
            x, y = rng.uniform(0.0, 1.0, 2).tolist()
        else:
            reach = HIGHEST_SHARE * (1.0 - 2.0 * leaves.length) * (1.0 + 0.12 * np.sin(5.0 * bearing + 1.0))
            x, y = 0.5 + reach * far * np.cos(bearing), 0.5 + reach * far * np.sin(bearing)
        own = float(rng.uniform(0.0, np.pi))
        turn = own if rng.uniform() > leaves.hanging else bearing + float(rng.normal(0.0, 0.35))
        shade = (0.45 + 0.45 * k / count) * float(rng.uniform(0.82, 1.18))
        warm = float(rng.uniform(-0.05, 0.05))
        stamp(picture, (x, y), (leaves.length, leaves.width), turn, np.array([shade + warm, shade, shade - warm]))
    if close:
        picture[..., 3] = 0.0
    return np.clip(picture, 0.0, 1.0)


def stamp(
    picture: np.ndarray, at: tuple[float, float], half: tuple[float, float], turn: float, colour: np.ndarray
) -> None:
    """One leaf with a bright and a dark half; it wraps around the picture's edges."""
    size = len(picture)
    span = int(np.ceil(half[0] * size)) + 1
    column, row = int(at[0] * size), int(at[1] * size)
    step = np.arange(-span, span + 1)
    dx, dy = step[None, :] / size, step[:, None] / size
    along = (np.cos(turn) * dx + np.sin(turn) * dy) / half[0]
    across = (-np.sin(turn) * dx + np.cos(turn) * dy) / half[1]
    inside = along**2 + np.abs(across) ** 1.5 < 1.0
    rows, columns = np.nonzero(inside)
    tone = np.where(across[rows, columns] > 0.0, 1.08, 0.92) * (1.0 - 0.10 * along[rows, columns] ** 2)
    rows, columns = (rows + row - span) % size, (columns + column - span) % size
    picture[rows, columns, :3] = tone[:, None] * colour
    picture[rows, columns, 3] = 1.0


def leaf_clusters(size: int) -> np.ndarray:
    """(size, size, 4): cell k lies in column k % LEAF_CELLS of row k // LEAF_CELLS, as `sim.town.trees` expects."""
    rng = np.random.default_rng(41)
    cell = size // LEAF_CELLS
    picture = np.zeros((size, size, 4))
    for k, leaf in enumerate(SPECIES):
        row, column = divmod(k, LEAF_CELLS)
        picture[row * cell : (row + 1) * cell, column * cell : (column + 1) * cell] = painted(cell, leaf, rng, False)
    return picture


def foliage(size: int) -> np.ndarray:
    """(size, size, 4): close leaves; tiles."""
    half = painted(size // 2, SPECIES[0], np.random.default_rng(42), True)
    return np.tile(half, (2, 2, 1))
