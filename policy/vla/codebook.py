"""The action vocabulary: half-second motions of the car, clustered from driving, one per action token.

The method is AutoVLA's (K-disk clustering on the corners of the car's box, arXiv 2506.13757). A code is a motion in
the ego frame; a plan is a chain of codes. Encoding is closed loop, and an unknown token is an error, never a stop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

CODEBOOK_FILE = "codebook.npy"
BOX_LENGTH_M = 4.8
BOX_WIDTH_M = 2.0
"""The box whose corners measure how far two motions are apart (AutoVLA)."""
SPEED_SLACK_M = 2.0
"""Half-second distance at which the longitudinal resolution has halved: 4 m/s. Where a slow car stops matters to a
decimetre; whether a fast one does 9.8 or 10 m/s does not, so those codes are spent on yaw instead."""
YAW_SLACK_RAD = 0.1
"""Half-second yaw at which the angular resolution has fallen by a third: finest around straight ahead, where the
car drives fast and a small error soon is a lane's width; coarser in tight turns, which are slow."""

STRAIGHT_RAD = 0.003
"""Motions with less yaw are kept first, so that driving straight on is one code and not a zigzag of two."""
MAX_FITTED = 20_000
"""Motions that the clustering looks at; more change nothing but the time it takes."""


class CodebookError(ValueError):
    """A token outside the codebook, or a codebook file that cannot be used."""


@dataclass(frozen=True)
class Codebook:
    """`codes` (K, 3) float32: dx, dy in metres and dyaw in radians over one step in the ego frame; code 0 stands."""

    codes: NDArray[np.float32]

    def __post_init__(self) -> None:
        if self.codes.ndim != 2 or self.codes.shape[1] != 3 or len(self.codes) < 1:
            raise CodebookError(f"a codebook is (K, 3), this one is {self.codes.shape}")
        if not np.isfinite(self.codes).all() or np.abs(self.codes[0]).max() > 1e-6:
            raise CodebookError("a codebook is finite and its code 0 stands still")

    def __len__(self) -> int:
        return len(self.codes)

    @classmethod
    def fit(cls, segments: NDArray[np.floating], size: int = 256, tolerance_m: float = 0.05, seed: int = 0) -> Codebook:
        """K-disk: keep a motion when no kept one is nearer than the tolerance.

        `tolerance_m` is the finest tolerance; where more than `size` codes would be needed, the smallest
        sufficient one is searched for, so that every motion in `segments` (N, 3) is within tolerance of a code.
        With few distinct segments there are fewer than `size` codes.
        """
        segments = np.asarray(segments, np.float32).reshape(-1, 3)
        segments = segments[np.random.default_rng(seed).permutation(len(segments))[:MAX_FITTED]]
        segments = segments[np.argsort(np.abs(segments[:, 2]) > STRAIGHT_RAD, kind="stable")]
        segments = np.concatenate([np.zeros((1, 3), np.float32), segments])
        points = features(segments)
        low = tolerance_m
        kept = _k_disk(points, low, size)
        if kept is None:
            high = low
            while (kept := _k_disk(points, high, size)) is None:
                low, high = high, high * 2
            while high - low > 0.01 * low:
                middle = (low + high) / 2
                found = _k_disk(points, middle, size)
                if found is None:
                    low = middle
                else:
                    high, kept = middle, found
        codes = segments[kept]
        order = np.lexsort((codes[1:, 2], codes[1:, 0])) + 1
        return cls(np.concatenate([codes[:1], codes[order]]))

    @classmethod
    def town(cls, size: int = 256, seed: int = 0) -> Codebook:
        """A codebook from kinematics alone, for 0 to 12 m/s: for use before any driving was recorded."""
        return cls.fit(town_segments(seed), size=size, seed=seed)

    def encode(self, trajectory_ego: NDArray[np.floating]) -> tuple[int, ...]:
        """Codes that follow `trajectory_ego` (T, 3), each chosen against the pose reached so far.

        Choosing against the reached pose keeps the quantisation error of a whole plan at that of one code.
        """
        reached = np.zeros(3)
        tokens = []
        for target in np.asarray(trajectory_ego, np.float64).reshape(-1, 3):
            token = int(self.distances_m(relative(reached, target)).argmin())
            reached = compose(reached, self.codes[token])
            tokens.append(token)
        return tuple(tokens)

    def decode(self, tokens: Sequence[int]) -> NDArray[np.float32]:
        """(T, 3) poses in the ego frame after each token; raises `CodebookError` for an unknown token."""
        poses = []
        reached = np.zeros(3)
        for token in tokens:
            if not 0 <= token < len(self.codes):
                raise CodebookError(f"action token {token} is unknown: the codebook has 0 to {len(self.codes) - 1}")
            reached = compose(reached, self.codes[token])
            poses.append(reached)
        return np.array(poses, np.float32).reshape(-1, 3)

    def distances_m(self, segment: NDArray[np.floating]) -> NDArray[np.float64]:
        """(K,) distance of one motion (3,) to every code, in the warped metres of `features`."""
        return np.linalg.norm(features(self.codes) - features(segment), axis=-1)

    def save(self, folder: Path) -> None:
        """Write `codebook.npy` into an existing folder."""
        np.save(Path(folder) / CODEBOOK_FILE, self.codes)

    @classmethod
    def load(cls, folder: Path, name: str = CODEBOOK_FILE) -> Codebook:
        """Read a codebook; raises `CodebookError` that names the file."""
        file = Path(folder) / name
        try:
            return cls(np.load(file, allow_pickle=False).astype(np.float32))
        except FileNotFoundError:
            raise CodebookError(f"codebook {file} is missing; it belongs to the checkpoint") from None
        except ValueError as error:
            raise CodebookError(f"codebook {file} cannot be read: {error}") from error


def features(segments: NDArray[np.floating]) -> NDArray[np.float64]:
    """(..., 8) corners of the moved box, scaled so that Euclidean distance is the root mean square over corners.

    Distance travelled and yaw are compressed first (`SPEED_SLACK_M`, `YAW_SLACK_RAD`), which is what spends the
    codes where town driving at 0 to 12 m/s needs them.
    """
    segments = np.asarray(segments, np.float64)
    x = np.sign(segments[..., 0]) * np.log1p(np.abs(segments[..., 0]) / SPEED_SLACK_M)
    yaw = YAW_SLACK_RAD * np.arcsinh(segments[..., 2] / YAW_SLACK_RAD)
    along = np.array([1, 1, -1, -1]) * BOX_LENGTH_M / 2
    across = np.array([1, -1, 1, -1]) * BOX_WIDTH_M / 2
    cos, sin = np.cos(yaw)[..., None], np.sin(yaw)[..., None]
    corner_x = x[..., None] + along * cos - across * sin
    corner_y = segments[..., 1][..., None] + along * sin + across * cos
    return np.concatenate([corner_x, corner_y], axis=-1) / 2.0


def compose(pose: NDArray[np.floating], motion: NDArray[np.floating]) -> NDArray[np.float64]:
    """(3,) the pose reached by `motion`, given in the frame of `pose`."""
    cos, sin = np.cos(pose[2]), np.sin(pose[2])
    return np.array(
        [pose[0] + cos * motion[0] - sin * motion[1], pose[1] + sin * motion[0] + cos * motion[1], pose[2] + motion[2]]
    )


def relative(origin: NDArray[np.floating], pose: NDArray[np.floating]) -> NDArray[np.float64]:
    """(..., 3) `pose` seen from `origin`; yaw wrapped to [-pi, pi)."""
    origin, pose = np.asarray(origin, np.float64), np.asarray(pose, np.float64)
    delta = pose[..., :2] - origin[..., :2]
    cos, sin = np.cos(origin[..., 2]), np.sin(origin[..., 2])
    x = cos * delta[..., 0] + sin * delta[..., 1]
    y = -sin * delta[..., 0] + cos * delta[..., 1]
    yaw = (pose[..., 2] - origin[..., 2] + np.pi) % (2 * np.pi) - np.pi
    return np.stack([x, y, yaw], axis=-1)


def segments_from_trajectories(trajectories_ego: NDArray[np.floating]) -> NDArray[np.float32]:
    """(N * T, 3) the motions of (N, T, 3) trajectories, each in the frame of the pose before it."""
    poses = np.asarray(trajectories_ego, np.float64)
    before = np.concatenate([np.zeros_like(poses[:, :1]), poses[:, :-1]], axis=1)
    return relative(before, poses).reshape(-1, 3).astype(np.float32)


def town_segments(seed: int = 0, count: int = 6_000, step_s: float = 0.5) -> NDArray[np.float32]:
    """(count, 3) motions of a kinematic car at 0 to 12 m/s, lateral acceleration up to 3.5 m/s^2, radius from 5 m."""
    rng = np.random.default_rng(seed)
    distance_m = rng.uniform(0.0, 12.0, count) * step_s
    curvature_limit = np.minimum(1 / 5.0, 3.5 / np.maximum(distance_m / step_s, 0.1) ** 2)
    yaw = rng.uniform(-1, 1, count) * curvature_limit * distance_m
    yaw[: count // 10] = 0.0
    x = distance_m * np.sinc(yaw / np.pi)
    y = distance_m * np.sinc(yaw / (2 * np.pi)) * np.sin(yaw / 2) + rng.normal(0.0, 0.01, count) * distance_m
    return np.stack([x, y, yaw], axis=-1).astype(np.float32)


def _k_disk(points: NDArray[np.float64], tolerance: float, size: int) -> list[int] | None:
    """Indices of the kept points, the first always among them; None when `size` do not cover all."""
    free = np.ones(len(points), bool)
    kept: list[int] = []
    while free.any():
        if len(kept) == size:
            return None
        index = int(free.argmax())
        kept.append(index)
        free &= np.linalg.norm(points - points[index], axis=-1) > tolerance
    return kept
