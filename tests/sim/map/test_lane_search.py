"""The compiled search for the nearest point gives what looking at every point gives, to the bit."""

import numpy as np
import pytest

from sim.map.lane_search import LEVEL_M, PointGrid
from sim.map.lanes import LaneGraph
from tests.sim.map.small_roads import straight_road

TURN_M = 3.0


def nearest_of_all(points: np.ndarray, place: np.ndarray, within_m: float) -> int:
    """The search without a grid: points (N, 4) and a place of x, y, z, yaw; z NaN for any level."""
    x, y, z, yaw = points.T
    distance = np.sqrt((x - place[0]) * (x - place[0]) + (y - place[1]) * (y - place[1]))
    fits = np.cos(yaw) * np.cos(place[3]) + np.sin(yaw) * np.sin(place[3])
    cost = distance + TURN_M * (1.0 - fits)
    cost[(distance > within_m) | (np.abs(z - place[2]) > LEVEL_M)] = np.inf
    return int(np.argmin(cost)) if np.isfinite(cost).any() else -1


@pytest.mark.parametrize("within_m", [1.0, 10.0, 60.0])
@pytest.mark.parametrize("seed", range(3))
def test_the_nearest_point_is_that_of_all_points(within_m, seed):
    rng = np.random.default_rng(seed)
    points = rng.uniform((-60.0, -40.0, 0.0, -3.0), (60.0, 40.0, 8.0, 3.0), (600, 4))
    points[::7, :2] = points[1::7, :2][: len(points[::7])]  # points above each other
    places = rng.uniform((-90.0, -70.0, -1.0, -3.0), (90.0, 70.0, 9.0, 3.0), (300, 4))
    places[:40, :2] = points[:40, :2]
    places[200:, 2] = np.nan
    x, y, z, yaw = (np.ascontiguousarray(column) for column in places.T)
    found = PointGrid.of(*points.T).nearest(x, y, z, yaw, within_m, TURN_M)
    assert found.tolist() == [nearest_of_all(points, place, within_m) for place in places]
    assert (found >= 0).any()


def test_the_first_of_points_that_are_alike_is_taken():
    points = np.tile([3.0, 4.0, 0.0, 0.0], (20, 1))
    x, y, z, yaw = (np.array([value]) for value in (3.0, 5.0, 0.0, 0.0))
    assert PointGrid.of(*points.T).nearest(x, y, z, yaw, 10.0, TURN_M).tolist() == [0]


def test_poses_that_have_changed_in_place_are_looked_for_anew():
    graph = LaneGraph.from_map(straight_road())
    lane = graph.lanes[0]
    x, y, yaw = (np.array([column[0], column[5]]) for column in (lane.x, lane.y, lane.yaw))
    first = graph.nearest_many(x, y, yaw)
    assert graph.nearest_many(x, y, yaw)[1] is first[1]
    x[0], y[0] = lane.x[10], lane.y[10]
    assert graph.nearest_many(x, y, yaw)[1][0] == pytest.approx(lane.s[10])
    with pytest.raises(ValueError, match="read-only"):
        first[1][0] = 0.0
