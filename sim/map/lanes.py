"""The driving lanes of a map as numpy polylines: where they lead, what lies beside them, where they cross.

Sampled once from a `carla.Map` (which needs no server), so that traffic and signals can look lanes up without a call
into CARLA's library per vehicle and tick. Frame: CARLA's world (left-handed, metres, radians); `s` runs with the
traffic.
"""

import math
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import carla
import numpy as np
from scipy.spatial import KDTree

from sim.map.lane_search import LEVEL_M, PointGrid
from sim.map.opendrive import Road, RoadItem, read_roads, speed_mps

DEFAULT_LIMIT_MPS = 50.0 / 3.6
_EDGE_M = 1e-3  # how far inside a lane section its first and last points lie
LEVEL_WEIGHT = 3.0  # a metre of height counts like this many metres on the ground when the road below is looked for
SPEED_SIGN = "274"
_ANSWERS = 3  # so many of the last answers of nearest_many are kept: of all vehicles, and of those not driven


@dataclass(frozen=True, eq=False)
class Lane:
    """One driving lane of one lane section, in the direction of travel.

    All arrays are (N,), one element per point about a metre apart, N >= 2.
    """

    index: int
    road_id: int
    section_id: int
    lane_id: int
    junction_id: int
    """-1 outside junctions."""
    x: np.ndarray
    y: np.ndarray
    z: np.ndarray
    yaw: np.ndarray
    s: np.ndarray
    """Metres from the lane's beginning."""
    road_s: np.ndarray
    """OpenDRIVE's s of the road, falling along lanes of positive id."""
    curvature: np.ndarray
    """1/m, positive to the right."""
    limit_mps: np.ndarray
    width_m: np.ndarray
    may_change_left: np.ndarray
    may_change_right: np.ndarray

    @property
    def length_m(self) -> float:
        """Length along the polyline."""
        return float(self.s[-1])

    @property
    def is_junction(self) -> bool:
        """Whether the lane lies inside a junction."""
        return self.junction_id >= 0

    @property
    def turn_rad(self) -> float:
        """Change of heading from begin to end, positive to the right."""
        steps = np.diff(self.yaw)
        return float(np.sum((steps + np.pi) % (2 * np.pi) - np.pi))


@dataclass
class _Links:
    successors: list[int] = field(default_factory=list)
    predecessors: list[int] = field(default_factory=list)
    left: int = -1
    right: int = -1


class LaneGraph:
    """All driving lanes of a map and how they hang together; everything is addressed by lane index.

    `x, y, yaw, s, lane_of` are all lanes' points one after the other, lane k's from `first[k]` to `first[k + 1]`.
    """

    def __init__(self, lanes: list[Lane], links: list[_Links]):
        if not lanes:
            raise ValueError("the map has no driving lanes: check that its OpenDRIVE has lanes of type 'driving'")
        self.lanes = lanes
        self.successors = [tuple(k.successors) for k in links]
        self.predecessors = [tuple(k.predecessors) for k in links]
        self.left = [k.left for k in links]
        self.right = [k.right for k in links]
        self.first = np.concatenate([[0], np.cumsum([len(lane.s) for lane in lanes])])
        self.x, self.y, self.z, self.yaw, self.s, self.limit_mps, self.curvature = (
            np.concatenate([getattr(lane, name) for lane in lanes])
            for name in ("x", "y", "z", "yaw", "s", "limit_mps", "curvature")
        )
        self.lane_of = np.repeat(np.arange(len(lanes)), np.diff(self.first))
        self._tree = KDTree(np.column_stack([self.x, self.y]))
        self._grid = PointGrid.of(self.x, self.y, self.z, self.yaw)
        self._answers: dict[tuple[Any, ...], tuple[np.ndarray, np.ndarray, np.ndarray]] = {}
        self._lane_length_m = self.s[self.first[self.lane_of + 1] - 1]
        self.slope = np.concatenate([_slope(lane) for lane in lanes])
        self._solid_tree = KDTree(np.column_stack([self.x, self.y, LEVEL_WEIGHT * self.z]))
        self._by_road: dict[tuple[int, int], list[int]] = defaultdict(list)
        for lane in lanes:
            self._by_road[lane.road_id, lane.lane_id].append(lane.index)

    def __len__(self) -> int:
        return len(self.lanes)

    @classmethod
    def from_map(cls, carla_map: carla.Map, spacing_m: float = 1.0) -> "LaneGraph":
        """Sample every driving lane of any OpenDRIVE map that CARLA can parse. ValueError if there is none."""
        lanes: list[Lane] = []
        ends: list[carla.Waypoint] = []
        middles: list[carla.Waypoint] = []
        for road in read_roads(carla_map.to_opendrive()):
            for lane_id, s0, s1 in _driving_lanes(road):
                waypoints = _waypoints(carla_map, road.id, lane_id, s0, s1, spacing_m)
                if len(waypoints) >= 2:
                    lanes.append(_lane(len(lanes), waypoints, _SpeedLimits(road, lane_id)))
                    ends.append(waypoints[-1])
                    middles.append(waypoints[len(waypoints) // 2])
        index = {(lane.road_id, lane.section_id, lane.lane_id): lane.index for lane in lanes}
        links = [_Links() for _ in lanes]
        for k, (end, middle) in enumerate(zip(ends, middles, strict=True)):
            links[k].successors = sorted({index[key] for w in end.next(0.02) if (key := _key(w)) in index} - {k})
            links[k].left = _neighbour(middle.get_left_lane(), middle, index)
            links[k].right = _neighbour(middle.get_right_lane(), middle, index)
        for k, link in enumerate(links):
            for successor in link.successors:
                links[successor].predecessors.append(k)
        _inherit_limits(lanes, links)
        return cls(lanes, links)

    def nearest(
        self, x: float, y: float, yaw: float, within_m: float = 10.0, z: float | None = None
    ) -> tuple[int, float]:
        """The lane at a place whose direction fits yaw best, and s along it; (-1, 0.0) if none is within reach."""
        level = None if z is None else np.array([z])
        lane, s, _ = self._search(np.array([x]), np.array([y]), np.array([yaw]), within_m, level)
        return int(lane[0]), float(s[0])

    def limits_mps(self, lane: np.ndarray, s: np.ndarray) -> np.ndarray:
        """The speed limit at s metres along lanes, (N,); -1 where the lane is -1."""
        place = np.minimum(self.first[lane] + np.rint(s).astype(np.int64), self.first[lane + 1] - 1)
        return np.where(lane >= 0, self.limit_mps[place], -1.0)

    def nearest_many(
        self, x: np.ndarray, y: np.ndarray, yaw: np.ndarray, within_m: float = 10.0, z: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Lane (-1 if none), s and offset to the right of the lane's centre (m) for N poses, each (N,).

        With heights z (N,), lanes on another level do not count. The arrays cannot be written to: a tick asks more than
        once for the same poses, and is given the same answer again.
        """
        asked = (x.tobytes(), y.tobytes(), yaw.tobytes(), None if z is None else z.tobytes(), within_m)
        found = self._answers.get(asked)
        if found is None:
            found = self._search(x, y, yaw, within_m, z)
            for column in found:
                column.setflags(write=False)
            if len(self._answers) == _ANSWERS:
                del self._answers[next(iter(self._answers))]
            self._answers[asked] = found
        return found

    def _search(
        self, x: np.ndarray, y: np.ndarray, yaw: np.ndarray, within_m: float, z: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        # Driving against a lane counts like standing 6 m beside it.
        p = self._grid.nearest(x, y, z, yaw, within_m, 3.0)
        near = p >= 0
        dx, dy = x - self.x[p], y - self.y[p]
        c, s = self._grid.cos[p], self._grid.sin[p]
        lane = np.where(near, self.lane_of[p], -1)
        along = np.minimum(np.maximum(self.s[p] + c * dx + s * dy, 0.0), self._lane_length_m[p])
        return lane, np.where(near, along, 0.0), c * dy - s * dx

    def ground(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Height of the road (m), the slope along its lane (rise over run) and that lane's yaw, each (N,).

        Taken from the nearest lane; z decides where roads cross above each other.
        """
        _, p = self._solid_tree.query(np.column_stack([x, y, LEVEL_WEIGHT * np.asarray(z)]))
        c, s = np.cos(self.yaw[p]), np.sin(self.yaw[p])
        along = np.clip(c * (x - self.x[p]) + s * (y - self.y[p]), -2.0, 2.0)
        return self.z[p] + along * self.slope[p], self.slope[p], self.yaw[p]

    def lanes_at(
        self, x: float, y: float, yaw: float, z: float | None = None, within_m: float = 1.8, turn_rad: float = 1.0
    ) -> dict[int, float]:
        """Every lane a vehicle at a pose may be driving on, with s along it; with z, only those on its level."""
        found: dict[int, tuple[float, float]] = {}
        for p in self._tree.query_ball_point([x, y], within_m):
            if math.cos(self.yaw[p] - yaw) < math.cos(turn_rad):
                continue
            if z is not None and abs(self.z[p] - z) > LEVEL_M:
                continue
            lane, d = int(self.lane_of[p]), math.hypot(self.x[p] - x, self.y[p] - y)
            if lane not in found or d < found[lane][0]:
                found[lane] = (d, float(self.s[p]))
        return {lane: s for lane, (_, s) in sorted(found.items())}

    def lanes_near(self, x: float, y: float, within_m: float, z: float | None = None) -> dict[int, tuple[float, float]]:
        """Every lane that passes a place, with z on its level: lane -> (distance in m, the lane's heading there)."""
        found: dict[int, tuple[float, float]] = {}
        for p in self._tree.query_ball_point([x, y], within_m):
            if z is not None and abs(self.z[p] - z) > LEVEL_M:
                continue
            lane, d = int(self.lane_of[p]), math.hypot(self.x[p] - x, self.y[p] - y)
            if lane not in found or d < found[lane][0]:
                found[lane] = (d, float(self.yaw[p]))
        return dict(sorted(found.items()))

    def on_road(self, road_id: int, lane_id: int, road_s: float) -> tuple[int, float]:
        """The lane and s along it of a place in OpenDRIVE's terms; (-1, 0.0) if there is no driving lane."""
        best, best_gap, best_s = -1, 1.0, 0.0
        for k in self._by_road.get((road_id, lane_id), []):
            lane = self.lanes[k]
            low, high = min(lane.road_s[0], lane.road_s[-1]), max(lane.road_s[0], lane.road_s[-1])
            gap = max(low - road_s, road_s - high, 0.0)
            if gap < best_gap:
                order = 1 if lane.road_s[-1] > lane.road_s[0] else -1
                along = float(np.interp(road_s, lane.road_s[::order], lane.s[::order]))
                best, best_gap, best_s = k, gap, along
        return best, best_s

    def at(self, lane: int, s: float) -> tuple[float, float, float]:
        """Position and heading (x, y, yaw) at s along a lane."""
        points = self.lanes[lane]
        k = int(np.clip(np.searchsorted(points.s, s), 1, len(points.s) - 1))
        t = (s - points.s[k - 1]) / max(points.s[k] - points.s[k - 1], 1e-9)
        turn = (points.yaw[k] - points.yaw[k - 1] + np.pi) % (2 * np.pi) - np.pi
        x = points.x[k - 1] + t * (points.x[k] - points.x[k - 1])
        y = points.y[k - 1] + t * (points.y[k] - points.y[k - 1])
        return float(x), float(y), float(points.yaw[k - 1] + min(max(t, 0.0), 1.0) * turn)

    def height_m(self, lane: int, s: float) -> float:
        """Height of the road at s along a lane."""
        points = self.lanes[lane]
        return float(np.interp(s, points.s, points.z))


def _slope(lane: Lane) -> np.ndarray:
    """Rise over run along a lane, (N,)."""
    return np.gradient(lane.z, np.maximum(lane.s, np.arange(len(lane.s)) * 1e-6))


def _driving_lanes(road: Road) -> list[tuple[int, float, float]]:
    """(lane id, s at begin, s at end) of every driving lane of every lane section, those on the left first."""
    return [
        (lane.id, section.s, section.end)
        for section in road.sections
        for sign in (1, -1)
        for lane in section.lanes.values()
        if lane.id * sign > 0 and lane.kind == "driving"
    ]


def _waypoints(
    carla_map: carla.Map, road_id: int, lane_id: int, s0: float, s1: float, spacing_m: float
) -> list[carla.Waypoint]:
    """Waypoints along a lane in the direction of travel."""
    if s1 - s0 < 4 * _EDGE_M:
        return []
    places = np.linspace(s0 + _EDGE_M, s1 - _EDGE_M, max(2, round((s1 - s0) / spacing_m) + 1))
    found = [carla_map.get_waypoint_xodr(road_id, lane_id, float(s)) for s in places]
    found = [w for w in found if w is not None]
    if found and math.cos(math.radians(found[0].transform.rotation.yaw) - _chord_yaw(found)) < 0.0:
        found.reverse()
    return found


def _chord_yaw(waypoints: list[carla.Waypoint]) -> float:
    a, b = waypoints[0].transform.location, waypoints[min(1, len(waypoints) - 1)].transform.location
    return math.atan2(b.y - a.y, b.x - a.x)


def _lane(index: int, waypoints: list[carla.Waypoint], limits: "_SpeedLimits") -> Lane:
    w0 = waypoints[0]
    transforms = [w.transform for w in waypoints]
    x, y, z = (np.array([getattr(t.location, name) for t in transforms]) for name in "xyz")
    yaw = np.unwrap(np.radians([t.rotation.yaw for t in transforms]))
    s = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(x), np.diff(y)))])
    road_s = np.array([w.s for w in waypoints])
    changes = [int(w.lane_change) for w in waypoints]  # bit 0 to the right, bit 1 to the left
    return Lane(
        index=index,
        road_id=w0.road_id,
        section_id=w0.section_id,
        lane_id=w0.lane_id,
        junction_id=w0.junction_id if w0.is_junction else -1,
        x=x,
        y=y,
        z=z,
        yaw=yaw,
        s=s,
        road_s=road_s,
        curvature=np.gradient(yaw, np.maximum(s, np.arange(len(s)) * 1e-6)),
        limit_mps=limits.along(road_s),
        width_m=np.array([w.lane_width for w in waypoints]),
        may_change_left=np.array([c & 2 > 0 for c in changes]),
        may_change_right=np.array([c & 1 > 0 for c in changes]),
    )


class _SpeedLimits:
    """Speed limits of a road for one lane's direction: the road's type records, then the signs on it."""

    def __init__(self, road: Road, lane_id: int):
        self._by_road = road.limits
        self._forward = lane_id < 0
        self._by_sign = sorted(
            (sign.s, speed_mps(_sign_value(sign), sign.unit or "km/h"))
            for sign in road.signals
            if sign.kind == SPEED_SIGN and sign.orientation in ("+" if self._forward else "-", "none")
        )

    def along(self, road_s: np.ndarray) -> np.ndarray:
        """Limits in m/s at each s of the road, NaN where none is given."""
        limit = np.full(len(road_s), np.nan)
        for s, value in self._by_road:
            limit[road_s >= s] = value
        for s, value in self._by_sign if self._forward else reversed(self._by_sign):
            limit[road_s >= s if self._forward else road_s <= s] = value
        return limit


def _sign_value(sign: RoadItem) -> str:
    return sign.subtype if sign.value in ("", "-1") else sign.value


def _key(waypoint: carla.Waypoint) -> tuple[int, int, int]:
    return waypoint.road_id, waypoint.section_id, waypoint.lane_id


def _neighbour(other: carla.Waypoint | None, middle: carla.Waypoint, index: dict[tuple[int, int, int], int]) -> int:
    """The lane beside, if one may drive there in the same direction."""
    if other is None or other.lane_id * middle.lane_id < 0:
        return -1
    return index.get(_key(other), -1)


def _inherit_limits(lanes: list[Lane], links: list[_Links]) -> None:
    """Fill in unknown speed limits from the lanes before, then with the default."""
    for _ in range(3):  # a junction may be several lanes long
        for lane, link in zip(lanes, links, strict=True):
            before = [lanes[p].limit_mps[-1] for p in link.predecessors]
            known = [v for v in before if not math.isnan(v)]
            if known:
                lane.limit_mps[np.isnan(lane.limit_mps)] = min(known)
    for lane in lanes:
        lane.limit_mps[np.isnan(lane.limit_mps)] = DEFAULT_LIMIT_MPS
