"""The benchmark's hundred runs: the choice of routes, and that a stopped call is resumed."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from benchmarks.scenarios import Run, append_run, candidates_in, read_runs, spread


def test_a_hundred_routes_are_spread_over_every_type_and_town_and_always_the_same():
    found = candidates_in(("collect", "test"), set(), set())
    chosen = spread(found, 100)
    assert chosen == spread(list(reversed(found)), 100)
    assert len({(one.group, one.route.route_id) for one in chosen}) == 100
    types = Counter(one.type for one in chosen)
    assert set(types) == {one.type for one in found}
    assert set(types.values()) <= {3, 4}
    towns = Counter(one.route.town for one in chosen)
    assert set(towns) == {"Millbrook", "Ashford", "Kingsway", "Highfield"}
    assert min(towns.values()) >= 15


@pytest.mark.parametrize("reason", ["", 'collision with "a, b"'])
def test_runs_are_read_back_as_they_were_written(tmp_path: Path, reason: str):
    which = ("lane", "test", "2001", "0", "0", "Ashford", "Accident")
    run = Run(*which, "failed", reason, "stop_asked", 81.5, 8.3, 12.0, 2.1)
    path = tmp_path / "runs.csv"
    assert read_runs(path) == []
    append_run(path, run)
    append_run(path, run)
    assert read_runs(path) == [run, run]
