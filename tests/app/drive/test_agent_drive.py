"""A leaderboard agent in a drive of the application, at the wall clock's pace."""

from __future__ import annotations

import json

from app.config import DriverChoice, RunConfig
from app.drive.running_session import build_session
from recorder.session import read_session
from tests.cockpit.session.session_parts import Keeper
from tests.policy.agents.agent_parts import PILOT, STAND_IN


def test_an_agent_drives_and_the_session_says_which(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(STAND_IN))
    orders = tmp_path / "orders.json"
    orders.write_text(json.dumps({"senses": False}), encoding="utf-8")
    settings = RunConfig(
        rig="single",
        policy=f"agent:{PILOT}",
        agent_config=orders,
        driver=DriverChoice.EXPERT,
        traffic=0,
        time_limit_s=4.0,
        sound=None,
        out=tmp_path / "runs",
    )
    drive, keeper = build_session(settings), Keeper()
    drive.add_consumer(keeper)
    drive.run()
    policy = settings.policy_source()
    info = read_session(drive.status().folder)
    assert (info.policy, info.policy_sha256) == ("pilot", policy.sha256())
    plans = {tick.plan.frame for tick in keeper.ticks if tick.plan is not None}
    assert len(plans) > 10
    assert keeper.ticks[-1].ego.speed_mps > 1.0
