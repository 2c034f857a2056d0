"""What the renderer draws: plain records, filled by the server once a tick and shared by all its cameras.

Angles are radians and lengths metres in CARLA's left-handed frame: x forward, y right, z up, pitch up positive, yaw
clockwise seen from above. Nothing here knows of OpenGL or of CARLA's own classes.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from sim.scene.poses import Pose, Vector
from sim.scene.weather import CLEAR_NOON, Weather


@dataclass(frozen=True)
class DrawnActor:
    """One vehicle, walker or prop.

    The pose is CARLA's actor transform: vehicles and props stand on it, walkers have it in their middle (so a walker's
    feet are at `z - extent_m[2]`). `extent_m` are half sizes along x, y, z; `type_id` a blueprint id such as
    "vehicle.tesla.model3", "walker.pedestrian.0001" or "static.prop.trafficcone01". `colour_rgb` is 0..255 and only
    paints vehicles and walkers' clothes. `steer_rad` is the front wheels' angle, right positive. `tag` is what it is
    (`sim.scene.labels.Tag`); 0 lets the blueprint's id say it. `doors_open` has a bit 1 <<
    `carla.VehicleDoor` for each. `stride` is how
    far a walker is in its stride (`sim.render.models.poses.stride`), -1 standing.
    `wheel_turns_rad` is how far a vehicle's wheels have rolled: front left, front right, rear left, rear right.
    """

    actor_id: int
    type_id: str
    x: float
    y: float
    z: float
    roll: float
    pitch: float
    yaw: float
    extent_m: tuple[float, float, float]
    colour_rgb: tuple[int, int, int] = (150, 150, 155)
    brake_light: bool = False
    left_indicator: bool = False
    right_indicator: bool = False
    reverse_light: bool = False
    steer_rad: float = 0.0
    tag: int = 0
    doors_open: int = 0
    stride: float = -1.0
    wheel_turns_rad: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True)
class DrawnLight:
    """One traffic light by its signal's own pose; state 0 red, 1 yellow, 2 green, 3 off (CARLA's numbers)."""

    x: float
    y: float
    z: float
    yaw: float
    state: int
    actor_id: int = 0


@dataclass(frozen=True)
class StreetLamp:
    """A street lamp that somebody changed: off, of another strength (1 is usual) or colour (0..255)."""

    is_on: bool = True
    strength: float = 1.0
    colour_rgb: tuple[int, int, int] | None = None


@dataclass(frozen=True)
class Box:
    """What a client's line can enter: the pose of a box's middle, half sizes (m), `sim.scene.labels.Tag`'s number."""

    pose: Pose
    extent_m: Vector
    label: int


@dataclass(frozen=True)
class Bar:
    """A straight bar that a debug shape is drawn with; metres and 0..255."""

    start: tuple[float, float, float]
    end: tuple[float, float, float]
    thickness_m: float
    rgb: tuple[int, int, int]


@dataclass(frozen=True)
class SceneState:
    """Everything that moves or changes in one tick.

    `time_s` drives what blinks. `street_lamps` has the changed ones by their place in the town's list.
    """

    actors: tuple[DrawnActor, ...] = ()
    lights: tuple[DrawnLight, ...] = ()
    weather: Weather = CLEAR_NOON
    time_s: float = 0.0
    street_lamps: tuple[tuple[int, StreetLamp], ...] = ()
    bars: tuple[Bar, ...] = ()
    """What debug shapes are drawn with, in colour pictures only."""


class Shows(enum.Enum):
    """What a picture's pixels are."""

    COLOUR = enum.auto()
    DEPTH = enum.auto()
    """Metres along the camera's axis over 1000 m, as 24 bits: red the lowest, then green, then blue."""
    TAG = enum.auto()
    """A semantic tag (`sim.scene.labels.Tag`) in red."""
    INSTANCE = enum.auto()
    """The tag in red, and which single thing it is as 16 bits: green the lower, blue the higher ones."""


@dataclass(frozen=True)
class CameraView:
    """One picture to draw: a pinhole camera with horizontal field of view `fov_deg`; `hidden_actor_id` is left out."""

    width: int
    height: int
    fov_deg: float
    x: float
    y: float
    z: float
    roll: float = 0.0
    pitch: float = 0.0
    yaw: float = 0.0
    hidden_actor_id: int = -1
    cabin: bool = False
    """Whether the inside of the hidden actor is drawn: the camera is its driver's eye."""
    shows: Shows = Shows.COLOUR
