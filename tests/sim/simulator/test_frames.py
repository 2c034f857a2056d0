"""Pictures on their way: their order, what happens when they cannot be drawn, and who is told."""

from __future__ import annotations

import pytest

from sim.simulator.frames import MOST_WAITING, Drawn
from tests.sim.calls.socketless import SocketlessServer

PIXELS = 4 * 8 * 8
BLACK = b"\x00\x00\x00\xff" * 64
SYNCHRONOUS = [True, False, [True, 0.05], True, 0.01, 10, 0.0, True, 0.0, 0.0, True]
FREE = [False, *SYNCHRONOUS[1:]]
NOT_RENDERED = [True, True, *SYNCHRONOUS[2:]]


class Drawer:
    """Draws when a test says so: the grey of a picture counts the pictures; what it is told to fail, fails."""

    def __init__(self):
        self.begun: list[list] = []
        self.ready: list[Drawn] = []
        self.count = 0
        self.opened: list[str] = []

    def open(self, opendrive):
        self.opened.append(opendrive)

    def begin(self, scene, views):
        self.begun.append(views)

    def draw(self, ticks: int, error: str = ""):
        """Get the pictures of the next ticks ready."""
        for views in self.begun[:ticks]:
            self.count += 1
            image = bytes([self.count]) * PIXELS
            self.ready.append(Drawn(error=error) if error else Drawn((image,) * len(views)))
        del self.begun[:ticks]

    def finished(self):
        ready, self.ready = self.ready, []
        return ready

    def source(self):
        return None

    def close(self):
        pass


class Drawing(SocketlessServer):
    """A server with that drawer, a synchronous world and a camera that is listened to."""

    def __init__(self):
        self.drawer = Drawer()
        super().__init__(drawer=self.drawer)
        self.value("set_episode_settings", SYNCHRONOUS)
        self.camera = self.spawn("sensor.camera.rgb", image_size_x=8, image_size_y=8)[0]
        self.pictures = self.listen(self.simulator.world.actor(self.camera).stream_id)

    def tick(self):
        frame = self.value("tick_cue")
        self.simulator.draw_pending()
        return frame

    def pixels(self):
        return [message[-PIXELS:] for message in self.pictures.messages()]


@pytest.fixture
def server():
    return Drawing()


def test_ticks_are_answered_while_pictures_are_drawn_and_these_leave_in_order(server):
    frames = [server.tick() for _ in range(3)]
    assert frames == [frames[0], frames[0] + 1, frames[0] + 2]
    assert server.pixels() == []
    for ticks in (2, 1):
        server.drawer.draw(ticks)
        server.simulator.frames.send_finished()
    assert server.pixels() == [bytes([k]) * PIXELS for k in (1, 2, 3)]


def test_a_picture_that_cannot_be_drawn_is_black_and_the_next_tick_says_why(server):
    failed = server.tick()
    server.drawer.draw(1, error="out of graphics memory")
    server.simulator.frames.send_finished()
    assert server.pixels() == [BLACK]
    assert server.error("tick_cue") == (
        f"the pictures of frame {failed} could not be drawn: out of graphics memory [tick_cue]"
    )
    assert server.tick() == failed + 1
    server.drawer.draw(1)
    server.simulator.frames.send_finished()
    assert server.pixels() == [BLACK, bytes([2]) * PIXELS]


def test_a_free_running_world_ticks_on_when_pictures_cannot_be_drawn(server):
    server.value("set_episode_settings", FREE)
    server.tick()
    server.drawer.draw(1, error="out of graphics memory")
    server.simulator.frames.send_finished()
    assert server.simulator.tick() > 0


def test_black_pictures_wait_for_those_drawn_before_them(server):
    server.tick()
    server.value("set_episode_settings", NOT_RENDERED)
    server.tick()
    assert server.pixels() == []
    server.drawer.draw(1)
    server.simulator.frames.send_finished()
    assert server.pixels() == [bytes([1]) * PIXELS, BLACK]


def test_a_destroyed_camera_sends_what_was_begun(server):
    server.tick()
    server.value("destroy_actor", server.camera)
    server.drawer.draw(1)
    server.simulator.frames.send_finished()
    assert len(server.pixels()) == 1
    server.tick()
    assert server.drawer.begun == []


def test_pictures_begun_before_a_new_episode_are_sent(server):
    server.tick()
    server.value("load_new_episode", "Carla/Maps/two_parts", True, 0)
    server.drawer.draw(1)
    server.simulator.frames.send_finished()
    assert len(server.pixels()) == 1


def test_a_reader_that_is_gone_gets_nothing_and_keeps_nobody_else_from_it(server):
    other = server.spawn("sensor.camera.rgb", image_size_x=8, image_size_y=8)[0]
    reader = server.simulator.streams.connection()
    reader.stream_id = server.simulator.world.actor(other).stream_id
    server.simulator.streams.subscribe(reader)
    server.tick()
    server.simulator.streams.unsubscribe(reader)
    server.drawer.draw(1)
    server.simulator.frames.send_finished()
    assert len(server.pixels()) == 1


def test_the_number_of_ticks_on_their_way_is_known(server):
    for _ in range(MOST_WAITING):
        server.tick()
    assert len(server.simulator.frames) == MOST_WAITING
    server.drawer.draw(MOST_WAITING)
    server.simulator.frames.send_finished()
    assert len(server.simulator.frames) == 0


def test_cameras_that_nobody_hears_begin_no_picture(server):
    server.spawn("sensor.camera.rgb", image_size_x=8, image_size_y=8)
    server.tick()
    assert [len(views) for views in server.drawer.begun] == [1]
