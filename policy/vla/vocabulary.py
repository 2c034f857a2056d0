"""Whether a policy's folder knows its action tokens, read from its files alone, without loading model or tokenizer.

A tokenizer without them reads `<act_12>` as seven letters, and training on that teaches spelling. Every command asks
here (by `policy.vla.checkpoint.check_folder`) before it begins.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from policy.vla.answer import action_token

TOKENIZER_FILE = "tokenizer.json"
_EMBEDDING = "embed_tokens.weight"
_LENGTH_BYTES = 8
"""A safetensors file begins with the length of its JSON header."""
_MAX_HEADER_BYTES = 100_000_000
"""The format's own bound."""


def vocabulary_problem(folder: Path, codes: int) -> str:
    """What is wrong with the action tokens `<act_0>` to `<act_{codes - 1}>` of this folder; empty when all is well.

    Raises OSError, ValueError, KeyError or TypeError for files that are damaged.
    """
    ids = _token_ids(folder / TOKENIZER_FILE)
    rows = _embedding_rows(folder)
    missing = [index for index in range(codes) if action_token(index) not in ids]
    if missing:
        first = action_token(missing[0])
        return f"{len(missing)} of {codes} action tokens are not in its tokenizer (the first is {first})"
    largest = max(ids[action_token(index)] for index in range(codes))
    if rows is not None and largest >= rows:
        return f"its tokenizer has a token of number {largest}, its weights have {rows} rows"
    return ""


def action_ids(tokenizer: Any, codes: int) -> tuple[int, ...]:
    """The number of each action token; KeyError where one is missing."""
    known = tokenizer.get_vocab()
    return tuple(known[action_token(index)] for index in range(codes))


def _token_ids(file: Path) -> dict[str, int]:
    """Every token of a `tokenizer.json` that is one token whatever stands around it."""
    added = json.loads(file.read_bytes())["added_tokens"]
    return {token["content"]: int(token["id"]) for token in added}


def _embedding_rows(folder: Path) -> int | None:
    """Rows of the input embedding, from the headers of the weights; None when no file names it."""
    for file in sorted(folder.glob("*.safetensors")):
        with file.open("rb") as stream:
            length = int.from_bytes(stream.read(_LENGTH_BYTES), "little")
            if length > _MAX_HEADER_BYTES:
                raise ValueError(f"{file.name} is not a safetensors file")
            header = json.loads(stream.read(length))
        for name, tensor in header.items():
            if name.endswith(_EMBEDDING):
                return int(tensor["shape"][0])
    return None
