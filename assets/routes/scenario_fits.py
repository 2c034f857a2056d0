"""Where each type of scenario fits on a route of a town, and with which parameters (`FITS`)."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass

import carla
import numpy as np

from cockpit.route.lanes import LaneGraph
from cockpit.route.route import Route
from cockpit.scenarios.places import (
    junction_ahead,
    lane_beside,
    opposite_lane,
    pose_of,
    way_path,
    waypoint_at,
    ways_through,
)
from recorder.schema import Pose

RUN_UP_M = 45
"""Road before the trigger."""
CHANGE_AT_M, CHANGE_M = 45, 28
"""Where a route changes lanes on purpose, after the trigger, and how long it takes."""


@dataclass(frozen=True)
class Town:
    """A town and random ways through it."""

    name: str
    lanes: LaneGraph
    pool: tuple[Route, ...]

    @property
    def map(self) -> carla.Map:
        """Its map."""
        return self.lanes.carla_map


Fit = Callable[[Town, Route, int, random.Random], "tuple[int, dict[str, dict[str, str]]] | None"]
"""How much road a type needs after a trigger and its parameters there; None where it does not fit."""


def value(number: float | str) -> dict[str, str]:
    """A parameter with one value."""
    return {"value": number if isinstance(number, str) else f"{number:g}"}


def span(low: float, high: float) -> dict[str, str]:
    """A parameter with a range."""
    return {"from": f"{low:g}", "to": f"{high:g}"}


def is_open(route: Route, begin: int, end: int, bend_rad: float = 0.12) -> bool:
    """Whether a stretch has no junction and is (nearly) straight."""
    if end >= len(route.points):
        return False
    yaw = np.unwrap(route.points[begin : end + 1, 3])
    return not route.is_junction[begin : end + 1].any() and bool(np.ptp(yaw) <= bend_rad)


def sides(route: Route, begin: int, end: int) -> tuple[bool, bool]:
    """Whether a lane of the same direction lies left, right, all along a stretch."""
    assert route.lane_left is not None  # noqa: S101  (planned routes have them)
    assert route.lane_right is not None  # noqa: S101
    return bool(route.lane_left[begin:end].all()), bool(route.lane_right[begin:end].all())


def follows_lane(route: Route, begin: int, end: int) -> bool:
    """Whether the route changes no lane on a stretch."""
    return not any("change" in command.value for command in route.commands[begin : end + 1])


def overtaking(two_ways: bool, length: int, more: Callable[[random.Random], dict] = lambda _: {}) -> Fit:
    """A straight road with a second lane, or with one lane each way."""

    def fit(town: Town, route: Route, at: int, rng: random.Random) -> tuple[int, dict] | None:
        distance = rng.randint(38, 46)
        end = at + distance + length + 32
        if not is_open(route, at - 5, end) or not follows_lane(route, at - 5, end):
            return None
        left, right = sides(route, at, end)
        lane = waypoint_at(town.map, route.pose_at(at + distance))
        if two_ways and (left or right or opposite_lane(lane) is None):
            return None
        if not two_ways and not left:
            return None
        frequency = {"frequency": span(rng.randint(70, 90), rng.randint(180, 220))} if two_ways else {}
        return distance + length + 40, {"distance": value(distance), **frequency, **more(rng)}

    return fit


def cyclists(rng: random.Random) -> dict[str, dict[str, str]]:
    """How slow, and how far."""
    return {"bicycle_speed": value(rng.randint(7, 10)), "bicycle_drive_distance": value(rng.randint(34, 42))}


def crossing(more: Callable[[random.Random], dict] = lambda _: {}) -> Fit:
    """A straight road, the ego in the rightmost lane."""

    def fit(town: Town, route: Route, at: int, rng: random.Random) -> tuple[int, dict] | None:
        del town
        distance = rng.randint(34, 44)
        end = at + distance + 22
        if not is_open(route, at - 5, end) or not follows_lane(route, at - 5, end) or sides(route, at, end)[1]:
            return None
        return distance + 40, {"distance": value(distance), **more(rng)}

    return fit


def straight(length: int, needs_lane: bool = False, more: Callable[[random.Random], dict] = lambda _: {}) -> Fit:
    """A straight road of a length, with a second lane of the same direction where it needs one."""

    def fit(town: Town, route: Route, at: int, rng: random.Random) -> tuple[int, dict] | None:
        del town
        end = at + length
        if not is_open(route, max(at - 20, 0), end) or not follows_lane(route, max(at - 20, 0), end):
            return None
        if needs_lane and not any(sides(route, at - 15, end)):
            return None
        return length + 12, more(rng)

    return fit


def parked(length: int) -> Fit:
    """A straight road, the ego in the rightmost lane."""

    def fit(town: Town, route: Route, at: int, rng: random.Random) -> tuple[int, dict] | None:
        del town
        end = at + length
        if not is_open(route, at - 5, end) or not follows_lane(route, at - 5, end) or sides(route, at, end)[1]:
            return None
        return length + 10, {"distance": value(rng.randint(32, 40))}

    return fit


def queue(length: int) -> Fit:
    """A straight road with a second lane, and on which side it is."""

    def fit(town: Town, route: Route, at: int, rng: random.Random) -> tuple[int, dict] | None:
        end = at + length
        if not is_open(route, at - 5, end) or not follows_lane(route, at - 5, end):
            return None
        lane = waypoint_at(town.map, route.pose_at(at + 40))
        side = next((name for name, way in (("right", 1), ("left", -1)) if lane_beside(lane, way) is not None), None)
        if side is None:
            return None
        return length + 10, {"distance": value(rng.randint(36, 44)), "direction": value(side)}

    return fit


def junction(
    turns: tuple[str, ...],
    signals: bool | None,
    come_from: tuple[str, ...] = (),
    more: Callable[[random.Random], dict] = lambda _: {},
) -> Fit:
    """A junction 35 to 60 m after the trigger that the route crosses in one of the ways.

    `signals`: with lights, without, or either (None). `come_from`: at least one conflicting way must come from there;
    the first that does becomes the parameter ``direction`` where there is a choice.
    """

    def fit(town: Town, route: Route, at: int, rng: random.Random) -> tuple[int, dict] | None:
        ahead = junction_ahead(route, at)
        if ahead is None or not 38 <= ahead.first_m - at <= 52 or ahead.last_m + 45 >= len(route.points):
            return None
        if route.is_junction[max(at - 20, 0) : at].any() or not follows_lane(route, at, int(ahead.last_m) + 30):
            return None
        if route.is_junction[int(ahead.last_m) + 1 : int(ahead.last_m) + 40].any():
            return None
        lit = any(at < line.distance_m < ahead.last_m for line in route.stop_lines)
        if signals is not None and lit is not signals:
            return None
        turned = ahead.turned_rad
        way = "straight" if abs(turned) < math.radians(30) else "left" if turned < 0 else "right"
        if way not in turns:
            return None
        sources = [side for side in come_from if ways_through(town.map, route, ahead, side)]
        if come_from and not sources:
            return None
        direction = {"direction": value(rng.choice(sources))} if len(come_from) > 1 else {}
        return int(ahead.last_m) - at + 45, {**direction, **more(rng)}

    return fit


def lane_change() -> Fit:
    """A straight road with a second lane of the same direction all along, into which the route is then led."""

    def fit(town: Town, route: Route, at: int, rng: random.Random) -> tuple[int, dict] | None:
        end = at + CHANGE_AT_M + CHANGE_M + 70
        if not is_open(route, at - RUN_UP_M, end) or not follows_lane(route, at - RUN_UP_M, end):
            return None
        left, right = sides(route, at - RUN_UP_M, end)
        if not (left or right):
            return None
        # As to an exit, to the right where it can be.
        side = 1 if right else -1
        if lane_beside(waypoint_at(town.map, route.pose_at(at + CHANGE_AT_M)), side) is None:
            return None
        parameters = {"flow_speed": value(rng.randint(6, 7)), "source_dist_interval": span(15, rng.randint(24, 30))}
        return end - at, parameters

    return fit


def led_aside(town: Town, planned: Route) -> tuple[Pose, ...]:
    """Waypoints of a way that changes lanes once after the trigger of a `lane_change`."""
    change = RUN_UP_M + CHANGE_AT_M
    right = sides(planned, 0, len(planned.points))[1]

    def over(index: int) -> Pose:
        lane = lane_beside(waypoint_at(town.map, planned.pose_at(index)), 1 if right else -1)
        return pose_of(lane) if lane is not None else planned.pose_at(index)

    return planned.pose_at(0), planned.pose_at(change), over(change + CHANGE_M), over(len(planned.points) - 1)


def merge_at_junction(come_from: str, speed: tuple[int, int]) -> Fit:
    """A junction without lights at which the ego joins or crosses a road with a flow from one side."""
    base = junction(("left", "right") if come_from != "opposite" else ("left",), False, (come_from,))

    def fit(town: Town, route: Route, at: int, rng: random.Random) -> tuple[int, dict] | None:
        found = base(town, route, at, rng)
        ahead = junction_ahead(route, at)
        if found is None or ahead is None:
            return None
        way = ways_through(town.map, route, ahead, come_from)[0]
        path = way_path(way, 90.0, 70.0)
        parameters = {
            "start_actor_flow": where(path[0]),
            "end_actor_flow": where(path[-1]),
            "flow_speed": value(rng.randint(*speed)),
            "source_dist_interval": span(rng.randint(24, 30), rng.randint(60, 80)),
        }
        return found[0], parameters

    return fit


def ramp(other_is_right: bool) -> Fit:
    """Where two lanes of one direction become one: the ego on one of them, a flow or somebody on the other."""

    def fit(town: Town, route: Route, at: int, rng: random.Random) -> tuple[int, dict] | None:
        ahead = junction_ahead(route, at)
        if ahead is None or not 38 <= ahead.first_m - at <= 52 or ahead.last_m + 60 >= len(route.points):
            return None
        if abs(ahead.turned_rad) > 0.5 or any(at < line.distance_m < ahead.last_m for line in route.stop_lines):
            return None
        own = route.pose_at(ahead.first_m)
        for way in ways_through(town.map, route, ahead, "same"):
            begin = pose_of(way[0])
            right = -(begin.x - own.x) * math.sin(own.yaw) + (begin.y - own.y) * math.cos(own.yaw)
            if not 2.0 < abs(right) < 12.0 or (right > 0.0) is not other_is_right:
                continue
            path = way_path(way, 90.0, 70.0)
            if other_is_right:
                return int(ahead.last_m) - at + 60, {"other_actor_location": where(path[25])}
            return int(ahead.last_m) - at + 60, {
                "start_actor_flow": where(path[0]),
                "end_actor_flow": where(path[-1]),
                "flow_speed": value(rng.randint(5, 6)),
                "source_dist_interval": span(rng.randint(16, 20), rng.randint(34, 45)),
            }
        return None

    return fit


def either(first: Fit, second: Fit) -> Fit:
    """The first of two that fits."""
    return lambda town, route, at, rng: first(town, route, at, rng) or second(town, route, at, rng)


def where(point: np.ndarray) -> dict[str, str]:
    """A place as a parameter."""
    return {axis: f"{float(number):.1f}" for axis, number in zip("xyz", point, strict=True)}


def flow(speed: tuple[int, int], gap: tuple[int, int]) -> Callable[[random.Random], dict]:
    """Parameters of a flow at a junction."""
    return lambda rng: {
        "flow_speed": value(rng.randint(*speed)),
        "source_dist_interval": span(rng.randint(gap[0], gap[0] + 3), rng.randint(gap[1] - 8, gap[1])),
    }


def two_way_road(length: int) -> Fit:
    """A road with one lane each way, bends allowed."""

    def fit(town: Town, route: Route, at: int, rng: random.Random) -> tuple[int, dict] | None:
        end = at + length + 30
        if not is_open(route, at - 15, end, bend_rad=1.3) or any(sides(route, at, end)):
            return None
        if opposite_lane(waypoint_at(town.map, route.pose_at(at + length))) is None:
            return None
        return length + 30, {"distance": value(length), "offset": value(round(rng.uniform(0.5, 0.65), 2))}

    return fit


def behind(length: int) -> Fit:
    """A straight road whose lane also goes back a while behind the ego's start."""

    def fit(town: Town, route: Route, at: int, rng: random.Random) -> tuple[int, dict] | None:
        end = at + length
        begin = at - RUN_UP_M
        if not is_open(route, begin, end, bend_rad=0.5) or not follows_lane(route, begin, end):
            return None
        if not any(sides(route, begin, end)):
            return None
        start = waypoint_at(town.map, route.pose_at(begin))
        back = start.previous(40.0)
        if not back or back[0].is_junction:
            return None
        return length + 8, {"distance": value(rng.randint(25, 38))}

    return fit


ANGLE: Callable[[random.Random], dict] = lambda rng: {"crossing_angle": value(rng.randint(0, 6))}  # noqa: E731
FITS: dict[str, Fit] = {
    "Accident": overtaking(False, 22),
    "AccidentTwoWays": overtaking(True, 22),
    "ParkedObstacle": overtaking(False, 6),
    "ParkedObstacleTwoWays": overtaking(True, 6),
    "ConstructionObstacle": overtaking(False, 16),
    "ConstructionObstacleTwoWays": overtaking(True, 16),
    "HazardAtSideLane": overtaking(False, 50, cyclists),
    "HazardAtSideLaneTwoWays": overtaking(True, 50, cyclists),
    "VehicleOpensDoor": overtaking(False, 6),
    "VehicleOpensDoorTwoWays": overtaking(True, 6),
    "DynamicObjectCrossing": crossing(ANGLE),
    "ParkingCrossingPedestrian": crossing(ANGLE),
    "PedestrianCrossing": junction(("straight", "left", "right"), True),
    "VehicleTurningRoute": junction(("left", "right"), None),
    "VehicleTurningRoutePedestrian": junction(("left", "right"), None),
    "HardBreakRoute": straight(75),
    "ParkingCutIn": parked(75),
    "StaticCutIn": queue(80),
    "HighwayCutIn": either(ramp(other_is_right=True), straight(90, needs_lane=True)),
    "SignalizedJunctionLeftTurn": junction(("left",), True, ("opposite",), flow((7, 9), (11, 26))),
    "NonSignalizedJunctionLeftTurn": junction(("left",), False, ("opposite",), flow((7, 9), (11, 26))),
    "SignalizedJunctionRightTurn": junction(("right",), True, ("left",), flow((7, 9), (11, 26))),
    "NonSignalizedJunctionRightTurn": junction(("right",), False, ("left",), flow((7, 9), (11, 26))),
    "OppositeVehicleRunningRedLight": junction(("straight", "left"), True, ("left", "right")),
    "OppositeVehicleTakingPriority": junction(("straight", "left"), False, ("left", "right", "opposite")),
    "BlockedIntersection": junction(("left", "right"), None),
    "VanillaSignalizedTurnEncounterRedLight": junction(("left", "right"), True),
    "HighwayExit": lane_change(),
    "MergerIntoSlowTraffic": either(ramp(other_is_right=False), merge_at_junction("left", (4, 5))),
    "InterurbanActorFlow": merge_at_junction("opposite", (8, 9)),
    "InvadingTurn": two_way_road(50),
    "YieldToEmergencyVehicle": behind(125),
    "ControlLoss": straight(102, more=lambda rng: {"strength": value(round(rng.uniform(2.8, 3.2), 1))}),
}
