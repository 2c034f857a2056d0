"""Everything that must stand in the world before a session can begin: route, ego, cameras, background traffic.

Made from the settings in one call and taken down in one call, so that the next session finds the world empty.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from cockpit.config import ConfigError, SessionConfig
from cockpit.rig.camera_spec import CameraSpec
from cockpit.route.files import RouteSpec, read_route
from cockpit.route.lanes import LaneGraph
from cockpit.route.planning import RouteError, plan_route, random_route
from cockpit.route.route import Route
from cockpit.scenarios.director import Director, direct
from cockpit.session.ports import PolicyDriver, SensesItself
from cockpit.traffic.manager import Traffic, TrafficError, spawn_traffic
from cockpit.traffic.replay import ReplayTraffic, read_trajectories
from cockpit.world.errors import WorldError
from cockpit.world.world import CarlaWorld
from recorder.schema import Control, DriverKind, SessionInfo

log = logging.getLogger(__name__)

SENSOR_TICKS = 10
"""Steps after a policy attached its own sensors: CARLA's may miss the first ones (the leaderboard makes as many)."""
TM_PORT_OFFSET = 6000
HIGHEST_PORT = 65530


@dataclass(slots=True)
class Stage:
    """A world in which a session can begin. `close` takes everything down again."""

    config: SessionConfig
    world: CarlaWorld
    route: Route
    traffic: Traffic | None = None
    scenarios: Director | None = None
    _seated: SensesItself | None = None

    def seat(self, policy: PolicyDriver | None) -> None:
        """Let a policy that senses for itself attach its sensors to the ego; other policies need nothing. Before the
        session begins.

        Raises:
            WorldLost: the server does not answer.
            What the policy raises when it cannot drive here.

        """
        if not isinstance(policy, SensesItself):
            return
        self._seated = policy
        poses = (self.route.pose_at(float(metre)) for metre in range(len(self.route.points)))
        route = list(zip(poses, self.route.commands, strict=True))
        policy.enter(self.config.host, self.config.port, self.world.ego.id, route)
        self.world.apply(Control(brake=1.0))
        for _ in range(SENSOR_TICKS):
            self.world.advance()

    def info(
        self,
        driver: DriverKind = DriverKind.NONE,
        driver_id: str = "",
        policy: str = "none",
        policy_sha256: str = "",
        rig: str = "",
    ) -> SessionInfo:
        """What is constant in a session on this stage, as the recorder needs it."""
        started = datetime.now(UTC)
        return SessionInfo(
            session_id=f"{started:%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:6]}",
            started_at=started.isoformat(timespec="seconds"),
            map_name=self.world.map_name,
            opendrive=self.world.opendrive,
            fixed_delta_s=self.config.fixed_delta_s,
            seed=self.config.seed,
            driver=driver,
            driver_id=driver_id,
            policy=policy,
            policy_sha256=policy_sha256,
            route_id=self.route.route_id,
            route_world=self.route.points.astype(np.float32),
            ego_type_id=self.config.ego_blueprint,
            rig=rig,
            scenarios=() if self.scenarios is None else self.scenarios.descriptions(),
        )

    def close(self) -> None:
        """Take down traffic, ego and cameras and release the clock; safe to call twice and without a server."""
        seated, self._seated = self._seated, None
        if seated is not None:
            seated.leave()
        scenarios, self.scenarios = self.scenarios, None
        if scenarios is not None and not self.world.is_lost:
            scenarios.close()
        traffic, self.traffic = self.traffic, None
        if traffic is not None and not self.world.is_lost:
            traffic.close()
        self.world.close()

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def set_stage(config: SessionConfig, cameras: Iterable[CameraSpec], route: RouteSpec | Route | None = None) -> Stage:
    """Connect, plan the route (None: the one that `config` names), and put ego, cameras and traffic in the world.

    Raises:
        WorldLost: no server answers.
        ConfigError: a town, blueprint, weather, route file or route that is not there.
        WorldError: something stands at the route's start.

    """
    spec = route if route is not None else _configured(config)
    if spec is not None and config.town is None and spec.town:
        config = config.model_copy(update={"town": spec.town})
    world = CarlaWorld(config)
    stage = None
    try:
        planned = planned_route(world, config, spec)
        stage = Stage(config, world, planned)
        world.spawn_ego(planned.start)
        world.attach_cameras(cameras)
        replay = config.traffic.replay
        stage.traffic = _with_traffic(world, config, planned) if replay is None else None
        stage.route = planned.with_lights(world.light_ids())
        listed = spec if isinstance(spec, RouteSpec) else RouteSpec("", "", ())
        if listed.scenarios or listed.weathers or replay is not None:
            stage.scenarios = direct(world, stage.route, listed.scenarios, listed.weathers, config.seed)
            stage.scenarios.replay = _replayed(world, replay)
    except BaseException:
        world.close() if stage is None else stage.close()
        raise
    return stage


def planned_route(world: CarlaWorld, config: SessionConfig, spec: RouteSpec | Route | None) -> Route:
    """The route as a line on this world's map; None makes a random one from the seed."""
    if isinstance(spec, Route):
        return spec
    lanes = LaneGraph(world.carla_map)
    try:
        if spec is None:
            return random_route(lanes, config.seed, config.random_route_m)
        return plan_route(lanes, spec.waypoints, spec.route_id)
    except RouteError as error:
        raise ConfigError(f"{error} Choose another route or town.") from error


def _replayed(world: CarlaWorld, path: Path | None) -> ReplayTraffic | None:
    return ReplayTraffic(world.client, world.world, read_trajectories(path)) if path is not None else None


def _configured(config: SessionConfig) -> RouteSpec | None:
    return read_route(config.route_file, config.route_id) if config.route_file is not None else None


def _with_traffic(world: CarlaWorld, config: SessionConfig, route: Route) -> Traffic:
    traffic, start = config.traffic, route.start
    try:
        return spawn_traffic(
            world.client,
            world.world,
            (config.host, config.port),
            traffic.tm_port or _tm_port(config.port),
            traffic.count,
            config.seed,
            [(start.x, start.y)],
            traffic.keep_clear_m,
        )
    except TrafficError as error:
        raise WorldError(str(error)) from error


def _tm_port(server_port: int) -> int:
    port = server_port + TM_PORT_OFFSET
    return port if port <= HIGHEST_PORT else port - HIGHEST_PORT + 1024
