"""What spawning looks at: other actors near the place, and none of those elsewhere."""

from pathlib import Path

import pytest

from sim.map.network import read_network
from sim.scene.poses import Pose
from sim.world.actors import Vehicle
from sim.world.errors import WorldError
from sim.world.world import World

MAP = Path(__file__).parents[3] / "assets" / "maps" / "millbrook.xodr"
CAR = [8, "vehicle.tesla.model3", []]


@pytest.fixture
def world():
    return World(read_network("Millbrook", MAP.read_text()), seed=0)


def test_a_vehicle_is_spawned_without_a_look_at_each_of_those_far_off(world, monkeypatch):
    for place in world.spawn_points[1:60]:
        world.spawn(CAR, place)
    first = world.spawn_points[0]
    far = [a for a in world.actors.values() if isinstance(a, Vehicle) and abs(a.pose.x - first.x) > 30.0]
    assert len(far) >= 20
    looked_at = []
    pose = Vehicle.pose
    watched = property(lambda self: looked_at.append(self.actor_id) or pose.fget(self), pose.fset)
    monkeypatch.setattr(Vehicle, "pose", watched)
    world.spawn(CAR, first)
    assert not {a.actor_id for a in far} & set(looked_at)


@pytest.mark.parametrize("there", ["vehicle.tesla.model3", "vehicle.carlamotors.firetruck", "static.prop.box01"])
def test_nothing_is_spawned_into_another(world, there):
    world.spawn([8, there, []], Pose(-150.0, 1.75, 0.0))
    with pytest.raises(WorldError, match="collision at spawn position"):
        world.spawn(CAR, Pose(-148.0, 1.75, 0.0))


def test_props_above_each_other_hang_there_and_one_near_the_ground_is_set_down(world):
    heights = [0.5, 100.0, 200.0]
    boxes = [world.spawn([8, "static.prop.box01", []], Pose(-150.0, 1.75, z)) for z in heights]
    assert [box.pose.z for box in boxes] == [0.0, 100.0, 200.0]
    world.step(0.05)
    assert [box.pose.z for box in boxes] == [0.0, 100.0, 200.0]


def test_a_walker_kept_far_below_a_car_is_not_in_its_way(world):
    car = world.spawn(CAR, Pose(-150.0, 1.75, 0.0))
    walker = world.spawn([8, "walker.pedestrian.0001", []], Pose(-150.0, 1.75, -50.0))
    assert walker.pose.z == -50.0
    world.set_velocity(car.actor_id, (10.0, 0.0, 0.0))
    world.step(0.05)
    assert not world.contacts
