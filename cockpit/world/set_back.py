"""From recorded states back into a CARLA world: poses and velocities of all actors, lights and lamps.

Shared by the session's second chance, which sets a running world back, and by `refine.dream.rebuild`, which sets up a
fresh one. CARLA's API reaches poses, velocities, lamps, the lights' states and the weather; gears, suspension and how
long a light has been showing its colour it does not.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from typing import Any

import carla

from cockpit.world.conversion import carla_light_state, carla_transform
from recorder.schema import ActorState, LightColour, LightState


def show_lights(lights: Iterable[tuple[str, Any]], states: Iterable[LightState], hold: bool) -> None:
    """Set traffic lights, given as (OpenDRIVE id, actor), to what they showed; `hold` keeps them so."""
    colour_of = {light.opendrive_id: light.colour for light in states}
    for opendrive_id, actor in lights:
        state = carla_light_state(colour_of.get(opendrive_id, LightColour.UNKNOWN))
        if state is not None:
            actor.set_state(state)
            if hold:
                actor.freeze(True)


def put_at_rest(placed: Any, actor: ActorState) -> None:
    """Move an actor to where it was, at rest, with the lamps that it showed."""
    placed.set_transform(carla_transform(actor.pose))
    if actor.type_id.startswith("vehicle"):
        placed.set_light_state(carla.VehicleLightState(actor.light_state))


def motion_commands(actors: Iterable[ActorState], present_ids: Collection[int]) -> list[Any]:
    """Commands of one batch that put the actors of `present_ids` where they were, as fast as they were."""
    command = carla.command
    made: list[Any] = []
    for actor in actors:
        if actor.actor_id not in present_ids:
            continue
        turning = (math.degrees(value) for value in actor.angular_velocity_radps)
        made += [
            command.ApplyTransform(actor.actor_id, carla_transform(actor.pose)),
            command.ApplyTargetVelocity(actor.actor_id, carla.Vector3D(*actor.velocity_mps)),
            command.ApplyTargetAngularVelocity(actor.actor_id, carla.Vector3D(*turning)),
        ]
    return made
