"""The small policy's answers without the overhead of a general library: batched, with a cache of fixed size, on a CPU.

A model of four million parameters computes for a few milliseconds, Transformers' bookkeeping takes twice that.
This is the same arithmetic as plain tensors with the checkpoint's own weights, for every Qwen2.5-VL whose vision layers
all look at the whole picture and whose pictures have one size. Answers to several questions are decoded together: one
process then serves several simulators.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from transformers import Qwen2_5_VLForConditionalGeneration

from policy.vla.checkpoint import PolicySettings
from policy.vla.decoding import Choice, Decoded, Grammar, entropy_share
from policy.vla.observation import messages, resized
from policy.vla.rotary import rotated, text_rope, vision_rope


@dataclass(frozen=True)
class Question:
    """What is asked: pictures (H, W, 3) RGB in the checkpoint's order, and the prompt."""

    images_rgb: Sequence[NDArray[np.uint8]]
    prompt: str


class QuickReader:
    """Answers questions for one loaded model. Not thread-safe."""

    def __init__(self, model: Any, processor: Any, settings: PolicySettings, grammar: Grammar) -> None:
        """Take over the weights. Raises ValueError where `why_not` gives a reason."""
        reason = why_not(model, settings, grammar)
        if reason:
            raise ValueError(reason)
        self.processor, self.settings, self.grammar = processor, settings, grammar
        vision, text = model.config.vision_config, model.config.text_config
        camera = settings.camera
        self._merge, self._patch = vision.spatial_merge_size, vision.patch_size
        unit = self._merge * self._patch
        self._grid = (camera.height // unit, camera.width // unit)
        self._vision_heads = vision.num_heads
        self._heads, self._kv_heads = text.num_attention_heads, text.num_key_value_heads
        self._head = text.hidden_size // self._heads
        self._eps = text.rms_norm_eps
        self._prompts: dict[str, Tensor] = {}
        self._rows = model.get_output_embeddings().weight.detach()
        self._embedding = model.model.language_model.embed_tokens.weight.detach()
        self._norm = model.model.language_model.norm.weight.detach()
        eye = processor.image_processor
        self._take_vision(model.model.visual, eye.image_mean, eye.image_std)
        self._layers = [_TextLayer.of(layer) for layer in model.model.language_model.layers]
        image = processor.tokenizer.convert_tokens_to_ids(processor.image_token)
        ids = self._prompt_ids("Speed 0.0 m/s.")
        self._image_places = (ids == image).nonzero()[:, 0]
        count = self._grid[0] * self._grid[1]
        starts = self._image_places[::count].tolist()
        self._rope_of = lambda length: text_rope(model, self._grid, starts, length)
        self._rope = self._rope_of(256)
        self._choices = [
            place for place in range(len(grammar.headers[0])) if len({header[place] for header in grammar.headers}) > 1
        ]

    @torch.inference_mode()
    def answers(
        self,
        questions: Sequence[Question],
        temperature: float = 0.0,
        generator: torch.Generator | None = None,
        on_part: Callable[[str], None] = lambda _: None,
    ) -> list[Decoded]:
        """One answer to each question, all decoded together; the same as one by one but for rounding.

        Pictures of another size are brought to the camera's. Raises ValueError for what is no RGB picture.
        """
        reading = _Reading(self, questions, on_part)
        headers = [list(self.grammar.headers) for _ in questions]
        choices: list[list[Choice]] = [[] for _ in questions]
        for place in self._choices:
            branches = sorted({header[place] for header in self.grammar.headers})
            fed = place - reading.header_read
            reading.feed([header[0][reading.header_read : place] for header in headers], fed)
            reading.header_read = place
            weights = reading.weights(branches)
            for row, options in enumerate(headers):
                allowed = {header[place] for header in options}
                mask = torch.tensor([token in allowed for token in branches])
                index = _choose(weights[row].masked_fill(~mask, 0.0), temperature, generator)
                token = branches[index]
                if len(allowed) > 1:
                    shares = weights[row] * mask / (weights[row] * mask).sum()
                    choices[row].append(_choice(shares, index, token, len(allowed)))
                headers[row] = [header for header in options if header[place] == token]
        chosen = [options[0] for options in headers]
        fresh = [header[reading.header_read :] for header in chosen]
        actions: list[list[int]] = [[] for _ in questions]
        for _ in range(self.grammar.horizon):
            reading.feed(fresh, len(fresh[0]))
            weights = reading.weights(self.grammar.action_ids)
            fresh = []
            for row in range(len(questions)):
                index = _choose(weights[row], temperature, generator)
                actions[row].append(index)
                choices[row].append(_choice(weights[row], index, self.grammar.action_ids[index], len(weights[row])))
                fresh.append((self.grammar.action_ids[index],))
        return [Decoded(*row) for row in zip(chosen, map(tuple, actions), map(tuple, choices), strict=True)]

    # --- what the model computes --------------------------------------------------------------------------------

    def see(self, images: Tensor) -> Tensor:
        """(B, P * tokens, hidden) of (B, P, H, W, 3) uint8 pictures."""
        count = images.shape[:2]
        flat = images.flatten(0, 1).float()
        rows, columns = self._grid
        cells = flat.reshape(len(flat), rows, self._merge, self._patch, columns, self._merge, self._patch, 3)
        patches = cells.permute(0, 1, 4, 2, 5, 7, 3, 6).reshape(len(flat), rows * columns * self._merge**2, -1)
        hidden = functional.linear(patches, self._patch_weight, self._patch_bias)
        for layer in self._vision_layers:
            hidden = layer(hidden, self._vision_heads, self._vision_rope)
        merged = functional.rms_norm(hidden, hidden.shape[-1:], self._merger_norm, 1e-6)
        tokens = self._merger(merged.reshape(len(flat), rows * columns, -1))
        return tokens.reshape(count[0], -1, tokens.shape[-1])

    def _take_vision(self, tower: Any, mean: Sequence[float], std: Sequence[float]) -> None:
        weight = tower.patch_embed.proj.weight.detach().sum(2)  # both frames of the pair are the same picture
        scale = torch.tensor(std).reshape(1, 3, 1, 1) * 255.0
        shift = (torch.tensor(mean) / torch.tensor(std)).reshape(1, 3, 1, 1)
        self._patch_weight = (weight / scale).flatten(1).contiguous()
        self._patch_bias = -(weight * shift).flatten(1).sum(1)
        self._vision_layers = [_VisionLayer.of(block) for block in tower.blocks]
        self._vision_rope = vision_rope(_Holder(tower), self._grid, self._merge)
        self._merger_norm = tower.merger.ln_q.weight.detach()
        self._merger = tower.merger.mlp

    def rope(self, length: int) -> tuple[Tensor, Tensor]:
        """(length, head) cos and sin of the text's positions."""
        if length > len(self._rope[0]):
            self._rope = self._rope_of(2 * length)
        return self._rope[0][:length], self._rope[1][:length]

    def _pictures(self, question: Question) -> Tensor:
        """(P, H, W, 3) a question's pictures."""
        camera = self.settings.camera
        pictures = [resized(one, camera) for one in question.images_rgb]
        return torch.from_numpy(np.stack(pictures))

    def _prompt_ids(self, prompt: str) -> Tensor:
        if prompt not in self._prompts:
            if len(self._prompts) > 4096:
                self._prompts.clear()
            chat = messages(prompt, self.settings.picture_count)
            text = self.processor.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
            token = self.processor.image_token
            text = text.replace(token, token * (self._grid[0] * self._grid[1]))
            ids = self.processor.tokenizer(text, add_special_tokens=False)["input_ids"]
            self._prompts[prompt] = torch.tensor(ids)
        return self._prompts[prompt]


class _Reading:
    """Some questions being answered: their caches, and the state after what was read last."""

    def __init__(self, reader: QuickReader, questions: Sequence[Question], on_part: Callable[[str], None]) -> None:
        self.reader, self._on_part = reader, on_part
        self.header_read = 0
        prompts = [reader._prompt_ids(question.prompt) for question in questions]
        self._lengths = torch.tensor([len(ids) for ids in prompts])
        self._room = int(self._lengths.max()) + len(reader.grammar.headers[0]) + reader.grammar.horizon
        self._ids = torch.nn.utils.rnn.pad_sequence(prompts, batch_first=True)
        self._images = torch.stack([reader._pictures(question) for question in questions])
        shape = (len(reader._layers), len(questions), reader._kv_heads, self._room, reader._head)
        self._keys, self._values = torch.zeros(shape), torch.zeros(shape)
        self._last: Tensor | None = None
        """(B, hidden) the normed state after the newest token of each row."""

    def feed(self, tokens: Sequence[Sequence[int]], count: int) -> None:
        """Read so many more tokens of every row, behind what was read; the first time behind the prompts."""
        fresh = torch.tensor([list(row) for row in tokens], dtype=torch.long).reshape(len(self._ids), count)
        if self._last is None:
            self._prefill(fresh)
        else:
            self._read(self.reader._embedding[fresh], self._lengths, count - 1)
            self._lengths = self._lengths + count

    def weights(self, candidates: Sequence[int]) -> Tensor:
        """(B, candidates) softmax over the candidates alone, after everything read."""
        assert self._last is not None  # noqa: S101 - `feed` comes first
        return torch.softmax(self._last @ self.reader._rows[list(candidates)].T, dim=-1)

    def _prefill(self, fresh: Tensor) -> None:
        reader, count = self.reader, fresh.shape[1]
        widest = self._ids.shape[1] + count
        ids = functional.pad(self._ids, (0, count))
        places = self._lengths[:, None] + torch.arange(count)
        ids.scatter_(1, places, fresh)
        hidden = reader._embedding[ids]
        self._on_part("vision")
        hidden[:, reader._image_places] = reader.see(self._images)
        self._on_part("prefill")
        self._lengths = self._lengths + count
        self._read(hidden[:, :widest], torch.zeros(len(ids), dtype=torch.long), None)
        self._on_part("decode")

    def _read(self, hidden: Tensor, starts: Tensor, last: int | None) -> None:
        """Run the layers over new positions from `starts` on; `last` is the newest token's index, None: each row's."""
        reader = self.reader
        count = hidden.shape[1]
        places = starts[:, None] + torch.arange(count)
        used = int(places.max()) + 1
        cos, sin = (part[places][:, None] for part in reader.rope(self._room))
        visible = torch.arange(used) <= places[:, None, :, None]
        keys, values = self._keys[..., :used, :], self._values[..., :used, :]
        index = places[:, None, :, None].expand(-1, reader._kv_heads, -1, reader._head)
        for number, layer in enumerate(reader._layers):
            hidden = layer(hidden, reader, (cos, sin), (keys[number], values[number]), index, visible)
        if last is None:
            row = torch.arange(len(hidden))
            newest = hidden[row, self._lengths - 1]
        else:
            newest = hidden[:, last]
        self._last = functional.rms_norm(newest, newest.shape[-1:], reader._norm, reader._eps)


@dataclass(frozen=True)
class _TextLayer:
    """One decoder layer with its projections put together."""

    norm: Tensor
    qkv: Tensor
    qkv_bias: Tensor
    out: Tensor
    mlp_norm: Tensor
    gate_up: Tensor
    down: Tensor

    @classmethod
    def of(cls, layer: Any) -> _TextLayer:
        attention, mlp = layer.self_attn, layer.mlp
        projections = (attention.q_proj, attention.k_proj, attention.v_proj)
        return cls(
            layer.input_layernorm.weight.detach(),
            torch.cat([one.weight.detach() for one in projections]),
            torch.cat([one.bias.detach() for one in projections]),
            attention.o_proj.weight.detach(),
            layer.post_attention_layernorm.weight.detach(),
            torch.cat([mlp.gate_proj.weight.detach(), mlp.up_proj.weight.detach()]),
            mlp.down_proj.weight.detach(),
        )

    def __call__(
        self,
        hidden: Tensor,
        reader: QuickReader,
        rope: tuple[Tensor, Tensor],
        cache: tuple[Tensor, Tensor],
        index: Tensor,
        visible: Tensor,
    ) -> Tensor:
        """(B, n, hidden) the states after this layer; the new keys and values are put into the cache at `index`."""
        heads, kv_heads, size = reader._heads, reader._kv_heads, reader._head
        normed = functional.rms_norm(hidden, hidden.shape[-1:], self.norm, reader._eps)
        qkv = functional.linear(normed, self.qkv, self.qkv_bias).unflatten(-1, (heads + 2 * kv_heads, size))
        query, key, value = qkv.transpose(1, 2).split((heads, kv_heads, kv_heads), dim=1)
        keys, values = cache
        keys.scatter_(2, index, rotated(key, *rope))
        values.scatter_(2, index, value)
        seen = functional.scaled_dot_product_attention(
            rotated(query, *rope), keys, values, attn_mask=visible, enable_gqa=True
        )
        hidden = hidden + functional.linear(seen.transpose(1, 2).flatten(2), self.out)
        normed = functional.rms_norm(hidden, hidden.shape[-1:], self.mlp_norm, reader._eps)
        gate, up = functional.linear(normed, self.gate_up).chunk(2, dim=-1)
        return hidden + functional.linear(functional.silu(gate) * up, self.down)


@dataclass(frozen=True)
class _VisionLayer:
    """One vision layer."""

    norm: Tensor
    qkv: Any
    out: Any
    mlp_norm: Tensor
    mlp: Any

    @classmethod
    def of(cls, block: Any) -> _VisionLayer:
        return cls(block.norm1.weight.detach(), block.attn.qkv, block.attn.proj, block.norm2.weight.detach(), block.mlp)

    def __call__(self, hidden: Tensor, heads: int, rope: tuple[Tensor, Tensor]) -> Tensor:
        """(B, patches, hidden) the states after this layer."""
        normed = functional.rms_norm(hidden, hidden.shape[-1:], self.norm, 1e-6)
        query, key, value = self.qkv(normed).unflatten(-1, (3, heads, -1)).permute(2, 0, 3, 1, 4)
        seen = functional.scaled_dot_product_attention(rotated(query, *rope), rotated(key, *rope), value)
        hidden = hidden + self.out(seen.transpose(1, 2).flatten(2))
        return hidden + self.mlp(functional.rms_norm(hidden, hidden.shape[-1:], self.mlp_norm, 1e-6))


class _Holder:
    """A vision tower where `vision_rope` looks for it."""

    def __init__(self, tower: Any) -> None:
        self.model = self
        self.visual = tower


def why_not(model: Any, settings: PolicySettings, grammar: Grammar) -> str:
    """Why this model cannot be read this way; empty where it can."""
    if not isinstance(model, Qwen2_5_VLForConditionalGeneration):
        return "it is no Qwen2.5-VL"
    whole: Any = model  # Transformers declares parts of configurations as dictionaries
    weight = whole.get_output_embeddings().weight
    if weight.device.type != "cpu" or weight.dtype != torch.float32:
        return "it is not in single precision on the CPU"
    if len(whole.config.vision_config.fullatt_block_indexes) != whole.config.vision_config.depth:
        return "its vision layers look through windows"
    if len({(camera.width, camera.height) for camera in settings.cameras.values()}) > 1:
        return "its cameras have pictures of different sizes"
    camera, vision = settings.camera, whole.config.vision_config
    unit = vision.patch_size * vision.spatial_merge_size
    if camera.width % unit or camera.height % unit:
        return f"its pictures are no multiple of {unit} pixels"
    if len({len(header) for header in grammar.headers}) > 1:
        return "the lines of its answers have different lengths"
    return ""


def _choice(shares: Tensor, index: int, token: int, allowed: int) -> Choice:
    return Choice(token, float(shares[index]), entropy_share(shares, allowed), allowed)


def _choose(weights: Tensor, temperature: float, generator: torch.Generator | None) -> int:
    if temperature <= 0:
        return int(weights.argmax())
    scaled = torch.softmax(torch.log(weights + 1e-12) / temperature, dim=-1)
    return int(torch.multinomial(scaled, 1, generator=generator))
