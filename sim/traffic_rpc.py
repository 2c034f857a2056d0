"""The TrafficManager's calls: this server answers as the remote TrafficManager that a client finds already running.

A client that asks for the TrafficManager of any port is told that one runs here, so it starts none of its own: the
traffic is driven by `sim.traffic` in the world's own thread, with no second clock to agree with. These calls have no
leading metadata and no `Response` around their answers.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from sim.actors import finite
from sim.rpc import RpcError
from sim.simulator import Simulator

KMH_PER_MPS = 3.6

_NUMBERS = {
    "set_percentage_speed_difference": "set_percentage_speed_difference",
    "set_desired_speed": "set_desired_speed",
    "set_lane_offset": "set_lane_offset",
    "set_distance_to_leading_vehicle": "set_distance_to_leading_vehicle",
    "set_percentage_running_light": "set_percentage_running_light",
    "set_percentage_running_sign": "set_percentage_running_sign",
    "set_percentage_ignore_vehicles": "set_percentage_ignore_vehicles",
    "set_percentage_ignore_walkers": "set_percentage_ignore_walkers",
    "keep_slow_lane_rule_percentage": "set_keep_right_percentage",
    "random_left_lanechange_percentage": "set_random_left_lane_change_percentage",
    "random_right_lanechange_percentage": "set_random_right_lane_change_percentage",
}
"""Calls (vehicle, number), and the setter of `sim.traffic.Traffic` that each one is."""

_SWITCHES = {
    "set_auto_lane_change": "set_auto_lane_change",
    "set_force_lane_change": "set_force_lane_change",
    "update_vehicle_lights": "set_update_vehicle_lights",
}
"""Calls (vehicle, bool)."""

_FOR_ALL = (
    "set_global_percentage_speed_difference",
    "set_global_distance_to_leading_vehicle",
    "set_global_lane_offset",
)

_ACCEPTED = (
    *("set_synchronous_mode", "set_synchronous_mode_timeout_in_milisecond", "health_check_remote_TM"),
    *("set_hybrid_physics_mode", "set_hybrid_physics_radius", "set_osm_mode", "set_respawn_dormant_vehicles"),
    *("set_boundaries_respawn_dormant_vehicles", "set_max_boundaries", "get_next_action", "get_all_actions"),
    *("remove_custom_path", "remove_imported_route"),
)
"""The traffic is stepped with the world in every mode, always with full physics, and nobody is dormant."""

_REFUSED = ("set_path", "update_custom_path", "set_imported_route", "update_imported_route")


class TrafficCalls:
    """Handlers of the TrafficManager's calls. Setters for a vehicle hold whether or not it is registered yet."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator

    @property
    def traffic(self):
        """The present episode's traffic."""
        return self.simulator.world.traffic

    def calls(self) -> dict[str, Callable[..., Any]]:
        """Every call by name."""
        numbers = {name: partial(self._set_number, setter) for name, setter in _NUMBERS.items()}
        switches = {name: partial(self._set_switch, setter) for name, setter in _SWITCHES.items()}
        whole = {name: partial(self._set_for_all, name) for name in _FOR_ALL}
        return numbers | switches | whole | self._others() | dict.fromkeys(_REFUSED, _refuse_path)

    def _set_number(self, setter: str, actor: list[Any], value: Any) -> None:
        factor = 1.0 / KMH_PER_MPS if setter == "set_desired_speed" else 1.0
        getattr(self.traffic, setter)(self._id(actor), factor * finite(value)[0])

    def _set_switch(self, setter: str, actor: list[Any], value: Any) -> None:
        getattr(self.traffic, setter)(self._id(actor), bool(value))

    def _set_for_all(self, setter: str, value: Any) -> None:
        getattr(self.traffic, setter)(finite(value)[0])

    def _others(self) -> dict[str, Callable[..., Any]]:
        accepted: dict[str, Callable[..., Any]] = dict.fromkeys(_ACCEPTED, _accept)
        return accepted | {
            "register_vehicle": self.register,
            "unregister_vehicle": self.unregister,
            "set_collision_detection": self.set_collision_detection,
            "set_random_device_seed": lambda seed: self.traffic.set_seed(int(seed)),
            "synchronous_tick": lambda: True,
            "shut_down": self.shut_down,
        }

    def set_collision_detection(self, actor: list[Any], other: list[Any], detect: bool) -> None:
        """Whether one vehicle sees another actor."""
        self.traffic.set_collision_detection(self._id(actor), int(other[0]), bool(detect))

    def register(self, actors: list[Any]) -> None:
        """Drive these vehicles; what has meanwhile been destroyed is passed over."""
        for actor in actors:
            if int(actor[0]) in self.simulator.world.vehicles:
                self.traffic.register(int(actor[0]))

    def unregister(self, actors: list[Any]) -> None:
        """Drive these vehicles no longer."""
        for actor in actors:
            if int(actor[0]) in self.simulator.world.vehicles:
                self.traffic.unregister(int(actor[0]))

    def shut_down(self) -> None:
        """Drive no vehicle any longer; the traffic can be taken up again."""
        for actor_id in self.simulator.world.vehicles.ids.tolist():
            self.traffic.unregister(actor_id)

    def _id(self, actor: list[Any]) -> int:
        """The id of a vehicle that exists; RpcError otherwise."""
        actor_id = int(actor[0])
        if actor_id not in self.simulator.world.vehicles:
            raise RpcError(f"actor {actor_id} is no living vehicle: the TrafficManager cannot drive it")
        return actor_id


def _refuse_path(*_: Any) -> None:
    raise RpcError("this simulator's traffic chooses its own way: set_path and set_route are not available")


def _accept(*_: Any) -> None:
    """A setting of a TrafficManager with a clock and dormant vehicles of its own."""
