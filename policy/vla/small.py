"""The small VLA: the architecture of Qwen2.5-VL at about four million parameters, with random weights.

It has its own tokenizer and an untrained body; `refine.train.small_sft` teaches it to drive. Everything that reads its
folder reads a Qwen2.5-VL folder in the same way.
"""

from __future__ import annotations

from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict
from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from policy.vla.checkpoint import PolicySettings, write_settings
from policy.vla.codebook import Codebook
from policy.vla.processor import CHAT_TEMPLATE, MERGE, PATCH_PX, TEMPORAL_PATCH, VlaProcessor, make_image_processor
from policy.vla.tokenizer import END_OF_TURN, make_tokenizer

ROPE_THETA = 100.0
"""Positions here are below 100. With the usual 10,000 and more most rotary frequencies stand still over such a span,
and a small model takes many times as long to learn where in the picture something is."""

SMALL_SETTINGS = PolicySettings(name="small", target_distances_m=(5.0, 10.0, 25.0))
"""What the small policy observes: one camera, and three target points, the first near enough to show where a turn goes
(LEAD reports three to be better than one)."""


class SmallConfig(BaseModel):
    """Size of the model."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hidden: int = 192
    heads: int = 6
    key_value_heads: int = 3
    text_layers: int = 4
    text_mlp: int = 512
    vision_hidden: int = 192
    vision_heads: int = 6
    vision_layers: int = 4
    vision_mlp: int = 384


def make_checkpoint(
    folder: str | Path,
    seed: int = 0,
    codebook: Codebook | None = None,
    settings: PolicySettings | None = None,
    size: SmallConfig | None = None,
) -> Path:
    """Write a whole untrained checkpoint (weights, tokenizer, processor, codebook, `policy.json`); returns its folder.

    Without a codebook it gets `Codebook.town()`. The same seed gives the same weights.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    codebook = codebook or Codebook.town()
    settings = settings or PolicySettings(name=folder.name)
    tokenizer = make_tokenizer(len(codebook), CHAT_TEMPLATE)
    camera = settings.camera
    processor = VlaProcessor(make_image_processor(camera.width, camera.height), tokenizer, CHAT_TEMPLATE)
    model = make_model(tokenizer, size or SmallConfig(), seed)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    codebook.save(folder)
    write_settings(folder, settings)
    return folder


def make_model(
    tokenizer: PreTrainedTokenizerBase, size: SmallConfig, seed: int = 0
) -> Qwen2_5_VLForConditionalGeneration:
    """The untrained model for a tokenizer, weights drawn with a deviation of 1/sqrt(hidden).

    That deviation, instead of the 0.02 meant for wide models, is what lets a model of this width learn at all.
    """
    head = size.hidden // size.heads
    vocabulary = tokenizer.get_vocab()
    text = {
        "vocab_size": len(tokenizer),
        "hidden_size": size.hidden,
        "intermediate_size": size.text_mlp,
        "num_hidden_layers": size.text_layers,
        "num_attention_heads": size.heads,
        "num_key_value_heads": size.key_value_heads,
        "max_position_embeddings": 1024,
        "initializer_range": size.hidden**-0.5,
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": ROPE_THETA,
            "mrope_section": [head // 4, head // 8, head // 2 - head // 4 - head // 8],
        },
        "bos_token_id": vocabulary["<|im_start|>"],
        "eos_token_id": vocabulary[END_OF_TURN],
        "pad_token_id": tokenizer.pad_token_id,
    }
    vision = {
        "depth": size.vision_layers,
        "hidden_size": size.vision_hidden,
        "intermediate_size": size.vision_mlp,
        "num_heads": size.vision_heads,
        "patch_size": PATCH_PX,
        "spatial_merge_size": MERGE,
        "temporal_patch_size": TEMPORAL_PATCH,
        "out_hidden_size": size.hidden,
        "fullatt_block_indexes": list(range(size.vision_layers)),
        "initializer_range": size.vision_hidden**-0.5,
        "rope_parameters": {"rope_type": "axial", "rope_theta": ROPE_THETA},
    }
    config = Qwen2_5_VLConfig(
        text_config=text,
        vision_config=vision,
        image_token_id=vocabulary["<|image_pad|>"],
        video_token_id=vocabulary["<|video_pad|>"],
        vision_start_token_id=vocabulary["<|vision_start|>"],
        vision_end_token_id=vocabulary["<|vision_end|>"],
        tie_word_embeddings=True,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Qwen2_5_VLForConditionalGeneration(config)
