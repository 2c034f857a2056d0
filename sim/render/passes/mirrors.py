"""The mirrors of a cabin: what is behind, drawn small by the renderer's own passes, and laid on the glass.

Each glass has one small picture, that of a camera at its middle which looks back (`sim.render.models.cabin.Glass`). It
is drawn once a tick and car, and only for cameras at the driver's eye that have the glass in view.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import moderngl
import numpy as np

from sim.render.models.cabin import Glass, glasses
from sim.render.passes.programs import shader
from sim.render.staging import Stage
from sim.scene.camera import axes, seen
from sim.scene.records import CameraView

AWAY_M = 30.0
"""What a mirror shows is as coarse as what a camera sees that much farther off."""
PICTURE_PX = ((176, 40), (128, 80), (128, 80))
"""Sizes of the pictures of the inner mirror, the left and the right one: square pixels on the glass."""
BEHIND_UNIT = 3
OFF_GLASS_M = 0.003


@dataclass(frozen=True)
class HungMirror:
    """A mirror where it is in the world (m): its number in its car, and the view that its picture is drawn from."""

    number: int
    actor_id: int
    view: CameraView
    middle: tuple[float, float, float]
    across: tuple[float, float, float]
    upward: tuple[float, float, float]


def hung_mirrors(stage: Stage, view: CameraView) -> list[HungMirror]:
    """The mirrors that a view from a driver's eye sees."""
    found = np.flatnonzero(stage.owner == view.hidden_actor_id)
    if not len(found):
        return []
    row, (_, extent_m) = stage.instances[found[0]], stage.keys[found[0]]
    place = np.stack([row["row_x"], row["row_y"], row["row_z"]]).astype(float)
    hung = [_hang(k, glass, place, view.hidden_actor_id) for k, glass in enumerate(glasses(extent_m))]
    middles = np.array([mirror.middle for mirror in hung])
    radii = np.array([np.linalg.norm(np.add(mirror.across, mirror.upward)) for mirror in hung])
    return [hung[k] for k in sorted(seen(view, middles, radii).tolist())]


def _hang(number: int, glass: Glass, place: np.ndarray, actor_id: int) -> HungMirror:
    turn, at = place[:, :3], place[:, 3]
    middle = turn @ np.array(glass.centre) + at
    look = axes(0.0, glass.pitch_rad, math.pi - glass.side * glass.outward_rad) @ turn.T
    forward, right, up = look.tolist()
    return HungMirror(
        number,
        actor_id,
        CameraView(
            *PICTURE_PX[number],
            glass.fov_deg,
            *middle.tolist(),
            roll=math.atan2(-right[2], up[2]),
            pitch=math.asin(min(max(forward[2], -1.0), 1.0)),
            yaw=math.atan2(forward[1], forward[0]),
            hidden_actor_id=-1 if glass.shows_car else actor_id,
        ),
        tuple(middle - OFF_GLASS_M * turn[:, 0]),
        tuple(glass.half_width_m * turn[:, 1]),
        tuple(glass.half_height_m * turn[:, 2]),
    )


class MirrorPass:
    """The mirrors' pictures in graphics memory; made when the first cabin is drawn."""

    def __init__(
        self, ctx: moderngl.Context, program: Callable[[str, str], Any], buffers: dict[str, moderngl.Buffer]
    ) -> None:
        """`program` compiles and owns; `buffers` has the renderer's quad."""
        self._program = program(shader("mirror.vert"), shader("mirror.frag"))
        self._program["behind"] = BEHIND_UNIT
        content = [(buffers["quad"], "2f4", "corner")]
        self._glass = ctx.vertex_array(self._program, content, buffers["quad_indices"])
        self._pictures = [ctx.texture(size, 4) for size in PICTURE_PX]
        depths = [ctx.depth_renderbuffer(size) for size in PICTURE_PX]
        pairs = zip(self._pictures, depths, strict=True)
        self._frames = [ctx.framebuffer([picture], depth) for picture, depth in pairs]
        self._owned = [self._glass, *self._frames, *self._pictures, *depths]
        for picture in self._pictures:
            picture.repeat_x = picture.repeat_y = False
        self._shown: dict[int, int] = {}

    def forget(self) -> None:
        """A new tick: what the pictures show is no longer so."""
        self._shown.clear()

    def outdated(self, mirror: HungMirror) -> moderngl.Framebuffer | None:
        """What to draw a mirror's picture into; None when it is drawn already."""
        if self._shown.get(mirror.number) == mirror.actor_id:
            return None
        self._shown[mirror.number] = mirror.actor_id
        return self._frames[mirror.number]

    def draw(self, mirrors: Sequence[HungMirror], alpha: float) -> None:
        """Lay the pictures on the glasses, in the view of the scene's block; `alpha` is what the picture's holds."""
        self._program["alpha"] = alpha
        for mirror in mirrors:
            for name in ("middle", "across", "upward"):
                self._program[name] = getattr(mirror, name)
            self._pictures[mirror.number].use(BEHIND_UNIT)
            self._glass.render()

    def release(self) -> None:
        """Give its graphics memory back (not the program, which the renderer owns)."""
        for thing in self._owned:
            thing.release()
