"""What the server sends after work that kept it from answering: tested on a server without sockets."""

from types import SimpleNamespace

import pytest

from sim import server as server_module
from sim.map.files import read_map, shipped_map
from sim.protocol.rpc import Method, ReplyShape, Request
from sim.server import Server
from sim.simulator.simulator import Simulator


class Clock:
    """The server's clock, which goes only while work is done: the machine's speed does not matter."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def monotonic(self) -> float:
        return self.now_s

    def work_too_long(self) -> None:
        self.now_s += 1.1 * server_module.BLOCKED_S


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(server_module, "time", made)
    return made


@pytest.fixture
def server(clock):
    path = shipped_map()
    return Server(Simulator(read_map(path), 0, None), path)


def call(server, name, handler):
    """Answer one call; gives what was sent on the world's stream meanwhile."""
    sent = []
    server.simulator.streams.send = lambda stream_id, *parts: sent.append((stream_id, b"".join(parts)))
    server._methods[name] = Method(ReplyShape.VALUE, handler)
    server._answer(Request(SimpleNamespace(send=lambda _reply: None), 1, name, [True]))
    return sent


def test_a_tick_that_took_too_long_is_sent_twice(server, clock):
    """A client that has given its TrafficManager up by then throws the first one away and waits for this frame."""

    def slow():
        clock.work_too_long()
        return server.simulator.tick()

    first, second = call(server, "slow", slow)
    assert first == second


def test_a_tick_in_time_is_sent_once(server):
    assert len(call(server, "quick", lambda: server.simulator.tick())) == 1


def test_other_slow_work_repeats_the_last_snapshot(server, clock):
    (snapshot,) = call(server, "quick", lambda: server.simulator.tick())
    assert call(server, "slow", clock.work_too_long) == [snapshot]
