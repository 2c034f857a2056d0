"""Merging: into a flow, out of one, across one, on roads where it does not stop.

The flow's road is given by `start_actor_flow` and `end_actor_flow` as in the leaderboard's files; its vehicles come
with gaps of `source_dist_interval` metres at `flow_speed` m/s and heed the ego once it is in front of them.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from cockpit.route.route import wrapped
from cockpit.scenarios.atoms import Flow, Meeting, ego_past, sequence
from cockpit.scenarios.places import crossing_of, lane_beside, onward, pose_of, resampled, waypoint_at
from cockpit.scenarios.scene import Play, Scene, StageError
from recorder.schema import Pose

FLOW_GAP_M = (20.0, 45.0)
LONGEST_M = 500.0
PAST_M = 25.0
TURN_MPS = 5.0
"""How fast a car turns at a junction."""
CHANGE_M = 20.0
"""A change of lanes takes about this."""


def actor_flow(scene: Scene, *, slow: bool = False) -> Play:
    """Vehicles flow from one place to another while the ego has to get in, out or across."""
    path = _flow_path(scene)
    speed = min(scene.spec.number("flow_speed", 5.0 if slow else 9.0), 15.0)
    gap = scene.spec.span("source_dist_interval", FLOW_GAP_M)
    path_m, own_m = crossing_of(path, scene.route, scene.trigger_m, scene.route.length_m)
    meets = Meeting(path_m, own_m, TURN_MPS if _turns_at(scene, own_m) else math.inf)
    flow = Flow(scene, path, speed, gap, filled_m=min(len(path) - 25.0, 220.0), most=24, meets=meets)
    begins = ego_past(scene, max(scene.trigger_m - 40.0, 1.0))
    end_m = min(_met_until(scene, path) + PAST_M, scene.route.length_m - 8.0)
    return Play(sequence("flow", begins, flow), end_m)


def highway_exit(scene: Scene) -> Play:
    """The ego must change into a lane full of moving vehicles to reach its exit."""
    if scene.spec.place("start_actor_flow") is not None:
        return actor_flow(scene)
    commands = scene.route.commands
    change = next((i for i in range(int(scene.trigger_m), len(commands)) if "change" in commands[i].value), None)
    if change is None:
        raise StageError("the route changes no lane after the trigger, and no flow is given")
    lane = waypoint_at(scene.carla_map, scene.route.pose_at(change + 1))
    side = 1 if "right" in commands[change].value else -1
    target = lane_beside(lane, side)
    if target is None:
        raise StageError("there is no lane to change into")
    back = 70.0
    behind = target.previous(back)
    start = behind[0] if behind else target
    path = resampled(onward(start, back + 130.0))
    speed = min(scene.spec.number("flow_speed", 7.0), 15.0)
    gap = scene.spec.span("source_dist_interval", (14.0, 30.0))
    # Beside the ego where it is half over.
    meets = Meeting(float(len(onward(start, back))) - 1.0 + CHANGE_M / 2.0, change + CHANGE_M / 2.0)
    flow = Flow(scene, path, speed, gap, filled_m=back + 60.0, most=16, meets=meets)
    begins = ego_past(scene, max(scene.trigger_m - 40.0, 1.0))
    return Play(sequence("flow", begins, flow), min(change + 60.0, scene.route.length_m - 8.0))


def _turns_at(scene: Scene, at_m: float) -> bool:
    """Whether the route turns at a place."""
    before, after = scene.route.pose_at(at_m - 8.0), scene.route.pose_at(at_m + 8.0)
    return abs(wrapped(after.yaw - before.yaw)) > math.radians(25.0)


def _flow_path(scene: Scene) -> NDArray[np.float64]:
    start, end = scene.spec.place("start_actor_flow"), scene.spec.place("end_actor_flow")
    if start is None or end is None:
        raise StageError("start_actor_flow and end_actor_flow must be given")
    first, last = (waypoint_at(scene.carla_map, Pose(*place)) for place in (start, end))
    goal, here, rows = pose_of(last), first, [pose_of(first)]
    while math.hypot(rows[-1].x - goal.x, rows[-1].y - goal.y) > 3.0 and len(rows) * 2.0 < LONGEST_M:
        options = here.next(2.0)
        if not options:
            break
        # Where the road forks, towards the end of the flow.
        here = min(options, key=lambda one: _detour(one, goal))
        rows.append(pose_of(here))
    if math.hypot(rows[-1].x - goal.x, rows[-1].y - goal.y) > 6.0:
        raise StageError("no lane leads from start_actor_flow to end_actor_flow")
    return resampled(np.array([(pose.x, pose.y, pose.z) for pose in rows]))


def _detour(option: object, goal: Pose) -> float:
    """How far an option's lane passes the goal by, over the next metres."""
    best, here = math.inf, option
    for _ in range(60):
        pose = pose_of(here)  # type: ignore[arg-type]
        best = min(best, math.hypot(pose.x - goal.x, pose.y - goal.y))
        further = here.next(4.0)  # type: ignore[attr-defined]
        if not further or best < 3.0:
            return best
        here = further[0]
    return best


def _met_until(scene: Scene, path: NDArray[np.float64]) -> float:
    """Where the route last touches (or leaves) the flow's road, metres along the route."""
    own = scene.route.points[int(scene.trigger_m) :, :2]
    gap = np.hypot(path[:, None, 0] - own[None, :, 0], path[:, None, 1] - own[None, :, 1]).min(axis=0)
    near = np.flatnonzero(gap < 2.0)
    if len(near) == 0:
        raise StageError("the flow does not touch the route")
    first = int(near[0])
    return scene.trigger_m + min(float(near[-1]), first + 60.0)
