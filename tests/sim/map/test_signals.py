"""Traffic lights: crossing approaches are never green together, every approach gets its turn, clients may interfere."""

import math
from collections import defaultdict
from importlib import resources
from itertools import pairwise

import carla
import numpy as np
import pytest

from sim.map.junction_conflicts import conflicts_between
from sim.map.lanes import LaneGraph
from sim.map.signals import LightState, Signals
from tests.sim.map.small_roads import straight_road

DT = 0.05
TOWN = carla.Map("millbrook", (resources.files("assets") / "maps" / "millbrook.xodr").read_text())
LANES = LaneGraph.from_map(TOWN)


@pytest.fixture
def signals() -> Signals:
    return Signals(TOWN, LANES)


def history(signals: Signals, seconds: float) -> np.ndarray:
    """States of all lights, a row for each tick."""
    rows = []
    for _ in range(round(seconds / DT)):
        signals.step(DT)
        rows.append(signals.states)
    return np.array(rows)


def straight_ways(signals: Signals) -> dict[int, list[int]]:
    """Junction lanes straight on from each light."""
    ways = defaultdict(list)
    for k, light in enumerate(signals.lights):
        for line in light.stop_lines:
            ways[k] += [w for w in LANES.successors[line.lane] if abs(LANES.lanes[w].turn_rad) < 0.3]
    return ways


def test_ways_that_cross_are_never_open_together(signals):
    conflicts, ways = conflicts_between(LANES), straight_ways(signals)
    crossing = {
        (a, b)
        for a in ways
        for b in ways
        if any(c.other in ways[b] for way in ways[a] for c in conflicts[way]) and not set(ways[a]) & set(ways[b])
    }
    assert len(crossing) >= 12
    open_ = history(signals, 120.0) != LightState.RED
    for a, b in crossing:
        assert not np.any(open_[:, a] & open_[:, b]), (a, b)


def test_lights_of_one_approach_agree_and_every_light_turns_green(signals):
    states = history(signals, 120.0)
    assert np.all((states == LightState.GREEN).any(axis=0))
    assert np.all((states == LightState.RED).any(axis=0))


def test_green_is_followed_by_yellow_and_yellow_by_red(signals):
    states = history(signals, 120.0)
    for column in states.T:
        changes = {(int(a), int(b)) for a, b in pairwise(column) if a != b}
        assert changes == {
            (LightState.GREEN, LightState.YELLOW),
            (LightState.YELLOW, LightState.RED),
            (LightState.RED, LightState.GREEN),
        }


def test_yellow_lasts_as_long_as_it_is_set_to(signals):
    for light in signals.lights:
        light.yellow_s = 4.0
    column = history(signals, 100.0)[:, 0] == LightState.YELLOW
    starts = np.nonzero(np.diff(column.astype(int)) == 1)[0]
    ends = np.nonzero(np.diff(column.astype(int)) == -1)[0]
    lengths = [(e - s) * DT for s in starts for e in ends if e > s][:1]
    assert lengths == [pytest.approx(4.0, abs=DT)]


def test_every_light_has_a_stop_line_some_metres_before_its_junction(signals):
    assert len(signals.lights) == 17
    for light in signals.lights:
        assert light.junction_id >= 0
        for line in light.stop_lines:
            lane = LANES.lanes[line.lane]
            assert not lane.is_junction
            assert 1.0 < lane.length_m - line.s_m < 8.0


def test_the_yield_sign_has_a_line_and_no_light(signals):
    assert len(signals.give_way) == 1
    ((lane, lines),) = signals.give_way.items()
    assert LANES.lanes[LANES.successors[lane][0]].junction_id == 600
    assert 0.0 < LANES.lanes[lane].length_m - lines[0] < 10.0
    assert lane not in signals.by_lane


def test_frozen_lights_hold_until_released(signals):
    signals.set_state(3, LightState.GREEN)
    signals.freeze(3, True)
    group = signals.group_of(3)
    states = history(signals, 60.0)
    assert np.all(states[:, group] == states[0, group])
    assert states[0, 3] == LightState.GREEN
    signals.freeze(3, False)
    assert len({tuple(row) for row in history(signals, 60.0)[:, group]}) > 2


def test_freezing_all_stops_every_cycle(signals):
    signals.freeze_all(True)
    states = history(signals, 40.0)
    assert np.all(states == states[0])


def test_reset_begins_the_same_cycle_again(signals):
    first = history(signals, 70.0)
    signals.reset()
    assert np.array_equal(history(signals, 70.0), first)


def test_step_size_does_not_shift_the_cycle(signals):
    fine, coarse = Signals(TOWN, LANES), signals
    for _ in range(4000):
        fine.step(0.01)
    for _ in range(400):
        coarse.step(0.1)
    assert np.array_equal(fine.states, coarse.states)


def test_vehicle_before_the_line_is_at_that_light_and_behind_it_at_none(signals):
    for k, light in enumerate(signals.lights):
        line = light.stop_lines[0]
        for before_m, expected in ((6.0, k), (30.0, -1)):
            x, y, yaw = np.array([LANES.at(line.lane, line.s_m - before_m)]).T
            assert signals.lights_for(x, y, yaw) == [expected]
        x, y, yaw = np.array([LANES.at(line.lane, line.s_m - 6.0)]).T
        assert signals.lights_for(x, y, yaw + math.pi) != [k]


def test_a_lone_light_is_red_for_a_while_too():
    carla_map = straight_road(300.0, light_at_m=150.0)
    signals = Signals(carla_map)
    assert len(signals.lights) == 1
    states = set(history(signals, 60.0)[:, 0].tolist())
    assert states == {LightState.RED, LightState.YELLOW, LightState.GREEN}
