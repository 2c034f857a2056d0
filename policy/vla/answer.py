"""The policy's answer as text: a meta-action in two lines, then action tokens, written and read in one place.

CoReVLA asks its model for a direction and a speed key, AutoVLA for action tokens; an answer here is both. Reading is
strict: text that is not exactly an answer raises, so that a garbled answer is never taken for "stand still".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from recorder.schema import Direction, SpeedAction

DIRECTION_LABEL = "Direction:"
SPEED_LABEL = "Speed:"

_ACTION = re.compile(r"<act_(\d+)>")
_ANSWER = re.compile(r"Direction: (\S+)\nSpeed: (\S+)\n((?:<act_\d+>)*)")


class AnswerError(ValueError):
    """Text that is not an answer; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A meta-action and one codebook index per step."""

    direction: Direction
    speed: SpeedAction
    tokens: tuple[int, ...]


def action_token(index: int) -> str:
    """The text of one action token."""
    return f"<act_{index}>"


def format_answer(direction: Direction, speed: SpeedAction, tokens: Sequence[int]) -> str:
    """The answer's text: two lines and the action tokens on the third."""
    actions = "".join(action_token(index) for index in tokens)
    return f"{DIRECTION_LABEL} {direction.value}\n{SPEED_LABEL} {speed.value}\n{actions}"


def parse_answer(text: str, horizon: int) -> Answer:
    """The answer in `text`, which must hold exactly `horizon` action tokens; raises `AnswerError`."""
    match = _ANSWER.fullmatch(text)
    if match is None:
        raise AnswerError(f"not an answer (two lines 'Direction: …', 'Speed: …', then <act_…> tokens): {text[:120]!r}")
    direction_text, speed_text, actions = match.groups()
    if direction_text not in set(Direction):
        raise AnswerError(f"unknown direction {direction_text!r}; known: {', '.join(Direction)}")
    if speed_text not in set(SpeedAction):
        raise AnswerError(f"unknown speed {speed_text!r}; known: {', '.join(SpeedAction)}")
    tokens = tuple(int(index) for index in _ACTION.findall(actions))
    if len(tokens) != horizon:
        raise AnswerError(f"{len(tokens)} action tokens where {horizon} are expected")
    return Answer(Direction(direction_text), SpeedAction(speed_text), tokens)
