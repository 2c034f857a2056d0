"""The rig: how many screens the driver sits in front of, where they stand, and where the driver's eye is.

Read from YAML (`assets/rigs/*.yaml`, or a file of one's own; docs/rigs.md). A rig describes the room: screens, mirrors,
an instrument cluster, the head's tracker. The cameras that the world needs for it are computed in
`cockpit.rig.projection` and `cockpit.rig.surface`.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationInfo, model_validator

from cockpit.assets import asset
from cockpit.config import ConfigError, load_yaml
from cockpit.rig.camera_spec import CameraSpec
from cockpit.rig.edge_blend import Blend
from cockpit.rig.head_config import HeadTracking
from cockpit.rig.projection import (
    ScreenPlane,
    ScreenView,
    Vector3,
    angles_from_axes,
    view_from_eye,
)
from cockpit.rig.surface import read_mesh, view_of_surface
from recorder.schema import Pose, is_policy_camera

Positive = Annotated[float, Field(gt=0.0)]
Pixels = Annotated[int, Field(ge=16, le=7680)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
Gain = Annotated[float, Field(ge=0.0, le=1.0)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
MachineName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Region = tuple[int, int, Annotated[int, Field(ge=16)], Annotated[int, Field(ge=16)]]
SQUARE_TO = math.cos(math.radians(89.0))
"""Edge vectors may miss the right angle by one degree: more is a skewed projection, which needs a warp mesh."""


class Shown(BaseModel):
    """Where something is shown: on a display of its own, or as an inset in another screen's picture."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    """Lower case; a camera that feeds it has this name in every recorded tick."""
    display: str | int | None = None
    """Which display shows it: its name or serial number (`takeover doctor` lists them), its index, or nothing."""
    region_px: Region | None = None
    """Left, top, width, height on that display, where several screens share one (a video wall); None: all of it."""
    machine: MachineName | None = None
    """The machine that shows it: a follower's host name, or the name it joined with; None: the one that drives."""


class Screen(Shown):
    """One screen: a monitor or projection wall, flat unless it has a warp mesh."""

    position_m: Vector3
    """The screen's middle: x forward, y right, z up in the rig frame."""
    yaw_deg: Annotated[float, Field(ge=-180, le=180)] = 0.0
    """Direction of a gaze that meets the screen at a right angle; right positive, so negative for a left screen."""
    pitch_deg: Annotated[float, Field(ge=-90, le=90)] = 0.0
    """Upward positive: 90 is a ceiling, -90 a floor."""
    roll_deg: Annotated[float, Field(ge=-180, le=180)] = 0.0
    size_m: tuple[Positive, Positive]
    """Width and height of the picture area."""
    edges_m: tuple[Vector3, Vector3] | None = None
    """Instead of the angles and `size_m`: the vectors along the lower edge to the right and along the left one up."""
    resolution_px: tuple[Pixels, Pixels]
    """Columns and rows that are rendered; the window scales them to the display."""
    warp: Path | None = None
    """Mesh file of a surface that is not flat, relative to the rig's file."""
    blend: Blend | None = None
    """Ramps where projectors overlap."""
    gain: tuple[Gain, Gain, Gain] = (1.0, 1.0, 1.0)
    """Of red, green and blue, in linear light: the brighter projector is turned down to the other's white."""

    @model_validator(mode="before")
    @classmethod
    def _angles_from_edges(cls, data: object) -> object:
        """Two edge vectors say the same as three angles and a size; never both."""
        if not isinstance(data, dict) or data.get("edges_m") is None:
            return data
        doubled = sorted({"yaw_deg", "pitch_deg", "roll_deg", "size_m"}.intersection(data))
        if doubled:
            raise ValueError(f"edges_m and {', '.join(doubled)} say the same twice; keep one of them")
        right, up = (np.asarray(edge, dtype=float) for edge in data["edges_m"])
        width, height = float(np.linalg.norm(right)), float(np.linalg.norm(up))
        if min(width, height) <= 0.0 or abs(right @ up) > SQUARE_TO * width * height:
            raise ValueError("edges_m: the two edges must be longer than 0 and at right angles; else use a warp mesh")
        right, up = right / width, up - right * (right @ up) / width**2
        up = up / np.linalg.norm(up)
        yaw, pitch, roll = angles_from_axes(np.stack([np.cross(right, up), right, up], axis=1))
        angles = {"yaw_deg": math.degrees(yaw), "pitch_deg": math.degrees(pitch), "roll_deg": math.degrees(roll)}
        return {**data, **angles, "size_m": (width, height)}

    def plane(self) -> ScreenPlane:
        """The screen in radians, as `cockpit.rig.projection` expects it."""
        return ScreenPlane(
            name=self.name,
            centre_m=self.position_m,
            yaw_rad=math.radians(self.yaw_deg),
            pitch_rad=math.radians(self.pitch_deg),
            roll_rad=math.radians(self.roll_deg),
            size_m=self.size_m,
            resolution_px=self.resolution_px,
        )


class Inset(Shown):
    """Something with a display of its own or a place in a screen's picture."""

    inset_on: str | None = None
    """The screen in whose picture it appears; None: on a display (or in a pane) of its own."""
    inset_area: tuple[Share, Share, Share, Share] = (0.35, 0.02, 0.3, 0.16)
    """Left, top, width and height as shares of that screen's picture."""
    resolution_px: tuple[Pixels, Pixels] = (480, 160)


class Mirror(Inset):
    """A view to the rear or side: a camera of its own at the mirror, its picture turned over as a mirror does."""

    position_in_vehicle_m: Vector3
    """The mirror in the ego frame: forward, right, up."""
    yaw_deg: Annotated[float, Field(ge=-180, le=180)] = 180.0
    """Where it looks: 180 straight back, a right one less, a left one more (or -165)."""
    pitch_deg: Annotated[float, Field(ge=-90, le=90)] = 0.0
    fov_deg: Annotated[float, Field(ge=5, le=150)] = 40.0
    """Across; flat mirrors show 20 to 30 degrees, convex ones up to 60."""

    def view(self) -> ScreenView:
        """The mirror's camera, and the map that turns its picture over."""
        width, height = self.resolution_px
        place = Pose(*self.position_in_vehicle_m, pitch=math.radians(self.pitch_deg), yaw=math.radians(self.yaw_deg))
        camera = CameraSpec(self.name, width, height, math.radians(self.fov_deg), place)
        plane = ScreenPlane(self.name, (1.0, 0.0, 0.0), 0.0, 0.0, 0.0, (1.0, height / width), self.resolution_px)
        flip = np.array([[-1.0, 0.0, width], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
        return ScreenView(plane, camera, flip, 0.0, is_mirror=True)


class Cluster(Inset):
    """The instruments behind the wheel: speed, pedals, who drives. It needs no camera."""

    name: Name = "cluster"
    resolution_px: tuple[Pixels, Pixels] = (960, 360)


class Machines(BaseModel):
    """How the machine that drives and the followers that show some of its screens find each other."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    listen: str = "127.0.0.1"
    """Address at which the driving machine waits for followers; whoever reaches it can watch the drive."""
    port: Annotated[int, Field(ge=0, le=65535)] = 2100
    """0 takes a free one."""
    wait_s: Annotated[float, Field(gt=0.0, le=1.0)] = 0.03
    """How long a frame waits for the followers' pictures before it is shown without them."""


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
    mirrors: tuple[Mirror, ...] = ()
    cluster: Cluster | None = None
    head: HeadTracking = HeadTracking()
    """The tracker that measures the eye; without it the eye stays at `eye_in_rig_m`."""
    machines: Machines = Machines()
    """Where followers join; of use when a screen names a `machine`."""
    _folder: Path = PrivateAttr(default=Path())
    """Where the rig's file lies: its warp meshes are found from there."""

    @model_validator(mode="after")
    def _names_fit_and_screens_are_visible(self, info: ValidationInfo) -> Rig:
        self._folder = Path((info.context or {}).get("folder", "."))
        names = [shown.name for shown in (*self.screens, *self.insets())]
        doubles = sorted({name for name in names if names.count(name) > 1})
        if doubles:
            raise ValueError(f"screens: the name '{doubles[0]}' is used twice; give every screen its own name")
        taken = [name for name in names if is_policy_camera(name)]
        if taken:
            raise ValueError(f"screens: '{min(taken)}' is a policy's camera; call the screen e.g. 'centre'")
        if self.hud_screen is not None and self.hud_screen not in names:
            raise ValueError(f"hud_screen: no screen is called '{self.hud_screen}'; there are {', '.join(names)}")
        hosts = [screen.name for screen in self.screens]
        for inset in self.insets():
            if inset.inset_on is not None and inset.inset_on not in hosts:
                raise ValueError(f"'{inset.name}': inset_on must be one of the screens: {', '.join(hosts)}")
        self.views()
        return self

    def followers(self) -> tuple[str, ...]:
        """Names of the other machines that show screens of this rig."""
        return tuple(dict.fromkeys(part.machine for part in self.shown_alone() if part.machine is not None))

    def of_machine(self, machine: str | None) -> Rig:
        """What one machine shows: its screens, and the insets in them; None is the machine that drives.

        The instruments stay on their screen, wherever it is. There may be no screen at all: then all are elsewhere.
        """
        screens = tuple(screen for screen in self.screens if screen.machine == machine)
        hosts = {screen.name for screen in screens}
        here = {
            inset.name
            for inset in self.insets()
            if (inset.machine == machine if inset.inset_on is None else inset.inset_on in hosts)
        }
        changes = {
            "screens": screens,
            "mirrors": tuple(mirror for mirror in self.mirrors if mirror.name in here),
            "cluster": self.cluster if self.cluster is not None and self.cluster.name in here else None,
            "hud_screen": self.hud_screen_name(),
        }
        return self.model_copy(update=changes)

    def mesh_path(self, warp: Path | str) -> Path:
        """A warp mesh's file."""
        return self._folder / warp

    def insets(self) -> tuple[Inset, ...]:
        """Mirrors and the instrument cluster."""
        return (*self.mirrors, self.cluster) if self.cluster is not None else self.mirrors

    def shown_alone(self) -> tuple[Shown, ...]:
        """All that needs a display or a pane of its own: the screens, and insets that are in no screen's picture."""
        return (*self.screens, *(inset for inset in self.insets() if inset.inset_on is None))

    def views(self) -> tuple[ScreenView, ...]:
        """Every screen with its camera and the map between their pixels, in the rig's order; mirrors come last."""
        return (*(self._view(screen) for screen in self.screens), *(mirror.view() for mirror in self.mirrors))

    def cameras(self) -> tuple[CameraSpec, ...]:
        """The cameras the world must carry for this rig, one a screen and mirror, with their names."""
        return tuple(view.camera for view in self.views())

    def _view(self, screen: Screen) -> ScreenView:
        eye, in_vehicle, reach = self.eye_in_rig_m, self.eye_in_vehicle_m, self.head.reach_m()
        if screen.warp is None:
            return view_from_eye(screen.plane(), eye, in_vehicle, reach)
        uv, points_m = read_mesh(self.mesh_path(screen.warp), screen.plane())
        return view_of_surface(screen.plane(), uv, points_m, eye, in_vehicle, reach)

    def hud_screen_name(self) -> str:
        """The screen that carries the instruments."""
        if self.hud_screen is not None:
            return self.hud_screen
        return min(self.screens, key=lambda screen: abs(screen.yaw_deg) + abs(screen.pitch_deg)).name


def rig_names() -> tuple[str, ...]:
    """Names of the rigs that come with the program."""
    return tuple(sorted(path.stem for path in asset("rigs").glob("*.yaml")))


def rig_path(name_or_path: str | Path) -> Path:
    """The file of a shipped rig's name, or of a path.

    Raises:
        ConfigError: neither a shipped rig nor a file.
    """
    text = str(name_or_path)
    if text in rig_names():
        return asset("rigs", f"{text}.yaml")
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
