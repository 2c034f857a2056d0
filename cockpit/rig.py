"""The rig: how many screens the driver sits in front of, where they stand, and where the driver's eye is.

Read from YAML (`assets/rigs/*.yaml`, or a file of one's own). A rig says what is in the room; which cameras the world
must have for it follows by `cockpit.projection`.
"""

from __future__ import annotations

import math
from importlib import resources
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from cockpit.cameras import CameraSpec
from cockpit.config import ConfigError, load_yaml
from cockpit.projection import ScreenPlane, ScreenView, view_from_eye

Vector3 = tuple[float, float, float]
Positive = Annotated[float, Field(gt=0.0)]
Pixels = Annotated[int, Field(ge=16, le=7680)]

RESERVED_NAMES = frozenset({"front"})
"""Camera names the session needs itself: the policy looks through 'front'."""


class Screen(BaseModel):
    """One flat screen (monitor or projection wall)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    """Lower case; the screen's camera has this name in every recorded tick."""
    position_m: Vector3
    """The screen's middle: x forward, y right, z up in the rig frame."""
    yaw_deg: Annotated[float, Field(ge=-180, le=180)] = 0.0
    """Direction in which one looks at the screen square on; right positive, so a left screen has a negative one."""
    pitch_deg: Annotated[float, Field(ge=-90, le=90)] = 0.0
    """Upward positive: 90 is a ceiling, -90 a floor."""
    roll_deg: Annotated[float, Field(ge=-180, le=180)] = 0.0
    size_m: tuple[Positive, Positive]
    """Width and height of the picture area."""
    resolution_px: tuple[Pixels, Pixels]
    """Columns and rows that are rendered; the window scales them to the display."""
    display: str | int | None = None
    """Which display shows it: the window system's name for it (`takeover doctor` lists them), its index, or nothing."""

    def plane(self) -> ScreenPlane:
        """The screen in radians, as `cockpit.projection` wants it."""
        return ScreenPlane(
            name=self.name,
            centre_m=self.position_m,
            yaw_rad=math.radians(self.yaw_deg),
            pitch_rad=math.radians(self.pitch_deg),
            roll_rad=math.radians(self.roll_deg),
            size_m=self.size_m,
            resolution_px=self.resolution_px,
        )


class Rig(BaseModel):
    """Screens around a driver, and the driver's place in the vehicle."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    description: str = ""
    eye_in_rig_m: Vector3 = (0.0, 0.0, 0.0)
    """The driver's eye (between both) in the rig frame."""
    eye_in_vehicle_m: Vector3
    """The same eye in the ego frame: origin at the vehicle's reference point on the ground."""
    hud_screen: str | None = None
    """The screen that carries speed and messages; by default the one nearest to straight ahead."""
    screens: Annotated[tuple[Screen, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _names_fit_and_screens_are_visible(self) -> Rig:
        names = [screen.name for screen in self.screens]
        doubles = sorted({name for name in names if names.count(name) > 1})
        if doubles:
            raise ValueError(f"screens: the name '{doubles[0]}' is used twice; give every screen its own name")
        taken = RESERVED_NAMES.intersection(names)
        if taken:
            raise ValueError(f"screens: '{min(taken)}' is the policy's camera; call the screen e.g. 'centre'")
        if self.hud_screen is not None and self.hud_screen not in names:
            raise ValueError(f"hud_screen: no screen is called '{self.hud_screen}'; there are {', '.join(names)}")
        self.views()
        return self

    def views(self) -> tuple[ScreenView, ...]:
        """Every screen with its camera and the map between their pixels, in the rig's order."""
        return tuple(view_from_eye(screen.plane(), self.eye_in_rig_m, self.eye_in_vehicle_m) for screen in self.screens)

    def cameras(self) -> tuple[CameraSpec, ...]:
        """The cameras the world must carry for this rig, one per screen, named like the screens."""
        return tuple(view.camera for view in self.views())

    def hud_screen_name(self) -> str:
        """The screen that carries the instruments."""
        if self.hud_screen is not None:
            return self.hud_screen
        return min(self.screens, key=lambda screen: abs(screen.yaw_deg) + abs(screen.pitch_deg)).name


def rig_names() -> tuple[str, ...]:
    """Names of the rigs that come with the program."""
    folder = resources.files("assets").joinpath("rigs")
    return tuple(sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml")))


def rig_path(name_or_path: str | Path) -> Path:
    """The file of a shipped rig's name, or of a path.

    Raises:
        ConfigError: neither a shipped rig nor a file.
    """
    text = str(name_or_path)
    if text in rig_names():
        return Path(str(resources.files("assets").joinpath("rigs", f"{text}.yaml")))
    path = Path(text).expanduser()
    if path.is_file():
        return path
    raise ConfigError(f"no rig '{text}': it is neither a file nor one of {', '.join(rig_names())}")


def load_rig(name_or_path: str | Path) -> Rig:
    """Read and check a rig.

    Raises:
        ConfigError: the file is missing or wrong; names file, key and what would be right.
    """
    return load_yaml(Rig, rig_path(name_or_path))
