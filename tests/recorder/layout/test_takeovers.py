"""What a takeover is: worked examples over short rows of ticks."""

from __future__ import annotations

import pytest

from recorder.layout.takeovers import NOTE_TICKS, Answer, Takeover, is_takeover, note_from, takeovers
from recorder.schema import Authority, DriverKind, Reason

P, H, B, R, S = (
    Authority.POLICY,
    Authority.HUMAN,
    Authority.HANDING_BACK,
    Authority.REQUESTED,
    Authority.SAFE_STOP,
)


def found_in(row, *, reasons=None, notes=None, **options):
    count = len(row)
    reasons = reasons or [Reason.OVERRIDE_BRAKE] * count
    return takeovers(row, reasons, [DriverKind.HUMAN] * count, notes or [""] * count, **options)


def spans(row, **options):
    return [(takeover.first, takeover.end) for takeover in found_in(row, **options)]


def test_the_record_of_a_takeover_says_when_who_and_why():
    row = [P, P, H, H, B, P, P]
    reasons = [*[Reason.SESSION_START] * 2, *[Reason.OVERRIDE_STEER] * 2, *[Reason.HAND_BACK_BUTTON] * 3]
    notes = ["", "before it", "collision ahead", "something else", "", "", ""]
    assert found_in(row, reasons=reasons, notes=notes) == [
        Takeover(
            first=2,
            end=5,
            driver=DriverKind.HUMAN,
            reason=Reason.OVERRIDE_STEER,
            note="collision ahead",
            answer=Answer(2, Reason.OVERRIDE_STEER, "collision ahead"),
        )
    ]


def test_a_safe_stop_is_a_takeover_and_the_person_answers_it_later():
    row = [P, R, S, S, H, P]
    reasons = [Reason.SESSION_START, *[Reason.PLAN_MISSING] * 3, *[Reason.OVERRIDE_BUTTON] * 2]
    (takeover,) = found_in(row, reasons=reasons, notes=["", "", "wheel lost", "", "awake", ""])
    assert (takeover.first, takeover.end) == (2, 5)
    assert (takeover.reason, takeover.note) == (Reason.PLAN_MISSING, "wheel lost")
    assert takeover.answer == Answer(4, Reason.OVERRIDE_BUTTON, "awake")


def test_a_safe_stop_that_nobody_answers_has_no_answer():
    for row in ([P, S, S], [P, S, P, H]):
        assert found_in(row)[0].answer is None


def test_a_request_alone_is_no_takeover():
    assert found_in([P, R, R, P]) == []


def test_each_takeover_of_a_row_is_found_and_one_during_the_hand_back_is_its_own():
    assert spans([P, H, B, H, P, P, S, H]) == [(1, None), (3, 4), (6, None)]


def test_a_row_that_starts_taken_starts_with_a_takeover_only_where_that_is_known():
    assert spans([H, P]) == []
    assert spans([H, P], began_taken=True) == [(0, 1)]
    assert spans([P, H], began_taken=True) == [(1, None)]
    assert spans([]) == spans([], began_taken=True) == []


def test_the_policy_loses_the_car_only_between_a_state_that_is_not_taken_and_one_that_is():
    taken = {(before, now) for before in Authority for now in Authority if is_takeover(before, now)}
    assert taken == {(before, now) for before in (P, R, B) for now in (H, S)}


def test_a_note_counts_for_a_second_from_the_takeover_on():
    notes = [""] * 100
    notes[10 + NOTE_TICKS - 1] = "in time"
    assert note_from(notes, 10) == "in time"
    assert note_from(notes, 9) == ""
    assert note_from(["early", "", "next"], 1) == "next"


def test_a_reason_that_the_schema_does_not_have_is_an_error():
    with pytest.raises(ValueError, match="boredom"):
        found_in([P, H], reasons=["session_start", "boredom"])
