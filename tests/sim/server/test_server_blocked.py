"""What the server does after work that kept it from answering: tried on a server without sockets."""

import time
from types import SimpleNamespace

import pytest

from sim import server as server_module
from sim.map.files import read_map, shipped_map
from sim.protocol.rpc import Method, ReplyShape, Request
from sim.server import Server
from sim.simulator.simulator import Simulator


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(server_module, "BLOCKED_S", 0.05)
    path = shipped_map()
    return Server(Simulator(read_map(path), 0, None), path)


def call(server, name, handler):
    """Answer one call; gives what was sent on the world's stream meanwhile."""
    sent = []
    server.simulator.streams.send = lambda stream_id, *parts: sent.append((stream_id, b"".join(parts)))
    server._methods[name] = Method(ReplyShape.VALUE, handler)
    server._answer(Request(SimpleNamespace(send=lambda _reply: None), 1, name, [True]))
    return sent


def test_a_tick_that_took_too_long_is_told_twice(server):
    """A client that has given its TrafficManager up by then throws the first one away and waits for this frame."""

    def slow():
        time.sleep(0.06)
        return server.simulator.tick()

    first, second = call(server, "slow", slow)
    assert first == second


def test_a_tick_in_time_is_told_once(server):
    assert len(call(server, "quick", lambda: server.simulator.tick())) == 1


def test_other_slow_work_repeats_the_last_snapshot(server):
    (told,) = call(server, "quick", lambda: server.simulator.tick())
    assert call(server, "slow", lambda: time.sleep(0.06)) == [told]
