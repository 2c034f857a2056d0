"""Retrains a policy on preference pairs: DPO with a LoRA adapter, by TRL's DPOTrainer.

The loss is DPO's sigmoid (Rafailov et al., arXiv 2305.18290) with a supervised term on the chosen answer: a high margin
alone proves nothing, the answers themselves have to stay answers. The same code runs on a CPU and on a GPU. The adapter
is merged into a policy folder by `refine.train.merge`.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from policy.vla.adapter import write_base
from policy.vla.checkpoint import checkpoint_sha256, settings_of
from policy.vla.dialects.catalogue import dialect_of
from refine.data.pair_files import CARD_FILE, read_card
from refine.errors import RefineError
from refine.train.lora import LoraSettings, lora_config
from refine.train.merge import load_exact

log = logging.getLogger(__name__)

LOG_FILE = "training.jsonl"
CONFIG_FILE = "dpo.json"
_LOGGED = {
    "loss": "loss",
    "rewards/margins": "margin",
    "rewards/accuracies": "accuracy",
    "rewards/chosen": "reward_chosen",
    "rewards/rejected": "reward_rejected",
    "logps/chosen": "logp_chosen",
    "logps/rejected": "logp_rejected",
    "learning_rate": "learning_rate",
    "grad_norm": "grad_norm",
}
"""The trainer's names of measures and ours."""


class DpoConfig(LoraSettings):
    """How to train. The defaults suit the small policy and about a hundred pairs."""

    steps: int = Field(default=60, ge=0)
    """Optimiser steps; 0 trains for `epochs` instead."""
    epochs: float = Field(default=3.0, gt=0.0)
    """Passes over the pairs, where `steps` is 0."""
    batch: int = Field(default=8, ge=1)
    """Pairs in a step on the device."""
    accumulate: int = Field(default=1, ge=1)
    """Batches in an optimiser step, for models that take only a pair at a time."""
    lr: float = Field(default=2e-4, gt=0.0)
    """Learning rate after a tenth of the steps, falling to zero by a cosine. A large model needs 1e-5 to 1e-4; with
    1e-3 the shipped small policy changes from running red lights to standing at green ones."""
    beta: float = Field(default=0.1, gt=0.0)
    """Weight of the penalty for leaving the old policy (DPO's beta)."""
    loss: tuple[Literal["sigmoid", "hinge", "ipo", "robust", "sft"], ...] = ("sigmoid", "sft")
    weights: tuple[float, ...] = (1.0, 1.0)
    """One for each of `loss`."""
    seed: int = 0
    device: Literal["auto", "cpu", "cuda"] = "auto"
    activation_checkpointing: bool = False
    """Spends time for memory; for billions of parameters."""

    @model_validator(mode="after")
    def _one_weight_for_each_loss(self) -> DpoConfig:
        if not self.loss or len(self.loss) != len(self.weights):
            raise ValueError(f"`weights` needs one number for each of `loss`: {self.loss} and {self.weights}")
        return self


@dataclass(frozen=True)
class DpoStep:
    """One optimiser step's measures; rewards in nats, margin = reward of chosen - reward of rejected."""

    step: int
    steps: int
    """Of the whole training."""
    loss: float
    margin: float
    accuracy: float
    """Share of the batch's pairs whose chosen answer has the higher reward."""
    wall_s: float


@dataclass(frozen=True)
class DpoResult:
    """A finished training."""

    adapter: Path
    """Folder of the LoRA adapter (PEFT's, safetensors)."""
    log: Path
    """JSON lines, one a step."""
    pairs: int
    steps: int
    wall_s: float
    first: DpoStep
    last: DpoStep


def train_dpo(
    pairs_folder: Path | str,
    policy_folder: Path | str,
    out_folder: Path | str,
    config: DpoConfig | None = None,
    on_step: Callable[[DpoStep], None] | None = None,
) -> DpoResult:
    """Train an adapter for `policy_folder` on the pairs and write it to `out_folder`, with its log and settings.

    Raises RefineError when the pairs cannot be read, `out_folder` is in use or the training fails, CheckpointError for
    the policy. The same seed, pairs and policy give the same adapter on the same machine.
    """
    config = config or DpoConfig()
    out = Path(out_folder)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise RefineError(f"{out} is in use: train into a new folder")
    settings = settings_of(policy_folder)
    if dialect_of(settings).shows_videos:
        raise RefineError(
            f"the dialect '{settings.dialect}' shows videos; TRL's preference training takes pictures only"
        )
    pairs = read_pairs(pairs_folder)
    _warn_about_other_policy(Path(pairs_folder), policy_folder)
    started_s = time.monotonic()
    try:
        out.mkdir(parents=True, exist_ok=True)
        with (out / LOG_FILE).open("w", encoding="utf-8") as lines:
            steps = _train(pairs, Path(policy_folder), out, config, _Listener(lines, on_step))
    except OSError as error:
        raise RefineError(f"the adapter cannot be written to {out}: {error}") from error
    result = DpoResult(out, out / LOG_FILE, len(pairs), len(steps), time.monotonic() - started_s, steps[0], steps[-1])
    _write_settings(result, Path(pairs_folder), Path(policy_folder), config)
    return result


def read_pairs(folder: Path | str) -> Any:
    """The data set in a folder of pairs (`datasets.Dataset`). Raises RefineError when there is none."""
    from datasets import load_from_disk

    path = Path(folder)
    try:
        pairs: Any = load_from_disk(str(path))
    except (OSError, ValueError, KeyError) as error:
        raise RefineError(f"{path} is no folder of pairs: {error}; make one with `takeover pairs build`") from error
    missing = {"images", "prompt", "chosen", "rejected"} - set(getattr(pairs, "column_names", ()))
    if missing or not len(pairs):
        raise RefineError(f"{path} holds no preference pairs (missing: {', '.join(sorted(missing)) or 'rows'})")
    return pairs


class _Listener:
    """Writes each step to the log and passes it to the caller's function."""

    def __init__(self, lines: Any, on_step: Callable[[DpoStep], None] | None) -> None:
        self._lines = lines
        self._on_step = on_step
        self._started_s = time.monotonic()
        self.steps: list[DpoStep] = []

    def logged(self, step: int, steps: int, logs: dict[str, Any]) -> None:
        """Take one of the trainer's reports; those without a loss (its last summary) are left out."""
        if "loss" not in logs:
            return
        numbers = {ours: float(logs[theirs]) for theirs, ours in _LOGGED.items() if theirs in logs}
        wall_s = time.monotonic() - self._started_s
        self._lines.write(json.dumps({"step": step, **numbers, "wall_s": round(wall_s, 3)}) + "\n")
        self._lines.flush()
        nan = float("nan")
        one = DpoStep(step, steps, numbers["loss"], numbers.get("margin", nan), numbers.get("accuracy", nan), wall_s)
        self.steps.append(one)
        if self._on_step:
            self._on_step(one)


def _train(pairs: Any, policy_folder: Path, out: Path, config: DpoConfig, listener: _Listener) -> list[DpoStep]:
    import datasets
    import torch
    from transformers import TrainerCallback, set_seed
    from transformers.utils import logging as transformers_logging
    from trl.trainer.dpo_trainer import DPOTrainer

    from policy.vla.model import load_settings, use_linear_patches
    from policy.vla.processor import load_processor

    class Report(TrainerCallback):
        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:  # noqa: ARG002
            listener.logged(state.global_step, state.max_steps, logs or {})

    on_gpu = torch.cuda.is_available() if config.device == "auto" else config.device == "cuda"
    if on_gpu and not torch.cuda.is_available():
        raise RefineError("there is no CUDA device: set `device` to cpu or auto")
    datasets.disable_progress_bars()
    transformers_logging.disable_progress_bar()
    set_seed(config.seed)
    model = load_exact(policy_folder)
    use_linear_patches(model)
    half = on_gpu and model.dtype != torch.float32
    processor = load_processor(policy_folder)
    _, codebook = load_settings(policy_folder)
    trainer = DPOTrainer(
        model=model,
        args=_arguments(config, out, on_gpu, half),
        train_dataset=pairs,
        processing_class=processor,
        peft_config=lora_config(model, processor.tokenizer, len(codebook), config),
        callbacks=[Report()],
    )
    _quieten(trainer)
    trainer.train()
    if not listener.steps:
        raise RefineError("the training made no step: set `steps` or `epochs` higher")
    trained: Any = trainer.model
    trained.save_pretrained(str(out))
    write_base(out, policy_folder)
    return listener.steps


def _arguments(config: DpoConfig, out: Path, on_gpu: bool, half: bool) -> Any:
    from trl.trainer.dpo_config import DPOConfig

    return DPOConfig(
        output_dir=str(out),
        max_steps=config.steps or -1,
        num_train_epochs=config.epochs,
        per_device_train_batch_size=config.batch,
        gradient_accumulation_steps=config.accumulate,
        learning_rate=config.lr,
        lr_scheduler_type="cosine",
        warmup_steps=0.1,
        beta=config.beta,
        loss_type=list(config.loss),
        loss_weights=list(config.weights),
        seed=config.seed,
        data_seed=config.seed,
        max_length=None,  # a cut would drop image tokens
        use_cpu=not on_gpu,
        bf16=half,
        activation_checkpointing=config.activation_checkpointing,
        logging_steps=1,
        logging_nan_inf_filter=False,  # a diverged training must show in the log
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        dataloader_num_workers=0,
        dataloader_pin_memory=on_gpu,
    )


def _quieten(trainer: Any) -> None:
    """The trainer prints every report to standard output; ours go to the log file and to `on_step`."""
    from transformers import PrinterCallback, ProgressCallback

    for callback in (PrinterCallback, ProgressCallback):
        trainer.remove_callback(callback)


def _warn_about_other_policy(pairs_folder: Path, policy_folder: Path | str) -> None:
    if not (pairs_folder / CARD_FILE).exists():
        return
    card = read_card(pairs_folder)
    if card.policy_sha256 != checkpoint_sha256(policy_folder):
        log.warning("the pairs were made for another policy (%s): DPO assumes its own answers", card.policy)


def _write_settings(result: DpoResult, pairs_folder: Path, policy_folder: Path, config: DpoConfig) -> None:
    """What this adapter was trained from, beside it."""
    description = {
        "config": config.model_dump(mode="json"),
        "pairs": result.pairs,
        "pairs_folder": pairs_folder.name,
        "policy": policy_folder.name,
        "policy_sha256": checkpoint_sha256(policy_folder),
        "steps": result.steps,
        "wall_s": round(result.wall_s, 2),
        "first": asdict(result.first),
        "last": asdict(result.last),
    }
    (result.adapter / CONFIG_FILE).write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")
