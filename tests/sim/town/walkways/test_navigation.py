"""Walkers' navigation: the mesh itself, and people whom the unmodified client's controllers walk on it."""

from pathlib import Path

import carla
import numpy as np
import pytest
import shapely

from sim.map.opendrive import read_roads
from sim.town.walkways.navigation import REACH_M, Area, crosswalks_of, navigation_file, walkable_areas
from sim.town.walkways.navmesh_file import MeshTooLargeError, pack_mesh
from tests.sim.map.small_roads import two_part_road
from tests.sim.server.server_process import client_of, serving, synchronous_world

MAPS = Path(__file__).parents[4] / "assets" / "maps"
WALKERS = 24


def town(name):
    return carla.Map(name, (MAPS / f"{name}.xodr").read_text())


@pytest.fixture(scope="module")
def world():
    with serving() as port:
        yield synchronous_world(client_of(port))


@pytest.mark.parametrize("name", ["ashford", "highfield", "kingsway", "millbrook"])
def test_the_grounds_of_each_kind_do_not_overlap_and_crosswalks_lead_from_sidewalk_to_sidewalk(name):
    carla_map = town(name)
    areas = walkable_areas(read_roads(carla_map.to_opendrive()), crosswalks_of(carla_map))
    walk, crossing, road = (areas[kind] for kind in Area)
    for one, other in ((walk, crossing), (walk, road), (crossing, road)):
        assert shapely.intersection(one, other).area < 0.5
    for crosswalk in shapely.get_parts(crossing):
        assert shapely.get_num_geometries(crosswalk.buffer(0.05).intersection(walk)) >= 2


def test_a_map_without_sidewalks_has_no_navigation_file():
    assert navigation_file(carla.Map("straight", two_part_road())) == b""


def test_a_mesh_of_too_many_corners_is_refused():
    points = np.zeros((70_000, 3))
    with pytest.raises(MeshTooLargeError, match="65535"):
        pack_mesh(points, np.array([[0, 1, 2]]), np.ones(1), np.ones(1))


def lane_kind(world, place):
    waypoint = world.get_map().get_waypoint(place, False, carla.LaneType.Any)
    return None if waypoint is None else waypoint.lane_type


def test_random_places_of_the_navigation_lie_on_sidewalks(world):
    places = [world.get_random_location_from_navigation() for _ in range(100)]
    kinds = [lane_kind(world, place) for place in places]
    assert carla.LaneType.Driving not in kinds
    assert kinds.count(carla.LaneType.Sidewalk) > 80
    assert len({round(place.x / 50.0) for place in places}) > 5


def test_the_clients_controllers_walk_people_about_town_who_cross_roads_only_at_crosswalks(world):
    world.set_pedestrians_seed(1)
    world.set_pedestrians_cross_factor(0.0)
    library = world.get_blueprint_library()
    places = [world.get_random_location_from_navigation() for _ in range(WALKERS)]
    models = library.filter("walker.pedestrian.*")
    walkers = [world.try_spawn_actor(models[k], carla.Transform(place)) for k, place in enumerate(places)]
    walkers = [walker for walker in walkers if walker is not None]
    world.tick()
    brain = library.find("controller.ai.walker")
    controllers = [world.spawn_actor(brain, carla.Transform(), walker) for walker in walkers]
    world.tick()
    for controller in controllers:
        controller.start()
        controller.go_to_location(world.get_random_location_from_navigation())
        controller.set_max_speed(2.0)
    crosswalks = shapely.union_all(crosswalks_of(world.get_map())).buffer(REACH_M)
    walked, crossed = np.zeros(len(walkers)), 0
    before = [walker.get_location() for walker in walkers]
    for _ in range(80):
        for _ in range(10):
            world.tick()
        now = [walker.get_location() for walker in walkers]
        walked += [a.distance(b) for a, b in zip(before, now, strict=True)]
        before = now
        on_the_road = [place for place in now if lane_kind(world, place) == carla.LaneType.Driving]
        assert all(crosswalks.contains(shapely.Point(place.x, place.y)) for place in on_the_road)
        feet = [place.z - walker.bounding_box.extent.z for place, walker in zip(now, walkers, strict=True)]
        assert np.abs(feet).max() < 0.1
        crossed += len(on_the_road)
    assert np.median(walked) > 30.0
    assert crossed > 0
    for controller in controllers:
        controller.stop()
