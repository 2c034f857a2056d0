"""Background traffic through CARLA's TrafficManager, the same calls against the simulator and a real server.

Deterministic by seed: spawn points and blueprints are drawn from one generator over sorted lists, the manager gets the
same seed, and the vehicles are spawned in one batch while the clock stands still.

Where the TrafficManager runs elsewhere (the embedded simulator answers as one), it is called from a short-lived
process, `cockpit.traffic.worker`: the client library keeps a thread that checks such a manager's health, and ends
the whole process, or crashes it when a town is loaded, once that fails. A manager that this process hosts stays in it.
"""

from __future__ import annotations

import logging
import random
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import carla

from cockpit.world.simulator import child_environment

log = logging.getLogger(__name__)

KEEP_CLEAR_M = 15.0
HEADWAY_M = 2.5
"""Distance that TrafficManager vehicles keep (its own example's value)."""
WORKER_TIMEOUT_S = 60.0
EXIT_OWN_MANAGER = 3
"""The worker's exit code where no manager runs elsewhere: this process must host one."""


class TrafficError(RuntimeError):
    """The TrafficManager cannot be reached; the text says why."""


@dataclass(slots=True)
class Traffic:
    """Vehicles that the TrafficManager drives until `close`."""

    client: carla.Client
    manager: carla.TrafficManager | None
    """None where it runs in another process."""
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
    server: tuple[str, int],
    tm_port: int,
    count: int,
    seed: int,
    keep_clear: Sequence[tuple[float, float]] = (),
    keep_clear_m: float = KEEP_CLEAR_M,
) -> Traffic:
    """Spawn up to `count` cars under the TrafficManager at `tm_port`; fewer when the map has no room.

    `server` is the host and port `client` is connected to. No car is put nearer than `keep_clear_m` to a point of
    `keep_clear` (x, y in metres: the ego's start). The world must be in synchronous mode.

    Raises:
        TrafficError: the manager cannot be used.

    """
    traffic = Traffic(client, None)
    if count == 0:
        return traffic
    traffic.actor_ids = _spawn_cars(client, world, count, seed, keep_clear, keep_clear_m)
    if len(traffic.actor_ids) < count:
        log.warning("traffic: %d of %d vehicles found room", len(traffic.actor_ids), count)
    try:
        if not _managed_elsewhere(server, tm_port + 1, seed, traffic.actor_ids):
            traffic.manager = manage(client, world, tm_port, seed, traffic.actor_ids)
    except BaseException:
        traffic.close()
        raise
    return traffic


def manage(
    client: carla.Client, world: carla.World, tm_port: int, seed: int, actor_ids: Iterable[int]
) -> carla.TrafficManager:
    """Give vehicles to the TrafficManager at `tm_port`, in the order of their ids."""
    manager = client.get_trafficmanager(tm_port)
    manager.set_synchronous_mode(True)
    manager.set_random_device_seed(seed)
    manager.set_global_distance_to_leading_vehicle(HEADWAY_M)
    vehicles: list[Any] = list(world.get_actors(list(actor_ids)))
    for vehicle in sorted(vehicles, key=lambda one: one.id):
        vehicle.set_autopilot(True, tm_port)
    return manager


def _spawn_cars(
    client: carla.Client,
    world: carla.World,
    count: int,
    seed: int,
    keep_clear: Sequence[tuple[float, float]],
    keep_clear_m: float,
) -> list[int]:
    """Ids of the cars that found room."""
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
        batch.append(carla.command.SpawnActor(blueprint, place))
    return [reply.actor_id for reply in client.apply_batch_sync(batch, False) if not reply.error]


def _managed_elsewhere(server: tuple[str, int], tm_port: int, seed: int, actor_ids: Sequence[int]) -> bool:
    """Have a manager that runs elsewhere drive the vehicles; False when there is none."""
    numbers = [server[1], tm_port, seed, *actor_ids]
    command = [sys.executable, "-m", "cockpit.traffic.worker", server[0], *map(str, numbers)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=WORKER_TIMEOUT_S, env=child_environment(), check=False
        )
    except subprocess.TimeoutExpired:
        raise TrafficError(f"The TrafficManager did not answer within {WORKER_TIMEOUT_S:.0f} s.") from None
    if done.returncode not in (0, EXIT_OWN_MANAGER):
        reason = done.stderr.strip()[-1000:] or f"exit code {done.returncode}"
        raise TrafficError(f"The TrafficManager cannot be used: {reason}")
    return done.returncode == 0


def _is_clear(place: carla.Transform, keep_clear: Sequence[tuple[float, float]], radius_m: float) -> bool:
    return all((place.location.x - x) ** 2 + (place.location.y - y) ** 2 > radius_m**2 for x, y in keep_clear)


def _is_car(blueprint: carla.ActorBlueprint) -> bool:
    return not blueprint.has_attribute("number_of_wheels") or blueprint.get_attribute("number_of_wheels").as_int() == 4
