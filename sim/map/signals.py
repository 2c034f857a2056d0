"""Traffic lights: read from a map's OpenDRIVE, cycled so that two approaches that cross are never green at once.

Lights are OpenDRIVE's dynamic signals of type 1000001. A junction's lights form one cycle; its phases are the OpenDRIVE
controllers where there are any, otherwise opposite approaches together. Each phase is green, then yellow, then all
are red.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum

import carla
import numpy as np

from sim.map.lane_search import PointGrid
from sim.map.lanes import LaneGraph
from sim.map.opendrive import Controller, Road, RoadItem, read_controllers, read_roads

LIGHT_TYPE = "1000001"
#: Yield and stop signs.
GIVE_WAY_TYPES = ("205", "206")
STOP_TYPES = ("206",)
#: A vehicle whose centre is no further than this before the stop line stands "at" its light.
AT_LIGHT_M = 12.0
#: A light that shares its cycle with no other is red for this long (somebody may want to walk across).
LONE_RED_S = 8.0
_ZONE_REACH_M = 1.9


class LightState(IntEnum):
    """CARLA's numbers for the states of a light."""

    RED = 0
    YELLOW = 1
    GREEN = 2
    OFF = 3


@dataclass(frozen=True)
class StopLine:
    """Where to stop: `s_m` along lane `lane`; if `movement` is not -1, only on the way into that junction lane."""

    lane: int
    s_m: float
    movement: int = -1


@dataclass
class Light:
    """One traffic light. Times as in CARLA: `red_s` is how long all lights of a junction are red between phases."""

    opendrive_id: str
    x: float
    y: float
    z: float
    yaw_rad: float
    stop_lines: tuple[StopLine, ...]
    junction_id: int = -1
    state: LightState = LightState.RED
    elapsed_s: float = 0.0
    green_s: float = 10.0
    yellow_s: float = 3.0
    red_s: float = 2.0
    frozen: bool = False
    group: int = -1
    """Lights of the same group share one cycle."""
    phase: int = -1


@dataclass
class _Cycle:
    phases: list[list[int]]
    phase: int = 0
    stage: LightState = LightState.GREEN
    elapsed_s: float = 0.0


@dataclass
class _Placed:
    """A signal as OpenDRIVE places it: the roads, s and lanes it is for."""

    orientation: str
    places: list[tuple[int, float, list[int]]] = field(default_factory=list)


class Signals:
    """All traffic lights of a map. `lights` is in the map's order; an index into it names a light."""

    def __init__(self, carla_map: carla.Map, lanes: LaneGraph | None = None):
        self.lanes = lanes or LaneGraph.from_map(carla_map)
        opendrive = carla_map.to_opendrive()
        roads = read_roads(opendrive)
        self.lights = _read_lights(roads, carla_map, self.lanes)
        self._cycles = _read_cycles(read_controllers(opendrive), self.lights, self.lanes)
        for group, cycle in enumerate(self._cycles):
            for phase, members in enumerate(cycle.phases):
                for k in members:
                    self.lights[k].group, self.lights[k].phase = group, phase
        #: Stop lines by lane: (s_m, light, movement), along the lane.
        self.by_lane: dict[int, list[tuple[float, int, int]]] = defaultdict(list)
        for k, light in enumerate(self.lights):
            for line in light.stop_lines:
                self.by_lane[line.lane].append((line.s_m, k, line.movement))
        for lines in self.by_lane.values():
            lines.sort()
        #: Where one gives way, by lane: s_m of the lines, along the lane.
        self.give_way = _read_lines(roads, self.lanes, GIVE_WAY_TYPES)
        #: Those of them where one has to stop whether or not anybody comes.
        self.stops = _read_lines(roads, self.lanes, STOP_TYPES)
        self._zones, self._zone_light = self._read_zones()
        self.reset()

    @property
    def states(self) -> np.ndarray:
        """States of all lights, (len(lights),) int64."""
        return np.array([light.state for light in self.lights], np.int64)

    def reset(self) -> None:
        """Begin all cycles anew, unfrozen, with the first phase green."""
        for light in self.lights:
            light.frozen = False
            light.elapsed_s = 0.0
        for cycle in self._cycles:
            cycle.phase, cycle.stage, cycle.elapsed_s = 0, LightState.GREEN, 0.0
            self._show(cycle)

    def set_state(self, index: int, state: int) -> None:
        """Show a state at once; the light goes on from there when its cycle next changes, unless it is frozen."""
        self.lights[index].state = LightState(state)
        self.lights[index].elapsed_s = 0.0

    def freeze(self, index: int, frozen: bool) -> None:
        """Hold or release a light. As in CARLA the whole group is held with it: half a cycle would be unsafe."""
        group = self.lights[index].group
        for light in self.lights:
            if light.group == group:
                light.frozen = frozen

    def freeze_all(self, frozen: bool) -> None:
        """Hold or release every light."""
        for light in self.lights:
            light.frozen = frozen

    def group_of(self, index: int) -> list[int]:
        """The lights that share a cycle with this one, itself among them."""
        return [k for k, light in enumerate(self.lights) if light.group == self.lights[index].group]

    def reset_group(self, index: int) -> None:
        """Begin the cycle of one light's group anew."""
        cycle = self._cycles[self.lights[index].group]
        cycle.phase, cycle.stage, cycle.elapsed_s = 0, LightState.GREEN, 0.0
        self._show(cycle)

    def step(self, dt_s: float) -> None:
        """Advance all cycles that are not frozen."""
        for light in self.lights:
            if not light.frozen:
                light.elapsed_s += dt_s
        for cycle in self._cycles:
            if any(self.lights[k].frozen for phase in cycle.phases for k in phase):
                continue
            cycle.elapsed_s += dt_s
            while cycle.elapsed_s >= (duration := self._duration_s(cycle)) - 1e-9:
                cycle.elapsed_s = max(cycle.elapsed_s - duration, 0.0)
                self._advance(cycle)

    def _duration_s(self, cycle: _Cycle) -> float:
        members = [self.lights[k] for k in cycle.phases[cycle.phase]]
        if not members:
            return LONE_RED_S if cycle.stage is LightState.GREEN else 0.1
        name = {LightState.GREEN: "green_s", LightState.YELLOW: "yellow_s", LightState.RED: "red_s"}[cycle.stage]
        return max(0.1, max(getattr(light, name) for light in members))

    def _advance(self, cycle: _Cycle) -> None:
        if cycle.stage is LightState.GREEN:
            cycle.stage = LightState.YELLOW
        elif cycle.stage is LightState.YELLOW:
            cycle.stage = LightState.RED
        else:
            cycle.stage = LightState.GREEN
            cycle.phase = (cycle.phase + 1) % len(cycle.phases)
        self._show(cycle)

    def _show(self, cycle: _Cycle) -> None:
        for phase, members in enumerate(cycle.phases):
            state = cycle.stage if phase == cycle.phase else LightState.RED
            for k in members:
                if self.lights[k].state is not state:
                    self.lights[k].state = state
                    self.lights[k].elapsed_s = 0.0

    def _read_zones(self) -> tuple[PointGrid | None, np.ndarray]:
        """Points a metre apart where a vehicle stands at a light, and the light of each."""
        points = [
            (*self.lanes.at(lane, s), self.lanes.height_m(lane, s), float(k))
            for k, light in enumerate(self.lights)
            for line in light.stop_lines
            for lane, s in _places_before(self.lanes, line.lane, line.s_m, AT_LIGHT_M)
        ]
        if not points:
            return None, np.zeros(0, np.int64)
        x, y, yaw, z, light = np.array(points).T
        return PointGrid.of(x, y, z, yaw), light.astype(np.int64)

    def lights_for(self, x: np.ndarray, y: np.ndarray, yaw: np.ndarray, z: np.ndarray | None = None) -> np.ndarray:
        """The light each vehicle is at (at most 12 m before its stop line), (N,) int64, -1 for none.

        With heights z (N,), lights on another level do not count.
        """
        if self._zones is None or len(x) == 0:
            return np.full(len(x), -1, np.int64)
        point = self._zones.nearest(x, y, z, yaw, _ZONE_REACH_M, 0.0)
        along = self._zones.cos[point] * np.cos(yaw) + self._zones.sin[point] * np.sin(yaw)
        return np.where((point >= 0) & (along > 0.5), self._zone_light[point], -1)


def _places_before(lanes: LaneGraph, lane: int, s_m: float, reach_m: float) -> list[tuple[int, float]]:
    """Places a metre apart on the way to s_m, back into the lanes before."""
    here = [(lane, s_m - d) for d in np.arange(0.0, min(reach_m, s_m) + 1e-9, 1.0)]
    if s_m >= reach_m or lanes.lanes[lane].is_junction:
        return here
    for before in lanes.predecessors[lane]:
        if not lanes.lanes[before].is_junction:
            here += _places_before(lanes, before, lanes.lanes[before].length_m, reach_m - s_m)
    return here


def _read_lights(roads: Sequence[Road], carla_map: carla.Map, lanes: LaneGraph) -> list[Light]:
    transforms = {mark.id: mark.transform for mark in carla_map.get_all_landmarks_of_type(LIGHT_TYPE)}
    lights = []
    for signal_id, signal in _placed(roads, (LIGHT_TYPE,)).items():
        lines = _stop_lines(signal, lanes)
        if not lines or signal_id not in transforms:
            continue
        t = transforms[signal_id]
        junction = _junction_after(lanes, lines[0])
        yaw = math.radians(t.rotation.yaw)
        lights.append(Light(signal_id, t.location.x, t.location.y, t.location.z, yaw, lines, junction))
    return lights


def _read_lines(roads: Sequence[Road], lanes: LaneGraph, types: tuple[str, ...]) -> dict[int, list[float]]:
    lines: dict[int, list[float]] = defaultdict(list)
    for signal in _placed(roads, types).values():
        for line in _stop_lines(signal, lanes):
            lines[line.lane].append(line.s_m)
    return dict(lines)


def _placed(roads: Sequence[Road], types: tuple[str, ...]) -> dict[str, _Placed]:
    """Signals of some types by id, with every road they are for."""
    placed = {
        signal.id: _Placed(signal.orientation) for road in roads for signal in road.signals if signal.kind in types
    }
    for road in roads:
        for signal in (*road.signals, *road.signal_references):
            if signal.id in placed:
                placed[signal.id].places.append((road.id, signal.s, _valid_lanes(signal, road)))
    return placed


def _valid_lanes(signal: RoadItem, road: Road) -> list[int]:
    """The driving lanes a signal is for: those it names, or all of its direction."""
    ids = sorted({lane.id for part in road.sections for lane in part.lanes.values() if lane.kind == "driving"})
    spans = signal.validity
    if spans and spans != ((0, 0),):
        ids = [i for i in ids if any(min(span) <= i <= max(span) for span in spans)]
    return [i for i in ids if signal.orientation not in ("+", "-") or (i < 0) == (signal.orientation == "+")]


def _stop_lines(signal: _Placed, lanes: LaneGraph) -> tuple[StopLine, ...]:
    lines: list[StopLine] = []
    for road_id, road_s, lane_ids in signal.places:
        for lane_id in lane_ids:
            lane, s = lanes.on_road(road_id, lane_id, road_s)
            if lane < 0:
                continue
            if not lanes.lanes[lane].is_junction:
                lines.append(StopLine(lane, s))
                continue
            # A signal on a connecting road is for that movement only: one stops before the junction.
            lines += [
                StopLine(before, lanes.lanes[before].length_m, lane)
                for before in lanes.predecessors[lane]
                if not lanes.lanes[before].is_junction
            ]
    return tuple(dict.fromkeys(lines))


def _junction_after(lanes: LaneGraph, line: StopLine) -> int:
    """The junction a stop line protects, -1 for none: that of the first junction lane within two lanes ahead."""
    ahead = [line.lane]
    for _ in range(3):
        ahead = [k for lane in ahead for k in lanes.successors[lane]]
        for k in ahead:
            if lanes.lanes[k].is_junction:
                return lanes.lanes[k].junction_id
    return -1


def _read_cycles(controllers: Sequence[Controller], lights: list[Light], lanes: LaneGraph) -> list[_Cycle]:
    """One cycle for each junction, one for each light of none; phases by controllers, else by heading."""
    controller_of: dict[str, tuple[int, str]] = {}
    for controller in controllers:
        for signal_id in controller.signal_ids:
            controller_of.setdefault(signal_id, (controller.sequence, controller.id))
    members: dict[tuple[int, int], list[int]] = defaultdict(list)
    for k, light in enumerate(lights):
        lone = -1 if light.junction_id >= 0 else k
        members[light.junction_id, lone].append(k)
    cycles = []
    for group in members.values():
        by_phase: dict[object, list[int]] = defaultdict(list)
        for k in group:
            by_phase[_phase_key(lights[k], controller_of, lanes)].append(k)
        phases = [by_phase[key] for key in sorted(by_phase, key=str)]
        cycles.append(_Cycle(phases if len(phases) > 1 else [*phases, []]))
    return cycles


def _phase_key(light: Light, controller_of: dict[str, tuple[int, str]], lanes: LaneGraph) -> object:
    if light.opendrive_id in controller_of:
        order, name = controller_of[light.opendrive_id]
        return f"{order:06d} {name:>12}"
    line = light.stop_lines[0]
    yaw = lanes.at(line.lane, line.s_m)[2] % math.pi
    return "heading a" if yaw < math.pi / 4 or yaw >= 3 * math.pi / 4 else "heading b"
