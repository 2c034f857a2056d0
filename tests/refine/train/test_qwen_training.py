"""One step each of DPO, SFT and GRPO on policies made of Qwen2.5-VL and Qwen3-VL, with the real vocabulary."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from datasets import Dataset
from peft import PeftModel, get_peft_model
from PIL import Image
from safetensors.torch import load_file
from trl import GRPOConfig, GRPOTrainer, SFTConfig, SFTTrainer

from policy.vla.answer import format_answer
from policy.vla.codebook import Codebook
from policy.vla.observation import messages
from policy.vla.processor import load_processor
from recorder.schema import Direction, SpeedAction
from refine.data.pairs import build_pairs
from refine.train.dpo import DpoConfig, train_dpo
from refine.train.lora import EVERY_LAYER, LoraSettings, has_new_rows, lora_config
from refine.train.merge import load_exact, merge_adapter
from tests.refine.data.takeover_sessions import braking_drive, record

FAMILIES = ("qwen2_5_vl", "qwen3_vl")
PROMPT = "Speed 8.0 m/s, limit 50. Route: follow lane."
ANSWER = format_answer(Direction.FOLLOW_LANE, SpeedAction.KEEP, (7, 8, 9, 10, 11, 12))
ON_CPU = {"use_cpu": True, "bf16": False, "report_to": [], "disable_tqdm": True, "save_strategy": "no"}
ONE_STEP = {**ON_CPU, "max_steps": 1, "learning_rate": 1e-2, "logging_steps": 1}


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module", params=FAMILIES)
def policy(request, qwen_policy) -> Path:
    return qwen_policy(request.param)


def picture(size: tuple[int, int]) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8))


def logits_of(model: Any, processor: Any) -> torch.Tensor:
    text = processor.apply_chat_template(messages(PROMPT), tokenize=False, add_generation_prompt=True)
    inputs = processor(text=[text + ANSWER], images=[picture((224, 112))], return_tensors="pt")
    with torch.no_grad():
        return model.eval()(**inputs).logits


def changed_rows(before: torch.Tensor, after: torch.Tensor) -> set[int]:
    return set((before != after).any(-1).nonzero().flatten().tolist())


def test_dpo_trains_the_new_rows_and_the_merged_policy_has_the_adapters_logits(policy, tmp_path):
    session = record(tmp_path / "s", braking_drive(Codebook.load(policy)))
    build_pairs([session], policy, tmp_path / "pairs")
    config = DpoConfig(steps=2, batch=1, lr=1e-2, rank=2, alpha=4, device="cpu")  # the first step has no rate yet
    adapter = train_dpo(tmp_path / "pairs", policy, tmp_path / "adapter", config).adapter
    merged = merge_adapter(policy, adapter, tmp_path / "merged")
    processor = load_processor(merged)
    whole = load_exact(merged)
    trained = PeftModel.from_pretrained(load_exact(policy), str(adapter))
    assert torch.allclose(logits_of(trained, processor), logits_of(whole, processor), atol=1e-4)
    assert torch.equal(logits_of(load_exact(merged), processor), logits_of(whole, processor))
    ends = whole.get_input_embeddings().weight, whole.get_output_embeddings().weight
    assert ends[0] is ends[1]  # still tied
    first = processor.tokenizer.convert_tokens_to_ids("<act_0>")
    assert max(changed_rows(load_exact(policy).get_input_embeddings().weight, ends[0])) >= first
    assert not has_new_rows(whole, processor.tokenizer, len(Codebook.load(merged)))


def test_sft_makes_the_answer_more_probable(policy, tmp_path):
    model, processor = load_exact(policy), load_processor(policy)
    row = {
        "images": [picture((224, 112))],
        "prompt": messages(PROMPT),
        "completion": [{"role": "assistant", "content": [{"type": "text", "text": ANSWER}]}],
    }
    trainer = SFTTrainer(
        model=model,
        args=SFTConfig(
            output_dir=str(tmp_path),
            per_device_train_batch_size=1,
            max_length=None,
            completion_only_loss=True,
            **{**ONE_STEP, "max_steps": 2},
        ),
        train_dataset=Dataset.from_list([row]),
        processing_class=processor,
        peft_config=lora_config(model, processor.tokenizer, 300, LoraSettings(rank=2, alpha=4)),
    )
    trainer.train()
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    assert losses[1] < losses[0] < np.log(2 * len(processor.tokenizer))
    assert any("modules_to_save" in name for name, one in trainer.model.named_parameters() if one.requires_grad)


def test_grpo_samples_with_pictures_and_takes_a_step(policy, tmp_path):
    model, processor = load_exact(policy), load_processor(policy)
    seen: list[int] = []

    def reward(completion_ids: list[list[int]], **_: Any) -> list[float]:
        seen.extend(len(ids) for ids in completion_ids)
        return [float(number % 2) for number in range(len(completion_ids))]

    trainer = GRPOTrainer(
        model=model,
        reward_funcs=reward,
        args=GRPOConfig(
            output_dir=str(tmp_path),
            per_device_train_batch_size=2,
            num_generations=2,
            max_completion_length=4,
            beta=0.0,
            **ONE_STEP,
        ),
        train_dataset=Dataset.from_list([{"prompt": messages(PROMPT), "images": [picture((224, 112))]}] * 2),
        processing_class=processor,
        peft_config=lora_config(model, processor.tokenizer, 300, LoraSettings(rank=2, alpha=4)),
    )
    before = {name: one.detach().clone() for name, one in trainer.model.named_parameters() if one.requires_grad}
    trainer.train()
    assert len(seen) == 2
    after = dict(trainer.model.named_parameters())
    assert any(not torch.equal(after[name], one) for name, one in before.items() if "modules_to_save" in name)


def test_the_layers_between_deepstack_and_text_are_no_target(policy):
    names = [name for name, _ in load_exact(policy).named_modules()]
    hit = [name for name in names if re.fullmatch(EVERY_LAYER, name)]
    assert not [name for name in hit if "deepstack" in name]
    towers = {name.split(".")[1] for name in hit}
    assert towers == {"visual", "language_model"}
    assert [name for name in hit if "visual.merger" in name]
    if "qwen3" in str(load_exact(policy).config.model_type):
        assert [name for name in names if "deepstack_merger_list" in name]


@pytest.mark.parametrize("family", FAMILIES)
def test_an_untied_model_is_trained_at_both_ends(qwen_policy, family, tmp_path):
    folder = qwen_policy(family, tied=False)
    model, processor = load_exact(folder), load_processor(folder)
    adapted = get_peft_model(model, lora_config(model, processor.tokenizer, 300, LoraSettings(rank=2)))
    whole = {name: one for name, one in adapted.named_parameters() if "modules_to_save" in name}
    assert {name.split(".modules_to_save")[0].rsplit(".", 1)[-1] for name in whole} == {"embed_tokens", "lm_head"}
    with torch.no_grad():
        for number, one in enumerate(whole.values()):
            one.add_(0.01 * (number + 1))
    adapted.save_pretrained(str(tmp_path))
    assert len([name for name in load_file(tmp_path / "adapter_model.safetensors") if "lora" not in name]) == 2
    again = PeftModel.from_pretrained(load_exact(folder), str(tmp_path))
    assert torch.equal(logits_of(again, processor), logits_of(adapted, processor))
    merged = again.merge_and_unload()
    assert torch.allclose(logits_of(merged, processor), logits_of(adapted, processor), atol=1e-4)
