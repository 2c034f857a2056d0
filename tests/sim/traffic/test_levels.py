"""Roads above each other: a driver, its speed limit, its light and its right of way know only their own level."""

import carla
import numpy as np
import pytest

from sim.map.signals import LightState
from sim.world.collisions import Obstacles
from tests.sim.map.small_roads import two_decks, two_levels
from tests.sim.traffic.town_scene import Scene

BELOW, BRIDGE = 0, 2
"""Lanes of `two_levels`: the first halves of both roads."""


def crossing(**options) -> Scene:
    return Scene.on(carla.Map("levels", two_levels(**options)))


def test_a_driver_passes_below_a_car_that_is_parked_on_the_bridge():
    scene = crossing()
    scene.put(1, BELOW, 40.0, 10.0)
    scene.put(2, BRIDGE, 98.0, driven=False)
    assert scene.vehicles.z[1] == 6.0
    scene.step(9.0)
    assert scene.vehicles.x[0] > 15.0


def test_a_driver_on_the_bridge_passes_over_a_car_that_is_parked_below():
    scene = crossing()
    scene.put(1, BRIDGE, 40.0, 10.0)
    scene.put(2, BELOW, 101.0, driven=False)
    scene.step(9.0)
    assert scene.vehicles.y[0] < -15.0


def test_a_driver_passes_below_a_walker_on_the_bridge_and_stops_for_one_on_its_road():
    for height_m, passes in ((6.0, True), (0.0, False)):
        scene = crossing()
        scene.put(1, BELOW, 40.0, 10.0)
        numbers = (np.array([v]) for v in (1.75, 1.75, 0.0, 0.3, 0.3, 75.0, 0.0, 0.0, height_m, 1.8))
        scene.obstacles = Obstacles(np.array([9]), *numbers, meets_statics=np.array([True]))
        scene.step(9.0)
        assert (scene.vehicles.x[0] > 15.0) == passes


def test_the_light_on_the_bridge_is_not_the_light_of_a_car_below_it():
    scene = crossing(light=True)
    scene.show(LightState.RED)
    place = (np.array([1.75]), np.array([4.0]), np.array([-np.pi / 2]))
    assert scene.signals.lights_for(*place, np.array([6.0])) == [0]
    assert scene.signals.lights_for(*place, np.array([0.0])) == [-1]


def test_lane_and_speed_limit_are_those_of_the_level():
    scene = crossing()
    place = (np.array([1.5]), np.array([1.6]), np.array([-0.8]))
    for z, lanes in ((0.0, (0, 1)), (6.0, (2, 3))):
        lane, s, _ = scene.lanes.nearest_many(*place, z=np.array([z]))
        assert lane[0] in lanes
        limit_kmh = 3.6 * scene.lanes.limits_mps(lane, s)[0]
        assert round(limit_kmh) == (50 if z == 0.0 else 100)
    assert scene.lanes.nearest(0.0, 1.75, 0.0, z=20.0) == (-1, 0.0)


@pytest.mark.parametrize("height_m", [0.0, 8.5])
def test_a_path_leads_onto_the_deck_on_which_its_places_are(height_m):
    scene = Scene.on(carla.Map("decks", two_decks()))
    lane, s = scene.lanes.nearest(60.0, 1.75, 0.0)
    scene.put(1, lane, s, 10.0)
    scene.traffic.set_path(1, np.array([[120.0, 1.75, 0.0], [290.0, 1.75, height_m]]))
    scene.step(0.2)
    last = scene.lanes.lanes[scene.traffic._drivers[0].route.legs[-1].lane]  # what was chosen, seen nowhere else yet
    assert abs(last.z[139] - height_m) < 0.5
