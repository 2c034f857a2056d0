"""Warp meshes, blending and gains: what a curved or overlapping screen shows, and the errors of a wrong file."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.config import ConfigError
from cockpit.rig.edge_blend import Blend, multiplier, ramp
from cockpit.rig.projection import ScreenPlane, camera_pixels, texture_coordinates, view_from_eye
from cockpit.rig.surface import picture_from_camera_pixels, read_mesh, view_of_surface

EYE_IN_EGO = (0.35, -0.33, 1.33)
FLAT = ScreenPlane("s", (1.0, 0.0, 0.0), 0.0, 0.0, 0.0, (1.0, 0.6), (1000, 600))
ORIGIN = (0.0, 0.0, 0.0)


def cylinder(columns=33, rows=5, radius_m=1.0, half_rad=0.7, height_m=0.6):
    """u, v, x, y, z of a curved monitor around the eye."""
    table = []
    for v in np.linspace(0, 1, rows):
        for u in np.linspace(0, 1, columns):
            angle = (2 * u - 1) * half_rad
            table.append([u, v, radius_m * math.cos(angle), radius_m * math.sin(angle), (0.5 - v) * height_m])
    return table


def written(tmp_path, table, header="u,v,x_m,y_m,z_m"):
    path = tmp_path / "mesh.csv"
    lines = [",".join(f"{number:.9g}" for number in row) for row in table]
    path.write_text("\n".join(["# a comment", header, *lines]) + "\n")
    return path


def test_a_curved_screen_shows_every_direction_where_the_surface_stands(tmp_path):
    uv, points = read_mesh(written(tmp_path, cylinder()), FLAT)
    view = view_of_surface(FLAT, uv, points, ORIGIN, EYE_IN_EGO)
    angle = 0.35  # a quarter of the way from the middle to the right end: u = 0.75
    behind = np.array([50 * math.cos(angle), 50 * math.sin(angle), 0.0]) + EYE_IN_EGO
    pixel = picture_from_camera_pixels(view, ORIGIN, camera_pixels(view.camera, [behind]))
    np.testing.assert_allclose(pixel[0], (750, 300), atol=0.5)
    shown = texture_coordinates(view, ORIGIN, view.camera)
    shares = shown[..., :2] / shown[..., 2:]
    assert shares.min() >= -1e-3
    assert shares.max() <= 1 + 1e-3
    assert 0.0 < view.wasted_fraction < 0.4


def test_rows_may_come_in_any_order(tmp_path):
    table = cylinder()
    one = read_mesh(written(tmp_path, table), FLAT)
    other = read_mesh(written(tmp_path, table[::-1]), FLAT)
    np.testing.assert_array_equal(one[1], other[1])


def test_a_mesh_that_bends_nothing_is_the_flat_screen(tmp_path):
    table = [[u, v, u, v] for u in (0.0, 0.3, 1.0) for v in (0.0, 1.0)]
    uv, points = read_mesh(written(tmp_path, table, "u,v,s,t"), FLAT)
    mesh = view_of_surface(FLAT, uv, points, ORIGIN, EYE_IN_EGO)
    flat = view_from_eye(FLAT, ORIGIN, EYE_IN_EGO)
    assert mesh.camera.fov_rad == pytest.approx(flat.camera.fov_rad, abs=0.01)
    corners = texture_coordinates(flat, ORIGIN, mesh.camera)
    np.testing.assert_allclose(texture_coordinates(mesh, ORIGIN, mesh.camera)[0, 0], corners[0, 0], atol=1e-12)
    np.testing.assert_allclose(texture_coordinates(mesh, ORIGIN, mesh.camera)[-1, -1], corners[-1, -1], atol=1e-12)


def test_a_pfm_of_points_is_a_mesh_with_a_vertex_a_pixel(tmp_path):
    xyz = np.array(cylinder(columns=40, rows=10), np.float32)[:, 2:].reshape(10, 40, 3)
    path = tmp_path / "geometry.pfm"
    cv2.imwrite(str(path), xyz[..., ::-1])
    uv, points = read_mesh(path, FLAT)
    np.testing.assert_allclose(points, xyz, atol=1e-6)
    np.testing.assert_allclose(uv[0, 0], (0.5 / 40, 0.5 / 10))


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("a,b\n1,2\n", "the first line must be"),
        ("u,v,s,t\n0,0,0\n", "every row must hold 4"),
        ("u,v,s,t\n0,0,0,x\n", "every row must hold 4 numbers"),
        ("u,v,s,t\n0,0,0,0\n1,1,1,1\n0.5,0,0,0\n", "do not make a grid"),
        ("u,v,s,t\n0,0,0,0\n0,2,0,1\n1,0,1,0\n1,2,1,1\n", "within 0..1"),
        ("u,v,s,t\n0,0,0,0\n0,0,0,1\n1,0,1,0\n1,1,1,1\n", "twice and another is missing"),
        ("u,v,s,t\n0,0,0,nan\n0,1,0,1\n1,0,1,0\n1,1,1,1\n", "finite"),
    ],
)
def test_a_wrong_mesh_says_what_is_expected(tmp_path, text, advice):
    path = tmp_path / "mesh.csv"
    path.write_text(text)
    with pytest.raises(ConfigError, match=advice):
        read_mesh(path, FLAT)


@given(share=st.floats(0, 1))
def test_two_ramps_over_one_another_give_one_light(share):
    assert float(ramp(np.array(share)) + ramp(np.array(1 - share))) == pytest.approx(1.0)


def test_the_overlap_of_two_projectors_is_as_bright_as_the_rest():
    left = multiplier(400, 10, Blend(right=0.25, gamma=2.2))[5, :, 0]
    right = multiplier(400, 10, Blend(left=0.25, gamma=2.2))[5, :, 0]
    light = left[300:] ** 2.2 + right[:100] ** 2.2
    np.testing.assert_allclose(light, 1.0, atol=1e-9)
    np.testing.assert_allclose(left[:300], 1.0)


def test_a_gain_turns_one_colour_down_in_linear_light():
    factors = multiplier(4, 4, Blend(gamma=2.0), (1.0, 0.25, 1.0))
    np.testing.assert_allclose(factors[0, 0], (1.0, 0.5, 1.0))
