"""Collecting what the small policy learns from: pictures of the town with the expert's answer to each.

Two ways. *Scatter* puts the ego anywhere along a random route, off the lane's middle, askew and at any speed that could
be meant there, and asks the expert where it would go: the states that a policy's own mistakes lead to are in the data
from the start, which driving with noise (DART, arXiv 1703.09327) only brushes. *DAgger* (arXiv 1011.0686) lets the
policy drive, a safety driver at the wheel, and asks the expert every few ticks. Both need nothing but a CARLA server.
"""

from __future__ import annotations

import logging
import math
import multiprocessing
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

import carla
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from cockpit.config import SessionConfig, TrafficConfig
from cockpit.route.files import RouteSpec
from cockpit.route.lanes import LaneGraph
from cockpit.route.route import Route, StopLine, random_route
from cockpit.session.headless import run_headless_route
from cockpit.session.setup import Stage, set_stage
from cockpit.world.simulator import launch_simulator
from cockpit.world.world import WorldFrame, carla_transform
from policy.expert.expert import Expert
from policy.expert.safety_driver import SafetyDriver
from policy.serving.process import POLICY_CAMERA, PolicyProcess
from policy.vla.checkpoint import CameraSettings, read_settings
from recorder.schema import (
    Authority,
    AuthorityState,
    Control,
    DriverInput,
    Pose,
    Reason,
    RouteCommand,
    RouteState,
    Tick,
)
from refine.data.samples import LIGHTS, SHARD_PATTERN, SampleBuffer, light_ahead, lit_cells
from refine.driving import camera_spec
from refine.errors import RefineError

log = logging.getLogger(__name__)

POLL_S = 1.0
MOST_LIVES = 6
"""Deaths of one collecting process that end the whole."""
MARGIN_M = 10.0
"""Nothing is collected nearer than this to a route's end, where the expert would stop."""
LANE_CHANGES = (RouteCommand.CHANGE_LANE_LEFT, RouteCommand.CHANGE_LANE_RIGHT)
COLOURS = (carla.TrafficLightState.Red, carla.TrafficLightState.Yellow, carla.TrafficLightState.Green)
COLOUR_SHARES = (0.45, 0.1, 0.45)
CLEAR_M = 5.5
"""The ego is not put with its centre nearer than this to another's."""


class CollectConfig(BaseModel):
    """What is collected; metres, radians, m/s."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    samples: int = Field(default=72_000, ge=1)
    minutes: float | None = Field(default=None, gt=0)
    """Wall time after which collecting ends with what there is."""
    workers: int = Field(default=2, ge=1)
    """Processes, each with a simulator of its own."""
    seed: int = 1
    camera: CameraSettings = CameraSettings()
    horizon: int = Field(default=6, ge=1)
    step_s: float = Field(default=0.5, gt=0)
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


@dataclass(frozen=True, slots=True)
class CollectProgress:
    """How far collecting is."""

    samples: int
    wanted: int
    seconds: float


def collect_expert(
    out: Path, config: CollectConfig | None = None, on_progress: Callable[[CollectProgress], None] | None = None
) -> int:
    """Scatter the ego over the embedded simulator's town and write shards into `out`; returns how many samples.

    The processes share nothing; the same config gives the same samples, however fast the machine.
    Raises `RefineError` where a process dies again and again.
    """
    config = config or CollectConfig()
    out.mkdir(parents=True, exist_ok=True)
    began, before = time.monotonic(), count_samples(out, config.shard)
    share = math.ceil(config.samples / config.workers)
    workers = [_Worker(out, config, number, share) for number in range(config.workers)]
    try:
        while sum(worker.is_done() for worker in workers) < len(workers):
            time.sleep(POLL_S)
            if on_progress is not None:
                done = count_samples(out, config.shard) - before
                on_progress(CollectProgress(done, config.samples, time.monotonic() - began))
    finally:
        for worker in workers:
            worker.process.terminate()
            worker.process.join()
    return count_samples(out, config.shard) - before


def count_samples(folder: Path, shard: int) -> int:
    """About how many samples are in a folder (every shard counted as full)."""
    return shard * sum(1 for _ in folder.glob(SHARD_PATTERN))


class _Worker:
    """A collecting process, started anew where it dies: CARLA's client now and then takes its process with it."""

    def __init__(self, out: Path, config: CollectConfig, number: int, samples: int) -> None:
        self._out, self._config, self._number, self._samples = out, config, number, samples
        self._lives = 0
        self.process = self._start()

    def _start(self) -> SpawnProcess:
        name = f"s{self._config.seed}w{self._number}"
        left = self._samples - self._config.shard * len(list(self._out.glob(f"shard_{name}l*.npz")))
        arguments = (self._out, self._config, self._number, self._lives, f"{name}l{self._lives}", left)
        process = multiprocessing.get_context("spawn").Process(target=_work, args=arguments)
        process.start()
        return process

    def is_done(self) -> bool:
        """Whether the process came to its end; starts the next one where it died."""
        code = self.process.exitcode
        if code is None or code == 0:
            return code == 0
        self._lives += 1
        if self._lives == MOST_LIVES:
            raise RefineError(f"collecting process {self._number} died {MOST_LIVES} times, last with exit code {code}")
        log.warning("collecting process %d ended with exit code %d; a new one goes on", self._number, code)
        self.process = self._start()
        return False


def _work(out: Path, config: CollectConfig, worker: int, life: int, name: str, samples: int) -> None:
    """One process: its own simulator, scene after scene."""
    deadline = time.monotonic() + 60.0 * config.minutes if config.minutes is not None else math.inf
    buffer = SampleBuffer(out, name, config.shard)
    scene = 0
    with launch_simulator(seed=config.seed) as simulator:
        while len(buffer) < samples and time.monotonic() < deadline and _is_wanted():
            rng = np.random.default_rng((config.seed, worker, life, scene))
            count = min(config.scene_samples, samples - len(buffer))
            _collect_scene(("127.0.0.1", simulator.port), config, rng, buffer, count, deadline)
            scene += 1
    buffer.flush()


def _is_wanted() -> bool:
    """Whether the process that started this one still lives; a killed one cannot say goodbye."""
    parent = multiprocessing.parent_process()
    return parent is None or parent.is_alive()


def _collect_scene(
    server: tuple[str, int],
    config: CollectConfig,
    rng: np.random.Generator,
    buffer: SampleBuffer,
    count: int,
    deadline: float,
) -> None:
    seed = int(rng.integers(1, 2**31))
    session = SessionConfig(
        host=server[0],
        port=server[1],
        seed=seed,
        realtime=False,
        fresh_world=True,
        light_state_every=0,
        random_route_m=config.route_m,
        weather=str(rng.choice(config.weathers)),
        traffic=TrafficConfig(count=int(rng.choice(config.traffic))),
    )
    with set_stage(session, [camera_spec(config.camera)]) as stage:
        Scatter(stage, config, rng).collect(buffer, count, deadline)


@dataclass(frozen=True, slots=True)
class _Place:
    station_m: float
    line_m: float | None = None
    """The stop line it was chosen for."""
    light_id: int | None = None
    """Its light."""


@dataclass(frozen=True)
class Look:
    """One tick to learn from."""

    tick: Tick
    lamps: NDArray[np.uint8] | None = None
    """See `Samples.lamps`; None where nobody looked for them."""

    @property
    def image(self) -> NDArray[np.uint8]:
        """(H, W, 3) what the policy's camera saw."""
        return self.tick.cameras[POLICY_CAMERA].image


def look_at_lamps(tick: Tick, other: Tick) -> Look:
    """A look with the lamps found by comparing it with the same view in another colour of the light."""
    look = Look(tick)
    lit = lit_cells(look.image, Look(other).image)
    return Look(tick, lit.astype(np.uint8) * LIGHTS.index(light_ahead(tick)))


class Scatter:
    """Puts the ego of a stage here and there and asks the expert."""

    def __init__(self, stage: Stage, config: CollectConfig, rng: np.random.Generator) -> None:
        self.stage, self.config, self.rng = stage, config, rng
        self.expert = Expert()
        self._lanes = LaneGraph(stage.world.carla_map)
        self._light_ids = stage.world.light_ids()
        actors = stage.world.world.get_actors(list(self._light_ids.values()))
        self._lights = {actor.id: actor for actor in actors}
        self._frame = stage.world.tick()

    def collect(self, buffer: SampleBuffer, count: int, deadline: float = math.inf) -> None:
        """Add `count` samples to the buffer, fewer where the deadline comes first."""
        wanted = len(buffer) + count
        while len(buffer) < wanted and time.monotonic() < deadline:
            group = int(self.rng.integers(1, 2**31))
            route = random_route(self._lanes, group, self.config.route_m).with_lights(self._light_ids)
            end = min(len(buffer) + self.config.route_samples, wanted)
            for _ in range(self.config.route_samples):
                if len(buffer) == end:
                    break
                for look in self.sample(route)[: end - len(buffer)]:  # a pair may be one more than wanted
                    label = self.expert.plan_trajectory(look.tick, self.config.horizon, self.config.step_s)
                    buffer.add(look.tick, look.image, label, group, look.lamps)

    def sample(self, route: Route) -> list[Look]:
        """What one sees somewhere on `route`: one look, two in a light's different colours, none without room."""
        place = self._place(route)
        pose = self._beside(route.pose_at(place.station_m))
        if self._is_blocked(pose):
            return []
        speed = self._speed(route, place, pose)
        if place.light_id is not None:
            return self._look_twice(route, place, pose, speed, self._lights[place.light_id])
        tick = self._look(route, place, pose, speed)
        return [Look(tick)] if tick is not None else []

    def _look_twice(self, route: Route, place: _Place, pose: Pose, speed: float, light: Any) -> list[Look]:
        """The same place in two colours of its light, which the light then gives up again.

        Left to its cycle, a model learns the few hundred views of a town's lights by heart, each with the colour it
        happened to have, and reads the lamps of none. The pair also tells where in the picture the lamps are.
        """
        before = light.get_state()
        colours = self.rng.choice(len(COLOURS), size=2, replace=False, p=COLOUR_SHARES)
        ticks = []
        try:
            for colour in colours:
                light.set_state(COLOURS[int(colour)])
                ticks.append(self._look(route, place, pose, speed))
        finally:
            light.set_state(before)
        first, second = ticks
        if first is None or second is None:
            return [Look(tick) for tick in ticks if tick is not None]
        return [look_at_lamps(first, second), look_at_lamps(second, first)]

    def _look(self, route: Route, place: _Place, pose: Pose, speed: float) -> Tick | None:
        ego = self.stage.world.ego
        ego.set_transform(carla_transform(pose))
        ego.set_target_velocity(carla.Vector3D(speed * math.cos(pose.yaw), speed * math.sin(pose.yaw), 0.0))
        ego.set_target_angular_velocity(carla.Vector3D(0.0, 0.0, 0.0))
        self.stage.world.apply(Control())
        self._frame = self.stage.world.tick()
        here = self._frame.ego.pose
        if math.hypot(here.x - pose.x, here.y - pose.y) > 1.5 + 0.1 * speed:
            return None  # pushed away by a collision
        return tick_of(self._frame, route.state(here.x, here.y, here.yaw, place.station_m))

    def _place(self, route: Route) -> _Place:
        """Where on the route, and which stop the speed shall fit."""
        config, last = self.config, route.length_m - MARGIN_M
        draw = float(self.rng.random())
        if draw < config.turns:
            station = self._at_a_turn(route)
            if station is not None:
                return _Place(min(max(station, 0.0), last))
        elif draw < config.turns + config.lights:
            line = self._line(route)
            if line is not None:
                gap = self.expert.config.light_gap_m
                back = self.rng.exponential(14.0) if self.rng.random() < 0.6 else self.rng.normal(gap + 0.4, 1.2)
                return _Place(min(max(line.distance_m - 2.0 - back, 0.0), last), line.distance_m, line.actor_id)
        elif draw < config.turns + config.lights + config.followed:
            behind = self._behind_somebody(route)
            if behind is not None:
                return _Place(min(behind, last))
        return _Place(float(self.rng.uniform(0.0, last)))

    def _at_a_turn(self, route: Route) -> float | None:
        """In a manoeuvre or right before it; lane changes, which are rare, as often as turns."""
        manoeuvres = [i for i, command in enumerate(route.commands) if command is not RouteCommand.LANE_FOLLOW]
        changes = [i for i in manoeuvres if route.commands[i] in LANE_CHANGES]
        if changes and self.rng.random() < 0.5:
            return float(self.rng.choice(changes) - self.rng.uniform(0.0, 14.0))
        turns = [i for i in manoeuvres if route.commands[i] is not RouteCommand.STRAIGHT or self.rng.random() < 0.3]
        return float(self.rng.choice(turns) - self.rng.uniform(0.0, 14.0)) if turns else None

    def _line(self, route: Route) -> StopLine | None:
        lines = [line for line in route.stop_lines if line.actor_id in self._lights]
        return lines[int(self.rng.integers(len(lines)))] if lines else None

    def _behind_somebody(self, route: Route) -> float | None:
        line = route.points[:, :2]
        found = []
        for actor in self._frame.actors:
            apart = np.hypot(line[:, 0] - actor.pose.x, line[:, 1] - actor.pose.y)
            index = int(apart.argmin())
            if apart[index] < 1.5 and index > 20:
                found.append(index)
        if not found:
            return None
        return max(float(self.rng.choice(found)) - 6.0 - float(self.rng.exponential(10.0)), 0.0)

    def _beside(self, pose: Pose) -> Pose:
        config = self.config
        offset = float(np.clip(self.rng.normal(0.0, config.offset_m), -config.offset_most_m, config.offset_most_m))
        turned = float(np.clip(self.rng.normal(0.0, config.yaw_rad), -config.yaw_most_rad, config.yaw_most_rad))
        x, y = pose.x - offset * math.sin(pose.yaw), pose.y + offset * math.cos(pose.yaw)
        return Pose(x=x, y=y, z=pose.z + 0.05, yaw=pose.yaw + turned)

    def _is_blocked(self, pose: Pose) -> bool:
        others = (actor.pose for actor in self._frame.actors)
        return any((one.x - pose.x) ** 2 + (one.y - pose.y) ** 2 < CLEAR_M**2 for one in others)

    def _speed(self, route: Route, place: _Place, pose: Pose) -> float:
        """A speed that could be meant here: from standing to a little more than the expert would drive.

        Before a stop line it mostly fits a stop there, whatever the light shows: else a model would read the light off
        its own speed, and stand for ever once it stands.
        """
        state = route.state(pose.x, pose.y, pose.yaw, place.station_m)
        limits = self.expert.constraints(_tick_at(self._frame, state, pose))
        most = 1.1 * limits.allowed_mps[0]
        braking = 2.0 * self.expert.config.comfortable_braking_mps2
        half = self._frame.ego.extent_m[0]
        stops = [stop_m for stop_m, _ in limits.stops]
        if place.line_m is not None and self.rng.random() < 0.75:
            stops.append(place.line_m - place.station_m - half - self.expert.config.light_gap_m)
        for stop_m in stops:
            most = min(most, math.sqrt(2.0 * braking * max(stop_m, 0.0)))
        for leader in limits.leaders:
            gap = max(leader.rear_m - half - 3.0, 0.0)
            most = min(most, math.sqrt(leader.speed_mps**2 + 2.0 * braking * gap))
        draw = self.rng.random()
        if draw < (0.15 if place.line_m is None else 0.3):
            return float(self.rng.uniform(0.0, 0.2)) if draw < 0.1 else 0.0
        share = self.rng.uniform(0.8, 1.0) if draw < 0.55 else self.rng.uniform(0.0, 1.0)
        return float(most * share)


def collect_dagger(
    out: Path,
    folder: Path,
    routes: Sequence[RouteSpec | Route | None],
    session: SessionConfig,
    every: int = 5,
    seed: int = 0,
    on_tick: Callable[[Tick], None] | None = None,
) -> int:
    """Let the policy in `folder` drive `routes` on the server of `session` and keep the expert's answers.

    Every `every`-th tick is kept; the safety driver takes over where the policy fails, and its seconds are kept too.
    None as a route drives a random one from the session's seed plus its place in the list. Returns how many samples.
    """
    settings = read_settings(folder)
    expert = Expert()
    buffer = SampleBuffer(out, f"d{seed}")
    with PolicyProcess(folder) as policy:
        policy.wait_ready()
        for number, route in enumerate(routes):
            group = (seed * 1000 + number) * 7919 + 1

            def keep(tick: Tick, group: int = group) -> None:
                if on_tick is not None:
                    on_tick(tick)
                if tick.frame % every or tick.route.length_m - tick.route.driven_m < MARGIN_M:
                    return
                stretch = group + int(tick.route.driven_m // 100.0)
                label = expert.plan_trajectory(tick, settings.horizon, settings.step_s)
                buffer.add(tick, tick.cameras[POLICY_CAMERA].image, label, stretch)

            config = session.model_copy(update={"seed": session.seed + number})
            camera = camera_spec(settings.camera)
            run_headless_route(config, route, policy, SafetyDriver(), cameras=[camera], on_tick=keep)
    buffer.flush()
    return buffer.written


def tick_of(frame: WorldFrame, route: RouteState) -> Tick:
    """A tick in which nobody drives, of a frame of the world."""
    return Tick(
        frame=frame.frame,
        time_s=frame.time_s,
        wall_time_s=frame.wall_time_s,
        delta_s=frame.delta_s,
        ego=frame.ego,
        actors=frame.actors,
        lights=frame.lights,
        route=route,
        cameras=frame.cameras,
        driver=DriverInput(),
        plan=None,
        policy_control=None,
        control=Control(),
        authority=AuthorityState(Authority.HUMAN, Reason.SESSION_START, frame.frame, frame.time_s),
        weather=frame.weather,
    )


def _tick_at(frame: WorldFrame, route: RouteState, pose: Pose) -> Tick:
    """The last frame as if the ego already stood at `pose`."""
    return replace(tick_of(frame, route), ego=replace(frame.ego, pose=pose))
