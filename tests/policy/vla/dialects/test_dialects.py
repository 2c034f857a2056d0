"""What each dialect says and reads: the words of its question, and answers there and back."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from policy.vla.answer import AnswerError
from policy.vla.checkpoint import CameraSettings, PolicySettings
from policy.vla.codebook import Codebook
from policy.vla.dialects.catalogue import DIALECTS, dialect_of
from policy.vla.dialects.dialect import Held, Situation, Spoken
from policy.vla.dialects.needs import NEEDS, DialectName, dialect_problem
from policy.vla.observation import Observation
from recorder.schema import Direction, RouteCommand, SpeedAction

CODEBOOK = Codebook.town(64)
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")) | st.just(" "), max_size=60).map(str.strip)


def settings_of(name: str, **changes) -> PolicySettings:
    return PolicySettings.model_validate({"dialect": name, **NEEDS[DialectName(name)].settings, **changes})


def observation(speed=7.5, command=RouteCommand.LEFT, distance=10.0) -> Observation:
    return Observation(
        frame=3,
        time_s=2.0,
        pictures={},
        speed_mps=speed,
        acceleration_mps2=(0.3, -0.4),
        motion_ego=np.zeros((0, 3), np.float32),
        speed_limit_mps=30 / 3.6,
        command=command,
        command_distance_m=distance,
        targets_ego=np.stack([np.arange(0.0, 60.0, 4.0), np.zeros(15)], axis=-1).astype(np.float32),
    )


@st.composite
def said(draw, name: str) -> Spoken:
    tokens = st.lists(st.integers(0, 2047), min_size=6, max_size=6)
    if name == "corevla":
        reasoning = draw(WORDS.filter(lambda text: "Direction:" not in text))
        return Spoken(draw(st.sampled_from(Direction)), draw(st.sampled_from(SpeedAction)), (), reasoning)
    if name == "autovla":
        ten = st.lists(st.integers(0, 2047), min_size=10, max_size=10)
        lines = st.lists(WORDS, max_size=4).map("\n".join).map(str.strip).filter(lambda text: "</think>" not in text)
        return Spoken(None, None, tuple(draw(ten)), draw(lines))
    return Spoken(
        draw(st.sampled_from(Direction)), draw(st.sampled_from(SpeedAction)), tuple(draw(tokens)), draw(WORDS)
    )


@pytest.mark.parametrize("name", list(DialectName))
@given(data=st.data())
def test_an_answer_is_read_as_it_was_written(name, data):
    dialect = dialect_of(settings_of(name, reasoning_tokens=100))
    spoken = data.draw(said(name))
    assert dialect.parse(dialect.format(spoken)) == spoken


@pytest.mark.parametrize("name", list(DialectName))
@given(data=st.data())
def test_an_answer_with_a_piece_cut_out_is_refused_or_reads_as_another(name, data):
    """Never as the same answer by chance, and never as standing still."""
    dialect = dialect_of(settings_of(name, reasoning_tokens=0))
    spoken = data.draw(said(name))
    spoken = Spoken(spoken.direction, spoken.speed, spoken.tokens)
    text = dialect.format(spoken)
    first = data.draw(st.integers(0, len(text) - 1))
    cut = text[:first] + text[first + data.draw(st.integers(1, 12)) :]
    try:
        read = dialect.parse(cut)
    except AnswerError:
        return
    assert read != spoken or cut == text
    assert len(read.tokens) == len(spoken.tokens)


@pytest.mark.parametrize("name", ["takeover", "autovla"])
@given(st.lists(st.integers(0, 63), min_size=10, max_size=10))
def test_a_plan_becomes_tokens_and_the_same_plan(name, tokens):
    dialect = dialect_of(settings_of(name))
    driven = CODEBOOK.decode(tokens)[: dialect.settings.horizon]
    spoken = dialect.spoken_of(driven, CODEBOOK, 5.0, RouteCommand.LANE_FOLLOW)
    again = dialect.parse(dialect.format(spoken))
    path = dialect.path(again, CODEBOOK, Situation.of(observation()))
    assert path.shape == (dialect.settings.horizon, 3)
    assert np.abs(path - driven)[:, :2].max() < 0.7  # closed-loop encoding in 64 codes


@pytest.mark.parametrize(("direction", "speed"), [(d, s) for d in Direction for s in SpeedAction])
def test_the_path_of_two_keys_means_the_same_keys(direction, speed):
    """CoReVLA: keys, their path, and the keys that label it."""
    dialect = dialect_of(settings_of("corevla"))
    turns = {Direction.TURN_LEFT: RouteCommand.LEFT, Direction.TURN_RIGHT: RouteCommand.RIGHT}
    command = turns.get(direction, RouteCommand.LANE_FOLLOW)
    at_mps = 6.0 if speed is SpeedAction.ACCELERATE else 10.0
    situation = Situation.of(observation(at_mps, command))
    path = dialect.path(Spoken(direction, speed, ()), CODEBOOK, situation)
    label = dialect.spoken_of(path, CODEBOOK, at_mps, command)
    if direction not in turns:  # a turn is driven no faster than its arc allows
        assert label.speed is speed
    if direction is not Direction.GO_STRAIGHT and speed is not SpeedAction.STOP:  # straight on; and not far enough
        assert label.direction is direction


def test_our_question_is_the_small_policys():
    words = dialect_of(PolicySettings()).prompt(observation())
    assert words.startswith("Speed 7.5 m/s, limit 30. Route: turn left in 10 m, by ")


def test_autovlas_question_has_its_words_and_a_part_for_each_video():
    dialect = dialect_of(settings_of("autovla"))
    words = dialect.prompt(observation())
    assert words == (
        "The current velocity of the vehicle is 7.500 m/s, and the current acceleration is 0.500 m/s². The driving "
        "instruction is: turn left. Based on this information, plan the action trajectory for the autonomous vehicle "
        "over the next five seconds."
    )
    assert "is: keep forward." in dialect.prompt(observation(distance=30.0))
    system, user = dialect.messages(words)
    assert "Chain-of-Thought" in system["content"][0]["text"]
    assert [part["type"] for part in user["content"]] == ["text", *["text", "video"] * 3, "text"]
    fast = dialect_of(settings_of("autovla", reasoning_tokens=0)).messages(words)[0]["content"][0]["text"]
    assert "Chain-of-Thought" not in fast


def test_corevlas_question_asks_for_two_keys():
    dialect = dialect_of(settings_of("corevla"))
    words = dialect.prompt(observation())
    assert words.startswith(
        "The ego vehicle is driving at the speed of 7.5 m/s, and it wants to turn left at the intersection. "
    )
    assert "MUST provide Direction and Speed Keys AT THE END" in words
    assert "wants to follow the road. " in dialect.prompt(observation(distance=math.inf))


def test_a_decision_holds_for_a_second_and_no_longer():
    def at(time_s: float) -> Situation:
        return Situation(time_s, 5.0, math.inf, RouteCommand.LANE_FOLLOW, np.zeros((2, 2)))

    held = Held.from_header(Held("Direction: …", 0.5, 0.25, at(3.0)).to_header())
    assert (held.text, held.confidence, held.entropy, held.situation.time_s) == ("Direction: …", 0.5, 0.25, 3.0)
    assert [held.holds_in(at(time_s), 1.0) for time_s in (3.0, 3.5, 3.95, 4.0, 9.0)] == [True, True, True, False, False]
    assert not held.holds_in(at(1.0), 1.0)  # the scene was set back
    assert not held.holds_in(at(3.0), 0.0)


def test_a_situation_is_sent_as_it_is():
    situation = Situation.of(observation())
    again = Situation.from_header(situation.to_header())
    np.testing.assert_array_equal(again.route_ego, situation.route_ego)
    assert (again.time_s, again.speed_mps, again.speed_limit_mps, again.command) == (
        situation.time_s,
        situation.speed_mps,
        situation.speed_limit_mps,
        situation.command,
    )


def test_an_unknown_dialect_is_refused_with_those_that_are_known():
    with pytest.raises(ValidationError, match="'takeover', 'autovla' or 'corevla'"):
        PolicySettings.model_validate({"dialect": "klingon"})


@pytest.mark.parametrize(
    ("name", "family", "changes", "words"),
    [
        ("autovla", "qwen2_5_vl", {"cameras": {"front": {}}}, "policy_left, policy_right is missing"),
        ("autovla", "qwen3_vl", {}, "is spoken by qwen2_5_vl, its model is a qwen3_vl"),
        ("autovla", "qwen2_5_vl", {"history": {"pictures": 2}}, "has history.pictures 4, not 2"),
        ("autovla", "qwen2_5_vl", {"horizon": 6}, "has horizon 10, not 6"),
        ("corevla", "qwen3_vl", {"cameras": {"front": {}, "policy_left": {}}}, "the cameras front and no others"),
        ("corevla", "qwen3_vl", {"target_distances_m": (10.0, 25.0)}, "must begin at 0 and grow by at most 10 m"),
        ("corevla", "qwen3_vl", {"history": {"pictures": 2}}, "has history.pictures 1, not 2"),
    ],
)
def test_settings_that_a_dialect_cannot_be_spoken_with_are_named(name, family, changes, words):
    assert words in dialect_problem(settings_of(name, **changes), family)


def test_every_dialect_can_be_spoken_with_its_own_settings():
    assert set(DIALECTS) == set(DialectName) == set(NEEDS)
    for name in DialectName:
        assert dialect_problem(settings_of(name), "qwen2_5_vl") == ""
    three = {"front": CameraSettings(), "policy_left": CameraSettings(), "policy_right": CameraSettings()}
    assert dialect_problem(PolicySettings(cameras=three), "qwen3_vl") == ""
