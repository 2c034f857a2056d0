"""Where street furniture, hedges, fences and parked cars stand: by dice that each place has for itself.

All of it stands behind the sidewalks, or beside a road without one clear of its lanes: never where somebody drives,
walks or starts, and low near junctions, so that nobody's view is blocked.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from shapely.geometry import Polygon

from sim.map.opendrive import Road
from sim.scene.bodies import rectangle
from sim.scene.labels import Tag
from sim.scene.surfaces import FOLIAGE, LEAVES, PAVING, PLAIN
from sim.town.clutter.furniture import Furniture, furniture
from sim.town.mesh import StaticMesh
from sim.town.roads import WALK_RGB, has_sidewalks
from sim.town.sites import Taken, Thrower, edge_t, lane_count
from sim.town.solids import BOX_CORNERS, BOX_FACES, Part
from sim.town.terrain import Terrain
from sim.town.tree_models import NEAR_M, STREET_KINDS, cards

BEHIND_WALK_M, BEHIND_LANE_M = 0.15, 2.4
"""How far from a road's edge things begin, with a sidewalk and without."""
JUNCTION_M, LOW_M = 18.0, 0.9
"""Nearer than this to a road's ends stands nothing higher."""
REACH_M, CAR_REACH_M = 48.0, 110.0
"""How far small things and how far cars and shelters are drawn."""
HEDGE_HALF_M, HEDGE_REACH_M = 0.33, 160.0

URBAN = (("litter bin", 0.18), ("bench", 0.13), ("planter", 0.15), ("bicycle stand", 0.10), ("cafe table", 0.13),
         ("cabinet", 0.07), ("letter box", 0.05), ("hydrant", 0.06), ("column", 0.05), ("shelter", 0.08))  # fmt: skip
STREET = (("hedge", 0.27), ("fence", 0.20), ("car", 0.17), ("wheeled bin", 0.09), ("flower bed", 0.09),
          ("bench", 0.04), ("cabinet", 0.04), ("letter box", 0.03), ("hydrant", 0.03), ("shelter", 0.04))  # fmt: skip
RURAL = (("hedge", 0.42), ("fence", 0.58))


def dice_at(road: Road, s: float, side: int) -> np.random.Generator:
    """Dice of a place."""
    x, y = road.points(np.array([s]), 0.0)[0, :2].tolist()
    return np.random.default_rng([round(abs(x) * 10.0), round(abs(y) * 10.0), side + 1, 23])


def line_with_clutter(roads: Sequence[Road], taken: Taken, terrain: Terrain, mesh: StaticMesh) -> list[Thrower]:
    """Everything along every road; gives what throws shadows and is listed among the things of the town."""
    throwers: list[Thrower] = []
    for road in (road for road in roads if road.junction < 0 and road.kind != "motorway"):
        walks = has_sidewalks([road])
        choice = (URBAN if lane_count(road) >= 4 else STREET) if walks else RURAL
        for side in (1, -1):
            s = 9.0
            while s < road.length - 9.0:
                dice = dice_at(road, s, side)
                name = str(dice.choice([n for n, _ in choice], p=[share for _, share in choice]))
                step = float(dice.uniform(3.0, 7.0) if walks else dice.uniform(12.0, 45.0))
                placed = place(
                    road, s, side, name, taken, terrain, mesh, dice, BEHIND_WALK_M if walks else BEHIND_LANE_M
                )
                throwers += [thrower for thrower in placed if thrower is not None]
                s += step + (4.0 if placed else 0.0)
    return throwers


def place(
    road: Road, s: float, side: int, name: str, taken: Taken, terrain: Terrain, mesh: StaticMesh,
    dice: np.random.Generator, behind_m: float,
) -> list[Thrower | None]:  # fmt: skip
    """Put one thing up, if its place is free; empty if it is not."""
    thing = None if name == "hedge" else furniture(name)
    long_m = float(dice.uniform(2.0, 4.5))
    half = (HEDGE_HALF_M, long_m) if thing is None else thing.half_m
    turned = 0.0
    if name == "car":  # nose to the road, on its drive
        behind_m += float(dice.uniform(0.8, 2.0))
        turned = math.pi if dice.random() < 0.4 else 0.0
    elif name in ("wheeled bin", "cafe table", "planter"):
        behind_m += float(dice.uniform(0.0, 0.3))
    high = 1.1 if thing is None else max((block[5] for block in thing.blocks), default=0.0)
    if high > LOW_M and not JUNCTION_M < s < road.length - JUNCTION_M:
        return []
    t = edge_t(road, s, side) + side * (behind_m + half[0])
    at = road.points(np.array([s]), t)[0]
    yaw = _towards(road, s, at)
    footprint = Polygon(rectangle(at[0], at[1], yaw, half[0], half[1]))
    if not taken.free(footprint, 0.1):
        return []
    taken.take(footprint)
    at[2] = float(terrain.height(at[None, :2])[0])
    if thing is None:
        add_hedge(mesh, at, yaw, long_m, dice)
        return [None]
    paint = thing.paints[dice.integers(len(thing.paints))]
    with mesh.labelled(thing.tag, thing=True):
        add_furniture(mesh, thing, at, yaw + turned, paint, CAR_REACH_M if name in ("car", "shelter") else REACH_M)
    if name == "car":
        add_drive(mesh, road, s, side, behind_m, at, terrain)
    if name not in ("car", "shelter"):
        return [None]
    return [Thrower(footprint, at[2], at[2] + thing.blocks[0][5], at[2], thing.tag)]


def _towards(road: Road, s: float, at: np.ndarray) -> float:
    """The direction from a place to its road."""
    x, y = (road.points(np.array([s]), 0.0)[0, :2] - at[:2]).tolist()
    return math.atan2(y, x)


def add_furniture(
    mesh: StaticMesh, thing: Furniture, at: np.ndarray, yaw: float, paint: tuple[float, float, float], reach_m: float
) -> None:
    """A thing with its solid blocks."""
    c, s = math.cos(yaw), math.sin(yaw)
    turn = np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]])
    for x, y, half_x, half_y, low, high in thing.blocks:
        middle = at[:2] + np.array([x, y]) @ turn[:2, :2]
        corners = rectangle(middle[0], middle[1], yaw, half_x, half_y)
        mesh.stand(corners, at[2] + low - 0.05, at[2] + high, thing.tag)
    if not mesh.is_drawn:
        return
    vertices = thing.model.vertices
    colour = np.where((vertices["kind"] == Part.PAINT)[:, None], paint, vertices["colour"][:, :3] / 255.0)
    normals = (vertices["normal"].astype(float) - 128.0) / 127.0
    triangles = thing.model.indices.reshape(-1, 3)
    points = vertices["position"] @ turn + at
    mesh.add(points, triangles, colour, PLAIN, np.zeros((len(points), 2)), normals @ turn, reach=reach_m)


def add_drive(
    mesh: StaticMesh, road: Road, s: float, side: int, behind_m: float, at: np.ndarray, terrain: Terrain
) -> None:
    """Slabs from the sidewalk to behind a parked car."""
    if not mesh.is_drawn:
        return
    edge = road.points(np.array([s]), edge_t(road, s, side))[0]
    out = (at - edge)[:2] / np.linalg.norm((at - edge)[:2])
    aside = np.array([-out[1], out[0]]) * 1.35
    far = np.linspace(0.02, behind_m + 4.4, 5)
    lines = [edge[:2] + out * far[:, None] + sign * aside for sign in (1.0, -1.0)]
    left, right = (np.column_stack([line, terrain.height(line) + 0.015]) for line in lines)
    uv = (np.column_stack([far / 3.0, 0.0 * far]), np.column_stack([far / 3.0, 0.0 * far + 0.9]))
    with mesh.labelled(Tag.GROUND):
        mesh.strip(left, right, WALK_RGB * 0.92, PAVING, uv=uv, reach=REACH_M)


def add_hedge(mesh: StaticMesh, at: np.ndarray, yaw: float, half_m: float, dice: np.random.Generator) -> None:
    """A clipped hedge along the road, with leaves that stick out."""
    high = float(dice.uniform(0.75, 1.15))
    kind = STREET_KINDS[dice.integers(len(STREET_KINDS))]
    tint = np.array(kind.leaf_rgb[dice.integers(len(kind.leaf_rgb))])
    corners = rectangle(at[0], at[1], yaw, HEDGE_HALF_M - 0.03, half_m)
    mesh.stand(corners, at[2] - 0.2, at[2] + high, Tag.VEGETATION)
    if not mesh.is_drawn:
        return
    c, s = math.cos(yaw), math.sin(yaw)
    turn = np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]])
    local = np.array([0.0, 0.0, high / 2.0 - 0.1]) + BOX_CORNERS * [HEDGE_HALF_M - 0.03, half_m, high / 2.0 + 0.1]
    points = local[BOX_FACES].reshape(-1, 3)
    a, b, d = points[0::3], points[1::3], points[2::3]
    normals = np.repeat(np.cross(b - a, d - a), 3, axis=0)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    uv = np.where(
        np.abs(normals[:, 2:]) > 0.5, points[:, :2], np.column_stack([points[:, 0] + points[:, 1], points[:, 2]])
    )
    triangles = np.arange(len(points)).reshape(-1, 3)
    with mesh.labelled(Tag.VEGETATION, thing=True):
        mesh.add(points @ turn + at, triangles, 0.75 * tint, FOLIAGE, uv / 0.9, normals @ turn, reach=HEDGE_REACH_M)
        count = max(3, round(half_m * 2.4))
        ys = np.linspace(-half_m + 0.25, half_m - 0.25, count)
        middles = np.column_stack([np.zeros(count), ys, np.full(count, high - 0.22)])
        shell = cards(kind, middles, np.full(count, 0.30), np.array([0.0, 0.0, 0.3]), 4, 0.95, dice)
        uv = shell.uv
        mesh.add(
            shell.points @ turn + at, shell.triangles, 0.92 * tint, LEAVES, uv, shell.normals @ turn, reach=NEAR_M[1]
        )
