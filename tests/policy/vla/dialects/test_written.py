"""Answers that real vocabularies and cut Qwen models write in every dialect, held to its grammar."""

from __future__ import annotations

import functools
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from policy.making.initialise import init_policy
from policy.vla.checkpoint import CheckpointError, check_folder, read_settings, write_settings
from policy.vla.codebook import Codebook
from policy.vla.dialects.autovla import FAST, SLOW
from policy.vla.model import Vla
from policy.vla.quick import Question
from policy.vla.writer import Writer
from tests.policy.making.qwen_models import WORDS, make_model

PROMPT = "Speed 7.5 m/s, limit 30. Route: turn left in 10 m."
CODES = 64


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def folder_of(tmp_path_factory):
    root = tmp_path_factory.mktemp("dialects")

    @functools.cache
    def make(dialect: str, family: str = "qwen2_5_vl") -> Path:
        model = root / family
        if not model.exists():
            make_model(model, family)
        return init_policy(
            model, root / f"{dialect}_{family}", Codebook.town(CODES), image_tokens=32, dialect=dialect
        ).folder

    return make


@pytest.fixture(scope="module")
def vla_of(folder_of):
    @functools.cache
    def load(dialect: str, reasoning: int = 6, family: str = "qwen2_5_vl") -> Vla:
        vla = Vla.load(folder_of(dialect, family), device="cpu")
        settings = vla.settings.model_copy(update={"reasoning_tokens": reasoning})
        return Vla(vla.model, vla.processor, settings, vla.codebook)

    return load


def pictures(vla: Vla, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    cameras = vla.settings.cameras.values()
    return [
        rng.integers(0, 256, (camera.height, camera.width, 3), np.uint8)
        for camera in cameras
        for _ in range(vla.settings.history.pictures)
    ]


@pytest.mark.parametrize(
    ("dialect", "family"),
    [("takeover", "qwen2_5_vl"), ("takeover", "qwen3_vl"), ("autovla", "qwen2_5_vl"), ("corevla", "qwen3_vl")],
)
def test_whatever_a_model_writes_is_an_answer(vla_of, dialect, family):
    vla = vla_of(dialect, 6, family)
    thought = 0
    for seed in range(4):
        answer = vla.answer(pictures(vla), PROMPT, temperature=1.5, generator=torch.Generator().manual_seed(seed))
        assert vla.dialect.parse(answer.text) == answer.spoken
        assert len(answer.tokens) == (0 if dialect == "corevla" else vla.settings.horizon)
        thought += bool(answer.reasoning)
        words = vla.processor.tokenizer(answer.reasoning, add_special_tokens=False)["input_ids"]
        assert not any(token in vla.processor.tokenizer.added_tokens_decoder for token in words)
        assert sum(one.allowed > 100_000 for one in answer.choices) <= 6
        for one in answer.choices:
            assert 0.0 <= one.probability <= 1.0
            assert 0.0 <= one.entropy_share <= 1.0
            assert one.log_probability <= 0.0
    assert 0 < thought <= 8


@pytest.mark.parametrize("dialect", ["takeover", "autovla"])
def test_the_model_chooses_whether_to_think(vla_of, dialect):
    vla = vla_of(dialect)
    answers = [
        vla.answer(pictures(vla), PROMPT, temperature=3.0, generator=torch.Generator().manual_seed(seed))
        for seed in range(12)
    ]
    assert {bool(answer.reasoning) for answer in answers} == {True, False}
    quick = vla_of(dialect, 0)
    for seed in range(6):
        generator = torch.Generator().manual_seed(seed)
        assert not quick.answer(pictures(quick), PROMPT, temperature=3.0, generator=generator).reasoning


def test_what_was_thought_stays_in_the_answer_and_ends_in_time(vla_of):
    vla = vla_of("autovla")
    slow = [
        vla.answer(pictures(vla), PROMPT, temperature=3.0, generator=torch.Generator().manual_seed(seed)).text
        for seed in range(12)
    ]
    assert any(text.startswith(FAST) for text in slow)
    thought = next(text for text in slow if text.startswith(SLOW))
    assert "\n</think>\n<answer>\nThe final output action is: <act_" in thought


def test_a_model_that_ends_its_thinking_itself_is_not_cut_off_or_doubled(vla_of, monkeypatch):
    """Tokens that hold the marker and more (`>` with a newline) must not break the form."""
    vla = vla_of("autovla", 40)
    words = vla.processor.tokenizer
    script = words("The road is free.\n</think>\n\n", add_special_tokens=False)["input_ids"]

    def scripted(self, weights, tokens, allowed=0):
        if allowed:
            return script.pop(0)
        return original(self, weights, tokens, allowed)

    original = Writer._choose
    monkeypatch.setattr(Writer, "_choose", scripted)
    monkeypatch.setattr(Writer, "one_of", lambda self, texts: (self.forced(SLOW), SLOW)[1])
    answer = vla.answer(pictures(vla), PROMPT)
    assert answer.reasoning == "The road is free."
    assert vla.dialect.parse(answer.text) == answer.spoken


def test_the_shipped_policy_answers_alike_by_both_ways_of_reading():
    vla = Vla.load("assets/policies/small", device="cpu")
    for seed in range(3):
        question = Question(pictures(vla, seed), PROMPT)
        quick, written = vla.answers([question])[0], vla.written(question)
        assert (quick.text, quick.tokens, quick.reasoning) == (written.text, written.tokens, "")
        assert quick.confidence == pytest.approx(written.confidence, abs=1e-4)


def test_autovlas_tokens_have_its_numbers_in_the_real_vocabulary(vla_of):
    vla = vla_of("autovla")
    last = len(vla.codebook) - 1
    tokens = vla.processor.tokenizer.convert_tokens_to_ids(["<act_0>", f"<act_{last}>"])
    assert tokens == [151_665, 151_665 + last]  # `action_start_id` in its configuration
    assert tokens[0] == WORDS + 22


def test_videos_are_cut_into_patches_as_qwens_video_processor_does(vla_of):
    """Against that processor's own arrangement, written out: pairs of frames, blocks of 2 x 2 patches."""
    vla = vla_of("autovla")
    images = pictures(vla, 5)
    inputs = vla.inputs(images, PROMPT)
    eye = vla.processor.image_processor
    side, merge = eye.patch_size, eye.merge_size
    height, width = images[0].shape[:2]
    rows, columns = height // side, width // side
    assert inputs["video_grid_thw"].tolist() == [[2, rows, columns]] * 3
    assert int((inputs["input_ids"] == vla.processor.video_token_id).sum()) == 3 * 2 * rows * columns // merge**2
    mean, std = np.array(eye.image_mean), np.array(eye.image_std)
    expected = []
    for first in (0, 4, 8):
        frames = (np.stack(images[first : first + 4]) / 255.0 - mean) / std
        cells = frames.reshape(2, 2, rows // merge, merge, side, columns // merge, merge, side, 3)
        cells = cells.transpose(0, 2, 5, 3, 6, 8, 1, 4, 7)
        expected.append(cells.reshape(2 * rows * columns, -1))
    np.testing.assert_allclose(inputs["pixel_values_videos"].numpy(), np.concatenate(expected), atol=1e-5)
    assert inputs["second_per_grid_ts"].tolist() == [1.0] * 3
    text = vla.processor.tokenizer.decode(inputs["input_ids"][0])
    assert "sampled at 2 Hz.Video 1: <|vision_start|><|video_pad|>" in text
    assert text.endswith(f"<|vision_end|>{PROMPT}<|im_end|>\n<|im_start|>assistant\n")


def test_videos_read_in_pieces_are_what_the_whole_model_reads(vla_of):
    vla = vla_of("autovla", 0)
    images = pictures(vla, 2)
    answer = vla.answer(images, PROMPT)
    inputs = vla.inputs(images, PROMPT)
    ids = vla.processor.tokenizer(answer.text.removesuffix("\n</answer>"), add_special_tokens=False)["input_ids"]
    whole = dict(inputs)
    whole["input_ids"] = torch.cat([inputs["input_ids"], torch.tensor([ids])], dim=1)
    whole["mm_token_type_ids"] = torch.cat([inputs["mm_token_type_ids"], torch.zeros(1, len(ids), dtype=int)], dim=1)
    del whole["attention_mask"]
    with torch.no_grad():
        logits = vla.model(**whole).logits[0]
    actions = vla.processor.tokenizer.convert_tokens_to_ids([f"<act_{code}>" for code in range(len(vla.codebook))])
    start = inputs["input_ids"].shape[1] + len(ids) - vla.settings.horizon - 1
    for step, choice in enumerate(answer.choices):
        weights = torch.softmax(logits[start + step, actions], dim=-1)
        assert math.log(float(weights[answer.tokens[step]])) == pytest.approx(choice.log_probability, rel=1e-4)


def test_a_change_of_any_frame_reaches_the_model(vla_of):
    vla = vla_of("autovla", 0)
    images = pictures(vla, 2)
    with torch.no_grad():
        before = vla.model(**vla.inputs(images, PROMPT)).logits[0, -1]
        for changed in range(12):
            others = [255 - image if index == changed else image for index, image in enumerate(images)]
            assert not torch.equal(vla.model(**vla.inputs(others, PROMPT)).logits[0, -1], before)


def test_a_folder_that_does_not_fit_its_dialect_is_refused(folder_of, tmp_path):
    folder = folder_of("autovla", "qwen2_5_vl")
    settings = read_settings(folder)
    try:
        write_settings(folder, settings.model_copy(update={"cameras": {"front": settings.camera}}))
        with pytest.raises(CheckpointError, match=r"the dialect 'autovla' shows the cameras .* is missing"):
            check_folder(folder)
        text = json.loads((folder / "policy.json").read_text())
        (folder / "policy.json").write_text(json.dumps({**text, "dialect": "klingon"}))
        with pytest.raises(CheckpointError, match=r"key `dialect`.*'takeover', 'autovla' or 'corevla'"):
            check_folder(folder)
    finally:
        write_settings(folder, settings)
    with pytest.raises(CheckpointError, match=r"'autovla' is spoken by qwen2_5_vl, its model is a qwen3_vl"):
        init_policy(make_model(tmp_path / "three", "qwen3_vl"), tmp_path / "out", Codebook.town(8), dialect="autovla")
