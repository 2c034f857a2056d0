"""CARLA's recorder format: what is written is read back, byte by byte as documented, and errors name broken files."""

import contextlib
import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.recording import format as record

ids = st.integers(0, 2**32 - 1)
floats = st.floats(-1e6, 1e6, width=32)
triples = st.tuples(floats, floats, floats)
texts = st.text(st.characters(codec="utf-8"), max_size=20)
shares = st.floats(-1.0, 1.0, width=32)


def rows(*parts):
    return st.lists(st.tuples(*parts), max_size=4)


added = st.builds(
    record.Added,
    ids,
    st.integers(0, 3),
    triples,
    triples,
    ids,
    texts,
    st.lists(st.tuples(st.integers(0, 5), texts, texts), max_size=3).map(tuple),
)
frames = st.builds(
    record.Frame,
    frame_id=st.integers(1, 2**40),
    duration_s=st.floats(0.0, 1.0),
    elapsed_s=st.floats(0.0, 1e6),
    added=st.lists(added, max_size=3),
    removed=st.lists(ids, max_size=3),
    parents=rows(ids, ids),
    collisions=st.lists(st.builds(record.Collided, ids, ids, ids, st.booleans(), st.booleans()), max_size=3),
    positions=rows(ids, triples, triples),
    lights=st.lists(st.builds(record.LightState, ids, st.booleans(), floats, st.integers(0, 4)), max_size=3),
    vehicles=st.lists(
        st.builds(record.VehicleState, ids, shares, shares, shares, st.booleans(), st.integers(-1, 6)), max_size=3
    ),
    walkers=rows(ids, floats),
    lamps=rows(ids, ids),
    kinematics=rows(ids, triples, triples),
    boxes=rows(ids, triples, triples),
    platform_time_s=st.none() | st.floats(0.0, 1e6),
)


def written(*many):
    data = record.pack_header(record.Header("Carla/Maps/Millbrook", 1_700_000_000))
    return data + b"".join(map(record.pack_frame, many))


def read(data):
    file = io.BytesIO(data)
    return record.read_header(file), list(record.read_frames(file))


@given(st.lists(frames, max_size=4))
def test_what_is_written_is_read_back(many):
    header, again = read(written(*many))
    assert header == record.Header("Carla/Maps/Millbrook", 1_700_000_000)
    assert again == many


@given(st.lists(frames, min_size=1, max_size=3), st.data())
def test_a_file_cut_off_anywhere_has_its_whole_frames(many, data):
    whole = written(*many)
    start = len(written())
    cut = data.draw(st.integers(start, len(whole)))
    try:
        _, again = read(whole[:cut])
    except record.RecordError:
        return  # cut inside a frame's first packet
    assert again == many[: len(again)]


@given(st.binary(max_size=200))
def test_whatever_bytes_follow_a_header_are_frames_or_a_record_error(data):
    with contextlib.suppress(record.RecordError):
        header, _ = read(written() + data)
        assert header.map_name == "Carla/Maps/Millbrook"


def test_the_documented_beginning_of_a_file():
    assert written() == b"".join(
        [b"\x01\x00", b"\x0e\x00CARLA_RECORDER", struct.pack("<q", 1_700_000_000), b"\x14\x00Carla/Maps/Millbrook"]
    )


def test_the_documented_destroy_packet():
    data = record.pack_frame(record.Frame(1, removed=[100, 101, 120]))
    packet = b"\x03" + struct.pack("<IH3I", 14, 3, 100, 101, 120)
    assert packet in data


def test_unknown_packets_are_skipped():
    frame = record.Frame(7, 0.05, 0.3, removed=[4])
    data = record.pack_frame(frame)
    unknown = b"\x65" + struct.pack("<I", 5) + b"hello"
    first = 5 + 24
    assert read(written() + data[:first] + unknown + data[first:])[1] == [frame]


@pytest.mark.parametrize("data", [b"", b"\x01\x00", b"\x01\x00\x05\x00HELLO" + bytes(8), bytes(40)])
def test_a_file_that_is_no_recording_is_refused(data):
    with pytest.raises(record.RecordError, match="not a CARLA recorder"):
        record.read_header(io.BytesIO(data))


def test_the_total_time_is_when_the_last_frame_begins():
    file = io.BytesIO(written(record.Frame(1, 0.05, 0.0), record.Frame(2, -1.0, 0.05)))
    record.read_header(file)
    assert record.total_time_s(file) == 0.05
