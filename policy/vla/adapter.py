"""LoRA adapters: which policy one was trained on top of, and merging it in.

An adapter is a difference to certain weights. On top of others it fits by its shapes all the same and drives like
nothing that was ever trained, so its folder keeps the hash of its base (`base.json`), and another base is refused.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

from policy.vla.checkpoint import CheckpointError, base_sha256, read_settings

log = logging.getLogger(__name__)

BASE_FILE = "base.json"
ADAPTER_FILE = "adapter_config.json"


def write_base(adapter: str | Path, policy: str | Path) -> None:
    """Note in the adapter's folder which policy it was trained on top of."""
    base = {"policy": read_settings(Path(policy)).name, "sha256": base_sha256(policy)}
    (Path(adapter) / BASE_FILE).write_text(json.dumps(base, indent=2) + "\n", encoding="utf-8")


def check_adapter(adapter: str | Path, policy: str | Path) -> Path:
    """The adapter's folder, if it was trained on top of this policy; raises `CheckpointError` if on another.

    One that does not say (other programs' do not) is taken with a warning.
    """
    adapter = Path(adapter)
    if not (adapter / ADAPTER_FILE).is_file():
        raise CheckpointError(f"{adapter} holds no adapter (no {ADAPTER_FILE}): give the folder that training wrote")
    file = adapter / BASE_FILE
    if not file.is_file():
        log.warning("adapter %s does not say which policy it was trained on (no %s)", adapter, BASE_FILE)
        return adapter
    try:
        base = json.loads(file.read_text(encoding="utf-8"))
        name, sha256 = base["policy"], base["sha256"]
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{file} cannot be read: {error}") from error
    if sha256 != base_sha256(policy):
        raise CheckpointError(
            f"adapter {adapter} was trained on top of another policy ('{name}', {sha256[:12]}): {policy} has other "
            "weights, tokens or codes; give the policy it was trained for"
        )
    return adapter


def with_adapter(model: Any, adapter: str | Path, policy: str | Path) -> Any:
    """`model`, loaded from the folder `policy`, with the adapter merged in; raises `CheckpointError`."""
    from peft import PeftModel  # only where an adapter is used: it takes a second to import

    folder = check_adapter(adapter, policy)
    try:
        merged: Any = PeftModel.from_pretrained(model, str(folder)).merge_and_unload()
    except (OSError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"adapter {folder} does not fit {policy}: {error}") from error
    return merged.requires_grad_(True)
