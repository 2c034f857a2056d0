"""Answers decoded together are the model's own, however many are asked at once."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from policy.vla.checkpoint import CameraSettings, PolicySettings
from policy.vla.codebook import Codebook
from policy.vla.model import Vla
from policy.vla.quick import Question
from policy.vla.small import make_checkpoint
from tests.refine.train.lane_samples import TINY

PROMPTS = (
    "Speed 0.0 m/s.",
    "Speed 7.5 m/s, limit 30. Route: turn left in 10 m.",
    "Speed 3.0 m/s, limit 50. Route: go straight now, by (5.0, 0.5) (10.0, -1.5).",
)


@pytest.fixture(scope="module", params=[1, 3], ids=["one camera", "three cameras"])
def vla(request, tmp_path_factory) -> Vla:
    names = ("front", "policy_left", "policy_right")[: request.param]
    settings = PolicySettings(cameras={name: CameraSettings(width=96, height=64) for name in names})
    folder = tmp_path_factory.mktemp("quick")
    torch.set_num_threads(1)
    return Vla.load(
        make_checkpoint(folder, codebook=Codebook.town(size=24), settings=settings, size=TINY), device="cpu"
    )


def questions(vla: Vla, count: int) -> list[Question]:
    rng = np.random.default_rng(3)
    camera, pictures = vla.settings.camera, vla.settings.picture_count
    shape = (camera.height, camera.width, 3)
    return [
        Question([rng.integers(0, 255, shape, np.uint8) for _ in range(pictures)], PROMPTS[number % len(PROMPTS)])
        for number in range(count)
    ]


def test_the_answers_are_those_of_the_general_library(vla):
    assert not vla.why_not_together
    for question in questions(vla, 6):
        theirs = vla.written(question)
        ours = vla.answer(question.images_rgb, question.prompt)
        assert (ours.text, ours.tokens) == (theirs.text, theirs.tokens)
        assert ours.confidence == pytest.approx(theirs.confidence, abs=1e-4)
        assert ours.entropy == pytest.approx(theirs.entropy, abs=1e-4)
        assert [(one.token, one.allowed) for one in ours.choices] == [
            (one.token, one.allowed) for one in theirs.choices
        ]
        for one, other in zip(ours.choices, theirs.choices, strict=True):
            assert one.log_probability == pytest.approx(other.log_probability, abs=1e-3)
            assert one.entropy_share == pytest.approx(other.entropy_share, abs=1e-4)


def test_questions_of_different_lengths_are_answered_together_as_one_by_one(vla):
    asked = questions(vla, 7)
    together = vla.answers(asked)
    for question, one in zip(asked, together, strict=True):
        alone = vla.answer(question.images_rgb, question.prompt)
        assert (one.text, one.tokens) == (alone.text, alone.tokens)
        assert one.confidence == pytest.approx(alone.confidence, abs=1e-4)


def test_sampling_is_repeatable_and_differs_between_seeds(vla):
    (question,) = questions(vla, 1)
    runs = [
        [
            vla.answer(question.images_rgb, question.prompt, 1.5, torch.Generator().manual_seed(seed)).tokens
            for _ in "ab"
        ]
        for seed in (1, 1, 2)
    ]
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


def test_a_larger_picture_is_brought_to_the_cameras_size(vla):
    (question,) = questions(vla, 1)
    large = [np.repeat(np.repeat(image, 2, axis=0), 2, axis=1) for image in question.images_rgb]
    assert vla.answer(large, question.prompt).tokens == vla.answer(question.images_rgb, question.prompt).tokens


def test_models_that_cannot_be_read_this_way_say_why(vla):
    vla.model.config.vision_config.fullatt_block_indexes = []
    try:
        assert "windows" in vla.why_not_together
    finally:
        vla.model.config.vision_config.fullatt_block_indexes = list(range(vla.model.config.vision_config.depth))
