"""How long a plan takes, part by part, beside the least that the machine allows.

The floor of a plan: every pass over the model reads its weights once, which memory bandwidth bounds, and every token
costs two operations a weight, which arithmetic bounds (roofline, Williams et al. 2009). Bandwidth and arithmetic are
measured on the spot, with the threads and the number format of the model.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch

from policy.vla.model import Vla
from policy.vla.observation import observation_at
from policy.vla.quick import Question
from recorder.schema import (
    ActorState,
    Authority,
    AuthorityState,
    CameraFrame,
    Control,
    DriverInput,
    Pose,
    Reason,
    RouteCommand,
    RouteState,
    Tick,
)

COPIED_BYTES = 1 << 28
SIDE = 1024
"""Of the square matrices that arithmetic is measured with."""


@dataclass(frozen=True, slots=True)
class PlanTime:
    """Medians for one batch size, milliseconds for the whole batch; parts are 0 where the model shows none."""

    batch: int
    observation_ms: float
    """From ticks to pictures and prompt."""
    vision_ms: float
    prefill_ms: float
    """Reading the prompt, with the pictures' tokens, up to the first choice."""
    decode_ms: float
    """All choices: two words and the action tokens."""
    total_ms: float
    floor_ms: float
    """What reading the weights and the arithmetic take at least."""

    @property
    def plans_per_s(self) -> float:
        """Throughput."""
        return 1000.0 * self.batch / self.total_ms


@dataclass(frozen=True, slots=True)
class Machine:
    """What bounds a plan here."""

    bytes_per_s: float
    operations_per_s: float


def measure_machine(device: str, dtype: torch.dtype) -> Machine:
    """Bandwidth by copying, arithmetic by a product of square matrices; best of five each."""
    source = torch.ones(COPIED_BYTES // 4, dtype=torch.float32, device=device)
    target = torch.empty_like(source)
    copying_s = _best(lambda: target.copy_(source), device)
    left = torch.ones(SIDE, SIDE, dtype=dtype, device=device)
    product_s = _best(lambda: left @ left, device)
    return Machine(2.0 * COPIED_BYTES / copying_s, 2.0 * SIDE**3 / product_s)


def bench(
    vla: Vla,
    batches: tuple[int, ...] = (1, 4, 16),
    repeats: int = 30,
    on_batch: Callable[[PlanTime], None] = lambda _: None,
) -> list[PlanTime]:
    """Time plans for several batch sizes. The pictures are noise: what a plan costs does not depend on them."""
    weight = vla.model.get_output_embeddings().weight
    machine = measure_machine(weight.device.type, weight.dtype)
    rows = []
    for batch in batches:
        rows.append(_bench(vla, batch, repeats, machine))
        on_batch(rows[-1])
    return rows


def _bench(vla: Vla, batch: int, repeats: int, machine: Machine) -> PlanTime:
    ticks = [noise_tick(vla, seed) for seed in range(batch)]
    device = vla.model.device.type
    begun: list[tuple[str, float]] = []

    def mark(part: str) -> None:
        _wait(device)
        begun.append((part, time.perf_counter()))

    taken: dict[str, list[float]] = {"observation": [], "vision": [], "prefill": [], "decode": [], "total": []}
    for repeat in range(repeats + 3):  # the first ones warm up
        begun.clear()
        mark("observation")
        observations = [observation_at([tick], vla.settings) for tick in ticks]
        questions = [Question(one.images, vla.dialect.prompt(one)) for one in observations]
        mark("answer")
        vla.answers(questions, on_part=mark)
        mark("end")
        if repeat >= 3:
            for part, lasted in _parts(begun).items():
                taken[part].append(lasted)
    medians = {part: 1000.0 * float(np.median(values)) if values else 0.0 for part, values in taken.items()}
    return PlanTime(
        batch=batch,
        **{f"{part}_ms": round(value, 3) for part, value in medians.items()},
        floor_ms=round(1000.0 * floor_s(vla, batch, machine), 3),
    )


def _parts(marks: list[tuple[str, float]]) -> dict[str, float]:
    """Seconds of each part; a model that answers one after the other marks its parts again and again."""
    lasted = {"total": marks[-1][1] - marks[0][1]}
    for (part, begin), (_, end) in itertools.pairwise(marks):
        if part != "answer":
            lasted[part] = lasted.get(part, 0.0) + end - begin
    return lasted


def floor_s(vla: Vla, batch: int, machine: Machine) -> float:
    """The least time of a batch of plans: for each pass the larger of reading the weights and of the arithmetic."""
    visual = _weights(vla.model.model.visual)
    text = _weights(vla.model.model.language_model.layers)
    size = next(vla.model.parameters()).element_size()
    patches = sum(_patches(vla, name) for name in vla.settings.cameras) * vla.settings.history.pictures
    (tick,) = [noise_tick(vla, 0)]
    observation = observation_at([tick], vla.settings)
    prompt = int(vla.inputs(observation.images, vla.dialect.prompt(observation))["input_ids"].shape[1])

    def pass_s(weights: int, tokens: int) -> float:
        return max(weights * size / machine.bytes_per_s, 2.0 * weights * tokens * batch / machine.operations_per_s)

    decoding = (vla.settings.horizon + 1) * pass_s(text, 1)
    return pass_s(visual, patches) + pass_s(text, prompt) + decoding


def _patches(vla: Vla, name: str) -> int:
    patch = vla.model.config.vision_config.patch_size
    camera = vla.settings.cameras[name]
    return math.ceil(camera.width / patch) * math.ceil(camera.height / patch)


def _weights(module: Any) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def noise_tick(vla: Vla, seed: int) -> Tick:
    """A tick with every picture that the policy needs, full of noise, before a turn."""
    rng, still = np.random.default_rng(seed), (0.0, 0.0, 0.0)
    pose = Pose(x=0.0, y=0.0, z=0.0)
    ahead = np.stack([np.arange(80.0), np.zeros(80), np.zeros(80), np.zeros(80)], axis=1).astype(np.float32)
    return Tick(
        frame=seed,
        time_s=0.0,
        wall_time_s=0.0,
        delta_s=0.05,
        ego=ActorState(1, "vehicle.tesla.model3", "hero", pose, (5.0, 0.0, 0.0), still, still, (2.4, 1.0, 0.8)),
        actors=(),
        lights=(),
        route=RouteState(RouteCommand.LEFT, 10.0 + seed % 3, 0.0, 100.0, 0.0, 0.0, ahead, 8.33),
        cameras={
            name: CameraFrame(
                name, seed, rng.integers(0, 255, (one.height, one.width, 3), np.uint8), one.fov_rad, one.pose_in_ego
            )
            for name, one in vla.settings.cameras.items()
        },
        driver=DriverInput(),
        plan=None,
        policy_control=None,
        control=Control(),
        authority=AuthorityState(Authority.POLICY, Reason.SESSION_START, 0, 0.0),
    )


def _best(work: Callable[[], Any], device: str, repeats: int = 5) -> float:
    best = math.inf
    for _ in range(repeats):
        _wait(device)
        begun = time.perf_counter()
        work()
        _wait(device)
        best = min(best, time.perf_counter() - begun)
    return best


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


COLUMNS = tuple(field.name for field in fields(PlanTime))
"""Of a CSV of the times."""
