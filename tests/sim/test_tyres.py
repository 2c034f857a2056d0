"""The tyre: linear for small slip, never more than friction, friction circle."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.tyres import side_force_n, side_limit_n

STIFFNESS, LIMIT = np.array([100_000.0]), np.array([7000.0])


def force(slip_rad: float) -> float:
    return float(side_force_n(np.array([slip_rad]), STIFFNESS, LIMIT)[0])


def test_small_slip_gives_a_force_by_the_cornering_stiffness():
    assert force(0.001) == pytest.approx(-100.0, rel=0.02)


def test_brush_model_reaches_its_limit_where_the_whole_patch_slides():
    """tan(slip) = 3 F / C (Fiala): 0.21 here."""
    sliding = np.arctan(3.0 * 7000.0 / 100_000.0)
    assert force(sliding) == pytest.approx(-7000.0)
    assert abs(force(0.9 * sliding)) < 7000.0
    assert force(1.2) == pytest.approx(-7000.0)


def test_half_the_sliding_slip_gives_seven_eighths_of_the_limit():
    """u = 1/2 in 3u - 3u² + u³."""
    assert force(np.arctan(0.5 * 0.21)) == pytest.approx(-7000.0 * 7.0 / 8.0)


@given(st.floats(-10.0, 10.0), st.floats(0.0, 20_000.0))
def test_side_force_opposes_slip_and_never_exceeds_the_limit(slip_rad, limit_n):
    found = float(side_force_n(np.array([slip_rad]), STIFFNESS, np.array([limit_n]))[0])
    assert abs(found) <= limit_n + 1e-6
    if -1.5 < slip_rad < 1.5:
        assert found * slip_rad <= 0.0


@given(st.floats(-9000.0, 9000.0))
def test_braking_and_side_force_share_one_circle(longitudinal_n):
    side = float(side_limit_n(np.array([longitudinal_n]), LIMIT)[0])
    assert np.hypot(side, longitudinal_n) <= max(7000.0, abs(longitudinal_n)) + 1e-6
