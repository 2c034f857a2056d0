"""Roads of our towns as OpenDRIVE: cross sections made of named strips, heights, marks, and where they meet junctions.

Used by the `build_*.py` scripts beside it. Frame: OpenDRIVE's (x east, y north, metres), right-hand traffic. The
geometry (clothoid corners through control points) is that of `reference_lines.py`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from reference_lines import Piece, mark, planview, wrap
from scenariogeneration import xodr

PARKING_M = 2.3
PARKING_CLEAR_M = 18.0  # no parking this near a junction: the kerb is built out there
PARKING_TAPER_M = 4.0
SOLID_BEFORE_JUNCTION_M = 30.0


class Verge(Enum):
    """What lies beside the driving lanes."""

    TOWN = "gutter with kerb, sidewalk"
    RURAL = "hard strip"
    MOTORWAY = "hard shoulder, narrow on the inner side"
    RAMP = "narrow shoulders on both sides"
    RING = "TOWN outside, kerb and apron inside (roundabouts)"


@dataclass(frozen=True)
class Strip:
    """One lane of a cross section. The same `name` in the next section, or across a junction, is the same lane."""

    name: str
    kind: str
    width_m: float
    edge: str = "none"
    """Road mark at its outer border."""
    end_width_m: float | None = None
    """On connecting roads: the width at the end, if another."""
    tapered: bool = False
    """Opens from and closes to nothing."""
    is_open: bool = False
    """Asphalt beyond the road: lights and signs stand before it."""


DRIVE = "driving"
OUTER = {
    Verge.TOWN: (Strip("gutter", "shoulder", 0.5, "curb"), Strip("walk", "sidewalk", 2.5)),
    Verge.RURAL: (Strip("gutter", "shoulder", 0.8),),
    Verge.MOTORWAY: (Strip("gutter", "shoulder", 2.5),),
    Verge.RAMP: (Strip("gutter", "shoulder", 1.2),),
    Verge.RING: (Strip("gutter", "shoulder", 0.5, "curb"), Strip("walk", "sidewalk", 2.5)),
}
INNER = {  # left of the reference line of one-way roads
    Verge.TOWN: OUTER[Verge.TOWN],
    Verge.RURAL: OUTER[Verge.RURAL],
    Verge.MOTORWAY: (Strip("inner", "shoulder", 1.2),),
    Verge.RAMP: (Strip("inner", "shoulder", 0.8),),
    Verge.RING: (Strip("inner", "shoulder", 0.4, "curb"), Strip("apron", "sidewalk", 1.2)),
}


@dataclass(frozen=True)
class SpeedSign:
    """A speed-limit sign `s` metres from where its traffic enters the road."""

    s: float
    kmh: int
    forward: bool = True


@dataclass
class RoadPlan:
    """A road between two junctions.

    `lanes` are the driving lanes along and against the reference line; `heights` are (share of the length, z) between
    the ends, whose heights are those of the junctions.
    """

    name: str
    pieces: list[Piece]
    lanes: tuple[int, int] = (1, 1)
    verge: Verge = Verge.TOWN
    limit_kmh: int = 50
    lane_m: float = 3.5
    parking: bool = False
    median_m: float = 0.0
    heights: Sequence[tuple[float, float]] = ()
    signs: Sequence[SpeedSign] = ()
    crossings: Sequence[float] = ()
    """Zebra crossings away from junctions, by s."""
    rails: bool = False
    """Guard rails on both sides."""
    apron_m: float = 0.0
    """Open asphalt right of the reference line, instead of a verge, this wide."""
    start_junction: int = -1
    end_junction: int = -1
    start_z: float = field(default=0.0, init=False)
    end_z: float = field(default=0.0, init=False)

    @property
    def length(self) -> float:
        """Metres along the reference line."""
        return sum(piece.length for piece in self.pieces)

    @property
    def one_way(self) -> bool:
        """Whether nobody drives against the reference line."""
        return self.lanes[1] == 0

    def strips(self, side: int, parking: bool = False) -> list[Strip]:
        """Cross section from the reference line outward; side 1 is left of it, -1 right."""
        count = self.lanes[0] if side < 0 else self.lanes[1]
        if side > 0 and self.one_way:
            return list(INNER[self.verge])
        found = [Strip("median", "median", self.median_m / 2.0, "curb")] if self.median_m else []
        for k in range(1, count + 1):
            found.append(Strip(f"drive{k}", DRIVE, self.lane_m))
        if parking:
            found.append(Strip("parking", "parking", PARKING_M, tapered=True))
        if side < 0 and self.apron_m:
            return found + self._apron()
        return found + list(OUTER[self.verge])

    def _apron(self) -> list[Strip]:
        """Hard strips of a lane's width: CARLA's library finds the lane at a place by the nearest middle of a lane."""
        count = round(self.apron_m / self.lane_m)
        return [Strip(f"apron{k}", "stop", self.apron_m / count, is_open=True) for k in range(1, count + 1)]


@dataclass(frozen=True)
class Arm:
    """Where a road meets a junction; `outward` is the heading (rad) from the junction along the road."""

    plan: RoadPlan
    road: int
    contact: str  # "start" or "end" of that road
    x: float
    y: float
    outward: float

    @property
    def side_in(self) -> int:
        """Sign of the lane ids that drive into the junction."""
        return -1 if self.contact == "end" else 1

    def lanes(self, inbound: bool) -> int:
        """How many lanes drive in, or out."""
        side = self.side_in if inbound else -self.side_in
        return self.plan.lanes[0] if side < 0 else self.plan.lanes[1]

    def strips(self, inbound: bool) -> list[tuple[int, Strip]]:
        """(lane id, strip) on the side of a direction, from the reference line outward."""
        side = self.side_in if inbound else -self.side_in
        return [(side * (i + 1), strip) for i, strip in enumerate(self.plan.strips(side))]

    def lane_id(self, k: int, inbound: bool) -> int:
        """OpenDRIVE id of the k-th driving lane (1 innermost) of a direction."""
        return [i for i, strip in self.strips(inbound) if strip.kind == DRIVE][k - 1]

    def left_edge(self, k: int, inbound: bool) -> tuple[float, float, float]:
        """Pose of the left edge of the k-th lane in its direction of travel, at the junction's border."""
        heading = self.outward + (math.pi if inbound else 0.0)
        before = [strip.width_m for i, strip in self.strips(inbound) if abs(i) < abs(self.lane_id(k, inbound))]
        offset = sum(before)
        return self.x + offset * math.sin(heading), self.y - offset * math.cos(heading), heading


def arm_of(plan: RoadPlan, road: int, contact: str) -> Arm:
    """The arm of a road's end."""
    first = plan.pieces[0]
    x, y, heading = first.x, first.y, first.hdg
    if contact == "end":
        x, y, heading = plan.pieces[-1].end()
        heading += math.pi
    return Arm(plan, road, contact, x, y, wrap(heading))


def open_road(road_id: int, plan: RoadPlan) -> xodr.Road:
    """The road with all its lane sections."""
    lanes = xodr.Lanes()
    cuts = section_cuts(plan)
    for i, (start, end, parking) in enumerate(cuts):
        section = xodr.LaneSection(start, centre_lane(plan, start, end))
        for side, add in ((1, section.add_left_lane), (-1, section.add_right_lane)):
            strips = plan.strips(side, parking)
            for k, strip in enumerate(strips):
                lane = xodr.Lane(xodr.LaneType[strip.kind])
                set_width(lane, strip, end - start)
                for record in edge_marks(plan, side, strips, k, (start, end)):
                    lane.add_roadmark(record)
                for tag, j in (("predecessor", i - 1), ("successor", i + 1)):
                    if 0 <= j < len(cuts):
                        link_by_name(lane, tag, strip, side, plan.strips(side, cuts[j][2]))
                add(lane)
        lanes.add_lanesection(section)
    road = xodr.Road(road_id, planview(plan.pieces), lanes, name=plan.name)
    road.add_type(road_type(plan), 0, speed=plan.limit_kmh, speed_unit="km/h")
    for record in elevation(plan):
        road.add_elevation(*record)
    road.add_predecessor(xodr.ElementType.junction, plan.start_junction)
    road.add_successor(xodr.ElementType.junction, plan.end_junction)
    return road


def road_type(plan: RoadPlan) -> xodr.RoadType:
    """OpenDRIVE's type of a road."""
    if plan.verge is Verge.MOTORWAY:
        return xodr.RoadType.motorway
    return xodr.RoadType.rural if plan.verge in (Verge.RURAL, Verge.RAMP) else xodr.RoadType.town


def section_cuts(plan: RoadPlan) -> list[tuple[float, float, bool]]:
    """(begin, end, whether one may park there) of each lane section."""
    length = plan.length
    if not plan.parking or length < 3.0 * PARKING_CLEAR_M:
        return [(0.0, length, False)]
    a, b = PARKING_CLEAR_M, length - PARKING_CLEAR_M
    return [(0.0, a, False), (a, b, True), (b, length, False)]


def set_width(lane: xodr.Lane, strip: Strip, length: float) -> None:
    """Width records: constant, opening and closing, or running to another width."""
    if strip.tapered:
        rise = strip.width_m / PARKING_TAPER_M
        lane.add_lane_width(a=0.0, b=rise, soffset=0.0)
        lane.add_lane_width(a=strip.width_m, soffset=PARKING_TAPER_M)
        lane.add_lane_width(a=strip.width_m, b=-rise, soffset=length - PARKING_TAPER_M)
    elif strip.end_width_m is not None and strip.end_width_m != strip.width_m:
        lane.add_lane_width(a=strip.width_m, b=(strip.end_width_m - strip.width_m) / length, soffset=0.0)
    else:
        lane.add_lane_width(a=strip.width_m, soffset=0.0)
    lane.widths = [w for w in lane.widths if w.a or w.b]  # the package begins each lane with a width of nothing


def link_by_name(lane: xodr.Lane, tag: str, strip: Strip, side: int, others: Sequence[Strip]) -> None:
    """Link to the lane of the same name in the neighbouring section."""
    for j, other in enumerate(others):
        if other.name == strip.name:
            lane.add_link(tag, side * (j + 1))


def centre_lane(plan: RoadPlan, start: float, end: float) -> xodr.Lane:
    """The centre line of one section with its marks."""
    lane = xodr.Lane(xodr.LaneType.none)
    for record in cropped(centre_marks(plan), start, end):
        lane.add_roadmark(record)
    return lane


def cropped(marks: Sequence[tuple[float, str, str]], start: float, end: float) -> list[xodr.RoadMark]:
    """Marks (s along the road, kind, colour) that hold between start and end, by their offset in the section."""
    inside = [m for m in marks if start <= m[0] < end - 1e-6]
    before = [m for m in marks if m[0] < start]
    if before and not (inside and inside[0][0] == start):
        inside.insert(0, (start, *before[-1][1:]))
    return [mark(kind, color, s=s - start) for s, kind, color in inside]


def centre_marks(plan: RoadPlan) -> list[tuple[float, str, str]]:
    """Double yellow on wide roads; elsewhere yellow, solid near junctions and in bends, broken on open stretches."""
    if plan.one_way:
        return [(0.0, "none" if plan.verge is Verge.RING else "solid", "yellow")]
    if plan.median_m:
        return [(0.0, "none", "white")]
    if max(plan.lanes) > 1:
        return [(0.0, "solid_solid", "yellow")]
    solid = [(0.0, SOLID_BEFORE_JUNCTION_M), (plan.length - SOLID_BEFORE_JUNCTION_M, plan.length)]
    s = 0.0
    for piece in plan.pieces:
        if max(abs(piece.k0), abs(piece.k1)) > 1.0 / 250.0:
            solid.append((s - 8.0, s + piece.length + 8.0))
        s += piece.length
    solid += [(s - 12.0, s + 12.0) for s in plan.crossings]
    marks, reach = [], 0.0
    for start, end in sorted(solid):
        if not marks or start > reach + 20.0:
            if marks:
                marks.append((reach, "broken", "yellow"))
            marks.append((max(start, 0.0), "solid", "yellow"))
        reach = max(reach, end)
    return marks


def edge_marks(
    plan: RoadPlan, side: int, strips: Sequence[Strip], k: int, span: tuple[float, float]
) -> list[xodr.RoadMark]:
    """Marks at the outer border of the k-th strip within a lane section."""
    strip = strips[k]
    if strip.kind == "median":
        return [mark("solid", "yellow")]
    if strip.kind != DRIVE:
        return [mark(strip.edge)]
    if k + 1 < len(strips) and strips[k + 1].kind == DRIVE:
        return divider_marks(plan, side, span)
    return [mark("none" if plan.verge is Verge.RING else "solid")]


def divider_marks(plan: RoadPlan, side: int, span: tuple[float, float]) -> list[xodr.RoadMark]:
    """Between two lanes of one direction: broken, but solid where drivers near a stop line."""
    start, end = span
    if plan.verge is Verge.MOTORWAY:
        return [mark("broken", change="both")]
    if side < 0:  # travels towards the road's end
        turn = max(plan.length - SOLID_BEFORE_JUNCTION_M, 0.0)
        parts = [(0.0, "broken", "both"), (turn, "solid", "none")]
    else:
        parts = [(0.0, "solid", "none"), (min(SOLID_BEFORE_JUNCTION_M, plan.length), "broken", "both")]
    inside = [(max(s, start), kind, change) for s, kind, change in parts if s < end - 1e-6]
    while len(inside) > 1 and inside[1][0] <= start:
        inside.pop(0)
    return [mark(kind, change=change, s=s - start) for s, kind, change in inside]


def elevation(plan: RoadPlan) -> list[tuple[float, float, float, float, float]]:
    """(s, a, b, c, d): cubics through the heights, level at both ends, with Catmull-Rom slopes between."""
    length = plan.length
    knots = [(0.0, plan.start_z), *((share * length, z) for share, z in plan.heights), (length, plan.end_z)]
    slopes = [0.0]
    for (s0, z0), (s1, z1) in zip(knots[:-2], knots[2:], strict=True):
        slopes.append((z1 - z0) / (s1 - s0))
    slopes.append(0.0)
    records = []
    for i in range(len(knots) - 1):
        (s0, z0), (s1, z1) = knots[i : i + 2]
        h, m0, m1 = s1 - s0, slopes[i], slopes[i + 1]
        rise = (z1 - z0) / h
        records.append((s0, z0, m0, (3.0 * rise - 2.0 * m0 - m1) / h, (m0 + m1 - 2.0 * rise) / h**2))
    return [tuple(round(v, 12) for v in record) for record in records]
