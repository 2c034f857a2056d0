"""The free-running clock goes on whatever one tick meets."""

import asyncio
import logging

import pytest

from sim.map.files import shipped_map
from sim.server import Server
from sim.simulator.simulator import Simulator
from tests.sim.calls.socketless import TOWN


@pytest.fixture
def server():
    return Server(Simulator(TOWN, 0, None), shipped_map())


def test_a_tick_that_fails_is_logged_and_the_clock_goes_on(server, monkeypatch, caplog):
    step, done = server.simulator.world.step, asyncio.Event()

    def faulty(delta_s):
        step(delta_s)
        if server.simulator.world.frame in (2, 3, 4):
            raise ZeroDivisionError("a bug in a tick")
        if server.simulator.world.frame >= 6:
            done.set()

    monkeypatch.setattr(server.simulator.world, "step", faulty)

    async def run():
        clock = asyncio.create_task(server._run_free())
        finished, _ = await asyncio.wait([clock, asyncio.create_task(done.wait())], return_when=asyncio.FIRST_COMPLETED)
        assert clock not in finished, clock.exception()
        clock.cancel()

    with caplog.at_level(logging.ERROR):
        asyncio.run(run())
    assert [record.exc_info is not None for record in caplog.records] == [True]  # once, with its traceback
