"""The session's settings, and how every settings file is read.

`load_yaml` turns a YAML file into a pydantic model and a wrong file into one `ConfigError` that names the file, the
line, the key and what would be right. Numbers a driver would feel carry their source beside them.
"""

from __future__ import annotations

import difflib
import enum
import types
import typing
from pathlib import Path
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator


class ConfigError(ValueError):
    """A settings file is missing or wrong; the text says where and what would be right."""


class Settings(BaseModel):
    """Base of all settings: unknown keys are errors, values never change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Model = TypeVar("Model", bound=BaseModel)
Positive = Annotated[float, Field(gt=0.0)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]


class ThrottleMode(enum.StrEnum):
    """What the driver's throttle does while the policy has the car."""

    TAKES_OVER = "takes_over"
    ADDS_TO = "adds_to"
    """The policy keeps the car and the steering; the driver's throttle is added, and lifts the policy's brake."""


class ArbitrationConfig(Settings):
    """When control passes between policy and driver. Steering and pedals are in CARLA's units (-1..1 and 0..1)."""

    steer_override: Share = 0.12
    """How far the wheel must differ from the policy's steering, up to `steer_slow_mps`. TakeAD (arXiv 2512.17370)
    uses 0.2 for an expert without a physical wheel; a person should not have to turn it that far."""
    steer_override_fast: Share = 0.06
    """The same from `steer_fast_mps` on: at higher speed a smaller angle moves the car as far aside (lateral
    acceleration grows with the square of the speed), so a smaller angle must be enough."""
    steer_slow_mps: Positive = 10.0
    steer_fast_mps: Positive = 30.0
    steer_dead_band: Share = 0.05
    """How far the wheel must have left its rest position, about 22 degrees on a 900 degree wheel: more than the
    hands' weight on a wheel that nobody steers, and twice MetaDrive's gamepad dead zone of 0.025."""
    steer_hint: Share = 0.6
    """Share of the threshold that counts as an override when it is held for `steer_hint_s`: gentle steering. openpilot
    waits 5 frames at 100 Hz before it accepts a steering override; a clear one (the whole threshold) counts at once."""
    steer_hint_s: Positive = 0.15
    """Longer than a pothole's kick on the rim (50 to 100 ms), see `benchmarks/overrides.py`."""
    servo_lag_s: Positive = 0.5
    """How far a wheel that a motor turns may trail behind the steering it follows. Where the rim lies within the range
    steered in this time (and the dead band around it), the motor explains its angle, and it is no override."""
    brake_override: Share = 0.05
    """Any real pressure on the brake; openpilot: brake always wins. 5 % covers pedal noise."""
    throttle_override: Share = 0.10
    """Above the pedal's position when the policy got the car (openpilot's gas override)."""
    throttle_mode: ThrottleMode = ThrottleMode.TAKES_OVER
    """openpilot lets the driver's gas add to its own by default; a study of takeovers mostly needs them counted."""
    hand_back_s: Positive = 1.5
    """Time over which control blends from the person to the policy."""
    hand_back_steer: Share = 0.25
    """Hand-back is refused when the policy's steering differs by more than this from the person's."""
    hand_back_speed_mps: Positive = 5.0
    """Hand-back is refused when the plan's speed differs by more than this from the ego's."""
    hand_back_plan_age_s: Positive = 0.6
    """Hand-back is refused when the newest plan is older."""
    plan_stale_s: Positive = 1.0
    """A plan older than this is stale: half of the shortest trajectory (2 s) has been driven by then."""
    request_s: Positive = 4.0
    """How long a takeover is requested before the car stops by itself (a safe stop). UN R157 gives 10 s on motorways;
    in town the policy is not trusted that long."""
    request_sound_s: Annotated[float, Field(ge=0.0)] = 0.0
    """Delay of the chime after the request began, which flashes at once (UN R157: visual, and acoustic or haptic)."""
    request_voice_s: Annotated[float, Field(ge=0.0)] = 1.5
    """Delay of the voice after the request began: UN R157 demands an escalation within 4 s."""
    request_brake: Share = 0.15
    """The gentle brake during a request without a fresh plan."""
    recover_s: Positive = 0.5
    """How long the cause of a request must be gone before the policy has the car again."""
    request_ttc_s: Annotated[float, Field(ge=0.0)] = 0.0
    """Ask for a takeover below this time to collision; 0 never asks."""
    request_entropy: Share = 0.0
    """Ask for a takeover when the plan's entropy stays above this share of the greatest possible; 0 never asks."""
    request_unsure_s: Positive = 0.4
    """How long it must stay there: one unsure plan among sure ones is no reason to ask."""
    request_on_route_left: bool = True
    """Ask for a takeover when the ego left its route."""
    request_on_device_lost: bool = True
    """Ask for a takeover when the driver's device is gone: nobody could take over then."""
    safe_stop_decel_mps2: Positive = 3.0
    """Deceleration of the minimal-risk manoeuvre (UN R157 5.2.5: not above 4 m/s^2)."""
    safe_stop_brake: Share = 0.3
    """Brake that gives about that deceleration; the rest is controlled by speed."""

    @model_validator(mode="after")
    def _speeds_in_order(self) -> ArbitrationConfig:
        if self.steer_fast_mps <= self.steer_slow_mps:
            raise ValueError("steer_fast_mps must be above steer_slow_mps, e.g. 30 and 10")
        return self


class RewindConfig(Settings):
    """The second chance: the scene is set back, and the driver drives it from there."""

    seconds: Positive = 5.0
    """How far back: CoReVLA's annotators need the seconds in which the mistake was made, not only its end."""
    on_collision: bool = False
    """Set the scene back automatically when the policy collided."""
    standstill_s: Annotated[float, Field(ge=0.0)] = 0.0
    """Set the scene back automatically when the policy stood for this long; 0 never does."""
    pause_s: Annotated[float, Field(ge=0.0)] = 1.5
    """Wall time for which the scene stands still after it was set back, so that the driver can take the wheel."""
    keep_s: Positive = 60.0
    """How far back the scene can be set."""


class LockstepConfig(Settings):
    """Headless sessions: the world waits for the policy, so results do not depend on the machine's speed."""

    plan_every: Annotated[int, Field(ge=1)] = 2
    """Ticks between two plans."""
    wait_timeout_s: Positive = 30.0
    """Wall time after which a missing plan counts as the policy's failure."""


class TrafficConfig(Settings):
    """Background traffic: driven by CARLA's TrafficManager, or replayed."""

    count: Annotated[int, Field(ge=0, le=500)] = 20
    tm_port: Annotated[int, Field(ge=1, le=65535)] | None = None
    """Port of the TrafficManager; None takes the server's port + 6000 (CARLA's usual 8000). The client library keeps
    one manager a port for as long as the process lives, so two servers must not share one."""
    replay: Path | None = None
    """CSV of recorded trajectories (`cockpit.traffic.replay`); they are replayed in place of the manager's traffic."""
    keep_clear_m: Positive = 15.0
    """No vehicle is spawned nearer than this to the ego's start."""


class SessionConfig(Settings):
    """One session: which world, which route, at what pace, and when it ends."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 2000
    timeout_s: Positive = 10.0
    """How long to wait for the server's answer to a call."""
    tick_timeout_s: Positive = 2.0
    """While driving: a server that does not answer within this time is checked. One that has ended is reported at once;
    for one that is only late the session waits up to `timeout_s`, and reports it."""
    load_timeout_s: Positive = 120.0
    """The same while a town loads (a real CARLA server takes its time)."""
    town: str | None = None
    """Map name; None keeps what the server has loaded."""
    route_file: Path | None = None
    """Leaderboard XML; None drives a random route made from `seed`."""
    route_id: str | None = None
    """Which route of the file; None takes the first."""
    random_route_m: Positive = 500.0
    seed: int = 0
    fixed_delta_s: Annotated[float, Field(ge=0.01, le=0.1)] = 0.05
    """Simulation step; 20 Hz is CARLA's usual rate for driving policies."""
    realtime: bool = True
    """Keep pace with the wall clock; else run as fast as the machine can."""
    lockstep: LockstepConfig | None = None
    """Wait for the policy's plans (headless); None never waits."""
    traffic: TrafficConfig = TrafficConfig()
    weather: str = "ClearNoon"
    """Name of a preset of `carla.WeatherParameters`."""
    ego_blueprint: str = "vehicle.tesla.model3"
    recording_range_m: Positive = 150.0
    """Other road users farther away are left out of the tick."""
    sensor_timeout_s: Positive = 5.0
    """How long to wait for a camera's frame of a tick."""
    light_state_every: Annotated[int, Field(ge=0)] = 2
    """Ticks between two queries for the vehicles' lamps (one call to the server each); 0 never asks."""
    fresh_world: bool = False
    """Reload the town at the start, so that lights and actors begin in the same state (headless sessions always do)."""
    policy_start_s: Positive = 60.0
    """How long to wait for the first plan before the clock starts."""
    time_limit_s: float | None = None
    """Simulation time after which the session ends; None: 60 s plus the route at 2 m/s."""
    blocked_s: float = 60.0
    """Standing (under 0.1 m/s) for this long ends the session, as in Bench2Drive."""
    end_on_collision: bool = False
    safe_stop_end_s: float | None = None
    """End after standing in SAFE_STOP for this long; None waits for a person."""
    route_left_m: Positive = 5.0
    """Farther than this from the route's centre line: the route is left (a takeover is requested)."""
    route_lost_m: Positive = 30.0
    """Farther than this the session ends, as in the CARLA leaderboard."""
    pre_s: Positive = 5.0
    """Seconds recorded before a takeover."""
    post_s: Positive = 3.0
    """Seconds recorded after the hand-back."""
    arbitration: ArbitrationConfig = ArbitrationConfig()
    rewind: RewindConfig = RewindConfig()


def load_yaml(model: type[Model], path: Path | str) -> Model:
    """Read `path` into `model`; its validators find the file's folder in their context, as `folder`.

    Raises:
        ConfigError: the file is missing, is not YAML, or does not fit the model. Names file, line and key.

    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}). Give the path of a YAML file.") from error
    try:
        data = yaml.safe_load(text)
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: is not valid YAML: {error}") from error
    if data is None:
        data = {}
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: must be a mapping of keys to values, found {type(data).__name__}.")
    try:
        return model.model_validate(data, context={"folder": path.parent})
    except ValidationError as error:
        raise ConfigError("\n".join(_explained(path, model, root, item) for item in error.errors())) from error


def _explained(path: Path, model: type[BaseModel], root: yaml.Node | None, item: Any) -> str:
    """One pydantic error as a sentence: file:line, key, what is wrong, what would be right."""
    loc: tuple[int | str, ...] = item["loc"]
    where = f"{path}:{_line_of(root, loc)}" if loc else str(path)
    key = ".".join(str(part) for part in loc) or "(whole file)"
    if item["type"] == "extra_forbidden":
        known = _known_keys(model, loc[:-1])
        near = difflib.get_close_matches(str(loc[-1]), known, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"known keys: {', '.join(known)}."
        return f"{where}: unknown key '{key}'; {hint}"
    if item["type"] == "missing":
        return f"{where}: key '{key}' is missing; add it."
    return f"{where}: '{key}': {item['msg']} (found {item['input']!r})."


def _line_of(node: yaml.Node | None, loc: tuple[int | str, ...]) -> int:
    """Line (from 1) of the deepest node that `loc` reaches."""
    line = node.start_mark.line if node is not None else 0
    for part in loc:
        if isinstance(node, yaml.MappingNode):
            found = next(((k, v) for k, v in node.value if k.value == str(part)), None)
            if found is None:
                break
            line, node = found[0].start_mark.line, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            item: yaml.Node = node.value[part]
            line, node = item.start_mark.line, item
    return line + 1


def _known_keys(model: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    """Field names of the model that lies at `loc` inside `model`."""
    candidates: list[type[BaseModel]] = [model]
    for part in loc:
        step = [m.model_fields[part].annotation for m in candidates if isinstance(part, str) and part in m.model_fields]
        candidates = [found for annotation in step for found in _models_in(annotation)] or candidates
    return sorted({name for m in candidates for name in m.model_fields})


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    """Every model named in a type such as ``Model | None`` or ``list[Model]``."""
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        return [annotation] if issubclass(annotation, BaseModel) else []
    return [found for argument in typing.get_args(annotation) for found in _models_in(argument)]
