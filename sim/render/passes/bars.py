"""Bars in the world that no light changes: what debug shapes are drawn with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import moderngl
import numpy as np

from sim.render.gl import Rows
from sim.render.passes.programs import shader
from sim.scene.records import Bar
from sim.town.solids import BOX_FACES

BAR = np.dtype([("middle", "<f4", 3), ("along", "<f4", 3), ("aside", "<f4", 3), ("up", "<f4", 3), ("colour", "<f4", 3)])
THINNEST_M = 0.01


class Bars:
    """Draws bars; made when the first one is asked for."""

    def __init__(self, ctx: moderngl.Context, program: Callable[[str, str], Any]) -> None:
        """`program` compiles and owns."""
        self._ctx, self._rows = ctx, Rows(ctx, BAR)
        signs = [(x, y, z) for z in (-1, 1) for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
        self._corners = ctx.buffer(np.array(signs, np.float32).tobytes())
        self._faces = ctx.buffer(BOX_FACES.astype(np.uint32).tobytes())
        self._program = program(shader("bar.vert"), shader("colour.frag", ALPHA=1.0))
        self._vao: moderngl.VertexArray | None = None
        self._count = 0

    def load(self, bars: Sequence[Bar]) -> None:
        """Take a tick's bars."""
        self._count = len(bars)
        if self._rows.write(bar_rows(bars)) or self._vao is None:
            if self._vao is not None:
                self._vao.release()
            layout = "3f4 3f4 3f4 3f4 3f4/i", "middle", "along", "aside", "up", "colour"
            content = [(self._corners, "3f4", "corner"), (self._rows.buffer, *layout)]
            self._vao = self._ctx.vertex_array(self._program, content, self._faces)

    def draw(self) -> None:
        """Draw them all, from both sides."""
        if self._vao is not None and self._count:
            self._vao.render(instances=self._count)

    def release(self) -> None:
        """Give its graphics memory back."""
        for thing in (self._vao, self._corners, self._faces, self._rows.buffer):
            if thing is not None:
                thing.release()


def bar_rows(bars: Sequence[Bar]) -> np.ndarray:
    """(n,) `BAR`: middle and half axes of each bar."""
    rows = np.zeros(len(bars), BAR)
    if not len(bars):
        return rows
    start, end = (np.array([getattr(bar, name) for bar in bars]) for name in ("start", "end"))
    half = np.maximum(np.array([bar.thickness_m for bar in bars]), THINNEST_M)[:, None] / 2.0
    along = (end - start) / 2.0
    length = np.linalg.norm(along, axis=1, keepdims=True)
    ahead = np.where(length > 1e-9, along / np.maximum(length, 1e-9), [1.0, 0.0, 0.0])
    plumb = np.abs(ahead[:, 2:]) > 0.9
    aside = np.cross(ahead, np.where(plumb, [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]))
    aside /= np.linalg.norm(aside, axis=1, keepdims=True)
    rows["middle"], rows["along"] = (start + end) / 2.0, along
    rows["aside"], rows["up"] = aside * half, np.cross(ahead, aside) * half
    rows["colour"] = np.array([bar.rgb for bar in bars]) / 255.0
    return rows
