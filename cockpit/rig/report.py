"""What a rig gives its driver, in numbers: fields of view, pixels per degree, overlaps, holes, wasted pixels. Pure.

Directions are azimuth (right positive) and elevation (up positive) from the eye, sampled on a grid; areas are in square
degrees (the whole sphere has 41,253).
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from cockpit.rig.projection import ScreenView, screen_axes, screen_point_m
from cockpit.rig.rig import Rig

STEP_DEG = 0.5
LEAST_OVERLAP_DEG2 = 1.0
"""Less than this is the grid's own coarseness along a seam."""
LEAST_GAP_DEG = 0.75


@dataclass(frozen=True, slots=True)
class ScreenFigures:
    """One screen as the eye sees it."""

    name: str
    across_deg: float
    """Angle between the middles of its left and right edges."""
    up_deg: float
    pixels_per_degree: tuple[float, float, float]
    """In the middle, and the least and the most anywhere on the screen."""
    camera_px: tuple[int, int]
    camera_fov_deg: float
    wasted: float
    """Share of the camera's pixels that the screen does not show."""


@dataclass(frozen=True, slots=True)
class RigFigures:
    """The whole rig."""

    screens: tuple[ScreenFigures, ...]
    seen_deg2: float
    """What all screens cover together."""
    overlaps: tuple[tuple[str, str, float], ...]
    """Two screens and how much of the view both show, square degrees."""
    gaps_deg: tuple[tuple[float, float], ...]
    """Azimuths from, to on the horizon that no screen covers although there is one on either side."""
    enclosed_deg2: float
    """Uncovered directions that lie between screens on all sides."""
    rendered_px: int
    wasted_px: int


def figures_of(rig: Rig) -> RigFigures:
    """Everything at once; a fraction of a second a rig."""
    views = [view for view in rig.views() if not view.is_mirror]
    masks = {view.screen.name: coverage(view) for view in views}
    weight = _weights()
    covered = np.logical_or.reduce(list(masks.values()))
    pairs = [(a, b, float(weight[masks[a] & masks[b]].sum())) for a, b in itertools.combinations(masks, 2)]
    pixels = [view.camera.width * view.camera.height for view in rig.views()]
    wasted = sum(count * view.wasted_fraction for count, view in zip(pixels, rig.views(), strict=True))
    return RigFigures(
        screens=tuple(_figures(view) for view in views),
        seen_deg2=float(weight[covered].sum()),
        overlaps=tuple(pair for pair in pairs if pair[2] >= LEAST_OVERLAP_DEG2),
        gaps_deg=_horizon_gaps(covered),
        enclosed_deg2=float(weight[_enclosed(covered)].sum()),
        rendered_px=sum(pixels),
        wasted_px=round(wasted),
    )


def directions(points_m: NDArray[np.float64], eye_m: tuple[float, float, float]) -> NDArray[np.float64]:
    """(N, 2) azimuth and elevation, degrees, of (N, 3) points in the rig frame."""
    x, y, z = (np.asarray(points_m, dtype=float) - eye_m).T
    return np.degrees(np.stack([np.arctan2(y, x), np.arctan2(z, np.hypot(x, y))], axis=1))


def outline_points(view: ScreenView, per_edge: int = 24) -> NDArray[np.float64]:
    """(N, 3) points around a screen's picture, rig frame, from the upper left clockwise."""
    if view.points_m is not None:
        points = view.points_m
        return np.concatenate([points[0], points[1:, -1], points[-1, -2::-1], points[-2:0:-1, 0]])
    width, height = view.screen.resolution_px
    there, back = np.linspace(0, 1, per_edge, endpoint=False), np.linspace(1, 0, per_edge, endpoint=False)
    zero, one = np.zeros(per_edge), np.ones(per_edge)
    shares = np.concatenate([np.c_[there, zero], np.c_[one, there], np.c_[back, one], np.c_[zero, back]])
    return np.array([screen_point_m(view.screen, share * (width, height)) for share in shares])


def coverage(view: ScreenView) -> NDArray[np.bool_]:
    """(elevations, azimuths) of the grid in which the eye sees this screen."""
    azimuth, elevation = _grid()
    if view.points_m is None:
        rays = np.stack(
            [np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)], axis=-1
        )
        depth, across, along = np.moveaxis(rays @ screen_axes(view.screen), -1, 0)
        middle = (np.array(view.screen.centre_m) - view.eye_m) @ screen_axes(view.screen)
        is_ahead = depth > 1e-6
        scale = np.where(is_ahead, middle[0] / np.where(is_ahead, depth, 1.0), 0.0)
        inside_x = np.abs(across * scale - middle[1]) <= view.screen.size_m[0] / 2
        return is_ahead & inside_x & (np.abs(along * scale - middle[2]) <= view.screen.size_m[1] / 2)
    seen = directions(outline_points(view), view.eye_m)
    cells = np.round((seen + np.array((180.0, 90.0))) / STEP_DEG - 0.5).astype(np.int32)
    mask = np.zeros(azimuth.shape, np.uint8)
    cv2.fillPoly(mask, [cells], (1,))
    return mask.astype(bool)


def _grid() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    azimuth = np.radians(np.arange(-180 + STEP_DEG / 2, 180, STEP_DEG))
    elevation = np.radians(np.arange(-90 + STEP_DEG / 2, 90, STEP_DEG))
    columns, rows = np.meshgrid(azimuth, elevation)
    return columns, rows


def _weights() -> NDArray[np.float64]:
    """Square degrees of every cell of the grid."""
    return np.cos(_grid()[1]) * STEP_DEG**2


def _horizon_gaps(covered: NDArray[np.bool_]) -> tuple[tuple[float, float], ...]:
    row = covered[covered.shape[0] // 2]
    lit = np.flatnonzero(row)
    if len(lit) == 0:
        return ()
    gaps = []
    for before, after in itertools.pairwise(lit):
        width = (after - before - 1) * STEP_DEG
        if width >= LEAST_GAP_DEG:
            gaps.append((-180 + (before + 1) * STEP_DEG, -180 + after * STEP_DEG))
    return tuple(gaps)


def _enclosed(covered: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Uncovered cells from which one cannot get to straight behind (or up, or down) without crossing a screen."""
    turned = np.concatenate([covered, covered], axis=1)  # so that what lies across the back is in one piece
    _, labels = cv2.connectedComponents((~turned).astype(np.uint8), connectivity=4)
    outside = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, covered.shape[1]]]))
    is_inside = ~np.isin(labels, outside) & ~turned
    return is_inside[:, : covered.shape[1]]


def _figures(view: ScreenView) -> ScreenFigures:
    point = _point_at(view)
    left, right, top, bottom = point(0, 0.5), point(1, 0.5), point(0.5, 0), point(0.5, 1)
    densities = [_density(view, u, v) for u in (0.02, 0.25, 0.5, 0.75, 0.98) for v in (0.02, 0.5, 0.98)]
    return ScreenFigures(
        name=view.screen.name,
        across_deg=_angle_deg(left, right),
        up_deg=_angle_deg(top, bottom),
        pixels_per_degree=(_density(view, 0.5, 0.5), min(densities), max(densities)),
        camera_px=(view.camera.width, view.camera.height),
        camera_fov_deg=math.degrees(view.camera.fov_rad),
        wasted=view.wasted_fraction,
    )


def _point_at(view: ScreenView):
    """Ray from the eye to a share (u, v) of the screen."""

    def point(u: float, v: float) -> NDArray[np.float64]:
        if view.points_m is None or view.uv is None:
            return screen_point_m(view.screen, np.multiply((u, v), view.screen.resolution_px)) - view.eye_m
        columns, rows = view.uv[0, :, 0], view.uv[:, 0, 1]
        along = [[np.interp(u, columns, row[:, axis]) for axis in range(3)] for row in view.points_m]
        return np.array([np.interp(v, rows, [at[axis] for at in along]) for axis in range(3)]) - view.eye_m

    return point


def _density(view: ScreenView, u: float, v: float) -> float:
    """Pixels per degree across the screen at a share of it."""
    point, step = _point_at(view), 0.01
    return step * view.screen.resolution_px[0] / _angle_deg(point(u - step / 2, v), point(u + step / 2, v))


def _angle_deg(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    return math.degrees(math.atan2(float(np.linalg.norm(np.cross(one, other))), float(one @ other)))
