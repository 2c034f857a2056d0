"""Projection by worked examples: where the corners of a screen land, and which cameras the side screens get."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.rig.projection import (
    ScreenPlane,
    apply_homography,
    frustum_from_eye,
    screen_corners,
    screen_pixels,
    screen_point_m,
    view_from_eye,
)
from cockpit.rig.rig import load_rig

EYE_IN_EGO = (0.35, -0.33, 1.33)


def plane(centre=(1.0, 0.0, 0.0), yaw_deg=0.0, pitch_deg=0.0, size=(2.0, 1.0), resolution=(800, 400)):
    return ScreenPlane("s", centre, math.radians(yaw_deg), math.radians(pitch_deg), 0.0, size, resolution)


def in_ego(points_rig, eye=(0.0, 0.0, 0.0)):
    """Rig points as the ego sees them: the rig's eye is the vehicle's eye."""
    return np.asarray(points_rig) - eye + EYE_IN_EGO


def corner_pixels(screen):
    width, height = screen.resolution_px
    return [[0, 0], [width, 0], [width, height], [0, height]]


def test_a_screen_straight_ahead_gives_a_camera_of_exactly_its_angle_and_pixels():
    view = view_from_eye(plane(), (0.0, 0.0, 0.0), EYE_IN_EGO)
    assert view.camera.fov_rad == pytest.approx(2 * math.atan(1.0 / 1.0))  # 2 m wide, 1 m away
    assert (view.camera.width, view.camera.height) == (800, 400)
    assert (view.camera.pose.x, view.camera.pose.y, view.camera.pose.z) == EYE_IN_EGO
    np.testing.assert_allclose(view.homography, np.eye(3), atol=1e-9)
    assert view.wasted_fraction == pytest.approx(0.0, abs=1e-9)


def test_a_screen_beside_the_eye_is_a_crop_of_a_wider_camera():
    """Eye 0.5 m right of the middle of a 2 m screen 1 m away: Kooima's l, r are -1.5 and 0.5."""
    eye = (0.0, 0.5, 0.0)
    frustum = frustum_from_eye(plane(), eye)
    assert (frustum.left_m, frustum.right_m, frustum.distance_m) == pytest.approx((-1.5, 0.5, 1.0))
    view = view_from_eye(plane(), eye, EYE_IN_EGO)
    assert view.is_crop
    assert view.camera.width == pytest.approx(1200)  # twice the farther side, at 400 pixels a metre
    assert view.wasted_fraction == pytest.approx(1 / 3, abs=0.01)


@pytest.mark.parametrize("yaw_deg", [-49.4, 0.0, 49.4])
def test_the_corners_of_a_screen_in_the_room_land_on_its_corner_pixels(yaw_deg):
    yaw = math.radians(yaw_deg)
    screen = plane((0.65 * math.cos(yaw), 0.65 * math.sin(yaw), 0.1), yaw_deg, size=(0.6, 0.34), resolution=(640, 360))
    view = view_from_eye(screen, (0.0, 0.0, 0.0), EYE_IN_EGO)
    pixels = screen_pixels(view, in_ego(screen_corners(screen)))
    np.testing.assert_allclose(pixels, corner_pixels(screen), atol=1e-6)


@pytest.mark.parametrize("screen", load_rig("desk_triple").screens, ids=lambda screen: screen.name)
def test_the_side_cameras_of_the_desk_look_where_the_side_screens_stand(screen):
    rig = load_rig("desk_triple")
    camera = next(view.camera for view in rig.views() if view.screen.name == screen.name)
    assert math.degrees(camera.pose.yaw) == pytest.approx(screen.yaw_deg, abs=0.5)
    assert camera.pose.pitch == pytest.approx(0.0, abs=1e-3)
    assert math.degrees(camera.fov_rad) == pytest.approx(2 * math.degrees(math.atan(0.2988 / 0.65)), abs=0.6)
    assert (camera.width, camera.height) == (640, 360)


def test_neighbouring_screens_of_the_desk_show_no_double_and_little_gap():
    """A far point on the seam is on the right edge of the centre screen and on the left edge of the right one."""
    rig = load_rig("desk_triple")
    views = {view.screen.name: view for view in rig.views()}
    seam = np.array([math.cos(math.radians(24.7)), math.sin(math.radians(24.7)), 0.0]) * 100.0
    far = in_ego([seam])
    assert screen_pixels(views["centre"], far)[0, 0] == pytest.approx(640, abs=6)
    assert screen_pixels(views["right"], far)[0, 0] == pytest.approx(0, abs=6)


def test_the_walls_of_the_cave_meet_without_a_step():
    rig = load_rig("cave")
    views = {view.screen.name: view for view in rig.views()}
    seam = in_ego([[15.0, 15.0, 1.15], [15.0, 15.0, 3.15]], eye=rig.eye_in_rig_m)
    centre, right = screen_pixels(views["centre"], seam), screen_pixels(views["right"], seam)
    np.testing.assert_allclose(centre[:, 0], 960, atol=1e-6)
    np.testing.assert_allclose(right[:, 0], 0, atol=1e-6)
    np.testing.assert_allclose(centre[:, 1], right[:, 1], atol=1e-6)


def test_a_screen_that_faces_away_says_so():
    with pytest.raises(ValueError, match="faces away from the eye"):
        frustum_from_eye(plane(yaw_deg=180.0), (0.0, 0.0, 0.0))


def test_a_screen_too_near_to_cover_says_what_to_do():
    with pytest.raises(ValueError, match=r"move it away from the eye, or split it"):
        view_from_eye(plane((0.06, 0.0, 0.0), size=(4.0, 4.0)), (0.0, 0.0, 0.0), EYE_IN_EGO)


def test_points_behind_the_camera_have_no_pixel():
    view = view_from_eye(plane(), (0.0, 0.0, 0.0), EYE_IN_EGO)
    assert np.isnan(screen_pixels(view, in_ego([[-5.0, 0.0, 0.0]]))).all()


def test_a_homography_sends_points_beyond_infinity_nowhere():
    assert np.isnan(apply_homography([[1, 0, 0], [0, 1, 0], [1, 0, 0]], [[-1.0, 0.0]])).all()


angles = st.floats(-60, 60)


@given(
    yaw=angles,
    pitch=st.floats(-30, 30),
    side=st.floats(-0.3, 0.3),
    up=st.floats(-0.2, 0.2),
    pixel=st.tuples(st.floats(0, 640), st.floats(0, 360)),
)
def test_what_the_driver_sees_through_a_pixel_is_what_the_camera_drew_there(yaw, pitch, side, up, pixel):
    """The eye, a screen pixel in the room and the world point behind it are in one line, wherever the screen stands."""
    centre = tuple(0.8 * np.array([math.cos(math.radians(yaw)), math.sin(math.radians(yaw)), 0.0]) + (0.0, 0.0, 0.05))
    screen = plane(centre, yaw, pitch, size=(0.6, 0.34), resolution=(640, 360))
    eye = (0.0, side, up)
    view = view_from_eye(screen, eye, EYE_IN_EGO)
    in_room = screen_point_m(screen, pixel)
    behind = np.array(eye) + 30.0 * (in_room - eye)
    np.testing.assert_allclose(screen_pixels(view, in_ego([behind], eye))[0], pixel, atol=1e-4)
