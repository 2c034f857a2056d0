"""Samples from anywhere: the ego is put along a random route, and the expert is asked where it would go.

Off the lane's middle, askew, and at any speed that is plausible there: the states that a policy's own mistakes lead to
are in the data from the start. Driving with noise (DART, arXiv 1703.09327) reaches few of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import carla
import numpy as np
from numpy.typing import NDArray

from cockpit.route.lanes import LaneGraph
from cockpit.route.planning import random_route
from cockpit.route.route import Route, StopLine
from cockpit.session.setup import Stage
from cockpit.world.conversion import carla_transform
from cockpit.world.world import WorldFrame
from policy.expert.expert import Expert
from policy.vla.observation import observation_at
from recorder.schema import (
    POLICY_CAMERA,
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
from refine.data.collect_config import MARGIN_M, CollectConfig
from refine.data.samples import LIGHTS, SampleBuffer, light_ahead, lit_cells
from refine.data.truth import Truth, TruthCameras, as_seen

LANE_CHANGES = (RouteCommand.CHANGE_LANE_LEFT, RouteCommand.CHANGE_LANE_RIGHT)
COLOURS = (carla.TrafficLightState.Red, carla.TrafficLightState.Yellow, carla.TrafficLightState.Green)
COLOUR_SHARES = (0.45, 0.1, 0.45)
CLEAR_M = 5.5
"""The ego is not put with its centre nearer than this to another's."""


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
    truth: Truth
    lamps: NDArray[np.uint8] | None = None
    """See `Samples.lamps`; None where nobody looked for them."""

    @property
    def image(self) -> NDArray[np.uint8]:
        """(H, W, 3) what the policy's camera saw."""
        return self.tick.cameras[POLICY_CAMERA].image


def look_at_lamps(look: Look, other: Look) -> Look:
    """A look with the lamps found by comparing it with the same view in another colour of the light."""
    lit = lit_cells(look.image, other.image)
    return replace(look, lamps=lit.astype(np.uint8) * LIGHTS.index(light_ahead(look.tick)))


class Scatter:
    """Puts the ego of a stage here and there and asks the expert."""

    def __init__(self, stage: Stage, config: CollectConfig, rng: np.random.Generator) -> None:
        self.stage, self.config, self.rng = stage, config, rng
        self.expert = Expert()
        self._lanes = LaneGraph(stage.world.carla_map)
        self._light_ids = stage.world.light_ids()
        actors = stage.world.world.get_actors(list(self._light_ids.values()))
        self._lights = {actor.id: actor for actor in actors}
        self._truth = TruthCameras(stage.world.world, stage.world.ego, config.policy.camera)
        self._frame = stage.world.tick()

    def __enter__(self) -> Scatter:
        return self

    def __exit__(self, *_: object) -> None:
        self._truth.close()

    def collect(self, buffer: SampleBuffer, count: int) -> None:
        """Add `count` samples to the buffer, each with the answer of an expert that sees what the camera shows."""
        full, policy = len(buffer) + count, self.config.policy
        while len(buffer) < full:
            group = int(self.rng.integers(1, 2**31))
            route = random_route(self._lanes, group, self.config.route_m).with_lights(self._light_ids)
            end = min(len(buffer) + self.config.route_samples, full)
            for _ in range(self.config.route_samples):
                if len(buffer) == end:
                    break
                for look in self.sample(route)[: end - len(buffer)]:  # a pair may be one too many
                    seen = as_seen(look.tick, look.truth)
                    label = self.expert.plan_trajectory(seen, policy.horizon, policy.step_s)
                    buffer.add(look.tick, observation_at([look.tick], policy), label, group, look.lamps, look.truth)

    def sample(self, route: Route) -> list[Look]:
        """The camera's view somewhere on `route`: one look, two in a light's different colours, none without room."""
        place = self._place(route)
        pose = self._beside(route.pose_at(place.station_m))
        if self._is_blocked(pose):
            return []
        speed = self._speed(route, place, pose)
        if place.light_id is not None:
            return self._look_twice(route, place, pose, speed, self._lights[place.light_id])
        look = self._look(route, place, pose, speed)
        return [look] if look is not None else []

    def _look_twice(self, route: Route, place: _Place, pose: Pose, speed: float, light: Any) -> list[Look]:
        """The same place in two colours of its light, after which the light is set back.

        Left to its cycle, a model memorises the few hundred views of a town's lights, each with the colour it
        happened to have, and reads the lamps of none. The pair also shows where in the picture the lamps are.
        """
        before = light.get_state()
        colours = self.rng.choice(len(COLOURS), size=2, replace=False, p=COLOUR_SHARES)
        looks = []
        try:
            for colour in colours:
                light.set_state(COLOURS[int(colour)])
                looks.append(self._look(route, place, pose, speed))
        finally:
            light.set_state(before)
        first, second = looks
        if first is None or second is None:
            return [look for look in looks if look is not None]
        return [look_at_lamps(first, second), look_at_lamps(second, first)]

    def _look(self, route: Route, place: _Place, pose: Pose, speed: float) -> Look | None:
        ego = self.stage.world.ego
        ego.set_transform(carla_transform(pose))
        ego.set_target_velocity(carla.Vector3D(speed * math.cos(pose.yaw), speed * math.sin(pose.yaw), 0.0))
        ego.set_target_angular_velocity(carla.Vector3D(0.0, 0.0, 0.0))
        self.stage.world.apply(Control())
        self._frame = self.stage.world.tick()
        truth = self._truth.of_frame(self._frame.frame)
        here = self._frame.ego.pose
        if math.hypot(here.x - pose.x, here.y - pose.y) > 1.5 + 0.1 * speed:
            return None  # pushed away by a collision
        return Look(tick_of(self._frame, route.state(here.x, here.y, here.yaw, place.station_m)), truth)

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
        """A speed that is plausible here: from standing to a little more than the expert would drive.

        Before a stop line it mostly fits a stop there, whatever the light shows: else a model would read the light off
        its own speed, and stand for ever once it has stopped.
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
