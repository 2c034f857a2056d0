"""A profile from what the driver does: hands off, turn left, turn right, press each pedal, press the buttons.

Pure: the caller (the command line, the window's wizard) shows `step`, passes the device's state to `saw`, and calls
`finish` when the driver is done. Which axis is the rim, and which the pedals, follows from which moved most.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from evdev import ecodes

from cockpit.devices.profile import Action, DeviceProfile, PedalAxis, SteerAxis, UsbId

MOVED = 0.15
"""Share of an axis's range that counts as moved: less may be a trembling hand."""
REST_MARGIN = 0.03
"""Dead zone given to a pedal that was calibrated."""


class Step(enum.StrEnum):
    """What the driver is asked to do, in this order."""

    REST = "rest"
    LEFT = "left"
    RIGHT = "right"
    THROTTLE = "throttle"
    BRAKE = "brake"
    TAKEOVER = "takeover"
    HAND_BACK = "hand_back"
    DONE = "done"


WORDS = {
    Step.REST: "Take hands and feet off everything; the rim straight ahead.",
    Step.LEFT: "Turn the rim to the left, all the way.",
    Step.RIGHT: "Turn the rim to the right, all the way.",
    Step.THROTTLE: "Back to the middle. Press the throttle to the floor and let go.",
    Step.BRAKE: "Press the brake to the floor and let go.",
    Step.TAKEOVER: "Press the button or paddle that shall take over.",
    Step.HAND_BACK: "Press the button or paddle that shall hand back.",
    Step.DONE: "Done.",
}
_ORDER = tuple(Step)
HATS = frozenset(range(ecodes.ABS_HAT0X, ecodes.ABS_HAT3Y + 1))
"""Axes of direction pads: no rim and no pedal."""


@dataclass(slots=True)
class Calibration:
    """One device being calibrated. `ranges`: axis code -> (min, max) as the device reports."""

    ranges: Mapping[int, tuple[int, int]]
    step: Step = Step.REST
    rest: dict[int, int] = field(default_factory=dict)
    _low: dict[int, int] = field(default_factory=dict)
    _high: dict[int, int] = field(default_factory=dict)
    _last: dict[int, int] = field(default_factory=dict)
    _pressed: list[int] = field(default_factory=list)
    _ends: dict[Step, tuple[int, int]] = field(default_factory=dict)
    """Step -> (axis code, raw value at its end)."""
    _released: dict[Step, int] = field(default_factory=dict)
    """Step -> raw value of its pedal after it was let go."""
    _buttons: dict[Step, int] = field(default_factory=dict)

    def saw(self, axes: Mapping[int, int], keys: frozenset[int] = frozenset()) -> None:
        """The device's newest state."""
        for code, value in axes.items():
            if code not in HATS:
                self._last[code] = value
                self._low[code] = min(self._low.get(code, value), value)
                self._high[code] = max(self._high.get(code, value), value)
        self._pressed += [key for key in sorted(keys) if key not in self._pressed]
        if self.step is Step.REST:
            self.rest |= {code: value for code, value in axes.items() if code not in HATS}

    def finish(self) -> str:
        """The driver is done with this step: go to the next; or stay, and return what was missing."""
        problem = self._take()
        if problem:
            return problem
        self.step = _ORDER[_ORDER.index(self.step) + 1]
        self._low, self._high, self._last, self._pressed = {}, {}, {}, []
        return ""

    def profile(self, name: str, vendor: int, product: int, wheel_range_deg: float = 900.0) -> DeviceProfile:
        """The profile of what was calibrated. Raises ValueError before all steps are done."""
        if self.step is not Step.DONE:
            raise ValueError(f"the calibration is not over: {WORDS[self.step]}")
        code, left = self._ends[Step.LEFT]
        return DeviceProfile(
            name=name,
            source="takeover calibrate",
            match=(UsbId(vendor=vendor, product=product),),
            wheel_range_deg=wheel_range_deg,
            steer=SteerAxis(
                code=_axis_name(code),
                left=left,
                right=self._ends[Step.RIGHT][1],
                dead_zone=0.005,
                full_at_deg=wheel_range_deg / 2,
            ),
            throttle=self._pedal(Step.THROTTLE),
            brake=self._pedal(Step.BRAKE),
            buttons={
                Action.TAKEOVER: (_key_name(self._buttons[Step.TAKEOVER]),),
                Action.HAND_BACK: (_key_name(self._buttons[Step.HAND_BACK]),),
            },
            autocentre=1.0,
            force=0.3,
        )

    def _take(self) -> str:
        if self.step in (Step.LEFT, Step.RIGHT):
            return self._take_rim()
        if self.step in (Step.THROTTLE, Step.BRAKE):
            return self._take_pedal()
        if self.step in (Step.TAKEOVER, Step.HAND_BACK):
            return self._take_button()
        return ""

    def _take_rim(self) -> str:
        found = self._moved_most(frozenset(), self.rest)
        if found is None:
            return "nothing turned far enough; turn the rim further"
        code, end = found
        if self.step is Step.RIGHT:
            left_code, left = self._ends[Step.LEFT]
            middle = self.rest.get(left_code, (left + end) // 2)
            if code != left_code:
                return "another axis moved than for the left; turn only the rim"
            if (end > middle) == (left > middle):
                return "the rim went to the same side as before; turn it to the right"
        self._ends[self.step] = code, end
        return ""

    def _take_pedal(self) -> str:
        found = self._moved_most(frozenset({self._ends[Step.LEFT][0]}), self._last)
        if found is None:
            return "no pedal moved far enough; press it to the floor, and let go"
        code, end = found
        rest = self.rest.get(code, self._last[code])
        if abs(end - rest) < MOVED * abs(self._last[code] - rest):
            return "the pedal is still pressed; press it, let go, and only then go on"
        if self.step is Step.BRAKE and found == self._ends[Step.THROTTLE]:
            return "that was the throttle again; press the brake"
        self._ends[self.step], self._released[self.step] = found, self._last[code]
        return ""

    def _take_button(self) -> str:
        if not self._pressed:
            return "no button was pressed"
        if self.step is Step.HAND_BACK and self._pressed[0] == self._buttons[Step.TAKEOVER]:
            return "that button takes over already; press another"
        self._buttons[self.step] = self._pressed[0]
        return ""

    def _moved_most(self, without: frozenset[int], rests: Mapping[int, int]) -> tuple[int, int] | None:
        """(axis, raw value at the end it went to) of the axis that left its rest furthest, by share of its range."""
        best, best_share = None, MOVED
        for code in self._low:
            low, high = self.ranges[code]
            rest = rests.get(code, (low + high) // 2)
            for value in (self._low[code], self._high[code]):
                share = abs(value - rest) / max(high - low, 1)
                if code not in without and share > best_share:
                    best, best_share = (code, value), share
        return best

    def _pedal(self, step: Step) -> PedalAxis:
        code, pressed = self._ends[step]
        return PedalAxis(code=_axis_name(code), released=self._released[step], pressed=pressed, dead_zone=REST_MARGIN)


def write_profile(profile: DeviceProfile, path: Path) -> None:
    """Write a profile that `load_profile` reads. Raises OSError."""
    content = profile.model_dump(mode="json", exclude_none=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


def _axis_name(code: int) -> str:
    return _name(ecodes.ABS[code], "ABS_")


def _key_name(code: int) -> str:
    return _name(ecodes.BTN.get(code) or ecodes.KEY[code], ("BTN_", "KEY_"))


def _name(names: str | list[str] | tuple[str, ...], prefix: str | tuple[str, ...]) -> str:
    """One of the kernel's names of a code; some have several."""
    known = [names] if isinstance(names, str) else list(names)
    return next(name for name in known if name.startswith(prefix) and name in ecodes.ecodes)
