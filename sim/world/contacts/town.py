"""What stands in the way on a map: its scenery, and the posts of its signs and traffic lights with their actors."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace

from shapely.errors import ShapelyError

from sim.map.driving_lanes import DrivingLanes
from sim.map.opendrive import read_roads
from sim.map.signals import Light
from sim.town.signs import light_bodies
from sim.town.standing import standing
from sim.world.contacts.statics import NO_STATICS, Statics, statics_of

log = logging.getLogger(__name__)

_KNOWN: dict[str, Statics] = {}
"""Of the last maps, by their OpenDRIVE texts: the same for every episode but for the actors' ids."""
_MOST_KNOWN = 4


def town_statics(opendrive: str, lights: Sequence[Light], actors: Mapping[str, int]) -> Statics:
    """Everything solid of a map; `lights` are its traffic lights, `actors` the actors of signs and lights by their
    OpenDRIVE ids.

    Nothing, with a line in the log, where a map can be driven on but no town can be built beside its roads.
    """
    statics = _KNOWN.get(opendrive)
    if statics is None:
        try:
            statics = _statics(opendrive, lights)
        except (ValueError, ShapelyError) as error:
            log.warning("nothing stands beside the roads of this map: %s", error)
            statics = NO_STATICS
        if len(_KNOWN) >= _MOST_KNOWN:
            _KNOWN.pop(next(iter(_KNOWN)), None)
        _KNOWN[opendrive] = statics
    ids = tuple(actors.get(body.signal_id, 0) if body.signal_id else 0 for body in statics.bodies)
    return replace(statics, actor_ids=ids)


def _statics(opendrive: str, lights: Sequence[Light]) -> Statics:
    found = standing(opendrive)
    posts = [body for light in lights for body in light_bodies(light, found.outlines)]
    on_lanes = DrivingLanes(read_roads(opendrive)).reached_by(posts)
    free = [body for body, is_on in zip(posts, on_lanes.tolist(), strict=True) if not is_on]
    return statics_of([*found.bodies, *free])
