"""What the renderer needs of OpenGL: a context without a window, pictures to draw into, and culled indexed draws."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import moderngl
import numpy as np

from sim.scene.camera import coarseness, seen
from sim.scene.records import CameraView
from sim.town.mesh import Chunks

OVER = (moderngl.SRC_ALPHA, moderngl.ONE_MINUS_SRC_ALPHA, moderngl.ZERO, moderngl.ONE)
BLOOM = (moderngl.ONE, moderngl.ONE_MINUS_SRC_ALPHA, moderngl.ZERO, moderngl.ONE)


SOFTWARE = ("llvmpipe", "softpipe", "swrast", "swr")
"""Words in the names of what draws on a CPU."""


def is_software(device: str) -> bool:
    """Whether what draws, in the driver's words, is a CPU."""
    return any(word in device.lower() for word in SOFTWARE)


def open_context(gpu: int | None) -> moderngl.Context:
    """A context without a window; `gpu` chooses among EGL's devices.

    Raises:
        RuntimeError: there is no usable EGL; says what to install.
    """
    options: dict[str, Any] = {"backend": "egl", "libgl": "libGL.so.1", "libegl": "libEGL.so.1"}
    if gpu is not None:
        options["device_index"] = gpu
    try:
        return moderngl.create_context(require=430, standalone=True, **options)
    except Exception as error:  # moderngl raises plain Exception
        raise RuntimeError(
            f"cannot draw without a window: EGL gave no OpenGL 4.3 context ({error}); install libegl1, libgl1 and "
            "libgl1-mesa-dri, or start the simulator with --no-rendering"
        ) from error


@dataclass(frozen=True)
class Target:
    """A picture in graphics memory."""

    framebuffer: moderngl.Framebuffer
    colour: moderngl.Renderbuffer
    depth: moderngl.Renderbuffer

    @classmethod
    def make(cls, ctx: moderngl.Context, size: tuple[int, int]) -> Target:
        """A picture of (width, height) pixels."""
        colour, depth = ctx.renderbuffer(size, 4), ctx.depth_renderbuffer(size)
        return cls(ctx.framebuffer([colour], depth), colour, depth)

    def release(self) -> None:
        """Give its memory back."""
        for part in (self.framebuffer, self.colour, self.depth):
            part.release()


class ChunkDraws:
    """One indirect draw of the chunks that a view sees."""

    def __init__(self, ctx: moderngl.Context, vao: moderngl.VertexArray, chunks: Chunks) -> None:
        self._vao, self._chunks = vao, chunks
        self._all = np.zeros((len(chunks.first), 5), np.uint32)
        self._all[:, 0], self._all[:, 1], self._all[:, 2] = chunks.count, 1, chunks.first
        self._last = np.where(chunks.reach > 5000.0, 1e6, 0.0)  # the ground lies behind all that stands on it
        self._chosen = ctx.buffer(reserve=max(self._all.nbytes, 20), dynamic=True)

    def draw(self, view: CameraView, further_m: float, away_m: float = 0.0) -> int:
        """Draw what is in view, nearest first; returns the number of triangles.

        What has a reach is drawn `further_m` beyond it. All is as detailed as if it were `away_m` farther off.
        """
        chunks = self._chunks
        distance = np.linalg.norm(chunks.cell - np.array([view.x, view.y]), axis=1)
        coarse = coarseness(view) * distance + away_m
        near = np.flatnonzero((coarse < chunks.reach + further_m) & (coarse >= chunks.begin))
        chosen = near[seen(view, chunks.centre[near], chunks.radius[near])]
        chosen = chosen[np.argsort(distance[chosen] + self._last[chosen], kind="stable")]
        if not len(chosen):
            return 0
        draws = joined(self._all[chosen])
        self._chosen.write(draws.tobytes())
        self._vao.render_indirect(self._chosen, count=len(draws))
        return int(chunks.count[chosen].sum()) // 3

    def release(self) -> None:
        """Give its memory back."""
        self._chosen.release()


class DomeDraws:
    """The parts of the sky that a view sees."""

    def __init__(self, ctx: moderngl.Context, vao: moderngl.VertexArray, parts: Chunks) -> None:
        self._draws = ChunkDraws(ctx, vao, parts)

    def draw(self, view: CameraView) -> int:
        """Draw what is in view; returns the number of triangles."""
        return self._draws.draw(replace(view, x=0.0, y=0.0, z=0.0), 0.0)

    def release(self) -> None:
        """Give its memory back."""
        self._draws.release()


def joined(draws: np.ndarray) -> np.ndarray:
    """(m, 5) indirect draws, m <= n, of the same triangles in the same order: a draw costs more than its triangles."""
    begins = np.flatnonzero(np.concatenate([[True], draws[1:, 2] != draws[:-1, 2] + draws[:-1, 0]]))
    fewer = draws[begins]
    fewer[:, 0] = np.add.reduceat(draws[:, 0], begins)
    return fewer


class Rows:
    """A buffer of numpy rows that grows."""

    def __init__(self, ctx: moderngl.Context, dtype: np.dtype, capacity: int = 256) -> None:
        self._ctx, self._dtype = ctx, dtype
        self.buffer = ctx.buffer(reserve=capacity * dtype.itemsize, dynamic=True)

    def write(self, rows: np.ndarray) -> bool:
        """Put the rows in; True when there is a new (bigger) buffer."""
        grown = rows.nbytes > self.buffer.size
        if grown:
            self.buffer.release()
            self.buffer = self._ctx.buffer(reserve=2 * rows.nbytes, dynamic=True)
        if len(rows):
            self.buffer.write(rows.tobytes())
        return grown
