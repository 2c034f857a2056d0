"""Pictures of what things are and how far off: one drawing gives depth, semantic tags and instances of a view.

The geometry is that of the colour pictures, without light, air and bloom. Three such pictures from one place cost one
drawing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import moderngl
import numpy as np

from sim.render.gl import ChunkDraws, Rows
from sim.render.passes.programs import HOLES, shader
from sim.render.staging import INSTANCE_LAYOUT, Stage
from sim.scene.labels import LABEL, Tag
from sim.scene.records import CameraView, Shows
from sim.town.town import Town

DEPTH_REACH_M = 1000.0
"""The distance that CARLA's largest 24-bit depth stands for."""


class LabelPass:
    """Draws depth and labels of a renderer's scene; made when the first such picture is asked for."""

    def __init__(
        self, ctx: moderngl.Context, program: Callable[[str, str], Any], town: Town, buffers: dict[str, moderngl.Buffer]
    ) -> None:
        """`program` compiles and owns; `buffers` has the renderer's static, paint and quad vertices and indices."""
        self._ctx = ctx
        fragment = shader("label.frag", REACH=DEPTH_REACH_M)
        paint_fragment = shader("label.frag", REACH=DEPTH_REACH_M, PAINT=1)
        self._actor_program = program(shader("label_actor.vert"), fragment)
        self._labels = ctx.buffer(town.labels.tobytes())
        content = [(buffers["static"], "3f4 16x", "position"), (self._labels, "1u1 1x 1u2", "tag", "thing")]
        static = ctx.vertex_array(program(shader("label_static.vert"), fragment), content, buffers["static_indices"])
        content = [(buffers["paint"], "3f4 2f4 1f4 4x", "position", "side", "grow")]
        paint_text = shader("label_paint.vert", ROAD_LINES=f"{int(Tag.ROAD_LINES)}u")
        paint = ctx.vertex_array(program(paint_text, paint_fragment), content, buffers["paint_indices"])
        sky_text = shader("label_sky.vert", SKY=f"{int(Tag.SKY)}u")
        sky_program = ctx.program(vertex_shader=sky_text, fragment_shader=fragment)
        self._sky = ctx.vertex_array(sky_program, [(buffers["quad"], "2f4", "corner")], buffers["quad_indices"])
        labels = (self._labels, "1u1 1x 1u2", "tag", "thing")
        content = [(buffers["static"], "3f4 7x 1u1 2f4", "position", "layer", "uv"), labels]
        leaf_fragment = shader("label.frag", REACH=DEPTH_REACH_M, HOLES=HOLES)
        leaf_program = program(shader("label_static.vert", HOLES=HOLES), leaf_fragment)
        leaves = ctx.vertex_array(leaf_program, content, buffers["static_indices"])
        self._leaves = ChunkDraws(ctx, leaves, town.leaves)
        self._static, self._paint = ChunkDraws(ctx, static, town.chunks), ChunkDraws(ctx, paint, town.paint_chunks)
        self._rows = Rows(ctx, LABEL)
        self._targets: dict[tuple[int, int], tuple[Any, ...]] = {}
        self._owned: list[Any] = [
            self._sky,
            static,
            leaves,
            paint,
            self._leaves,
            self._static,
            self._paint,
            sky_program,
            self._labels,
        ]
        self._actors: moderngl.VertexArray | None = None
        self._actors_made_of: tuple[Any, ...] = ()

    def load(
        self, stage: Stage, vertices: moderngl.Buffer, indices: moderngl.Buffer, instances: moderngl.Buffer
    ) -> None:
        """Bring a tick's labels to the graphics card; the buffers are the renderer's own of this tick."""
        self._rows.write(stage.labels)
        made_of = (vertices, indices, instances, self._rows.buffer)
        if self._actors is not None and made_of == self._actors_made_of:
            return
        if self._actors is not None:
            self._actors.release()
        content = [
            (vertices, "3f4 8x 3f4 1u1 1u1 2x", "position", "pivot", "part_tag", "joint"),
            (instances, *INSTANCE_LAYOUT),
            (self._rows.buffer, "1u1 1x 1u2/i", "tag", "thing"),
        ]
        self._actors = self._ctx.vertex_array(self._actor_program, content, indices)
        self._actors_made_of = made_of

    def draw(
        self, view: CameraView, further_m: float, commands: moderngl.Buffer | None, count: int
    ) -> dict[Shows, np.ndarray]:
        """Depth and labels of a view, (H, W, 4) uint8 BGRA each; `commands` are the actors' indirect draws."""
        frame = self._target((view.width, view.height))
        frame.use()
        frame.depth_mask = True
        frame.clear(0.0, 0.0, 0.0, 1.0)
        self._ctx.enable_only(moderngl.NOTHING)
        self._sky.render()
        self._ctx.enable_only(moderngl.DEPTH_TEST | moderngl.CULL_FACE)
        self._ctx.depth_func = "<="
        self._static.draw(view, further_m)
        self._ctx.enable_only(moderngl.DEPTH_TEST)
        self._leaves.draw(view, further_m)
        frame.depth_mask = False
        self._paint.draw(view, further_m)
        frame.depth_mask = True
        self._ctx.enable_only(moderngl.DEPTH_TEST | moderngl.CULL_FACE)
        if self._actors is not None and commands is not None and count:
            self._actors.render_indirect(commands, count=count)
        return {Shows.DEPTH: _read(frame, view, 0), Shows.INSTANCE: _read(frame, view, 1)}

    def release(self) -> None:
        """Give its graphics memory back."""
        actors = [self._actors] if self._actors is not None else []
        for thing in (*actors, *(part for parts in self._targets.values() for part in parts), *self._owned):
            thing.release()
        self._rows.buffer.release()

    def _target(self, size: tuple[int, int]) -> moderngl.Framebuffer:
        if size not in self._targets:
            colours = [self._ctx.renderbuffer(size, 4), self._ctx.renderbuffer(size, 4)]
            depth = self._ctx.depth_renderbuffer(size)
            self._targets[size] = (self._ctx.framebuffer(colours, depth), *colours, depth)
        return self._targets[size][0]


def _read(frame: moderngl.Framebuffer, view: CameraView, attachment: int) -> np.ndarray:
    image = np.empty((view.height, view.width, 4), np.uint8)
    frame.read_into(image, components=4, attachment=attachment)
    return image


def shown(pictures: dict[Shows, np.ndarray], shows: Shows) -> np.ndarray:
    """One camera's picture out of what a view's drawing gave."""
    if shows is Shows.TAG:
        image = pictures[Shows.INSTANCE].copy()
        image[..., :2] = 0
        return image
    return pictures[shows]
