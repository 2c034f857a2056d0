"""What was recorded is what is read."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recorder.layout.codec import TABLES, TickEncoder, pack
from recorder.layout.columns import Kind
from recorder.layout.store import SegmentStore
from recorder.reading.reader import RecordingError, Segment, read_session, segment_paths
from recorder.reading.verify import verify_session
from recorder.schema import SCHEMA_VERSION, Direction, Plan, SpeedAction, Tick, is_policy_camera
from recorder.session import write_session
from tests.recorder.tick_strategies import INFO, plain_tick, same, ticks

PLAN = Plan(1, 0.05, Direction.TURN_LEFT, SpeedAction.STOP, (1, 2), np.zeros((2, 3), np.float32), "text")
DATA = Path(__file__).parents[2] / "data"
ATTRIBUTES = {"segment_id": "0001", "takeover_frame": -1, "reason": "override_brake", "driver": "human"}


def store(folder: Path, recorded, batch: int = 3) -> Segment:
    target, encoder = SegmentStore(folder, ATTRIBUTES), TickEncoder()
    for tick in recorded:
        encoder.add(pack(tick, 95))
        if encoder.pending_ticks == batch:
            target.append(encoder.take())
    if encoder.pending_ticks:
        target.append(encoder.take())
    target.finish("test")
    return Segment.open(folder)


@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(recorded=st.lists(ticks(), min_size=1, max_size=5), batch=st.integers(1, 5))
def test_every_field_of_any_tick_comes_back_exactly(tmp_path_factory, recorded, batch):
    segment = store(tmp_path_factory.mktemp("s") / "0001.zarr", recorded, batch)
    assert len(segment) == len(recorded)
    for index, tick in enumerate(recorded):
        read = segment.tick(index)
        assert same(dataclasses.replace(tick, cameras={}), dataclasses.replace(read, cameras={}))
        assert set(read.cameras) == set(tick.cameras)
        for name, camera in tick.cameras.items():
            found = read.cameras[name]
            assert same(dataclasses.replace(camera, image=found.image), found)
            assert found.image.shape == camera.image.shape
            most = 0 if is_policy_camera(name) else 6
            assert np.abs(found.image.astype(int) - camera.image).max() <= most


def seen_by(camera: str, image: np.ndarray) -> Tick:
    tick = plain_tick(1)
    frame = dataclasses.replace(tick.cameras["front"], name=camera, image=image)
    return dataclasses.replace(tick, cameras={camera: frame})


@pytest.mark.parametrize("camera", ["front", "left"])
def test_colours_are_not_swapped(tmp_path, camera):
    red = np.zeros((16, 16, 3), np.uint8)
    red[..., 0] = 250
    segment = store(tmp_path / "0001.zarr", [seen_by(camera, red)])
    assert segment.image(camera, 0)[8, 8].tolist() == pytest.approx([250, 0, 0], abs=6)


@pytest.mark.parametrize("width_px", [1, 2, 3])
@pytest.mark.parametrize("camera", ["front", "policy_left"])
def test_a_lamp_keeps_its_colour_in_what_a_policy_sees(tmp_path, camera, width_px):
    """A red lamp beside where the green one would be, before a grey wall, as far off lamps are."""
    picture = np.full((96, 192, 3), 120, np.uint8)
    picture[40 : 40 + width_px, 90 : 90 + width_px] = (255, 40, 30)
    picture[40 : 40 + width_px, 110 : 110 + width_px] = (30, 255, 80)
    recorded = store(tmp_path / "0001.zarr", [seen_by(camera, picture)]).image(camera, 0)

    def contrast(image: np.ndarray) -> float:
        lamps = image[40 : 40 + width_px, [90, 110]].astype(float)
        return float((lamps[:, 0, 0] - lamps[:, 0, 1]).mean() - (lamps[:, 1, 0] - lamps[:, 1, 1]).mean())

    assert contrast(recorded) / contrast(picture) >= 0.99
    assert np.array_equal(recorded, picture)


def test_a_session_of_schema_1_is_read_as_it_was(tmp_path):
    shutil.unpack_archive(DATA / "session_v1.zip", tmp_path)
    assert json.loads((tmp_path / "session.json").read_text())["schema_version"] == 1
    assert verify_session(tmp_path) == []
    (path,) = segment_paths(tmp_path)
    segment = Segment.open(path)
    assert (len(segment), segment.cameras, segment.takeover_index) == (55, ["front", "left", "right"], 10)
    tick = segment.tick(20)
    assert same(tick.ego.pose, plain_tick(tick.frame).ego.pose)
    assert tick.cameras["front"].image.shape == (24, 32, 3)


def test_one_plan_over_many_ticks_is_stored_once(tmp_path):
    segment = store(tmp_path / "0001.zarr", [plain_tick(f, plan=PLAN) for f in range(10)])
    assert len(segment.arrays.tables["plans"]) == 1
    assert all(same(tick.plan, PLAN) for tick in segment.ticks())


def without_ego_at_plan(path: Path) -> Segment:
    """The segment as it was recorded before ticks held the ego's pose at the plan's frame."""
    group = zarr.open_group(path, mode="r+")
    table, attributes = group["ticks"][:], dict(group["ticks"].attrs)
    kept = [n for n, column in enumerate(attributes["columns"]) if not column["name"].startswith("ego_at_plan/")]
    attributes["columns"] = [attributes["columns"][n] for n in kept]
    assert len(kept) < table.shape[1]
    del group["ticks"]
    group.create_array("ticks", data=table[:, kept], attributes=attributes)
    return Segment.open(path)


def test_a_recording_without_the_ego_at_the_plans_frame_has_it_from_that_frames_tick(tmp_path):
    recorded = [plain_tick(f, plan=dataclasses.replace(PLAN, frame=f - 2)) for f in range(10, 20)]
    recorded.append(plain_tick(20))
    store(tmp_path / "0001.zarr", recorded)
    read = list(without_ego_at_plan(tmp_path / "0001.zarr").ticks())
    assert [tick.ego_at_plan for tick in read[:2]] == [None, None]  # made before the segment begins
    assert [tick.ego_at_plan for tick in read[2:-1]] == [tick.ego for tick in read[:-3]]
    assert read[-1].ego_at_plan is None


def test_columns_are_read_without_ticks(tmp_path):
    segment = store(tmp_path / "0001.zarr", [plain_tick(f) for f in range(30)])
    assert segment.column("ego/speed_mps").tolist() == [10.0] * 30
    assert segment.column("frame").tolist() == list(range(30))
    assert segment.column("route/command")[0] == "left"
    assert segment.column("driver/connected").all()
    with pytest.raises(KeyError, match="ego/pose/x"):
        segment.column("ego/wings")


def test_the_store_can_be_read_by_its_attributes_alone(tmp_path):
    store(tmp_path / "0001.zarr", [plain_tick(f) for f in range(5)])
    group = zarr.open_group(tmp_path / "0001.zarr", mode="r")
    columns = group["ticks"].attrs["columns"]
    at = {column["name"]: number for number, column in enumerate(columns)}
    row = group["ticks"][3]
    assert row[at["frame"]] == 3
    assert columns[at["ego/velocity_mps/x"]]["unit"] == "m/s"
    command = columns[at["route/command"]]
    assert command["names"][int(row[at["route/command"]])] == "left"
    assert group["strings"][int(row[at["ego/type_id"]])] == "vehicle.tesla.model3"
    assert "committed_ticks" in group.attrs["how_to_read"]


def test_every_column_says_what_it_means():
    for name, columns in TABLES.items():
        assert [column.name for column in columns if not column.meaning] == [], name
        assert len({column.name for column in columns}) == len(columns)
        assert all(column.names for column in columns if column.kind is Kind.ENUM)


def test_a_session_is_read_as_it_was_written(tmp_path):
    write_session(tmp_path / "s", INFO)
    assert same(read_session(tmp_path / "s"), INFO)


def test_a_session_is_never_recorded_over_another(tmp_path):
    write_session(tmp_path, INFO)
    with pytest.raises(FileExistsError, match="another folder"):
        write_session(tmp_path, INFO)


def test_a_folder_without_a_session_is_refused(tmp_path):
    with pytest.raises(RecordingError, match=r"no recorded session, session\.json is missing"):
        read_session(tmp_path)


def test_a_newer_schema_is_refused_and_not_misread(tmp_path):
    write_session(tmp_path, INFO)
    path = tmp_path / "session.json"
    path.write_text(path.read_text().replace(f'"schema_version": {SCHEMA_VERSION}', '"schema_version": 99'))
    with pytest.raises(RecordingError, match="update"):
        read_session(tmp_path)
