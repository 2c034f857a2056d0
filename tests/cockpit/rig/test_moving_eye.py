"""The eye moves: cameras cover the screens from its whole range, and pictures are right when only warped for it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.rig.camera_spec import CameraSpec
from cockpit.rig.projection import (
    ScreenPlane,
    angles_from_axes,
    apply_homography,
    axes_from_angles,
    camera_for_eye,
    camera_pixels,
    covers,
    screen_corners,
    screen_from_camera,
    screen_point_m,
    texture_coordinates,
    view_from_eye,
)

EYE_IN_EGO = (0.35, -0.33, 1.33)
WALL = ScreenPlane("wall", (1.2, 1.0, 0.1), math.radians(45), 0.05, 0.02, (1.6, 1.0), (1280, 800))
AHEAD = ScreenPlane("ahead", (1.5, 0.0, 0.0), 0.0, 0.0, 0.0, (1.6, 1.0), (1280, 800))
REACH = (0.2, 0.4, 0.2)
offsets = st.tuples(*(st.floats(-r, r) for r in REACH))


def moved(camera: CameraSpec, pose) -> CameraSpec:
    return CameraSpec(camera.name, camera.width, camera.height, camera.fov_rad, pose)


@given(eye=offsets)
@pytest.mark.parametrize("screen", [WALL, AHEAD], ids=["wall", "ahead"])
def test_within_its_range_the_eye_sees_the_whole_screen_without_turning_the_camera(screen, eye):
    view = view_from_eye(screen, (0.0, 0.0, 0.0), EYE_IN_EGO, REACH)
    pose = camera_for_eye(view, eye)
    assert (pose.yaw, pose.pitch, pose.roll) == (view.camera.pose.yaw, view.camera.pose.pitch, view.camera.pose.roll)
    assert (pose.x, pose.y, pose.z) == pytest.approx(tuple(np.add(EYE_IN_EGO, eye)))
    inside = camera_pixels(moved(view.camera, pose), screen_corners(screen) - eye + np.array([pose.x, pose.y, pose.z]))
    assert (inside >= -1).all()
    assert (inside <= (view.camera.width + 1, view.camera.height + 1)).all()


@given(eye=offsets, pixel=st.tuples(st.floats(0, 1280), st.floats(0, 800)))
@pytest.mark.parametrize("screen", [WALL, AHEAD], ids=["wall", "ahead"])
def test_a_moved_eye_sees_through_each_pixel_what_the_moved_camera_drew(screen, eye, pixel):
    view = view_from_eye(screen, (0.0, 0.0, 0.0), EYE_IN_EGO, REACH)
    camera = moved(view.camera, camera_for_eye(view, eye))
    in_room = screen_point_m(screen, pixel)
    behind_ego = 30.0 * (in_room - eye) + (camera.pose.x, camera.pose.y, camera.pose.z)
    drawn = camera_pixels(camera, [behind_ego])
    shown = apply_homography(screen_from_camera(screen, eye, camera), drawn)
    np.testing.assert_allclose(shown[0], pixel, atol=1e-4)


@given(eye=offsets, share=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_texture_coordinates_that_are_interpolated_and_divided_are_the_homography(eye, share):
    view = view_from_eye(WALL, (0.0, 0.0, 0.0), EYE_IN_EGO, REACH)
    corners = texture_coordinates(view, eye, view.camera)
    u, v = share
    mixed = (1 - v) * ((1 - u) * corners[0, 0] + u * corners[0, 1]) + v * ((1 - u) * corners[1, 0] + u * corners[1, 1])
    picture = mixed[:2] / mixed[2] * (view.camera.width, view.camera.height)
    shown = apply_homography(screen_from_camera(WALL, eye, view.camera), [picture])
    np.testing.assert_allclose(shown[0], np.multiply(share, WALL.resolution_px), atol=1e-6)


def test_beyond_its_range_the_camera_turns_to_the_screen():
    view = view_from_eye(AHEAD, (0.0, 0.0, 0.0), EYE_IN_EGO)
    pose = camera_for_eye(view, (0.0, 0.5, 0.0))
    assert pose.yaw == pytest.approx(math.atan2(-0.5, 1.5))
    assert not covers(view, (0.0, 0.5, 0.0), (0.0, 0.0, 0.0))


def test_a_wider_range_costs_pixels_and_says_how_many():
    still = view_from_eye(AHEAD, (0.0, 0.0, 0.0), EYE_IN_EGO)
    free = view_from_eye(AHEAD, (0.0, 0.0, 0.0), EYE_IN_EGO, (0.0, 0.4, 0.0))
    assert still.wasted_fraction == pytest.approx(0.0, abs=1e-3)
    assert free.camera.width == pytest.approx(1280 * (0.8 + 0.4) / 0.8, abs=1)
    assert free.wasted_fraction == pytest.approx(1 / 3, abs=0.01)


def test_a_range_that_leads_behind_a_screen_is_refused():
    with pytest.raises(ValueError, match="faces away from the eye"):
        view_from_eye(AHEAD, (0.0, 0.0, 0.0), EYE_IN_EGO, (2.0, 0.0, 0.0))


@given(yaw=st.floats(-3.1, 3.1), pitch=st.floats(-1.5, 1.5), roll=st.floats(-3.1, 3.1))
def test_angles_and_axes_are_two_ways_to_say_the_same(yaw, pitch, roll):
    axes = axes_from_angles(yaw, pitch, roll)
    np.testing.assert_allclose(axes_from_angles(*angles_from_axes(axes)), axes, atol=1e-9)


@pytest.mark.parametrize("pitch_deg", [-90.0, 90.0])
@pytest.mark.parametrize("yaw_deg", [0.0, 30.0, -120.0])
def test_a_floor_and_a_ceiling_have_angles_too(pitch_deg, yaw_deg):
    axes = axes_from_angles(math.radians(yaw_deg), math.radians(pitch_deg), 0.0)
    np.testing.assert_allclose(axes_from_angles(*angles_from_axes(axes)), axes, atol=1e-9)
