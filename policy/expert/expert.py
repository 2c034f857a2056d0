"""The privileged driver: it sees ground truth (a `Tick`) and drives the route as a calm, consistent person would.

It labels the data the small policy learns from, stands in for a person when nobody sits at the wheel, and judges the
policy as the safety driver's reference. It keeps no state: the same tick always gives the same answer, so that a model
which sees one picture can imitate it. Steering is a cascaded path follower (lateral offset -> wished heading ->
curvature), speed is the lowest of: limit and curves, IDM behind leaders (Treiber, Hennecke, Helbing 2000), and
constant-deceleration stops before lights and crossing traffic.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from policy.control.geometry import ego_from_world, wrap_angle
from policy.control.motion import BicycleState, forward_speed_mps, step_bicycle
from policy.control.tracking import (
    DEFAULT_TRACKING,
    TrackingConfig,
    pedals_from_acceleration,
    standing_brake,
    steer_from_curvature,
)
from policy.expert.conflicts import Crossing, Leader, find_conflicts
from policy.expert.manoeuvres import adapted
from policy.expert.path import RoutePath
from recorder.schema import Control, LightColour, RouteCommand, Tick

ROLLOUT_STEP_S = 0.1
RED_OVERHANG_M = 1.5
"""How far over a red line's edge the front bumper may come to a stand."""
LEAST_LIGHT_GAP_M = 1.5
"""From the front bumper to the stop line, however late the light is seen."""
HEAD_ON_S = 1.5
"""The expert brakes for a road user about to come towards it in its own lane when it is nearer than this."""
SPEED_TIME_S = 0.8
"""Time constant of the speed law."""


class ExpertConfig(BaseModel):
    """How the expert drives; SI units."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cruise_mps: float = Field(default=8.0, gt=0)
    """Never faster than this, nor than the limit."""
    curve_lateral_mps2: float = Field(default=2.0, gt=0)
    """Largest lateral acceleration in curves."""
    acceleration_mps2: float = Field(default=1.5, gt=0)
    comfortable_braking_mps2: float = Field(default=1.3, gt=0)
    """What it brakes with before lights and curves: 8 m/s to a stand in 25 m."""
    hardest_braking_mps2: float = Field(default=8.0, gt=0)
    yellow_braking_mps2: float = Field(default=2.5, gt=0)
    """A yellow light that asks for more braking than this is driven through."""
    red_braking_mps2: float = Field(default=6.0, gt=0)
    """A red light that asks for more than this can no longer be obeyed."""
    light_gap_m: float = Field(default=6.0, ge=0)
    """From the front bumper to the stop line when standing: far enough that the lamp beside the line stays in the
    picture of a camera that looks straight ahead, also from the left of two lanes."""
    light_braking_mps2: float = Field(default=3.0, gt=0)
    """To keep that gap it does not brake harder than this: it then stands nearer to the line."""
    standing_gap_m: float = Field(default=4.0, ge=0)
    """To a standing leader."""
    time_gap_s: float = Field(default=1.3, gt=0)
    """To a moving leader."""
    conflict_gap_m: float = Field(default=2.0, ge=0)
    """To the corridor of crossing traffic when waiting for it."""
    conflict_time_s: float = Field(default=0.8, ge=0)
    """Time that it keeps before and after crossing traffic."""
    prediction_s: float = Field(default=3.0, gt=0)
    left_turn_prediction_s: float = Field(default=5.0, gt=0)
    """Oncoming traffic is looked at this far ahead when turning left."""
    blocked_exit_m: float = Field(default=24.0, ge=0)
    """A leader that stands within this behind a green light's line keeps the expert out of the junction."""
    feedback_lateral_mps2: float = Field(default=3.0, gt=0)
    """Lateral acceleration at most for getting back to the centre line."""
    approach_rad: float = Field(default=0.3, gt=0)
    """Angle at most at which it approaches the centre line."""
    max_curvature_per_m: float = Field(default=0.25, gt=0)


@dataclass(frozen=True, slots=True)
class Constraints:
    """What bounds the expert's speed, in stations of its path from the ego's reference point."""

    path: RoutePath
    allowed_mps: tuple[float, ...]
    """Speed allowed at each point of the path (limit, curves, and braking for curves in time)."""
    leaders: tuple[Leader, ...]
    stops: tuple[tuple[float, str], ...]
    """Where the reference point must come to a stand, and why."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What the expert does now, and why."""

    acceleration_mps2: float
    curvature_per_m: float
    reason: str


class Expert:
    """Privileged driver; every method is a pure function of its arguments."""

    def __init__(self, config: ExpertConfig | None = None, tracking: TrackingConfig = DEFAULT_TRACKING) -> None:
        self.config = config or ExpertConfig()
        self.tracking = tracking

    def plan_trajectory(self, tick: Tick, horizon: int = 6, step_s: float = 0.5) -> NDArray[np.float32]:
        """(horizon, 3) x, y, yaw in the ego frame at step_s, 2 step_s, ... : its own law rolled out on a bicycle."""
        constraints = self.constraints(tick)
        pose = tick.ego.pose
        state = BicycleState(pose.x, pose.y, pose.yaw, max(forward_speed_mps(tick.ego), 0.0))
        substeps = max(round(step_s / ROLLOUT_STEP_S), 1)
        dt_s = step_s / substeps
        station, out = 0.0, []
        for step in range(horizon * substeps):
            decision, station = self._decide(constraints, state, station, step * dt_s, tick.ego.extent_m[0])
            state = step_bicycle(
                state, decision.acceleration_mps2, decision.curvature_per_m, 0.5 * self.tracking.wheelbase_m, dt_s
            )
            if (step + 1) % substeps == 0:
                out.append((state.x, state.y, state.yaw))
        return ego_from_world(np.array(out), pose).astype(np.float32)

    def decide(self, tick: Tick) -> Decision:
        """The acceleration and curvature of this moment."""
        pose = tick.ego.pose
        state = BicycleState(pose.x, pose.y, pose.yaw, max(forward_speed_mps(tick.ego), 0.0))
        return self._decide(self.constraints(tick), state, 0.0, 0.0, tick.ego.extent_m[0])[0]

    def control(self, tick: Tick) -> Control:
        """Throttle, steer and brake of this moment."""
        decision = self.decide(tick)
        speed = forward_speed_mps(tick.ego)
        steer = steer_from_curvature(decision.curvature_per_m, self.tracking)
        if speed < 0.4 and decision.acceleration_mps2 <= 0.0:
            return Control(steer=steer, brake=standing_brake(speed, self.tracking))
        throttle, brake = pedals_from_acceleration(decision.acceleration_mps2, speed, self.tracking)
        return Control(throttle=throttle, steer=steer, brake=brake)

    def constraints(self, tick: Tick) -> Constraints:
        """Everything that bounds the speed in this tick."""
        special = adapted(tick)
        tick = special.tick
        path = RoutePath(tick.route.ahead_world)
        turning_left = tick.route.command is RouteCommand.LEFT and tick.route.command_distance_m < 20.0
        horizon_s = self.config.left_turn_prediction_s if turning_left else self.config.prediction_s
        leaders, crossings = find_conflicts(path, tick.actors, tick.ego, horizon_s)
        allowed = self._allowed_speeds(path, min(tick.route.speed_limit_mps, special.top_mps))
        stops = [*special.stops, *self._light_stops(tick, leaders)]
        stops += self._crossing_stops(tick, path, allowed, crossings, is_wary=special.is_wary)
        remaining = tick.route.length_m - tick.route.driven_m
        if remaining < 2.0:
            stops.append((max(remaining, 0.0), "end of the route"))
        return Constraints(path, allowed, tuple(leaders), tuple(stops))

    def _allowed_speeds(self, path: RoutePath, limit_mps: float) -> tuple[float, ...]:
        config = self.config
        top = min(config.cruise_mps, limit_mps) if limit_mps > 0.5 else config.cruise_mps
        speeds = [
            min(top, math.sqrt(config.curve_lateral_mps2 / max(abs(curvature), 1e-4)))
            for curvature in path.curvature_at_points
        ]
        station = path.stations_m
        for index in range(len(speeds) - 2, -1, -1):
            gap = station[index + 1] - station[index]
            reachable = math.sqrt(speeds[index + 1] ** 2 + 2.0 * config.comfortable_braking_mps2 * gap)
            speeds[index] = min(speeds[index], reachable)
        return tuple(speeds)

    def _light_stops(self, tick: Tick, leaders: list[Leader]) -> list[tuple[float, str]]:
        route, config = tick.route, self.config
        light = next((light for light in tick.lights if light.actor_id == route.next_light_id), None)
        if light is None or not math.isfinite(route.next_light_distance_m):
            return []
        front = tick.ego.extent_m[0]
        to_line = route.next_light_distance_m - front
        speed = max(forward_speed_mps(tick.ego), 0.0)
        gentle = max(to_line - config.light_gap_m, speed**2 / (2.0 * config.light_braking_mps2))
        stop = min(gentle, to_line - LEAST_LIGHT_GAP_M)
        needed = speed**2 / (2.0 * max(to_line, 0.05))
        # A bumper that comes to a stand a little over the line still obeys; only driving on would not.
        to_cross = speed**2 / (2.0 * max(to_line + RED_OVERHANG_M, 0.05))
        if light.colour is LightColour.RED and to_cross < config.red_braking_mps2 and to_line > -RED_OVERHANG_M:
            return [(stop, "red light")]
        if light.colour is LightColour.YELLOW and needed < config.yellow_braking_mps2 and to_line > -0.5:
            return [(stop, "yellow light")]
        if light.colour is LightColour.GREEN and to_line > 0.0 and needed < config.yellow_braking_mps2:
            line = route.next_light_distance_m
            if any(line < one.rear_m < line + config.blocked_exit_m and one.speed_mps < 1.0 for one in leaders):
                return [(stop, "junction blocked")]
        return []

    def _crossing_stops(
        self, tick: Tick, path: RoutePath, allowed: tuple[float, ...], crossings: list[Crossing], *, is_wary: bool
    ) -> list[tuple[float, str]]:
        if not crossings:
            return []
        front = tick.ego.extent_m[0]
        times, progress = self._free_progress(path, allowed, max(forward_speed_mps(tick.ego), 0.0))
        guarded = (tick.route.in_junction or self._has_green(tick)) and not is_wary
        stops = []
        for one in crossings:
            stop = one.from_m - front - self.config.conflict_gap_m
            if one.entry_m - front < -0.5 or (guarded and _will_stop(one)):
                continue
            if one.from_m - front < -0.5 and one.enters_s > HEAD_ON_S:
                # It would pass where the ego is now: too uncertain a prediction to brake for that early.
                continue
            arrives = _time_at(times, progress, one.from_m - front) - self.config.conflict_time_s
            clears = _time_at(times, progress, one.to_m + front) + self.config.conflict_time_s
            if arrives < one.leaves_s and clears > one.enters_s:
                stops.append((stop, "person crossing" if one.is_walker else "crossing traffic"))
        return stops

    def _free_progress(
        self, path: RoutePath, allowed: tuple[float, ...], speed: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Times and stations of a drive on an empty road, over 8 s."""
        times = np.arange(0.0, 8.01, 0.2)
        progress = np.zeros(len(times))
        for index in range(1, len(times)):
            wished = _value_at(path.stations_m, allowed, float(progress[index - 1]))
            speed = min(speed + self.config.acceleration_mps2 * 0.2, max(wished, speed - 0.4))
            progress[index] = progress[index - 1] + speed * 0.2
        return times, progress

    def _has_green(self, tick: Tick) -> bool:
        for light in tick.lights:
            if light.actor_id == tick.route.next_light_id:
                return light.colour is LightColour.GREEN and tick.route.next_light_distance_m < 40.0
        return False

    def _decide(
        self, constraints: Constraints, state: BicycleState, station: float, time_s: float, front_m: float
    ) -> tuple[Decision, float]:
        point, offset = constraints.path.project(state.x, state.y, station)
        curvature = self._curvature(constraints.path, state, point.station_m, point.yaw, offset)
        acceleration, reason = self._acceleration(constraints, state.speed_mps, point.station_m, time_s, front_m)
        return Decision(acceleration, curvature, reason), point.station_m

    def _curvature(self, path: RoutePath, state: BicycleState, station: float, path_yaw: float, offset: float) -> float:
        config, speed = self.config, max(state.speed_mps, 1.0)
        ahead = path.at(station + 0.3 + 0.1 * speed).curvature_per_m
        here = path.at(station).curvature_per_m
        slip = math.atan(0.5 * self.tracking.wheelbase_m * here)
        course_error = wrap_angle(state.yaw + slip - path_yaw)
        scale_m = max(3.5, 0.8 * speed)
        wished = min(max(-offset / (2.0 * scale_m), -config.approach_rad), config.approach_rad)
        limit = config.feedback_lateral_mps2 / speed**2
        feedback = min(max(2.0 / scale_m * wrap_angle(wished - course_error), -limit), limit)
        return min(max(ahead + feedback, -config.max_curvature_per_m), config.max_curvature_per_m)

    def _acceleration(
        self, constraints: Constraints, speed: float, station: float, time_s: float, front_m: float
    ) -> tuple[float, str]:
        config = self.config
        # Looking one time constant ahead makes braking begin in time; the least on the way is kept to a curve's end.
        ahead = [station + share * SPEED_TIME_S * speed for share in (0.0, 0.5, 1.0)]
        wished = min(_value_at(constraints.path.stations_m, constraints.allowed_mps, at) for at in ahead)
        best = min(max((wished - speed) / SPEED_TIME_S, -3.5), config.acceleration_mps2)
        reason = "route"
        for leader in constraints.leaders:
            value = self._follow(leader, speed, station, time_s, front_m)
            if value < best:
                best, reason = value, "leader"
        for stop, why in constraints.stops:
            value = self._stop(stop - station, speed)
            if value < best:
                best, reason = value, why
        return best, reason

    def _follow(self, leader: Leader, speed: float, station: float, time_s: float, front_m: float) -> float:
        moving = min(time_s, leader.speed_mps / leader.braking_mps2) if leader.braking_mps2 > 0.5 else time_s
        braking = leader.braking_mps2 if leader.braking_mps2 > 0.5 else 0.0
        leader_speed = max(leader.speed_mps - braking * moving, 0.0)
        rear = leader.rear_m + leader.speed_mps * moving - 0.5 * braking * moving**2
        gap = rear - station - front_m
        config = self.config
        if leader_speed < 0.5:
            return self._stop(gap - config.standing_gap_m, speed)
        closing = speed * (speed - leader_speed) / (2.0 * math.sqrt(config.acceleration_mps2 * 2.0))
        wished_gap = config.standing_gap_m + max(speed * config.time_gap_s + closing, 0.0)
        ratio = wished_gap / max(gap, 0.5)
        return max(config.acceleration_mps2 * (1.0 - ratio**2), -config.hardest_braking_mps2)

    def _stop(self, distance: float, speed: float) -> float:
        """Acceleration that ends in a stand `distance` ahead; settles on the comfortable braking if there is room."""
        config = self.config
        comfortable = config.comfortable_braking_mps2
        needed = speed**2 / (2.0 * max(distance, 0.15))
        if distance < 0.2 or (speed < 0.4 and distance < 1.0):
            return -min(max(needed, comfortable), config.hardest_braking_mps2)
        low = 0.4 * comfortable
        if needed < low:
            return config.acceleration_mps2
        if needed < comfortable:
            share = (needed - low) / (comfortable - low)
            return (1.0 - share) * config.acceleration_mps2 - share * comfortable
        return max(-needed, -config.hardest_braking_mps2)


def _will_stop(crossing: Crossing) -> bool:
    """Whether cross traffic, at a light that is red for it, can still be expected to stop short of the ego's path."""
    from_the_side = math.radians(40.0) < crossing.angle_rad < math.radians(140.0)
    needed = crossing.speed_mps**2 / (2.0 * max(crossing.distance_m - 2.0, 0.1))
    return from_the_side and not crossing.is_walker and needed < 4.0


def _value_at(stations_m: list[float], values: tuple[float, ...], station: float) -> float:
    """Linear look-up that holds the end values."""
    return float(np.interp(station, stations_m, values))


def _time_at(times: NDArray[np.float64], progress: NDArray[np.float64], station: float) -> float:
    """When a drive gets to `station`; inf when it does not within the time looked at."""
    if station > progress[-1]:
        return math.inf
    return float(np.interp(station, progress, times))
