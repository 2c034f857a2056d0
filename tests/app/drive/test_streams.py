"""Streams by Lab Streaming Layer over the loopback interface: in with the tick, out with every event; the heat map."""

from __future__ import annotations

import csv
import json
import math
import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.recorder.tick_strategies import INFO, plain_tick

CONFIG = """[multicast]
ResolveScope = machine
[lab]
KnownPeers = {127.0.0.1}
SessionID = takeover-tests
[log]
level = -3
"""
_file = Path(tempfile.gettempdir()) / f"takeover-lsl-{os.getpid()}.cfg"
_file.write_text(CONFIG)
os.environ["LSLAPICFG"] = str(_file)  # read once, when the library is loaded: streams of this machine only

from app.config import StreamIn, StreamRole, StreamsConfig  # noqa: E402
from app.drive import streams  # noqa: E402
from app.drive.streams import StreamError, StreamRecorder, TickClock, load_pylsl, vehicle_sample  # noqa: E402
from app.study.gaze import heat_map, heat_picture, points_on_screens, read_gaze  # noqa: E402
from recorder.schema import EventKind, TickEvent  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")


def wait_for(condition, timeout_s=60.0):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def gaze_outlet(pylsl):
    info = pylsl.StreamInfo("Tracker", "Gaze", 3, 0.0, "float32", "tracker-1")
    channels = info.desc().append_child("channels")
    for name in ("gaze_x", "gaze_y", "pupil"):
        channels.append_child("channel").append_child_value("label", name)
    return pylsl.StreamOutlet(info)


def test_gaze_is_recorded_with_the_tick_in_which_it_was_taken(tmp_path):
    pylsl = load_pylsl()
    messages: list[str] = []
    config = StreamsConfig(read=(StreamIn(type="Gaze", role=StreamRole.GAZE),))
    outlet = gaze_outlet(pylsl)
    recorder = StreamRecorder(config, tmp_path, INFO, messages.append)
    wait_for(outlet.have_consumers)
    wait_for(lambda: recorder.status()[0].is_there)
    offset_s = time.time() - pylsl.local_clock()
    begun_s = time.time()
    for number in range(10):
        recorder.consume(plain_tick(100 + number, wall_time_s=begun_s + 0.05 * number))
        outlet.push_sample([0.1 * number, 0.5, 3.0], begun_s + 0.05 * number + 0.02 - offset_s)
    wait_for(lambda: recorder.status()[0].samples == 10)
    recorder.close()
    with (tmp_path / "streams" / "gaze.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["frame"]) for row in rows] == list(range(100, 110))
    assert [float(row["x"]) for row in rows] == pytest.approx([0.1 * number for number in range(10)], abs=1e-6)
    described = json.loads((tmp_path / "streams" / "gaze.json").read_text())
    assert (described["role"], described["channels"]) == ("gaze", ["x", "y", "pupil"])
    samples = read_gaze(tmp_path, (103, 105))
    assert samples.frame.tolist() == [103, 104, 105]
    assert messages == ["stream Gaze has come"]


def test_events_and_the_vehicle_s_state_go_out():
    pylsl = load_pylsl()
    sender = StreamRecorder(StreamsConfig(send=True), None, replace(INFO, session_id="out-1"))
    found = {}
    for kind in ("markers", "vehicle"):
        (info,) = pylsl.resolve_byprop("source_id", f"takeover-{kind}-out-1", 1, 30.0)
        found[kind] = pylsl.StreamInlet(info)
        found[kind].open_stream(30.0)
    tick = plain_tick(7, events=(TickEvent(EventKind.MARK, "hazard: dog"),))
    sender.consume(tick)
    marker, _ = found["markers"].pull_sample(30.0)
    state, stamp = found["vehicle"].pull_sample(30.0)
    assert marker == ["mark hazard: dog"]
    np.testing.assert_array_equal(state, vehicle_sample(tick))
    assert stamp + time.time() - pylsl.local_clock() == pytest.approx(tick.wall_time_s, abs=0.1)
    sender.close()


def test_without_the_library_the_message_says_what_to_do(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pylsl", None)
    with pytest.raises(StreamError, match="pip install pylsl"):
        streams.load_pylsl()


def test_a_stream_without_a_name_or_type_is_refused():
    with pytest.raises(ValueError, match="a name or a type"):
        StreamIn()
    assert StreamIn(name="Tobii", type="Gaze").predicate() == "name='Tobii' and type='Gaze'"


def test_a_moment_belongs_to_the_newest_tick_before_it():
    clock = TickClock()
    for frame in range(5):
        clock.add(plain_tick(frame, wall_time_s=1000.0 + frame))
    assert clock.at(999.0)[0] == -1
    assert clock.at(1002.9) == (2, pytest.approx(0.1))
    assert clock.at(1003.0)[0] == 3
    assert clock.at(2000.0)[0] == 4


def test_gaze_over_all_screens_is_taken_apart_by_their_widths():
    from app.study.gaze import GazeSamples

    xy = np.array([[0.125, 0.5], [0.5, 0.1], [0.99, 0.9], [math.nan, 0.5], [1.2, 0.5]])
    samples = GazeSamples(np.arange(5), xy, "panorama")
    found = points_on_screens(samples, ["left", "centre", "right"], [100, 200, 100])
    np.testing.assert_allclose(found["left"], [[0.5, 0.5]])
    np.testing.assert_allclose(found["centre"], [[0.5, 0.1]])
    np.testing.assert_allclose(found["right"], [[0.96, 0.9]])
    own = points_on_screens(replace(samples, surface="centre"), ["left", "centre"], [1, 1])
    assert list(own) == ["centre"]
    assert len(own["centre"]) == 3


def test_the_heat_is_where_one_looked_and_nowhere_else():
    points = np.tile([[0.25, 0.5]], (50, 1))
    density = heat_map(points, 16 / 9)
    row, column = np.unravel_index(density.argmax(), density.shape)
    assert (column / density.shape[1], row / density.shape[0]) == (
        pytest.approx(0.25, abs=0.02),
        pytest.approx(0.5, abs=0.02),
    )
    assert density.max() == 1.0
    assert density[:, -20:].max() == 0.0
    picture = heat_picture(density)
    assert picture[row, column, 3] > 150
    assert picture[0, -1, 3] == 0
    assert heat_map(np.zeros((0, 2)), 2.0).max() == 0.0


def test_the_heat_lies_where_the_driver_looked_in_a_picture_that_shows_more_than_the_screen():
    from app.gui.after.gaze_overlay import on_picture
    from cockpit.rig.projection import camera_pixels, screen_corners
    from cockpit.rig.rig import load_rig

    rig = load_rig("cave").model_copy(update={"eye_in_rig_m": (-0.3, 0.4, 1.0)})
    view = rig.views()[0]
    assert view.wasted_fraction > 0.1
    upper_left, _, lower_right, _ = screen_corners(view.screen)
    points_rig = np.array([upper_left, lower_right, (upper_left + lower_right) / 2])
    there = camera_pixels(view.camera, points_rig - view.eye_m + view.eye_in_ego_m)
    shares = on_picture(view, np.array([[0.0, 0.0], [1.0, 1.0], [0.5, 0.5]]))
    np.testing.assert_allclose(shares, there / (view.camera.width, view.camera.height), atol=1e-6)


@pytest.mark.parametrize("name", ["desk_triple", "desk_curved"])
def test_a_recorded_rig_is_enough_to_draw_the_heat(tmp_path, monkeypatch, name):
    from app.gui.after import gaze_overlay
    from cockpit.rig.rig import rig_path

    info = replace(INFO, rig=rig_path(name).read_text())
    monkeypatch.setattr(gaze_overlay, "read_session", lambda session: info)
    streams_folder = tmp_path / "streams"
    streams_folder.mkdir()
    (streams_folder / "gaze.json").write_text(json.dumps({"role": "gaze", "surface": "centre"}))
    (streams_folder / "gaze.csv").write_text("frame,x,y\n" + "5,0.5,0.5\n" * 20)
    found = gaze_overlay.gaze_overlays(tmp_path, ["centre"], (0, 10))
    assert list(found) == ["centre"]
