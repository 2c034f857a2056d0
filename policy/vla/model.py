"""The vision-language-action model: a picture and a short prompt in, a meta-action and a trajectory's tokens out.

Works on the small checkpoint and on any Qwen2.5-VL or Qwen3-VL folder or hub name; a model that was never tuned for
driving gets the action tokens added and reports that it needs fine-tuning first.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModelForImageTextToText, PreTrainedTokenizerBase

from policy.vla.answer import format_answer, parse_answer
from policy.vla.checkpoint import (
    CheckpointError,
    PolicySettings,
    check_folder,
    is_hub_name,
    is_plain_model,
    model_source,
    read_settings,
)
from policy.vla.codebook import Codebook
from policy.vla.decoding import decode_answer, make_grammar
from policy.vla.observation import messages
from policy.vla.processor import load_processor
from policy.vla.tokenizer import add_action_tokens
from recorder.schema import Direction, SpeedAction

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class VlaAnswer:
    """The model's answer to one picture."""

    text: str
    tokens: tuple[int, ...]
    direction: Direction
    speed: SpeedAction
    confidence: float
    """Mean probability of the chosen action tokens, 0..1."""
    entropy: float = 0.0
    """Mean entropy of the action tokens' distributions as a share of the greatest possible, 0..1."""


class Vla:
    """A loaded model, ready to answer. Not thread-safe; one per process."""

    def __init__(self, model: Any, processor: Any, settings: PolicySettings, codebook: Codebook) -> None:
        self.model = model
        self.processor = processor
        self.settings = settings
        self.codebook = codebook
        self._grammar = make_grammar(processor.tokenizer, len(codebook), settings.horizon)

    @classmethod
    def load(cls, folder: str | Path, adapter: str | Path | None = None, device: str = "auto") -> Vla:
        """Load a checkpoint, with a LoRA adapter merged in where one is given; raises `CheckpointError`."""
        settings, codebook = load_settings(folder)
        processor: Any = load_processor(model_source(folder))
        model = load_model(folder, adapter, device)
        prepare_tokens(model, processor.tokenizer, len(codebook))
        return cls(model, processor, settings, codebook)

    def answer(
        self,
        images_rgb: Sequence[NDArray[np.uint8]],
        prompt: str,
        temperature: float | None = None,
        generator: torch.Generator | None = None,
    ) -> VlaAnswer:
        """Answer a prompt with its pictures, (H, W, 3) RGB each, as an `Observation` holds them.

        The temperature is the checkpoint's own unless given; 0 is greedy and repeatable.
        """
        inputs = self.inputs(images_rgb, prompt).to(self.model.device)
        inputs["pixel_values"] = inputs["pixel_values"].to(self.model.dtype)
        if temperature is None:
            temperature = self.settings.generation.temperature
        decoded = decode_answer(self.model, inputs, self._grammar, temperature, generator)
        header = self.processor.tokenizer.decode(decoded.header_ids)
        answer = parse_answer(header, 0)
        return VlaAnswer(
            text=format_answer(answer.direction, answer.speed, decoded.actions),
            tokens=decoded.actions,
            direction=answer.direction,
            speed=answer.speed,
            confidence=sum(decoded.probabilities) / len(decoded.probabilities),
            entropy=sum(decoded.entropies) / len(decoded.entropies),
        )

    def trajectory(self, tokens: tuple[int, ...]) -> NDArray[np.float32]:
        """(T, 3) x, y, yaw in the ego frame at each step."""
        return self.codebook.decode(tokens)

    def inputs(self, images_rgb: Sequence[NDArray[np.uint8]], prompt: str) -> Any:
        """The processed prompt as the model reads it (a batch of one). Raises ValueError for missing pictures."""
        if len(images_rgb) != self.settings.picture_count:
            raise ValueError(
                f"{self.settings.name} is asked with {self.settings.picture_count} pictures, not {len(images_rgb)}"
            )
        chat = messages(prompt, len(images_rgb))
        text = self.processor.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
        return self.processor(text=[text], images=list(images_rgb), return_tensors="pt")


def load_settings(folder: str | Path) -> tuple[PolicySettings, Codebook]:
    """Settings and codebook of a checkpoint; defaults for a hub model or folder that was never tuned for driving."""
    if is_hub_name(folder) or is_plain_model(folder):
        log.warning("%s has no policy.json: not tuned for driving yet, so fine-tune it first (`refine`)", folder)
        return PolicySettings(name=str(folder)), Codebook.town()
    settings = read_settings(check_folder(folder))
    return settings, Codebook.load(Path(folder), settings.codebook)


def load_model(folder: str | Path, adapter: str | Path | None = None, device: str = "auto") -> Any:
    """The model in evaluation mode: float32 on the CPU, bfloat16 on CUDA; raises `CheckpointError`."""
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    dtype = torch.bfloat16 if device.startswith("cuda") else torch.float32
    source = model_source(folder)
    try:
        model: Any = AutoModelForImageTextToText.from_pretrained(source, dtype=dtype, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise CheckpointError(f"no model could be loaded from {source}: {error}") from error
    if adapter is not None:
        model = _with_adapter(model, Path(adapter))
    use_linear_patches(model)
    return model.to(device).eval()


def use_linear_patches(model: Any) -> None:
    """Read patches with a matrix product instead of the equal 3D convolution, which costs eight times as much."""
    for module in model.modules():
        if isinstance(getattr(module, "proj", None), torch.nn.Conv3d) and module.proj.kernel_size == module.proj.stride:
            module.forward = _linear_patch_forward(module.proj)


def _linear_patch_forward(conv: torch.nn.Conv3d) -> Any:
    def forward(patches: torch.Tensor) -> torch.Tensor:
        weight = conv.weight.flatten(1)
        return torch.nn.functional.linear(patches.reshape(-1, weight.shape[1]).to(weight.dtype), weight, conv.bias)

    return forward


def prepare_tokens(model: Any, tokenizer: PreTrainedTokenizerBase, codes: int) -> int:
    """Add missing action tokens to tokenizer and model; returns how many. A new token is untrained."""
    added = add_action_tokens(tokenizer, codes)
    if added:
        log.warning("%d action tokens were added: this model cannot drive before it is fine-tuned", added)
    if len(tokenizer) > model.get_input_embeddings().weight.shape[0]:
        model.resize_token_embeddings(len(tokenizer))
    return added


def _with_adapter(model: Any, adapter: Path) -> Any:
    from peft import PeftModel  # only where an adapter is used: it takes a second to import

    if not (adapter / "adapter_config.json").is_file():
        raise CheckpointError(f"adapter folder {adapter} has no adapter_config.json; give the folder refine wrote")
    merged = PeftModel.from_pretrained(model, str(adapter)).merge_and_unload()
    return merged.requires_grad_(True)
