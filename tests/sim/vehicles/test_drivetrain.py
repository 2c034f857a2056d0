"""Engine and gears: power, shifting up and down, kick-down, manual gears, neutral, engine braking."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.vehicles.drivetrain import Drivetrain, combustion, electric, pedal_of_share, share_of_pedal
from sim.vehicles.fleet import Vehicles
from sim.vehicles.step import step_vehicles
from tests.sim.vehicles.lone_car import DT, one


def drive(cars: Vehicles, seconds: float) -> list[int]:
    """The gears that the car went through, without repeats."""
    gears = []
    for _ in range(round(seconds / DT)):
        step_vehicles(cars, DT)
        if not gears or gears[-1] != int(cars.gear[0]):
            gears.append(int(cars.gear[0]))
    return gears


def test_a_built_engine_has_the_power_it_was_asked_for():
    for engine in (combustion(90e3, 6000.0, 0.33), combustion(90e3, 6000.0, 0.33, diesel=True)):
        radps = np.linspace(0.0, engine.max_rpm * np.pi / 30.0, len(engine.torque_nm))
        assert np.max(np.array(engine.torque_nm) * radps) == pytest.approx(90e3)
        first_n = max(engine.torque_nm) * engine.ratios[0] * engine.efficiency / 0.33
        assert first_n == pytest.approx(6000.0, rel=0.01)
    motor = electric(90e3, 6000.0, 0.33, 50.0, 500.0)
    assert motor.torque_nm[0] * motor.ratios[0] / 0.33 == pytest.approx(6000.0)
    assert motor.torque_nm[-1] * motor.max_rpm * np.pi / 30.0 == pytest.approx(90e3)


def test_full_throttle_goes_up_through_the_gears_and_the_engine_stays_below_its_limit():
    cars = one()
    cars.throttle[0] = 1.0
    gears = []
    for _ in range(400):
        step_vehicles(cars, DT)
        gears.append(int(cars.gear[0]))
        assert cars.engine_rpm(0) < 1.1 * Drivetrain().max_rpm
    assert gears == sorted(gears)
    assert gears[-1] >= 4


def test_a_light_foot_shifts_up_at_lower_speeds():
    gentle, hard = one(), one()
    gentle.throttle[0], hard.throttle[0] = 0.25, 1.0
    for cars in (gentle, hard):
        while cars.vx_body[0] < 9.0:
            step_vehicles(cars, DT)
    assert gentle.gear[0] > hard.gear[0]
    assert gentle.engine_rpm(0) < hard.engine_rpm(0)


def test_the_pedal_down_takes_a_lower_gear():
    cars = one(20.0)
    cars.throttle[0] = 0.15
    drive(cars, 3.0)
    cruising = int(cars.gear[0])
    cars.throttle[0] = 1.0
    drive(cars, 0.5)
    assert cars.gear[0] < cruising


def test_at_a_steady_speed_the_box_does_not_hunt():
    for speed_mps in (8.0, 14.0, 22.0, 30.0):
        cars = one(speed_mps)
        changes = 0
        for _ in range(600):
            cars.throttle[0] = np.clip(0.15 + 0.2 * (speed_mps - cars.vx_body[0]), 0.0, 1.0)
            before = int(cars.gear[0])
            step_vehicles(cars, DT)
            changes += int(cars.gear[0]) != before
        assert changes <= 4


def test_a_standing_car_is_in_first_gear_at_idle():
    cars = one(25.0)
    cars.brake[0] = 1.0
    drive(cars, 6.0)
    assert cars.gear[0] == 1
    assert cars.engine_rpm(0) == pytest.approx(750.0)


def test_manual_gears_are_kept_and_a_low_one_brakes_more():
    decelerations = []
    for gear in (2, 5):
        cars = one(15.0)
        cars.manual_gear[0], cars.wanted_gear[0] = True, gear
        drive(cars, 1.0)
        assert cars.shown_gears()[0] == gear
        decelerations.append(15.0 - cars.vx_body[0])
    assert decelerations[0] > 1.5 * decelerations[1]


def test_neutral_neither_drives_nor_brakes():
    cars = one(15.0)
    cars.manual_gear[0], cars.wanted_gear[0], cars.throttle[0] = True, 0, 1.0
    drive(cars, 1.0)
    assert cars.shown_gears()[0] == 0
    assert 14.5 < cars.vx_body[0] < 15.0
    assert cars.engine_rpm(0) == pytest.approx(Drivetrain().max_rpm)


@given(st.floats(0.0, 1.0))
def test_pedal_and_share_are_each_others_inverse(pedal):
    share = share_of_pedal(pedal)
    assert 0.0 <= share <= 1.0
    assert pedal_of_share(share) == pytest.approx(pedal, abs=1e-9)


def test_impossible_drivetrains_are_refused():
    with pytest.raises(ValueError, match="torque_nm"):
        Drivetrain(torque_nm=(1.0,))
    with pytest.raises(ValueError, match="ratios"):
        Drivetrain(ratios=())
    with pytest.raises(ValueError, match="max_rpm"):
        Drivetrain(max_rpm=100.0, idle_rpm=700.0)
