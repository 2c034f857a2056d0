"""The table of all vehicles: adding, removing and moving by hand."""

import math

import pytest

from sim.vehicles.fleet import Vehicles
from sim.vehicles.spec import VehicleSpec
from tests.sim.vehicles.lone_car import one


def test_impulse_changes_the_velocity_by_impulse_over_mass():
    cars = one()
    cars.apply_impulse(7, 1400.0, -2800.0)
    assert cars.world_velocity()[0] == pytest.approx([1.0, -2.0, 0.0])


def test_moving_a_car_by_hand_keeps_its_velocity_in_the_world():
    cars = one(10.0)
    cars.set_pose(7, 5.0, 6.0, 0.0, yaw=math.pi / 2)
    assert cars.world_velocity()[0] == pytest.approx([10.0, 0.0, 0.0], abs=1e-9)


def test_removing_a_vehicle_leaves_the_others_as_they_were():
    cars = Vehicles(capacity=2)
    for k in range(5):
        cars.add(10 + k, VehicleSpec(mass_kg=1000.0 + k), float(k), 0.0, 0.0, 0.0)
    cars.remove(11)
    assert cars.ids.tolist() == [10, 12, 13, 14]
    assert cars.x.tolist() == [0.0, 2.0, 3.0, 4.0]
    assert cars.p["mass_kg"].tolist() == [1000.0, 1002.0, 1003.0, 1004.0]
    assert [cars.slot(i) for i in (10, 12, 13, 14)] == [0, 1, 2, 3]
    with pytest.raises(KeyError, match="11"):
        cars.slot(11)


def test_same_id_twice_and_impossible_specifications_are_refused():
    cars = one()
    with pytest.raises(ValueError, match="id 7"):
        cars.add(7, VehicleSpec(), 0.0, 0.0, 0.0, 0.0)
    with pytest.raises(ValueError, match="mass_kg"):
        VehicleSpec(mass_kg=0.0)
    with pytest.raises(ValueError, match="cg_to_front_m"):
        VehicleSpec(cg_to_front_m=9.0)


def test_velocity_points_up_the_slope_that_a_vehicle_climbs():
    cars = one(10.0)
    cars.ground_pitch[0] = 0.1
    assert cars.world_velocity()[0] == pytest.approx((10.0, 0.0, 10.0 * math.tan(0.1)))
