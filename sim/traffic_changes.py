"""Lane changes of background drivers: why, when there is a gap, and how the route goes on from the other lane."""

from dataclasses import dataclass

import numpy as np

from sim.lanes import LaneGraph
from sim.signals import Signals
from sim.traffic_drivers import Driver, extend_route, note_lane
from sim.traffic_paths import Leg
from sim.vehicles import Vehicles

#: No lane change ends closer than this before a junction.
CLEAR_ROAD_M = 35.0
#: Drivers overtake whoever keeps them below this share of the speed they want.
SLOW_SHARE = 0.7
_LOOK_M = 45.0
_REST_M = 60.0


@dataclass(frozen=True)
class Situation:
    """What one driver sees: odometer, own and wanted speed, the nearest leader's gap and speed (inf: none)."""

    odometer_m: float
    speed_mps: float
    wanted_mps: float
    leader_gap_m: float
    leader_mps: float


def wanted_side(driver: Driver, now: Situation, travelled_m: float) -> tuple[int, ...]:
    """Sides to try in this order, -1 left and 1 right, given the metres since the driver was last asked."""
    if driver.forced_change:
        return (driver.forced_change,)
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
        if now.leader_gap_m < _LOOK_M and now.leader_mps < SLOW_SHARE * now.wanted_mps:
            return (-1, 1)
    return ()


def change_lane(
    driver: Driver, slot: int, side: int, now: Situation, vehicles: Vehicles, lanes: LaneGraph, signals: Signals
) -> bool:
    """Lead the route into the lane beside, if there is one with a gap; gives back whether it does."""
    leg = driver.route.leg_at(now.odometer_m)
    lane = lanes.lanes[leg.lane]
    beside = (lanes.left if side < 0 else lanes.right)[leg.lane]
    if beside < 0 or lane.is_junction or lanes.lanes[beside].is_junction:
        return False
    point = min(int(np.searchsorted(lane.s, now.odometer_m - leg.begin_m)), len(lane.s) - 1)
    if not (lane.may_change_left if side < 0 else lane.may_change_right)[point]:
        return False
    blend = float(np.clip(3.0 * now.speed_mps, 14.0, 45.0))
    s = _place_beside(lanes, beside, float(vehicles.x[slot]), float(vehicles.y[slot]))
    if min(leg.end_m - now.odometer_m, lanes.lanes[beside].length_m - s) < blend + CLEAR_ROAD_M:
        return False
    if not _has_gap(slot, beside, s, now.leader_gap_m, vehicles, lanes):
        return False
    begin = now.odometer_m - s
    route = driver.route
    route.legs = [k for k in route.legs if k.from_m <= now.odometer_m]
    route.legs.append(Leg(beside, begin, now.odometer_m, blend, begin + lanes.lanes[beside].length_m))
    route.stop_m = np.inf
    driver.crossings = [c for c in driver.crossings if c.enter_m <= now.odometer_m]
    driver.loose_lights = [k for k in driver.loose_lights if k[0] <= now.odometer_m]
    note_lane(driver, len(route.legs) - 1, lanes, signals)
    extend_route(driver, now.odometer_m, lanes, signals)
    driver.change_after_m = now.odometer_m + blend + _REST_M
    driver.forced_change, driver.stale = 0, True
    return True


def _place_beside(lanes: LaneGraph, lane: int, x: float, y: float) -> float:
    points = lanes.lanes[lane]
    k = int(np.argmin((points.x - x) ** 2 + (points.y - y) ** 2))
    along = np.cos(points.yaw[k]) * (x - points.x[k]) + np.sin(points.yaw[k]) * (y - points.y[k])
    return float(points.s[k] + along)


def _has_gap(slot: int, lane: int, s: float, leader_gap_m: float, vehicles: Vehicles, lanes: LaneGraph) -> bool:
    """Whether nobody in the lane is near, or would have to brake hard."""
    on, along, _ = lanes.nearest_many(vehicles.x, vehicles.y, vehicles.yaw)
    ahead = np.where(on == lane, along - s, np.inf)
    for before in lanes.predecessors[lane]:
        ahead = np.where(on == before, along - lanes.lanes[before].length_m - s, ahead)
    ahead[slot] = np.inf
    length, v = vehicles.p["length_m"], vehicles.vx_body
    gap = np.abs(ahead) - 0.5 * (length + length[slot])
    closing = np.where(ahead > 0.0, v[slot] - v, v - v[slot])
    needed = 4.0 + 0.4 * np.maximum(v[slot], 0.0) + 2.0 * np.maximum(closing, 0.0)
    in_front = np.where(ahead > 0.0, gap, np.inf)
    # Going over is only worth it to where one gets on; and there must be road to swing out on.
    better = float(in_front.min()) > min(leader_gap_m, 40.0)
    return bool(np.all((gap > needed) | ~np.isfinite(ahead))) and better and leader_gap_m > 3.0
