"""Angles on the wire have CARLA's normal form, whatever they were set to."""

import math

import carla
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.protocol.forms import normal_angles, pose_from_wire, transform_on_wire

degrees = st.floats(-2000.0, 2000.0)


def matrix(pitch, yaw, roll):
    """The rotation as the client library has it."""
    rotation = carla.Transform(carla.Location(), carla.Rotation(pitch=pitch, yaw=yaw, roll=roll))
    return np.array(rotation.get_matrix())


@pytest.mark.parametrize(
    ("given_deg", "normal_deg"),
    [
        ((0.0, 360.0, 0.0), (0.0, 0.0, 0.0)),
        ((0.0, 359.0, 0.0), (0.0, -1.0, 0.0)),
        ((0.0, 180.0, 0.0), (0.0, 180.0, 0.0)),
        ((0.0, -180.0, 540.0), (0.0, 180.0, 180.0)),
        ((-90.0, 0.0, 0.0), (-90.0, 0.0, 0.0)),
        ((120.0, 0.0, 0.0), (60.0, 180.0, 180.0)),
        ((300.0, 10.0, 20.0), (-60.0, 10.0, 20.0)),
        ((-0.0, -720.0, -0.0), (0.0, 0.0, 0.0)),
    ],
)
def test_known_angles(given_deg, normal_deg):
    assert normal_angles(*given_deg) == pytest.approx(normal_deg, abs=1e-9)
    assert all(math.copysign(1.0, angle) > 0.0 for angle in normal_angles(*given_deg) if angle == 0.0)


@given(degrees, degrees, degrees)
def test_the_normal_form_is_in_its_range_and_the_same_rotation(pitch, yaw, roll):
    found = normal_angles(pitch, yaw, roll)
    assert -90.0 <= found[0] <= 90.0
    assert all(-180.0 < angle <= 180.0 for angle in found[1:])
    assert np.abs(matrix(*found) - matrix(pitch, yaw, roll)).max() < 1e-3  # the library counts in 32 bits
    assert normal_angles(*found) == found


def test_a_transform_comes_back_with_the_angles_that_were_set_or_their_normal_form():
    assert transform_on_wire(pose_from_wire([[1.0, 2.0, 3.0], [0.0, 90.0, 0.0]]))[1] == [0.0, 90.0, 0.0]
    assert transform_on_wire(pose_from_wire([[1.0, 2.0, 3.0], [0.0, 360.0, -360.0]]))[1] == [0.0, 0.0, 0.0]
