"""Buildings along the streets: where they stand, their walls, windows and roofs."""

from __future__ import annotations

import math

import numpy as np
from shapely.geometry import Polygon

from sim.map.opendrive import Road
from sim.scene.labels import Tag
from sim.scene.surfaces import CLASSIC, DOOR, HOUSE, OFFICE, PLAIN, SHOP, TILES, WINDOWS_PER_TILE
from sim.town.mesh import StaticMesh
from sim.town.sites import Taken, Thrower, edge_t, lane_count
from sim.town.terrain import Terrain

WALLS = np.array([[0.80, 0.72, 0.60], [0.72, 0.45, 0.36], [0.86, 0.84, 0.78], [0.66, 0.62, 0.58], [0.78, 0.62, 0.48],
                  [0.60, 0.36, 0.30], [0.74, 0.76, 0.76], [0.84, 0.76, 0.55]])  # fmt: skip
ROOFS = np.array([[0.52, 0.27, 0.20], [0.34, 0.33, 0.35], [0.45, 0.31, 0.25], [0.28, 0.29, 0.32]])
BAY_M, FLOOR_M, FOUNDATION_M = 3.0, 3.1, 0.6
CLOTHS = ((0.66, 0.15, 0.13), (0.15, 0.34, 0.24), (0.16, 0.26, 0.46), (0.80, 0.58, 0.18), (0.36, 0.18, 0.30))
STRIPES, AWNING_M = 5, 120.0
QUAD = np.array([[0, 1, 2], [0, 2, 3]])


def lots(road: Road, rng: np.random.Generator, widths: tuple[float, float]) -> list[tuple[float, float]]:
    """(s, frontage) of plots along one side of a road."""
    found, s = [], 6.0
    while s < road.length - 8.0:
        width = float(rng.uniform(*widths))
        found.append((s + width / 2.0, width))
        s += width + float(rng.choice([0.0, 3.5, 6.0, 11.0], p=[0.15, 0.4, 0.25, 0.2]))
    return found


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
            mesh.stand(corners, ground - FOUNDATION_M, ground + height, Tag.BUILDINGS)
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
        add_wall(mesh, a, b, (base - FOUNDATION_M, base), wall * 0.7, PLAIN, (0.0, 0.1, 0.0, 0.1))
        add_wall(
            mesh,
            a,
            b,
            (base, start),
            wall * (0.9 if urban else 1.0),
            layer,
            (shift / per, (shift + bays) / per, 0.0, up),
        )
        if layer == SHOP:
            add_awnings(mesh, a, b, base, bays, rng)
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


def add_awnings(
    mesh: StaticMesh, a: np.ndarray, b: np.ndarray, base: float, bays: int, rng: np.random.Generator
) -> None:
    """Striped cloths over some of a front's shop windows."""
    along = (b - a) / np.linalg.norm(b - a)
    out = np.array([along[1], -along[0]])
    bay = float(np.linalg.norm(b - a)) / bays
    for k in np.flatnonzero(rng.random(bays) < 0.45).tolist():
        cloth = CLOTHS[rng.integers(len(CLOTHS))]
        reach, drop = float(rng.uniform(0.9, 1.3)), float(rng.uniform(0.35, 0.55))
        edges = a + along * (bay * (k + 0.06 + 0.88 * np.linspace(0.0, 1.0, STRIPES + 1)))[:, None]
        for j in range(STRIPES):
            (x0, y0), (x1, y1) = edges[j], edges[j + 1]
            (u0, v0), (u1, v1) = edges[j] + out * reach, edges[j + 1] + out * reach
            high, low = base + 2.72, base + 2.72 - drop
            points = np.array([[x0, y0, high], [x1, y1, high], [u1, v1, low], [u0, v0, low], [u1, v1, low - 0.2],
                               [u0, v0, low - 0.2]])  # fmt: skip
            colour = cloth if j % 2 else (0.88, 0.86, 0.80)
            top = np.array([out[0] * drop, out[1] * drop, reach])
            mesh.add(
                points[:4], QUAD, colour, PLAIN, np.zeros((4, 2)), tuple(top / np.linalg.norm(top)), reach=AWNING_M
            )
            mesh.add(
                points[:4], QUAD, np.array(colour) * 0.55, PLAIN, np.zeros((4, 2)), (0.0, 0.0, -1.0), reach=AWNING_M
            )
            mesh.add(points[[3, 2, 4, 5]], QUAD, colour, PLAIN, np.zeros((4, 2)), (*out, 0.0), reach=AWNING_M)


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
