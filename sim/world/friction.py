"""Friction triggers, CARLA's `static.trigger.friction`: boxes in which tyres hold as much as the trigger says.

As `FrictionTrigger.cpp` has it: a vehicle whose box meets the trigger's gets its friction for all wheels, and when it
leaves gets back what it had before, whatever was set in between. Boxes stand upright.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sim.scene.poses import Pose, Vector, boxes_overlap
from sim.vehicles.fleet import Vehicles
from sim.world.actors import Actor, Vehicle

TYRE_FRICTION = 3.5
"""CARLA's number for the tyres that a blueprint has; 0 does not hold at all."""
_CENTIMETRES = 0.01


class FrictionTriggers:
    """All triggers of a world, and the vehicles inside them."""

    def __init__(self) -> None:
        self._triggers: list[Actor] = []
        self._inside: dict[int, tuple[int, float]] = {}
        """Trigger and former friction (as in the table of vehicles), by vehicle."""

    def add(self, trigger: Actor) -> None:
        """Note a trigger that has been spawned."""
        self._triggers.append(trigger)

    def holds(self, vehicle_id: int) -> bool:
        """Whether a vehicle is inside a trigger."""
        return vehicle_id in self._inside

    def step(self, vehicles: Vehicles, actors: Mapping[int, Actor]) -> None:
        """Let the vehicles that have entered or left a trigger feel it."""
        if not self._triggers and not self._inside:
            return
        self._triggers = [t for t in self._triggers if t.actor_id in actors]
        self._inside = {k: v for k, v in self._inside.items() if k in actors}
        for vehicle_id, (trigger_id, former) in list(self._inside.items()):
            trigger = actors.get(trigger_id)
            if trigger is None or not _meets(trigger, actors[vehicle_id]):
                vehicles.p["friction"][vehicles.slot(vehicle_id)] = former
                del self._inside[vehicle_id]
        for trigger in self._triggers:
            self._enter(trigger, vehicles, actors)

    def _enter(self, trigger: Actor, vehicles: Vehicles, actors: Mapping[int, Actor]) -> None:
        away = np.hypot(vehicles.x - trigger.pose.x, vehicles.y - trigger.pose.y)
        half = _half_sizes(trigger)
        near = away < np.hypot(half[0], half[1]) + vehicles.p["length_m"]
        for slot in np.flatnonzero(near).tolist():
            vehicle = actors[int(vehicles.ids[slot])]
            if vehicle.actor_id in self._inside or not _meets(trigger, vehicle):
                continue
            assert isinstance(vehicle, Vehicle)  # noqa: S101
            self._inside[vehicle.actor_id] = trigger.actor_id, float(vehicles.p["friction"][slot])
            share = max(float(trigger.attributes["friction"]), 0.0) / TYRE_FRICTION
            vehicles.p["friction"][slot] = vehicle.spec.friction * share


def _half_sizes(trigger: Actor) -> Vector:
    x, y, z = (_CENTIMETRES * abs(float(trigger.attributes[f"extent_{axis}"])) for axis in "xyz")
    return x, y, z


def _meets(trigger: Actor, vehicle: Actor) -> bool:
    half = _half_sizes(trigger)
    middle_z = vehicle.pose.z + vehicle.box_offset_m[2]
    if abs(middle_z - trigger.pose.z) > half[2] + vehicle.extent_m[2]:
        return False
    upright = Pose(*trigger.pose[:3], yaw=trigger.pose.yaw)
    return boxes_overlap(upright, half, vehicle.pose, vehicle.extent_m)
