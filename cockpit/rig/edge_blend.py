"""Edge blending and colour: what every pixel of a display's picture is multiplied with, pure functions.

Two projectors that overlap add their light. Each fades out over the overlap so that in linear light both shares are one
together: P. Bourke's ramp ("Edge blending using commodity projectors", 2004), 0.5 (2x)^p up to the middle and its point
reflection after it, put through the projector's gamma. Gains are in linear light too.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

Width = Annotated[float, Field(ge=0.0, le=0.5)]

RAMP_POWER = 2.0
"""Bourke's p: 1 is a straight ramp, 2 an S that hides its ends."""


class Blend(BaseModel):
    """How wide the ramps are, as shares of the picture's width (left, right) or height (top, bottom)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    left: Width = 0.0
    right: Width = 0.0
    top: Width = 0.0
    bottom: Width = 0.0
    gamma: Annotated[float, Field(ge=0.5, le=4.0)] = 2.2
    """The display's exponent from pixel value to light."""


def ramp(share: NDArray[np.float64]) -> NDArray[np.float64]:
    """Light that this projector gives at `share` 0..1 of the way into the overlap; ramp(x) + ramp(1 - x) = 1."""
    x = np.clip(share, 0.0, 1.0)
    return np.where(x < 0.5, 0.5 * (2 * x) ** RAMP_POWER, 1.0 - 0.5 * (2 * (1 - x)) ** RAMP_POWER)


def multiplier(
    width: int, height: int, blend: Blend | None, gain: tuple[float, float, float] = (1.0, 1.0, 1.0)
) -> NDArray[np.float64]:
    """(height, width, 3) factors 0..1 on pixel values; the gains are those of red, green and blue."""
    edges = blend if blend is not None else Blend()
    x, y = (np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height
    light_x = _edge(x, edges.left) * _edge(1 - x, edges.right)
    light_y = _edge(y, edges.top) * _edge(1 - y, edges.bottom)
    light = light_y[:, None, None] * light_x[None, :, None] * np.asarray(gain)
    return light ** (1.0 / edges.gamma)


def _edge(distance: NDArray[np.float64], width: float) -> NDArray[np.float64]:
    return ramp(distance / width) if width > 0.0 else np.ones_like(distance)
