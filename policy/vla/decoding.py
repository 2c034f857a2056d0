"""Choosing tokens with a model among those that are allowed, and what an answer without reasoning may be.

`policy.vla.writer` writes the answers of every dialect with it, `policy.vla.quick` those of the small policy.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import PreTrainedTokenizerBase

from policy.vla.answer import format_answer
from policy.vla.vocabulary import action_ids
from recorder.schema import Direction, SpeedAction


@dataclass(frozen=True)
class Grammar:
    """What an answer may be, in token ids of one tokenizer."""

    headers: tuple[tuple[int, ...], ...]
    """Every valid pair of lines."""
    action_ids: tuple[int, ...]
    """Token id of each code."""
    horizon: int


@dataclass(frozen=True, slots=True)
class Choice:
    """A token that the model chose, among those that the grammar allowed."""

    token: int
    probability: float
    """Its share among the allowed tokens."""
    entropy_share: float
    """Entropy of the distribution over the allowed tokens as a share of the greatest possible, ln(allowed)."""
    allowed: int
    """How many tokens the grammar allowed."""

    @property
    def log_probability(self) -> float:
        """Natural logarithm of the probability."""
        return math.log(max(self.probability, 1e-38))


@dataclass(frozen=True)
class Decoded:
    """One decoded answer."""

    header_ids: tuple[int, ...]
    actions: tuple[int, ...]
    """Code indices."""
    choices: tuple[Choice, ...]
    """Every token that was chosen, in order: the header's, then the codes'."""


def make_grammar(tokenizer: PreTrainedTokenizerBase, codes: int, horizon: int) -> Grammar:
    """The grammar of answers; every action token must be in the tokenizer."""
    headers = [
        tuple(tokenizer(format_answer(direction, speed, ()), add_special_tokens=False)["input_ids"])
        for direction in Direction
        for speed in SpeedAction
    ]
    return Grammar(tuple(headers), action_ids(tokenizer, codes), horizon)


def entropy_share(weights: torch.Tensor, allowed: int = 0) -> float:
    """Shannon entropy of a distribution over its greatest possible value: 0 for a sure choice, 1 for a uniform one.

    `allowed` is how many of the weights may differ from 0, where not all may.
    """
    allowed = allowed or weights.numel()
    if allowed < 2:
        return 0.0
    entropy = -(weights * torch.log(weights.clamp_min(1e-12))).sum()
    return min(max(float(entropy) / math.log(allowed), 0.0), 1.0)


class Reader:
    """The model with its cache: tokens taken are read only when the next choice needs it."""

    def __init__(self, model: Any, inputs: Mapping[str, torch.Tensor], on_part: Callable[[str], None]) -> None:
        self._on_part = on_part
        self._body = model.model
        self._rows = model.get_output_embeddings().weight
        self._inputs = {name: value for name, value in inputs.items() if name != "attention_mask"}
        self._pending: list[int] = []
        self._cache: Any = None

    def take(self, token: int) -> None:
        """A token that comes next."""
        self._pending.append(token)

    def probabilities(self, candidates: Sequence[int]) -> torch.Tensor:
        """Softmax over the candidates alone, after everything taken so far; to be asked once, before the next token."""
        state = self._state()
        return torch.softmax((self._rows[list(candidates)] @ state).float(), dim=-1)

    def all_probabilities(self, allowed: torch.Tensor) -> torch.Tensor:
        """(rows) softmax over the tokens of a mask, 0 elsewhere, after everything taken so far."""
        scores = (self._rows @ self._state()).float()
        return torch.softmax(scores.masked_fill(~allowed.to(scores.device), -math.inf), dim=-1)

    def _state(self) -> torch.Tensor:
        """(hidden) the normed state after the newest token."""
        fresh = torch.tensor([self._pending], dtype=torch.long, device=self._rows.device)
        self._pending = []
        if self._cache is None:
            output = self._body(**_extended(self._inputs, fresh), use_cache=True)
            self._cache = output.past_key_values
            self._on_part("decode")
        else:
            output = self._body(input_ids=fresh, past_key_values=self._cache, use_cache=True)
        return output.last_hidden_state[0, -1]


def _extended(inputs: Mapping[str, torch.Tensor], fresh: torch.Tensor) -> dict[str, torch.Tensor]:
    """The prompt's inputs with text tokens put behind it."""
    extended = dict(inputs)
    extended["input_ids"] = torch.cat([inputs["input_ids"], fresh], dim=1)
    if "mm_token_type_ids" in inputs:
        types = inputs["mm_token_type_ids"]
        extended["mm_token_type_ids"] = torch.cat([types, torch.zeros_like(fresh, dtype=types.dtype)], dim=1)
    return extended


def choose_index(weights: torch.Tensor, temperature: float, generator: torch.Generator | None) -> int:
    """The likeliest place at temperature 0, else one by chance."""
    if temperature <= 0:
        return int(weights.argmax())
    scaled = torch.softmax(torch.log(weights.cpu() + 1e-12) / temperature, dim=-1)
    return int(torch.multinomial(scaled, 1, generator=generator))
