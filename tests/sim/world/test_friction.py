"""Boxes in which tyres hold less or more, on a straight road."""

import pytest

from sim.map.network import read_network
from sim.scene.poses import Pose
from sim.world.friction import TYRE_FRICTION
from sim.world.world import World
from tests.sim.map.small_roads import two_part_road

CAR = "vehicle.tesla.model3"


@pytest.fixture
def world():
    return World(read_network("straight", two_part_road()), 0)


def spawn_car(world, x=20.0):
    return world.spawn([1, CAR, []], Pose(x, 1.75))


def spawn_trigger(world, friction, x=50.0, half_m=(10.0, 5.0, 2.0)):
    sizes = zip(("extent_x", "extent_y", "extent_z"), half_m, strict=True)
    rows = [["friction", 3, str(friction)], *([name, 3, str(100.0 * metres)] for name, metres in sizes)]
    return world.spawn([2, "static.trigger.friction", rows], Pose(x, 1.75, 0.0))


def friction_of(world, car):
    return world.vehicles.p["friction"][world.vehicles.slot(car.actor_id)]


def put(world, car, x):
    world.set_pose(car.actor_id, car.pose._replace(x=x))
    world.step(0.05)


def test_tyres_have_the_boxs_friction_inside_it_and_their_own_again_behind_it(world):
    car = spawn_car(world)
    spawn_trigger(world, 0.7)
    own = friction_of(world, car)
    world.step(0.05)
    assert friction_of(world, car) == own
    put(world, car, 38.0)  # its nose is inside
    assert friction_of(world, car) == pytest.approx(car.spec.friction * 0.7 / TYRE_FRICTION)
    put(world, car, 75.0)
    assert friction_of(world, car) == own


def test_a_car_needs_longer_to_stop_on_ice(world):
    def way_to_stop(y):
        car = world.spawn([1, CAR, []], Pose(20.0, y))
        world.set_velocity(car.actor_id, (10.0, 0.0, 0.0))
        slot = world.vehicles.slot(car.actor_id)
        for _ in range(400):
            world.vehicles.throttle[slot], world.vehicles.brake[slot] = 0.0, 1.0
            world.step(0.05)
            if car.velocity_mps[0] < 0.1:
                break
        end = car.pose.x - 20.0
        world.destroy(car.actor_id)
        return end

    dry = way_to_stop(1.75)
    spawn_trigger(world, 0.1 * TYRE_FRICTION, x=50.0, half_m=(40.0, 5.0, 2.0))
    assert dry < 8.0
    assert way_to_stop(1.75) > 4.0 * dry


def test_a_box_above_the_road_does_nothing(world):
    car = spawn_car(world, 50.0)
    own = friction_of(world, car)
    trigger = spawn_trigger(world, 0.7)
    world.set_pose(trigger.actor_id, Pose(50.0, 1.75, 6.0))
    world.step(0.05)
    assert friction_of(world, car) == own


def test_a_destroyed_box_and_a_destroyed_car_are_forgotten(world):
    car, other = spawn_car(world, 45.0), spawn_car(world, 55.0)
    own = friction_of(world, car)
    trigger = spawn_trigger(world, 0.7)
    world.step(0.05)
    world.destroy(other.actor_id)
    world.destroy(trigger.actor_id)
    world.step(0.05)
    assert friction_of(world, car) == own
    assert not world.friction_triggers.holds(other.actor_id)
