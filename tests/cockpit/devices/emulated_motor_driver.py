"""The program under test of `emulated_motor`: opens the wheel as the product does, and runs a command a line."""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from typing import Any

from evdev import ecodes

from cockpit.devices import EvdevWheel
from cockpit.devices.profile import load_profile
from recorder.schema import Authority, Control
from tests.cockpit.windows.window_ticks import tick as a_tick

PATIENCE_S = 15.0


class Driver:
    def open(self, profile: str) -> str:
        self.wheel = EvdevWheel(load_profile(profile))
        return self.wheel.status

    def until(self, code: str) -> dict[str, Any]:
        """Wait until an axis or a button has sent an event; the state of all that have."""
        number = ecodes.ecodes.get(code) if code.startswith("ABS") else int(code)
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            raw = self.wheel.raw_state()
            if number in (raw.axes if code.startswith("ABS") else raw.keys):
                break
            time.sleep(0.01)
        return {"axes": dict(raw.axes), "keys": sorted(raw.keys)}

    def drive(self, who: str, steer: str, seconds: str) -> list[float]:
        """Ticks at 20 Hz in which somebody has the car; [begin, end] on the monotonic clock."""
        begun = time.monotonic()
        tick = a_tick()
        authority = dataclasses.replace(tick.authority, authority=Authority(who), since_time_s=tick.time_s - 5.0)
        ego = dataclasses.replace(tick.ego, velocity_mps=(8.0, 0.0, 0.0), angular_velocity_radps=(0.0, 0.0, 0.0))
        tick = dataclasses.replace(tick, authority=authority, control=Control(steer=float(steer)), ego=ego)
        while time.monotonic() - begun < float(seconds):
            reading = self.wheel.read(tick)
            self.has_servo = reading.has_servo
            time.sleep(0.05)
        return [begun, time.monotonic()]

    def sleep(self, seconds: str) -> list[float]:
        begun = time.monotonic()
        time.sleep(float(seconds))
        return [begun, time.monotonic()]

    def wait(self, what: str) -> dict[str, Any]:
        """Wait until the wheel is gone, or back; the time that it took."""
        begun = time.monotonic()
        while time.monotonic() - begun < PATIENCE_S:
            reading = self.wheel.read(None)
            if reading.connected == (what == "back"):
                break
            time.sleep(0.01)
        return {"connected": reading.connected, "note": reading.note, "seconds": time.monotonic() - begun}

    def close(self) -> float:
        self.wheel.close()
        return time.monotonic()


if __name__ == "__main__":
    driver = Driver()
    for line in sys.stdin:
        verb, *words = line.split()
        print(json.dumps(getattr(driver, verb)(*words)), flush=True)
