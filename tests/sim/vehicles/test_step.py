"""Vehicle motion against closed forms: cornering, braking, hand brake, reverse, slopes; and any control at all."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.vehicles.drivetrain import electric
from sim.vehicles.fleet import Vehicles
from sim.vehicles.spec import VehicleSpec
from sim.vehicles.step import front_wheel_tangents, step_vehicles
from sim.vehicles.tyres import GRAVITY_MPS2
from tests.sim.vehicles.lone_car import DT, one


def run(cars: Vehicles, seconds: float) -> None:
    for _ in range(round(seconds / DT)):
        step_vehicles(cars, DT)


def stop_distance(cars: Vehicles) -> float:
    x = float(cars.x[0])
    for _ in range(2000):
        step_vehicles(cars, 0.01)
        if cars.vx_body[0] == 0.0:
            return float(cars.x[0]) - x
    raise AssertionError("it never stopped")


def cornering(steer: float, speed_mps: float, **spec) -> Vehicles:
    """A car that has settled into a circle at a constant speed."""
    cars = one(speed_mps, **spec)
    cars.steer[0] = steer
    for _ in range(300):
        cars.throttle[0] = np.clip(0.2 + 0.5 * (speed_mps - cars.vx_body[0]), 0.0, 1.0)
        step_vehicles(cars, DT)
    return cars


@pytest.mark.parametrize(("speed_mps", "steer"), [(1.5, 0.3), (10.0, 0.05), (15.0, 0.03), (20.0, 0.02)])
def test_steady_cornering_has_the_yaw_rate_of_the_bicycle_model(speed_mps, steer):
    """r = v δ / (L + K v²) with K = m / L (b / Cf - a / Cr) (Rajamani, Vehicle Dynamics and Control, ch. 3)."""
    spec = VehicleSpec()
    cars = cornering(steer, speed_mps)
    v = float(cars.vx_body[0])
    length, a = spec.wheelbase_m, spec.cg_to_front_m
    understeer = spec.mass_kg / length * ((length - a) / spec.front_stiffness_npr - a / spec.rear_stiffness_npr)
    expected = v * math.tan(steer * spec.max_steer_rad) / (length + understeer * v * v * (v > 4.0))
    assert v == pytest.approx(speed_mps, abs=0.5)
    assert cars.yaw_rate[0] == pytest.approx(expected, rel=0.05)


def test_wheels_roll_as_far_as_the_car_goes():
    cars = one(5.0)
    begun_m, turned_rad, last = float(cars.x[0]), 0.0, cars.wheel_turn_rad[0].copy()
    for _ in range(40):
        step_vehicles(cars, 0.01)
        turned_rad += (cars.wheel_turn_rad[0] - last + math.pi) % math.tau - math.pi
        last = cars.wheel_turn_rad[0].copy()
    way_m = float(cars.x[0]) - begun_m
    assert way_m > 1.5
    assert turned_rad == pytest.approx(np.full(4, way_m / cars.p["wheel_radius_m"][0]), rel=0.02)


def test_a_locked_wheel_does_not_roll():
    cars = one(10.0)
    cars.hand_brake[0] = True
    run(cars, 0.5)
    before = cars.wheel_turn_rad[0].copy()
    run(cars, 0.2)
    assert cars.wheel_turn_rad[0, 2:] == pytest.approx(before[2:], abs=0.05)
    assert abs(cars.wheel_turn_rad[0, 0] - before[0]) > 0.1


def test_positive_steering_turns_to_the_right_which_is_positive_y():
    cars = cornering(0.1, 5.0)
    assert cars.yaw_rate[0] > 0.0
    cars = one(5.0)
    cars.steer[0] = 0.3
    run(cars, 1.0)
    assert cars.y[0] > 0.5


def test_car_cannot_corner_harder_than_its_tyres_hold():
    for speed_mps, friction in ((20.0, 1.0), (12.0, 0.4)):
        cars = cornering(0.6, speed_mps, friction=friction)
        sideways = float(np.hypot(cars.ax_world[0], cars.ay_world[0]))
        assert 0.8 * friction * GRAVITY_MPS2 < sideways < 1.03 * friction * GRAVITY_MPS2


@pytest.mark.parametrize("friction", [1.0, 0.5, 0.3])
def test_full_braking_stops_within_the_distance_that_friction_allows(friction):
    speed = 20.0
    cars = one(speed)
    cars.road_friction = friction
    cars.brake[0] = 1.0
    shortest = speed**2 / (2.0 * 1.05 * friction * GRAVITY_MPS2)
    longest = speed**2 / (2.0 * 0.95 * friction * GRAVITY_MPS2)
    assert shortest < stop_distance(cars) < longest


def test_half_the_brake_gives_half_the_deceleration():
    """v² / 2a with a = half of max_brake and what drags besides."""
    cars = one(15.0)
    cars.brake[0] = 0.5
    spec = VehicleSpec()
    engine_and_air = 0.8
    strongest = 0.5 * spec.max_brake_mps2 + engine_and_air + 0.012 * GRAVITY_MPS2
    weakest = 0.5 * spec.max_brake_mps2
    assert 15.0**2 / (2 * strongest) < stop_distance(cars) < 15.0**2 / (2 * weakest)


def test_a_car_is_as_fast_as_its_specification_says():
    cars = one()
    cars.throttle[0] = 1.0
    run(cars, 9.0)
    assert 25.0 < cars.vx_body[0] < 31.0  # 0-100 km/h in about 9 s
    run(cars, 30.0)
    assert cars.vx_body[0] < 75.0  # drag


def test_braking_car_stops_and_does_not_roll_back():
    cars = one(3.0)
    cars.brake[0] = 1.0
    run(cars, 2.0)
    x = float(cars.x[0])
    run(cars, 2.0)
    assert cars.vx_body[0] == 0.0
    assert cars.x[0] == x


def test_hand_brake_stops_by_the_rear_wheels_alone():
    full, hand = one(15.0), one(15.0)
    full.brake[0] = 1.0
    hand.hand_brake[0] = True
    shortest = stop_distance(full)
    assert 1.5 * shortest < stop_distance(hand) < 5.0 * shortest


def test_hand_brake_in_a_bend_turns_the_car_round():
    sliding, gripping = one(14.0), one(14.0)
    sliding.hand_brake[0] = True
    for cars in (sliding, gripping):
        cars.steer[0] = 0.5
        run(cars, 1.2)
    assert abs(math.atan2(sliding.vy_body[0], sliding.vx_body[0])) > 0.5
    assert abs(math.atan2(gripping.vy_body[0], gripping.vx_body[0])) < 0.3


def test_hand_brake_holds_a_car_on_a_slope_that_it_else_rolls_down():
    def uphill(x, y, yaw):
        return np.zeros_like(x), np.full_like(x, 0.1), np.zeros_like(x)

    held, loose = one(), one()
    held.hand_brake[0] = True
    for _ in range(60):
        step_vehicles(held, DT, uphill)
        step_vehicles(loose, DT, uphill)
    assert abs(held.x[0]) < 1e-6
    assert loose.x[0] < -0.5


def test_reverse_gear_drives_backwards_and_no_faster_than_it_may():
    cars = one()
    cars.reverse[0] = True
    cars.throttle[0] = 1.0
    run(cars, 15.0)
    assert -10.5 < cars.vx_body[0] < -7.0
    assert cars.x[0] < -50.0


def test_steering_in_reverse_swings_the_tail_to_the_side_one_steers_to():
    cars = one()
    cars.reverse[0], cars.throttle[0], cars.steer[0] = True, 0.3, 0.5
    run(cars, 2.0)
    assert cars.yaw[0] < -0.05
    tail = float(cars.y[0] - 2.2 * np.sin(cars.yaw[0]))
    assert tail > 0.1


def test_car_without_physics_stays_where_it_is():
    cars = one(10.0)
    cars.simulate_physics[0] = False
    cars.throttle[0] = 1.0
    run(cars, 1.0)
    assert (cars.x[0], cars.y[0]) == (0.0, 0.0)


def test_a_vehicle_moves_the_same_bits_alone_as_among_others():
    alone, among = one(8.0), Vehicles()
    for k in range(4):
        among.add(k + 4, VehicleSpec(), 0.0, 0.0, 0.0, 0.0)
    for k, speed_mps in enumerate((1.0, 20.0, 3.0, 8.0)):
        among.set_world_velocity(k + 4, speed_mps, 0.0)
    alone.steer[:] = among.steer[:] = 0.2
    alone.throttle[:] = among.throttle[:] = 0.4
    run(alone, 5.0)
    run(among, 5.0)
    assert alone.x[0] == among.x[3]
    assert alone.yaw[0] == among.yaw[3]


ODD = st.one_of(st.floats(-1e6, 1e6), st.sampled_from([0.0, 1.0, -1.0]))


@settings(max_examples=30)
@given(st.lists(st.tuples(ODD, ODD, ODD, st.booleans(), st.booleans()), min_size=1, max_size=4), st.floats(-60.0, 60.0))
def test_no_control_brings_about_nonsense(controls, speed_mps):
    cars = one(speed_mps)
    for throttle, brake, steer, hand_brake, reverse in controls:
        cars.throttle[0], cars.brake[0], cars.steer[0] = throttle, brake, steer
        cars.hand_brake[0], cars.reverse[0] = hand_brake, reverse
        for _ in range(10):
            step_vehicles(cars, DT)
        state = [cars.x, cars.y, cars.yaw, cars.vx_body, cars.vy_body, cars.yaw_rate, cars.ax_world, cars.pitch]
        assert np.all(np.isfinite(state))
        assert cars.speed()[0] < 90.0
        assert abs(cars.yaw_rate[0]) < 10.0


def test_without_assistance_the_wheels_lock_and_the_car_cannot_be_steered():
    """A locked wheel's force points against its velocity, whichever way it is turned."""
    strong = {"max_brake_mps2": 16.0}
    helped, locked = one(20.0, **strong), one(20.0, has_assistance=False, **strong)
    for cars in (helped, locked):
        cars.brake[0], cars.steer[0] = 1.0, 0.3
        run(cars, 1.0)
    assert np.abs(locked.wheel_radps[0, :2]).max() < 1.0
    assert helped.wheel_radps[0, :2].min() > 10.0
    assert abs(locked.y[0]) < 0.3 * abs(helped.y[0])


def test_locked_wheels_need_a_longer_way():
    helped, locked = one(25.0), one(25.0, has_assistance=False)
    helped.brake[0] = locked.brake[0] = 1.0
    assert stop_distance(locked) > 1.04 * stop_distance(helped)


def test_braking_loads_the_front_wheels_and_a_bend_the_outer_ones():
    cars = one(20.0)
    cars.brake[0] = 0.5
    run(cars, 0.5)
    front, rear = cars.wheel_load_n[0, :2].sum(), cars.wheel_load_n[0, 2:].sum()
    spec = VehicleSpec()
    static = spec.mass_kg * GRAVITY_MPS2 * (1.0 - spec.cg_to_front_m / spec.wheelbase_m)
    shifted = spec.mass_kg * -float(cars.ax_body[0]) * spec.cg_height_m / spec.wheelbase_m
    assert front == pytest.approx(static + shifted, rel=0.02)
    assert front + rear == pytest.approx(spec.mass_kg * GRAVITY_MPS2)
    cars = cornering(0.1, 12.0)
    left, right = cars.wheel_load_n[0, [0, 2]].sum(), cars.wheel_load_n[0, [1, 3]].sum()
    lateral = float(cars.vx_body[0] * cars.yaw_rate[0])
    assert left - right == pytest.approx(2.0 * spec.mass_kg * lateral * spec.cg_height_m / spec.track_m, rel=0.05)


def test_the_inner_wheel_is_turned_further():
    cars = one()
    cars.steer[0] = 0.5
    run(cars, 1.0)
    left, right, *rear = np.arctan(front_wheel_tangents(cars)[:, 0])
    assert right > cars.steer_angle_rad[0] > left > 0.0
    assert rear == [0.0, 0.0]
    spec = VehicleSpec()
    assert 1.0 / np.tan(left) - 1.0 / np.tan(right) == pytest.approx(spec.track_m / spec.wheelbase_m)


def test_too_much_throttle_spins_the_wheels_of_a_car_without_assistance():
    strong = {"front_drive_share": 0.0, "drivetrain": electric(400e3, 15_000.0, 0.33, 90.0, 0.0)}
    spinning, held = one(6.0, has_assistance=False, **strong), one(6.0, **strong)
    for cars in (spinning, held):
        cars.throttle[0] = 1.0
        run(cars, 1.0)
    rim = 0.33 * spinning.wheel_radps[0, 2]
    assert rim > 1.5 * spinning.vx_body[0]
    assert 0.33 * held.wheel_radps[0, 2] < 1.35 * held.vx_body[0]


def test_the_body_nods_and_comes_to_rest():
    cars = one(15.0)
    run(cars, 1.0)
    cars.brake[0] = 0.5
    run(cars, 1.0)
    assert cars.pitch[0] < -0.02
    cars.brake[0] = 1.0
    run(cars, 6.0)
    assert abs(cars.pitch[0]) < 1e-3


def test_two_wheelers_lean_into_a_bend_and_cars_out_of_it():
    """A rider's lean balances the side force: tan(roll) = a / g; positive roll lowers the right side."""
    rider = cornering(0.05, 8.0, leans=True, roll_per_mps2=-1.0 / GRAVITY_MPS2)
    sideways = float(rider.vx_body[0] * rider.yaw_rate[0])
    assert rider.roll[0] == pytest.approx(-sideways / GRAVITY_MPS2, rel=0.1) or rider.roll[0] > 0.0
    assert np.ptp(rider.wheel_load_n[0, :2]) == 0.0


def test_a_kerb_lifts_the_car_and_takes_speed():
    flat, cars = one(8.0), one(8.0)
    for k in range(20):
        cars.kerb_m[0] = 0.12 * np.array([k > 4, k > 4, k > 11, k > 11])
        step_vehicles(cars, DT)
        step_vehicles(flat, DT)
        if k == 9:
            assert cars.pitch[0] > 0.03
    assert cars.z[0] == pytest.approx(0.12, abs=0.005)
    assert 0.7 * flat.vx_body[0] < cars.vx_body[0] < 0.95 * flat.vx_body[0]


def test_a_kerb_under_the_right_wheels_turns_the_car_right_and_lifts_that_side():
    cars = one(8.0)
    cars.kerb_m[0] = [0.0, 0.12, 0.0, 0.12]
    step_vehicles(cars, DT)
    assert cars.yaw_rate[0] > 0.01
    run(cars, 0.5)
    assert cars.roll[0] < -0.03


def test_any_length_of_step_gives_nearly_the_same_drive():
    ends = []
    for dt in (0.01, 0.05, 0.1):
        cars = one(5.0)
        cars.throttle[0], cars.steer[0] = 0.4, 0.05
        for _ in range(round(4.0 / dt)):
            step_vehicles(cars, dt)
        ends.append((float(cars.x[0]), float(cars.y[0])))
    for end in ends[1:]:
        assert end == pytest.approx(ends[0], rel=0.03)
