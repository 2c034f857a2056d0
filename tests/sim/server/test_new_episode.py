"""When readers of a former episode's snapshots learn of a new one: bytes on both ports, without CARLA's library."""

import socket
import struct

import msgpack
import pytest

from sim.protocol import wire
from tests.sim.server.server_process import serving


class Rpc:
    """One RPC connection."""

    def __init__(self, port):
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._unpacker = msgpack.Unpacker()

    def call(self, name, *arguments):
        self._socket.sendall(msgpack.Packer().pack([0, 1, name, [[False], *arguments]]))
        while True:
            for reply in self._unpacker:
                return reply[3]
            self._unpacker.feed(self._socket.recv(1 << 20))


class Snapshots:
    """A reader of one stream of snapshots."""

    def __init__(self, port, stream_id):
        self._socket = socket.create_connection(("127.0.0.1", port + 1))
        self._socket.sendall(struct.pack("<I", stream_id))

    def next(self):
        """Episode id, simulation state and frame of the next snapshot."""
        message = self._read(*struct.unpack("<I", self._read(4)))
        episode_id, *_, state = wire.EPISODE_HEADER.unpack_from(message, wire.SENSOR_HEADER.size)
        return episode_id, state, wire.SENSOR_HEADER.unpack_from(message)[1]

    def _read(self, count):
        data = b""
        while len(data) < count:
            part = self._socket.recv(count - len(data))
            assert part, "the stream was closed"
            data += part
        return data


def world_stream(rpc):
    """The present episode's id and its stream's."""
    (((_, (episode_id, (token,))),)) = rpc.call("get_episode_info")
    return episode_id, struct.unpack_from("<I", token)[0]


@pytest.fixture(scope="module")
def port():
    with serving() as ready:
        yield ready


SYNCHRONOUS = [True, True, [True, 0.05], True, 0.01, 10, 0.0, True, 3000.0, 2000.0, True]


def test_an_old_episodes_reader_hears_of_the_new_one_when_its_loader_has_asked_for_it(port):
    """Before that the loading client still has its old episode: its library's two threads would both replace it."""
    loader, other = Rpc(port), Rpc(port)
    loader.call("set_episode_settings", SYNCHRONOUS)
    old_id, stream_id = world_stream(loader)
    reader = Snapshots(port, stream_id)
    assert reader.next()[0] == old_id
    loader.call("load_new_episode", "Millbrook", False, 0)
    other.call("tick_cue")
    ((_, frame),) = other.call("tick_cue")
    new_id, _ = world_stream(loader)
    assert new_id == old_id + 1
    other.call("tick_cue")
    assert reader.next() == (new_id, wire.SNAPSHOT_MAP_CHANGED, frame)
    assert reader.next()[0] == new_id


def test_it_hears_of_it_too_when_the_loader_is_gone(port):
    loader, other = Rpc(port), Rpc(port)
    old_id, stream_id = world_stream(other)
    reader = Snapshots(port, stream_id)
    assert reader.next()[0] == old_id
    loader.call("load_new_episode", "Millbrook", False, 0)
    loader._socket.close()
    seen = reader.next()
    while seen[0] == old_id:
        seen = reader.next()
    assert seen[:2] == (old_id + 1, wire.SNAPSHOT_MAP_CHANGED)
