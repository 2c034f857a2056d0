"""The one record of the whole program: everything that was true in one simulation step.

The session makes a `Tick`, the windows draw it, the recorder stores it, the replay reads it back and `refine` learns
from it. Data only: no I/O, no CARLA, no torch. Of other packages, `cockpit` and `policy` may import this module alone.

World coordinates are CARLA's: left-handed, x forward (east), y to the right (south), z up, in metres; yaw grows
clockwise seen from above. Angles are in **radians** (CARLA's API speaks degrees: convert at the border), speeds in m/s,
accelerations m/s^2, times seconds. An *ego frame* has its origin at the ego's reference point, x forward, y right.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

SCHEMA_VERSION = 2
"""Raised whenever a field's meaning or place changes; stored with every segment. 2: pictures in PNG or JPEG."""

POLICY_CAMERA, POLICY_CAMERA_PREFIX = "front", "policy_"
"""The policy's first camera, and what the names of its others begin with."""


class Authority(enum.StrEnum):
    """Who has the car."""

    POLICY = "policy"
    HUMAN = "human"
    REQUESTED = "requested"  # the system asks for a takeover; policy or gentle brake drive on for a bounded time
    HANDING_BACK = "handing_back"  # the person gave the car back; control blends from the person to the policy
    SAFE_STOP = "safe_stop"  # nobody answered: the minimal-risk manoeuvre brings the car to a stand in its lane

    @property
    def is_taken(self) -> bool:
        """Whether the policy has lost the car, to the person or to the safe stop; entering this is a takeover."""
        return self in (Authority.HUMAN, Authority.SAFE_STOP)


class Reason(enum.StrEnum):
    """Why the authority last changed."""

    SESSION_START = "session_start"
    OVERRIDE_STEER = "override_steer"
    OVERRIDE_BRAKE = "override_brake"
    OVERRIDE_THROTTLE = "override_throttle"
    OVERRIDE_BUTTON = "override_button"
    OVERRIDE_PADDLE = "override_paddle"
    HAND_BACK_BUTTON = "hand_back_button"
    HAND_BACK_DONE = "hand_back_done"
    HAND_BACK_REFUSED = "hand_back_refused"
    PLAN_MISSING = "plan_missing"
    PLAN_STALE = "plan_stale"
    POLICY_FAILED = "policy_failed"
    POLICY_RECOVERED = "policy_recovered"
    TTC_LOW = "ttc_low"
    ROUTE_LEFT = "route_left"
    DEVICE_LOST = "device_lost"
    EXPERIMENTER = "experimenter"
    REQUEST_TIMEOUT = "request_timeout"
    WORLD_LOST = "world_lost"
    POLICY_UNSURE = "policy_unsure"
    REWIND = "rewind"  # the scene was set back some seconds, and the driver drives it from there


class DriverKind(enum.StrEnum):
    """Who sits behind the human side of the arbitration."""

    HUMAN = "human"
    EXPERT = "expert"  # the privileged driver that stands in for a person (see `policy.expert.expert`)
    NONE = "none"


class RouteCommand(enum.StrEnum):
    """What the navigator asks for next (CARLA's `RoadOption`, same meanings)."""

    LANE_FOLLOW = "lane_follow"
    LEFT = "left"
    RIGHT = "right"
    STRAIGHT = "straight"
    CHANGE_LANE_LEFT = "change_lane_left"
    CHANGE_LANE_RIGHT = "change_lane_right"


class Direction(enum.StrEnum):
    """The lateral half of a meta-action (CoReVLA's direction key)."""

    FOLLOW_LANE = "FOLLOW_LANE"
    CHANGE_LANE_LEFT = "CHANGE_LANE_LEFT"
    CHANGE_LANE_RIGHT = "CHANGE_LANE_RIGHT"
    GO_STRAIGHT = "GO_STRAIGHT"
    TURN_LEFT = "TURN_LEFT"
    TURN_RIGHT = "TURN_RIGHT"
    DEVIATE_LEFT = "DEVIATE_LEFT"
    DEVIATE_RIGHT = "DEVIATE_RIGHT"


class SpeedAction(enum.StrEnum):
    """The longitudinal half of a meta-action (CoReVLA's speed key)."""

    KEEP = "KEEP"
    ACCELERATE = "ACCELERATE"
    DECELERATE = "DECELERATE"
    STOP = "STOP"


class LightColour(enum.StrEnum):
    """State of a traffic light, as `carla.TrafficLightState` names it."""

    RED = "red"
    YELLOW = "yellow"
    GREEN = "green"
    OFF = "off"
    UNKNOWN = "unknown"


class EventKind(enum.StrEnum):
    """Things that happen in a tick and are not states."""

    COLLISION = "collision"
    LANE_INVASION = "lane_invasion"
    OFF_ROAD = "off_road"
    RED_LIGHT = "red_light"
    TAKEOVER = "takeover"
    HAND_BACK = "hand_back"
    TAKEOVER_REQUEST = "takeover_request"
    SAFE_STOP = "safe_stop"
    MARK = "mark"
    FAULT = "fault"
    HAND_BACK_REFUSED = "hand_back_refused"
    REWIND = "rewind"  # the world was set back to an earlier tick; `value` says by how many seconds
    SCENARIO = "scenario"  # a scenario of the route entered a phase; the text names it, its type and the phase


@dataclass(frozen=True, slots=True)
class Pose:
    """A rigid pose in the world frame: metres and radians."""

    x: float = 0.0
    y: float = 0.0
    z: float = 0.0
    roll: float = 0.0
    pitch: float = 0.0
    yaw: float = 0.0


@dataclass(frozen=True, slots=True)
class Control:
    """CARLA's `VehicleControl`: throttle 0..1, steer -1..1 (right positive), brake 0..1."""

    throttle: float = 0.0
    steer: float = 0.0
    brake: float = 0.0
    hand_brake: bool = False
    reverse: bool = False


@dataclass(frozen=True, slots=True)
class ActorState:
    """One road user (the ego too) in one tick; vectors are in the world frame."""

    actor_id: int
    type_id: str
    """CARLA blueprint id, e.g. ``vehicle.tesla.model3``."""
    role_name: str
    pose: Pose
    velocity_mps: tuple[float, float, float]
    acceleration_mps2: tuple[float, float, float]
    angular_velocity_radps: tuple[float, float, float]
    extent_m: tuple[float, float, float]
    """Half length, half width, half height of the bounding box."""
    box_offset_m: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Centre of the bounding box in the actor's own frame."""
    light_state: int = 0
    """`carla.VehicleLightState` flags (brake 8, left blinker 32, right blinker 16)."""

    @property
    def speed_mps(self) -> float:
        """Magnitude of the horizontal velocity, m/s."""
        return float(np.hypot(self.velocity_mps[0], self.velocity_mps[1]))


@dataclass(frozen=True, slots=True)
class LightState:
    """One traffic light in one tick."""

    actor_id: int
    colour: LightColour
    elapsed_s: float
    pose: Pose
    opendrive_id: str = ""


@dataclass(frozen=True, slots=True)
class RouteState:
    """Where the ego is on its route, and what lies ahead."""

    command: RouteCommand
    """The manoeuvre at hand: that of the junction or lane change being driven, or of the next one within 30 m."""
    command_distance_m: float
    """Distance along the route to where that manoeuvre begins; 0 inside it; inf when none lies ahead."""
    driven_m: float
    """Distance along the route of the ego's projection on it."""
    length_m: float
    lateral_offset_m: float
    """Ego's distance from the route's centre line, right positive."""
    heading_error_rad: float
    """Ego's yaw minus the route's, wrapped to [-pi, pi)."""
    ahead_world: NDArray[np.float32]
    """(N, 4) x, y, z, yaw of the route ahead at 1 m steps from the ego's projection, at most 80 m, at least 1 row."""
    speed_limit_mps: float
    next_light_id: int = -1
    """Actor id of the next traffic light on the route within 80 m, -1 when there is none."""
    next_light_distance_m: float = float("inf")
    """Distance along the route to that light's stop line (from the ego's reference point)."""
    in_junction: bool = False
    lane_width_m: float = 3.5
    is_off_road: bool = False
    """The ego's centre is on no driving lane."""
    lane_left: bool = False
    """A lane of the same direction lies left of the route's lane here."""
    lane_right: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What the policy said about one frame."""

    frame: int
    """Frame id of the tick the plan was made from."""
    time_s: float
    """Simulation time of that tick."""
    direction: Direction | None
    speed: SpeedAction | None  # both None from a policy that names no manoeuvre (a leaderboard agent)
    tokens: tuple[int, ...]
    """Action code indices (0 .. codebook size - 1), one per 0.5 s."""
    trajectory_ego: NDArray[np.float32]
    """(T, 3) x, y, yaw at 0.5, 1.0, ... s in the ego frame of `frame`; no rows from a policy that tells no path."""
    text: str
    """The answer whole, as generated."""
    prompt: str = ""
    """The user prompt's text (without image placeholders)."""
    latency_s: float = 0.0
    """Wall time from the tick's arrival in the policy process to the answer."""
    confidence: float = 1.0
    """Mean probability of the chosen action tokens, 0..1."""
    step_s: float = 0.5
    """Time between trajectory points, seconds."""
    entropy: float = 0.0
    """Mean entropy of the action tokens' distributions as a share of the greatest possible: 0 certain, 1 clueless."""

    @property
    def is_control_only(self) -> bool:
        """Whether the policy said how to steer (`Tick.policy_control`) and neither a path nor a manoeuvre."""
        return self.direction is None and self.speed is None and len(self.trajectory_ego) == 0


@dataclass(frozen=True, slots=True)
class PolicyStatus:
    """Health of the policy process."""

    alive: bool
    message: str = ""
    plans_per_s: float = 0.0


@dataclass(frozen=True, slots=True)
class DriverInput:
    """The newest state of the driver's hands and feet, already in CARLA's ranges."""

    kind: DriverKind = DriverKind.NONE
    connected: bool = True
    steer: float = 0.0
    throttle: float = 0.0
    brake: float = 0.0
    hand_brake: bool = False
    reverse: bool = False
    takeover_pressed: bool = False
    """The takeover button is down in this tick."""
    hand_back_pressed: bool = False
    """The hand-back button is down in this tick."""
    event_time_s: float = 0.0
    """Kernel time stamp (CLOCK_REALTIME, seconds) of the newest event in this state; 0 when there was none."""
    device: str = ""
    note: str = ""
    """Why the driver acted, when the driver can say so (the expert can): 'collision ahead', 'leaving the lane'."""
    paddle_pressed: bool = False
    """A paddle that takes over is pulled in this tick."""
    rewind_pressed: bool = False
    """The button that sets the scene back is down in this tick."""
    has_servo: bool = False
    """A motor turns the rim to the steering that is applied while the policy drives; `steer` follows it by itself."""


@dataclass(frozen=True, slots=True)
class AuthorityState:
    """State of the arbitration after this tick's decision."""

    authority: Authority
    reason: Reason
    since_frame: int
    since_time_s: float
    blend: float = 0.0
    """Share of the policy in the applied control while handing back, 0..1."""


@dataclass(frozen=True, slots=True)
class TickEvent:
    """Something that happened in a tick."""

    kind: EventKind
    text: str = ""
    other_actor_id: int = -1
    value: float = 0.0
    """Impulse in N*s for a collision, else what `text` says."""


def is_policy_camera(name: str) -> bool:
    """Whether a policy looks through the camera of this name: its pictures are recorded without loss."""
    return name == POLICY_CAMERA or name.startswith(POLICY_CAMERA_PREFIX)


@dataclass(frozen=True, slots=True)
class CameraFrame:
    """One camera's picture of one tick."""

    name: str
    frame: int
    image: NDArray[np.uint8]
    """(height, width, 3) RGB."""
    fov_rad: float
    """Horizontal field of view."""
    pose_in_ego: Pose


@dataclass(frozen=True, slots=True)
class Tick:
    """Everything that was true in one simulation step."""

    frame: int
    time_s: float
    """Simulation time."""
    wall_time_s: float
    """CLOCK_REALTIME when the snapshot of this frame arrived."""
    delta_s: float
    ego: ActorState
    actors: tuple[ActorState, ...]
    """Every other vehicle, walker and prop-like actor within recording range, ordered by id."""
    lights: tuple[LightState, ...]
    route: RouteState
    cameras: Mapping[str, CameraFrame]
    """By name: `POLICY_CAMERA` and the policy's others; the screens' cameras have the screens' names."""
    driver: DriverInput
    plan: Plan | None
    """The newest plan when the control of this tick was decided; may come from an older frame."""
    policy_control: Control | None
    """What the policy alone would have applied."""
    control: Control
    """What was applied to reach this frame."""
    authority: AuthorityState
    events: tuple[TickEvent, ...] = ()
    weather: tuple[float, ...] = ()
    """The 14 floats of `carla.WeatherParameters` in CARLA's order."""
    ttc_s: float = float("inf")
    """Time to collision with the nearest actor on the ego's path (constant velocity); inf when there is none."""
    ego_at_plan: ActorState | None = None
    """The ego in the frame that `plan` was made from, in the world frame: the origin of the plan's trajectory."""


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """What is constant in a session: enough, with the ticks, to build the scene again."""

    session_id: str
    started_at: str
    """ISO 8601 with time zone."""
    map_name: str
    opendrive: str
    """The map's OpenDRIVE text."""
    fixed_delta_s: float
    seed: int
    driver: DriverKind
    driver_id: str
    """A pseudonym, never a name."""
    policy: str
    """Folder name of the checkpoint, or 'expert'/'none'."""
    policy_sha256: str
    route_id: str
    route_world: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 4), np.float32))
    """(N, 4) x, y, z, yaw of the whole route at 1 m steps."""
    ego_type_id: str = "vehicle.tesla.model3"
    software: str = ""
    carla_version: str = "0.9.16"
    rig: str = ""
    """The rig file's text."""
    scenarios: tuple[Mapping[str, Any], ...] = ()
    """What is played on the route: name, type, trigger (x, y, z, yaw) and parameters of each scenario."""
