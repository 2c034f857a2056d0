"""Settings of the data collection for the small policy's training."""

from __future__ import annotations

import math

from pydantic import BaseModel, ConfigDict, Field

from policy.vla.checkpoint import PolicySettings

MARGIN_M = 10.0
"""Nothing is collected nearer than this to a route's end, where the expert would stop."""


class CollectConfig(BaseModel):
    """What is collected; metres, radians, m/s."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    samples: int = Field(default=72_000, ge=1)
    minutes: float | None = Field(default=None, gt=0)
    """Wall time after which collecting ends with what there is."""
    workers: int = Field(default=2, ge=1)
    """Processes, each with a simulator of its own."""
    seed: int = 1
    policy: PolicySettings = PolicySettings()
    """What is observed, and how far the labels reach."""
    traffic: tuple[int, ...] = (0, 12, 25)
    """Vehicles in the town, drawn anew for each scene."""
    weathers: tuple[str, ...] = ("ClearNoon", "ClearNoon", "ClearNoon", "CloudyNoon", "WetNoon", "ClearSunset")
    scene_samples: int = Field(default=1200, ge=1)
    """Samples until weather and traffic change."""
    route_samples: int = Field(default=30, ge=1)
    """Samples per random route."""
    route_m: float = Field(default=500.0, gt=0)
    offset_m: float = Field(default=0.45, ge=0)
    """Standard deviation of the distance from the lane's middle."""
    offset_most_m: float = Field(default=1.5, ge=0)
    yaw_rad: float = Field(default=math.radians(5.0), ge=0)
    yaw_most_rad: float = Field(default=math.radians(20.0), ge=0)
    turns: float = Field(default=0.25, ge=0, le=1)
    """Share of samples in a junction's turn or right before it."""
    lights: float = Field(default=0.55, ge=0, le=1)
    """Share before a traffic light: most of what goes wrong goes wrong there, and a lamp takes long to learn."""
    followed: float = Field(default=0.1, ge=0, le=1)
    """Share behind another vehicle, where there is one."""
    shard: int = Field(default=300, ge=1)
