"""From raw axis values and buttons to the driver's input in CARLA's ranges: pure arithmetic, no device is opened.

A reader folds events into a `RawState` one by one; a tick turns the newest state into a `DriverInput`. An axis that has
sent no event yet reads as released (a G29's pedals report 0 or 127 before they were first touched, which would be full
or half throttle). Profiles must be `resolved`: their ends are numbers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from evdev import ecodes

from cockpit.devices.profile import Action, DeviceProfile, PedalAxis, SteerAxis
from recorder.schema import DriverInput, DriverKind


@dataclass(frozen=True, slots=True)
class RawState:
    """Everything a device has sent so far."""

    axes: Mapping[int, int] = field(default_factory=dict)
    """Axis code -> newest raw value; axes that have sent no event are missing."""
    keys: frozenset[int] = frozenset()
    """Codes of the buttons that are down."""
    tapped: frozenset[int] = frozenset()
    """Codes of the buttons that went down since the last read, however short."""
    reverse_on: bool = False
    """State of the reverse toggle."""
    event_time_s: float = 0.0
    """Kernel time stamp of the newest event."""


def steer_from_raw(axis: SteerAxis, raw: int, wheel_range_deg: float) -> float:
    """Steer -1..1 (right positive) of a raw rim value."""
    left, right = float(axis.left), float(axis.right)
    middle, half = (left + right) / 2, (right - left) / 2
    turned = max(-1.0, min(1.0, (raw - middle) / half))  # -1..1 lock to lock
    live = without_dead_zone(abs(turned), axis.dead_zone) * (wheel_range_deg / 2) / axis.full_at_deg
    size = min(1.0, axis.gain * min(1.0, live) ** axis.curve)
    return math.copysign(size, turned) if size else 0.0


def rim_turned(profile: DeviceProfile, state: RawState) -> float | None:
    """How far the rim is turned in units of steer, beyond 1 past the lock; None before its first event."""
    axis = profile.steer
    raw = state.axes.get(ecodes.ecodes[axis.code]) if axis is not None else None
    if axis is None or raw is None:
        return None
    left, right = float(axis.left), float(axis.right)
    return (raw - (left + right) / 2) / ((right - left) / 2) * (profile.wheel_range_deg / 2) / axis.full_at_deg


def pedal_from_raw(axis: PedalAxis, raw: int) -> float:
    """Pedal 0 (released) .. 1 (floor) of a raw value."""
    released, pressed = float(axis.released), float(axis.pressed)
    travel = max(0.0, min(1.0, (raw - released) / (pressed - released)))
    return min(1.0, axis.gain * without_dead_zone(travel, axis.dead_zone) ** axis.curve)


def without_dead_zone(value: float, dead_zone: float) -> float:
    """0 inside the dead zone, then growing without a jump to 1 at 1."""
    return max(0.0, value - dead_zone) / (1.0 - dead_zone)


def with_event(state: RawState, profile: DeviceProfile, kind: int, code: int, value: int, time_s: float) -> RawState:
    """The state after one kernel event (`kind` is EV_ABS, EV_KEY, ...); repeats and other kinds change nothing."""
    if kind == ecodes.EV_ABS:
        return replace(state, axes={**state.axes, code: value}, event_time_s=time_s)
    if kind != ecodes.EV_KEY or value not in (0, 1):
        return state
    if value == 0:
        return replace(state, keys=state.keys - {code}, event_time_s=time_s)
    toggles = code in profile.key_codes(Action.REVERSE_TOGGLE)
    return replace(
        state,
        keys=state.keys | {code},
        tapped=state.tapped | {code},
        reverse_on=state.reverse_on ^ toggles,
        event_time_s=time_s,
    )


def driver_input_from_raw(profile: DeviceProfile, state: RawState) -> DriverInput:
    """The driver's input now; a button that was tapped between two ticks counts as down in this one."""
    held = state.keys | state.tapped

    def down(action: Action) -> bool:
        return not held.isdisjoint(profile.key_codes(action))

    return DriverInput(
        kind=DriverKind.HUMAN,
        connected=True,
        steer=_steer(profile, state),
        throttle=_pedal(profile.throttle, state),
        brake=_pedal(profile.brake, state),
        hand_brake=down(Action.HAND_BRAKE),
        reverse=state.reverse_on or down(Action.REVERSE),
        takeover_pressed=down(Action.TAKEOVER),
        hand_back_pressed=down(Action.HAND_BACK),
        event_time_s=state.event_time_s,
        device=profile.name,
        paddle_pressed=down(Action.PADDLE),
        rewind_pressed=down(Action.REWIND),
    )


def merged(rim: DriverInput, pedals: DriverInput) -> DriverInput:
    """A rim and pedals that are two devices, as one driver; gone when either is."""
    return replace(
        rim,
        connected=rim.connected and pedals.connected,
        throttle=max(rim.throttle, pedals.throttle),
        brake=max(rim.brake, pedals.brake),
        hand_brake=rim.hand_brake or pedals.hand_brake,
        event_time_s=max(rim.event_time_s, pedals.event_time_s),
        device=f"{rim.device} + {pedals.device}",
        note=rim.note or pedals.note,
    )


def _steer(profile: DeviceProfile, state: RawState) -> float:
    if profile.steer is None:
        return 0.0
    raw = state.axes.get(ecodes.ecodes[profile.steer.code])
    return 0.0 if raw is None else steer_from_raw(profile.steer, raw, profile.wheel_range_deg)


def _pedal(axis: PedalAxis | None, state: RawState) -> float:
    if axis is None:
        return 0.0
    raw = state.axes.get(ecodes.ecodes[axis.code])
    return 0.0 if raw is None else pedal_from_raw(axis, raw)
