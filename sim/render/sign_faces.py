"""Paints the faces of road signs into one texture layer; `sim.town.signs` places the plates that show them."""

from __future__ import annotations

import functools

import cv2
import numpy as np

from sim.kept import kept
from sim.render.textures import SIZE, texture_array
from sim.scene.surfaces import SIGNS
from sim.town.signs import CELLS, GIVE_WAY, LIMITS, SHAPES, SPEED, STOP

CELL_PX = SIZE // CELLS
Rgb = tuple[float, float, float]
RED: Rgb = (0.75, 0.06, 0.08)
WHITE: Rgb = (0.97, 0.97, 0.97)
BLACK: Rgb = (0.03, 0.03, 0.03)


def painted(shapes: list[tuple[np.ndarray, Rgb]], text: str, colour: Rgb) -> np.ndarray:
    """One face (CELL_PX, CELL_PX, 3), row 0 at the bottom: polygons over each other, and a word in the middle."""
    colours = [tuple(255.0 * c for c in fill) for _, fill in shapes]
    picture = np.full((CELL_PX, CELL_PX, 3), colours[0], np.uint8)
    for (corners, _), fill in zip(shapes, colours, strict=True):
        pixels = (np.array([1.0, -1.0]) * corners + 1.0) / 2.0 * (CELL_PX - 1)
        cv2.fillPoly(picture, [np.round(pixels).astype(np.int32)], fill, cv2.LINE_AA)
    if text:
        font, thick = cv2.FONT_HERSHEY_SIMPLEX, 5
        (w, h), _ = cv2.getTextSize(text, font, 1.0, thick)
        scale = min(0.66 * CELL_PX / w, 0.42 * CELL_PX / h)
        (w, h), _ = cv2.getTextSize(text, font, scale, thick)
        cv2.putText(
            picture, text, ((CELL_PX - w) // 2, (CELL_PX + h) // 2), font, scale, [255.0 * c for c in colour], thick
        )
    return picture[::-1] / 255.0


@functools.cache
def faces() -> np.ndarray:
    """The (SIZE, SIZE, 3) texture with every face; cell k lies in column k % CELLS of row k // CELLS."""
    stop, triangle, disc = (SHAPES[kind] for kind in (STOP, GIVE_WAY, SPEED))
    cells = [
        painted([(stop, WHITE), (stop * 0.93, RED)], "STOP", WHITE),
        painted([(triangle, RED), (triangle * 0.60 + [0.0, 0.06], WHITE)], "", BLACK),
        *(painted([(disc, RED), (disc * 0.74, WHITE)], str(limit), BLACK) for limit in LIMITS),
    ]
    picture = np.zeros((SIZE, SIZE, 3))
    for k, cell in enumerate(cells):
        row, column = divmod(k, CELLS)
        picture[row * CELL_PX : (row + 1) * CELL_PX, column * CELL_PX : (column + 1) * CELL_PX] = cell
    return picture


def surface_layers() -> np.ndarray:
    """(LAYERS, SIZE, SIZE, 4) uint8: the town's surfaces with the faces of road signs."""
    return kept("surfaces", _surface_layers)


def _surface_layers() -> np.ndarray:
    layers = texture_array().copy()
    layers[SIGNS, ..., :3] = np.round(np.clip(faces(), 0.0, 1.0) * 255.0)
    return layers
