"""While one client waits for a map or for the rays' triangles, others are answered; a client's own calls keep order."""

import asyncio
import threading

import pytest

from sim.map.files import shipped_map
from sim.server import Server, open_ports
from sim.simulator import scans
from sim.simulator import simulator as simulator_module
from sim.simulator.simulator import Settings, Simulator
from tests.sim.calls.socketless import TOWN
from tests.sim.server.test_new_episode import Rpc


class Gate:
    """Holds a function until it is opened."""

    def __init__(self, monkeypatch, module, name) -> None:
        self.entered, self.opened, self._run = threading.Event(), threading.Event(), getattr(module, name)
        monkeypatch.setattr(module, name, self._wait_and_run)

    def _wait_and_run(self, *arguments):
        self.entered.set()
        assert self.opened.wait(60.0)
        return self._run(*arguments)


@pytest.fixture
def served():
    """A server in a thread of this process, and its port."""
    ports, ready = open_ports("127.0.0.1", 0), threading.Event()
    simulator = Simulator(TOWN, 0, None)
    simulator.change_settings(Settings(synchronous=True, fixed_step_s=0.05))
    server, loops = Server(simulator, shipped_map()), []

    async def run():
        loops.append(asyncio.get_running_loop())
        await server.run(*ports, on_ready=lambda _port: ready.set())

    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    port = ports[0].getsockname()[1]
    assert ready.wait(60.0)
    yield server, port
    loops[0].call_soon_threadsafe(server.stop)
    thread.join()


class Call(threading.Thread):
    """A call in a thread of its own."""

    def __init__(self, rpc, *call) -> None:
        super().__init__()
        self._rpc, self._call = rpc, call
        self.start()

    def run(self):
        self.answer = self._rpc.call(*self._call)


def test_others_are_answered_while_a_town_is_read(served, monkeypatch):
    server, port = served
    gate, mine, other = Gate(monkeypatch, simulator_module, "read_network"), Rpc(port), Rpc(port)
    loading = Call(mine, "load_new_episode", "Millbrook", True, 0)
    assert gate.entered.wait(60.0)
    before = server.simulator.episode_id
    assert other.call("tick_cue")
    assert other.call("version")
    assert server.simulator.episode_id == before
    gate.opened.set()
    loading.join()
    assert server.simulator.episode_id == before + 1
    assert other.call("get_map_info")[0][1][0].endswith("Millbrook")


def test_a_second_load_waits_for_the_first(served, monkeypatch):
    server, port = served
    gate = Gate(monkeypatch, simulator_module, "read_network")
    first = Call(Rpc(port), "load_new_episode", "Millbrook", True, 0)
    assert gate.entered.wait(60.0)
    second = Call(Rpc(port), "load_new_episode", "Ashford", True, 0)
    gate.opened.set()
    first.join()
    second.join()
    assert (server.simulator.episode_id, server.simulator.world.name) == (3, "Ashford")


def test_a_tick_that_waits_for_triangles_keeps_nobody_else_from_being_answered(served, monkeypatch):
    server, port = served
    gate, mine, other = Gate(monkeypatch, scans, "RayScene"), Rpc(port), Rpc(port)
    ahead = [[50.0, 1.75, 2.0], [0.0, 0.0, 0.0]]
    (_, lidar), *_ = mine.call("spawn_actor", [1, "sensor.lidar.ray_cast", []], ahead)
    stream_id = server.simulator.world.actor(lidar[0]).stream_id
    monkeypatch.setattr(server.simulator.streams, "has_readers", lambda k: k == stream_id)
    sent = []
    monkeypatch.setattr(server.simulator.streams, "send", lambda k, *_: sent.append(k))
    frame = server.simulator.world.frame
    mine.call("tick_cue")
    waiting = Call(mine, "tick_cue")
    assert other.call("version")
    assert server.simulator.world.frame == frame + 1
    assert stream_id not in sent
    gate.opened.set()
    waiting.join()
    assert server.simulator.world.frame == frame + 2
    assert sent.count(stream_id) >= 1
