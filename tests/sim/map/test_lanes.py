"""The lane graph of the town: lanes are connected, and every look-up agrees with every other."""

import math
from importlib import resources

import carla
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.map.junction_conflicts import conflicts_between
from sim.map.lanes import LaneGraph
from tests.sim.map.small_roads import straight_road


def town() -> carla.Map:
    return carla.Map("millbrook", (resources.files("assets") / "maps" / "millbrook.xodr").read_text())


GRAPH = LaneGraph.from_map(town())


def turn(a: float, b: float) -> float:
    return abs((a - b + math.pi) % (2 * math.pi) - math.pi)


def test_lanes_lead_into_their_successors_without_a_gap_or_a_kink():
    for lane in GRAPH.lanes:
        for k in GRAPH.successors[lane.index]:
            ahead = GRAPH.lanes[k]
            assert math.hypot(ahead.x[0] - lane.x[-1], ahead.y[0] - lane.y[-1]) < 0.1
            assert turn(ahead.yaw[0], lane.yaw[-1]) < 0.1
            assert lane.index in GRAPH.predecessors[k]


def test_every_lane_of_the_town_goes_on_and_can_be_reached():
    assert all(GRAPH.successors)
    assert all(GRAPH.predecessors)


def test_headings_point_along_the_lane_and_s_counts_its_metres():
    for lane in GRAPH.lanes:
        along = np.arctan2(np.diff(lane.y), np.diff(lane.x))
        assert max(turn(a, b) for a, b in zip(along, lane.yaw[:-1], strict=True)) < 0.15
        assert np.allclose(np.diff(lane.s), np.hypot(np.diff(lane.x), np.diff(lane.y)))


def test_lanes_beside_run_the_same_way_on_the_side_they_are_said_to_be():
    found = 0
    for lane in GRAPH.lanes:
        for beside, side in ((GRAPH.left[lane.index], -1.0), (GRAPH.right[lane.index], 1.0)):
            if beside < 0:
                continue
            found += 1
            middle = lane.length_m / 2
            x, y, yaw = GRAPH.at(lane.index, middle)
            _, _, offset = GRAPH.nearest_many(np.array([x]), np.array([y]), np.array([yaw]))
            assert abs(offset[0]) < 0.05
            other = GRAPH.lanes[beside]
            k = int(np.argmin(np.hypot(other.x - x, other.y - y)))
            aside = -math.sin(yaw) * (other.x[k] - x) + math.cos(yaw) * (other.y[k] - y)
            assert aside * side == pytest.approx(3.5, abs=0.3)
            assert turn(other.yaw[k], yaw) < 0.1
    assert found == 12  # three four-lane roads


def test_speed_limits_are_the_towns():
    assert np.allclose(GRAPH.limit_mps, 40.0 / 3.6)


@settings(max_examples=100)
@given(st.integers(0, len(GRAPH) - 1), st.floats(0.0, 1.0), st.floats(-1.0, 1.0))
def test_a_place_beside_a_lane_is_found_again(k, share, aside):
    lane = GRAPH.lanes[k]
    s = share * lane.length_m
    x, y, yaw = GRAPH.at(k, s)
    px, py = x - aside * math.sin(yaw), y + aside * math.cos(yaw)
    assert GRAPH.lanes_at(px, py, yaw).keys() & {k, *GRAPH.successors[k], *GRAPH.predecessors[k]}
    found, along = GRAPH.nearest(px, py, yaw)
    if not lane.is_junction and found == k:
        assert along == pytest.approx(s, abs=0.2)
    if not lane.is_junction and 3.0 < s < lane.length_m - 3.0:
        assert found == k
        assert GRAPH.nearest_many(np.array([px]), np.array([py]), np.array([yaw]))[2][0] == pytest.approx(
            aside, abs=0.1
        )


def test_nothing_is_found_far_from_the_road():
    assert GRAPH.nearest(5000.0, 5000.0, 0.0) == (-1, 0.0)


def test_heading_decides_between_lanes_of_opposite_direction():
    x, y, yaw = GRAPH.at(24, 50.0)
    assert GRAPH.nearest(x, y, yaw)[0] == 24
    assert GRAPH.nearest(x, y, yaw + math.pi)[0] != 24


def test_places_in_opendrive_terms_are_those_that_carla_says():
    carla_map = town()
    for lane in GRAPH.lanes[::5]:
        road_s = float(lane.road_s[len(lane.road_s) // 2])
        found, s = GRAPH.on_road(lane.road_id, lane.lane_id, road_s)
        where = carla_map.get_waypoint_xodr(lane.road_id, lane.lane_id, road_s).transform.location
        x, y, _ = GRAPH.at(found, s)
        assert found == lane.index
        assert math.hypot(x - where.x, y - where.y) < 0.05


def test_conflicts_are_mutual_and_lie_where_lanes_are_near():
    conflicts = conflicts_between(GRAPH)
    assert sum(map(len, conflicts.values())) > 50
    for k, found in conflicts.items():
        for conflict in found:
            back = [c for c in conflicts[conflict.other] if c.other == k]
            assert [(c.begin_m, c.end_m) for c in back] == [(conflict.other_begin_m, conflict.other_end_m)]
            assert GRAPH.lanes[k].junction_id == GRAPH.lanes[conflict.other].junction_id
            a, b = GRAPH.lanes[k], GRAPH.lanes[conflict.other]
            crossing = np.hypot(a.x[:, None] - b.x, a.y[:, None] - b.y).min()
            assert crossing < 2.7
            assert conflict.merging == bool(set(GRAPH.successors[k]) & set(GRAPH.successors[conflict.other]))


def test_other_maps_and_their_limits_are_read():
    graph = LaneGraph.from_map(straight_road(300.0, limit_kmh=70.0, lanes=3))
    assert [round(lane.length_m) for lane in graph.lanes] == [300, 300, 300]
    assert graph.right == [1, 2, -1]
    assert graph.left == [-1, 0, 1]
    assert graph.limit_mps[0] == pytest.approx(70.0 / 3.6)
    assert graph.at(0, 100.0) == pytest.approx((100.0, 1.75, 0.0), abs=0.01)


def test_a_map_without_driving_lanes_is_refused():
    with pytest.raises(ValueError, match="no driving lanes"):
        LaneGraph([], [])


@given(st.lists(st.tuples(st.integers(-1, len(GRAPH) - 1), st.floats(0.0, 400.0)), min_size=1, max_size=20))
def test_speed_limits_of_many_places_are_those_of_their_lanes(places):
    lane, s = np.array([k for k, _ in places]), np.array([s for _, s in places])
    found = GRAPH.limits_mps(lane, s).tolist()
    for k, along, limit in zip(lane.tolist(), s.tolist(), found, strict=True):
        limits = GRAPH.lanes[k].limit_mps
        assert limit == (-1.0 if k < 0 else limits[min(round(along), len(limits) - 1)])
