"""Pure parts of the small policy's training loss: soft targets over action codes, lamps, depths and classes."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from policy.vla.codebook import Codebook
from refine.data.truth import DEPTH_STEPS, UNKNOWN

CLASSES = 30
"""CARLA's semantic tags are below this."""


def soft_targets(codebook: Codebook, width_m: float) -> Tensor:
    """(K, K) target distribution over codes for each true code, falling off with the distance between motions."""
    apart = np.stack([codebook.distances_m(code) for code in codebook.codes])
    if width_m <= 0:
        return torch.eye(len(codebook))
    return torch.softmax(torch.from_numpy(-0.5 * (apart / width_m) ** 2), dim=-1).float()


def lamp_loss(scores: Tensor, lamps: Tensor) -> Tensor:
    """Cross-entropy of each image token's lamp; the tokens with a lamp and those without count half each.

    `scores` (B, tokens, len(LIGHTS)), `lamps` (B, tokens) with -1 where it is not known.
    """
    each = torch.nn.functional.cross_entropy(scores.flatten(0, 1), lamps.flatten().clamp(min=0), reduction="none")
    lit, dark = (lamps.flatten() > 0).float(), (lamps.flatten() == 0).float()
    return 0.5 * ((each * lit).sum() / lit.sum().clamp(min=1) + (each * dark).sum() / dark.sum().clamp(min=1))


def depth_loss(shares: Tensor, depth: Tensor) -> Tensor:
    """Mean absolute error of predicted depths as shares of the logarithmic scale, over the blocks that are known.

    `shares` (B, tokens, blocks), `depth` (B, tokens, blocks) uint8 steps with `UNKNOWN` where nobody looked.
    """
    known = (depth != UNKNOWN).float()
    apart = (shares - depth.float() / DEPTH_STEPS).abs()
    return (apart * known).sum() / known.sum().clamp(min=1)


def class_loss(scores: Tensor, classes: Tensor) -> Tensor:
    """Cross-entropy of each block's semantic tag, over the blocks that are known.

    `scores` (B, tokens, blocks * `CLASSES`), `classes` (B, tokens, blocks) uint8 with `UNKNOWN` where nobody looked.
    """
    truth = classes.flatten().long()
    known = (truth < CLASSES).float()
    each = torch.nn.functional.cross_entropy(scores.reshape(-1, CLASSES), truth * known.long(), reduction="none")
    return (each * known).sum() / known.sum().clamp(min=1)
