"""Night, rain, fog and wet roads: the programs that light each pixel, the lamp map they read, streaks and falling rain.

Made when the first such weather comes; dry daylight never pays for it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import moderngl
import numpy as np

from sim.render.gl import BLOOM, ChunkDraws, DomeDraws, Rows
from sim.render.passes.lamps import BEAM_M, LAMP, Shining, street_lamps, vehicle_lamps
from sim.render.passes.programs import HOLES, shader, weather_shader
from sim.render.passes.sky import Light
from sim.render.staging import GLOW, Stage
from sim.render.textures import tiling_noise
from sim.scene.camera import axes, focal
from sim.scene.records import CameraView, SceneState, StreetLamp
from sim.town.mesh import Chunks
from sim.town.town import Town

MAP_PX = 512
METRES_PER_PX = 0.75
SNAP_M = 24.0
RIPPLE_PX = 512
LAMPS_UNIT, RIPPLES_UNIT = 1, 2
ONLY_ON_WET = (moderngl.DST_ALPHA, moderngl.ONE, moderngl.ZERO, moderngl.ONE)
ADD = (moderngl.ONE, moderngl.ONE)
LIGHTS_NOTHING = 0.02


class WeatherPass:
    """What one town's renderer needs for bad weather and night."""

    def __init__(
        self,
        ctx: moderngl.Context,
        program: Callable[[str, str], Any],
        town: Town,
        dome: Chunks,
        buffers: dict[str, moderngl.Buffer],
    ) -> None:
        """`program` compiles and owns; `dome`: the sky's parts; `buffers`: static, paint, sky and quad meshes."""
        self._ctx, self._town = ctx, town
        self._owned: list[Any] = []
        self._map = self._own(ctx.texture((MAP_PX, MAP_PX), 4, dtype="f2"))
        self._map.repeat_x = self._map.repeat_y = False
        self._map_frame = self._own(ctx.framebuffer([self._map]))
        self._ripples = self._own(ctx.texture((RIPPLE_PX, RIPPLE_PX), 4, ripples().tobytes()))
        self._ripples.build_mipmaps()
        self._program = program
        labels = self._own(ctx.buffer(town.labels.tobytes()))
        static = self._made(weather_shader("weather_static.vert"), weather_shader("weather_static.frag"))
        self.static_program = static
        layout = "3f4 4f1 3f1 1u1 2f4", "position", "colour", "normal_bytes", "layer", "uv"
        content = [(buffers["static"], *layout), (labels, "2x 1u2", "thing")]
        vao = self._own(ctx.vertex_array(static, content, buffers["static_indices"]))
        self.static = self._own(ChunkDraws(ctx, vao, town.chunks))
        leaves = self._made(weather_shader("weather_static.vert"), weather_shader("weather_static.frag", HOLES=HOLES))
        vao = self._own(ctx.vertex_array(leaves, content[:1], buffers["static_indices"]))
        self.leaves = self._own(ChunkDraws(ctx, vao, town.leaves))
        content = [(buffers["paint"], "3f4 2f4 1f4 4f1", "position", "side", "grow", "colour")]
        paint = self._made(weather_shader("paint.vert"), weather_shader("weather_paint.frag"))
        vao = self._own(ctx.vertex_array(paint, content, buffers["paint_indices"]))
        self.paint = self._own(ChunkDraws(ctx, vao, town.paint_chunks))
        content = [(buffers["sky"], "3f4", "direction")]
        sky = self._made(weather_shader("weather_sky.vert"), weather_shader("weather_sky.frag"))
        vao = self._own(ctx.vertex_array(sky, content, buffers["sky_indices"]))
        self.sky = self._own(DomeDraws(ctx, vao, dome))
        self.actor_program = self._made(weather_shader("actor.vert"), weather_shader("colour.frag"))
        self._rain_program = self._made(weather_shader("rain.vert"), weather_shader("rain.frag"))
        self._rain = self._quad(self._rain_program, buffers, None, "")
        self._rows, self._glows = Rows(ctx, LAMP), Rows(ctx, GLOW)
        self._lamp_program = ctx.program(vertex_shader=shader("lamp_map.vert"), fragment_shader=shader("lamp_map.frag"))
        self._owned.append(self._lamp_program)
        self._glow_program = self._made(weather_shader("glow.vert"), weather_shader("weather_glow.frag"))
        self._streak_program = self._made(weather_shader("streak.vert"), weather_shader("streak.frag"))
        self._buffers = buffers
        self._vaos: dict[str, moderngl.VertexArray] = {}
        self._street: Shining = street_lamps(town.scenery.lamps, {})
        self._street_made_of: dict[int, StreetLamp] = {}
        self._corner, self._side = (0.0, 0.0), 1.0
        self._drawn: tuple[Any, ...] | None = None
        self._shining = np.zeros(0, LAMP)

    def _own(self, thing: Any) -> Any:
        self._owned.append(thing)
        return thing

    def _made(self, vertex: str, fragment: str) -> Any:
        program = self._program(vertex, fragment)
        for name, unit in (("lamps", LAMPS_UNIT), ("ripples", RIPPLES_UNIT)):
            if name in program:
                program[name] = unit
        return program

    def _quad(self, program: Any, buffers: dict[str, moderngl.Buffer], rows: Any, layout: str, *names: str) -> Any:
        content: list[Any] = [(buffers["quad"], "2f4", "corner")]
        if rows is not None:
            content.append((rows.buffer, layout, *names))
        return self._ctx.vertex_array(program, content, buffers["quad_indices"])

    def release(self) -> None:
        """Give its graphics memory back (not the programs, which the renderer owns)."""
        for thing in (*self._vaos.values(), self._rain, *reversed(self._owned)):
            thing.release()
        self._rows.buffer.release()
        self._glows.buffer.release()

    def prepare(self, state: SceneState, stage: Stage, light: Light) -> None:
        """Take a tick's lamps."""
        if dict(state.street_lamps) != self._street_made_of:
            self._street_made_of = dict(state.street_lamps)
            self._street = street_lamps(self._town.scenery.lamps, self._street_made_of)
        self._drawn = None
        if light.lamp_light < LIGHTS_NOTHING:
            self._shining = np.zeros(0, LAMP)
            return
        rows = np.concatenate([self._street.rows, vehicle_lamps(stage)]) if light.street_lamps else vehicle_lamps(stage)
        rows["colour"] *= light.lamp_light
        self._shining = rows

    def light_up(self, view: CameraView) -> None:
        """Draw the lamp map around a view, unless the one of the view before will do."""
        side = MAP_PX * METRES_PER_PX * (1.0 + max(view.z - 10.0, 0.0) / 60.0)
        corner = tuple(float(np.floor((at - side / 2.0) / SNAP_M) * SNAP_M) for at in (view.x, view.y))
        if self._drawn == (corner, side):
            return
        self._drawn, self._corner, self._side = (corner, side), (corner[0], corner[1]), side
        self._map_frame.use()
        self._map_frame.clear(0.0, 0.0, 0.0, 0.0)
        near = np.abs(self._shining["at"][:, :2] - np.array(corner) - side / 2.0).max(axis=1) < side / 2.0 + BEAM_M
        rows = self._shining[near]
        if not len(rows):
            return
        if self._rows.write(rows) or "lamps" not in self._vaos:
            self._set_vao("lamps", self._lamp_program, self._rows, "4f4 4f4 3f4/i", "at", "shape", "colour")
        self._lamp_program["window"] = (*self._corner, 1.0 / side, 0.0)
        self._ctx.enable_only(moderngl.BLEND)
        self._ctx.blend_func = ADD
        self._vaos["lamps"].render(instances=len(rows))

    def block(self, light: Light) -> np.ndarray:
        """(3, 4): the rows of the uniform block that only these programs have."""
        return np.array(
            [
                (*self._corner, 1.0 / self._side, light.puddles),
                (light.rain, light.cloud, light.sun_visible, light.wind),
                (*light.cloud_light, light.sky_clear),
            ],
            np.float32,
        )

    def bind(self) -> None:
        """Put its textures where its programs look for them."""
        self._map.use(LAMPS_UNIT)
        self._ripples.use(RIPPLES_UNIT)

    def glows(self, light: Light, moving: np.ndarray) -> np.ndarray:
        """All blooms: the given ones, and of street lamps while they shine."""
        return np.concatenate([moving, self._street.glows]) if light.street_lamps else moving

    def draw_glows(self, rows: np.ndarray, wet: float) -> None:
        """Lamps' halos, and their streaks on a wet road; blending is additive over what is there."""
        if not len(rows):
            return
        layout = "4f4 4f4 3f4 1f4/i", "at", "facing", "colour", "ground"
        if self._glows.write(rows) or "glows" not in self._vaos:
            self._set_vao("glows", self._glow_program, self._glows, "4f4 4f4 3f4 4x/i", "at", "facing", "colour")
            self._set_vao("streaks", self._streak_program, self._glows, *layout)
        if wet > 0.05:
            self._ctx.blend_func = ONLY_ON_WET  # type: ignore[assignment]
            self._vaos["streaks"].render(instances=len(rows))
        self._ctx.blend_func = BLOOM  # type: ignore[assignment]
        self._vaos["glows"].render(instances=len(rows))

    def draw_rain(self, view: CameraView, rain: float) -> None:
        """Falling drops."""
        if rain < LIGHTS_NOTHING:
            return
        forward, right, up = axes(view.roll, view.pitch, view.yaw)
        fx, fy = focal(view)
        self._rain_program["tangents"] = (1.0 / fx, 1.0 / fy, view.width, view.height)
        self._rain_program["turn"] = tuple(np.concatenate([right, up, forward]).tolist())
        self._rain.render(instances=3)

    def _set_vao(self, name: str, program: Any, rows: Rows, layout: str, *names: str) -> None:
        if name in self._vaos:
            self._vaos[name].release()
        self._vaos[name] = self._quad(program, self._buffers, rows, layout, *names)


@functools.cache
def ripples() -> np.ndarray:
    """(RIPPLE_PX, RIPPLE_PX, 4) uint8: four noises that tile, 0..1 with a mean of a half."""
    rng = np.random.default_rng(31)
    layers = []
    for cells in ((8, 16, 32, 64), (8, 16, 32, 64), (16, 32, 64, 128), (16, 32, 64, 128)):
        noise = np.sum([tiling_noise(rng, n) * 0.5**k for k, n in enumerate(cells)], axis=0)
        rank = np.empty(noise.size)
        rank[np.argsort(noise.ravel())] = np.arange(noise.size)
        layers.append(rank.reshape(noise.shape) / noise.size)
    return np.round(np.stack(layers, axis=-1) * 255.0).astype(np.uint8)
