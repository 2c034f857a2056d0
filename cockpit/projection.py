"""From a screen in the room to the camera that must feed it, and to the map from its picture onto the screen.

Generalised perspective projection (R. Kooima, "Generalized Perspective Projection", 2009) gives the off-axis view
volume of a screen seen from an eye. CARLA's cameras are symmetric pinholes, so each screen gets the smallest symmetric
camera that covers it, and a homography that takes the camera's pixels to the screen's. Aimed along the screen's
normal the homography is a plain crop; where that wastes too many pixels the camera looks at the screen's middle.

Frames: metres and radians, x forward, y right, z up (CARLA's, left-handed). Pixel coordinates are continuous: (0, 0)
is the upper left *corner* of the picture, (width, height) the lower right one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cockpit.cameras import CameraSpec
from recorder.schema import Pose

MAX_HALF_FOV_RAD = math.radians(80.0)
"""A pinhole wider than 160 degrees spends nearly all its pixels on its edges."""
CROP_PREFERENCE = 1.25
"""A crop along the normal is kept unless it needs this many times the pixels of a camera aimed at the middle."""
MIN_EYE_DISTANCE_M = 0.05
"""Nearer than this to a screen's plane nobody sits, and the projection degenerates."""


@dataclass(frozen=True, slots=True)
class ScreenPlane:
    """A flat screen in the room: its middle, where one looks when facing it square on, its size and its pixels."""

    name: str
    centre_m: tuple[float, float, float]
    yaw_rad: float
    """Direction of the gaze that meets the screen at a right angle: 0 straight ahead, right positive."""
    pitch_rad: float
    roll_rad: float
    size_m: tuple[float, float]
    """Width, height."""
    resolution_px: tuple[int, int]
    """Columns, rows."""


@dataclass(frozen=True, slots=True)
class Frustum:
    """A screen's extents in its own plane as seen from the eye, metres (Kooima's l, r, b, t at n = distance)."""

    left_m: float
    right_m: float
    bottom_m: float
    top_m: float
    distance_m: float
    """From the eye to the screen's plane, along its normal."""


@dataclass(frozen=True, slots=True)
class ScreenView:
    """One screen, the camera that feeds it, and how the camera's picture lands on the screen."""

    screen: ScreenPlane
    camera: CameraSpec
    homography: NDArray[np.float64]
    """(3, 3) from camera pixels to screen pixels."""
    wasted_fraction: float
    """Share of the camera's pixels that no part of the screen shows, 0..1."""

    @property
    def is_crop(self) -> bool:
        """Whether the homography only shifts and scales (the camera's plane is parallel to the screen)."""
        return bool(np.allclose(self.homography[2, :2], 0.0, atol=1e-9))


def axes_from_angles(yaw_rad: float, pitch_rad: float, roll_rad: float) -> NDArray[np.float64]:
    """Columns forward, right, up of a CARLA rotation, in the frame the angles are given in; (3, 3)."""
    cy, sy = math.cos(yaw_rad), math.sin(yaw_rad)
    cp, sp = math.cos(pitch_rad), math.sin(pitch_rad)
    cr, sr = math.cos(roll_rad), math.sin(roll_rad)
    return np.array(
        [
            [cp * cy, cy * sp * sr - sy * cr, -cy * sp * cr - sy * sr],
            [cp * sy, sy * sp * sr + cy * cr, -sy * sp * cr + cy * sr],
            [sp, -cp * sr, cp * cr],
        ]
    )


def screen_axes(screen: ScreenPlane) -> NDArray[np.float64]:
    """Columns: away from the viewer (the normal), the screen's right, its up; (3, 3)."""
    return axes_from_angles(screen.yaw_rad, screen.pitch_rad, screen.roll_rad)


def screen_corners(screen: ScreenPlane) -> NDArray[np.float64]:
    """Upper left, upper right, lower right, lower left in the rig frame, metres; (4, 3)."""
    _, right, up = screen_axes(screen).T
    half_width, half_height = screen.size_m[0] / 2, screen.size_m[1] / 2
    signs = ((-1, 1), (1, 1), (1, -1), (-1, -1))
    return np.array([np.array(screen.centre_m) + sx * half_width * right + sy * half_height * up for sx, sy in signs])


def frustum_from_eye(screen: ScreenPlane, eye_m: ArrayLike) -> Frustum:
    """Kooima's off-axis view volume of `screen` from `eye_m` (3,), both in the rig frame.

    Raises:
        ValueError: the eye lies in or behind the screen's plane.
    """
    normal, right, up = screen_axes(screen).T
    to_centre = np.array(screen.centre_m) - np.asarray(eye_m, dtype=float)
    distance = float(to_centre @ normal)
    if distance < MIN_EYE_DISTANCE_M:
        raise ValueError(
            f"screen '{screen.name}' faces away from the eye (it lies {distance:.2f} m in front of its plane); "
            f"yaw_deg is the direction in which one looks at the screen square on, e.g. negative for a left one"
        )
    across, along = float(to_centre @ right), float(to_centre @ up)
    half_width, half_height = screen.size_m[0] / 2, screen.size_m[1] / 2
    return Frustum(across - half_width, across + half_width, along - half_height, along + half_height, distance)


def view_from_eye(
    screen: ScreenPlane, eye_m: tuple[float, float, float], eye_in_ego_m: tuple[float, float, float]
) -> ScreenView:
    """The cheaper of the two cameras that can feed `screen`; the crop wins where it costs little more.

    Raises:
        ValueError: the eye is behind the screen, or no pinhole under 160 degrees covers it.
    """
    frustum = frustum_from_eye(screen, eye_m)
    gazes = [(screen.yaw_rad, screen.pitch_rad, screen.roll_rad), _gaze_at_middle(screen, eye_m)]
    views = [_view_along(screen, frustum, gaze, eye_in_ego_m) for gaze in gazes]
    crop, turned = views
    if crop is None and turned is None:
        raise ValueError(
            f"screen '{screen.name}' is seen under more than {2 * math.degrees(MAX_HALF_FOV_RAD):.0f} degrees; "
            "move it away from the eye, or split it into two screens"
        )
    if crop is not None and (turned is None or _pixels(crop) <= CROP_PREFERENCE * _pixels(turned)):
        return crop
    assert turned is not None  # noqa: S101  one of the two exists, see above
    return turned


def apply_homography(homography: ArrayLike, points: ArrayLike) -> NDArray[np.float64]:
    """Map (N, 2) points; rows whose image lies at or beyond infinity become NaN."""
    points = np.asarray(points, dtype=float).reshape(-1, 2)
    mapped = np.c_[points, np.ones(len(points))] @ np.asarray(homography).T
    weight = np.where(mapped[:, 2:] > 1e-12, mapped[:, 2:], np.nan)
    return mapped[:, :2] / weight


def camera_pixels(camera: CameraSpec, points_ego: ArrayLike) -> NDArray[np.float64]:
    """Where (N, 3) points of the ego frame appear in `camera`, (N, 2) pixels; NaN for points behind it."""
    axes = axes_from_angles(camera.pose.yaw, camera.pose.pitch, camera.pose.roll)
    points = np.asarray(points_ego, dtype=float).reshape(-1, 3) - (camera.pose.x, camera.pose.y, camera.pose.z)
    depth, across, along = (points @ axes).T
    safe_depth = np.where(depth > 0.01, depth, np.nan)
    u = camera.width / 2 + camera.focal_px * across / safe_depth
    v = camera.height / 2 - camera.focal_px * along / safe_depth
    return np.c_[u, v]


def screen_pixels(view: ScreenView, points_ego: ArrayLike) -> NDArray[np.float64]:
    """Where (N, 3) points of the ego frame appear on the screen, (N, 2) screen pixels; NaN behind the camera."""
    return apply_homography(view.homography, camera_pixels(view.camera, points_ego))


def screen_point_m(screen: ScreenPlane, pixel: ArrayLike) -> NDArray[np.float64]:
    """The place in the room (rig frame, metres) of a screen pixel (2,)."""
    _, right, up = screen_axes(screen).T
    fraction = np.asarray(pixel, dtype=float) / screen.resolution_px - 0.5
    return np.array(screen.centre_m) + fraction[0] * screen.size_m[0] * right - fraction[1] * screen.size_m[1] * up


def _gaze_at_middle(screen: ScreenPlane, eye_m: tuple[float, float, float]) -> tuple[float, float, float]:
    """Yaw, pitch, roll of a camera that looks at the screen's middle, its horizon turned along with the screen."""
    dx, dy, dz = np.array(screen.centre_m) - eye_m
    return math.atan2(dy, dx), math.atan2(dz, math.hypot(dx, dy)), screen.roll_rad


def _view_along(
    screen: ScreenPlane, frustum: Frustum, gaze: tuple[float, float, float], eye_in_ego_m: tuple[float, float, float]
) -> ScreenView | None:
    """The smallest symmetric camera along `gaze` that covers the screen; None when it would be too wide."""
    gaze_axes, plane_axes = axes_from_angles(*gaze), screen_axes(screen)
    corners = [
        frustum.distance_m * plane_axes[:, 0] + x * plane_axes[:, 1] + y * plane_axes[:, 2]
        for x in (frustum.left_m, frustum.right_m)
        for y in (frustum.bottom_m, frustum.top_m)
    ]
    depth, across, along = (np.array(corners) @ gaze_axes).T
    if depth.min() <= 0.0:
        return None
    tan_width, tan_height = float(np.abs(across / depth).max()), float(np.abs(along / depth).max())
    if max(tan_width, tan_height) > math.tan(MAX_HALF_FOV_RAD):
        return None
    focal_px = _focal_for_density(screen, frustum, gaze_axes)
    width, height = _whole_pixels(2 * focal_px * tan_width), _whole_pixels(2 * focal_px * tan_height)
    yaw, pitch, roll = gaze
    pose = Pose(*eye_in_ego_m, roll=roll, pitch=pitch, yaw=yaw)
    camera = CameraSpec(screen.name, width, height, 2 * math.atan(width / (2 * focal_px)), pose)
    homography = _screen_from_camera(screen, frustum, camera, gaze_axes)
    shown = _polygon_area(apply_homography(np.linalg.inv(homography), _picture_corners(screen.resolution_px)))
    return ScreenView(screen, camera, homography, max(0.0, 1.0 - shown / (width * height)))


def _focal_for_density(screen: ScreenPlane, frustum: Frustum, gaze_axes: NDArray[np.float64]) -> float:
    """Focal length in pixels at which the camera has the screen's pixel density, where its axis meets the screen.

    Along the normal that is exact everywhere: distance over pixel pitch. Oblique, the eye is farther from that point.
    """
    density = max(screen.resolution_px[0] / screen.size_m[0], screen.resolution_px[1] / screen.size_m[1])
    cosine = float(gaze_axes[:, 0] @ screen_axes(screen)[:, 0])
    return density * frustum.distance_m / cosine


def _screen_from_camera(
    screen: ScreenPlane, frustum: Frustum, camera: CameraSpec, gaze_axes: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(3, 3): camera pixel -> ray -> where the ray meets the screen's plane -> screen pixel."""
    focal = camera.focal_px
    gaze_from_pixel = np.array(
        [[0.0, 0.0, 1.0], [1 / focal, 0.0, -camera.width / 2 / focal], [0.0, -1 / focal, camera.height / 2 / focal]]
    )
    plane_from_pixel = screen_axes(screen).T @ gaze_axes @ gaze_from_pixel  # rows: depth, right, up
    metres_from_pixel = np.array([[0, frustum.distance_m, 0], [0, 0, frustum.distance_m], [1, 0, 0]]) @ plane_from_pixel
    per_metre_x = screen.resolution_px[0] / screen.size_m[0]
    per_metre_y = screen.resolution_px[1] / screen.size_m[1]
    pixel_from_metres = np.array(
        [[per_metre_x, 0, -frustum.left_m * per_metre_x], [0, -per_metre_y, frustum.top_m * per_metre_y], [0, 0, 1]]
    )
    homography = pixel_from_metres @ metres_from_pixel
    return homography / (homography[2] @ (camera.width / 2, camera.height / 2, 1.0))  # depth positive in front


def _whole_pixels(pixels: float) -> int:
    """The next whole number of pixels, forgiving half of one: a rig measured by hand keeps its 640."""
    return max(1, math.ceil(pixels - 0.5))


def _pixels(view: ScreenView) -> int:
    return view.camera.width * view.camera.height


def _picture_corners(resolution_px: tuple[int, int]) -> NDArray[np.float64]:
    width, height = resolution_px
    return np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=float)


def _polygon_area(corners: NDArray[np.float64]) -> float:
    """Shoelace formula, (N, 2) -> area."""
    x, y = corners.T
    return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)
