"""The small VLA's forward pass for training: the checkpoint's own weights, a whole batch at once.

Transformers' Qwen2.5-VL reads a batch's pictures one after the other and computes masks and positions anew each time.
Here every picture has the same size and stands at the same place in the prompt, so that all of it is plain batched
tensors of a fixed shape (which `torch.compile` can fuse). The numbers are those of the original, as the tests check.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from policy.vla.rotary import rotated, text_rope, vision_rope


@dataclass(frozen=True)
class Geometry:
    """What never changes from batch to batch."""

    image_start: int
    """Position of the first image token in the sequence."""
    grid: tuple[int, int]
    """Image tokens down and across."""
    vision_rope: tuple[Tensor, Tensor]
    """(patches, head) cos and sin."""
    text_rope: tuple[Tensor, Tensor]
    """(length, head) cos and sin."""
    later: Tensor
    """(length, length) whether the column's token comes after the row's."""
    mean: Tensor
    std: Tensor


class SmallForward(nn.Module):
    """Vision and text tower of a `Qwen2_5_VLForConditionalGeneration` without windows in its vision tower."""

    def __init__(
        self, model: Any, image_hw: tuple[int, int], image_start: int, length: int, mean: list[float], std: list[float]
    ) -> None:
        """Use `model`'s weights for pictures of `image_hw` whose tokens begin at `image_start` of `length` tokens."""
        super().__init__()
        self.model = model
        vision = model.config.vision_config
        if len(vision.fullatt_block_indexes) != vision.depth:
            raise ValueError("only for models whose vision layers all look at the whole picture")
        self.merge = vision.spatial_merge_size
        self.patch = vision.patch_size
        grid = (image_hw[0] // (self.patch * self.merge), image_hw[1] // (self.patch * self.merge))
        geometry = Geometry(
            image_start=image_start,
            grid=grid,
            vision_rope=vision_rope(model, grid, self.merge),
            text_rope=text_rope(model, grid, [image_start], length),
            later=torch.ones(length, length, dtype=torch.bool).triu(1),
            mean=torch.tensor(mean),
            std=torch.tensor(std),
        )
        self.geometry = geometry
        self.heads = model.config.text_config.num_attention_heads
        self.kv_heads = model.config.text_config.num_key_value_heads
        self.vision_heads = vision.num_heads

    def forward(self, images: Tensor, ids: Tensor, positions: Tensor, gain: Tensor, bias: Tensor) -> Tensor:
        """Logits (B, K, vocabulary) after the tokens at `positions` (B, K); see `see` and `read`."""
        return self.read(self.see(images, gain, bias), ids, positions)

    def see(self, images: Tensor, gain: Tensor, bias: Tensor) -> Tensor:
        """(B, tokens, hidden) of (B, H, W, 3) uint8 pictures; `gain`, `bias` (B, 1, 3) change light and colour."""
        tower = self.model.model.visual
        patches = self._patches(images, gain, bias)
        weight = tower.patch_embed.proj.weight.sum(2).flatten(1)  # both frames of the pair are the same picture
        hidden = functional.linear(patches, weight)
        cos, sin = self.geometry.vision_rope
        for block in tower.blocks:
            attended = self._vision_attention(block.attn, _norm(block.norm1, hidden), cos, sin)
            hidden = hidden + attended
            hidden = hidden + block.mlp(_norm(block.norm2, hidden))
        merged = _norm(tower.merger.ln_q, hidden)
        return tower.merger.mlp(merged.reshape(len(images), -1, merged.shape[-1] * self.merge**2))

    def read(self, seen: Tensor, ids: Tensor, positions: Tensor) -> Tensor:
        """Logits (B, K, vocabulary) after the tokens at `positions` of the sequences `ids` (B, length)."""
        return self.words(self.think(seen, ids, positions))

    def words(self, thoughts: Tensor) -> Tensor:
        """Logits of what `think` returned."""
        return functional.linear(thoughts, self.model.lm_head.weight)

    def think(self, seen: Tensor, ids: Tensor, positions: Tensor) -> Tensor:
        """(B, K, hidden) the last layer's normed states at `positions`."""
        text = self.model.model.language_model
        start = self.geometry.image_start
        embedded = text.embed_tokens(ids)
        hidden = torch.cat([embedded[:, :start], seen.to(embedded.dtype), embedded[:, start + seen.shape[1] :]], dim=1)
        cos, sin = (part[: ids.shape[1]] for part in self.geometry.text_rope)
        for layer in text.layers:
            hidden = hidden + self._text_attention(layer.self_attn, _norm(layer.input_layernorm, hidden), cos, sin)
            hidden = hidden + layer.mlp(_norm(layer.post_attention_layernorm, hidden))
        picked = torch.gather(hidden, 1, positions[..., None].expand(-1, -1, hidden.shape[-1]))
        return _norm(text.norm, picked)

    def _patches(self, images: Tensor, gain: Tensor, bias: Tensor) -> Tensor:
        """(B, patches, 3 * patch * patch) in the order of the image processor: by merged cell, then within it."""
        geometry, patch, merge = self.geometry, self.patch, self.merge
        light = (images.flatten(1, 2) * (gain / 255.0) + bias).clamp(0.0, 1.0)
        normal = ((light - geometry.mean) / geometry.std).unflatten(1, images.shape[1:3])
        cells = normal.reshape(len(images), geometry.grid[0], merge, patch, geometry.grid[1], merge, patch, 3)
        return cells.permute(0, 1, 4, 2, 5, 7, 3, 6).reshape(len(images), -1, 3 * patch * patch)

    def _vision_attention(self, attention: Any, hidden: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        qkv = attention.qkv(hidden).unflatten(-1, (3, self.vision_heads, -1)).permute(2, 0, 3, 1, 4)
        query, key = rotated(qkv[0], cos, sin), rotated(qkv[1], cos, sin)
        seen = _attended(query, key, qkv[2], None)
        return attention.proj(seen.transpose(1, 2).flatten(2))

    def _text_attention(self, attention: Any, hidden: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        query = attention.q_proj(hidden).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        key = attention.k_proj(hidden).unflatten(-1, (self.kv_heads, -1)).transpose(1, 2)
        value = attention.v_proj(hidden).unflatten(-1, (self.kv_heads, -1)).transpose(1, 2)
        query, key = rotated(query, cos, sin), rotated(key, cos, sin)
        groups = self.heads // self.kv_heads
        key, value = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
        seen = _attended(query, key, value, self.geometry.later[: hidden.shape[1], : hidden.shape[1]])
        return attention.o_proj(seen.transpose(1, 2).flatten(2))


def _attended(query: Tensor, key: Tensor, value: Tensor, hidden_from: Tensor | None) -> Tensor:
    """Attention in plain matrix products: on a CPU, torch's fused kernel takes three times as long going back."""
    scores = torch.matmul(query * query.shape[-1] ** -0.5, key.transpose(-1, -2))
    if hidden_from is not None:
        scores = scores.masked_fill(hidden_from, -torch.inf)
    return torch.matmul(torch.softmax(scores, dim=-1).to(value.dtype), value)


def _norm(module: Any, hidden: Tensor) -> Tensor:
    wide = hidden.float()
    wide = wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + module.variance_epsilon)
    return module.weight * wide
