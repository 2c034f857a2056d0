"""Draws a rig from above and as the eye sees it, into a PNG or SVG file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from cockpit.rig.report import STEP_DEG, coverage, outline_points
from cockpit.rig.rig import Rig

COLOURS = ("#1F77B4", "#D9822B", "#2E9E5B", "#B0408A", "#7A5CC7", "#C23B3B")


def draw_rig(rig: Rig, path: Path) -> None:
    """Write the picture in the format of the file's suffix.

    Raises:
        OSError: the file cannot be written.
        ValueError: the suffix names no supported format.
    """
    figure = Figure(figsize=(13, 5), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    above, seen = figure.subplots(1, 2, width_ratios=(1, 1.8))
    eye = np.array(rig.eye_in_rig_m)
    for index, view in enumerate(view for view in rig.views() if not view.is_mirror):
        colour = COLOURS[index % len(COLOURS)]
        points = outline_points(view)
        closed = np.vstack([points, points[:1]])
        above.fill(closed[:, 1], closed[:, 0], color=colour, alpha=0.15)
        above.plot(closed[:, 1], closed[:, 0], color=colour, lw=3, solid_capstyle="butt")
        middle = points.mean(axis=0)
        outward = (
            (middle - eye)[:2] / max(1e-6, float(np.linalg.norm((middle - eye)[:2]))) * 0.06 * np.ptp(points[:, :2])
        )
        above.annotate(view.screen.name, (middle[1] + outward[1], middle[0] + outward[0]), ha="center", color=colour)
        for corner in (points[0], points[len(points) // 4]):
            above.plot([eye[1], corner[1]], [eye[0], corner[0]], color=colour, lw=0.7, ls=":")
        mask = coverage(view)
        tint = np.zeros((*mask.shape, 4))
        tint[mask] = (*to_rgb(colour), 0.45)
        seen.imshow(tint, extent=(-180, 180, -90, 90), origin="lower", interpolation="nearest")
        rows, columns = np.nonzero(mask)
        place = np.array([columns.mean(), rows.mean()]) * STEP_DEG - (180, 90)
        seen.annotate(view.screen.name, place, ha="center", va="center", weight="bold")
    above.plot(eye[1], eye[0], "o", color="black", ms=7)
    above.annotate("eye", (eye[1], eye[0]), textcoords="offset points", xytext=(8, -12))
    above.set(title="From above", xlabel="to the right, m", ylabel="forward, m", aspect="equal")
    above.margins(0.12)
    above.grid(alpha=0.3)
    seen.axhline(0, color="black", lw=0.8)
    seen.set(title="From the eye", xlabel="azimuth, degrees", ylabel="elevation, degrees", aspect="equal")
    seen.grid(alpha=0.3)
    figure.suptitle(f"{rig.name}: {rig.description}" if rig.description else rig.name)
    figure.savefig(path)
