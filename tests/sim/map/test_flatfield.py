"""The proving ground: the places that CARLA's own scripts have written into them are open asphalt there."""

import carla
import pytest
import shapely

from sim.map.aliases import default_aliases, find_named_map
from sim.town.standing import standing

PLACES = {
    "Town05_Opt": [(x, y) for x in (27.0, 29.0, 33.0, 36.0) for y in range(-200, 41, 10)],
    "Town03": [
        *((x, y) for x in range(40, 141, 5) for y in (-257.0, -255.0, -253.0)),
        *((x, y) for x in range(50, 141, 10) for y in (-205.0, -200.0)),
        *((85.0, y) for y in range(-255, -229, 5)),
        *((235.0, y) for y in range(-1, 181, 10)),
    ],
}
"""x, y in CARLA's frame: `test_vehicle_physics`, `test_collision_determinism` and `test_sensor_determinism`."""


@pytest.fixture(scope="module", params=PLACES)
def ground(request):
    _, found = find_named_map(request.param, default_aliases())
    return found, PLACES[request.param]


def test_there_is_a_lane_under_each_place(ground):
    found, places = ground
    library = carla.Map(found.name, found.opendrive)
    for x, y in places:
        lane = library.get_waypoint(carla.Location(float(x), float(y), 0.0), False, carla.LaneType.Any)
        assert lane is not None, (x, y)
        assert lane.lane_type in (carla.LaneType.Driving, carla.LaneType.Stop), (x, y)


def test_nothing_solid_stands_within_four_metres_of_any(ground):
    found, places = ground
    ways = shapely.union_all(shapely.buffer(shapely.points(places), 4.0))
    for body in standing(found.opendrive).bodies:
        assert not ways.intersects(shapely.Polygon(body.footprint)), body
