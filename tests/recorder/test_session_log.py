"""The session's log: a line is on disk as soon as it is written, and a truncated one harms no other."""

from __future__ import annotations

from recorder.schema import EventKind, TickEvent
from recorder.session_log import LOG_FILE, EntryKind, SessionLog, read_log
from tests.recorder.tick_strategies import plain_tick


def test_notes_and_marks_carry_the_tick_in_which_they_were_made(tmp_path):
    log = SessionLog(tmp_path)
    log.add(EntryKind.NOTE, "before the first tick")
    tick = plain_tick(12)
    log.consume(tick)
    log.add(EntryKind.MARK, "hazard: Ball auf der Straße")
    entries = read_log(tmp_path)
    assert [(entry.kind, entry.text) for entry in entries] == [
        (EntryKind.NOTE, "before the first tick"),
        (EntryKind.MARK, "hazard: Ball auf der Straße"),
    ]
    assert (entries[0].frame, entries[1].frame) == (-1, tick.frame)
    assert entries[1].time_s == tick.time_s


def test_events_outside_segments_are_kept_and_marks_are_not_listed_twice(tmp_path):
    log = SessionLog(tmp_path)
    events = (TickEvent(EventKind.COLLISION, "hit vehicle.mini", 7, 900.0), TickEvent(EventKind.MARK, "here"))
    log.consume(plain_tick(3, events=events))
    (entry,) = read_log(tmp_path)
    assert (entry.kind, entry.text) == (EntryKind.EVENT, "collision hit vehicle.mini")


def test_a_line_cut_short_by_a_kill_is_left_out(tmp_path):
    log = SessionLog(tmp_path)
    log.add(EntryKind.NOTE, "whole")
    with (tmp_path / LOG_FILE).open("a") as file:
        file.write('{"kind": "note", "te')
    assert [entry.text for entry in read_log(tmp_path)] == ["whole"]


def test_an_older_session_has_an_empty_log(tmp_path):
    assert read_log(tmp_path) == []


def test_a_log_that_cannot_be_written_says_so_and_costs_nothing_else(tmp_path):
    log = SessionLog(tmp_path / "gone")
    log.add(EntryKind.NOTE, "lost")
    assert "gone" in log.error
