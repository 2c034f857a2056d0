"""What other threads ask of a session: nothing is lost, whatever the moment, and it is done in the order asked."""

from __future__ import annotations

import threading

import pytest

from cockpit.session import loop
from cockpit.session.loop import Session
from cockpit.session.progress import EndReason
from recorder.schema import EventKind, Tick
from tests.cockpit.session.interrupts import interrupted
from tests.cockpit.session.session_parts import Keeper
from tests.cockpit.session.straight_world import straight_session

LINES_LEAST = 40
"""A tick runs through more lines of the loop than this; with fewer, the test below would prove nothing."""


def lines_of_a_tick() -> int:
    """How many moments there are in a tick at which another thread may ask for something."""
    seen: list[int] = []
    session = straight_session()
    session.step()
    interrupted(session.step, loop, seen.append)
    return seen[-1]


@pytest.mark.parametrize(
    ("ask", "answer"),
    [
        (Session.request_takeover, EventKind.TAKEOVER_REQUEST),
        (Session.request_rewind, EventKind.REWIND),
        (lambda session: session.mark("here"), EventKind.MARK),
    ],
    ids=["takeover", "rewind", "mark"],
)
def test_a_request_at_any_moment_of_a_tick_is_served_once(ask, answer):
    moments = lines_of_a_tick()
    assert moments > LINES_LEAST
    for moment in range(1, moments + 1):
        session = straight_session()
        session.step()
        session.step()
        ticks = [interrupted(session.step, loop, lambda n, at=moment, asked=session: ask(asked) if n == at else None)]
        ticks += [session.step() for _ in range(3)]
        answers = [event for tick in ticks for event in tick.events if event.kind is answer]
        assert len(answers) == 1, f"asked before line {moment} of {moments}"


def test_marks_come_in_the_order_in_which_they_were_put():
    session = straight_session()
    for number in range(5):
        session.mark(str(number))
    assert [event.text for event in session.step().events] == list("01234")


def test_the_newest_of_pause_and_resume_counts_at_once():
    session = straight_session()
    assert not session.is_paused
    session.pause()
    session.pause()
    assert session.is_paused
    session.resume()
    assert not session.is_paused
    session.ask_stop()  # or the run would go on to the road's end
    assert session.run().end is EndReason.STOP_ASKED


def test_a_stop_that_comes_after_a_pause_ends_the_pause_and_the_drive():
    session = straight_session()
    session.pause()
    session.ask_stop()
    assert session.run().end is EndReason.STOP_ASKED


def test_a_pause_asked_for_when_a_tick_is_finished_lets_no_further_tick_begin():
    keeper = Keeper()
    session = straight_session([keeper])
    ticks_in_pause: list[int] = []

    def look_and_resume() -> None:
        ticks_in_pause.append(len(keeper.ticks))
        session.resume()

    later = threading.Timer(0.3, look_and_resume)

    def until(tick: Tick) -> bool:
        if len(keeper.ticks) == 3:
            session.pause()
            later.start()
        return len(keeper.ticks) == 6

    session.run(until)
    assert (ticks_in_pause, len(keeper.ticks)) == ([3], 6)


def test_what_a_consumer_asks_for_during_a_tick_is_done_in_the_next():
    class Asks(Keeper):
        def consume(self, tick: Tick) -> None:
            super().consume(tick)
            if len(self.ticks) == 3:
                session.mark("seen")
                session.request_takeover()
            if len(self.ticks) == 5:
                session.ask_stop()

    asks = Asks()
    session = straight_session([asks])
    session.run()
    kinds = [[event.kind for event in tick.events] for tick in asks.ticks]
    assert kinds == [[], [], [], [EventKind.TAKEOVER_REQUEST, EventKind.MARK], []]
