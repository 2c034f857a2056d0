"""`evaluate` drives a leaderboard agent as it drives a checkpoint: scores, takeovers, recordings."""

from __future__ import annotations

import json

from cockpit.config import SessionConfig, TrafficConfig
from policy.agents.source import agent_source
from recorder.reading.reader import Segment, list_segments
from refine.evaluate.evaluate import evaluate
from tests.policy.agents.agent_parts import PILOT, ROUTE, STAND_IN


def test_an_agent_is_evaluated_and_its_takeovers_are_recorded(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(STAND_IN))
    orders = tmp_path / "orders.json"
    orders.write_text(json.dumps({"senses": False, "fails": "raises", "at": 30}), encoding="utf-8")
    agent = agent_source(f"agent:{PILOT}", orders)
    config = SessionConfig(traffic=TrafficConfig(count=0), time_limit_s=8.0)
    result = evaluate({"pilot": agent}, [ROUTE], [0], tmp_path / "out", supervised=True, config=config, record=True)
    (run,) = result.runs
    assert (result.policies[0].name, result.policies[0].sha256) == ("pilot", agent.sha256())
    assert run.sums.distance_m > 5.0
    assert "ZeroDivisionError" in run.faults[0]
    assert "policy failed" in run.takeovers[0].note  # the expert answered the request
    segment = Segment.open(list_segments(tmp_path / "out" / run.session)[0].path)
    assert segment.cameras == ["front"]
    assert segment.tick(len(segment) - 1).plan.is_control_only
