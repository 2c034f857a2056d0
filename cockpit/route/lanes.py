"""The lane graph of a map: which lane leads into which, where lanes may be changed, and where stop lines lie.

Built from `carla.Map` (topology, waypoints, landmarks) and, for what CARLA's API does not give (lengths of lane
sections, speed limits), from the OpenDRIVE text. Lengths along a lane are called ``along`` and run in the direction of
travel from where the lane section is entered, measured on the road's reference line as OpenDRIVE does.
"""

from __future__ import annotations

import bisect
import itertools
import math
import xml.etree.ElementTree as ET
from collections import defaultdict
from dataclasses import dataclass

import carla
import networkx
import numpy as np
from numpy.typing import NDArray

LaneKey = tuple[int, int, int]
"""Road, lane section and lane id, as CARLA numbers them."""

SIGNAL_TYPE = "1000001"
"""OpenDRIVE's type of a traffic light with three lamps; CARLA spawns its lights for these."""

DEFAULT_LIMIT_MPS = 50.0 / 3.6
JOIN_GAP_M = 3.0
"""Topology that jumps farther than this is no way through: CARLA joins both ends of a road that meet one junction."""
MIN_CHANGE_M = 20.0
"""A lane change is planned only where it has at least this much road (about 2 s at 10 m/s)."""
EDGE_M = 1e-3
MARKING_M = 0.15
"""The width of a marking between two lanes."""
_UNITS_MPS = {"km/h": 1.0 / 3.6, "mph": 0.44704, "m/s": 1.0}


@dataclass(frozen=True, slots=True)
class Lane:
    """One driving lane over one lane section."""

    key: LaneKey
    s_in: float
    """OpenDRIVE s at which traffic enters."""
    length_m: float
    is_junction: bool
    speed_limit_mps: float | None
    """None where the road gives no limit: the previous road's remains in force."""

    def s_at(self, along: float) -> float:
        """OpenDRIVE s of a point `along` the lane; lanes with positive ids run against s."""
        along = min(max(along, EDGE_M), self.length_m - EDGE_M)
        return self.s_in - along if self.key[2] > 0 else self.s_in + along

    def along_at(self, s: float) -> float:
        """Inverse of `s_at`."""
        return self.s_in - s if self.key[2] > 0 else s - self.s_in


@dataclass(frozen=True, slots=True)
class LanePoints:
    """Centre line of a piece of lane: (N, 3) x, y, z and (N,) widths in metres."""

    xyz: NDArray[np.float64]
    width: NDArray[np.float64]


class LaneGraph:
    """Driving lanes as nodes; edges lead on (``change`` None) or across (``change`` the stretch that allows it)."""

    def __init__(self, carla_map: carla.Map) -> None:
        self.carla_map = carla_map
        self.map_name: str = carla_map.name.rsplit("/", 1)[-1]
        self.lanes: dict[LaneKey, Lane] = {}
        self.graph = networkx.DiGraph()
        self._roads = _roads_of(carla_map.to_opendrive())
        self._join()
        for lane in list(self.lanes.values()):
            self._add_changes(lane)
        self.signals = self._signals()

    def locate(self, x: float, y: float, z: float = 0.0) -> tuple[LaneKey, float]:
        """The lane nearest to a point, and how far along it.

        Raises:
            ValueError: the map has no driving lane.

        """
        waypoint = self.carla_map.get_waypoint(carla.Location(x, y, z), lane_type=carla.LaneType.Driving)
        if waypoint is None or _key(waypoint) not in self.lanes:
            raise ValueError(f"No driving lane near x={x:.1f}, y={y:.1f} on map {self.map_name}.")
        lane = self.lanes[_key(waypoint)]
        return lane.key, min(max(lane.along_at(waypoint.s), 0.0), lane.length_m)

    def points(self, key: LaneKey, begin: float, end: float, step_m: float = 1.0) -> LanePoints:
        """Centre line from `begin` to `end` along a lane, both ends included."""
        lane = self.lanes[key]
        count = max(2, math.ceil((end - begin) / step_m) + 1)
        waypoints = [self._waypoint(lane, along) for along in np.linspace(begin, end, count)]
        places = [waypoint.transform.location for waypoint in waypoints]
        return LanePoints(
            np.array([(place.x, place.y, place.z) for place in places]),
            np.array([waypoint.lane_width for waypoint in waypoints]),
        )

    def onward(self, key: LaneKey) -> list[LaneKey]:
        """Lanes that this one leads into, in a fixed order."""
        return sorted(to for _, to, change in self.graph.out_edges(key, data="change") if change is None)

    def changes(self, key: LaneKey) -> list[tuple[LaneKey, tuple[float, float]]]:
        """Neighbour lanes that may be entered, each with the stretch (along) that allows it."""
        return sorted((to, change) for _, to, change in self.graph.out_edges(key, data="change") if change is not None)

    def _join(self) -> None:
        for begin, end in self.carla_map.get_topology():
            if not (_is_driving(begin) and _is_driving(end)):
                continue
            here, there = self._lane(begin), self._lane(end)
            out = self._waypoint(here, here.length_m).transform.location
            into = self._waypoint(there, 0.0).transform.location
            if out.distance(into) <= JOIN_GAP_M:
                self.graph.add_edge(here.key, there.key, change=None)

    def _lane(self, waypoint: carla.Waypoint) -> Lane:
        key = _key(waypoint)
        if key not in self.lanes:
            road = self._roads[key[0]]
            low, high = road.section(key[1])
            limit = road.limit_at((low + high) / 2.0)
            self.lanes[key] = Lane(key, high if key[2] > 0 else low, high - low, waypoint.is_junction, limit)
            self.graph.add_node(key)
        return self.lanes[key]

    def _waypoint(self, lane: Lane, along: float) -> carla.Waypoint:
        waypoint = self.carla_map.get_waypoint_xodr(lane.key[0], lane.key[2], lane.s_at(along))
        if waypoint is None:
            raise ValueError(f"Map {self.map_name} has no point at {along:.1f} m along lane {lane.key}.")
        return waypoint

    def _add_changes(self, lane: Lane) -> None:
        """Edges to the left and right neighbours, each with the longest stretch on which the change is allowed."""
        if lane.is_junction or lane.length_m < MIN_CHANGE_M:
            return
        grid = np.arange(0.0, lane.length_m, 2.0)
        stretches: dict[LaneKey, list[float]] = defaultdict(list)
        for along in grid:
            waypoint = self._waypoint(lane, float(along))
            for side, neighbour in (
                (carla.LaneChange.Left, waypoint.get_left_lane),
                (carla.LaneChange.Right, waypoint.get_right_lane),
            ):
                if waypoint.lane_change & side and (other := neighbour()) is not None and _is_driving(other):
                    stretches[_key(other)].append(float(along))
        for key, allowed in stretches.items():
            begin, end = _longest_run(allowed, 2.0)
            if key in self.lanes and key[2] * lane.key[2] > 0 and end - begin >= MIN_CHANGE_M:
                self.graph.add_edge(lane.key, key, change=(begin, end))

    def _signals(self) -> dict[LaneKey, list[tuple[float, str]]]:
        """Per lane, how far along it each traffic light's stop line lies, and the light's OpenDRIVE id."""
        found: dict[LaneKey, list[tuple[float, str]]] = defaultdict(list)
        for landmark in self.carla_map.get_all_landmarks_of_type(SIGNAL_TYPE):
            for lane in self.lanes.values():
                if lane.key[0] != landmark.road_id or not _is_valid_for(landmark, lane.key[2]):
                    continue
                along = lane.along_at(landmark.s)
                if -EDGE_M <= along <= lane.length_m + EDGE_M:
                    found[lane.key].append((along, str(landmark.id)))
        return {key: sorted(lines) for key, lines in found.items()}


@dataclass(frozen=True, slots=True)
class _Road:
    """Of a road's OpenDRIVE element, what CARLA's API does not give."""

    length_m: float
    section_starts: list[float]
    limits: list[tuple[float, float]]

    def section(self, index: int) -> tuple[float, float]:
        ends = [*self.section_starts[1:], self.length_m]
        return self.section_starts[index], ends[index]

    def limit_at(self, s: float) -> float | None:
        index = bisect.bisect_right([start for start, _ in self.limits], s) - 1
        return self.limits[index][1] if index >= 0 else None


def _roads_of(opendrive: str) -> dict[int, _Road]:
    roads = {}
    for road in ET.fromstring(opendrive).iter("road"):  # noqa: S314 (the map of a server the user chose)
        limits = []
        for kind in road.findall("type"):
            speed = kind.find("speed")
            if speed is not None and speed.get("max", "").replace(".", "", 1).isdigit():
                unit = _UNITS_MPS.get(speed.get("unit", "m/s"), 1.0)
                limits.append((float(kind.get("s", 0.0)), float(speed.get("max", 0.0)) * unit))
        starts = [float(section.get("s", 0.0)) for section in road.findall("lanes/laneSection")]
        roads[int(road.get("id", -1))] = _Road(float(road.get("length", 0.0)), starts, sorted(limits))
    return roads


def _key(waypoint: carla.Waypoint) -> LaneKey:
    return waypoint.road_id, waypoint.section_id, waypoint.lane_id


def _is_driving(waypoint: carla.Waypoint) -> bool:
    return waypoint.lane_type == carla.LaneType.Driving


def _is_valid_for(landmark: carla.Landmark, lane_id: int) -> bool:
    """Whether a signal applies to a lane: by its validities and by the direction it faces."""
    facing = landmark.orientation
    if facing == carla.LandmarkOrientation.Positive and lane_id > 0:
        return False
    if facing == carla.LandmarkOrientation.Negative and lane_id < 0:
        return False
    spans = landmark.get_lane_validities()
    return not spans or any(min(span) <= lane_id <= max(span) for span in spans)


def _longest_run(grid: list[float], step: float) -> tuple[float, float]:
    """First and last value of the longest run of neighbours on a grid."""
    breaks = [i + 1 for i, (a, b) in enumerate(itertools.pairwise(grid)) if b - a > 1.5 * step]
    runs = [grid[a:b] for a, b in itertools.pairwise([0, *breaks, len(grid)])]
    longest = max(runs, key=len)
    return longest[0], longest[-1]


def is_on_lane(carla_map: carla.Map, x: float, y: float, z: float) -> bool:
    """Whether a point lies on a driving lane of the map, or within `MARKING_M` of one."""
    where = carla.Location(x, y, z)
    if carla_map.get_waypoint(where, project_to_road=False, lane_type=carla.LaneType.Driving) is not None:
        return True
    # On the marking between two lanes the client library finds neither, in bends up to 0.12 m from its middle.
    nearest = carla_map.get_waypoint(where, project_to_road=True, lane_type=carla.LaneType.Driving)
    if nearest is None:
        return False
    middle = nearest.transform.location
    return math.hypot(x - middle.x, y - middle.y) <= 0.5 * nearest.lane_width + MARKING_M
