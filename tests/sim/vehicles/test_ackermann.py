"""CARLA's Ackermann controller by itself, on a car that is a point with a pedal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.vehicles.ackermann import Ackermann, AckermannTarget

STEP_S = 0.05


def driven(target, seconds, speed=0.0):
    """Speed after `seconds`: 4 m/s2 at full throttle, 8 at full brake, a little drag."""
    controller = Ackermann(0.6, target)
    for _ in range(round(seconds / STEP_S)):
        pedals = controller.run(speed, 0.0, STEP_S)
        way = -1.0 if pedals.reverse else 1.0
        speed += STEP_S * (way * 4.0 * pedals.throttle - 0.05 * speed)
        loss = STEP_S * 8.0 * pedals.brake
        speed -= max(-loss, min(loss, speed))
    return speed, pedals


@pytest.mark.parametrize("target_mps", [3.0, 10.0, -3.0])
def test_it_reaches_the_target_speed_forwards_and_backwards(target_mps):
    speed, _ = driven(AckermannTarget(speed_mps=target_mps), 30.0)
    assert speed == pytest.approx(target_mps, abs=0.5)


def test_it_holds_the_brake_when_it_shall_stand():
    speed, pedals = driven(AckermannTarget(), 15.0, speed=8.0)
    assert abs(speed) < 0.1
    assert (pedals.throttle, pedals.brake) == (0.0, 1.0)


@given(st.floats(-2.0, 2.0), st.floats(0.0, 2.0), st.floats(-1.0, 1.0), st.floats(-30.0, 30.0), st.floats(-30.0, 30.0))
def test_pedals_and_steering_stay_in_their_range(steer, rate, now, target_mps, speed):
    pedals = Ackermann(0.6, AckermannTarget(steer, rate, target_mps)).run(speed, now, STEP_S)
    assert 0.0 <= pedals.throttle <= 1.0
    assert 0.0 <= pedals.brake <= 1.0
    assert -1.0 - 1e-9 <= pedals.steer <= 1.0 + 1e-9
    assert pedals.throttle * pedals.brake == 0.0


def test_the_wheel_turns_no_faster_than_asked():
    controller = Ackermann(0.6, AckermannTarget(steer_rad=0.5, steer_speed_radps=0.2, speed_mps=5.0))
    assert controller.run(5.0, 0.0, STEP_S).steer == pytest.approx(0.2 * STEP_S / 0.6)
