"""Reading an answer out of the model, held to the answer's grammar.

Every decoded answer parses: the two lines can only be one of the valid headers, and exactly `horizon` tokens of the
action vocabulary follow. Words that the grammar forces are not sampled but read together with the next choice, so an
answer costs one pass over picture and prompt and one small pass per real choice.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import PreTrainedTokenizerBase

from policy.vla.answer import action_token, format_answer
from recorder.schema import Direction, SpeedAction


@dataclass(frozen=True)
class Grammar:
    """What an answer may be, in token ids of one tokenizer."""

    headers: tuple[tuple[int, ...], ...]
    """Every valid pair of lines."""
    action_ids: tuple[int, ...]
    """Token id of each code."""
    horizon: int


@dataclass(frozen=True)
class Decoded:
    """One decoded answer."""

    header_ids: tuple[int, ...]
    actions: tuple[int, ...]
    """Code indices."""
    probabilities: tuple[float, ...]
    """Probability of each chosen code among all codes."""
    entropies: tuple[float, ...] = ()
    """Entropy of each choice among the codes, as a share of the greatest possible, ln(codes)."""


def make_grammar(tokenizer: PreTrainedTokenizerBase, codes: int, horizon: int) -> Grammar:
    """The grammar of answers; every action token must be in the tokenizer."""
    headers = [
        tuple(tokenizer(format_answer(direction, speed, ()), add_special_tokens=False)["input_ids"])
        for direction in Direction
        for speed in SpeedAction
    ]
    vocabulary = tokenizer.get_vocab()
    return Grammar(tuple(headers), tuple(vocabulary[action_token(index)] for index in range(codes)), horizon)


@torch.inference_mode()
def decode_answer(
    model: Any,
    inputs: Mapping[str, torch.Tensor],
    grammar: Grammar,
    temperature: float = 0.0,
    generator: torch.Generator | None = None,
    on_part: Callable[[str], None] = lambda _: None,
) -> Decoded:
    """Decode one answer to a processed prompt (batch of one). Temperature 0 is greedy; above, it samples.

    `on_part` is told when "decode" begins: after the prompt was read, pictures and all.
    """
    reader = _Reader(model, inputs, on_part)
    header = _choose_header(reader, grammar.headers, temperature, generator)
    actions, probabilities, entropies = [], [], []
    for _ in range(grammar.horizon):
        weights = reader.probabilities(grammar.action_ids)
        index = _choose(weights, temperature, generator)
        reader.take(grammar.action_ids[index])
        actions.append(index)
        probabilities.append(float(weights[index]))
        entropies.append(entropy_share(weights))
    return Decoded(header, tuple(actions), tuple(probabilities), tuple(entropies))


def entropy_share(weights: torch.Tensor) -> float:
    """Shannon entropy of a distribution over its greatest possible value: 0 for a sure choice, 1 for a uniform one."""
    if weights.numel() < 2:
        return 0.0
    entropy = -(weights * torch.log(weights.clamp_min(1e-12))).sum()
    return min(max(float(entropy) / math.log(weights.numel()), 0.0), 1.0)


class _Reader:
    """The model with its cache: tokens taken are read only when the next choice needs it."""

    def __init__(self, model: Any, inputs: Mapping[str, torch.Tensor], on_part: Callable[[str], None]) -> None:
        self._on_part = on_part
        self._body = model.model
        self._rows = model.get_output_embeddings().weight
        self._inputs = {name: value for name, value in inputs.items() if name != "attention_mask"}
        self._pending: list[int] = []
        self._cache: Any = None

    def take(self, token: int) -> None:
        self._pending.append(token)

    def probabilities(self, candidates: Sequence[int]) -> torch.Tensor:
        """Softmax over the candidates alone, after everything taken so far."""
        fresh = torch.tensor([self._pending], dtype=torch.long, device=self._rows.device)
        self._pending = []
        if self._cache is None:
            output = self._body(**_extended(self._inputs, fresh), use_cache=True)
            self._cache = output.past_key_values
            self._on_part("decode")
        else:
            output = self._body(input_ids=fresh, past_key_values=self._cache, use_cache=True)
        rows = self._rows[list(candidates)]
        return torch.softmax((rows @ output.last_hidden_state[0, -1]).float(), dim=-1)


def _extended(inputs: Mapping[str, torch.Tensor], fresh: torch.Tensor) -> dict[str, torch.Tensor]:
    """The prompt's inputs with text tokens put behind it."""
    extended = dict(inputs)
    extended["input_ids"] = torch.cat([inputs["input_ids"], fresh], dim=1)
    if "mm_token_type_ids" in inputs:
        types = inputs["mm_token_type_ids"]
        extended["mm_token_type_ids"] = torch.cat([types, torch.zeros_like(fresh, dtype=types.dtype)], dim=1)
    return extended


def _choose_header(
    reader: _Reader, headers: Sequence[tuple[int, ...]], temperature: float, generator: torch.Generator | None
) -> tuple[int, ...]:
    """Walk down the tree of valid headers; only where it branches is the model asked."""
    position = 0
    while len(headers) > 1 or position < len(headers[0]):
        branches = sorted({header[position] for header in headers})
        token = branches[0]
        if len(branches) > 1:
            token = branches[_choose(reader.probabilities(branches), temperature, generator)]
        reader.take(token)
        headers = [header for header in headers if header[position] == token]
        position += 1
    return headers[0]


def _choose(weights: torch.Tensor, temperature: float, generator: torch.Generator | None) -> int:
    if temperature <= 0:
        return int(weights.argmax())
    scaled = torch.softmax(torch.log(weights.cpu() + 1e-12) / temperature, dim=-1)
    return int(torch.multinomial(scaled, 1, generator=generator))
