"""The tyre: linear for small slip, never more than friction, weaker when it slides wholly, stiffer under load."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.vehicles.tyres import force_per_slip_n, friction_limit_n, stiffness_under_load

STIFFNESS, LIMIT = 100_000.0, 7000.0


def force(slip: float, limit_n: float = LIMIT) -> float:
    return force_per_slip_n(slip, STIFFNESS, limit_n) * slip


def test_small_slip_gives_a_force_by_the_stiffness():
    assert force(0.001) == pytest.approx(100.0, rel=0.01)


def test_the_greatest_force_is_the_limit_at_the_slip_of_the_magic_formula():
    """C atan(B s) = pi / 2 with C = 1.4 and B = stiffness / (C D): s = tan(pi / 2.8) / B = 0.204."""
    best = math.tan(math.pi / 2.8) * 1.4 * 7000.0 / 100_000.0
    assert best == pytest.approx(0.204, abs=0.001)
    assert force(best) == pytest.approx(7000.0)
    assert force(0.5 * best) < 7000.0


def test_a_locked_wheel_keeps_less_than_nine_tenths_and_more_than_eight():
    assert 0.8 * 7000.0 < force(1.0) < 0.9 * 7000.0


@given(st.floats(0.0, 100.0), st.floats(0.0, 20_000.0))
def test_no_slip_gives_more_than_the_limit(slip, limit_n):
    assert 0.0 <= force(slip, limit_n) <= limit_n + 1e-3


def test_under_its_static_load_a_tyre_has_its_numbers():
    assert friction_limit_n(3000.0, 3000.0, 0.9) == pytest.approx(2700.0)
    assert stiffness_under_load(STIFFNESS, 3000.0, 3000.0) == pytest.approx(100_000.0)


def test_two_tyres_hold_less_when_one_carries_what_the_other_lost():
    """Twice the load: 2 (1 - 0.1) of the friction; no load: none. Stiffness: sin(2 atan 1) / 0.8 = 1.25."""
    limits = [friction_limit_n(load_n, 3000.0, 1.0) for load_n in (6000.0, 0.0)]
    assert limits == pytest.approx([5400.0, 0.0])
    stiffness = [stiffness_under_load(50_000.0, load_n, 3000.0) for load_n in (6000.0, 0.0)]
    assert stiffness == pytest.approx([62_500.0, 0.0])
