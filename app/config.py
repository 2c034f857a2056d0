"""The settings of one drive, which the window's form, a YAML file and `takeover drive` have in common.

The defaults drive on the embedded simulator with the small policy. The parts are built from the settings in
`app.drive.building` and `app.drive.running_session`.
"""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from cockpit.assets import asset
from cockpit.config import (
    ArbitrationConfig,
    ConfigError,
    RewindConfig,
    SessionConfig,
    Settings,
    TrafficConfig,
    load_yaml,
)
from cockpit.sound.car import SoundConfig
from cockpit.windows.layout import Layout
from policy.agents.source import AgentSource, agent_source, is_agent
from policy.egodriver.address import EgodriverAddress, egodriver_address, is_egodriver

EMBEDDED_TOWN = "millbrook"
"""The town that the embedded simulator loads when none is named."""


SENSOR_TIMEOUT_S = 15.0
"""A picture may take this long on a busy machine: a stall is better than the end of the drive."""


class DriverChoice(enum.StrEnum):
    """Who gives the driver's inputs to the arbitration."""

    AUTO = "auto"
    """A wheel if one is plugged in, else the keyboard."""
    WHEEL = "wheel"
    KEYBOARD = "keyboard"
    EXPERT = "expert"
    """The privileged driver, which takes over by itself."""
    NONE = "none"
    """Nobody: a takeover request ends in a safe stop."""


class StreamRole(enum.StrEnum):
    """What an incoming stream is for."""

    RECORD = "record"
    """Recorded as it is received."""
    GAZE = "gaze"
    """Recorded, and drawn over the screens as a heat map afterwards."""


class StreamIn(Settings):
    """One stream of Lab Streaming Layer to record; named by its name, its type, or both."""

    name: str = ""
    type: str = ""
    """As the device announces it: Gaze, ECG, GSR, ..."""
    role: StreamRole = StreamRole.RECORD
    surface: str = "panorama"
    """Gaze: what the coordinates are shares of: one screen's name, or all screens side by side."""
    x_channel: Annotated[int, Field(ge=0)] = 0
    y_channel: Annotated[int, Field(ge=0)] = 1

    @model_validator(mode="after")
    def _is_named(self) -> StreamIn:
        if not self.name and not self.type:
            raise ValueError("a stream needs a name or a type to be found by")
        if "'" in self.name + self.type:
            raise ValueError("a stream's name or type must not contain an apostrophe")
        return self

    @property
    def label(self) -> str:
        """Its name in files and messages."""
        return self.name or self.type

    def predicate(self) -> str:
        """LSL's XPath query that finds it."""
        parts = {"name": self.name, "type": self.type}
        return " and ".join(f"{key}='{value}'" for key, value in parts.items() if value)


class StreamsConfig(Settings):
    """Lab Streaming Layer, in and out. The whole local network can see outgoing streams: that is their purpose."""

    read: tuple[StreamIn, ...] = ()
    send: bool = False
    """Send TakeoverMarkers (every event) and TakeoverVehicle (state and inputs of every tick)."""


class RunConfig(Settings):
    """One drive: rig, world, route, and who drives."""

    rig: str = "desk_triple"
    """Name of a shipped rig, or the path of a rig file."""
    layout: Layout = Layout.AUTO
    """A borderless window on each display, or one window with panes; auto asks how many displays there are."""
    host: str | None = None
    """A CARLA 0.9.16 server's address; None starts the embedded simulator."""
    port: Annotated[int, Field(ge=1, le=65534)] = 2000
    """That server's RPC port; the embedded simulator takes free ports by itself."""
    town: str | None = None
    """Embedded: a shipped town's name or an OpenDRIVE file (None: millbrook). Server: one of its maps (None: keep)."""
    route_file: Path | None = None
    """Routes in the CARLA leaderboard's XML; None drives a random route made from `seed`."""
    route_id: str | None = None
    """Which route of the file; None takes the first."""
    random_route_m: Annotated[float, Field(ge=50.0, le=20_000.0)] = 800.0
    as_egodriver: Annotated[int | None, Field(ge=0, le=65535)] = None
    """Drive in somebody else's loop: the port at which it finds us (AlpaSim's egodriver contract); null drives here."""
    policy: Path | None = asset("policies", "small")
    """The checkpoint's folder, agent:FILE (a leaderboard agent) or grpc://HOST:PORT (an egodriver server); null drives
    by hand alone."""
    adapter: Path | None = None
    """A LoRA adapter on top of it."""
    agent_config: Path | None = None
    """An agent's configuration, which its setup() reads."""
    agent_python: Path | None = None
    """The Python interpreter with the packages that an agent needs; null: the program's own."""
    driver: DriverChoice = DriverChoice.AUTO
    device: str | None = None
    """The wheel to use: a device file (/dev/input/event20), or a device profile's name or file. None: any that fits."""
    driver_id: Annotated[str, Field(pattern=r"^[\w.-]{1,64}$")] = "anonymous"
    """A pseudonym that the recording keeps; never a name."""
    traffic: Annotated[int, Field(ge=0, le=200)] = 20
    """Vehicles around the ego."""
    replay: Path | None = None
    """Recorded traffic (CSV, `takeover segments trajectories`) in place of these."""
    weather: str = "ClearNoon"
    """A preset of `carla.WeatherParameters`."""
    seed: int = 0
    realtime: bool = True
    """Keep pace with the wall clock."""
    time_limit_s: Annotated[float, Field(gt=0.0)] = 3600.0
    """Simulation time after which the drive ends."""
    record: bool = True
    out: Path = Path("runs")
    """Each drive records into a folder of its own below this one."""
    pre_s: Annotated[float, Field(gt=0.0, le=60.0)] = 5.0
    post_s: Annotated[float, Field(gt=0.0, le=60.0)] = 3.0
    arbitration: ArbitrationConfig = ArbitrationConfig()
    rewind: RewindConfig = RewindConfig()
    """The second chance."""
    sound: SoundConfig | None = SoundConfig()
    """What the driver hears of the car; null for nothing."""
    streams: StreamsConfig = StreamsConfig()

    @model_validator(mode="after")
    def _route_id_has_a_file(self) -> RunConfig:
        if self.route_id is not None and self.route_file is None:
            raise ValueError(f"route_id '{self.route_id}' needs a route_file that holds it")
        if self.policy is None and self.driver in (DriverChoice.EXPERT, DriverChoice.NONE):
            raise ValueError(f"driver '{self.driver}' only watches a policy; set policy, or driver: wheel or keyboard")
        if (self.agent_config or self.agent_python) and not is_agent(self.policy):
            raise ValueError("agent_config and agent_python are a leaderboard agent's; set policy: agent:FILE")
        if self.adapter is not None and (is_agent(self.policy) or is_egodriver(self.policy)):
            raise ValueError("leaderboard agents and egodriver servers take no adapter; leave adapter away")
        if self.device is not None and self.driver not in (DriverChoice.AUTO, DriverChoice.WHEEL):
            raise ValueError(f"device '{self.device}' is a wheel's, but driver is '{self.driver}'; set driver: wheel")
        return self

    def policy_source(self) -> Path | AgentSource | EgodriverAddress | None:
        """The policy as the parts take it.

        Raises:
            AgentError: an agent's file, configuration or interpreter that is not there or not an agent's.
            EgodriverError: no server's address behind grpc:.
        """
        if is_egodriver(self.policy):
            return egodriver_address(str(self.policy))
        if self.policy is None or not is_agent(self.policy):
            return self.policy
        return agent_source(self.policy, self.agent_config, self.agent_python)

    def map_path(self) -> Path | None:
        """The OpenDRIVE file that the embedded simulator serves; None for a server's own map.

        Raises:
            ConfigError: neither a shipped town nor a file.
        """
        if self.host is not None:
            return None
        return town_path(self.town or EMBEDDED_TOWN)

    def device_name(self) -> str:
        """The name passed to `cockpit.devices.find_driver_source`."""
        return self.device or self.driver.value

    def session_config(self, host: str, port: int) -> SessionConfig:
        """The session's settings once the server is known."""
        return SessionConfig(
            host=host,
            port=port,
            town=None if self.host is None else self.town,
            route_file=self.route_file,
            route_id=self.route_id,
            random_route_m=self.random_route_m,
            seed=self.seed,
            realtime=self.realtime,
            traffic=TrafficConfig(count=self.traffic, replay=self.replay),
            weather=self.weather,
            time_limit_s=self.time_limit_s,
            blocked_s=self.time_limit_s,  # a person may stand as long as they like
            sensor_timeout_s=SENSOR_TIMEOUT_S,
            pre_s=self.pre_s,
            post_s=self.post_s,
            arbitration=self.arbitration,
            rewind=self.rewind,
        )


def town_path(name_or_path: str) -> Path:
    """The OpenDRIVE file of a shipped town's name, or of a path.

    Raises:
        ConfigError: neither.
    """
    shipped = asset("maps", f"{name_or_path.lower()}.xodr")
    if shipped.is_file():
        return shipped
    path = Path(name_or_path).expanduser()
    if path.is_file():
        return path
    raise ConfigError(f"no town '{name_or_path}': it is neither an OpenDRIVE file nor one of {', '.join(town_names())}")


def town_names() -> tuple[str, ...]:
    """Towns that come with the program."""
    return tuple(sorted(path.stem for path in asset("maps").glob("*.xodr")))


def load_run_config(path: Path | str) -> RunConfig:
    """Read a drive's settings from YAML.

    Raises:
        ConfigError: the file is missing or wrong; names file, line, key and what would be right.
    """
    return load_yaml(RunConfig, path)
