"""From a screen in the room to the camera that must feed it, and to the map from its picture onto the screen.

Generalised perspective projection (R. Kooima, "Generalized Perspective Projection", 2009) gives the off-axis view
volume of a screen seen from an eye. CARLA's cameras are symmetric pinholes, so each screen gets the smallest symmetric
camera that covers it, and a homography that takes the camera's pixels to the screen's. Aimed along the screen's
normal the homography is a plain crop; where that wastes too many pixels the camera looks at the screen's middle.

The eye may move. Then the camera covers the screen from a whole box of eyes (`eye_range_m`) and only follows the eye's
place; the homography does the rest. A curved surface is a mesh of points in the room (`cockpit.rig.surface`), a mirror
a camera of its own whose picture is turned over.

Frames: metres and radians, x forward, y right, z up (CARLA's, left-handed). Pixel coordinates are continuous: (0, 0)
is the upper left *corner* of the picture, (width, height) the lower right one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cockpit.rig.camera_spec import CameraSpec
from recorder.schema import Pose

Vector3 = tuple[float, float, float]

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
    """(3, 3) from camera pixels to screen pixels, while the eye is at rest."""
    wasted_fraction: float
    """Share of the camera's pixels that no part of the screen shows, 0..1."""
    eye_m: Vector3 = (0.0, 0.0, 0.0)
    """The eye at rest, in the rig frame."""
    eye_in_ego_m: Vector3 = (0.0, 0.0, 0.0)
    """The same eye in the ego frame: where the camera stands."""
    points_m: NDArray[np.float64] | None = None
    """(R, C, 3) points of a curved surface in the rig frame; None for a flat screen."""
    uv: NDArray[np.float64] | None = None
    """(R, C, 2) where the surface's points lie in the picture that is sent to the display, 0..1 from its upper left."""
    is_mirror: bool = False
    """The camera looks back, fixed to the vehicle, and its picture is turned over."""

    @property
    def is_crop(self) -> bool:
        """Whether the homography only shifts and scales (the camera's plane is parallel to the screen)."""
        return bool(np.allclose(self.homography[2, :2], 0.0, atol=1e-9))


def angles_from_axes(axes: ArrayLike) -> Vector3:
    """Yaw, pitch, roll of the rotation whose columns are forward, right, up; the way back from `axes_from_angles`."""
    forward, right, up = np.asarray(axes, dtype=float).T
    pitch = math.asin(float(np.clip(forward[2], -1.0, 1.0)))
    if math.hypot(forward[0], forward[1]) < 1e-9:  # straight up or down: yaw and roll turn about one axis, roll is 0
        return math.atan2(-right[0], right[1]), pitch, 0.0
    return math.atan2(forward[1], forward[0]), pitch, math.atan2(-right[2], up[2])


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
    screen: ScreenPlane, eye_m: Vector3, eye_in_ego_m: Vector3, eye_range_m: Vector3 = (0.0, 0.0, 0.0)
) -> ScreenView:
    """The cheaper of the two cameras that can feed `screen`; the crop wins where it costs little more.

    `eye_range_m` is how far the eye may go from `eye_m` along each axis, either way: the camera covers the screen from
    all of that box.

    Raises:
        ValueError: the eye is (or may come) behind the screen, or no pinhole under 160 degrees covers it.
    """
    eyes = eye_box(eye_m, eye_range_m)
    for eye in eyes:
        frustum_from_eye(screen, eye)
    gazes = [(screen.yaw_rad, screen.pitch_rad, screen.roll_rad), gaze_at(screen.centre_m, eye_m, screen.roll_rad)]
    points = screen_corners(screen)
    crop, turned = (_view_along(screen, points, eyes, eye_m, gaze, eye_in_ego_m) for gaze in gazes)
    if crop is None and turned is None:
        raise ValueError(_too_wide(screen.name))
    if crop is not None and (turned is None or _pixels(crop) <= CROP_PREFERENCE * _pixels(turned)):
        return crop
    assert turned is not None  # noqa: S101  one of the two exists, see above
    return turned


def eye_box(eye_m: ArrayLike, range_m: ArrayLike) -> NDArray[np.float64]:
    """The eye itself and the corners of the box it may move in, (9, 3); (1, 3) when it does not move."""
    eye, reach = np.asarray(eye_m, dtype=float), np.asarray(range_m, dtype=float)
    if not reach.any():
        return eye[None, :]
    signs = np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
    return np.vstack([eye, eye + signs * reach])


def gaze_at(point_m: ArrayLike, eye_m: ArrayLike, roll_rad: float = 0.0) -> Vector3:
    """Yaw, pitch, roll of a camera at `eye_m` that looks at a point, its horizon turned by `roll_rad`."""
    dx, dy, dz = np.asarray(point_m, dtype=float) - np.asarray(eye_m, dtype=float)
    return math.atan2(dy, dx), math.atan2(dz, math.hypot(dx, dy)), roll_rad


def half_angle_tangents(points_m: ArrayLike, eyes_m: ArrayLike, gaze: Vector3) -> tuple[float, float] | None:
    """Tangents of the half angles, across and up, under which every point is seen from every eye.

    A ratio of two linear functions of the eye has its extremes at the corners of a box, so the corners are enough.
    None when a point lies too far aside (or behind) for a pinhole.
    """
    points, eyes = np.asarray(points_m, dtype=float).reshape(-1, 3), np.asarray(eyes_m, dtype=float).reshape(-1, 3)
    rays = (points[None] - eyes[:, None]).reshape(-1, 3)
    depth, across, along = (rays @ axes_from_angles(*gaze)).T
    if depth.min() <= 0.0:
        return None
    tangents = float(np.abs(across / depth).max()), float(np.abs(along / depth).max())
    return None if max(tangents) > math.tan(MAX_HALF_FOV_RAD) else tangents


def camera_of_angles(
    name: str, focal_px: float, tan_width: float, tan_height: float, gaze: Vector3, place_in_ego_m: Vector3
) -> CameraSpec:
    """The camera with these half angles, in whole pixels."""
    width, height = _whole_pixels(2 * focal_px * tan_width), _whole_pixels(2 * focal_px * tan_height)
    yaw, pitch, roll = gaze
    pose = Pose(*place_in_ego_m, roll=roll, pitch=pitch, yaw=yaw)
    return CameraSpec(name, width, height, 2 * math.atan(width / (2 * focal_px)), pose)


def screen_from_camera(screen: ScreenPlane, eye_m: ArrayLike, camera: CameraSpec) -> NDArray[np.float64]:
    """(3, 3): camera pixel -> ray from the eye -> where the ray meets the screen's plane -> screen pixel."""
    frustum = frustum_from_eye(screen, eye_m)
    focal = camera.focal_px
    gaze_axes = axes_from_angles(camera.pose.yaw, camera.pose.pitch, camera.pose.roll)
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
    middle = homography[2] @ (camera.width / 2, camera.height / 2, 1.0)
    return homography / middle if abs(middle) > 1e-12 else homography  # the weight is positive in front


def camera_for_eye(view: ScreenView, eye_m: Vector3) -> Pose:
    """Where the view's camera must stand for an eye elsewhere, in the ego frame.

    It moves with the eye and keeps its direction, unless the screen then reaches beyond its picture: only then it turns
    to the screen's middle. A mirror's camera stays.
    """
    if view.is_mirror:
        return view.camera.pose
    place = tuple(e + x - r for e, x, r in zip(view.eye_in_ego_m, eye_m, view.eye_m, strict=True))
    old = view.camera.pose
    gaze = old.yaw, old.pitch, old.roll
    if not covers(view, eye_m, gaze):
        gaze = gaze_at(view.screen.centre_m, eye_m, view.screen.roll_rad)
    return Pose(*place, yaw=gaze[0], pitch=gaze[1], roll=gaze[2])


def covers(view: ScreenView, eye_m: ArrayLike, gaze: Vector3) -> bool:
    """Whether the view's camera, turned to `gaze` (yaw, pitch, roll), has the whole screen in its picture."""
    points = screen_corners(view.screen) if view.points_m is None else view.points_m
    tangents = half_angle_tangents(points, np.asarray(eye_m), gaze)
    focal, slack_px = view.camera.focal_px, 1.0  # whole pixels were rounded down by up to half a one each side
    return (
        tangents is not None
        and 2 * focal * tangents[0] <= view.camera.width + slack_px
        and 2 * focal * tangents[1] <= view.camera.height + slack_px
    )


def texture_coordinates(view: ScreenView, eye_m: ArrayLike, camera: CameraSpec) -> NDArray[np.float64]:
    """What part of the camera's picture each vertex of the screen shows: (R, C, 3) homogeneous, from the upper left.

    Divide the first two by the third to get 0..1 across and down. The three numbers are linear over each cell of the
    mesh, so a renderer that interpolates them and divides at every pixel is exact on every flat piece. A flat screen is
    a mesh of one cell; `vertices_uv` is where its vertices lie in the display's picture.
    """
    if view.is_mirror:
        return np.array([[[1.0, 0, 1], [0, 0, 1]], [[1, 1, 1], [0, 1, 1]]])
    points = _corner_mesh(view.screen) if view.points_m is None else view.points_m
    pose = camera.pose
    rays = (points - np.asarray(eye_m, dtype=float)) @ axes_from_angles(pose.yaw, pose.pitch, pose.roll)
    depth, across, along = np.moveaxis(rays, -1, 0)
    focal = camera.focal_px
    return np.stack(
        [depth / 2 + across * focal / camera.width, depth / 2 - along * focal / camera.height, depth], axis=-1
    )


def vertices_uv(view: ScreenView) -> NDArray[np.float64]:
    """(R, C, 2) where the screen's vertices lie in the display's picture, 0..1 from its upper left."""
    if view.uv is not None:
        return view.uv
    return np.array([[[0.0, 0.0], [1.0, 0.0]], [[0.0, 1.0], [1.0, 1.0]]])


def _corner_mesh(screen: ScreenPlane) -> NDArray[np.float64]:
    upper_left, upper_right, lower_right, lower_left = screen_corners(screen)
    return np.array([[upper_left, upper_right], [lower_left, lower_right]])


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


def _too_wide(name: str) -> str:
    return (
        f"screen '{name}' is seen under more than {2 * math.degrees(MAX_HALF_FOV_RAD):.0f} degrees; "
        "move it away from the eye, or split it into two screens"
    )


def _view_along(
    screen: ScreenPlane,
    points_m: NDArray[np.float64],
    eyes_m: NDArray[np.float64],
    eye_m: Vector3,
    gaze: Vector3,
    eye_in_ego_m: Vector3,
) -> ScreenView | None:
    """The smallest symmetric camera along `gaze` that covers the screen from every eye; None when it is too wide."""
    tangents = half_angle_tangents(points_m, eyes_m, gaze)
    if tangents is None:
        return None
    tan_width, tan_height = tangents
    focal_px = _focal_for_density(screen, eye_m, axes_from_angles(*gaze))
    camera = camera_of_angles(screen.name, focal_px, tan_width, tan_height, gaze, eye_in_ego_m)
    homography = screen_from_camera(screen, eye_m, camera)
    shown = _polygon_area(apply_homography(np.linalg.inv(homography), _picture_corners(screen.resolution_px)))
    wasted = max(0.0, 1.0 - shown / (camera.width * camera.height))
    return ScreenView(screen, camera, homography, wasted, eye_m, eye_in_ego_m)


def _focal_for_density(screen: ScreenPlane, eye_m: ArrayLike, gaze_axes: NDArray[np.float64]) -> float:
    """Focal length in pixels at which the camera has the screen's pixel density, where its axis meets the screen.

    Along the normal that is exact everywhere: distance over pixel pitch. Oblique, the eye is farther from that point.
    """
    density = max(screen.resolution_px[0] / screen.size_m[0], screen.resolution_px[1] / screen.size_m[1])
    cosine = float(gaze_axes[:, 0] @ screen_axes(screen)[:, 0])
    return density * frustum_from_eye(screen, eye_m).distance_m / cosine


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
