"""The report's figures, by matplotlib without a screen: the drives on the map, and the training.

Every figure comes back as an SVG data URI. Colours and strokes are chosen to be read on a light and on a dark page.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refine.evaluate.results import Run

POLICY_COLOUR = "#2f81c7"
HUMAN_COLOUR = "#e07b29"
CHOSEN_COLOUR = "#1fa774"
REJECTED_COLOUR = "#d64545"
INK = "#8a8f98"
ROAD = "#8a8f98"
MARGIN_M = 25.0
_STYLE: Any = {
    "font.size": 9,
    "font.family": "DejaVu Sans",
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.hashsalt": "takeover",
}


@dataclass(frozen=True)
class TrainingStep:
    """One line of a training log that is drawn."""

    step: int
    loss: float
    accuracy: float | None = None
    margin: float | None = None


def road_edges(name: str, opendrive: str) -> list[NDArray[np.float64]]:
    """(N, 2) x, y of the outlines of a town's roads, holes after their hulls; empty when the map cannot be read."""
    import carla
    from shapely import Polygon, unary_union
    from shapely.geometry.polygon import orient

    from cockpit.route.lanes import LaneGraph

    try:
        lanes = LaneGraph(carla.Map(name, opendrive))
    except (RuntimeError, KeyError, ValueError, SyntaxError):
        return []
    surfaces = []
    for key, lane in lanes.lanes.items():
        line = lanes.points(key, 0.0, lane.length_m, 2.0)
        centre = line.xyz[:, :2]
        if len(centre) < 2:
            continue
        along = np.gradient(centre, axis=0)
        along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
        across = np.column_stack((-along[:, 1], along[:, 0])) * line.width[:, None] / 2
        surfaces.append(Polygon(np.vstack((centre - across, (centre + across)[::-1]))).buffer(0.3))
    union: Any = unary_union(surfaces).simplify(0.1)
    parts = [orient(part) for part in getattr(union, "geoms", [union])]
    return [np.array(ring.coords) for part in parts for ring in (part.exterior, *part.interiors)]


def draw_drives(columns: Sequence[tuple[str, Sequence[Run]]], edges: Sequence[NDArray[np.float64]]) -> str:
    """Maps side by side, one a policy: the routes, where the policy drove, where the driver did, and the takeovers."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import PathPatch

    figure, axes = _figure(1, len(columns), (4.9 * len(columns), 4.9))
    bounds = _bounds([run for _, runs in columns for run in runs])
    for axis, (title, runs) in zip(axes, columns, strict=True):
        if edges:
            axis.add_patch(PathPatch(_surface(edges), facecolor=ROAD, alpha=0.28, linewidth=0))
        for run in runs:
            _draw_run(axis, run)
        axis.set_title(title, color=INK, fontsize=10)
        axis.set_xlim(bounds[0], bounds[1])
        axis.set_ylim(bounds[3], bounds[2])  # y grows to the south, as on CARLA's maps
        axis.set_aspect("equal")
        axis.axis("off")
    legend = [
        Line2D([], [], color=POLICY_COLOUR, lw=2.5, label="policy drives"),
        Line2D([], [], color=HUMAN_COLOUR, lw=2.5, label="driver has the car"),
        Line2D([], [], color=REJECTED_COLOUR, marker="X", lw=0, markersize=8, label="takeover"),
        Line2D([], [], color=INK, marker="o", lw=0, markersize=5, label="start"),
    ]
    figure.legend(handles=legend, loc="lower center", ncols=4, frameon=False, labelcolor=INK)
    figure.subplots_adjust(left=0.01, right=0.99, top=0.94, bottom=0.08, wspace=0.03)
    return _svg(figure, "drives of " + ", ".join(title for title, _ in columns))


def _surface(rings: Sequence[NDArray[np.float64]]) -> Any:
    """One path out of hulls and holes (matplotlib fills by winding; shapely winds holes the other way)."""
    from matplotlib.path import Path as Outline

    return Outline.make_compound_path(*(Outline(ring, closed=True) for ring in rings))


def _draw_run(axis: Any, run: Run) -> None:
    route = np.array(run.route_line)
    if len(route):
        axis.plot(route[:, 0], route[:, 1], color=INK, lw=0.8, ls=(0, (1, 2)))
    track = np.array([(x, y) for x, y, _ in run.track])
    by_policy = [mine for _, _, mine in run.track]
    begin = 0
    for index in range(1, len(track) + 1):
        if index == len(track) or by_policy[index] != by_policy[begin]:
            piece = track[begin : index + 1]
            colour = POLICY_COLOUR if by_policy[begin] else HUMAN_COLOUR
            axis.plot(piece[:, 0], piece[:, 1], color=colour, lw=2.2, solid_capstyle="round")
            begin = index
    if len(track):
        axis.plot(*track[0], "o", color=INK, ms=4)
    for place in run.takeovers:
        axis.plot(place.x, place.y, "X", color=REJECTED_COLOUR, ms=7, mec="white", mew=0.6, zorder=5)


def _bounds(runs: Sequence[Run]) -> tuple[float, float, float, float]:
    """Least and greatest x, then y, of all routes and tracks, made square and with a margin."""
    points = np.array([place[:2] for run in runs for place in (*run.route_line, *run.track)] or [(0.0, 0.0)])
    low, high = points.min(axis=0), points.max(axis=0)
    half = max(float((high - low).max()) / 2, 20.0) + MARGIN_M
    x, y = (low + high) / 2
    return float(x - half), float(x + half), float(y - half), float(y + half)


def draw_training(steps: Sequence[TrainingStep]) -> str:
    """Loss, share of pairs that are ranked right, and reward margin over the optimiser's steps."""
    curves = [
        ("loss", [(one.step, one.loss) for one in steps], POLICY_COLOUR),
        ("preference accuracy", [(one.step, one.accuracy) for one in steps if one.accuracy is not None], CHOSEN_COLOUR),
        ("reward margin", [(one.step, one.margin) for one in steps if one.margin is not None], HUMAN_COLOUR),
    ]
    curves = [curve for curve in curves if curve[1]]
    figure, axes = _figure(1, len(curves), (3.3 * len(curves), 2.5))
    for axis, (title, points, colour) in zip(axes, curves, strict=True):
        x, y = np.array(points, np.float64).T
        axis.plot(x, y, color=colour, lw=0.9, alpha=0.45)
        axis.plot(x, _smoothed(y), color=colour, lw=2.0)
        axis.set_title(title, color=INK, fontsize=10)
        axis.set_xlabel("step")
        axis.grid(color=INK, alpha=0.2, lw=0.5)
        if title == "preference accuracy":
            axis.set_ylim(-0.03, 1.05)
    figure.tight_layout()
    return _svg(figure, "training")


def _smoothed(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over a tenth of the curve around each point, fewer at the ends."""
    half = max(len(values) // 20, 1)
    sums = np.concatenate(([0.0], np.cumsum(values)))
    low = np.maximum(np.arange(len(values)) - half, 0)
    high = np.minimum(np.arange(len(values)) + half + 1, len(values))
    return (sums[high] - sums[low]) / (high - low)


def _figure(rows: int, columns: int, size: tuple[float, float]) -> tuple[Any, list[Any]]:
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=size)
        axes = figure.subplots(rows, columns, squeeze=False)
    return figure, list(axes.ravel())


def _svg(figure: Any, title: str) -> str:
    import matplotlib

    data = io.BytesIO()
    with matplotlib.rc_context(_STYLE):
        figure.savefig(data, format="svg", transparent=True, metadata={"Title": title, "Date": None})
    return data_uri(data.getvalue(), "image/svg+xml")


def data_uri(data: bytes, kind: str) -> str:
    """`data` as an address that needs no network."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
