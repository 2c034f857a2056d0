"""Scenes at junctions: turning across a flow, others who take the ego's right of way, a blocked exit."""

from __future__ import annotations

import math

import carla
import numpy as np
from py_trees.behaviour import Behaviour

from cockpit.scenarios.atoms import (
    Do,
    DriveAlong,
    Flow,
    Forever,
    HoldLights,
    Meeting,
    Pause,
    Wait,
    ego_past,
    sequence,
    together,
    until_first,
)
from cockpit.scenarios.driving import arrival_s, bend_speed_mps, way_s, way_speed_mps
from cockpit.scenarios.places import (
    JunctionAhead,
    crossing_of,
    junction_ahead,
    pose_on,
    way_path,
    ways_through,
)
from cockpit.scenarios.scene import CARS, EMERGENCY, FLASHING_LIGHTS, Play, Scene, StageError

PAST_M = 22.0
APPROACH_M = 75.0
"""How far before the junction cross traffic is put."""
ON_M = 45.0
TURN_MPS = 5.0
TURN_RAD = math.radians(30.0)
"""How fast a car turns at a junction, and what counts as turning."""
FLOW_OF = 9
"""Vehicles of a flow that is turned across: then the way is free."""
BLOCKED_S = 8.0
"""How long the way out stays blocked once the ego is behind it (ScenarioRunner: 10 s)."""
RUSH_MPS, RUSH_MEAN_MPS = (5.0, 14.0), 8.5
"""Least and greatest speed at which a vehicle drives to meet the ego, and its mean speed there from a standstill."""
RUSH_BEFORE_M = 30.0
"""It may set off this long before the trigger, or it would come too late."""
HEAD_START_S = 0.25
"""Who takes the right of way is at the crossing point this long before the ego."""


def turn_across_flow(scene: Scene, *, signals: bool, come_from: str = "opposite", joins: bool = False) -> Play:
    """The ego turns across (or into) a flow that leaves no gap until it has passed.

    With `signals` both have green.
    """
    junction = _junction(scene)
    way = _way(scene, junction, come_from)
    path = way_path(way, APPROACH_M, ON_M + (40.0 if joins else 0.0))
    speed = min(scene.spec.number("flow_speed", 8.0), 12.0)
    gap = scene.spec.span("source_dist_interval", (25.0, 60.0))
    path_m, own_m = crossing_of(path, scene.route, junction.first_m, junction.last_m)
    meets = Meeting(path_m, own_m, TURN_MPS)
    flow = Flow(scene, path, speed, gap, filled_m=path_m - 12.0, heeds=True, most=FLOW_OF, meets=meets)
    parts: list[Behaviour] = [sequence("in time", ego_past(scene, scene.trigger_m - 25.0), flow)]
    if signals:
        parts.append(sequence("green", ego_past(scene, scene.trigger_m), HoldLights(scene, too=come_from)))
    tree = together("turn across a flow", *parts)
    return Play(tree, _end(scene, junction))


def rushing_vehicle(scene: Scene, *, signals: bool) -> Play:
    """A vehicle crosses the junction as if the ego were not there: at red, or against the right of way.

    An emergency vehicle with its siren on, as in Bench2Drive, where the server has one.
    """
    junction = _junction(scene)
    wished = scene.spec.word("direction", "left")
    sides = [wished, *(side for side in ("left", "right", "opposite") if side != wished)]
    every = [ways_through(scene.carla_map, scene.route, junction, side) for side in sides]
    way = next((ways[0] for ways in every if ways), None)
    if way is None:
        raise StageError("no lane crosses the route at the junction")
    path = way_path(way, APPROACH_M, ON_M)
    meets_m, own_m = crossing_of(path, scene.route, junction.first_m, junction.last_m)
    turn_mps = TURN_MPS if abs(junction.turned_rad) > TURN_RAD else math.inf
    car = scene.cast.vehicle(EMERGENCY if signals else CARS, pose_on(path, 0))
    assert car is not None  # noqa: S101 (it must be there, or StageError)
    scene.cast.on_path(car, path)
    if signals:
        car.light(FLASHING_LIGHTS)

    limits_mps = np.array([bend_speed_mps(path, at) for at in range(len(path))])

    def due_s() -> float:
        return arrival_s(own_m - scene.driven_m, scene.now.ego.speed_mps, turn_mps)

    def speed() -> float:
        at_m = car.follower.at_m if car.follower else 0.0
        left = limits_mps[int(at_m) : int(meets_m)]
        wished = way_speed_mps(left, due_s() - HEAD_START_S, *RUSH_MPS) if len(left) else RUSH_MPS[1]
        return min(wished, limits_mps[min(int(at_m), len(limits_mps) - 1)])

    rush = sequence(
        "rush",
        ego_past(scene, scene.trigger_m - RUSH_BEFORE_M),
        Wait("ego comes near", lambda: due_s() <= way_s(limits_mps[: int(meets_m)], RUSH_MEAN_MPS)),
        DriveAlong(scene, car, speed, heeds=False),
        Do("gone", lambda: scene.cast.destroy(car.actor)),
        Forever("gone"),
    )
    parts: list[Behaviour] = [rush]
    if signals:
        # To the ego it looks like any green; the other one runs its red.
        parts.append(sequence("green", ego_past(scene, scene.trigger_m), HoldLights(scene, too="opposite")))
    return Play(together("rush", *parts), _end(scene, junction))


def blocked_intersection(scene: Scene) -> Play:
    """Behind the turn a car stands in the way out, and drives on after a while."""
    junction = _junction(scene)
    at_m = junction.last_m + 6.0
    car = scene.cast.vehicle(CARS, scene.route.pose_at(at_m), lights=carla.VehicleLightState.Brake)
    assert car is not None  # noqa: S101 (it must be there, or StageError)
    scene.cast.on_path(car, scene.route.points[int(at_m) :, :3])
    drives_on = sequence(
        "blocker",
        Wait("ego is behind it", lambda: at_m - scene.driven_m < 16.0),
        Pause(scene, BLOCKED_S),
        DriveAlong(scene, car, 8.0),
        Do("gone", lambda: scene.cast.destroy(car.actor)),
        Forever("gone"),
    )
    parts: list[Behaviour] = [drives_on, HoldLights(scene)]
    return Play(sequence("blocked", ego_past(scene, scene.trigger_m), together("parts", *parts)), _end(scene, junction))


def pass_junction(scene: Scene) -> Play:
    """A junction with nobody staged at it: the lights and the right of way are all there is to heed."""
    junction = _junction(scene)
    return Play(Forever("drive"), _end(scene, junction))


def held_junction(scene: Scene, *, green: bool) -> Play:
    """A signalised turn that is met at green, or at red that turns green after a while."""
    junction = _junction(scene)
    if green:
        tree = sequence("green", ego_past(scene, scene.trigger_m), HoldLights(scene))
    else:
        red = HoldLights(scene, own=carla.TrafficLightState.Red)
        near = sequence("stands", Wait("near", lambda: junction.first_m - scene.driven_m < 15.0), Pause(scene, 5.0))
        tree = sequence(
            "red",
            ego_past(scene, scene.trigger_m),
            until_first("held", red, near),
            HoldLights(scene),
        )
    return Play(tree, _end(scene, junction))


def _junction(scene: Scene) -> JunctionAhead:
    junction = junction_ahead(scene.route, scene.trigger_m)
    if junction is None:
        raise StageError("there is no junction after the trigger")
    return junction


def _way(scene: Scene, junction: JunctionAhead, come_from: str) -> tuple[carla.Waypoint, carla.Waypoint]:
    ways = ways_through(scene.carla_map, scene.route, junction, come_from)
    if not ways:
        raise StageError(f"nobody can come from {come_from} across the route")
    return ways[0]


def _end(scene: Scene, junction: JunctionAhead) -> float:
    end_m = junction.last_m + PAST_M
    if end_m > scene.route.length_m - 5.0:
        raise StageError("the route ends too early after the junction")
    return end_m
