"""A recording that cannot be written on ends, says so, and stays readable; no tick fails because of it."""

import io
import os
from pathlib import Path

import pytest

from sim.recording import format as record
from tests.sim.calls.socketless import SocketlessServer


class FullDisk(io.FileIO):
    """A file on a disk that is full after some bytes, as the kernel has it: a short write, then ENOSPC."""

    def __init__(self, path: Path, room: int) -> None:
        super().__init__(path, "wb")
        self.room = room

    def write(self, data):
        left = self.room - self.tell()
        if left <= 0:
            raise OSError(28, os.strerror(28))
        return super().write(bytes(data)[:left])


@pytest.fixture
def server():
    made = SocketlessServer()
    made.spawn("vehicle.tesla.model3")
    return made


def fill_the_disk(server, room):
    """From now on the recording's disk has room for so many bytes."""
    recorder = server.simulator.recordings._recorder
    recorder._file.flush()
    full = FullDisk(recorder.path, room)
    full.write(record.pack_header(record.Header("Carla/Maps/two_parts", 0)))
    recorder._file = io.BufferedWriter(full, 256)


@pytest.mark.parametrize("room", [600, 601, 777, 1003, 1004, 1009, 1500, 3000])
def test_a_full_disk_ends_the_recording_and_no_tick(server, tmp_path, room):
    name = str(tmp_path / "full.log")
    server.value("start_recorder", name)
    fill_the_disk(server, room)
    snapshots = server.listen(server.simulator.world_streams.present)
    frames = [server.value("tick_cue") for _ in range(30)]
    assert frames == list(range(1, 31))
    assert len(snapshots.messages()) == 31
    assert "No space left on device" in server.error("stop_recorder")
    report = server.value("show_recorder_file_info", name, False)
    assert "No space left on device" in report
    assert "Frames: " in report
    with Path(name).open("rb") as file:  # what was written is whole, frame by frame
        record.read_header(file)
        numbers = [frame.frame_id for frame in record.read_frames(file)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) >= 1 or room < 700


def test_the_next_recording_is_told_of_the_last_ones_end_once(server, tmp_path):
    server.value("start_recorder", str(tmp_path / "full.log"))
    fill_the_disk(server, 600)
    for _ in range(30):
        server.value("tick_cue")
    answer = server.value("start_recorder", str(tmp_path / "next.log"))
    assert answer.splitlines()[0] == str(tmp_path / "next.log")
    assert "full.log ended after" in answer
    assert server.value("start_recorder", str(tmp_path / "third.log")) == str(tmp_path / "third.log")


def test_a_kernels_full_device_ends_a_recording_too(server):
    server.value("start_recorder", "/dev/full", True)
    for frame in range(1, 400):
        assert server.value("tick_cue") == frame
    assert "No space left on device" in server.error("stop_recorder")
    server.value("tick_cue")


def test_text_that_is_no_utf_8_is_recorded_and_read_back(server, tmp_path):
    server.spawn("static.prop.barrel", 90.0, role_name="\udcff")
    name = str(tmp_path / "bytes.log")
    server.value("start_recorder", name)
    server.value("tick_cue")
    server.value("stop_recorder")
    with Path(name).open("rb") as file:
        record.read_header(file)
        (frame,) = record.read_frames(file)
    barrel = next(added for added in frame.added if added.type_id == "static.prop.barrel")
    assert barrel.attributes == ((4, "role_name", "\udcff"),)


def test_a_broken_recording_ends_its_playback_and_no_tick(server, tmp_path):
    name = tmp_path / "broken.log"
    server.value("start_recorder", str(name))
    for _ in range(3):
        server.value("tick_cue")
    server.value("stop_recorder")
    packet = record._HEAD.pack(record.Packet.POSITION, 2) + record._COUNT.pack(9)
    start = record._packet(record.Packet.FRAME_START, record._FRAME.pack(4, 0.05, 0.15))
    name.write_bytes(name.read_bytes() + start + packet)
    server.value("replay_file", str(name), 0.0, 0.0, 0)
    frames = [server.value("tick_cue") for _ in range(5)]
    assert frames == [4, 5, 6, 7, 8]
    assert server.simulator.recordings.replayer is None
