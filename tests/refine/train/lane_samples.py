"""Drawn samples for the tests of training: the pictures show clearly what decides the right answer."""

from __future__ import annotations

import numpy as np

from policy.vla.small import SmallConfig
from refine.data.samples import Samples
from refine.train.small_sft import SmallTrainingConfig

TINY = SmallConfig(
    hidden=48,
    heads=2,
    key_value_heads=1,
    text_layers=2,
    text_mlp=64,
    vision_hidden=48,
    vision_heads=2,
    vision_layers=1,
    vision_mlp=48,
)
FAST = SmallTrainingConfig(
    steps=60, batch=16, warmup_steps=5, learning_rate=4e-3, compile=False, threads=1, size=TINY, codes=24, held_out=0.0
)


def lane_samples(count: int, seed: int = 0) -> Samples:
    """A bright half on the side to which the expert turns."""
    rng = np.random.default_rng(seed)
    side = rng.choice([-1, 1], count)
    images = rng.integers(0, 60, (count, 96, 192, 3), np.uint8)
    images[side < 0, :, :96] += 150
    images[side > 0, :, 96:] += 150
    along = np.arange(1, 7) * 3.0
    yaw = along * 0.05
    arc = np.stack([np.sin(yaw) / 0.05, (1 - np.cos(yaw)) / 0.05, yaw], axis=1)
    trajectory = arc[None] * np.stack([np.ones(count), side, side], axis=1)[:, None]
    return Samples(
        images=images,
        prompt=np.full(count, "Speed 6.0 m/s, limit 30. Route: follow lane."),
        speed_mps=np.full(count, 6.0, np.float32),
        command=np.zeros(count, np.int8),
        command_distance_m=np.full(count, np.inf, np.float32),
        trajectory_ego=trajectory.astype(np.float32),
        light=np.zeros(count, np.int8),
        lamps=np.full((count, 3, 6), 255, np.uint8),
        depth=np.full((count, 12, 24), 255, np.uint8),
        classes=np.full((count, 12, 24), 255, np.uint8),
        group=np.arange(count, dtype=np.int32),
    )
