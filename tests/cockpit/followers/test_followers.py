"""The parts of screens on several machines: barrier, messages, the rig's share of each machine, and who may join."""

from __future__ import annotations

import dataclasses
import json
import math
import socket

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cockpit.config import ConfigError
from cockpit.followers.barrier import LATE_IN_A_ROW, Barrier
from cockpit.followers.cameras import pose_within
from cockpit.followers.follower import Follower, Refused
from cockpit.followers.hub import ScreenHub
from cockpit.followers.messages import (
    Kind,
    MessageError,
    content_of_rig,
    content_of_tick,
    line_from,
    message_in,
    rig_from_content,
    tick_from_content,
)
from cockpit.rig.projection import angles_from_axes, axes_from_angles
from cockpit.rig.rig import Machines, load_rig
from cockpit.windows.instruments import instruments_from_tick
from recorder.schema import DriverInput, Pose, RouteCommand
from tests.cockpit.windows.window_ticks import PLAN, actor, tick
from tests.waiting import until


def split(name="desk_mirrors", **machines):
    """A shipped rig whose left and right screens are shown by `wall`; any free port."""
    rig = load_rig(name)
    screens = tuple(s.model_copy(update={"machine": None if s.name == "centre" else "wall"}) for s in rig.screens)
    return rig.model_copy(update={"screens": screens, "machines": Machines(port=0, **machines)})


class Shown:
    """Screens that record the ticks passed to them, and when."""

    def __init__(self):
        self.frames = []

    def consume(self, shown):
        self.frames.append(shown.frame)

    def close(self):
        self.frames.append(None)


class Drive:
    def __init__(self):
        self.forgotten = set()

    def world_address(self):
        return "127.0.0.1", 2000

    def forget_cameras(self, actor_ids):
        self.forgotten |= set(actor_ids)


@pytest.fixture
def hub():
    made = ScreenHub(split(wait_s=0.1), Shown(), Drive())
    yield made
    made.close()


def joined(hub, machine="wall", version=1):
    """A connection that has introduced itself, and a reader of its lines."""
    connection = socket.create_connection(("127.0.0.1", hub.port), 10)
    connection.sendall(line_from(Kind.JOIN, machine=machine, version=version))
    return connection, connection.makefile("rb")


# --- the barrier --------------------------------------------------------------------------------------------------


def barrier_with(*names):
    barrier = Barrier(0.03)
    for name in names:
        barrier.join(name)
        barrier.begin(0, 0.0)
        barrier.release()
        barrier.ready(name, 0, 0.01)
    return barrier


def test_a_frame_goes_when_all_have_it_and_not_before():
    barrier = barrier_with("a", "b")
    barrier.begin(1, 1.0)
    assert not barrier.is_due(1.0)
    barrier.ready("a", 1, 1.01)
    assert not barrier.is_due(1.01)
    barrier.ready("b", 1, 1.02)
    assert barrier.is_due(1.02)
    assert barrier.release() == (1, {"a", "b"})


def test_nobody_is_waited_for_longer_than_agreed():
    barrier = barrier_with("a")
    barrier.begin(1, 1.0)
    assert not barrier.is_due(1.029)
    assert barrier.is_due(1.031)
    assert barrier.release() == (1, set())


def test_one_that_is_always_late_is_not_waited_for_until_it_is_in_time_again():
    barrier = barrier_with("a")
    for frame in range(1, LATE_IN_A_ROW + 1):
        barrier.begin(frame, float(frame))
        assert not barrier.is_due(frame + 0.01)
        barrier.release()
    barrier.begin(10, 10.0)
    assert barrier.is_due(10.0)
    barrier.release()
    barrier.ready("a", 10, 10.02)  # released without it, but it would have been in time
    barrier.begin(11, 11.0)
    assert not barrier.is_due(11.0)


def test_a_machine_that_has_no_picture_yet_has_missed_nothing():
    barrier = Barrier(0.03)
    barrier.join("a")
    for frame in range(100):
        barrier.begin(frame, float(frame))
        assert barrier.is_due(float(frame))
        barrier.release()
    assert barrier.attendance["a"].missed == 0
    assert not barrier.attendance["a"].is_slow()


@settings(max_examples=200)
@given(st.lists(st.tuples(st.sampled_from("jlrbx"), st.sampled_from("ab"), st.integers(0, 5), st.floats(0, 0.1))))
def test_whatever_happens_a_frame_waits_at_most_its_time_and_goes_once(steps):
    barrier, now, released = Barrier(0.03), 0.0, []
    for number, (what, name, frame, passed) in enumerate(steps):
        now += passed
        if what == "j":
            barrier.join(name)
        elif what == "l":
            barrier.leave(name)
        elif what == "r":
            barrier.ready(name, frame, now)
        elif what == "b":
            if (went := barrier.release()) is not None:
                released.append(went[0])
            barrier.begin(number, now)
        waits = barrier.frame is not None
        assert not waits or barrier.is_due(now + 0.031)
        if barrier.is_due(now):
            released.append(barrier.release()[0])
    assert len(released) == len(set(released))


# --- messages -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("plan", [PLAN, None])
@pytest.mark.parametrize("distance_m", [43.0, math.inf])
def test_a_tick_shows_the_same_to_the_driver_on_another_machine(plan, distance_m):
    route = dataclasses.replace(tick().route, command=RouteCommand.LEFT, command_distance_m=distance_m)
    sent = tick(12, plan=plan, ego_at_plan=actor(-3.0), route=route, driver=DriverInput(event_time_s=99.0))
    _, content = message_in(line_from(Kind.TICK, tick=content_of_tick(sent)))
    received = tick_from_content(content["tick"], {})
    assert instruments_from_tick(received) == instruments_from_tick(sent)
    assert (received.frame, received.ego.pose, received.ego_at_plan.pose) == (12, sent.ego.pose, sent.ego_at_plan.pose)
    assert received.driver.event_time_s == 0.0  # another machine's clock measures nothing here


JUNK = [
    b"",
    b"null",
    b"[1, 2]",
    b'"tick"',
    b"{}",
    b'{"kind": 3}',
    b'{"kind": "other"}',
    b'{"kind": ["tick"]}',
    b"[" * 9999,
]


@pytest.mark.parametrize("line", JUNK)
def test_a_malformed_message_is_refused(line):
    with pytest.raises(MessageError):
        message_in(line)


@pytest.mark.parametrize("name", ["cave_floor", "desk_curved", "desk_mirrors", "cave"])
def test_a_rig_arrives_whole_with_its_meshes(tmp_path, name):
    rig = load_rig(name)
    received = rig_from_content(json.loads(json.dumps(content_of_rig(rig))), tmp_path)
    assert received.cameras() == rig.cameras()
    assert received.hud_screen_name() == rig.hud_screen_name()


def test_a_mesh_is_not_written_anywhere_else(tmp_path):
    content = content_of_rig(load_rig("desk_curved"))
    content["meshes"] = {"../mesh0.csv": content["meshes"]["mesh0.csv"]}
    with pytest.raises(MessageError, match="mesh called"):
        rig_from_content(content, tmp_path)


def test_every_machine_has_its_screens_and_the_mirrors_in_them():
    rig = split()
    assert rig.followers() == ("wall",)
    here, there = rig.of_machine(None), rig.of_machine("wall")
    assert [part.name for part in here.shown_alone()] == ["centre", "cluster"]
    assert [part.name for part in there.shown_alone()] == ["left", "right"]
    assert [mirror.name for mirror in there.mirrors] == ["left_mirror", "right_mirror"]
    assert {c.name for c in (*here.cameras(), *there.cameras())} == {c.name for c in rig.cameras()}
    assert here.hud_screen_name() == there.hud_screen_name() == "centre"


def test_a_pose_within_another_leads_back_to_where_it_was():
    outer, inner = Pose(10, 20, 1, 0.05, -0.1, 2.0), Pose(0.4, -0.3, 1.3, 0.02, 0.3, -0.7)
    turned = axes_from_angles(outer.yaw, outer.pitch, outer.roll)
    x, y, z = turned @ (inner.x, inner.y, inner.z) + (outer.x, outer.y, outer.z)
    yaw, pitch, roll = angles_from_axes(turned @ axes_from_angles(inner.yaw, inner.pitch, inner.roll))
    back = pose_within(outer, Pose(x, y, z, roll, pitch, yaw))
    assert dataclasses.astuple(back) == pytest.approx(dataclasses.astuple(inner), abs=1e-9)


# --- who may join -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("machine", "version", "words"),
    [("other", 1, "no screen of rig 'desk_mirrors' has machine: other; followers of it: wall"), ("wall", 2, "version")],
)
def test_a_refused_follower_gets_the_reason(hub, machine, version, words):
    connection, lines = joined(hub, machine, version)
    with connection, lines:
        kind, content = message_in(lines.readline())
        assert kind is Kind.REFUSED
        assert words in content["text"]
        assert lines.readline() == b""


def test_the_program_says_why_it_was_refused(hub):
    follower = Follower(("127.0.0.1", hub.port), "nobody", lambda rig, follower: pytest.fail("no windows are due"))
    with pytest.raises(Refused, match="followers of it: wall"):
        follower.run()


@pytest.mark.parametrize(
    "junk", [b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 200_000, b'{"kind": "ready", "frame": 1}\n', b""]
)
def test_junk_is_refused_and_does_not_disturb_the_drive(hub, junk):
    with socket.create_connection(("127.0.0.1", hub.port), 10) as connection:
        connection.sendall(junk)
        connection.shutdown(socket.SHUT_WR)
        assert connection.makefile("rb").read() == b""
    hub.consume(tick(5))
    until(lambda: hub._own.frames == [5])


def test_frames_are_released_together_in_order_and_a_silent_follower_holds_nobody_up(hub):
    connection, lines = joined(hub)
    with connection, lines:
        until(lambda: hub.status()[0].is_here)
        hub.consume(tick(1))
        kinds = [message_in(lines.readline())[0] for _ in range(2)]
        assert kinds == [Kind.RIG, Kind.TICK]
        connection.sendall(line_from(Kind.CAMERAS, ids=[7, 8]) + line_from(Kind.READY, frame=1))
        until(lambda: hub._barrier.attendance["wall"].late_in_a_row == 0)  # from now on the barrier waits for it
        hub.consume(tick(2))
        assert message_in(lines.readline())[0] is Kind.TICK
        assert hub._own.frames == [1]
        connection.sendall(line_from(Kind.READY, frame=2))
        assert message_in(lines.readline()) == (Kind.RELEASE, {"frame": 2})
        for frame in range(3, 100):
            hub.consume(tick(frame))  # nothing is sent any more
        until(lambda: hub._own.frames == list(range(1, 100)))
        assert "'wall' skip pictures" in hub.error
    until(lambda: hub._world.forgotten == {7, 8})
    assert "'wall' are gone" in hub.error


def test_an_address_of_another_machine_is_reported_before_the_drive():
    with pytest.raises(ConfigError, match="machines: listen"):
        ScreenHub(split(listen="192.0.2.1"), Shown(), Drive())
