"""Draws a scene through cameras: one OpenGL context without a window, on Mesa's software rasteriser or on a GPU.

The town goes to graphics memory once; a tick adds the moving things, a view only culls and draws. The same scene and
view give the same bytes.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import moderngl
import numpy as np

from sim.render.gl import BLOOM, OVER, ChunkDraws, DomeDraws, Rows, Target, is_software, open_context
from sim.render.model_store import VERTEX_LAYOUT, ModelStore
from sim.render.models.poses import DOOR_BIT
from sim.render.passes.bars import Bars
from sim.render.passes.label_pass import LabelPass, shown
from sim.render.passes.mirrors import AWAY_M, HungMirror, MirrorPass, hung_mirrors
from sim.render.passes.programs import HOLES, shader
from sim.render.passes.shadows import Shade
from sim.render.passes.sky import dome, dome_colours, light_from_weather
from sim.render.passes.weather_pass import WeatherPass
from sim.render.scene_block import SCENE_BYTES, scene_block
from sim.render.sign_faces import surface_layers
from sim.render.staging import BLOB, CABINS_FROM, GLOW, INSTANCE, INSTANCE_LAYOUT, NOBODY, Placed, Stage, set_stage
from sim.render.textures import SIZE
from sim.scene.camera import eye, seen
from sim.scene.records import CameraView, DrawnLight, SceneState, Shows
from sim.scene.surfaces import LAYERS
from sim.scene.weather import CLEAR_NOON, Weather
from sim.town.town import Town, town_of

log = logging.getLogger(__name__)

ACTOR_REACH_M = 260.0
GLOW_REACH_M = 320.0
DETAIL_M = 40.0  # beyond it vehicles are drawn coarsely
HIGH_UP = 4.0  # a camera sees this many metres further per metre it is above the ground
QUAD = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], "<f4")
QUAD_INDICES = np.array([0, 1, 2, 0, 2, 3], "<u4")


class Renderer:
    """Draws one town. Use it from one thread at a time; `release` frees its graphics memory."""

    def __init__(self, opendrive: str, gpu: int | None = None, mirrors: bool | None = None) -> None:
        """`gpu` chooses among EGL's devices; `mirrors`: a cabin's show what is behind; None: with a graphics card."""
        town = self._town = town_of(opendrive)
        self._ctx = open_context(gpu)
        self._owned: list[Any] = []
        self._targets: dict[tuple[int, int], Target] = {}
        self._signals: dict[DrawnLight, Placed] = {}
        self._weather: Weather | None = None
        self._label_pass: LabelPass | None = None
        self._weather_pass: WeatherPass | None = None
        self._bars: Bars | None = None
        self._mirror_pass: MirrorPass | None = None
        self._buffers: dict[str, moderngl.Buffer] = {}
        with self._ctx:
            self._device = str(self._ctx.info["GL_RENDERER"])
            self._scene = self._own(self._ctx.buffer(reserve=SCENE_BYTES, dynamic=True))
            self._surfaces = self._own(self._ctx.texture_array((SIZE, SIZE, LAYERS), 4, surface_layers().tobytes()))
            self._surfaces.build_mipmaps()
            self._surfaces.filter = (moderngl.LINEAR_MIPMAP_NEAREST, moderngl.LINEAR)
            self._make_town()
            self._make_sky()
            self._make_moving()
            if not is_software(self._device) if mirrors is None else mirrors:
                self._mirror_pass = MirrorPass(self._ctx, self._program, self._buffers)
            self._set_weather(CLEAR_NOON)
        log.info("renderer: %s, %d triangles", self.device, len(town.indices) // 3)

    @property
    def device(self) -> str:
        """What draws, in the driver's words."""
        return self._device

    @property
    def town(self) -> Town:
        """What stands still."""
        return self._town

    def draw(self, state: SceneState, views: Sequence[CameraView]) -> list[np.ndarray]:
        """(H, W, 4) uint8 BGRA of every view, alpha 255; the meaning of the bytes depends on the view's `shows`."""
        with self._ctx:
            self._set_weather(state.weather)
            cabins = frozenset(view.hidden_actor_id for view in views if view.cabin)
            stage = set_stage(state, self._light, self._models.model, self._placed, cabins)
            effects = self._effects()
            self._load(stage)
            if effects is not None:
                effects.prepare(state, stage, self._light)
            self._load_bars(state)
            if self._mirror_pass is not None:
                self._mirror_pass.forget()
            drawn: dict[CameraView, dict[Shows, np.ndarray]] = {}
            images = []
            for view in views:
                if view.shows is Shows.COLOUR:
                    images.append(self._draw_view(state, stage, view))
                    continue
                place = replace(view, shows=Shows.COLOUR)
                if place not in drawn:
                    drawn[place] = self._draw_labels(state, stage, place)
                images.append(shown(drawn[place], view.shows))
            return images

    def warm_up(self) -> None:
        """Draw a small picture of every kind, so that no later one waits for programs to be compiled."""
        small = CameraView(64, 36, 90.0, 0.0, 0.0, 2.0)
        rain = Weather(sun_altitude_angle=-20.0, precipitation=60.0, wetness=60.0, precipitation_deposits=60.0)
        for weather in (rain, CLEAR_NOON):
            self.draw(SceneState(weather=weather), [replace(small, shows=shows) for shows in Shows])

    def release(self) -> None:
        """Give all graphics memory back; the renderer cannot be used afterwards."""
        with self._ctx:
            for target in self._targets.values():
                target.release()
            for made in (self._label_pass, self._weather_pass, self._bars, self._mirror_pass):
                if made is not None:
                    made.release()
            for thing in reversed(self._owned):
                thing.release()
            self._release_moving()
        self._targets.clear()
        self._owned.clear()
        self._ctx.release()

    # What stands still

    def _own(self, thing: Any) -> Any:
        self._owned.append(thing)
        return thing

    def _program(self, vertex: str, fragment: str) -> Any:
        program = self._own(self._ctx.program(vertex_shader=vertex, fragment_shader=fragment))
        program["Scene"].binding = 0
        return program

    def _make_town(self) -> None:
        ctx, town = self._ctx, self._town
        program = self._static_program = self._program(shader("static.vert"), shader("static.frag"))
        vertices, indices = (self._own(ctx.buffer(a.tobytes())) for a in (town.vertices, town.indices))
        self._buffers |= {"static": vertices, "static_indices": indices}
        content = [(vertices, "3f4 4f1 3f1 1u1 2f4", "position", "colour", "normal_bytes", "layer", "uv")]
        self.static = ChunkDraws(ctx, self._own(ctx.vertex_array(program, content, indices)), town.chunks)
        program = self._program(shader("static.vert"), shader("static.frag", HOLES=HOLES))
        self.leaves = ChunkDraws(ctx, self._own(ctx.vertex_array(program, content, indices)), town.leaves)
        program = self._program(shader("paint.vert"), shader("paint.frag"))
        vertices, indices = (self._own(ctx.buffer(a.tobytes() or bytes(4))) for a in (town.paint, town.paint_indices))
        self._buffers |= {"paint": vertices, "paint_indices": indices}
        content = [(vertices, "3f4 2f4 1f4 4f1", "position", "side", "grow", "colour")]
        self.paint = ChunkDraws(ctx, self._own(ctx.vertex_array(program, content, indices)), town.paint_chunks)
        self._owned += [self.static, self.leaves, self.paint]
        self._shade = self._own(Shade(ctx, self._program, town.scenery))

    def _make_sky(self) -> None:
        ctx = self._ctx
        self._directions, indices, self._dome = dome()
        program = self._program(shader("sky.vert"), shader("colour.frag", ALPHA=1.0))
        directions = self._own(ctx.buffer(self._directions.tobytes()))
        self._sky_colours = self._own(ctx.buffer(reserve=self._directions.nbytes, dynamic=True))
        content = [(directions, "3f4", "direction"), (self._sky_colours, "3f4", "colour")]
        self._buffers |= {"sky": directions, "sky_indices": self._own(ctx.buffer(indices.tobytes()))}
        vao = self._own(ctx.vertex_array(program, content, self._buffers["sky_indices"]))
        self.sky = self._own(DomeDraws(ctx, vao, self._dome))

    # What moves

    def _make_moving(self) -> None:
        ctx = self._ctx
        self._actor_program = self._program(shader("actor.vert"), shader("colour.frag", ALPHA=1.0))
        self._blob_program = self._program(shader("blob.vert"), shader("blob.frag"))
        self._glow_program = self._program(shader("glow.vert"), shader("glow.frag"))
        self._quad = self._own(ctx.buffer(QUAD.tobytes()))
        self._quad_indices = self._own(ctx.buffer(QUAD_INDICES.tobytes()))
        self._buffers |= {"quad": self._quad, "quad_indices": self._quad_indices}
        self._instances, self._blobs, self._glows = Rows(ctx, INSTANCE), Rows(ctx, BLOB), Rows(ctx, GLOW)
        self._commands = Rows(ctx, np.dtype((np.uint32, 5)))
        self._models = ModelStore(ctx)
        self._actors_made_of: tuple[moderngl.Buffer, ...] = ()
        self._vaos: dict[str, moderngl.VertexArray] = {}

    def _release_moving(self) -> None:
        for thing in self._vaos.values():
            thing.release()
        for rows in (self._instances, self._blobs, self._glows, self._commands):
            rows.buffer.release()
        self._models.release()

    def _placed(self, light: DrawnLight) -> Placed:
        if light not in self._signals:
            self._signals[light] = Placed(light, self._town.far_side(light.x, light.y, light.yaw), self._models.model)
        return self._signals[light]

    def _load(self, stage: Stage) -> None:
        """Bring a tick's moving things to the graphics card."""
        self._instances.write(stage.instances)
        made_of = (self._models.vertices, self._models.indices, self._instances.buffer)
        if made_of != self._actors_made_of:
            content = [(self._models.vertices, *VERTEX_LAYOUT), (self._instances.buffer, *INSTANCE_LAYOUT)]
            self._set_vao("actors", self._actor_program, content, self._models.indices)
            self._actor_content, self._actors_made_of = content, made_of
            self._drop_vao("weather_actors")

    def _drop_vao(self, name: str) -> None:
        if name in self._vaos:
            self._vaos.pop(name).release()

    def _set_vao(self, name: str, program: moderngl.Program, content: list, indices: moderngl.Buffer) -> None:
        self._drop_vao(name)
        self._vaos[name] = self._ctx.vertex_array(program, content, indices)

    def _set_weather(self, weather: Weather) -> None:
        if weather == self._weather:
            return
        self._weather = weather
        self._light = light_from_weather(weather)
        self._sky_colours.write(dome_colours(self._directions, self._light).tobytes())
        sky = 0.65 * self._light.haze + 0.35 * self._light.zenith
        self._static_program["pane"] = tuple(1.3 * sky)
        self._static_program["lamp"] = tuple(np.array([3.6, 2.7, 1.5]) * self._light.night)
        self._shade.follow(self._light)

    def _effects(self) -> WeatherPass | None:
        """What draws night, rain and fog; None in dry daylight."""
        if not self._light.effects:
            return None
        if self._weather_pass is None:
            self._weather_pass = WeatherPass(self._ctx, self._program, self._town, self._dome, self._buffers)
        self._weather_pass.static_program["pane"] = tuple(1.3 * (0.65 * self._light.haze + 0.35 * self._light.zenith))
        return self._weather_pass

    def _load_bars(self, state: SceneState) -> None:
        if not state.bars:
            return
        if self._bars is None:
            self._bars = Bars(self._ctx, self._program)
        self._bars.load(state.bars)

    # One picture

    def _draw_view(self, state: SceneState, stage: Stage, view: CameraView) -> np.ndarray:
        frame, mirrors = self._target((view.width, view.height)).framebuffer, self._mirrors(state, stage, view)
        self._draw_world(frame, state, stage, view, mirrors=mirrors)
        image = self._read(frame, view)
        if self._light.effects:
            image[..., 3] = 255  # alpha held where the road is wet
        return image

    def _mirrors(self, state: SceneState, stage: Stage, view: CameraView) -> Sequence[HungMirror]:
        """The mirrors that a view from a cabin sees, with their pictures drawn."""
        if self._mirror_pass is None or not view.cabin:
            return ()
        mirrors = hung_mirrors(stage, view)
        for mirror in mirrors:
            frame = self._mirror_pass.outdated(mirror)
            if frame is not None:
                self._draw_world(frame, state, stage, mirror.view, AWAY_M)
        return mirrors

    def _draw_world(
        self,
        frame: moderngl.Framebuffer,
        state: SceneState,
        stage: Stage,
        view: CameraView,
        away_m: float = 0.0,
        mirrors: Sequence[HungMirror] = (),
    ) -> None:
        """All passes of a colour picture, as detailed as if all were `away_m` farther off."""
        ctx, effects = self._ctx, self._effects()
        if effects is not None:
            effects.light_up(view)
            effects.bind()
        self._write_scene(state, view)
        frame.use()
        frame.depth_mask = True
        haze = self._light.haze
        frame.clear(float(haze[2]), float(haze[1]), float(haze[0]), 1.0)
        self._scene.bind_to_uniform_block(0)
        self._surfaces.use(0)
        ctx.enable_only(moderngl.DEPTH_TEST | moderngl.CULL_FACE)
        ctx.depth_func = "<="
        ctx.front_face = "ccw"
        further = HIGH_UP * max(view.z - 10.0, 0.0)
        look = self if effects is None else effects
        # The nearest first: what a cabin or a car ahead hides of the town is then not shaded.
        self._draw_actors(stage, view, further, away_m)
        look.static.draw(view, further, away_m)
        ctx.enable_only(moderngl.DEPTH_TEST)
        look.leaves.draw(view, further, away_m)
        if self._mirror_pass is not None and mirrors:
            self._mirror_pass.draw(mirrors, 0.0 if self._light.effects else 1.0)
        frame.depth_mask = False
        ctx.enable_only(moderngl.DEPTH_TEST | moderngl.BLEND)
        ctx.blend_func = OVER  # type: ignore[assignment]
        look.paint.draw(view, further)
        self._shade.draw(view, further)
        self._draw_quads("blobs", stage.blobs[stage.blobs["owner"] != view.hidden_actor_id], view)
        frame.depth_mask = True
        ctx.enable_only(moderngl.DEPTH_TEST)
        look.sky.draw(view)
        if state.bars and self._bars is not None:
            self._bars.draw()
        frame.depth_mask = False
        ctx.enable_only(moderngl.DEPTH_TEST | moderngl.BLEND)
        glows = stage.glows[stage.glow_owner != view.hidden_actor_id]
        if effects is None:
            ctx.blend_func = BLOOM  # type: ignore[assignment]
            self._draw_quads("glows", glows, view)
            return
        glows = effects.glows(self._light, glows)
        effects.draw_glows(glows[seen(view, glows["at"][:, :3], 6.0, GLOW_REACH_M)], self._light.wet)
        ctx.blend_func = OVER  # type: ignore[assignment]
        effects.draw_rain(view, self._light.rain)

    def _read(self, frame: moderngl.Framebuffer, view: CameraView) -> np.ndarray:
        image = np.empty((view.height, view.width, 4), np.uint8)
        frame.read_into(image, components=4)
        return image

    def _target(self, size: tuple[int, int]) -> Target:
        if size not in self._targets:
            self._targets[size] = Target.make(self._ctx, size)
        return self._targets[size]

    def _write_scene(self, state: SceneState, view: CameraView) -> None:
        rows = None if self._weather_pass is None else self._weather_pass.block(self._light)
        self._scene.write(scene_block(state, view, self._light, rows).tobytes())

    def _draw_labels(self, state: SceneState, stage: Stage, view: CameraView) -> dict[Shows, np.ndarray]:
        if self._label_pass is None:
            self._label_pass = LabelPass(self._ctx, self._program, self._town, self._buffers)
        self._surfaces.use(0)
        self._label_pass.load(stage, self._models.vertices, self._models.indices, self._instances.buffer)
        self._write_scene(state, view)
        self._scene.bind_to_uniform_block(0)
        self._ctx.front_face = "ccw"
        further = HIGH_UP * max(view.z - 10.0, 0.0)
        count = self._command_actors(stage, view, further)
        return self._label_pass.draw(view, further, self._commands.buffer, count)

    def _draw_actors(self, stage: Stage, view: CameraView, further: float, away_m: float) -> None:
        count = self._command_actors(stage, view, further, away_m)
        if not count:
            return
        name = "actors"
        if self._light.effects and self._weather_pass is not None:
            name = "weather_actors"
            if name not in self._vaos:
                program = self._weather_pass.actor_program
                self._set_vao(name, program, self._actor_content, self._models.indices)
        self._vaos[name].render_indirect(self._commands.buffer, count=count)

    def _command_actors(self, stage: Stage, view: CameraView, further: float, away_m: float = 0.0) -> int:
        """Write the indirect draws of the instances in view; gives their number."""
        if not len(stage.owner):
            return 0
        chosen = seen(view, stage.centre, stage.radius, ACTOR_REACH_M + further)
        owner = stage.owner[chosen]
        inside = CABINS_FROM - view.hidden_actor_id if view.cabin else NOBODY
        chosen = chosen[(owner != view.hidden_actor_id) & ((owner > CABINS_FROM) | (owner == inside))]
        if not len(chosen):
            return 0
        commands = np.zeros((len(chosen), 5), np.uint32)
        commands[:, 1], commands[:, 4] = 1, chosen
        coarse = np.linalg.norm(stage.centre[chosen] - eye(view), axis=1) > DETAIL_M - away_m
        with_doors = stage.instances["flags"][chosen] >> DOOR_BIT > 0
        rows = zip(commands, chosen.tolist(), coarse.tolist(), with_doors.tolist(), strict=True)
        for command, i, is_far, has_doors in rows:
            command[2], command[0] = self._models.ranges(stage.keys[i])[is_far].drawn(has_doors)
        self._commands.write(commands)
        return len(chosen)

    def _draw_quads(self, name: str, rows: np.ndarray, view: CameraView) -> None:
        rows = rows[seen(view, rows["at"][:, :3], 6.0, GLOW_REACH_M)] if len(rows) else rows
        if not len(rows):
            return
        buffer = self._blobs if name == "blobs" else self._glows
        if buffer.write(rows) or name not in self._vaos:
            if name == "blobs":
                program, layout = self._blob_program, ("4f4 4f4 4x/i", "at", "sides")
            else:
                program, layout = self._glow_program, ("4f4 4f4 3f4 4x/i", "at", "facing", "colour")
            content = [(self._quad, "2f4", "corner"), (buffer.buffer, *layout)]
            self._set_vao(name, program, content, self._quad_indices)
        self._vaos[name].render(instances=len(rows))
