"""Training on pairs moves the policy towards what was driven, and leaves a policy that can be driven."""

from __future__ import annotations

import json
import logging
import math
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from datasets import load_from_disk
from pydantic import ValidationError
from safetensors.torch import load_file

from policy.vla.adapter import check_adapter
from policy.vla.checkpoint import CheckpointError, read_settings, write_settings
from policy.vla.codebook import Codebook
from policy.vla.model import Vla
from refine.data.pairs import build_pairs
from refine.errors import RefineError
from refine.train.dpo import DpoConfig, DpoStep, read_pairs, train_dpo
from refine.train.lora import LANGUAGE_MODEL
from refine.train.merge import merge_adapter
from tests.refine.data.takeover_sessions import TINY, braking_drive, picture, record, tiny_policy

CONFIG = DpoConfig(steps=3, batch=4, lr=2e-3, rank=4, alpha=8, device="cpu")


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def policy(tmp_path_factory) -> Path:
    return tiny_policy(tmp_path_factory.mktemp("policy") / "tiny")


@pytest.fixture(scope="module")
def pairs(tmp_path_factory, policy) -> Path:
    folder = tmp_path_factory.mktemp("pairs")
    session = record(folder / "s", braking_drive(Codebook.load(policy)))
    build_pairs([session], policy, folder / "p")
    return folder / "p"


@pytest.fixture(scope="module")
def trained(tmp_path_factory, pairs, policy):
    steps: list[DpoStep] = []
    result = train_dpo(pairs, policy, tmp_path_factory.mktemp("adapter") / "a", CONFIG, on_step=steps.append)
    return result, steps


@pytest.fixture(scope="module")
def merged(tmp_path_factory, policy, trained) -> Path:
    return merge_adapter(policy, trained[0].adapter, tmp_path_factory.mktemp("merged") / "better")


def log_probability(vla: Vla, image: np.ndarray, prompt: str, answer: str) -> float:
    """The log-probability of the answer's tokens after this picture and prompt, computed without the trainer."""
    inputs = dict(vla.inputs([image], prompt))
    words = torch.tensor([vla.processor.tokenizer(answer, add_special_tokens=False)["input_ids"]])
    start = inputs["input_ids"].shape[1]
    inputs["input_ids"] = torch.cat([inputs["input_ids"], words], dim=1)
    inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
    if "mm_token_type_ids" in inputs:
        inputs["mm_token_type_ids"] = torch.nn.functional.pad(inputs["mm_token_type_ids"], (0, words.shape[1]))
    with torch.no_grad():
        logits = vla.model(**inputs).logits[0, start - 1 : -1].float()
    return float(torch.log_softmax(logits, -1).gather(1, words[0][:, None]).sum())


def margins(vla: Vla, rows: Sequence[dict]) -> np.ndarray:
    """Log-probability of the chosen answer minus that of the rejected one, pair by pair."""
    found = []
    for row in rows:
        image, prompt = np.asarray(row["images"][0]), row["prompt"][0]["content"][1]["text"]
        chosen, rejected = (row[name][0]["content"][0]["text"] for name in ("chosen", "rejected"))
        found.append(log_probability(vla, image, prompt, chosen) - log_probability(vla, image, prompt, rejected))
    return np.array(found)


def test_training_makes_what_was_driven_more_probable_than_what_was_said(policy, pairs, merged):
    rows = list(load_from_disk(str(pairs)))
    before, after = margins(Vla.load(policy, device="cpu"), rows), margins(Vla.load(merged, device="cpu"), rows)
    assert (after > before).mean() > 0.9
    assert after.mean() > before.mean() + 0.05


def test_the_log_has_a_line_a_step_with_finite_numbers(trained):
    result, steps = trained
    lines = [json.loads(line) for line in result.log.read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3] == [step.step for step in steps]
    assert {"loss", "margin", "accuracy", "reward_chosen", "reward_rejected", "learning_rate"} <= lines[0].keys()
    assert all(math.isfinite(value) for line in lines for value in line.values())
    assert lines[0]["margin"] == pytest.approx(0.0, abs=1e-5)
    assert lines[-1]["margin"] > 0
    assert (result.first, result.last) == (steps[0], steps[-1])


def test_the_adapter_says_what_it_was_trained_from(trained, pairs):
    result, _ = trained
    description = json.loads((result.adapter / "dpo.json").read_text())
    assert DpoConfig.model_validate(description["config"]) == CONFIG
    assert description["pairs"] == result.pairs == len(read_pairs(pairs))
    assert description["policy"] == "tiny"


def test_the_vision_tower_and_the_language_model_are_trained(trained):
    names = load_file(trained[0].adapter / "adapter_model.safetensors").keys()
    language = [name for name in names if "language_model" in name]
    vision = [name for name in names if "visual.blocks" in name]
    assert len(language) == 2 * 7 * TINY.text_layers  # A and B of seven layers in each block
    assert len(vision) == 2 * 5 * TINY.vision_layers
    between = 2 * 2  # of the two layers between them; no embeddings, no head
    assert len(names) == len(language) + len(vision) + between


def test_the_vision_tower_can_be_left_alone(pairs, policy, tmp_path):
    config = CONFIG.model_copy(update={"targets": LANGUAGE_MODEL, "steps": 1})
    result = train_dpo(pairs, policy, tmp_path / "a", config)
    assert not [name for name in load_file(result.adapter / "adapter_model.safetensors") if "visual" in name]


def test_the_merged_policy_answers_as_the_policy_with_its_adapter(policy, trained, merged):
    with_adapter, whole = Vla.load(policy, trained[0].adapter, "cpu"), Vla.load(merged, device="cpu")
    prompt = "Speed 8.0 m/s, limit 50. Route: follow lane."
    for seed in range(3):
        image = picture(seed % 2 == 0, seed)
        assert with_adapter.answer([image], prompt) == whole.answer([image], prompt)
    assert read_settings(merged).name == "better"
    assert np.array_equal(Codebook.load(merged).codes, Codebook.load(policy).codes)


def test_the_policy_itself_is_left_as_it_was(policy, trained, merged, tmp_path):
    fresh = tiny_policy(tmp_path / "tiny")
    assert (policy / "model.safetensors").read_bytes() == (fresh / "model.safetensors").read_bytes()
    assert (merged / "model.safetensors").read_bytes() != (policy / "model.safetensors").read_bytes()


def test_the_same_seed_gives_the_same_adapter_and_another_does_not(trained, pairs, policy, tmp_path):
    def weights(folder: Path) -> bytes:
        return (folder / "adapter_model.safetensors").read_bytes()

    again = train_dpo(pairs, policy, tmp_path / "again", CONFIG)
    other = train_dpo(pairs, policy, tmp_path / "other", CONFIG.model_copy(update={"seed": 1}))
    assert weights(again.adapter) == weights(trained[0].adapter) != weights(other.adapter)


def test_the_pictures_reach_the_model(pairs, policy, tmp_path):
    """With the pictures shuffled among the rows, everything else alike, the first step's loss is another one."""
    rows = load_from_disk(str(pairs))
    others = [rows[(number + len(rows) // 2) % len(rows)]["images"] for number in range(len(rows))]
    shuffled = rows.map(lambda _, number: {"images": others[number]}, with_indices=True)
    shuffled.save_to_disk(str(tmp_path / "shuffled"))
    config = CONFIG.model_copy(update={"steps": 1})
    losses = []
    for name, folder in (("own", pairs), ("again", pairs), ("shuffled", tmp_path / "shuffled")):
        result = train_dpo(folder, policy, tmp_path / f"{name}-adapter", config)
        losses.append(result.first.loss)
    assert losses[1] == losses[0]
    assert abs(losses[2] - losses[0]) > 1e-3


def test_pairs_made_for_another_policy_are_warned_about(pairs, tmp_path, caplog):
    other = tiny_policy(tmp_path / "other", seed=5)
    with caplog.at_level(logging.WARNING):
        train_dpo(pairs, other, tmp_path / "a", CONFIG.model_copy(update={"steps": 1}))
    assert any("another policy (tiny)" in line for line in caplog.messages)


def test_wrong_folders_are_reported_in_words(pairs, policy, trained, tmp_path):
    with pytest.raises(RefineError, match="no folder of pairs"):
        train_dpo(tmp_path, policy, tmp_path / "a", CONFIG)
    with pytest.raises(CheckpointError, match="does not exist"):
        train_dpo(pairs, tmp_path / "nothing", tmp_path / "a", CONFIG)
    with pytest.raises(RefineError, match="new folder"):
        train_dpo(pairs, policy, trained[0].adapter, CONFIG)
    with pytest.raises(CheckpointError, match="no adapter"):
        merge_adapter(policy, pairs, tmp_path / "m")
    with pytest.raises(RefineError, match="new folder"):
        merge_adapter(policy, trained[0].adapter, policy)
    assert not (tmp_path / "m").exists()


def test_an_adapter_of_another_policy_is_refused_though_its_shapes_fit(policy, trained, tmp_path):
    other = tiny_policy(tmp_path / "other", seed=5)
    with pytest.raises(CheckpointError, match=r"another policy \('tiny', .*give the policy it was trained for"):
        merge_adapter(other, trained[0].adapter, tmp_path / "m")
    with pytest.raises(CheckpointError, match=r"another policy \('tiny'"):
        Vla.load(other, trained[0].adapter, "cpu")
    assert not (tmp_path / "m").exists()


def test_a_renamed_copy_of_the_policy_keeps_its_adapter(policy, trained, tmp_path):
    copy = shutil.copytree(policy, tmp_path / "copy")
    write_settings(copy, read_settings(policy).model_copy(update={"name": "copy"}))
    assert check_adapter(trained[0].adapter, copy) == trained[0].adapter


def test_an_adapter_that_names_no_policy_is_used_with_a_warning_and_refused_where_its_shapes_do_not_fit(
    policy, trained, tmp_path, caplog
):
    foreign = shutil.copytree(trained[0].adapter, tmp_path / "foreign")
    (foreign / "base.json").unlink()
    with caplog.at_level(logging.WARNING):
        merge_adapter(policy, foreign, tmp_path / "m")
    assert any("does not say which policy" in line for line in caplog.messages)
    wider = tiny_policy(tmp_path / "wider", size=TINY.model_copy(update={"text_mlp": 256}))
    with pytest.raises(CheckpointError, match="does not fit"):
        merge_adapter(wider, foreign, tmp_path / "w")
    assert not (tmp_path / "w").exists()


@pytest.mark.parametrize(
    "wrong", [{"weights": [1.0]}, {"loss": ["hinged", "sft"]}, {"lr": -1}, {"learning_rate": 1e-4}]
)
def test_a_wrong_setting_is_refused(wrong):
    with pytest.raises(ValidationError):
        DpoConfig.model_validate(wrong)
