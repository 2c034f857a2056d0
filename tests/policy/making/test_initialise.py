"""Policies made of Qwen2.5-VL and Qwen3-VL with their real vocabulary: tokens, rows, pictures, answers."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from transformers import AutoModelForImageTextToText, AutoProcessor

from policy.making.initialise import fitted_camera, init_policy
from policy.vla.answer import format_answer
from policy.vla.checkpoint import CameraSettings, CheckpointError, check_folder, read_settings, write_settings
from policy.vla.codebook import Codebook
from policy.vla.model import Vla, use_linear_patches
from policy.vla.quick import Question
from policy.vla.vocabulary import action_ids
from recorder.schema import Direction, SpeedAction
from tests.policy.making.qwen_models import ROWS, SPECIAL, WORDS, tokenizer

FAMILIES = ("qwen2_5_vl", "qwen3_vl")
SIZES = {"qwen2_5_vl": (224, 112), "qwen3_vl": (256, 128)}
"""Of 32 image tokens."""
PROMPT = "Speed 7.5 m/s, limit 30. Route: turn left in 10 m."
KNOWN = WORDS + len(SPECIAL)
"""Tokens before the action tokens."""


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module", params=FAMILIES)
def policy(request, qwen_policy) -> Path:
    return qwen_policy(request.param)


@pytest.fixture(scope="module")
def vla(policy) -> Vla:
    return Vla.load(policy, device="cpu")


def family_of(vla: Vla) -> str:
    return vla.model.config.model_type


def picture(vla: Vla, seed: int = 0) -> np.ndarray:
    camera = vla.settings.camera
    return np.random.default_rng(seed).integers(0, 256, (camera.height, camera.width, 3), np.uint8)


def test_the_vocabulary_is_the_real_one():
    words = tokenizer()
    assert len(words) == KNOWN
    assert words.convert_tokens_to_ids(["<|endoftext|>", "<|im_end|>", "<|image_pad|>"]) == [151643, 151645, 151655]
    assert words("Hello world!", add_special_tokens=False)["input_ids"] == [
        9707,
        1879,
        0,
    ]  # as the hub's tokenizer has it


def test_every_code_is_one_token_and_no_other_word_changes(vla):
    words = vla.processor.tokenizer
    text = format_answer(Direction.FOLLOW_LANE, SpeedAction.KEEP, (0, 12, len(vla.codebook) - 1))
    ids = words(text, add_special_tokens=False)["input_ids"]
    assert ids[-3:] == [KNOWN, KNOWN + 12, KNOWN + len(vla.codebook) - 1]
    assert words.decode(ids) == text
    assert words(PROMPT)["input_ids"] == tokenizer()(PROMPT)["input_ids"]


def test_new_rows_are_the_mean_of_the_words_also_where_the_model_had_rows_to_spare(vla):
    for end in (vla.model.get_input_embeddings(), vla.model.get_output_embeddings()):
        rows = end.weight.detach()
        assert len(rows) >= KNOWN + len(vla.codebook) > ROWS  # some in spare rows, some in rows that were added
        mean = rows[:KNOWN].mean(0)
        assert torch.allclose(rows[KNOWN : KNOWN + len(vla.codebook)], mean.expand(len(vla.codebook), -1), atol=1e-6)
    assert vla.model.config.get_text_config().vocab_size == len(rows)


def test_the_pictures_reach_the_model_at_the_cameras_size_and_nothing_rescales_them(vla):
    camera = vla.settings.camera
    assert (camera.width, camera.height) == SIZES[family_of(vla)]
    inputs = vla.inputs([picture(vla)], PROMPT)
    patch = vla.processor.image_processor.patch_size
    assert inputs["image_grid_thw"].tolist() == [[1, camera.height // patch, camera.width // patch]]
    assert int((inputs["input_ids"] == vla.model.config.image_token_id).sum()) == 32
    white, black = (
        vla.inputs([np.full((camera.height, camera.width, 3), value, np.uint8)], PROMPT) for value in (255, 0)
    )
    spread = float(white["pixel_values"].max() - black["pixel_values"].min())
    assert spread == pytest.approx({"qwen2_5_vl": 3.91, "qwen3_vl": 2.0}[family_of(vla)], abs=0.3)  # its own deviation


def test_an_untrained_policy_stands_still_and_is_unsure(vla):
    answer = vla.answer([picture(vla)], PROMPT)
    assert not vla.trajectory(answer.tokens).any()
    assert answer.confidence < 2 / len(vla.codebook)
    assert answer.entropy > 0.999


def test_what_is_read_in_pieces_is_what_the_whole_model_reads(vla):
    """The cached decoder against one plain pass over its own answer: positions after the picture, deepstack."""
    generator = torch.Generator().manual_seed(3)
    inputs = vla.inputs([picture(vla, 3)], PROMPT)
    answer = vla.written(Question([picture(vla, 3)], PROMPT), 1.0, generator)
    ids = vla.processor.tokenizer(answer.text, add_special_tokens=False)["input_ids"]
    actions = action_ids(vla.processor.tokenizer, len(vla.codebook))
    whole = dict(inputs)
    whole["input_ids"] = torch.cat([inputs["input_ids"], torch.tensor([ids])], dim=1)
    whole["mm_token_type_ids"] = torch.cat([inputs["mm_token_type_ids"], torch.zeros(1, len(ids), dtype=int)], dim=1)
    del whole["attention_mask"]
    with torch.no_grad():
        logits = vla.model(**whole).logits[0]
    start = inputs["input_ids"].shape[1] + len(ids) - vla.settings.horizon - 1
    for step, index in enumerate(answer.tokens):
        weights = torch.softmax(logits[start + step, list(actions)], dim=-1)
        chosen = answer.choices[step - vla.settings.horizon]
        assert (chosen.token, chosen.allowed) == (actions[index], len(actions))
        assert float(weights[index]) == pytest.approx(chosen.probability, rel=1e-4)


def test_a_saved_policy_has_the_logits_it_had(vla, tmp_path):
    inputs = vla.inputs([picture(vla, 1)], PROMPT)
    with torch.no_grad():
        before = vla.model(**inputs).logits
    vla.model.save_pretrained(tmp_path)
    again: Any = AutoModelForImageTextToText.from_pretrained(tmp_path)
    use_linear_patches(again)  # as the one that was saved reads them
    with torch.no_grad():
        assert torch.equal(again(**inputs).logits, before)


def test_both_ends_of_an_untied_model_get_rows(qwen_policy):
    vla = Vla.load(qwen_policy("qwen3_vl", tied=False), device="cpu")
    ends = [end.weight.detach() for end in (vla.model.get_input_embeddings(), vla.model.get_output_embeddings())]
    assert not torch.equal(*ends)
    for rows in ends:
        assert torch.allclose(rows[KNOWN], rows[:KNOWN].mean(0), atol=1e-6)
        assert torch.equal(rows[KNOWN], rows[KNOWN + len(vla.codebook) - 1])


@pytest.mark.parametrize(
    ("width", "height", "unit", "expected"),
    [(192, 96, 28, (448, 224)), (192, 96, 32, (512, 256)), (1600, 900, 28, (392, 224)), (100, 100, 32, (352, 352))],
)
def test_a_cameras_aspect_is_kept_in_whole_patches(width, height, unit, expected):
    camera = fitted_camera(CameraSettings(width=width, height=height), unit)
    assert (camera.width, camera.height) == expected
    assert camera.width * camera.height <= 128 * unit**2


def test_models_that_no_policy_is_made_of_are_named(policy, tmp_path):
    book = Codebook.town(8)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "config.json").write_text('{"model_type": "llama"}')
    (tmp_path / "bare").mkdir()
    shutil.copy(policy / "config.json", tmp_path / "bare")
    for model, words in (
        (tmp_path / "other", r"is a llama; a policy is made of a Qwen2\.5-VL or a Qwen3-VL"),
        (tmp_path / "nothing", "is no model's folder and no name on the hub"),
        (tmp_path / "bare", "no model with tokenizer and image processor"),
        (policy, "is a policy already"),
    ):
        with pytest.raises(CheckpointError, match=words):
            init_policy(model, tmp_path / "out", book)
        assert not (tmp_path / "out").exists()
    with pytest.raises(CheckpointError, match="in use"):
        init_policy(tmp_path / "other", tmp_path, book)


def test_the_advice_for_a_folder_without_tokens_can_be_followed(policy, tmp_path):
    by_hand = shutil.copytree(policy.parent / "model", tmp_path / "model")
    shutil.copy(policy / "policy.json", by_hand)
    Codebook.town(8).save(by_hand)
    with pytest.raises(CheckpointError, match="8 of 8 action tokens are not in its tokenizer"):
        check_folder(by_hand)
    assert check_folder(init_policy(by_hand, tmp_path / "out", Codebook.town(8)).folder)


def test_a_policy_whose_tokens_camera_or_weights_do_not_fit_is_refused(policy, tmp_path):
    copy = shutil.copytree(policy, tmp_path / "copy")
    np.save(copy / "codebook.npy", np.zeros((400, 3), np.float32))
    with pytest.raises(CheckpointError, match=r"100 of 400 action tokens are not in .* another policy's: copy its own"):
        check_folder(copy)
    shutil.copy(policy / "codebook.npy", copy)
    write_settings(
        copy, read_settings(policy).model_copy(update={"cameras": {"front": CameraSettings(width=200, height=96)}})
    )
    with pytest.raises(CheckpointError, match=r"200x96 pixels.*multiples of (28|32)"):
        check_folder(copy)
    shutil.copy(policy / "policy.json", copy)
    save_file({"model.language_model.embed_tokens.weight": torch.zeros(ROWS, 1)}, copy / "model.safetensors")
    with pytest.raises(CheckpointError, match=f"a token of number {KNOWN + 299}, its weights have {ROWS} rows"):
        check_folder(copy)


def test_transformers_finds_the_same_processor_without_torchvision(vla, policy):
    again = AutoProcessor.from_pretrained(policy)
    assert type(again) is type(vla.processor)
    assert again.image_processor.to_dict() == vla.processor.image_processor.to_dict()
