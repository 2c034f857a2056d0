"""Device profiles, the arithmetic from raw values to CARLA's ranges, and the message when a wheel is missing."""

from __future__ import annotations

import dataclasses
from importlib import resources

import pytest
import yaml
from evdev import ecodes
from hypothesis import given
from hypothesis import strategies as st

from cockpit.config import ConfigError
from cockpit.devices import DeviceError, EvdevWheel, KeyboardDriver, find_driver_source, list_devices
from cockpit.devices.mapping import RawState, driver_input_from_raw, merged, pedal_from_raw, steer_from_raw, with_event
from cockpit.devices.profile import DeviceProfile, load_profile, profile_names, resolved
from cockpit.devices.wheel import autocentre_share, permission_advice, why_no_wheel
from recorder.schema import DriverInput, DriverKind

G29 = load_profile("g29")


def written(tmp_path, **changes):
    shipped = resources.files("assets").joinpath("devices", "g29.yaml").read_text(encoding="utf-8")
    path = tmp_path / "wheel.yaml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(shipped), **changes}))
    return path


def after(*events, profile=G29):
    state = RawState()
    for number, (kind, code, value) in enumerate(events):
        state = with_event(state, profile, kind, ecodes.ecodes[code], value, 1000.0 + number)
    return state


def read(*events, profile=G29):
    return driver_input_from_raw(profile, after(*events, profile=profile))


@pytest.mark.parametrize("name", profile_names())
def test_every_shipped_profile_is_sound(name):
    profile = load_profile(name)
    assert profile.match
    assert profile.source, "a profile says where its numbers come from"


def test_no_two_profiles_claim_the_same_device():
    claims = [(identity.vendor, identity.product) for name in profile_names() for identity in load_profile(name).match]
    assert len(claims) == len(set(claims))


@pytest.mark.parametrize("name", [name for name in profile_names() if load_profile(name).is_whole])
def test_a_whole_profile_reads_from_lock_to_lock_and_from_rest_to_the_floor(name):
    profile = load_profile(name)
    codes = {axis.code for axis in (profile.steer, profile.throttle, profile.brake, profile.clutch) if axis}
    profile = resolved(profile, {ecodes.ecodes[code]: (0, 1023) for code in codes})

    def at(**raw) -> DriverInput:
        values = {ecodes.ecodes[getattr(profile, axis).code]: value for axis, value in raw.items()}
        return driver_input_from_raw(profile, RawState(axes=values))

    assert at(steer=profile.steer.left).steer < -0.5 < 0.5 < at(steer=profile.steer.right).steer
    for pedal in ("throttle", "brake"):
        axis = getattr(profile, pedal)
        assert getattr(at(**{pedal: axis.released}), pedal) == 0.0
        assert getattr(at(**{pedal: axis.pressed}), pedal) == pytest.approx(1.0)


def test_combined_pedals_are_two_pedals_on_one_axis():
    axis = {"throttle": ("ABS_Y", 0), "brake": ("ABS_Y", 255)}
    pedals = {name: {"code": code, "released": 128, "pressed": end} for name, (code, end) in axis.items()}
    profile = DeviceProfile(name="combined", match=[{"vendor": 1, "product": 2}], **pedals)

    def read_at(raw: int) -> tuple[float, float]:
        reading = driver_input_from_raw(profile, RawState(axes={ecodes.ABS_Y: raw}))
        return reading.throttle, reading.brake

    assert read_at(128) == (0.0, 0.0)
    assert read_at(0) == (1.0, 0.0)
    assert read_at(255) == (0.0, 1.0)


def test_a_rim_and_pedals_of_their_own_are_one_driver():
    rim = DriverInput(kind=DriverKind.HUMAN, steer=0.3, device="rim", event_time_s=2.0)
    pedals = DriverInput(kind=DriverKind.HUMAN, throttle=0.5, device="pedals", event_time_s=5.0)
    both = merged(rim, pedals)
    assert (both.steer, both.throttle, both.event_time_s, both.device) == (0.3, 0.5, 5.0, "rim + pedals")
    gone = merged(rim, dataclasses.replace(pedals, connected=False, note="pedals went away"))
    assert not gone.connected
    assert gone.note == "pedals went away"


def test_half_a_device_says_what_is_missing():
    with pytest.raises(DeviceError, match=r"takeover calibrate.*simucube\+my_pedals"):
        find_driver_source("simucube")


def test_an_axis_that_the_device_lacks_is_reported():
    with pytest.raises(ConfigError, match="has no axis ABS_"):
        resolved(load_profile("t300"), {})


@pytest.mark.parametrize(
    ("changes", "key", "advice"),
    [
        ({"steer": {"code": "ABS_FOO", "left": 0, "right": 9, "full_at_deg": 450}}, "steer.code", "e.g. ABS_X"),
        ({"steer": {"code": "ABS_X", "left": 5, "right": 5, "full_at_deg": 450}}, "steer", "left: 0, right: 65535"),
        ({"brake": {"code": "ABS_RZ", "released": 255}}, "brake.pressed", "missing"),
        ({"brake": {"code": "ABS_RZ", "released": 7, "pressed": 7}}, "brake", "released: 255, pressed: 0"),
        ({"buttons": {"takeover": ["BTN_TRIGGER"]}}, "buttons", "no button for 'hand_back'"),
        ({"buttons": {"takeover": ["PADDLE"], "hand_back": ["BTN_TRIGGER"]}}, "buttons.takeover.0", "e.g. BTN_TRIGGER"),
        ({"wheel_range": 900}, "wheel_range", "did you mean 'wheel_range_deg'"),
        ({"match": []}, "match", "at least 1"),
    ],
)
def test_a_wrong_profile_names_file_key_and_what_would_be_right(tmp_path, changes, key, advice):
    path = written(tmp_path, **changes)
    with pytest.raises(ConfigError) as caught:
        load_profile(path)
    message = str(caught.value)
    assert str(path) in message
    assert key in message
    assert advice in message


def test_the_rim_reads_zero_in_the_middle_and_one_at_its_full_angle():
    assert steer_from_raw(G29.steer, 32767, 900.0) == 0.0
    assert steer_from_raw(G29.steer, 65535, 900.0) == pytest.approx(1.0)
    assert steer_from_raw(G29.steer, 0, 900.0) == pytest.approx(-1.0)
    assert steer_from_raw(G29.steer.model_copy(update={"full_at_deg": 225.0}), 49151, 900.0) == pytest.approx(
        1.0, abs=0.01
    )


def test_an_inverted_axis_is_one_whose_ends_are_swapped():
    swapped = G29.steer.model_copy(update={"left": 65535, "right": 0})
    assert steer_from_raw(swapped, 50000, 900.0) == pytest.approx(-steer_from_raw(G29.steer, 50000, 900.0), abs=1e-4)


def test_a_pedal_at_rest_reads_nothing_and_the_floor_reads_one():
    assert pedal_from_raw(G29.brake, 255) == 0.0
    assert pedal_from_raw(G29.brake, 250) == 0.0  # inside the dead zone
    assert pedal_from_raw(G29.brake, 0) == 1.0


def test_pedals_that_were_never_touched_do_not_press_themselves():
    """A G29's pedals report half way before their first movement."""
    reading = read((ecodes.EV_ABS, "ABS_X", 32767))
    assert (reading.throttle, reading.brake) == (0.0, 0.0)


def test_a_button_tapped_between_two_reads_counts():
    state = after((ecodes.EV_KEY, "BTN_TOP2", 1), (ecodes.EV_KEY, "BTN_TOP2", 0))
    assert driver_input_from_raw(G29, state).paddle_pressed


def test_reverse_follows_the_toggle_and_the_lever():
    assert read((ecodes.EV_KEY, "BTN_TOP", 1), (ecodes.EV_KEY, "BTN_TOP", 0)).reverse
    twice = [(ecodes.EV_KEY, "BTN_TOP", value) for value in (1, 0, 1, 0)]
    assert not read(*twice).reverse
    assert read((ecodes.EV_KEY, "BTN_TRIGGER_HAPPY3", 1)).reverse


def test_the_newest_kernel_time_stamp_is_kept():
    assert read((ecodes.EV_ABS, "ABS_X", 1), (ecodes.EV_ABS, "ABS_RZ", 3)).event_time_s == 1001.0


@given(raw=st.integers(-100_000, 200_000), curve=st.floats(0.3, 4.0), gain=st.floats(0.1, 4.0))
def test_no_raw_value_leaves_carlas_ranges(raw, curve, gain):
    steer = G29.steer.model_copy(update={"curve": curve, "gain": gain})
    pedal = G29.brake.model_copy(update={"curve": curve, "gain": gain})
    assert -1.0 <= steer_from_raw(steer, raw, 900.0) <= 1.0
    assert 0.0 <= pedal_from_raw(pedal, raw) <= 1.0


@given(one=st.integers(0, 65535), other=st.integers(0, 65535))
def test_more_rim_is_never_less_steer(one, other):
    less, more = sorted((one, other))
    assert steer_from_raw(G29.steer, less, 900.0) <= steer_from_raw(G29.steer, more, 900.0)


def test_the_rim_pulls_harder_to_the_middle_the_faster_the_car():
    """MetaDrive's scale: a fifth at a stand, all of it at 120 km/h."""
    assert autocentre_share(0.0, 1.0) == pytest.approx(0.2)
    assert autocentre_share(60 / 3.6, 1.0) == pytest.approx(0.6)
    assert autocentre_share(200 / 3.6, 1.0) == 1.0
    assert autocentre_share(30.0, 0.0) == 0.0


def test_without_a_wheel_the_message_says_what_was_looked_for_and_what_else_to_do(tmp_path):
    assert why_no_wheel(G29, tmp_path) == (
        "no Logitech G29 is plugged in (looked for 046d:c24f, 046d:c260 among /dev/input/event*); "
        "plug it in, switch it to PC mode, or drive with --device keyboard"
    )


def test_a_wheel_that_may_not_be_opened_says_which_rule_allows_it(tmp_path):
    for name, value in (("vendor", "046d"), ("product", "c24f")):
        file = tmp_path / "event7" / "device" / "id" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(value + "\n")
    message = why_no_wheel(G29, tmp_path)
    assert message == permission_advice(G29, "/dev/input/event7")
    assert "usermod -aG input" in message
    assert 'ATTRS{idProduct}=="c24f"' in message


def test_a_missing_device_file_is_a_clear_error(tmp_path):
    with pytest.raises(DeviceError, match=r"cannot open .*missing \(No such file or directory\)"):
        EvdevWheel(G29, str(tmp_path / "missing"))


def test_an_unknown_device_name_lists_the_choices():
    with pytest.raises(ConfigError, match=r"no input device 'joystik'.*auto, wheel, keyboard, none, .*g29"):
        find_driver_source("joystik")


def test_nobody_and_the_keyboard_are_always_there(tmp_path):
    assert find_driver_source("none").read(None).kind is DriverKind.NONE
    assert isinstance(find_driver_source("keyboard"), KeyboardDriver)
    assert [info.name for info in list_devices(tmp_path)] == ["Keyboard"]
