"""Walkers as they are drawn: feet together when they stand; the stride follows the distance that they walked."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sim.render.models.figures import STRIDE_PHASES, stride_phase, walker

EXTENT_M = (0.19, 0.19, 0.93)


def feet_apart_m(phase: int) -> float:
    """How far the lowest parts reach along the heading."""
    points = np.array(walker("walker.pedestrian.0001", EXTENT_M, phase).vertices["position"])
    low = points[points[:, 2] < -0.8 * EXTENT_M[2]]
    return float(np.ptp(low[:, 0]))


def test_who_stands_has_both_feet_together():
    assert feet_apart_m(-1) < 0.5 * feet_apart_m(0)


def test_a_stride_swings_the_legs_and_comes_round():
    """Legs are furthest apart at the two ends of the stride and pass each other between them."""
    apart = [feet_apart_m(phase) for phase in range(STRIDE_PHASES)]
    assert apart[0] > apart[STRIDE_PHASES // 4] < apart[STRIDE_PHASES // 2]
    assert math.isclose(apart[0], apart[STRIDE_PHASES // 2], rel_tol=0.05)


@given(st.floats(-500.0, 500.0), st.floats(-500.0, 500.0), st.floats(-3.2, 3.2), st.floats(0.9, 2.0))
def test_phases_follow_the_way_gone_whatever_the_direction(x_m, y_m, yaw, height_m):
    step_m = 0.8 * height_m / STRIDE_PHASES
    here, there = (
        stride_phase(x_m + k * step_m * math.cos(yaw), y_m + k * step_m * math.sin(yaw), yaw, height_m, 1.4)
        for k in (0, STRIDE_PHASES // 2)
    )
    assert 0 <= here < STRIDE_PHASES
    assert (there - here) % STRIDE_PHASES in (STRIDE_PHASES // 2 - 1, STRIDE_PHASES // 2, STRIDE_PHASES // 2 + 1)
    assert stride_phase(x_m, y_m, yaw, height_m, 0.0) == -1
