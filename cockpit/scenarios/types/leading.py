"""A vehicle gets in the ego's way in its own lane: brakes hard, pulls out of a parking place, cuts in."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from cockpit.scenarios.atoms import (
    DriveAlong,
    Forever,
    Pause,
    Stand,
    ego_due,
    ego_past,
    sequence,
    until_first,
)
from cockpit.scenarios.places import (
    beside,
    crossing_of,
    lane_beside,
    onward,
    parking_m,
    pose_of,
    resampled,
    roadside_m,
    shifted,
    waypoint_at,
)
from cockpit.scenarios.scene import CARS, Play, Scene, StageError
from recorder.schema import Pose

STOPPED_S = 8.0
"""How long the vehicle that braked hard stands (ScenarioRunner: 10 s)."""
PAST_M = 20.0


def hard_break(scene: Scene) -> Play:
    """The car ahead brakes to a stand for no reason, and drives on after a while."""
    lead_m = scene.spec.number("distance", 22.0)
    start_m = scene.driven_m + lead_m
    end_m = scene.trigger_m + 70.0
    _must_reach(scene, end_m)
    car = scene.cast.vehicle(CARS, scene.route.pose_at(start_m))
    assert car is not None  # noqa: S101 (it must be there, or StageError)
    scene.cast.on_path(car, scene.route.points[int(start_m) :, :3])
    cruise = scene.spec.number("speed", 28.0) / 3.6

    def keeps_ahead() -> float:
        gap = (car.follower.at_m if car.follower else 0.0) + start_m - scene.driven_m
        target_mps = scene.now.ego.speed_mps + 0.35 * (lead_m - gap)
        return min(max(target_mps, 1.5 if scene.driven_m > start_m - lead_m + 1.0 else 0.0), cruise + 4.0)

    tree = sequence(
        "hard break",
        until_first("ahead", DriveAlong(scene, car, keeps_ahead), ego_past(scene, scene.trigger_m)),
        until_first("brakes", Stand(car), Pause(scene, STOPPED_S)),
        DriveAlong(scene, car, cruise),
        Forever("gone"),
    )
    return Play(tree, end_m)


def parking_cut_in(scene: Scene) -> Play:
    """A car pulls out of a row of parked ones, right before the ego."""
    at_m = scene.trigger_m + scene.spec.number("distance", 35.0)
    lane = waypoint_at(scene.carla_map, scene.route.pose_at(at_m))
    parked = parking_m(lane)
    right = parked if parked is not None else roadside_m(lane) + 1.15
    _must_reach(scene, at_m + 30.0)
    scene.cast.vehicle(CARS, beside(scene.route.pose_at(at_m - 7.5), right), must=False)
    return _cuts_in(scene, at_m, right, 4.0)


def static_cut_in(scene: Scene) -> Play:
    """Out of a queue standing in the next lane, a car cuts in."""
    at_m = scene.trigger_m + scene.spec.number("distance", 40.0)
    lane = waypoint_at(scene.carla_map, scene.route.pose_at(at_m))
    wished = -1 if scene.spec.word("direction", "right") == "left" else 1
    side = next((one for one in (wished, -wished) if lane_beside(lane, one) is not None), None)
    if side is None:
        raise StageError("there is no second lane of this direction")
    beside_m = side * lane.lane_width
    _must_reach(scene, at_m + 30.0)
    # With room before it to swing out.
    for ahead in (-14.0, -7.0, 13.0):
        scene.cast.vehicle(CARS, beside(scene.route.pose_at(at_m + ahead), beside_m), must=False)
    return _cuts_in(scene, at_m, beside_m, 4.0)


def _cuts_in(scene: Scene, at_m: float, right_m: float, speed_mps: float) -> Play:
    """A standing car at `right_m` of the route at `at_m` swings onto it as the ego comes, slowly, then drives on."""
    line = scene.route.points[int(at_m) :, :3]
    car = scene.cast.vehicle(CARS, beside(scene.route.pose_at(at_m), right_m))
    assert car is not None  # noqa: S101 (it must be there, or StageError)
    scene.cast.on_path(car, _swing(line, right_m, 11.0))
    lead_s = scene.spec.number("lead", 2.3 + 0.32 * abs(right_m))
    begun: list[float] = []

    def speed() -> float:
        begun.append(scene.now.time_s)
        return speed_mps if scene.now.time_s - begun[0] < 6.0 else 7.0

    tree = sequence(
        "cuts in",
        ego_past(scene, scene.trigger_m),
        ego_due(scene, at_m, lead_s),
        DriveAlong(scene, car, speed, heeds=False),
        Forever("gone"),
    )
    return Play(tree, min(at_m + 45.0, scene.route.length_m - 8.0))


def _swing(line: NDArray[np.float64], right_m: float, over_m: float) -> NDArray[np.float64]:
    """The line, begun `right_m` beside itself and joined after `over_m` metres."""
    share = np.clip((np.arange(len(line)) - 1.0) / over_m, 0.0, 1.0)
    return resampled(shifted(line, right_m * (1.0 - share * share * (3.0 - 2.0 * share))))


def highway_cut_in(scene: Scene) -> Play:
    """A car comes down a ramp (`other_actor_location`), or out of the next lane where none is given, and cuts in."""
    place = scene.spec.place("other_actor_location")
    if place is not None:
        return _from_ramp(scene, place)
    at_m = scene.trigger_m + 15.0
    lane = waypoint_at(scene.carla_map, scene.route.pose_at(at_m))
    side = next((one for one in (-1, 1) if lane_beside(lane, one) is not None), None)
    if side is None:
        raise StageError("there is neither a ramp nor a second lane of this direction")
    _must_reach(scene, at_m + 60.0)
    start_m = scene.driven_m
    line = scene.route.points[int(start_m) :, :3]
    offset = side * lane.lane_width
    share = np.clip((np.arange(len(line)) - (at_m + 10.0 - start_m)) / 18.0, 0.0, 1.0)
    path = resampled(shifted(line, offset * (1.0 - share * share * (3.0 - 2.0 * share))))
    car = scene.cast.vehicle(CARS, beside(scene.route.pose_at(start_m), offset))
    assert car is not None  # noqa: S101 (it must be there, or StageError)
    scene.cast.on_path(car, path)

    def speed() -> float:
        if car.follower is None or scene.driven_m < 2.0:
            return 0.0
        ahead = car.follower.at_m + start_m - scene.driven_m
        if scene.driven_m >= at_m + 8.0:
            return 4.0
        return min(scene.now.ego.speed_mps + 0.5 * (7.5 - ahead) + 0.5, 16.0)

    tree = sequence(
        "cuts in",
        until_first("beside", DriveAlong(scene, car, speed, heeds=False), ego_past(scene, at_m + 45.0)),
        DriveAlong(scene, car, 9.0),
        Forever("gone"),
    )
    return Play(tree, min(at_m + 70.0, scene.route.length_m - 8.0))


def _from_ramp(scene: Scene, place: tuple[float, float, float]) -> Play:
    """Down the ramp so that it meets the ego where the lanes join."""
    ramp = waypoint_at(scene.carla_map, Pose(*place))
    path = resampled(onward(ramp, 250.0))
    joins_m, meets_m = crossing_of(path, scene.route, scene.trigger_m, scene.route.length_m)
    if math.hypot(*(path[int(joins_m), :2] - scene.route.points[int(meets_m), :2])) > 3.0:
        raise StageError("the ramp does not lead onto the route")
    car = scene.cast.vehicle(CARS, pose_of(ramp))
    assert car is not None  # noqa: S101 (it must be there, or StageError)
    onto = scene.route.points[int(meets_m) + 12 :, :3]
    scene.cast.on_path(car, resampled(np.concatenate([path[: int(joins_m)], onto])))

    def speed() -> float:
        if car.follower is None:
            return 0.0
        left_s = scene.seconds_to(meets_m, 5.0)
        left_m = joins_m - car.follower.at_m
        if left_m <= 0.0:
            return 6.0
        return min(max((left_m + 7.0) / max(left_s, 0.2), 2.0), 18.0)

    tree = sequence(
        "comes down the ramp",
        ego_past(scene, scene.trigger_m),
        until_first("joins", DriveAlong(scene, car, speed, heeds=False), ego_past(scene, meets_m + 25.0)),
        DriveAlong(scene, car, 10.0),
        Forever("gone"),
    )
    return Play(tree, min(meets_m + 50.0, scene.route.length_m - 8.0))


def _must_reach(scene: Scene, at_m: float) -> None:
    if at_m > scene.route.length_m - 6.0:
        raise StageError(f"the route ends {at_m + 6.0 - scene.route.length_m:.0f} m too early")
