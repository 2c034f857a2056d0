"""What drives background vehicles is passed to a world, which calls it before it moves them."""

from pathlib import Path

import pytest

from sim.map.network import RoadNetwork, read_network
from sim.vehicles.fleet import Vehicles
from sim.world.collisions import Obstacles
from sim.world.world import World

MAP = Path(__file__).parents[3] / "assets" / "maps" / "millbrook.xodr"
CAR = [1, "vehicle.audi.tt", []]


class FullThrottle:
    """Drives every vehicle but those it is set to leave alone."""

    def __init__(self) -> None:
        self.left_alone: list[int] = []
        self.registered: list[int] = []

    def step(self, vehicles: Vehicles, obstacles: Obstacles, dt_s: float) -> None:
        for actor_id in vehicles.ids.tolist():
            vehicles.throttle[vehicles.slot(actor_id)] = float(actor_id not in self.left_alone)

    def unregister(self, actor_id: int) -> None:
        self.left_alone.append(actor_id)


@pytest.fixture
def network() -> RoadNetwork:
    return read_network("Millbrook", MAP.read_text())


def test_what_drives_is_called_before_each_step_of_motion(network):
    world = World(network, 0, FullThrottle())
    car = world.spawn(CAR, world.spawn_points[0]).actor_id
    world.step(0.05)
    assert world.vehicles.throttle[world.vehicles.slot(car)] == 1.0
    assert world.vehicles.speed()[world.vehicles.slot(car)] > 0.0


def test_a_vehicle_taken_from_its_driver_and_one_destroyed_are_driven_no_longer(network):
    drivers = FullThrottle()
    world = World(network, 0, drivers)
    first, second = (world.spawn(CAR, world.spawn_points[k]).actor_id for k in range(2))
    world.stop_driving(first)
    world.step(0.05)
    assert world.vehicles.throttle[world.vehicles.slot(first)] == 0.0
    assert world.vehicles.throttle[world.vehicles.slot(second)] == 1.0
    world.destroy(second)
    assert drivers.left_alone == [first, second]


def test_a_world_without_drivers_leaves_its_vehicles_standing(network):
    world = World(network, 0)
    car = world.spawn(CAR, world.spawn_points[0]).actor_id
    for _ in range(5):
        world.step(0.05)
    world.destroy(car)
    assert car not in world.vehicles
    assert car in world.tombstones
