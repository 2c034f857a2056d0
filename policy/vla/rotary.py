"""Rotary positions of a Qwen2.5-VL, computed once for pictures of one size; shared by training and serving."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def rotated(value: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """(..., head) turned by its position's angles."""
    half = value.shape[-1] // 2
    turned = torch.cat([-value[..., half:], value[..., :half]], dim=-1)
    return value * cos.to(value.dtype) + turned * sin.to(value.dtype)


def vision_rope(model: Any, grid: tuple[int, int], merge: int) -> tuple[Tensor, Tensor]:
    """(patches, head) cos and sin of every patch's row and column, patches in the processor's order.

    `grid` counts image tokens down and across, `merge` the patches on a side of each.
    """
    rows, columns = (torch.arange(side * merge) for side in grid)
    down, across = torch.meshgrid(rows, columns, indexing="ij")

    def ordered(plane: Tensor) -> Tensor:
        return plane.reshape(grid[0], merge, grid[1], merge).permute(0, 2, 1, 3).flatten()

    rotary = model.model.visual.rotary_pos_emb
    positions = torch.stack([ordered(down), ordered(across)], dim=-1)
    return rotary(torch.zeros(1), positions)


def text_rope(model: Any, grid: tuple[int, int], image_starts: list[int], length: int) -> tuple[Tensor, Tensor]:
    """(length, head) cos and sin of the multimodal rotary embedding (Qwen2-VL, arXiv 2409.12191).

    Pictures of `grid` tokens begin at `image_starts`: their tokens carry time, row and column, and what comes behind
    goes on after the largest of these.
    """
    count = grid[0] * grid[1]
    down, across = torch.meshgrid(torch.arange(grid[0]), torch.arange(grid[1]), indexing="ij")
    image = torch.stack([torch.zeros(count, dtype=torch.long), down.flatten(), across.flatten()])
    parts, at, following = [], 0, 0
    for start in image_starts:
        parts.append(torch.arange(following, following + start - at).expand(3, -1))
        following += start - at
        parts.append(image + following)
        at, following = start + count, following + max(grid)
    parts.append(torch.arange(following, following + length - at).expand(3, -1))
    positions = torch.cat(parts, dim=1)[:, None]
    cos, sin = model.model.language_model.rotary_emb(torch.zeros(1, dtype=torch.float32), positions)
    return cos[0], sin[0]
