"""What the policy is asked, and how motions are named."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.vla.labels import meta_action
from policy.vla.observation import all_prompts, prompt_text
from policy.vla.processor import CHAT_TEMPLATE
from policy.vla.tokenizer import make_tokenizer
from recorder.schema import Direction, RouteCommand, SpeedAction

TOKENIZER = make_tokenizer(16, CHAT_TEMPLATE)
KNOWN = {piece for prompt in all_prompts() for piece in TOKENIZER.tokenize(prompt)}


def straight(speed_mps: float, end_mps: float | None = None) -> np.ndarray:
    speeds = np.linspace(speed_mps, speed_mps if end_mps is None else end_mps, 6)
    return np.stack([np.cumsum(speeds * 0.5), np.zeros(6), np.zeros(6)], axis=1)


def test_the_prompt_says_speed_limit_and_route():
    text = prompt_text(7.4, RouteCommand.LEFT, 11.0, 30 / 3.6)
    assert text == "Speed 7.5 m/s, limit 30. Route: turn left in 10 m."
    assert prompt_text(0.0, RouteCommand.RIGHT, 0.0).endswith("turn right now.")
    assert prompt_text(0.0, RouteCommand.LANE_FOLLOW, math.inf).endswith("follow lane.")


@given(
    st.floats(-5, 200),
    st.sampled_from(RouteCommand),
    st.floats(0, 1e6) | st.just(math.inf),
    st.just(math.inf) | st.floats(1, 36),
    st.lists(st.tuples(st.floats(-200, 200), st.floats(-200, 200)), max_size=2),
)
def test_no_prompt_has_a_word_the_tokenizer_does_not_know_whole(speed, command, distance, limit, targets):
    text = prompt_text(speed, command, distance, limit, targets)
    ids = TOKENIZER(text, add_special_tokens=False)["input_ids"]
    assert TOKENIZER.decode(ids) == text
    assert set(TOKENIZER.tokenize(text)) <= KNOWN
    assert len(ids) <= 18 + 9 * len(targets)


def test_an_action_token_is_one_token():
    assert len(TOKENIZER("<act_0><act_15>", add_special_tokens=False)["input_ids"]) == 2


@pytest.mark.parametrize(
    ("trajectory", "speed", "expected"),
    [
        (straight(8.0), 8.0, SpeedAction.KEEP),
        (straight(2.0, 6.0), 1.5, SpeedAction.ACCELERATE),
        (straight(8.0, 3.0), 8.0, SpeedAction.DECELERATE),
        (straight(4.0, 0.0), 5.0, SpeedAction.STOP),
        (straight(0.0), 0.0, SpeedAction.STOP),
        (straight(0.2, 2.0), 0.0, SpeedAction.ACCELERATE),
    ],
)
def test_the_speed_key_names_the_speed_profile(trajectory, speed, expected):
    assert meta_action(trajectory, speed, RouteCommand.LANE_FOLLOW)[1] is expected


def bend(yaw: float, shift_m: float = 0.0) -> np.ndarray:
    along = np.linspace(2, 12, 6)
    turned = yaw * along / 12
    return np.stack([along, along * np.tan(turned / 2) + shift_m, turned], axis=1)


@pytest.mark.parametrize(
    ("trajectory", "command", "expected"),
    [
        (bend(0.0), RouteCommand.LANE_FOLLOW, Direction.FOLLOW_LANE),
        (bend(0.0), RouteCommand.STRAIGHT, Direction.GO_STRAIGHT),
        (bend(-1.0), RouteCommand.LEFT, Direction.TURN_LEFT),
        (bend(1.0), RouteCommand.RIGHT, Direction.TURN_RIGHT),
        (bend(1.0), RouteCommand.LANE_FOLLOW, Direction.FOLLOW_LANE),
        (bend(0.0, 0.8), RouteCommand.LANE_FOLLOW, Direction.DEVIATE_RIGHT),
        (bend(0.0, -2.5), RouteCommand.LANE_FOLLOW, Direction.CHANGE_LANE_LEFT),
        (bend(0.0, 0.8), RouteCommand.CHANGE_LANE_RIGHT, Direction.CHANGE_LANE_RIGHT),
    ],
)
def test_the_direction_key_names_where_the_car_goes(trajectory, command, expected):
    assert meta_action(trajectory, 4.0, command)[0] is expected
