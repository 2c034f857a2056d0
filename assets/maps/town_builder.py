"""Towns of our own as OpenDRIVE 1.5: junctions, roundabouts, signals and signs around the roads of `town_roads.py`.

A `build_*.py` script lists roads and junctions and calls `write`; the same plan always writes the same bytes.
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from reference_lines import Piece, finished, mark, planview, turn_between, wrap
from scenariogeneration import xodr
from scenariogeneration.xodr import signals_objects
from town_furniture import (
    CROSSWALK_FROM_END_M,
    SIGNAL,
    STOP,
    YIELD,
    Furniture,
    end_distance,
)
from town_roads import DRIVE, Arm, RoadPlan, Strip, Verge, arm_of, open_road, road_type


@dataclass
class JunctionPlan:
    """A junction: its arms (road id, which end), and by index into them who stops for what.

    `phases` makes it signalised; `ways` (arm in, arm out, lane in, lane out) replaces the movements made by rule.
    """

    id: int
    name: str
    arms: Sequence[tuple[int, str]]
    phases: Sequence[Sequence[int]] = ()
    stops: Sequence[int] = ()
    yields: Sequence[int] = ()
    crosswalks: Sequence[int] = ()
    ways: Sequence[tuple[int, int, int, int]] = ()
    z: float = 0.0
    yield_lanes: dict[int, int] = field(default_factory=dict)
    """Arm index -> the only lane (1 innermost) that a give-way sign is for."""
    marked: bool = False
    """Lane marks run through it (slip roads), not only up to it."""


@dataclass
class TownPlan:
    """Everything that one OpenDRIVE file says."""

    name: str
    roads: dict[int, RoadPlan]
    junctions: list[JunctionPlan]


@dataclass(frozen=True)
class Ring:
    """A roundabout: middle, radius of its inner edge, and half the angle each arm's junction takes."""

    x: float
    y: float
    radius: float = 22.0
    half: float = math.radians(33.0)

    def mouth(self, angle_deg: float) -> tuple[float, float]:
        """Where a street that comes from this direction must end."""
        reach = self.radius / math.cos(self.half) + 0.8 * self.radius * math.tan(self.half)
        a = math.radians(angle_deg)
        return self.x + reach * math.cos(a), self.y + reach * math.sin(a)


def add_ring(
    town: TownPlan, ring: Ring, first_road: int, first_junction: int, name: str, arms: Sequence[tuple[float, int, str]],
    z: float = 0.0,
) -> None:  # fmt: skip
    """A roundabout with arms (direction in degrees, road id, which end), anticlockwise from the first.

    Entries give way to the ring; crosswalks lie across the arms.
    """
    count = len(arms)
    angles = [math.radians(a) for a, _, _ in arms]
    for i in range(count):
        start = angles[i] + ring.half
        sweep = (angles[(i + 1) % count] - angles[i]) % (2.0 * math.pi) - 2.0 * ring.half
        x, y = ring.x + ring.radius * math.cos(start), ring.y + ring.radius * math.sin(start)
        arc = Piece(x, y, wrap(start + math.pi / 2.0), sweep * ring.radius, 1.0 / ring.radius, 1.0 / ring.radius)
        town.roads[first_road + i] = RoadPlan(f"{name} {i + 1}", [arc], (1, 0), Verge.RING, 30, lane_m=4.0)
    for i, (_, road, contact) in enumerate(arms):
        before, after = first_road + (i - 1) % count, first_road + i
        town.junctions.append(
            JunctionPlan(
                first_junction + i, f"{name} {i + 1}", [(before, "end"), (after, "start"), (road, contact)],
                yields=[2], crosswalks=[2], ways=[(0, 1, 1, 1), (0, 2, 1, 1), (2, 1, 1, 1)], z=z,
            )
        )  # fmt: skip


def movements(arms: Sequence[Arm]) -> list[tuple[int, int, int, int]]:
    """(arm in, arm out, lane in, lane out) by rule: left from the left lane, right from the right one, straight on."""
    found: list[tuple[int, int, int, int]] = []
    for i, here in enumerate(arms):
        n = here.lanes(True)
        for j, there in enumerate(arms):
            m, turn = there.lanes(False), turn_of(here, there)
            if i == j or not n or not m or abs(turn) > 2.8:
                continue
            if abs(turn) < 0.35:
                found += [(i, j, k, k) for k in range(1, min(n, m) + 1)]
            else:
                found.append((i, j, 1, 1) if turn > 0.0 else (i, j, n, m))
    return found + left_over(arms, found)


def left_over(arms: Sequence[Arm], found: Sequence[tuple[int, int, int, int]]) -> list[tuple[int, int, int, int]]:
    """Ways for lanes that the rule leaves without one: every lane leads on, and every lane can be reached."""
    extra = []
    for i, here in enumerate(arms):
        outs = sorted(
            (j for j, there in enumerate(arms) if j != i and there.lanes(False)),
            key=lambda j: abs(turn_of(here, arms[j])),
        )
        for k in range(1, here.lanes(True) + 1):
            if not any(w[0] == i and w[2] == k for w in found):
                extra.append((i, outs[0], k, min(k, arms[outs[0]].lanes(False))))
    for j, there in enumerate(arms):
        ins = sorted(
            (i for i, here in enumerate(arms) if i != j and here.lanes(True)),
            key=lambda i: abs(turn_of(arms[i], there)),
        )
        for k in range(1, there.lanes(False) + 1):
            if not any(w[1] == j and w[3] == k for w in [*found, *extra]):
                extra.append((ins[0], j, min(k, arms[ins[0]].lanes(True)), k))
    return extra


def turn_of(here: Arm, there: Arm) -> float:
    """Change of heading (rad, left positive) from one arm to another."""
    return wrap(there.outward - here.outward - math.pi)


def connecting_road(
    road_id: int, plan: JunctionPlan, here: Arm, there: Arm, lanes: tuple[int, int], edges: tuple[bool, bool]
) -> tuple[xodr.Road, list[tuple[int, int]]]:
    """One lane through a junction, along the lane's left edge; with what lies beside it on the (left, right).

    Gives the road, and (lane id of the road that leads here, lane id) pairs.
    """
    pieces = way_between(here, there, lanes)
    length = sum(piece.length for piece in pieces)
    centre = xodr.Lane(xodr.LaneType.none)
    if plan.marked and edges[0]:
        centre.add_roadmark(mark("solid", "yellow"))
    section = xodr.LaneSection(0, centre)
    a, b = here.lane_id(lanes[0], True), there.lane_id(lanes[1], False)
    strip_in, strip_out = (dict(arm.strips(inb))[i] for arm, inb, i in ((here, True, a), (there, False, b)))
    rows = [(Strip("drive", DRIVE, strip_in.width_m, end_width_m=strip_out.width_m), a, b)]
    if edges[1]:
        rows += paired(here.strips(True), there.strips(False))
    links = []
    for k, (strip, i, o) in enumerate(rows):
        edge = ("solid" if edges[1] else "broken") if plan.marked and strip.kind == DRIVE else strip.edge
        add_strip(section.add_right_lane, strip, (i, o), length, edge)
        links.append((i, -1 - k))
    if edges[0]:
        for k, (strip, i, o) in enumerate(paired(here.strips(False), there.strips(True))):
            add_strip(section.add_left_lane, strip, (i, o), length, strip.edge)
            links.append((i, 1 + k))
    whole = xodr.Lanes()
    whole.add_lanesection(section)
    road = xodr.Road(road_id, planview(pieces), whole, road_type=plan.id, name=f"turn {road_id}")
    road.add_type(road_type(there.plan), 0, speed=min(here.plan.limit_kmh, there.plan.limit_kmh), speed_unit="km/h")
    road.add_elevation(0.0, plan.z, 0.0, 0.0, 0.0)
    road.add_predecessor(xodr.ElementType.road, here.road, xodr.ContactPoint[here.contact])
    road.add_successor(xodr.ElementType.road, there.road, xodr.ContactPoint[there.contact])
    return road, links


def way_between(here: Arm, there: Arm, lanes: tuple[int, int]) -> list[Piece]:
    """The left edge of a movement: an arc between two parts of a ring, a lane change, or the smoothest corner."""
    start, end = here.left_edge(lanes[0], True), there.left_edge(lanes[1], False)
    if here.plan.verge is Verge.RING and there.plan.verge is Verge.RING:
        curvature = here.plan.pieces[-1].k1
        return [Piece(*start, wrap(end[2] - start[2]) / curvature, curvature, curvature)]
    dx, dy = end[0] - start[0], end[1] - start[1]
    along = dx * math.cos(start[2]) + dy * math.sin(start[2])
    aside = dy * math.cos(start[2]) - dx * math.sin(start[2])
    if abs(wrap(end[2] - start[2])) < 1e-6 and abs(aside) > 1e-6:
        return swerve(start, along, aside)
    return turn_between(start, end)


def swerve(start: tuple[float, float, float], along: float, aside: float) -> list[Piece]:
    """Two equal and opposite arcs that shift a path sideways (left positive), ending in the heading it began with."""
    angle = 2.0 * math.atan2(abs(aside), along)
    curvature = math.copysign(2.0 * math.sin(angle) / along, aside)
    first = Piece(*start, angle / abs(curvature), curvature, curvature)
    return [first, Piece(*first.end(), first.length, -curvature, -curvature)]


def paired(one: Sequence[tuple[int, Strip]], other: Sequence[tuple[int, Strip]]) -> list[tuple[Strip, int, int]]:
    """(strip running from one width to the other, lane id there, lane id here) for what both have beside the lanes."""
    found = []
    for i, a in one:
        for j, b in other:
            if a.name == b.name and a.kind == b.kind and a.kind not in (DRIVE, "median"):
                found.append((Strip(a.name, a.kind, a.width_m, a.edge, b.width_m), i, j))
    return found


def add_strip(add, strip: Strip, links: tuple[int, int], length: float, edge: str) -> None:
    """One lane of a connecting road."""
    lane = xodr.Lane(xodr.LaneType[strip.kind])
    step = ((strip.end_width_m or strip.width_m) - strip.width_m) / length
    lane.add_lane_width(a=strip.width_m, b=step, soffset=0.0)
    lane.widths = [w for w in lane.widths if w.a or w.b]
    lane.add_roadmark(mark(edge))
    lane.add_link("predecessor", links[0])
    lane.add_link("successor", links[1])
    add(lane)


def build(town: TownPlan) -> ET.Element:
    """The whole town as one OpenDRIVE element."""
    signals_objects.Signal._usedIDs.clear()
    signals_objects.Object._usedIDs.clear()
    for plan in town.junctions:
        for road_id, contact in plan.arms:
            setattr(town.roads[road_id], f"{contact}_junction", plan.id)
            setattr(town.roads[road_id], f"{contact}_z", plan.z)
    odr = xodr.OpenDrive(town.name, revMinor="5", geo_reference="+proj=tmerc +lat_0=49 +lon_0=8 +k=1 +x_0=0 +y_0=0")
    roads = {road_id: open_road(road_id, plan) for road_id, plan in town.roads.items()}
    furniture = Furniture(roads)
    for road_id, road in roads.items():
        odr.add_road(road)
        plan = town.roads[road_id]
        for s in plan.crossings:
            furniture.crosswalk(road_id, plan, s)
        for sign in plan.signs:
            furniture.speed_sign(road_id, plan, sign)
        if plan.rails:
            furniture.rails(road_id, plan)
    controllers: list[ET.Element] = []
    elements = [junction(plan, town, odr, furniture, controllers) for plan in town.junctions]
    root = odr.get_element()
    return finished(root, controllers + elements)


def junction(
    plan: JunctionPlan, town: TownPlan, odr: xodr.OpenDrive, furniture: Furniture, controllers: list[ET.Element]
) -> ET.Element:
    """One junction: connecting roads go to `odr`, signals and signs to the approaches, phases to `controllers`."""
    arms = [arm_of(town.roads[road], road, contact) for road, contact in plan.arms]
    made = xodr.Junction(plan.name, plan.id)
    ways = list(plan.ways) or movements(arms)
    number = plan.id * 100
    for i, j, k_in, k_out in ways:
        here, there = arms[i], arms[j]
        edges = (has_left_edge(here, there), is_rightmost(arms, ways, (i, j, k_in, k_out)))
        if k_in > 1 or k_out > 1:
            edges = (False, edges[1])
        road, links = connecting_road(number, plan, here, there, (k_in, k_out), edges)
        odr.add_road(road)
        link = xodr.Connection(here.road, number, xodr.ContactPoint.start)
        for incoming, lane in links:
            link.add_lanelink(incoming, lane)
        made.add_connection(link)
        number += 1
    signal_ids = {}
    for i, arm in enumerate(arms):
        kind = SIGNAL if any(i in phase for phase in plan.phases) else STOP if i in plan.stops else None
        kind = YIELD if i in plan.yields or i in plan.yield_lanes else kind
        if kind:
            signal_ids[i] = furniture.control(arm, kind, plan.yield_lanes.get(i))
        if i in plan.crosswalks:
            furniture.crosswalk(arm.road, arm.plan, end_distance(arm)(sum(CROSSWALK_FROM_END_M) / 2.0))
    element = made.get_element()
    for sequence, phase in enumerate(plan.phases):
        control_id = str(plan.id * 10 + sequence)
        group = ET.Element("controller", name=f"{plan.name} {sequence}", id=control_id, sequence=str(sequence))
        for i in phase:
            ET.SubElement(group, "control", signalId=signal_ids[i], type="0")
        controllers.append(group)
        ET.SubElement(element, "controller", id=control_id, type="0", sequence=str(sequence))
    return element


def has_left_edge(here: Arm, there: Arm) -> bool:
    """Whether a way between two one-way roads has their inner edge at its left."""
    return here.plan.one_way and there.plan.one_way


def is_rightmost(
    arms: Sequence[Arm], ways: Sequence[tuple[int, int, int, int]], way: tuple[int, int, int, int]
) -> bool:
    """Whether nothing of the junction lies to the right of a way from its approach."""
    mine = [w for w in ways if w[0] == way[0]]
    return way == min(mine, key=lambda w: (round(turn_of(arms[w[0]], arms[w[1]]), 3), -w[2], -w[3]))


def write(town: TownPlan, script: str) -> None:
    """Write the town beside its script."""
    root = build(town)
    ET.indent(root, " ")
    target = Path(script).with_name(f"{town.name}.xodr")
    target.write_text('<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n")
