"""Everything beside the roads: grass, hills, buildings along the streets, trees and street lamps.

Placed by rule from the road network with a fixed seed, so that a map always looks the same; nothing stands on a road,
in a junction's sight triangle, or in another building.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from scipy.spatial import KDTree
from shapely.geometry import Point, Polygon
from shapely.geometry.base import BaseGeometry

from sim.map.opendrive import Road
from sim.scene.labels import Tag
from sim.scene.surfaces import CLASSIC, DOOR, GRASS, HOUSE, LAMP, OFFICE, PLAIN, SHOP, TILES, WINDOWS_PER_TILE
from sim.town.mesh import StaticMesh, noise
from sim.town.roads import GRASS_RGB, Outlines
from sim.town.solids import icosphere

HILL_RGB = np.array([0.30, 0.40, 0.24])
WALLS = np.array([[0.80, 0.72, 0.60], [0.72, 0.45, 0.36], [0.86, 0.84, 0.78], [0.66, 0.62, 0.58], [0.78, 0.62, 0.48],
                  [0.60, 0.36, 0.30], [0.74, 0.76, 0.76], [0.84, 0.76, 0.55]])  # fmt: skip
ROOFS = np.array([[0.52, 0.27, 0.20], [0.34, 0.33, 0.35], [0.45, 0.31, 0.25], [0.28, 0.29, 0.32]])
LEAVES = np.array([[0.26, 0.40, 0.15], [0.33, 0.45, 0.16], [0.21, 0.36, 0.17], [0.42, 0.46, 0.17], [0.27, 0.42, 0.22]])
TRUNK_RGB = np.array([0.33, 0.26, 0.20])
POLE_RGB = np.array([0.36, 0.38, 0.39])
BAY_M, FLOOR_M = 3.0, 3.1
LAMP_EVERY_M = 32.0
LAMP_REACH_M = 16.0
LAMP_HEAD_M = 6.6
GROUND_DROP_M = 0.05
HILLY_DROP_M, HILLY_STEP_M = 0.35, 10.0  # the ground's cells must not cut through a road on a slope
NEAR_M = (9.0, 45.0)  # up to where the ground is as high as the nearest road, from where it follows all roads
FAR_POINTS = 400
BRIDGE_M = 3.0
TREE_DETAIL_M = 75.0
ICOSPHERES = [icosphere(0), icosphere(1)]


@dataclass(frozen=True)
class Thrower:
    """What throws a shadow: a footprint (shapely) and its height."""

    footprint: Polygon
    low_m: float
    high_m: float
    ground_m: float


@dataclass(frozen=True)
class Scenery:
    """What later steps need to know of the scenery."""

    throwers: tuple[Thrower, ...]
    lamps: np.ndarray  # (n, 3) heads of street lamps
    height: Callable[[np.ndarray], np.ndarray] | None = None
    """(n, 2) points to (n,) heights of the ground; None where it is level."""


class Terrain:
    """Height of the ground: near a road the road's own, further off a mean of all roads by their distance."""

    def __init__(self, roads: Sequence[Road]) -> None:
        points = np.concatenate([road.points(road.stations(0.0, road.length), 0.0) for road in roads])
        self.level = bool(np.ptp(points[:, 2]) < 0.01)
        self.bounds = (*points[:, :2].min(axis=0), *points[:, :2].max(axis=0))
        if not self.level:
            points = np.concatenate([road.points(road.stations(0.0, road.length, 2.0, 2.0), 0.0) for road in roads])
        self._tree, self._z = KDTree(points[:, :2]), points[:, 2]
        self._far = points[:: max(1, len(points) // FAR_POINTS)]

    def height(self, points: np.ndarray) -> np.ndarray:
        """(n,) heights at (n, 2) points. Where roads cross above each other the lower one's."""
        if self.level:
            return np.full(len(points), self._z[0])
        points = np.asarray(points, dtype=float)
        distance, index = self._tree.query(points, k=min(6, len(self._z)))
        distance, index = distance.reshape(len(points), -1), index.reshape(len(points), -1)
        weight = 1.0 / (distance**2 + 0.5) ** 1.5
        z = self._z[index]
        weight = weight * (z < z.min(axis=1, keepdims=True) + BRIDGE_M)
        near = (weight * z).sum(axis=1) / weight.sum(axis=1)
        share = np.clip((distance[:, 0] - NEAR_M[0]) / (NEAR_M[1] - NEAR_M[0]), 0.0, 1.0)
        share = share * share * (3.0 - 2.0 * share)
        off = np.flatnonzero(share > 0.0)
        far = near.copy()
        for part in np.array_split(off, max(1, len(off) // 2000)):
            apart = ((points[part, None] - self._far[None, :, :2]) ** 2).sum(axis=2) + 9.0
            weight = apart**-1.5
            far[part] = weight @ self._far[:, 2] / weight.sum(axis=1)
        return near + share * (far - near)

    def normals(self, points: np.ndarray) -> np.ndarray:
        """(n, 3) upward normals at (n, 2) points."""
        step = 4.0
        east, south = np.array([step, 0.0]), np.array([0.0, step])
        dx = self.height(points + east) - self.height(points - east)
        dy = self.height(points + south) - self.height(points - south)
        normal = np.column_stack([-dx, -dy, np.full(len(points), 2.0 * step)])
        return normal / np.linalg.norm(normal, axis=1, keepdims=True)


def build_scenery(roads: Sequence[Road], outlines: Outlines, mesh: StaticMesh) -> Scenery:
    """Add all scenery to `mesh`."""
    rng = np.random.default_rng(7)
    terrain = Terrain(roads)
    with mesh.labelled(Tag.TERRAIN):
        add_ground(terrain, mesh)
    taken = Taken(outlines)
    throwers: list[Thrower] = []
    lamps = add_street_lamps(roads, outlines, mesh)
    for road in roads:
        if road.junction < 0:
            throwers += line_with_buildings(road, taken, terrain, rng, mesh)
    for road in roads:
        if road.junction < 0:
            throwers += line_with_trees(road, taken, terrain, rng, mesh)
    throwers += scatter_trees(terrain, taken, rng, mesh)
    return Scenery(tuple(throwers), lamps, None if terrain.level else terrain.height)


class Taken:
    """What ground is in use: roads with sidewalks, and what was built so far."""

    def __init__(self, outlines: Outlines) -> None:
        self._paved = outlines.paved
        shapely.prepare(self._paved)
        self._built: list[tuple[Polygon, tuple[float, float, float, float]]] = []

    def free(self, shape: BaseGeometry, margin_m: float) -> bool:
        """Whether a shape keeps `margin_m` from all that stands."""
        if shapely.dwithin(self._paved, shape, margin_m):
            return False
        x0, y0, x1, y1 = shape.bounds
        x0, y0, x1, y1 = x0 - margin_m, y0 - margin_m, x1 + margin_m, y1 + margin_m
        near = [other for other, (a, b, c, d) in self._built if a <= x1 and c >= x0 and b <= y1 and d >= y0]
        return not any(shapely.dwithin(other, shape, margin_m) for other in near)

    def take(self, shape: Polygon) -> None:
        """Build here."""
        self._built.append((shape, shape.bounds))


def grid_lines(low: float, high: float, step: float = 25.0) -> np.ndarray:
    """Cuts of the ground: fine in town, coarse towards the horizon."""
    inner = np.arange(math.floor(low / 25.0) * 25.0 - 100.0, high + 100.0 + step, step)
    outer = np.array([40.0, 110.0, 250.0, 500.0, 1000.0, 2000.0])
    return np.concatenate([inner[0] - outer[::-1], inner, inner[-1] + outer])


def add_ground(terrain: Terrain, mesh: StaticMesh) -> None:
    """Grass as far as one can see, and hills on the horizon."""
    x0, y0, x1, y1 = terrain.bounds
    step = 25.0 if terrain.level else HILLY_STEP_M
    xs, ys = grid_lines(x0, x1, step), grid_lines(y0, y1, step)
    at = np.stack(np.meshgrid(xs, ys, indexing="ij"), axis=-1).reshape(-1, 2)
    z = terrain.height(at) - (GROUND_DROP_M if terrain.level else HILLY_DROP_M)
    points = np.column_stack([at, z])
    shade = 1.0 + 0.12 * noise(at, 37.0, 11) + 0.10 * noise(at, 120.0, 12)
    dry = np.clip(0.5 + 0.5 * noise(at, 90.0, 13), 0.0, 1.0)[:, None]
    colour = shade[:, None] * (GRASS_RGB * (1.0 - 0.35 * dry) + np.array([0.47, 0.47, 0.26]) * 0.35 * dry)
    n = len(ys)
    i, j = (a.ravel() for a in np.meshgrid(np.arange(len(xs) - 1), np.arange(n - 1), indexing="ij"))
    a = i * n + j
    triangles = np.stack([a, a + n, a + n + 1, a, a + n + 1, a + 1], axis=1).reshape(-1, 3)
    normal = (0.0, 0.0, 1.0) if terrain.level else terrain.normals(at)
    mesh.add(points, triangles, colour, GRASS, uv=at / 7.0, normal=normal, reach=1e6)
    middle, span = np.array([(x0 + x1) / 2.0, (y0 + y1) / 2.0]), math.hypot(x1 - x0, y1 - y0) / 2.0
    angle = np.linspace(0.0, 2.0 * np.pi, 97)
    for distance, height, seed in ((700.0, 34.0, 14), (1500.0, 95.0, 15)):
        ring = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        rise = height * (0.55 + 0.45 * noise(ring * 9.0, 1.0, seed) + 0.25 * noise(ring * 30.0, 1.0, seed + 2))
        rise[-1] = rise[0]
        foot = np.column_stack([middle + ring * (span + distance), np.full(97, float(z.mean()) - 2.0)])
        top = np.column_stack([middle + ring * (span + distance * 1.25), float(z.mean()) + np.maximum(rise, 4.0)])
        mesh.strip(foot, top, HILL_RGB * 0.95, PLAIN, up=True, reach=1e6)


def lots(road: Road, rng: np.random.Generator, widths: tuple[float, float]) -> list[tuple[float, float]]:
    """(s, frontage) of plots along one side of a road."""
    found, s = [], 6.0
    while s < road.length - 8.0:
        width = float(rng.uniform(*widths))
        found.append((s + width / 2.0, width))
        s += width + float(rng.choice([0.0, 3.5, 6.0, 11.0], p=[0.15, 0.4, 0.25, 0.2]))
    return found


def edge_t(road: Road, s: float, side: int) -> float:
    """`t` of the outermost border on one side of a road at `s`."""
    section = max((x for x in road.sections if x.s <= s + 1e-6), key=lambda x: x.s)
    ids = [i for i in section.lanes if i * side > 0]
    if not ids:
        return 0.0
    return float(section.borders(max(ids, key=abs), np.array([s]))[1][0])


def lane_count(road: Road) -> int:
    """Driving lanes of a road's first section."""
    return sum(lane.kind == "driving" for lane in road.sections[0].lanes.values())


def line_with_buildings(
    road: Road, taken: Taken, terrain: Terrain, rng: np.random.Generator, mesh: StaticMesh
) -> list[Thrower]:
    """Fronts along both sides of a road: tall and close on wide streets, houses with gardens on narrow ones."""
    urban = lane_count(road) >= 4
    throwers: list[Thrower] = []
    if road.kind == "motorway":
        return throwers
    empty = 0.85 if road.kind == "rural" else 0.25
    for side in (1, -1):
        for s, width in lots(road, rng, (15.0, 30.0) if urban else (10.0, 17.0)):
            if not urban and rng.random() < empty:
                continue
            depth = float(rng.uniform(11.0, 16.0) if urban else rng.uniform(8.0, 11.0))
            setback = float(rng.uniform(1.5, 3.0) if urban else rng.uniform(4.0, 9.0))
            middle = road.points(np.array([s]), edge_t(road, s, side) + side * (setback + depth / 2.0))[0]
            yaw = road.heading(s) + (0.0 if side > 0 else math.pi)  # local +y looks at the road
            corners = rectangle(middle[:2], yaw, width, depth)
            footprint = Polygon(corners)
            if not taken.free(footprint, 1.2):
                continue
            taken.take(footprint)
            ground = float(terrain.height(middle[None, :2])[0])
            floors = int(rng.integers(3, 7)) if urban else int(rng.integers(1, 4))
            with mesh.labelled(Tag.BUILDINGS, thing=True):
                height = add_building(mesh, corners, ground, floors, urban, rng)
            throwers.append(Thrower(footprint, ground, ground + height, ground))
    return throwers


def rectangle(middle: np.ndarray, yaw: float, width: float, depth: float) -> np.ndarray:
    """(4, 2) corners: two at the back (local -y), two at the front, around the middle."""
    c, s = math.cos(yaw), math.sin(yaw)
    local = np.array([[-width, -depth], [width, -depth], [width, depth], [-width, depth]]) / 2.0
    return middle + local @ np.array([[c, s], [-s, c]])


def add_building(
    mesh: StaticMesh, corners: np.ndarray, ground: float, floors: int, urban: bool, rng: np.random.Generator
) -> float:
    """Walls with windows, a ground floor and a roof; returns the height."""
    wall = WALLS[rng.integers(len(WALLS))] * rng.uniform(1.02, 1.16)
    roof = ROOFS[rng.integers(len(ROOFS))] * rng.uniform(0.9, 1.1)
    style = int(rng.choice([OFFICE, CLASSIC, HOUSE], p=[0.35, 0.45, 0.2])) if urban else HOUSE
    first = (SHOP if rng.random() < 0.7 else CLASSIC) if urban else DOOR
    base = ground + 0.0
    top = base + FLOOR_M * floors
    shift = float(rng.integers(0, WINDOWS_PER_TILE))
    for i in range(4):
        a, b = corners[i], corners[(i + 1) % 4]
        bays = max(1, round(float(np.linalg.norm(b - a)) / BAY_M))
        front = i == 2
        start = base + FLOOR_M
        layer = first if front else style
        per = {SHOP: 4.0, DOOR: 4.0}.get(layer, float(WINDOWS_PER_TILE))
        up = 1.0 if layer in (SHOP, DOOR) else 1.0 / WINDOWS_PER_TILE
        add_wall(mesh, a, b, (base - 0.6, base), wall * 0.7, PLAIN, (0.0, 0.1, 0.0, 0.1))
        add_wall(
            mesh,
            a,
            b,
            (base, start),
            wall * (0.9 if urban else 1.0),
            layer,
            (shift / per, (shift + bays) / per, 0.0, up),
        )
        if floors > 1:
            uv = (shift / WINDOWS_PER_TILE, (shift + bays) / WINDOWS_PER_TILE, 0.0, (floors - 1) / WINDOWS_PER_TILE)
            add_wall(mesh, a, b, (start, top), wall, style, uv)
        if urban:
            add_wall(mesh, a, b, (top, top + 0.9), wall * 0.8, PLAIN, (0.0, 0.1, 0.0, 0.1))
    if urban and rng.random() < 0.65:
        lid = np.column_stack([corners, np.full(4, top + 0.5)])
        mesh.add(lid, np.array([[0, 1, 2], [0, 2, 3]]), roof * 1.1, PLAIN, normal=(0.0, 0.0, 1.0), reach=800.0)
        return top + 0.9 - ground
    return add_gable(mesh, corners, top + (0.9 if urban else 0.0), wall, roof, float(rng.uniform(0.55, 0.8))) - ground


def add_wall(
    mesh: StaticMesh,
    a: np.ndarray,
    b: np.ndarray,
    span: tuple[float, float],
    colour: np.ndarray,
    layer: int,
    uv: tuple[float, float, float, float],
) -> None:
    """One upright face from a to b, seen from outside; `uv` is u0, u1, v0, v1."""
    low, high = span
    points = np.array([[*a, low], [*b, low], [*b, high], [*a, high]])
    along = b - a
    outward = np.array([along[1], -along[0], 0.0]) / np.linalg.norm(along)
    u0, u1, v0, v1 = uv
    texture = np.array([[u0, v0], [u1, v0], [u1, v1], [u0, v1]])
    mesh.add(points, np.array([[0, 1, 2], [0, 2, 3]]), colour, layer, texture, tuple(outward), reach=800.0)


def add_gable(
    mesh: StaticMesh, corners: np.ndarray, z: float, wall: np.ndarray, roof: np.ndarray, pitch: float
) -> float:
    """A pitched roof with its ridge along the front, overhanging; returns the ridge's height."""
    along = (corners[1] - corners[0]) / np.linalg.norm(corners[1] - corners[0])
    across = (corners[3] - corners[0]) / np.linalg.norm(corners[3] - corners[0])
    half = float(np.linalg.norm(corners[3] - corners[0])) / 2.0
    ridge_z = z + half * pitch
    ends = [corners[0] + across * half - along * 0.4, corners[1] + across * half + along * 0.4]
    for k, sign in ((0, -1.0), (3, 1.0)):
        out = across * sign * 0.5
        low = [corners[k] + out - along * 0.4, corners[1 if k == 0 else 2] + out + along * 0.4]
        points = np.array(
            [[*low[0], z - 0.5 * pitch], [*low[1], z - 0.5 * pitch], [*ends[1], ridge_z], [*ends[0], ridge_z]]
        )
        normal = np.array([*(across * sign * pitch), 1.0]) / math.hypot(1.0, pitch)
        length = float(np.linalg.norm(low[1] - low[0])) / 3.0
        uv = np.array([[0, 0], [length, 0], [length, half / 2.5], [0, half / 2.5]])
        quad = np.array([[0, 1, 2], [0, 2, 3]])
        mesh.add(points, quad, roof, TILES, uv, tuple(normal / np.linalg.norm(normal)), reach=800.0)
        mesh.add(
            points - [0.0, 0.0, 0.12], quad, roof * 0.5, PLAIN, uv, tuple(-normal / np.linalg.norm(normal)), reach=150.0
        )
    for a, b, top in ((corners[1], corners[2], ends[1] - along * 0.4), (corners[3], corners[0], ends[0] + along * 0.4)):
        points = np.array([[*a, z], [*b, z], [*top, ridge_z]])
        outward = np.array([(b - a)[1], -(b - a)[0], 0.0]) / np.linalg.norm(b - a)
        mesh.add(points, np.array([[0, 1, 2]]), wall, PLAIN, normal=tuple(outward), reach=800.0)
    return ridge_z


def add_clump(
    mesh: StaticMesh,
    middle: np.ndarray,
    radius: float,
    tint: np.ndarray,
    divisions: int,
    span: tuple[float, float],
    seed: int,
) -> None:
    """A bumpy ball of leaves, lighter above, drawn over a span of distances."""
    points, triangles = ICOSPHERES[divisions]
    bumps = 1.0 + 0.16 * noise(points[:, :2] * 3.0 + points[:, 2:] * 2.0, 1.0, seed)
    leaf = points * bumps[:, None] * [radius, radius, radius * 0.92]
    shade = 0.72 + 0.38 * (points[:, 2:] * 0.5 + 0.5)
    uv = leaf[:, :2] / 5.0 + leaf[:, 2:] / 7.0
    normals = (points + np.array([0.0, 0.0, 0.25])) / 1.3
    mesh.add(middle + leaf, triangles, shade * tint, GRASS, uv, normals, reach=span[1], begin=span[0])


def add_tree(mesh: StaticMesh, at: np.ndarray, size: float, rng: np.random.Generator) -> Thrower:
    """A trunk and a few rounded clumps of leaves, darker below."""
    x, y, z = at
    trunk_h, spread = 0.38 * size, 0.27 * size
    angle = np.arange(7) * 2.0 * np.pi / 6.0
    ring = np.stack([np.cos(angle), np.sin(angle), np.zeros(7)], axis=1)
    low, high = ring * 0.035 * size + [x, y, z - 0.3], ring * 0.02 * size + [x, y, z + trunk_h * 1.3]
    mesh.strip(high, low, TRUNK_RGB, PLAIN, up=False, reach=160.0)
    tint = LEAVES[rng.integers(len(LEAVES))] * rng.uniform(0.85, 1.12)
    for k in range(3):
        away = rng.uniform(-0.45, 0.45, 2) * spread if k else np.zeros(2)
        r = spread * (1.0 if k == 0 else rng.uniform(0.55, 0.75))
        rise = 0.75 if k == 0 else rng.uniform(0.6, 1.35)
        middle = np.array([x + away[0], y + away[1], z + trunk_h + spread * rise])
        add_clump(mesh, middle, r, tint, 1, (0.0, TREE_DETAIL_M), int(rng.integers(1000)))
        if k < 2:
            far = TREE_DETAIL_M, (400.0 if k == 0 else 170.0)
            add_clump(mesh, middle, r * 1.05, tint, 0, far, int(rng.integers(1000)))
    return Thrower(Point(x, y).buffer(spread, 5), z + trunk_h, z + trunk_h + 1.7 * spread, z)


def line_with_trees(
    road: Road, taken: Taken, terrain: Terrain, rng: np.random.Generator, mesh: StaticMesh
) -> list[Thrower]:
    """Street trees behind the sidewalks."""
    throwers: list[Thrower] = []
    if road.kind == "motorway":
        return throwers
    for side in (1, -1):
        s = float(rng.uniform(14.0, 24.0))
        while s < road.length - 14.0:
            t = edge_t(road, s, side) + side * float(rng.uniform(1.3, 2.6))
            at = road.points(np.array([s]), t)[0]
            if taken.free(Point(at[:2]).buffer(1.0), 0.1) and rng.random() < 0.75:
                at[2] = terrain.height(at[None, :2])[0]
                with mesh.labelled(Tag.VEGETATION, thing=True):
                    throwers.append(add_tree(mesh, at, float(rng.uniform(5.0, 8.0)), rng))
                taken.take(Point(at[:2]).buffer(0.8, 3))
            s += float(rng.uniform(12.0, 22.0))
    return throwers


def scatter_trees(terrain: Terrain, taken: Taken, rng: np.random.Generator, mesh: StaticMesh) -> list[Thrower]:
    """Groves on the open ground."""
    x0, y0, x1, y1 = terrain.bounds
    throwers: list[Thrower] = []
    tries = min(900, int((x1 - x0 + 120.0) * (y1 - y0 + 120.0) / 500.0) + 20)
    spots = np.column_stack([rng.uniform(x0 - 60.0, x1 + 60.0, tries), rng.uniform(y0 - 60.0, y1 + 60.0, tries)])
    for at in spots[noise(spots, 60.0, 21) > 0.15]:
        if len(throwers) < 260 and taken.free(Point(at).buffer(1.5), 4.0):
            z = float(terrain.height(at[None])[0])
            with mesh.labelled(Tag.VEGETATION, thing=True):
                throwers.append(add_tree(mesh, np.array([*at, z]), float(rng.uniform(7.0, 12.0)), rng))
    return throwers


def add_street_lamps(roads: Sequence[Road], outlines: Outlines, mesh: StaticMesh) -> np.ndarray:
    """Lamps on the sidewalks, on alternating sides."""
    heads = []
    shapely.prepare(outlines.drivable)
    for road in roads:
        for k, s in enumerate(np.arange(LAMP_EVERY_M / 2.0, road.length - 8.0, LAMP_EVERY_M)):
            side = 1 if k % 2 else -1
            edge = edge_t(road, float(s), side)
            if road.junction >= 0 or abs(edge) < 2.0:
                continue
            foot = road.points(np.array([s]), edge - side * 0.3)[0]
            over = road.points(np.array([s]), edge - side * 2.3)[0]
            if shapely.dwithin(outlines.drivable, Point(foot[:2]), 0.4):
                continue
            with mesh.labelled(Tag.POLES, thing=True):
                heads.append(add_lamp(mesh, foot, over))
    return np.array(heads).reshape(-1, 3)


def add_lamp(mesh: StaticMesh, foot: np.ndarray, over: np.ndarray) -> np.ndarray:
    """One lamp: a pole, an arm, and a head that shines at night; returns the head."""
    angle = np.arange(6) * 2.0 * np.pi / 5.0
    ring = np.stack([np.cos(angle), np.sin(angle), np.zeros(6)], axis=1)
    top = foot + np.array([0.0, 0.0, 6.4])
    mesh.strip(ring * 0.06 + top, ring * 0.09 + foot, POLE_RGB, PLAIN, up=False, reach=130.0)
    head = over + np.array([0.0, 0.0, LAMP_HEAD_M])
    arm = (head - top) / np.linalg.norm(head - top)
    side = np.array([-arm[1], arm[0], 0.0])
    up = np.array([0.0, 0.0, 0.05])
    mesh.strip(np.array([top - up, head - up]), np.array([top + up, head + up]), POLE_RGB, PLAIN, up=False, reach=130.0)
    mesh.strip(np.array([top + up, head + up]), np.array([top - up, head - up]), POLE_RGB, PLAIN, up=False, reach=130.0)
    a, b = head - arm * 0.35, head + arm * 0.35
    lid, lens = np.array([0.0, 0.0, 0.06]), np.array([0.0, 0.0, -0.05])
    corners = np.array([a - side * 0.12, b - side * 0.12, b + side * 0.12, a + side * 0.12])
    quad = np.array([[0, 1, 2], [0, 2, 3]])
    mesh.add(corners + lid, quad, POLE_RGB, PLAIN, normal=(0.0, 0.0, 1.0), reach=130.0)
    mesh.add(corners + lens, quad, (0.9, 0.9, 0.85), LAMP, normal=(0.0, 0.0, -1.0), reach=200.0)
    return head


def lamp_light(points: np.ndarray, lamps: np.ndarray) -> np.ndarray:
    """(n,) share of street lamp light at (n, 3) points, 0..1."""
    if not len(lamps):
        return np.zeros(len(points))
    distance, _ = KDTree(lamps).query(points, distance_upper_bound=LAMP_REACH_M)
    return np.where(np.isfinite(distance), np.clip(1.25 - distance / LAMP_REACH_M, 0.0, 1.0) ** 1.5, 0.0) * 0.75
