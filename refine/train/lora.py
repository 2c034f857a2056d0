"""What of a policy an adapter trains: LoRA on its linear layers, and the whole vocabulary where action tokens are new.

One set of targets fits Qwen2.5-VL and Qwen3-VL. The layers that carry Qwen3-VL's early picture features into the text
(`deepstack_merger_list`) are no target: they stay as they were trained.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from policy.vla.answer import action_token

LANGUAGE_MODEL = r".*language_model\.layers\..*(q|k|v|o|gate|up|down)_proj"
"""LoRA on every linear layer of the language model; plain names would hit the vision tower's MLPs too."""
EVERY_LAYER = (
    r".*(language_model\.layers\..*(q|k|v|o|gate|up|down)_proj"
    r"|visual\.blocks\..*(qkv|attn\.proj|gate_proj|up_proj|down_proj|linear_fc1|linear_fc2)"
    r"|visual\.merger\.(mlp\.[02]|linear_fc1|linear_fc2))"
)
"""LoRA on the vision tower as well: what the policy overlooked it must learn to see. With the language model alone a
small policy learns to brake everywhere instead."""
INPUT_END, OUTPUT_END = "embed_tokens", "lm_head"
"""The two matrices with a row for each token."""


class LoraSettings(BaseModel):
    """How large an adapter is and where it sits."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rank: int = Field(default=16, ge=1)
    """Of the LoRA matrices."""
    alpha: int = Field(default=32, ge=1)
    dropout: float = Field(default=0.0, ge=0.0, lt=1.0)
    targets: str = EVERY_LAYER
    """Regular expression over module names."""
    vocabulary: bool = False
    """Train the rows of all tokens as well. Where the action tokens were never trained, they are in any case."""


def lora_config(model: Any, tokenizer: Any, codes: int, settings: LoraSettings) -> Any:
    """PEFT's configuration of an adapter on `model`, a policy with `codes` action tokens (`peft.LoraConfig`).

    Where the vocabulary is trained, both its ends are trained whole and saved with the adapter: one matrix where the
    model ties them, else two.
    """
    from peft import LoraConfig

    whole = settings.vocabulary or has_new_rows(model, tokenizer, codes)
    tied = bool(model.config.tie_word_embeddings)
    ends = [INPUT_END] if tied else [INPUT_END, OUTPUT_END]
    return LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=settings.targets,
        modules_to_save=ends if whole else None,
        ensure_weight_tying=whole and tied,
        task_type="CAUSAL_LM",
    )


def has_new_rows(model: Any, tokenizer: Any, codes: int) -> bool:
    """Whether the action tokens were never trained: the rows of all codes are one and the same."""
    if codes < 2:
        return False
    ids = tokenizer.convert_tokens_to_ids([action_token(index) for index in range(codes)])
    ends = (model.get_input_embeddings(), model.get_output_embeddings())
    return any(bool((end.weight[ids] == end.weight[ids[0]]).all()) for end in ends)
