"""Pedestrians and cyclists enter the road: from behind an obstacle, at a crosswalk, or where the ego turns."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from py_trees.behaviour import Behaviour

from cockpit.scenarios.atoms import (
    DriveAlong,
    Forever,
    HoldLights,
    Pause,
    Wait,
    WalkTo,
    ego_due,
    ego_past,
    sequence,
    together,
)
from cockpit.scenarios.places import (
    beside,
    junction_ahead,
    neighbours,
    parking_m,
    resampled,
    roadside_m,
    waypoint_at,
)
from cockpit.scenarios.scene import BICYCLES, CARS, Play, Scene, StageError
from recorder.schema import Pose

BLOCKERS = (
    "static.prop.vendingmachine", "static.prop.advertisement", "static.prop.container", "static.prop.trafficwarning",
)  # fmt: skip
WALK_MPS, RUN_MPS = 1.6, 2.6
MEETS_LATE_S = 0.4
"""The ego's front is there this long before its middle."""
PAST_M = 18.0


def dynamic_object_crossing(scene: Scene) -> Play:
    """A pedestrian runs out from behind an obstacle at the roadside."""
    at_m = scene.trigger_m + scene.spec.number("distance", 40.0)
    edge = _edge(scene, at_m)
    models = (scene.spec.word("blocker_model", BLOCKERS[0]), *BLOCKERS)
    scene.cast.prop(models, beside(scene.route.pose_at(at_m - 3.0), edge + 1.5), must=True)
    return _runs_out(scene, at_m, edge + 1.1)


def parking_crossing_pedestrian(scene: Scene) -> Play:
    """A pedestrian steps out between parked cars."""
    at_m = scene.trigger_m + scene.spec.number("distance", 40.0)
    edge = _edge(scene, at_m)
    lane = waypoint_at(scene.carla_map, scene.route.pose_at(at_m))
    parked = parking_m(lane)
    right = parked if parked is not None else edge + 1.15
    for ahead in (-3.6, -10.0):
        scene.cast.vehicle(CARS, beside(scene.route.pose_at(at_m + ahead), right), must=ahead > -5.0)
    return _runs_out(scene, at_m, right + 0.2)


def _runs_out(scene: Scene, at_m: float, right: float) -> Play:
    _must_reach(scene, at_m)
    across = _across(scene, at_m)
    angle = math.radians(scene.spec.number("crossing_angle", 0.0))
    start = beside(scene.route.pose_at(at_m), right)
    goal = beside(scene.route.pose_at(at_m), right - across, across * math.tan(angle))
    walker = scene.cast.walker(start)
    run_mps = RUN_MPS
    # In the middle of the ego's lane as its front comes there.
    lead_s = right / run_mps + MEETS_LATE_S
    tree = sequence(
        "runs out",
        ego_past(scene, scene.trigger_m),
        ego_due(scene, at_m, lead_s),
        WalkTo(walker, goal, run_mps),
        Forever("across"),
    )
    return Play(tree, at_m + PAST_M)


def pedestrian_crossing(scene: Scene) -> Play:
    """Three pedestrians cross at the next junction's crosswalk, one behind the other, though the ego has green."""
    junction = junction_ahead(scene.route, scene.trigger_m)
    at_m = (junction.first_m - 2.0) if junction is not None else scene.trigger_m + 40.0
    _must_reach(scene, at_m)
    edge = _edge(scene, at_m)
    across = _across(scene, at_m)
    walks: list[Behaviour] = []
    for number, (back, late_s) in enumerate(((0.0, 0.0), (0.8, 0.8), (-0.7, 1.6))):
        right = edge + 1.0 + 0.4 * number
        walker = scene.cast.walker(beside(scene.route.pose_at(at_m), right, back))
        goal = beside(scene.route.pose_at(at_m), right - across - 1.0, back)
        walks.append(sequence("one", Pause(scene, late_s), WalkTo(walker, goal, WALK_MPS)))
    lead_s = edge / WALK_MPS + 2.2
    crosses = sequence("pedestrians", ego_due(scene, at_m, lead_s), together("cross", *walks), Forever("across"))
    tree = sequence("crossing", ego_past(scene, scene.trigger_m), together("parts", crosses, HoldLights(scene)))
    return Play(tree, at_m + PAST_M)


def vehicle_turning(scene: Scene, *, on_foot: bool) -> Play:
    """Behind the corner that the ego turns, a cyclist crosses the road it turns into.

    With `on_foot`, and where the server has no bicycles, it is a pedestrian.
    """
    junction = junction_ahead(scene.route, scene.trigger_m)
    if junction is None or abs(junction.turned_rad) < math.radians(30.0):
        raise StageError("the route does not turn at a junction here")
    at_m = junction.last_m + 4.0
    _must_reach(scene, at_m)
    edge = _edge(scene, at_m)
    across = _across(scene, at_m) + 2.0
    start = beside(scene.route.pose_at(at_m), edge + 1.3)
    goal = beside(scene.route.pose_at(at_m), edge + 1.3 - across)
    if on_foot or not scene.cast.has(BICYCLES):
        crosses: Behaviour = WalkTo(scene.cast.walker(start), goal, 1.8)
        speed = 1.8
    else:
        crosses, speed = _cyclist(scene, start, goal), 2.5
    waits = Wait("ego is in the turn", lambda: scene.driven_m >= junction.first_m - 1.0)
    lead_s = (edge + 1.3) / speed
    tree = sequence("crosses", waits, ego_due(scene, at_m, lead_s + 0.8), crosses, Forever("across"))
    return Play(tree, at_m + PAST_M)


def _cyclist(scene: Scene, start: Pose, goal: Pose) -> Behaviour:
    yaw = math.atan2(goal.y - start.y, goal.x - start.x)
    rider = scene.cast.vehicle(BICYCLES, Pose(start.x, start.y, start.z, 0.0, 0.0, yaw))
    assert rider is not None  # noqa: S101 (it must be there, or StageError)
    ends = np.array([(start.x, start.y, start.z), (goal.x, goal.y, goal.z)])
    scene.cast.on_path(rider, resampled(np.stack([np.linspace(a, b, 40) for a, b in zip(*ends, strict=True)], axis=1)))
    return DriveAlong(scene, rider, 2.5, heeds=False)


def _edge(scene: Scene, at_m: float) -> float:
    """From the route to the right edge of the road."""
    return roadside_m(waypoint_at(scene.carla_map, scene.route.pose_at(at_m)))


def _across(scene: Scene, at_m: float) -> float:
    """How far it is over the whole road."""
    lane = waypoint_at(scene.carla_map, scene.route.pose_at(at_m))
    left = lane.lane_width / 2.0 + sum(one.lane_width for one in _driving(neighbours(lane, -1)))
    return _edge(scene, at_m) + left + 2.0


def _driving(lanes: Sequence | object) -> list:
    import carla

    return [lane for lane in lanes if lane.lane_type == carla.LaneType.Driving]  # type: ignore[union-attr]


def _must_reach(scene: Scene, at_m: float) -> None:
    if at_m + PAST_M > scene.route.length_m:
        raise StageError(f"the route ends {at_m + PAST_M - scene.route.length_m:.0f} m too early")
