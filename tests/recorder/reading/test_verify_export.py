"""Broken recordings are reported in words, sound ones are copied faithfully."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest
import zarr

from recorder.export.hdf5 import export_hdf5
from recorder.reading.reader import RecordingError, Segment, list_segments, segment_paths
from recorder.reading.verify import verify_session
from tests.recorder.tick_strategies import drive
from tests.recorder.writing.test_segment_recorder import BACK, HUMAN, POLICY, record


@pytest.fixture(scope="module")
def session(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("recorded") / "s"
    record(folder, drive((30, POLICY), (20, HUMAN), (5, BACK), (80, POLICY)))
    return folder


@pytest.fixture
def damaged(session, tmp_path) -> Path:
    return Path(shutil.copytree(session, tmp_path / "s"))


def segment_of(folder: Path) -> Path:
    return segment_paths(folder)[0]


def test_a_sound_session_has_no_problem(session):
    assert verify_session(session) == []


def test_a_flipped_byte_in_any_chunk_is_found(damaged):
    for chunk in ("ticks/c/1/0", "cameras/front/picture/c/2", "actors/c/0/0", "strings/c/0"):
        path = segment_of(damaged) / chunk
        sound = path.read_bytes()
        path.write_bytes(sound[:20] + bytes([sound[20] ^ 1]) + sound[21:])
        (problem,) = verify_session(damaged)
        assert "cannot be read" in problem.message, chunk
        assert not problem.is_loss
        path.write_bytes(sound)
    assert verify_session(damaged) == []


def test_a_picture_that_is_none_is_found(damaged):
    array = zarr.open_group(segment_of(damaged))["cameras/left/picture"]
    value = np.empty(1, object)
    value[:] = [b"no picture"]
    array[7:8] = value
    (problem,) = verify_session(damaged)
    assert "camera left, tick 7" in problem.message


def test_frames_that_go_back_are_found(damaged):
    ticks = zarr.open_group(segment_of(damaged))["ticks"]
    at = [column["name"] for column in ticks.attrs["columns"]].index("frame")
    ticks[10, at] = 3
    (problem,) = verify_session(damaged)
    assert "frames do not go up: tick 9 is frame 9, the next is 3" in problem.message


@pytest.mark.parametrize("column", ["actors_end", "plan_row", "driver/note", "authority/reason"])
def test_references_into_nowhere_are_found(damaged, column):
    ticks = zarr.open_group(segment_of(damaged))["ticks"]
    at = [column["name"] for column in ticks.attrs["columns"]].index(column)
    ticks[-1, at] = 10_000_000
    assert verify_session(damaged)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"zarr_format": 3, "node_type": "group"}', '{"zarr_format": 2}'])
def test_foreign_and_broken_segments_are_problems_and_no_tracebacks(damaged, content):
    (segment_of(damaged) / "zarr.json").write_text(content)
    (problem,) = verify_session(damaged)
    assert problem.path == segment_of(damaged)
    with pytest.raises(RecordingError, match=r"0001\.zarr"):
        Segment.open(segment_of(damaged))
    assert list_segments(damaged) == []


def test_missing_parts_are_problems(damaged):
    shutil.rmtree(segment_of(damaged) / "actors")
    (damaged / "segments" / "notes.txt").write_text("hello")
    (damaged / "map.xodr").unlink()
    messages = [str(problem) for problem in verify_session(damaged)]
    assert len(messages) == 3
    assert any("map.xodr" in message for message in messages)
    assert any("notes.txt" in message for message in messages)


def test_a_folder_that_is_no_session_is_a_problem(tmp_path):
    (problem,) = verify_session(tmp_path / "nothing")
    assert "no recorded session" in problem.message


def test_hdf5_holds_the_same_numbers_texts_and_pictures(session, tmp_path):
    segment = Segment.open(segment_of(session))
    export_hdf5(segment, tmp_path / "s.h5")
    with h5py.File(tmp_path / "s.h5") as file:
        assert np.array_equal(file["ticks"][:], segment.arrays.tables["ticks"].values, equal_nan=True)
        descriptions = [json.loads(text) for text in file["ticks_columns"].asstr()[:]]
        assert descriptions == [dict(column) for column in segment.arrays.tables["ticks"].described]
        assert list(file["strings"].asstr()[:]) == list(segment.arrays.strings)
        assert file.attrs["committed_ticks"] == len(segment)
        cameras = {group.attrs["name"]: group for group in file["cameras"].values()}
        assert set(cameras) == {"front", "left", "right"}
        for index in range(len(segment)):
            assert cameras["front"]["picture"][index].tobytes() == segment.picture_bytes("front", index)
        assert cv2.imdecode(cameras["front"]["picture"][3], cv2.IMREAD_COLOR).shape == (24, 32, 3)


def test_an_export_that_fails_leaves_nothing_behind(session, tmp_path):
    with pytest.raises(OSError, match="nowhere"):
        export_hdf5(Segment.open(segment_of(session)), tmp_path / "nowhere" / "s.h5")
    assert list(tmp_path.iterdir()) == []
