"""The fast search for the nearest points of a path gives the same as the plain one, ties included."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sim.traffic.leaders import nearest_of_few

#: Whole metres too, so that places are often equally near.
METRES = st.one_of(st.integers(-5, 5).map(float), st.floats(-1e4, 1e4))


def plain(px, py, near_x, near_y):
    dx, dy = px[:, :, None] - near_x[:, None, :], py[:, :, None] - near_y[:, None, :]
    return np.argmin(dx * dx + dy * dy, axis=2)


@given(st.data(), st.integers(0, 4), st.integers(1, 10), st.integers(1, 12))
def test_the_nearest_point_is_that_of_a_plain_search(data, bodies, corners, points):
    px, py = (data.draw(arrays(np.float64, (bodies, corners), elements=METRES)) for _ in range(2))
    near_x, near_y = (data.draw(arrays(np.float64, (bodies, points), elements=METRES)) for _ in range(2))
    assert np.array_equal(nearest_of_few(px, py, near_x, near_y), plain(px, py, near_x, near_y))
