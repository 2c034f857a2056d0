"""Models as they lie on the hub, cut small: the real vocabulary, the real structure, few and narrow layers.

The vocabulary is Qwen's own (151,643 entries, as `qwen.tiktoken` in the wheel `dashscope`), special tokens and rows to
spare are the hub's. Only depth and width are cut; ties, rotary sections, windows and deepstack stay.
"""

from __future__ import annotations

import base64
import functools
import importlib.util
import itertools
import json
from pathlib import Path

import torch
from tokenizers import AddedToken
from transformers import Qwen2_5_VLConfig, Qwen2Tokenizer, Qwen3VLConfig
from transformers.convert_slow_tokenizer import bytes_to_unicode
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import Qwen2_5_VLForConditionalGeneration
from transformers.models.qwen3_vl.modeling_qwen3_vl import Qwen3VLForConditionalGeneration

WORDS = 151_643
ROWS = 151_936
"""Of the embeddings on the hub, more than there are tokens."""
SPECIAL = (
    *("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>"),
    *("<|box_end|>", "<|quad_start|>", "<|quad_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>"),
    *("<|image_pad|>", "<|video_pad|>", "<tool_call>", "</tool_call>", "<|fim_prefix|>", "<|fim_middle|>"),
    *("<|fim_suffix|>", "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>"),
)
CLIP = {"image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711]}
HALF = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}
_NEVER = 1 << 30


def make_model(folder: Path, family: str, tied: bool = True, seed: int = 0) -> Path:
    """A folder as the hub has it of Qwen2.5-VL-3B or Qwen3-VL-4B (`family` as in `config.json`), random and small."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = _MAKERS[family](tied)
    with torch.no_grad():
        model.get_input_embeddings().weight[WORDS + len(SPECIAL) :] = 0.0  # the hub's rows to spare
    model.save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    vision = model.config.vision_config
    preprocessing = {
        "image_processor_type": "Qwen2VLImageProcessorFast",
        "patch_size": vision.patch_size,
        "merge_size": 2,
        "temporal_patch_size": 2,
        "size": {"shortest_edge": 3136, "longest_edge": 12845056},
        **(CLIP if family == "qwen2_5_vl" else HALF),
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(preprocessing))
    return folder


@functools.cache
def tokenizer() -> Qwen2Tokenizer:
    """Qwen's tokenizer: the words of `qwen.tiktoken`, the merges they came from, and the special tokens."""
    place = importlib.util.find_spec("dashscope")
    assert place is not None, "the real vocabulary is in the package dashscope: make setup-dev"
    file = Path(place.submodule_search_locations[0]) / "resources" / "qwen.tiktoken"  # type: ignore[index]
    lines = [line.split() for line in file.read_bytes().splitlines()]
    ranks = {base64.b64decode(word): int(rank) for word, rank in lines}
    letters = bytes_to_unicode()
    written = {word: "".join(letters[byte] for byte in word) for word in ranks}
    merges = [halves for word, rank in ranks.items() if len(word) > 1 for halves in [_halves(word, rank, ranks)]]
    made = Qwen2Tokenizer(
        vocab={written[word]: rank for word, rank in ranks.items()},
        merges=[(written[left], written[right]) for left, right in merges],
        eos_token=None,
        pad_token=None,
        unk_token=None,
    )
    made.add_tokens([AddedToken(word, special=word.startswith("<|"), normalized=False) for word in SPECIAL])
    made.eos_token, made.pad_token = "<|im_end|>", "<|endoftext|>"
    return made


def _halves(word: bytes, rank: int, ranks: dict[bytes, int]) -> list[bytes]:
    """The two words that byte-pair encoding joins last to make this one."""
    parts = [bytes([byte]) for byte in word]
    while len(parts) > 2:
        joined = [ranks.get(left + right, _NEVER) for left, right in itertools.pairwise(parts)]
        joined = [other if other < rank else _NEVER for other in joined]
        best = joined.index(min(joined))
        parts[best : best + 2] = [parts[best] + parts[best + 1]]
    return parts


def _qwen2_5(tied: bool) -> Qwen2_5_VLForConditionalGeneration:
    text = {
        "vocab_size": ROWS,
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 2048,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [2, 3, 3]},
        "tie_word_embeddings": tied,
    }
    vision = {
        "depth": 2,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_heads": 2,
        "out_hidden_size": 64,
        "patch_size": 14,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
        "window_size": 112,
        "fullatt_block_indexes": [1],
    }
    config = Qwen2_5_VLConfig(text_config=text, vision_config=vision, tie_word_embeddings=tied, **_ids())
    return Qwen2_5_VLForConditionalGeneration(config)


def _qwen3(tied: bool) -> Qwen3VLForConditionalGeneration:
    text = {
        "vocab_size": ROWS,
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 1,
        "head_dim": 32,
        "max_position_embeddings": 2048,
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": 5e6,
            "mrope_section": [6, 5, 5],
            "mrope_interleaved": True,
        },
        "tie_word_embeddings": tied,
    }
    vision = {
        "depth": 3,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_heads": 2,
        "out_hidden_size": 64,
        "patch_size": 16,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
        "num_position_embeddings": 2304,
        "deepstack_visual_indexes": [0, 1],
    }
    config = Qwen3VLConfig(text_config=text, vision_config=vision, tie_word_embeddings=tied, **_ids())
    return Qwen3VLForConditionalGeneration(config)


def _ids() -> dict[str, int]:
    numbers = {word: WORDS + index for index, word in enumerate(SPECIAL)}
    return {
        "image_token_id": numbers["<|image_pad|>"],
        "video_token_id": numbers["<|video_pad|>"],
        "vision_start_token_id": numbers["<|vision_start|>"],
        "vision_end_token_id": numbers["<|vision_end|>"],
    }


_MAKERS = {"qwen2_5_vl": _qwen2_5, "qwen3_vl": _qwen3}
