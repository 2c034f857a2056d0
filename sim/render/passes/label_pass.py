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
from sim.render.passes.shaders import SCENE
from sim.render.staging import Stage
from sim.scene.labels import LABEL, Tag
from sim.scene.records import CameraView, Shows
from sim.town.town import Town

DEPTH_REACH_M = 1000.0
"""What CARLA's 24 bits of depth stretch to."""

STATIC = (
    SCENE
    + """
in vec3 position; in uint tag; in uint thing;
flat out uvec2 v_label; out float v_depth;
void main() {
    gl_Position = projection * vec4(position - eye.xyz, 1.0);
    v_label = uvec2(tag, thing);
    v_depth = gl_Position.w;
}
"""
)

ACTOR = (
    SCENE
    + """
in vec3 position; in vec2 pivot; in uint part_tag;
in vec4 row_x; in vec4 row_y; in vec4 row_z; in vec4 paint; in uint tag; in uint thing;
flat out uvec2 v_label; out float v_depth;
void main() {
    vec3 p = position;
    if (pivot.x < 1e8) {
        float c = cos(paint.w), s = sin(paint.w);
        vec2 d = p.xy - pivot;
        p.xy = pivot + vec2(c * d.x - s * d.y, s * d.x + c * d.y);
    }
    vec3 world = vec3(dot(row_x, vec4(p, 1.0)), dot(row_y, vec4(p, 1.0)), dot(row_z, vec4(p, 1.0)));
    gl_Position = projection * vec4(world - eye.xyz, 1.0);
    v_label = uvec2(part_tag == 0u ? tag : part_tag, thing);
    v_depth = gl_Position.w;
}
"""
)

# Painted lines are widened far away as in the colour pictures; where they have mostly faded they are left out.
PAINT = (
    SCENE
    + """
in vec3 position; in vec2 side; in float grow;
flat out uvec2 v_label; out float v_depth; out vec3 v_edge;
void main() {
    vec3 relative = position - eye.xyz;
    float depth = length(relative), pixel = depth * haze.w, width = length(side);
    float wanted = clamp(0.5 * pixel, width, width * abs(grow));
    relative.xy += side / width * wanted;
    v_edge = vec3(depth, 0.0, 0.0);
    v_label = uvec2(ROAD_LINES, 0u);
    gl_Position = projection * vec4(relative, 1.0);
    v_depth = gl_Position.w;
}
"""
).replace("ROAD_LINES", f"{int(Tag.ROAD_LINES)}u")

SKY = """
#version 330
in vec2 corner;
flat out uvec2 v_label; out float v_depth;
void main() {
    gl_Position = vec4(corner, 0.0, 1.0);
    v_label = uvec2(SKY, 0u);
    v_depth = 1e9;
}
""".replace("SKY", f"{int(Tag.SKY)}u")

FRAGMENT = """
#version 330
flat in uvec2 v_label; in float v_depth;
layout(location = 0) out vec4 f_depth;
layout(location = 1) out vec4 f_label;
void main() {
    uint d = min(uint(clamp(v_depth / REACH, 0.0, 1.0) * 16777215.0 + 0.5), 16777215u);
    f_depth = vec4(float(d >> 16), float((d >> 8) & 255u), float(d & 255u), 255.0) / 255.0;
    f_label = vec4(float(v_label.y >> 8), float(v_label.y & 255u), float(v_label.x), 255.0) / 255.0;
}
""".replace("REACH", f"{DEPTH_REACH_M:.1f}")

PAINT_FRAGMENT = FRAGMENT.replace("flat in", "in vec3 v_edge;\nflat in").replace(
    "void main() {", "void main() {\n    if (v_edge.x > 190.0) discard;"
)


class LabelPass:
    """Draws depth and labels of a renderer's scene; made when the first such picture is asked for."""

    def __init__(
        self, ctx: moderngl.Context, program: Callable[[str, str], Any], town: Town, buffers: dict[str, moderngl.Buffer]
    ) -> None:
        """`program` compiles and owns; `buffers` has the renderer's static, paint and quad vertices and indices."""
        self._ctx = ctx
        self._actor_program = program(ACTOR, FRAGMENT)
        self._labels = ctx.buffer(town.labels.tobytes())
        content = [(buffers["static"], "3f4 16x", "position"), (self._labels, "1u1 1x 1u2", "tag", "thing")]
        static = ctx.vertex_array(program(STATIC, FRAGMENT), content, buffers["static_indices"])
        content = [(buffers["paint"], "3f4 2f4 1f4 4x", "position", "side", "grow")]
        paint = ctx.vertex_array(program(PAINT, PAINT_FRAGMENT), content, buffers["paint_indices"])
        sky_program = ctx.program(vertex_shader=SKY, fragment_shader=FRAGMENT)
        self._sky = ctx.vertex_array(sky_program, [(buffers["quad"], "2f4", "corner")], buffers["quad_indices"])
        self._static, self._paint = ChunkDraws(ctx, static, town.chunks), ChunkDraws(ctx, paint, town.paint_chunks)
        self._rows = Rows(ctx, LABEL)
        self._targets: dict[tuple[int, int], tuple[Any, ...]] = {}
        self._owned: list[Any] = [self._sky, static, paint, self._static, self._paint, sky_program, self._labels]
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
            (vertices, "3f4 8x 2f4 1u1 3x", "position", "pivot", "part_tag"),
            (instances, "4f4 4f4 4f4 4f4 4x/i", "row_x", "row_y", "row_z", "paint"),
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
        frame.depth_mask = False
        self._ctx.enable_only(moderngl.DEPTH_TEST)
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
