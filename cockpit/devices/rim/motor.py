"""The rim's motor through evdev: one constant force that is uploaded again when it changes, and that ends by itself.

The effect lasts a tenth of a second and is played again while it is needed. If this program hangs, the kernel's driver
ends the effect; if it dies, the kernel erases the effect. The torque is computed in `cockpit.devices.rim.force`.
"""

from __future__ import annotations

import logging

import evdev
from evdev import ecodes, ff

from cockpit.devices.rim.force import WATCHDOG_S

log = logging.getLogger(__name__)

FULL = 0x7FFF
SMALLEST_STEP = 1.0 / 128.0
"""Smaller changes are not sent: each is a message to the wheel, and most wheels know 8 bits."""
REPLAY_S = 0.05
"""How often a force that does not change is played again."""
LEFT, RIGHT = 0x4000, 0xC000
"""Directions into which a positive force turns the rim, as `linux/input.h` counts them and ffcfstress uses them."""


class Motor:
    """The constant force of one open wheel. Not for several threads."""

    def __init__(self, device: evdev.InputDevice, strength: float, is_reversed: bool = False) -> None:
        """`strength`: share of what the motor can do that a torque of 1 means."""
        self._device = device
        self._strength = strength
        self._direction = LEFT if is_reversed else RIGHT
        self._effect_id = -1
        self._sent = 0.0
        self._played_s = 0.0
        self.is_working = strength > 0.0 and takes_constant_force(device)
        if self.is_working:
            self.is_working = self._prepare()

    def set(self, torque: float, now_s: float) -> None:
        """Turn the rim with `torque`, -1..1, to the right positive. Cheap when nothing changes."""
        if not self.is_working:
            return
        torque = max(-1.0, min(1.0, torque))
        is_new = abs(torque - self._sent) >= SMALLEST_STEP or (torque == 0.0 and self._sent != 0.0)
        if is_new:
            self._try(lambda: self._upload(torque))
            self._sent = torque
        if is_new or (self._sent and now_s - self._played_s >= REPLAY_S):
            self._played_s = now_s
            self._try(lambda: self._device.write(ecodes.EV_FF, self._effect_id, int(self._sent != 0.0)))

    def stop(self) -> None:
        """No force from now on."""
        if self.is_working:
            self.set(0.0, self._played_s)
            self._try(lambda: self._device.erase_effect(self._effect_id))
            self.is_working = False

    def _prepare(self) -> bool:
        """Full gain, no autocentre (the torque does that), and a first effect of no force."""
        effects = self._device.capabilities().get(ecodes.EV_FF, [])
        try:
            if ecodes.FF_GAIN in effects:
                self._device.write(ecodes.EV_FF, ecodes.FF_GAIN, 0xFFFF)
            if ecodes.FF_AUTOCENTER in effects:
                self._device.write(ecodes.EV_FF, ecodes.FF_AUTOCENTER, 0)
            self._upload(0.0)
        except OSError as error:
            log.info("%s takes no force feedback (%s)", self._device.name, error.strerror)
            return False
        return True

    def _upload(self, torque: float) -> None:
        level = round(torque * self._strength * FULL)
        kind = ff.EffectType(ff_constant_effect=ff.Constant(level, ff.Envelope(0, 0, 0, 0)))
        replay = ff.Replay(round(WATCHDOG_S * 1000), 0)
        effect = ff.Effect(ecodes.FF_CONSTANT, self._effect_id, self._direction, ff.Trigger(0, 0), replay, kind)
        self._effect_id = self._device.upload_effect(effect)

    def _try(self, work) -> None:
        try:
            work()
        except OSError as error:
            self.is_working = False
            log.warning("the motor of %s stopped working (%s); driving goes on", self._device.name, error.strerror)


def takes_constant_force(device: evdev.InputDevice) -> bool:
    """Whether the wheel's driver offers what `Motor` needs."""
    return ecodes.FF_CONSTANT in device.capabilities().get(ecodes.EV_FF, [])
