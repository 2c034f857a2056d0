"""Where walkers may go in a town: its sidewalks, crosswalks and roads as one navigation mesh.

Made from the map's OpenDRIVE for the client library's walker controllers (`controller.ai.walker`), which keep to
sidewalks and crosswalks and, as far as `set_pedestrians_cross_factor` lets them, cross roads. Areas and flags are
those of CARLA's navigation files (LibCarla's `carla/nav/Navigation.h`).
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

import carla
import numpy as np
import shapely
from scipy.spatial import KDTree
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry

from sim.map.opendrive import Road, read_roads
from sim.town.roads import ROAD_LANES, band_outline, filled, polygons, walk_outlines
from sim.town.walkways.navmesh_file import pack_mesh

WALKER_RADIUS_M = 0.3
"""How far walkers' middles keep from a sidewalk's edges, as in CARLA's navigation files."""

REACH_M = 3.0
"""How far beyond a crosswalk's own ends people still cross: a parking lane's width."""

_GRID_M = 0.01
_SIMPLER_M = 0.05
_SMALLEST_M2 = 0.5
_HAIRLINE_M = 0.1
_SLOPE_STEP_M = 8.0


class Area(IntEnum):
    """What a triangle is; its flag is `2 ** area`."""

    SIDEWALK = 1
    CROSSWALK = 2
    ROAD = 3


def navigation_file(carla_map: carla.Map) -> bytes:
    """The navigation file of a map; empty when it has no sidewalks to walk on.

    Raises:
        MeshTooLargeError: the map has more corners than the format can name.
    """
    roads = read_roads(carla_map.to_opendrive())
    areas = walkable_areas(roads, crosswalks_of(carla_map))
    if areas[Area.SIDEWALK].is_empty:
        return b""
    level = all(road.is_level for road in roads)
    triangles, kinds = _triangles(areas, None if level else _SLOPE_STEP_M)
    cells = np.round(triangles.reshape(-1, 2) / _GRID_M).astype(np.int64)
    places, corner_of = np.unique(cells, axis=0, return_inverse=True)
    points = places * _GRID_M
    heights = _heights(roads, points)
    return pack_mesh(np.column_stack([points, heights]), corner_of.reshape(-1, 3), kinds, 2**kinds)


def crosswalks_of(carla_map: carla.Map) -> list[Polygon]:
    """The crosswalks' outlines, seen from above."""
    rings: list[list[tuple[float, float]]] = [[]]
    for corner in carla_map.get_crosswalks():
        place = (corner.x, corner.y)
        rings[-1].append(place)
        if len(rings[-1]) > 1 and place == rings[-1][0]:  # CARLA's list repeats the first corner where one ends
            rings.append([])
    return [Polygon(ring) for ring in rings if len(ring) > 3]


def walkable_areas(roads: Sequence[Road], crosswalks: list[Polygon]) -> dict[Area, BaseGeometry]:
    """The ground of each kind, seen from above in CARLA's frame; they touch and do not overlap."""
    walks, ways, floors = [], [], {}
    for road in roads:
        for section in road.sections:
            s = road.stations(section.s, section.end)
            walks += walk_outlines(road, section, s)
            outline = band_outline(road, section, s, ROAD_LANES)
            if outline is not None:
                (ways if road.junction < 0 else floors.setdefault(road.junction, [])).append(outline)
    street = shapely.union_all([*ways, *(filled(shapely.union_all(parts)) for parts in floors.values())])
    # Neighbouring outlines may leave hairlines between them: closed here, and all is shrunk by the walkers' width.
    paved = shapely.union_all(walks)
    inward = -_HAIRLINE_M - WALKER_RADIUS_M
    sidewalk = _tidy(_grown(_grown(paved, _HAIRLINE_M).difference(street), inward))
    ground = _tidy(_grown(_grown(shapely.union_all([street, paved]), _HAIRLINE_M), inward))
    crosswalk = shapely.union_all([_reaching(outline) for outline in crosswalks]).intersection(ground)
    crosswalk = _whole(crosswalk.difference(sidewalk))
    road = _whole(ground.difference(shapely.union_all([sidewalk, crosswalk])))
    return {Area.SIDEWALK: sidewalk, Area.CROSSWALK: crosswalk, Area.ROAD: road}


def _reaching(crosswalk: Polygon) -> Polygon:
    """A crosswalk as long as to end on the sidewalks, over parking lanes and what these were shrunk by."""
    corners = shapely.get_coordinates(crosswalk.minimum_rotated_rectangle)[:4]
    if np.linalg.norm(corners[1] - corners[0]) < np.linalg.norm(corners[2] - corners[1]):
        corners = np.roll(corners, -1, axis=0)
    along = (corners[1] - corners[0]) / np.linalg.norm(corners[1] - corners[0])
    return Polygon(corners + REACH_M * np.outer([-1, 1, 1, -1], along))


def _grown(shape: BaseGeometry, by_m: float) -> BaseGeometry:
    return shape.buffer(by_m, join_style="mitre")


def _tidy(shape: BaseGeometry) -> BaseGeometry:
    """Without needless corners."""
    return _whole(shapely.simplify(shape, _SIMPLER_M))


def _whole(shape: BaseGeometry) -> BaseGeometry:
    """Without crumbs, its corners on the grid."""
    parts = [part for part in polygons(shape) if part.area > _SMALLEST_M2]
    return shapely.set_precision(shapely.union_all(parts), _GRID_M)


def _triangles(areas: dict[Area, BaseGeometry], step_m: float | None) -> tuple[np.ndarray, np.ndarray]:
    """(T, 3, 2) triangles that meet edge to edge, and what each is, (T,)."""
    borders = shapely.union_all([shape.boundary for shape in areas.values()], grid_size=_GRID_M)
    if step_m is not None:
        borders = shapely.union_all(shapely.segmentize(borders, step_m), grid_size=_GRID_M)
    faces = polygons(shapely.polygonize(list(shapely.get_parts(borders))))
    found, kinds = [], []
    for area, shape in areas.items():
        shapely.prepare(shape)
        inside = [face for face in faces if shapely.contains_properly(shape, face.representative_point())]
        for face in inside:
            pieces = shapely.get_parts(shapely.constrained_delaunay_triangles(face))
            corners = [np.asarray(piece.exterior.coords)[:3, :2] for piece in pieces]
            found += corners
            kinds += [int(area)] * len(corners)
    return np.array(found).reshape(-1, 3, 2), np.array(kinds, np.int64)


def _heights(roads: Sequence[Road], points: np.ndarray) -> np.ndarray:
    """Height (m) of the road surface nearest to each of (N, 2) points."""
    samples = []
    for road in roads:
        for section in road.sections:
            s = np.linspace(section.s, section.end, max(2, round((section.end - section.s) / 2.0)))
            reference = np.zeros_like(s)
            edges = [section.borders(lane_id, s)[1] for lane_id in (min(section.lanes), max(section.lanes))]
            for share in (0.0, 0.5, 1.0):
                samples += [road.points(s, reference + share * edge) for edge in edges]
    surface = np.concatenate(samples)
    _, nearest = KDTree(surface[:, :2]).query(points)
    return surface[nearest, 2]
