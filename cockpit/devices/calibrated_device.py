"""The device that is being calibrated: opened without a profile, and all its events passed to `Calibration`.

For the command line and the window's wizard alike. Nothing here waits: the caller decides when to read.
"""

from __future__ import annotations

from pathlib import Path

import evdev
from evdev import ecodes

from cockpit.devices.calibration import Calibration
from cockpit.devices.profile import DeviceProfile
from cockpit.devices.wheel import DeviceError, axis_ranges


class CalibratedDevice:
    """One input device and its calibration.

    Raises:
        DeviceError: it is not there, may not be opened, or has no axis.
    """

    def __init__(self, path: str) -> None:
        try:
            self._device = evdev.InputDevice(path)
        except OSError as error:
            raise DeviceError(f"cannot open {path} ({error.strerror}); `takeover doctor` lists the devices") from error
        self.ranges = axis_ranges(self._device)
        if not self.ranges:
            self.close()
            raise DeviceError(f"{self._device.name} at {path} has no axis: it is no wheel")
        self.axes = {code: self._device.absinfo(code).value for code in self.ranges}
        """Axis code -> newest raw value."""
        self.keys: frozenset[int] = frozenset()
        """Codes of the buttons that were pressed since and are down."""
        self.calibration = Calibration(self.ranges)
        self.calibration.saw(self.axes)

    @property
    def name(self) -> str:
        """The device's own name."""
        return self._device.name

    @property
    def fd(self) -> int:
        """The open file, for `select`."""
        return self._device.fd

    def look(self) -> None:
        """Read everything the device has sent since the last time. Raises DeviceError when it is gone."""
        try:
            if not Path(str(self._device.path)).exists():
                raise DeviceError(f"{self.name} went away; plug it in again and begin anew")
            while (event := self._device.read_one()) is not None:
                self._take(event.type, event.code, event.value)
        except OSError as error:
            raise DeviceError(f"{self.name} went away ({error.strerror}); plug it in again and begin anew") from error

    def profile(self, name: str, wheel_range_deg: float) -> DeviceProfile:
        """What was calibrated. Raises ValueError before all steps are done."""
        info = self._device.info
        return self.calibration.profile(name or self.name, info.vendor, info.product, wheel_range_deg)

    def close(self) -> None:
        """Close the device; safe to call twice."""
        self._device.close()

    def _take(self, kind: int, code: int, value: int) -> None:
        if kind == ecodes.EV_ABS and code in self.ranges:
            self.axes[code] = value
            self.calibration.saw({code: value})
        elif kind == ecodes.EV_KEY:
            self.keys = self.keys | {code} if value else self.keys - {code}
            if value == 1:
                self.calibration.saw({}, frozenset({code}))
