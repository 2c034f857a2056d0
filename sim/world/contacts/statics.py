"""The static bodies of a town as arrays for the compiled loops, in a grid of squares so that near ones are found."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numba
import numpy as np
from shapely.geometry import Polygon

from sim.scene.bodies import MOST_CORNERS, StaticBody

CELL_M = 8.0
_MOST_CELLS = 250_000

STATIC = np.dtype(
    [
        *((name, np.float64) for name in ("low", "high", "min_x", "min_y", "max_x", "max_y", "x", "y")),
        ("count", np.int64),
        ("corners", np.float64, (MOST_CORNERS, 2)),
        ("normals", np.float64, (MOST_CORNERS, 2)),
    ],
    align=True,
)
"""One static body: heights, the square around its outline, its middle, and the outline as `sim.world.contacts.shapes`
has it."""
STATIC_ROWS = numba.from_dtype(STATIC)[::1]


@dataclass(frozen=True)
class Statics:
    """All static bodies of a town; `cells` starts with the grid's origin and ends in rows of `starts`."""

    bodies: tuple[StaticBody, ...]
    actor_ids: tuple[int, ...]
    """The actor that each belongs to: a traffic light's post is the light's; 0 for scenery."""
    rows: np.ndarray
    """(n,) of `STATIC`."""
    grid: np.ndarray
    """(3,) float64: x and y of the grid's corner, and the length of a cell's side."""
    shape: np.ndarray
    """(2,) int64: cells along x and y."""
    starts: np.ndarray
    """(cells + 1,) int64: where each cell's bodies begin in `members`; cells follow each other along y, then x."""
    members: np.ndarray
    """int64 indices of bodies, cell by cell, in rising order within each."""

    def near_line(self, start: Sequence[float], end: Sequence[float]) -> list[StaticBody]:
        """The bodies whose square, seen from above, the line between two places comes near."""
        r = self.rows
        x, y = 0.5 * (r["min_x"] + r["max_x"]), 0.5 * (r["min_y"] + r["max_y"])
        reach = 0.5 * np.hypot(r["max_x"] - r["min_x"], r["max_y"] - r["min_y"])
        dx, dy = end[0] - start[0], end[1] - start[1]
        square = dx * dx + dy * dy
        along = np.zeros(len(r)) if square == 0.0 else ((x - start[0]) * dx + (y - start[1]) * dy) / square
        along = np.clip(along, 0.0, 1.0)
        near = np.hypot(start[0] + along * dx - x, start[1] + along * dy - y) <= reach
        return [self.bodies[k] for k in np.flatnonzero(near)]

    def in_the_way(self, outline: np.ndarray, low_m: float, high_m: float) -> list[StaticBody]:
        """The bodies that a prism over a convex outline (n, 2) between two heights would stand in."""
        (x0, y0), (x1, y1) = outline.min(axis=0), outline.max(axis=0)
        r = self.rows
        near = (r["min_x"] < x1) & (r["max_x"] > x0) & (r["min_y"] < y1) & (r["max_y"] > y0)
        near &= (r["low"] < high_m) & (r["high"] > low_m)
        shape = Polygon(outline)
        return [self.bodies[k] for k in np.flatnonzero(near) if shape.intersects(Polygon(self.bodies[k].footprint))]


def statics_of(bodies: Sequence[StaticBody], actors: Mapping[str, int] | None = None) -> Statics:
    """The index of static bodies; `actors` gives the actor of an OpenDRIVE signal's id."""
    rows = np.zeros(len(bodies), STATIC)
    for row, body in zip(rows, bodies, strict=True):
        outline, count = body.footprint, len(body.footprint)
        along = np.roll(outline, -1, axis=0) - outline
        along /= np.linalg.norm(along, axis=1, keepdims=True)
        row["low"], row["high"], row["count"] = body.low_m, body.high_m, count
        row["corners"][:count] = outline
        row["normals"][:count] = np.column_stack([along[:, 1], -along[:, 0]])
        (row["min_x"], row["min_y"]), (row["max_x"], row["max_y"]) = outline.min(axis=0), outline.max(axis=0)
        row["x"], row["y"] = outline.mean(axis=0)
    ids = tuple((actors or {}).get(body.signal_id, 0) if body.signal_id else 0 for body in bodies)
    return Statics(tuple(bodies), ids, rows, *_grid(rows))


def _grid(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Corner and cell size, shape, starts and members: see `Statics`."""
    if not len(rows):
        return np.array([0.0, 0.0, CELL_M]), np.zeros(2, np.int64), np.zeros(1, np.int64), np.zeros(0, np.int64)
    low = np.array([rows["min_x"].min(), rows["min_y"].min()])
    span = np.array([rows["max_x"].max(), rows["max_y"].max()]) - low
    side_m = max(CELL_M, math.sqrt(float(span[0] * span[1]) / _MOST_CELLS))
    shape = np.floor(span / side_m).astype(np.int64) + 1
    first = np.floor((np.column_stack([rows["min_x"], rows["min_y"]]) - low) / side_m).astype(np.int64)
    last = np.floor((np.column_stack([rows["max_x"], rows["max_y"]]) - low) / side_m).astype(np.int64)
    found: list[list[int]] = [[] for _ in range(int(shape[0] * shape[1]))]
    for index, ((x0, y0), (x1, y1)) in enumerate(zip(first.tolist(), last.tolist(), strict=True)):
        for x in range(x0, x1 + 1):
            for y in range(y0, y1 + 1):
                found[x * int(shape[1]) + y].append(index)
    starts = np.concatenate([[0], np.cumsum([len(cell) for cell in found])]).astype(np.int64)
    members = np.array([index for cell in found for index in cell], np.int64)
    return np.array([*low, side_m]), shape, starts, members


NO_STATICS = statics_of(())
