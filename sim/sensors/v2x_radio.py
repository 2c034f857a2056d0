"""How much of a V2X sender's power arrives: path loss with buildings and vehicles in the way, and fading.

The models are CARLA's (`PathLossModel.cpp`): WINNER+ B1 as in ETSI TR 103 257-1 (table 4), or a geometric one of
two-ray ground reflection, free space and log-distance loss; both with knife edges over vehicles (ITU-R P.526).
"""

from __future__ import annotations

import enum
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

LIGHT_MPS = 299_792_458.0
GROUND_PERMITTIVITY = 1.02
"""CARLA's."""
_LOWEST_M = 0.1
"""An antenna counts as at least this high: at the ground the two rays of the geometric model cancel."""
_KNIFE_FROM = -0.78


class Path(enum.Enum):
    """What lies between two antennas."""

    CLEAR = "LOS"
    VEHICLES = "NLOSv"
    BUILDING = "NLOSb"


#: dB, ETSI TR 103 257-1 table 6; CARLA takes the middle of the two for rural roads.
FADING_DB = {
    Path.CLEAR: {"highway": 3.3, "rural": 4.25, "urban": 5.2},
    Path.BUILDING: {"highway": 6.8, "rural": 6.8, "urban": 6.8},
    Path.VEHICLES: {"highway": 3.8, "rural": 4.55, "urban": 5.3},
}


@dataclass(frozen=True)
class Link:
    """The way from a sender to a receiver."""

    distance_m: float
    heights_m: tuple[float, float]
    """Of both antennas above the ground."""
    path: Path
    tops: Sequence[tuple[float, float, float]] = ()
    """Vehicles in the way: metres from the sender, metres to the receiver, top above the lower antenna's height."""


class Radio:
    """One sensor's receiver, with its attributes."""

    def __init__(self, attributes: dict[str, str], seed: int) -> None:
        """ValueError when an attribute is not a number or out of range."""
        a = attributes
        self.transmit_dbm = float(a["transmit_power"])
        self.sensitivity_dbm = float(a["receiver_sensitivity"])
        self.reach_m = float(a["filter_distance"])
        self._gain_db = float(a["combined_antenna_gain"])
        self._exponent = float(a["path_loss_exponent"])
        self._reference_m = float(a["d_ref"])
        self._frequency_ghz = float(a["frequency_ghz"])
        if not (self._frequency_ghz > 0.0 and self._reference_m > 0.0):
            raise ValueError("frequency_ghz and d_ref must be above 0")
        self._wave_m = LIGHT_MPS / (self._frequency_ghz * 1e9)
        self._scenario = a["scenario"]
        self._is_geometric = a["path_loss_model"] == "geometric"
        self._own_fading_db = None if a["use_etsi_fading"].lower() == "true" else float(a["custom_fading_stddev"])
        if self._own_fading_db is not None and not self._own_fading_db >= 0.0:
            raise ValueError("custom_fading_stddev must not be below 0")
        self._rng = np.random.default_rng(seed)

    def power_dbm(self, sent_dbm: float, link: Link) -> float | None:
        """What arrives, with this time's fading; None when it is less than the receiver can hear."""
        fading = FADING_DB[link.path][self._scenario] if self._own_fading_db is None else self._own_fading_db
        loss = self.loss_db(link) + float(self._rng.normal()) * fading
        power = sent_dbm + self._gain_db - loss
        return power if power >= self.sensitivity_dbm else None

    def loss_db(self, link: Link) -> float:
        """Path loss without fading."""
        distance_m = max(link.distance_m, 1e-2)
        over = max((_knife_edge_db(*top, self._wave_m) for top in link.tops), default=0.0)
        if not self._is_geometric:
            return self._winner_db(link.path, distance_m) + (over if link.path is Path.VEHICLES else 0.0)
        if link.path is Path.CLEAR:
            return self._two_ray_db(distance_m, *link.heights_m)
        if link.path is Path.VEHICLES:
            return self._free_space_db(distance_m) + over
        return self._free_space_db(self._reference_m) + 10.0 * self._exponent * math.log10(
            distance_m / self._reference_m
        )

    def _winner_db(self, path: Path, distance_m: float) -> float:
        far, high = math.log10(distance_m), math.log10(self._frequency_ghz)
        if path is Path.BUILDING:
            return 36.85 + 30.0 * far + 18.9 * high
        if self._scenario == "highway":
            return 32.4 + 20.0 * far + 20.0 * high
        return 38.77 + 16.7 * far + 18.2 * high

    def _free_space_db(self, distance_m: float) -> float:
        return 20.0 * math.log10(4.0 * math.pi * distance_m / self._wave_m)

    def _two_ray_db(self, distance_m: float, height_a_m: float, height_b_m: float) -> float:
        a, b = max(height_a_m, _LOWEST_M), max(height_b_m, _LOWEST_M)
        ground_m = math.sqrt(max(distance_m**2 - (a - b) ** 2, 1e-4))
        reflected_m = math.sqrt(distance_m**2 + 4.0 * a * b)
        sine, cosine = (a + b) / reflected_m, ground_m / reflected_m
        root = math.sqrt(GROUND_PERMITTIVITY - cosine**2)
        gamma = (sine - root) / (sine + root)
        phase = math.tau / self._wave_m * (distance_m - reflected_m)
        field = math.hypot(1.0 + gamma * math.cos(phase), gamma * math.sin(phase))
        return self._free_space_db(ground_m) - 20.0 * math.log10(max(field, 1e-9))


def _knife_edge_db(from_m: float, to_m: float, top_m: float, wave_m: float) -> float:
    """Loss over one edge between two antennas (ITU-R P.526, section 4.1)."""
    from_m, to_m = max(from_m, 1e-2), max(to_m, 1e-2)
    v = top_m * math.sqrt(2.0 * (from_m + to_m) / (wave_m * from_m * to_m))
    if v < _KNIFE_FROM:
        return 0.0
    return 6.9 + 20.0 * math.log10(math.sqrt((v - 0.1) ** 2 + 1.0) + v - 0.1)
