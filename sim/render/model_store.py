"""The models of what moves, each built once, and their triangles in graphics memory.

A model that comes later is appended; those that are there stay where they are. Buffers grow by doubling.
"""

from __future__ import annotations

from dataclasses import dataclass

import moderngl
import numpy as np

from sim.render.staging import ModelKey, make_model
from sim.town.solids import ACTOR_VERTEX, Model

VERTEX_LAYOUT = (
    "3f4 3f1 1u1 4f1 3f4 1x 1u1 2x", "position", "normal_bytes", "kind", "colour", "pivot", "joint",
)  # fmt: skip
"""`ACTOR_VERTEX` for OpenGL."""
FIRST_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Range:
    """Where one model's indices are; the first `shut` of them leave the doors out."""

    first: int
    shut: int
    count: int

    def drawn(self, with_doors: bool) -> tuple[int, int]:
        """First index and number of indices."""
        return self.first, self.count if with_doors else self.shut


class _Growing:
    """A buffer that keeps its bytes when it grows."""

    def __init__(self, ctx: moderngl.Context) -> None:
        self._ctx = ctx
        self.buffer = ctx.buffer(reserve=FIRST_BYTES)
        self.used = 0

    def append(self, data: bytes) -> None:
        size = self.buffer.size
        while self.used + len(data) > size:
            size *= 2
        if size > self.buffer.size:
            bigger = self._ctx.buffer(reserve=size)
            if self.used:
                self._ctx.copy_buffer(bigger, self.buffer, self.used)
            self.buffer.release()
            self.buffer = bigger
        self.buffer.write(data, offset=self.used)
        self.used += len(data)


class ModelStore:
    """All models seen so far, near and coarse."""

    def __init__(self, ctx: moderngl.Context) -> None:
        self._models: dict[ModelKey, Model] = {}
        self._ranges: dict[ModelKey, tuple[Range, Range]] = {}
        self._vertices, self._indices = _Growing(ctx), _Growing(ctx)

    @property
    def vertices(self) -> moderngl.Buffer:
        """`VERTEX_LAYOUT`; another buffer after one has grown."""
        return self._vertices.buffer

    @property
    def indices(self) -> moderngl.Buffer:
        """4 bytes each; another buffer after one has grown."""
        return self._indices.buffer

    def model(self, key: ModelKey) -> Model:
        """The model of a key as seen from near, built at its first use."""
        if key not in self._models:
            near = self._models[key] = make_model(key)
            far = make_model(key, fine=False) if key[0].startswith("vehicle.") else near
            place = self._load(near)
            self._ranges[key] = (place, place if far is near else self._load(far))
        return self._models[key]

    def ranges(self, key: ModelKey) -> tuple[Range, Range]:
        """Where the model as seen from near and the coarse one are; KeyError before `model` was asked for it."""
        return self._ranges[key]

    def _load(self, model: Model) -> Range:
        assert model.vertices.dtype == ACTOR_VERTEX  # noqa: S101
        base, first = self._vertices.used // ACTOR_VERTEX.itemsize, self._indices.used // 4
        self._vertices.append(model.vertices.tobytes())
        self._indices.append((model.indices + np.uint32(base)).tobytes())
        return Range(first, model.shut_indices, len(model.indices))

    def release(self) -> None:
        """Give the graphics memory back."""
        self._vertices.buffer.release()
        self._indices.buffer.release()
