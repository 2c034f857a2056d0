"""Loading a map: whatever fails on the way, the episode goes on as if nobody had asked."""

import pytest

from tests.sim.calls.socketless import SocketlessServer


@pytest.fixture
def server():
    made = SocketlessServer()
    made.car = made.spawn("vehicle.tesla.model3")[0]
    return made


def broken_map(server):
    server.value("copy_opendrive_to_file", "<OpenDRIVE>nothing</OpenDRIVE>")
    return server.error("load_new_episode", "Carla/Maps/OpenDriveMap", True, 0)


def test_a_map_that_cannot_be_built_ends_no_recording(server, tmp_path):
    name = str(tmp_path / "drive.log")
    server.value("start_recorder", name)
    server.value("tick_cue")
    assert "cannot be loaded" in broken_map(server)
    for _ in range(4):
        server.value("tick_cue")
    server.value("stop_recorder")
    assert "Frames: 5" in server.value("show_recorder_file_info", name, False)


def test_a_map_that_cannot_be_built_ends_no_playback(server, tmp_path):
    name = str(tmp_path / "drive.log")
    server.value("start_recorder", name)
    for _ in range(10):
        server.value("tick_cue")
    server.value("stop_recorder")
    server.value("replay_file", name, 0.0, 0.0, 0)
    broken_map(server)
    assert server.simulator.recordings.replayer is not None


def test_a_map_that_cannot_be_built_loses_no_picture(server):
    camera = server.spawn("sensor.camera.rgb", parent=server.car, image_size_x=8, image_size_y=8)[0]
    pictures = server.listen(server.simulator.world.actor(camera).stream_id)
    server.value("tick_cue")
    broken_map(server)
    server.value("tick_cue")
    server.simulator.draw_pending()
    assert len(pictures.messages()) == 2
