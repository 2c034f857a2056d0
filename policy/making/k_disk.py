"""A codebook from driving by K-disk clustering, as AutoVLA makes its own, and how far its codes are from the driving.

The distance between two motions is the mean over the four corners of the car's box of how far each corner is apart
(arXiv 2506.13757; the method is Trajeglish's, arXiv 2312.04535). `Codebook.fit` instead spends few codes where a small
policy needs them; with about 2,000 the plain distance over the contour is fine enough everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from policy.vla.codebook import BOX_LENGTH_M, BOX_WIDTH_M, Codebook, features, town_segments

TOLERANCE_M = 0.05
"""AutoVLA's: motions nearer than this to a picked one are its disc and become one code."""
SIZE = 2048
TOWN_MOTIONS = 60_000
_CANDIDATES = 8
"""Codes nearest by root mean square, among which the nearest by the mean is looked for."""
MAX_CLUSTERED = 200_000
"""Motions that are looked at; more, picked at random, change nothing but the time it takes."""


@dataclass(frozen=True)
class Spread:
    """Of distances in metres over the car's contour."""

    mean_m: float
    p99_m: float
    max_m: float


@dataclass(frozen=True)
class Misfit:
    """How far motions are from a codebook."""

    motions: int
    nearest: Spread
    """To the nearest code: the codebook's own error."""
    taken: Spread
    """To the code that `Codebook.encode` takes, which weighs yaw more and distance at speed less."""


def k_disk(
    motions: NDArray[np.floating], size: int = SIZE, tolerance_m: float = TOLERANCE_M, seed: int = 0
) -> Codebook:
    """At most `size` codes from motions (N, 3), dx, dy in metres and dyaw in radians in the ego frame.

    Code 0 stands still. Each further code is the mean of the motions within the tolerance of one picked at random from
    those that no code covers yet; what is driven often is picked first. The same seed gives the same codebook.
    """
    rng = np.random.default_rng(seed)
    motions = np.asarray(motions, np.float64).reshape(-1, 3)
    motions = motions[rng.permutation(len(motions))[:MAX_CLUSTERED]]
    corners = contour(motions)
    near = KDTree(motions[:, :2])  # the centres are never farther apart than the corners in the mean
    free = _apart_m(corners, contour(np.zeros(3))) > tolerance_m
    codes = [np.zeros(3)]
    for index in range(len(motions)):  # in an order drawn above: the next free one is drawn from the free ones
        if len(codes) == size:
            break
        if free[index]:
            disc = np.array(near.query_ball_point(motions[index, :2], tolerance_m + 1e-9))
            disc = disc[free[disc] & (_apart_m(corners[disc], corners[index]) <= tolerance_m)]
            codes.append(motions[disc].mean(0))
            free[disc] = False
    found = np.array(codes, np.float32)
    order = np.lexsort((found[1:, 2], found[1:, 0])) + 1
    return Codebook(np.concatenate([found[:1], found[order]]))


def misfit(codebook: Codebook, motions: NDArray[np.floating]) -> Misfit:
    """How far motions (N, 3), at least one, are from the codes, each motion for itself."""
    motions = np.asarray(motions, np.float64).reshape(-1, 3)
    corners, of_codes = contour(motions), contour(codebook.codes)
    candidates = min(_CANDIDATES, len(codebook))
    _, found = KDTree(of_codes.reshape(-1, 8)).query(corners.reshape(-1, 8), k=candidates)
    found = found.reshape(len(motions), candidates)
    _, taken = KDTree(features(codebook.codes)).query(features(motions))
    return Misfit(
        motions=len(motions),
        nearest=_spread(_apart_m(corners[:, None], of_codes[found]).min(1)),
        taken=_spread(_apart_m(corners, of_codes[taken])),
    )


def town_codebook(size: int = SIZE) -> Codebook:
    """Codes of a kinematic car at 0 to 12 m/s, for use before any driving was recorded."""
    return k_disk(town_segments(count=TOWN_MOTIONS), size)


def _spread(apart_m: NDArray[np.float64]) -> Spread:
    return Spread(float(apart_m.mean()), float(np.quantile(apart_m, 0.99)), float(apart_m.max()))


def contour(motions: NDArray[np.floating]) -> NDArray[np.float64]:
    """(..., 4, 2) the corners of the car's box after motions (..., 3): left front, right front, right back, left back.

    CARLA's frame: y is to the right.
    """
    motions = np.asarray(motions, np.float64)
    cos, sin = np.cos(motions[..., 2, None]), np.sin(motions[..., 2, None])
    along = np.array([1, 1, -1, -1]) * BOX_LENGTH_M / 2
    right = np.array([-1, 1, 1, -1]) * BOX_WIDTH_M / 2
    x = motions[..., 0, None] + cos * along - sin * right
    y = motions[..., 1, None] + sin * along + cos * right
    return np.stack([x, y], axis=-1)


def _apart_m(corners: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.linalg.norm(corners - others, axis=-1).mean(-1)
