"""Changing into a lane that is full of others: come beside a gap, and stay in the own lane until it is there.

Part of the expert's manoeuvres and as they without a memory. The road is taken to be straight; lengths are in the frame
of its lane where the change is over. A gap is taken when there is air before and behind it, the more
the faster it closes.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from policy.control.geometry import wrap_angle
from policy.control.motion import forward_speed_mps
from policy.expert.path import RoutePath
from recorder.schema import ActorState, Pose, RouteCommand, Tick

CHANGES = (RouteCommand.CHANGE_LANE_LEFT, RouteCommand.CHANGE_LANE_RIGHT)
CHANGE_M = 35.0
"""A change of lanes is over by then."""
STRAIGHT_RAD = math.radians(25.0)
IN_LANE_M, SEEN_M = 1.3, 70.0
"""Only road users this near to the middle of the lane, and to the ego, count."""
SLOT_FRONT_M, SLOT_REAR_M = 4.0, 4.5
"""Free space needed before and behind the ego in the lane that it changes into, and more by how fast the gap closes."""
JOIN_SEEN_S, JOIN_MARGIN_S, JOIN_MPS2 = 6.0, 1.0, 1.4
JOIN_AIR_M, JOIN_GAP_M, JOIN_RAD = 0.5, 1.5, math.radians(80.0)
SLOT_MPS_PER_M, SLOT_MPS = 0.25, 3.0
"""How much slower or faster than the flow the ego goes to come beside a gap."""


@dataclass(frozen=True, slots=True)
class _Frame:
    """The road's own frame at the ego: x along the lanes, y to the right; metres."""

    origin: Pose
    yaw: float

    def at(self, x: Any, y: Any) -> tuple[Any, Any]:
        """World to frame, of numbers or arrays."""
        cos, sin = math.cos(self.yaw), math.sin(self.yaw)
        dx, dy = x - self.origin.x, y - self.origin.y
        return dx * cos + dy * sin, -dx * sin + dy * cos


def held_in_lane(tick: Tick, path: RoutePath, others: Sequence[ActorState]) -> tuple[Tick, float] | None:
    """The tick with its route held in the lane that the ego is in, and the speed (m/s) that brings it beside a gap.

    None where the route changes no lane, nobody of `others` drives on the one it changes into, or a gap is there.
    """
    route, ego = tick.route, tick.ego
    begins_m = route.command_distance_m if route.command in CHANGES else 0.0
    is_beside = abs(route.lateral_offset_m) > 0.6 * route.lane_width_m
    if not others or route.in_junction or not (route.command in CHANGES or is_beside):
        return None
    ahead = np.asarray(route.ahead_world, np.float64)
    goal = ahead[min(len(ahead) - 1, int(np.searchsorted(path.stations_m, begins_m + CHANGE_M)))]
    frame = _Frame(ego.pose, float(goal[3]))
    to_lane = float(frame.at(goal[0], goal[1])[1])
    is_straight = abs(wrap_angle(frame.yaw - ego.pose.yaw)) < STRAIGHT_RAD
    if not is_straight or not 0.5 * route.lane_width_m < abs(to_lane) < 1.5 * route.lane_width_m:
        return None
    places = [(frame.at(one.pose.x, one.pose.y), one) for one in others]
    flow = [
        (along, one) for (along, across), one in places if abs(across - to_lane) < IN_LANE_M and abs(along) < SEEN_M
    ]
    if not flow or (begins_m <= 0.5 and _has_slot(flow, ego, max(forward_speed_mps(ego), 0.0))):
        return None
    own_lane = to_lane - math.copysign(route.lane_width_m, to_lane)
    aside = frame.at(ahead[:, 0], ahead[:, 1])[1] - own_lane
    ahead[:, 0] += math.sin(frame.yaw) * aside
    ahead[:, 1] -= math.cos(frame.yaw) * aside
    ahead[:, 3] = frame.yaw
    held = replace(route, ahead_world=ahead.astype(np.float32), lateral_offset_m=-own_lane)
    return replace(tick, route=held), _slot_mps(flow, ego)


def merging_stop_m(path: RoutePath, ego: ActorState, others: Sequence[ActorState]) -> float | None:
    """Station (m) at which to wait before joining those who come from the side and would be there with the ego.

    They are taken to go straight on. None where nobody comes, or the ego is through well before.
    """
    front, half = ego.extent_m[0], ego.extent_m[1]
    speed = max(forward_speed_mps(ego), 0.0)
    times = np.arange(0.0, JOIN_SEEN_S + 1e-6, 0.25)
    stops = []
    for one in others:
        x = one.pose.x + one.velocity_mps[0] * times
        y = one.pose.y + one.velocity_mps[1] * times
        nearest = ((x[:, None] - path.points[:, 0]) ** 2 + (y[:, None] - path.points[:, 1]) ** 2).argmin(axis=1)
        gap = np.hypot(x - path.points[nearest, 0], y - path.points[nearest, 1])
        on = np.flatnonzero(gap < half + one.extent_m[1] + JOIN_AIR_M)
        if len(on) == 0 or on[0] == 0:
            continue
        first = int(on[0])
        row = int(nearest[first])
        at_m, course = float(path.stations_m[row]), math.atan2(one.velocity_mps[1], one.velocity_mps[0])
        angle = abs(wrap_angle(course - float(path.tangents[row])))
        if angle > JOIN_RAD or at_m < front + 0.5:
            continue
        if float(times[first]) < _time_for(at_m + front, speed) + JOIN_MARGIN_S:
            stops.append(at_m - front - JOIN_GAP_M)
    return max(min(stops), 0.0) if stops else None


def _time_for(distance_m: float, speed_mps: float) -> float:
    """Seconds for a distance when speeding up all the way, as one does to join."""
    return (math.sqrt(speed_mps**2 + 2.0 * JOIN_MPS2 * distance_m) - speed_mps) / JOIN_MPS2


def _has_slot(flow: Sequence[tuple[float, ActorState]], ego: ActorState, speed: float) -> bool:
    """Whether the ego fits in beside itself."""
    for along, one in flow:
        air = abs(along) - one.extent_m[0] - ego.extent_m[0]
        closing = (speed - one.speed_mps) if along > 0.0 else (one.speed_mps - speed)
        if air < (SLOT_FRONT_M if along > 0.0 else SLOT_REAR_M) + 1.5 * max(closing, 0.0):
            return False
    return True


def _slot_mps(flow: Sequence[tuple[float, ActorState]], ego: ActorState) -> float:
    """Speed that brings the ego beside the nearest gap that is long enough."""
    need_m = 2.0 * ego.extent_m[0] + SLOT_FRONT_M + SLOT_REAR_M
    cars = sorted(flow, key=lambda one: one[0])
    last, first = cars[0], cars[-1]
    slots = [(last[0] - last[1].extent_m[0] - 0.5 * need_m - 1.0, last[1].speed_mps)]
    slots.append((first[0] + first[1].extent_m[0] + 0.5 * need_m + 1.0, first[1].speed_mps))
    for (a_m, a), (b_m, b) in itertools.pairwise(cars):
        if b_m - a_m - a.extent_m[0] - b.extent_m[0] >= need_m:
            slots.append((0.5 * (a_m + a.extent_m[0] + b_m - b.extent_m[0]), b.speed_mps))
    at_m, flow_mps = min(slots, key=lambda slot: abs(slot[0]))
    return max(flow_mps + min(max(SLOT_MPS_PER_M * at_m, -SLOT_MPS), SLOT_MPS), 2.0)
