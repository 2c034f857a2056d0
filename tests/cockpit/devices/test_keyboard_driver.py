"""The keyboard as a wheel: steering and pedals ramp, and no press of a button is missed between two ticks."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cockpit.devices.keyboard import Key, KeyboardDriver, KeyState, advanced, ramp, with_key
from recorder.schema import DriverKind
from tests.cockpit.windows.window_ticks import tick_at_speed


class Clock:
    def __init__(self):
        self.now_s = 1000.0

    def __call__(self):
        return self.now_s


def driven():
    clock = Clock()
    return KeyboardDriver(clock), clock


def test_steering_grows_while_the_key_is_held_and_centres_itself_after():
    driver, clock = driven()
    driver.press(Key.RIGHT)
    seen = []
    for _ in range(8):
        clock.now_s += 0.05
        seen.append(driver.read(None).steer)
    assert seen == sorted(seen)
    assert 0.4 < seen[-1] < 0.6
    driver.release(Key.RIGHT)
    clock.now_s += 0.3
    assert driver.read(None).steer == 0.0


def test_changing_over_to_the_other_side_is_quicker_than_steering_out():
    state = KeyState(down=frozenset({Key.LEFT}), steer=1.0)
    across = advanced(state, 0.1, 0.0).steer
    out = advanced(KeyState(down=frozenset({Key.LEFT})), 0.1, 0.0).steer
    assert 1.0 - across > -out


def test_the_faster_the_car_the_less_a_key_steers():
    driver, clock = driven()
    driver.press(Key.LEFT)
    clock.now_s += 0.5
    driver.read(tick_at_speed(20.0))
    for _ in range(40):
        clock.now_s += 0.05
        fast = driver.read(tick_at_speed(20.0)).steer
    assert -0.25 < fast < -0.1


def test_space_brakes_at_once_and_wholly():
    driver, clock = driven()
    driver.press(Key.HARD_BRAKE)
    clock.now_s += 0.001
    assert driver.read(None).brake == 1.0


def test_a_takeover_key_that_was_tapped_between_two_ticks_counts_once():
    driver, clock = driven()
    driver.press(Key.TAKEOVER)
    driver.release(Key.TAKEOVER)
    clock.now_s += 0.05
    assert driver.read(None).takeover_pressed
    clock.now_s += 0.05
    assert not driver.read(None).takeover_pressed


def test_reverse_is_a_switch():
    driver, _ = driven()
    for expected in (True, False):
        driver.press(Key.REVERSE)
        driver.release(Key.REVERSE)
        assert driver.read(None).reverse is expected


def test_losing_the_focus_lets_go_of_every_key():
    driver, clock = driven()
    driver.press(Key.THROTTLE)
    clock.now_s += 0.3
    assert driver.read(None).throttle > 0.3
    driver.release_all()
    clock.now_s += 0.3
    assert driver.read(None).throttle == 0.0


def test_an_untouched_keyboard_requests_nothing():
    driver, _ = driven()
    reading = driver.read(None)
    assert (reading.kind, reading.connected, reading.device) == (DriverKind.HUMAN, True, "keyboard")
    assert (reading.steer, reading.throttle, reading.brake) == (0.0, 0.0, 0.0)
    assert not reading.takeover_pressed


def test_auto_repeat_changes_nothing():
    once = with_key(KeyState(), Key.REVERSE, True, 1.0)
    assert with_key(once, Key.REVERSE, True, 2.0) == once


@given(value=st.floats(-1, 1), target=st.floats(-1, 1), rate=st.floats(0.1, 10), step=st.floats(0, 1))
def test_a_ramp_goes_towards_its_target_and_never_past_it(value, target, rate, step):
    moved = ramp(value, target, rate, step)
    assert abs(target - moved) <= abs(target - value) + 1e-12
    assert abs(moved - value) <= rate * step + 1e-12
    assert min(value, target) - 1e-12 <= moved <= max(value, target) + 1e-12


@given(
    keys=st.lists(st.tuples(st.sampled_from(list(Key)), st.booleans(), st.floats(0, 0.4))),
    speed=st.floats(0, 60),
)
def test_whatever_is_typed_the_input_stays_in_range(keys, speed):
    state, time_s = KeyState(), 0.0
    for key, is_down, pause in keys:
        time_s += pause
        state = advanced(with_key(state, key, is_down, time_s), time_s, speed)
        assert -1.0 <= state.steer <= 1.0
        assert 0.0 <= state.throttle <= 1.0
        assert 0.0 <= state.brake <= 1.0
