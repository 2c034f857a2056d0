"""The drivers' model by itself: equilibrium, stopping, pedals that give the acceleration asked for, pure pursuit."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.traffic.car_following import (
    MAX_ACCELERATION_MPS2,
    STANDSTILL_GAP_M,
    equilibrium_gap_m,
    free_acceleration,
    interaction,
    pedals,
    pursuit_steer,
    stopping_acceleration,
)
from sim.vehicles.fleet import Vehicles
from sim.vehicles.spec import VehicleSpec
from sim.vehicles.step import step_vehicles


def arrays(*values: float) -> list[np.ndarray]:
    return [np.array([value]) for value in values]


@pytest.mark.parametrize(("speed", "desired"), [(0.0, 10.0), (5.0, 11.0), (10.0, 14.0), (20.0, 25.0)])
def test_at_the_equilibrium_gap_nobody_accelerates(speed, desired):
    v, v0, gap = arrays(speed, desired, equilibrium_gap_m(speed, desired))
    acceleration = free_acceleration(v, v0) - interaction(v, gap, v, np.array([STANDSTILL_GAP_M]))
    assert acceleration[0] == pytest.approx(0.0, abs=1e-9)


def test_free_road_ends_at_the_desired_speed():
    assert free_acceleration(*arrays(0.0, 10.0))[0] == MAX_ACCELERATION_MPS2
    assert free_acceleration(*arrays(10.0, 10.0))[0] == 0.0
    assert free_acceleration(*arrays(20.0, 10.0))[0] < -1.0


@given(st.floats(0.0, 30.0), st.floats(0.2, 100.0), st.floats(0.0, 30.0))
def test_a_nearer_or_slower_leader_never_makes_a_driver_go_faster(speed, gap, leader):
    distance = np.array([2.0])
    here = interaction(*arrays(speed, gap, leader), distance)
    assert interaction(*arrays(speed, 0.9 * gap, leader), distance) >= here - 1e-9
    assert interaction(*arrays(speed, gap, 0.9 * leader), distance) >= here - 1e-9


@pytest.mark.parametrize("speed", [3.0, 8.0, 14.0, 25.0])
def test_braking_to_a_point_ends_there(speed):
    x, v, dt = 0.0, speed, 0.01
    target = speed * speed / 3.0 + 2.0
    while v > 0.01 and x < target + 5.0:
        asked = float(stopping_acceleration(*arrays(v, target - x))[0])
        v = max(v + dt * min(asked, 0.0), 0.0)
        x += v * dt
    assert x == pytest.approx(target, abs=0.3)


@pytest.mark.parametrize("desired", [-6.0, -3.0, -1.0, -0.3, 0.0, 0.5, 1.5])
@pytest.mark.parametrize("mass", [1100.0, 1400.0, 2600.0])
def test_pedals_give_the_acceleration_that_was_asked_for(desired, mass):
    cars = Vehicles()
    cars.add(1, VehicleSpec(mass_kg=mass), 0.0, 0.0, 0.0, 0.0)
    cars.set_world_velocity(1, 12.0, 0.0)
    for _ in range(10):
        slots = np.array([0])
        cars.throttle[:], cars.brake[:] = pedals(cars, slots, np.array([desired]))
        step_vehicles(cars, 0.05)
    assert (cars.vx_body[0] - 12.0) / 0.5 == pytest.approx(desired, abs=0.08, rel=0.03)


def test_a_standing_car_is_held_by_its_brake():
    cars = Vehicles()
    cars.add(1, VehicleSpec(), 0.0, 0.0, 0.0, 0.0)
    throttle, brake = pedals(cars, np.array([0]), np.array([-0.5]))
    assert throttle[0] == 0.0
    assert brake[0] > 0.2


@given(st.floats(6.0, 60.0), st.floats(0.05, 0.6))
def test_pure_pursuit_steers_the_circle_through_its_target(radius, share):
    """A target on a circle about the rear axle's normal asks for atan(L / R)."""
    angle = share
    dx, dy = radius * math.sin(angle), radius * (1.0 - math.cos(angle))
    if math.hypot(dx, dy) < 1.5:
        return
    steer = pursuit_steer(*arrays(dx, dy, 0.0, 2.65, 0.61))
    assert steer[0] == pytest.approx(math.atan(2.65 / radius) / 0.61, rel=1e-6)


@settings(max_examples=50)
@given(*[st.floats(-1e4, 1e4)] * 3)
def test_steering_and_pedals_stay_in_their_ranges(dx, dy, desired):
    assert -1.0 <= pursuit_steer(*arrays(dx, dy, 0.3, 2.65, 0.61))[0] <= 1.0
    cars = Vehicles()
    cars.add(1, VehicleSpec(), 0.0, 0.0, 0.0, 0.0)
    for pedal in pedals(cars, np.array([0]), np.array([desired])):
        assert 0.0 <= pedal[0] <= 1.0
