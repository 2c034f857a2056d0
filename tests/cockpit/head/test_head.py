"""The tracked head: readers against senders on real sockets, prediction, and where the cameras go."""

from __future__ import annotations

import math
import socket
import struct
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cockpit.head import HeadPose, NatNetReader, TrackingError, VrpnReader
from cockpit.head import natnet as natnet_wire
from cockpit.head.eye import Head
from cockpit.head.pose import eye_in_rig, filtered, is_sound, predicted
from cockpit.rig.head_config import HeadTracking
from tests.cockpit.rig.painted_line import room
from tests.waiting import until

POSE = (0.25, 1.5, -0.75, 0.0, math.sin(0.3), 0.0, math.cos(0.3))


def natnet_frame(version, bodies, markers=2):
    """A frame's packet as Motive sends it: one marker set, loose markers, rigid bodies, and more behind."""

    def section(count, content):
        size = struct.pack("<i", len(content)) if version >= (4, 1) else b""
        return struct.pack("<i", count) + size + content

    points = b"".join(struct.pack("<3f", i, i, i) for i in range(markers))
    named = b"all\0" + struct.pack("<i", markers) + points
    packed = b"".join(struct.pack("<i3f4ffh", number, *pose, 0.001, flags) for number, pose, flags in bodies)
    body = (
        struct.pack("<i", 77) + section(1, named) + section(markers, points) + section(len(bodies), packed) + b"\0" * 40
    )
    return struct.pack("<HH", natnet_wire.FRAME, len(body)) + body


def server_info(version):
    body = b"Motive".ljust(256, b"\0") + bytes((3, 0, 0, 0)) + bytes((*version, 0, 0))
    return struct.pack("<HH", natnet_wire.SERVER_INFO, len(body)) + body


@pytest.mark.parametrize("version", [(3, 0), (3, 1), (4, 0), (4, 1)])
def test_natnet_gives_the_pose_of_the_body_that_was_asked_for(version):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(20)
        reader = NatNetReader("127.0.0.1", body=7, port=server.getsockname()[1])
        try:
            asked, client = server.recvfrom(1000)
            assert struct.unpack_from("<HH", asked) == (natnet_wire.CONNECT, len(asked) - 4)
            server.sendto(server_info(version), client)
            lost = (8, POSE, 1), (7, (0.0,) * 7, 0)  # the other one; ours, but not tracked in this frame
            server.sendto(natnet_frame(version, lost), client)
            server.sendto(b"\7\0\377\377short", client)
            until(lambda: reader.refused == 1)
            assert reader.newest() is None
            server.sendto(natnet_frame(version, [(8, (0.0,) * 6 + (1.0,), 1), (7, POSE, 1)]), client)
            until(lambda: reader.newest() is not None)
            newest = reader.newest()
            assert (*newest.position_m, *newest.quaternion) == pytest.approx(POSE, abs=1e-6)
        finally:
            reader.close()


def sdk_frame(sized):
    """A frame as the SDK's PythonClient takes it apart; from 4.1 on (`sized`) every section has its size in bytes."""

    def number(value):
        return struct.pack("<i", value)

    def section(count, content):
        return number(count) + (number(len(content)) if sized else b"") + content

    body = number(101) + struct.pack("<3f", 1.5, 2.5, 3.5) + struct.pack("<4f", 0.0, 0.6, 0.0, 0.8)  # id, place, turn
    body += struct.pack("<f", 0.0004) + struct.pack("<h", 1)  # mean error, flags
    point = struct.pack("<3f", 0.1, 0.2, 0.3)
    head = b"Head\0" + number(3) + 3 * point
    every = b"all\0" + number(4) + 4 * point
    skeleton = number(1) + number(1) + body.replace(number(101), number(102), 1)
    marker = number(65537) + point + struct.pack("<f", 0.014) + struct.pack("<h", 10) + struct.pack("<f", 0.0002)
    frame = number(987654)
    frame += section(2, head + every) + section(1, point) + section(1, body) + section(1, skeleton)
    frame += section(0, b"") if sized else b""  # assets, since 4.1
    frame += section(1, marker) + section(0, b"") + section(0, b"")  # labelled markers, force plates, devices
    frame += struct.pack("<IIdQQQIIhi", 0, 0, 12.5, 1, 2, 3, 0, 0, 0, 0)  # time codes, time stamps, parameters
    return frame


@pytest.mark.parametrize(("version", "sized"), [((3, 0), False), ((3, 1), False), ((4, 0), False), ((4, 2), True)])
def test_natnet_reads_frames_as_the_sdk_s_own_client_does(version, sized):
    found = natnet_wire.bodies_in(sdk_frame(sized), version)
    assert list(found) == [101]  # not the skeleton's bone
    assert found[101] == pytest.approx((1.5, 2.5, 3.5, 0.0, 0.6, 0.0, 0.8))


def test_natnet_refuses_a_version_that_it_cannot_read():
    with pytest.raises(ValueError, match=r"NatNet 2\.9: only 3\.x and 4\.x"):
        natnet_wire.version_in(server_info((2, 9))[4:])


@settings(max_examples=200)
@given(junk=st.binary(max_size=300), version=st.sampled_from([(3, 0), (4, 1)]))
def test_no_packet_makes_natnet_do_more_than_refuse(junk, version):
    try:
        found = natnet_wire.bodies_in(junk, version)
    except ValueError:
        return
    assert isinstance(found, dict)


def vrpn_message(kind, sender, payload):
    padded = payload + b"\0" * (-len(payload) % 8)
    return struct.pack("!6i", 24 + len(payload), 1, 2, sender, kind, 0) + padded


def vrpn_named(kind, number, name):
    text = name.encode() + b"\0"
    return vrpn_message(kind, number, struct.pack("!i", len(text)) + text)


def vrpn_report(kind, sender, sensor, pose):
    return vrpn_message(kind, sender, struct.pack("!2i3d4d", sensor, 0, *pose))


def vrpn_server(listener, messages):
    """Greets and sends, then keeps the connection open until the client closes it."""
    connection, _ = listener.accept()
    with connection:
        connection.sendall(b"vrpn: ver. 07.35  0".ljust(24, b"\0") + b"".join(messages))
        while connection.recv(1000):
            pass


def test_vrpn_gives_the_pose_of_the_sensor_that_was_asked_for():
    other = (9.0,) * 3 + (0.0, 0.0, 0.0, 1.0)
    messages = [
        vrpn_named(-2, 4, "vrpn_Tracker Velocity"), vrpn_named(-2, 6, "vrpn_Tracker Pos_Quat"),
        vrpn_named(-1, 0, "Wand"), vrpn_named(-1, 1, "Glasses"),
        vrpn_message(4, 1, b"\0" * 72), vrpn_report(6, 0, 2, other), vrpn_report(6, 1, 0, other),
        vrpn_report(6, 1, 2, POSE),
    ]  # fmt: skip
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=vrpn_server, args=(listener, messages), daemon=True)
        thread.start()
        reader = VrpnReader("127.0.0.1", "Glasses", sensor=2, port=listener.getsockname()[1])
        try:
            until(lambda: reader.newest() is not None)
            newest = reader.newest()
            assert (*newest.position_m, *newest.quaternion) == pytest.approx(POSE)
        finally:
            reader.close()
        thread.join(10)


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"vrpn: ver. 07.35  0".ljust(24, b"\0") + b"\xff" * 24]
)
def test_vrpn_gives_up_a_stream_that_is_not_clear(answer):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        reader = VrpnReader("127.0.0.1", "Glasses", port=listener.getsockname()[1])
        try:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(answer)
                until(lambda: reader.refused == 1)
            assert reader.newest() is None
        finally:
            reader.close()


def test_a_tracker_on_a_host_without_address_says_so():
    with pytest.raises(TrackingError, match="check"):
        VrpnReader("no.such.host.invalid", "Glasses")


@pytest.mark.parametrize(
    "pose",
    [
        HeadPose(0.0, (math.nan, 0.0, 0.0)),
        HeadPose(0.0, (0.0, 0.0, 300.0)),
        HeadPose(0.0, (0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 0.0)),
    ],
)
def test_an_impossible_pose_is_not_sound(pose):
    assert not is_sound(pose)


def test_a_y_up_tracker_becomes_the_rigs_axes_and_the_eye_sits_before_the_glasses():
    head = HeadTracking(axes=("-z", "x", "y"), origin_m=(0.5, 0.0, 0.0), eye_in_body_m=(0.1, 0.0, -0.05))
    straight = HeadPose(0.0, (0.2, 1.2, -1.0))
    assert eye_in_rig(straight, head) == pytest.approx((1.0 + 0.1 + 0.5, 0.2, 1.2 - 0.05))
    half = math.radians(-90) / 2  # about the tracker's y, which is up: its -z (ahead) goes to its +x (right)
    turned = HeadPose(0.0, (0.0, 0.0, 0.0), (0.0, math.sin(half), 0.0, math.cos(half)))
    assert eye_in_rig(turned, head) == pytest.approx((0.5, 0.1, -0.05), abs=1e-9)


def test_prediction_meets_a_head_that_moves_steadily():
    state = None
    for step in range(60):
        state = filtered(state, 0.01 * step, (0.5 * 0.01 * step, 0.0, 0.0))
    assert predicted(state, state.time_s + 0.05, 0.1)[0] == pytest.approx(0.5 * (0.59 + 0.05), abs=0.002)
    assert predicted(state, state.time_s + 9.0, 0.1)[0] == pytest.approx(0.5 * (0.59 + 0.1), abs=0.002)


class Still:
    """A reader whose pose the test sets."""

    def __init__(self):
        self.pose = None

    def newest(self):
        return self.pose

    def close(self):
        pass


def test_cameras_follow_the_eye_and_keep_their_direction_and_a_lost_eye_glides_back():
    rig, reader, now = room(), Still(), [10.0]
    head = Head(rig, reader, clock=lambda: now[0])
    assert head.eye_m() == rig.eye_in_rig_m
    reader.pose = HeadPose(10.0, (0.1, 0.1, 0.1))
    pose = head.camera_poses()["left"]
    still = rig.cameras()[0].pose
    assert (pose.x, pose.y, pose.z) == pytest.approx((still.x, still.y + 0.15, still.z))
    assert (pose.yaw, pose.pitch) == (still.yaw, still.pitch)
    reader.pose = HeadPose(10.1, (0.1, 5.0, 0.1))  # out of the box that the cameras cover
    now[0] = 10.1
    assert head.eye_m()[1] == pytest.approx(0.15)
    now[0] = 10.1 + rig.head.lost_s + 2.0
    assert head.is_lost()
    np.testing.assert_allclose(head.eye_m(), rig.eye_in_rig_m)
