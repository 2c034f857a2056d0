"""The torque requested of the rim's motor: the road's, the servo's, the end stop's, and when it must be zero."""

from __future__ import annotations

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.devices.rim import force
from cockpit.devices.rim.force import ForceDemand, Runaway, aligning_torque, end_stop_torque, servo_torque, torque

PERSON = ForceDemand(False, 0.2, 15.0, 0.03, 0.0, 120.0, 5.0)
POLICY = dataclasses.replace(PERSON, follows=True)


def test_the_rim_is_pulled_against_the_slip_and_lets_the_limit_be_felt():
    slips = [math.radians(deg) for deg in (0.0, 1.0, 2.0, 6.0, 12.0)]
    pulls = [-aligning_torque(slip, 15.0) for slip in slips]
    assert pulls[0] == 0.0
    assert pulls[0] < pulls[1] < pulls[2]
    assert pulls[2] > pulls[3] > pulls[4] > 0.0
    assert aligning_torque(-0.03, 15.0) == -aligning_torque(0.03, 15.0)


def test_a_standing_car_does_not_pull():
    assert aligning_torque(0.1, 0.0) == 0.0
    assert force.front_slip_rad(0.1, 0.0, 0.0, 0.5) == 0.0


def test_a_car_that_goes_where_its_wheels_point_has_no_slip():
    steer = 0.1
    side = 10.0 * math.tan(steer * force.LOCK_RAD)
    assert force.front_slip_rad(10.0, side, 0.0, steer) == pytest.approx(0.0)
    assert force.front_slip_rad(10.0, 0.0, 0.0, steer) > 0.0


def test_the_servo_turns_the_rim_to_the_policys_steering_and_is_weaker_than_a_hand():
    assert servo_torque(0.5, 0.0, 0.0) == force.SERVO_MOST
    assert servo_torque(-0.5, 0.0, 0.0) == -force.SERVO_MOST
    assert servo_torque(0.2, 0.2, 0.0) == 0.0


def test_a_free_rim_follows_the_policys_steering_without_swinging():
    """A rim with the inertia of a G29 (0.03 kg m^2) and a motor of 2.2 N m of which 60 % are used, friction apart."""
    rim, rate, places = 0.0, 0.0, []
    for _ in range(150):
        torque_now = torque(dataclasses.replace(POLICY, target=0.4), 0.0, rim, rate)
        rate += torque_now * 0.6 * 2.2 / 0.03 / math.radians(450.0) * 0.01
        rim += rate * 0.01
        places.append(rim)
    assert places[60] > 0.3
    assert max(places) < 0.5
    assert places[-1] == pytest.approx(0.4, abs=0.01)


def test_beyond_the_lock_the_rim_is_pushed_back():
    assert end_stop_torque(1.0) == 0.0
    assert end_stop_torque(1.05) < 0.0 < end_stop_torque(-1.05)
    assert torque(PERSON, 0.0, 1.2, 0.0) == -1.0


def test_a_silent_session_lets_the_rim_go():
    assert torque(POLICY, 0.05, 0.0, 0.0) != 0.0
    assert torque(POLICY, force.WATCHDOG_S + 0.001, 0.0, 0.0) == 0.0
    assert torque(None, 0.0, 0.5, 0.0) == 0.0


def test_the_road_comes_in_gently_when_the_person_has_taken_over():
    just = abs(torque(dataclasses.replace(PERSON, since_s=0.0), 0.0, 0.1, 0.0))
    later = abs(torque(dataclasses.replace(PERSON, since_s=1.0), 0.0, 0.1, 0.0))
    assert just < 0.01 < later


numbers = st.floats(allow_nan=True, allow_infinity=True)


@given(st.booleans(), numbers, numbers, numbers, numbers, numbers, numbers, numbers, numbers)
def test_every_input_gives_a_finite_torque_in_range(follows, target, speed, slip, bump, distance, since, turned, rate):
    made = torque(ForceDemand(follows, target, speed, slip, bump, distance, since), 0.0, turned, rate)
    assert -1.0 <= made <= 1.0


def test_numbers_that_are_not_finite_move_no_motor():
    assert torque(dataclasses.replace(POLICY, target=math.nan), 0.0, 0.0, 0.0) == 0.0
    assert torque(POLICY, 0.0, math.inf, 0.0) == 0.0


def test_a_motor_with_the_wrong_sign_is_noticed_and_a_hand_that_resists_for_a_moment_is_not():
    watch = Runaway()
    away = [watch.update(0.01 * n, force.SERVO_MOST, -2.0) for n in range(100)]
    assert away.index(True) == pytest.approx(force.RUNAWAY_S / 0.01, abs=2)
    watch = Runaway()
    assert not any(watch.update(0.01 * n, force.SERVO_MOST, -2.0 if n % 50 < 30 else 1.0) for n in range(300))
