"""Street furniture in the shipped towns: enough of it, and out of the way of who drives, walks or looks."""

from __future__ import annotations

from importlib import resources

import numpy as np
import pytest
import shapely
from shapely.geometry import Point, Polygon

from sim.map.opendrive import read_roads
from sim.rays.scene import RayScene
from sim.scene.labels import Tag
from sim.town.clutter.furniture import MAKERS, furniture
from sim.town.clutter.placing import LOW_M
from sim.town.scene_objects import scene_objects
from sim.town.standing import standing
from sim.town.town import build_town

TOWNS = ("ashford", "highfield", "kingsway", "millbrook")
SIGHT_M = 10.0
CLUTTER = (Tag.STATIC, Tag.DYNAMIC, Tag.CAR, Tag.FENCES)


def opendrive(town: str) -> str:
    return (resources.files("assets") / "maps" / f"{town}.xodr").read_text()


def clutter(town: str) -> list:
    return [body for body in standing(opendrive(town)).bodies if body.tag in CLUTTER]


@pytest.mark.parametrize("town", TOWNS)
def test_streets_have_furniture_off_roads_and_sidewalks(town):
    bodies, paved = clutter(town), standing(opendrive(town)).outlines.paved
    assert len(bodies) > 60
    shapely.prepare(paved)
    assert not any(paved.intersects(Polygon(body.footprint)) for body in bodies)


@pytest.mark.parametrize("town", TOWNS)
def test_nothing_high_stands_where_drivers_look_round_a_junctions_corner(town):
    high = [Polygon(body.footprint) for body in clutter(town) if body.high_m - body.low_m > LOW_M + 0.3]
    assert len(high) > 5
    for road in (road for road in read_roads(opendrive(town)) if road.length > 0.0 and road.junction < 0):
        for s in (0.0, road.length):
            assert shapely.distance(Point(road.points(np.array([s]), 0.0)[0, :2]), high).min() > SIGHT_M


def test_parked_cars_are_cars_to_clients_and_to_rays():
    text = opendrive("ashford")
    boxes = [thing.box for thing in scene_objects(text) if thing.box.label == Tag.CAR]
    assert len(boxes) > 20
    rays = RayScene(build_town(text), ())
    met = 0
    for box in boxes[:20]:
        above = np.array([box.pose.x, box.pose.y, box.pose.z + 5.0])
        hit = rays.cast(above, np.array([[0.0, 0.0, -1.0]]), 20.0)
        met += int(hit.tag[0] == Tag.CAR)
        assert hit.distance_m[0] < 5.0
    assert met >= 18  # a branch may be above


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_blocks_that_stop_vehicles_are_where_the_thing_is_drawn(name):
    thing = furniture(name)
    points = thing.model.vertices["position"]
    assert points[:, 2].min() > -0.05
    reach = np.abs(points[points[:, 2] < 1.9][:, :2]).max(axis=0)  # a parasol is above
    assert (reach <= np.array(thing.half_m) + 0.03).all()
    for x, y, half_x, half_y, low, high in thing.blocks:
        inside = points[(points[:, 2] > low - 0.01) & (points[:, 2] < high + 0.05)]
        for middle, half, column in ((x, half_x, 0), (y, half_y, 1)):
            assert inside[:, column].min() < middle - half + 0.06
            assert inside[:, column].max() > middle + half - 0.06


def test_streets_look_different_from_each_other():
    """Along each of Millbrook's longer streets stands another mix of things."""
    bodies = clutter("millbrook")
    middles = np.array([body.footprint.mean(axis=0) for body in bodies])
    mixes = set()
    streets = [road for road in read_roads(opendrive("millbrook")) if road.junction < 0 and road.length > 120.0]
    for road in streets:
        line = road.points(np.arange(0.0, road.length, 5.0), 0.0)[:, :2]
        near = np.linalg.norm(middles[:, None] - line[None], axis=2).min(axis=1) < 14.0
        mixes.add(tuple(sorted((bodies[k].tag, round(bodies[k].high_m, 1)) for k in np.flatnonzero(near))))
    assert len(streets) > 4
    assert len(mixes) == len(streets)
