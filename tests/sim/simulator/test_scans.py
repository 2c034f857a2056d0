"""Scans wait for the town's triangles, the server does not: what they measure is what it would have been at once."""

import threading
from typing import Any

import pytest

from sim.protocol import wire
from sim.simulator import scans
from sim.simulator.simulator import Settings
from tests.sim.calls.socketless import SocketlessServer

LIDAR = {"points_per_second": 20000, "channels": 16, "range": 60, "upper_fov": 20}


class Gate:
    """Holds the building of the triangles until it is opened."""

    def __init__(self, monkeypatch) -> None:
        self.opened, self._build = threading.Event(), scans.RayScene
        monkeypatch.setattr(scans, "RayScene", self._wait_and_build)

    def _wait_and_build(self, *arguments):
        assert self.opened.wait(60.0)
        return self._build(*arguments)


def served() -> Any:
    """A server in synchronous mode with a car."""
    made: Any = SocketlessServer()
    made.simulator.change_settings(Settings(synchronous=True, fixed_step_s=0.05))
    made.car = made.spawn("vehicle.tesla.model3", x=140.0)[0]
    return made


@pytest.fixture
def server():
    return served()


def listen(server, type_id="sensor.lidar.ray_cast", **attributes):
    """A sensor on the car and what is received of it."""
    sensor = server.spawn(type_id, parent=server.car, **(LIDAR | attributes))[0]
    return sensor, server.listen(server.simulator.world.actor(sensor).stream_id)


def frames(memory):
    return [wire.SENSOR_HEADER.unpack_from(message)[1] for message in memory.messages()]


def test_a_tick_does_not_wait_for_the_triangles_and_its_scan_comes_when_they_are_there(server, monkeypatch):
    gate, built = Gate(monkeypatch), threading.Event()
    server.simulator.scans.notify = built.set
    _, received = listen(server)
    server.value("tick_cue")
    server.simulator.draw_pending()
    assert (len(server.simulator.scans), frames(received)) == (1, [])
    gate.opened.set()
    assert built.wait(60.0)
    server.simulator.scans.send_finished()
    assert frames(received) == [server.simulator.world.frame]


def test_a_scan_that_waited_measures_the_same(server, monkeypatch):
    _, at_once = listen(server)
    other = served()
    gate, built = Gate(monkeypatch), threading.Event()
    other.simulator.scans.notify = built.set
    _, later = listen(other)
    server.value("tick_cue")
    server.simulator.draw_pending()
    other.value("tick_cue")
    other.simulator.draw_pending()
    gate.opened.set()
    assert built.wait(60.0)
    other.simulator.scans.send_finished()
    for each in (server, other):
        each.value("tick_cue")
        each.simulator.draw_pending()
    assert at_once.messages() == later.messages()
    assert len(later.messages()) == 2


def test_a_destroyed_sensor_sends_the_scan_that_waited(server, monkeypatch):
    gate, built = Gate(monkeypatch), threading.Event()
    server.simulator.scans.notify = built.set
    lidar, received = listen(server)
    server.value("tick_cue")
    server.simulator.draw_pending()
    server.value("destroy_actor", lidar)
    gate.opened.set()
    assert built.wait(60.0)
    server.simulator.scans.send_finished()
    assert len(received.messages()) == 1


def test_triangles_that_cannot_be_built_leave_the_scan_out_and_the_ticks_go_on(server, monkeypatch, caplog):
    def broken(*_):
        raise ValueError("no such town")

    monkeypatch.setattr(scans, "RayScene", broken)
    _, received = listen(server)
    for _ in range(3):
        server.value("tick_cue")
    assert received.messages() == []
    assert sum("no such town" in record.message for record in caplog.records) == 1


def test_nothing_is_built_before_a_sensor_that_casts_rays_is_there(server, monkeypatch):
    begun = threading.Event()
    monkeypatch.setattr(scans, "town_of", lambda _text: begun.set())
    server.spawn("sensor.camera.rgb", parent=server.car)
    server.spawn("sensor.other.imu", parent=server.car)
    assert not begun.wait(0.2)
    server.spawn("sensor.other.radar", parent=server.car)
    assert begun.wait(60.0)


def test_traffic_lights_in_scans_are_the_present_episodes_actors(server):
    def light_ids():
        _, received = listen(server, "sensor.lidar.ray_cast_semantic", points_per_second=900000, rotation_frequency=20)
        server.value("tick_cue")
        server.simulator.draw_pending()
        (message,) = received.messages()
        points = message[wire.SENSOR_HEADER.size + 8 + 4 * LIDAR["channels"] :]
        found = {int.from_bytes(points[at + 16 : at + 20], "little") for at in range(0, len(points), 24)}
        return found & set(range(1, server.simulator.world.next_actor_id)) - {server.car}

    assert light_ids() == set(server.simulator.world.light_ids)
    server.value("load_new_episode", "", True, 0)
    server.car = server.spawn("vehicle.tesla.model3", x=140.0)[0]
    assert light_ids() == set(server.simulator.world.light_ids)
