"""The state of an interrupted training of the small policy: weights, heads and AdamW's moments in one safetensors file.

Written whole or not at all, so that a kill at any moment leaves the newest state that was saved.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from refine.errors import RefineError

STATE_FILE = "training.safetensors"


def has_state(folder: Path) -> bool:
    """Whether a training was interrupted there."""
    return (folder / STATE_FILE).is_file()


def save_state(folder: Path, module: nn.Module, optimizer: torch.optim.Optimizer, step: int) -> None:
    """Replace the state in a folder; `step` steps are done."""
    tensors = {f"weight.{name}": value.detach().clone() for name, value in module.state_dict().items()}
    for number, parameter in enumerate(_parameters(optimizer)):
        for name, value in optimizer.state[parameter].items():
            tensors[f"optimizer.{number}.{name}"] = value.detach().clone()
    partial = folder / f".{STATE_FILE}.partial"
    save_file(tensors, partial, metadata={"step": str(step)})
    partial.replace(folder / STATE_FILE)


def load_state(folder: Path, module: nn.Module, optimizer: torch.optim.Optimizer) -> int:
    """Restore both from a folder; returns how many steps were done. Raises `RefineError` where it does not fit."""
    file = folder / STATE_FILE
    try:
        with safe_open(file, "pt") as stored:
            step = int((stored.metadata() or {})["step"])
            tensors: dict[str, Tensor] = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
        weights = {name.removeprefix("weight."): one for name, one in tensors.items() if name.startswith("weight.")}
        module.load_state_dict(weights)
    except (OSError, SafetensorError, RuntimeError, KeyError, ValueError) as error:
        raise RefineError(f"{file} does not fit this training ({error}); delete it to begin anew") from error
    for number, parameter in enumerate(_parameters(optimizer)):
        prefix = f"optimizer.{number}."
        moments = {name.removeprefix(prefix): one for name, one in tensors.items() if name.startswith(prefix)}
        optimizer.state[parameter] = {name: one.to(parameter.device) for name, one in moments.items()}
    return step


def forget_state(folder: Path) -> None:
    """Remove the state of a training that is done."""
    (folder / STATE_FILE).unlink(missing_ok=True)


def _parameters(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]
