"""Where a driver looked, from a recorded gaze stream: points on each screen, and the density they make.

CoReVLA calls the density the driver's visual attention distribution. Points are shares of a screen, (0, 0) at its upper
left; points of a tracker that is calibrated over all screens side by side (surface 'panorama') are divided among the
screens by their widths.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

STREAMS_FOLDER = "streams"
PANORAMA = "panorama"
SPREAD = 0.035
"""Standard deviation of a point's spread, as a share of the screen's width: about 2 degrees on a screen 60 degrees
wide, the size of the fovea."""
MAP_WIDTH = 160
"""Columns of a heat map; it is scaled up when it is drawn."""


@dataclass(frozen=True, slots=True)
class GazeSamples:
    """A gaze stream over some frames."""

    frame: NDArray[np.int64]
    xy: NDArray[np.float64]
    """(N, 2) shares of the surface, nan while the eyes were not found."""
    surface: str
    """A screen's name, or `PANORAMA`."""


def read_gaze(session: Path, frames: tuple[int, int]) -> GazeSamples | None:
    """The samples of a session's gaze stream from the first to the last of `frames`; None when none was recorded."""
    for path in sorted((session / STREAMS_FOLDER).glob("*.json")):
        description = json.loads(path.read_text(encoding="utf-8"))
        if description.get("role") == "gaze":
            return _read(path.with_suffix(".csv"), description, frames)
    return None


def _read(path: Path, description: Mapping[str, object], frames: tuple[int, int]) -> GazeSamples | None:
    found: list[tuple[int, float, float]] = []
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            try:
                frame = int(row["frame"])
                if frames[0] <= frame <= frames[1]:
                    found.append((frame, float(row["x"]), float(row["y"])))
            except (TypeError, ValueError, KeyError):
                continue  # an incomplete line: the recording process was killed
    if not found:
        return None
    table = np.array(found)
    return GazeSamples(table[:, 0].astype(np.int64), table[:, 1:], str(description.get("surface", PANORAMA)))


def points_on_screens(
    samples: GazeSamples, screens: Sequence[str], widths_px: Sequence[int]
) -> dict[str, NDArray[np.float64]]:
    """(N, 2) points on each screen (shares of it), screens from left to right; points off all screens are dropped."""
    xy = samples.xy[np.isfinite(samples.xy).all(axis=1)]
    xy = xy[((xy >= 0.0) & (xy <= 1.0)).all(axis=1)]
    if samples.surface != PANORAMA:
        return {samples.surface: xy} if samples.surface in screens else {}
    edges = np.concatenate([[0.0], np.cumsum(widths_px)]) / max(1, sum(widths_px))
    index = np.clip(np.searchsorted(edges, xy[:, 0], side="right") - 1, 0, len(screens) - 1)
    found = {}
    for number, name in enumerate(screens):
        own = xy[index == number].copy()
        own[:, 0] = (own[:, 0] - edges[number]) / (edges[number + 1] - edges[number])
        found[name] = own
    return found


def heat_map(points: NDArray[np.float64], aspect: float) -> NDArray[np.float64]:
    """(rows, `MAP_WIDTH`) density of points on a screen of this width over height, 0..1; all zero without points."""
    rows = max(1, round(MAP_WIDTH / aspect))
    counts, _, _ = np.histogram2d(points[:, 1], points[:, 0], bins=(rows, MAP_WIDTH), range=((0, 1), (0, 1)))
    density = gaussian_filter(counts, SPREAD * MAP_WIDTH, mode="constant")
    top = float(density.max())
    return density / top if top > 0.0 else density


def heat_picture(density: NDArray[np.float64]) -> NDArray[np.uint8]:
    """(rows, columns, 4) RGBA: transparent at density 0, then yellow, red at the highest density."""
    picture = np.zeros((*density.shape, 4), np.uint8)
    picture[..., 0] = 255
    picture[..., 1] = np.round(220 * (1.0 - density))
    picture[..., 3] = np.round(190 * np.clip(density / 0.5, 0.0, 1.0) * (density > 0.02))
    return picture
