"""The keyboard as a wheel: keys become smooth steering and pedals by ramps, so that a car can be driven with it.

W/S/A/D or the arrows drive, space brakes hard, B is the hand brake, R switches reverse, T or Enter takes over, H hands
back, backspace sets the scene back. The windows feed it key events with their time stamps; it knows nothing of Qt. The
ramps are pure functions.
"""

from __future__ import annotations

import enum
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from recorder.schema import DriverInput, DriverKind, Tick

STEER_RATE_PER_S = 1.2
"""Full lock in 0.8 s: quick enough to catch a car, slow enough to hold a lane by tapping."""
STEER_RETURN_PER_S = 2.5
"""Let go, the wheel centres itself, as caster makes a car's do."""
THROTTLE_RATE_PER_S = 1.5
BRAKE_RATE_PER_S = 3.0
PEDAL_RELEASE_PER_S = 4.0
STEER_HALVES_AT_MPS = 9.0
"""At this speed the keys reach half of the lock; lateral acceleration grows with the square of the speed."""
LONGEST_STEP_S = 0.5
"""After a pause in the loop the ramps go on from here, they do not jump."""


class Key(enum.StrEnum):
    """What the keys mean."""

    LEFT = "left"
    RIGHT = "right"
    THROTTLE = "throttle"
    BRAKE = "brake"
    HARD_BRAKE = "hard_brake"
    HAND_BRAKE = "hand_brake"
    REVERSE = "reverse"
    TAKEOVER = "takeover"
    HAND_BACK = "hand_back"
    REWIND = "rewind"


@dataclass(frozen=True, slots=True)
class KeyState:
    """Keys that are down, and where the ramps stand."""

    down: frozenset[Key] = frozenset()
    tapped: frozenset[Key] = frozenset()
    """Went down since the last read, however short."""
    reverse_on: bool = False
    steer: float = 0.0
    throttle: float = 0.0
    brake: float = 0.0
    time_s: float = 0.0
    """Up to when the ramps were run."""
    event_time_s: float = 0.0


def ramp(value: float, target: float, rate_per_s: float, step_s: float) -> float:
    """`value` moved towards `target` by at most `rate_per_s * step_s`; never past it."""
    reach = rate_per_s * step_s
    return target if abs(target - value) <= reach else value + math.copysign(reach, target - value)


def advanced(state: KeyState, time_s: float, speed_mps: float) -> KeyState:
    """The ramps run on to `time_s` with the keys as they are."""
    step_s = max(0.0, min(LONGEST_STEP_S, time_s - state.time_s))
    side = (Key.RIGHT in state.down) - (Key.LEFT in state.down)
    lock = 1.0 / (1.0 + (speed_mps / STEER_HALVES_AT_MPS) ** 2)
    steers_back = side == 0 or side * state.steer < 0
    throttle_target = float(Key.THROTTLE in state.down)
    brake_target = float(Key.BRAKE in state.down)
    brake = ramp(state.brake, brake_target, BRAKE_RATE_PER_S if brake_target else PEDAL_RELEASE_PER_S, step_s)
    return replace(
        state,
        steer=ramp(state.steer, side * lock, STEER_RETURN_PER_S if steers_back else STEER_RATE_PER_S, step_s),
        throttle=ramp(
            state.throttle, throttle_target, THROTTLE_RATE_PER_S if throttle_target else PEDAL_RELEASE_PER_S, step_s
        ),
        brake=1.0 if Key.HARD_BRAKE in state.down | state.tapped else brake,
        time_s=max(time_s, state.time_s),
    )


def with_key(state: KeyState, key: Key, is_down: bool, time_s: float) -> KeyState:
    """The state after one key event; auto-repeat changes nothing."""
    if is_down == (key in state.down):
        return state
    if not is_down:
        return replace(state, down=state.down - {key}, event_time_s=time_s)
    return replace(
        state,
        down=state.down | {key},
        tapped=state.tapped | {key},
        reverse_on=state.reverse_on ^ (key is Key.REVERSE),
        event_time_s=time_s,
    )


class KeyboardDriver:
    """A `DriverSource` fed by the windows' key events; safe to feed from one thread and to read from another."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._state = KeyState(time_s=clock())
        self._speed_mps = 0.0

    def press(self, key: Key, time_s: float | None = None) -> None:
        """A key went down; `time_s` is the event's time (CLOCK_REALTIME), now by default."""
        self._change(key, True, time_s)

    def release(self, key: Key, time_s: float | None = None) -> None:
        """A key went up."""
        self._change(key, False, time_s)

    def release_all(self) -> None:
        """The windows lost the focus: no key counts as held any more."""
        with self._lock:
            self._state = replace(self._state, down=frozenset())

    def read(self, tick: Tick | None) -> DriverInput:
        """Newest input state; steering is held back by the speed in `tick`."""
        with self._lock:
            if tick is not None:
                self._speed_mps = tick.ego.speed_mps
            self._state = state = advanced(self._state, self._clock(), self._speed_mps)
            self._state = replace(state, tapped=frozenset())
        held = state.down | state.tapped
        return DriverInput(
            kind=DriverKind.HUMAN,
            connected=True,
            steer=state.steer,
            throttle=state.throttle,
            brake=state.brake,
            hand_brake=Key.HAND_BRAKE in held,
            reverse=state.reverse_on,
            takeover_pressed=Key.TAKEOVER in held,
            hand_back_pressed=Key.HAND_BACK in held,
            event_time_s=state.event_time_s,
            device="keyboard",
            rewind_pressed=Key.REWIND in held,
        )

    def close(self) -> None:
        """Release every key; safe to call twice."""
        self.release_all()

    def _change(self, key: Key, is_down: bool, time_s: float | None) -> None:
        moment = self._clock() if time_s is None else time_s
        with self._lock:
            self._state = with_key(advanced(self._state, moment, self._speed_mps), key, is_down, moment)
