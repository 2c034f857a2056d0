"""The driver's input devices: wheel and pedals through evdev, the keyboard, and how to find them.

Every device is a `cockpit.session.ports.DriverSource`. `finding` chooses one by name, `profile` describes a wheel,
`mapping` is the pure arithmetic from raw values to CARLA's ranges, `wheel` and `keyboard` do the input. Who drives is
not decided here.
"""

from cockpit.devices.finding import DeviceInfo, find_driver_source, list_devices
from cockpit.devices.keyboard import KeyboardDriver
from cockpit.devices.wheel import DeviceError, EvdevWheel

__all__ = ["DeviceError", "DeviceInfo", "EvdevWheel", "KeyboardDriver", "find_driver_source", "list_devices"]
