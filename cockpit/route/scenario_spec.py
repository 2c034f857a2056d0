"""A scenario as described in a route file: its type, where it is triggered, and its parameters.

Plain data, in the CARLA leaderboard's terms: a parameter is an XML element whose attributes are kept as they are
(`<distance value="40"/>`, `<frequency from="40" to="90"/>`, `<start_actor_flow x= y= z=/>`) and read on demand.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from cockpit.config import ConfigError
from recorder.schema import Pose


class Ability(enum.StrEnum):
    """What a driver must be able to do to come through (Bench2Drive, arXiv 2406.03877, section 3.3)."""

    OVERTAKING = "Overtaking"
    MERGING = "Merging"
    EMERGENCY_BRAKE = "Emergency brake"
    GIVE_WAY = "Give way"
    TRAFFIC_SIGNS = "Traffic signs"


@dataclass(frozen=True, slots=True)
class ScenarioSpec:
    """One scenario of a route."""

    name: str
    """Unique on its route, such as ``ParkedObstacle_1``."""
    type: str
    """Bench2Drive's name of the type."""
    trigger: Pose
    """When the ego gets here, it begins."""
    parameters: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Attributes of each parameter's element, as in the file."""

    def number(self, key: str, default: float) -> float:
        """`value` of a parameter as a number."""
        return self._number(key, "value", default)

    def word(self, key: str, default: str) -> str:
        """`value` of a parameter as text."""
        return self.parameters.get(key, {}).get("value", default)

    def span(self, key: str, default: tuple[float, float]) -> tuple[float, float]:
        """`from` and `to` of a parameter; both are `value` where the file gives one number."""
        if "value" in self.parameters.get(key, {}):
            value = self.number(key, default[0])
            return value, value
        return self._number(key, "from", default[0]), self._number(key, "to", default[1])

    def place(self, key: str) -> tuple[float, float, float] | None:
        """`x`, `y`, `z` of a parameter in the world, metres; None where the file has none."""
        if key not in self.parameters:
            return None
        return self._number(key, "x", 0.0), self._number(key, "y", 0.0), self._number(key, "z", 0.0)

    def _number(self, key: str, attribute: str, default: float) -> float:
        text = self.parameters.get(key, {}).get(attribute)
        if text is None:
            return default
        try:
            return float(text)
        except ValueError:
            raise ConfigError(f"scenario '{self.name}': <{key} {attribute}=\"{text}\"> must be a number.") from None


@dataclass(frozen=True, slots=True)
class WeatherAt:
    """Weather at a share of the route, as the leaderboard has it: fields of `carla.WeatherParameters` by name."""

    share: float
    """0..1 of the route's length."""
    values: Mapping[str, float]
