"""The search for the nearest of many points in the plane, by a grid of cells and a compiled loop.

A point counts only on the searcher's own level: roads cross above each other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np

from sim.kernels import compiled, part

LEVEL_M = 2.5
"""What is further above or below than this is on another level: bridges leave more room."""
_CELL_M = 4.0
_MOST_CELLS = 4_000_000

_NUMBERS, _INDICES = numba.float64[::1], numba.int64[::1]


@dataclass(frozen=True, eq=False)
class PointGrid:
    """Points with headings, sorted by the cells of a grid over them."""

    cos: np.ndarray
    """Of the points' headings, as `sin`."""
    sin: np.ndarray
    table: np.ndarray
    """x, y, z, cos and sin of the points, (N, 5), those of one cell after the other."""
    order: np.ndarray
    """Indices of the points in the table's rows."""
    first: np.ndarray
    """Where in the table each cell's begin; one more than there are cells."""
    shape: np.ndarray
    """Cells along x and along y."""
    corner: np.ndarray
    """x and y of the first cell's corner, and the length of a cell, metres."""

    @classmethod
    def of(cls, x: np.ndarray, y: np.ndarray, z: np.ndarray, yaw: np.ndarray) -> PointGrid:
        """A grid over at least one point."""
        low_x, low_y = float(x.min()), float(y.min())
        area_m2 = (float(np.ptp(x)) + 1.0) * (float(np.ptp(y)) + 1.0)
        cell_m = max(_CELL_M, math.sqrt(area_m2 / _MOST_CELLS))
        column, row = ((x - low_x) / cell_m).astype(np.int64), ((y - low_y) / cell_m).astype(np.int64)
        shape = np.array([int(column.max()) + 1, int(row.max()) + 1], np.int64)
        cell = row * shape[0] + column
        order = np.argsort(cell, kind="stable")
        first = np.searchsorted(cell[order], np.arange(shape[0] * shape[1] + 1))
        cos, sin = np.cos(yaw), np.sin(yaw)
        corner = np.array([low_x, low_y, cell_m])
        table = np.column_stack([x, y, z, cos, sin]).astype(np.float64)[order]
        return cls(cos, sin, table, order.astype(np.int64), first.astype(np.int64), shape, corner)

    def nearest(
        self, x: np.ndarray, y: np.ndarray, z: np.ndarray | None, yaw: np.ndarray, within_m: float, turn_m: float
    ) -> np.ndarray:
        """For each of N places the point that is nearest to it on its level, (N,) indices; -1 where none is near.

        Args:
            x, y, z: the places, (N,) metres; without z, every level is the right one.
            yaw: the headings there, (N,).
            within_m: no point further away, seen from above, counts.
            turn_m: a point with the opposite heading counts as if it were twice this much further away.
        """
        found = np.empty(len(x), np.int64)
        levels = np.full(len(x), np.nan) if z is None else z
        x, y, levels, yaw = (np.ascontiguousarray(v, dtype=np.float64) for v in (x, y, levels, yaw))
        points = (self.table, self.order, self.first, self.shape, self.corner)
        search: Any = _nearest
        search(*points, x, y, levels, yaw, within_m, turn_m, found)
        return found


@part
def _nearest_in_cells(
    table: np.ndarray,
    order: np.ndarray,
    begin: Any,
    end: Any,
    place: tuple[Any, ...],
    limits: tuple[float, float],
    best: tuple[Any, Any],
) -> tuple[Any, Any]:
    """The better of the best point so far and those from begin to end of the table: (cost in metres, index)."""
    px, py, pz, c, s = place
    within_m, turn_m = limits
    cost, index = best
    for k in range(begin, end):
        dx, dy = table[k, 0] - px, table[k, 1] - py
        distance = math.sqrt(dx * dx + dy * dy)
        if distance > within_m or abs(table[k, 2] - pz) > LEVEL_M:  # false for a place without a level
            continue
        here = distance + turn_m * (1.0 - (table[k, 3] * c + table[k, 4] * s))
        if here < cost or (here == cost and order[k] < index):
            cost, index = here, order[k]
    return cost, index


@compiled(
    numba.void(
        *(numba.float64[:, ::1], _INDICES, _INDICES, _INDICES, _NUMBERS),
        *(_NUMBERS, _NUMBERS, _NUMBERS, _NUMBERS, numba.float64, numba.float64, _INDICES),
    )
)
def _nearest(
    table: np.ndarray,
    order: np.ndarray,
    first: np.ndarray,
    shape: np.ndarray,
    corner: np.ndarray,
    at_x: np.ndarray,
    at_y: np.ndarray,
    at_z: np.ndarray,
    at_yaw: np.ndarray,
    within_m: float,
    turn_m: float,
    found: np.ndarray,
) -> None:
    columns, rows, cell_m = shape[0], shape[1], corner[2]
    for k in range(len(at_x)):
        place = (at_x[k], at_y[k], at_z[k], math.cos(at_yaw[k]), math.sin(at_yaw[k]))
        best = (math.inf, -1)
        far = max(abs(at_x[k]), abs(at_y[k]))
        if not far < 1e9:
            found[k] = -1
            continue
        column, row = math.floor((at_x[k] - corner[0]) / cell_m), math.floor((at_y[k] - corner[1]) / cell_m)
        ring = 0
        # Cells in squares around the place, as long as an unseen one may hold a better point.
        while (ring - 1) * cell_m <= within_m and (ring - 1) * cell_m <= best[0]:
            for r in range(max(row - ring, 0), min(row + ring, rows - 1) + 1):
                left, right = max(column - ring, 0), min(column + ring, columns - 1)
                if abs(r - row) == ring:  # cells side by side are one stretch of the table
                    if left <= right:
                        begin, end = first[r * columns + left], first[r * columns + right + 1]
                        best = _nearest_in_cells(table, order, begin, end, place, (within_m, turn_m), best)
                    continue
                for c in (column - ring, column + ring):
                    if 0 <= c < columns:
                        begin, end = first[r * columns + c], first[r * columns + c + 1]
                        best = _nearest_in_cells(table, order, begin, end, place, (within_m, turn_m), best)
            ring += 1
        found[k] = best[1]
