"""Writing an answer with a model, one allowed piece after the other, with the probability of everything that it chose.

What the grammar forces is not sampled but read together with the next choice. Free text is bounded in tokens and ends
with a marker; it can hold neither action tokens nor the vocabulary's special ones.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from transformers import PreTrainedTokenizerBase

from policy.vla.decoding import Choice, Reader, choose_index, entropy_share
from policy.vla.vocabulary import action_ids

_MOST_KNOWN = 4096


class Words:
    """A model's vocabulary as its answers need it; made once for all answers."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, codes: int, rows: int) -> None:
        """Raises KeyError where one of `codes` action tokens is missing. `rows` are those of the model's output."""
        self.action_ids = action_ids(tokenizer, codes)
        self._tokenizer = tokenizer
        self._rows = rows
        self._known: dict[str, tuple[int, ...]] = {}

    @functools.cached_property
    def ordinary(self) -> torch.Tensor:
        """(rows,) bool: what free text may hold: no added token (special words, actions) and no row to spare."""
        allowed = torch.zeros(self._rows, dtype=torch.bool)
        allowed[: len(self._tokenizer)] = True
        added: Any = self._tokenizer.added_tokens_decoder  # type: ignore[attr-defined]
        allowed[[token for token in added if token < self._rows]] = False
        return allowed

    def ids(self, text: str) -> tuple[int, ...]:
        """The tokens of a text."""
        if text not in self._known:
            if len(self._known) > _MOST_KNOWN:
                self._known.clear()
            self._known[text] = tuple(self._tokenizer(text, add_special_tokens=False)["input_ids"])  # type: ignore
        return self._known[text]

    def text(self, ids: Sequence[int]) -> str:
        """The text of tokens."""
        return str(self._tokenizer.decode(list(ids), clean_up_tokenization_spaces=False))


class Writer:
    """One answer being written."""

    def __init__(
        self,
        model: Any,
        inputs: Mapping[str, torch.Tensor],
        words: Words,
        temperature: float = 0.0,
        generator: torch.Generator | None = None,
        on_part: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`inputs` is the processed question (a batch of one). Temperature 0 takes the likeliest; above 0 samples."""
        self.choices: list[Choice] = []
        self.last_choices = 0
        """How many of them the newest `one_of` made."""
        self._reader = Reader(model, inputs, on_part)
        self._words = words
        self._temperature, self._generator = temperature, generator

    def forced(self, text: str) -> None:
        """Words that come here whatever the model thinks."""
        for token in self._words.ids(text):
            self._reader.take(token)

    def one_of(self, texts: Sequence[str]) -> str:
        """One of several texts; the model is asked only where they part."""
        ways = {text: self._words.ids(text) for text in texts}
        place, before = 0, len(self.choices)
        while len(ways) > 1 or place < len(next(iter(ways.values()))):
            branches = sorted({ids[place] for ids in ways.values()})
            token = branches[0]
            if len(branches) > 1:
                token = branches[self._choose(self._reader.probabilities(branches), branches)]
            self._reader.take(token)
            ways = {text: ids for text, ids in ways.items() if ids[place] == token}
            place += 1
        self.last_choices = len(self.choices) - before
        return next(iter(ways))

    def free(self, most: int, end: str, opening: str = "") -> str:
        """Text of at most `most` tokens and then `end`, written by the model or forced; returns what stands before it.

        `opening` precedes `end` where the model did not write it.
        """
        allowed, count = self._words.ordinary, int(self._words.ordinary.sum())
        written: list[int] = []
        text = ""
        for _ in range(most):
            weights = self._reader.all_probabilities(allowed)
            token = self._choose(weights, range(len(weights)), count)
            longer = self._words.text([*written, token])
            if end in longer:
                place = longer.index(end)
                self.forced(longer[len(text) : place] + end)
                return longer[:place]
            written.append(token)
            self._reader.take(token)
            text = longer
        self.forced(opening + end)
        return text

    def actions(self, count: int) -> tuple[int, ...]:
        """So many codes."""
        codes = []
        for _ in range(count):
            ids = self._words.action_ids
            index = self._choose(self._reader.probabilities(ids), ids)
            self._reader.take(ids[index])
            codes.append(index)
        return tuple(codes)

    def _choose(self, weights: torch.Tensor, tokens: Sequence[int], allowed: int = 0) -> int:
        index = choose_index(weights, self._temperature, self._generator)
        count = allowed or len(tokens)
        share = entropy_share(weights, count)
        self.choices.append(Choice(int(tokens[index]), float(weights[index]), share, count))
        return index
