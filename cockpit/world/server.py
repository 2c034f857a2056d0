"""A CARLA server whose clock is ours: connection, clock, town and weather.

Everything that happens without an ego. Steps are made here and nowhere else, so that a late or dead server is handled
in one place.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

import carla

from cockpit.config import ConfigError, SessionConfig
from cockpit.world.conversion import weather_from_carla
from cockpit.world.errors import WorldError, WorldLost
from cockpit.world.waiting import wait_until

log = logging.getLogger(__name__)

SETTLED_S = 1.0
"""Age of a freshly loaded town when a session begins in it."""


def connect(config: SessionConfig) -> carla.Client:
    """Client of the server at `config.host:config.port`.

    Raises:
        WorldLost: nothing answers there.

    """
    client = carla.Client(config.host, config.port)
    client.set_timeout(config.timeout_s)
    try:
        server = client.get_server_version()
    except RuntimeError as error:
        raise WorldLost(
            f"No CARLA server answers at {config.host}:{config.port} ({error}). Start one (`takeover sim`, or "
            "CARLA 0.9.16) or give its --host and --port."
        ) from error
    if server != client.get_client_version():
        log.warning("server speaks CARLA %s, this client %s: expect trouble", server, client.get_client_version())
    return client


class Server:
    """A server in synchronous mode, with the town and weather of `config`, until `release`."""

    def __init__(self, config: SessionConfig, client: carla.Client | None = None) -> None:
        """Take the clock and set the town up; without `client`, connect first.

        Raises:
            WorldLost: nothing answers, or the town does not load.
            ConfigError: the server has no such town or weather.

        """
        self.config = config
        self.client = client if client is not None else connect(config)
        self.is_lost = False
        """The server stopped answering: nothing is asked of it any more."""
        self.step_count = 0
        """Steps made since the clock is ours."""
        self._late_steps: list[str] = []
        self._is_driving = False
        self.world: carla.World = self._present_world()
        self._settings_before: carla.WorldSettings | None = self.world.get_settings()
        try:
            self._own_clock()
            self.world = self._load_town(config.town, config.fresh_world)
            self._own_clock()
            self.carla_map: carla.Map = self.world.get_map()
            self.map_name: str = self.carla_map.name.rsplit("/", 1)[-1]
            self.opendrive: str = self.carla_map.to_opendrive()
            self.weather = self.apply_weather(weather_preset(config.weather))
            if config.fresh_world:
                self._settle()
        except BaseException:
            self.release()
            raise

    def apply_weather(self, weather: carla.WeatherParameters) -> tuple[float, ...]:
        """Apply a weather; its 14 floats."""
        self.world.set_weather(weather)
        self.weather = weather_from_carla(weather)
        return self.weather

    def begin_driving(self) -> None:
        """From the first call on, calls time out after `tick_timeout_s`: a server that has ended is noticed soon."""
        if not self._is_driving:
            self._is_driving = True
            self.client.set_timeout(min(self.config.tick_timeout_s, self.config.timeout_s))

    def step(self) -> int:
        """Step the world once; the number of the new frame.

        A step that comes late is waited for and noted for `take_faults`: asking again would step twice.

        Raises:
            WorldLost: the server does not answer.

        """
        self.step_count += 1
        config, begun = self.config, time.monotonic()
        before = self.world.get_snapshot().frame
        try:
            return self.world.tick(min(config.tick_timeout_s, config.timeout_s))
        except RuntimeError as error:
            if not wait_until(config, begun, lambda: self.world.get_snapshot().frame > before):
                raise self.lost(error) from error
        if config.lockstep is None:  # in lock-step nobody sees the world's clock stand
            late_s = time.monotonic() - begun
            self._late_steps.append(f"The CARLA server was late: one step took {late_s:.1f} s; the drive went on.")
        return self.world.get_snapshot().frame

    def snapshot_of(self, frame: int) -> carla.WorldSnapshot:
        """The newest snapshot, which must be that of `frame`.

        Raises:
            WorldError: it is of another frame.

        """
        snapshot = self.world.get_snapshot()
        if snapshot.frame != frame:
            raise WorldError(f"asked for frame {frame}, the snapshot is of {snapshot.frame}: does another client tick?")
        return snapshot

    def take_faults(self) -> list[str]:
        """What went wrong since the last call without ending the drive, in words."""
        faults, self._late_steps = self._late_steps, []
        return faults

    def lost(self, error: Exception) -> WorldLost:
        """The error to raise when a call failed with `error`; from now on the server counts as lost."""
        self.is_lost = True
        reason = str(error).strip() or type(error).__name__
        return WorldLost(
            f"The CARLA server at {self.config.host}:{self.config.port} stopped answering ({reason}). What was "
            "recorded is kept; start the server again and begin a new session."
        )

    def release(self, actor_ids: Sequence[int] = ()) -> None:
        """Destroy `actor_ids` and release the clock; safe to call twice, and when the server is gone."""
        settings, self._settings_before = self._settings_before, None
        if self.is_lost:
            return
        self.client.set_timeout(self.config.timeout_s)
        try:
            if actor_ids:
                self.client.apply_batch_sync([carla.command.DestroyActor(i) for i in actor_ids], False)
            if settings is not None:
                self.world.apply_settings(settings)
        except RuntimeError as error:
            self.is_lost = True
            log.info("world not tidied up, the server does not answer: %s", error)

    def _present_world(self) -> carla.World:
        try:
            return self.client.get_world()
        except RuntimeError as error:
            raise self.lost(error) from error

    def _load_town(self, town: str | None, is_fresh: bool) -> carla.World:
        world = self.world
        try:
            here = world.get_map().name.rsplit("/", 1)[-1]
            if town is None or here.lower() == town.lower():
                return self._loaded(here) if is_fresh else world
            towns = sorted({name.rsplit("/", 1)[-1] for name in self.client.get_available_maps()})
        except RuntimeError as error:
            raise self.lost(error) from error
        found = next((name for name in towns if name.lower() == town.lower()), None)
        if found is None:
            raise ConfigError(f"town '{town}' is not on this server; it has: {', '.join(towns)}.")
        return self._loaded(found)

    def _loaded(self, town: str) -> carla.World:
        """The world after loading a town from its beginning; the clock stays ours, so that it does not run on."""
        self.client.set_timeout(self.config.load_timeout_s)
        try:
            return self.client.load_world(town, False)
        except RuntimeError as error:
            raise WorldLost(f"The server at port {self.config.port} did not load '{town}': {error}") from error
        finally:
            self.client.set_timeout(self.config.timeout_s)

    def _own_clock(self) -> None:
        settings = self.world.get_settings()
        settings.synchronous_mode = True
        settings.fixed_delta_seconds = self.config.fixed_delta_s
        self.world.apply_settings(settings)

    def _settle(self) -> None:
        """Step a town just loaded to one and the same moment: loading takes the client a tick or a few."""
        while self.world.get_snapshot().timestamp.elapsed_seconds < SETTLED_S:
            self.step()


def weather_preset(name: str) -> carla.WeatherParameters:
    """A preset of `carla.WeatherParameters` by its name.

    Raises:
        ConfigError: there is no such preset; the text lists them.

    """
    weather = getattr(carla.WeatherParameters, name, None)
    if not isinstance(weather, carla.WeatherParameters):
        presets = sorted(n for n in dir(carla.WeatherParameters) if n[0].isupper())
        raise ConfigError(f"weather '{name}' is not a preset; choose one of: {', '.join(presets)}.")
    return weather
