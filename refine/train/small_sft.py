"""Teaching the small VLA to drive: supervised training on the expert's trajectories, on CPU or GPU.

A plain torch loop with teacher forcing over `refine.data.samples`. What makes it work in minutes on a CPU: only the
answer's tokens are scored, neighbouring action codes share the target (a code 5 cm off is nearly right, and the loss
says so), pictures vary in light, and the forward pass is a compiled one (`refine.train.small_forward`). What is asked
at each step depends on the seed and the step alone, and the whole state is saved every few hundred steps
(`refine.train.small_state`): a training that was interrupted goes on to the same weights.
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
from policy.vla.small import SMALL_SETTINGS, SmallConfig, make_checkpoint
from refine.data.samples import LIGHTS, Samples, read_samples
from refine.errors import RefineError
from refine.train.lesson import Lesson, held_out_rows, make_lesson, repeats
from refine.train.small_forward import SmallForward
from refine.train.small_losses import CLASSES, class_loss, depth_loss, lamp_loss, soft_targets
from refine.train.small_state import forget_state, has_state, load_state, save_state
from refine.train.small_validation import DIRECTION_AT, SPEED_AT, Validation, evaluate

log = logging.getLogger(__name__)


class SmallTrainingConfig(BaseModel):
    """How the small policy is trained."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    settings: PolicySettings = SMALL_SETTINGS
    """What a policy that begins with random weights observes; those of the samples."""
    start_from: Path | None = None
    """Checkpoint to go on from (its codebook and camera stay); None begins with random weights."""
    steps: int = Field(default=9000, ge=1)
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
    depth_weight: float = Field(default=0.5, ge=0)
    """Weight of predicting from each image token how far the things in it are; only known to the simulator."""
    class_weight: float = Field(default=0.2, ge=0)
    """Weight of predicting from each image token what they are."""
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
    loss: float
    learning_rate: float
    seconds: float
    """Since this run of the program began to train."""
    validation: Validation | None = None


def train_small(
    data: Path | list[Path],
    out: Path,
    config: SmallTrainingConfig | None = None,
    on_step: Callable[[TrainingStep], None] | None = None,
) -> Path:
    """Train on the samples in `data` and write a checkpoint folder `out`; returns it.

    Where `out` holds the state of a training that was interrupted, it goes on; data and config must be the same. Raises
    `RefineError` where the data or the starting checkpoint do not fit.
    """
    config = config or SmallTrainingConfig()
    torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    samples = read_samples(data)
    started = has_state(out)
    vla = _loaded(out, samples) if started else _starting_point(samples, out, config)
    trainer = Trainer(vla, samples, config)
    if started:
        trainer.restore(out)
    clock = time.monotonic()
    for report in trainer.run():
        if on_step is not None:
            on_step(report)
        if report.step % config.save_every == 0 and report.step < config.steps:
            save_checkpoint(vla, out)
            trainer.save(out)
    save_checkpoint(vla, out)
    forget_state(out)
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
        settings = config.settings.model_copy(update={"horizon": samples.trajectory_ego.shape[1]})
        make_checkpoint(out, config.seed, codebook, settings, config.size)
    return _loaded(out, samples)


def _loaded(out: Path, samples: Samples) -> Vla:
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
        self._steps_done = 0
        held = held_out_rows(samples, config.held_out)
        lesson = make_lesson(vla, samples)
        self._train_rows, self._held_rows = np.flatnonzero(~held), np.flatnonzero(held)
        if not len(self._train_rows):
            raise RefineError("no samples left to train on; collect more or hold fewer out")
        self._lesson = lesson
        self._train_rows = np.repeat(self._train_rows, repeats(samples)[self._train_rows])
        self._epoch = -1
        """That `_shuffled` is the order of."""
        self._shuffled = np.zeros(0, np.int64)
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
        blocks = lesson.depth.shape[2]
        self._depth_head = torch.nn.Linear(width, blocks).to(self.device)
        self._class_head = torch.nn.Linear(width, blocks * CLASSES).to(self.device)
        compiles = config.compile and (self.device.type == "cuda" or shutil.which("g++") is not None)
        self._loss = torch.compile(self._loss_of, dynamic=False) if compiles else self._loss_of
        self._heads = torch.nn.ModuleList([self._light_head, self._lamp_head, self._depth_head, self._class_head])
        learnt = [*vla.model.parameters(), *self._heads.parameters()]
        decayed = [p for p in learnt if p.ndim >= 2]
        others = [p for p in learnt if p.ndim < 2]
        groups = [{"params": decayed, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}]
        self._optimizer = torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.98), fused=True)

    def save(self, folder: Path) -> None:
        """Put everything that the rest of the training depends on into a folder."""
        save_state(folder, self._modules, self._optimizer, self._steps_done)

    def restore(self, folder: Path) -> None:
        """Go on from what `save` put into a folder. Raises `RefineError` where it does not fit."""
        self._steps_done = load_state(folder, self._modules, self._optimizer)

    @property
    def _modules(self) -> torch.nn.ModuleList:
        return torch.nn.ModuleList([self.vla.model, self._heads])

    def run(self) -> Iterator[TrainingStep]:
        """Train to the end."""
        config, began, first = self.config, time.monotonic(), self._steps_done
        for step in range(first, config.steps):
            done = step / config.steps
            rate = config.learning_rate * _schedule(step, config.warmup_steps, done)
            loss = self._step(step, rate, min(2.0 * done, 1.0))
            self._steps_done = step + 1
            if step == first:
                began = time.monotonic()  # compiling is not training
            due = self._steps_done % config.validate_every == 0 or self._steps_done == config.steps
            validation = self.validate() if due and len(self._held_rows) else None
            yield TrainingStep(step + 1, config.steps, loss, rate, time.monotonic() - began, validation)

    def _rows(self, step: int) -> np.ndarray:
        """The samples of a step: epoch after epoch, each in an order of its own."""
        rows, batch = self._train_rows, self.config.batch
        places = range(step * batch, (step + 1) * batch)
        return np.array([rows[self._order(place // len(rows))[place % len(rows)]] for place in places])

    def _order(self, epoch: int) -> np.ndarray:
        if self._epoch != epoch:
            self._epoch = epoch
            self._shuffled = np.random.default_rng((self.config.seed, epoch)).permutation(len(self._train_rows))
        return self._shuffled

    def _step(self, step: int, rate: float, sharpness: float) -> float:
        lesson, device = self._lesson, self.device
        picked = torch.from_numpy(self._rows(step))
        gain, bias = self._light(step, len(picked))
        with self._precision():
            loss = self._loss(
                lesson.images[picked].to(device),
                lesson.ids[picked].to(device),
                lesson.starts[picked].to(device),
                lesson.answer[picked].to(device),
                lesson.light[picked].to(device),
                lesson.lamps[picked].to(device),
                lesson.depth[picked].to(device),
                lesson.classes[picked].to(device),
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
        depth: Tensor,
        classes: Tensor,
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
            + config.depth_weight * depth_loss(self._depth_head(seen).float(), depth)
            + config.class_weight * class_loss(self._class_head(seen).float(), classes)
            + config.filler_weight * filler
        )
        return actions + config.header_weight * words + asides

    def _light(self, step: int, count: int) -> tuple[Tensor, Tensor]:
        """Gain and bias per picture and channel."""
        most, rng = self.config.light_change, np.random.default_rng((self.config.seed, step, 1))
        contrast = rng.uniform(-most, most, (count, 1, 1))
        colour = rng.uniform(-most / 3, most / 3, (count, 1, 3))
        brightness = rng.uniform(-most / 2, most / 2, (count, 1, 1))
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
