"""Giving way to oncoming vehicles on the ego's side and to an ambulance from behind; and loss of control."""

from __future__ import annotations

import math
from dataclasses import replace

import carla
import numpy as np
from numpy.typing import NDArray

from cockpit.scenarios.atoms import DriveAlong, Flow, Forever, Wait, ego_past, sequence
from cockpit.scenarios.places import beside, onward, opposite_lane, pose_of, resampled, shifted, waypoint_at
from cockpit.scenarios.scene import EMERGENCY, FLASHING_LIGHTS, Play, Scene, StageError
from cockpit.scenarios.types.obstacles import CONE, oncoming_path
from recorder.schema import Control, Tick

INVADER_MPS = 7.0
SIREN_FASTER_MPS = 25.0 / 3.6
"""How much faster than the ego it tries to drive (ScenarioRunner)."""
SIREN_STARTS_M = 6.0
"""It sets off when the ego has: from farther behind, no road of a town is long enough for it to catch up."""
LOOSE_M = (14.0, 48.0, 74.0)
"""Where the surface is loose, metres after the trigger (ScenarioRunner's debris)."""
LOOSE_FOR_M = 9.0
STEER_NOISE, STEER_SPREAD = 0.055, 0.015
THROTTLE_NOISE, THROTTLE_SPREAD = 0.03, 0.01
"""Mean and deviation of what is added to the pedals and the wheel there (ScenarioRunner)."""
DEBRIS = ("static.prop.dirtdebris01", "static.prop.dirtdebris02")
CONE_ASIDE_M = 0.65
"""Beyond the lane's edge: out of reach of a car that stays in the lane."""
CONTROL_LOSS_M = 95.0
LOST_LANE_M = 1.2
"""Farther from the lane's middle than this, control of the car was lost."""


def invading_turn(scene: Scene) -> Play:
    """Oncoming vehicles pass cones on their side of the road and come over the centre line; the ego keeps to its edge.

    `offset`: how far past the centre line their bodies reach beyond ScenarioRunner's least (about 0.3 m).
    """
    distance = scene.spec.number("distance", 50.0)
    offset = scene.spec.number("offset", 0.5)
    end_m = scene.trigger_m + distance
    if end_m + 25.0 > scene.route.length_m:
        raise StageError("the route ends too early")
    own = waypoint_at(scene.carla_map, scene.route.pose_at(end_m))
    other = opposite_lane(own)
    if other is None:
        raise StageError("there is no oncoming lane")
    # Their left is the ego's side: the body reaches 0.3 m + offset into the ego's lane.
    sideways = offset + 0.3 + 0.5 * other.lane_width - 0.95
    path = shifted(oncoming_path(other, 40.0, distance + 45.0), -sideways)
    for number in range(3):
        at_m = end_m - 12.0 - 8.0 * number
        across = -0.5 * own.lane_width - 0.85 * other.lane_width
        scene.cast.prop(CONE, beside(scene.route.pose_at(at_m), across))
    flow = Flow(scene, path, INVADER_MPS, (26.0, 34.0), filled_m=35.0, heeds=False, most=6)
    return Play(sequence("invaders", ego_past(scene, scene.trigger_m - 10.0), flow), end_m + 15.0)


def yield_to_emergency_vehicle(scene: Scene) -> Play:
    """An ambulance comes from behind with its siren on, faster than the ego; it must have got past in the end."""
    behind_m = min(scene.spec.number("distance", 40.0), scene.driven_m + 60.0)
    end_m = scene.trigger_m + 120.0
    if end_m > scene.route.length_m - 5.0:
        raise StageError("the route ends too early")
    start = waypoint_at(scene.carla_map, scene.route.start)
    back = start.previous(max(behind_m, 12.0))
    if not back:
        raise StageError("the road does not begin far enough behind")
    line = resampled(np.concatenate([_until(back[0], scene), scene.route.points[1:, :3]]))
    siren = scene.cast.vehicle(EMERGENCY, pose_of(back[0]))
    assert siren is not None  # noqa: S101 (it must be there, or StageError)
    siren.light(FLASHING_LIGHTS)
    scene.cast.on_path(siren, line)

    def speed() -> float:
        return min(max(scene.now.ego.speed_mps + SIREN_FASTER_MPS, 8.0), 16.0)

    tree = sequence(
        "siren",
        Wait("ego is on its way", lambda: scene.driven_m >= min(scene.trigger_m, SIREN_STARTS_M)),
        DriveAlong(scene, siren, speed),
        Forever("gone"),
    )

    def final(tick: Tick) -> str:
        pose, heading = siren.pose(), tick.ego.pose.yaw
        ahead = (pose.x - tick.ego.pose.x) * math.cos(heading) + (pose.y - tick.ego.pose.y) * math.sin(heading)
        return "" if ahead > 3.0 or siren.actor not in scene.cast.members else "the ambulance was not let past"

    return Play(tree, end_m, final=final)


def _until(back: carla.Waypoint, scene: Scene) -> NDArray[np.float64]:
    """(N, 3) from behind up to the route's start."""
    line = onward(back, 160.0)
    start = scene.route.points[0]
    nearest = int(np.argmin(np.hypot(line[:, 0] - start[0], line[:, 1] - start[1])))
    return line[: nearest + 1]


def _mark(scene: Scene, at_m: float) -> None:
    """What a driver sees of a loose stretch."""
    edge = 0.5 * waypoint_at(scene.carla_map, scene.route.pose_at(at_m)).lane_width + CONE_ASIDE_M
    for ahead in (-1.0, 0.5 * LOOSE_FOR_M, LOOSE_FOR_M + 1.0):
        scene.cast.prop(CONE, beside(scene.route.pose_at(at_m + ahead), edge))
    if scene.cast.has(DEBRIS):
        debris = scene.cast.prop(DEBRIS, scene.route.pose_at(at_m + 0.5 * LOOSE_FOR_M))
        if debris is not None:
            debris.set_simulate_physics(False)


def control_loss(scene: Scene) -> Play:
    """Three stretches of loose surface that pull the wheel to one side; the ego must stay in its lane.

    They show: debris lies on them where the server has such props, and cones stand at the lane's edge.
    """
    rng = scene.rng
    if scene.trigger_m + CONTROL_LOSS_M > scene.route.length_m - 5.0:
        raise StageError("the route ends too early")
    strength = scene.spec.number("strength", 1.0)
    pulls = [
        (scene.trigger_m + at, rng.choice((-1.0, 1.0)) * STEER_NOISE, rng.choice((-1.0, 1.0)) * THROTTLE_NOISE)
        for at in LOOSE_M
    ]

    for at_m, _, _ in pulls:
        _mark(scene, at_m)

    def disturb(control: Control) -> Control:
        for at_m, steer, throttle in pulls:
            if at_m <= scene.driven_m <= at_m + LOOSE_FOR_M:
                pull = strength * (steer + math.copysign(rng.gauss(0.0, STEER_SPREAD), steer))
                push = strength * (throttle + rng.gauss(0.0, THROTTLE_SPREAD))
                return replace(
                    control,
                    steer=min(max(control.steer + pull, -1.0), 1.0),
                    throttle=min(max(control.throttle + push, 0.0), 1.0) if control.brake == 0.0 else 0.0,
                )
        return control

    def check(tick: Tick) -> str:
        return "left its lane" if abs(tick.route.lateral_offset_m) > LOST_LANE_M else ""

    return Play(Forever("loose surface"), scene.trigger_m + CONTROL_LOSS_M, check, disturb=disturb)
