"""The second chance: which earlier tick the scene is set back to, and when. Pure; the world does the setting back.

CoReVLA collects so: when the model collides or no longer moves, the scene is set back and the driver drives it
from there. What was driven since the target is forgotten here, so that pressing again goes back further.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from cockpit.config import RewindConfig
from recorder.schema import Authority, DriverInput, EventKind, Tick

STANDING_MPS = 0.1
_POLICYS = frozenset({Authority.POLICY, Authority.REQUESTED, Authority.HANDING_BACK, Authority.SAFE_STOP})
"""States in which what goes wrong is not the driver's doing."""


class Rewinder:
    """Remembers the session's ticks (without pictures and plans) and picks the one to go back to."""

    def __init__(self, config: RewindConfig, delta_s: float) -> None:
        self.config = config
        self._delta_s = delta_s
        self._ticks: deque[Tick] = deque(maxlen=max(1, round(config.keep_s / delta_s)))
        self._was_down = False

    def add(self, tick: Tick) -> None:
        """Remember a finished tick."""
        self._ticks.append(replace(tick, cameras={}, plan=None, ego_at_plan=None))

    def target(self, driver: DriverInput, asked: bool) -> Tick | None:
        """The tick to go back to before the next one, or None to go on. `asked`: from outside, by the experimenter."""
        pressed = driver.rewind_pressed and not self._was_down
        self._was_down = driver.rewind_pressed
        if not self._ticks or not (asked or pressed or self._collided() or self._stands()):
            return None
        for _ in range(min(round(self.config.seconds / self._delta_s), len(self._ticks) - 1)):
            self._ticks.pop()
        while len(self._ticks) > 1 and self.config.standstill_s and self._is_standing(self._ticks[-1]) and not pressed:
            self._ticks.pop()  # a standstill is only undone where the car still moved
        return self._ticks[-1]

    def _collided(self) -> bool:
        last = self._ticks[-1]
        hit = any(event.kind is EventKind.COLLISION for event in last.events)
        return self.config.on_collision and hit and last.authority.authority in _POLICYS

    def _stands(self) -> bool:
        count = round(self.config.standstill_s / self._delta_s)
        if not count or len(self._ticks) <= count:
            return False
        lately = [self._ticks[-1 - n] for n in range(count)]
        return all(self._is_standing(tick) and tick.authority.authority in _POLICYS for tick in lately)

    def _is_standing(self, tick: Tick) -> bool:
        return tick.ego.speed_mps < STANDING_MPS
