"""What agents read of ScenarioRunner without its evaluator: `CarlaDataProvider` and `GameTime`, filled as it does.

Nothing happens where the package is not there: agents that use sensors alone do without.
"""

from __future__ import annotations

import importlib
from typing import Any


class ScenarioRunnerData:
    """ScenarioRunner's global tables for one drive, with the ego as its hero."""

    def __init__(self, client: Any, world: Any, ego: Any, route: Any) -> None:
        """Fill them. They are global: one drive at a time."""
        self._provider: Any = None
        self._game_time: Any = None
        self._ego_id = ego.id
        self._is_first = True
        try:
            self._provider = importlib.import_module("srunner.scenariomanager.carla_data_provider").CarlaDataProvider
            self._game_time = importlib.import_module("srunner.scenariomanager.timer").GameTime
        except ModuleNotFoundError as error:
            if (error.name or "").split(".")[0] != "srunner":
                raise
            return
        self._game_time.restart()
        self._provider.set_client(client)
        self._provider.set_world(world)
        self._provider.register_actor(ego)
        self._provider._carla_actor_pool[ego.id] = ego  # what get_hero_actor looks through; it has no setter
        if hasattr(self._provider, "set_ego_route"):
            self._provider.set_ego_route(route)

    def tick(self, timestamp: Any) -> None:
        """A frame of the world is here."""
        if self._provider is None:
            return
        if self._is_first:  # before the first snapshot no light had a place
            self._provider.prepare_map()
            self._is_first = False
        self._game_time.on_carla_tick(timestamp)
        self._provider.on_carla_tick()

    def close(self) -> None:
        """Empty the tables; the ego is the session's and stays."""
        provider, self._provider = self._provider, None
        if provider is not None:
            provider._carla_actor_pool.pop(self._ego_id, None)
            provider.cleanup()
