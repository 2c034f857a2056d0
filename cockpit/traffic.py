"""Background traffic through CARLA's TrafficManager, the same calls against the simulator and a real server.

Deterministic by seed: spawn points and blueprints are drawn from one generator over sorted lists, the manager gets the
same seed, and the vehicles are spawned in one batch while the clock stands still.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import carla

log = logging.getLogger(__name__)

KEEP_CLEAR_M = 15.0
HEADWAY_M = 2.5
"""Distance that TrafficManager vehicles keep (its own example's value)."""


@dataclass(slots=True)
class Traffic:
    """Vehicles that the TrafficManager drives until `close`."""

    client: carla.Client
    manager: carla.TrafficManager | None
    actor_ids: list[int] = field(default_factory=list)

    def close(self) -> None:
        """Destroy the vehicles; safe to call twice, and when the server is gone."""
        ids, self.actor_ids = self.actor_ids, []
        try:
            if ids:
                self.client.apply_batch_sync([carla.command.DestroyActor(i) for i in ids], False)
            if self.manager is not None:
                self.manager.set_synchronous_mode(False)
        except RuntimeError as error:
            log.info("traffic not removed, the server does not answer: %s", error)
        self.manager = None


def spawn_traffic(
    client: carla.Client,
    world: carla.World,
    tm_port: int,
    count: int,
    seed: int,
    keep_clear: Sequence[tuple[float, float]] = (),
    keep_clear_m: float = KEEP_CLEAR_M,
) -> Traffic:
    """Spawn up to `count` cars under the TrafficManager at `tm_port`; fewer when the map has no room.

    No car is put nearer than `keep_clear_m` to a point of `keep_clear` (x, y in metres: the ego's start). The world
    must be in synchronous mode.
    """
    if count == 0:
        return Traffic(client, None)
    manager = client.get_trafficmanager(tm_port)
    manager.set_synchronous_mode(True)
    manager.set_random_device_seed(seed)
    manager.set_global_distance_to_leading_vehicle(HEADWAY_M)
    rng = random.Random(seed)
    places = [place for place in world.get_map().get_spawn_points() if _is_clear(place, keep_clear, keep_clear_m)]
    rng.shuffle(places)
    cars = sorted((b for b in world.get_blueprint_library().filter("vehicle.*") if _is_car(b)), key=lambda b: b.id)
    batch = []
    for place in places[:count]:
        blueprint = rng.choice(cars)
        blueprint.set_attribute("role_name", "autopilot")
        if blueprint.has_attribute("color"):
            blueprint.set_attribute("color", rng.choice(blueprint.get_attribute("color").recommended_values))
        future: Any = carla.command.FutureActor
        autopilot = carla.command.SetAutopilot(future, True, tm_port)
        batch.append(carla.command.SpawnActor(blueprint, place).then(autopilot))
    replies = client.apply_batch_sync(batch, False)
    traffic = Traffic(client, manager, [reply.actor_id for reply in replies if not reply.error])
    if len(traffic.actor_ids) < count:
        log.warning("traffic: %d of %d vehicles found room", len(traffic.actor_ids), count)
    return traffic


def _is_clear(place: carla.Transform, keep_clear: Sequence[tuple[float, float]], radius_m: float) -> bool:
    return all((place.location.x - x) ** 2 + (place.location.y - y) ** 2 > radius_m**2 for x, y in keep_clear)


def _is_car(blueprint: carla.ActorBlueprint) -> bool:
    return not blueprint.has_attribute("number_of_wheels") or blueprint.get_attribute("number_of_wheels").as_int() == 4
