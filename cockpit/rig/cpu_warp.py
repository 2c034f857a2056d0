"""Draws a camera's picture onto a screen on the CPU: the fallback where there is no GPU, and what tests compare with.

A flat screen is one perspective warp; a mesh becomes a look-up table for `cv2.remap`, kept until eye or camera move.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from cockpit.rig.camera_spec import CameraSpec
from cockpit.rig.projection import ScreenView, texture_coordinates

HALF_PIXEL = np.array([[1.0, 0.0, 0.5], [0.0, 1.0, 0.5], [0.0, 0.0, 1.0]])
"""From OpenCV's pixel coordinates (the first pixel's middle is 0) to ours (its corner is)."""


def warped(picture: NDArray[np.uint8], homography: ArrayLike, size_px: tuple[int, int]) -> NDArray[np.uint8]:
    """`picture` (H, W, 3) through a homography to the pixels of a screen (columns, rows); black where it has none."""
    ours = np.asarray(homography, dtype=float)
    theirs = np.linalg.inv(HALF_PIXEL) @ ours @ HALF_PIXEL
    return np.asarray(cv2.warpPerspective(picture, theirs, size_px, flags=cv2.INTER_LINEAR), np.uint8)


class MeshWarp:
    """A curved screen's look-up table."""

    def __init__(self, view: ScreenView, size_px: tuple[int, int]) -> None:
        assert view.uv is not None  # noqa: S101  curved screens only
        self._view, self._size = view, size_px
        self._columns = cell_weights(view.uv[0, :, 0], (np.arange(size_px[0]) + 0.5) / size_px[0])
        self._rows = cell_weights(view.uv[:, 0, 1], (np.arange(size_px[1]) + 0.5) / size_px[1])
        self._key: tuple[object, ...] = ()
        self._table: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None

    def warped(self, picture: NDArray[np.uint8], eye_m: tuple[float, float, float], camera: CameraSpec) -> NDArray:
        """The picture of `camera` (its size may differ from the camera's) as the display must be sent it."""
        key = (eye_m, camera, picture.shape)
        if self._table is None or key != self._key:
            self._key, self._table = key, self._made(picture, eye_m, camera)
        return cv2.remap(picture, *self._table, cv2.INTER_LINEAR)

    def _made(
        self, picture: NDArray[np.uint8], eye_m: tuple[float, float, float], camera: CameraSpec
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        vertices = texture_coordinates(self._view, eye_m, camera)
        places = np.einsum("ir,rck,jc->ijk", self._rows, vertices, self._columns, optimize=True)
        depth = places[..., 2:]
        is_seen = depth > 1e-9  # outside the mesh all weights are zero, and so is the depth
        places = np.where(is_seen, places[..., :2] / np.where(is_seen, depth, 1.0), -1.0)
        places = places * (picture.shape[1], picture.shape[0]) - 0.5
        return places[..., 0].astype(np.float32), places[..., 1].astype(np.float32)


def cell_weights(knots: NDArray[np.float64], at: NDArray[np.float64]) -> NDArray[np.float64]:
    """(len(at), len(knots)) weights of linear interpolation between rising knots; a row of zeros outside them."""
    weights = np.zeros((len(at), len(knots)))
    inside = np.flatnonzero((at >= knots[0]) & (at <= knots[-1]))
    left = np.clip(np.searchsorted(knots, at[inside], side="right") - 1, 0, len(knots) - 2)
    share = (at[inside] - knots[left]) / (knots[left + 1] - knots[left])
    weights[inside, left], weights[inside, left + 1] = 1.0 - share, share
    return weights


def mask_bytes(factors: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Factors 0..1 as bytes."""
    return np.round(255 * factors).astype(np.uint8)


def masked(picture: NDArray[np.uint8], mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture times a mask of bytes of the same shape (255 is one)."""
    return np.asarray(cv2.multiply(picture, mask, scale=1 / 255), np.uint8)
