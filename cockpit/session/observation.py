"""The world after a step, as the session reads it: states, place on the route, pictures, what happened on the road."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from cockpit.authority.time_to_collision import time_to_collision
from cockpit.route.route import Route
from cockpit.session.pace import TickTimes
from cockpit.world.world import CarlaWorld, WorldFrame
from recorder.schema import CameraFrame, EventKind, LightColour, RouteState, Tick, TickEvent


@dataclass(frozen=True, slots=True)
class Observation:
    """One frame of the world."""

    frame: WorldFrame
    route: RouteState
    ttc_s: float
    """Time to collision, seconds (see `Tick.ttc_s`)."""
    cameras: Mapping[str, CameraFrame]


def observe(world: CarlaWorld, route: Route, last_m: float | None, times: TickTimes) -> Observation:
    """Step the world and read it. States are read while the server draws; the pictures are waited for last.

    `last_m` is `RouteState.driven_m` of the last tick, None at first. The wall times taken are written to `times`.

    Raises:
        WorldLost, WorldError: as `Session.step`.

    """
    begun = time.perf_counter()
    snapshot = world.advance()
    advanced = time.perf_counter()
    frame = world.read(snapshot)
    pose = frame.ego.pose
    state = route.state(pose.x, pose.y, pose.yaw, last_m)
    state = replace(state, is_off_road=not world.is_on_road(pose.x, pose.y, pose.z))
    ttc_s = time_to_collision(frame.ego, frame.actors, state.ahead_world)
    read = time.perf_counter()
    cameras = world.pictures(frame.frame)
    times.world, times.reading = advanced - begun, read - advanced
    times.pictures = time.perf_counter() - read
    return Observation(frame, state, ttc_s, cameras)


def road_events(last: Tick, tick: Tick, route: Route) -> list[TickEvent]:
    """Leaving the road, and stop lines crossed at red (by the ego's reference point)."""
    events = []
    if tick.route.is_off_road and not last.route.is_off_road:
        events.append(TickEvent(EventKind.OFF_ROAD, "left the road"))
    colour_of = {light.actor_id: light.colour for light in tick.lights}
    for line in route.lines_crossed(last.route.driven_m, tick.route.driven_m):
        if colour_of.get(line.actor_id) is LightColour.RED:
            events.append(TickEvent(EventKind.RED_LIGHT, f"crossed light {line.opendrive_id} at red", line.actor_id))
    return events
