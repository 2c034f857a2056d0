"""Answers as text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.vla.answer import AnswerError, format_answer, parse_answer
from recorder.schema import Direction, SpeedAction

answers = st.tuples(
    st.sampled_from(Direction), st.sampled_from(SpeedAction), st.lists(st.integers(0, 9999), min_size=0, max_size=20)
)


@given(answers)
def test_what_was_written_is_read_back(answer):
    direction, speed, tokens = answer
    parsed = parse_answer(format_answer(direction, speed, tokens), len(tokens))
    assert (parsed.direction, parsed.speed, list(parsed.tokens)) == (direction, speed, tokens)


@given(answers, st.integers(0, 200), st.characters())
def test_an_answer_with_a_character_too_many_is_no_other_answer(answer, place, character):
    direction, speed, tokens = answer
    text = format_answer(direction, speed, tokens)
    place %= len(text) + 1
    try:
        parsed = parse_answer(text[:place] + character + text[place:], len(tokens))
    except AnswerError:
        return
    assert character.isdigit()  # another code's number is another answer
    assert (parsed.direction, parsed.speed) == (direction, speed)


@given(st.text())
def test_any_text_is_read_or_refused(text):
    with pytest.raises(AnswerError):
        parse_answer(text, 6)


def test_too_few_action_tokens_are_refused_with_their_number():
    with pytest.raises(AnswerError, match="2 action tokens where 6"):
        parse_answer(format_answer(Direction.FOLLOW_LANE, SpeedAction.KEEP, (1, 2)), 6)


def test_an_unknown_word_is_refused_with_the_known_ones():
    with pytest.raises(AnswerError, match=r"FLY.*TURN_LEFT"):
        parse_answer("Direction: FLY\nSpeed: KEEP\n", 0)
    with pytest.raises(AnswerError, match=r"WARP.*ACCELERATE"):
        parse_answer("Direction: TURN_LEFT\nSpeed: WARP\n", 0)
