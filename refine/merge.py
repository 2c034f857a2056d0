"""A LoRA adapter merged into its policy: a new policy folder that everything else takes like any other."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

from policy.settings import check_folder, read_settings, write_settings
from refine.errors import RefineError

log = logging.getLogger(__name__)


def merge_adapter(policy_folder: Path | str, adapter: Path | str, out_folder: Path | str) -> Path:
    """Write `policy_folder` with `adapter` merged in to `out_folder`, and return it.

    Weights keep the type they have on disk; tokenizer, codebook and settings are copied, and the policy is named after
    the new folder. Raises CheckpointError for an incomplete policy, RefineError when `adapter` is none, does not fit,
    or `out_folder` is in use or cannot be written.
    """
    import torch
    from peft import PeftModel
    from transformers import AutoModelForImageTextToText
    from transformers.utils import logging as transformers_logging

    source, out = check_folder(policy_folder), Path(out_folder)
    if not (Path(adapter) / "adapter_config.json").is_file():
        raise RefineError(f"{adapter} holds no adapter (no adapter_config.json): give the folder that training wrote")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise RefineError(f"{out} is in use: merge into a new folder")
    transformers_logging.disable_progress_bar()
    part = out.with_name(f".{out.name}.partial")
    try:
        shutil.rmtree(part, ignore_errors=True)
        shutil.copytree(source, part, ignore=shutil.ignore_patterns("*.safetensors", "*.safetensors.index.json"))
        with torch.no_grad():
            model = AutoModelForImageTextToText.from_pretrained(str(source), dtype="auto", trust_remote_code=False)
            merged = PeftModel.from_pretrained(model, str(adapter)).merge_and_unload()
        merged.requires_grad_(True)
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
