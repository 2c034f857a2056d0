"""The wire in bytes: sizes from the client library's debug information, and a decoder that survives any bytes."""

import math
import struct

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.protocol import wire
from sim.protocol.forms import pose_from_wire, wire_transform
from sim.protocol.rpc import Method, ReplyShape, Request, RpcConnection, RpcError, answer, parse_request
from sim.scene.poses import Pose

unhurried = settings(max_examples=60)
ANGLE = st.floats(-math.pi, math.pi)
PLACE = st.floats(-1e4, 1e4)
POSE = st.builds(Pose, PLACE, PLACE, PLACE, ANGLE, st.floats(-1.5, 1.5), ANGLE)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 31), 1 << 31)
    | st.floats()
    | st.text(max_size=9)
    | st.binary(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("layout", "size"),
    [
        (wire.SENSOR_HEADER, 48),
        (wire.EPISODE_HEADER, 36),
        (wire.ACTOR_STATE, 119),
        (wire.VEHICLE_STATE, 30),
        (wire.TRAFFIC_LIGHT_STATE, 54),
        (wire.WALKER_STATE, 17),
        (wire.IMAGE_HEADER, 12),
        (wire.TOKEN, 24),
    ],
)
def test_layouts_have_the_sizes_of_the_0_9_16_structs(layout, size):
    assert layout.size == size


def test_a_token_names_stream_and_port_and_no_host():
    token = wire.token(7, 2001)
    assert token == struct.pack("<IHBB", 7, 2001, 1, 0) + bytes(16)


def test_a_vehicle_state_fits_into_the_actors_union():
    state = wire.VEHICLE_STATE.pack(1.0, 0.5, 0.0, False, True, False, -1, 50.0, 2, True, 9, 0)
    packed = wire.ACTOR_STATE.pack(3, wire.STATE_ACTIVE, *range(6), *range(9), state)
    assert packed[65 : 65 + 30] == state


@unhurried
@given(POSE)
def test_a_pose_survives_the_way_over_the_wire(pose):
    x, y, z, pitch, yaw, roll = wire_transform(pose)
    back = pose_from_wire([[x, y, z], [pitch, yaw, roll]])
    assert back == pytest.approx(pose, abs=1e-9)


@unhurried
@given(JSON)
def test_whatever_is_no_request_is_refused_with_a_value_error(message):
    try:
        message_id, name, params = parse_request(message)
    except ValueError:
        return
    assert message_id is None or 0 <= message_id < 1 << 32
    assert isinstance(name, str)
    assert isinstance(params, list)


@unhurried
@given(st.lists(st.binary(max_size=40), max_size=6))
def test_no_bytes_raise_out_of_a_connection(chunks):
    connection = RpcConnection(lambda request: None)
    for chunk in chunks:
        connection.data_received(chunk)


@pytest.mark.parametrize(
    "data", [b"\x81\x90\x01", b"\x81\x80\x01", b"\xc1", b"\xc7\xff\x01", b"\xd9\xff" + b"\xff" * 255]
)
def test_bytes_that_no_decoder_likes_close_the_connection_quietly(data):
    RpcConnection(lambda request: None).data_received(data)


@unhurried
@given(st.lists(st.integers(1, 30), min_size=1, max_size=30))
def test_a_request_cut_anywhere_arrives_whole_and_once(cuts):
    whole = msgpack.packb([0, 5, "set_weather_parameters", [[True], [1.5] * 14]])
    got = []
    connection = RpcConnection(got.append)
    rest = whole
    for cut in cuts:
        connection.data_received(rest[:cut])
        rest = rest[cut:]
    connection.data_received(rest)
    assert [(r.message_id, r.name, r.params) for r in got] == [(5, "set_weather_parameters", [[True], [1.5] * 14])]


def refuse(*_):
    raise RpcError("no such thing")


@pytest.mark.parametrize(
    ("shape", "value", "success", "failure"),
    [
        (ReplyShape.VALUE, 4, [[1, 4]], [[0, ["no such thing [bad]"]]]),
        (ReplyShape.VOID, None, [[False]], [[True, ["no such thing [bad]"]]]),
        (ReplyShape.BARE, [1], [1], None),
        (ReplyShape.PLAIN_RPC, True, True, None),
    ],
)
def test_answers_are_dressed_as_the_client_expects(shape, value, success, failure):
    methods = {"good": Method(shape, lambda *_: value), "bad": Method(shape, refuse)}
    connection = RpcConnection(lambda request: None)
    good = msgpack.unpackb(answer(Request(connection, 3, "good", [[False]]), methods))
    bad = msgpack.unpackb(answer(Request(connection, 3, "bad", [[False]]), methods))
    assert good == [1, 3, None, success]
    assert bad == [1, 3, None if failure else "no such thing [bad]", failure]


def test_only_the_traffic_managers_calls_have_no_metadata_before_their_arguments():
    seen = []
    methods = {name: Method(shape, lambda *args: seen.append(args)) for name, shape in
               (("plain", ReplyShape.PLAIN_RPC), ("usual", ReplyShape.VOID))}  # fmt: skip
    connection = RpcConnection(lambda request: None)
    answer(Request(connection, 1, "plain", ["a", "b"]), methods)
    answer(Request(connection, 1, "usual", [[True], "a", "b"]), methods)
    assert seen == [("a", "b"), ("a", "b")]
