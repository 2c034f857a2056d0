"""What rays meet is what vehicles hit: the drawn town, clients' lines and the static bodies agree in every town."""

from importlib import resources

import numpy as np
import pytest
import shapely

from sim.map.network import read_network
from sim.map.opendrive import read_roads
from sim.rays.lines import hits_on_line
from sim.rays.scene import RayScene
from sim.scene.labels import Tag
from sim.scene.records import DrawnLight
from sim.town.barriers import RAIL_M, STEP_M
from sim.town.terrain import Terrain
from sim.town.town import build_town
from sim.world.world import World

TOWNS = ("Ashford", "Highfield", "Kingsway", "Millbrook")
BUMPER_M, REACH_M, RAYS = 0.46, 40.0, 3000
LOW_M = 1.2
"""Above the ground: what is higher there are the leaves of trees and the roofs of houses beside a hill."""
NEAR_M = 0.04
"""How well pictures and bodies agree: posts and trunks taper."""
ROUNDED_M = 0.4
"""Parked cars and street furniture have rounder shapes than their bodies."""
SOLID = (Tag.BUILDINGS, Tag.VEGETATION, Tag.POLES, Tag.GUARD_RAIL, Tag.WALLS, Tag.FENCES, Tag.CAR, Tag.STATIC)


def world_of(town: str) -> World:
    text = (resources.files("assets") / "maps" / f"{town.lower()}.xodr").read_text()
    return World(read_network(town, text), 0)


def rays_from_the_road(world: World, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Level rays at bumper height from places on the lanes, in any direction."""
    rng = np.random.default_rng(seed)
    place = rng.integers(0, len(world.lanes.x), RAYS)
    angle = rng.uniform(-np.pi, np.pi, RAYS)
    origins = np.column_stack([world.lanes.x[place], world.lanes.y[place], world.lanes.z[place] + BUMPER_M])
    return origins, np.column_stack([np.cos(angle), np.sin(angle), np.zeros(RAYS)])


def distances(
    world: World, origins: np.ndarray, ways: np.ndarray, grown_m: float, higher_m: float, but=()
) -> np.ndarray:
    """How far each ray gets to the nearest body, grown to the sides and in height; (n,), infinite where to none."""
    bodies = [body for body in world.statics.bodies if body.tag not in but]
    shapes = [shapely.Polygon(body.footprint).buffer(grown_m, join_style="mitre") for body in bodies]
    ends = np.stack([origins[:, :2], origins[:, :2] + REACH_M * ways[:, :2]], axis=1)
    lines = np.array([shapely.LineString(pair) for pair in ends])
    ray, body = shapely.STRtree(shapes).query(lines, predicate="intersects")
    low, high = (np.array([getattr(b, name) for b in bodies]) for name in ("low_m", "high_m"))
    level = (low[body] - higher_m < origins[ray, 2]) & (high[body] + higher_m > origins[ray, 2])
    ray, body = ray[level], body[level]
    met = shapely.intersection(lines[ray], np.array(shapes)[body])
    away = shapely.distance(shapely.points(origins[ray, :2]), met)
    found = np.full(len(lines), np.inf)
    np.minimum.at(found, ray, away)
    return found


@pytest.mark.parametrize("town", TOWNS)
def test_pictures_and_scans_meet_a_body_where_vehicles_hit_it(town):
    world = world_of(town)
    lights = [DrawnLight(light.x, light.y, light.z, light.yaw_rad, 3) for light in world.signals.lights]
    scene = RayScene(build_town(world.opendrive), lights)
    origins, ways = rays_from_the_road(world, 11)
    hits = scene.cast(origins, ways, REACH_M)
    # A wall on a hill is drawn as one slope, and is solid in steps.
    surely = distances(world, origins, ways, -0.015, -STEP_M - 0.02, (Tag.CAR, Tag.STATIC, Tag.FENCES))
    assert np.isfinite(surely).sum() > 150
    # A body that is surely in a ray's way stops it there; only something of the ground may come before.
    assert (hits.distance_m < surely + 2.0 * NEAR_M)[np.isfinite(surely)].mean() > 0.995
    # And what stops a ray, if it is no ground, and not high up in a tree or at a roof beside a hill, is a body.
    places = origins + np.where(hits.met, hits.distance_m, 0.0)[:, None] * ways
    terrain = Terrain(read_roads(world.opendrive)).height(places[:, :2])
    solid = np.isin(hits.tag, SOLID) & hits.met & (places[:, 2] < terrain + LOW_M)
    assert solid.sum() > 150
    assert is_at_a_body(world, places[solid]).mean() > 0.99  # on slopes street furniture stands a little askew


def is_at_a_body(world: World, places: np.ndarray) -> np.ndarray:
    """(n,) bool: whether (n, 3) places are on a body or within a few centimetres of one."""
    bodies = world.statics.bodies
    tree = shapely.STRtree([shapely.Polygon(body.footprint) for body in bodies])
    place, body = tree.query(shapely.points(places[:, :2]), predicate="dwithin", distance=ROUNDED_M)
    low = np.array([b.low_m - (RAIL_M[0] if b.tag == Tag.GUARD_RAIL else 0.0) for b in bodies])  # posts below a rail
    high = np.array([b.high_m for b in bodies])
    exact = np.array([b.tag not in (Tag.CAR, Tag.STATIC) for b in bodies])[body]
    apart = shapely.distance(tree.geometries[body], shapely.points(places[place, :2]))
    place, body = place[~exact | (apart < NEAR_M)], body[~exact | (apart < NEAR_M)]
    height = places[place, 2]
    found = np.zeros(len(places), bool)
    found[place[(low[body] < height + 0.02) & (high[body] > height - 0.02)]] = True
    return found


@pytest.mark.parametrize("town", ["Kingsway", "Millbrook"])
def test_a_clients_line_meets_the_same_bodies(town):
    world = world_of(town)
    origins, ways = rays_from_the_road(world, 5)
    narrow, wide = (distances(world, origins, ways, grown_m, grown_m) for grown_m in (-0.005, 0.005))
    for k in np.flatnonzero(np.isfinite(narrow) & (wide < narrow) & (narrow - wide < 0.5))[:200]:
        start, end = tuple(origins[k].tolist()), tuple((origins[k] + REACH_M * ways[k]).tolist())
        bodies = world.statics.near_line(start, end)
        hits = hits_on_line(start, end, (), lambda *_: -1e3, lambda *_: 1, bodies)
        assert wide[k] - 1e-6 <= hits[0].along * REACH_M <= narrow[k] + 1e-6
