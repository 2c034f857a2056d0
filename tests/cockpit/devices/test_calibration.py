"""Calibration: the axes are found from what the driver moves, and the profile works like a shipped one."""

from __future__ import annotations

import pytest
from evdev import ecodes

from cockpit.devices.calibration import Calibration, Step, write_profile
from cockpit.devices.mapping import RawState, driver_input_from_raw
from cockpit.devices.profile import load_profile

RANGES = {0: (0, 65535), 1: (0, 255), 2: (0, 255), 5: (0, 255), 16: (-1, 1)}
REST = {0: 32800, 1: 255, 2: 255, 5: 255, 16: 0}


def at_rest(rest=REST) -> Calibration:
    calibration = Calibration(RANGES)
    calibration.saw(rest)
    assert calibration.finish() == ""
    return calibration


def did(calibration: Calibration, *axes, keys=()) -> str:
    for moved in axes:
        calibration.saw(moved)
    if keys:
        calibration.saw({}, frozenset(keys))
    return calibration.finish()


def whole(rest=REST) -> Calibration:
    calibration = at_rest(rest)
    assert did(calibration, {0: 200}) == ""
    assert did(calibration, {0: 65300}) == ""
    assert did(calibration, {2: 5}, {2: 255}) == ""
    assert did(calibration, {5: 8}, {5: 255}) == ""
    assert did(calibration, keys=[ecodes.BTN_TOP2]) == ""
    assert did(calibration, keys=[ecodes.BTN_PINKIE]) == ""
    return calibration


def test_a_calibrated_wheel_drives_like_one_with_a_shipped_profile(tmp_path):
    file = tmp_path / "profiles" / "mine.yaml"
    write_profile(whole().profile("Mine", 0x1234, 0x5678), file)
    profile = load_profile(file)
    assert profile.fits(0x1234, 0x5678)
    assert profile.is_whole
    raw = RawState(axes={0: 65535, 2: 130, 5: 255}, keys=frozenset({ecodes.BTN_TOP2}))
    reading = driver_input_from_raw(profile, raw)
    assert reading.steer == pytest.approx(1.0)
    assert 0.4 < reading.throttle < 0.6
    assert reading.brake == 0.0
    assert reading.takeover_pressed


def test_pedals_that_were_silent_at_rest_are_found_all_the_same():
    profile = whole({0: 32800}).profile("Silent", 1, 2)
    assert (profile.throttle.code, profile.throttle.released, profile.throttle.pressed) == ("ABS_Z", 255, 5)


def test_pedals_that_report_half_way_before_they_are_touched_are_calibrated_by_being_let_go():
    profile = whole({**REST, 2: 127, 5: 127}).profile("G29", 1, 2)
    assert (profile.brake.released, profile.brake.pressed) == (255, 8)


def test_combined_pedals_are_one_axis_with_two_ends():
    calibration = at_rest({0: 32800, 1: 128})
    did(calibration, {0: 0})
    did(calibration, {0: 65535})
    assert did(calibration, {1: 0}, {1: 128}) == ""
    assert did(calibration, {1: 255}, {1: 128}) == ""
    did(calibration, keys=[ecodes.BTN_TRIGGER])
    did(calibration, keys=[ecodes.BTN_THUMB])
    profile = calibration.profile("Combined", 1, 2)
    assert (profile.throttle.code, profile.throttle.released, profile.throttle.pressed) == ("ABS_Y", 128, 0)
    assert (profile.brake.code, profile.brake.released, profile.brake.pressed) == ("ABS_Y", 128, 255)


@pytest.mark.parametrize(
    ("before", "wrong", "words"),
    [
        (0, {"axes": {0: 33000}}, "turn the rim further"),
        (1, {"axes": {0: 100}}, "same side"),
        (1, {"axes": {5: 0}}, "another axis"),
        (2, {"axes": {2: 250}}, "press it to the floor"),
        (2, {"axes": {2: 255}, "then": {2: 5}}, "still pressed"),
        (3, {"axes": {2: 5}, "then": {2: 255}}, "the throttle again"),
        (4, {}, "no button"),
        (5, {"keys": [ecodes.BTN_TOP2]}, "takes over already"),
    ],
)
def test_what_was_done_wrong_is_reported_and_the_step_is_asked_again(before, wrong, words):
    right = [[{0: 200}], [{0: 65300}], [{2: 5}, {2: 255}], [{5: 8}, {5: 255}]]
    calibration = at_rest()
    for number in range(before):
        axes = right[number] if number < len(right) else []
        assert did(calibration, *axes, keys=[ecodes.BTN_TOP2] if number == 4 else ()) == ""
    step = calibration.step
    assert words in did(
        calibration, *(wrong[part] for part in ("axes", "then") if part in wrong), keys=wrong.get("keys", ())
    )
    assert calibration.step is step


def test_a_calibration_that_is_not_over_gives_no_profile():
    with pytest.raises(ValueError, match="not over"):
        at_rest().profile("Half", 1, 2)
    assert at_rest().step is Step.LEFT
