"""What stands in the way on a map: its scenery, and the posts of its signs and traffic lights with their actors."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from shapely.errors import ShapelyError

from sim.map.driving_lanes import DrivingLanes
from sim.map.opendrive import read_roads
from sim.map.signals import Light
from sim.town.signs import light_bodies
from sim.town.standing import standing
from sim.world.contacts.statics import NO_STATICS, Statics, statics_of

log = logging.getLogger(__name__)


def town_statics(opendrive: str, lights: Sequence[Light], actors: Mapping[str, int]) -> Statics:
    """Everything solid of a map; `actors` gives the actor of a sign's or light's OpenDRIVE id.

    Nothing, with a line in the log, where a map can be driven on but no town can be built beside its roads.
    """
    try:
        found = standing(opendrive)
        posts = [body for light in lights for body in light_bodies(light, found.outlines)]
        on_lanes = DrivingLanes(read_roads(opendrive)).reached_by(posts)
    except (ValueError, ShapelyError) as error:
        log.warning("nothing stands beside the roads of this map: %s", error)
        return NO_STATICS
    free = [body for body, is_on in zip(posts, on_lanes.tolist(), strict=True) if not is_on]
    return statics_of([*found.bodies, *free], actors)
