"""Controls that hold for one tick only: those of vehicles whose attribute `sticky_control` is off."""

from __future__ import annotations

from collections.abc import Container

from sim.vehicles.fleet import Vehicles


class OneTickControls:
    """The vehicles whose control is not sticky, and whether each was given one since the last tick."""

    def __init__(self) -> None:
        self._is_fresh: dict[int, bool] = {}

    def add(self, actor_id: int) -> None:
        """From now on a vehicle's control holds for one tick."""
        self._is_fresh[actor_id] = False

    def remove(self, actor_id: int) -> None:
        """Forget a vehicle."""
        self._is_fresh.pop(actor_id, None)

    def note(self, actor_id: int) -> None:
        """A vehicle was given a control."""
        if actor_id in self._is_fresh:
            self._is_fresh[actor_id] = True

    def release(self, v: Vehicles, driven: Container[int]) -> None:
        """Before a tick: release the pedals of those that got no control for it; `driven` ones are left alone."""
        for actor_id, is_fresh in self._is_fresh.items():
            if not is_fresh and actor_id not in driven:
                k = v.slot(actor_id)
                v.throttle[k] = v.steer[k] = v.brake[k] = 0.0
                v.hand_brake[k] = v.reverse[k] = v.manual_gear[k] = False
                v.wanted_gear[k] = 0
            self._is_fresh[actor_id] = False
