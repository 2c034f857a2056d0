"""The vision-language-action model: a picture and a short prompt in, a meta-action and a trajectory's tokens out.

Works on the small checkpoint and on every folder that `policy.making.initialise` made of a Qwen2.5-VL or Qwen3-VL.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModelForImageTextToText

from policy.vla.adapter import with_adapter
from policy.vla.answer import parse_answer
from policy.vla.checkpoint import CheckpointError, PolicySettings, settings_of
from policy.vla.codebook import Codebook
from policy.vla.decoding import Choice, Decoded, make_grammar
from policy.vla.dialects.catalogue import dialect_of
from policy.vla.dialects.dialect import Held, Situation, Spoken
from policy.vla.dialects.needs import DialectName
from policy.vla.processor import load_processor
from policy.vla.quick import Question, QuickReader, why_not
from policy.vla.writer import Words, Writer
from recorder.schema import Direction, SpeedAction


@dataclass(frozen=True, slots=True)
class VlaAnswer:
    """The model's answer to one picture."""

    text: str
    tokens: tuple[int, ...]
    direction: Direction | None
    speed: SpeedAction | None
    confidence: float
    """Mean probability of the chosen action tokens, 0..1; of the keys in a dialect without tokens."""
    entropy: float = 0.0
    """Mean entropy of their distributions as a share of the greatest possible, 0..1."""
    reasoning: str = ""
    """What it wrote before it decided."""
    choices: tuple[Choice, ...] = ()
    """Every token that it chose, in order; those that the grammar forced are no choice."""

    @property
    def spoken(self) -> Spoken:
        """The content, whatever the words."""
        return Spoken(self.direction, self.speed, self.tokens, self.reasoning)


class Vla:
    """A loaded model, ready to answer. Not thread-safe; one per process."""

    def __init__(self, model: Any, processor: Any, settings: PolicySettings, codebook: Codebook) -> None:
        self.model = model
        self.processor = processor
        self.settings = settings
        self.codebook = codebook
        self._grammar = make_grammar(processor.tokenizer, len(codebook), settings.horizon)
        self._quick: QuickReader | None = None
        self.dialect = dialect_of(settings)
        self._words = Words(processor.tokenizer, len(codebook), model.get_output_embeddings().weight.shape[0])

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
        from the first answer on. Raises ValueError for missing pictures.
        """
        if not questions:
            return []
        for question in questions:
            self._check(question.images_rgb)
        if temperature is None:
            temperature = self.settings.generation.temperature
        if not self.why_not_together:
            if self._quick is None:
                self._quick = QuickReader(self.model, self.processor, self.settings, self._grammar)
            return [self._decoded(one) for one in self._quick.answers(questions, temperature, generator, on_part)]
        return [self.written(one, temperature, generator, on_part) for one in questions]

    @property
    def why_not_together(self) -> str:
        """Why this model answers one question after the other; empty where it answers several at once."""
        if self.settings.dialect is not DialectName.TAKEOVER or self.settings.reasoning_tokens:
            return "its answers have no fixed length, or other questions than ours"
        return why_not(self.model, self.settings, self._grammar)

    def written(
        self,
        question: Question,
        temperature: float = 0.0,
        generator: torch.Generator | None = None,
        on_part: Callable[[str], None] = lambda _: None,
    ) -> VlaAnswer:
        """One answer, in any dialect and of any model, by the general library. Raises as `answers`."""
        on_part("prefill")
        inputs = self.inputs(question.images_rgb, question.prompt).to(self.model.device)
        for name in {"pixel_values", "pixel_values_videos"} & set(inputs):
            inputs[name] = inputs[name].to(self.model.dtype)
        writer = Writer(self.model, inputs, self._words, temperature, generator, on_part)
        with torch.inference_mode():
            spoken = self.dialect.write(writer)
        return self._answer(spoken, writer.choices, len(spoken.tokens) or writer.last_choices)

    def _decoded(self, decoded: Decoded) -> VlaAnswer:
        header = self.processor.tokenizer.decode(decoded.header_ids)
        answer = parse_answer(header, 0)
        return self._answer(
            Spoken(answer.direction, answer.speed, decoded.actions), decoded.choices, len(decoded.actions)
        )

    def _answer(self, spoken: Spoken, choices: Sequence[Choice], counted: int) -> VlaAnswer:
        """`counted` is how many of the last choices say how sure it is."""
        last = choices[-counted:]
        confidence = sum(one.probability for one in last) / len(last)
        return VlaAnswer(
            text=self.dialect.format(spoken),
            tokens=spoken.tokens,
            direction=spoken.direction,
            speed=spoken.speed,
            confidence=confidence,
            entropy=sum(one.entropy_share for one in last) / len(last),
            reasoning=spoken.reasoning,
            choices=tuple(choices),
        )

    def held(self, held: Held) -> VlaAnswer:
        """An earlier answer that still holds."""
        said = self.dialect.parse(held.text)
        return VlaAnswer(
            held.text, said.tokens, said.direction, said.speed, held.confidence, held.entropy, said.reasoning
        )

    def trajectory(self, tokens: tuple[int, ...]) -> NDArray[np.float32]:
        """(T, 3) x, y, yaw in the ego frame at each step."""
        return self.codebook.decode(tokens)

    def path(self, answer: VlaAnswer, situation: Situation, decided: Situation | None = None) -> NDArray[np.float32]:
        """(T, 3) where an answer drives in a situation, which was given to it now or in the situation `decided`."""
        return self.dialect.path(answer.spoken, self.codebook, situation, decided)

    def inputs(self, images_rgb: Sequence[NDArray[np.uint8]], prompt: str) -> Any:
        """The processed prompt as the model reads it (a batch of one). Raises ValueError for missing pictures."""
        self._check(images_rgb)
        return self.dialect.inputs(self.processor, images_rgb, prompt)

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
