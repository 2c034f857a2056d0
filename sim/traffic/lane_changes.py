"""Lane changes of background drivers: why, when there is a gap, and how the route goes on from the other lane."""

from dataclasses import dataclass

import numpy as np

from sim.map.lanes import LaneGraph
from sim.traffic.drivers import Driver, Roads, extend_route, note_lane
from sim.traffic.paths import Leg
from sim.vehicles.fleet import Vehicles

#: No lane change ends closer than this before a junction.
CLEAR_ROAD_M = 35.0
#: Drivers overtake a leader slower than this share of their own target speed.
SLOW_SHARE = 0.7
_LOOK_M = 45.0
_REST_M = 60.0
#: Drivers that must leave a lane because it ends begin to look for a gap so far before its end.
_MUST_SOON_M = 350.0
#: So near to the end, drivers accept a small gap.
_HURRY_M = 120.0


@dataclass(frozen=True)
class Situation:
    """One driver's situation: odometer, own and desired speed, the nearest leader's gap and speed (inf: none)."""

    odometer_m: float
    speed_mps: float
    desired_mps: float
    leader_gap_m: float
    leader_mps: float


def wanted_side(driver: Driver, now: Situation, travelled_m: float, roads: Roads) -> tuple[int, ...]:
    """Sides to try in this order, -1 left and 1 right, given the metres since the driver last considered it."""
    if driver.forced_change:
        return (driver.forced_change,)
    needed = needed_side(driver, now.odometer_m, roads)
    if needed:
        return (needed,)
    if now.odometer_m < driver.change_after_m:
        return ()
    settings = driver.settings
    if settings.auto_lane_change:
        dice = float(driver.rng.uniform(0.0, 100.0)) if settings.moves_at_random else 100.0
        share = travelled_m / 100.0
        if dice < share * settings.random_left_percent:
            return (-1,)
        if dice < share * (settings.random_left_percent + settings.random_right_percent + settings.keep_right_percent):
            return (1,)
        if now.leader_gap_m < _LOOK_M and now.leader_mps < SLOW_SHARE * now.desired_mps:
            return (-1, 1)
    return ()


def needed_side(driver: Driver, odometer_m: float, roads: Roads) -> int:
    """To which side a driver has to change: its lane ends, or its plan goes on from the lane beside; 0 for none."""
    leg = driver.route.leg_at(odometer_m)
    if odometer_m < leg.from_m + leg.blend_m:
        return 0
    lanes, ends = roads.lanes, roads.routes.ends_in_m
    if ends[leg.lane] - (odometer_m - leg.begin_m) < _MUST_SOON_M:
        for side, beside in ((-1, lanes.left[leg.lane]), (1, lanes.right[leg.lane])):
            if beside >= 0 and ends[beside] > ends[leg.lane] + 1.0:
                return side
    if driver.plan.finished and leg.planned == driver.plan.done:
        return 0
    return driver.plan.at(leg.planned).side(leg.lane, lanes, roads.routes)


def change_lane(driver: Driver, slot: int, side: int, now: Situation, vehicles: Vehicles, roads: Roads) -> bool:
    """Lead the route into the lane beside, if there is one with a gap; gives back whether it does."""
    lanes = roads.lanes
    leg = driver.route.leg_at(now.odometer_m)
    lane = lanes.lanes[leg.lane]
    beside = (lanes.left if side < 0 else lanes.right)[leg.lane]
    if beside < 0 or lane.is_junction or lanes.lanes[beside].is_junction:
        return False
    needed = needed_side(driver, now.odometer_m, roads) == side
    plan = driver.plan.at(leg.planned)
    point = min(int(np.searchsorted(lane.s, now.odometer_m - leg.begin_m)), len(lane.s) - 1)
    if not (lane.may_change_left if side < 0 else lane.may_change_right)[point]:
        return False
    if not needed and not driver.forced_change and not plan.allows(leg.lane, beside, roads.routes):
        return False
    s = _place_beside(lanes, beside, float(vehicles.x[slot]), float(vehicles.y[slot]))
    left_m = min(leg.end_m - now.odometer_m, lanes.lanes[beside].length_m - s)
    blend = float(np.clip(3.0 * now.speed_mps, 14.0, 45.0))
    clear = CLEAR_ROAD_M
    if needed:
        blend, clear = min(blend, max(left_m - 2.0, 10.0)), 2.0
    if left_m < blend + clear:
        return False
    hurry = needed and left_m < _HURRY_M
    if not _has_gap(slot, beside, s, now.leader_gap_m, vehicles, lanes, needed or bool(driver.forced_change), hurry):
        return False
    begin = now.odometer_m - s
    route = driver.route
    plan.note_change(side)
    plan.reach(beside)
    driver.plan.done = plan.done
    route.legs = [k for k in route.legs if k.from_m <= now.odometer_m]
    end = begin + lanes.lanes[beside].length_m
    route.legs.append(Leg(beside, begin, now.odometer_m, blend, end, plan.done))
    route.stop_m = np.inf
    driver.crossings = [c for c in driver.crossings if c.enter_m <= now.odometer_m]
    driver.loose_lights = [k for k in driver.loose_lights if k[0] <= now.odometer_m]
    note_lane(driver, len(route.legs) - 1, lanes, roads.signals)
    extend_route(driver, now.odometer_m, roads)
    driver.change_after_m = now.odometer_m + blend + _REST_M
    driver.forced_change, driver.stale = 0, True
    return True


def _place_beside(lanes: LaneGraph, lane: int, x: float, y: float) -> float:
    points = lanes.lanes[lane]
    k = int(np.argmin((points.x - x) ** 2 + (points.y - y) ** 2))
    along = np.cos(points.yaw[k]) * (x - points.x[k]) + np.sin(points.yaw[k]) * (y - points.y[k])
    return float(points.s[k] + along)


def _has_gap(
    slot: int,
    lane: int,
    s: float,
    leader_gap_m: float,
    vehicles: Vehicles,
    lanes: LaneGraph,
    needed: bool,
    hurry: bool,
) -> bool:
    """Whether nobody in the lane is near, or would have to brake hard."""
    on, along, _ = lanes.nearest_many(vehicles.x, vehicles.y, vehicles.yaw, z=vehicles.z)
    ahead = np.where(on == lane, along - s, np.inf)
    for before in lanes.predecessors[lane]:
        ahead = np.where(on == before, along - lanes.lanes[before].length_m - s, ahead)
    ahead[slot] = np.inf
    length, v = vehicles.p["length_m"], vehicles.vx_body
    gap = np.abs(ahead) - 0.5 * (length + length[slot])
    closing = np.where(ahead > 0.0, v[slot] - v, v - v[slot])
    margin = (1.0, 0.2, 1.0) if hurry else (4.0, 0.4, 2.0)
    need_m = margin[0] + margin[1] * np.maximum(v[slot], 0.0) + margin[2] * np.maximum(closing, 0.0)
    if not bool(np.all((gap > need_m) | ~np.isfinite(ahead))):
        return False
    # There must be road to swing out on; and unless one must, going over is only worth it to where one gets on.
    in_front = float(np.where(ahead > 0.0, gap, np.inf).min())
    return leader_gap_m > (1.0 if hurry else 3.0) and (needed or in_front > min(leader_gap_m, 40.0))
