"""Finds input devices: all that are plugged in, or the one of a given name."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import evdev

from cockpit.config import ConfigError
from cockpit.devices.keyboard import KeyboardDriver
from cockpit.devices.mapping import merged
from cockpit.devices.profile import DeviceProfile, load_profile, profile_names
from cockpit.devices.wheel import (
    DeviceError,
    EvdevWheel,
    find_wheel,
    identity_from_sysfs,
    permission_advice,
    why_no_wheel,
)
from cockpit.session.ports import DriverSource
from recorder.schema import DriverInput, DriverKind, Tick

AUTO, WHEEL, KEYBOARD, NONE = "auto", "wheel", "keyboard", "none"


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """One thing a person could drive with."""

    name: str
    path: str
    """Device file; empty for the keyboard."""
    profile: str
    """Name of the profile that fits, empty when none does."""
    is_usable: bool
    message: str = ""
    """Why it cannot be used, and what to do."""


class WheelAndPedals:
    """A rim and pedals that are two devices, as one `DriverSource`."""

    def __init__(self, rim: EvdevWheel, pedals: EvdevWheel) -> None:
        self._rim, self._pedals = rim, pedals

    @property
    def status(self) -> str:
        """The state of both, for people."""
        return f"{self._rim.status}; {self._pedals.status}"

    def read(self, tick: Tick | None) -> DriverInput:
        """Newest input of both; not connected while either is gone."""
        return merged(self._rim.read(tick), self._pedals.read(None))

    def close(self) -> None:
        """Close both."""
        self._rim.close()
        self._pedals.close()


class NobodyDriving:
    """A `DriverSource` for sessions without a person: always neutral."""

    def read(self, tick: Tick | None) -> DriverInput:  # noqa: ARG002
        """Always neutral."""
        return DriverInput(kind=DriverKind.NONE)

    def close(self) -> None:
        """Nothing to close."""


def list_devices(inputs: Path = Path("/dev/input")) -> tuple[DeviceInfo, ...]:
    """Every input device that could be a wheel, and the keyboard, with what is wrong with each."""
    profiles = {name: load_profile(name) for name in profile_names()}
    openable = set(evdev.list_devices(str(inputs)))
    found = [info for path in sorted(openable) if (info := _describe(path, profiles)) is not None]
    for path in sorted(str(entry) for entry in inputs.glob("event*")):
        if path not in openable and not os.access(path, os.R_OK | os.W_OK):
            advice = _forbidden(path, inputs)
            found.append(DeviceInfo(path, path, "", is_usable=False, message=advice))
    found.append(DeviceInfo("Keyboard", "", KEYBOARD, is_usable=True))
    return tuple(found)


def find_driver_source(name: str = AUTO) -> DriverSource:
    """The device called `name`: 'auto' (a wheel if there is one, else the keyboard), 'wheel' (any that a profile fits),
    'keyboard', 'none', a profile's name or file, a device file such as /dev/input/event20, or 'rim+pedals' for two.

    Raises:
        DeviceError: it is not there or may not be opened.
        ConfigError: no such name or profile.
    """
    if name == KEYBOARD:
        return KeyboardDriver()
    if name == NONE:
        return NobodyDriving()
    if name == AUTO:
        return _first_wheel() or KeyboardDriver()
    if name == WHEEL:
        wheel = _first_wheel()
        if wheel is None:
            raise DeviceError(_why_none())
        return wheel
    if "+" in name and not Path(name).expanduser().is_file():
        return _together(*name.split("+", 1))
    if name.startswith("/dev/"):
        return EvdevWheel(_whole(_profile_of(name)), name)
    try:
        return EvdevWheel(_whole(load_profile(name)))
    except ConfigError as error:
        choices = ", ".join((AUTO, WHEEL, KEYBOARD, NONE, *profile_names()))
        raise ConfigError(f"no input device '{name}': {error}. Choices: {choices}, or a /dev/input/event*") from error


def _together(rim: str, pedals: str) -> WheelAndPedals:
    first = _half(rim.strip())
    try:
        return WheelAndPedals(first, _half(pedals.strip()))
    except (DeviceError, ConfigError):
        first.close()
        raise


def _half(name: str) -> EvdevWheel:
    if name.startswith("/dev/"):
        return EvdevWheel(_profile_of(name), name)
    return EvdevWheel(load_profile(name))


def _whole(profile: DeviceProfile) -> DeviceProfile:
    """The profile, if one can drive with it alone."""
    if profile.is_whole:
        return profile
    raise DeviceError(
        f"the profile of {profile.name} does not say where its pedals (or its rim) are: run `takeover calibrate`, "
        "or name two devices, e.g. --device simucube+my_pedals.yaml"
    )


def _why_none() -> str:
    """Why there is no wheel, and what to do about it."""
    for name in profile_names():
        reason = why_no_wheel(load_profile(name))
        if "may not open it" in reason:
            return reason
    return (
        f"no wheel is plugged in that a profile fits ({', '.join(profile_names())}); plug one in, switch it to PC "
        "mode, write a profile with `takeover calibrate`, or drive with --device keyboard"
    )


def _forbidden(path: str, inputs: Path = Path("/dev/input")) -> str:
    """How to be allowed to open a device file; by its own name where sysfs identifies the device."""
    identity = identity_from_sysfs(Path("/sys/class/input") / Path(path).name) if inputs == Path("/dev/input") else None
    for name in profile_names():
        profile = load_profile(name)
        if identity is not None and profile.fits(*identity):
            return permission_advice(profile, path)
    return f"this user may not open {path}; if it is the wheel, `sudo usermod -aG input $USER` and log in again"


def _first_wheel() -> EvdevWheel | None:
    for name in profile_names():
        profile = load_profile(name)
        if not profile.is_whole:
            continue
        path = find_wheel(profile)
        if path is not None:
            return EvdevWheel(profile, path)
    return None


def _profile_of(path: str) -> DeviceProfile:
    try:
        with closing(evdev.InputDevice(path)) as device:
            identity = (device.info.vendor, device.info.product)
            device_name = device.name
    except PermissionError as error:
        raise DeviceError(_forbidden(path)) from error
    except OSError as error:
        raise DeviceError(f"cannot open {path} ({error.strerror}); `takeover doctor` lists the devices") from error
    for name in profile_names():
        profile = load_profile(name)
        if profile.fits(*identity):
            return profile
    raise DeviceError(
        f"{path} is {device_name} ({identity[0]:04x}:{identity[1]:04x}), for which there is no profile; "
        "calibrate it: on the window's page Wheel, or by `takeover calibrate`"
    )


def _describe(path: str, profiles: dict[str, DeviceProfile]) -> DeviceInfo | None:
    """None for what is no joystick or wheel (a mouse, a power button)."""
    try:
        with closing(evdev.InputDevice(path)) as device:
            identity = (device.info.vendor, device.info.product)
            axes = [code for code, _ in device.capabilities().get(evdev.ecodes.EV_ABS, [])]  # pyright: ignore[reportGeneralTypeIssues]
            device_name = device.name
    except OSError:
        return None
    for name, profile in profiles.items():
        if profile.fits(*identity):
            return DeviceInfo(device_name, path, name, is_usable=True)
    if evdev.ecodes.ABS_X not in axes:
        return None
    message = f"no profile for {identity[0]:04x}:{identity[1]:04x}; calibrate it: page Wheel, or `takeover calibrate`"
    return DeviceInfo(device_name, path, "", is_usable=False, message=message)
