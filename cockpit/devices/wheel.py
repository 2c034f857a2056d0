"""Wheel and pedals through evdev: a thread keeps the newest state, a tick reads it at once.

The thread waits in `select`, so an event is in the state as soon as the kernel has it. When the wheel is unplugged the
input turns neutral and `connected` false (the arbitration then asks for help), and it is found again when it is back.
Where the wheel has a motor, the same thread turns it a hundred times a second as `cockpit.devices.rim.force` says; a
wheel that only knows autocentre gets that, growing with the speed.
"""

from __future__ import annotations

import errno
import logging
import os
import select
import threading
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import evdev
from evdev import ecodes

from cockpit.config import ConfigError
from cockpit.devices.mapping import RawState, driver_input_from_raw, rim_turned, with_event
from cockpit.devices.profile import DeviceProfile, resolved
from cockpit.devices.rim.force import ForceDemand, Runaway, demand_from_tick, torque
from cockpit.devices.rim.motor import Motor
from recorder.schema import DriverInput, DriverKind, Tick

log = logging.getLogger(__name__)

RESCAN_S = 0.5
"""How often an unplugged wheel is looked for."""


AUTOCENTRE_STEP = 0.02
"""Smaller changes of the pull are not sent: each is a message to the wheel."""
FORCE_S = 0.01
"""How often the motor gets a new force."""
RATE_SMOOTHING = 0.3
"""Share of the newest reading in the rim's speed: a rim of 900 degrees moves in steps of its sensor."""
STUCK_S = 1.5
"""A reader that has not run for this long hangs: its last reading is not used as input."""
LOOK_S = 0.1
"""How often a silent wheel is checked to be still there; the kernel mostly reports it, a hub in trouble may not."""


class DeviceError(Exception):
    """No usable device; the message says why and what to do."""


def find_wheel(profile: DeviceProfile) -> str | None:
    """Path of the first device that fits `profile` and may be opened, or None."""
    for path in sorted(evdev.list_devices()):
        identity = _identity(path)
        if identity is not None and profile.fits(*identity):
            return path
    return None


def autocentre_share(speed_mps: float, factor: float) -> float:
    """Pull to the middle, 0..1: 0.2 at a stand, full at 120 km/h, as MetaDrive scales it, times `factor`."""
    return max(0.0, min(1.0, factor * (speed_mps * 3.6 + 30.0) / 150.0))


def why_no_wheel(profile: DeviceProfile, inputs: Path = Path("/sys/class/input")) -> str:
    """What keeps `profile`'s wheel from being used, and what to do about it."""
    for entry in sorted(inputs.glob("event*")):
        identity = identity_from_sysfs(entry)
        if identity is not None and profile.fits(*identity):
            return permission_advice(profile, f"/dev/input/{entry.name}")
    return (
        f"no {profile.name} is plugged in (looked for {_usb_ids(profile)} among /dev/input/event*); "
        "plug it in, switch it to PC mode, or drive with --device keyboard"
    )


def permission_advice(profile: DeviceProfile, path: str) -> str:
    """The two ways to be allowed to read an input device."""
    identity = profile.match[0]
    return (
        f"{profile.name} is at {path}, but this user may not open it. Either join the group that may: "
        f"`sudo usermod -aG input $USER` and log in again; or write this line to "
        f"/etc/udev/rules.d/70-takeover-wheel.rules and plug the wheel in again: "
        f'SUBSYSTEM=="input", ATTRS{{idVendor}}=="{identity.vendor:04x}", '
        f'ATTRS{{idProduct}}=="{identity.product:04x}", MODE="0660", TAG+="uaccess"'
    )


class EvdevWheel:
    """A `DriverSource` on one wheel.

    Raises:
        DeviceError: no such wheel, or no permission to open it.
    """

    def __init__(self, profile: DeviceProfile, path: str | None = None) -> None:
        self._profile = profile
        self._fixed_path = path
        self._lock = threading.Lock()
        self._raw = RawState()
        self._resolved = profile
        self._connected = False
        self._status = ""
        self._beat_s = time.monotonic()
        self._demand: tuple[ForceDemand, float] | None = None
        """The newest demand on the motor, and when it came (monotonic)."""
        self._has_motor = False
        self._wanted_pull = autocentre_share(0.0, profile.autocentre)
        self._stopping = threading.Event()
        self._wake_read, self._wake_write = os.pipe()
        try:
            device = self._open()
        except DeviceError:
            self._close_pipe()
            raise
        self._thread = threading.Thread(target=self._run, args=(device,), name="wheel", daemon=True)
        self._thread.start()

    @property
    def status(self) -> str:
        """The wheel's state, for people."""
        with self._lock:
            return self._status

    def read(self, tick: Tick | None) -> DriverInput:
        """Newest input state; neutral and not connected while the wheel is gone. The speed in `tick` sets the pull."""
        with self._lock:
            if tick is not None:
                self._wanted_pull = autocentre_share(tick.ego.speed_mps, self._profile.autocentre)
                self._demand = demand_from_tick(tick), time.monotonic()
            if self._connected and time.monotonic() - self._beat_s > STUCK_S:
                return self._gone(f"the reader of {self._profile.name} hangs; unplug it and plug it in again")
            if not self._connected:
                return self._gone(self._status)
            driver_input = driver_input_from_raw(self._resolved, self._raw)
            self._raw = replace(self._raw, tapped=frozenset())
            return replace(driver_input, has_servo=self._has_motor)

    def raw_state(self) -> RawState:
        """Everything the wheel has sent so far, for calibration and for looking at it."""
        with self._lock:
            return self._raw

    def _gone(self, note: str) -> DriverInput:
        return DriverInput(
            kind=DriverKind.HUMAN,
            connected=False,
            event_time_s=self._raw.event_time_s,
            device=self._profile.name,
            note=note,
        )

    def close(self) -> None:
        """Close the device; safe to call twice."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        os.write(self._wake_write, b"x")
        self._thread.join(timeout=5.0)
        self._close_pipe()

    def _run(self, device: evdev.InputDevice | None) -> None:
        while not self._stopping.is_set():
            if device is None:
                device = self._look_again()
            else:
                self._read_until_lost(device)
                device = None

    def _read_until_lost(self, device: evdev.InputDevice) -> None:
        motor = Motor(device, self._profile.force, self._profile.force_is_reversed)
        with self._lock:
            self._has_motor = motor.is_working
        can_pull = not motor.is_working and self._profile.autocentre > 0.0 and _has_autocentre(device)
        hand = _RimWatch()
        pull, looked_s = -1.0, 0.0
        try:
            while not self._stopping.is_set():
                self._beat_s = time.monotonic()
                if can_pull and abs(self._wanted_pull - pull) >= AUTOCENTRE_STEP:
                    pull = self._wanted_pull
                    can_pull = _pull_to_centre(device, pull)
                wait_s = FORCE_S if motor.is_working else LOOK_S
                ready, _, _ = select.select([device.fd, self._wake_read], [], [], wait_s)
                if device.fd in ready:
                    self._take_events(device)
                if motor.is_working:
                    self._turn(motor, hand)
                if self._beat_s - looked_s >= LOOK_S:
                    looked_s = self._beat_s
                    if not Path(str(device.path)).exists():
                        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
            motor.stop()
        except OSError as error:
            self._lose(f"{self._profile.name} at {device.path} went away ({error.strerror}); plug it in again")
        finally:
            _close_quietly(device)

    def _turn(self, motor: Motor, rim: _RimWatch) -> None:
        """Send the motor its present force."""
        now_s = time.monotonic()
        with self._lock:
            demand, at_s = self._demand if self._demand is not None else (None, 0.0)
            turned = rim_turned(self._resolved, self._raw)
        if turned is None:  # the rim has sent no event yet: its angle is unknown
            motor.set(0.0, now_s)
            return
        rim.update(turned, now_s)
        output = torque(demand, now_s - at_s, turned, rim.rate_per_s)
        follows = demand is not None and demand.follows
        if rim.runaway.update(now_s, output if follows else 0.0, rim.rate_per_s):
            log.error(
                "%s turns away from where it should go, motor off: set force_is_reversed in its profile to %s",
                self._profile.name,
                str(not self._profile.force_is_reversed).lower(),
            )
            motor.stop()
        else:
            motor.set(output, now_s)
        with self._lock:
            self._has_motor = motor.is_working

    def _take_events(self, device: evdev.InputDevice) -> None:
        for event in tuple(device.read()):
            if event.type == ecodes.EV_SYN and event.code == ecodes.SYN_DROPPED:
                self._resync(device, event.timestamp())
                continue
            with self._lock:
                self._raw = with_event(self._raw, self._profile, event.type, event.code, event.value, event.timestamp())

    def _resync(self, device: evdev.InputDevice, time_s: float) -> None:
        """Query the state of all keys and axes: the kernel dropped events (its buffer was full)."""
        keys = frozenset(device.active_keys())
        with self._lock:
            axes = {code: device.absinfo(code).value for code in self._raw.axes}
            self._raw = replace(self._raw, axes=axes, keys=keys, event_time_s=time_s)

    def _open(self) -> evdev.InputDevice:
        path = self._fixed_path or find_wheel(self._profile)
        if path is None:
            raise DeviceError(why_no_wheel(self._profile))
        try:
            device = evdev.InputDevice(path)
        except PermissionError as error:
            raise DeviceError(permission_advice(self._profile, path)) from error
        except OSError as error:
            raise DeviceError(f"cannot open {path} ({error.strerror}); is the wheel plugged in?") from error
        if not self._profile.fits(device.info.vendor, device.info.product):
            found = f"{device.name} ({device.info.vendor:04x}:{device.info.product:04x})"
            _close_quietly(device)
            raise DeviceError(f"{path} is {found}, not {self._profile.name} ({_usb_ids(self._profile)})")
        try:
            fitting = resolved(self._profile, axis_ranges(device))
        except ConfigError as error:
            _close_quietly(device)
            raise DeviceError(str(error)) from error
        self._grab(device)
        with self._lock:
            self._raw = RawState()
            self._resolved = fitting
            self._connected = True
            self._status = f"{device.name} at {path}"
        log.info("driving with %s", self._status)
        return device

    def _grab(self, device: evdev.InputDevice) -> None:
        """Keep the wheel's buttons from reaching other programs; driving goes on without."""
        try:
            device.grab()
        except OSError as error:
            log.warning("%s is not ours alone (%s): close other programs that use it", device.name, error.strerror)

    def _look_again(self) -> evdev.InputDevice | None:
        try:
            return self._open()
        except DeviceError:
            self._stopping.wait(RESCAN_S)
            return None

    def _lose(self, message: str) -> None:
        with self._lock:
            self._connected = self._has_motor = False
            self._status = message
            self._raw = RawState(event_time_s=self._raw.event_time_s)
        log.warning(message)

    def _close_pipe(self) -> None:
        os.close(self._wake_read)
        os.close(self._wake_write)


class _RimWatch:
    """Where the rim is and how fast it turns, in units of steer."""

    def __init__(self) -> None:
        self.rate_per_s = 0.0
        self.runaway = Runaway()
        self._last: tuple[float, float] | None = None

    def update(self, turned: float, now_s: float) -> None:
        """The next reading."""
        if self._last is not None and now_s > self._last[1]:
            rate = (turned - self._last[0]) / (now_s - self._last[1])
            self.rate_per_s += RATE_SMOOTHING * (rate - self.rate_per_s)
        self._last = turned, now_s


def axis_ranges(device: evdev.InputDevice) -> dict[int, tuple[int, int]]:
    """Axis code -> (min, max), as the device reports."""
    axes = device.capabilities(absinfo=True).get(ecodes.EV_ABS, [])
    return {code: (info.min, info.max) for code, info in axes}  # pyright: ignore[reportGeneralTypeIssues, reportAttributeAccessIssue]


def _pull_to_centre(device: evdev.InputDevice, share: float) -> bool:
    """Set the motor's pull; False when the device takes none (it may be open for reading only)."""
    try:
        device.write(ecodes.EV_FF, ecodes.FF_AUTOCENTER, round(0xFFFF * share))
    except OSError as error:
        log.info("%s takes no force feedback (%s)", device.name, error.strerror)
        return False
    return True


def _has_autocentre(device: evdev.InputDevice) -> bool:
    return ecodes.FF_AUTOCENTER in device.capabilities().get(ecodes.EV_FF, [])


def _identity(path: str) -> tuple[int, int] | None:
    try:
        device = evdev.InputDevice(path)
    except OSError:
        return None  # gone between listing and opening, or not ours to open
    with closing(device):
        return device.info.vendor, device.info.product


def identity_from_sysfs(entry: Path) -> tuple[int, int] | None:
    """Vendor and product of an input device that may not be opened, from its folder in /sys/class/input."""
    try:
        vendor, product = ((entry / "device" / "id" / key).read_text() for key in ("vendor", "product"))
        return int(vendor, 16), int(product, 16)
    except (OSError, ValueError):
        return None


def _usb_ids(profile: DeviceProfile) -> str:
    return ", ".join(f"{identity.vendor:04x}:{identity.product:04x}" for identity in profile.match)


def _close_quietly(device: evdev.InputDevice) -> None:
    try:
        device.close()
    except OSError:
        log.debug("%s was gone before it could be closed", device.path)
