"""What the expert does where following its lane is not enough: go round an obstacle, make way, dodge.

Each manoeuvre bends the route ahead, and the expert then drives the bent route by its ordinary law; where the way round
is not free, it stops before the bend. Like the expert it keeps no state: the bend depends on where things stand in the
world, and whether it has been begun on where the ego is. It answers to signs that ordinary traffic does not give
(hazard lights, things on the road, a siren, somebody of a scenario over the centre line), and where there are none a
tick passes through untouched.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from policy.control.geometry import wrap_angle
from policy.control.motion import forward_speed_mps
from policy.expert.lane_changes import held_in_lane, merging_stop_m
from policy.expert.path import RoutePath
from recorder.schema import ActorState, RouteCommand, Tick

BLINKERS = 0b110000
"""`carla.VehicleLightState` RightBlinker | LeftBlinker: hazard lights."""
SIREN = 0b11000000000
"""Special1 | Special2."""
BICYCLES = ("vehicle.bh.crossbike", "vehicle.diamondback.century", "vehicle.gazelle.omafiets")
SCENARIO_ROLE = "scenario"
SLOW_MPS = 4.5
"""Road users slower than this are passed."""

SIDE_ROOM_M = 1.0
"""Kept between the car's side and an obstacle: an open door's reach and a hand's breadth."""
CORRIDOR_M = 0.35
FRONT_ROOM_M, REAR_ROOM_M = 2.5, 1.5
RAMP_PER_M, RAMP_LEAST_M, RAMP_MOST_M = 4.5, 8.0, 18.0
"""Length of the bend's ramps for each metre sideways."""
GROUP_M = 26.0
"""Obstacles nearer to each other than this are passed in one go."""
LOOK_M, BEHIND_M = 70.0, 45.0
BEGUN_M = 0.6
"""Displaced by this much, the ego has begun to go round and goes on."""
PASSING_MPS, PASSING_MPS2 = 6.5, 1.5
PASSED_AT_M, RIDES_AT_MOST_S = 6.0, 10.0
ONCOMING_MARGIN_S = 1.0
PULLS_OUT_S = 1.2
"""From the first turn of the wheel to the other lane."""
REAR_GAP_M, REAR_GAP_S = 4.0, 2.0

DEBRIS = "static.prop.dirtdebris"
LOOSE_SIGNS = (DEBRIS, "static.prop.constructioncone", "static.prop.trafficcone01")
LOOSE_MPS, LOOSE_FROM_M, LOOSE_TO_M, LOOSE_RIGHT_M = 4.0, 26.0, -8.0, 3.5
"""Past debris, or a cone at the right edge of its lane, the expert drives this slowly."""

SIREN_RANGE_M = 60.0
WAY_EDGE_M = 0.55
"""How far to the edge of its lane the ego makes way where there is no second lane."""
DODGE_RANGE_M = 60.0
DODGE_ROOM_M = 0.45
"""Free space needed between the ego and a road user that comes over the centre line."""
DODGE_MOST_M = 0.75


@dataclass(frozen=True, slots=True)
class Adapted:
    """A tick with its route bent, and where the ego must wait before the bend."""

    tick: Tick
    stops: tuple[tuple[float, str], ...] = ()
    """Stations of the path at which the reference point must come to a stand, and why."""
    top_mps: float = math.inf
    """Never faster than this."""
    is_wary: bool = False
    """Somebody of a scenario moves about: a green light does not mean that cross traffic will stop."""


@dataclass(frozen=True, slots=True)
class _Body:
    """A road user in the route's own frame; metres, m/s."""

    from_m: float
    to_m: float
    left_m: float
    right_m: float
    """Lateral extent, right positive."""
    along_mps: float
    actor: ActorState


def adapted(tick: Tick) -> Adapted:
    """The tick as the expert shall see it; the same one where no manoeuvre is needed."""
    obstacles = [one for one in tick.actors if is_obstacle(one)]
    loose = [one for one in tick.actors if one.type_id.startswith(LOOSE_SIGNS)]
    sirens = [one for one in tick.actors if _has_siren(one)]
    scenario_actors = [one for one in tick.actors if one.role_name == SCENARIO_ROLE and one.speed_mps > 2.0]
    if not (obstacles or sirens or scenario_actors or loose) or len(tick.route.ahead_world) < 3:
        return Adapted(tick)
    path = RoutePath(tick.route.ahead_world)
    found = (
        (_make_way(tick, path, sirens) if sirens else None)
        or (_go_round(tick, path, obstacles) if obstacles else None)
        or _wait_for_slot(tick, path, scenario_actors)
        or _dodge(tick, path, scenario_actors)
        or _slow_down(tick, path, loose)
        or Adapted(tick)
    )
    waits_m = merging_stop_m(path, tick.ego, scenario_actors) if _is_at_junction(tick) else None
    stops = found.stops if waits_m is None else (*found.stops, (waits_m, "waiting to join"))
    return replace(found, is_wary=bool(scenario_actors), stops=stops)


def _is_at_junction(tick: Tick) -> bool:
    turns = tick.route.command in (RouteCommand.LEFT, RouteCommand.RIGHT)
    return tick.route.in_junction or (turns and tick.route.command_distance_m < 25.0)


def is_obstacle(actor: ActorState) -> bool:
    """Whether it is to be gone round: a thing, somebody slow with the hazard lights on, or a slow cyclist."""
    if actor.type_id.startswith("static.prop"):
        return not actor.type_id.startswith(DEBRIS)
    if actor.type_id in BICYCLES:
        return actor.speed_mps < SLOW_MPS
    slow = actor.type_id.startswith("vehicle") and actor.speed_mps < SLOW_MPS
    return slow and actor.light_state & BLINKERS == BLINKERS


def _has_siren(actor: ActorState) -> bool:
    return bool(actor.light_state & SIREN) and actor.speed_mps > 3.0 and actor.type_id.startswith("vehicle")


# --- round an obstacle ----------------------------------------------------------------------------------------------


def _go_round(tick: Tick, path: RoutePath, found: Sequence[ActorState]) -> Adapted | None:
    half = tick.ego.extent_m[1]
    bodies = [_body(path, one) for one in found]
    reach = half + CORRIDOR_M
    group = _nearest_group([b for b in bodies if b.left_m < reach and b.right_m > -reach], tick.ego.extent_m[0])
    if not group:
        return None
    begin, end = min(b.from_m for b in group), max(b.to_m for b in group)
    offset = _way_round(tick, group, half)
    ramp_m = min(max(RAMP_PER_M * abs(offset), RAMP_LEAST_M), RAMP_MOST_M)
    front = tick.ego.extent_m[0]
    out_to = begin - front - FRONT_ROOM_M
    out_from = out_to - ramp_m
    back_from = end + front + REAR_ROOM_M
    bent = _bent(tick, path, offset, (out_from, out_to, back_from, back_from + ramp_m))
    sideways = tick.route.lateral_offset_m * math.copysign(1.0, offset)
    if sideways > BEGUN_M or _is_free(tick, path, offset, group, back_from + 0.8 * ramp_m, out_from):
        return Adapted(bent)
    return Adapted(tick, ((max(out_from, 0.0), "waiting to go round"),))


def _nearest_group(bodies: list[_Body], front_m: float) -> list[_Body]:
    """The first obstacles ahead (or still beside) that belong together."""
    ahead = sorted((b for b in bodies if b.to_m > -front_m - RAMP_MOST_M and b.from_m < LOOK_M), key=lambda b: b.from_m)
    group: list[_Body] = []
    for body in ahead:
        if group and body.from_m - max(b.to_m for b in group) > GROUP_M:
            if max(b.to_m for b in group) > -front_m:
                break
            group = []
        group.append(body)
    return group


def _way_round(tick: Tick, group: list[_Body], half: float) -> float:
    """Offset from the route at which the group is passed; on a lane of the same direction where there is one."""
    left = min(b.left_m for b in group) - half - SIDE_ROOM_M
    right = max(b.right_m for b in group) + half + SIDE_ROOM_M
    width = tick.route.lane_width_m
    if tick.route.lane_right and not tick.route.lane_left:
        return min(right, width + 0.3)
    return max(left, -width - 0.3)


def _is_free(tick: Tick, path: RoutePath, offset: float, group: list[_Body], until_m: float, from_m: float) -> bool:
    """Whether nobody needs the strip that the ego would use until it is back."""
    speed = max(forward_speed_mps(tick.ego), 0.0)
    half, front = tick.ego.extent_m[1], tick.ego.extent_m[0]
    clear_s = _time_for(max(until_m, 0.0), speed)
    enter_s = _time_for(max(from_m, 0.0), speed)
    mine = {b.actor.actor_id for b in group}
    low, high = offset - half - 0.3, offset + half + 0.3
    for one in tick.actors:
        if one.actor_id in mine or not one.type_id.startswith("vehicle"):
            continue
        body = _body(path, one)
        if body.right_m < low or body.left_m > high:
            continue
        if body.along_mps < -0.5:
            comes_to = body.from_m + body.along_mps * (clear_s + ONCOMING_MARGIN_S)
            # A road user that will be past before the ego is out of its lane does not count.
            if comes_to < until_m and body.to_m + body.along_mps * PULLS_OUT_S > -front:
                return False
        elif body.to_m < front + 4.0:
            # Beside or behind, on the way to where the ego will be when it gets there.
            gap = -front - (body.to_m + (body.along_mps - min(speed + 1.0, PASSING_MPS)) * enter_s)
            closing = max(body.along_mps - min(max(speed, 3.0), PASSING_MPS), 0.0)
            if gap < REAR_GAP_M + REAR_GAP_S * closing and body.to_m > -BEHIND_M and body.along_mps > 0.5:
                return False
    return True


def _time_for(distance_m: float, speed_mps: float) -> float:
    """Seconds for a distance, speeding up to the passing speed."""
    speed_up_s = max(PASSING_MPS - speed_mps, 0.0) / PASSING_MPS2
    speed_up_m = speed_mps * speed_up_s + 0.5 * PASSING_MPS2 * speed_up_s**2
    if distance_m < speed_up_m:
        return (math.sqrt(speed_mps**2 + 2.0 * PASSING_MPS2 * distance_m) - speed_mps) / PASSING_MPS2
    return speed_up_s + (distance_m - speed_up_m) / max(PASSING_MPS, speed_mps)


# --- making way, dodging --------------------------------------------------------------------------------------------


def _make_way(tick: Tick, path: RoutePath, sirens: Sequence[ActorState]) -> Adapted | None:
    """Leave the lane to a vehicle that comes from behind with its siren on; to its edge where there is no other."""
    half, front = tick.ego.extent_m[1], tick.ego.extent_m[0]
    here = tick.route.lateral_offset_m
    for siren in sirens:
        body = _body(path, siren)
        behind = body.to_m > -SIREN_RANGE_M and body.from_m < front + 3.0
        if (
            not behind
            or body.along_mps < 2.0
            or body.left_m > here + 3.0 + half
            or body.right_m < here - 3.0 - half - 3.5
        ):
            continue
        width = tick.route.lane_width_m
        wished = [side * width for side, there in ((1, tick.route.lane_right), (-1, tick.route.lane_left)) if there]
        for offset in wished:
            is_there = abs(here - offset) < 1.0
            if is_there or _has_room(tick, path, offset, siren):
                return Adapted(_shifted(tick, offset))
        if wished:
            return Adapted(tick)
        return Adapted(_shifted(tick, WAY_EDGE_M), top_mps=3.0)
    return None


def _has_room(tick: Tick, path: RoutePath, offset: float, siren: ActorState) -> bool:
    """Whether the lane at `offset` is free beside the ego."""
    half, front = tick.ego.extent_m[1], tick.ego.extent_m[0]
    for one in tick.actors:
        body = _body(path, one)
        if one.actor_id == siren.actor_id or body.right_m < offset - half - 0.3 or body.left_m > offset + half + 0.3:
            continue
        closing = max(body.along_mps - forward_speed_mps(tick.ego), 0.0)
        if body.to_m > -front - 5.0 - 2.0 * closing and body.from_m < front + 8.0:
            return False
    return True


def _dodge(tick: Tick, path: RoutePath, scenario_actors: Sequence[ActorState]) -> Adapted | None:
    """Keep to the edge of the lane while somebody comes over the centre line."""
    if tick.route.in_junction or not scenario_actors:
        return None
    half = tick.ego.extent_m[1]
    wished = 0.0
    for one in scenario_actors:
        body = _body(path, one)
        if body.along_mps > -2.0 or not -8.0 < body.from_m < DODGE_RANGE_M:
            continue
        course = path.at(max(body.from_m, 0.0)).yaw
        if abs(abs(wrap_angle(one.pose.yaw - course)) - math.pi) > math.radians(35.0):
            continue
        middle = 0.5 * (body.left_m + body.right_m)
        if middle < 0.0 and body.right_m > -half - DODGE_ROOM_M:
            wished = max(wished, body.right_m + half + DODGE_ROOM_M)
    return Adapted(_shifted(tick, min(wished, DODGE_MOST_M)), top_mps=6.0) if wished > 0.0 else None


def _slow_down(tick: Tick, path: RoutePath, loose: Sequence[ActorState]) -> Adapted | None:
    """Slowly over a loose surface: the wheel has less of an effect there, whichever way it is pulled."""
    half = tick.ego.extent_m[1]
    for one in loose:
        body = _body(path, one)
        is_here = LOOSE_TO_M < body.from_m < LOOSE_FROM_M
        if is_here and (one.type_id.startswith(DEBRIS) or half < body.left_m < LOOSE_RIGHT_M):
            return Adapted(tick, top_mps=LOOSE_MPS)
    return None


def _wait_for_slot(tick: Tick, path: RoutePath, scenario_actors: Sequence[ActorState]) -> Adapted | None:
    """Stay in the own lane beside a full one into which the route changes, until there is a gap."""
    held = held_in_lane(tick, path, scenario_actors)
    return Adapted(held[0], top_mps=held[1]) if held is not None else None


# --- geometry -------------------------------------------------------------------------------------------------------


def _body(path: RoutePath, actor: ActorState) -> _Body:
    """An actor's box in the route's frame; straight on before the path's start and past its end."""
    box_x, box_y, _ = actor.box_offset_m
    cos, sin = math.cos(actor.pose.yaw), math.sin(actor.pose.yaw)
    x = actor.pose.x + box_x * cos - box_y * sin
    y = actor.pose.y + box_x * sin + box_y * cos
    squared = (path.points[:, 0] - x) ** 2 + (path.points[:, 1] - y) ** 2
    nearest = int(np.argmin(squared))
    yaw = float(path.tangents[nearest])
    dx, dy = x - path.points[nearest, 0], y - path.points[nearest, 1]
    along = path.stations_m[nearest] + float(dx * math.cos(yaw) + dy * math.sin(yaw))
    across = float(-dx * math.sin(yaw) + dy * math.cos(yaw))
    turned = wrap_angle(actor.pose.yaw - yaw)
    length = abs(actor.extent_m[0] * math.cos(turned)) + abs(actor.extent_m[1] * math.sin(turned))
    width = abs(actor.extent_m[0] * math.sin(turned)) + abs(actor.extent_m[1] * math.cos(turned))
    speed = actor.velocity_mps[0] * math.cos(yaw) + actor.velocity_mps[1] * math.sin(yaw)
    rides_m = _rides_m(along + length, speed) if is_obstacle(actor) else 0.0
    return _Body(along - length, along + length + rides_m, across - width, across + width, speed, actor)


def _rides_m(to_m: float, along_mps: float) -> float:
    """How far somebody moves on while it is passed, who ends `to_m` ahead: that takes up more road."""
    passed_s = (to_m + PASSED_AT_M) / max(PASSING_MPS - along_mps, 1.0)
    return max(along_mps, 0.0) * min(max(passed_s, 1.0), RIDES_AT_MOST_S)


def _bent(tick: Tick, path: RoutePath, offset: float, knots: tuple[float, float, float, float]) -> Tick:
    """The tick with its route led `offset` beside itself between the knots: out from, out to, back from, back to."""
    out_from, out_to, back_from, back_to = knots
    station = np.asarray(path.stations_m)
    out = _smooth((station - out_from) / max(out_to - out_from, 1.0))
    back = _smooth((station - back_from) / max(back_to - back_from, 1.0))
    return _shifted(tick, offset * out * (1.0 - back), path.tangents)


def _smooth(share: NDArray[np.float64]) -> NDArray[np.float64]:
    share = np.clip(share, 0.0, 1.0)
    return share * share * (3.0 - 2.0 * share)


def _shifted(tick: Tick, offset: float | NDArray[np.float64], yaw: NDArray[np.float64] | None = None) -> Tick:
    """The tick with its route moved to its own right."""
    ahead = np.asarray(tick.route.ahead_world, np.float64).copy()
    if yaw is None or len(yaw) != len(ahead):
        yaw = ahead[:, 3]
    if isinstance(offset, np.ndarray) and len(offset) != len(ahead):
        offset = np.interp(np.arange(len(ahead)), np.arange(len(offset)), offset)
    ahead[:, 0] -= np.sin(yaw) * offset
    ahead[:, 1] += np.cos(yaw) * offset
    return replace(tick, route=replace(tick.route, ahead_world=ahead.astype(np.float32)))
