"""A town's road network: the OpenDRIVE text with what is read from it once and used by world and traffic alike."""

from __future__ import annotations

from dataclasses import dataclass

import carla

from sim.map.check import MapTextError, check_map
from sim.map.lanes import LaneGraph
from sim.map.signals import Signals


class MapError(Exception):
    """The OpenDRIVE text is not a map that can be driven on."""


@dataclass(frozen=True)
class RoadNetwork:
    """Roads and lanes of one map, and its traffic lights (which change: each episode reads a network of its own)."""

    name: str
    opendrive: str
    carla_map: carla.Map
    lanes: LaneGraph
    signals: Signals


def read_network(name: str, opendrive: str) -> RoadNetwork:
    """The network of an OpenDRIVE text; MapError says why the text is no usable map."""
    carla_map = _parse_map(name, opendrive)
    try:
        lanes = LaneGraph.from_map(carla_map)
    except (ValueError, IndexError) as error:
        raise MapError(f"its lanes cannot be followed ({error})") from None
    return RoadNetwork(name, opendrive, carla_map, lanes, Signals(carla_map, lanes))


def _parse_map(name: str, opendrive: str) -> carla.Map:
    try:
        check_map(opendrive)
        return carla.Map(name, opendrive)
    except MapTextError as error:
        raise MapError(str(error)) from None
    except (RuntimeError, IndexError) as error:
        raise MapError(f"it is not OpenDRIVE that CARLA can read ({error})") from None
