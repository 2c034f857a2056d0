"""Where a scenario's actors go: points beside the route, lanes next to it, and ways through its junctions.

All of it asks the client's own copy of the map (`carla.Map`), never the server.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import carla
import numpy as np
from numpy.typing import NDArray

from cockpit.route.route import Route, wrapped
from recorder.schema import Pose

CONFLICT_M = 2.0
"""Two paths that come nearer than this to each other conflict."""
HEADINGS = {"same": 0.0, "opposite": math.pi, "left": math.pi / 2.0, "right": -math.pi / 2.0}
"""Heading, relative to the ego, of a road user who comes from there; CARLA's yaw grows to the right."""


def beside(pose: Pose, right_m: float, ahead_m: float = 0.0, turned_rad: float = 0.0) -> Pose:
    """The pose moved in its own frame."""
    cos, sin = math.cos(pose.yaw), math.sin(pose.yaw)
    x = pose.x + ahead_m * cos - right_m * sin
    y = pose.y + ahead_m * sin + right_m * cos
    return Pose(x, y, pose.z, 0.0, 0.0, wrapped(pose.yaw + turned_rad))


def waypoint_at(carla_map: carla.Map, pose: Pose) -> carla.Waypoint:
    """The driving lane nearest to a pose."""
    return carla_map.get_waypoint(carla.Location(pose.x, pose.y, pose.z), True, carla.LaneType.Driving)


def pose_of(waypoint: carla.Waypoint) -> Pose:
    """A waypoint's pose in radians."""
    where, turned = waypoint.transform.location, waypoint.transform.rotation
    return Pose(where.x, where.y, where.z, 0.0, 0.0, wrapped(math.radians(turned.yaw)))


def neighbours(waypoint: carla.Waypoint, side: int) -> Iterator[carla.Waypoint]:
    """Lanes beside a lane, outwards; `side` -1 is left, 1 right. Ends where lanes end."""
    seen: set[tuple[int, int, int]] = set()
    here, flips = waypoint, False
    while here is not None:
        key = (here.road_id, here.section_id, here.lane_id)
        if key in seen:
            return
        seen.add(key)
        if key != (waypoint.road_id, waypoint.section_id, waypoint.lane_id):
            yield here
        # Past the centre line a lane's own left points back at the first lane.
        flips = here.lane_id * waypoint.lane_id < 0
        here = here.get_right_lane() if (side > 0) is not flips else here.get_left_lane()


def lane_beside(waypoint: carla.Waypoint, side: int) -> carla.Waypoint | None:
    """The next lane of the same direction on that side; None where there is none."""
    found = next(neighbours(waypoint, side), None)
    if found is None or found.lane_type != carla.LaneType.Driving or found.lane_id * waypoint.lane_id < 0:
        return None
    return found


def opposite_lane(waypoint: carla.Waypoint) -> carla.Waypoint | None:
    """The nearest lane of the other direction; None on a one-way road."""
    for lane in neighbours(waypoint, -1):
        if lane.lane_id * waypoint.lane_id < 0 and lane.lane_type == carla.LaneType.Driving:
            return lane
    return None


def roadside_m(waypoint: carla.Waypoint) -> float:
    """From the lane's centre to the right edge of the road's outermost driving or parking lane."""
    reach = waypoint.lane_width / 2.0
    for lane in neighbours(waypoint, 1):
        if lane.lane_type not in (carla.LaneType.Driving, carla.LaneType.Parking):
            break
        reach += lane.lane_width
    return reach


def parking_m(waypoint: carla.Waypoint) -> float | None:
    """From the lane's centre to the middle of the parking lane at its right; None where there is none."""
    reach = waypoint.lane_width / 2.0
    for lane in neighbours(waypoint, 1):
        if lane.lane_type == carla.LaneType.Parking:
            return reach + lane.lane_width / 2.0
        reach += lane.lane_width
    return None


def onward(waypoint: carla.Waypoint, length_m: float, step_m: float = 1.0) -> NDArray[np.float64]:
    """(N, 3) along the lane and what it leads into, first choice at every fork; shorter where the road ends."""
    return _walked(waypoint, length_m, step_m, "next")


def backward(waypoint: carla.Waypoint, length_m: float, step_m: float = 1.0) -> NDArray[np.float64]:
    """(N, 3) up to the waypoint, in the direction of travel."""
    return _walked(waypoint, length_m, step_m, "previous")[::-1]


def _walked(waypoint: carla.Waypoint, length_m: float, step_m: float, verb: str) -> NDArray[np.float64]:
    rows = [_xyz(waypoint)]
    here = waypoint
    for _ in range(round(length_m / step_m)):
        options = getattr(here, verb)(step_m)
        if not options:
            break
        # Straight on where there is a choice.
        yaw = here.transform.rotation.yaw
        here = min(options, key=lambda one: abs((one.transform.rotation.yaw - yaw + 180.0) % 360.0 - 180.0))
        rows.append(_xyz(here))
    return np.array(rows)


def _xyz(waypoint: carla.Waypoint) -> tuple[float, float, float]:
    where = waypoint.transform.location
    return where.x, where.y, where.z


def resampled(points: NDArray[np.float64], step_m: float = 1.0) -> NDArray[np.float64]:
    """(M, 3) the same line with a point every `step_m`."""
    gaps = np.hypot(*np.diff(points[:, :2], axis=0).T)
    keep = np.concatenate(([True], gaps > 1e-3))
    points, gaps = points[keep], gaps[gaps > 1e-3]
    along = np.concatenate(([0.0], np.cumsum(gaps)))
    grid = np.arange(0.0, along[-1] + 1e-6, step_m)
    return np.stack([np.interp(grid, along, column) for column in points.T], axis=1)


def shifted(points: NDArray[np.float64], right_m: float | NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, 3) the line moved to its own right."""
    yaw = np.arctan2(np.gradient(points[:, 1]), np.gradient(points[:, 0]))
    moved = points.copy()
    moved[:, 0] -= np.sin(yaw) * right_m
    moved[:, 1] += np.cos(yaw) * right_m
    return moved


def pose_on(path: NDArray[np.float64], index: int) -> Pose:
    """Pose on a path, heading along it."""
    index = min(max(index, 0), len(path) - 1)
    a, b = path[max(index - 1, 0)], path[min(index + 1, len(path) - 1)]
    return Pose(*(float(v) for v in path[index, :3]), yaw=math.atan2(b[1] - a[1], b[0] - a[0]))


@dataclass(frozen=True, slots=True)
class JunctionAhead:
    """The next junction on the route."""

    first_m: float
    """Where the route enters it."""
    last_m: float
    """Where the route has left it."""
    heading_in: float
    heading_out: float

    @property
    def turned_rad(self) -> float:
        """What the route turns in it; positive is right."""
        return wrapped(self.heading_out - self.heading_in)


def junction_ahead(route: Route, from_m: float) -> JunctionAhead | None:
    """The first junction after a distance along the route."""
    inside = np.flatnonzero(route.is_junction[int(from_m) :])
    if len(inside) == 0:
        return None
    first = int(from_m) + int(inside[0])
    outside = np.flatnonzero(~route.is_junction[first:])
    last = first + int(outside[0]) if len(outside) else len(route.points) - 1
    before = route.points[max(first - 2, 0), 3]
    return JunctionAhead(float(first), float(last), float(before), float(route.points[last, 3]))


def ways_through(
    carla_map: carla.Map, route: Route, junction: JunctionAhead, come_from: str
) -> list[tuple[carla.Waypoint, carla.Waypoint]]:
    """Lanes through the junction that begin on the side `come_from` and conflict with the route; straight ones first.

    `come_from` is one of `HEADINGS`.
    """
    middle = route.pose_at((junction.first_m + junction.last_m) / 2.0)
    inside = waypoint_at(carla_map, middle)
    found = inside.get_junction() if inside is not None and inside.is_junction else None
    if found is None:
        return []
    own = route.points[int(junction.first_m) : int(junction.last_m) + 1, :2]
    options = []
    for begin, end in found.get_waypoints(carla.LaneType.Driving):
        heading, out = pose_of(begin).yaw, pose_of(end).yaw
        if abs(wrapped(heading - junction.heading_in - HEADINGS[come_from])) > math.radians(50.0):
            continue
        path = through(begin, end)
        gap = np.hypot(path[:, None, 0] - own[None, :, 0], path[:, None, 1] - own[None, :, 1])
        if gap.min() < CONFLICT_M:
            options.append((abs(wrapped(out - heading)), begin.road_id, begin.lane_id, (begin, end)))
    return [way for *_, way in sorted(options, key=lambda option: option[:3])]


def through(begin: carla.Waypoint, end: carla.Waypoint) -> NDArray[np.float64]:
    """(N, 3) along a lane from `begin` to `end`."""
    rows, here = [_xyz(begin)], begin
    for _ in range(200):
        options = [one for one in here.next(1.0) if one.road_id == begin.road_id]
        if not options:
            break
        here = options[0]
        rows.append(_xyz(here))
    return np.array([*rows, _xyz(end)])


def way_path(way: tuple[carla.Waypoint, carla.Waypoint], before_m: float, after_m: float) -> NDArray[np.float64]:
    """(N, 3) at 1 m: up to a way through a junction, through it and on."""
    begin, end = way
    return resampled(np.concatenate([backward(begin, before_m), through(begin, end), onward(end, after_m)]))


def crossing_of(path: NDArray[np.float64], route: Route, from_m: float, to_m: float) -> tuple[float, float]:
    """Where a path first comes onto the route between two distances: metres along the path, metres along the route."""
    own = route.points[int(from_m) : int(to_m) + 1, :2]
    gap = np.hypot(path[:, None, 0] - own[None, :, 0], path[:, None, 1] - own[None, :, 1])
    best = np.unravel_index(int(np.argmin(gap)), gap.shape)
    near = np.flatnonzero(gap.min(axis=1) < CONFLICT_M)
    row = int(near[0]) if len(near) else int(best[0])
    return float(row), float(int(from_m) + int(np.argmin(gap[row])))
