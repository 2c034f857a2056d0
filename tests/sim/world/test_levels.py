"""A bridge and the road below it: who is on one does not touch who is on the other."""

import math

import pytest

from sim.map.network import read_network
from sim.scene.poses import Pose
from sim.world.errors import WorldError
from sim.world.world import World
from tests.sim.map.bridge import DECK_M, crossing_at_two_levels

CAR, WALKER, CONE = ([0, name, []] for name in ("vehicle.tesla.model3", "walker.pedestrian.0001", "static.prop.box01"))
LANE_M = 1.75
NORTH = -math.pi / 2


@pytest.fixture
def world() -> World:
    return World(read_network("bridge", crossing_at_two_levels()), 0)


def drive(world: World, actor_id: int, seconds: float, velocity=(15.0, 0.0, 0.0)) -> list:
    """Drive a car straight on at a constant speed; gives who it has touched."""
    world.constant_velocities[actor_id] = velocity
    touched = []
    for _ in range(round(seconds / 0.05)):
        world.step(0.05)
        touched += [(contact.a, contact.b) for contact in world.contacts]
    return touched


def test_things_are_set_down_on_the_level_that_is_meant(world):
    above = world.spawn(CAR, Pose(LANE_M, 20.0, DECK_M + 0.3, yaw=NORTH))
    below = world.spawn(CAR, Pose(-20.0, LANE_M, 0.3))
    assert (above.pose.z, below.pose.z) == (pytest.approx(DECK_M), pytest.approx(0.0))


def test_a_car_on_the_bridge_passes_above_everybody_on_the_road_below(world):
    for description, y in ((WALKER, 1.0), (CONE, -2.0), (CAR, 1.75)):
        world.spawn(description, Pose(LANE_M if description is not CAR else -1.5, y, 0.5))
    car = world.spawn(CAR, Pose(LANE_M, 30.0, DECK_M + 0.3, yaw=NORTH)).actor_id
    assert drive(world, car, 4.0) == []
    assert world.actors[car].pose.y < -20.0
    assert world.actors[car].pose.z == pytest.approx(DECK_M, abs=0.05)


def test_a_car_on_the_road_passes_below_everybody_on_the_bridge(world):
    for description, x in ((WALKER, 1.0), (CAR, 1.75)):
        world.spawn(description, Pose(x, 1.75 if description is WALKER else 8.0, DECK_M + 0.5, yaw=NORTH))
    car = world.spawn(CAR, Pose(-30.0, LANE_M, 0.3)).actor_id
    assert drive(world, car, 4.0) == []
    assert world.actors[car].pose.x > 20.0


@pytest.mark.parametrize("height_m", [0.0, DECK_M])
def test_on_one_level_they_do_touch(world, height_m):
    walker = world.spawn(WALKER, Pose(LANE_M, LANE_M, height_m + 1.0)).actor_id
    pose = Pose(LANE_M, 20.0, height_m + 0.3, yaw=NORTH) if height_m else Pose(-20.0, LANE_M, 0.3)
    car = world.spawn(CAR, pose).actor_id
    assert (car, walker) in [tuple(sorted(pair, reverse=True)) for pair in drive(world, car, 2.0)]


def test_one_may_spawn_below_a_bridge_and_not_where_somebody_is(world):
    world.spawn(CAR, Pose(LANE_M, LANE_M, DECK_M + 0.3, yaw=NORTH))
    world.spawn(CAR, Pose(LANE_M, LANE_M, 0.3))
    for height_m in (0.3, DECK_M + 0.3):
        with pytest.raises(WorldError, match="collision at spawn position"):
            world.spawn(CAR, Pose(LANE_M, LANE_M, height_m))
