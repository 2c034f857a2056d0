"""The small VLA as a checkpoint: made, loaded, asked, refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from policy.vla.answer import parse_answer
from policy.vla.checkpoint import CheckpointError, checkpoint_sha256, read_settings
from policy.vla.codebook import Codebook
from policy.vla.decoding import make_grammar
from policy.vla.model import Vla
from policy.vla.quick import Question
from policy.vla.small import SmallConfig, make_checkpoint
from policy.vla.vocabulary import action_ids
from recorder.schema import Direction, SpeedAction

TINY = SmallConfig(hidden=32, heads=2, key_value_heads=1, text_layers=1, text_mlp=32, vision_layers=1, vision_mlp=32)
PROMPT = "Speed 7.5 m/s, limit 30. Route: turn left in 10 m."


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    torch.set_num_threads(1)
    tiny = TINY.model_copy(update={"vision_hidden": 32, "vision_heads": 2})
    return make_checkpoint(tmp_path_factory.mktemp("tiny"), codebook=Codebook.town(size=24), size=tiny)


@pytest.fixture(scope="module")
def vla(folder) -> Vla:
    return Vla.load(folder, device="cpu")


def picture(seed: int = 0, shape: tuple[int, int] = (96, 192)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3), np.uint8)


def test_an_answer_parses_and_its_trajectory_has_a_pose_per_step(vla):
    answer = vla.answer([picture()], PROMPT)
    parsed = parse_answer(answer.text, vla.settings.horizon)
    assert (parsed.direction, parsed.speed, parsed.tokens) == (answer.direction, answer.speed, answer.tokens)
    assert vla.trajectory(answer.tokens).shape == (vla.settings.horizon, 3)
    assert 0.0 < answer.confidence <= 1.0


def test_even_an_untrained_model_held_to_the_grammar_always_answers(vla):
    generator = torch.Generator().manual_seed(0)
    seen = set()
    for seed in range(20):
        answer = vla.answer([picture(seed)], PROMPT, temperature=5.0, generator=generator)
        parse_answer(answer.text, vla.settings.horizon)
        seen.add((answer.direction, answer.speed))
    assert len(seen) > 3


def test_greedy_answers_repeat_and_depend_on_the_picture(vla):
    first = vla.answer([picture(1)], PROMPT)
    assert vla.answer([picture(1)], PROMPT) == first
    assert any(vla.answer([picture(seed)], PROMPT) != first for seed in range(2, 12))


def test_the_answer_read_in_pieces_is_the_one_the_whole_model_finds_best(vla):
    """The cached decoder with its grammar against one plain forward pass over its own answer."""
    inputs = vla.inputs([picture(3)], PROMPT)
    answer = vla.written(Question([picture(3)], PROMPT))
    ids = vla.processor.tokenizer(answer.text, add_special_tokens=False)["input_ids"]
    actions = action_ids(vla.processor.tokenizer, len(vla.codebook))
    whole = dict(inputs)
    whole["input_ids"] = torch.cat([inputs["input_ids"], torch.tensor([ids])], dim=1)
    whole["mm_token_type_ids"] = torch.cat([inputs["mm_token_type_ids"], torch.zeros(1, len(ids), dtype=int)], dim=1)
    del whole["attention_mask"]
    with torch.no_grad():
        logits = vla.model(**whole).logits[0]
    start = inputs["input_ids"].shape[1] + len(ids) - vla.settings.horizon - 1
    best = [int(logits[start + step, list(actions)].argmax()) for step in range(len(answer.tokens))]
    assert tuple(best) == answer.tokens


def test_another_number_of_pictures_is_refused(vla):
    with pytest.raises(ValueError, match="asked with 1 pictures, not 2"):
        vla.answer([picture(), picture()], PROMPT)


def test_every_header_is_six_tokens_and_every_code_one(vla):
    grammar = make_grammar(vla.processor.tokenizer, len(vla.codebook), 6)
    assert len(grammar.headers) == len(Direction) * len(SpeedAction)
    assert {len(header) for header in grammar.headers} == {6}
    assert len(set(grammar.action_ids)) == len(vla.codebook)


def test_the_same_seed_gives_the_same_weights_and_one_changed_byte_another_hash(folder, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    assert checkpoint_sha256(copy) == checkpoint_sha256(folder)
    (copy / "policy.json").write_text((copy / "policy.json").read_text() + " ")
    assert checkpoint_sha256(copy) != checkpoint_sha256(folder)


def test_a_folder_without_weights_is_named_with_what_is_missing(folder, tmp_path):
    copy = tmp_path / "half"
    shutil.copytree(folder, copy)
    (copy / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"half.*weights.*copy the whole folder again"):
        Vla.load(copy)
    with pytest.raises(CheckpointError, match="does not exist"):
        Vla.load(tmp_path / "nowhere" / "deep")


def test_a_wrong_setting_is_named_by_file_and_key(folder, tmp_path):
    copy = tmp_path / "wrong"
    shutil.copytree(folder, copy)
    (copy / "policy.json").write_text('{"horizon": 0}')
    with pytest.raises(CheckpointError, match=r"policy\.json: key `horizon`"):
        read_settings(copy)
