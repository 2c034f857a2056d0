"""What a wheel is: its USB identity, what its axes and buttons mean, and how raw values become CARLA's ranges.

Profiles are YAML (`assets/devices/*.yaml`, or a file of one's own); codes are the kernel's names from
`linux/input-event-codes.h`. `cockpit.devices.mapping` applies them.
"""

from __future__ import annotations

import enum
from importlib import resources
from pathlib import Path
from typing import Annotated

from evdev import ecodes
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from cockpit.config import ConfigError, load_yaml


class Action(enum.StrEnum):
    """What a button can do."""

    TAKEOVER = "takeover"
    HAND_BACK = "hand_back"
    HAND_BRAKE = "hand_brake"
    REVERSE = "reverse"
    """Reverse while it is held (a gear lever)."""
    REVERSE_TOGGLE = "reverse_toggle"


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
DeadZone = Annotated[float, Field(ge=0.0, lt=0.5)]
Curve = Annotated[float, Field(gt=0.2, le=5.0)]


class UsbId(BaseModel):
    """Vendor and product number of a device."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    vendor: Annotated[int, Field(ge=0, le=0xFFFF)]
    product: Annotated[int, Field(ge=0, le=0xFFFF)]


class SteerAxis(BaseModel):
    """The rim. Raw values at the left and right lock (left may be the greater one: that inverts it)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    code: AxisCode
    left: int
    right: int
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
    released: int
    pressed: int
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
    """One kind of wheel with its pedals."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    match: Annotated[tuple[UsbId, ...], Field(min_length=1)]
    """USB identities this profile fits."""
    wheel_range_deg: Annotated[float, Field(gt=0.0, le=2000.0)]
    """Rim travel from lock to lock."""
    steer: SteerAxis
    throttle: PedalAxis
    brake: PedalAxis
    clutch: PedalAxis | None = None
    buttons: dict[Action, tuple[KeyCode, ...]]
    autocentre: Annotated[float, Field(ge=0.0, le=2.0)] = 0.0
    """How hard the motor pulls the rim to the middle, as a factor on `wheel.autocentre_share`; 0 leaves it limp."""

    @model_validator(mode="after")
    def _can_take_over_and_give_back(self) -> DeviceProfile:
        for action in (Action.TAKEOVER, Action.HAND_BACK):
            if not self.buttons.get(action):
                raise ValueError(f"buttons: no button for '{action}'; a driver needs one, e.g. {action}: [BTN_TRIGGER]")
        return self

    def fits(self, vendor: int, product: int) -> bool:
        """Whether a device of this identity is one of ours."""
        return UsbId(vendor=vendor, product=product) in self.match

    def key_codes(self, action: Action) -> frozenset[int]:
        """Numeric codes of the buttons of `action`."""
        return frozenset(ecodes.ecodes[name] for name in self.buttons.get(action, ()))


def profile_names() -> tuple[str, ...]:
    """Names of the profiles that come with the program."""
    folder = resources.files("assets").joinpath("devices")
    return tuple(sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml")))


def load_profile(name_or_path: str | Path) -> DeviceProfile:
    """Read and check a profile by shipped name or by path.

    Raises:
        ConfigError: neither a shipped profile nor a file, or the file is wrong.
    """
    text = str(name_or_path)
    if text in profile_names():
        return load_yaml(DeviceProfile, Path(str(resources.files("assets").joinpath("devices", f"{text}.yaml"))))
    path = Path(text).expanduser()
    if not path.is_file():
        raise ConfigError(f"no device profile '{text}': it is neither a file nor one of {', '.join(profile_names())}")
    return load_yaml(DeviceProfile, path)
