"""Writes millbrook.xodr, the town of the embedded simulator, as OpenDRIVE 1.5 with the scenariogeneration package.

Run `python assets/maps/build_millbrook.py` to write the file anew; the same code always writes the same bytes.
Everything is flat, right-hand traffic, 3.5 m lanes with a 0.5 m gutter (lane type shoulder) and a 2.5 m sidewalk.

The town (OpenDRIVE frame, x east, y north, metres; CARLA shows it with y negated):

              North Street                Mill Bend
       .------------(5)-------.                             (1)..(4), (5)  signalised junctions
      /  (-100,140)  |         `--------(6)----.            (6)            T junction, the stem gives way
     |               |      (100,170)    |      \\
     |               | Church Lane       | School Lane      =====          Avenue, two lanes each way
     |               |                   |       |          -----          one lane each way
    (1)=============(2)=================(3)=====(4)
     |  (-300,0)     |  (-100,0)         | (100,0) (300,0)
     | West Road      \\__ Brook Lane ___/        | East Road
     |                                           |
      `----._______          _____.-------------'
                   `--------'   South Road

(1) and (4) are T junctions where the Avenue ends, (2) and (3) are four-way junctions, (5) is a signalised T. No road
ends: every lane leads on for ever. Signals stand at the stop lines; each junction has one controller a phase
(opposite approaches together), in the order of their `sequence`.
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from reference_lines import (
    Piece,
    finished,
    mark,
    path_through,
    planview,
    turn_between,
    wrap,
)
from scenariogeneration import xodr
from scenariogeneration.xodr import signals_objects

LANE_M = 3.5
SHOULDER_M = 0.5
SIDEWALK_M = 2.5
SPEED_LIMIT_KMH = 40
CROSSWALK_FROM_END_M = (0.5, 3.5)
STOP_LINE_FROM_END_M = 4.6
STOP_LINE_WIDTH_M = 0.4
SOLID_BEFORE_JUNCTION_M = 30.0


@dataclass(frozen=True)
class Arm:
    """Where a road meets a junction; `outward` is the heading (rad) from the junction along the road."""

    road: int
    contact: str  # "start" or "end" of that road
    x: float
    y: float
    outward: float
    lanes: int

    def lane_in(self, k: int) -> int:
        """OpenDRIVE id of the k-th lane (1 innermost) that drives into the junction."""
        return -k if self.contact == "end" else k

    def lane_out(self, k: int) -> int:
        """OpenDRIVE id of the k-th lane that leaves the junction."""
        return k if self.contact == "end" else -k

    def left_edge(self, k: int, inbound: bool) -> tuple[float, float, float]:
        """Pose of the left edge of the k-th lane in its direction of travel, at the junction's border."""
        heading = self.outward + (math.pi if inbound else 0.0)
        offset = (k - 1) * LANE_M
        return self.x + offset * math.sin(heading), self.y - offset * math.cos(heading), heading


@dataclass
class RoadPlan:
    """A road between two junctions: control points with a corner radius each, and what it is called."""

    name: str
    lanes: int
    points: Sequence[tuple[float, float]]
    radii: Sequence[float] = ()
    pieces: list[Piece] = field(default_factory=list)
    start_junction: int = -1
    end_junction: int = -1

    @property
    def length(self) -> float:
        """Metres along the reference line."""
        return sum(piece.length for piece in self.pieces)


@dataclass(frozen=True)
class JunctionPlan:
    """A junction: its id, name, phases (headings of the approaches' arms, degrees outward) and right of way."""

    id: int
    name: str
    arms: Sequence[tuple[int, str]]  # road id, end of that road
    phases: Sequence[Sequence[int]] = ()  # indices into arms
    yielding: Sequence[int] = ()  # indices into arms


ROADS: dict[int, RoadPlan] = {
    1: RoadPlan("Avenue West", 2, [(-286.0, 0.0), (-114.0, 0.0)]),
    2: RoadPlan("Avenue", 2, [(-86.0, 0.0), (86.0, 0.0)]),
    3: RoadPlan("Avenue East", 2, [(114.0, 0.0), (286.0, 0.0)]),
    4: RoadPlan("North Street", 1, [(-300.0, 17.5), (-300.0, 140.0), (-114.0, 140.0)], [55.0]),
    5: RoadPlan("Church Lane", 1, [(-100.0, 17.5), (-100.0, 126.0)]),
    6: RoadPlan("Mill Street", 1, [(-86.0, 140.0), (-27.0, 140.0), (27.0, 170.0), (86.0, 170.0)], [60.0, 60.0]),
    7: RoadPlan("School Lane", 1, [(100.0, 17.5), (100.0, 156.0)]),
    8: RoadPlan("Mill Bend", 1, [(114.0, 170.0), (228.0, 170.0), (300.0, 98.0), (300.0, 17.5)], [60.0, 60.0]),
    9: RoadPlan("Brook Lane", 1, [(-100.0, -17.5), (-100.0, -112.0), (30.0, -112.0), (100.0, -76.0), (100.0, -17.5)],
                [40.0, 60.0, 32.0]),
    10: RoadPlan("South Road", 1, [(-300.0, -17.5), (-300.0, -150.0), (-150.0, -212.0), (70.0, -212.0),
                                   (180.0, -150.0), (300.0, -150.0), (300.0, -17.5)],
                 [60.0, 80.0, 90.0, 80.0, 50.0]),
}  # fmt: skip
JUNCTIONS = [
    JunctionPlan(100, "West Gate", [(1, "start"), (4, "start"), (10, "start")], [(1, 2), (0,)]),
    JunctionPlan(200, "Church Cross", [(1, "end"), (5, "start"), (2, "start"), (9, "start")], [(0, 2), (1, 3)]),
    JunctionPlan(300, "School Cross", [(2, "end"), (7, "start"), (3, "start"), (9, "end")], [(0, 2), (1, 3)]),
    JunctionPlan(400, "East Gate", [(3, "end"), (8, "end"), (10, "end")], [(1, 2), (0,)]),
    JunctionPlan(500, "North Corner", [(4, "end"), (5, "end"), (6, "start")], [(0, 2), (1,)]),
    JunctionPlan(600, "Mill Corner", [(6, "end"), (7, "end"), (8, "start")], yielding=(1,)),
]


def centre_marks(plan: RoadPlan) -> list[xodr.RoadMark]:
    """Double yellow on the Avenue; elsewhere yellow, solid near junctions and in bends, broken on open stretches."""
    if plan.lanes > 1:
        return [mark("solid_solid", "yellow")]
    solid = [(0.0, SOLID_BEFORE_JUNCTION_M), (plan.length - SOLID_BEFORE_JUNCTION_M, plan.length)]
    s = 0.0
    for piece in plan.pieces:
        if piece.k0 or piece.k1:
            solid.append((s - 8.0, s + piece.length + 8.0))
        s += piece.length
    marks, reach = [], 0.0
    for start, end in sorted(solid):
        if not marks or start > reach + 20.0:
            if marks:
                marks.append(mark("broken", "yellow", s=reach))
            marks.append(mark("solid", "yellow", s=max(start, 0.0)))
        reach = max(reach, end)
    return marks


def divider_marks(plan: RoadPlan, side: int) -> list[xodr.RoadMark]:
    """Between two lanes of one direction: broken, but solid where drivers near the stop line."""
    if side < 0:  # travels towards the road's end
        return [mark("broken", change="both"), mark("solid", s=plan.length - SOLID_BEFORE_JUNCTION_M)]
    return [mark("solid"), mark("broken", change="both", s=SOLID_BEFORE_JUNCTION_M)]


def town_road(road_id: int, plan: RoadPlan) -> xodr.Road:
    """A road between junctions with both directions, gutters and sidewalks."""
    centre = xodr.Lane(xodr.LaneType.none)
    for record in centre_marks(plan):
        centre.add_roadmark(record)
    section = xodr.LaneSection(0, centre)
    for side, add in ((1, section.add_left_lane), (-1, section.add_right_lane)):
        for k in range(1, plan.lanes + 1):
            lane = xodr.Lane(xodr.LaneType.driving, a=LANE_M)
            for record in [mark("solid")] if k == plan.lanes else divider_marks(plan, side):
                lane.add_roadmark(record)
            add(lane)
        add_kerb_side(add)
    road = xodr.Road(road_id, planview(plan.pieces), one_section(section), name=plan.name)
    road.add_type(xodr.RoadType.town, 0, speed=SPEED_LIMIT_KMH, speed_unit="km/h")
    road.add_elevation(0.0, 0.0, 0.0, 0.0, 0.0)
    road.add_predecessor(xodr.ElementType.junction, plan.start_junction)
    road.add_successor(xodr.ElementType.junction, plan.end_junction)
    return road


def add_kerb_side(add: Callable[[xodr.Lane], object]) -> None:
    """Gutter with its kerb, then the sidewalk."""
    for kind, width, edge in (
        (xodr.LaneType.shoulder, SHOULDER_M, "curb"),
        (xodr.LaneType.sidewalk, SIDEWALK_M, "none"),
    ):
        lane = xodr.Lane(kind, a=width)
        lane.add_roadmark(mark(edge))
        add(lane)


def one_section(section: xodr.LaneSection) -> xodr.Lanes:
    """Lanes of a road that has the same lanes all along."""
    lanes = xodr.Lanes()
    lanes.add_lanesection(section)
    return lanes


def arms_of(plan: JunctionPlan) -> list[Arm]:
    """Where the plan's roads really end."""
    arms = []
    for road_id, contact in plan.arms:
        road = ROADS[road_id]
        x, y, hdg = (road.pieces[0].x, road.pieces[0].y, road.pieces[0].hdg)
        if contact == "end":
            x, y, hdg = road.pieces[-1].end()
            hdg += math.pi
        arms.append(Arm(road_id, contact, x, y, wrap(hdg), road.lanes))
    return arms


def movements(here: Arm, arms: Sequence[Arm]) -> list[tuple[Arm, int, int, bool]]:
    """(to, lane in, lane out, has sidewalk at its right) for every way from an approach through the junction."""
    ways: list[tuple[float, Arm, int, int]] = []
    for there in arms:
        turn = wrap(there.outward - here.outward - math.pi)
        if there is here:
            continue
        if abs(turn) < 0.3:
            ways += [(turn, there, k, k) for k in range(1, min(here.lanes, there.lanes) + 1)]
        elif turn > 0.0:
            ways.append((turn, there, 1, 1))
        else:
            ways.append((turn, there, here.lanes, there.lanes))
    rightmost = min(ways, key=lambda way: (round(way[0], 3), -way[2]))
    return [(there, k_in, k_out, (turn, there, k_in, k_out) == rightmost) for turn, there, k_in, k_out in ways]


def connecting_road(
    road_id: int, junction: int, here: Arm, there: Arm, lanes: tuple[int, int], walk: bool
) -> xodr.Road:
    """One lane through a junction, its reference line along the lane's left edge, without any marking."""
    pieces = turn_between(here.left_edge(lanes[0], True), there.left_edge(lanes[1], False))
    section = xodr.LaneSection(0, xodr.Lane(xodr.LaneType.none))
    section.add_right_lane(xodr.Lane(xodr.LaneType.driving, a=LANE_M))
    if walk:
        add_kerb_side(section.add_right_lane)
    for i, lane in enumerate(section.rightlanes):
        lane.add_link("predecessor", here.lane_in(lanes[0] + i))
        lane.add_link("successor", there.lane_out(lanes[1] + i))
    road = xodr.Road(road_id, planview(pieces), one_section(section), road_type=junction, name=f"turn {road_id}")
    road.add_type(xodr.RoadType.town, 0, speed=SPEED_LIMIT_KMH, speed_unit="km/h")
    road.add_elevation(0.0, 0.0, 0.0, 0.0, 0.0)
    road.add_predecessor(xodr.ElementType.road, here.road, xodr.ContactPoint[here.contact])
    road.add_successor(xodr.ElementType.road, there.road, xodr.ContactPoint[there.contact])
    return road


def furnish(road: xodr.Road, plan: RoadPlan, arm: Arm, ids: tuple[int, int], signal_type: str) -> None:
    """Stop line, signal or give-way sign and, at lights, a crosswalk, at one end of a road."""
    side = -1 if arm.contact == "end" else 1  # of the lanes that drive into the junction
    at = (lambda d: plan.length - d) if side < 0 else (lambda d: d)
    half = plan.lanes * LANE_M
    dynamic = signal_type == "1000001"
    signal = xodr.Signal(
        s=at(STOP_LINE_FROM_END_M), t=side * (half + SHOULDER_M + 0.7), country="OpenDRIVE", Type=signal_type,
        id=str(ids[0]), name="Signal_3Light_Post01" if dynamic else "Sign_Yield", zOffset=0.0,
        dynamic=xodr.Dynamic.yes if dynamic else xodr.Dynamic.no, height=1.0, width=0.5,
        orientation=xodr.Orientation.positive if side < 0 else xodr.Orientation.negative,
        hOffset=0.0 if side < 0 else math.pi,
    )  # fmt: skip
    signal.add_validity(*sorted((arm.lane_in(1), arm.lane_in(plan.lanes))))
    road.add_signal(signal)
    road.add_object(xodr.Object(
        at(STOP_LINE_FROM_END_M), side * half / 2.0, "roadMark", subtype="stopLine" if dynamic else "giveWayLine",
        id=str(ids[1]), name="StopLine" if dynamic else "GiveWayLine", length=STOP_LINE_WIDTH_M, width=half, height=0.0,
    ))  # fmt: skip
    if dynamic:
        near, far = CROSSWALK_FROM_END_M
        crossing = xodr.Object(
            at((near + far) / 2.0), 0.0, xodr.ObjectType.crosswalk, id=str(ids[1] + 1), name="SimpleCrosswalk",
            length=far - near, width=2.0 * (half + SHOULDER_M), height=0.0,
        )  # fmt: skip
        outline = signals_objects.Outline(closed=True)
        u, v = (far - near) / 2.0, half + SHOULDER_M
        for i, (cu, cv) in enumerate(((-u, -v), (u, -v), (u, v), (-u, v), (-u, -v))):
            outline.add_corner(signals_objects.CornerLocal(cu, cv, 0.0, 0.0, id=i))
        crossing.add_outline(outline)
        road.add_object(crossing)


def build() -> ET.Element:
    """The whole town as one OpenDRIVE element."""
    signals_objects.Signal._usedIDs.clear()
    signals_objects.Object._usedIDs.clear()
    for plan in JUNCTIONS:
        for road_id, contact in plan.arms:
            setattr(ROADS[road_id], f"{contact}_junction", plan.id)
    for plan in ROADS.values():
        plan.pieces = path_through(plan.points, plan.radii)
    odr = xodr.OpenDrive("millbrook", revMinor="5", geo_reference="+proj=tmerc +lat_0=49 +lon_0=8 +k=1 +x_0=0 +y_0=0")
    roads = {road_id: town_road(road_id, plan) for road_id, plan in ROADS.items()}
    for road in roads.values():
        odr.add_road(road)
    controllers: list[ET.Element] = []
    elements: list[ET.Element] = []
    for plan in JUNCTIONS:
        elements.append(junction(plan, odr, roads, controllers))
    root = odr.get_element()
    return finished(root, controllers + elements)


def junction(plan: JunctionPlan, odr: xodr.OpenDrive, roads: dict, controllers: list[ET.Element]) -> ET.Element:
    """One junction: its connecting roads go to `odr`, its signals to the approaches, its phases to `controllers`."""
    arms = arms_of(plan)
    made = xodr.Junction(plan.name, plan.id)
    number = plan.id * 10
    for here in arms:
        for there, k_in, k_out, walk in movements(here, arms):
            odr.add_road(connecting_road(number, plan.id, here, there, (k_in, k_out), walk))
            link = xodr.Connection(here.road, number, xodr.ContactPoint.start)
            for i in range(3 if walk else 1):
                link.add_lanelink(here.lane_in(k_in + i), -1 - i)
            made.add_connection(link)
            number += 1
    for i, arm in enumerate(arms):
        if plan.phases or i in plan.yielding:
            signal_type = "1000001" if plan.phases else "205"
            furnish(roads[arm.road], ROADS[arm.road], arm, (plan.id + 1 + i, plan.id * 100 + 10 * i), signal_type)
    element = made.get_element()
    for sequence, phase in enumerate(plan.phases):
        control_id = str(plan.id + 50 + sequence)
        group = ET.Element("controller", name=f"{plan.name} {sequence}", id=control_id, sequence=str(sequence))
        for i in phase:
            ET.SubElement(group, "control", signalId=str(plan.id + 1 + i), type="0")
        controllers.append(group)
        ET.SubElement(element, "controller", id=control_id, type="0", sequence=str(sequence))
    return element


def main() -> None:
    """Write millbrook.xodr beside this script."""
    root = build()
    ET.indent(root, " ")
    target = Path(__file__).with_name("millbrook.xodr")
    target.write_text('<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n")


if __name__ == "__main__":
    main()
