"""Reads the GLSL texts of the passes from `shaders/`.

In dry daylight light is worked out at vertices, so that the software rasteriser has little to do per pixel; at night,
in rain and in fog (`weather_shader`) it is worked out at every pixel. Colours leave as BGRA, which is what CARLA's
camera images hold.
"""

from __future__ import annotations

import functools
from pathlib import Path

from sim.render.models.poses import ARM_SHARE, DOOR_BIT
from sim.scene import surfaces

FOLDER = Path(__file__).parent / "shaders"
LAYERS = ("ASPHALT", "PAVING", "SHOP", "DOOR", "OFFICE", "LAMP")
"""The surfaces that weather treats differently."""

HOLES = 0.38
"""Where a texture of leaves is less covered than this, there is a hole; below a half, so that crowns far away stay as
dense as near ones."""


def shader(name: str, **defines: object) -> str:
    """The text of `shaders/NAME.glsl`, such as "static.vert", with preprocessor definitions and what it includes."""
    head = "".join(f"#define {key} {value}\n" for key, value in defines.items())
    return "#version 330\n" + head + _included(_text(name))


def weather_shader(name: str, **defines: object) -> str:
    """The text of a program of night, rain and fog; alpha is where a road is wet, 0 unless the shader computes it."""
    return shader(name, WEATHER=1, ALPHA=0.0, **defines, **{layer: float(getattr(surfaces, layer)) for layer in LAYERS})


def _included(text: str) -> str:
    pose = f"const float ARM_SHARE = {ARM_SHARE};\nconst uint DOOR_BIT = {DOOR_BIT}u;\n{_text('pose')}"
    return text.replace('#include "scene.glsl"\n', _text("scene")).replace('#include "pose.glsl"\n', pose)


@functools.cache
def _text(name: str) -> str:
    return (FOLDER / f"{name}.glsl").read_text(encoding="utf-8")
