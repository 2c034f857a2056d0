"""Obstacles in the lane that the ego must drive round: Bench2Drive's overtaking scenes.

Where the road has no second lane of the same direction (the `TwoWays` variants), the way round is the oncoming lane,
in which traffic comes with gaps of `frequency` metres.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import carla
import numpy as np
from numpy.typing import NDArray
from py_trees.behaviour import Behaviour

from cockpit.scenarios.atoms import Do, DriveAlong, Flow, Forever, Wait, ego_past, sequence, together
from cockpit.scenarios.places import backward, beside, onward, opposite_lane, resampled, shifted, waypoint_at
from cockpit.scenarios.scene import (
    BICYCLES,
    CARS,
    FLASHING_LIGHTS,
    HAZARD_LIGHTS,
    POLICE,
    Play,
    Scene,
    StageError,
    Vehicle,
)
from recorder.schema import Tick

WARNING_SIGN = ("static.prop.trafficwarning", "static.prop.warningconstruction")
TRIANGLE = ("static.prop.warningaccident", "static.prop.trafficcone01", "static.prop.constructioncone")
CONE = ("static.prop.constructioncone", "static.prop.trafficcone01")
BARRIER = ("static.prop.streetbarrier", "static.prop.constructioncone")
PAST_M = 25.0
"""The ego has passed the scene this far behind the obstacle's end."""
ONCOMING_MPS = 8.0
ONCOMING_FROM_M, ONCOMING_TO_M = 130.0, 40.0
SMALL_CARS = ("vehicle.nissan.micra", "vehicle.mini.cooper_s", *CARS)
DOOR_M = 0.9
"""How far an open door reaches out (CARLA's own models: 0.8 to 1.0 m)."""
DOOR_OPENS_M = 25.0


def accident(scene: Scene, *, two_ways: bool) -> Play:
    """Two cars have crashed into each other, a police car with its lights on stands behind them."""
    at_m = scene.trigger_m + scene.spec.number("distance", 40.0)
    _must_fit(scene, at_m + 20.0)
    scene.cast.vehicle(POLICE, scene.route.pose_at(at_m), lights=FLASHING_LIGHTS | HAZARD_LIGHTS)
    scene.cast.vehicle(CARS, beside(scene.route.pose_at(at_m + 7.5), 0.3, turned_rad=0.12), lights=HAZARD_LIGHTS)
    for ahead, must in ((13.0, False), (14.5, True)):  # two long cars need more room
        second = beside(scene.route.pose_at(at_m + ahead), 0.4, turned_rad=-0.2)
        if scene.cast.vehicle(CARS, second, lights=HAZARD_LIGHTS, must=must) is not None:
            break
    return _obstacle_play(scene, at_m + 15.5, two_ways)


def parked_obstacle(scene: Scene, *, two_ways: bool) -> Play:
    """A car has broken down in the lane, its hazard lights on, a triangle behind it."""
    at_m = scene.trigger_m + scene.spec.number("distance", 40.0)
    _must_fit(scene, at_m + 4.0)
    scene.cast.prop(TRIANGLE, beside(scene.route.pose_at(at_m - 9.0), 0.6))
    scene.cast.vehicle(CARS, scene.route.pose_at(at_m), lights=HAZARD_LIGHTS)
    return _obstacle_play(scene, at_m + 3.0, two_ways)


def construction(scene: Scene, *, two_ways: bool) -> Play:
    """Road works: a warning trailer, then the lane closed by cones and barriers over twelve metres."""
    at_m = scene.trigger_m + scene.spec.number("distance", 40.0)
    _must_fit(scene, at_m + 14.0)
    half = 0.4 * waypoint_at(scene.carla_map, scene.route.pose_at(at_m)).lane_width
    scene.cast.prop(WARNING_SIGN, beside(scene.route.pose_at(at_m), 0.2), must=True)
    for ahead in (3.5, 6.0, 8.5, 11.0):
        scene.cast.prop(CONE, beside(scene.route.pose_at(at_m + ahead), -half + 0.3))
    for across in (-0.5, 0.8):
        scene.cast.prop(BARRIER, beside(scene.route.pose_at(at_m + 12.5), across))
    return _obstacle_play(scene, at_m + 13.0, two_ways)


def hazard_at_side_lane(scene: Scene, *, two_ways: bool) -> Play:
    """Cyclists ride slowly at the edge of the lane; without bicycles on the server, a car with its hazard lights on."""
    spec = scene.spec
    at_m = scene.trigger_m + spec.number("distance", 40.0)
    speed = min(spec.number("bicycle_speed", 7.0) / 3.6, 3.5)
    distance_m = min(spec.number("bicycle_drive_distance", 80.0), 60.0)
    _must_fit(scene, at_m + distance_m)
    right = 0.5 * waypoint_at(scene.carla_map, scene.route.pose_at(at_m)).lane_width - 0.9
    riders: list[Behaviour] = []
    has_bicycles = scene.cast.has(BICYCLES)
    models, lights = (BICYCLES, None) if has_bicycles else (SMALL_CARS, HAZARD_LIGHTS)
    right -= 0.0 if has_bicycles else 0.5
    for number in range(3 if has_bicycles else 1):
        start = int(at_m) + 5 * number
        line = scene.route.points[start : start + int(distance_m) + 4, :3]
        path = resampled(shifted(line, right))
        pose = beside(scene.route.pose_at(start), right)
        rider = scene.cast.vehicle(models, pose, lights=lights)
        assert rider is not None  # noqa: S101 (it must be there, or StageError)
        scene.cast.on_path(rider, path)
        riders.append(DriveAlong(scene, rider, speed))
    ride = sequence("ride", ego_past(scene, scene.trigger_m), together("riders", *riders), Forever("arrived"))
    play = _obstacle_play(scene, at_m + distance_m + 10.0, two_ways)
    play.tree = together("hazard at side lane", ride, play.tree)
    return play


def vehicle_opens_door(scene: Scene, *, two_ways: bool) -> Play:
    """A car parked at the edge opens its door as the ego comes; the ego must keep clear of the door."""
    at_m = scene.trigger_m + scene.spec.number("distance", 40.0)
    _must_fit(scene, at_m + 4.0)
    right = 0.5 * waypoint_at(scene.carla_map, scene.route.pose_at(at_m)).lane_width - 0.1
    car = scene.cast.vehicle(CARS, beside(scene.route.pose_at(at_m), right), lights=HAZARD_LIGHTS)
    assert car is not None  # noqa: S101 (it must be there, or StageError)

    def open_door() -> None:
        car.actor.open_door(carla.VehicleDoor.FL)

    opens = sequence("door", ego_past(scene, at_m - DOOR_OPENS_M), Do("open", open_door), Forever("open"))
    play = _obstacle_play(scene, at_m + 3.0, two_ways)
    play.tree = together("vehicle opens door", opens, play.tree)
    play.check = _keeps_clear_of_door(car)
    return play


def _keeps_clear_of_door(car: Vehicle) -> Callable[[Tick], str]:
    """The door's reach is checked by measure: not every server's doors have a body."""
    pose = car.spawned

    def check(tick: Tick) -> str:
        ego = tick.ego
        dx, dy = ego.pose.x - pose.x, ego.pose.y - pose.y
        along = dx * math.cos(pose.yaw) + dy * math.sin(pose.yaw)
        left = dx * math.sin(pose.yaw) - dy * math.cos(pose.yaw)
        if abs(along - 0.4) > ego.extent_m[0] + 0.5 or not 0.0 < left < 4.0:
            return ""
        return "hit the open door" if left - ego.extent_m[1] < car.extent_m[1] + DOOR_M - 0.1 else ""

    return check


def _obstacle_play(scene: Scene, last_m: float, two_ways: bool) -> Play:
    """Past `last_m` (and a bit) the ego is through; with `two_ways`, traffic comes towards it."""
    tree: Behaviour = _oncoming(scene, last_m) if two_ways else Forever("stand")
    return Play(tree, last_m + PAST_M)


def _oncoming(scene: Scene, last_m: float) -> Behaviour:
    own = waypoint_at(scene.carla_map, scene.route.pose_at(last_m))
    other = opposite_lane(own)
    if other is None:
        raise StageError("there is no oncoming lane")
    path = oncoming_path(other)
    low, high = scene.spec.span("frequency", (40.0, 110.0))
    flow = Flow(scene, path, ONCOMING_MPS, (low, high), filled_m=ONCOMING_FROM_M)
    near = Wait("ego is near", lambda: scene.driven_m >= scene.trigger_m - 30.0)
    return sequence("oncoming traffic", near, flow)


def oncoming_path(
    other: carla.Waypoint, before_m: float = ONCOMING_FROM_M, after_m: float = 80.0
) -> NDArray[np.float64]:
    """(N, 3) along a lane of the other direction, from `before_m` before a waypoint to `after_m` past it."""
    line = [backward(other, before_m), onward(other, after_m)[1:]]
    return resampled(np.concatenate(line))


def _must_fit(scene: Scene, until_m: float) -> None:
    """Raises StageError where the route is too short or enters a junction before `until_m`."""
    if until_m + PAST_M > scene.route.length_m:
        raise StageError(f"the route ends {until_m + PAST_M - scene.route.length_m:.0f} m too early")
    stretch = scene.route.is_junction[int(scene.trigger_m) : int(until_m)]
    if stretch.any():
        raise StageError("a junction lies between the trigger and the obstacle")
