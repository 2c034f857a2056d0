"""Plays the scenarios of a route while a session drives it: stages them, ticks their trees and judges.

The session passes every finished tick to `step`; what the scenarios change in the world is then sent before the next
one. What happened is returned as events for the next tick, so that a recording contains which scene was played when.
"""

from __future__ import annotations

import logging
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import carla
import numpy as np
from py_trees.common import Status

from cockpit.route.route import Route, wrapped
from cockpit.route.scenario_spec import ScenarioSpec, WeatherAt
from cockpit.scenarios.catalogue import TYPES
from cockpit.scenarios.judge import TIMEOUT_S, Phase, ScenarioOutcome, mistake_in
from cockpit.scenarios.scene import Cast, Play, Scene, StageError
from cockpit.traffic.replay import ReplayTraffic
from cockpit.world.world import CarlaWorld
from recorder.schema import Control, EventKind, Pose, Tick, TickEvent

log = logging.getLogger(__name__)

STAGED_BEFORE_M = 80.0
"""How far before its trigger a scenario's actors are put into the world."""
NEAR_M, NEAR_RAD = 6.0, math.radians(60.0)
"""A trigger farther from the route (metres), or turned more against it, does not belong to it."""
WEATHER_STEP = 0.01
"""Share of the route after which a changing weather is updated."""
REMOVED_AFTER_M = 25.0
"""A scenario's actors are removed when the ego is this far past its end."""


@dataclass(slots=True)
class _Entry:
    """A scenario on its way through its phases."""

    spec: ScenarioSpec
    trigger_m: float
    phase: Phase = Phase.WAITING
    reason: str = ""
    begun_s: float | None = None
    ended_s: float | None = None
    scene: Scene | None = None
    play: Play | None = None

    def outcome(self) -> ScenarioOutcome:
        return ScenarioOutcome(self.spec.name, self.spec.type, self.phase, self.reason, self.begun_s, self.ended_s)


@dataclass
class Director:
    """All scenarios of one route in one world. Made by `direct`."""

    world: CarlaWorld
    route: Route
    seed: int
    weathers: Sequence[WeatherAt] = ()
    entries: list[_Entry] = field(default_factory=list)
    replay: ReplayTraffic | None = None
    """Recorded traffic, moved along with the scenarios."""
    _begun_s: float | None = None
    _last_speed_mps: float = 0.0
    _weather_share: float = -math.inf

    def step(self, tick: Tick) -> tuple[TickEvent, ...]:
        """Go on after a finished tick; what happened to the scenarios, for the next one."""
        events: list[TickEvent] = []
        self._begun_s = tick.time_s if self._begun_s is None else self._begun_s
        if self.replay is not None:
            self.replay.step(tick.time_s - self._begun_s)
        for entry in self.entries:
            before = entry.phase
            self._advance(entry, tick)
            if entry.phase is not before:
                text = f"{entry.spec.name} ({entry.spec.type}): {entry.phase.value}"
                events.append(TickEvent(EventKind.SCENARIO, f"{text}: {entry.reason}" if entry.reason else text))
        self._last_speed_mps = tick.ego.speed_mps
        self._change_weather(tick.route.driven_m / max(tick.route.length_m, 1.0))
        return tuple(events)

    def descriptions(self) -> tuple[dict[str, Any], ...]:
        """Name, type, trigger and parameters of every scenario, as JSON values for the recording."""
        specs = [entry.spec for entry in self.entries]
        return tuple(
            {
                "name": spec.name,
                "type": spec.type,
                "trigger": [spec.trigger.x, spec.trigger.y, spec.trigger.z, spec.trigger.yaw],
                "parameters": {key: dict(values) for key, values in spec.parameters.items()},
            }
            for spec in specs
        )

    def disturbed(self, control: Control) -> Control:
        """The ego's control as changed by the scenarios that are played."""
        for entry in self.entries:
            if entry.phase is Phase.RUNNING and entry.play is not None and entry.play.disturb is not None:
                control = entry.play.disturb(control)
        return control

    def outcomes(self, end: str = "") -> tuple[ScenarioOutcome, ...]:
        """The outcome of each; with `end` (why the session is over), what was still running has failed."""
        if end:
            for entry in self.entries:
                if entry.phase in (Phase.STAGED, Phase.RUNNING):
                    entry.phase, entry.reason = Phase.FAILED, f"the drive ended: {end.replace('_', ' ')}"
        return tuple(entry.outcome() for entry in self.entries)

    def close(self) -> None:
        """Remove every actor; safe to call twice."""
        for entry in self.entries:
            self._remove_actors(entry)
        if self.replay is not None:
            self.replay.close()

    def _change_weather(self, share: float) -> None:
        """Between two weathers of the file, each value is interpolated (as on the leaderboard)."""
        if not self.weathers or abs(share - self._weather_share) < WEATHER_STEP:
            return
        is_first, self._weather_share = self._weather_share < 0.0, share
        if is_first or any(one.values != self.weathers[0].values for one in self.weathers):
            weather = carla.WeatherParameters(cloudiness=50.0, sun_altitude_angle=70.0)
            for name, value in weather_between(self.weathers, share).items():
                if hasattr(weather, name):
                    setattr(weather, name, value)
            self.world.apply_weather(weather)

    def _advance(self, entry: _Entry, tick: Tick) -> None:
        driven_m = tick.route.driven_m
        if entry.phase is Phase.WAITING and driven_m >= entry.trigger_m - STAGED_BEFORE_M:
            self._build(entry, tick)
        if entry.play is None or entry.scene is None:
            return
        entry.scene.tick = tick
        if entry.phase is Phase.STAGED and driven_m >= entry.trigger_m - 1.0:
            entry.phase, entry.begun_s = Phase.RUNNING, tick.time_s
        if entry.play.tree.status in (Status.INVALID, Status.RUNNING):
            entry.play.tree.tick_once()
        if not entry.phase.is_over:
            self._judge(entry, entry.play, tick)
        if driven_m > entry.play.end_m + REMOVED_AFTER_M:
            self._remove_actors(entry)

    def _build(self, entry: _Entry, tick: Tick) -> None:
        spec = entry.spec
        kind = TYPES.get(spec.type)
        if kind is None:
            self._skip(entry, f"type '{spec.type}' is not known here")
            return
        rng = random.Random(f"{self.seed}/{self.route.route_id}/{spec.name}")
        cast = Cast(self.world.client, self.world.world, rng, self.world.ego.id)
        entry.scene = Scene(self.world.world, self.world.carla_map, self.route, spec, entry.trigger_m, rng, cast, tick)
        try:
            entry.play = kind.build(entry.scene)
        except StageError as error:
            cast.close()
            self._skip(entry, str(error))
            return
        entry.phase = Phase.STAGED

    def _skip(self, entry: _Entry, reason: str) -> None:
        entry.phase, entry.reason = Phase.SKIPPED, reason
        log.warning("scenario %s is not played: %s", entry.spec.name, reason)

    def _judge(self, entry: _Entry, play: Play, tick: Tick) -> None:
        wrong = mistake_in(tick, self._last_speed_mps, counts_lights=play.keeps_lights)
        if not wrong and play.check is not None and entry.phase is Phase.RUNNING:
            wrong = play.check(tick)
        is_late = entry.begun_s is not None and tick.time_s - entry.begun_s > TIMEOUT_S
        is_through = tick.route.driven_m >= play.end_m
        if not wrong and is_through and play.final is not None:
            wrong = play.final(tick)
        if not wrong and is_late:
            wrong = f"not through after {TIMEOUT_S:.0f} s"
        if wrong:
            entry.phase, entry.reason, entry.ended_s = Phase.FAILED, wrong, tick.time_s
        elif is_through:
            entry.phase, entry.ended_s = Phase.PASSED, tick.time_s

    def _remove_actors(self, entry: _Entry) -> None:
        play, entry.play = entry.play, None
        if play is not None:
            play.tree.stop(Status.INVALID)
        if entry.scene is not None:
            entry.scene.cast.close()


def direct(
    world: CarlaWorld, route: Route, specs: Sequence[ScenarioSpec], weathers: Sequence[WeatherAt], seed: int
) -> Director:
    """A director for the scenarios of a route; one whose trigger is not on the route is skipped from the start."""
    director = Director(world, route, seed, weathers)
    for spec in specs:
        at_m = trigger_on(route, spec.trigger)
        entry = _Entry(spec, at_m if at_m is not None else 0.0)
        if at_m is None:
            director._skip(entry, "its trigger is not on the route")
        director.entries.append(entry)
    director._change_weather(0.0)
    return director


def weather_between(weathers: Sequence[WeatherAt], share: float) -> dict[str, float]:
    """Values at a share of the route, between those of the weathers around it (which are ordered)."""
    names = sorted({name for one in weathers for name in one.values})
    known = {name: [(one.share, one.values[name]) for one in weathers if name in one.values] for name in names}
    return {
        name: float(np.interp(share, [at for at, _ in points], [value for _, value in points]))
        for name, points in known.items()
    }


def trigger_on(route: Route, trigger: Pose) -> float | None:
    """Distance along the route of a trigger; None when it is beside it or faces another way."""
    gap = np.hypot(route.points[:, 0] - trigger.x, route.points[:, 1] - trigger.y)
    turned = np.abs(wrapped(route.points[:, 3] - trigger.yaw))
    gap = np.where(turned < NEAR_RAD, gap, math.inf)
    best = int(np.argmin(gap))
    return float(best) if gap[best] <= NEAR_M else None
