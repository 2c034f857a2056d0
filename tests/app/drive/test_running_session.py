"""From settings to a drive: what is wrong is reported before anything starts, and a failed start is cleaned up."""

from __future__ import annotations

import socket
import time

import psutil
import pytest
import yaml

from app.config import DriverChoice, RunConfig, load_run_config
from app.drive.run_status import Meter, Phase
from app.drive.running_session import build_session
from cockpit.config import ConfigError
from cockpit.devices import DeviceError, KeyboardDriver
from cockpit.windows.layout import Layout
from policy.vla.checkpoint import CheckpointError, PolicySettings, read_settings, write_settings
from policy.vla.small import make_checkpoint
from recorder.reading.reader import list_segments
from refine.driving import policy_cameras


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """An untrained policy: the same files and process as a trained one."""
    return make_checkpoint(tmp_path_factory.mktemp("policies") / "untrained")


def config(**changes):
    return RunConfig(policy=None, driver=DriverChoice.KEYBOARD, rig="single").model_copy(update=changes)


def written(tmp_path, **settings):
    path = tmp_path / "drive.yaml"
    path.write_text(yaml.safe_dump(settings))
    return path


def test_an_empty_file_is_a_whole_drive(tmp_path):
    path = tmp_path / "drive.yaml"
    path.write_text("")
    read = load_run_config(path)
    assert read == RunConfig()
    assert read.map_path().name == "millbrook.xodr"
    assert read.layout is Layout.AUTO
    session = read.session_config("127.0.0.1", 1234)
    assert (session.port, session.town, session.realtime, session.lockstep) == (1234, None, True, None)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"drivr": "expert"}, "drive.yaml:1: unknown key 'drivr'; did you mean 'driver'?"),
        ({"driver": "ghost"}, "drive.yaml:1: 'driver'"),
        ({"traffic": -1}, "greater than or equal to 0"),
        ({"route_id": "7"}, "needs a route_file"),
        ({"driver": "expert", "device": "/dev/input/event3"}, "set driver: wheel"),
        ({"policy": None, "driver": "expert"}, "only watches a policy"),
        ({"driver_id": "Jane Doe"}, "driver_id"),
    ],
)
def test_wrong_settings_name_file_key_and_what_would_be_right(tmp_path, settings, message):
    with pytest.raises(ConfigError) as caught:
        load_run_config(written(tmp_path, **settings))
    assert "drive.yaml" in str(caught.value)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        ({"rig": "quad"}, ConfigError, "no rig 'quad'"),
        ({"town": "atlantis"}, ConfigError, "no town 'atlantis'.*millbrook"),
        ({"route_file": "/nowhere/routes.xml"}, ConfigError, "cannot be read"),
        ({"policy": "/nowhere/policy"}, CheckpointError, "does not exist"),
        ({"driver": DriverChoice.WHEEL}, DeviceError, "no wheel is plugged in that a profile fits.*g29"),
        ({"driver": DriverChoice.WHEEL, "device": "/dev/input/event99"}, DeviceError, "cannot open /dev/input/event99"),
    ],
)
def test_what_is_missing_is_reported_before_anything_starts(changes, kind, message):
    with pytest.raises(kind, match=message):
        build_session(config(**changes))


def test_a_policy_folder_without_weights_says_what_is_missing(tmp_path):
    write_settings(tmp_path, PolicySettings(name="empty"))
    with pytest.raises(CheckpointError, match="weights"):
        build_session(config(policy=tmp_path))


def test_the_world_gets_the_rigs_cameras_and_the_one_the_policy_was_trained_with(checkpoint):
    session = build_session(config(policy=checkpoint, rig="desk_triple"))
    assert [camera.name for camera in session.cameras] == ["left", "centre", "right", "front"]
    (front,) = policy_cameras(checkpoint)
    assert session.cameras[-1] == front
    trained_with = read_settings(checkpoint).cameras["front"]
    assert (front.width, front.height, front.fov_rad) == (trained_with.width, trained_with.height, trained_with.fov_rad)
    assert isinstance(session.keyboard, KeyboardDriver)
    session.close()
    assert session.status().phase is Phase.ENDED


def test_a_server_that_does_not_answer_is_one_message_and_everything_is_given_back(tmp_path, checkpoint):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    session = build_session(config(host="127.0.0.1", port=port, policy=checkpoint, out=tmp_path))
    closed = []
    consumer = Meter()
    consumer.close = lambda: closed.append(True)
    session.add_consumer(consumer)
    session.start()
    assert session.wait(120.0)
    status = session.status()
    assert status.phase is Phase.FAILED
    assert f"No CARLA server answers at 127.0.0.1:{port}" in status.message
    assert closed
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_reported_before_the_drive(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("here is no room for a folder")
    with pytest.raises(OSError, match=r"cannot record into .*file: .*choose another folder"):
        build_session(config(out=blocked))


def test_stopping_while_it_still_starts_ends_without_a_tick(tmp_path):
    session = build_session(config(out=tmp_path, traffic=0))
    session.start()
    session.close()
    status = session.status()
    assert status.phase is Phase.ENDED
    assert status.message == "stopped before it began"
    assert session.newest_tick() is None


def test_a_simulator_that_dies_is_one_message_and_what_was_recorded_is_kept(tmp_path, checkpoint, monkeypatch):
    monkeypatch.setattr("app.config.SENSOR_TIMEOUT_S", 6.0)  # do not wait long for the picture that never comes
    session = build_session(config(policy=checkpoint, driver=DriverChoice.EXPERT, traffic=0, out=tmp_path))
    session.start()
    deadline = time.monotonic() + 200.0
    while not _segments(session) and not session.wait(0.1):
        assert time.monotonic() < deadline
    (simulator,) = [child for child in psutil.Process().children() if "sim" in child.cmdline()]
    simulator.kill()
    assert session.wait(120.0)
    status = session.status()
    assert status.phase is Phase.FAILED
    assert "The simulator ended while driving (exit code -9)" in status.message
    assert "What was recorded is kept" in status.message
    (found,) = list_segments(status.folder)
    assert found.ticks > 0
    assert found.complete
    assert [child for child in psutil.Process().children() if "policy.serving.worker" in child.cmdline()] == []


def _segments(session):
    recorder = session.status().recorder
    return recorder.segments if recorder is not None else 0
