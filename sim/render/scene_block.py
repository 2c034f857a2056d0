"""The uniform block `Scene` that all programs share (`passes/shaders/scene.glsl`): the view, the light and the air."""

from __future__ import annotations

import numpy as np

from sim.render.passes.sky import Light
from sim.scene.camera import axes, eye, focal, projection
from sim.scene.records import CameraView, SceneState

ROWS = 15
"""Four numbers each; the last three are for the programs of `passes.weather_pass`."""
SCENE_BYTES = ROWS * 16


def scene_block(state: SceneState, view: CameraView, light: Light, weather_rows: np.ndarray | None) -> np.ndarray:
    """(ROWS, 4) float32; `weather_rows` are the last three rows, zero in dry daylight."""
    fx, _ = focal(view)
    block = np.empty((ROWS, 4), np.float32)
    block[:4] = projection(view).T
    block[4] = (*eye(view), state.time_s)
    block[5] = (*light.sun_direction, light.night)
    block[6] = (*light.sun, light.wet)
    block[7] = (*light.sky_ambient, light.fog_per_m)
    block[8] = (*light.ground_ambient, light.fog_start_m)
    block[9] = (*light.haze, 2.0 / (fx * view.width))
    block[10] = (*light.zenith, light.fog_thins_per_m)
    block[11] = _own_beam(state, view, light)
    block[12:] = 0.0 if weather_rows is None else weather_rows
    return block


def _own_beam(state: SceneState, view: CameraView, light: Light) -> tuple[float, ...]:
    """Where the headlights shine of the car that the camera is mounted in, and how strongly."""
    own = next((actor for actor in state.actors if actor.actor_id == view.hidden_actor_id), None)
    if own is None or light.night <= 0.0:
        return (*axes(view.roll, view.pitch, view.yaw)[0], 0.0)
    return (*axes(own.roll, own.pitch, own.yaw)[0], 0.55 * light.night)
