"""An agent with the leaderboard's interface, and drives of it on a simulator."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from cockpit.config import ArbitrationConfig, LockstepConfig, SessionConfig, TrafficConfig
from cockpit.route.files import read_route, shipped_routes
from cockpit.session.headless import run_headless_route
from cockpit.session.ports import DriverSource, TickConsumer
from policy.agents.process import AgentProcess
from policy.agents.source import agent_source
from recorder.schema import EventKind, Tick
from tests.cockpit.session.session_parts import Keeper

STAND_IN = Path(__file__).parent / "stand_in"
"""On the agent's search path: stands in for the leaderboard and CARLA's `agents`, which cannot be installed."""
PILOT = STAND_IN / "driven" / "pilot.py"
ROUTE = read_route(shipped_routes("millbrook_train"), "train_1")
ARBITRATION = ArbitrationConfig(plan_stale_s=0.3, request_s=1.0, recover_s=0.3)


def pilot(folder: Path, **orders: Any) -> AgentProcess:
    """The agent, started; `orders` are its configuration, and it writes what it is given to `folder`/log.jsonl."""
    config = folder / "orders.json"
    config.write_text(json.dumps({"log": str(folder / "log.jsonl"), **orders}), encoding="utf-8")
    return AgentProcess(agent_source(f"agent:{PILOT}", config))


def steps_of(folder: Path) -> list[dict[str, Any]]:
    """What the agent wrote down, one entry a step and one for its end."""
    return [json.loads(line) for line in (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()]


def drive(
    port: int,
    agent: AgentProcess,
    ticks: int,
    driver: DriverSource | None = None,
    consumers: Sequence[TickConsumer] | Callable[..., Sequence[TickConsumer]] = (),
    on_tick: Callable[[Tick], object] | None = None,
    wait_timeout_s: float = 60.0,
) -> list[Tick]:
    """The first ticks of a route with `agent` in the driver's seat, in lock-step and without traffic."""
    keeper = Keeper()
    config = SessionConfig(
        port=port,
        traffic=TrafficConfig(count=0),
        lockstep=LockstepConfig(wait_timeout_s=wait_timeout_s),
        arbitration=ARBITRATION,
    )

    def all_consumers(stage: Any) -> list[TickConsumer]:
        return [keeper, *(consumers(stage) if callable(consumers) else consumers)]

    until = lambda _: len(keeper.ticks) >= ticks  # noqa: E731
    run_headless_route(config, ROUTE, agent, driver, all_consumers, (), on_tick, until)
    return keeper.ticks


def faults_of(ticks: Sequence[Tick]) -> str:
    """The texts of all faults, a line each."""
    return "\n".join(event.text for tick in ticks for event in tick.events if event.kind is EventKind.FAULT)
