"""Teaching the small VLA to drive: supervised training on the expert's trajectories, on CPU or GPU.

A plain torch loop with teacher forcing over `refine.data.samples`. What makes it work in minutes on a CPU: only the
answer's tokens are scored, neighbouring action codes share the target (a code 5 cm off is nearly right, and the loss
says so), pictures vary in light, and the forward pass is a compiled one (`refine.train.small_forward`). It stops
after a number of steps or of minutes, whichever comes first; the newest checkpoint on disk is always whole.
"""

from __future__ import annotations

import logging
import math
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from policy.vla.answer import action_token
from policy.vla.checkpoint import PolicySettings
from policy.vla.codebook import Codebook, segments_from_trajectories
from policy.vla.model import Vla
from policy.vla.small import SmallConfig, make_checkpoint
from refine.data.samples import LIGHTS, Samples, read_samples
from refine.errors import RefineError
from refine.train.lesson import Lesson, held_out_rows, make_lesson, repeats
from refine.train.small_forward import SmallForward
from refine.train.small_losses import lamp_loss, soft_targets
from refine.train.small_validation import DIRECTION_AT, SPEED_AT, Validation, evaluate

log = logging.getLogger(__name__)


class SmallTrainingConfig(BaseModel):
    """How the small policy is trained."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = "small"
    start_from: Path | None = None
    """Checkpoint to go on from (its codebook and camera stay); None begins with random weights."""
    steps: int = Field(default=9000, ge=1)
    minutes: float | None = Field(default=None, gt=0)
    """Wall time after which training ends; the learning rate falls to zero at whichever limit comes first."""
    batch: int = Field(default=32, ge=1)
    learning_rate: float = Field(default=1e-3, gt=0)
    warmup_steps: int = Field(default=100, ge=0)
    weight_decay: float = Field(default=0.05, ge=0)
    gradient_norm: float = Field(default=1.0, gt=0)
    codes: int = Field(default=320, ge=2)
    """Size of the action codebook when it is made from the data."""
    soft_m: float = Field(default=0.08, ge=0)
    """Width of the target over neighbouring codes, in the codebook's metres, at the start: what is nearly right counts.
    0 scores the one code alone."""
    soft_end_m: float = Field(default=0.03, ge=0)
    """The same from the middle of training on: a car that creeps over a stop line is only a few centimetres off."""
    header_weight: float = Field(default=0.5, ge=0)
    """Weight of the two words of the meta-action, where an action token has 1."""
    light_weight: float = Field(default=0.3, ge=0)
    """Weight of predicting the next traffic light's colour from the state before the speed word. The answer holds no
    such word; the extra target makes the model look at the lamps; a plan's few centimetres are a weak signal."""
    lamp_weight: float = Field(default=1.0, ge=0)
    """Weight of predicting each image token's lit lamp where samples know it: a lamp is a few pixels of a picture,
    and is found much sooner when it is labelled."""
    filler_weight: float = Field(default=0.05, ge=0)
    """Weight of the tokens that are always the same."""
    light_change: float = Field(default=0.15, ge=0)
    """Brightness and contrast vary by up to this share, colours by a third of it."""
    held_out: float = Field(default=0.06, ge=0, lt=1)
    """Share of the groups kept for validation."""
    validate_every: int = Field(default=400, ge=1)
    save_every: int = Field(default=400, ge=1)
    threads: int = Field(default=2, ge=1)
    """CPU threads; on a busy machine one is faster than two that wait for each other."""
    compile: bool = True
    """Compile the forward pass where there is a compiler: costs a minute or two, then a step takes half the time."""
    seed: int = 0
    size: SmallConfig = SmallConfig()


@dataclass(frozen=True, slots=True)
class TrainingStep:
    """One progress report."""

    step: int
    steps: int
    """Steps there will be, as far as the time limit allows an estimate."""
    loss: float
    learning_rate: float
    seconds: float
    validation: Validation | None = None


def train_small(
    data: Path | list[Path],
    out: Path,
    config: SmallTrainingConfig | None = None,
    on_step: Callable[[TrainingStep], None] | None = None,
) -> Path:
    """Train on the samples in `data` and write a checkpoint folder `out`; returns it.

    Raises `RefineError` where the data or the starting checkpoint do not fit.
    """
    config = config or SmallTrainingConfig()
    torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    samples = read_samples(data)
    vla = _starting_point(samples, out, config)
    trainer = Trainer(vla, samples, config)
    clock = time.monotonic()
    for report in trainer.run():
        if on_step is not None:
            on_step(report)
        if report.step % config.save_every == 0:
            save_checkpoint(vla, out)
    save_checkpoint(vla, out)
    log.info("trained in %.0f s", time.monotonic() - clock)
    return out


def save_checkpoint(vla: Vla, folder: Path) -> None:
    """Write the weights (bfloat16) into a checkpoint folder in one rename, so that a kill leaves the last ones."""
    partial = folder.with_name(f"{folder.name}.partial")
    state = {name: value.detach().to(torch.bfloat16, copy=True) for name, value in vla.model.state_dict().items()}
    vla.model.save_pretrained(partial, state_dict=state)
    (partial / "model.safetensors").chmod(0o644)  # safetensors writes for the owner alone
    (partial / "model.safetensors").replace(folder / "model.safetensors")
    shutil.rmtree(partial)


def _starting_point(samples: Samples, out: Path, config: SmallTrainingConfig) -> Vla:
    """A whole checkpoint in `out` to begin with: new, or a copy of the one to go on from."""
    if config.start_from is not None:
        if config.start_from.resolve() != out.resolve():
            shutil.copytree(config.start_from, out, dirs_exist_ok=True)
    else:
        segments = segments_from_trajectories(samples.trajectory_ego)
        codebook = Codebook.fit(segments, size=config.codes, tolerance_m=0.01, seed=config.seed)
        settings = PolicySettings(name=config.name, horizon=samples.trajectory_ego.shape[1])
        make_checkpoint(out, config.seed, codebook, settings, config.size)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    vla = Vla.load(out, device=device)
    vla.model.float()
    camera = vla.settings.camera
    if samples.images.shape[1:] != (camera.height, camera.width, 3):
        raise RefineError(
            f"the samples' pictures are {samples.images.shape[2]}x{samples.images.shape[1]}, the policy's camera takes "
            f"{camera.width}x{camera.height}; collect with this checkpoint's settings"
        )
    return vla


class Trainer:
    """The loop; `run` yields a report after every step."""

    def __init__(self, vla: Vla, samples: Samples, config: SmallTrainingConfig) -> None:
        self.config = config
        self.vla = vla
        self._rng = np.random.default_rng(config.seed)
        held = held_out_rows(samples, config.held_out)
        lesson = make_lesson(vla, samples)
        self._train_rows, self._held_rows = np.flatnonzero(~held), np.flatnonzero(held)
        if not len(self._train_rows):
            raise RefineError("no samples left to train on; collect more or hold fewer out")
        self._lesson = lesson
        self._train_rows = np.repeat(self._train_rows, repeats(samples)[self._train_rows])
        self.device = next(vla.model.parameters()).device
        self.forward = make_forward(vla, lesson).to(self.device)
        self._action_ids = torch.tensor(
            vla.processor.tokenizer.convert_tokens_to_ids([action_token(i) for i in range(len(vla.codebook))]),
            device=self.device,
        )
        self._soft = soft_targets(vla.codebook, config.soft_m).to(self.device)
        self._soft_end = soft_targets(vla.codebook, config.soft_end_m).to(self.device)
        width = vla.model.config.text_config.hidden_size
        self._light_head = torch.nn.Linear(width, len(LIGHTS)).to(self.device)
        self._lamp_head = torch.nn.Linear(width, len(LIGHTS)).to(self.device)
        compiles = config.compile and (self.device.type == "cuda" or shutil.which("g++") is not None)
        self._loss = torch.compile(self._loss_of, dynamic=False) if compiles else self._loss_of
        learnt = [*vla.model.parameters(), *self._light_head.parameters(), *self._lamp_head.parameters()]
        decayed = [p for p in learnt if p.ndim >= 2]
        others = [p for p in learnt if p.ndim < 2]
        groups = [{"params": decayed, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}]
        self._optimizer = torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.98), fused=True)

    def run(self) -> Iterator[TrainingStep]:
        """Train to the end."""
        config = self.config
        began, done, step = time.monotonic(), 0.0, 0
        batches = self._batches()
        while done < 1.0:
            rate = config.learning_rate * _schedule(step, config.warmup_steps, done)
            loss = self._step(next(batches), rate, min(2.0 * done, 1.0))
            step += 1
            if step == 1:
                began = time.monotonic()  # compiling is not training
            seconds = time.monotonic() - began
            done = step / config.steps
            if config.minutes is not None:
                done = max(done, seconds / (60.0 * config.minutes))
            due = step % config.validate_every == 0 or done >= 1.0
            validation = self.validate() if due and len(self._held_rows) else None
            yield TrainingStep(step, max(round(step / max(done, 1e-9)), step), loss, rate, seconds, validation)

    def _batches(self) -> Iterator[np.ndarray]:
        rows = self._train_rows
        queue = np.zeros(0, np.int64)
        while True:
            while len(queue) < self.config.batch:
                queue = np.concatenate([queue, self._rng.permutation(rows)])
            yield queue[: self.config.batch]
            queue = queue[self.config.batch :]

    def _step(self, rows: np.ndarray, rate: float, sharpness: float) -> float:
        lesson, device = self._lesson, self.device
        picked = torch.from_numpy(rows)
        gain, bias = self._light(len(rows))
        with self._precision():
            loss = self._loss(
                lesson.images[picked].to(device),
                lesson.ids[picked].to(device),
                lesson.starts[picked].to(device),
                lesson.answer[picked].to(device),
                lesson.light[picked].to(device),
                lesson.lamps[picked].to(device),
                gain,
                bias,
                torch.lerp(self._soft, self._soft_end, sharpness),
            )
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.vla.model.parameters(), self.config.gradient_norm)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        return float(loss.detach())

    def _precision(self) -> Any:
        # Also on the CPU: the weights stay float32, the matrix products are done in bfloat16 where that is faster.
        fast = self.device.type == "cuda" or torch.cpu._is_avx512_bf16_supported()
        return torch.autocast(self.device.type, torch.bfloat16) if fast else nullcontext()

    def _loss_of(
        self,
        images: Tensor,
        ids: Tensor,
        starts: Tensor,
        answer: Tensor,
        light: Tensor,
        lamps: Tensor,
        gain: Tensor,
        bias: Tensor,
        soft: Tensor,
    ) -> Tensor:
        config = self.config
        places = starts[:, None] - 1 + torch.arange(answer.shape[1], device=starts.device)
        seen = self.forward.see(images, gain, bias)
        thoughts = self.forward.think(seen, ids, places)
        scores = torch.log_softmax(self.forward.words(thoughts).float(), dim=-1)
        lights = torch.nn.functional.cross_entropy(self._light_head(thoughts[:, SPEED_AT]).float(), light)
        horizon = self.vla.settings.horizon
        header = answer.shape[1] - horizon - 1
        single = -torch.gather(scores, 2, answer[..., None])[..., 0]
        words = single[:, DIRECTION_AT].mean() + single[:, SPEED_AT].mean()
        filler = single[:, :header].mean() + single[:, -1].mean()
        among = scores[:, header:-1].index_select(2, self._action_ids)
        codes = torch.searchsorted(self._action_ids, answer[:, header:-1].contiguous())
        actions = -(soft[codes] * among).sum(-1).mean()
        asides = (
            config.light_weight * lights
            + config.lamp_weight * lamp_loss(self._lamp_head(seen).float(), lamps)
            + config.filler_weight * filler
        )
        return actions + config.header_weight * words + asides

    def _light(self, count: int) -> tuple[Tensor, Tensor]:
        """Gain and bias per picture and channel."""
        most = self.config.light_change
        contrast = self._rng.uniform(-most, most, (count, 1, 1))
        colour = self._rng.uniform(-most / 3, most / 3, (count, 1, 3))
        brightness = self._rng.uniform(-most / 2, most / 2, (count, 1, 1))
        gain = np.exp(contrast + colour)
        bias = 0.5 * (1.0 - np.exp(contrast)) + brightness * 0.5
        as_tensor = [torch.from_numpy(value.astype(np.float32)).to(self.device) for value in (gain, bias)]
        return as_tensor[0], as_tensor[1]

    def validate(self, most: int = 384) -> Validation:
        """Answer held-out samples, each token after the label's and then freely."""
        return evaluate(self.vla, self.forward, self._lesson, self._held_rows[:: max(1, len(self._held_rows) // most)])


def make_forward(vla: Vla, lesson: Lesson) -> SmallForward:
    """The batched forward pass for a lesson's sequences."""
    image_token = vla.model.config.image_token_id
    start = int((lesson.ids[0] == image_token).nonzero()[0])
    eye = vla.processor.image_processor
    hw = (lesson.images.shape[1], lesson.images.shape[2])
    return SmallForward(vla.model, hw, start, lesson.ids.shape[1], eye.image_mean, eye.image_std)


def _schedule(step: int, warmup: int, done: float) -> float:
    """Linear warm-up, then a cosine down to nothing."""
    rising = min(1.0, (step + 1) / max(warmup, 1))
    return rising * (0.02 + 0.98 * 0.5 * (1.0 + math.cos(math.pi * min(done, 1.0))))
