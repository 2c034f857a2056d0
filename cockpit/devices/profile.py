"""A wheel's description: its USB identity, what its axes and buttons mean, and how raw values become CARLA's ranges.

Profiles are YAML (`assets/devices/*.yaml`, or a file of one's own); codes are the kernel's names from
`linux/input-event-codes.h`. `cockpit.devices.mapping` applies them.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from evdev import ecodes
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from cockpit.assets import asset
from cockpit.config import ConfigError, load_yaml


class Action(enum.StrEnum):
    """What a button can do."""

    TAKEOVER = "takeover"
    HAND_BACK = "hand_back"
    HAND_BRAKE = "hand_brake"
    REVERSE = "reverse"
    """Reverse while it is held (a gear lever)."""
    REVERSE_TOGGLE = "reverse_toggle"
    PADDLE = "paddle"
    """Takes over as the button does, and is recorded as a paddle."""
    REWIND = "rewind"
    """Sets the scene back some seconds (the second chance)."""


def _axis_code(name: str) -> str:
    if not name.startswith("ABS_") or name not in ecodes.ecodes:
        raise ValueError(f"'{name}' is no axis code of the kernel; use e.g. ABS_X (`evtest` shows them)")
    return name


def _key_code(name: str) -> str:
    if not name.startswith(("BTN_", "KEY_")) or name not in ecodes.ecodes:
        raise ValueError(f"'{name}' is no button code of the kernel; use e.g. BTN_TRIGGER (`evtest` shows them)")
    return name


AxisCode = Annotated[str, AfterValidator(_axis_code)]
KeyCode = Annotated[str, AfterValidator(_key_code)]
RawEnd = int | Literal["min", "max"]
"""A raw value, or the end of the range that the device itself reports."""
DeadZone = Annotated[float, Field(ge=0.0, lt=0.5)]
Curve = Annotated[float, Field(gt=0.2, le=5.0)]


class UsbId(BaseModel):
    """Vendor and product number of a device."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    vendor: Annotated[int, Field(ge=0, le=0xFFFF)]
    product: Annotated[int, Field(ge=0, le=0xFFFF)]


class SteerAxis(BaseModel):
    """The rim, or a stick. Raw values at the left and right lock (left may be the greater one: that inverts it)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    code: AxisCode
    left: RawEnd = "min"
    right: RawEnd = "max"
    dead_zone: DeadZone = 0.0
    """Share of half the range around the middle that reads as straight."""
    full_at_deg: Annotated[float, Field(gt=0.0)]
    """Rim angle to either side at which steer is 1."""
    curve: Curve = 1.0
    """Exponent: 1 linear, above 1 finer around the middle."""
    gain: Annotated[float, Field(gt=0.0, le=5.0)] = 1.0

    @model_validator(mode="after")
    def _has_a_range(self) -> SteerAxis:
        if self.left == self.right:
            raise ValueError("left and right must be different raw values, e.g. left: 0, right: 65535")
        return self


class PedalAxis(BaseModel):
    """A pedal. Raw values at rest and at the floor (rest may be the greater one: that inverts it)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    code: AxisCode
    released: RawEnd
    pressed: RawEnd
    dead_zone: DeadZone = 0.0
    """Share of the travel that reads as released."""
    curve: Curve = 1.0
    gain: Annotated[float, Field(gt=0.0, le=5.0)] = 1.0

    @model_validator(mode="after")
    def _has_a_range(self) -> PedalAxis:
        if self.released == self.pressed:
            raise ValueError("released and pressed must be different raw values, e.g. released: 255, pressed: 0")
        return self


class DeviceProfile(BaseModel):
    """One kind of wheel with its pedals, or one half of it: a rim without pedals, or pedals without a rim.

    Combined pedals are two pedals on one axis, released in its middle and pressed at its two ends.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    source: str = ""
    """Where identities and axes come from: the kernel's driver, a public description, or a calibration."""
    match: Annotated[tuple[UsbId, ...], Field(min_length=1)]
    """USB identities this profile fits."""
    wheel_range_deg: Annotated[float, Field(gt=0.0, le=2000.0)] = 900.0
    """Rim travel from lock to lock."""
    steer: SteerAxis | None = None
    throttle: PedalAxis | None = None
    brake: PedalAxis | None = None
    clutch: PedalAxis | None = None
    buttons: dict[Action, tuple[KeyCode, ...]] = {}
    autocentre: Annotated[float, Field(ge=0.0, le=2.0)] = 0.0
    """How hard the motor pulls the rim to the middle, as a factor on `wheel.autocentre_share`; 0 switches it off. Used
    where the wheel takes no constant force."""
    force: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0
    """Share of the motor's strength that is used for feeling the road and for following the policy; 0 switches it off.
    A direct drive that could hurt a wrist gets little."""
    force_is_reversed: bool = False
    """The wheel's driver turns the rim to the left for a force to the right."""

    @model_validator(mode="after")
    def _can_take_over_and_give_back(self) -> DeviceProfile:
        if self.steer is None:
            if self.throttle is None and self.brake is None:
                raise ValueError("a device without steer, throttle and brake is of no use; add one of them")
            return self
        for actions in ((Action.TAKEOVER, Action.PADDLE), (Action.HAND_BACK,)):
            if not any(self.buttons.get(one) for one in actions):
                action = actions[0]
                raise ValueError(f"buttons: no button for '{action}'; a driver needs one, e.g. {action}: [BTN_TRIGGER]")
        return self

    @property
    def is_whole(self) -> bool:
        """Whether one can drive with it alone."""
        return self.steer is not None and self.throttle is not None and self.brake is not None

    def fits(self, vendor: int, product: int) -> bool:
        """Whether this profile fits a device of this identity."""
        return UsbId(vendor=vendor, product=product) in self.match

    def key_codes(self, action: Action) -> frozenset[int]:
        """Numeric codes of the buttons of `action`."""
        return frozenset(ecodes.ecodes[name] for name in self.buttons.get(action, ()))


def profile_names() -> tuple[str, ...]:
    """Names of the profiles that come with the program."""
    return tuple(sorted(path.stem for path in asset("devices").glob("*.yaml")))


def load_profile(name_or_path: str | Path) -> DeviceProfile:
    """Read and check a profile by shipped name or by path.

    Raises:
        ConfigError: neither a shipped profile nor a file, or the file is wrong.
    """
    text = str(name_or_path)
    if text in profile_names():
        return load_yaml(DeviceProfile, asset("devices", f"{text}.yaml"))
    path = Path(text).expanduser()
    if not path.is_file():
        raise ConfigError(f"no device profile '{text}': it is neither a file nor one of {', '.join(profile_names())}")
    return load_yaml(DeviceProfile, path)


def resolved(profile: DeviceProfile, ranges: Mapping[int, tuple[int, int]]) -> DeviceProfile:
    """The profile with every "min" and "max" replaced by what the device reports: axis code -> (min, max).

    Raises:
        ConfigError: the device has no such axis.
    """

    def end(code: str, value: RawEnd) -> int:
        if isinstance(value, int):
            return value
        if ecodes.ecodes[code] not in ranges:
            raise ConfigError(f"{profile.name}: the device has no axis {code}; run `takeover calibrate` on it")
        return ranges[ecodes.ecodes[code]][value == "max"]

    def steer(axis: SteerAxis | None) -> SteerAxis | None:
        if axis is None:
            return None
        return axis.model_copy(update={"left": end(axis.code, axis.left), "right": end(axis.code, axis.right)})

    def pedal(axis: PedalAxis | None) -> PedalAxis | None:
        if axis is None:
            return None
        ends = {"released": end(axis.code, axis.released), "pressed": end(axis.code, axis.pressed)}
        return axis.model_copy(update=ends)

    pedals = {name: pedal(getattr(profile, name)) for name in ("throttle", "brake", "clutch")}
    return profile.model_copy(update={"steer": steer(profile.steer), **pedals})
