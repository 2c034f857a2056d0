"""Evaluation against the real simulator with real policies in their processes, and what it leaves on disk."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from cockpit.config import SessionConfig, TrafficConfig
from cockpit.route.files import RouteSpec, read_routes, shipped_routes
from cockpit.world.simulator import launch_simulator
from policy.vla.checkpoint import CheckpointError
from policy.vla.small import make_checkpoint
from recorder.reading.reader import list_segments, read_session
from recorder.reading.verify import verify_session
from refine.errors import RefineError
from refine.evaluate.evaluate import EXPERT, EvaluationProgress, evaluate
from refine.evaluate.metrics import DriveSums, Infraction, score
from refine.evaluate.results import (
    Evaluation,
    PolicyRef,
    Run,
    merged,
    read_evaluation,
    route_table,
    summary_table,
    write_evaluation,
)
from tests.refine.data.takeover_sessions import TINY

SHORT = SessionConfig(traffic=TrafficConfig(count=3), time_limit_s=3.0)


@pytest.fixture(scope="module")
def place():
    with launch_simulator() as simulator:
        yield "127.0.0.1", simulator.port


@pytest.fixture(scope="module")
def untrained(tmp_path_factory) -> Path:
    return make_checkpoint(tmp_path_factory.mktemp("policies") / "untrained", size=TINY)


@pytest.fixture(scope="module")
def straight() -> RouteSpec:
    """The first stretch of a shipped route, 57 m."""
    route = read_routes(shipped_routes("millbrook_test"))[0]
    return RouteSpec("straight", route.town, (route.waypoints[0], route.waypoints[3]))


@pytest.fixture(scope="module")
def supervised(place, untrained, straight, tmp_path_factory) -> tuple[Path, Evaluation, list[EvaluationProgress]]:
    """An untrained policy and the expert over one short route."""
    out, progress = tmp_path_factory.mktemp("evaluation") / "new", []
    found = evaluate(
        {"untrained": untrained, "expert": EXPERT},
        {"train": [straight]},
        [3],
        out,
        supervised=True,
        config=SHORT.model_copy(update={"time_limit_s": 15.0}),
        simulator=place,
        record=True,
        on_progress=progress.append,
        command="takeover evaluate",
    )
    return out, found, progress


def test_every_policy_drives_every_route(supervised):
    _, found, _ = supervised
    assert [(run.policy, run.route_id, run.seed) for run in found.runs] == [
        ("untrained", "straight", 3),
        ("expert", "straight", 3),
    ]
    assert found.groups == ["train"]


def test_the_expert_alone_drives_the_route_without_a_fault(supervised):
    total = supervised[1].total("expert")
    assert total.driving_score == 100.0
    assert total.success
    assert total.takeovers == 0


def test_a_policy_that_cannot_drive_is_taken_over_and_the_takeovers_are_recorded(supervised):
    out, found, _ = supervised
    run = found.of("untrained")[0]
    assert run.score.takeovers >= 1
    assert len(run.takeovers) == run.score.takeovers
    assert all(place.note for place in run.takeovers)
    session = out / run.session
    assert read_session(session).policy == "untrained"
    assert read_session(session).policy_sha256 == found.policies[0].sha256
    assert len(list_segments(session)) >= 1
    assert not verify_session(session)


def test_the_expert_saves_the_route_that_the_policy_would_have_lost(supervised):
    run = supervised[1].of("untrained")[0]
    assert run.score.collisions == 0
    assert run.score.off_road_share == 0.0


def test_what_is_on_disk_is_what_was_returned(supervised):
    out, found, _ = supervised
    assert read_evaluation(out) == found
    assert (out / "map.xodr").read_text().startswith("<?xml")


def test_progress_is_reported_from_the_first_run_to_the_last(supervised):
    _, _, progress = supervised
    assert {(one.run, one.runs) for one in progress} == {(0, 2), (1, 2)}
    assert progress[-1].share > 0.7  # reported every 20 ticks, and the route is done 5 m before its end


def test_tables_have_a_row_for_each_policy_and_route(supervised):
    _, found, _ = supervised
    for table in (summary_table(found), route_table(found)):
        assert all(len(row) == len(table.header) for row in table.rows)
        assert [row[1] for row in table.rows] == ["untrained", "expert"]


def test_without_anybody_in_the_seat_the_same_call_gives_the_same_scores(place, untrained, straight, tmp_path):
    found = [
        evaluate({"p": untrained}, [straight], [3], tmp_path / str(number), config=SHORT, simulator=place)
        for number in range(2)
    ]
    assert found[0].runs[0].score == found[1].runs[0].score
    assert found[0].runs[0].track == found[1].runs[0].track
    assert found[0].runs[0].score.takeovers == 0
    assert not found[0].supervised


def test_it_says_what_is_missing(tmp_path, straight):
    with pytest.raises(RefineError, match="at least one policy"):
        evaluate({}, [straight], [0], tmp_path / "a")
    with pytest.raises(RefineError, match="at least one"):
        evaluate({"expert": EXPERT}, [], [0], tmp_path / "a")
    with pytest.raises(CheckpointError, match="nowhere"):
        evaluate({"p": tmp_path / "nowhere"}, [straight], [0], tmp_path / "a")
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "file").write_text("mine")
    with pytest.raises(RefineError, match="in use"):
        evaluate({"expert": EXPERT}, [straight], [0], tmp_path / "used")
    with pytest.raises(RefineError, match=r"cannot be read"):
        read_evaluation(tmp_path)
    (tmp_path / "evaluation.json").write_text('{"runs": 3}')
    with pytest.raises(RefineError, match="is no evaluation"):
        read_evaluation(tmp_path)


def made(name: str, scores: dict[tuple[str, int], dict[Infraction, int]], takeovers: int = 0, **changes) -> Evaluation:
    """An evaluation with the given infractions per route and seed."""
    runs = []
    for (route, seed), infractions in scores.items():
        sums = DriveSums(400.0, 400.0, 400.0, 60.0, 0.0, 0.0, 300.0, takeovers, infractions)
        runs.append(Run(name, "train", route, seed, "route_done", sums, score(sums, is_done=True), [], [], [], 1.0))
    whole = Evaluation("2026-01-05T10:00:00+00:00", True, "Millbrook", 20, [0], [PolicyRef(name, name, "ab")], runs)
    return dataclasses.replace(whole, **changes)


def test_evaluations_before_and_after_become_one(tmp_path):
    before = made("before", {("a", 0): {Infraction.VEHICLE: 1}, ("b", 0): {}}, takeovers=2)
    after = made("after", {("a", 0): {}, ("b", 0): {}}, takeovers=1)
    both = merged([before, after])
    assert [policy.name for policy in both.policies] == ["before", "after"]
    gain = both.gain("before", "after")
    assert gain is not None
    assert gain[0] == pytest.approx(20.0)  # 60 to 100 on one of two routes
    assert both.total("before").takeovers_per_km == pytest.approx(5.0)
    write_evaluation(both, tmp_path)
    assert read_evaluation(tmp_path) == both


def test_only_drives_of_the_same_route_and_seed_are_compared():
    both = merged([made("before", {("a", 0): {}, ("a", 1): {}}), made("after", {("a", 1): {}, ("c", 0): {}})])
    assert [(old.key, new.key) for old, new in both.paired("before", "after")] == [(("train", "a", 1),) * 2]
    apart = merged([made("before", {("a", 0): {}}), made("after", {("b", 0): {}})])
    assert apart.gain("before", "after") is None


def test_what_cannot_be_compared_is_refused():
    one = made("before", {("a", 0): {}})
    with pytest.raises(RefineError, match="named before"):
        merged([one, one])
    with pytest.raises(RefineError, match="differ"):
        merged([one, made("after", {("a", 0): {}}, traffic=0)])
    with pytest.raises(RefineError, match="no evaluations"):
        merged([])
    with pytest.raises(RefineError, match="drove no route"):
        one.total("unknown")
