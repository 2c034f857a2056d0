"""The few surface patterns of the town, painted by numpy into one texture array.

RGB multiplies a surface's own colour; alpha is how much of it is glass instead (1 glass, around 0.5 glass that is
lit from inside at night, 0 no glass); in the layer `LEAVES` it is where there are leaves. Every layer tiles.
"""

from __future__ import annotations

import functools

import numpy as np

from sim.render.leaves import foliage, leaf_clusters
from sim.scene.surfaces import (
    ASPHALT,
    CLASSIC,
    DOOR,
    FOLIAGE,
    GRASS,
    HOUSE,
    LAMP,
    LAYERS,
    LEAVES,
    OFFICE,
    PAVING,
    PLAIN,
    SHOP,
    TILES,
    WINDOWS_PER_TILE,
)

SIZE = 512
"""Pixels along a side of a layer."""


def tiling_noise(rng: np.random.Generator, cells: int) -> np.ndarray:
    """(SIZE, SIZE) value noise in -1..1 that tiles, with `cells` cells a side."""
    grid = rng.uniform(-1.0, 1.0, (cells, cells))
    at = np.arange(SIZE) * cells / SIZE
    low = at.astype(int)
    f = at - low
    f = f * f * (3.0 - 2.0 * f)
    high = (low + 1) % cells
    rows = grid[low] * (1 - f)[:, None] + grid[high] * f[:, None]
    return rows[:, low] * (1 - f) + rows[:, high] * f


def ground(rng: np.random.Generator, mean: float, amounts: dict[int, float], grain: float) -> np.ndarray:
    """A speckled surface."""
    value = np.full((SIZE, SIZE), mean)
    for cells, amount in amounts.items():
        value += amount * tiling_noise(rng, cells)
    value += grain * rng.uniform(-1.0, 1.0, (SIZE, SIZE))
    return np.repeat(value[..., None], 3, axis=2)


def paving(rng: np.random.Generator) -> np.ndarray:
    """Slabs of half a metre in a tile of three."""
    value = ground(rng, 0.8, {16: 0.02}, 0.03)
    slabs = rng.uniform(-0.05, 0.05, (6, 6))
    cell = np.arange(SIZE) * 6 // SIZE
    value += slabs[cell][:, cell][..., None]
    joints = np.arange(SIZE) % (SIZE / 6) < 3
    value[joints] -= 0.14
    value[:, joints] -= 0.14
    return value


def facade(
    rng: np.random.Generator, frame: tuple[float, float, float, float], bars: tuple[int, int], brick: bool, lit: float
) -> np.ndarray:
    """Eight by eight windows; `frame` is left, right, bottom, top of the glass within its cell (v upwards)."""
    picture = np.ones((SIZE, SIZE, 4))
    wall = ground(rng, 0.8, {8: 0.02, 64: 0.015}, 0.015)
    if brick:
        rows = np.arange(SIZE) % 8 < 2
        wall[rows] -= 0.05
    picture[..., :3], picture[..., 3] = wall, 0.0
    cell = SIZE // WINDOWS_PER_TILE
    left, right, bottom, top = (round(f * cell) for f in frame)
    for i in range(WINDOWS_PER_TILE):
        for j in range(WINDOWS_PER_TILE):
            window = picture[i * cell : (i + 1) * cell, j * cell : (j + 1) * cell]
            window[max(bottom - 5, 0) : bottom, max(left - 4, 0) : right + 4, :3] = 0.95  # sill
            window[bottom - 2 : top + 2, left - 2 : right + 2, :3] = 0.98  # frame
            paint_glass(rng, window[bottom:top, left:right], bars, lit)
    return picture


def paint_glass(rng: np.random.Generator, glass: np.ndarray, bars: tuple[int, int], lit: float) -> None:
    """One pane: darker below than above (it mirrors the sky), sometimes with a curtain, with glazing bars."""
    height, width = glass.shape[:2]
    sky = np.linspace(0.20, 0.48, height)[:, None, None] * np.array([0.75, 0.9, 1.05])
    glass[..., :3] = sky * rng.uniform(0.75, 1.2)
    if rng.random() < 0.3:
        glass[height // 2 :, :, :3] = rng.uniform(0.55, 0.8) * np.array([1.0, 0.97, 0.9])
    glass[..., 3] = 0.5 if rng.random() < lit else 1.0
    for k in range(1, bars[0]):
        glass[:, width * k // bars[0] - 1 : width * k // bars[0] + 1] = (0.95, 0.95, 0.93, 0.0)
    for k in range(1, bars[1]):
        glass[height * k // bars[1] - 1 : height * k // bars[1] + 1] = (0.95, 0.95, 0.93, 0.0)


def shopfront(rng: np.random.Generator) -> np.ndarray:
    """Ground floor of a shop: big panes below a coloured fascia, four in a tile, one floor high."""
    picture = np.ones((SIZE, SIZE, 4))
    picture[..., :3], picture[..., 3] = 0.55, 0.0
    for i in range(4):
        left = i * SIZE // 4
        shop = picture[:, left : left + SIZE // 4]
        shop[390:480, 6:-6, :3] = rng.uniform(0.25, 0.95, 3)
        paint_glass(rng, shop[50:370, 10:-10], (3, 1), 0.7)
        if i % 2:
            shop[0:370, 44:84, :3], shop[0:370, 44:84, 3] = (0.3, 0.2, 0.15), 0.0
    return picture


def doorway(rng: np.random.Generator) -> np.ndarray:
    """Ground floor of a dwelling: windows, and a door in every fourth bay."""
    picture = facade(rng, (0.3, 0.7, 0.3, 0.82), (2, 2), True, 0.35)
    one = np.kron(picture[: SIZE // 8], np.ones((8, 1, 1)))
    wide = np.repeat(one[:, : SIZE // 2], 2, axis=1)
    wide[0:330, 40:96, :3], wide[0:330, 40:96, 3] = (0.45, 0.16, 0.12), 0.0
    return wide


def roof_tiles(rng: np.random.Generator) -> np.ndarray:
    """Rows of roof tiles."""
    value = ground(rng, 0.8, {32: 0.05}, 0.05)
    value[np.arange(SIZE) % 32 < 5] -= 0.2
    return value


@functools.cache
def texture_array() -> np.ndarray:
    """(LAYERS, SIZE, SIZE, 4) uint8, row 0 at v = 0."""
    rng = np.random.default_rng(20)
    pictures: dict[int, np.ndarray] = {
        ASPHALT: ground(rng, 0.8, {8: 0.03, 48: 0.04, 128: 0.05}, 0.11),
        GRASS: ground(rng, 0.8, {8: 0.06, 32: 0.08, 128: 0.09}, 0.10),
        PAVING: paving(rng),
        PLAIN: np.full((SIZE, SIZE, 3), 0.8),
        HOUSE: facade(rng, (0.3, 0.72, 0.28, 0.8), (2, 2), True, 0.35),
        OFFICE: facade(rng, (0.06, 0.94, 0.30, 0.84), (3, 1), False, 0.5),
        CLASSIC: facade(rng, (0.33, 0.67, 0.18, 0.82), (2, 3), False, 0.4),
        SHOP: shopfront(rng),
        DOOR: doorway(rng),
        TILES: roof_tiles(rng),
        FOLIAGE: foliage(SIZE),
        LEAVES: leaf_clusters(SIZE),
        LAMP: np.concatenate([np.full((SIZE, SIZE, 3), 0.8), np.full((SIZE, SIZE, 1), 0.5)], axis=2),
    }
    array = np.zeros((LAYERS, SIZE, SIZE, 4))
    for layer, picture in pictures.items():
        array[layer, ..., : picture.shape[2]] = picture
    return np.round(np.clip(array, 0.0, 1.0) * 255.0).astype(np.uint8)
