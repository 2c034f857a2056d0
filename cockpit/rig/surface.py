"""Surfaces that are not flat (curved monitors, domes, skewed projections): a warp mesh from a file, and its camera.

The mesh is a plain table, one vertex a row: where in the picture that is sent to the display (`u`, `v`, 0..1 from its
upper left), and either where that lands in the room (`x_m`, `y_m`, `z_m`, rig frame) or where on the flat screen
(`s`, `t`, 0..1 from its upper left). A three-channel PFM file (the geometry file of VESA's MPCDI "a3" profile) holds
x, y, z for every pixel instead. docs/rigs.md has an example of each.
"""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from cockpit.config import ConfigError
from cockpit.rig.cpu_warp import cell_weights
from cockpit.rig.projection import (
    ScreenPlane,
    ScreenView,
    Vector3,
    apply_homography,
    axes_from_angles,
    camera_of_angles,
    camera_pixels,
    eye_box,
    gaze_at,
    half_angle_tangents,
    screen_from_camera,
    screen_point_m,
    texture_coordinates,
)

IN_ROOM = ("u", "v", "x_m", "y_m", "z_m")
ON_SCREEN = ("u", "v", "s", "t")
FINE = 65
"""Vertices across and down of the table from camera pixels to the display's picture."""
MOST_PFM_VERTICES = 129
"""A PFM has a vertex a pixel; more than this many across or down are thinned, evenly."""


def read_mesh(path: Path, screen: ScreenPlane) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The vertices of a warp file: (R, C, 2) u, v and (R, C, 3) points in the rig frame, metres.

    Raises:
        ConfigError: the file is missing, or is no table (or PFM) of a regular grid; names the line and the fault.
    """
    if path.suffix.lower() == ".pfm":
        return _read_pfm(path)
    try:
        rows = list(csv.reader(line for line in path.read_text(encoding="utf-8").splitlines() if line[:1] != "#"))
    except OSError as error:
        raise ConfigError(
            f"warp mesh {path}: cannot be read ({error.strerror}); give the path of a CSV file"
        ) from error
    header = tuple(cell.strip() for cell in rows[0]) if rows else ()
    if header not in (IN_ROOM, ON_SCREEN):
        raise ConfigError(
            f"warp mesh {path}: the first line must be '{','.join(IN_ROOM)}' or '{','.join(ON_SCREEN)}', "
            f"found '{','.join(header)}'"
        )
    try:
        table = np.array([[float(cell) for cell in row] for row in rows[1:]])
    except ValueError as error:
        raise ConfigError(f"warp mesh {path}: every row must hold {len(header)} numbers ({error})") from error
    if table.ndim != 2 or table.shape[1] != len(header) or not np.isfinite(table).all():
        raise ConfigError(f"warp mesh {path}: every row must hold {len(header)} finite numbers")
    grid = _as_grid(path, table)
    uv = grid[..., :2]
    if header == IN_ROOM:
        return uv, grid[..., 2:]
    pixels = grid[..., 2:] * screen.resolution_px
    return uv, np.array([[screen_point_m(screen, pixel) for pixel in row] for row in pixels])


def curved_monitor(
    radius_m: float, width_m: float, height_m: float, distance_m: float, columns: int = 65
) -> list[tuple[float, float, float, float, float]]:
    """Rows u, v, x, y, z of a monitor bent about an upright axis, its middle `distance_m` ahead of the rig's origin.

    `width_m` is measured along the curve, as a data sheet's diagonal is; `radius_m` is the maker's "R" in metres.
    """
    rows = []
    for v in (0.0, 1.0):
        for u in np.linspace(0.0, 1.0, columns):
            angle = (u - 0.5) * width_m / radius_m
            x = distance_m - radius_m * (1.0 - np.cos(angle))
            rows.append((float(u), v, float(x), float(radius_m * np.sin(angle)), (0.5 - v) * height_m))
    return rows


def mesh_text(rows: list[tuple[float, float, float, float, float]]) -> str:
    """The rows as a warp file."""
    return "\n".join([",".join(IN_ROOM), *(",".join(f"{number:.6g}" for number in row) for row in rows)]) + "\n"


def view_of_surface(
    screen: ScreenPlane,
    uv: NDArray[np.float64],
    points_m: NDArray[np.float64],
    eye_m: Vector3,
    eye_in_ego_m: Vector3,
    eye_range_m: Vector3 = (0.0, 0.0, 0.0),
) -> ScreenView:
    """The smallest symmetric camera that covers a surface from all of the eye's box, aimed at the surface's middle.

    Raises:
        ValueError: no pinhole under 160 degrees covers it.
    """
    gaze = _gaze_at_middle(points_m, eye_m, screen.roll_rad)
    tangents = half_angle_tangents(points_m, eye_box(eye_m, eye_range_m), gaze)
    if tangents is None:
        raise ValueError(
            f"the surface of screen '{screen.name}' is seen under more than 160 degrees; split it into two screens"
        )
    focal_px = _focal_for_density(screen, points_m, eye_m, gaze)
    camera = camera_of_angles(screen.name, focal_px, *tangents, gaze, eye_in_ego_m)
    view = ScreenView(screen, camera, screen_from_camera(screen, eye_m, camera), 0.0, eye_m, eye_in_ego_m, points_m, uv)
    return replace(view, wasted_fraction=_wasted(view))


def pixels_on(view: ScreenView, points_ego: ArrayLike) -> NDArray[np.float64]:
    """Where (N, 3) points of the ego frame appear on a screen, flat or curved, (N, 2) pixels; NaN where they do not."""
    at_camera = camera_pixels(view.camera, points_ego)
    if view.points_m is None:
        return apply_homography(view.homography, at_camera)
    return picture_from_camera_pixels(view, view.eye_m, at_camera)


def picture_from_camera_pixels(view: ScreenView, eye_m: ArrayLike, pixels: ArrayLike) -> NDArray[np.float64]:
    """Where (N, 2) pixels of the camera at rest appear in the display's picture, (N, 2) screen pixels; NaN if nowhere.

    On a curved surface there is no closed form: piecewise linear between the mesh's vertices.
    """
    from scipy.interpolate import LinearNDInterpolator

    assert view.uv is not None  # noqa: S101  curved surfaces only
    camera = view.camera
    # Finer before the division: texture coordinates are linear over a cell, pixels are not.
    u, v = (np.linspace(knots[0], knots[-1], FINE) for knots in (view.uv[0, :, 0], view.uv[:, 0, 1]))
    rows, columns = cell_weights(view.uv[:, 0, 1], v), cell_weights(view.uv[0, :, 0], u)
    shown = np.einsum("ir,rck,jc->ijk", rows, texture_coordinates(view, eye_m, camera), columns).reshape(-1, 3)
    at = shown[:, :2] / shown[:, 2:] * (camera.width, camera.height)
    uv = np.stack(np.meshgrid(u, v), axis=-1).reshape(-1, 2)
    table = LinearNDInterpolator(at, uv * view.screen.resolution_px)
    pixels = np.asarray(pixels, dtype=float)
    grid = at.reshape(FINE, FINE, 2)
    outline = np.concatenate([grid[0], grid[1:, -1], grid[-1, -2::-1], grid[-2:0:-1, 0]]).astype(np.float32)
    # The table's hull is convex and the surface's outline need not be.
    is_on = [
        np.isfinite(p).all() and cv2.pointPolygonTest(outline, (float(p[0]), float(p[1])), False) >= 0 for p in pixels
    ]
    return np.where(np.array(is_on)[:, None], np.asarray(table(pixels)), np.nan)


def _as_grid(path: Path, table: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, K) rows sorted into (R, C, K): v grows down the rows, u along them; the same u in every row."""
    us, vs = np.unique(table[:, 0]), np.unique(table[:, 1])
    if len(us) < 2 or len(vs) < 2 or len(us) * len(vs) != len(table):
        raise ConfigError(
            f"warp mesh {path}: {len(table)} rows do not make a grid of {len(us)} different u by {len(vs)} different v "
            "(at least 2 of each); write every u with every v once"
        )
    if us[0] < 0 or vs[0] < 0 or us[-1] > 1 or vs[-1] > 1:
        raise ConfigError(f"warp mesh {path}: u and v must lie within 0..1 (shares of the display's picture)")
    grid = table[np.lexsort((table[:, 0], table[:, 1]))].reshape(len(vs), len(us), -1)
    if not (np.allclose(grid[..., 0], us) and np.allclose(grid[..., 1], vs[:, None])):
        raise ConfigError(f"warp mesh {path}: a pair of u and v is there twice and another is missing")
    return grid


def _read_pfm(path: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A vertex a pixel, thinned; x, y, z in metres in the red, green and blue channel."""
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if image is None or image.ndim != 3 or image.shape[2] != 3 or min(image.shape[:2]) < 2:
        raise ConfigError(f"warp mesh {path}: not a three-channel PFM picture of at least 2x2 pixels")
    points = np.asarray(image, dtype=float)[..., ::-1]  # OpenCV gives blue first
    if not np.isfinite(points).all():
        raise ConfigError(f"warp mesh {path}: every pixel needs finite x, y, z; crop the pixels that hit nothing")
    rows, columns = (
        np.unique(np.linspace(0, count - 1, min(count, MOST_PFM_VERTICES)).round().astype(int))
        for count in points.shape[:2]
    )
    u, v = (columns + 0.5) / points.shape[1], (rows + 0.5) / points.shape[0]
    return np.stack(np.meshgrid(u, v), axis=-1), points[np.ix_(rows, columns)]


def _gaze_at_middle(points_m: NDArray[np.float64], eye_m: Vector3, roll_rad: float) -> Vector3:
    """Half way between the outermost points, left and right, up and down, however the vertices are spread."""
    points = points_m.reshape(-1, 3)
    gaze = gaze_at(points.mean(axis=0), eye_m, roll_rad)
    axes = axes_from_angles(*gaze)
    depth, across, along = ((points - np.asarray(eye_m)) @ axes).T
    middles = [(angle.min() + angle.max()) / 2 for angle in (np.arctan2(across, depth), np.arctan2(along, depth))]
    ray = axes @ (1.0, np.tan(middles[0]), np.tan(middles[1]))
    return gaze_at(np.asarray(eye_m) + ray, eye_m, roll_rad)


def _focal_for_density(screen: ScreenPlane, points_m: NDArray[np.float64], eye_m: Vector3, gaze: Vector3) -> float:
    """Focal length in pixels at which the camera is as fine as the display's picture in the middle of the surface."""
    rays = (points_m - np.asarray(eye_m)) @ axes_from_angles(*gaze)
    tangents = rays[..., 1:] / rays[..., :1]
    row, column = points_m.shape[0] // 2, points_m.shape[1] // 2
    across = np.abs(np.diff(tangents[row, :, 0])).sum() / screen.resolution_px[0]
    along = np.abs(np.diff(tangents[:, column, 1])).sum() / screen.resolution_px[1]
    return 1.0 / max(1e-6, min(across, along))


def _wasted(view: ScreenView) -> float:
    """Share of the camera's picture that lies outside the outline of what the surface shows."""
    shown = texture_coordinates(view, view.eye_m, view.camera)
    at = (shown[..., :2] / shown[..., 2:]).astype(np.float32)
    outline = np.concatenate([at[0], at[1:, -1], at[-1, ::-1], at[-2:0:-1, 0]])
    return max(0.0, 1.0 - float(cv2.contourArea(outline)))
