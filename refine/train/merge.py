"""A LoRA adapter merged into its policy: a new policy folder that everything else takes like any other.

Small models are trained and merged in float32, whatever type their weights have on disk: a few dozen steps change a
weight by less than bfloat16 resolves.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from policy.vla.adapter import check_adapter, with_adapter
from policy.vla.checkpoint import check_folder, read_settings, write_settings
from refine.errors import RefineError

SMALL_PARAMETERS = 500_000_000
"""Up to this size float32 costs little; larger models keep the type they have on disk."""


def merge_adapter(policy_folder: Path | str, adapter: Path | str, out_folder: Path | str) -> Path:
    """Write `policy_folder` with `adapter` merged in to `out_folder`, and return it.

    Tokenizer, codebook and settings are copied, and the policy is named after the new folder. Raises CheckpointError
    for an incomplete policy and when `adapter` is none or was trained on top of another policy, RefineError when
    `out_folder` is in use or cannot be written.
    """
    import torch
    from transformers.utils import logging as transformers_logging

    source, out = check_folder(policy_folder), Path(out_folder)
    check_adapter(adapter, source)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise RefineError(f"{out} is in use: merge into a new folder")
    transformers_logging.disable_progress_bar()
    part = out.with_name(f".{out.name}.partial")
    try:
        shutil.rmtree(part, ignore_errors=True)
        shutil.copytree(source, part, ignore=shutil.ignore_patterns("*.safetensors", "*.safetensors.index.json"))
        with torch.no_grad():
            merged = with_adapter(load_exact(source), adapter, source)
        merged.save_pretrained(part)
        write_settings(part, read_settings(source).model_copy(update={"name": out.name}))
        if out.exists():
            out.rmdir()
        part.rename(out)
    except (OSError, ValueError, RuntimeError) as error:
        raise RefineError(f"{adapter} cannot be merged into {source}: {error}") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return out


def load_exact(folder: Path) -> Any:
    """The model of a policy folder, in float32 when it is small, else in its type on disk (OSError, ValueError)."""
    import torch
    from transformers import AutoModelForImageTextToText

    model: Any = AutoModelForImageTextToText.from_pretrained(str(folder), dtype="auto", trust_remote_code=False)
    return model.to(torch.float32) if model.num_parameters() <= SMALL_PARAMETERS else model
