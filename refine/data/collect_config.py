"""Settings of the data collection for the small policy's training."""

from __future__ import annotations

import math

from pydantic import BaseModel, ConfigDict, Field

from policy.vla.checkpoint import PolicySettings
from policy.vla.small import SMALL_SETTINGS

MARGIN_M = 10.0
"""Nothing is collected nearer than this to a route's end, where the expert would stop."""

WEATHERS = tuple(
    f"{sky}{sun}"
    for sun in ("Noon", "Sunset", "Night")
    for sky in (
        "Clear",
        "Cloudy",
        "Wet",
        "WetCloudy",
        "SoftRain",
        "MidRain" if sun == "Sunset" else "MidRainy",
        "HardRain",
    )
)
"""CARLA's presets: every sky by day, at sunset and by night."""


class CollectConfig(BaseModel):
    """What is collected; metres, radians, m/s."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    samples: int = Field(default=96_000, ge=1)
    workers: int = Field(default=2, ge=1)
    """Processes, each with a simulator of its own."""
    seed: int = 1
    policy: PolicySettings = SMALL_SETTINGS
    """What is observed, and how far the labels reach."""
    towns: tuple[str, ...] = ("Millbrook", "Ashford", "Highfield", "Kingsway")
    """Taken in turn, scene by scene."""
    traffic: tuple[int, ...] = (0, 20, 40)
    """Vehicles in the town, drawn anew for each scene."""
    weathers: tuple[str, ...] = WEATHERS
    scene_samples: int = Field(default=400, ge=1)
    """Samples until town, weather and traffic change."""
    route_samples: int = Field(default=30, ge=1)
    """Samples per random route."""
    route_m: float = Field(default=500.0, gt=0)
    offset_m: float = Field(default=0.45, ge=0)
    """Standard deviation of the distance from the lane's middle."""
    offset_most_m: float = Field(default=1.5, ge=0)
    yaw_rad: float = Field(default=math.radians(5.0), ge=0)
    yaw_most_rad: float = Field(default=math.radians(20.0), ge=0)
    turns: float = Field(default=0.2, ge=0, le=1)
    """Share of samples in a junction's turn or right before it."""
    lights: float = Field(default=0.35, ge=0, le=1)
    """Share before a traffic light: most of what goes wrong goes wrong there, and a lamp takes long to learn."""
    followed: float = Field(default=0.2, ge=0, le=1)
    """Share behind another vehicle, where there is one."""

    @property
    def scenes(self) -> int:
        """How many scenes the samples come from."""
        return math.ceil(self.samples / self.scene_samples)
