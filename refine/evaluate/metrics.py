"""Scores of one drive, from its ticks: the CARLA leaderboard's driving score, takeovers, and comfort.

`DriveMeter` is a `TickConsumer` that adds a drive up; `score` turns the sum into a `RouteScore`, `total` averages
routes. Source of the rules: https://leaderboard.carla.org/#evaluation-and-metrics and the leaderboard's
`statistics_manager.py`; comfort bounds are Bench2Drive's (arXiv 2406.03877), which has them from nuPlan.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from recorder.layout.takeovers import is_takeover
from recorder.schema import Authority, EventKind, Tick, TickEvent

SAME_COLLISION_S = 5.0
"""A collision with the same actor again within this time is the same one (the leaderboard's `MAX_ID_TIME`)."""
AT_REST_MPS = 0.1
"""Slower than this the ego is at rest, and its collisions are ignored (as by the leaderboard)."""
OUTSIDE_LANE_WIDTHS = 0.75
"""Farther than this from the route's centre line, in lane widths, the ego is outside its route's lanes."""


class Infraction(enum.StrEnum):
    """Infractions that cost score; the value is the text in tables."""

    PEDESTRIAN = "collision with a pedestrian"
    VEHICLE = "collision with a vehicle"
    STATIC = "collision with something static"
    RED_LIGHT = "red light"
    STOP_SIGN = "stop sign"
    """Part of the rule; ticks hold nothing about stop signs yet, so it never occurs."""


PENALTIES: Mapping[Infraction, float] = {
    Infraction.PEDESTRIAN: 0.50,
    Infraction.VEHICLE: 0.60,
    Infraction.STATIC: 0.65,
    Infraction.RED_LIGHT: 0.70,
    Infraction.STOP_SIGN: 0.80,
}
"""Factor for each time it happened (leaderboard 1.0, section "Infractions"; 2.0 has the same for these)."""
COLLISIONS = (Infraction.PEDESTRIAN, Infraction.VEHICLE, Infraction.STATIC)


@dataclass(frozen=True, slots=True)
class DriveSums:
    """What a drive added up to; metres and seconds."""

    route_length_m: float
    driven_m: float
    """Along the route."""
    distance_m: float
    """Along the ego's own path."""
    time_s: float
    outside_m: float
    """Of the distance: outside the route's lanes."""
    off_road_m: float
    """Of the distance: on no driving lane at all."""
    policy_m: float
    """Of the distance: with the policy alone in charge."""
    takeovers: int
    """How often the policy lost the car, to the driver or to the safe stop."""
    infractions: Mapping[Infraction, int] = field(default_factory=dict)
    comfort: float | None = None
    """Share of one-second windows within Bench2Drive's bounds, 0..1; None when the drive was shorter."""


@dataclass(frozen=True, slots=True)
class RouteScore:
    """Scores of one drive over one route, or the totals of several."""

    driving_score: float
    """0..100: route completion x infraction penalty."""
    completion: float
    """0..1: share of the route driven, what was driven outside its lanes not counted."""
    penalty: float
    """0..1: product of the factors of all infractions."""
    distance_m: float
    time_s: float
    collisions: int
    red_lights: int
    collisions_per_km: float
    off_road_share: float
    """0..1 of the distance."""
    takeovers: int
    takeovers_per_km: float
    metres_between_takeovers: float | None
    """Metres driven by the policy alone for each takeover; None when there was none."""
    policy_share: float
    """0..1 of the distance with the policy alone in charge."""
    comfort: float | None
    infractions: Mapping[str, int] = field(default_factory=dict)
    success: bool = False
    """The whole route without an infraction (Bench2Drive's success); of totals: all of them."""


def score(sums: DriveSums, *, is_done: bool) -> RouteScore:
    """Scores of a drive; `is_done` when the session ended at the route's end (the last metres are then forgiven)."""
    driven = 1.0 if is_done else min(sums.driven_m / max(sums.route_length_m, 1.0), 1.0)
    inside = 1.0 - min(sums.outside_m / sums.distance_m, 1.0) if sums.distance_m > 0.0 else 1.0
    penalty = math.prod(PENALTIES[kind] ** count for kind, count in sums.infractions.items())
    completion = driven * inside
    return RouteScore(
        driving_score=100.0 * completion * penalty,
        completion=completion,
        penalty=penalty,
        **_rates([sums]),
        comfort=sums.comfort,
        success=is_done and not any(sums.infractions.values()),
    )


def total(drives: Iterable[tuple[DriveSums, RouteScore]]) -> RouteScore:
    """Totals over drives: means of scores (the leaderboard's rule), rates over the whole distance.

    Raises ValueError when there are no drives.
    """
    pairs = list(drives)
    if not pairs:
        raise ValueError("no drives to add up")
    scores = [one for _, one in pairs]
    comforts = [one.comfort for one in scores if one.comfort is not None]
    return RouteScore(
        driving_score=_mean([one.driving_score for one in scores]),
        completion=_mean([one.completion for one in scores]),
        penalty=_mean([one.penalty for one in scores]),
        **_rates([sums for sums, _ in pairs]),
        comfort=_mean(comforts) if comforts else None,
        success=all(one.success for one in scores),
    )


def paired_interval(
    before: list[float], after: list[float], *, draws: int = 2000, seed: int = 0
) -> tuple[float, float, float]:
    """Mean of after - before over pairs (same route, same seed) and its 95 % bootstrap interval: mean, low, high.

    Percentile bootstrap (Efron 1979) over the pairs. With few routes it is wide, and should be. Raises ValueError for
    lists that are empty or of different length.
    """
    if not before or len(before) != len(after):
        raise ValueError(f"{len(before)} and {len(after)} values are no pairs")
    gains = np.asarray(after, np.float64) - np.asarray(before, np.float64)
    picks = np.random.default_rng(seed).integers(0, len(gains), (draws, len(gains)))
    low, high = np.percentile(gains[picks].mean(axis=1), (2.5, 97.5))
    return float(gains.mean()), float(low), float(high)


def _rates(all_sums: list[DriveSums]) -> dict:
    distance = sum(one.distance_m for one in all_sums)
    policy_m = sum(one.policy_m for one in all_sums)
    takeovers = sum(one.takeovers for one in all_sums)
    counts = {kind: sum(one.infractions.get(kind, 0) for one in all_sums) for kind in Infraction}
    collisions = sum(counts[kind] for kind in COLLISIONS)
    return {
        "distance_m": distance,
        "time_s": sum(one.time_s for one in all_sums),
        "collisions": collisions,
        "red_lights": counts[Infraction.RED_LIGHT],
        "collisions_per_km": _per_km(collisions, distance),
        "off_road_share": sum(one.off_road_m for one in all_sums) / distance if distance > 0.0 else 0.0,
        "takeovers": takeovers,
        "takeovers_per_km": _per_km(takeovers, distance),
        "metres_between_takeovers": policy_m / takeovers if takeovers else None,
        "policy_share": policy_m / distance if distance > 0.0 else 0.0,
        "infractions": {kind.value: count for kind, count in counts.items() if count},
    }


def _per_km(count: int, distance_m: float) -> float:
    return 1000.0 * count / distance_m if distance_m > 0.0 else 0.0


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


class DriveMeter:
    """A `TickConsumer` (`cockpit.session.ports`) that adds up one drive."""

    def __init__(self) -> None:
        self._first: Tick | None = None
        self._last: Tick | None = None
        self._distance_m = self._outside_m = self._off_road_m = self._policy_m = 0.0
        self._takeovers = 0
        self._infractions: dict[Infraction, int] = {}
        self._hit_s: dict[int, float] = {}
        self._motion: list[tuple[float, float, float, float]] = []

    def consume(self, tick: Tick) -> None:
        """Add a tick."""
        last, self._last = self._last, tick
        yaw_rate = tick.ego.angular_velocity_radps[2]
        self._motion.append((tick.ego.velocity_mps[0], tick.ego.velocity_mps[1], tick.ego.pose.yaw, yaw_rate))
        if last is None:
            self._first = tick
            return
        step_m = math.hypot(tick.ego.pose.x - last.ego.pose.x, tick.ego.pose.y - last.ego.pose.y)
        self._distance_m += step_m
        self._off_road_m += step_m if tick.route.is_off_road else 0.0
        self._outside_m += step_m if is_outside(tick) else 0.0
        self._policy_m += step_m if tick.authority.authority is Authority.POLICY else 0.0
        self._takeovers += is_takeover(last.authority.authority, tick.authority.authority)
        for event in tick.events:
            self._count(event, last, tick)

    def close(self) -> None:
        """Nothing to finish."""

    def sums(self) -> DriveSums:
        """What the drive added up to so far. Raises ValueError before the first tick."""
        if self._first is None or self._last is None:
            raise ValueError("no tick was seen: the drive never began")
        return DriveSums(
            route_length_m=self._last.route.length_m,
            driven_m=self._last.route.driven_m,
            distance_m=self._distance_m,
            time_s=round(self._last.time_s - self._first.time_s, 6),
            outside_m=self._outside_m,
            off_road_m=self._off_road_m,
            policy_m=self._policy_m,
            takeovers=self._takeovers,
            infractions=dict(self._infractions),
            comfort=comfort(np.array(self._motion), self._last.delta_s),
        )

    def _count(self, event: TickEvent, last: Tick, tick: Tick) -> None:
        kind = Infraction.RED_LIGHT if event.kind is EventKind.RED_LIGHT else None
        if event.kind is EventKind.COLLISION:
            seen_s = self._hit_s.get(event.other_actor_id, -math.inf)
            self._hit_s[event.other_actor_id] = tick.time_s
            if tick.time_s - seen_s > SAME_COLLISION_S and last.ego.speed_mps >= AT_REST_MPS:
                kind = collision_kind(event, tick)
        if kind is not None:
            self._infractions[kind] = self._infractions.get(kind, 0) + 1


def is_outside(tick: Tick) -> bool:
    """Whether the ego's centre is off the road or, outside junctions, in another lane than its route's."""
    route = tick.route
    limit_m = OUTSIDE_LANE_WIDTHS * route.lane_width_m
    return route.is_off_road or (not route.in_junction and abs(route.lateral_offset_m) > limit_m)


def collision_kind(event: TickEvent, tick: Tick) -> Infraction:
    """What was hit, by the actor's type; what is no known actor is static."""
    other = next((actor for actor in tick.actors if actor.actor_id == event.other_actor_id), None)
    type_id = other.type_id if other is not None else event.text.removeprefix("hit ")
    if type_id.startswith("walker"):
        return Infraction.PEDESTRIAN
    return Infraction.VEHICLE if type_id.startswith("vehicle") else Infraction.STATIC


WINDOW_TICKS = 20
SMOOTHING_TICKS, SMOOTHING_ORDER = 7, 2
COMFORT_BOUNDS = {
    "longitudinal_mps2": (-4.05, 2.40),
    "lateral_mps2": (-4.89, 4.89),
    "jerk_mps3": (-8.37, 8.37),
    "longitudinal_jerk_mps3": (-4.13, 4.13),
    "yaw_rate_radps": (-0.95, 0.95),
    "yaw_acceleration_radps2": (-1.93, 1.93),
}


def comfort(motion: NDArray[np.float64], delta_s: float) -> float | None:
    """Share of windows of 20 samples in which a ride stays within Bench2Drive's bounds; None for shorter rides.

    `motion` is (N, 4): velocity x, y in the world (m/s), yaw (rad), yaw rate (rad/s), `delta_s` apart. As there,
    samples are 0.1 s apart and derivatives are taken by a Savitzky-Golay filter (window 7, order 2).
    """
    from scipy.signal import savgol_filter

    stride = max(round(0.1 / delta_s), 1)
    samples, dt = motion[::stride], stride * delta_s
    if len(samples) < WINDOW_TICKS:
        return None

    def slope(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(savgol_filter(values, SMOOTHING_TICKS, SMOOTHING_ORDER, deriv=1, delta=dt))

    vx, vy, yaw, yaw_rate = samples.T
    ax, ay = slope(vx), slope(vy)
    along = ax * np.cos(yaw) + ay * np.sin(yaw)
    signals = {
        "longitudinal_mps2": along,
        "lateral_mps2": -ax * np.sin(yaw) + ay * np.cos(yaw),
        "jerk_mps3": slope(np.hypot(ax, ay)),
        "longitudinal_jerk_mps3": slope(along),
        "yaw_rate_radps": yaw_rate,
        "yaw_acceleration_radps2": slope(yaw_rate),
    }
    fine = np.ones(len(samples), bool)
    for name, (low, high) in COMFORT_BOUNDS.items():
        fine &= (signals[name] > low) & (signals[name] < high)
    windows = [
        fine[begin : begin + WINDOW_TICKS].all() for begin in range(0, len(fine) - WINDOW_TICKS + 1, WINDOW_TICKS)
    ]
    return float(np.mean(windows))
