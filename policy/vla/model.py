"""The vision-language-action model: a picture and a short prompt in, a meta-action and a trajectory's tokens out.

Works on the small checkpoint and on every folder that `policy.making.initialise` made of a Qwen2.5-VL or Qwen3-VL.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModelForImageTextToText

from policy.vla.adapter import with_adapter
from policy.vla.answer import format_answer, parse_answer
from policy.vla.checkpoint import CheckpointError, PolicySettings, settings_of
from policy.vla.codebook import Codebook
from policy.vla.decoding import Decoded, decode_answer, make_grammar
from policy.vla.observation import messages
from policy.vla.processor import load_processor
from policy.vla.quick import Question, QuickReader, why_not
from recorder.schema import Direction, SpeedAction


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


class AnswerError(ValueError):
    """The model gave no answer that could be driven."""


class Vla:
    """A loaded model, ready to answer. Not thread-safe; one per process."""

    def __init__(self, model: Any, processor: Any, settings: PolicySettings, codebook: Codebook) -> None:
        self.model = model
        self.processor = processor
        self.settings = settings
        self.codebook = codebook
        self._grammar = make_grammar(processor.tokenizer, len(codebook), settings.horizon)
        self._quick: QuickReader | None = None

    @classmethod
    def load(cls, folder: str | Path, adapter: str | Path | None = None, device: str = "auto") -> Vla:
        """Load a checkpoint, with a LoRA adapter merged in where one is given; raises `CheckpointError`."""
        settings, codebook = load_settings(folder)
        return cls(load_model(folder, adapter, device), load_processor(folder), settings, codebook)

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
        return self.answers([Question(images_rgb, prompt)], temperature, generator)[0]

    def answers(
        self,
        questions: Sequence[Question],
        temperature: float | None = None,
        generator: torch.Generator | None = None,
        on_part: Callable[[str], None] = lambda _: None,
    ) -> list[VlaAnswer]:
        """The answers to several questions, decoded together where `why_not_together` gives no reason against it.

        `on_part` is told when "vision", "prefill" and "decode" begin, for measuring. The weights must stay as they are
        from the first answer on. Raises ValueError for missing pictures, AnswerError for weights that are no numbers.
        """
        for question in questions:
            self._check(question.images_rgb)
        if temperature is None:
            temperature = self.settings.generation.temperature
        if not self.why_not_together:
            if self._quick is None:
                self._quick = QuickReader(self.model, self.processor, self.settings, self._grammar)
            return [self._answer(one) for one in self._quick.answers(questions, temperature, generator, on_part)]
        return [self._answer(self._decoded(one, temperature, generator, on_part)) for one in questions]

    @property
    def why_not_together(self) -> str:
        """Why this model answers one question after the other; empty where it answers several at once."""
        return why_not(self.model, self.settings, self._grammar)

    def _decoded(
        self,
        question: Question,
        temperature: float,
        generator: torch.Generator | None,
        on_part: Callable[[str], None],
    ) -> Decoded:
        on_part("prefill")
        inputs = self.inputs(question.images_rgb, question.prompt).to(self.model.device)
        inputs["pixel_values"] = inputs["pixel_values"].to(self.model.dtype)
        return decode_answer(self.model, inputs, self._grammar, temperature, generator, on_part)

    def _answer(self, decoded: Decoded) -> VlaAnswer:
        confidence = sum(decoded.probabilities) / len(decoded.probabilities)
        if not math.isfinite(confidence):
            raise AnswerError("the model's answer is not a number: its weights are broken, or its pictures are")
        header = self.processor.tokenizer.decode(decoded.header_ids)
        answer = parse_answer(header, 0)
        return VlaAnswer(
            text=format_answer(answer.direction, answer.speed, decoded.actions),
            tokens=decoded.actions,
            direction=answer.direction,
            speed=answer.speed,
            confidence=confidence,
            entropy=sum(decoded.entropies) / len(decoded.entropies),
        )

    def trajectory(self, tokens: tuple[int, ...]) -> NDArray[np.float32]:
        """(T, 3) x, y, yaw in the ego frame at each step."""
        return self.codebook.decode(tokens)

    def inputs(self, images_rgb: Sequence[NDArray[np.uint8]], prompt: str) -> Any:
        """The processed prompt as the model reads it (a batch of one). Raises ValueError for missing pictures."""
        self._check(images_rgb)
        chat = messages(prompt, len(images_rgb))
        text = self.processor.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
        return self.processor(text=[text], images=list(images_rgb), return_tensors="pt")

    def _check(self, images_rgb: Sequence[NDArray[np.uint8]]) -> None:
        if len(images_rgb) != self.settings.picture_count:
            raise ValueError(
                f"{self.settings.name} is asked with {self.settings.picture_count} pictures, not {len(images_rgb)}"
            )


def load_settings(folder: str | Path) -> tuple[PolicySettings, Codebook]:
    """Settings and codebook of a policy's folder; raises `CheckpointError` when it holds no whole policy."""
    settings = settings_of(folder)
    return settings, Codebook.load(Path(folder), settings.codebook)


def load_model(folder: str | Path, adapter: str | Path | None = None, device: str = "auto") -> Any:
    """The model in evaluation mode: float32 on the CPU, bfloat16 on CUDA; raises `CheckpointError`."""
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    dtype = torch.bfloat16 if device.startswith("cuda") else torch.float32
    try:
        model: Any = AutoModelForImageTextToText.from_pretrained(str(folder), dtype=dtype, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise CheckpointError(f"no model could be loaded from {folder}: {error}") from error
    if adapter is not None:
        model = with_adapter(model, adapter, folder)
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
