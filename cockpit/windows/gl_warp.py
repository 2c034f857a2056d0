"""Draws a camera's picture through a screen's mesh on the GPU, and multiplies the result with blend ramps and gains.

Works in any OpenGL 3.3 context: a Qt widget's, or one without a window. The mesh carries homogeneous texture
coordinates (`cockpit.rig.projection.texture_coordinates`) that the GPU interpolates and divides at every pixel, so a
flat screen needs two triangles and is exact.
"""

from __future__ import annotations

from typing import Any

import moderngl
import numpy as np
from numpy.typing import NDArray

VERTEX = """
#version 330
in vec2 in_uv;
in vec3 in_texture;
out vec3 texture_place;
void main() {
    gl_Position = vec4(2.0 * in_uv.x - 1.0, 1.0 - 2.0 * in_uv.y, 0.0, 1.0);
    texture_place = in_texture;
}
"""
FRAGMENT = """
#version 330
uniform sampler2D picture;
in vec3 texture_place;
out vec4 colour;
void main() {
    vec2 place = texture_place.xy / texture_place.z;
    bool is_inside = texture_place.z > 0.0 && place == clamp(place, 0.0, 1.0);
    colour = is_inside ? vec4(texture(picture, place).rgb, 1.0) : vec4(0.0, 0.0, 0.0, 1.0);
}
"""
EGL: dict[str, Any] = {"backend": "egl", "libgl": "libGL.so.1", "libegl": "libEGL.so.1"}
"""moderngl's way to EGL; the names are those that are there without development packages."""
WHOLE_UV = np.array([[[0.0, 0.0], [1.0, 0.0]], [[0.0, 1.0], [1.0, 1.0]]])
WHOLE_TEXTURE = np.concatenate([WHOLE_UV, np.ones((2, 2, 1))], axis=2)


class GlWarp:
    """One screen's drawing in one OpenGL context. The caller binds the framebuffer and sets the viewport."""

    def __init__(self, context: moderngl.Context) -> None:
        self.context = context
        self._program = context.program(vertex_shader=VERTEX, fragment_shader=FRAGMENT)
        self._aligned = context.texture((1, 1), 4, bytes(4), alignment=4)
        self._picture: moderngl.Texture | None = None
        self._mask: moderngl.Texture | None = None
        self._meshes: dict[tuple[int, int], tuple[moderngl.Buffer, moderngl.VertexArray]] = {}

    def draw(self, picture: NDArray[np.uint8], uv: NDArray[np.float64], texture_places: NDArray[np.float64]) -> None:
        """Fill the viewport with `picture` (H, W, 3), seen through vertices (R, C, 2) and (R, C, 3)."""
        self._picture = self._uploaded(self._picture, picture)
        self.context.disable(moderngl.BLEND | moderngl.DEPTH_TEST | moderngl.CULL_FACE)
        self._render(self._picture, uv, texture_places)

    def set_mask(self, factors: NDArray[np.float64] | None) -> None:
        """(H, W, 3) factors 0..1 that `multiply` uses; None is no change."""
        if self._mask is not None:
            self._mask.release()
        self._mask = None if factors is None else self._uploaded(None, np.round(255 * factors).astype(np.uint8))

    def multiply(self) -> None:
        """Multiply what is in the viewport with the mask."""
        if self._mask is None:
            return
        self.context.disable(moderngl.DEPTH_TEST | moderngl.CULL_FACE)
        self.context.enable(moderngl.BLEND)
        self.context.blend_func = moderngl.DST_COLOR, moderngl.ZERO  # pyright: ignore[reportAttributeAccessIssue]
        self._render(self._mask, WHOLE_UV, WHOLE_TEXTURE)
        self.context.blend_func = moderngl.DEFAULT_BLENDING  # pyright: ignore[reportAttributeAccessIssue]
        self.context.disable(moderngl.BLEND)

    def _uploaded(self, texture: moderngl.Texture | None, picture: NDArray[np.uint8]) -> moderngl.Texture:
        height, width, channels = picture.shape
        data = np.ascontiguousarray(picture)
        if texture is not None and texture.size == (width, height):
            texture.write(data)
        else:
            if texture is not None:
                texture.release()
            texture = self.context.texture((width, height), channels, data, alignment=1)
            texture.filter = moderngl.LINEAR, moderngl.LINEAR
            texture.repeat_x = texture.repeat_y = False
        # GL_UNPACK_ALIGNMENT back to what OpenGL begins with: Qt uploads its letters with it in this same context.
        self._aligned.write(bytes(4), alignment=4)
        return texture

    def _render(self, texture: moderngl.Texture, uv: NDArray[np.float64], texture_places: NDArray[np.float64]) -> None:
        rows, columns = uv.shape[:2]
        if (rows, columns) not in self._meshes:
            self._meshes[rows, columns] = self._mesh(rows, columns)
        buffer, vertices = self._meshes[rows, columns]
        buffer.write(np.concatenate([uv, texture_places], axis=2).astype(np.float32).tobytes())
        texture.use(0)
        vertices.render(moderngl.TRIANGLES)

    def _mesh(self, rows: int, columns: int) -> tuple[moderngl.Buffer, moderngl.VertexArray]:
        corner = np.arange(rows * columns).reshape(rows, columns)[:-1, :-1].ravel()
        cells = corner[:, None] + np.array([0, columns, 1, 1, columns, columns + 1])
        buffer = self.context.buffer(reserve=rows * columns * 5 * 4, dynamic=True)
        indices = self.context.buffer(cells.astype(np.int32).tobytes())
        content = [(buffer, "2f 3f", "in_uv", "in_texture")]
        return buffer, self.context.vertex_array(self._program, content, indices)


def create_offscreen_context() -> moderngl.Context:
    """An OpenGL context without a window (EGL): on the GPU where there is one, else on the CPU."""
    return moderngl.create_context(standalone=True, **EGL)


def is_software(context: moderngl.Context) -> bool:
    """Whether the CPU does the drawing: then a CPU warp is as good and spares the way through OpenGL."""
    name = str(context.info.get("GL_RENDERER", "")).lower()
    return any(word in name for word in ("llvmpipe", "softpipe", "swrast", "software"))
