"""One driver of background traffic: its settings as in CARLA's traffic manager, its route and its random numbers."""

import math
from dataclasses import dataclass, field

import numpy as np

from sim.map.lanes import LaneGraph
from sim.map.routes import LaneRoutes
from sim.map.signals import Signals
from sim.traffic.paths import Leg, Route
from sim.traffic.plans import Plan

#: Routes are chosen this far ahead, metres.
ROUTE_AHEAD_M = 260.0
"""At least; further where more of the path is wanted."""
#: Where there is no line, drivers stop this far before the junction, metres.
NO_LINE_M = 1.5
_LINE_REACH_M = 20.0


@dataclass(frozen=True)
class Roads:
    """What drivers know of the town."""

    lanes: LaneGraph
    signals: Signals
    routes: LaneRoutes


@dataclass
class DriverSettings:
    """What CARLA's traffic manager can set for one vehicle; None: the global value, or the driver's own `temper`."""

    speed_difference_percent: float | None = None
    desired_speed_mps: float | None = None
    distance_m: float | None = None
    lane_offset_m: float | None = None
    run_light_percent: float = 0.0
    run_sign_percent: float = 0.0
    ignore_vehicles_percent: float = 0.0
    ignore_walkers_percent: float = 0.0
    auto_lane_change: bool = True
    keep_right_percent: float = 0.0
    random_left_percent: float = 0.0
    random_right_percent: float = 0.0
    update_lights: bool = False

    @property
    def moves_at_random(self) -> bool:
        """Whether lane changes for no reason are to happen."""
        return self.keep_right_percent + self.random_left_percent + self.random_right_percent > 0.0


@dataclass(eq=False)
class Crossing:
    """One junction on a driver's route. All places are odometers of the driver."""

    junction_id: int
    lanes: tuple[int, ...]
    begins_m: tuple[float, ...]
    """Where each of the lanes begins."""
    exit_m: float
    exit_lane: int
    stop_m: float
    """Where the front bumper stops when the driver has to wait."""
    light: int
    gives_way: bool
    runs_light: bool
    runs_sign: bool
    rank: int
    """Higher goes first."""
    must_stop: bool = False
    """A stop sign: the driver has to stand before it goes."""
    has_stopped: bool = False
    granted: bool = False
    suspended: bool = False
    """Holds a grant, but stood in the junction for so long that others may go first."""

    @property
    def enter_m(self) -> float:
        """Where the junction begins."""
        return self.begins_m[0]


@dataclass(eq=False)
class Driver:
    """Everything that belongs to one registered vehicle."""

    actor_id: int
    order: int
    rng: np.random.Generator
    settings: DriverSettings
    temper: float
    """How fast this driver goes where it may, as a share of the limit."""
    route: Route = field(default_factory=Route)
    crossings: list[Crossing] = field(default_factory=list)
    loose_lights: list[tuple[float, int]] = field(default_factory=list)
    """(odometer, light) of lights that guard no junction."""
    dice: float = 1.0
    """Uniform in 0..100, drawn with each path: below an ignore percentage, the driver does not see."""
    lost: bool = True
    stale: bool = True
    """The path must be sampled anew."""
    standing_s: float = 0.0
    waiting_s: float = 0.0
    """How long the driver has stood before a junction that it might have entered."""
    blocked_s: float = 0.0
    """How long something has stood in the driver's way through the junction, or behind it."""
    backing_s: float = 0.0
    """How much longer the driver backs up, and then waits, to let somebody through."""
    change_after_m: float = 0.0
    """No lane change before this odometer."""
    asked_at_m: float = 0.0
    """Where the driver last thought about changing lanes."""
    held_s: float = 0.0
    """How long the driver has wanted to go round something that stands in its lane."""
    clear_m: float = 0.0
    """How far behind what stands in its lane the driver stops, so that it can go round it."""
    forced_change: int = 0
    """-1 change left, 1 right as soon as possible."""
    plan: Plan = field(default_factory=Plan)
    """Where a client sends the driver."""


def start_route(driver: Driver, lane: int, s_m: float, lanes: LaneGraph, odometer_m: float = 0.0) -> None:
    """Begin anew at a place; the odometer is zero there. Of a plan, what was done before `odometer_m` stays done."""
    if driver.route.legs:
        driver.plan.done = driver.route.leg_at(odometer_m).planned
    begin = -s_m
    end = begin + lanes.lanes[lane].length_m
    driver.route = Route([Leg(lane, begin, begin, 0.0, end, driver.plan.done)])
    driver.crossings.clear()
    driver.loose_lights.clear()
    driver.change_after_m, driver.asked_at_m, driver.backing_s = 10.0, 0.0, 0.0
    driver.held_s, driver.clear_m = 0.0, 0.0
    driver.lost, driver.stale = False, True


def forget_behind(driver: Driver, odometer_m: float) -> None:
    """Drop what lies more than 25 m behind."""
    legs = driver.route.legs
    while len(legs) > 2 and legs[2].from_m < odometer_m - 25.0:
        legs.pop(0)


def reroute(driver: Driver, odometer_m: float, roads: Roads) -> None:
    """Choose another way from the end of the present lane on."""
    cut_route(driver, odometer_m)
    driver.blocked_s = 0.0
    extend_route(driver, odometer_m, roads)


def cut_route(driver: Driver, odometer_m: float) -> None:
    """Forget the way beyond the lane that lies at a place."""
    route = driver.route
    route.legs = [leg for leg in route.legs if leg.from_m <= odometer_m]
    end = route.legs[-1].end_m - 0.5
    driver.crossings = [crossing for crossing in driver.crossings if crossing.enter_m < end]
    driver.loose_lights = [light for light in driver.loose_lights if light[0] < end]
    driver.plan.done = route.legs[-1].planned
    route.stop_m = math.inf
    driver.stale = True


def extend_route(driver: Driver, odometer_m: float, roads: Roads, ahead_m: float = ROUTE_AHEAD_M) -> None:
    """Choose turns until the route reaches so far ahead, or the road ends."""
    route, lanes = driver.route, roads.lanes
    if not driver.crossings and len(route.legs) == 1:
        note_lane(driver, 0, lanes, roads.signals)
    while route.legs[-1].end_m < odometer_m + max(ahead_m, ROUTE_AHEAD_M):
        last = route.legs[-1]
        ways = lanes.successors[last.lane]
        if not ways:
            route.stop_m = last.end_m
            return
        lane = _way_on(driver, last.lane, ways, roads)
        begin = last.end_m
        driver.plan.reach(lane)
        route.legs.append(Leg(lane, begin, begin, 0.0, begin + lanes.lanes[lane].length_m, driver.plan.done))
        note_lane(driver, len(route.legs) - 1, lanes, roads.signals)


def _way_on(driver: Driver, lane: int, ways: tuple[int, ...], roads: Roads) -> int:
    lanes = roads.lanes
    if not driver.plan.finished:
        driver.plan.skip_idle()
        planned = driver.plan.choose(ways, not lanes.lanes[lane].is_junction, lanes, roads.routes)
        if planned >= 0:
            return planned
    open_ended = [k for k in ways if math.isinf(roads.routes.ends_in_m[k])]
    going_on = open_ended or [k for k in ways if lanes.successors[k]] or list(ways)
    return going_on[int(driver.rng.integers(len(going_on)))]


def note_lane(driver: Driver, k: int, lanes: LaneGraph, signals: Signals) -> None:
    """Note the junction or light that a new leg brings."""
    legs = driver.route.legs
    leg, lane = legs[k], lanes.lanes[legs[k].lane]
    last = driver.crossings[-1] if driver.crossings else None
    if lane.is_junction:
        if last is not None and last.junction_id == lane.junction_id and last.exit_m >= leg.begin_m - 0.5:
            last.lanes, last.begins_m = (*last.lanes, leg.lane), (*last.begins_m, leg.begin_m)
            last.exit_m = leg.end_m
            return
        driver.crossings.append(_crossing(driver, k, lanes, signals))
        return
    if last is not None and last.exit_lane < 0:
        last.exit_lane = leg.lane
    for s_m, light, movement in signals.by_lane.get(leg.lane, ()):
        if movement < 0 and signals.lights[light].junction_id < 0:
            driver.loose_lights.append((leg.begin_m + float(s_m), light))


def _crossing(driver: Driver, k: int, lanes: LaneGraph, signals: Signals) -> Crossing:
    legs = driver.route.legs
    leg, lane = legs[k], lanes.lanes[legs[k].lane]
    stop, light, gives_way, must_stop = leg.begin_m - NO_LINE_M, -1, False, False
    for before in legs[max(0, k - 2) : k]:
        if before.lane != legs[k - 1].lane and before.end_m > leg.begin_m + 0.5:  # left by a lane change
            continue
        for s_m, found, movement in signals.by_lane.get(before.lane, ()):
            place = before.begin_m + float(s_m)
            guards = signals.lights[found].junction_id == lane.junction_id and movement in (-1, leg.lane)
            if guards and place > leg.begin_m - _LINE_REACH_M:
                stop, light = place, found
        for s_m in signals.give_way.get(before.lane, ()):
            if before.begin_m + s_m > leg.begin_m - _LINE_REACH_M:
                stop, gives_way = min(stop, before.begin_m + float(s_m)), True
                must_stop = must_stop or s_m in signals.stops.get(before.lane, ())
    dice = driver.rng.random(2) * 100.0
    straight = abs(lane.turn_rad) < 0.5
    return Crossing(
        junction_id=lane.junction_id,
        lanes=(leg.lane,),
        begins_m=(leg.begin_m,),
        exit_m=leg.end_m,
        exit_lane=-1,
        stop_m=stop,
        light=light,
        gives_way=gives_way,
        runs_light=bool(dice[0] < driver.settings.run_light_percent),
        runs_sign=bool(dice[1] < driver.settings.run_sign_percent),
        rank=(0 if gives_way else 10) + (2 if straight else 1 if lane.turn_rad > 0.0 else 0),
        must_stop=must_stop,
    )
