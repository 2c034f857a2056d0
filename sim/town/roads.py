"""The road network as meshes: asphalt, gutters, kerbs, sidewalks, junction floors and painted marks.

Also gives the outlines (shapely polygons, CARLA's frame) that scenery must keep clear of and that signal masts are
placed by.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from scipy.spatial import KDTree
from shapely.geometry import LineString, Point, Polygon
from shapely.geometry.base import BaseGeometry

from sim.map.driving_lanes import DrivingLanes
from sim.map.opendrive import Mark, Road, RoadItem, Section
from sim.map.surfaces import KERB_M
from sim.scene.labels import Tag
from sim.scene.surfaces import ASPHALT, GRASS, PAVING, PLAIN
from sim.town.barriers import add_barrier
from sim.town.mesh import StaticMesh, noise

ROAD_LANES = {"driving", "shoulder", "biking", "parking", "stop", "entry", "exit", "onRamp", "offRamp", "bidirectional"}
WALK_LANES = {"sidewalk", "curb", "walking"}
BETWEEN_LANES = {"median", "none", "restricted", "tram", "rail"}
KERB_TOP_M = 0.16
FAR_SIDE_M = 70.0
DASH_M, GAP_M = 3.0, 4.5
PAINT_Z_M = 0.012
VERGE_M, VERGE_DROP_M = 2.0, 0.7
DETAIL_M, FAR_M = 95.0, 300.0  # how far wheel tracks and kerbs are drawn, and roads at all
ASPHALT_RGB = np.array([0.40, 0.40, 0.415])
GUTTER_RGB = np.array([0.52, 0.515, 0.50])
KERB_RGB = np.array([0.80, 0.79, 0.76])
EARTH_RGB = np.array([0.44, 0.43, 0.30])
WALK_RGB = np.array([0.66, 0.635, 0.60])
GRASS_RGB = np.array([0.37, 0.46, 0.22])
PAINT = {"yellow": (0.93, 0.72, 0.13), "white": (0.93, 0.93, 0.91), "standard": (0.93, 0.93, 0.91)}
WEAR = np.array([[0.0, 1.0], [0.22, 0.93], [0.5, 1.03], [0.78, 0.93], [1.0, 1.0]])  # across a lane: wheel tracks darker

# Centre line point, half-width vector towards this vertex's side, colour (alpha = lamp light), and how much it may be
# widened far away (negative on the other side).
PAINT_VERTEX = np.dtype([("position", "<f4", 3), ("side", "<f4", 2), ("grow", "<f4"), ("colour", "u1", 4)])


def has_sidewalks(roads: Sequence[Road]) -> bool:
    """Whether any lane is for walkers."""
    return any(lane.kind in WALK_LANES for road in roads for part in road.sections for lane in part.lanes.values())


@dataclass(frozen=True)
class Outlines:
    """Where roads and sidewalks lie, and each junction's floor by its id."""

    drivable: BaseGeometry
    paved: BaseGeometry
    junctions: dict[int, BaseGeometry]

    def far_side(self, x: float, y: float, yaw: float) -> tuple[float, float] | None:
        """Where a signal's second head goes: across the junction, beside the road; None if there is no junction."""
        direction = np.array([math.cos(yaw), math.sin(yaw)])
        start = np.array([x, y])
        ray = LineString([start - direction, start + direction * FAR_SIDE_M])
        ahead = [floor for floor in self.junctions.values() if floor.intersects(ray)]
        if not ahead:
            return None
        floor = min(ahead, key=lambda shape: shape.distance(Point(x, y)))
        inside = shapely.get_coordinates(floor.intersection(ray))
        along = [float((place - start) @ direction) for place in inside]
        across = np.array([-direction[1], direction[0]])
        for shift in np.arange(0.0, 8.0, 0.5):
            at = start + direction * (max(along) + 1.0) + across * shift
            if not shapely.dwithin(self.drivable, Point(at), 0.5):
                return float(at[0]), float(at[1])
        return None


class PaintMesh:
    """Painted marks, kept as centre lines so that the vertex shader can keep far ones visible."""

    def __init__(self) -> None:
        self.blocks: list[np.ndarray] = []

    def line(self, points: np.ndarray, half_m: float, colour: str, grow: float = 3.0) -> None:
        """A band of half width `half_m` along (n, 3) points."""
        along = np.gradient(points[:, :2], axis=0)
        along /= np.linalg.norm(along, axis=1, keepdims=True) + 1e-9
        side = np.stack([-along[:, 1], along[:, 0]], axis=1) * half_m
        n = len(points)
        block = np.zeros((n - 1, 4), PAINT_VERTEX)
        for corner, (i, sign) in enumerate(((0, 1.0), (0, -1.0), (1, -1.0), (1, 1.0))):
            block["position"][:, corner] = points[i : n - 1 + i] + np.array([0.0, 0.0, PAINT_Z_M])
            block["side"][:, corner] = sign * side[i : n - 1 + i]
            block["grow"][:, corner] = sign * grow
        block["colour"][..., :3] = np.array(PAINT.get(colour, PAINT["white"])) * 255.0
        self.blocks.append(block.reshape(-1))

    def vertices(self) -> np.ndarray:
        """All quads, four vertices each, wound upwards."""
        return np.concatenate(self.blocks) if self.blocks else np.zeros(0, PAINT_VERTEX)


def build_roads(roads: Sequence[Road], mesh: StaticMesh) -> tuple[PaintMesh, Outlines]:
    """Add all surfaces to `mesh`; returns the paint and the outlines."""
    paint, lanes = PaintMesh(), DrivingLanes(roads)
    floors: dict[int, list[Polygon]] = {}
    through: dict[int, list[np.ndarray]] = {}
    drivable: list[BaseGeometry] = []
    walks: list[BaseGeometry] = []
    for road in roads:
        for section in road.sections:
            s = road.stations(section.s, section.end)
            outline = band_outline(road, section, s, ROAD_LANES)
            if outline is not None and road.junction < 0:
                drivable.append(outline)
            elif outline is not None:
                floors.setdefault(road.junction, []).append(outline)
                through.setdefault(road.junction, []).append(road.points(s, 0.0))
            walks += walk_outlines(road, section, s)
            if mesh.is_drawn:
                for lane_id in section.lanes:
                    add_lane(road, section, lane_id, s, mesh)
                add_far(road, section, mesh)
                add_marks(road, section, paint)
                add_verges(road, section, s, mesh)
        for item in road.objects:
            add_road_object(road, item, paint)
            if item.kind == "barrier":
                add_barrier(road, item, lanes, mesh)
    junctions = {number: filled(shapely.union_all(parts)) for number, parts in floors.items()}
    for number, floor in junctions.items() if mesh.is_drawn else ():
        add_floor(floor, np.concatenate(through[number]), mesh)
    all_drivable = shapely.union_all([*drivable, *junctions.values()])
    return paint, Outlines(all_drivable, shapely.union_all([all_drivable, *walks]), junctions)


def filled(shape: BaseGeometry) -> BaseGeometry:
    """The shape without holes or hairline gaps."""
    closed = shape.buffer(0.2, join_style="mitre").buffer(-0.2, join_style="mitre")
    return shapely.union_all([Polygon(part.exterior) for part in polygons(closed)])


def polygons(shape: BaseGeometry) -> list[Polygon]:
    """The polygons a geometry is made of."""
    return [part for part in shapely.get_parts(shape) if isinstance(part, Polygon)]


def band_outline(road: Road, section: Section, s: np.ndarray, kinds: set[str]) -> Polygon | None:
    """Polygon from the leftmost to the rightmost border of lanes of the given kinds, medians between them included."""
    left, right = (road.points(s, outermost(section, s, sign, kinds))[:, :2] for sign in (1, -1))
    ring = np.concatenate([left, right[::-1]])
    outline = Polygon(ring)
    return outline.buffer(0) if outline.area > 0.1 else None


def outermost(section: Section, s: np.ndarray, sign: int, kinds: set[str]) -> np.ndarray:
    """`t` of the outer border of the last lane of the given kinds on one side; what lies between them counts too."""
    t = np.zeros_like(s)
    i = sign
    while i in section.lanes and section.lanes[i].kind in kinds | BETWEEN_LANES:
        if section.lanes[i].kind in kinds:
            t = section.borders(i, s)[1]
        i += sign
    return t


def walk_outlines(road: Road, section: Section, s: np.ndarray) -> list[BaseGeometry]:
    """Polygons of the sidewalks."""
    outlines = []
    for lane_id, lane in section.lanes.items():
        if lane.kind in WALK_LANES:
            inner, outer = (road.points(s, t)[:, :2] for t in section.borders(lane_id, s))
            outlines.append(Polygon(np.concatenate([inner, outer[::-1]])).buffer(0))
    return outlines


def add_lane(road: Road, section: Section, lane_id: int, s: np.ndarray, mesh: StaticMesh) -> None:
    """The surface of one lane; asphalt inside junctions comes from the junction's floor instead."""
    kind = section.lanes[lane_id].kind
    if lane_id == 0 or kind == "none":
        return
    inner, outer = section.borders(lane_id, s)
    if kind in WALK_LANES:
        with mesh.labelled(Tag.SIDEWALKS):
            add_walk(road, lane_id, s, inner, outer, mesh)
    elif kind in ROAD_LANES and road.junction < 0:
        if kind == "shoulder":
            left, right = road.points(s, inner), road.points(s, outer)
            uv = (left[:, :2] / 6.0, right[:, :2] / 6.0)
            mesh.strip(left, right, GUTTER_RGB, ASPHALT, uv=uv, reach=DETAIL_M)
        else:
            add_asphalt(road, s, inner, outer, mesh)
    elif kind == "median":
        with mesh.labelled(Tag.TERRAIN):
            add_median(road, lane_id, s, inner, outer, mesh)
    elif kind not in ROAD_LANES:
        left, right = road.points(s, inner), road.points(s, outer)
        with mesh.labelled(Tag.TERRAIN):
            mesh.strip(left, right, (0.36, 0.44, 0.22), PLAIN)


def add_far(road: Road, section: Section, mesh: StaticMesh) -> None:
    """A section as seen from afar: one band of asphalt and one for each sidewalk."""
    s = road.stations(section.s, section.end, 16.0, 5.0)
    edges = {sign: outermost(section, s, sign, ROAD_LANES) for sign in (1, -1)}
    if road.junction < 0 and float(np.max(edges[1] - edges[-1])) > 0.1:
        left, right = road.points(s, edges[1]), road.points(s, edges[-1])
        colour = np.concatenate([asphalt_shade(left), asphalt_shade(right)])[:, None] * ASPHALT_RGB
        mesh.strip(left, right, colour, ASPHALT, (left[:, :2] / 6.0, right[:, :2] / 6.0), reach=FAR_M, begin=DETAIL_M)
    for lane_id, lane in section.lanes.items():
        if lane.kind in WALK_LANES:
            up = np.array([0.0, 0.0, KERB_M])
            inner, outer = (road.points(s, t) + up for t in section.borders(lane_id, s))
            with mesh.labelled(Tag.SIDEWALKS):
                mesh.strip(inner, outer, WALK_RGB, PLAIN, reach=FAR_M, begin=DETAIL_M)


def asphalt_shade(points: np.ndarray) -> np.ndarray:
    """Patches of lighter and darker asphalt."""
    return 1.0 + 0.07 * noise(points, 9.0, 1) + 0.06 * noise(points, 31.0, 2)


def add_asphalt(road: Road, s: np.ndarray, inner: np.ndarray, outer: np.ndarray, mesh: StaticMesh) -> None:
    """A driving lane in four bands, so that wheel tracks show."""
    lines = [road.points(s, inner + (outer - inner) * f) for f in WEAR[:, 0]]
    shades = [w * asphalt_shade(p) for w, p in zip(WEAR[:, 1], lines, strict=True)]
    for i in range(len(lines) - 1):
        colour = np.concatenate([shades[i], shades[i + 1]])[:, None] * ASPHALT_RGB
        uv = (lines[i][:, :2] / 6.0, lines[i + 1][:, :2] / 6.0)
        mesh.strip(lines[i], lines[i + 1], colour, ASPHALT, uv=uv, reach=DETAIL_M)


def add_walk(road: Road, lane_id: int, s: np.ndarray, inner: np.ndarray, outer: np.ndarray, mesh: StaticMesh) -> None:
    """A raised sidewalk: kerb face, kerb top, slabs, and a skirt down to the grass."""
    sign = 1.0 if lane_id > 0 else -1.0
    up = np.array([0.0, 0.0, KERB_M])
    foot = road.points(s, inner)
    edge, slab, out = foot + up, road.points(s, inner + sign * KERB_TOP_M) + up, road.points(s, outer) + up
    around = (edge, edge - np.array([0.0, 0.0, 0.35]))
    a, b = around if sign < 0 else around[::-1]
    mesh.strip(a, b, KERB_RGB * 0.9, PLAIN, up=False, reach=DETAIL_M)
    mesh.strip(edge, slab, KERB_RGB, PLAIN, reach=DETAIL_M)
    shade = 1.0 + 0.06 * np.concatenate([noise(slab, 5.0, 3), noise(out, 5.0, 3)])
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(slab[:, :2], axis=0), axis=1))])
    across = float(np.mean(np.abs(outer - inner))) - KERB_TOP_M
    uv = (np.stack([along / 3.0, np.zeros_like(s)], 1), np.stack([along / 3.0, np.full_like(s, across / 3.0)], 1))
    mesh.strip(slab, out, shade[:, None] * WALK_RGB, PAVING, uv=uv, reach=DETAIL_M)
    below = out - np.array([0.0, 0.0, 0.35])
    a, b = (below, out) if sign < 0 else (out, below)
    mesh.strip(a, b, EARTH_RGB, PLAIN, up=False, reach=DETAIL_M)


def add_median(road: Road, lane_id: int, s: np.ndarray, inner: np.ndarray, outer: np.ndarray, mesh: StaticMesh) -> None:
    """A raised strip of grass between the carriageways, with a kerb towards the lanes outside it."""
    up = np.array([0.0, 0.0, KERB_M])
    sign = 1.0 if lane_id > 0 else -1.0
    foot = road.points(s, outer)
    edge, top, middle = foot + up, road.points(s, outer - sign * KERB_TOP_M) + up, road.points(s, inner) + up
    mesh.strip(middle, top, GRASS_RGB, GRASS, uv=(middle[:, :2] / 7.0, top[:, :2] / 7.0), reach=FAR_M)
    mesh.strip(top, edge, KERB_RGB, PLAIN, reach=FAR_M)
    a, b = (foot, edge) if sign < 0 else (edge, foot)
    mesh.strip(a, b, KERB_RGB * 0.9, PLAIN, up=False, reach=DETAIL_M)


def add_verges(road: Road, section: Section, s: np.ndarray, mesh: StaticMesh) -> None:
    """Where a hilly road has no sidewalk: grass from its edge down to the ground, which lies a little lower there."""
    if road.is_level:
        return
    for sign in (1, -1):
        ids = [i for i in section.lanes if i * sign > 0]
        last = max(ids, key=abs, default=0)
        if last and section.lanes[last].kind not in WALK_LANES:
            t = section.borders(last, s)[1]
            edge = road.points(s, t) - np.array([0.0, 0.0, 0.01])
            foot = road.points(s, t + sign * VERGE_M) - np.array([0.0, 0.0, VERGE_DROP_M])
            uv = (edge[:, :2] / 7.0, foot[:, :2] / 7.0)
            mesh.strip(edge, foot, GRASS_RGB, GRASS, uv=uv, reach=FAR_M)


def add_floor(floor: BaseGeometry, roads_through: np.ndarray, mesh: StaticMesh) -> None:
    """The asphalt of a junction, as high as the (n, 3) points of the roads through it."""
    tree, z = KDTree(roads_through[:, :2]), roads_through[:, 2]
    level = bool(np.ptp(z) < 0.01)
    dense = shapely.segmentize(floor.buffer(0.05), 4.0)
    parts = polygons(shapely.constrained_delaunay_triangles(dense))
    if not parts:
        return
    corners = np.concatenate([shapely.get_coordinates(part)[:3] for part in parts])
    points = np.column_stack([corners, floor_height(corners, tree, z, level) - 0.002])
    colour = asphalt_shade(points)[:, None] * ASPHALT_RGB
    triangles = np.arange(len(points)).reshape(-1, 3)
    mesh.add(points, triangles, colour, ASPHALT, uv=corners / 6.0, normal=(0.0, 0.0, 1.0))


def floor_height(corners: np.ndarray, tree: KDTree, z: np.ndarray, level: bool) -> np.ndarray:
    """(n,) heights of a junction's floor at (n, 2) points."""
    if level:
        return np.full(len(corners), z[0])
    distance, index = tree.query(corners, k=min(6, len(z)))
    distance, index = distance.reshape(len(corners), -1), index.reshape(len(corners), -1)
    weight = 1.0 / (distance**2 + 0.25)
    return (weight * z[index]).sum(axis=1) / weight.sum(axis=1)


def add_marks(road: Road, section: Section, paint: PaintMesh) -> None:
    """Every road mark of a section, up to the stop or give-way lines."""
    stops = [item.s for item in road.objects if item.subtype in ("stopLine", "giveWayLine")]
    first = max((s for s in stops if s < road.length / 2.0), default=0.0)
    last = min((s for s in stops if s > road.length / 2.0), default=road.length)
    for lane_id, lane in section.lanes.items():
        for i, mark in enumerate(lane.marks):
            end = lane.marks[i + 1].s if i + 1 < len(lane.marks) else section.end
            start = max(mark.s, section.s)
            start, end = max(start, first), min(end, last)
            if end - start > 0.2 and mark.kind not in ("none", "curb", "edge"):
                shift = 0.0
                if lane_id and section.lanes.get(lane_id + (1 if lane_id > 0 else -1), lane).kind in WALK_LANES:
                    shift = -0.25 if lane_id > 0 else 0.25  # no gutter: the line runs beside the kerb
                paint_mark(road, section, lane_id, mark, (start, end), shift, paint)


def paint_mark(
    road: Road, section: Section, lane_id: int, mark: Mark, span: tuple[float, float], shift: float, paint: PaintMesh
) -> None:
    """One road mark: solid, broken, or a pair of lines."""
    parts = mark.kind.split()
    offsets = (0.0,) if len(parts) == 1 else (mark.width, -mark.width)
    for part, offset in zip(parts, offsets, strict=False):
        stretches = [span] if part != "broken" else dashes(*span)
        for start, end in stretches:
            s = road.stations(start, end, 12.0)
            t = (section.borders(lane_id, s)[1] if lane_id else np.zeros_like(s)) + offset + shift
            paint.line(road.points(s, t), mark.width / 2.0, mark.color, grow=3.0 if len(parts) == 1 else 1.6)


def dashes(start: float, end: float) -> list[tuple[float, float]]:
    """Dashes of a broken line, in step with the road's own length."""
    first = np.ceil(start / (DASH_M + GAP_M)) * (DASH_M + GAP_M)
    return [(float(s), float(min(s + DASH_M, end))) for s in np.arange(first, end - 0.5, DASH_M + GAP_M)]


def add_road_object(road: Road, item: RoadItem, paint: PaintMesh) -> None:
    """Stop lines, give-way lines and crosswalks."""
    half = item.width / 2.0
    if item.subtype == "stopLine":
        t = np.linspace(item.t - half + 0.1, item.t + half - 0.1, 5)
        paint.line(road.points(np.full(5, item.s), t), item.length / 2.0, "white", grow=1.5)
    elif item.subtype == "giveWayLine":
        for t in np.arange(item.t - half + 0.35, item.t + half - 0.1, 0.9):
            span = np.array([t, min(t + 0.55, item.t + half)])
            paint.line(road.points(np.full(2, item.s), span), item.length / 2.0, "white", grow=1.5)
    elif item.kind == "crosswalk":
        ends = np.array([item.s - item.length / 2.0, item.s + item.length / 2.0])
        for t in np.arange(item.t - half + 0.6, item.t + half - 0.5, 1.0):
            paint.line(road.points(ends, np.full(2, t)), 0.24, "white", grow=1.0)
